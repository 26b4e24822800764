//! The gate: where a branch looks whether what comes next is to be done at all, and waits for its turn, or for
//! the branches that it has forked. A repeat forks one branch for each of its rounds.

use cellwright_model::expr::Expr;
use cellwright_model::outcome::StepOutcome;
use cellwright_model::plan::{Resource, Step};
use cellwright_model::{StationId, StepIx};

use super::{Branch, BranchEnd, Waits};
use crate::branch_chart::BranchEvent as E;
use crate::conditions::View;
use crate::ledger::Cx;
use crate::record::{Record, StepResult};
use crate::sequencer::{BlockIx, Item};
use crate::unit::{Env, Spawn};
use crate::{supply, table, zones};

impl Branch {
    pub(super) fn poll_gate(&mut self, env: &mut Env<'_, '_>, gates: bool) -> Option<E> {
        match env.unit.graph.item(self.cursor).cloned() {
            None => Some(E::Joined),
            Some(Item::Fork { id, branches }) => {
                if self.forked {
                    return join(&env.children);
                }
                if gates {
                    self.fork(env, id, branches);
                }
                None
            }
            Some(Item::Repeat { id, at_most, until, block }) => {
                self.poll_repeat(env, gates, &id, at_most, &until, block)
            }
            Some(Item::Step(ix)) => self.poll_step(env, gates, ix),
        }
    }

    fn fork(&mut self, env: &mut Env<'_, '_>, id: String, branches: Vec<(String, BlockIx)>) {
        self.forked = true;
        self.spent.append(&mut self.children);
        let parent = self.key.branch;
        env.spawns.extend(branches.into_iter().map(|(name, block)| Spawn { name, block, parent }));
        self.waits = Some(Waits::Branches(id));
    }

    /// Rounds, one after another, until the condition holds. A condition that nobody can tell does not hold.
    fn poll_repeat(
        &mut self,
        env: &mut Env<'_, '_>,
        gates: bool,
        id: &str,
        at_most: u16,
        until: &Expr,
        block: BlockIx,
    ) -> Option<E> {
        if self.forked {
            match join(&env.children)? {
                E::Joined => {}
                otherwise => return Some(otherwise),
            }
            let view = View::of(&env.cx.machine, &env.unit.made);
            if !view.can_tell(until) {
                return None;
            }
            if view.holds(until) == Some(true) {
                return Some(E::Joined);
            }
            if self.rounds >= at_most {
                env.unit.condemned.get_or_insert_with(|| format!("{id}/at-most"));
                return Some(E::Bad);
            }
        }
        if gates {
            self.rounds += 1;
            self.fork(env, id.to_string(), vec![(id.to_string(), block)]);
        }
        None
    }

    fn poll_step(&mut self, env: &mut Env<'_, '_>, gates: bool, ix: StepIx) -> Option<E> {
        if !gates {
            return None;
        }
        if self.not_before.is_some_and(|at| env.cx.now < at) {
            return None;
        }
        if self.verify.as_ref().is_some_and(|v| v.step == ix) {
            return self.poll_verify(env, ix);
        }
        if env.breaks.is_before(&env.unit.plan.step(ix).id) && !self.let_go {
            env.resources.leave_queue(self.key);
            self.waits = Some(Waits::Break(ix));
            return None;
        }
        match wanted(env, ix) {
            Ok(true) => {}
            Ok(false) => {
                let when = env.unit.plan.step(ix).when.as_ref().map(|w| w.words(env.cx.cell));
                leave_out(env, ix, when.map(|w| format!("when: {w}")), None);
                self.let_go = false;
                return Some(E::Omit);
            }
            Err(waits) => {
                env.resources.leave_queue(self.key);
                self.waits = waits;
                return None;
            }
        }
        self.waits = self.gate(env, ix).err();
        if self.waits.is_some() {
            return None;
        }
        self.let_go = false;
        Some(E::Open)
    }

