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
use cellwright_recipe::{Context, Draft, Fields, Shape, StepKind, shape};

use crate::there;

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
    fn handles_parts(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &SCAN
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let given = cx.station_opt(f);
        let here = given.or(cx.here);
        let scanner = there::scanners(cell).one(f, cx, given, here).map(ScannerId);
        let component = f.req("component", cx.d, |_, n| Some(n));
        let component = component.and_then(|n| Some((cx.component(n)?.component.name.clone(), n.span)));
        f.req("at", cx.d, |d, n| d.word(n, &[("nest", ())]));
        let ((component, span), scanner) = (component?, scanner?);
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
