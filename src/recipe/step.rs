//! What a step kind is: it reads the fields of one step, checks them against the cell, and lowers them to
//! primitives. The caller of [`crate::compile`] hands in the table of kinds.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::expr::Expr;
use cellwright_model::plan::{
    Component, MeasurementSpec, OnHold, Primitive, Resource, Specification, Window,
};
use cellwright_model::{DurationNs, StationId, TrayId};

use crate::code::Code;
use crate::condition::{Never, Scene, Sight, condition, refuse_stations, warn_constant};
use crate::decode::{Decoder, Fields};
use crate::made::Made;
use crate::names;
use crate::shape::Shape;
use crate::source::Span;
use crate::suggest;
use crate::tree::Node;

/// One kind of step: one file in `steps`, one line in its table.
pub trait StepKind: Sync {
    /// As written in a recipe: `press`.
    fn name(&self) -> &'static str;
    /// It judges the part: `on_fail` has a meaning.
    fn judges(&self) -> bool;
    /// Once begun it cannot be done again on the same part: no retry.
    fn irreversible(&self) -> bool {
        false
    }
    /// It puts a part in, reads its code, or takes the unit out: a mistake in it leaves open what becomes of the unit.
    fn handles_parts(&self) -> bool {
        false
    }
    /// It works on what lies in the nest.
    fn works_on_unit(&self) -> bool {
        false
    }
    /// What it permits where the controller has died in it: `redo` only where nothing that it does cannot be done twice.
    fn restart(&self) -> Restart {
        if self.irreversible() { Restart::Never } else { Restart::Redo }
    }
    /// What it reads: its own fields; those of every step are added to them.
    fn shape(&self) -> &'static Shape;
    /// Reads, checks and lowers. `None`: has said why. The common fields (`id`, `timeout`, `on_fail`,
    /// `on_fault`, `on_hold`, `after_restart`, `when`) are read by the caller, which also refuses the fields that were not asked for.
    fn lower(&self, fields: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft>;
}

/// What a kind of step permits beside `after_restart: never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    Never,
    Redo,
    /// `verify-then-skip`, if the draft has what is looked at.
    Verify,
}

/// A component with the place of its declaration.
#[derive(Debug, Clone)]
pub struct ComponentDecl {
    pub component: Component,
    pub span: Span,
    /// It has mistakes: it might be another one than it seems.
    pub unread: bool,
}

/// What a kind may ask while it lowers a step.
pub struct Context<'a, 'd> {
    pub d: &'a mut Decoder<'d>,
    pub cell: &'a Cell,
    pub components: &'a [ComponentDecl],
    /// `components:` could not be read as a whole, which has been said: any name may be one of them.
    pub components_unread: bool,
    pub specification: Option<&'a Specification>,
    /// There is one, which could not be read and has been said.
    pub specification_unread: bool,
    /// Where the step before in the same branch left the unit.
    pub here: Option<StationId>,
    /// Where conditions of this step are looked at: set by reading its station, so read that first.
    pub scene: Scene,
    /// What steps before have measured, and the prefix of the ids of the steps beside this one.
    pub made: &'a Made,
    pub prefix: &'a str,
    /// Stations at which a unit can be rejected: those of the steps before `on_reject`.
    pub visited: &'a [StationId],
    /// Under `on_reject:`.
    pub rejecting: bool,
    /// Read of the step so far: what is known of one that has mistakes, so that they make no others behind it.
    pub at: Option<StationId>,
    pub measured: Vec<MeasurementSpec>,
}

/// A step lowered; identity and common fields are added by the caller.
#[derive(Debug, Default)]
pub struct Draft {
    pub station: Option<StationId>,
    pub resources: Vec<Resource>,
    pub supply: Option<Expr>,
    pub check_before: Option<Expr>,
    pub check_after: Option<Expr>,
    pub measurements: Vec<MeasurementSpec>,
    pub windows: Vec<Window>,
    pub ops: Vec<Primitive>,
    pub cleanup: Vec<Primitive>,
    pub equipment: Vec<usize>,
    /// Time that its dwells and moves take at the least; a shorter timeout is refused.
    pub at_least: DurationNs,
    /// A retry of a handler that comes sooner after the attempt before is refused.
    pub retry_not_before: Option<DurationNs>,
    /// Used where the recipe gives none; `None`: 10 s and three times `at_least`.
    pub timeout: Option<DurationNs>,
    /// Used where the recipe says nothing; `None`: finish if irreversible, else stop.
    pub on_hold: Option<OnHold>,
    /// What tells after a restart that the step had done its work.
    pub verifies: Option<Expr>,
    /// Components that it puts in, and those whose code it reads, with the place in the text.
    pub puts_in: Vec<(String, Span)>,
    pub scans: Vec<(String, Span)>,
    /// It takes the unit out of the cell, into a tray of this kind.
    pub unit_leaves: Option<TrayKind>,
}

