//! Checks over the whole of a recipe: every path ends in a result, and every component gets in once.

use cellwright_model::cell::TrayKind;
use cellwright_model::plan::{Identify, Node as PlanNode};

use super::header::Header;
use super::steps::{Effect, Walked};
use crate::code::Code;
use crate::decode::Decoder;
use crate::source::Span;
use crate::step::ComponentDecl;
use crate::tree::Node;

pub(super) fn check(d: &mut Decoder<'_>, header: &Header, walked: &Walked, root: &Node) {
    // A walk with errors has holes: what is missing there was perhaps only misspelt.
    if d.sink.errors() > 0 {
        return;
    }
    let at = Span { end: root.span.start, ..root.span };
    ends(d, walked, &walked.body, TrayKind::Good, "steps", at);
    ends(d, walked, &walked.on_reject, TrayKind::Reject, "on_reject", at);
    for effect in walked.effects.iter().filter(|e| e.rejecting && e.judges) {
        let message = "a step that judges cannot stand under `on_reject`: the unit is rejected already";
        d.sink.error(Code::NoResult, effect.span, message, "take it out");
    }
    for component in &header.components {
        put_in(d, component, &walked.effects);
    }
}

/// The last step of a path, and only that, takes the unit out of the cell.
fn ends(d: &mut Decoder<'_>, walked: &Walked, path: &[PlanNode], to: TrayKind, field: &str, at: Span) {
    let leaves = |ix: usize| walked.effects[ix].unit_leaves;
    let last = match path.last() {
        Some(PlanNode::Step(ix)) => Some(ix.index()),
        _ => None,
    };
    let word = if to == TrayKind::Good { "good" } else { "reject" };
    match last.map(|ix| (ix, leaves(ix))) {
        Some((_, Some(kind))) if kind == to => {}
        Some((ix, Some(_))) => {
            let message = format!("`{field}` ends in a tray of another kind");
            let help = format!("unload to a tray of kind {word}");
            d.sink.error(Code::NoResult, walked.effects[ix].span, message, help);
        }
        Some((ix, None)) => missing_end(d, walked.effects[ix].span, field, word),
        None => missing_end(d, at, field, word),
    }
    let mut all = Vec::new();
    collect(path, &mut all);
    for ix in all.into_iter().filter(|ix| Some(*ix) != last && leaves(*ix).is_some()) {
        let message = "the unit leaves the cell here, and steps follow";
        d.sink.error(Code::NoResult, walked.effects[ix].span, message, "unload the unit in the last step");
    }
}

fn missing_end(d: &mut Decoder<'_>, span: Span, field: &str, word: &str) {
    let message = format!("`{field}` does not end with the unit leaving the cell");
    let help = format!("end it with `unload` to a tray of kind {word}");
    d.sink.error(Code::NoResult, span, message, help);
}

fn collect(path: &[PlanNode], out: &mut Vec<usize>) {
    for node in path {
        match node {
            PlanNode::Step(ix) => out.push(ix.index()),
            PlanNode::Parallel { branches, .. } => branches.iter().for_each(|b| collect(&b.body, out)),
        }
    }
}

fn put_in(d: &mut Decoder<'_>, decl: &ComponentDecl, effects: &[Effect]) {
    let name = &decl.component.name;
    let named = |list: &[(String, Span)]| list.iter().find(|(n, _)| n == name).map(|(_, span)| *span);
    let puts: Vec<_> =
        effects.iter().enumerate().filter_map(|(i, e)| Some((i, named(&e.puts_in)?))).collect();
    let scans: Vec<_> = effects.iter().enumerate().filter_map(|(i, e)| Some((i, named(&e.scans)?))).collect();
    if puts.is_empty() {
        let message = format!("no step puts `{name}` in");
        d.sink.warning(Code::UnusedComponent, decl.span, message, "add a step that does, or take it out");
    }
    if let [first, second, ..] = puts.as_slice() {
        let labels = vec![(first.1, "put in here".to_string())];
        let message = format!("`{name}` is put in a second time");
        let help = "declare a second component: the record keeps each part by itself";
        d.sink.error_with(Code::UsedTwice, second.1, message, help, labels);
    }
    if decl.component.identify == Identify::PerUnit && scans.is_empty() {
        let message = format!("`{name}` is identified per unit, and no step scans it");
        d.sink.error(Code::NeverScanned, decl.span, message, "add a `scan`, or write `identify: per-lot`");
    }
    if let (Some((put, _)), Some((scan, at))) = (puts.first(), scans.first())
        && scan < put
    {
        let message = format!("`{name}` is scanned before it is put in");
        d.sink.error(
            Code::ScanOrder,
            *at,
            message,
            "scan it afterwards: its code belongs to what is in the nest",
        );
    }
}
