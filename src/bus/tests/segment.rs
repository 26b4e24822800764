//! The bus against the twin segment, on virtual time.

mod common;

use cellwright_bus::{ExpectedSubDevice, InProcessLink, StartUpSdo, with_bus};
use cellwright_driver_api::twin::{Quantities, SubDeviceModel, TWIN_VENDOR};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{
    AlState, Bus, BusFault, ExchangeStatus, Identity, ProcessImage, SdoData, SdoFault, SdoOp, SdoRequest,
};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_twin::segment::AlState as TwinState;
use common::{Bench, Echo, SIZES, TestBus, config, cycles, to_op, with_bench};

#[test]
fn eight_subdevices_come_up_and_exchange() {
    with_bench(config(), |bus, bench, clock| {
        let layout = bus.bring_up().unwrap();
        assert_eq!(layout.subdevices.len(), 8);
        assert_eq!(layout.expected_wkc, 1 + 2 + 1 + 4 * 3);
        for (found, (name, inputs, outputs, coe)) in layout.subdevices.iter().zip(SIZES) {
            assert_eq!((found.name.as_str(), found.inputs_len, found.outputs_len), (name, inputs, outputs));
            assert_eq!(found.has_coe, coe, "{name}");
        }
        let mut image = ProcessImage::new(&layout).unwrap();
        image.outputs_mut(5)[0] = 0x5a;
        assert!(cycles(bus, clock, &mut image, 1).is_ok(), "inputs are valid in SAFE-OP");
        assert_eq!(image.inputs(5)[0], 0, "outputs do nothing in SAFE-OP");
        assert!(image.is_fresh());
        bus.enter_op(&mut image).unwrap();
        image.outputs_mut(5)[0] = 0x3c;
        let exchange = cycles(bus, clock, &mut image, 100);
        assert_eq!(exchange.status, ExchangeStatus::Ok);
        assert_eq!(exchange.round_trip, DurationNs(16_000), "eight SubDevices, out and back, 1 µs a hop");
        assert_eq!(image.inputs(5)[0], 0x3c);
        let counters = bus.counters();
        assert_eq!((counters.cycles, counters.lost, counters.wkc_errors, counters.al_errors), (101, 0, 0, 0));
        assert_eq!((counters.late_frames, counters.stray_frames), (0, 0));
        assert_eq!(bench.borrow().cycles.last(), Some(&100), "the segment is told the cycle");
        bus.shutdown().unwrap();
        assert!((0..8).all(|p| bench.borrow().segment.al_status(p).unwrap().0 == TwinState::Init));
        assert_eq!(cycles(bus, clock, &mut image, 1).status, ExchangeStatus::Lost);
        assert!(!image.is_fresh());
    });
}

#[test]
fn sdos_are_carried_while_armed() {
    with_bench(config(), |bus, _, clock| {
        let (_, mut image) = to_op(bus);
        let sdo = |bus: &mut TestBus<'_>, image: &mut ProcessImage, position, index, sub, op| {
            bus.request_sdo(SdoRequest { position, index, sub, op }).unwrap();
            for _ in 0..1_000 {
                assert!(cycles(bus, clock, image, 1).is_ok(), "an SDO does not disturb the image");
                if let Some(reply) = bus.poll_sdo() {
                    return reply.result;
                }
            }
            panic!("no answer to {index:#06x}");
        };
        for position in [3, 4, 5, 6, 7] {
            for round in 0..9 {
                let product = sdo(bus, &mut image, position, 0x1018, 2, SdoOp::Upload).unwrap();
                assert_eq!(product.as_u64(), Some(0x1000 + u64::from(position)), "round {round}");
            }
        }
        image.outputs_mut(4)[0] = 9;
        let echoed = sdo(bus, &mut image, 4, 0x2000, 0, SdoOp::Upload).unwrap();
        assert_eq!(echoed.as_bytes(), [9]);
        let missing = sdo(bus, &mut image, 4, 0x2fff, 0, SdoOp::Upload);
        assert_eq!(missing, Err(SdoFault::Abort(0x0602_0000)));
        let name = sdo(bus, &mut image, 5, 0x1008, 0, SdoOp::Upload).unwrap();
        assert_eq!(name.as_bytes(), b"press_z", "a normal upload that fits the mailbox");
        assert_eq!(sdo(bus, &mut image, 1, 0x1018, 1, SdoOp::Upload), Err(SdoFault::NoMailbox));
    });
}