    /// What the step needs before it begins: its nest at its station, parts and room for them, resources.
    fn gate(&self, env: &mut Env<'_, '_>, ix: StepIx) -> Result<(), Waits> {
        let closed = match table_need(env, ix) {
            Err(station) => Err(Waits::Table(station)),
            Ok(()) => supply::look(env.cx, env.parts, env.unit, ix).map_err(Waits::Supply),
        };
        if closed.is_err() {
            env.resources.leave_queue(self.key);
            return closed;
        }
        let zones = zones::look(env, ix).inspect_err(|_| env.resources.leave_queue(self.key))?;
        let mut needs = env.unit.plan.step(ix).resources.clone();
        needs.extend(zones.into_iter().map(Resource::Zone));
        needs.sort_unstable();
        needs.dedup();
        let free = at_home(env.cx);
        env.resources.acquire(self.key, &needs, &free).map_err(Waits::Turn)
    }
}

/// Cobots that rest at home: nobody keeps them.
fn at_home(cx: &Cx<'_>) -> impl Fn(Resource) -> bool {
    let home = cx.cell.robots.iter().zip(cx.machine.robots).map(|(r, state)| r.rests_at_home(state, cx.now));
    let home: Vec<bool> = home.collect();
    move |r| matches!(r, Resource::Robot(id) if home.get(id.index()).copied().unwrap_or(false))
}

/// Whether the step is to be done, by its `when:`. One that looks at signals is looked at where the step would be
/// done: sensors at its station see this unit only there. What cannot be told although inputs are valid is
/// taken as wanted: the attempt says so. Error: not known yet, and what it waits for.
fn wanted(env: &Env<'_, '_>, ix: StepIx) -> Result<bool, Option<Waits>> {
    let Some(when) = &env.unit.plan.step(ix).when else { return Ok(true) };
    if when.reads_signals() {
        table_need(env, ix).map_err(|station| Some(Waits::Table(station)))?;
    }
    let view = View::of(&env.cx.machine, &env.unit.made);
    if !view.can_tell(when) {
        return Err(None);
    }
    Ok(view.holds(when) != Some(false))
}

/// Records that the step is left out, and why.
pub(super) fn leave_out(env: &mut Env<'_, '_>, ix: StepIx, cause: Option<String>, operator: Option<String>) {
    let attempt = env.unit.next_attempt(ix);
    let unit = &*env.unit;
    let result = StepResult {
        unit: unit.id,
        serial: unit.serial.clone(),
        plan: unit.plan.clone(),
        step: ix,
        attempt,
        station: unit.station,
        start: env.cx.now,
        end: env.cx.now,
        outcome: StepOutcome::Skipped,
        cause,
        operator,
        measurements: Vec::new(),
        curves: Vec::new(),
        label: None,
        components: unit.components.clone(),
        equipment: Vec::new(),
    };
    env.cx.record(Record::StepOutcome(Box::new(result)));
}

/// The end of a fork. `None`: not yet.
fn join(children: &[Option<BranchEnd>]) -> Option<E> {
    if children.iter().any(Option::is_none) {
        return None;
    }
    let any = |end: BranchEnd| children.contains(&Some(end));
    Some(if any(BranchEnd::Removed) {
        E::Skip
    } else if any(BranchEnd::Rejected) {
        E::Bad
    } else if any(BranchEnd::Skipped) {
        E::Skip
    } else {
        E::Joined
    })
}

/// The nest stands where the step needs it, and the table does not turn. Error: where it has to come to.
pub(super) fn table_need(env: &Env<'_, '_>, ix: StepIx) -> Result<(), Option<StationId>> {
    let step: &Step = env.unit.plan.step(ix);
    if env.cx.cell.table.is_none() {
        return Ok(());
    }
    match step.station {
        Some(at) if env.unit.station == Some(at) && table::stands_at(env.cx, env.unit.nest, at) => Ok(()),
        Some(at) => Err(Some(at)),
        None if table::reaches_into_nest(step) && env.unit.station.is_none() => Err(None),
        None => Ok(()),
    }
}
