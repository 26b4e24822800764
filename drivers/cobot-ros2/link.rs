//! The driver's end: requests and reports over two rings of `Copy` messages, with a deadline on every
//! request.
//!
//! The other end is the twin cobot, or the thread that speaks to a real one. Both rings are bounded: a
//! request that finds no room is rejected as not connected; states that find no room are dropped by the
//! sender, replies never are.

use std::collections::VecDeque;

use cellwright_driver_api::message::RobotDriver;
use cellwright_model::robot::{
    RobotCommand, RobotRefusal, RobotReply, RobotReport, RobotRequest, RobotState,
};
use cellwright_model::{DurationNs, RequestId, TimeNs};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::twin::CobotEnds;

/// Requests in flight to the cobot: one that it does, and stops.
const REQUESTS_MAX: usize = 16;
/// Reports on their way back: more than a second of states at 20 ms.
const REPORTS_MAX: usize = 64;
/// Requests that wait for an answer at once: the one it does, stops, and refusals under way.
const PENDING_MAX: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Pending {
    id: RequestId,
    /// What its speed scaling slows.
    moves: bool,
    deadline: TimeNs,
}

/// See the module text.
pub struct CobotLink {
    requests: Producer<RobotRequest>,
    reports: Consumer<RobotReport>,
    answer_timeout: DurationNs,
    pending: [Option<Pending>; PENDING_MAX],
    /// Answers given here, not by the cobot: refused for want of room. As long as the commands given
    /// between two polls.
    refused: VecDeque<(RequestId, RobotRefusal)>,
    state: RobotState,
    /// The longest silence of whoever moves it.
    silence_max: Option<DurationNs>,
    /// The last report that was taken from the ring, or the first look into it.
    heard: Option<TimeNs>,
    polled: Option<TimeNs>,
    stray: u64,
}

/// A driver and the cobot's ends of its rings. `answer_timeout`: from a request to its answer.
pub fn link(answer_timeout: DurationNs) -> (CobotLink, CobotEnds) {
    let (requests, twin_requests) = RingBuffer::new(REQUESTS_MAX);
    let (twin_reports, reports) = RingBuffer::new(REPORTS_MAX);
    let link = CobotLink {
        requests,
        reports,
        answer_timeout,
        pending: [None; PENDING_MAX],
        refused: VecDeque::new(),
        state: RobotState::default(),
        silence_max: None,
        heard: None,
        polled: None,
        stray: 0,
    };
    (link, CobotEnds { requests: twin_requests, reports: twin_reports })
}

impl CobotLink {
    /// Whoever moves it reports at least so often; without a report for longer than `silence_max` the cobot is lost, as if
    /// its driver had said so. For a driver on a thread of its own, which may stand.
    pub fn watched(self, silence_max: DurationNs) -> CobotLink {
        CobotLink { silence_max: Some(silence_max), ..self }
    }

    /// The ring is gone, or has been empty for too long: where the cobot is, nobody says.
    fn is_silent(&mut self, now: TimeNs) -> bool {
        let heard = *self.heard.get_or_insert(now);
        self.reports.is_abandoned() || self.silence_max.is_some_and(|most| now.since(heard) > most)
    }

    /// A move that is slowed by its own speed scaling has that much longer to answer, while the cobot is heard: of one that
    /// is lost nobody knows how fast it is.
    fn give_time(&mut self, now: TimeNs) {
        let passed = self.polled.replace(now).map(|before| now.since(before)).unwrap_or_default();
        if self.state.lost {
            return;
        }
        let behind = self.state.behind(passed);
        let moves = self.pending.iter_mut().flatten().filter(|p| p.moves);
        moves.for_each(|p| p.deadline = p.deadline + behind);
    }

    /// Replies to no request that waits: late after a time-out.
    pub fn stray(&self) -> u64 {
        self.stray
    }

    fn timed_out(&mut self, now: TimeNs) -> Option<RequestId> {
        let late = self.pending.iter_mut().find(|p| p.is_some_and(|p| now >= p.deadline))?;
        late.take().map(|p| p.id)
    }
}

impl RobotDriver for CobotLink {
    fn command(&mut self, now: TimeNs, request: RobotRequest) {
        let Some(free) = self.pending.iter_mut().find(|p| p.is_none()) else {
            return self.refused.push_back((request.id, RobotRefusal::Busy));
        };
        if self.requests.is_abandoned() || self.requests.push(request).is_err() {
            return self.refused.push_back((request.id, RobotRefusal::NotConnected));
        }
        let moves = matches!(request.command, RobotCommand::MoveJ { .. });
        *free = Some(Pending { id: request.id, moves, deadline: now + self.answer_timeout });
    }

    fn poll(&mut self, now: TimeNs) -> Option<RobotReport> {
        self.give_time(now);
        if let Some((id, refusal)) = self.refused.pop_front() {
            return Some(RobotReport::Reply { id, reply: RobotReply::Rejected(refusal) });
        }
        while let Ok(report) = self.reports.pop() {
            self.heard = Some(now);
            match report {
                RobotReport::State(state) => {
                    self.state = state;
                    return Some(report);
                }
                RobotReport::Reply { id, .. } => {
                    match self.pending.iter_mut().find(|p| p.is_some_and(|p| p.id == id)) {
                        Some(mine) => {
                            *mine = None;
                            return Some(report);
                        }
                        None => self.stray += 1,
                    }
                }
            }
        }
        if self.is_silent(now) && !self.state.lost {
            self.state = RobotState { lost: true, moving: true, ..self.state };
            return Some(RobotReport::State(self.state));
        }
        let id = self.timed_out(now)?;
        Some(RobotReport::Reply { id, reply: RobotReply::Faulted(RobotRefusal::TimedOut) })
    }

    fn state(&self) -> RobotState {
        self.state
    }

    fn deadline(&self) -> Option<TimeNs> {
        if !self.refused.is_empty() {
            return Some(TimeNs(0));
        }
        let silent = self.heard.zip(self.silence_max).filter(|_| !self.state.lost);
        let silent = silent.map(|(heard, most)| heard + most + DurationNs(1));
        self.pending.iter().flatten().map(|p| p.deadline).chain(silent).min()
    }
}
