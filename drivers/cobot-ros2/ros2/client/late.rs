//! Goals that nobody waits for any more, and the end of the driver: what may still move the robot is cancelled.

use cellwright_model::TimeNs;
use cellwright_model::robot::RobotRefusal;

use super::{Act, Cancelling, LOST_REST, Motion, RobotClient};

/// A goal that was acknowledged after its motion was given up.
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

    /// The driver ends: nothing begins any more, and what may be moving the robot has to be cancelled; true if there is such
    /// a thing.
    pub fn leave(&mut self) -> bool {
        self.leaving = true;
        if self.still() && self.stops.iter().all(Option::is_none) {
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
