//! The steps of a recipe and of what it uses, walked in the order of the text: `parallel`, `repeat` and `use`
//! here, every other kind by the table.

use std::collections::BTreeSet;

use cellwright_model::expr::Expr;
use cellwright_model::limits::{ROUNDS_MAX, STEPS_MAX};
use cellwright_model::plan::{Branch, Node as PlanNode, Step};
use cellwright_model::{StationId, StepIx};

use super::Compiler;
use super::common::Common;
use super::header::{self, Header};
use super::shadow;
use crate::code::Code;
use crate::condition::{Never, Scene, Sight};
use crate::decode::{Decoder, Fields, split_version};
use crate::diagnostic::Sink;
use crate::made::Made;
use crate::params;
use crate::source::Span;
use crate::step::{Context, Draft, StepKind, recipe_condition};
use crate::suggest;
use crate::tree::{Entry, Node, Value};

/// `parallel`, `repeat` and `use` inside each other.
const DEPTH_MAX: usize = 16;

/// What came out of the walk.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) steps: Vec<Step>,
    pub(super) body: Vec<PlanNode>,
    pub(super) on_reject: Vec<PlanNode>,
    /// What becomes of parts and of the unit is not known everywhere: a step that says it has a mistake.
    pub(super) holes: bool,
    /// Of each step: where it stands, and what it does to parts.
    pub(super) effects: Vec<Effect>,
    /// Arguments of sub-recipes, for the record: `feed/lane`.
    pub(super) arguments: Vec<(String, String)>,
}

/// What the checks over the whole need to know of a step.
pub(super) struct Effect {
    pub(super) span: Span,
    pub(super) judges: bool,
    /// It works on what lies in the nest.
    pub(super) works: bool,
    /// It may be left out.
    pub(super) when: Option<Expr>,
    pub(super) puts_in: Vec<(String, Span)>,
    pub(super) scans: Vec<(String, Span)>,
    pub(super) unit_leaves: Option<cellwright_model::cell::TrayKind>,
    pub(super) rejecting: bool,
}

/// State of the walk through one file.
struct Walk<'w, 'c> {
    compiler: &'w mut Compiler<'c>,
    header: &'w Header,
    out: Walked,
    ids: BTreeSet<String>,
    visited: Vec<StationId>,
    /// What the steps so far have measured.
    made: Made,
    rejecting: bool,
    /// Sub-recipes around this place, for cycles.
    around: Vec<String>,
    depth: usize,
    /// Steps, `parallel`, `repeat` and `use` met so far.
    nodes: usize,
    /// Rounds of the repeats around this place, multiplied.
    rounds: u16,
}

/// The branch that is walked: prefix of its ids, and where the unit is.
#[derive(Clone)]
struct Here {
    prefix: String,
    station: Option<StationId>,
}

pub(super) fn recipe(
    compiler: &mut Compiler<'_>,
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    header: &Header,
) -> Walked {
    let mut walk = Walk {
        compiler,
        header,
        out: Walked::default(),
        ids: BTreeSet::new(),
        visited: Vec::new(),
        made: Made::default(),
        rejecting: false,
        around: Vec::new(),
        depth: 0,
        nodes: 0,
        rounds: 1,
    };
    let mut here = Here { prefix: String::new(), station: None };
    let steps = f.req("steps", d, |_, n| Some(n));
    if let Some(node) = walk.or_hole(steps) {
        walk.out.body = walk.list(d, node, &mut here);
    }
    walk.rejecting = true;
    walk.made.begin_rejecting();
    here.station = None;
    if let Some(node) = f.req("on_reject", d, |_, n| Some(n)) {
        walk.out.on_reject = walk.list(d, node, &mut here);
    }
    walk.out
}

impl Walk<'_, '_> {
    fn list(&mut self, d: &mut Decoder<'_>, node: &Node, here: &mut Here) -> Vec<PlanNode> {
        let list = d.list(node);
        self.out.holes |= list.is_none();
        let list = list.unwrap_or_default();
        if list.is_empty() && matches!(node.value, Value::Sequence(_)) {
            d.sink.error(Code::Empty, node.span, "there is no step", "write at least one step");
        }
        let mut out = Vec::new();
        for node in list {
            self.node(d, node, here, &mut out);
        }
        out
    }

