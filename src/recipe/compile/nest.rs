//! What lies in the nest: a step that works on it finds something there. Whether each component is put in once, and
//! before it is scanned, [`super::flow`] says.

use cellwright_model::InputId;
use cellwright_model::cell::Cell;
use cellwright_model::expr::Expr;
use cellwright_model::plan::{Node as PlanNode, Primitive, Step};

use super::flow::collect;
use super::steps::Walked;
use crate::code::Code;
use crate::decode::Decoder;

/// Under `on_reject` nothing is done where nothing was loaded.
pub(super) fn check(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked) {
    path(d, cell, walked, &walked.body, false);
}

/// Whether something may lie in the nest behind a path, if it may (`filled`) before it.
fn path(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked, nodes: &[PlanNode], filled: bool) -> bool {
    nodes.iter().fold(filled, |filled, node| match node {
        PlanNode::Step(ix) => step(d, cell, walked, ix.index(), filled),
        PlanNode::Repeat { body, .. } => path(d, cell, walked, body, filled),
        PlanNode::Parallel { branches, .. } => {
            // Nobody says how far the branch beside has come: what it puts in may be there.
            let fills = |body: &[PlanNode]| {
                let mut all = Vec::new();
                collect(body, &mut all);
                all.into_iter().any(|ix| may_fill(cell, walked, ix))
            };
            let filled = filled || branches.iter().filter(|b| fills(&b.body)).count() > 1;
            let beside = |n: usize| branches.iter().enumerate().any(|(k, b)| k != n && fills(&b.body));
            let after = branches.iter().enumerate();
            let after: Vec<_> =
                after.map(|(n, b)| path(d, cell, walked, &b.body, filled || beside(n))).collect();
            after.into_iter().any(|filled| filled)
        }
    })
}

fn step(d: &mut Decoder<'_>, cell: &Cell, walked: &Walked, ix: usize, filled: bool) -> bool {
    let (step, effect) = (&walked.steps[ix], &walked.effects[ix]);
    // What it looks at before it begins may show the part of an earlier order.
    let filled = filled || step.check_before.as_ref().is_some_and(|check| sees_nest(cell, check));
    if effect.works && !filled {
        let message = format!("`{}` works on an empty nest: no step before it puts a part in", step.id);
        let help = "put a part in before, by `pick-place`, `feed` or `by-hand`; or look for one, by `wait` or `check`";
        d.sink.error(Code::EmptyNest, effect.span, message, help);
        // The steps behind it miss the same.
        return true;
    }
    filled || may_fill(cell, walked, ix)
}

/// It puts a part in; or it looks at the nest, or asks a person, who may have put one in.
fn may_fill(cell: &Cell, walked: &Walked, ix: usize) -> bool {
    !walked.effects[ix].puts_in.is_empty() || asks_or_looks(cell, &walked.steps[ix])
}

fn asks_or_looks(cell: &Cell, step: &Step) -> bool {
    let checks = step.check_before.iter().chain(&step.check_after);
    checks.into_iter().any(|check| sees_nest(cell, check))
        || step.ops.iter().any(|op| match op {
            Primitive::Ask { .. } => true,
            Primitive::WaitUntil { condition, .. } | Primitive::Check { condition, .. } => {
                sees_nest(cell, condition)
            }
            _ => false,
        })
}

/// Whether a condition looks at a sensor of the nest.
fn sees_nest(cell: &Cell, condition: &Expr) -> bool {
    let sees = |input: &InputId| cell.stations.iter().any(|s| s.presence.contains(input));
    let mut inputs = Vec::new();
    condition.inputs(&mut inputs);
    inputs.iter().any(sees)
}
