//! What takes its time: a robot that moves slower than it was asked to, and services that are told what it holds.

use cellwright_model::robot::{RobotRefusal, RobotReply, RobotState};
use cellwright_model::{DurationNs, TimeNs};

use super::{Act, Gripping, Motion, RobotClient};

impl RobotClient {
    /// A robot whose speed scaling slows it is given the time that this takes, while it is heard; a motion that stands has
    /// its end all the same ([`RobotState::behind`]).
    pub(super) fn fall_behind(&mut self, now: TimeNs) {
        let passed = self.stepped.replace(now).map(|before| now.since(before)).unwrap_or_default();
        if !self.joints.fresh(now) {
            return;
        }
        let slowed = RobotState { slowed: self.status.slowed(), ..RobotState::default() };
        if let Motion::Under(of) = &mut self.motion {
            of.behind = of.behind + slowed.behind(passed);
        }
    }

    /// From the last goal to its acknowledgement; once for each.
    pub fn accepted_after(&mut self) -> Option<DurationNs> {
        self.accepted_after.take()
    }

    /// The gripper has done it: each service is told, in turn, what it holds, and then the cell. A grip that holds nothing
    /// changes no load.
    pub(super) fn tell_load(&mut self, now: TimeNs, gripping: Gripping, place: usize) {
        let changes = self.holding || !gripping.close;
        if changes && place < self.robot.loads.len() {
            self.gripping = Some(Gripping { load: Some(place), ..gripping });
            return self.acts.push_back(Act::Load { place, grip: gripping.close });
        }
        self.gripping = None;
        self.reply(now, gripping.id, RobotReply::Done { holding: self.holding });
    }

    /// What came of [`Act::Load`]: the robot goes by it from now on, or it said no.
    pub fn load_told(&mut self, now: TimeNs, place: usize, taken: bool) {
        let Some(gripping) = self.gripping.filter(|g| g.load == Some(place)) else { return };
        if taken {
            return self.tell_load(now, gripping, place + 1);
        }
        self.gripping = None;
        self.reply(now, gripping.id, RobotReply::Faulted(RobotRefusal::LoadRefused));
    }
}
