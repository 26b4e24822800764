//! Fields that every kind of step has, and what becomes of a step with them.

use cellwright_model::expr::Expr;
use cellwright_model::plan::{AfterRestart, Handler, OnHold, Step, Then};
use cellwright_model::{Dimension, DurationNs};

use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::source::Span;
use crate::step::{Draft, Restart, StepKind};
use crate::tree::{Node, Value};

/// A step ends at the latest after three times what it takes at the least, and not before this.
const TIMEOUT_LEAST: DurationNs = DurationNs::from_millis(10_000);
/// Attempts after the first: whoever needs more has another problem.
const RETRIES_MAX: u64 = 10;

/// See the module text.
pub(super) struct Common {
    timeout: Option<(DurationNs, Span)>,
    on_fail: Handler,
    on_fault: Handler,
    /// Where the two handlers stand, as far as they are given.
    handlers: [Option<Span>; 2],
    on_hold: Option<OnHold>,
    after_restart: Option<(Asked, Span)>,
}

/// `after_restart` as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Never,
    Redo,
    VerifyThenSkip,
}

impl Common {
    pub(super) fn read(d: &mut Decoder<'_>, f: &mut Fields<'_>, kind: &dyn StepKind) -> Common {
        let timeout = f.opt("timeout", d, |d, n| {
            d.positive(n, Dimension::Time)?;
            d.duration(n).map(|t| (t, n.span))
        });
        let on_fail = if kind.judges() { f.opt("on_fail", d, |d, n| on_fail(d, n, kind)) } else { None };
        let on_fail_span = if kind.judges() { f.entry("on_fail").map(|e| e.node.span) } else { None };
        let on_fault_span = f.entry("on_fault").map(|e| e.node.span);
        let on_fault = f.opt("on_fault", d, handler);
        let on_hold =
            f.opt("on_hold", d, |d, n| d.word(n, &[("stop", OnHold::Stop), ("finish", OnHold::Finish)]));
        let words =
            [("never", Asked::Never), ("redo", Asked::Redo), ("verify-then-skip", Asked::VerifyThenSkip)];
        let after_restart = f.opt("after_restart", d, |d, n| d.word(n, &words).map(|word| (word, n.span)));
        Common {
            timeout,
            on_fail: on_fail.unwrap_or(Handler::Reject),
            on_fault: on_fault.unwrap_or(Handler::Ask),
            handlers: [on_fail_span, on_fault_span],
            on_hold,
            after_restart,
        }
    }

    /// What the kind permits of it. `check`: what tells that the step had done its work.
    /// `None`: not known, the step has mistakes.
    fn after_restart(
        &self,
        d: &mut Decoder<'_>,
        kind: &dyn StepKind,
        check: Option<Option<Expr>>,
    ) -> AfterRestart {
        let Some((asked, span)) = self.after_restart else { return AfterRestart::Never };
        let Some(check) = check.or(Some(None).filter(|_| asked != Asked::VerifyThenSkip)) else {
            return AfterRestart::Never;
        };
        let refusal = match (asked, kind.restart(), check) {
            (Asked::Never, ..) => return AfterRestart::Never,
            (Asked::Redo, Restart::Redo, _) => return AfterRestart::Redo,
            (Asked::VerifyThenSkip, Restart::Verify, Some(check)) => {
                return AfterRestart::VerifyThenSkip { check };
            }
            (Asked::VerifyThenSkip, Restart::Verify, None) => {
                let message = "no sensor tells here that the part lies in the nest".to_string();
                (message, "add `check:` with the sensor that sees the part in the nest, or write `never`")
            }
            (Asked::Redo, Restart::Never | Restart::Verify, _) => {
                let help = match kind.restart() {
                    Restart::Verify => "write `verify-then-skip` and a `check:`, or `never`",
                    _ => "write `never`: the unit is taken out after a restart",
                };
                (format!("a {} that was broken off is never done again", kind.name()), help)
            }
            (Asked::VerifyThenSkip, ..) => {
                let help = match kind.restart() {
                    Restart::Redo => "write `redo`, or `never`",
                    _ => "write `never`: the unit is taken out after a restart",
                };
                (format!("nothing tells that a {} had come to its end", kind.name()), help)
            }
        };
        d.sink.error(Code::RestartRefused, span, refusal.0, refusal.1);
        AfterRestart::Never
    }