    /// `- press: { … }`: one key, the kind.
    fn node(&mut self, d: &mut Decoder<'_>, node: &Node, here: &mut Here, out: &mut Vec<PlanNode>) {
        let Some(entries) = d.named(node) else {
            self.out.holes = true;
            return;
        };
        let [entry] = entries else {
            self.out.holes = true;
            if d.is_incomplete(node) {
                return;
            }
            let message = format!("a step has one key, its kind; here are {}", entries.len());
            let help = "write `- kind: { fields }`, and indent the fields deeper than the kind";
            d.sink.error(Code::WrongKind, entries.get(1).map_or(node.span, |e| e.key_span), message, help);
            return;
        };
        self.out.holes |= self.depth >= DEPTH_MAX || self.nodes >= STEPS_MAX;
        if self.depth >= DEPTH_MAX {
            let help = format!("at most {DEPTH_MAX} `parallel`, `repeat` and `use` stand inside each other");
            d.sink.error(Code::TooDeep, entry.key_span, "nested too deeply", help);
            return;
        }
        // Steps with mistakes and empty sub-recipes count too: two in two in two soon are a million.
        if self.nodes == STEPS_MAX {
            let message = format!("more than {STEPS_MAX} steps");
            d.sink.error(Code::TooManySteps, entry.key_span, message, "split the recipe");
        }
        self.nodes += 1;
        if self.nodes > STEPS_MAX {
            return;
        }
        self.depth += 1;
        match entry.key.as_str() {
            "parallel" => out.extend(self.parallel(d, entry, here)),
            "repeat" => out.extend(self.repeat(d, entry, here)),
            "use" => out.extend(self.operation(d, entry, here)),
            _ => out.extend(self.step(d, entry, here).map(PlanNode::Step)),
        }
        self.depth -= 1;
    }

    /// An id unique in the Plan: `feed/push`.
    fn id(&mut self, d: &mut Decoder<'_>, f: &mut Fields<'_>, here: &Here) -> Option<String> {
        let text = f.req("id", d, |d, n| d.identifier(n))?;
        let id = format!("{}{}", here.prefix, text.text);
        if !self.ids.insert(id.clone()) {
            let message = format!("there is another step `{id}`");
            d.error_at(
                Code::DuplicateId,
                &text,
                message,
                "give each step its own id: the record names it by that",
            );
        }
        Some(id)
    }

    fn parallel(&mut self, d: &mut Decoder<'_>, entry: &Entry, here: &mut Here) -> Option<PlanNode> {
        let mut f = self.or_hole(d.fields(&entry.node))?;
        let id = self.id(d, &mut f, here);
        let branches = f.req("branches", d, |_, n| Some(n));
        f.finish(d);
        let node = self.or_hole(branches)?;
        let entries = self.or_hole(d.named(node))?;
        if entries.len() < 2 {
            let help = "write two branches, or the steps without `parallel`";
            d.sink.error(Code::Empty, node.span, "one branch runs beside nothing", help);
        }
        let mut at: Option<(StationId, Span)> = None;
        let mut out = Vec::new();
        let before = self.made.len();
        for branch in entries {
            d.check_identifier(&branch.key, branch.key_span);
            let mut inner = here.clone();
            let first = self.out.steps.len();
            self.made.begin_branch(before..self.made.len());
            let body = self.list(d, &branch.node, &mut inner);
            self.made.end_branch();
            self.one_station(d, first, &mut at);
            out.push(Branch { name: branch.key.clone(), body });
        }
        here.station = at.map(|(station, _)| station).or(here.station);
        Some(PlanNode::Parallel { id: id.unwrap_or_default(), branches: out })
    }

    /// Something could not be read in which there may be any steps.
    fn or_hole<T>(&mut self, read: Option<T>) -> Option<T> {
        self.out.holes |= read.is_none();
        read
    }

