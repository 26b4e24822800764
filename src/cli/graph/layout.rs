//! Where everything of a recipe's graph stands. The unit's way goes downwards; branches stand side by side, between a
//! bar that they fork from and one that they join at; what is repeated stands in a frame. A way that is too long for one
//! column goes on in the next one. The reject path stands at the right of it all, entered by the rails that every step
//! leads to which may reject.
//!
//! Sizes are found from the inside out, places from the outside in.

use cellwright_model::StepIx;
use cellwright_model::cell::Cell;
use cellwright_model::plan::{Node, Plan};

use super::words::{self, Line, Part};
use crate::cli::svg::{Area, Font};

/// Between boxes one below the other; beside each other; from a frame to what stands in it.
const BELOW: f64 = 26.0;
const BESIDE: f64 = 26.0;
const FRAME: f64 = 16.0;
/// Head of a frame, and of a branch.
const HEAD: f64 = 22.0;
/// A line of text, and the space around the text of a box.
const LINE: f64 = 15.0;
const PAD: f64 = 8.0;
/// Left and right of a box: the loop of a retry.
const LOOP: f64 = 16.0;
/// Around the picture, and above it for title and what is watched.
const EDGE: f64 = 24.0;
const TITLE: f64 = 30.0;
/// Height at which a column is long enough: about two screens.
const COLUMN_MAX: f64 = 1600.0;

pub(super) const BODY: Font = Font { size: 11.0, ..Font::PLAIN };
pub(super) const NAME: Font = Font { size: 12.0, bold: true, ..Font::PLAIN };

/// The font of a line.
pub(super) fn font(part: Part) -> Font {
    match part {
        Part::Name => NAME,
        Part::Gate => Font { colour: "#8a5a00", ..BODY },
        Part::Measured => Font { colour: "#1f5fa8", ..BODY },
        Part::Handler => Font { colour: "#555", ..BODY },
        Part::Reject => Font { colour: "#b00000", ..BODY },
        Part::Kind => BODY,
    }
}

/// A box with its lines.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// `None`: where the unit begins and where it ends.
    pub(super) step: Option<StepIx>,
    pub(super) area: Area,
    pub(super) lines: Vec<Line>,
}

impl Placed {
    /// Where the n-th line stands: left end of its base line.
    pub(super) fn base(&self, n: usize) -> (f64, f64) {
        (self.area.x + PAD, self.area.y + PAD + LINE * (n as f64 + 1.0) - 4.0)
    }
}

/// A frame around others, with its head.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub(super) area: Area,
    pub(super) head: String,
}

/// What a line between boxes means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    On,
    Again,
    Reject,
    /// Fork and join: no arrow.
    Bar,
}

/// Everything with its place.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) title: Vec<String>,
    pub(super) boxes: Vec<Placed>,
    pub(super) frames: Vec<Frame>,
    /// Names of branches, by the middle of their base lines.
    pub(super) names: Vec<((f64, f64), String)>,
    pub(super) ways: Vec<(Way, Vec<(f64, f64)>)>,
}

/// A node with its size.
struct Block {
    width: f64,
    height: f64,
    /// A unit may be rejected in it.
    rejects: bool,
    what: What,
}

enum What {
    Box { step: Option<StepIx>, lines: Vec<Line>, again: bool },
    Beside { head: String, branches: Vec<(String, Column)> },
    Repeat { head: String, body: Column },
}

/// Blocks one below the other.
struct Column {
    width: f64,
    height: f64,
    blocks: Vec<Block>,
}

impl Column {
    fn of(blocks: Vec<Block>) -> Column {
        let width = blocks.iter().map(|b| b.width).fold(0.0, f64::max);
        let gaps = BELOW * blocks.len().saturating_sub(1) as f64;
        Column { width, height: blocks.iter().map(|b| b.height).sum::<f64>() + gaps, blocks }
    }

    fn rejects(&self) -> bool {
        self.blocks.iter().any(|b| b.rejects)
    }

    /// As columns of about the same height beside each other.
    fn folded(self) -> Vec<Column> {
        let share = self.height / (self.height / COLUMN_MAX).ceil().max(1.0);
        let mut columns: Vec<Vec<Block>> = vec![Vec::new()];
        let mut filled = 0.0;
        for block in self.blocks {
            // The block that reaches over the share stands where most of it belongs.
            if filled > 0.0 && filled + block.height / 2.0 > share {
                columns.push(Vec::new());
                filled = 0.0;
            }
            filled += block.height + BELOW;
            if let Some(column) = columns.last_mut() {
                column.push(block);
            }
        }
        columns.into_iter().map(Column::of).collect()
    }
}

