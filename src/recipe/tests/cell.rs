//! cell.yaml and taught.yaml: what is read, and what is refused where.

mod common;

use cellwright_model::{AxisId, Dimension};
use cellwright_recipe::{Sources, load_cell};
use common::{CELL, Files, cell, places, repository, rows};

#[test]
fn reads_the_embedded_cell() {
    let cell = cell();
    assert_eq!(cell.id, "cannula-cell");
    assert_eq!(cell.cycle.0, 1_000_000);
    assert_eq!(cell.segment.len(), 8);
    let press = &cell.axes[cell.axis("press_z").unwrap().index()];
    assert_eq!((press.subdevice, press.counts_per_au, press.travel_hi_au), (5, 10_000.0, 62.0));
    assert_eq!(cell.digital_inputs[cell.input("bin_drop").unwrap().index()].bit, 7);
    let leak = &cell.analogs[cell.analog("leak_1").unwrap().index()];
    assert_eq!((leak.dimension, leak.scale, leak.range_hi), (Dimension::Pressure, 2.0, 62_000.0));
    assert_eq!(cell.equipment[leak.equipment.unwrap()].id, "PT-0042");
    let tester = &cell.leak_testers[cell.leak_tester("leak_1").unwrap().index()];
    assert_eq!(Some(tester.vent_closed), cell.output("valve_vent"));
    assert_eq!(cell.robots[0].pose("load.above").unwrap()[1], -70.0);
    assert_eq!(cell.sequences.homing_order.len(), 4);
    assert_eq!(cell.table.as_ref().map(|t| t.axis), Some(AxisId(3)));
    assert_eq!(cell.hash.len(), 64);
}
