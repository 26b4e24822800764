//! `sets:` of an order file: single serials that are made with other values of some parameters.
//!
//! Whether a serial is one of the order's and stands in one set only is decided here; whether the recipe lets these
//! parameters have these values is decided when it is compiled with them.

use std::collections::BTreeSet;

use cellwright_model::order::{ParamSet, SerialRange};

use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::Diagnostic;
use crate::plant_text::gs1_text;
use crate::source::Span;
use crate::tree::{Entry, Node, Value};

/// Sets of one order; each is compiled.
const SETS_MAX: usize = 64;
/// Serials of one set: a challenge lot, a batch of samples. What has more is a variant.
const SERIALS_MAX: usize = 256;

/// One entry of `sets:`.
#[derive(Debug, Clone)]
pub struct SetText {
    serials: Vec<String>,
    /// Names and values, each a scalar.
    params: Vec<Entry>,
    /// The values, from the first name on.
    span: Span,
}

impl SetText {
    /// Name and value of each parameter, as they are written.
    pub fn values(&self) -> Vec<(String, String)> {
        let text = |node: &Node| match &node.value {
            Value::Scalar(scalar) => scalar.text.clone(),
            _ => String::new(),
        };
        self.params.iter().map(|e| (e.key.clone(), text(&e.node))).collect()
    }

    /// Its serials in the order of the text.
    pub fn serials(&self) -> &[String] {
        &self.serials
    }

    /// Each serial with the values.
    pub(crate) fn by_serial(&self) -> impl Iterator<Item = (String, ParamSet)> + '_ {
        self.serials.iter().map(|serial| (serial.clone(), self.values().into_iter().collect()))
    }

    pub(crate) fn params(&self) -> &[Entry] {
        &self.params
    }

    /// A mistake that the values make in the recipe, told at the values.
    pub(crate) fn at_its_values(&self, diagnostic: Diagnostic) -> Diagnostic {
        if diagnostic.span.file == self.span.file {
            return diagnostic;
        }
        let Diagnostic { span, message, mut labels, .. } = diagnostic;
        labels.insert(0, (span, "here".to_string()));
        let message = format!("with these values: {message}");
        Diagnostic { span: self.span, message, labels, ..diagnostic }
    }
}

/// Reads the list. `range`: the serials of the order, if they could be read.
pub(crate) fn sets(d: &mut Decoder<'_>, node: &Node, range: Option<&SerialRange>) -> Option<Vec<SetText>> {
    d.capacity(node, SETS_MAX);
    let list = d.list(node)?;
    let mut taken = BTreeSet::new();
    Some(list.iter().take(SETS_MAX).filter_map(|n| set(d, n, range, &mut taken)).collect())
}

fn set(
    d: &mut Decoder<'_>,
    node: &Node,
    range: Option<&SerialRange>,
    taken: &mut BTreeSet<String>,
) -> Option<SetText> {
    let mut f = d.fields(node)?;
    let serials = f.req("serials", d, |d, n| serials(d, n, range, taken));
    let params = f.req("params", d, params);
    f.finish(d);
    let (params, span) = params?;
    Some(SetText { serials: serials?, params, span })
}

fn serials(
    d: &mut Decoder<'_>,
    node: &Node,
    range: Option<&SerialRange>,
    taken: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    d.capacity(node, SERIALS_MAX);
    let list = d.list(node)?;
    if list.is_empty() {
        d.sink.error(Code::Empty, node.span, "a set for no serial", "name the serials that it is for");
    }
    let one = |n: &Node| {
        let serial = gs1_text(d, n)?;
        if let Some(range) = range.filter(|range| !range.contains(&serial)) {
            let message = format!("`{serial}` is no serial of this order");
            let help = format!("they are {range}, with all their digits");
            d.sink.error(Code::SetSerial, n.span, message, help);
            return None;
        }
        if !taken.insert(serial.clone()) {
            let message = format!("`{serial}` has a set already");
            d.sink.error(Code::SetSerial, n.span, message, "leave it in one of them");
            return None;
        }
        Some(serial)
    };
    Some(list.iter().take(SERIALS_MAX).filter_map(one).collect())
}

fn params(d: &mut Decoder<'_>, node: &Node) -> Option<(Vec<Entry>, Span)> {
    let entries = d.named(node)?;
    let Some((first, last)) = entries.first().zip(entries.last()) else {
        d.sink.error(Code::Empty, node.span, "a set without a value", "write the parameters that differ");
        return None;
    };
    let span = first.key_span.to(last.node.span);
    // A list or mapping in the place of a value is told by the reading of it.
    let read: Vec<_> = entries.iter().filter(|e| d.text(&e.node).is_some()).cloned().collect();
    Some((read, span))
}
