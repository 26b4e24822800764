//! How the SubDevices of the segment are joined: `after: { device, port }`, or in a line.

use cellwright_model::cell::Cell;
use cellwright_model::wiring::{self, PORTS, Upstream};

use crate::code::Code;
use crate::decode::Decoder;
use crate::names::known;
use crate::tree::Node;

/// Joins the SubDevices of the cell. `written`: for each its entry, and what stands under `after`; without that it
/// hangs at port 1 of the one before it. Names may refer to later entries, so that a list in a wrong order can be
/// told the right one.
pub(super) fn join(d: &mut Decoder<'_>, written: &[(&Node, Option<&Node>)], cell: &mut Cell) {
    let before = d.sink.errors();
    let names: Vec<String> = cell.segment.iter().map(|s| s.name.clone()).collect();
    let mut upstreams = wiring::line(written.len());
    for (i, (_, after)) in written.iter().enumerate() {
        let Some(node) = *after else { continue };
        let Some(upstream) = upstream(d, node, &names) else { continue };
        if i == 0 {
            let message = format!("`{}` is the first SubDevice and hangs on the MainDevice", names[0]);
            d.sink.error(Code::WireOrder, node.span, message, "list first what hangs on the MainDevice");
        }
        upstreams[i] = Some(upstream);
    }
    if d.sink.errors() == before {
        one_cable_a_port(d, written, &upstreams, &names);
    }
    if d.sink.errors() == before {
        in_order(d, written, &upstreams, &names);
    }
    if d.sink.errors() == before {
        measurable(d, written, &upstreams, &names);
    }
    for (device, upstream) in cell.segment.iter_mut().zip(upstreams) {
        device.upstream = upstream;
    }
}

/// `{ device: coupler, port: 2 }`
fn upstream(d: &mut Decoder<'_>, node: &Node, names: &[String]) -> Option<Upstream> {
    let mut f = d.fields(node)?;
    let position =
        f.req("device", d, |d, n| known(d, n, Code::UnknownDevice, "SubDevice", names, usize::from));
    let port = f.req("port", d, |d, n| d.integer(n, 1, PORTS as u64 - 1));
    f.finish(d);
    Some(Upstream { position: position?, port: port? as u8 })
}

fn one_cable_a_port(
    d: &mut Decoder<'_>,
    written: &[(&Node, Option<&Node>)],
    upstreams: &[Option<Upstream>],
    names: &[String],
) {
    for (i, (entry, after)) in written.iter().enumerate().skip(1) {
        let Some(first) = upstreams[..i].iter().position(|u| *u == upstreams[i]) else { continue };
        let Some(Upstream { position, port }) = upstreams[i] else { continue };
        let labels = vec![(written[first].0.span, format!("`{}` hangs there", names[first]))];
        let message = format!("port {port} of `{}` has another cable already", names[position]);
        let help = "say `after: { device, port }` with a port of its own; without it, port 1 of the one before is meant";
        d.sink.error_with(Code::PortTwice, after.unwrap_or(entry).span, message, help, labels);
    }
}

fn in_order(
    d: &mut Decoder<'_>,
    written: &[(&Node, Option<&Node>)],
    upstreams: &[Option<Upstream>],
    names: &[String],
) {
    let order = wiring::wire_order(upstreams);
    let Some(at) = (0..written.len()).find(|i| order.get(*i) != Some(i)) else { return };
    let span = written[at].0.span;
    if order.len() < written.len() {
        let lost = (0..written.len()).find(|i| !order.contains(i)).map_or("", |i| names[i].as_str());
        let message = format!("no way leads from the MainDevice to `{lost}`");
        d.sink.error(
            Code::WireOrder,
            span,
            message,
            "let `after` name a SubDevice that is nearer to the MainDevice",
        );
        return;
    }
    let right: Vec<&str> = order.iter().map(|i| names[*i].as_str()).collect();
    let message = format!("frames do not come to `{}` as the {}. SubDevice", names[at], at + 1);
    let help = format!(
        "frames leave a SubDevice by port 3, then 1, then 2; list {}, and say `after` where one does not hang at port 1 \
         of the one before it",
        right.join(", ")
    );
    d.sink.error(Code::WireOrder, span, message, help);
}

/// What frames pass, but the main device would measure wrong. Behind the end of a branch it takes the nearest
/// SubDevice that branches for the one that the next branch hangs on; on the third branch of one SubDevice it counts
/// the first one twice (`bus/tests/branches.rs` shows both).
fn measurable(
    d: &mut Decoder<'_>,
    written: &[(&Node, Option<&Node>)],
    upstreams: &[Option<Upstream>],
    names: &[String],
) {
    let branches =
        |at: usize, before: usize| upstreams[..before].iter().flatten().filter(|u| u.position == at).count();
    for (i, (entry, after)) in written.iter().enumerate() {
        let Some(upstream) = upstreams[i].filter(|u| u.position + 1 != i) else { continue };
        let (span, here) = (after.unwrap_or(entry).span, &names[upstream.position]);
        let nearest = (0..i - 1).rev().find(|at| branches(*at, written.len()) > 1);
        if let Some(nearest) = nearest.filter(|at| *at != upstream.position) {
            let message =
                format!("`{}` hangs on `{here}`, but `{}` branches between them", names[i], names[nearest]);
            let help = format!(
                "let what branches again be the last branch of `{here}`: delays cannot be measured so"
            );
            d.sink.error(Code::BranchDelay, span, message, help);
        } else if branches(upstream.position, i) > 1 {
            let message = format!("`{}` is the third branch of `{here}`", names[i]);
            let help = "at most two: the delay to a third one cannot be measured";
            d.sink.error(Code::BranchDelay, span, message, help);
        }
    }
}
