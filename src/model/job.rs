//! What the controller and the real-time cycle say to each other. All of it is `Copy`: it crosses
//! rings without allocation. One job an axis; a job ends in exactly one of Done, Stopped, Refused, Fault.

use serde::{Deserialize, Serialize};

use crate::limits::{ANALOG_MAX, AXES_MAX, ROBOTS_MAX};
use crate::outcome::FaultClass;
use crate::robot::RobotState;
use crate::{AnalogId, AxisId, DurationNs, JobId, RobotId, TimeNs};

/// Controller to cycle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtCommand {
    pub job: JobId,
    pub op: RtOp,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RtOp {
    /// Brings the drives of a mask (bit = axis index) to Operation enabled, setpoint = actual first.
    /// Also resets a drive fault. Done when all are enabled.
    Enable { axes: u64 },
    /// Torque off after a stop. Done when none is enabled.
    Disable { axes: u64 },
    /// Jerk-limited move to rest at `target_au` (CSP). Done(Target).
    MoveTo { axis: AxisId, target_au: f64, velocity_au_s: f64 },
    /// As `MoveTo`, for as long as somebody goes on wanting it: not renewed for `window` it ends in Stopped, after
    /// a jerk-limited stop, whatever the controller does meanwhile.
    MoveWhile { axis: AxisId, target_au: f64, velocity_au_s: f64, window: DurationNs },
    /// The `MoveWhile` of the axis is still wanted. Done at once; Unknown if there is none.
    Renew { axis: AxisId },
    /// Moves until a condition; see [`Approach`].
    ApproachUntil { axis: AxisId, approach: Approach },
    /// Turns under torque control; see [`Tighten`].
    Tighten { axis: AxisId, tighten: Tighten },
    /// The drive looks for the reference of its axis, by itself, as the cell file says of it. Done(Target) in CSP.
    Home { axis: AxisId },
    /// Jerk-limited stop of the axis's job: that job ends in Stopped, this one in Done.
    Cancel { axis: AxisId },
    /// Writes the outputs of `mask` (bit = OutputId) to `value`. Done in the same cycle.
    SetOutputs { mask: u64, value: u64 },
    /// Starts a curve in a free slot. Done in the same cycle. The slot is the job id of the capture.
    CaptureStart { axis: Option<AxisId>, analog: Option<AnalogId>, limit: DurationNs },
    /// Ends the capture begun by job `capture`; its curve is handed over, then Done.
    CaptureEnd { capture: JobId },
}

/// A move that ends on a condition (CSP, constant velocity, jerk-limited at both ends).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Approach {
    /// Furthest position; reached without the condition: at rest there, Done(Limit).
    pub limit_au: f64,
    /// Speed, positive.
    pub velocity_au_s: f64,
    pub until: Until,
    /// Ends the move at the axis's highest deceleration: Done(Tripped).
    pub trip: Option<Trip>,
}

/// The condition that ends an approach: Done(Triggered).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// Exactly at this position, at rest (a profile to the position, no overshoot): Done(Target).
    Position(f64),
    /// The channel is at or above the level (in its unit).
    AnalogAtLeast(AnalogId, f64),
}

/// A channel above a level while the job runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trip {
    pub analog: AnalogId,
    pub above: f64,
}

/// Tightening under torque control (CST): the commanded torque ramps up until the judging sensor
/// reads `target`, is held for `hold`, and goes to zero. Mode of operation goes back to CSP, seeded from
/// the actual position, before Done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tighten {
    /// The judging torque sensor, in N·m.
    pub sensor: AnalogId,
    pub target_nm: f64,
    /// Ramp of the commanded motor torque, N·m/s.
    pub ramp_nm_s: f64,
    /// Highest commanded motor torque, N·m; at it without the target for `stall`: Done(Limit).
    pub torque_max_nm: f64,
    pub stall: DurationNs,
    /// Turned further than this from the start without the target: Done(Tripped).
    pub angle_max_au: f64,
    /// Speed above which the commanded torque is reduced (au/s).
    pub speed_max_au_s: f64,
    pub hold: DurationNs,
}

