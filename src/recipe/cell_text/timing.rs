//! Section `realtime:`: how the cycle waits.

use cellwright_model::timing::{Receive, Timing};
use cellwright_model::{Dimension, DurationNs};

use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::tree::Node;

const RECEIVES: &[(&str, Receive)] = &[("blocking", Receive::Blocking), ("spin", Receive::Spin)];

/// What is not said stays as it is without the section.
pub(super) fn timing(d: &mut Decoder<'_>, f: &mut Fields<'_>, cycle: DurationNs) -> Timing {
    let mut timing = Timing::default();
    let Some(mut t) = f.opt("realtime", d, |d, n| d.fields(n)) else { return timing };
    timing.receive = t.opt("receive", d, |d, n| d.word(n, RECEIVES)).unwrap_or_default();
    timing.spin = t.opt("spin", d, |d, n| spin(d, n, cycle)).unwrap_or_default();
    t.finish(d);
    timing
}

fn spin(d: &mut Decoder<'_>, node: &Node, cycle: DurationNs) -> Option<DurationNs> {
    let spin = DurationNs::from_secs_f64(d.positive(node, Dimension::Time)?);
    let most = Timing::spin_max(cycle);
    if cycle.0 > 0 && spin > most {
        let message = format!("{} us of {} us are no part to spin through", spin.0 / 1000, cycle.0 / 1000);
        d.sink.error(Code::OutOfRange, node.span, message, format!("at most {} us", most.0 / 1000));
        return None;
    }
    Some(spin)
}
