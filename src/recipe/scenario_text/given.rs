//! What is there at the beginning: units, parts, material, who operates.

use std::collections::BTreeMap;

use cellwright_model::TrayId;
use cellwright_model::cell::Cell;
use cellwright_model::material::Label;
use cellwright_model::plan::Primitive;
use cellwright_model::plant::{Defect, GivenParts, PartKind};

use super::Setup;
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::names;
use crate::source::Span;
use crate::suggest;
use crate::tree::{Node, Value};

pub(super) const UNITS_MAX: u64 = 1_000;
/// Seed of a test that names none.
const SEED: u64 = 1;

/// See the module text.
#[derive(Debug, Clone)]
pub struct Given {
    pub units: u32,
    pub seed: u64,
    pub operator: Operator,
    /// In place of what the plant has.
    pub material: Vec<Loaded>,
    /// Share of grips that miss, of one.
    pub miss: Option<f64>,
    /// What is bad about the parts; `None`: they are drawn by the plant's shares.
    pub parts: Option<Vec<GivenParts>>,
    /// What the automatic operator answers to a step that asks, in the place of the first answer.
    pub answers: BTreeMap<String, String>,
}

/// Who brings the cell into Execute and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// The automatic one; what the scenario answers itself is left to it.
    Automatic,
    /// Only what the scenario does.
    Scripted,
}

/// Material of a tray or lane.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub tray: TrayId,
    /// As scanned or typed.
    pub label: Label,
    pub next: Option<u32>,
    /// Parts of what was there before.
    pub left: Option<u32>,
}

impl Given {
    /// One unit of good parts.
    pub(super) fn of_a_test() -> Given {
        Given {
            units: 1,
            seed: SEED,
            operator: Operator::Automatic,
            material: Vec::new(),
            miss: None,
            parts: Some(good()),
            answers: BTreeMap::new(),
        }
    }
}

fn good() -> Vec<GivenParts> {
    PartKind::ALL.map(|kind| GivenParts { kind, defects: Vec::new() }).into()
}

/// Cell and recipe as a scenario file names them.
pub(super) fn machine(d: &mut Decoder<'_>, node: &Node) -> Option<[(String, Span); 2]> {
    let mut f = d.fields(node)?;
    let cell = f.req("cell", d, |d, n| Some((d.identifier(n)?.text, n.span)));
    let recipe = f.req("recipe", d, |d, n| Some((d.string(n)?, n.span)));
    Some([cell?, recipe?])
}

/// `names_machine`: it is that of a scenario file, which has been asked for cell and recipe, and whose parts are drawn.
pub(super) fn given(d: &mut Decoder<'_>, node: &Node, setup: &Setup, names_machine: bool) -> Option<Given> {
    let mut f = d.fields(node)?;
    if names_machine {
        f.entry("cell");
        f.entry("recipe");
    }
    let before = d.sink.errors();
    let units = f.opt("units", d, |d, n| d.integer(n, 1, UNITS_MAX)).unwrap_or(1);
    let seed = f.opt("seed", d, |d, n| d.integer(n, 0, 1 << 53)).unwrap_or(SEED);
    let words = [("automatic", Operator::Automatic), ("scripted", Operator::Scripted)];
    let operator = f.opt("operator", d, |d, n| d.word(n, &words)).unwrap_or(Operator::Automatic);
    let material = f.opt("material", d, |d, n| super::all(d, n, |d, n| loaded(d, n, &setup.cell)));
    let miss = f.opt("grips_missed", d, |d, n| d.quantity(n, cellwright_model::Dimension::Ratio));
    let drawn = if names_machine { None } else { Some(good()) };
    let parts = match f.entry("parts") {
        Some(entry) => parts(d, &entry.node, setup),
        None => drawn,
    };
    let answers = f.opt("answers", d, |d, n| answers(d, n, setup)).unwrap_or_default();
    f.finish(d);
    let given = Given {
        units: units as u32,
        seed,
        operator,
        material: material.unwrap_or_default(),
        miss,
        parts,
        answers,
    };
    (d.sink.errors() == before).then_some(given)
}

/// By component: one defect, or a list of them in the order in which its parts leave their source; `good` for none.
fn parts(d: &mut Decoder<'_>, node: &Node, setup: &Setup) -> Option<Vec<GivenParts>> {
    let mut found = good();
    for entry in d.named(node)? {
        let names = setup.plan.components.iter().map(|c| c.name.as_str());
        let Some(component) = setup.plan.components.iter().find(|c| c.name == entry.key) else {
            let message = format!("the recipe has no component `{}`", entry.key);
            d.sink.error(Code::UnknownComponent, entry.key_span, message, suggest::remedy(&entry.key, names));
            continue;
        };
        let material = setup.plant.material.iter().find(|m| m.part == component.part);
        let Some(kind) = material.map(|m| m.kind) else {
            let message = format!("the plant has no material `{}`", component.part);
            d.sink.error(Code::TestPart, entry.key_span, message, "add it under `material:` in plant.yaml");
            continue;
        };
        let one = core::slice::from_ref(&entry.node);
        let list = if matches!(entry.node.value, Value::Sequence(_)) { d.list(&entry.node)? } else { one };
        d.capacity(&entry.node, UNITS_MAX as usize);
        let defects = list.iter().map(|n| defect(d, n, kind)).collect::<Vec<_>>();
        if let Some(given) = found.iter_mut().find(|g| g.kind == kind) {
            given.defects = defects.into_iter().flatten().collect();
        }
    }
    Some(found)
}