/// Sizes of the parts of a plan.
struct Measure<'a> {
    cell: &'a Cell,
    plan: &'a Plan,
    rejecting: bool,
}

impl Measure<'_> {
    fn column(&self, nodes: &[Node]) -> Column {
        Column::of(nodes.iter().map(|n| self.block(n)).collect())
    }

    fn block(&self, node: &Node) -> Block {
        match node {
            Node::Step(ix) => self.step(*ix),
            Node::Parallel { id, branches } => {
                let branches: Vec<_> =
                    branches.iter().map(|b| (format!("branch {}", b.name), self.column(&b.body))).collect();
                let head = format!("parallel {id}");
                let columns = branches.iter().map(|(name, c)| c.width.max(BODY.width(name)));
                let wide = columns.sum::<f64>() + BESIDE * (branches.len() as f64 - 1.0);
                let high = branches.iter().map(|(_, c)| c.height).fold(0.0, f64::max);
                Block {
                    width: wide.max(BODY.width(&head)) + 2.0 * FRAME,
                    // Bar, name of the branch, and the way to the first and from the last of its blocks.
                    height: HEAD + HEAD + high + 2.0 * BELOW + FRAME,
                    rejects: branches.iter().any(|(_, c)| c.rejects()),
                    what: What::Beside { head, branches },
                }
            }
            Node::Repeat { id, at_most, until, body } => {
                let head = format!("repeat {id}: until {}, at most {at_most}", until.words(self.cell));
                let body = self.column(body);
                Block {
                    width: body.width.max(BODY.width(&head)) + 2.0 * FRAME + 2.0 * LOOP,
                    height: HEAD + body.height + 2.0 * FRAME,
                    rejects: true,
                    what: What::Repeat { head, body },
                }
            }
        }
    }

    fn step(&self, ix: StepIx) -> Block {
        let step = self.plan.step(ix);
        let lines = words::of_step(self.cell, step, self.rejecting);
        let rejects = words::rejects(step) && !self.rejecting;
        boxed(Some(ix), lines, rejects, words::retries(step))
    }
}

fn boxed(step: Option<StepIx>, lines: Vec<Line>, rejects: bool, again: bool) -> Block {
    let text = lines.iter().map(|l| font(l.part).width(&l.words)).fold(0.0, f64::max);
    let (width, height) = (text + 2.0 * PAD + 2.0 * LOOP, lines.len() as f64 * LINE + 2.0 * PAD);
    Block { width, height, rejects, what: What::Box { step, lines, again } }
}

fn terminal(words: String) -> Block {
    boxed(None, vec![Line { part: Part::Kind, words }], false, false)
}

/// Lays a recipe out.
pub(super) fn layout(cell: &Cell, plan: &Plan) -> Layout {
    let ends = |begin: &str, nodes: &[Node], rejecting: bool, end: &str| {
        let mut column = Measure { cell, plan, rejecting }.column(nodes).blocks;
        column.insert(0, terminal(begin.to_owned()));
        column.push(terminal(end.to_owned()));
        Column::of(column)
    };
    let main = ends("a unit is opened", &plan.body, false, "the unit is good");
    let reject = ends("the unit is not good", &plan.on_reject, true, "the unit is out");
    let variant = plan.variant.as_ref().map_or(String::new(), |v| format!(", variant {v}"));
    let mut title = vec![format!("{} {}{variant} on {}", plan.recipe_id, plan.recipe_version, plan.cell_id)];
    title.extend(words::invariants(cell, plan));
    let top = EDGE + TITLE + LINE * title.len() as f64;
    let longest = title.iter().map(|t| NAME.width(t)).fold(0.0, f64::max);
    let columns = main.folded();
    let widths: f64 = columns.iter().map(|c| c.width).sum();
    let right = EDGE + widths + BESIDE * (3.0 * columns.len() as f64 - 1.0);
    let highest = columns.iter().map(|c| c.height).fold(reject.height, f64::max);
    let head = right + reject.width / 2.0;
    let mut out = Layout {
        width: (right + reject.width).max(EDGE + longest) + EDGE,
        height: top + highest + BELOW + EDGE,
        title,
        ..Layout::default()
    };
    out.columns(columns, top, head);
    out.column(reject, (head, top));
    out
}

