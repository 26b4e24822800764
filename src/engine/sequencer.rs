//! The recipe's graph as data: blocks of items, and a cursor for each branch. No control semantics here;
//! those are in the branch chart.

use cellwright_model::StepIx;
use cellwright_model::expr::Expr;
use cellwright_model::plan::{Node, Plan};

/// Place of a block in [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockIx(usize);

/// One thing after another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Step(StepIx),
    /// All at once; ends when every branch has ended (fork, join).
    Fork {
        id: String,
        branches: Vec<(String, BlockIx)>,
    },
    /// The block again and again until the condition holds.
    Repeat {
        id: String,
        at_most: u16,
        until: Expr,
        block: BlockIx,
    },
}

/// Body and reject path of a Plan, flattened: every branch of every fork, and the body of every repeat, is a block.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    blocks: Vec<Vec<Item>>,
    pub(crate) body: BlockIx,
    pub(crate) on_reject: BlockIx,
}

/// Where a branch is in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) block: BlockIx,
    pub(crate) at: usize,
}

impl Graph {
    pub(crate) fn of(plan: &Plan) -> Graph {
        let mut blocks = Vec::new();
        let body = flatten(&plan.body, &mut blocks);
        let on_reject = flatten(&plan.on_reject, &mut blocks);
        Graph { blocks, body, on_reject }
    }

    /// The item under the cursor; `None` at the end of the block.
    pub(crate) fn item(&self, cursor: Cursor) -> Option<&Item> {
        self.blocks.get(cursor.block.0)?.get(cursor.at)
    }

    pub(crate) fn is_empty(&self, block: BlockIx) -> bool {
        self.blocks.get(block.0).is_none_or(Vec::is_empty)
    }
}

impl Cursor {
    pub(crate) fn start(block: BlockIx) -> Cursor {
        Cursor { block, at: 0 }
    }
}

/// Depth is bounded by the recipe's nesting, which the compiler bounds.
fn flatten(nodes: &[Node], blocks: &mut Vec<Vec<Item>>) -> BlockIx {
    let items = nodes
        .iter()
        .map(|node| match node {
            Node::Step(ix) => Item::Step(*ix),
            Node::Parallel { id, branches } => Item::Fork {
                id: id.clone(),
                branches: branches.iter().map(|b| (b.name.clone(), flatten(&b.body, blocks))).collect(),
            },
            Node::Repeat { id, at_most, until, body } => Item::Repeat {
                id: id.clone(),
                at_most: *at_most,
                until: until.clone(),
                block: flatten(body, blocks),
            },
        })
        .collect();
    blocks.push(items);
    BlockIx(blocks.len() - 1)
}
