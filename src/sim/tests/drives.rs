//! Drives with other process data than the usual ones: the cell makes its units with them all the same.

use std::sync::Arc;

use cellwright_controller::{AutoOperator, Notice, Order, Progress};
use cellwright_model::DurationNs;
use cellwright_model::cell::{Cell, StartUpValue};
use cellwright_model::pdos::{FixedPdos, Mapped, PdoMap, Pdos};
use cellwright_sim::{Options, VirtualCell, What, read, wiring};

fn cell(change: impl FnOnce(&mut Cell)) -> VirtualCell {
    let mut prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
    change(Arc::make_mut(&mut prepared.cell));
    VirtualCell::new(prepared, Options { seed: 3, ..Options::default() }).expect("a cell")
}

fn drive<'c>(cell: &'c mut Cell, axis: &str) -> &'c mut cellwright_model::cell::SubDevice {
    let axis = cell.axis(axis).expect("an axis");
    let at = cell.axes[axis.index()].subdevice;
    &mut cell.segment[at]
}

/// One unit, at most 120 s; how the cell came out of it.
fn one_unit(cell: &mut VirtualCell) -> Progress {
    let order = Order::units("TEST", cell.plan().clone(), 1);
    let mut operator = AutoOperator::new("auto:test", order, wiring::loads(cell.cell(), cell.materials()));
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
