//! Homing: into the drive's own homing mode, until it says that it has found its reference, back into CSP
//! from the actual position. The drive moves by itself, as its start-up objects say (0x6098, 0x6099, 0x609A, 0x607C).

use cellwright_driver_api::cyclic::{DriveMode, HomingState};
use cellwright_model::job::{RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::{DurationNs, TimeNs};

use crate::axis::{Moment, Servo};
use crate::job::{Away, End};

/// After the start a drive may show for so long what it attained before.
const STALE_MAX: DurationNs = DurationNs::from_millis(100);
/// Interrupted, it comes to rest within this, or the mode is left all the same.
const REST_MAX: DurationNs = DurationNs::from_millis(2_000);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    ToHoming,
    /// `moved`: it was seen on its way.
    Seeking {
        since: TimeNs,
        moved: bool,
    },
    /// Interrupted.
    ToRest {
        since: TimeNs,
    },
    /// `found`: with a reference.
    ToCsp {
        found: bool,
    },
}

/// See the module.
pub(crate) struct Seeking {
    within: DurationNs,
    phase: Phase,
}

impl Seeking {
    pub(crate) fn new(within: DurationNs) -> Seeking {
        Seeking { within, phase: Phase::ToHoming }
    }

    /// From the beginning, also after a hold: the drive forgets what it had seen.
    pub(crate) fn begin(&mut self) {
        self.phase = Phase::ToHoming;
    }

    /// One cycle; `ending`: the job's end is settled.
    pub(crate) fn step(&mut self, ending: bool, servo: &mut Servo, m: &Moment) -> Away {
        // With stale inputs nothing is decided; the drive looks after itself.
        let did = if m.fresh { self.advance(ending, servo, m) } else { Away::Running };
        servo.output.mode = match self.phase {
            Phase::ToCsp { .. } => DriveMode::Csp,
            _ => DriveMode::Homing,
        };
        servo.output.home = matches!(self.phase, Phase::Seeking { .. });
        did
    }

    fn advance(&mut self, ending: bool, servo: &mut Servo, m: &Moment) -> Away {
        match self.phase {
            // A mode that was asked for is not taken back before it is displayed (see `tighten`).
            Phase::ToHoming if !servo.input.follows(DriveMode::Homing) => {}
            Phase::ToHoming if ending => self.phase = Phase::ToCsp { found: false },
            Phase::ToHoming => {
                servo.lose_reference();
                self.phase = Phase::Seeking { since: m.now, moved: false };
            }
            Phase::Seeking { .. } if ending => self.phase = Phase::ToRest { since: m.now },
            Phase::Seeking { since, moved } => return self.seek(since, moved, servo, m),
            Phase::ToRest { since } if servo.slow() || m.now.since(since) >= REST_MAX => {
                self.phase = Phase::ToCsp { found: false };
            }
            Phase::ToRest { .. } => {}
            Phase::ToCsp { found } if servo.following() => {
                if found {
                    servo.find_reference();
                }
                return Away::Back;
            }
            Phase::ToCsp { .. } => {}
        }
        Away::Running
    }

    fn seek(&mut self, since: TimeNs, moved: bool, servo: &Servo, m: &Moment) -> Away {
        let fresh_word = moved || m.now.since(since) >= STALE_MAX;
        match servo.input.homing {
            Some(HomingState::Attained { at_rest: true }) if fresh_word => {
                self.phase = Phase::ToCsp { found: true };
                Away::Running
            }
            Some(HomingState::Error { at_rest: true }) if fresh_word => {
                self.phase = Phase::ToCsp { found: false };
                Away::End(End::Fault(not_found(servo, self.within)))
            }
            _ if m.now.since(since) > self.within => {
                self.phase = Phase::ToRest { since: m.now };
                Away::End(End::Fault(not_found(servo, self.within)))
            }
            Some(HomingState::InProgress) => {
                self.phase = Phase::Seeking { since, moved: true };
                Away::Running
            }
            _ => Away::Running,
        }
    }
}

fn not_found(servo: &Servo, within: DurationNs) -> RtFault {
    RtFault {
        kind: RtFaultKind::Homing,
        axis: Some(servo.id),
        value: f64::from(servo.input.error_code),
        limit: within.as_secs_f64(),
        class: FaultClass::Stop,
    }
}
