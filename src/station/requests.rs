//! Requests whose answer somebody waits for: what the engine said of each, held back until its record is
//! durable, and told in a bounded time when the store does not work.

use std::collections::BTreeMap;

use cellwright_controller::{Answered, AskId, Input};
use cellwright_model::{DurationNs, TimeNs};
use tokio::sync::oneshot;

use crate::protocol::Said;

/// From a request to its answer. A group commit takes some ten milliseconds; a store that takes this long does
/// not work, as far as the one who asks is concerned.
pub(crate) const ANSWER_MAX: DurationNs = DurationNs::from_millis(3_000);
/// Requests at once: above what the connections can have, one each. Full: refused, and nothing is recorded.
const REQUESTS_MAX: usize = 64;

struct Waiting {
    reply: oneshot::Sender<Said>,
    until: TimeNs,
    /// The engine's word, and the transaction that has to be durable before it is told.
    answer: Option<(Said, u64)>,
}

/// See the module text.
#[derive(Default)]
pub(crate) struct Requests {
    last: u64,
    waiting: BTreeMap<AskId, Waiting>,
}

impl Requests {
    /// Enters a request, to be handed to the controller.
    pub(crate) fn begin(
        &mut self,
        now: TimeNs,
        input: Input,
        reply: oneshot::Sender<Said>,
        to: &mut Vec<(AskId, Input)>,
    ) {
        if self.waiting.len() >= REQUESTS_MAX {
            // Whoever asked may be gone; then nobody is told.
            let _ =
                reply.send(Said::Wrong(format!("{REQUESTS_MAX} requests wait for the record: ask again")));
            return;
        }
        self.last += 1;
        let id = AskId(self.last);
        self.waiting.insert(id, Waiting { reply, until: now + ANSWER_MAX, answer: None });
        to.push((id, input));
    }

    /// The engine has taken or refused it.
    pub(crate) fn answered(&mut self, id: AskId, what: &Answered, result: &Result<(), String>, ticket: u64) {
        let said = match result {
            Ok(()) => Said::Accepted(what.to_string()),
            Err(why) => Said::Refused(why.clone()),
        };
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.answer = Some((said, ticket));
        }
    }

    /// The transaction is durable.
    pub(crate) fn durable(&mut self, ticket: u64) {
        self.tell(|w| w.answer.take_if(|(_, t)| *t == ticket).map(|(said, _)| said));
    }

    /// The transaction can never be durable.
    pub(crate) fn lost(&mut self, ticket: u64, cause: &str) {
        let of = |w: &Waiting| w.answer.as_ref().is_some_and(|(_, t)| *t == ticket);
        self.tell(|w| of(w).then(|| Said::Unrecorded(cause.to_owned())));
    }

    /// Those that have waited for too long.
    pub(crate) fn expire(&mut self, now: TimeNs, store_fault: Option<&str>) {
        let cause = store_fault.unwrap_or("it takes longer than the bound");
        self.tell(|w| (now >= w.until).then(|| Said::Unrecorded(cause.to_owned())));
    }

    fn tell(&mut self, mut what: impl FnMut(&mut Waiting) -> Option<Said>) {
        let told: Vec<(AskId, Said)> =
            self.waiting.iter_mut().filter_map(|(id, w)| Some((*id, what(w)?))).collect();
        for (id, said) in told {
            if let Some(waiting) = self.waiting.remove(&id) {
                // Whoever asked may be gone; the record has it.
                let _ = waiting.reply.send(said);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cellwright_controller::Source;
    use cellwright_model::packml::CellCommand;
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn ask(requests: &mut Requests, now: TimeNs) -> (Vec<(AskId, Input)>, oneshot::Receiver<Said>) {
        let (reply, answered) = oneshot::channel();
        let mut to = Vec::new();
        let input = Input::Command { command: CellCommand::Hold, by: Source::new("a", "b") };
        requests.begin(now, input, reply, &mut to);
        (to, answered)
    }

    const HOLD: Answered = Answered::Command(CellCommand::Hold);

    #[test]
    fn an_answer_is_told_when_its_record_is_durable_not_before() {
        let mut requests = Requests::default();
        let (to, mut first) = ask(&mut requests, TimeNs(0));
        let (second_to, mut second) = ask(&mut requests, TimeNs(0));
        requests.answered(to[0].0, &HOLD, &Ok(()), 7);
        requests.answered(second_to[0].0, &HOLD, &Err("not now".into()), 8);
        requests.durable(6);
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
        requests.durable(7);
        assert_eq!(first.try_recv(), Ok(Said::Accepted("Hold".into())));
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
        requests.durable(8);
        assert_eq!(second.try_recv(), Ok(Said::Refused("not now".into())));
        assert!(requests.waiting.is_empty());
    }

    #[test]
    fn a_store_that_does_not_work_is_said_within_the_bound() {
        let mut requests = Requests::default();
        let (to, mut answered) = ask(&mut requests, TimeNs(5));
        requests.answered(to[0].0, &HOLD, &Ok(()), 7);
        requests.expire(TimeNs(4) + ANSWER_MAX, Some("disk full"));
        assert_eq!(answered.try_recv(), Err(TryRecvError::Empty));
        requests.expire(TimeNs(5) + ANSWER_MAX, Some("disk full"));
        assert_eq!(answered.try_recv(), Ok(Said::Unrecorded("disk full".into())));

        let (to, mut answered) = ask(&mut requests, TimeNs(0));
        requests.answered(to[0].0, &HOLD, &Ok(()), 9);
        requests.lost(9, "no canonical form");
        assert_eq!(answered.try_recv(), Ok(Said::Unrecorded("no canonical form".into())));
    }

    #[test]
    fn no_more_wait_than_the_bound_and_one_that_went_away_is_no_failure() {
        let mut requests = Requests::default();
        let kept: Vec<_> = (0..REQUESTS_MAX).map(|_| ask(&mut requests, TimeNs(0))).collect();
        let (to, mut answered) = ask(&mut requests, TimeNs(0));
        assert!(to.is_empty());
        assert!(matches!(answered.try_recv(), Ok(Said::Wrong(why)) if why.contains("ask again")));
        drop(kept);
        requests.expire(TimeNs(0) + ANSWER_MAX, None);
        assert!(requests.waiting.is_empty());
    }
}
