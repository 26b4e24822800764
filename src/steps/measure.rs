//! `measure:` of a step: what it can measure, and the limits that the recipe puts on it.

use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Feature, MeasurementSpec};
use cellwright_model::{Dimension, DurationNs};
use cellwright_recipe::{Code, Context, Decoder, Entry, Fields, Node, Span, Text, Value, suggest};

/// Something that a step can measure.
pub(crate) struct Offer {
    /// As written behind `of:`.
    pub(crate) of: String,
    /// Measured under this name without `of:`.
    pub(crate) default_for: Option<&'static str>,
    pub(crate) feature: Feature,
    pub(crate) dimension: Dimension,
    /// Values are kept to this, in the canonical unit.
    pub(crate) resolution: f64,
    /// What the sensor can show.
    pub(crate) range: Option<(f64, f64)>,
    /// Below the lower limit the sensor is not trusted; it does not show a bad part.
    pub(crate) low_is_invalid: bool,
}

impl Offer {
    /// Read off a curve.
    pub(crate) fn curve(of: &str, curve: &str, feature: CurveFeature, dimension: Dimension) -> Offer {
        Offer {
            of: of.to_string(),
            default_for: None,
            feature: Feature::Curve { curve: curve.to_string(), feature },
            dimension,
            resolution: 1.0,
            range: None,
            low_is_invalid: false,
        }
    }
    pub(crate) fn resolution(self, resolution: f64) -> Offer {
        Offer { resolution, ..self }
    }
    pub(crate) fn range(self, range: (f64, f64)) -> Offer {
        Offer { range: Some(range), ..self }
    }
    pub(crate) fn default_for(self, name: &'static str) -> Offer {
        Offer { default_for: Some(name), ..self }
    }
}

/// The table of one measurement of a step kind: the dimensions of its limits, and what `of` may be.
macro_rules! measure {
    ($ident:ident = $name:literal, $dimensions:expr, $of:expr) => {
        cellwright_recipe::shape! { $ident = $name, "A measurement with its limits." {
            opt "of": $of, "What is measured, where the name does not say that.";
            req "limits": Range($dimensions), "Inclusive; outside the part is bad.";
            opt "warn": Range($dimensions), "Inside the limits; outside it the measurement is marginal.";
            opt "spec": Text, "Paragraph of the specification that the limits come from.";
            opt "spc" = "false": Boolean, "Kept for statistical process control.";
        }}
    };
}
pub(crate) use measure;

/// What a curve takes beside the time that it is of: cycles until it begins and ends.
const CAPTURE_SPARE: DurationNs = DurationNs::from_millis(1_000);

/// The room that a curve over `time` is given. Refused where it is more than a curve has: it would end before its time,
/// and no value of it be trusted.
pub(crate) fn capture_limit(cx: &mut Context<'_, '_>, span: Span, time: DurationNs) -> DurationNs {
    let room = CURVE_SAMPLES_MAX as u64 * cx.cell.cycle.0;
    let needed = time.0 + CAPTURE_SPARE.0;
    if needed > room {
        let most = DurationNs(room.saturating_sub(CAPTURE_SPARE.0));
        let message = format!("a curve has room for {} s", most.as_secs_f64());
        cx.d.sink.error(Code::Capacity, span, message, "measure for a shorter time");
    }
    DurationNs(room.min(2 * needed))
}

/// A length of time above zero.
pub(crate) fn some_time(d: &mut Decoder<'_>, node: &Node) -> Option<DurationNs> {
    d.positive(node, Dimension::Time)?;
    d.duration(node)
}

/// Reads `measure:`. A step that judges nothing is warned about.
pub(crate) fn measurements(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    offers: &[Offer],
) -> Vec<MeasurementSpec> {
    let head = f.head();
    let given = f.entry("measure");
    let entries = given.and_then(|e| cx.d.named(&e.node)).unwrap_or_default();
    if given.is_none_or(|e| matches!(&e.node.value, Value::Mapping(m) if m.entries.is_empty())) {
        let all: Vec<_> = offers.iter().map(|o| format!("`{}`", o.of)).collect();
        let help = format!("add `measure:` with limits; this step measures {}", all.join(", "));
        cx.d.sink.warning(Code::NothingJudged, head, "this step judges nothing", help);
    }
    entries.iter().filter_map(|e| measurement(cx, e, offers)).collect()
}

