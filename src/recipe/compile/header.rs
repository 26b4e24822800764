//! What stands before the steps: identity, specification, components, invariants.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::plan::{Component, Identify, Invariant, Specification};

use super::shadow;
use crate::cell_text;
use crate::code::Code;
use crate::condition::{Never, Sight, condition, refuse_stations, warn_constant};
use crate::decode::{Decoder, Fields, Text};
use crate::names;
use crate::step::{ComponentDecl, safety_signal};
use crate::tree::{Entry, Node};

/// Components of a unit, and conditions watched in each cycle.
const COMPONENTS_MAX: usize = 256;
const INVARIANTS_MAX: usize = 64;

pub(super) struct Header {
    /// Written for another cell: none of its names would be known.
    pub(super) other_cell: bool,
    pub(super) identity: Option<Identity>,
    pub(super) specification: Option<Specification>,
    /// There is one, with a mistake.
    pub(super) specification_unread: bool,
    pub(super) components: Vec<ComponentDecl>,
    /// They could not be read as a whole.
    pub(super) components_unread: bool,
    pub(super) invariants: Vec<Invariant>,
}

/// Id and version of a recipe file.
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) id_text: Text,
    pub(super) version_text: Text,
}

impl Identity {
    /// The number before the first point.
    pub(super) fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

pub(super) fn recipe(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Header {
    let (identity, other_cell) = identity(d, f, cell);
    let specification = f.opt("specification", d, specification);
    let specification_unread =
        f.is_misspelt("specification") || f.entry("specification").is_some() != specification.is_some();
    // Read before, in their own pass; asked for here so that they are known fields.
    f.entry("params");
    f.entry("variants");
    let entries = f.req("components", d, |d, n| {
        d.capacity(n, COMPONENTS_MAX);
        d.named(n)
    });
    let components_unread = entries.is_none();
    let mut components: Vec<_> =
        entries.unwrap_or_default().iter().take(COMPONENTS_MAX).map(|e| component(d, e, cell)).collect();
    itself_once(d, &mut components);
    let invariants = f.opt("invariants", d, |d, n| {
        d.capacity(n, INVARIANTS_MAX);
        d.list(n)
    });
    let invariants = invariants_of(d, invariants.unwrap_or_default(), cell);
    Header {
        other_cell,
        identity,
        specification,
        specification_unread,
        components,
        components_unread,
        invariants,
    }
}

/// `recipe:`, `id:`, `version:`, `cell:`, the same in a recipe and a sub-recipe; and whether the cell is
/// another one.
pub(super) fn identity(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> (Option<Identity>, bool) {
    cell_text::schema(d, f, "recipe");
    let id_text = f.req("id", d, |d, n| d.identifier(n));
    let version_text = f.req("version", d, version);
    let other = f.req("cell", d, |d, n| {
        let text = d.text(n)?;
        let other = text.text != cell.id;
        if other {
            let message = format!("the recipe is for `{}`, the cell is `{}`", text.text, cell.id);
            d.error_at(Code::OtherCell, &text, message, "name the right cell, or give `--cell` another one");
        }
        Some(other)
    });
    let identity = id_text.zip(version_text).map(|(id_text, version_text)| Identity {
        id: id_text.text.clone(),
        version: version_text.text.clone(),
        id_text,
        version_text,
    });
    (identity, other == Some(true))
}

/// `3.2.0`: three whole numbers.
fn version(d: &mut Decoder<'_>, node: &Node) -> Option<Text> {
    let text = d.text(node)?;
    let parts: Vec<_> = text.text.split('.').collect();
    let number = |p: &&str| p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u32>().is_ok();
    let zeros = |p: &&str| p.len() > 1 && p.starts_with('0');
    let (good, padded) = (parts.len() == 3 && parts.iter().all(number), parts.iter().any(zeros));
    if good && !padded {
        return Some(text);
    }
    let message = match good {
        true => format!("`{}` is another version than the same without zeros in front", text.text),
        false => format!("`{}` is not a version", text.text),
    };
    d.error_at(Code::BadVersion, &text, message, "write three numbers: `3.2.0`");
    None
}

fn specification(d: &mut Decoder<'_>, node: &Node) -> Option<Specification> {
    let mut f = d.fields(node)?;
    let id = f.req("id", d, |d, n| d.identifier(n));
    let revision = f.req("revision", d, |d, n| d.identifier(n));
    f.finish(d);
    Some(Specification { id: id?.text, revision: revision?.text })
}

/// A component that could not be read keeps its place, so that steps which name it are not wrong too.
fn component(d: &mut Decoder<'_>, entry: &Entry, cell: &Cell) -> ComponentDecl {
    d.check_identifier(&entry.key, entry.key_span);
    shadow::warn(d.sink, cell, &entry.key, entry.key_span, "the component");
    let mut component =
        Component { name: entry.key.clone(), part: String::new(), identify: Identify::PerLot, source: None };
    let mut unread = true;
    if let Some(mut f) = d.fields(&entry.node) {
        let part = f.req("part", d, |d, n| d.identifier(n)).map(|t| t.text);
        let words = [
            ("per-unit", Identify::PerUnit),
            ("per-lot", Identify::PerLot),
            ("own-serial", Identify::OwnSerial),
        ];
        let identify = f.req("identify", d, |d, n| d.word(n, &words));
        component.source = f.opt("source", d, |d, n| {
            let id = names::tray(d, n, cell)?;
            let tray = &cell.trays[id.index()];
            if !matches!(tray.kind, TrayKind::Source | TrayKind::Lane) {
                let message = format!("nothing comes from `{}`: units go there", tray.name);
                d.sink.error(Code::TrayKind, n.span, message, "name a tray of kind source or lane");
                return None;
            }
            Some(id)
        });
        let source_unread = f.entry("source").is_some() != component.source.is_some();
        unread = part.is_none() || identify.is_none() || source_unread || f.is_misspelt("source");
        f.finish(d);
        component.part = part.unwrap_or_default();
        component.identify = identify.unwrap_or(Identify::PerLot);
    }
    ComponentDecl { component, span: entry.key_span, unread }
}

/// A unit comes back once.
fn itself_once(d: &mut Decoder<'_>, components: &mut [ComponentDecl]) {
    let mut itself = components.iter_mut().filter(|c| c.component.identify == Identify::OwnSerial);
    let Some(first) = itself.next() else { return };
    for second in itself {
        second.unread = true;
        let message = format!("`{}` is the unit itself, too", second.component.name);
        let labels = vec![(first.span, "the unit itself".to_string())];
        let help = "one component is the finished unit; identify parts `per-unit` or `per-lot`";
        d.sink.error_with(Code::UsedTwice, second.span, message, help, labels);
    }
}

fn invariants_of(d: &mut Decoder<'_>, list: &[Node], cell: &Cell) -> Vec<Invariant> {
    let mut out: Vec<Invariant> = Vec::new();
    for node in list.iter().take(INVARIANTS_MAX) {
        let Some((invariant, id)) = invariant(d, node, cell) else { continue };
        if out.iter().any(|i| i.id == invariant.id) {
            let message = format!("there is another invariant `{}`", invariant.id);
            d.sink.error(Code::DuplicateId, id.span, message, "give each its own id");
        }
        out.push(invariant);
    }
    out
}

fn invariant(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<(Invariant, Text)> {
    let mut f = d.fields(node)?;
    let id = f.req("id", d, |d, n| d.identifier(n));
    let check = f.req("check", d, |d, n| condition(d, n, &Sight::of_cell(cell)).map(|e| (e, n)));
    let words = [
        ("reject", FaultClass::RejectPart),
        ("hold", FaultClass::Hold),
        ("stop", FaultClass::Stop),
        ("abort", FaultClass::Abort),
    ];
    let otherwise = f.req("else", d, |d, n| d.word(n, &words));
    f.finish(d);
    if let (Some((expr, at)), Some(class)) = (&check, otherwise)
        && class != FaultClass::Abort
        && let Some(name) = safety_signal(expr, cell)
    {
        let message = format!("`{name}` comes from the safety controller: its loss always means Aborting");
        d.sink.error(Code::SafetySignal, at.span, message, "take it out, or write `else: abort`");
        return None;
    }
    if let Some((expr, at)) = &check {
        refuse_stations(d, at, expr, cell, None);
        warn_constant(d, at, expr, &Sight::of_cell(cell), Never::Refused);
    }
    let id = id?;
    Some((Invariant { id: id.text.clone(), check: check?.0, otherwise: otherwise? }, id))
}
