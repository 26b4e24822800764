//! Goals that nobody waits for any more, and the end of the driver: what may still move the robot is cancelled.

use cellwright_model::TimeNs;
use cellwright_model::robot::RobotRefusal;

use super::{Act, Cancelling, LOST_REST, Motion, RobotClient};

/// Goals of moves that a server may leave unanswered. Each was given up after seconds, so that more than one is a server that
/// answers nothing.
const UNANSWERED_MAX: usize = 4;

/// A goal that was acknowledged after its motion was given up, or may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Late {
    at: TimeNs,
}

impl RobotClient {
    /// Nothing that was asked of the robot may be moving it.
    pub fn still(&self) -> bool {
        matches!(self.motion, Motion::Still) && self.late.is_none()
    }

    /// The server has taken on a goal that was given up: it moves the robot now, or soon. All goals are cancelled, that of
    /// a move under way among them, which the late one has preempted.
    pub(super) fn taken_late(&mut self, now: TimeNs) {
        if let Motion::Under(of) = &mut self.motion {
            of.cause = of.cause.or(Some(RobotRefusal::TimedOut));
        }
        self.late = Some(Late { at: now });
        self.cancelling = Cancelling::default();
    }

    /// It counts as over when its cancelling was answered, or its time was up, and the robot was at rest for a second since.
    pub(super) fn end_late(&mut self, now: TimeNs) {
        let Some(Late { at }) = self.late else { return };
        let answered = self.cancelling.answer.map(|(when, _)| when);
        let from = answered.unwrap_or(at + self.robot.answer_timeout);
        if self.joints.rests_for(now, from, LOST_REST) {
            self.late = None;
        }
    }

    /// Something that was asked of the robot may be moving it, or a stop waits for its rest.
    pub fn open(&self) -> bool {
        !self.still() || self.stops.iter().any(Option::is_some)
    }

    /// So many goals are without an answer that no further one is sent: each may be taken on still, and is cancelled then.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered >= UNANSWERED_MAX
    }

    pub(super) fn silent_server(&self) -> Option<String> {
        self.is_unanswered().then(|| {
            format!(
                "robot {}: {} has not answered {} goals, nothing is sent to it any more; restart it, then the controller",
                self.robot.name,
                self.robot.full(&self.robot.action),
                self.unanswered
            )
        })
    }

    /// The driver ends: nothing begins any more, and what may be moving the robot has to be cancelled; true if there is such
    /// a thing. A goal that was given up unanswered is one: the server may take it on still.
    pub fn leave(&mut self, now: TimeNs) -> bool {
        self.leaving = true;
        let own = matches!(&self.motion, Motion::Under(of) if of.acknowledged.is_none());
        if self.unanswered > usize::from(own) && self.late.is_none() {
            self.late = Some(Late { at: now });
            // Only what is answered from now on counts.
            self.cancelling = Cancelling { sent: 1, last: Some(now), answer: None };
        }
        if !self.open() {
            return false;
        }
        if let Motion::Under(of) = &mut self.motion {
            of.cause = of.cause.or(Some(RobotRefusal::Cancelled));
        }
        // Whatever was cancelled before, once more.
        self.acts.push_back(Act::CancelAll);
        true
    }
}
