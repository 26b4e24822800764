//! The pump against a wire that delays, doubles, cuts, alters, reorders and stalls.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use cellwright_rt::clock::VirtualClock;
use ethercrab::{Command, MainDevice, MainDeviceConfig, PduStorage, Timeouts};

use super::*;

type Wire = Rc<RefCell<TestWire>>;
/// What is delivered in a reply's place.
type Mangle = fn(Vec<u8>) -> Vec<Vec<u8>>;

/// Answers every read with `value` at the time of sending, and WKC 1; then does what a test wants.
#[derive(Default)]
struct TestWire {
    value: u8,
    /// Replies wait here while the wire stalls.
    backlog: VecDeque<Vec<u8>>,
    stalled: bool,
    /// Applied to each reply: what to deliver instead.
    mangle: Option<Mangle>,
    sent: usize,
    refuse_send: bool,
}

struct TestLink {
    wire: Wire,
    clock: VirtualClock,
}

impl Link for TestLink {
    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut wire = self.wire.borrow_mut();
        if wire.refuse_send {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        wire.sent += 1;
        let mut reply = frame.to_vec();
        reply[6] |= 0x02;
        reply[26] = wire.value;
        let wkc = reply.len() - 2;
        reply[wkc] = 1;
        let deliver = wire.mangle.map_or_else(|| vec![reply.clone()], |mangle| mangle(reply.clone()));
        wire.backlog.extend(deliver);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: DurationNs) -> io::Result<Option<usize>> {
        let mut wire = self.wire.borrow_mut();
        let next = if wire.stalled { None } else { wire.backlog.pop_front() };
        let Some(frame) = next else {
            self.clock.advance(wait);
            return Ok(None);
        };
        self.clock.advance(DurationNs(1_000));
        buffer[..frame.len()].copy_from_slice(&frame);
        Ok(Some(frame.len()))
    }
}

/// Runs `test` with a pump, its wire and a function that reads one byte over it within 500 µs.
fn with_pump(test: impl FnOnce(&Wire, &mut dyn FnMut() -> Option<u8>, &dyn Fn() -> BusCounters)) {
    let storage = PduStorage::<FRAMES, FRAME_BYTES_MAX>::new();
    let (tx, rx, pdu_loop) = storage.try_split().unwrap();
    let main = MainDevice::new(pdu_loop, Timeouts::default(), MainDeviceConfig::default());
    let clock = VirtualClock::default();
    let wire = Wire::default();
    let link = TestLink { wire: wire.clone(), clock: clock.clone() };
    let pump = RefCell::new(Pump::new(tx, rx, link, clock.clone()));
    let mut read = || {
        let deadline = clock.now() + DurationNs(500_000);
        let read = Command::fprd(0x1000, 0x1000).receive::<u8>(&main);
        pump.borrow_mut().run(read, deadline).map(|r| r.expect("a read within its deadline is good"))
    };
    test(&wire, &mut read, &|| pump.borrow().counters);
}

#[test]
fn a_reply_is_admitted() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().value = 7;
        assert_eq!(read(), Some(7));
        assert_eq!(counters(), BusCounters::default());
    });
}

#[test]
fn a_late_frame_is_counted_and_never_used() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().value = 1;
        wire.borrow_mut().stalled = true;
        assert_eq!(read(), None, "the deadline comes first");
        wire.borrow_mut().stalled = false;
        wire.borrow_mut().value = 2;
        assert_eq!(read(), Some(2));
        assert_eq!((counters().late_frames, counters().stray_frames), (1, 0));
    });
}

#[test]
fn a_backlog_of_a_2_s_stall_gives_no_stale_input() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().value = 1;
        wire.borrow_mut().stalled = true;
        // 4,000 cycles: every 8-bit index comes round many times.
        for _ in 0..4_000 {
            assert_eq!(read(), None);
        }
        assert_eq!(wire.borrow().backlog.len(), 4_000);
        wire.borrow_mut().stalled = false;
        wire.borrow_mut().value = 2;
        let mut good = 0;
        for _ in 0..100 {
            match read() {
                Some(value) => {
                    assert_eq!(value, 2, "an input of before the stall was taken for a new one");
                    good += 1;
                }
                None => assert_eq!(good, 0, "once the backlog is gone every read is good"),
            }
        }
        assert!(good > 80, "only {good} good reads");
        assert!(counters().late_frames >= 4_000, "{:?}", counters());
        assert_eq!(counters().stray_frames, 0);
    });
}

