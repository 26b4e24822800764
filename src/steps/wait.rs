//! `wait`: until a condition holds. Not within `timeout`: timed out.
//!
//! ```yaml
//! - wait: { id: air, until: air_ok, hold: 100 ms, timeout: 5 s }
//! ```
//! `hold:` is how long it must hold without a break.

use cellwright_model::DurationNs;
use cellwright_model::plan::{Meaning, Primitive};
use cellwright_recipe::{Context, Draft, Fields, StepKind};

pub(crate) struct Wait;

impl StepKind for Wait {
    fn name(&self) -> &'static str {
        "wait"
    }
    fn judges(&self) -> bool {
        false
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let station = cx.station_opt(f);
        let until = cx.condition(f, "until");
        if f.entry("until").is_none() {
            f.missing("until", cx.d);
        }
        let hold = f.opt("hold", cx.d, |d, n| d.duration(n)).unwrap_or_default();
        // The step's own timeout, which begins earlier, is the one that ends it.
        let timeout = f.req("timeout", cx.d, |d, n| d.duration(n)).unwrap_or(DurationNs(0));
        let late = Meaning::Fault("not-in-time".into());
        Some(Draft {
            station,
            ops: vec![Primitive::WaitUntil { condition: until?, hold, timeout, late }],
            at_least: hold,
            ..Draft::default()
        })
    }
}