    /// The whole step's time, from the recipe or from what it takes at the least.
    fn timeout(&self, d: &mut Decoder<'_>, draft: &Draft) -> DurationNs {
        let Some((given, span)) = self.timeout else {
            let least = DurationNs(draft.at_least.0.saturating_mul(3)).max(TIMEOUT_LEAST);
            return draft.timeout.unwrap_or(least);
        };
        if given < draft.at_least {
            let message = format!("the step takes {:.3} s at the least", draft.at_least.as_secs_f64());
            let help = "give it that time and some to spare";
            d.sink.error(Code::TimeoutTooShort, span, message, help);
        }
        given
    }

    /// A part that needs time is not tried again before it by a handler.
    fn retried_late_enough(&self, d: &mut Decoder<'_>, draft: &Draft) {
        let Some(least) = draft.retry_not_before else { return };
        for (handler, span) in [self.on_fail, self.on_fault].into_iter().zip(self.handlers) {
            let (Some((_, after)), Some(span)) = (handler.retry(), span) else { continue };
            if after < least {
                let (after, least) = (after.as_secs_f64(), least.as_secs_f64());
                let message = format!("tried again after {after} s, the unit recovers for {least} s");
                d.sink.error(Code::Order, span, message, format!("write `after: {least} s` or more"));
            }
        }
    }

    /// The step of the Plan.
    pub(super) fn finish(
        self,
        d: &mut Decoder<'_>,
        (id, n): (String, u32),
        kind: &dyn StepKind,
        when: Option<Expr>,
        (mut draft, whole): (Draft, bool),
    ) -> Step {
        let timeout = self.timeout(d, &draft);
        self.retried_late_enough(d, &draft);
        let default = if kind.irreversible() { OnHold::Finish } else { OnHold::Stop };
        let after_restart = self.after_restart(d, kind, whole.then(|| draft.verifies.take()));
        draft.resources.sort();
        draft.resources.dedup();
        draft.equipment.sort_unstable();
        draft.equipment.dedup();
        Step {
            id,
            kind: kind.name().to_string(),
            n,
            when,
            station: draft.station,
            resources: draft.resources,
            supply: draft.supply,
            check_before: draft.check_before,
            check_after: draft.check_after,
            timeout,
            on_fail: self.on_fail,
            on_fault: self.on_fault,
            on_hold: self.on_hold.or(draft.on_hold).unwrap_or(default),
            after_restart,
            irreversible: kind.irreversible(),
            measurements: draft.measurements,
            windows: draft.windows,
            ops: draft.ops,
            cleanup: draft.cleanup,
            equipment: draft.equipment,
        }
    }
}

/// The part is bad: a step that cannot be undone is not done again on it.
fn on_fail(d: &mut Decoder<'_>, node: &Node, kind: &dyn StepKind) -> Option<Handler> {
    let handler = handler(d, node)?;
    if handler.retry().is_some() && kind.irreversible() {
        let message = format!("a {} is never done again on the same part", kind.name());
        d.sink.error(Code::RetryIrreversible, node.span, message, "write `on_fail: reject` or `ask`");
        return None;
    }
    Some(handler)
}

/// `reject`, `ask`, or `{ retry: 2, after: 1 s, then: ask }`. After a fault, of an irreversible step only what
/// comes before its point of no return is done again; behind it a person is asked.
fn handler(d: &mut Decoder<'_>, node: &Node) -> Option<Handler> {
    if matches!(node.value, Value::Scalar(_)) {
        return d.word(node, &[("reject", Handler::Reject), ("ask", Handler::Ask)]);
    }
    let mut f = d.fields(node)?;
    let times = f.req("retry", d, |d, n| d.integer(n, 1, RETRIES_MAX));
    let after = f.opt("after", d, |d, n| d.duration(n)).unwrap_or_default();
    let then = f.req("then", d, |d, n| d.word(n, &[("reject", Then::Reject), ("ask", Then::Ask)]));
    f.finish(d);
    Some(Handler::Retry { times: times? as u16, after, then: then? })
}
