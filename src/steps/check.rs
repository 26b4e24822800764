//! `check`: a condition must hold now; otherwise the part is bad.
//!
//! ```yaml
//! - check: { id: cap-seated, that: nest_cap_present, on_fail: reject }
//! ```

use cellwright_model::plan::{Meaning, Primitive};
use cellwright_recipe::{Context, Draft, Fields, StepKind};

pub(crate) struct Check;

impl StepKind for Check {
    fn name(&self) -> &'static str {
        "check"
    }
    fn judges(&self) -> bool {
        true
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
