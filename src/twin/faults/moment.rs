//! When a fault begins, as the machine itself shows it.

use cellwright_model::AxisId;
use cellwright_model::cell::Cell;
use cellwright_model::faults::FaultMoment;

use super::Machine;

/// Statusword 0x6041: Operation enabled, by its mask (CiA 402-2, table of statusword states).
const STATE_MASK: i64 = 0x006f;
const OPERATION_ENABLED: i64 = 0x0027;
/// Mode of operation display 0x6061: cyclic synchronous torque.
const CST: i64 = 10;

/// Looks for one moment.
pub(super) struct Watch {
    at: FaultMoment,
    /// Position of the axis's drive in the segment.
    drive: usize,
    /// Whether the axis was on the near side of its position, since OP.
    was_near: bool,
}

impl Watch {
    pub(super) fn new(at: FaultMoment, cell: &Cell) -> Watch {
        let axis = match at {
            FaultMoment::PowerOn | FaultMoment::Operational => None,
            FaultMoment::Enabled(a)
            | FaultMoment::Torque(a)
            | FaultMoment::Above(a, _)
            | FaultMoment::Below(a, _) => cell.axes.get(a.index()),
        };
        Watch { at, drive: axis.map_or(usize::MAX, |a| a.subdevice), was_near: false }
    }

    pub(super) fn has_come(&mut self, m: &Machine<'_>, operational: bool) -> bool {
        let object = |index| m.segment.object(self.drive, index, 0);
        let enabled = || object(0x6041).is_some_and(|word| word & STATE_MASK == OPERATION_ENABLED);
        match self.at {
            FaultMoment::PowerOn => true,
            _ if !operational => false,
            FaultMoment::Operational => true,
            FaultMoment::Enabled(_) => enabled(),
            FaultMoment::Torque(_) => enabled() && object(0x6061) == Some(CST),
            FaultMoment::Above(axis, au) => self.crosses(m, axis, |position| position > au),
            FaultMoment::Below(axis, au) => self.crosses(m, axis, |position| position < au),
        }
    }

    fn crosses(&mut self, m: &Machine<'_>, axis: AxisId, beyond: impl FnOnce(f64) -> bool) -> bool {
        let beyond = beyond(m.plant.position_au(axis));
        self.was_near |= !beyond;
        beyond && self.was_near
    }
}
