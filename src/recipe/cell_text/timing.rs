//! Section `realtime:`: how the cycle waits, and the clock that it follows.

use cellwright_model::timing::{DistributedClocks, Receive, Timing};
use cellwright_model::{Dimension, DurationNs};

use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::tree::Node;

const RECEIVES: &[(&str, Receive)] = &[("blocking", Receive::Blocking), ("spin", Receive::Spin)];

/// Longest period of SYNC0; the register has 32 bits of nanoseconds.
const SYNC0_MAX: DurationNs = DurationNs::from_millis(1_000);

/// What is not said stays as it is without the section.
pub(super) fn timing(d: &mut Decoder<'_>, f: &mut Fields<'_>, cycle: DurationNs) -> Timing {
    let mut timing = Timing::default();
    let Some(mut t) = f.opt("realtime", d, |d, n| d.fields(n)) else { return timing };
    timing.receive = t.opt("receive", d, |d, n| d.word(n, RECEIVES)).unwrap_or_default();
    timing.spin = t.opt("spin", d, |d, n| spin(d, n, cycle)).unwrap_or_default();
    timing.dc = t.opt("dc", d, |d, n| distributed_clocks(d, n, cycle));
    t.finish(d);
    timing
}

fn spin(d: &mut Decoder<'_>, node: &Node, cycle: DurationNs) -> Option<DurationNs> {
    let spin = d.duration(node)?;
    let most = Timing::spin_max(cycle);
    if cycle.0 > 0 && spin > most {
        let message = format!("{} us of {} us are no part to spin through", spin.0 / 1000, cycle.0 / 1000);
        d.sink.error(Code::OutOfRange, node.span, message, format!("at most {} us", most.0 / 1000));
        return None;
    }
    Some(spin)
}

/// `dc: { sync0: 1 ms, shift: 300 us }`; SYNC0 is the cycle if it is left out.
fn distributed_clocks(d: &mut Decoder<'_>, node: &Node, cycle: DurationNs) -> Option<DistributedClocks> {
    let mut f = d.fields(node)?;
    let sync0 = f.opt("sync0", d, |d, n| sync0(d, n, cycle)).unwrap_or(cycle);
    let shift = f.req("shift", d, |d, n| shift(d, n, cycle));
    f.finish(d);
    Some(DistributedClocks { sync0, shift: shift? })
}

fn sync0(d: &mut Decoder<'_>, node: &Node, cycle: DurationNs) -> Option<DurationNs> {
    let sync0 = DurationNs::from_secs_f64(d.positive(node, Dimension::Time)?);
    let (longer, shorter) = (sync0.0.max(cycle.0), sync0.0.min(cycle.0).max(1));
    if cycle.0 > 0 && (!longer.is_multiple_of(shorter) || longer > SYNC0_MAX.0) {
        let message =
            format!("SYNC0 every {} us does not go with a cycle of {} us", sync0.0 / 1000, cycle.0 / 1000);
        d.sink.error(
            Code::OutOfRange,
            node.span,
            message,
            "a whole multiple of the cycle up to 1 s, or a whole part",
        );
        return None;
    }
    Some(sync0)
}

fn shift(d: &mut Decoder<'_>, node: &Node, cycle: DurationNs) -> Option<DurationNs> {
    let shift = d.duration(node)?;
    if cycle.0 > 0 && shift >= cycle {
        let message = format!("a shift of {} us is a cycle or more", shift.0 / 1000);
        d.sink.error(Code::OutOfRange, node.span, message, format!("0 us to {} us", (cycle.0 - 1) / 1000));
        return None;
    }
    Some(shift)
}
