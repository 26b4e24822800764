//! Alarms: raised once for a cause and place while active, acknowledged by a person, cleared when the cell
//! goes on. *First-out*: raised when no other was active; the one to look at first.

use cellwright_model::TimeNs;
use cellwright_model::job::{RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;

use crate::api::{Alarm, MachineFault, Source};

/// Alarms active at once. A machine with more is not described better by more; full: counted.
pub(crate) const ALARMS_MAX: usize = 64;

/// Active alarms.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    active: Vec<Alarm>,
    last_id: u32,
    /// Not raised because [`ALARMS_MAX`] were active.
    pub(crate) dropped: u64,
}

impl Alarms {
    /// The new alarm; `None` when the same is active already, or too many are.
    pub(crate) fn raise(&mut self, now: TimeNs, fault: &MachineFault) -> Option<Alarm> {
        if self.active.iter().any(|a| a.code == fault.code && a.place == fault.place) {
            return None;
        }
        if self.active.len() >= ALARMS_MAX {
            self.dropped += 1;
            return None;
        }
        self.last_id += 1;
        let alarm = Alarm {
            id: self.last_id,
            class: fault.class,
            code: fault.code.clone(),
            cause: fault.cause.clone(),
            place: fault.place.clone(),
            remedy: fault.remedy.clone(),
            first_out: self.active.is_empty(),
            raised: now,
            acknowledged: None,
            acknowledged_by: None,
            cleared: None,
        };
        self.active.push(alarm.clone());
        Some(alarm)
    }

    /// `None`: there is no such active alarm, or it is acknowledged.
    pub(crate) fn acknowledge(&mut self, now: TimeNs, id: u32, by: &Source) -> Option<Alarm> {
        let alarm = self.active.iter_mut().find(|a| a.id == id && a.acknowledged.is_none())?;
        alarm.acknowledged = Some(now);
        alarm.acknowledged_by = Some(by.clone());
        Some(alarm.clone())
    }

    /// Ids of those that nobody has acknowledged.
    pub(crate) fn unacknowledged(&self) -> Vec<u32> {
        self.active.iter().filter(|a| a.acknowledged.is_none()).map(|a| a.id).collect()
    }

    /// Clears those that `which` says.
    pub(crate) fn clear(&mut self, now: TimeNs, which: impl Fn(&Alarm) -> bool) -> Vec<Alarm> {
        let (gone, kept): (Vec<_>, Vec<_>) = core::mem::take(&mut self.active).into_iter().partition(which);
        self.active = kept;
        gone.into_iter().map(|a| Alarm { cleared: Some(now), ..a }).collect()
    }

    pub(crate) fn active(&self) -> &[Alarm] {
        &self.active
    }
}

/// A fault of the cycle in words.
pub(crate) fn of_cycle(fault: &RtFault, place: String) -> MachineFault {
    let (code, cause, remedy) = describe(fault.kind, fault.value, fault.limit);
    MachineFault { class: fault.class, code: code.into(), cause, place, remedy: remedy.into() }
}

/// The stable word of a kind.
pub(crate) fn code(kind: RtFaultKind) -> &'static str {
    describe(kind, 0.0, 0.0).0
}

