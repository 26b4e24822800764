//! People at the machine: what they take, bring and break, and that no part is ever unaccounted for.

mod common;

use cellwright_model::plant::PartKind;
use cellwright_model::{RobotId, TrayId};
use cellwright_twin::plant::{Cursors, Injection, Pocket, TrayLoad, Truth};
use common::bench::{Bench, CLOSE, LOAD, PRESS, TEST};
use proptest::prelude::*;

fn bench() -> Bench {
    let description = common::description(&common::cell());
    Bench::new(Truth { description, seed: 7 }, &Cursors::default())
}

fn exchange(b: &mut Bench, tray: &str, parts: Option<u32>) {
    let load = TrayLoad { parts, material: None };
    let tray = b.tray(tray);
    b.plant.inject(Injection::Exchange { tray, load });
}

fn balanced(b: &Bench) {
    let balance = b.plant.places().balance();
    assert_eq!(balance.missing(), [0; 4], "{balance:?}");
}

#[test]
fn a_used_up_tray_stays_empty_until_somebody_exchanges_it() {
    let mut b = bench();
    exchange(&mut b, "hub_tray", Some(2));
    let hub = b.tray("hub_tray").index();
    for pocket in 0..2 {
        assert!(b.at_pocket(0, "hub_tray", pocket, true));
        b.at_pose(0, "home", false);
    }
    assert!((0..4).all(|pocket| !b.at_pocket(0, "hub_tray", pocket, true)));
    assert!(b.plant.places().trays[hub].pockets.iter().all(|p| *p == Pocket::Empty));
    exchange(&mut b, "hub_tray", None);
    assert!(b.at_pocket(0, "hub_tray", 0, true), "a full tray lies there");
    let balance = b.plant.places().balance();
    assert_eq!((balance.lost.0[0], balance.machine.0[0], balance.taken.0[0]), (2, 1, 250), "{balance:?}");
    balanced(&b);
}

#[test]
fn parts_go_on_counting_behind_those_of_an_earlier_machine() {
    let mut b = bench();
    let tray = b.tray("hub_tray");
    let given = |b: &Bench| b.plant.places().trays[tray.index()].moved;
    b.plant.inject(Injection::GivenBefore { tray, parts: 7 });
    assert!(b.at_pocket(0, "hub_tray", 0, true));
    assert_eq!(given(&b), 8);
    b.plant.inject(Injection::GivenBefore { tray, parts: 3 });
    assert_eq!(given(&b), 8, "never back");
    let good = b.tray("good_tray");
    b.plant.inject(Injection::GivenBefore { tray: good, parts: 9 });
    assert_eq!(b.plant.places().trays[good.index()].moved, 0, "it gives nothing");
    balanced(&b);
}

#[test]
fn a_full_good_tray_takes_no_more_and_an_emptied_one_does() {
    let mut b = bench();
    let good = b.tray("good_tray").index();
    let place = |b: &mut Bench, pocket: u32| {
        assert!(b.at_pocket(0, "hub_tray", pocket, true));
        b.move_to("table", TEST, 300.0);
        b.move_to("table", LOAD, 300.0);
        b.at_pose(0, "load", false);
        b.move_to("table", TEST, 300.0);
        assert!(b.at_pose(1, "test", true));
        b.at_pocket(1, "good_tray", 0, false);
        b.run(1);
    };
    place(&mut b, 0);
    assert_eq!(b.quantity("di.good_pocket_filled"), 1.0);
    place(&mut b, 1);
    assert_eq!((b.plant.places().collisions, b.plant.places().trays[good].moved), (1, 1), "it was taken");
    exchange(&mut b, "good_tray", None);
    place(&mut b, 2);
    assert_eq!((b.plant.places().collisions, b.plant.places().trays[good].moved), (1, 2));
    assert_eq!(b.plant.places().balance().taken.0, [1, 0, 0, 0]);
    balanced(&b);
}

#[test]
fn a_lane_runs_empty_and_is_refilled_with_another_material() {
    let mut b = bench();
    let push = |b: &mut Bench| {
        b.move_to("feeder_x", 0.0, 300.0);
        b.move_to("feeder_x", 110.0, 300.0);
        b.move_to("feeder_x", 0.0, 300.0);
    };
    b.move_to("table", LOAD, 300.0);
    exchange(&mut b, "lane_2", Some(1));
    push(&mut b);
    let lane = b.tray("lane_2");
    let given = |b: &Bench| b.plant.places().trays[lane.index()].moved;
    assert_eq!((given(&b), b.quantity("di.lane_part_ready")), (1, 0.0));
    push(&mut b);
    assert_eq!(given(&b), 1, "an empty lane gives nothing");
    let truth = b.truth.clone();
    let of = |part: &str| {
        let list = &truth.description.material;
        list.iter().position(|m| m.part == part).expect("material of the plant")
    };
    let (first, second) = (of("CAN-23"), of("CAN-25"));
    let load = TrayLoad { parts: None, material: Some(second as u16) };
    b.plant.inject(Injection::Exchange { tray: lane, load });
    b.plant.inject(Injection::TakeOut);
    b.run(1);
    assert_eq!(b.quantity("di.lane_part_ready"), 1.0);
    push(&mut b);
    let tray = &b.plant.places().trays[lane.index()];
    assert_eq!((tray.moved, tray.material(0), tray.material(1)), (2, Some(first), Some(second)));
    // Hubs do not go into the lane.
    let wrong = TrayLoad { parts: None, material: Some(of("HUB-23") as u16) };
    b.plant.inject(Injection::Exchange { tray: lane, load: wrong });
    assert_eq!(b.plant.places().trays[lane.index()].material(2), Some(second));
    balanced(&b);
}

