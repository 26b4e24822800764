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
    let at = Span { end: root.span.start, ..root.span };
    let ways = [(&walked.body, TrayKind::Good, "steps"), (&walked.on_reject, TrayKind::Reject, "on_reject")];
    // That there is no step, or no list of them, has been said.
    for (path, to, field) in ways.into_iter().filter(|(path, ..)| !path.is_empty()) {
        ends(d, walked, path, to, field, at);
    }
    for effect in walked.effects.iter().filter(|e| e.rejecting && e.judges) {
        let message = "a step that judges cannot stand under `on_reject`: the unit is rejected already";
        d.sink.error(Code::NoResult, effect.span, message, "take it out");
    }
    for component in &header.components {
        put_in(d, component, walked);
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
        Some((ix, Some(kind))) if kind == to => {
            if walked.effects[ix].when.is_some() {
                let message = format!("`{field}` ends here only when the condition holds");
                let help = "take `when:` away: every unit leaves the cell";
                d.sink.error(Code::NoResult, walked.effects[ix].span, message, help);
            }
        }
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

pub(super) fn collect(path: &[PlanNode], out: &mut Vec<usize>) {
    for node in path {
        match node {
            PlanNode::Step(ix) => out.push(ix.index()),
            PlanNode::Parallel { branches, .. } => branches.iter().for_each(|b| collect(&b.body, out)),
            PlanNode::Repeat { body, .. } => collect(body, out),
        }
    }
}

fn put_in(d: &mut Decoder<'_>, decl: &ComponentDecl, walked: &Walked) {
    let (name, effects) = (&decl.component.name, &walked.effects);
    let named = |list: &[(String, Span)]| list.iter().find(|(n, _)| n == name).map(|(_, span)| *span);
    let puts: Vec<_> =
        effects.iter().enumerate().filter_map(|(i, e)| Some((i, named(&e.puts_in)?))).collect();
    let scans: Vec<_> = effects.iter().enumerate().filter_map(|(i, e)| Some((i, named(&e.scans)?))).collect();
    let read_each = decl.component.identify != Identify::PerLot;
    // A component with mistakes is perhaps another one; and one that is neither put in nor scanned is told once.
    if puts.is_empty() && !(read_each && scans.is_empty()) && !decl.unread {
        let message = format!("no step puts `{name}` in");
        d.sink.warning(Code::UnusedComponent, decl.span, message, "add a step that does, or take it out");
    }
    if let [first, second, ..] = puts.as_slice() {
        let labels = vec![(first.1, "put in here".to_string())];
        let message = format!("`{name}` is put in a second time");
        let help = "declare a second component: the record keeps each part by itself";
        d.sink.error_with(Code::UsedTwice, second.1, message, help, labels);
    }
    let (how, help) = match decl.component.identify {
        Identify::OwnSerial => ("by its own serial", "add a `scan`: it reads whether it is that unit"),
        Identify::PerUnit | Identify::PerLot => ("per unit", "add a `scan`, or write `identify: per-lot`"),
    };
    if read_each && scans.is_empty() && !decl.unread {
        let does = if puts.is_empty() { "puts it in and scans it" } else { "scans it" };
        let message = format!("`{name}` is identified {how}, and no step {does}");
        d.sink.error(Code::NeverScanned, decl.span, message, help);
    }
    may_lack(d, name, effects, puts.first(), &scans);
    if read_each {
        may_miss_scan(d, name, effects, puts.first(), &scans);
    }
    if let (Some((put, _)), Some((scan, at))) = (puts.first(), scans.first())
        && (scan < put || beside(&walked.body, *put, *scan))
    {
        let when = if scan < put { "before" } else { "in a branch beside that in which" };
        let message = format!("`{name}` is scanned {when} it is put in");
        d.sink.error(
            Code::ScanOrder,
            *at,
            message,
            "scan it afterwards: its code belongs to what is in the nest",
        );
    }
}

/// A part that is put in under a condition is scanned under the same one only.
fn may_lack(
    d: &mut Decoder<'_>,
    name: &str,
    effects: &[Effect],
    put: Option<&(usize, Span)>,
    scans: &[(usize, Span)],
) {
    let Some((put, put_at)) = put else { return };
    let Some(when) = &effects[*put].when else { return };
    for (_, at) in scans.iter().filter(|(scan, _)| effects[*scan].when.as_ref() != Some(when)) {
        let message = format!("`{name}` is scanned, and a path may not have put it in");
        let labels = vec![(*put_at, "put in under a condition".to_string())];
        let help = "give the scan the same `when:`";
        d.sink.error_with(Code::MayLack, *at, message, help, labels);
    }
}

/// What is put in on every path is identified on every path, too.
fn may_miss_scan(
    d: &mut Decoder<'_>,
    name: &str,
    effects: &[Effect],
    put: Option<&(usize, Span)>,
    scans: &[(usize, Span)],
) {
    let (Some((put, put_at)), Some((_, scan_at))) = (put, scans.first()) else { return };
    let certain = |scan: &usize| effects[*scan].when.is_none() || effects[*scan].when == effects[*put].when;
    if scans.iter().any(|(scan, _)| certain(scan)) {
        return;
    }
    let message = format!("`{name}` is put in, and a path may not have scanned it");
    let labels = vec![(*put_at, "put in here".to_string())];
    let help = "scan it without `when:`, or under that of the step which puts it in";
    d.sink.error_with(Code::MayMissScan, *scan_at, message, help, labels);
}

/// Two steps stand in different branches of one `parallel`: nobody says which is done first.
fn beside(path: &[PlanNode], a: usize, b: usize) -> bool {
    let holds = |path: &[PlanNode], ix: usize| {
        let mut all = Vec::new();
        collect(path, &mut all);
        all.contains(&ix)
    };
    path.iter().any(|node| match node {
        PlanNode::Step(_) => false,
        PlanNode::Repeat { body, .. } => beside(body, a, b),
        PlanNode::Parallel { branches, .. } => {
            let of = |ix| branches.iter().position(|branch| holds(&branch.body, ix));
            match (of(a), of(b)) {
                (Some(i), Some(k)) if i == k => beside(&branches[i].body, a, b),
                (Some(_), Some(_)) => true,
                _ => false,
            }
        }
    })
}