#[test]
fn a_duplicate_is_stray() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().mangle = Some(|reply| vec![reply.clone(), reply]);
        for value in 0..10 {
            wire.borrow_mut().value = value;
            assert_eq!(read(), Some(value));
        }
        assert_eq!(
            (counters().late_frames, counters().stray_frames),
            (0, 9),
            "the tenth was not fetched yet"
        );
    });
}

#[test]
fn truncated_and_altered_frames_are_stray_and_their_true_reply_is_still_taken() {
    let manglers: [Mangle; 4] = [
        |reply| vec![reply[..reply.len() - 1].to_vec(), reply],
        |reply| vec![reply[..10].to_vec(), Vec::new(), reply],
        |mut reply| {
            let good = reply.clone();
            reply[18] ^= 1; // the station address
            reply[26] = 99;
            vec![reply, good]
        },
        |mut reply| {
            let good = reply.clone();
            reply[11] ^= 1; // the sequence
            reply[26] = 99;
            vec![reply, good]
        },
    ];
    for mangle in manglers {
        with_pump(|wire, read, counters| {
            wire.borrow_mut().mangle = Some(mangle);
            wire.borrow_mut().value = 5;
            assert_eq!(read(), Some(5));
            assert!(counters().stray_frames >= 1);
            assert_eq!(counters().late_frames, 0);
        });
    }
}

#[test]
fn reordered_replies_are_late_not_current() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().value = 1;
        wire.borrow_mut().stalled = true;
        assert_eq!(read(), None);
        assert_eq!(read(), None);
        wire.borrow_mut().backlog.make_contiguous().reverse();
        wire.borrow_mut().stalled = false;
        wire.borrow_mut().value = 2;
        assert_eq!(read(), Some(2));
        assert_eq!(counters().late_frames, 2);
    });
}

#[test]
fn our_own_frame_coming_back_untouched_is_stray() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().mangle = Some(|mut reply| {
            reply[6] = 0x10;
            vec![reply]
        });
        assert_eq!(read(), None);
        assert_eq!(counters().stray_frames, 1);
    });
}

#[test]
fn a_link_that_refuses_ends_at_the_deadline_and_recovers() {
    with_pump(|wire, read, counters| {
        wire.borrow_mut().refuse_send = true;
        assert_eq!(read(), None);
        assert!(counters().send_errors > 0);
        wire.borrow_mut().refuse_send = false;
        wire.borrow_mut().value = 3;
        assert_eq!(read(), Some(3));
    });
}

#[test]
fn a_frame_sent_again_makes_its_first_reply_late() {
    let mut flights = Flights::new(u32::MAX);
    let sent = frame::tests::frame(&[(4, 9, 0x1000_1000, 1)]);
    let first = flights.start(&sent).unwrap();
    let mut first_reply = flights.bytes(first).to_vec();
    first_reply[6] |= 0x02;
    let second = flights.start(&sent).unwrap();
    let mut second_reply = flights.bytes(second).to_vec();
    second_reply[6] |= 0x02;
    assert_eq!(flights.classify(&first_reply), Arrival::Late);
    assert_eq!(flights.classify(&first_reply), Arrival::Stray, "late only once");
    assert_eq!(flights.classify(&second_reply), Arrival::Reply { len: sent.len() }, "the sequence wraps");
    assert!(flights.is_empty());
}

#[test]
fn with_all_slots_taken_the_oldest_is_given_up() {
    let mut flights = Flights::new(5);
    let frames: Vec<_> = (0..=FRAMES as u8).map(|i| frame::tests::frame(&[(4, i, 0, 1)])).collect();
    for f in &frames {
        flights.start(f).unwrap();
    }
    let mut oldest = frames[0].clone();
    frame::mark(&mut oldest, 5);
    oldest[6] |= 0x02;
    assert_eq!(flights.classify(&oldest), Arrival::Late);
}
