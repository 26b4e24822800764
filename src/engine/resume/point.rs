//! Where a unit that the last controller left would go on, by its recipe and by what is durable of its attempts.
//!
//! Everything before that point has to have passed, and nothing behind it may have begun. What is not certain is
//! refused, with the reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use cellwright_model::event::{AttemptRef, Component, StepEnded};
use cellwright_model::outcome::{FaultClass, StepOutcome};
use cellwright_model::plan::{AfterRestart, Node, Place, PlaceWhat, Plan, Primitive};
use cellwright_model::{OutputId, StepIx};

/// With which cause a start of the controller ends what was under way.
pub const RESTART: &str = "controller-restart";

/// A unit that lies in the cell since its controller died, with what is durable of it.
#[derive(Debug, Clone)]
pub struct LeftUnit {
    pub serial: String,
    pub order: String,
    /// By which it was made: the same that would be made now.
    pub plan: Arc<Plan>,
    /// How its attempts ended, in their order.
    pub outcomes: Vec<StepEnded>,
    /// Attempts that were under way: step and number.
    pub under_way: Vec<(String, u32)>,
    /// Components that it has taken.
    pub components: Vec<Component>,
}

/// How a unit goes on at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The step has not begun.
    Begin,
    Redo,
    /// Its check is looked at.
    Verify,
}

impl How {
    pub(crate) fn word(self) -> &'static str {
        match self {
            How::Begin => "begin",
            How::Redo => "redo",
            How::Verify => "verify-then-skip",
        }
    }
}

/// See the module text.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Place in the body of the Plan.
    pub at: usize,
    pub step: StepIx,
    pub how: How,
    /// What has passed before.
    pub carried: Vec<AttemptRef>,
    /// Components that lie in its nest then.
    pub in_nest: Vec<String>,
}

/// What the last attempt of a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    NotBegun,
    /// Passed or left out, with this attempt.
    Over(u32),
    /// The controller died in it.
    UnderWay,
    NotPassed,
}

impl LeftUnit {
    /// Components as they are known: those that its last outcome lists, and those taken since.
    pub(crate) fn known_components(&self) -> Vec<Component> {
        // An attempt that a restart has ended says nothing about them.
        let told = self.outcomes.iter().rfind(|o| o.cause.as_deref() != Some(RESTART));
        let mut known = told.map(|o| o.components.clone()).unwrap_or_default();
        let later: Vec<_> =
            self.components.iter().filter(|c| !known.iter().any(|k| k.name == c.name)).collect();
        known.extend(later.into_iter().cloned());
        known
    }

    /// Where it would go on. `Err(None)`: its recipe does not ask for that; otherwise the reason.
    pub fn point(&self) -> Result<Point, Option<String>> {
        if self.plan.steps.iter().all(|s| s.after_restart.is_never()) {
            return Err(None);
        }
        let steps = self.last_attempts().map_err(Some)?;
        let rejects = |i: &&cellwright_model::plan::Invariant| i.otherwise == FaultClass::RejectPart;
        if let Some(invariant) = self.plan.invariants.iter().find(rejects) {
            return Err(Some(format!("whether `{}` had rejected it is not known", invariant.id)));
        }
        let Some(at) = (0..self.plan.body.len()).find(|at| !self.is_over(&steps, *at)) else {
            return Err(Some("it had come to its end".into()));
        };
        let begun = |ix: &StepIx| last(&steps, *ix) != Last::NotBegun;
        let begun_behind = steps_of(&self.plan.body[at + 1..]).iter().any(begun);
        let body = steps_of(&self.plan.body);
        let off_the_body = steps.keys().any(|ix| !body.contains(ix));
        if begun_behind || off_the_body {
            return Err(Some("it was on its way out".into()));
        }
        let (step, how) = self.how(&steps, at)?;
        let before = steps_of(&self.plan.body[..at]);
        let over: Vec<StepIx> =
            before.iter().copied().filter(|ix| matches!(last(&steps, *ix), Last::Over(_))).collect();
        if let Some(set_up) = self.taken_back(&over, step) {
            return Err(Some(format!("a Reset takes back what `{set_up}` has set up")));
        }
        let carried = before.iter().filter_map(|ix| self.carried(&steps, *ix)).collect();
        let in_nest = self.put_in(&steps, at, (step, how));
        Ok(Point { at, step, how, carried, in_nest })
    }

    /// Of each step that has begun. Error: the record does not fit the recipe.
    fn last_attempts(&self) -> Result<BTreeMap<StepIx, Last>, String> {
        let mut steps = BTreeMap::new();
        let find = |id: &str| {
            let at = self.plan.steps.iter().position(|s| s.id == id);
            at.map(|at| StepIx(at as u16)).ok_or_else(|| format!("its record has a step `{id}`"))
        };
        for outcome in &self.outcomes {
            let ended = match outcome.outcome {
                StepOutcome::Passed | StepOutcome::Skipped => Last::Over(outcome.attempt),
                StepOutcome::Interrupted if outcome.cause.as_deref() == Some(RESTART) => Last::UnderWay,
                _ => Last::NotPassed,
            };
            steps.insert(find(&outcome.step)?, ended);
        }
        for (id, _) in &self.under_way {
            steps.insert(find(id)?, Last::UnderWay);
        }
        Ok(steps)
    }

