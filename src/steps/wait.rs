//! `wait`: until a condition holds. Not within `timeout`: timed out.
//!
//! ```yaml
//! - wait: { id: air, until: air_ok, hold: 100 ms, timeout: 5 s }
//! ```
//! `hold:` is how long it must hold without a break.

use cellwright_model::plan::{Meaning, Primitive};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Context, Draft, Fields, Shape, StepKind, shape};

pub(crate) struct Wait;

shape! { WAIT = "wait", "Waits until a condition holds." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be.";
    req "until": Condition, "What is waited for.";
    opt "hold" = "0 s": Quantity(&[Time]), "It has to hold for so long without a break.";
    req "timeout": Quantity(&[Time]), "Not within: timed out.";
}}

impl StepKind for Wait {
    fn name(&self) -> &'static str {
        "wait"
    }
    fn judges(&self) -> bool {
        false
    }
    fn shape(&self) -> &'static Shape {
        &WAIT
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station_opt(f);
        let until = cx.condition(f, "until");
        if f.entry("until").is_none() {
            f.missing("until", cx.d);
        }
        let hold = f.opt("hold", cx.d, |d, n| d.duration(n)).unwrap_or_default();
        // The step's own timeout, which begins earlier, is the one that ends it.
        let timeout = f.req("timeout", cx.d, |d, n| d.duration(n));
        let late = Meaning::Fault("not-in-time".into());
        Some(Draft {
            station,
            ops: vec![Primitive::WaitUntil { condition: until?, hold, timeout: timeout?, late }],
            at_least: hold,
            ..Draft::default()
        })
    }
}
