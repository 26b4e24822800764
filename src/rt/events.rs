//! Events to the controller, and what happens when it does not take them.

use cellwright_model::JobId;
use cellwright_model::job::{RtEvent, RtEventKind, RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use rtrb::Producer;

/// Job of events that belong to none.
pub(crate) const MACHINE: JobId = JobId(0);

/// Sends events, each with its cycle; counts those that found no room.
pub(crate) struct Events {
    ring: Producer<RtEvent>,
    cycle: u64,
    lost: u64,
    /// Lost events that the controller was not told of yet.
    untold: bool,
}

impl Events {
    pub(crate) fn new(ring: Producer<RtEvent>) -> Events {
        Events { ring, cycle: 0, lost: 0, untold: false }
    }

    pub(crate) fn begin(&mut self, cycle: u64) {
        self.cycle = cycle;
    }

    pub(crate) fn emit(&mut self, job: JobId, kind: RtEventKind) {
        if self.ring.push(RtEvent { cycle: self.cycle, job, kind }).is_err() {
            self.lost += 1;
            self.untold = true;
        }
    }

    pub(crate) fn machine(&mut self, fault: RtFault) {
        self.emit(MACHINE, RtEventKind::Fault(fault));
    }

    /// Tells of lost events as soon as there is room. `true` while that is to be done: a lost Done is
    /// not tolerable, so the cycle aborts.
    pub(crate) fn tell_lost(&mut self) -> bool {
        if !self.untold {
            return false;
        }
        let fault = RtFault {
            kind: RtFaultKind::EventsLost,
            axis: None,
            value: self.lost as f64,
            limit: 0.0,
            class: FaultClass::Abort,
        };
        let event = RtEvent { cycle: self.cycle, job: MACHINE, kind: RtEventKind::Fault(fault) };
        self.untold = self.ring.push(event).is_err();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtrb::RingBuffer;

    #[test]
    fn lost_events_are_told_of_once_there_is_room() {
        let (ring, mut out) = RingBuffer::new(1);
        let mut events = Events::new(ring);
        events.begin(7);
        events.emit(JobId(1), RtEventKind::Accepted);
        assert!(!events.tell_lost());
        events.emit(JobId(2), RtEventKind::Accepted);
        events.emit(JobId(3), RtEventKind::Accepted);
        assert!(events.tell_lost(), "no room yet");
        out.pop().unwrap();
        assert!(events.tell_lost());
        let RtEvent { cycle: 7, job: MACHINE, kind: RtEventKind::Fault(fault) } = out.pop().unwrap() else {
            panic!("not a fault of the machine");
        };
        assert_eq!((fault.kind, fault.value), (RtFaultKind::EventsLost, 2.0));
        assert!(!events.tell_lost());
    }
}
