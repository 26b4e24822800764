//! What may stand at the cursor. A word of nobody's is put there, so that the text can be read as if it were there.

use cellwright_model::Dimension;
use cellwright_model::cell::Cell;
use cellwright_recipe::FileKind;
use cellwright_recipe::shape::{Field, Keys, Names, What};
use cellwright_recipe::tree::Mapping;
use lsp_types::{CompletionItem, CompletionItemKind, CompletionTextEdit, TextEdit};

use crate::around::Around;
use crate::beside::beside;
use crate::names::{names, written};
use crate::spot::{Part, Read, Spot, keys_at, text_of};
use crate::text::{range, word};
use crate::words::{of_name, of_what};

/// A word that nobody writes.
const CURSOR: &str = "zzcursorzz";

/// Where a proposal is asked for, and what gives the names.
#[derive(Clone, Copy)]
struct Scene<'s> {
    read: &'s Read,
    spot: &'s Spot<'s>,
    cell: Option<&'s Cell>,
    around: Around<'s>,
}

/// One proposal, before it has its place.
struct Item {
    label: String,
    kind: CompletionItemKind,
    detail: String,
    /// What is put in, if not the label.
    text: Option<String>,
}

/// Proposals at a byte of a file.
pub(crate) fn complete(
    path: &str,
    kind: FileKind,
    text: &str,
    around: Around<'_>,
    byte: usize,
) -> Vec<CompletionItem> {
    let Some(read) = with_cursor(path, kind, text, byte) else { return Vec::new() };
    let Some(spot) = read.spot(byte) else { return Vec::new() };
    let cell = around.cell_of(&read);
    let scene = Scene { read: &read, spot: &spot, cell: cell.as_ref(), around };
    let (items, replaced) = match &spot.part {
        Part::Field { fields, around, .. } => (of_fields(fields, Some(around)), word(text, byte)),
        Part::Step(_) => (of_steps(&read), word(text, byte)),
        Part::Key { keys, .. } => (of_keys(*keys, &scene), word(text, byte)),
        Part::Value { what, node, .. } => {
            let begin = node.span.start as usize;
            of_value(what, &scene, &text[begin.min(byte)..byte], byte, text)
        }
    };
    let at = range(text, replaced);
    items.into_iter().map(|item| item.at(at)).collect()
}

impl Item {
    fn new(label: impl Into<String>, kind: CompletionItemKind, detail: impl Into<String>) -> Item {
        Item { label: label.into(), kind, detail: detail.into(), text: None }
    }

    fn at(self, range: lsp_types::Range) -> CompletionItem {
        let new_text = self.text.unwrap_or_else(|| self.label.clone());
        CompletionItem {
            label: self.label,
            kind: Some(self.kind),
            detail: (!self.detail.is_empty()).then_some(self.detail),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
            ..CompletionItem::default()
        }
    }
}

/// The file with a word at the cursor: a value, a key of a block, or either with the rest of the file left out, which
/// may be half written.
fn with_cursor(path: &str, kind: FileKind, text: &str, byte: usize) -> Option<Read> {
    let (before, after) = text.split_at_checked(byte)?;
    let line_end = after.find('\n').unwrap_or(after.len());
    let texts = [
        format!("{before}{CURSOR}{after}"),
        format!("{before}{CURSOR}: 1{after}"),
        format!("{before}{CURSOR}{}", &after[..line_end]),
        format!("{before}{CURSOR}"),
        format!("{before}{CURSOR}: 1"),
        format!("{before}{CURSOR}{}", closers(before)),
    ];
    let read = |text: &String| Read::new(path, kind, text).filter(|read| read.spot(byte).is_some());
    texts.iter().find_map(read)
}

/// Brackets that are open at the end of a text, closed.
fn closers(text: &str) -> String {
    let mut open = Vec::new();
    for c in text.chars() {
        match c {
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => drop(open.pop()),
            _ => {}
        }
    }
    open.into_iter().rev().collect()
}

fn of_fields(fields: &[&'static Field], around: Option<&Mapping>) -> Vec<Item> {
    let given = |f: &&&Field| around.is_some_and(|m| m.entries.iter().any(|e| e.key == f.name));
    let item = |f: &&'static Field| Item {
        text: Some(format!("{}: ", f.name)),
        ..Item::new(f.name, CompletionItemKind::FIELD, f.doc)
    };
    fields.iter().filter(|f| !given(f)).map(item).collect()
}

fn of_steps(read: &Read) -> Vec<Item> {
    let item = |s: &cellwright_recipe::shape::StepShape| Item {
        text: Some(format!("{}:", s.name)),
        ..Item::new(s.name, CompletionItemKind::CLASS, s.about)
    };
    read.steps.iter().map(item).collect()
}

fn of_keys(keys: Keys, scene: &Scene<'_>) -> Vec<Item> {
    let words: Vec<String> = match keys {
        Keys::Name(of) => return of_names(of, scene, ": "),
        Keys::Words(words) => words(),
        Keys::Parameter => keys_of(scene.read, "params"),
        Keys::Given | Keys::Form(_) => Vec::new(),
    };
    let item =
        |w: String| Item { text: Some(format!("{w}: ")), ..Item::new(w, CompletionItemKind::KEYWORD, "") };
    words.into_iter().filter(|w| !w.contains(CURSOR)).map(item).collect()
}

