//! Units that lie in the cell since its controller died, as the next one is told of them: those that it would make in
//! the same way, and of which everything is durable.

use std::sync::Arc;

use cellwright_controller::{LedgerSettings, LeftUnit, recipe_ref};
use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_trace::Recovery;
use cellwright_trace::outbox::OpenUnit;

/// `plans`: those by which units are made now.
pub fn left_units<'p>(
    cell: &Cell,
    recovery: &Recovery,
    plans: impl Iterator<Item = &'p Arc<Plan>>,
    settings: &LedgerSettings,
) -> Vec<LeftUnit> {
    let plans: Vec<_> = plans.map(|plan| (recipe_ref(plan, settings.approval.clone()), plan)).collect();
    let unit = |open: &OpenUnit| {
        let (_, plan) = plans.iter().find(|(made_by, _)| *made_by == open.unit.recipe)?;
        let then = &open.context;
        let same = then.cell.id == cell.id
            && then.cell.hash == cell.hash
            && (then.origin, then.purpose) == (settings.origin, settings.purpose)
            && then.program == settings.program;
        let order = then.order.clone().filter(|_| same && open.kept)?;
        Some(LeftUnit {
            serial: open.unit.serial.clone(),
            order,
            plan: Arc::clone(plan),
            outcomes: open.outcomes.clone(),
            under_way: open.intents.iter().map(|i| (i.step.clone(), i.attempt)).collect(),
            components: open.components.clone(),
        })
    };
    recovery.open_units.iter().chain(&recovery.left_units).filter_map(unit).collect()
}
