//! The joint between cycle and controller: rings and latest-value buffers, both ends polled, nothing
//! ever waits. Made before arming; no call on either end allocates.
//!
//! | what | from | kind | full |
//! | --- | --- | --- | --- |
//! | commands | controller | ring of 64 | rejected: [`RingFull`] |
//! | urgent word | controller | latest value | - |
//! | states of cobots | controller | latest value | - |
//! | events | cycle | ring of 1024 | fault `EventsLost`, abort class |
//! | status | cycle | latest value | - |
//! | curves | cycle and back | rings of 16, by ownership | cannot be: there are 16 buffers |
//! | bring-up | controller | flag | - |
//! | bring-up faults | cycle | ring of 8 | newest dropped: the first ones say most |
//! | SubDevices found | cycle | ring of 8 | newest dropped: there is one for each bring-up, and it is taken within a step |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cellwright_model::JobId;
use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::job::{RobotsSeen, RtCommand, RtEvent, RtStatus, Urgent, UrgentWord};
use cellwright_model::limits::{CURVE_BUFFERS, CURVE_SAMPLES_MAX, RT_COMMANDS_MAX, RT_EVENTS_MAX};
use cellwright_model::robot::RobotState;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::bus::BusFault;
use crate::capture::Captures;

/// Bring-up faults, and successes, that wait for the controller: one for each Clear, and Clears are made by people.
const BRING_UP_FAULTS_MAX: usize = 8;

/// The command ring has no room; the command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingFull;

/// A capture that ended, with its buffer. Give the buffer back: [`ControllerEnds::give_back`].
#[derive(Debug)]
pub struct FinishedCurve {
    /// The job of `CaptureStart`.
    pub capture: JobId,
    pub curve: Curve,
}

/// The ends that the cycle holds.
pub struct RtEnds {
    pub(crate) commands: Consumer<RtCommand>,
    pub(crate) urgent: triple_buffer::Output<Urgent>,
    pub(crate) robots: triple_buffer::Output<RobotsSeen>,
    pub(crate) events: Producer<RtEvent>,
    pub(crate) status: triple_buffer::Input<RtStatus>,
    pub(crate) captures: Captures,
    pub(crate) bring_up: BringUpEnds,
}

/// Bring-up as the cycle sees it; touched while not armed only, but for one relaxed load a cycle.
pub(crate) struct BringUpEnds {
    wanted: Arc<AtomicBool>,
    faults: Producer<BusFault>,
    found: Producer<Vec<u32>>,
}

impl BringUpEnds {
    /// Whether it was asked for since the last call.
    pub(crate) fn take_request(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Tells the controller why it failed; dropped if the ring is full. Not while armed.
    pub(crate) fn tell(&mut self, fault: BusFault) {
        if let Err(rtrb::PushError::Full(dropped)) = self.faults.push(fault) {
            drop(dropped);
        }
    }

    /// Tells the controller which SubDevices came up, before the status says that they did; dropped if the ring is
    /// full. Not while armed.
    pub(crate) fn tell_found(&mut self, serials: Vec<u32>) {
        if let Err(rtrb::PushError::Full(dropped)) = self.found.push(serials) {
            drop(dropped);
        }
    }
}

/// The ends that the controller holds.
pub struct ControllerEnds {
    commands: Producer<RtCommand>,
    urgent: triple_buffer::Input<Urgent>,
    last: Urgent,
    robots: triple_buffer::Input<RobotsSeen>,
    events: Consumer<RtEvent>,
    status: triple_buffer::Output<RtStatus>,
    curves: Consumer<FinishedCurve>,
    curves_back: Producer<Curve>,
    bring_up: Arc<AtomicBool>,
    bring_up_faults: Consumer<BusFault>,
    found: Consumer<Vec<u32>>,
}

/// A joint, with all its memory: 16 curve buffers of 30,000 samples are 11.5 MB.
pub fn link() -> (RtEnds, ControllerEnds) {
    let (command_in, command_out) = RingBuffer::new(RT_COMMANDS_MAX);
    let (event_in, event_out) = RingBuffer::new(RT_EVENTS_MAX);
    let (urgent_in, urgent_out) = triple_buffer::triple_buffer(&Urgent::default());
    let (robots_in, robots_out) = triple_buffer::triple_buffer(&RobotsSeen::default());
    let (status_in, status_out) = triple_buffer::triple_buffer(&RtStatus::default());
    let (curve_in, curve_out) = RingBuffer::new(CURVE_BUFFERS);
    let (back_in, back_out) = RingBuffer::new(CURVE_BUFFERS);
    let (fault_in, fault_out) = RingBuffer::new(BRING_UP_FAULTS_MAX);
    let (found_in, found_out) = RingBuffer::new(BRING_UP_FAULTS_MAX);
    let wanted = Arc::new(AtomicBool::new(false));
    let bring_up = BringUpEnds { wanted: Arc::clone(&wanted), faults: fault_in, found: found_in };
    let captures = Captures::new(pool(CURVE_BUFFERS, CURVE_SAMPLES_MAX), curve_in, back_out);
    (
        RtEnds {
            commands: command_out,
            urgent: urgent_out,
            robots: robots_out,
            events: event_in,
            status: status_in,
            captures,
            bring_up,
        },
        ControllerEnds {
            commands: command_in,
            urgent: urgent_in,
            last: Urgent::default(),
            robots: robots_in,
            events: event_out,
            status: status_out,
            curves: curve_out,
            curves_back: back_in,
            bring_up: wanted,
            bring_up_faults: fault_out,
            found: found_out,
        },
    )
}

/// Buffers whose pages are there: reserved memory that was never written would fault while armed.
fn pool(buffers: usize, samples: usize) -> Vec<Curve> {
    let buffer = |_| {
        let mut samples = vec![CurveSample { t_ns: 1, ..CurveSample::default() }; samples];
        samples.clear();
        Curve { samples, lost_cycles: 0, truncated: false }
    };
    (0..buffers).map(buffer).collect()
}

impl ControllerEnds {
    /// Sends a command to the cycle; it is looked at in the next one.
    pub fn send(&mut self, command: RtCommand) -> Result<(), RingFull> {
        self.commands.push(command).map_err(|_| RingFull)
    }

