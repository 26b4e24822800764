//! What became of a lot: counts, causes, components, and the serials, over every order and cell of a store.
//!
//! The lot of a unit is that of its opening. A unit that came back for a rework was opened more than once, and each
//! opening counts by itself. *First-pass yield*: units that were good without a step tried a second time, of all that
//! were judged (good or ng); interrupted ones were not, and what came of reworks changes nothing about it.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::outcome::Purpose;
use serde::Serialize;
use serde_json::Value;

use super::lives::{OPENED, RESULT, split};
use super::{STEP, components, events};
use crate::chain::SealedLine;
use crate::error::TraceError;
use crate::store::Records;

/// Lots that a message names: a screen of them.
const LOTS_NAMED_MAX: usize = 20;

/// A lot in a store; the shape of `dhr lot --json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct LotReport {
    pub lot: String,
    /// Ids, each once.
    pub orders: Vec<String>,
    /// `id version`, each once.
    pub recipes: Vec<String>,
    /// Openings of units; the sum of the four after it.
    pub started: u64,
    pub good: u64,
    pub ng: u64,
    pub interrupted: u64,
    /// Without a result in this store: in work, or its end is not delivered yet.
    pub open: u64,
    /// Of the openings, those for a rework.
    pub reworks: u64,
    /// 0 to 1; null before the first unit was judged.
    pub first_pass_yield: Option<f64>,
    /// Cause of ng, `step/measurement` or a fault, and in how many units.
    pub ng_by_cause: BTreeMap<String, u64>,
    /// In the order of part and lot.
    pub components: Vec<LotComponent>,
    /// `real`, `twin`, or `mixed` where the lot has units of both.
    pub origin: String,
    pub purposes: Vec<String>,
    /// In the order of their opening within their stream.
    pub serials: Vec<LotUnit>,
}

/// A lot of a part in the lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LotComponent {
    pub part: String,
    /// None: not known (a part that was never identified).
    pub lot: Option<String>,
    /// Units that have (or had) one of it.
    pub units: u64,
}

/// One opening of a unit of the lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LotUnit {
    pub serial: String,
    pub udi: Option<String>,
    pub order: Option<String>,
    /// `good`, `ng`, `interrupted`; None while it is open.
    pub result: Option<String>,
    pub cause: Option<String>,
    pub retested: bool,
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: Option<String>,
}

/// Reads a lot, one unit after another: what is held at once is the report and one unit's events.
///
/// # Errors
/// There is no such lot: the message names those that there are, a screen of them at the most. The store
/// cannot be read, or an event of it cannot: then `verify` says which.
pub fn lot(records: &dyn Records, lot: &str) -> Result<LotReport, TraceError> {
    let opened = events(records.opened_in_lot(lot)?)?;
    if opened.is_empty() {
        return Err(unknown(records, lot)?);
    }
    let mut gathered = Gathered::default();
    for unit in &opened {
        let serial = unit.serial().unwrap_or_default();
        let mut rows = records.of_serial(serial)?;
        let wanted = [OPENED, RESULT, STEP];
        rows.retain(|row| row.stream == unit.stream && wanted.contains(&row.type_name.as_str()));
        let of_serial = events(rows)?;
        let lives = split(&of_serial);
        let life = lives.into_iter().find(|life| life.first().is_some_and(|e| e.seq == unit.seq));
        gathered.unit(unit, life.unwrap_or_default());
    }
    Ok(gathered.report(lot))
}

fn unknown(records: &dyn Records, lot: &str) -> Result<TraceError, TraceError> {
    let mut lots = records.lots(LOTS_NAMED_MAX + 1)?;
    let more = if lots.len() > LOTS_NAMED_MAX { ", …" } else { "" };
    lots.truncate(LOTS_NAMED_MAX);
    let there = match lots.is_empty() {
        true => "it has units without a lot only: lots come from `run --order FILE`".to_owned(),
        false => format!("it has {}{more}", lots.join(", ")),
    };
    Ok(TraceError::NotFound(format!("no unit of lot {lot} in {}: {there}", records.name())))
}

