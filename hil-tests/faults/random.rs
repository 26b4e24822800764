//! Fault plans by a seed: several faults at once, at any moment.

use cellwright_model::cell::{Axis, AxisKind, Cell};
use cellwright_model::faults::{Fault, FaultEntry, FaultMoment, FaultPlan, Lasts, Way};
use cellwright_model::plant::PlantDescription;
use cellwright_model::{AnalogId, AxisId, DurationNs, InputId};

use crate::storm::Dice;

/// Entries of one plan.
const ENTRIES_MAX: usize = 4;
/// A fault begins within this time after its moment.
const WAIT_MS_MAX: usize = 3_000;
/// Error codes that drives report (CiA 402-2, table of error codes).
const CODES: [u16; 5] = [0x2310, 0x3210, 0x4310, 0x7305, 0x8611];

/// A plan for the machine of `cell`.
pub(super) fn plan(dice: &mut Dice, cell: &Cell, plant: &PlantDescription) -> FaultPlan {
    let count = 1 + dice.below(ENTRIES_MAX);
    let entries = (0..count).map(|_| entry(dice, cell, plant)).collect();
    FaultPlan { about: "by a seed".to_owned(), seed: dice.roll(), entries, expected: None }
}

fn entry(dice: &mut Dice, cell: &Cell, plant: &PlantDescription) -> FaultEntry {
    let fault = fault(dice, cell, plant);
    let time = DurationNs::from_millis([1, 5, 15, 30, 120, 700, 2_000][dice.below(7)]);
    let lasts = match fault {
        Fault::Drop { .. } | Fault::Late { .. } | Fault::Duplicate { .. } if dice.once_in(3) => {
            Lasts::Frames(1 + dice.below(40) as u32)
        }
        _ => Lasts::Time(time),
    };
    FaultEntry {
        at: moment(dice, cell),
        wait: DurationNs::from_millis(dice.below(WAIT_MS_MAX) as u64),
        lasts,
        fault,
    }
}

fn moment(dice: &mut Dice, cell: &Cell) -> FaultMoment {
    let id = AxisId(dice.below(cell.axes.len()) as u16);
    let axis = &cell.axes[id.index()];
    let (lo, hi) = (axis.travel_lo_au.max(-500.0), axis.travel_hi_au.min(500.0));
    let au = lo + (hi - lo) * dice.below(1_000) as f64 / 1_000.0;
    match dice.below(7) {
        0 => FaultMoment::PowerOn,
        1 => FaultMoment::Enabled(id),
        2 => FaultMoment::Above(id, au),
        3 => FaultMoment::Below(id, au),
        4 => FaultMoment::Torque(id),
        _ => FaultMoment::Operational,
    }
}

fn fault(dice: &mut Dice, cell: &Cell, plant: &PlantDescription) -> Fault {
    let share = [1.0, 1.0, 0.5, 0.1, 0.02][dice.below(5)];
    let way = if dice.once_in(2) { Way::There } else { Way::Back };
    let position = dice.below(cell.segment.len());
    let axis = AxisId(dice.below(cell.axes.len()) as u16);
    let cycle = cell.cycle.0;
    match dice.below(17) {
        0 => Fault::Drop { share, way },
        1 => Fault::Late { share, by: DurationNs(cycle / 2 + dice.below(4 * cycle as usize) as u64) },
        2 => Fault::Duplicate { share },
        3 => Fault::BadFcs { share, position },
        4 => Fault::Damage { share, way },
        5 | 6 => Fault::Stall { way },
        7 => Fault::Mute { position },
        8 => Fault::Link { position, port: dice.below(2) as u8 },
        9 => Fault::Power { position },
        10 => Fault::Clock {
            position,
            jump_ns: dice.below(4_000_000) as i64 - 2_000_000,
            drift_ppb: dice.below(200_000) as i32 - 100_000,
        },
        11 => Fault::Watchdog { position },
        12 => Fault::Input {
            input: InputId(dice.below(cell.digital_inputs.len()) as u16),
            level: dice.once_in(2),
        },
        13 => Fault::WireBreak { analog: AnalogId(dice.below(cell.analogs.len()) as u16) },
        14 => Fault::DriveFault { axis, code: CODES[dice.below(CODES.len())] },
        15 => Fault::Emergency { axis, code: CODES[dice.below(CODES.len())] },
        _ => {
            // Up to what no motor holds, and on an axis that has stops: a spindle without torque would run away. Nor on
            // a feeder: pushed while its drive is off it pushes parts, which no record can know.
            let feeds =
                |i: usize| cell.trays.iter().filter_map(|t| t.feeder.as_ref()).any(|f| f.axis.index() == i);
            let with_stops = |(i, a): &(usize, &Axis)| a.kind == AxisKind::Linear && !feeds(*i);
            let axes: Vec<usize> = cell.axes.iter().enumerate().filter(with_stops).map(|(i, _)| i).collect();
            let axis = AxisId(dice.pick(&axes).copied().unwrap_or(0) as u16);
            let most = 2.0 * effort_max(cell, plant, axis);
            Fault::Load { axis, effort: most * (dice.below(1_000) as f64 / 500.0 - 1.0) }
        }
    }
}

/// What the motor of an axis holds at the most: N of a linear one, N·m of a rotary one.
fn effort_max(cell: &Cell, plant: &PlantDescription, axis: AxisId) -> f64 {
    let per_revolution = plant.axes[axis.index()].au_per_revolution;
    let axis = &cell.axes[axis.index()];
    match axis.kind {
        AxisKind::Linear => axis.torque_max_nm * core::f64::consts::TAU / (per_revolution * 1e-3),
        AxisKind::Rotary => axis.torque_max_nm * 360.0 / per_revolution,
    }
}