/// Cycle to controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtEvent {
    /// Number of the cycle in which it happened.
    pub cycle: u64,
    pub job: JobId,
    pub kind: RtEventKind,
}

/// What happened to a job, or, with `JobId(0)`, to the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RtEventKind {
    Accepted,
    Refused(Refusal),
    Done(JobResult),
    /// Came to rest because of the urgent word `Hold`; goes on with `Resume`.
    Held {
        actual_au: f64,
    },
    /// Came to rest because of a cancel, stop or abort; the job is over.
    Stopped {
        actual_au: f64,
    },
    Fault(RtFault),
}

/// How a job ended by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobResult {
    pub end: JobEnd,
    /// Actual position at the end (0 for jobs without an axis).
    pub position_au: f64,
    /// Position at which the condition was seen.
    pub trigger_au: f64,
    /// Value of the channel of the condition or trip at the end, else 0.
    pub value: f64,
    /// Highest value of that channel while the job ran.
    pub peak: f64,
}

/// Which of its ends a job reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobEnd {
    /// At the position asked for.
    Target,
    /// The condition came true.
    Triggered,
    /// At the furthest position (or highest torque) without it.
    Limit,
    /// The trip ended it.
    Tripped,
}

/// Why a job was not begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// The command ring was full.
    Busy,
    /// The axis has a job.
    AxisBusy,
    /// Its drive is not in Operation enabled.
    NotEnabled,
    /// The axis has not been homed since it lost its reference: where it is, nobody knows.
    NoReference,
    /// The process data of its drive do not carry the mode that is needed.
    NoMode,
    /// Outside the travel of the cell file.
    Travel { value_au: f64, lo_au: f64, hi_au: f64 },
    /// Above the velocity, torque or other limit of the cell file, or no positive number.
    Limit { value: f64, max: f64 },
    /// Unknown axis, channel, output or job.
    Unknown,
    /// No free slot or buffer for a capture.
    NoBuffer,
    /// The cycle is held, stopped or aborted.
    Urgent,
    /// Inputs are stale: nothing starts from them (house rule 6).
    StaleInput,
    /// The safety controller has removed its enable.
    SafetyInput,
}

/// A fault of the machine: object, value, limit (house rule 4).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtFault {
    pub kind: RtFaultKind,
    pub axis: Option<AxisId>,
    pub value: f64,
    pub limit: f64,
    pub class: FaultClass,
}

/// Kinds of machine faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RtFaultKind {
    /// Actual position beyond travel and tolerance.
    Position,
    Velocity,
    Torque,
    FollowingError,
    /// A setpoint would have stepped further than velocity permits in one cycle: a program error.
    SetpointStep,
    /// More cycles in a row without valid inputs than tolerated; value = cycles.
    StaleInput,
    /// The drive reports a fault; value = error code (0x603F).
    Drive,
    /// The drive left Operation enabled by itself.
    DriveDisabled,
    /// A SubDevice is not in OP; value = AL status code, limit = position in the segment.
    AlState,
    /// A safety input is lost; value = InputId.
    SafetyInput,
    /// An analog input that a job depends on is not trusted; value = AnalogId.
    AnalogInvalid,
    /// The event ring to the controller was full.
    EventsLost,
    /// An emergency message; value = error code.
    Emergency,
    /// Unwound to the root of the cycle.
    ProgramError,
    /// A drive did not do what its state machine requires in time.
    DriveTimeout,
    /// A drive in Operation enabled does not display the mode that it was asked for; value = the mode (0x6060),
    /// limit = seconds that it had.
    DriveMode,
    /// The drive did not find the reference of its axis; value = error code (0x603F), limit = seconds that it had.
    Homing,
    /// Torque was removed by STO, and no safety input says why.
    Sto,
    /// Another body is, or may be, in the zone that the axis was on its way into; value = its position, limit = ZoneId.
    ZoneTaken,
}

/// What the cycle is told of the cobots: the last known state of each, a latest-value buffer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RobotsSeen {
    states: [RobotState; ROBOTS_MAX],
    count: usize,
}