    /// The branch of the body has left this node behind. That is known of a `repeat` once what follows it has begun.
    fn is_over(&self, steps: &BTreeMap<StepIx, Last>, at: usize) -> bool {
        let node = &self.plan.body[at];
        let over = |ix: &StepIx| matches!(last(steps, *ix), Last::Over(_));
        let begun = |ix: &StepIx| last(steps, *ix) != Last::NotBegun;
        let followed = || steps_of(&self.plan.body[at + 1..]).iter().any(begun);
        let all_over = steps_of(core::slice::from_ref(node)).iter().all(over);
        all_over && (followed() || !holds_repeat(node))
    }

    fn how(&self, steps: &BTreeMap<StepIx, Last>, at: usize) -> Result<(StepIx, How), Option<String>> {
        let refused = |why: String| Err(Some(why));
        let ix = match &self.plan.body[at] {
            Node::Step(ix) => *ix,
            Node::Parallel { id, .. } => return refused(format!("it was in `{id}`, among several branches")),
            Node::Repeat { id, .. } => {
                return refused(format!("it was in `{id}`, and in which round is not known"));
            }
        };
        let step = self.plan.step(ix);
        let how = match (last(steps, ix), &step.after_restart) {
            (_, AfterRestart::Never) => return refused(format!("`{}` says `after_restart: never`", step.id)),
            (Last::NotPassed | Last::Over(_), _) => return refused(format!("`{}` had not passed", step.id)),
            (Last::NotBegun, _) => How::Begin,
            (Last::UnderWay, AfterRestart::Redo) => How::Redo,
            (Last::UnderWay, AfterRestart::VerifyThenSkip { .. }) => How::Verify,
        };
        Ok((ix, how))
    }

    /// The step whose effect is not there any more after a Reset, which takes outputs off and brings axes and cobots home:
    /// an output that was left on, or a motion at the station where the unit goes on.
    fn taken_back(&self, over: &[StepIx], at: StepIx) -> Option<&str> {
        let mut on: BTreeMap<OutputId, StepIx> = BTreeMap::new();
        for ix in over {
            let step = self.plan.step(*ix);
            for op in step.ops.iter().filter(|_| step.kind == "set") {
                match op {
                    Primitive::SetOutput { output, value: true } => drop(on.insert(*output, *ix)),
                    Primitive::SetOutput { output, value: false } => drop(on.remove(output)),
                    _ => {}
                }
            }
        }
        let station = self.plan.step(at).station;
        let here = over.iter().rev().take_while(|ix| self.plan.step(**ix).station == station);
        let moved = here.copied().find(|ix| self.plan.step(*ix).kind == "move");
        on.into_values().next().or(moved).map(|ix| self.plan.step(ix).id.as_str())
    }

    fn carried(&self, steps: &BTreeMap<StepIx, Last>, ix: StepIx) -> Option<AttemptRef> {
        let Last::Over(attempt) = last(steps, ix) else { return None };
        let step = self.plan.step(ix);
        Some(AttemptRef { step: step.id.clone(), n: step.n, attempt })
    }

    /// What its steps so far have put into the nest, the one that is verified included.
    fn put_in(&self, steps: &BTreeMap<StepIx, Last>, at: usize, (step, how): (StepIx, How)) -> Vec<String> {
        let left_out = |ix: StepIx| {
            let of_step = |o: &&StepEnded| o.step == self.plan.step(ix).id;
            self.outcomes.iter().rfind(of_step).is_some_and(|o| o.outcome == StepOutcome::Skipped)
        };
        let passed = steps_of(&self.plan.body[..at]).into_iter();
        let passed = passed.filter(|ix| matches!(last(steps, *ix), Last::Over(_)));
        let passed = passed.filter(|ix| !left_out(*ix) || self.was_verified(*ix));
        let verified = (how == How::Verify).then_some(step);
        let mut names: Vec<String> =
            passed.chain(verified).flat_map(|ix| into_nest(&self.plan, ix)).map(String::from).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// It was left out since its check had held after an earlier restart.
    fn was_verified(&self, ix: StepIx) -> bool {
        let id = &self.plan.step(ix).id;
        let under_way = |o: &StepEnded| o.step == *id && o.outcome == StepOutcome::Interrupted;
        self.outcomes.iter().any(under_way)
    }
}

/// In the order of the text.
fn steps_of(nodes: &[Node]) -> Vec<StepIx> {
    let of_node = |node: &Node| match node {
        Node::Step(ix) => vec![*ix],
        Node::Parallel { branches, .. } => branches.iter().flat_map(|b| steps_of(&b.body)).collect(),
        Node::Repeat { body, .. } => steps_of(body),
    };
    nodes.iter().flat_map(of_node).collect()
}

fn last(steps: &BTreeMap<StepIx, Last>, ix: StepIx) -> Last {
    steps.get(&ix).copied().unwrap_or(Last::NotBegun)
}

fn holds_repeat(node: &Node) -> bool {
    match node {
        Node::Step(_) => false,
        Node::Parallel { branches, .. } => branches.iter().any(|b| b.body.iter().any(holds_repeat)),
        Node::Repeat { .. } => true,
    }
}

/// Components that a step puts into the nest.
fn into_nest(plan: &Plan, ix: StepIx) -> impl Iterator<Item = &str> {
    plan.step(ix).ops.iter().filter_map(|op| match op {
        Primitive::PlacePart { what: PlaceWhat::Component(name), to: Place::Nest, .. } => Some(name.as_str()),
        _ => None,
    })
}
