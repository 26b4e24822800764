//! `by-hand`: a person carries a part into the unit's nest, or the unit out of it, and says so; then the cell looks.
//!
//! ```yaml
//! - by-hand: { id: load-hub, station: press, from: hub_tray.next, to: nest, check: nest_hub_present }
//! - by-hand: { id: take-off, station: press, from: nest, to: good_tray.next, check: good_pocket_filled }
//! - by-hand: { id: throw-away, from: unit.location, to: reject_bin, check: not nest_hub_present }
//! ```
//! The word of a person verifies nothing: `check:` must come true after it. `cannot` is a fault of the step: what becomes
//! of the unit is decided. `prompt:` says what is to be done, where that is more than the step itself says; `{serial}` in
//! it is the serial of the unit, which the question for a finished unit (`identify: own-serial`) says by itself.

use cellwright_model::cell::TrayKind;
use cellwright_model::expr::Expr;
use cellwright_model::plan::{
    CARRIED, Identify, Meaning, OnHold, Place, PlaceWhat, Primitive, Resource, SERIAL_IN_PROMPT,
};
use cellwright_model::{StationId, TrayId};
use cellwright_recipe::shape::{Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Restart, Shape, StepKind, Value, shape};

use crate::confirm::{ANSWER, prompt};
use crate::pick_place::{next_of, source};
use crate::robot::{place, placed, seen};
use crate::unload::{away, with_drop};

const CANNOT: &str = "cannot";

pub(crate) struct ByHand;

shape! { BY_HAND = "by-hand", "A person carries a part into the nest, or the unit out of it; then the cell looks." {
    dep "station": Name(Names::Station), "Where the unit's nest has to be; not with `from: unit.location`.";
    req "from": Either(&[What::Name(Names::Pocket), What::Word(&["nest", "unit.location"])]), "The next part of a tray, or the unit.";
    req "to": Either(&[What::Name(Names::Away), What::Word(&["nest"])]), "The unit's nest, or the next pocket of a good tray or a bin.";
    opt "prompt": Text, "What is asked of the person, where the step does not say it.";
    req "check": Condition, "Has to come true when it is done.";
    dep "component": Name(Names::Component), "Of a part; where the tray leaves it open.";
}}

impl StepKind for ByHand {
    fn name(&self) -> &'static str {
        "by-hand"
    }
    fn judges(&self) -> bool {
        false
    }
    fn irreversible(&self) -> bool {
        true
    }
    fn restart(&self) -> Restart {
        Restart::Verify
    }
    fn handles_parts(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &BY_HAND
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let (from, to) = (f.req("from", cx.d, |_, n| Some(n)), f.req("to", cx.d, |_, n| Some(n)));
        let anywhere = from.is_some_and(|n| is(n, "unit.location"));
        let trays = &cx.cell.trays;
        let tray = |node: &Node| {
            text_of(node).is_some_and(|text| trays.iter().any(|t| t.name == text.trim_end_matches(".next")))
        };
        let from_tray = from.is_some_and(tray);
        let to_tray = to.is_some_and(tray);
        // Where `from` is not known, neither is whether a station is needed.
        let station = match from {
            _ if anywhere => None,
            Some(node) if from_tray || is(node, "nest") || to.is_some_and(|n| is(n, "nest")) => {
                Some(cx.station(f))
            }
            _ => Some(cx.station_opt(f)),
        };
        let prompt = f.opt("prompt", cx.d, prompt);
        if f.entry("check").is_none() {
            f.missing("check", cx.d);
        }
        let check = cx.condition(f, "check");
        let loads = match (from, to) {
            (Some(_), Some(to)) if from_tray && !to_tray => {
                cx.d.word(to, &[("nest", ())]);
                true
            }
            (_, Some(to)) => is(to, "nest"),
            (Some(from), None) => !is(from, "nest") && !anywhere,
            (None, None) => f.entry("component").is_some(),
        };
        if loads {
            let nest = to.is_some_and(|n| is(n, "nest"));
            return load(f, cx, from, station.flatten(), prompt, check).filter(|_| nest);
        }
        let whole = from.and_then(|n| cx.d.word(n, &[("nest", ()), ("unit.location", ())])).is_some();
        if let Some(from) = from.filter(|_| anywhere && !cx.rejecting) {
            let message = "`unit.location` is known under `on_reject` only";
            cx.d.sink.error(Code::NoStation, from.span, message, "write `from: nest` and `station:`");
        }
        let to = to.and_then(|n| away(cx, n));
        if !whole {
            return None;
        }
        let station = match station {
            Some(station) => Some(station?),
            None => None,
        };
        Some(unload(cx, to?, station, prompt, check?))
    }
}

fn is(node: &Node, word: &str) -> bool {
    text_of(node) == Some(word)
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}

/// Asked and done; from here on it is not asked again.
fn ask(prompt: String) -> Vec<Primitive> {
    let otherwise = Meaning::Fault("refused-by-operator".into());
    let (answers, pass) = (vec![CARRIED.to_owned(), CANNOT.to_owned()], vec![CARRIED.to_owned()]);
    vec![Primitive::Ask { prompt, answers, pass, otherwise }, Primitive::PointOfNoReturn]
}

fn load(
    f: &mut Fields<'_>,
    cx: &mut Context<'_, '_>,
    from: Option<&Node>,
    station: Option<StationId>,
    prompt: Option<String>,
    check: Option<Expr>,
) -> Option<Draft> {
    let tray = from.and_then(|n| Some((next_of(cx, n)?, n.span)));
    let tray = tray.filter(|(tray, at)| source(cx, *tray, *at).is_some());
    let component = cx.component_from(f, tray)?.component.clone();
    let ((tray, at), station, check) = (tray?, station?, check?);
    let name = &cx.cell.trays[tray.index()].name;
    let asked = match component.identify {
        Identify::OwnSerial => format!("Put unit {SERIAL_IN_PROMPT} of {name} into the nest"),
        Identify::PerUnit | Identify::PerLot => {
            format!("Put the next {} of {name} into the nest", component.name)
        }
    };
    let component = component.name;
    let mut ops = ask(prompt.unwrap_or(asked));
    // A part counts as taken once it is seen where it was put.
    seen(&mut ops, Some(&check));
    ops.push(Primitive::Consume { component: component.clone(), source: Some(tray) });
    placed(&mut ops, PlaceWhat::Component(component.clone()), Place::Nest, Some(&check));
    Some(Draft {
        station: Some(station),
        resources: vec![Resource::Tray(tray), Resource::StationSpace(station)],
        ops,
        on_hold: Some(OnHold::Stop),
        verifies: Some(check),
        timeout: Some(ANSWER),
        puts_in: vec![(component, at)],
        ..Draft::default()
    })
}

fn unload(
    cx: &mut Context<'_, '_>,
    (tray, kind, at): (TrayId, TrayKind, Place),
    station: Option<StationId>,
    prompt: Option<String>,
    check: Expr,
) -> Draft {
    let check = with_drop(cx, tray, Some(check));
    let name = &cx.cell.trays[tray.index()].name;
    let mut ops =
        ask(prompt.unwrap_or_else(|| format!("Take the unit out of the nest and put it into {name}")));
    place(&mut ops, PlaceWhat::Unit, at, check);
    let mut resources = vec![Resource::Tray(tray)];
    resources.extend(station.map(Resource::StationSpace));
    Draft {
        station,
        resources,
        ops,
        on_hold: Some(OnHold::Stop),
        timeout: Some(ANSWER),
        unit_leaves: Some(kind),
        ..Draft::default()
    }
}