fn measurement(cx: &mut Context<'_, '_>, entry: &Entry, offers: &[Offer]) -> Option<MeasurementSpec> {
    let named = cx.d.check_identifier(&entry.key, entry.key_span);
    let mut f = cx.d.fields(&entry.node)?;
    let offer = match f.entry("of") {
        Some(of) => cx.d.text(&of.node).and_then(|text| offered(cx, &text, offers)),
        None => {
            let key = Text {
                text: entry.key.clone(),
                span: entry.key_span,
                origin: None,
                verbatim: true,
                quoted: false,
            };
            match offers.iter().find(|o| o.default_for == Some(entry.key.as_str()) || o.of == entry.key) {
                Some(offer) => Some(offer),
                None => offered(cx, &key, offers),
            }
        }
    };
    let Some(offer) = offer else {
        // The limits' unit is not known: their names are, so that they are not called unknown.
        for name in ["limits", "warn", "spec", "spc"] {
            f.entry(name);
        }
        f.finish(cx.d);
        return None;
    };
    let limits = f.req("limits", cx.d, |d, n| d.range(n, offer.dimension).map(|r| (r, n)));
    if let Some(((lo, hi), node)) = limits {
        within_sensor(cx, node.span, (lo, hi), offer);
    }
    let warn = f.opt("warn", cx.d, |d, n| {
        let (lo, hi) = d.range(n, offer.dimension)?;
        if let Some(((a, b), _)) = limits {
            warn_inside(d, n.span, (lo, hi), (a, b));
        }
        Some((lo, hi))
    });
    let spec = f.opt("spec", cx.d, |d, n| d.text(n)).map(|text| specification(cx, text));
    if f.entry("spec").is_none() {
        unspecified(cx, entry);
    }
    let spc = f.opt("spc", cx.d, |d, n| d.boolean(n)).unwrap_or(false);
    f.finish(cx.d);
    let ((lo, hi), _) = limits?;
    named.then(|| MeasurementSpec {
        name: entry.key.clone(),
        of: offer.feature.clone(),
        unit: offer.dimension.unit().to_string(),
        resolution: offer.resolution,
        lo,
        hi,
        warn,
        low_is_invalid: offer.low_is_invalid,
        spec,
        spc,
    })
}

/// An end of the warning limits that lies outside the limits never warns; with both outside, or the two
/// apart, nothing or everything would be marginal.
fn warn_inside(d: &mut Decoder<'_>, span: Span, (lo, hi): (f64, f64), (a, b): (f64, f64)) {
    let help = "warn earlier than the limits do, inside them";
    if hi < a || lo > b || (lo < a && hi > b) {
        d.sink.error(Code::WarnOutside, span, "the warning limits lie outside the limits", help);
    } else if lo < a || hi > b {
        let end = if lo < a { "lower" } else { "upper" };
        let message = format!("the {end} warning limit lies outside the limits {a} .. {b}: it never warns");
        d.sink.warning(Code::WarnOutside, span, message, help);
    }
}

fn offered<'o>(cx: &mut Context<'_, '_>, text: &Text, offers: &'o [Offer]) -> Option<&'o Offer> {
    let found = offers.iter().find(|o| o.of == text.text);
    if found.is_none() {
        let all: Vec<_> = offers.iter().map(|o| o.of.as_str()).collect();
        let message = format!("`{}` is not measured here", text.text);
        let help = suggest::remedy(&text.text, all);
        cx.d.error_at(Code::UnknownFeature, text, message, format!("write `of:` with what is meant; {help}"));
    }
    found
}

fn within_sensor(cx: &mut Context<'_, '_>, span: Span, (lo, hi): (f64, f64), offer: &Offer) {
    let Some((least, most)) = offer.range else { return };
    if lo < least || hi > most {
        let unit = offer.dimension.unit();
        let message = "these limits reach beyond what the sensor can show: a value there is never trusted";
        cx.d.sink.error(Code::LimitsBeyondSensor, span, message, format!("within {least} .. {most} {unit}"));
    }
}

/// A limit that comes from nowhere can be neither reviewed nor defended.
fn unspecified(cx: &mut Context<'_, '_>, entry: &Entry) {
    let message = format!("nothing says where the limits of `{}` come from", entry.key);
    let help = match cx.specification {
        Some(spec) => format!("add `spec: {}/…`, the paragraph that demands them", spec.id),
        None => "add `specification: { id: …, revision: … }` to the recipe, and `spec:` here".to_string(),
    };
    cx.d.sink.warning(Code::NoSpecification, entry.key_span, message, help);
}

/// The paragraph that the limits come from; it is one of the recipe's specification.
fn specification(cx: &mut Context<'_, '_>, text: Text) -> String {
    let named = text.text.split('/').next().unwrap_or_default();
    match cx.specification {
        Some(spec) if spec.id != named => {
            let message = format!("`{}` is no paragraph of `{}`", text.text, spec.id);
            let help = format!("write `{}/…`, or correct `specification:`", spec.id);
            cx.d.sink.warning(Code::SpecMismatch, text.span, message, help);
        }
        Some(_) => {}
        // With errors before it is perhaps only misspelt.
        None if cx.d.sink.errors() > 0 => {}
        None => {
            let message = format!("`{}` is a paragraph, and the recipe names no specification", text.text);
            let help = format!("write `specification: {{ id: {named}, revision: … }}` at the recipe's head");
            cx.d.sink.warning(Code::SpecMismatch, text.span, message, help);
        }
    }
    text.text
}