/// Code, cause with value and limit, remedy of each kind.
fn describe(kind: RtFaultKind, value: f64, limit: f64) -> (&'static str, String, &'static str) {
    match kind {
        RtFaultKind::Position => (
            "position",
            format!("actual position {value:.3} is beyond the travel limit {limit:.3}"),
            "look what moved the axis; bring it back into its travel in mode Manual, then Clear and Reset",
        ),
        RtFaultKind::Velocity => (
            "velocity",
            format!("actual velocity {value:.1} is above {limit:.1}"),
            "check load, scaling and drive tuning of the axis; then Clear and Reset",
        ),
        RtFaultKind::Torque => (
            "torque",
            format!("motor torque {value:.3} N·m is above {limit:.3} N·m"),
            "look for an obstacle or a jam; then Clear and Reset",
        ),
        RtFaultKind::FollowingError => (
            "following-error",
            format!("following error {value:.3} is above {limit:.3}"),
            "look for an obstacle or a jam, check the drive's tuning; then Clear and Reset",
        ),
        RtFaultKind::SetpointStep => (
            "setpoint-step",
            format!("a setpoint would have stepped by {value:.4}, permitted are {limit:.4}"),
            "this is a program error: keep the record and report it; then Clear and Reset",
        ),
        RtFaultKind::StaleInput => (
            "stale-input",
            format!("{value:.0} cycles in a row without valid inputs, {limit:.0} are bridged"),
            "check cable and power of the segment and the load of the real-time core; then Clear and Reset",
        ),
        RtFaultKind::Drive => (
            "drive",
            format!("the drive reports error 0x{:04X} (object 0x603F)", value as u32),
            "look the code up in the drive's manual, remove the cause; then Clear and Reset",
        ),
        RtFaultKind::DriveDisabled => (
            "drive-disabled",
            "the drive left Operation enabled by itself".into(),
            "check its enable input and supply; then Clear and Reset",
        ),
        RtFaultKind::AlState => (
            "al-state",
            format!("SubDevice {limit:.0} is not in OP, AL status code 0x{:04X}", value as u32),
            "check the SubDevice's cable and supply; Clear brings the segment up again",
        ),
        RtFaultKind::SafetyInput => (
            "safety-input",
            "a safety input is off".into(),
            "remove the cause, release the safety function; then Clear, Reset, Start",
        ),
        RtFaultKind::AnalogInvalid => (
            "analog-invalid",
            "an analog channel that the motion depends on is not trusted".into(),
            "check the sensor's cable and range",
        ),
        RtFaultKind::EventsLost => (
            "events-lost",
            "the controller did not drain the events of the cycle in time".into(),
            "look at the load of the machine; then Clear and Reset",
        ),
        RtFaultKind::Emergency => (
            "emergency",
            format!("emergency message, error code 0x{:04X}", value as u32),
            "look the code up in the device's manual; then Clear and Reset",
        ),
        RtFaultKind::ProgramError => (
            "program-error",
            "the cycle ended by a program error; outputs are in their defined off state".into(),
            "keep the record and report it; restart the controller",
        ),
        RtFaultKind::DriveTimeout => (
            "drive-timeout",
            format!("the drive did not follow its state machine within {limit:.3} s"),
            "check mode, enable input and supply of the drive; then Clear and Reset",
        ),
    }
}

/// A fault in words; `class` says what the cell does about it.
pub(crate) fn fault(
    class: FaultClass,
    code: &str,
    cause: impl Into<String>,
    place: impl Into<String>,
    remedy: &str,
) -> MachineFault {
    MachineFault { class, code: code.into(), cause: cause.into(), place: place.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_out_no_doubles_no_flood() {
        let mut alarms = Alarms::default();
        let f = |code: &str| fault(FaultClass::Hold, code, "c", "p", "r");
        assert!(alarms.raise(TimeNs(1), &f("a")).is_some_and(|a| a.first_out && a.id == 1));
        assert!(alarms.raise(TimeNs(2), &f("a")).is_none());
        assert!(alarms.raise(TimeNs(3), &f("b")).is_some_and(|a| !a.first_out));
        let anna = Source::new("anna", "panel");
        assert_eq!(alarms.unacknowledged(), [1, 2]);
        let seen = alarms.acknowledge(TimeNs(4), 1, &anna);
        assert_eq!(seen.and_then(|a| a.acknowledged_by), Some(anna.clone()));
        assert!(alarms.acknowledge(TimeNs(4), 1, &anna).is_none());
        assert_eq!(alarms.unacknowledged(), [2]);
        assert_eq!(alarms.clear(TimeNs(5), |_| true).len(), 2);
        for i in 0..ALARMS_MAX + 3 {
            alarms.raise(TimeNs(6), &f(&i.to_string()));
        }
        assert_eq!((alarms.active().len(), alarms.dropped), (ALARMS_MAX, 3));
    }
}