    /// The oldest event not yet taken.
    pub fn next_event(&mut self) -> Option<RtEvent> {
        self.events.pop().ok()
    }

    /// The oldest finished curve not yet taken. It is there before the `Done` of its `CaptureEnd` is.
    pub fn next_curve(&mut self) -> Option<FinishedCurve> {
        self.curves.pop().ok()
    }

    /// Gives a curve's buffer back to the cycle, whatever has become of it (may allocate: this side may).
    /// A buffer that is not one of the joint's is dropped.
    pub fn give_back(&mut self, mut curve: Curve) {
        curve.samples.clear();
        curve.samples.reserve_exact(CURVE_SAMPLES_MAX);
        if let Err(rtrb::PushError::Full(surplus)) = self.curves_back.push(curve) {
            drop(surplus);
        }
    }

    /// Asks for the segment to be brought up again. Success shows in [`RtStatus::bus`]; a failure comes
    /// back by [`ControllerEnds::pop_bring_up_fault`].
    pub fn request_bring_up(&mut self) {
        self.bring_up.store(true, Ordering::Release);
    }

    /// Why a bring-up failed, oldest first.
    pub fn pop_bring_up_fault(&mut self) -> Option<BusFault> {
        self.bring_up_faults.pop().ok()
    }

    /// Serial numbers of the SubDevices that came up, by position; oldest first.
    pub fn pop_found(&mut self) -> Option<Vec<u32>> {
        self.found.pop().ok()
    }

    /// Sets the urgent word and returns its epoch. A latest value: a word that the cycle has not seen
    /// ([`RtStatus::urgent_epoch`]) is replaced, so do not replace an `Abort` or `Stop` before it was.
    pub fn set_urgent(&mut self, word: UrgentWord) -> u32 {
        self.set_urgent_but(word, 0)
    }

    /// The same, with axes that `Hold` leaves alone ([`Urgent::except`]).
    pub fn set_urgent_but(&mut self, word: UrgentWord, except: u64) -> u32 {
        self.last = Urgent { word, epoch: self.last.epoch.wrapping_add(1), except };
        self.urgent.write(self.last);
        self.last.epoch
    }

    /// The word set last.
    pub fn urgent(&self) -> Urgent {
        self.last
    }

    /// Tells the cycle where the cobots were heard last, by their ids.
    pub fn tell_robots(&mut self, states: &[RobotState]) {
        self.robots.write(RobotsSeen::of(states));
    }

    /// The newest status.
    pub fn status(&mut self) -> &RtStatus {
        self.status.read()
    }
}

/// Captures with `buffers` of `samples`, and the controller's side of their rings.
#[cfg(test)]
pub(crate) fn test_captures(
    buffers: usize,
    samples: usize,
) -> (Captures, Consumer<FinishedCurve>, Producer<Curve>) {
    let (curve_in, curve_out) = RingBuffer::new(buffers);
    let (back_in, back_out) = RingBuffer::new(buffers);
    (Captures::new(pool(buffers, samples), curve_in, back_out), curve_out, back_in)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellwright_model::job::RtOp;

    #[test]
    fn a_full_command_ring_rejects() {
        let (mut rt, mut controller) = link();
        let command = RtCommand { job: JobId(1), op: RtOp::Disable { axes: 0 } };
        for _ in 0..RT_COMMANDS_MAX {
            controller.send(command).unwrap();
        }
        assert_eq!(controller.send(command), Err(RingFull));
        assert_eq!(rt.commands.pop(), Ok(command));
        assert!(controller.send(command).is_ok());
    }

    #[test]
    fn the_urgent_word_counts_up() {
        let (mut rt, mut controller) = link();
        assert_eq!(controller.set_urgent(UrgentWord::Hold), 1);
        assert_eq!(controller.set_urgent(UrgentWord::Resume), 2);
        assert_eq!(*rt.urgent.read(), Urgent { word: UrgentWord::Resume, epoch: 2, except: 0 });
    }

    #[test]
    fn a_buffer_given_back_has_its_capacity_again() {
        let (mut rt, mut controller) = link();
        controller.give_back(Curve::default());
        assert!(rt.captures.start(JobId(1), None, None, Default::default()));
    }
}
