//! Drives with other process data than the usual ones: the cell makes its units with them all the same.

use std::sync::Arc;

use cellwright_controller::{AutoOperator, Load, Notice, Order, Progress};
use cellwright_model::DurationNs;
use cellwright_model::cell::{Cell, StartUpValue};
use cellwright_model::packml::CellState;
use cellwright_model::pdos::{FixedPdos, Mapped, PdoMap, Pdos};
use cellwright_model::plant::PlantDescription;
use cellwright_model::reference::{Homing, HomingMethod, Reference};
use cellwright_sim::{Options, VirtualCell, What, read, wiring};

fn cell(change: impl FnOnce(&mut Cell)) -> VirtualCell {
    machine(|cell, _| change(cell))
}

fn machine(change: impl FnOnce(&mut Cell, &mut PlantDescription)) -> VirtualCell {
    let mut prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
    change(Arc::make_mut(&mut prepared.cell), prepared.plant.as_mut().expect("of the twin"));
    VirtualCell::new(prepared, Options { seed: 3, ..Options::default() }).expect("a cell")
}

fn drive<'c>(cell: &'c mut Cell, axis: &str) -> &'c mut cellwright_model::cell::SubDevice {
    let axis = cell.axis(axis).expect("an axis");
    let at = cell.axes[axis.index()].subdevice;
    &mut cell.segment[at]
}

/// One unit from full trays, at most 120 s; how the cell came out of it.
fn one_unit(cell: &mut VirtualCell) -> Progress {
    let loads = wiring::loads(cell.cell(), cell.materials());
    one_more(cell, loads)
}

fn one_more(cell: &mut VirtualCell, loads: Vec<Load>) -> Progress {
    let order = Order::units("TEST", cell.plan().clone(), 1);
    let mut operator = AutoOperator::new("auto:test", order, loads);
    let mut inputs = Vec::new();
    let until = cell.now() + DurationNs::from_millis(120_000);
    loop {
        let progress = operator.react(cell.state(), &mut inputs);
        if !matches!(progress, Progress::Running) || cell.now() >= until {
            return progress;
        }
        inputs.drain(..).for_each(|input| cell.give(input));
        for notice in cell.tick().expect("a cycle").notices {
            if let Notice::Ask(question) = notice {
                inputs.extend(operator.answer(&question));
            }
        }
    }
}

fn map(index: u16, entries: &[(u16, u8)]) -> Vec<PdoMap> {
    let entries = entries.iter().map(|(index, bits)| Mapped::new(*index, 0, *bits)).collect();
    vec![PdoMap { index, entries }]
}

/// The pair of the twin whose mapping nobody can change: no mode, no velocity, no torque.
fn fixed_pair(fixed: Option<FixedPdos>) -> Pdos {
    Pdos {
        rx: map(0x1701, &[(0x6040, 16), (0x607A, 32)]),
        tx: map(0x1B01, &[(0x603F, 16), (0x6041, 16), (0x6064, 32)]),
        fixed,
    }
}

#[test]
fn a_unit_is_made_with_fixed_chosen_and_own_process_data() {
    let mut cell = cell(|cell| {
        drive(cell, "feeder_x").pdos = Some(fixed_pair(Some(FixedPdos::Mapping)));
        drive(cell, "table").pdos = Some(Pdos { fixed: Some(FixedPdos::Assignment), ..Pdos::servo() });
        drive(cell, "press_z").pdos = Some(Pdos {
            rx: map(0x1600, &[(0x607A, 32), (0x6040, 16), (0x6060, 8), (0, 8)]),
            tx: map(0x1A00, &[(0x6064, 32), (0x6061, 8), (0, 8), (0x6041, 16), (0x606C, 32)]),
            fixed: None,
        });
        drive(cell, "press_z").start_up = vec![StartUpValue { index: 0x605A, sub: 0, value: 6, bytes: 2 }];
    });
    assert_eq!(one_unit(&mut cell), Progress::Completed, "{:?}", cell.status().map(|s| s.alarms));
}

/// The cause that the cell is left with by a drive that is told this.
fn refused(change: impl FnOnce(&mut Cell)) -> String {
    let mut cell = cell(change);
    for _ in 0..50 {
        cell.tick().expect("a cycle");
    }
    let alarms = cell.status().expect("a status").alarms;
    alarms.iter().map(|a| format!("{}: {}\n", a.place, a.cause)).collect()
}

#[test]
fn what_a_drive_does_not_take_is_named() {
    let said = refused(|cell| drive(cell, "table").pdos = Some(fixed_pair(None)));
    assert!(said.contains("drive_4") && said.contains("0x1701:00") && said.contains("read-only"), "{said}");
    let said = refused(|cell| drive(cell, "table").pdos = Some(fixed_pair(Some(FixedPdos::Assignment))));
    assert!(
        said.contains("drive_4") && said.contains("0x1c12:01") && said.contains("it is 0x1600"),
        "{said}"
    );
    let value = StartUpValue { index: 0x605A, sub: 0, value: 77, bytes: 2 };
    let said = refused(|cell| drive(cell, "press_z").start_up = vec![value]);
    assert!(said.contains("drive_2") && said.contains("0x605a:00") && said.contains("value range"), "{said}");
}

