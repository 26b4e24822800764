//! What a run makes: an order file against what the state directory knows of it, or so many units.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cellwright_controller::Order;
use cellwright_model::approval::Clearance;
use cellwright_model::cell::Cell;
use cellwright_model::event::{Event, EventData};
use cellwright_model::order::{OrderProgress, OrderTerms, admit, at_rest};
use cellwright_model::outcome::Purpose;
use cellwright_model::plan::Plan;
use cellwright_recipe::order_text::NoProduction;
use cellwright_sim::Prepared;
use cellwright_trace::Recovery;
use serde::Serialize;

use super::Failure;

/// The order that `run` makes when it is given none.
const WITHOUT_FILE: &str = "TRIAL";

/// Why nothing is production on this bus (house rule 10); on a real one the gate decides.
pub(crate) fn no_production(twin: bool) -> NoProduction<'static> {
    twin.then_some((
        "what the twin makes is never a production record",
        "write `purpose: trial` or `validation`, or run it on the real cell: `--bus IFACE`",
    ))
}

/// Finished units come back by an order that says which. On the twin a recipe for them can be tried without: whoever
/// stands there brings a unit with any serial.
pub(crate) fn names_units(prepared: &Prepared, twin: bool) -> Result<(), Failure> {
    match prepared.plan.reworks().filter(|_| !twin && prepared.terms.is_none()) {
        None => Ok(()),
        Some(unit) => Err(Failure::Usage(format!(
            "the recipe takes finished units back ({}), and nothing says which: give an order with `purpose: rework` \
             by --order FILE",
            unit.part
        ))),
    }
}

/// What is to be made in this run.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Of an order file, with what earlier runs made of it.
    by_file: Option<(Arc<OrderTerms>, OrderProgress)>,
    units: u32,
    purpose: Purpose,
    clearance: Clearance,
}

impl Work {
    /// So many units, or what is left of an order. Errors: the state directory does not admit it.
    pub(crate) fn of(
        terms: Option<Arc<OrderTerms>>,
        units: u32,
        cell: &Cell,
        recovery: &Recovery,
        state: &Path,
    ) -> Result<Work, Failure> {
        let book = at_rest(&recovery.orders);
        let refuse = |why: String| Failure::Failed(format!("{why} (state directory {})", state.display()));
        if let Some(terms) = &terms
            && terms.id == WITHOUT_FILE
        {
            return Err(refuse(format!(
                "order {WITHOUT_FILE}: units without an order go under this id: give it another"
            )));
        }
        let done = |terms: &Arc<OrderTerms>| admit(terms, &book, &cell.serial_prefix).map_err(refuse);
        let by_file = terms.map(|terms| done(&terms).map(|done| (terms, done))).transpose()?;
        let purpose = by_file.as_ref().map_or(Purpose::Trial, |(terms, _)| terms.purpose);
        Ok(Work { by_file, units, purpose, clearance: Clearance::NotAsked })
    }

    /// By the word of the gate.
    pub(crate) fn cleared(self, (clearance, purpose): (Clearance, Purpose)) -> Work {
        Work { clearance, purpose, ..self }
    }

    /// `sets`: Plans of single serials of the order file.
    pub(crate) fn order(&self, plan: Arc<Plan>, sets: BTreeMap<String, Arc<Plan>>) -> Order {
        let order = match &self.by_file {
            Some((terms, done)) => Order::by_terms(terms.clone(), plan, *done).with_sets(sets),
            None => Order::units(WITHOUT_FILE, plan, self.units),
        };
        order.with_purpose(self.purpose).cleared(self.clearance.clone())
    }

    /// The approval that the record names.
    pub(crate) fn approval(&self) -> Option<String> {
        self.clearance.approval().map(str::to_owned)
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Counts a durable event of this run.
    pub(crate) fn count(&mut self, event: &Event) {
        let Some((terms, done)) = &mut self.by_file else { return };
        if event.draft.context.order.as_ref() != Some(&terms.id) {
            return;
        }
        match &event.draft.data {
            EventData::UnitOpened(opened) if opened.resumed.is_some() => done.resume_one(),
            EventData::UnitOpened(_) => done.open_one(),
            EventData::UnitResult(end) => done.close_one(end.result),
            _ => {}
        }
    }

    /// How far the order file is now.
    pub(crate) fn made(&self) -> Option<Made> {
        self.by_file.as_ref().map(|(terms, done)| Made {
            id: terms.id.clone(),
            lot: terms.lot.clone(),
            quantity: terms.quantity,
            done: *done,
        })
    }
}

/// How far an order is at the end of a run, over all runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) lot: String,
    pub(crate) quantity: u32,
    #[serde(flatten)]
    pub(crate) done: OrderProgress,
}

impl core::fmt::Display for Made {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let OrderProgress { started, good, ng, interrupted, resumed } = self.done;
        write!(
            f,
            "order {}, lot {}: {good} good of {}; {started} started, {ng} ng, {interrupted} interrupted",
            self.id, self.lot, self.quantity
        )?;
        if resumed > 0 { write!(f, ", {resumed} of them gone on with") } else { Ok(()) }
    }
}