/// What is added up over the units.
#[derive(Default)]
struct Gathered {
    report: LotReport,
    first_pass: u64,
    /// At the first pass.
    judged: u64,
    orders: BTreeSet<String>,
    recipes: BTreeSet<String>,
    origins: BTreeSet<String>,
    purposes: BTreeSet<String>,
    components: BTreeMap<(String, Option<String>), u64>,
}

impl Gathered {
    fn unit(&mut self, opened: &SealedLine, of_unit: &[SealedLine]) {
        let word = |path: &str| opened.data.pointer(path).and_then(Value::as_str).map(str::to_owned);
        self.orders.extend(word("/order"));
        self.origins.extend(word("/origin"));
        self.purposes.extend(word("/purpose"));
        let recipe = word("/recipe/id").zip(word("/recipe/version"));
        self.recipes.extend(recipe.map(|(id, version)| format!("{id} {version}")));

        let result = of_unit.iter().rfind(|e| e.type_name == RESULT);
        let of_result = |name: &str| result.and_then(|e| e.data.get(name)?.as_str()).map(str::to_owned);
        let unit = LotUnit {
            serial: opened.serial().unwrap_or_default().to_owned(),
            udi: word("/udi"),
            order: word("/order"),
            result: of_result("result"),
            cause: of_result("cause"),
            retested: result.and_then(|e| e.data.get("retested")?.as_bool()).unwrap_or(false),
            start: opened.time.clone(),
            end: result.map(|e| e.time.clone()),
        };
        self.count(&unit, word("/purpose").as_deref() == Some(Purpose::Rework.as_str()));
        self.report.serials.push(unit);

        let steps: Vec<&SealedLine> = of_unit.iter().filter(|e| e.type_name == STEP).collect();
        let text = |c: &Value, name: &str| c.get(name).and_then(Value::as_str).map(str::to_owned);
        let used: BTreeSet<_> = components(&steps)
            .iter()
            // A unit that came back is no component of itself.
            .filter(|c| text(c, "serial").as_deref() != opened.serial())
            .map(|c| (text(c, "part").unwrap_or_default(), text(c, "lot")))
            .collect();
        for component in used {
            *self.components.entry(component).or_default() += 1;
        }
    }

    fn count(&mut self, unit: &LotUnit, rework: bool) {
        let report = &mut self.report;
        report.started += 1;
        report.reworks += u64::from(rework);
        let judged = matches!(unit.result.as_deref(), Some("good" | "ng")) && !rework;
        self.judged += u64::from(judged);
        match unit.result.as_deref() {
            Some("good") => {
                report.good += 1;
                self.first_pass += u64::from(!unit.retested && !rework);
            }
            Some("ng") => {
                report.ng += 1;
                let cause = unit.cause.clone().unwrap_or_else(|| "unknown".to_owned());
                *report.ng_by_cause.entry(cause).or_default() += 1;
            }
            Some(_) => report.interrupted += 1,
            None => report.open += 1,
        }
    }

    fn report(self, lot: &str) -> LotReport {
        let judged = self.judged;
        let mut origins = self.origins.into_iter();
        let origin = match (origins.next(), origins.next()) {
            (Some(_), Some(_)) => "mixed".to_owned(),
            (one, _) => one.unwrap_or_default(),
        };
        let component = |((part, lot), units)| LotComponent { part, lot, units };
        LotReport {
            lot: lot.to_owned(),
            orders: self.orders.into_iter().collect(),
            recipes: self.recipes.into_iter().collect(),
            first_pass_yield: (judged > 0).then(|| self.first_pass as f64 / judged as f64),
            components: self.components.into_iter().map(component).collect(),
            origin,
            purposes: self.purposes.into_iter().collect(),
            ..self.report
        }
    }
}

#[cfg(test)]
mod tests;