    /// A unit is at one place: all steps of all branches are at one station.
    fn one_station(&mut self, d: &mut Decoder<'_>, first: usize, at: &mut Option<(StationId, Span)>) {
        for (step, effect) in self.out.steps[first..].iter().zip(&self.out.effects[first..]) {
            let Some(station) = step.station else { continue };
            match *at {
                None => *at = Some((station, effect.span)),
                Some((other, span)) if other != station => {
                    let name = |s: StationId| &self.compiler.cell.stations[s.index()].name;
                    let message = format!("`{}` is at `{}`", step.id, name(station));
                    let label = vec![(span, format!("this step beside it is at `{}`", name(other)))];
                    let help = "the branches of one unit run at one station: put this step behind `parallel`";
                    d.sink.error_with(Code::TwoStations, effect.span, message, help, label);
                }
                Some(_) => {}
            }
        }
    }

    /// `repeat: { id: dry, at_most: 5, until: leak_1 < 1 kPa, steps: [...] }`.
    fn repeat(&mut self, d: &mut Decoder<'_>, entry: &Entry, here: &mut Here) -> Option<PlanNode> {
        let mut f = self.or_hole(d.fields(&entry.node))?;
        let id = self.id(d, &mut f, here);
        let most = u64::from(ROUNDS_MAX / self.rounds);
        let at_most = f.req("at_most", d, |d, n| d.integer(n, 1, most)).unwrap_or(1) as u16;
        let until = f.req("until", d, |_, n| Some(n));
        let steps = f.req("steps", d, |_, n| Some(n));
        f.finish(d);
        if self.rejecting {
            let message = "a `repeat` says whether the part is good, and the unit is rejected already";
            d.sink.error(Code::NoResult, entry.key_span, message, "write its steps once");
        }
        let first = self.out.steps.len();
        let around = self.rounds;
        self.rounds = around.saturating_mul(at_most);
        let body = self.or_hole(steps).map(|steps| self.list(d, steps, here)).unwrap_or_default();
        self.rounds = around;
        self.only_reversible(d, first, entry.key_span);
        let sight = Sight {
            cell: self.compiler.cell,
            scene: Scene::Cell,
            made: Some(&self.made),
            prefix: &here.prefix,
        };
        let until = until.and_then(|n| recipe_condition(d, n, &sight, here.station, Never::Refused));
        let (id, until) = (id.unwrap_or_default(), until.unwrap_or(Expr::Always(true)));
        Some(PlanNode::Repeat { id, at_most, until, body })
    }

    /// What is done again and again has to be something that can be done again.
    fn only_reversible(&mut self, d: &mut Decoder<'_>, first: usize, repeat: Span) {
        for (step, effect) in self.out.steps[first..].iter().zip(&self.out.effects[first..]) {
            if step.irreversible {
                self.out.holes = true;
                let message = format!("a {} is never done again on the same part", step.kind);
                let label = vec![(repeat, "repeated here".to_string())];
                let help = "put it before or behind the `repeat`";
                d.sink.error_with(Code::RepeatIrreversible, effect.span, message, help, label);
            }
        }
    }

    /// `use: { id, recipe: feed-cannula@1, with: { lane: 2 } }`: the steps of the sub-recipe stand here.
    fn operation(&mut self, d: &mut Decoder<'_>, entry: &Entry, here: &mut Here) -> Vec<PlanNode> {
        let Some(mut f) = self.or_hole(d.fields(&entry.node)) else { return Vec::new() };
        let id = self.id(d, &mut f, here);
        let reference = f.req("recipe", d, |d, n| {
            let text = d.text(n)?;
            let split = split_version(&text.text).map(|(name, major)| (name.to_string(), major));
            if split.is_none() {
                let message = format!("`{}` names no sub-recipe", text.text);
                d.error_at(Code::UseSyntax, &text, message, "write `name@major`: `feed-cannula@1`");
            }
            split.map(|(name, major)| (name, major, n.span))
        });
        let with = f.opt("with", d, |_, n| Some(n));
        let misspelt = f.is_misspelt("with");
        f.finish(d);
        let Some((name, major, span)) = self.or_hole(reference) else { return Vec::new() };
        if self.around.contains(&name) {
            self.out.holes = true;
            let message = format!("`{name}` uses itself: {} → {name}", self.around.join(" → "));
            d.sink.error(Code::UseCycle, span, message, "break the circle");
            return Vec::new();
        }
        let parsed = self.compiler.operation(&name, span, d.sink);
        let Some(root) = self.or_hole(parsed.root.as_ref()) else { return Vec::new() };
        debug_assert_eq!(parsed.file, root.span.file);
        self.around.push(name.clone());
        let mut inner = Here { prefix: format!("{}/", id.unwrap_or_default()), station: here.station };
        let with = (with, misspelt);
        let out = self.inline(d, root, with, span, (&name, major), &mut inner);
        self.around.pop();
        here.station = inner.station;
        out
    }