#[test]
fn a_mailbox_frame_begins_only_while_there_is_time_for_it() {
    with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        bus.request_sdo(SdoRequest { position: 4, index: 0x1018, sub: 2, op: SdoOp::Upload }).unwrap();
        // The image comes back 300 µs before the deadline: a frame fits. 200 µs before: it does not.
        let slow = |us: u64| bench.borrow_mut().delay = DurationNs(us * 1_000);
        let frames = || bench.borrow().frames;
        slow(500 - 200);
        for cycle in 1..=50 {
            let before = frames();
            assert!(cycles(bus, clock, &mut image, 1).is_ok(), "{cycle}");
            assert_eq!(frames() - before, 1, "the image and nothing else");
        }
        assert_eq!((bus.poll_sdo(), bus.counters().mailbox_put_off), (None, 50));
        slow(200);
        let answer = (0..50).find_map(|_| {
            let before = frames();
            cycles(bus, clock, &mut image, 1);
            assert!(frames() - before <= 2, "at most one mailbox frame a cycle");
            bus.poll_sdo()
        });
        assert_eq!(answer.expect("an answer").result.unwrap().as_u64(), Some(0x1004));
        assert_eq!(bus.counters().lost, 0);
        // And one that never gets its time lapses.
        slow(300);
        bus.request_sdo(SdoRequest { position: 4, index: 0x1018, sub: 2, op: SdoOp::Upload }).unwrap();
        cycles(bus, clock, &mut image, 600);
        assert_eq!(bus.poll_sdo().unwrap().result, Err(SdoFault::Timeout));
    });
}

#[test]
fn an_emergency_is_a_value_also_during_an_sdo() {
    with_bench(config(), |bus, _, clock| {
        let (_, mut image) = to_op(bus);
        let op = SdoOp::Download(SdoData::new(&[0x42]).unwrap());
        bus.request_sdo(SdoRequest { position: 6, index: 0x2001, sub: 0, op }).unwrap();
        let mut emergency = None;
        for _ in 0..200 {
            cycles(bus, clock, &mut image, 1);
            emergency = emergency.or_else(|| bus.poll_emergency());
        }
        assert_eq!(bus.poll_sdo().unwrap().result, Ok(SdoData::EMPTY));
        let emergency = emergency.expect("it was fetched without anybody asking");
        assert_eq!((emergency.position, emergency.code, emergency.data), (6, 0xff42, [1, 2, 3, 4, 5]));
        assert!(bus.poll_emergency().is_none());
        assert_eq!(bus.counters().lost, 0);
    });
}

#[test]
fn start_up_sdos_are_written_and_a_refused_one_names_itself() {
    let mut config = config();
    let sdo = |index| StartUpSdo { index, sub: 0, data: SdoData::new(&[7]).unwrap(), check: false };
    config.subdevices[5].start_up = vec![sdo(0x2001)];
    with_bench(config.clone(), |bus, _, clock| {
        let (_, mut image) = to_op(bus);
        let mut codes = Vec::new();
        for _ in 0..200 {
            cycles(bus, clock, &mut image, 1);
            codes.extend(bus.poll_emergency().map(|e| e.code));
        }
        assert_eq!(codes, [0xff07], "the object was written once");
    });
    config.subdevices[5].start_up = vec![sdo(0x2fff)];
    with_bench(config, |bus, _, _| {
        let text = bus.bring_up().unwrap_err().to_string();
        assert!(
            text.contains("SubDevice 5 (press_z)") && text.contains("0x2fff") && text.contains("0x06020000"),
            "{text}"
        );
    });
}

