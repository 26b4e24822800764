//! `measure:` of a step: what it can measure, and the limits that the recipe puts on it.

use cellwright_model::cell::Analog;
use cellwright_model::limits::CURVE_SAMPLES_MAX;
use cellwright_model::plan::{CurveFeature, Feature, MeasurementSpec};
use cellwright_model::{Dimension, DurationNs};
use cellwright_recipe::{
    Code, Context, Decoder, Diagnostic, Entry, Fields, Node, Severity, Span, Text, Value, suggest,
};

/// Something that a step can measure.
pub(crate) struct Offer {
    /// As written behind `of:`.
    pub(crate) of: String,
    /// Measured under this name without `of:`.
    pub(crate) default_for: Option<&'static str>,
    pub(crate) feature: Feature,
    /// `None`: its channel could not be read, which has been said.
    pub(crate) dimension: Option<Dimension>,
    /// Values are kept to this, in the canonical unit.
    pub(crate) resolution: f64,
    /// What the sensor can show.
    pub(crate) range: Option<(f64, f64)>,
    /// Below the lower limit the sensor is not trusted; it does not show a bad part.
    pub(crate) low_is_invalid: bool,
    /// What a part comes to that the step itself does not fail.
    comes_to: Option<Told<(f64, f64)>>,
    /// Beyond this the step itself fails the part.
    most: Option<Told<f64>>,
}

/// Something that the recipe says of the step: what, where, and what that does to a part.
struct Told<T>(T, Option<Span>, String);

impl Offer {
    /// Read off a curve.
    pub(crate) fn curve(of: &str, curve: &str, feature: CurveFeature, dimension: Dimension) -> Offer {
        let feature = Feature::Curve { curve: curve.to_string(), feature };
        Offer::new(of, feature, Some(dimension), 1.0)
    }
    pub(crate) fn new(of: &str, feature: Feature, dimension: Option<Dimension>, resolution: f64) -> Offer {
        Offer {
            of: of.to_string(),
            default_for: None,
            feature,
            dimension,
            resolution,
            range: None,
            low_is_invalid: false,
            comes_to: None,
            most: None,
        }
    }
    pub(crate) fn resolution(self, resolution: f64) -> Offer {
        Offer { resolution, ..self }
    }
    /// Of a channel, as far as that is known: what it shows, and how finely.
    pub(crate) fn shown_by(self, channel: Option<&Analog>) -> Offer {
        let Some(channel) = channel else { return self };
        let range = Some((channel.range_lo, channel.range_hi));
        Offer { range, resolution: channel.resolution, ..self }
    }
    pub(crate) fn low_is_invalid(self) -> Offer {
        Offer { low_is_invalid: true, ..self }
    }
    pub(crate) fn default_for(self, name: &'static str) -> Offer {
        Offer { default_for: Some(name), ..self }
    }
    /// Limits apart from that pass no part: `why`.
    pub(crate) fn comes_to(self, lo: f64, hi: f64, at: Span, why: impl Into<String>) -> Offer {
        Offer { comes_to: Some(Told((lo, hi), Some(at), why.into())), ..self }
    }
    /// Limits that reach beyond call parts good that the step fails: `why`.
    pub(crate) fn most(self, most: f64, at: impl Into<Option<Span>>, why: impl Into<String>) -> Offer {
        Offer { most: Some(Told(most, at.into(), why.into())), ..self }
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

/// Something that the step itself does not let a part come to: limits, a window. Whether these are wrong, or what the
/// step does, nobody can tell: the place that more than one of them contradicts is told once.
pub(crate) struct Beyond {
    /// An error where no part can pass; where each is judged rightly, since the step fails it, a warning.
    pub(crate) severity: Severity,
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) labels: Vec<(Span, String)>,
}

impl Beyond {
    pub(crate) fn tell(self, cx: &mut Context<'_, '_>) {
        let Beyond { severity, span, message, help, labels } = self;
        cx.d.sink.push(Diagnostic { code: Code::Contradiction, severity, span, message, help, labels });
    }
}

/// Reads `measure:`. A step that judges nothing is warned about. `offers`: `None` where a name could not be read that
/// says what is measured; then limits of any kind are read for their own mistakes.
pub(crate) fn measurements(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    offers: Option<&[Offer]>,
) -> Vec<MeasurementSpec> {
    let (read, beyond) = measured(f, cx, offers);
    beyond.into_iter().for_each(|beyond| beyond.tell(cx));
    read
}

/// The same; limits beyond what the step does are left to the caller, who tells them.
pub(crate) fn measured(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    offers: Option<&[Offer]>,
) -> (Vec<MeasurementSpec>, Vec<Beyond>) {
    let head = f.head();
    let given = f.entry("measure");
    let entries = given.and_then(|e| cx.d.named(&e.node)).unwrap_or_default();
    let nothing = given.is_none_or(|e| matches!(&e.node.value, Value::Mapping(m) if m.entries.is_empty()));
    if nothing && !f.is_misspelt("measure") {
        let all: Vec<_> = offers.unwrap_or_default().iter().map(|o| format!("`{}`", o.of)).collect();
        let measures =
            if all.is_empty() { String::new() } else { format!("; this step measures {}", all.join(", ")) };
        let help = format!("add `measure:` with limits{measures}");
        cx.d.sink.warning(Code::NothingJudged, head, "this step judges nothing", help);
    }
    let mut beyond = Vec::new();
    let read: Vec<_> = entries.iter().filter_map(|e| measurement(cx, e, offers, &mut beyond)).collect();
    cx.measured.clone_from(&read);
    (read, beyond)
}

fn measurement(
    cx: &mut Context<'_, '_>,
    entry: &Entry,
    offers: Option<&[Offer]>,
    beyond: &mut Vec<Beyond>,
) -> Option<MeasurementSpec> {
    let named = cx.d.check_identifier(&entry.key, entry.key_span);
    let mut f = cx.d.fields(&entry.node)?;
    let offer = asked_for(&mut f, cx, entry, offers);
    let dimensions = match offer {
        Some(offer) => offer.dimension.into_iter().collect(),
        None => offers.unwrap_or_default().iter().filter_map(|o| o.dimension).collect::<Vec<_>>(),
    };
    let dimensions = if dimensions.is_empty() { Dimension::ALL.to_vec() } else { dimensions };
    let limits = f.req("limits", cx.d, |d, n| d.range_among(n, &dimensions).map(|r| (r, n)));
    if let (Some((range, node)), Some(offer)) = (limits, offer) {
        let range = (range.lo, range.hi);
        if within_sensor(cx, node.span, range, offer) {
            beyond.extend(can_be_met(cx, node, range, offer));
        }
    }
    let warn = f.opt("warn", cx.d, |d, n| {
        let warn = d.range_among(n, &dimensions)?;
        if let Some((limits, _)) = limits.filter(|(limits, _)| limits.dimension == warn.dimension) {
            warn_inside(d, n.span, (warn.lo, warn.hi), (limits.lo, limits.hi));
        }
        Some((warn.lo, warn.hi))
    });
    let spec = f.opt("spec", cx.d, |d, n| d.text(n)).map(|text| specification(cx, text));
    let spc = f.opt("spc", cx.d, |d, n| d.boolean(n)).unwrap_or(false);
    if f.entry("spec").is_none() && !f.is_misspelt("spec") {
        unspecified(cx, entry);
    }
    f.finish(cx.d);
    let ((limits, _), offer) = (limits?, offer?);
    named.then(|| MeasurementSpec {
        name: entry.key.clone(),
        of: offer.feature.clone(),
        unit: limits.dimension.unit().to_string(),
        resolution: offer.resolution,
        lo: limits.lo,
        hi: limits.hi,
        warn,
        low_is_invalid: offer.low_is_invalid,
        spec,
        spc,
    })
}

/// What `of:`, or else the name, means.
fn asked_for<'o>(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    entry: &Entry,
    offers: Option<&'o [Offer]>,
) -> Option<&'o Offer> {
    let of = f.entry("of");
    let Some(offers) = offers else {
        of.and_then(|of| cx.d.text(&of.node));
        return None;
    };
    if let Some(of) = of {
        return cx.d.text(&of.node).and_then(|text| offered(cx, &text, offers));
    }
    let name = entry.key.as_str();
    let own = offers.iter().find(|o| o.default_for == Some(name) || o.of == name);
    if own.is_none() && f.is_misspelt("of") {
        return None;
    }
    own.or_else(|| {
        let text = name.to_owned();
        let key = Text { text, span: entry.key_span, origin: None, verbatim: true, quoted: false };
        offered(cx, &key, offers)
    })
}