    /// Reads a sub-recipe with its arguments and walks its steps.
    fn inline(
        &mut self,
        d: &mut Decoder<'_>,
        root: &Node,
        (with, misspelt): (Option<&Node>, bool),
        at: Span,
        (name, major): (&str, u32),
        here: &mut Here,
    ) -> Vec<PlanNode> {
        let empty = crate::scope::Scope::empty();
        let mut own = Decoder { sink: &mut *d.sink, scope: &empty };
        let Some(mut f) = self.or_hole(own.fields(root)) else { return Vec::new() };
        let (identity, other_cell) = header::identity(&mut own, &mut f, self.compiler.cell);
        let decls = params::declarations(&mut own, &mut f, true);
        let wanted = f.opt("components", &mut own, |d, n| d.list(n)).unwrap_or_default();
        let all_there = wanted.iter().filter(|n| !self.wanted_component(&mut own, n, at)).count() == 0;
        let steps = f.req("steps", &mut own, |_, n| Some(n));
        f.finish(&mut own);
        self.check_identity(own.sink, identity, name, major, at);
        if other_cell {
            self.out.holes = true;
            return Vec::new();
        }
        let decls = params::mark_unused(decls, root, d.sink);
        shadow::warn_params(d.sink, self.compiler.cell, &decls);
        let scope = params::arguments(d, (with, misspelt), at, &decls);
        let arguments =
            scope.values().map(|(name, value)| (format!("{}{name}", here.prefix), value.to_string()));
        self.out.arguments.extend(arguments);
        let Some(steps) = self.or_hole(steps) else { return Vec::new() };
        let mut inner = Decoder { sink: &mut *d.sink, scope: &scope };
        let first = self.out.effects.len();
        let around = core::mem::take(&mut self.out.holes);
        let nodes = self.list(&mut inner, steps, here);
        // Steps with mistakes, or without a value of theirs, say nothing about their components.
        if !self.out.holes && all_there {
            self.handled(inner.sink, first, wanted);
        }
        self.out.holes |= around;
        nodes
    }

    /// A sub-recipe lists the components that its steps handle, those and no others.
    fn handled(&self, sink: &mut Sink, first: usize, listed: &[Node]) {
        let name = |node: &Node| match &node.value {
            Value::Scalar(scalar) => scalar.text.clone(),
            _ => String::new(),
        };
        let of = |e: &'_ Effect| e.puts_in.iter().chain(&e.scans).cloned().collect::<Vec<_>>();
        let handled: Vec<(String, Span)> = self.out.effects[first..].iter().flat_map(of).collect();
        for node in listed {
            if !handled.iter().any(|(h, _)| *h == name(node)) {
                let message = format!("no step here handles `{}`", name(node));
                sink.warning(Code::UseComponents, node.span, message, "take it out of `components:`");
            }
        }
        for (component, span) in &handled {
            if !listed.iter().any(|node| name(node) == *component) {
                let message = format!("`{component}` is handled here, and `components:` does not list it");
                sink.warning(Code::UseComponents, *span, message, format!("list `{component}` there"));
            }
        }
    }

    /// A component that a sub-recipe handles must be one of the recipe's.
    fn wanted_component(&self, d: &mut Decoder<'_>, node: &Node, at: Span) -> bool {
        let Some(text) = d.text(node) else { return false };
        let known = self.header.components.iter().any(|c| c.component.name == text.text);
        if !known && !self.header.components_unread {
            let message = format!(
                "the sub-recipe handles a component `{}`, which this recipe does not have",
                text.text
            );
            let labels = vec![(text.span, "named here".to_string())];
            let help = "add it under `components:`";
            d.sink.error_with(Code::UnknownComponent, at, message, help, labels);
        }
        known || self.header.components_unread
    }