#[test]
fn a_segment_that_is_not_the_described_one_is_refused() {
    let mut exchanged = config();
    exchanged.subdevices.swap(4, 5);
    let mut longer = config();
    longer.subdevices.push(longer.subdevices[7].clone());
    let mut shorter = config();
    shorter.subdevices.pop();
    let mut serial = config();
    serial.subdevices[6].identity.serial = 1;
    for (config, at) in [(exchanged, 4), (longer, 8), (shorter, 7), (serial, 6)] {
        with_bench(config, |bus, bench, _| {
            let fault = bus.bring_up().unwrap_err();
            let BusFault::WrongSegment { position, .. } = &fault else { panic!("{fault}") };
            assert_eq!(*position, at, "{fault}");
            assert!((0..8).all(|p| bench.borrow().segment.al_status(p).unwrap().0 != TwinState::Op));
        });
    }
}

#[test]
fn a_silent_link_has_no_subdevices() {
    with_bench(config(), |bus, bench, clock| {
        bench.borrow_mut().segment.set_power(0, false);
        assert_eq!(bus.bring_up().unwrap_err(), BusFault::NoSubDevices { link: "twin".to_owned() });
        assert!(clock.now() < TimeNs(1_000_000_000), "within a second");
        bench.borrow_mut().segment.set_power(0, true);
        to_op(bus);
    });
}

#[test]
fn a_short_working_counter_leaves_the_inputs_stale() {
    with_bench(config(), |bus, bench, clock| {
        let (layout, mut image) = to_op(bus);
        image.outputs_mut(4)[0] = 1;
        assert!(cycles(bus, clock, &mut image, 2).is_ok());
        // The LRW is the first datagram: its working counter stands behind its data.
        let lrw_bytes: usize = SIZES.iter().map(|(_, i, o, _)| i + o).sum();
        let wkc_at = 16 + 10 + lrw_bytes;
        bench.borrow_mut().disturb = Box::new(move |frame| {
            if frame[16] == 12 {
                frame[wkc_at] -= 1;
            }
            true
        });
        image.outputs_mut(4)[0] = 2;
        let status = cycles(bus, clock, &mut image, 2).status;
        let expected = layout.expected_wkc;
        assert_eq!(status, ExchangeStatus::WkcMismatch { got: expected - 1, expected });
        assert_eq!((image.inputs(4)[0], image.is_fresh(), image.stale_cycles()), (1, false, 2));
        assert_eq!(bus.counters().wkc_errors, 2);
        bench.borrow_mut().disturb = Box::new(|_| true);
        assert!(cycles(bus, clock, &mut image, 1).is_ok());
        assert_eq!(image.inputs(4)[0], 2);
    });
}

#[test]
fn a_lost_frame_costs_one_cycle() {
    with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        bench.borrow_mut().disturb = Box::new(|_| false);
        let exchange = cycles(bus, clock, &mut image, 1);
        assert_eq!((exchange.status, exchange.round_trip), (ExchangeStatus::Lost, DurationNs(500_000)));
        bench.borrow_mut().disturb = Box::new(|_| true);
        for _ in 0..300 {
            assert!(cycles(bus, clock, &mut image, 1).is_ok());
        }
        assert_eq!((bus.counters().lost, bus.counters().cycles), (1, 301));
    });
}

#[test]
fn a_subdevice_that_leaves_op_is_named_with_its_reason() {
    with_bench(config(), |bus, _, clock| {
        let (_, mut image) = to_op(bus);
        assert!(cycles(bus, clock, &mut image, 3).is_ok());
        // Nothing is sent for longer than the SyncManager watchdog waits.
        clock.advance(DurationNs::from_millis(500));
        let status = cycles(bus, clock, &mut image, 1).status;
        let ExchangeStatus::AlState { position, state, code } = status else { panic!("{status:?}") };
        assert_eq!(
            (position, state, code),
            (2, AlState::SafeOp, 0x001b),
            "outputs are the first with a watchdog"
        );
        assert!(!image.is_fresh());
        assert_eq!(bus.counters().al_errors, 1);
    });
}

