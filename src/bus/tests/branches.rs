//! ethercrab on a segment with branches: the order of the wire, the delays that it measures, a branch that is cut.

mod common;

use cellwright_bus::{BusConfig, DcConfig, ExpectedSubDevice, InProcessLink, with_bus};
use cellwright_driver_api::twin::{Quantities, SubDeviceModel, TWIN_VENDOR};
use cellwright_model::wiring::Upstream;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{Bus, BusFault, ExchangeStatus, Identity};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_twin::segment::{Processed, Segment};
use common::{Bench, Echo, PERIOD, Shared, TestBus, cycles, to_op};

const HOP_NS: u32 = 1_000;

/// (position, port) of the SubDevice that the second one, and each after it, hangs on.
fn with_tree<R>(
    joined: &[(usize, u8)],
    body: impl FnOnce(&mut TestBus<'_>, &Shared, &VirtualClock) -> R,
) -> R {
    let models = (0..=joined.len()).map(|i| {
        Box::new(Echo::new(&format!("D{i}"), i as u32, 4, 2, i % 2 == 1)) as Box<dyn SubDeviceModel>
    });
    let joined: Vec<_> = joined.iter().map(|&(position, port)| Some(Upstream { position, port })).collect();
    let wiring: Vec<_> = core::iter::once(None).chain(joined).collect();
    let clock = VirtualClock::default();
    let mut segment = Segment::wired(models.collect(), &wiring, HOP_NS).unwrap();
    for position in 0..wiring.len() {
        segment.set_clock(position, 1_000_000_007 * (position as u64 + 1), 0);
    }
    let bench = Bench::with(&clock, segment, Quantities::default());
    let expected = |position| ExpectedSubDevice {
        name: format!("D{position}"),
        identity: Identity { vendor: TWIN_VENDOR, product: 0x1000 + position, revision: 1, serial: 0 },
        start_up: Vec::new(),
    };
    let config = BusConfig {
        link_name: "twin".to_owned(),
        period: PERIOD,
        subdevices: (0..wiring.len() as u32).map(expected).collect(),
        dc: Some(DcConfig {
            sync0: PERIOD,
            shift: DurationNs(PERIOD.0 / 2),
            positions: (1 << wiring.len()) - 1,
        }),
    };
    let link = InProcessLink::new(bench.clone(), clock.clone());
    with_bus(link, clock.clone(), config, |bus| body(bus, &bench, &clock))
}

/// Four bytes of a SubDevice's registers.
fn register(bench: &Shared, position: u16, at: u16, now: TimeNs) -> u32 {
    let mut frame = vec![0xFF; 12];
    frame.extend([0x88, 0xA4, 16, 0x10, 1, 0]);
    frame.extend(position.wrapping_neg().to_le_bytes());
    frame.extend(at.to_le_bytes());
    frame.extend([4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let done = bench.0.borrow_mut().segment.process(&mut frame, now);
    assert!(matches!(done, Processed::Returned { .. }));
    assert_eq!(frame[30], 1, "it answers");
    u32::from_le_bytes([frame[26], frame[27], frame[28], frame[29]])
}

/// Delays that ethercrab wrote to register 0x0928, in hops behind the first SubDevice.
fn delays(joined: &[(usize, u8)]) -> Vec<u32> {
    with_tree(joined, |bus, bench, clock| {
        let (_, mut image) = to_op(bus);
        assert!(cycles(bus, clock, &mut image, 3).is_ok());
        for position in 0..=joined.len() {
            image.outputs_mut(position)[0] = 0x40 + position as u8;
        }
        assert!(cycles(bus, clock, &mut image, 3).is_ok());
        for position in 0..=joined.len() {
            assert_eq!(image.inputs(position)[0], 0x40 + position as u8, "each SubDevice has its own place");
        }
        (0..=joined.len() as u16).map(|p| register(bench, p, 0x0928, clock.now()) / HOP_NS).collect()
    })
}

#[test]
fn delays_are_those_of_the_way_that_a_frame_takes() {
    assert_eq!(delays(&[(0, 1), (1, 1), (2, 1)]), [0, 1, 2, 3], "a line");
    assert_eq!(
        delays(&[(0, 3), (1, 1), (0, 1), (3, 1)]),
        [0, 1, 2, 5, 6],
        "two branches, out by port 3 first"
    );
    assert_eq!(delays(&[(0, 1), (0, 2), (2, 1), (3, 1)]), [0, 1, 3, 4, 5], "out by ports 1 and 2");
    // The last branch branches again.
    assert_eq!(delays(&[(0, 1), (0, 2), (2, 1), (2, 2)]), [0, 1, 3, 4, 6]);
}

#[test]
fn wirings_that_ethercrab_measures_wrong_are_those_that_a_cell_file_may_not_have() {
    // To the third branch it counts the first one twice: the frame is there after five hops.
    assert_eq!(delays(&[(0, 3), (0, 1), (0, 2)]), [0, 1, 3, 6]);
    // What branches again is not the last branch: it looks for the way back at the wrong
    // SubDevice, and the frame is there after seven hops.
    assert_eq!(delays(&[(0, 3), (1, 3), (1, 1), (0, 1)]), [0, 1, 2, 4, 4]);
}

#[test]
fn a_cut_branch_is_named_by_its_first_subdevice_and_comes_up_again() {
    with_tree(&[(0, 3), (1, 1), (0, 1), (3, 1)], |bus, bench, clock| {
        let (layout, mut image) = to_op(bus);
        assert!(cycles(bus, clock, &mut image, 3).is_ok());
        bench.0.borrow_mut().segment.set_link(0, 1, false);
        let status = cycles(bus, clock, &mut image, 1).status;
        let short =
            ExchangeStatus::WkcMismatch { got: layout.expected_wkc / 5 * 3, expected: layout.expected_wkc };
        let named = matches!(status, ExchangeStatus::AlState { position: 3, .. });
        assert!(status == short || named, "{status:?}");
        let fault = bus.bring_up().unwrap_err();
        assert!(matches!(fault, BusFault::WrongSegment { position: 3, .. }), "{fault}");
        bench.0.borrow_mut().segment.set_link(0, 1, true);
        let (_, mut image) = to_op(bus);
        assert!(cycles(bus, clock, &mut image, 3).is_ok());
    });
}