/// `None`: the word is wrong. `Some(None)`: the part is good.
fn defect(d: &mut Decoder<'_>, node: &Node, kind: PartKind) -> Option<Option<Defect>> {
    let text = d.text(node)?;
    let defects = Defect::ALL.into_iter().filter(|x| x.kind() == kind);
    let words: Vec<(&str, Option<Defect>)> =
        core::iter::once(("good", None)).chain(defects.map(|x| (x.as_str(), Some(x)))).collect();
    let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, defect)| *defect);
    if found.is_none() {
        let message = format!("no {} is `{}`", kind.as_str(), text.text);
        d.error_at(
            Code::TestPart,
            &text,
            message,
            suggest::remedy(&text.text, words.iter().map(|(w, _)| *w)),
        );
    }
    found
}

/// By step: one of the answers that it offers.
fn answers(d: &mut Decoder<'_>, node: &Node, setup: &Setup) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for entry in d.named(node)? {
        let steps = setup.plan.steps.iter().map(|s| s.id.as_str());
        let Some(step) = setup.plan.steps.iter().find(|s| s.id == entry.key) else {
            let message = format!("the recipe has no step `{}`", entry.key);
            d.sink.error(Code::TestStep, entry.key_span, message, suggest::remedy(&entry.key, steps));
            continue;
        };
        let offered: Vec<&str> = step.ops.iter().flat_map(offers).map(String::as_str).collect();
        let Some(text) = d.text(&entry.node) else { continue };
        if offered.contains(&text.text.as_str()) {
            found.insert(entry.key.clone(), text.text);
            continue;
        }
        let (message, help) = if offered.is_empty() {
            (format!("`{}` asks nobody", entry.key), "name a step that asks a person".to_owned())
        } else {
            let help = suggest::remedy(&text.text, offered.iter().copied());
            (format!("`{}` does not offer `{}`", entry.key, text.text), help)
        };
        d.error_at(Code::TestAnswer, &text, message, help);
    }
    Some(found)
}

fn offers(op: &Primitive) -> &[String] {
    match op {
        Primitive::Ask { answers, .. } => answers,
        _ => &[],
    }
}

pub(super) fn loaded(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Loaded> {
    let mut f = d.fields(node)?;
    let tray = f.req("tray", d, |d, n| names::tray(d, n, cell));
    let scanned = f.opt("scanned", d, |d, n| d.string(n)).map(Label::Scanned);
    let typed = f.opt("typed", d, typed);
    let empty = f.opt("empty", d, |d, n| d.word(n, &[("true", ())]));
    let next = f.opt("next", d, |d, n| d.integer(n, 0, 10_000));
    let left = f.opt("left", d, |d, n| d.integer(n, 0, 1_000_000));
    let label = one(d, f, [scanned, typed, empty.map(|()| Label::Empty)]);
    Some(Loaded { tray: tray?, label: label?, next: next.map(|n| n as u32), left: left.map(|n| n as u32) })
}

fn typed(d: &mut Decoder<'_>, node: &Node) -> Option<Label> {
    let mut f = d.fields(node)?;
    let part = f.req("part", d, |d, n| d.string(n));
    let lot = f.req("lot", d, |d, n| d.string(n));
    let expiry = f.opt("expiry", d, |d, n| d.string(n));
    let quantity = f.opt("quantity", d, |d, n| d.integer(n, 0, 1_000_000)).map(|n| n as u32);
    f.finish(d);
    Some(Label::Typed { part: part?, lot: lot?, expiry, quantity })
}

/// Exactly one of several fields.
pub(super) fn one<T, const N: usize>(d: &mut Decoder<'_>, f: Fields<'_>, found: [Option<T>; N]) -> Option<T> {
    let (head, errors) = (f.head(), d.sink.errors());
    f.finish(d);
    let mut found: Vec<T> = found.into_iter().flatten().collect();
    if found.len() != 1 && d.sink.errors() == errors {
        let help = "write one of them; several are several entries".to_owned();
        d.sink.error(Code::MissingField, head, format!("{} of what stands for one", found.len()), help);
    }
    (found.len() == 1).then(|| found.remove(0))
}