#[test]
fn a_lost_device_is_named_and_the_segment_comes_up_again() {
    with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        for round in 0..3 {
            bench.borrow_mut().segment.set_power(6, false);
            let status = cycles(bus, clock, &mut image, 1).status;
            assert_eq!(
                status,
                ExchangeStatus::AlState { position: 6, state: AlState::None, code: 0 },
                "{round}"
            );
            let fault = bus.bring_up().unwrap_err();
            assert!(matches!(fault, BusFault::WrongSegment { position: 6, found: None, .. }), "{fault}");
            bench.borrow_mut().segment.set_power(6, true);
            to_op(bus);
            image.outputs_mut(7)[0] = 10 + round;
            assert!(cycles(bus, clock, &mut image, 2).is_ok());
            assert_eq!(image.inputs(7)[0], 10 + round);
        }
    });
}

#[test]
fn two_buses_on_two_clocks_in_one_thread() {
    with_bench(config(), |bus_a, _, clock_a| {
        clock_a.advance(DurationNs::from_millis(3_600_000));
        let (_, mut image_a) = to_op(bus_a);
        with_bench(config(), |bus_b, _, clock_b| {
            let (_, mut image_b) = to_op(bus_b);
            for n in 0..50 {
                image_a.outputs_mut(4)[0] = n;
                image_b.outputs_mut(4)[0] = 200 - n;
                assert!(cycles(bus_a, clock_a, &mut image_a, 2).is_ok());
                assert!(cycles(bus_b, clock_b, &mut image_b, 2).is_ok());
                assert_eq!((image_a.inputs(4)[0], image_b.inputs(4)[0]), (n, 200 - n));
            }
            assert!(clock_b.now() < TimeNs(60_000_000_000) && clock_a.now() > TimeNs(3_600_000_000_000));
        });
    });
}

#[test]
fn emergencies_within_ethercrabs_own_sdos_are_faults_and_not_the_end() {
    with_bench(config(), |bus, bench, clock| {
        // More often than ethercrab has frame slots: a panic must not cost it one.
        for _ in 0..6 {
            // The next full mailbox that is read becomes an emergency: FPRD of 128 bytes, WKC 1.
            let mut once = true;
            bench.borrow_mut().disturb = Box::new(move |frame| {
                let mailbox = frame[16] == 4 && frame.len() == 16 + 10 + 128 + 2 && frame[16 + 10 + 128] == 1;
                if mailbox && std::mem::take(&mut once) {
                    frame[16 + 10 + 7] = 0x10;
                }
                true
            });
            let fault = bus.bring_up().unwrap_err();
            assert!(matches!(fault, BusFault::BringUpPanic { .. }), "{fault}");
            let state = |position| bench.borrow().segment.al_status(position).unwrap().0;
            assert!((0..8).all(|position| state(position) == TwinState::Init), "nothing is left half up");
        }
        let (_, mut image) = to_op(bus);
        assert!(cycles(bus, clock, &mut image, 300).is_ok());
    });
}

