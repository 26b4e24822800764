//! Breaks: steps before which a branch waits in its gate until a person says `next`. For finding out at the machine
//! what a recipe does; in mode Maintenance only, where nothing is made for production.
//!
//! A branch that stands at a break holds no resource, and keeps the table where it is.

use std::collections::BTreeSet;

use cellwright_model::outcome::Purpose;
use cellwright_model::packml::CellMode;

use crate::api::{Answered, BreakRequest, Source};
use crate::branch::Waits;
use crate::core::Core;
use crate::engine::request;
use crate::ledger::Cx;

/// Where branches wait.
#[derive(Debug, Default)]
pub(crate) struct Breaks {
    /// Before every step.
    every: bool,
    /// Before these, by their ids in the Plan.
    at: BTreeSet<String>,
}

impl Breaks {
    pub(crate) fn is_before(&self, step: &str) -> bool {
        self.every || self.at.contains(step)
    }
}

impl BreakRequest {
    /// In words, for the record.
    fn words(&self) -> String {
        match self {
            BreakRequest::Before(steps) => format!("break {}", steps.join(" ")),
            BreakRequest::EveryStep => "break --step".to_string(),
            BreakRequest::Clear => "break --clear".to_string(),
            BreakRequest::Next => "next".to_string(),
        }
    }
}

impl Core {
    pub(crate) fn break_request(&mut self, cx: &mut Cx<'_>, asked: BreakRequest, by: &Source) {
        let what = asked.words();
        let result = self.take_break(asked);
        request(cx, what.clone(), Answered::Other(what), by, result);
    }

    /// Errors: the reason.
    fn take_break(&mut self, asked: BreakRequest) -> Result<(), String> {
        if self.mode != CellMode::Maintenance {
            return Err(format!(
                "breaks are for mode Maintenance, and this is {}: change the mode in Stopped, Idle or Aborted",
                self.mode.name()
            ));
        }
        match asked {
            BreakRequest::Before(steps) => {
                let order =
                    self.order.as_ref().ok_or("there is no order, and so no step: enter one first")?;
                let known = |id: &String| order.order.plan.steps.iter().any(|s| s.id == *id);
                if let Some(other) = steps.iter().find(|id| !known(id)) {
                    let all: Vec<&str> = order.order.plan.steps.iter().map(|s| s.id.as_str()).collect();
                    return Err(format!("there is no step `{other}`; there are: {}", all.join(", ")));
                }
                // At the most all steps of a Plan.
                self.breaks.at.extend(steps);
            }
            BreakRequest::EveryStep => self.breaks.every = true,
            BreakRequest::Clear => self.clear_breaks(),
            BreakRequest::Next => {
                let branches = self.units.values_mut().flat_map(|u| u.branches.values_mut());
                let standing: Vec<_> =
                    branches.filter(|b| matches!(b.waits, Some(Waits::Break(_)))).collect();
                if standing.is_empty() {
                    return Err("nothing stands at a break".to_string());
                }
                standing.into_iter().for_each(|b| b.let_go = true);
            }
        }
        Ok(())
    }

    /// What stands at one goes on.
    pub(crate) fn clear_breaks(&mut self) {
        self.breaks = Breaks::default();
    }

    /// Why the order may not be made in this mode.
    pub(crate) fn not_for_this_mode(&self) -> Option<String> {
        let order = &self.order.as_ref()?.order;
        let refused = self.mode == CellMode::Maintenance && order.purpose != Purpose::Trial;
        refused.then(|| {
            format!(
                "in mode Maintenance units are made for trial only, and order {} is for {}: change the mode to \
                 Production, or give it an order of purpose trial, for which a real bus asks for a released recipe",
                order.id,
                order.purpose.as_str()
            )
        })
    }
}
