//! `quarantine.yaml` in the state directory: lots that must not be used, kept by people. It is read again at
//! each load of material.
//!
//! ```yaml
//! quarantine: 1
//! lots:
//!   - { lot: H24-1187, part: HUB-23, reason: "NC-2024-017: cracked bores" }
//!   - { lot: X-9, reason: "recalled by the supplier" }
//! ```
//! Without `part:` the lot is barred for every part number.

use cellwright_model::material::{QUARANTINED_MAX, Quarantined};

use crate::cell_text::{parse, schema};
use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Sink};
use crate::scope::Scope;
use crate::source::{FileSource, Sources};
use crate::tree::Node;

/// Reads the list. Errors: every mistake in it.
pub fn load_quarantine(
    files: &dyn FileSource,
    path: &str,
    sources: &mut Sources,
) -> Result<Vec<Quarantined>, Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let list = read(files, path, sources, &mut sink);
    match list {
        Some(list) if sink.errors() == 0 => Ok(list),
        _ => Err(sink.finish()),
    }
}

fn read(
    files: &dyn FileSource,
    path: &str,
    sources: &mut Sources,
    sink: &mut Sink,
) -> Option<Vec<Quarantined>> {
    let (root, _) = parse(files, path, sources, sink)?;
    let scope = Scope::empty();
    let mut d = Decoder { sink, scope: &scope };
    let mut f = d.fields(&root)?;
    schema(&mut d, &mut f, "quarantine");
    let node = f.req("lots", &mut d, |_, n| Some(n));
    f.finish(&mut d);
    let node = node?;
    d.capacity(node, QUARANTINED_MAX);
    let lots = d.list(node)?;
    Some(lots.iter().filter_map(|n| lot(&mut d, n)).collect())
}

fn lot(d: &mut Decoder<'_>, node: &Node) -> Option<Quarantined> {
    let mut f = d.fields(node)?;
    let lot = f.req("lot", d, words);
    let part = f.opt("part", d, |d, n| d.identifier(n)).map(|t| t.text);
    let reason = f.req("reason", d, words);
    f.finish(d);
    Some(Quarantined { part, lot: lot?, reason: reason? })
}

fn words(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    if text.trim().is_empty() {
        d.sink.error(Code::BadText, node.span, "nothing is said here", "write what it is");
        return None;
    }
    Some(text)
}