#[test]
fn a_subdevice_that_refuses_op_is_named_with_its_reason() {
    with_bench(config(), |bus, bench, _| {
        let layout = bus.bring_up().unwrap();
        let mut image = ProcessImage::new(&layout).unwrap();
        // AL status of SubDevice 5: SAFE-OP with the error flag; AL status code 0x001D.
        bench.borrow_mut().disturb = Box::new(|frame| {
            let datagrams = 16..frame.len() - 10;
            let mut at = datagrams.start;
            while datagrams.contains(&at) {
                let len = usize::from(u16::from_le_bytes([frame[at + 6], frame[at + 7]]) & 0x07ff);
                if frame[at] == 4 && frame[at + 2..at + 6] == [0x05, 0x10, 0x30, 0x01] {
                    frame[at + 10] = 0x14;
                    if len == 6 {
                        frame[at + 14] = 0x1d;
                    }
                }
                at += 12 + len;
            }
            true
        });
        let fault = bus.enter_op(&mut image).unwrap_err();
        let (name, wanted, reached) = ("press_z".to_owned(), AlState::Op, AlState::SafeOp);
        assert_eq!(fault, BusFault::StateTransition { position: 5, name, wanted, reached, code: 0x1d });
        assert!(fault.to_string().contains("invalid output configuration"), "{fault}");
        assert_eq!(bus.enter_op(&mut image), Err(BusFault::NotUp));
        bench.borrow_mut().disturb = Box::new(|_| true);
        to_op(bus);
    });
}

#[test]
fn a_link_that_falls_silent_while_arming_is_a_fault_in_bounded_time() {
    with_bench(config(), |bus, bench, clock| {
        let layout = bus.bring_up().unwrap();
        let mut image = ProcessImage::new(&layout).unwrap();
        bench.borrow_mut().disturb = Box::new(|_| false);
        let start = clock.now();
        let fault = bus.enter_op(&mut image).unwrap_err();
        assert!(matches!(fault, BusFault::Timeout { .. }), "{fault}");
        assert!(clock.now().since(start) < DurationNs::from_millis(10_000));
    });
}

#[test]
fn a_bus_that_is_dropped_leaves_the_segment_in_init_also_by_a_panic() {
    for panics in [false, true] {
        let kept = std::rc::Rc::new(std::cell::RefCell::new(None));
        let run = std::panic::AssertUnwindSafe(|| {
            with_bench(config(), |bus, bench, clock| {
                *kept.borrow_mut() = Some(bench.clone());
                let (_, mut image) = to_op(bus);
                assert!(cycles(bus, clock, &mut image, 3).is_ok());
                assert_eq!(bench.borrow().segment.al_status(5).unwrap().0, TwinState::Op);
                assert!(!panics, "a program error of the bus's owner");
            });
        });
        assert_eq!(std::panic::catch_unwind(run).is_err(), panics);
        let bench = kept.borrow_mut().take().unwrap();
        let state = |position| bench.borrow().segment.al_status(position).unwrap().0;
        assert!((0..8).all(|position| state(position) == TwinState::Init));
    }
}

#[test]
fn an_image_over_two_frames_is_exchanged_whole() {
    let sizes: Vec<(String, usize, usize)> = (0..10).map(|n| (format!("wide_{n}"), 110, 90)).collect();
    let clock = VirtualClock::default();
    let models = sizes.iter().enumerate().map(|(position, (name, inputs, outputs))| {
        Box::new(Echo::new(name, position as u32, *inputs, *outputs, false)) as Box<dyn SubDeviceModel>
    });
    let bench = Bench::of(&clock, models.collect(), Quantities::default());
    let mut config = config();
    config.subdevices = (0..10)
        .map(|position| ExpectedSubDevice {
            name: format!("wide_{position}"),
            identity: Identity { vendor: TWIN_VENDOR, product: 0x1000 + position, revision: 1, serial: 0 },
            start_up: Vec::new(),
        })
        .collect();
    let link = InProcessLink::new(bench.clone(), clock.clone());
    with_bus(link, clock.clone(), config, |bus| {
        let (layout, mut image) = to_op(bus);
        // 1,100 bytes of inputs, 900 of outputs: the first frame takes 1,486, which cuts the outputs of
        // SubDevice 4, so that it counts twice.
        assert_eq!(layout.expected_wkc, 10 + 2 * 10 + 2);
        for value in 0..20 {
            (0..10).for_each(|position| image.outputs_mut(position)[0] = value + position as u8);
            assert!(cycles(bus, &clock, &mut image, 2).is_ok());
            assert!((0..10).all(|position| image.inputs(position)[0] == value + position as u8));
        }
    });
}
