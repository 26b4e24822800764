//! Never two bodies in one zone, whatever the controller believes: axes by the positions of their drives, cobots by
//! their own joints, the table by whether it turns, all of them below the wire.

use std::collections::BTreeSet;

use cellwright_model::AxisId;
use cellwright_model::zone::{Body, Mover, Zone};

use super::Findings;
use crate::VirtualCell;

/// The table turns when it is faster than this share of its velocity: standing, its encoder shows some counts.
const TURNING_SHARE: f64 = 0.01;

/// See the module text.
#[derive(Debug)]
pub struct ZoneAuditor {
    zones: Vec<Zone>,
    told: BTreeSet<(usize, Mover, Mover)>,
    last_table_au: Option<f64>,
    /// Cycles in which a body was inside a zone.
    visits: u64,
}

impl ZoneAuditor {
    /// An auditor of these zones, which need not be those that the controller knows.
    pub fn new(zones: Vec<Zone>) -> ZoneAuditor {
        ZoneAuditor { zones, told: BTreeSet::new(), last_table_au: None, visits: 0 }
    }

    /// Cycles in which a body was inside a zone: an auditor that has seen none has shown nothing.
    pub fn visits(&self) -> u64 {
        self.visits
    }

    pub(crate) fn look(&mut self, cell: &VirtualCell, findings: &mut Findings) {
        let turns = self.table_turns(cell);
        for (at, zone) in self.zones.iter().enumerate() {
            let inside: Vec<Mover> =
                zone.bodies.iter().filter(|b| is_inside(b, cell, turns)).map(Body::mover).collect();
            self.visits += inside.len() as u64;
            let [first, second, ..] = inside[..] else { continue };
            if self.told.insert((at, first, second)) {
                let (a, b) = (first.name(cell.cell()), second.name(cell.cell()));
                findings.add(cell.now(), || format!("zones: {a} and {b} are in `{}` at once", zone.name));
            }
        }
    }

    fn table_turns(&mut self, cell: &VirtualCell) -> bool {
        let Some(table) = &cell.cell().table else { return false };
        let now = actual_au(cell, table.axis);
        let before = core::mem::replace(&mut self.last_table_au, now);
        let step = table.velocity * cell.cell().cycle.as_secs_f64() * TURNING_SHARE;
        matches!((before, now), (Some(a), Some(b)) if (b - a).abs() > step)
    }
}

fn is_inside(body: &Body, cell: &VirtualCell, turns: bool) -> bool {
    match body {
        Body::Axis { axis, lo_au, hi_au } => {
            actual_au(cell, *axis).is_some_and(|at| (*lo_au..=*hi_au).contains(&at))
        }
        Body::Table { .. } => turns,
        Body::Robot { robot, volume } => {
            cell.world().cobots().nth(robot.index()).is_some_and(|state| volume.holds(&state.joints))
        }
    }
}

/// Position actual value 0x6064 of its drive.
fn actual_au(cell: &VirtualCell, axis: AxisId) -> Option<f64> {
    let axis = cell.cell().axes.get(axis.index())?;
    let counts = cell.world().segment().object(axis.subdevice, 0x6064, 0)?;
    Some(counts as f64 / axis.counts_per_au)
}