impl RobotsSeen {
    /// Of these, by their ids; those beyond [`ROBOTS_MAX`] are not known.
    pub fn of(states: &[RobotState]) -> RobotsSeen {
        let mut seen = RobotsSeen::default();
        for (slot, state) in seen.states.iter_mut().zip(states) {
            *slot = *state;
            seen.count += 1;
        }
        seen
    }

    /// The state of a cobot; `None`: nobody has told.
    pub fn get(&self, robot: RobotId) -> Option<&RobotState> {
        self.states.get(..self.count)?.get(robot.index())
    }
}

/// The urgent word, a latest-value buffer: acted on in the cycle that first sees a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Urgent {
    pub word: UrgentWord,
    /// Counts up with every new word.
    pub epoch: u32,
    /// Axes (bit = AxisId) that `Hold` leaves alone: those of steps that finish first. They take jobs.
    pub except: u64,
}

/// See [`Urgent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UrgentWord {
    #[default]
    None,
    /// Jerk-limited to rest, but for the axes in [`Urgent::except`]; jobs are kept and reported Held.
    Hold,
    /// Held jobs go on from the actual position.
    Resume,
    /// Jerk-limited to rest; jobs end in Stopped.
    Stop,
    /// Highest deceleration to rest, jobs end in Stopped, drives disabled, outputs to their defined
    /// off state. Until the next word `None`, everything is refused.
    Abort,
}

/// State of one axis in one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AxisStatus {
    pub setpoint_au: f64,
    pub actual_au: f64,
    pub velocity_au_s: f64,
    /// Actual motor torque in N·m.
    pub torque_nm: f64,
    pub following_error_au: f64,
    pub enabled: bool,
    pub fault: bool,
    /// Torque removed by the safety controller (STO): expected after a safety stop, not a fault.
    pub sto: bool,
    pub moving: bool,
    /// It is known where the axis is.
    pub referenced: bool,
}

/// What the last urgent word that ends motion (Hold, Stop, Abort) has done. Numbers are those of cycles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaction {
    /// The cycle that acted on it; 0: there was none.
    pub seen: u64,
    /// Axes (bit = AxisId) that were moving, or turning under torque, and that it does not leave alone.
    pub moving: u64,
    /// The first cycle by which each of them was commanded slower, or with less torque; 0: not yet.
    pub slower: u64,
}

/// Latest-value buffer from cycle to controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RtStatus {
    pub cycle: u64,
    pub now: TimeNs,
    /// Cycle of the last valid inputs.
    pub fresh_cycle: u64,
    /// Digital inputs and outputs, bit = InputId / OutputId.
    pub inputs: u64,
    pub outputs: u64,
    pub analogs: [f64; ANALOG_MAX],
    /// Bit = AnalogId: the channel is trusted.
    pub analog_valid: u64,
    pub axes: [AxisStatus; AXES_MAX],
    /// All safety inputs are on.
    pub safety_ok: bool,
    /// Last urgent epoch acted on, and whether everything has come to rest since.
    pub urgent_epoch: u32,
    pub at_rest: bool,
    pub reaction: Reaction,
    /// The cycle has aborted, by the urgent word or by itself, and takes nothing until the word `None`.
    pub aborted: bool,
    pub bus: BusStatus,
}

/// Counters of bus and cycle since arming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BusStatus {
    pub cycles: u64,
    pub missed_cycles: u64,
    pub wkc_errors: u64,
    pub lost_frames: u64,
    pub late_frames: u64,
    /// Frames that fit none of ours: altered, foreign, a second time.
    pub stray_frames: u64,
    /// Every SubDevice in OP.
    pub operational: bool,
}

impl Default for RtStatus {
    fn default() -> RtStatus {
        RtStatus {
            cycle: 0,
            now: TimeNs(0),
            fresh_cycle: 0,
            inputs: 0,
            outputs: 0,
            analogs: [0.0; ANALOG_MAX],
            analog_valid: 0,
            axes: [AxisStatus::default(); AXES_MAX],
            safety_ok: false,
            urgent_epoch: 0,
            at_rest: true,
            reaction: Reaction::default(),
            aborted: false,
            bus: BusStatus::default(),
        }
    }
}
