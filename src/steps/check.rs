//! `check`: a condition must hold now; otherwise the part is bad.
//!
//! ```yaml
//! - check: { id: cap-seated, that: nest_cap_present, on_fail: reject }
//! ```

use cellwright_model::plan::{Meaning, Primitive};
use cellwright_recipe::shape::Names;
use cellwright_recipe::{Context, Draft, Fields, Shape, StepKind, shape};

pub(crate) struct Check;

shape! { CHECK = "check", "A condition has to hold now; otherwise the part is bad." {
    opt "station": Name(Names::Station), "Where the unit's nest has to be.";
    req "that": Condition, "What has to hold.";
}}

impl StepKind for Check {
    fn name(&self) -> &'static str {
        "check"
    }
    fn judges(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &CHECK
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station_opt(f);
        let that = cx.condition(f, "that");
        if f.entry("that").is_none() {
            f.missing("that", cx.d);
        }
        let otherwise = Meaning::Fail("check-failed".into());
        Some(Draft {
            station,
            ops: vec![Primitive::Check { condition: that?, otherwise }],
            ..Draft::default()
        })
    }
}