/// Every axis on an incremental encoder, each homed in another way. Switches of the press at -2 and 64 mm, an index
/// once a turn of the motor (of the table: which of ten would be its zero?), and not where an axis rests.
fn incremental() -> VirtualCell {
    machine(|cell, plant| {
        let ways = [
            ("feeder_x", HomingMethod::IndexPositive, 50.0),
            ("press_z", HomingMethod::NegativeLimit, -2.0),
            ("driver_1", HomingMethod::Current, 15.0),
            ("table", HomingMethod::IndexNegative, -160.0),
        ];
        for (name, method, found_au) in ways {
            let at = cell.axis(name).expect("an axis").index();
            let (axis, physics) = (&mut cell.axes[at], &mut plant.axes[at]);
            axis.reference = Reference::Homing(Homing {
                method,
                switch_speed: axis.velocity_max * 0.1,
                zero_speed: axis.velocity_max * 0.05,
                acceleration: axis.acceleration_max * 0.2,
                found_au,
                within: DurationNs::from_millis(60_000),
            });
            physics.limit_switches = (name == "press_z").then_some((-2.0, 64.0));
            let table = name == "table";
            physics.index_every_au = if table { 360.0 } else { physics.au_per_revolution };
            physics.index_at_au = if table { 200.0 } else { physics.au_per_revolution / 2.0 };
        }
    })
}

/// What each axis shows, less where it is in the machine, au.
fn wrong_by(cell: &VirtualCell) -> Vec<f64> {
    let rt = cell.rt();
    let world = cell.world();
    let axes = (0..cell.cell().axes.len() as u16).map(cellwright_model::AxisId);
    axes.map(|id| rt.axes[id.index()].actual_au - world.plant().position_au(id)).collect()
}

#[test]
fn an_incremental_axis_is_homed_before_it_goes_anywhere_and_anew_after_a_bring_up() {
    let mut cell = incremental();
    for _ in 0..200 {
        cell.tick().expect("a cycle");
    }
    let known = |cell: &VirtualCell| cell.rt().axes.iter().take(4).filter(|a| a.referenced).count();
    assert_eq!((cell.state(), known(&cell)), (CellState::Aborted, 0));
    assert!(wrong_by(&cell).iter().any(|by| by.abs() > 0.5), "an incremental encoder begins anywhere");
    assert_eq!(one_unit(&mut cell), Progress::Completed, "{:?}", cell.status().map(|s| s.alarms));
    assert_eq!(known(&cell), 4);
    for (axis, by) in cell.cell().axes.iter().zip(wrong_by(&cell)) {
        // What is passed of a switch or an index between two looks of the drive, and some counts.
        let passed = axis.velocity_max * 0.05 * 0.002 + 3.0 / axis.counts_per_au;
        assert!(by.abs() <= passed, "{}: {by} {}", axis.name, axis.unit());
    }
    // A drive without supply forgets; the segment comes up again, and nobody believes the old zero.
    let drive = cell.cell().axes[1].subdevice;
    cell.set_power(drive, false);
    (0..500).for_each(|_| drop(cell.tick().expect("a cycle")));
    cell.set_power(drive, true);
    (0..500).for_each(|_| drop(cell.tick().expect("a cycle")));
    assert_eq!(cell.state(), CellState::Aborted);
    assert_eq!(one_more(&mut cell, vec![]), Progress::Completed, "{:?}", cell.status().map(|s| s.alarms));
    assert_eq!(known(&cell), 4);
    assert!(wrong_by(&cell)[1].abs() < 0.1, "{:?}", wrong_by(&cell));
}

#[test]
fn an_axis_that_does_not_find_its_switch_is_named_and_stays_refused() {
    let mut cell = machine(|cell, plant| {
        let homing = Homing {
            method: HomingMethod::NegativeLimit,
            switch_speed: 20.0,
            zero_speed: 2.0,
            acceleration: 500.0,
            found_au: 0.0,
            within: DurationNs::from_millis(3_000),
        };
        // A switch that is not wired: the axis runs against its stop.
        cell.axes[1].reference = Reference::Homing(homing);
        plant.axes[1].limit_switches = None;
    });
    let progress = one_unit(&mut cell);
    let alarms: Vec<_> =
        cell.status().expect("a status").alarms.into_iter().map(|a| (a.place, a.cause)).collect();
    assert_ne!(progress, Progress::Completed, "{alarms:?}");
    assert!(!cell.rt().axes[1].referenced);
    assert!(alarms.iter().any(|(place, _)| place == "press_z"), "{alarms:?}");
}
