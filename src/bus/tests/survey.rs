//! A survey reads what stands on a segment, beside a controller, and changes nothing of it.

mod common;

use std::io;

use cellwright_bus::ask::{AskError, Asker};
use cellwright_bus::survey::coe::{self, CoeProblem};
use cellwright_bus::survey::survey;
use cellwright_bus::{InProcessLink, InProcessSegment, Link};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, ExchangeStatus, ProcessImage};
use cellwright_rt::clock::{Clock, VirtualClock};
use common::{Bench, SIZES, Shared, config, to_op, with_bench};

#[test]
fn every_subdevice_is_read_from_registers_and_sii() {
    let clock = VirtualClock::default();
    let link = InProcessLink::new(Bench::eight(&clock), clock.clone());
    let devices = survey(&mut Asker::new(link, clock)).expect("they answer");
    assert_eq!(devices.len(), SIZES.len());
    for (device, (position, (name, inputs, outputs, coe))) in devices.iter().zip(SIZES.iter().enumerate()) {
        let sii = device.sii.as_ref().expect("it is read");
        assert_eq!((sii.name.as_str(), sii.product), (*name, 0x1000 + position as u32));
        assert_eq!((device.al_status, device.al_code), (1, 0), "INIT");
        assert_eq!(sii.protocols, if *coe { 4 } else { 0 });
        let bytes = |inputs: bool| -> u32 {
            let pdos = sii.pdos.iter().filter(|p| p.inputs == inputs);
            pdos.flat_map(|p| &p.entries).map(|e| u32::from(e.bits)).sum::<u32>() / 8
        };
        assert_eq!((bytes(true), bytes(false)), (*inputs as u32, *outputs as u32), "{name}");
        let last = position + 1 == SIZES.len();
        assert!(device.ports[0].link);
        assert_eq!((device.ports[1].link, device.ports[1].loop_closed), (!last, last));
        assert!(device.clock.is_some_and(|c| c.wide));
    }
}

#[test]
fn a_controller_does_not_notice_it() {
    with_bench(config(), |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        let before = bus.counters();
        let mut asker = Asker::new(InProcessLink::new(Shared(bench.clone()), clock.clone()), clock.clone());
        for n in 0..3 {
            let devices = survey(&mut asker).expect("they answer");
            assert!(devices.iter().all(|d| d.al_status == 8), "OP");
            assert!(devices[4].sync_managers[2].enabled && devices[4].fmmus[0].enabled);
            let exchange = bus.exchange(n, &mut image, clock.now() + DurationNs(800_000));
            assert_eq!(exchange.status, ExchangeStatus::Ok);
        }
        let after = bus.counters();
        assert_eq!((after.wkc_errors, after.late_frames), (before.wkc_errors, before.late_frames));
    });
}

#[test]
fn pdos_are_asked_by_coe_where_nobody_else_uses_the_mailbox() {
    with_bench(config(), |bus, bench, clock| {
        let mut asker = Asker::new(InProcessLink::new(Shared(bench.clone()), clock.clone()), clock.clone());
        let mut ask = || {
            let devices = survey(&mut asker).expect("they answer");
            let problems = devices.iter().map(|d| coe::pdos(&mut asker, d).expect("they answer"));
            problems.collect::<Vec<_>>()
        };
        assert_eq!(ask()[4], Err(CoeProblem::NotSetUp), "in INIT");
        let layout = bus.bring_up().expect("bring-up");
        let found = ask();
        assert_eq!(found[1], Err(CoeProblem::None));
        let drive = found[4].as_ref().expect("it answers");
        let bytes =
            |inputs| drive.iter().filter(|p| p.inputs == inputs).map(|p| p.entries.len()).sum::<usize>();
        assert_eq!((drive.len(), bytes(false), bytes(true)), (2, 10, 20));
        assert_eq!((drive[0].index, drive[0].entries[9]), (0x1600, (0x7000, 10, 8)));
        let mut image = ProcessImage::new(&layout).expect("an image");
        bus.enter_op(&mut image).expect("OP");
        assert_eq!(ask()[4], Err(CoeProblem::InUse), "in OP");
    });
}

#[test]
fn a_count_that_cannot_be_is_not_believed() {
    let clock = VirtualClock::default();
    let bench = Bench::eight(&clock);
    // The broadcast's working counter stands behind its byte.
    bench.0.borrow_mut().disturb = Box::new(|frame| {
        frame[27..29].copy_from_slice(&[0xb1, 0x31]);
        true
    });
    let asked = survey(&mut Asker::new(InProcessLink::new(bench.clone(), clock.clone()), clock));
    assert!(matches!(asked, Err(AskError::TooMany(0x31b1))));
    assert_eq!(bench.0.borrow().frames, 1);
}

#[test]
fn silence_a_refusing_interface_and_foreign_frames_are_told_apart() {
    let clock = VirtualClock::default();
    let silent = |_: &mut [u8], _: TimeNs| -> Option<DurationNs> { None };
    let mut asker = Asker::new(InProcessLink::new(silent, clock.clone()), clock.clone());
    assert!(matches!(survey(&mut asker), Err(AskError::Silent)));
    assert!(clock.now() >= TimeNs(100_000_000), "it has tried five times");
    // A segment whose frames come back to another asker.
    let mut bench = Bench::eight(&clock);
    let others = move |frame: &mut [u8], now: TimeNs| {
        let delay = bench.process(frame, now);
        frame[11] ^= 1;
        delay
    };
    let mut asker = Asker::new(InProcessLink::new(others, clock.clone()), clock.clone());
    assert!(matches!(survey(&mut asker), Err(AskError::Silent)));

    struct Down;
    impl Link for Down {
        fn send(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::NetworkDown.into())
        }
        fn receive(&mut self, _: &mut [u8], _: DurationNs) -> io::Result<Option<usize>> {
            Ok(None)
        }
    }
    assert!(matches!(survey(&mut Asker::new(Down, clock)), Err(AskError::Link(_))));
}
