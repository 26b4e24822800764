//! Alarms: raised once for a cause and place while active, acknowledged by a person, cleared when the cell
//! goes on.
//!
//! *First-out*: nothing that is active explains it; the one to look at. *Follows*: within moments of a
//! first-out alarm something less fundamental, or as fundamental, is raised: counted under it, and listed
//! up to a bound. *Stops the cell*: class hold and above, unless a step has asked a person and the others go on.

use cellwright_model::cia402;
use cellwright_model::event::AlarmClass;
use cellwright_model::job::{RtFault, RtFaultKind};
use cellwright_model::{DurationNs, TimeNs};

use crate::api::{Alarm, MachineFault, Source};
use crate::catalogue::{self, Act, AlarmCode, Meets};

/// Alarms active at once. A machine with more is not described better by more; full: counted.
pub(crate) const ALARMS_MAX: usize = 64;
/// What is raised this long after a first-out alarm may follow from it: drives need moments to lose their
/// torque, cobots to report, a deadline of a second to pass.
pub(crate) const FOLLOWS_WITHIN: DurationNs = DurationNs::from_millis(2_000);
/// Alarms listed that follow from one first-out alarm: an axis, a drive and a step of each station. More:
/// counted there, and said once.
pub(crate) const FOLLOWING_MAX: usize = 8;

/// Active alarms.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    active: Vec<Alarm>,
    last_id: u32,
    /// Not raised because [`ALARMS_MAX`] were active.
    pub(crate) dropped: u64,
}

impl Alarms {
    /// What is to be told: the new alarm, and that more follow than are listed. Empty when the same is active
    /// already, or too many are.
    pub(crate) fn raise(&mut self, now: TimeNs, fault: &MachineFault, meets: Meets) -> Vec<Alarm> {
        if let Some(same) = self.active.iter_mut().find(|a| a.code == fault.code && a.place == fault.place) {
            same.repeats = same.repeats.saturating_add(1);
            return Vec::new();
        }
        if self.active.len() >= ALARMS_MAX {
            self.dropped += 1;
            return Vec::new();
        }
        let (first_out, follows) = self.explained(now, fault);
        if let Some(first) = follows
            && self.count_under(first)
        {
            return self.flood(now, first, meets).into_iter().collect();
        }
        let alarm = self.alarm(now, fault, meets);
        let alarm = Alarm { first_out, follows, ..alarm };
        self.active.push(alarm.clone());
        vec![alarm]
    }

    fn alarm(&mut self, now: TimeNs, fault: &MachineFault, meets: Meets) -> Alarm {
        self.last_id += 1;
        let acts = catalogue::acts(fault, meets);
        Alarm {
            id: self.last_id,
            class: fault.class,
            code: fault.code,
            cause: fault.cause.clone(),
            place: fault.place.clone(),
            remedy: catalogue::remedy(&acts),
            acts,
            first_out: false,
            follows: None,
            raised: now,
            acknowledged: None,
            acknowledged_by: None,
            cleared: None,
            repeats: 0,
            consequences: 0,
        }
    }

    /// (nothing active explains it, the first-out alarm that it follows from).
    fn explained(&self, now: TimeNs, fault: &MachineFault) -> (bool, Option<u32>) {
        let rank = fault.code.entry().rank;
        let follows = self
            .active
            .iter()
            .filter(|a| a.first_out && a.class != AlarmClass::Warning)
            .filter(|a| now.since(a.raised) <= FOLLOWS_WITHIN)
            .find(|a| a.code.entry().rank <= rank)
            .map(|a| a.id);
        // The cell stands still already, by something as severe.
        let stands = self.active.iter().any(|a| stops_cell(a) && a.class >= fault.class);
        (follows.is_none() && !stands, follows)
    }

    /// Counts one more under a first-out alarm; whether it is one too many to be listed.
    fn count_under(&mut self, first: u32) -> bool {
        let listed = self.active.iter().filter(|a| a.follows == Some(first)).count();
        if let Some(a) = self.active.iter_mut().find(|a| a.id == first) {
            a.consequences = a.consequences.saturating_add(1);
        }
        listed >= FOLLOWING_MAX
    }