/// Limits and what the step itself does have to let the same part pass.
fn can_be_met(cx: &mut Context<'_, '_>, node: &Node, (lo, hi): (f64, f64), offer: &Offer) -> Option<Beyond> {
    let unit = offer.dimension.map_or("", Dimension::unit);
    let apart = offer.comes_to.as_ref().filter(|Told((least, most), ..)| hi < *least || lo > *most);
    let beyond = offer.most.as_ref().filter(|Told(most, ..)| hi > *most);
    let (severity, at, why, message, help) = if let Some(Told((least, most), at, why)) = apart {
        let to = if least == most { format!("{least}") } else { format!("{least} .. {most}") };
        let help = format!("write limits around {to} {unit}, or change what the step does");
        let message = "no part that the step lets pass meets these limits".to_string();
        (Severity::Error, at, why, message, help)
    } else {
        let Told(most, at, why) = beyond?;
        let help = format!("at most {most} {unit}, or change what the step does");
        if lo > *most {
            (Severity::Error, at, why, "no part reaches these limits".to_string(), help)
        } else {
            let message = format!("these limits call {hi} {unit} good, and the step fails it");
            (Severity::Warning, at, why, message, help)
        }
    };
    let mut labels = cx.d.text(node)?.labels();
    labels.extend(at.map(|at| (at, why.clone())));
    Some(Beyond { severity, span: node.span, message: format!("{message}: {why}"), help, labels })
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

fn within_sensor(cx: &mut Context<'_, '_>, span: Span, (lo, hi): (f64, f64), offer: &Offer) -> bool {
    let Some((least, most)) = offer.range else { return true };
    let good = lo >= least && hi <= most;
    if !good {
        let unit = offer.dimension.map_or("", Dimension::unit);
        let message = "these limits reach beyond what the sensor can show: a value there is never trusted";
        cx.d.sink.error(Code::LimitsBeyondSensor, span, message, format!("within {least} .. {most} {unit}"));
    }
    good
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
        None if cx.specification_unread || cx.d.sink.errors() > 0 => {}
        None => {
            let message = format!("`{}` is a paragraph, and the recipe names no specification", text.text);
            let help = format!("write `specification: {{ id: {named}, revision: … }}` at the recipe's head");
            cx.d.sink.warning(Code::SpecMismatch, text.span, message, help);
        }
    }
    text.text
}
