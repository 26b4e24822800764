//! What people and tests do to the machine.

use cellwright_model::InputId;
use cellwright_model::injection::Injection;

use super::super::places::Released;
use super::Plant;

impl Plant {
    /// Inputs that show a level whatever happens, and that level.
    pub fn stuck_inputs(&self) -> impl Iterator<Item = (InputId, bool)> + '_ {
        self.inputs.iter().enumerate().filter_map(|(i, input)| Some((InputId(i as u16), input.stuck?)))
    }

    /// Does something to the machine; see [`Injection`]. What does not exist is left alone. Cobots, supplies
    /// and cables of SubDevices are no part of the plant: `World::inject` does those.
    pub fn inject(&mut self, injection: Injection) {
        match injection {
            Injection::InputStuck { input, level } => {
                if let Some(i) = self.inputs.get_mut(input.index()) {
                    i.stuck = level;
                }
            }
            Injection::Button { input, down } => {
                if let Some(i) = self.inputs.get_mut(input.index()) {
                    i.pressed = down;
                }
            }
            Injection::EStop(pressed) => self.supplies.estop_pressed = pressed,
            Injection::GuardOpen(open) => self.supplies.guard_open = open,
            Injection::AirOff(off) => self.supplies.air_off = off,
            Injection::LaneEmpty(empty) => self.supplies.lane_empty = empty,
            Injection::AnalogOffset { analog, offset } => {
                if let Some(a) = self.analogs.get_mut(analog.index()) {
                    a.error = offset;
                }
            }
            Injection::WireBreak { analog, broken } => {
                if let Some(a) = self.analogs.get_mut(analog.index()) {
                    a.broken = broken;
                }
            }
            Injection::AxisJam { axis, jammed } => {
                if let Some(a) = self.axes.get_mut(axis.index()) {
                    a.jammed = jammed;
                }
            }
            Injection::DriveFault { axis, code } => {
                if let Some(ix) = self.axis_ix.get(axis.index()) {
                    self.values[ix.fault.0 as usize] = f64::from(code);
                }
            }
            Injection::Emergency { axis, code } => {
                if let Some(ix) = self.axis_ix.get(axis.index()) {
                    self.values[ix.emergency.0 as usize] = f64::from(code);
                }
            }
            Injection::AddedLoad { axis, effort } => {
                if let Some(a) = self.axes.get_mut(axis.index()) {
                    a.added_load = effort;
                }
            }
            Injection::EncoderJump { axis, by_au } => {
                if let Some(ix) = self.axis_ix.get(axis.index()) {
                    self.values[ix.encoder.0 as usize] += by_au;
                }
            }
            Injection::GripMisses { robot, grips } => {
                if let Some(misses) = self.grips_to_miss.get_mut(robot.index()) {
                    *misses = grips;
                }
            }
            Injection::BinOpen { .. }
            | Injection::Printer { .. }
            | Injection::TakeOut
            | Injection::TakeFromNest(_)
            | Injection::TakeFromGripper(_)
            | Injection::TakeFromPocket { .. }
            | Injection::TakeFromBin(_)
            | Injection::PutInNest { .. }
            | Injection::PutAway { .. }
            | Injection::Exchange { .. }
            | Injection::GivenBefore { .. }
            | Injection::GripperLoses(_) => self.by_hand(injection),
            Injection::ProtectiveStop { .. }
            | Injection::Power { .. }
            | Injection::Link { .. }
            | Injection::Replace { .. } => {}
        }
    }

    /// What moves parts, or opens where they are.
    fn by_hand(&mut self, injection: Injection) {
        match injection {
            Injection::TakeOut => self.places.take_out(),
            Injection::TakeFromNest(nest) => self.places.take_from_nest(nest),
            Injection::TakeFromGripper(robot) => self.places.take_from_gripper(robot),
            Injection::TakeFromPocket { tray, pocket } => {
                self.places.take_pocket(tray, pocket);
                self.latches.pocket_filled = false;
            }
            Injection::TakeFromBin(bin) => self.places.take_from_bin(bin),
            Injection::PutInNest { nest, tray, pocket, serial } => {
                self.places.put_in_nest_by_hand(nest, (tray, pocket), serial);
                self.latches.pocket_filled = false;
            }
            Injection::PutAway { nest, tray, pocket } => {
                match self.places.put_away_by_hand(&self.layout, nest, tray, pocket) {
                    Released::InPocket => self.latches.pocket_filled = true,
                    Released::InBin => self.falls(),
                    Released::Elsewhere => {}
                }
            }
            Injection::Exchange { tray, load } => {
                self.places.exchange(&self.layout, tray, load);
                self.latches.pocket_filled = false;
            }
            Injection::GivenBefore { tray, parts } => self.places.given_before(tray, parts),
            Injection::Printer { printer, trouble } => self.places.set_printer(printer, trouble),
            Injection::BinOpen { bin, open } => self.places.open_bin(bin, open),
            Injection::GripperLoses(robot) => self.places.lose(robot),
            _ => {}
        }
    }
}
