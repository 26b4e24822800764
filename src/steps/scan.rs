//! `scan`: reads the code on a component in the nest and takes it as its identity.
//!
//! ```yaml
//! - scan: { id: id-hub, component: hub, at: nest, timeout: 5 s, on_fail: reject }
//! ```
//! The scanner is the one at the step's station, which is that of the step before unless given;
//! `scanner:` names one where there are several.

use cellwright_model::plan::{Primitive, Resource};
use cellwright_model::{DurationNs, ScannerId};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Code, Context, Draft, Fields, Shape, Span, StepKind, names, shape};

pub(crate) struct Scan;

shape! { SCAN = "scan", "Reads the code on a component in the nest and takes it as its identity." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be; that of the step before if left out.";
    req "component": Name(Names::Component), "What is scanned.";
    req "at": Word(&["nest"]), "The unit's nest.";
    opt "scanner": Name(Names::Scanner), "The scanner, where the station has several.";
}}

impl StepKind for Scan {
    fn name(&self) -> &'static str {
        "scan"
    }
    fn judges(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &SCAN
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let head = f.head();
        let given = cx.station_opt(f);
        let named = f.opt("scanner", cx.d, |d, n| names::scanner(d, n, cell).map(|id| (id, n.span)));
        let scanner = match (named, f.entry("scanner")) {
            (Some((id, span)), _) => at_its_station(cx, id, given, span),
            (None, Some(_)) => None,
            (None, None) => only_one(cx, given.or(cx.here), head),
        };
        let component = f.req("component", cx.d, |_, n| Some(n));
        let component = component.and_then(|n| Some((cx.component(n)?.component.name.clone(), n.span)));
        f.req("at", cx.d, |d, n| d.word(n, &[("nest", ())]));
        let (component, span) = component?;
        let scanner = scanner?;
        Some(Draft {
            station: Some(cell.scanners[scanner.index()].station),
            resources: vec![Resource::Scanner(scanner)],
            ops: vec![Primitive::Scan { scanner, component: component.clone() }],
            timeout: Some(DurationNs(cell.scanners[scanner.index()].answer_timeout.0.saturating_mul(2))),
            scans: vec![(component, span)],
            ..Draft::default()
        })
    }
}

fn at_its_station(
    cx: &mut Context<'_, '_>,
    id: ScannerId,
    station: Option<cellwright_model::StationId>,
    span: Span,
) -> Option<ScannerId> {
    let scanner = &cx.cell.scanners[id.index()];
    if station.is_some_and(|s| s != scanner.station) {
        let at = &cx.cell.stations[scanner.station.index()].name;
        let message = format!("`{}` is at station `{at}`", scanner.name);
        cx.d.sink.error(
            Code::NotAtStation,
            span,
            message,
            format!("write `station: {at}`, or name another scanner"),
        );
        return None;
    }
    Some(id)
}

fn only_one(
    cx: &mut Context<'_, '_>,
    station: Option<cellwright_model::StationId>,
    span: Span,
) -> Option<ScannerId> {
    let there: Vec<_> = cx
        .cell
        .scanners
        .iter()
        .enumerate()
        .filter(|(_, s)| station.is_none_or(|at| s.station == at))
        .map(|(i, _)| ScannerId(i as u16))
        .collect();
    if let [one] = there.as_slice() {
        return Some(*one);
    }
    let place = station
        .map_or("this cell".to_string(), |s| format!("station `{}`", cx.cell.stations[s.index()].name));
    let message = match there.len() {
        0 => format!("{place} has no scanner"),
        n => format!("{place} has {n} scanners"),
    };
    cx.d.sink.error(Code::NotAtStation, span, message, "add `scanner: …` and `station: …`");
    None
}