    fn check_identity(
        &self,
        sink: &mut Sink,
        identity: Option<header::Identity>,
        name: &str,
        major: u32,
        at: Span,
    ) {
        let Some(identity) = identity else { return };
        if identity.id != name {
            let message = format!("the file of `{name}` has the id `{}`", identity.id);
            sink.error(Code::UseIdentity, identity.id_text.span, message, format!("write `id: {name}`"));
        }
        if identity.major() != major {
            let message = format!("`{name}@{major}` is asked for, there is {}", identity.version);
            let labels = vec![(identity.version_text.span, "its version".to_string())];
            let help = format!("check what changed and write `{name}@{}`", identity.major());
            sink.error_with(Code::UseVersion, at, message, help, labels);
        }
    }

    fn step(&mut self, d: &mut Decoder<'_>, entry: &Entry, here: &mut Here) -> Option<StepIx> {
        let kinds = self.compiler.kinds;
        let Some(kind) = kinds.iter().find(|k| k.name() == entry.key).copied() else {
            let names = kinds.iter().map(|k| k.name()).chain(["parallel", "repeat", "use"]);
            let help = suggest::remedy(&entry.key, names);
            let message = format!("there is no step `{}`", entry.key);
            d.sink.error(Code::UnknownStep, entry.key_span, message, help);
            self.out.holes = true;
            return None;
        };
        let Some(mut f) = d.fields(&entry.node) else {
            self.out.holes |= kind.handles_parts();
            return None;
        };
        let id = self.id(d, &mut f, here);
        let common = Common::read(d, &mut f, kind);
        let mut cx = Context {
            d: &mut *d,
            cell: self.compiler.cell,
            components: &self.header.components,
            components_unread: self.header.components_unread,
            specification: self.header.specification.as_ref(),
            specification_unread: self.header.specification_unread,
            here: here.station,
            scene: Scene::Cell,
            made: &self.made,
            prefix: &here.prefix,
            visited: &self.visited,
            rejecting: self.rejecting,
            at: None,
            measured: Vec::new(),
        };
        let draft = kind.lower(&mut f, &mut cx);
        let when = cx.condition(&mut f, "when");
        self.out.holes |= draft.is_none() && kind.handles_parts();
        let lost = cx.scene == Scene::Unread;
        // One with mistakes is a step all the same: those behind it find where it is and what it measures.
        let known =
            Draft { station: cx.at, measurements: core::mem::take(&mut cx.measured), ..Draft::default() };
        f.finish(d);
        let whole = draft.is_some();
        let mut draft = draft.unwrap_or(known);
        if lost {
            draft.station = None;
        }
        here.station = draft.station.or(here.station.filter(|_| !lost));
        self.visit(draft.station);
        let id = id.unwrap_or_default();
        shadow::warn_measurements(d.sink, self.compiler.cell, &id, &entry.node);
        self.made.enter(&id, &draft.measurements, when.as_ref().is_some_and(|w| *w != Expr::Always(true)));
        self.effect(&mut draft, kind, &when, entry.key_span);
        let n = self.out.steps.len() as u32 + 1;
        self.out.steps.push(common.finish(d, (id, n), kind, when, (draft, whole)));
        Some(StepIx((n - 1) as u16))
    }

    fn visit(&mut self, station: Option<StationId>) {
        if let Some(station) = station.filter(|s| !self.rejecting && !self.visited.contains(s)) {
            self.visited.push(station);
        }
    }

    fn effect(&mut self, draft: &mut Draft, kind: &dyn StepKind, when: &Option<Expr>, span: Span) {
        self.out.effects.push(Effect {
            span,
            judges: kind.judges(),
            works: kind.works_on_unit() || draft.unit_leaves.is_some(),
            when: when.clone().filter(|w| *w != Expr::Always(true)),
            puts_in: core::mem::take(&mut draft.puts_in),
            scans: core::mem::take(&mut draft.scans),
            unit_leaves: draft.unit_leaves,
            rejecting: self.rejecting,
        });
    }
}