impl<'a> Context<'a, '_> {
    /// `station:` of a step that has one; `None` has been said.
    pub fn station(&mut self, f: &mut Fields<'_>) -> Option<StationId> {
        let cell = self.cell;
        let station = f.req("station", self.d, |d, n| names::station(d, n, cell));
        self.scene = station.map_or(Scene::Unread, Scene::Station);
        self.at = station;
        station
    }

    /// The step's station may be the one that is wrong, which has been said: what else is told of it would be noise.
    pub fn doubt_station(&mut self) {
        (self.at, self.scene) = (None, Scene::Unread);
    }

    /// `station:` if it is given.
    pub fn station_opt(&mut self, f: &mut Fields<'_>) -> Option<StationId> {
        let cell = self.cell;
        let given = f.entry("station").is_some();
        let station = f.opt("station", self.d, |d, n| names::station(d, n, cell));
        self.scene = match station {
            Some(station) => Scene::Station(station),
            None if given => Scene::Unread,
            None => Scene::Cell,
        };
        self.at = station;
        station
    }

    /// A condition of this recipe: a safety signal in it is refused, since its loss always means
    /// Aborting and no recipe decides about it (house rule 9).
    pub fn condition(&mut self, f: &mut Fields<'_>, field: &'static str) -> Option<Expr> {
        let sight = Sight { cell: self.cell, scene: self.scene, made: Some(self.made), prefix: self.prefix };
        let never = if field == "when" { Never::Warned } else { Never::Refused };
        f.opt(field, self.d, |d, n| recipe_condition(d, n, &sight, None, never))
    }

    /// The component of a step that takes from `tray`: named, or the only one that comes from there. `tray`: `None` has
    /// been said; then only the name is looked at.
    pub fn component_from(
        &mut self,
        f: &mut Fields<'_>,
        tray: Option<(TrayId, Span)>,
    ) -> Option<&'a ComponentDecl> {
        let named = match f.entry("component") {
            Some(entry) => Some(self.component(&entry.node)?),
            None => None,
        };
        let (tray, at) = tray?;
        let found = match named {
            Some(found) => found,
            None => self.only_from(tray, at)?,
        };
        self.check_source(found, tray, at)?;
        Some(found)
    }

    /// The only component that comes from a tray.
    fn only_from(&mut self, tray: TrayId, at: Span) -> Option<&'a ComponentDecl> {
        let components = self.components;
        let sourced: Vec<_> = components.iter().filter(|c| c.component.source == Some(tray)).collect();
        let part = self.cell.trays[tray.index()].part.as_deref();
        let by_part =
            |c: &&ComponentDecl| c.component.source.is_none() && part == Some(c.component.part.as_str());
        let by_part: Vec<_> = components.iter().filter(by_part).collect();
        match (sourced.as_slice(), by_part.as_slice()) {
            ([one], _) | ([], [one]) => Some(*one),
            // A part number or source that could not be read might have been the one.
            _ if self.components_unread || components.iter().any(|c| c.unread) => None,
            (several, parts) => self.no_component(tray, several.len().max(parts.len()), at),
        }
    }

    fn no_component<T>(&mut self, tray: TrayId, count: usize, at: Span) -> Option<T> {
        let tray = &self.cell.trays[tray.index()].name;
        let message = match count {
            0 => format!("no component comes from `{tray}`"),
            n => format!("{n} components come from `{tray}`"),
        };
        let help = format!("give the component `source: {tray}`, or the step `component: …`");
        self.d.sink.error(Code::NoSource, at, message, help);
        None
    }

    fn check_source(&mut self, decl: &ComponentDecl, tray: TrayId, at: Span) -> Option<()> {
        let holds = &self.cell.trays[tray.index()];
        let labels = vec![(decl.span, "declared here".to_string())];
        if decl.component.source.is_some_and(|s| s != tray) {
            let message = format!("`{}` does not come from `{}`", decl.component.name, holds.name);
            let help = "take it from its source, or change `source:` of the component";
            self.d.sink.error_with(Code::NoSource, at, message, help, labels);
            return None;
        }
        match &holds.part {
            Some(part) if *part != decl.component.part && !decl.component.part.is_empty() => {
                let message = format!(
                    "`{}` holds {part}, `{}` is {}",
                    holds.name, decl.component.name, decl.component.part
                );
                let help = "take it from a tray that holds it, or correct the part number";
                self.d.sink.error_with(Code::PartMismatch, at, message, help, labels);
                None
            }
            _ => Some(()),
        }
    }

    /// A component by name.
    pub fn component(&mut self, node: &Node) -> Option<&'a ComponentDecl> {
        let text = self.d.text(node)?;
        let found = self.components.iter().find(|c| c.component.name == text.text);
        if found.is_none() && !self.components_unread {
            let help = suggest::remedy(&text.text, self.components.iter().map(|c| c.component.name.as_str()));
            self.d.error_at(
                Code::UnknownComponent,
                &text,
                format!("there is no component `{}`", text.text),
                help,
            );
        }
        found
    }
}

/// A condition in which no safety signal stands. `at`: where the unit is, although the scene is not a station.
pub(crate) fn recipe_condition(
    d: &mut Decoder<'_>,
    node: &Node,
    sight: &Sight<'_>,
    at: Option<StationId>,
    never: Never,
) -> Option<Expr> {
    let expr = condition(d, node, sight)?;
    match safety_signal(&expr, sight.cell) {
        None => {
            if sight.scene == Scene::Cell {
                refuse_stations(d, node, &expr, sight.cell, at);
            }
            warn_constant(d, node, &expr, sight, never);
            Some(expr)
        }
        Some(name) => {
            let message = format!("`{name}` comes from the safety controller");
            let help = "take it out: its loss always means Aborting, and no recipe decides about it";
            d.sink.error(Code::SafetySignal, node.span, message, help);
            None
        }
    }
}

/// Name of the first safety signal in a condition.
pub(crate) fn safety_signal<'c>(expr: &Expr, cell: &'c Cell) -> Option<&'c str> {
    let mut inputs = Vec::new();
    expr.inputs(&mut inputs);
    let first = inputs.iter().find(|i| cell.safety.contains(i))?;
    Some(&cell.digital_inputs[first.index()].name)
}