#[test]
fn grippers_miss_as_often_as_told_and_lose_what_they_hold() {
    let mut b = bench();
    b.plant.inject(Injection::GripMisses { robot: RobotId(0), grips: 2 });
    let grips: Vec<bool> = (0..3).map(|_| b.at_pocket(0, "hub_tray", 0, true)).collect();
    assert_eq!(grips, [false, false, true]);
    b.plant.inject(Injection::GripperLoses(RobotId(0)));
    assert_eq!((b.plant.places().grippers[0], b.plant.places().lost), (None, 1));
    balanced(&b);
}

#[test]
fn the_bin_shows_its_lock_and_is_emptied() {
    let mut b = bench();
    b.load(0);
    let bin = b.tray("reject_bin");
    assert_eq!(b.quantity("di.bin_closed"), 1.0);
    b.plant.inject(Injection::BinOpen { bin, open: true });
    b.run(1);
    assert_eq!(b.quantity("di.bin_closed"), 0.0);
    b.plant.inject(Injection::BinOpen { bin, open: false });
    assert!(b.at_pose(1, "load", true));
    b.at_pocket(1, "reject_bin", 0, false);
    assert_eq!(b.plant.places().balance().bins.0, [1, 1, 0, 0]);
    exchange(&mut b, "reject_bin", None);
    let balance = b.plant.places().balance();
    assert_eq!((balance.bins.0, balance.taken.0), ([0; 4], [1, 1, 0, 0]));
    assert_eq!(b.plant.places().trays[bin.index()].emptied_at, 1);
    balanced(&b);
}

#[test]
fn a_broken_wire_shows_no_number_and_a_drive_takes_up_its_fault() {
    let mut b = bench();
    let analog = b.cell.analog("load_cell").expect("a channel");
    b.plant.inject(Injection::WireBreak { analog, broken: true });
    b.run(1);
    assert!(b.quantity("ai.load_cell").is_nan());
    b.plant.inject(Injection::WireBreak { analog, broken: false });
    b.run(1);
    assert!(b.quantity("ai.load_cell").abs() < 2.0);
    let press = b.axis("press_z");
    b.plant.inject(Injection::DriveFault { axis: press, code: 0x7305 });
    b.run(1);
    assert_eq!(b.quantity("axis.press_z.fault"), 0.0, "taken up");
    let before = b.at("press_z");
    b.move_to("press_z", 30.0, 60.0);
    assert!((b.at("press_z") - before).abs() < 1.0, "a drive in fault does not move");
}

/// One random act, by a few small numbers.
fn act(b: &mut Bench, (what, a, n): (u8, u8, u32)) {
    let trays = b.cell.trays.len() as u16;
    let tray = TrayId(n as u16 % trays);
    let robot = RobotId(u16::from(a) % 2);
    let side = usize::from(a) % 2;
    match what {
        0 => b.move_to("table", [LOAD, PRESS, CLOSE, TEST][n as usize % 4], 300.0),
        1 => {
            b.move_to("feeder_x", 0.0, 300.0);
            b.move_to("feeder_x", 110.0, 300.0);
            b.move_to("feeder_x", 0.0, 300.0);
        }
        2 => {
            b.at_pocket(side, ["hub_tray", "cap_tray"][side], n % 5, true);
        }
        3 => {
            let pose = ["load", "press", "close", "test", "home"][n as usize % 5];
            if side == 1 || pose == "load" || pose == "home" {
                b.at_pose(side, pose, a & 2 == 0);
            }
        }
        4 => {
            b.at_pocket(1, ["good_tray", "reject_bin"][side], if side == 0 { n % 3 } else { 0 }, a & 2 == 0);
        }
        5 => b.plant.inject(Injection::TakeFromNest((n % 5) as u16)),
        6 => b.plant.inject(Injection::TakeFromGripper(robot)),
        7 => b.plant.inject(Injection::TakeFromPocket { tray, pocket: n % 4 }),
        8 => {
            let parts = [None, Some(0), Some(2), Some(9_999)][usize::from(a) % 4];
            let load = TrayLoad { parts, material: (a & 4 != 0).then_some((n % 5) as u16) };
            b.plant.inject(Injection::Exchange { tray, load });
        }
        9 => b.plant.inject(Injection::GripperLoses(robot)),
        10 => b.plant.inject(Injection::GripMisses { robot, grips: n % 3 }),
        _ => b.plant.inject(Injection::TakeOut),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever people, grippers and feeders do: every part that was brought is somewhere, taken or lost.
    #[test]
    fn every_part_is_accounted_for(acts in proptest::collection::vec((0u8..12, any::<u8>(), any::<u32>()), 1..60)) {
        let mut b = bench();
        for one in acts {
            act(&mut b, one);
            let balance = b.plant.places().balance();
            prop_assert_eq!(balance.missing(), [0; 4], "{:?} after {:?}", balance, one);
        }
        let places = b.plant.places();
        let sources = places.kinds.iter().zip(&places.trays).filter(|(k, _)| **k == Some(PartKind::Hub));
        prop_assert_eq!(sources.count(), 1);
    }
}