/// Proposals for a value of which `typed` stands before the cursor, and what they replace.
fn of_value(
    what: &'static What,
    scene: &Scene<'_>,
    typed: &str,
    byte: usize,
    text: &str,
) -> (Vec<Item>, core::ops::Range<usize>) {
    let at = word(text, byte);
    let keyword = |w: String| Item::new(w, CompletionItemKind::ENUM_MEMBER, "");
    let mut items: Vec<Item> = match what {
        What::Quantity(dimensions) | What::Range(dimensions) => {
            let number = typed.rfind(|c: char| c.is_ascii_digit()).map(|at| at + 1);
            let begin = number.map(|n| byte - typed.len() + n);
            if let Some(begin) = begin {
                let space = text[begin..byte].len() - text[begin..byte].trim_start().len();
                return (of_units(dimensions, space == 0), begin + space..byte);
            }
            Vec::new()
        }
        What::Word(words) => words.iter().map(|w| keyword((*w).to_owned())).collect(),
        What::Words(words) => words().into_iter().map(keyword).collect(),
        What::Boolean => ["true", "false"].map(|w| keyword(w.to_owned())).into(),
        What::Name(of) => of_names(*of, scene, ""),
        What::Condition => of_condition(scene),
        What::Fields(shape) => of_fields(&shape.fields.iter().collect::<Vec<_>>(), None),
        What::Either(kinds) => kinds.iter().flat_map(|k| of_value(k, scene, typed, byte, text).0).collect(),
        What::List(of) => of_value(of, scene, typed, byte, text).0,
        _ => Vec::new(),
    };
    if scene.read.kind.has_params() && !matches!(what, What::Fields(_)) {
        let param = |p| Item::new(format!("${p}"), CompletionItemKind::VARIABLE, "parameter");
        items.extend(keys_of(scene.read, "params").into_iter().map(param));
    }
    (items, at)
}

fn of_units(dimensions: &[Dimension], spaced: bool) -> Vec<Item> {
    let mut units: Vec<&'static str> = Vec::new();
    for unit in dimensions.iter().flat_map(|d| d.spellings()) {
        if cellwright_model::quantity::spelling(unit) == Some(unit) {
            units.push(unit);
        }
    }
    let item = |u: &'static str| Item {
        text: spaced.then(|| format!(" {u}")),
        ..Item::new(u, CompletionItemKind::UNIT, "")
    };
    units.into_iter().map(item).collect()
}

fn of_names(of: Names, scene: &Scene<'_>, behind: &str) -> Vec<Item> {
    let Scene { read, spot, cell, around } = *scene;
    let in_file = match of {
        Names::Component if read.kind.has_params() => keys_of(read, "components"),
        of => beside(read, of, spot.step, around),
    };
    let robot = spot.step.and_then(|s| text_of(s, "robot"));
    let in_cell = match (of, cell, robot) {
        (Names::Pose, Some(cell), Some(robot)) => {
            let robot = cell.robots.iter().find(|r| r.name == robot);
            robot.map(|r| r.poses.iter().map(|p| p.name.clone()).collect()).unwrap_or_default()
        }
        (_, Some(cell), _) => names(cell, of).unwrap_or_default(),
        (_, None, _) if of == Names::Cell => {
            around.cell.rsplit('/').next().map(str::to_owned).into_iter().collect()
        }
        // A cell that is being written does not hold yet.
        (_, None, _) if read.kind == FileKind::Cell => without_cursor(written(&read.root, of)),
        (_, None, _) => Vec::new(),
    };
    let detail = |w: &str| cell.and_then(|c| of_name(c, w)).unwrap_or_else(|| of_what(&What::Name(of)));
    let item = |w: String| Item {
        text: Some(format!("{w}{behind}")),
        detail: detail(&w),
        ..Item::new(w, CompletionItemKind::REFERENCE, "")
    };
    in_file.into_iter().chain(in_cell).map(item).collect()
}

/// Signals as they are called where the condition stands, channels, and the words that join them.
fn of_condition(scene: &Scene<'_>) -> Vec<Item> {
    let Scene { read, spot, cell, .. } = *scene;
    let joining = ["and", "or", "not", "in", "true", "false"];
    let mut items: Vec<Item> =
        joining.into_iter().map(|w| Item::new(w, CompletionItemKind::KEYWORD, "")).collect();
    let Some(cell) = cell else {
        let names = [Names::Input, Names::Analog].map(|of| without_cursor(written(&read.root, of))).concat();
        items.extend(names.into_iter().map(|n| Item::new(n, CompletionItemKind::VARIABLE, "signal")));
        return items;
    };
    let station = spot.step.and_then(|s| text_of(s, "station"));
    for input in &cell.digital_inputs {
        let word = match (input.name.split_once('.'), station) {
            // Another unit stands at another station, and safety signals are no business of a recipe.
            (Some((there, short)), Some(here)) if there == here => short,
            (Some(_), Some(_)) => continue,
            _ => input.name.as_str(),
        };
        let safety = cell.safety.iter().any(|s| cell.digital_inputs.get(s.index()) == Some(input));
        if !(safety && read.kind.has_params()) {
            items.push(Item::new(
                word,
                CompletionItemKind::VARIABLE,
                format!("digital input `{}`", input.name),
            ));
        }
    }
    let channel = |a: &cellwright_model::cell::Analog| {
        Item::new(a.name.as_str(), CompletionItemKind::VARIABLE, crate::words::analog(a))
    };
    items.extend(cell.analogs.iter().map(channel));
    items
}

/// What a field of the file names, but for the cursor.
fn keys_of(read: &Read, field: &str) -> Vec<String> {
    without_cursor(keys_at(&read.root, field))
}

fn without_cursor(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|w| !w.contains(CURSOR)).collect()
}