    /// Said once for each first-out alarm.
    fn flood(&mut self, now: TimeNs, first: u32, meets: Meets) -> Option<Alarm> {
        let place = format!("alarm {first}");
        if self.active.iter().any(|a| a.code == AlarmCode::AlarmFlood && a.place == place) {
            return None;
        }
        let (first_text, max) = (first.to_string(), FOLLOWING_MAX.to_string());
        let fault = AlarmCode::AlarmFlood.fault(place, &[("first", &first_text), ("max", &max)]);
        let alarm = self.alarm(now, &fault, meets);
        let alarm = Alarm { follows: Some(first), ..alarm };
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

    /// Clears those that `which` says, and what is only said because of them.
    pub(crate) fn clear(&mut self, now: TimeNs, which: impl Fn(&Alarm) -> bool) -> Vec<Alarm> {
        let (mut gone, kept): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.active).into_iter().partition(which);
        let orphan =
            |a: &Alarm| a.code == AlarmCode::AlarmFlood && !kept.iter().any(|k| Some(k.id) == a.follows);
        let (said, kept): (Vec<_>, Vec<_>) = kept.clone().into_iter().partition(orphan);
        gone.extend(said);
        self.active = kept;
        gone.into_iter().map(|a| Alarm { cleared: Some(now), ..a }).collect()
    }

    pub(crate) fn active(&self) -> &[Alarm] {
        &self.active
    }
}

/// The whole cell stands because of it, and not only a step that asks a person.
fn stops_cell(alarm: &Alarm) -> bool {
    alarm.class >= AlarmClass::Hold && !asks(alarm)
}

/// A step asks a person about it; cleared by the answer.
pub(crate) fn asks(alarm: &Alarm) -> bool {
    alarm.acts.iter().any(|a| matches!(a, Act::Answer(_)))
}

/// The code of a kind.
pub(crate) fn code(kind: RtFaultKind) -> AlarmCode {
    match kind {
        RtFaultKind::Position => AlarmCode::Position,
        RtFaultKind::Velocity => AlarmCode::Velocity,
        RtFaultKind::Torque => AlarmCode::Torque,
        RtFaultKind::FollowingError => AlarmCode::FollowingError,
        RtFaultKind::SetpointStep => AlarmCode::SetpointStep,
        RtFaultKind::StaleInput => AlarmCode::StaleInput,
        RtFaultKind::Drive => AlarmCode::Drive,
        RtFaultKind::DriveDisabled => AlarmCode::DriveDisabled,
        RtFaultKind::AlState => AlarmCode::AlState,
        RtFaultKind::SafetyInput => AlarmCode::SafetyInput,
        RtFaultKind::AnalogInvalid => AlarmCode::AnalogInvalid,
        RtFaultKind::EventsLost => AlarmCode::EventsLost,
        RtFaultKind::Emergency => AlarmCode::Emergency,
        RtFaultKind::ProgramError => AlarmCode::ProgramError,
        RtFaultKind::DriveTimeout => AlarmCode::DriveTimeout,
        RtFaultKind::DriveMode => AlarmCode::DriveMode,
        RtFaultKind::Homing => AlarmCode::Homing,
        RtFaultKind::Sto => AlarmCode::Sto,
        RtFaultKind::ZoneTaken => AlarmCode::ZoneTaken,
    }
}

/// A fault of the cycle in words, at the place that it speaks of. `zone`: the name of the one that it speaks of.
pub(crate) fn of_cycle(fault: &RtFault, place: String, zone: &str) -> MachineFault {
    let (value, limit) = match fault.kind {
        RtFaultKind::SetpointStep => (format!("{:.4}", fault.value), format!("{:.4}", fault.limit)),
        RtFaultKind::Velocity => (format!("{:.1}", fault.value), format!("{:.1}", fault.limit)),
        RtFaultKind::StaleInput => (format!("{:.0}", fault.value), format!("{:.0}", fault.limit)),
        _ => (format!("{:.3}", fault.value), format!("{:.3}", fault.limit)),
    };
    let number = format!("0x{:04X}", fault.value as u32);
    let known = [
        ("value", value.as_str()),
        ("limit", limit.as_str()),
        ("code", number.as_str()),
        ("error", cia402::error_name(fault.value as u16)),
        ("mode", cia402::mode_name(fault.value as i8)),
        ("inputs", place.as_str()),
        ("zone", zone),
        ("cause", "error bit, or out of range"),
    ];
    let in_words = code(fault.kind).fault(place.clone(), &known);
    in_words.with_class(fault.class.into())
}

#[cfg(test)]
mod tests;