impl Layout {
    /// The unit's way, column after column, each with its rail at the right. `head`: middle of the reject path.
    fn columns(&mut self, columns: Vec<Column>, top: f64, head: f64) {
        let mut x = EDGE;
        // End of the column before: the way goes down below it, up between the columns, and in from above.
        let mut before: Option<(f64, f64)> = None;
        for column in columns {
            let (middle, bottom) = (x + column.width / 2.0, top + column.height);
            if let Some((from, end)) = before {
                let (below, between, above) = (end + BELOW / 2.0, x - BESIDE, top - BELOW / 4.0);
                let way = [(from, end), (from, below), (between, below), (between, above), (middle, above)];
                self.ways.push((Way::On, [way.as_slice(), &[(middle, top)]].concat()));
            }
            before = Some((middle, bottom));
            let rail = x + column.width + BESIDE;
            self.rail(&column, (x, top), rail, head);
            x = rail + 2.0 * BESIDE;
            self.column(column, (middle, top));
        }
    }

    /// Every step that may reject leads to the rail, and that to the head of the reject path.
    fn rail(&mut self, main: &Column, (x, top): (f64, f64), rail: f64, head: f64) {
        let mut y = top;
        let mut last = None;
        for block in &main.blocks {
            if block.rejects {
                let right = x + main.width / 2.0 + block.width / 2.0 - block.margin();
                let at = y + block.height / 2.0;
                self.ways.push((Way::Reject, vec![(right, at), (rail, at)]));
                last = Some(at);
            }
            y += block.height + BELOW;
        }
        if let Some(last) = last {
            let over = top - BELOW * 0.6;
            self.ways.push((Way::Reject, vec![(rail, last), (rail, over), (head, over), (head, top)]));
        }
    }

    /// `middle` of its upper edge.
    fn column(&mut self, column: Column, (middle, mut y): (f64, f64)) {
        let mut from = None;
        for block in column.blocks {
            if let Some(from) = from {
                self.ways.push((Way::On, vec![(middle, from), (middle, y)]));
            }
            let height = block.height;
            self.block(block, (middle, y));
            from = Some(y + height);
            y += height + BELOW;
        }
    }

    /// `middle` of its upper edge.
    fn block(&mut self, block: Block, (middle, y): (f64, f64)) {
        let width = block.width - 2.0 * block.margin();
        let area = Area { x: middle - width / 2.0, y, width, height: block.height };
        match block.what {
            What::Box { step, lines, again } => {
                if again {
                    let (low, high, out) = (area.bottom() - 10.0, y + 10.0, area.x - LOOP + 5.0);
                    let back = vec![(area.x, low), (out, low), (out, high), (area.x, high)];
                    self.ways.push((Way::Again, back));
                }
                self.boxes.push(Placed { step, area, lines });
            }
            What::Beside { head, branches } => {
                self.frames.push(Frame { area, head });
                self.branches(branches, area);
            }
            What::Repeat { head, body } => {
                self.frames.push(Frame { area, head });
                // From below the last block around to above the first.
                let (high, low) = (y + HEAD + FRAME / 2.0, area.bottom() - FRAME / 2.0);
                let out = area.right() - FRAME / 2.0;
                let (top, bottom) = (y + HEAD + FRAME, area.bottom() - FRAME);
                let round =
                    [(middle, bottom), (middle, low), (out, low), (out, high), (middle, high), (middle, top)];
                self.ways.push((Way::Again, round.to_vec()));
                self.column(body, (middle, top));
            }
        }
    }

    fn branches(&mut self, branches: Vec<(String, Column)>, area: Area) {
        let wide = |name: &str, column: &Column| column.width.max(BODY.width(name));
        let all: f64 = branches.iter().map(|(name, c)| wide(name, c)).sum();
        let mut x = area.middle() - (all + BESIDE * (branches.len() as f64 - 1.0)) / 2.0;
        let (fork, join) = (area.y + HEAD, area.bottom() - FRAME);
        let (from, to) = (x, area.right() - (x - area.x));
        for (name, column) in branches {
            let width = wide(&name, &column);
            let (middle, top) = (x + width / 2.0, fork + HEAD + BELOW);
            self.ways.push((Way::On, vec![(middle, fork + HEAD), (middle, top)]));
            self.ways.push((Way::On, vec![(middle, top + column.height), (middle, join)]));
            self.names.push(((middle, fork + 15.0), name));
            self.column(column, (middle, top));
            x += width + BESIDE;
        }
        for y in [fork, join] {
            self.ways.push((Way::Bar, vec![(from, y), (to, y)]));
        }
    }
}

impl Block {
    /// What its width has left and right of it.
    fn margin(&self) -> f64 {
        if matches!(self.what, What::Box { .. }) { LOOP } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
