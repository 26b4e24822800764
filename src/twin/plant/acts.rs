//! Hands in the machine: what people take out, bring, and open.

use cellwright_model::cell::TrayKind;
use cellwright_model::label::PrinterTrouble;
use cellwright_model::serial::SerialText;
use cellwright_model::{PrinterId, RobotId, TrayId};

use super::machine::TrayLoad;
use super::places::{Assembly, BIN_UNITS_MAX, Held, Layout, Loaded, Places, Pocket, Released, TrayState};

impl Places {
    /// A person empties nests and grippers.
    pub(crate) fn take_out(&mut self) {
        for nest in 0..self.nests.len() {
            self.take_from_nest(nest as u16);
        }
        for robot in 0..self.grippers.len() {
            self.take_from_gripper(RobotId(robot as u16));
        }
        self.changes += 1;
    }

    pub(crate) fn take_from_nest(&mut self, nest: u16) {
        let Some(nest) = self.nests.get_mut(usize::from(nest)) else { return };
        let unit = core::mem::take(nest);
        if !unit.is_empty() {
            self.taken(Held::Unit(unit));
        }
    }

    pub(crate) fn take_from_gripper(&mut self, robot: RobotId) {
        if let Some(held) = self.grippers.get_mut(robot.index()).and_then(Option::take) {
            self.taken(held);
        }
    }

    /// A gripper loses what it holds.
    pub(crate) fn lose(&mut self, robot: RobotId) {
        if let Some(held) = self.grippers.get_mut(robot.index()).and_then(Option::take) {
            self.dropped(&held);
        }
    }

    /// A person takes what lies in a pocket; a fresh part gets its number by that, as from a gripper.
    pub(crate) fn take_pocket(&mut self, tray: TrayId, pocket: u32) {
        if let Some(held) = self.take_from_pocket(tray, pocket, |_| false) {
            self.taken(held);
        }
    }

    /// A person takes what fell into a bin last, while it is one of those that are known one by one.
    pub(crate) fn take_from_bin(&mut self, bin: TrayId) {
        let Some(state) = self.trays.get_mut(bin.index()) else { return };
        if state.bin.is_empty() || state.moved == state.emptied_at {
            return;
        }
        let last = state.moved.wrapping_sub(1);
        let unit = core::mem::take(&mut state.bin[last as usize % BIN_UNITS_MAX]);
        state.moved = last;
        state.kept.take_unit(&unit);
        self.taken(Held::Unit(unit));
    }

    /// A person carries what lies in a pocket into a nest; what finds no room there is kept in the hand. A finished
    /// unit that nobody has fetched before is the one that bears `serial`.
    pub(crate) fn put_in_nest_by_hand(
        &mut self,
        nest: u16,
        (tray, pocket): (TrayId, u32),
        serial: Option<SerialText>,
    ) {
        let Some(held) = self.take_from_pocket(tray, pocket, |_| false) else { return };
        self.changes += 1;
        let nest = usize::from(nest);
        if !self.put_in_nest(nest, held) {
            self.taken(held);
        } else if let Some(unit) = self.nests.get_mut(nest).filter(|unit| unit.whole.is_some()) {
            unit.bears = unit.bears.or(serial);
        }
    }

    /// A person carries the unit out of a nest into a pocket, or throws it into a bin.
    pub(crate) fn put_away_by_hand(
        &mut self,
        layout: &Layout,
        nest: u16,
        tray: TrayId,
        pocket: u32,
    ) -> Released {
        let Some(held) = self.take_unit(usize::from(nest)) else { return Released::Elsewhere };
        self.changes += 1;
        if layout.tray_kind(tray) == Some(TrayKind::Reject) {
            self.drop_in_bin(tray, held);
            return Released::InBin;
        }
        if self.put_in_pocket(tray, pocket, held) {
            return Released::InPocket;
        }
        self.taken(held);
        Released::Elsewhere
    }

    /// A person exchanges a tray, refills a lane or empties a bin.
    pub(crate) fn exchange(&mut self, layout: &Layout, tray: TrayId, load: TrayLoad) {
        let Some(kind) = layout.tray_kind(tray) else { return };
        self.clear(tray);
        match kind {
            TrayKind::Source | TrayKind::Lane => self.fill(layout, tray, kind, load),
            TrayKind::Good | TrayKind::Reject => {}
        }
        self.changes += 1;
    }

    /// What lay in a tray, lane or bin is taken away.
    fn clear(&mut self, tray: TrayId) {
        let (kind, index) = (self.kinds.get(tray.index()).copied().flatten(), tray.index());
        let Some(state) = self.trays.get_mut(index) else { return };
        for pocket in &mut state.pockets {
            match (core::mem::take(pocket), kind) {
                (Pocket::Unit(unit), _) => self.taken.add_unit(&unit),
                (Pocket::Fresh, Some(kind)) => self.taken.add(kind, 1),
                (Pocket::Fresh, None) | (Pocket::Empty | Pocket::Earlier, _) => {}
            }
        }
        if let (Some(left), Some(kind)) = (state.supply.take(), kind) {
            self.taken.add(kind, left);
        }
        self.taken.add_count(core::mem::take(&mut state.kept));
        state.bin.fill(Assembly::default());
        state.emptied_at = state.moved;
        state.exchanged += 1;
    }

    fn fill(&mut self, layout: &Layout, tray: TrayId, kind: TrayKind, load: TrayLoad) {
        let (Some(state), Some(part)) =
            (self.trays.get_mut(tray.index()), self.kinds.get(tray.index()).copied().flatten())
        else {
            return;
        };
        if let Some(material) = load.material.filter(|m| layout.brings(*m, tray)) {
            state.bring(material);
        }
        let brought = if kind == TrayKind::Lane {
            state.supply = load.parts;
            load.parts.unwrap_or(0)
        } else {
            let pockets = u32::try_from(state.pockets.len()).unwrap_or(u32::MAX);
            let fresh = load.parts.unwrap_or(pockets).min(pockets);
            state.pockets.iter_mut().take(fresh as usize).for_each(|p| *p = Pocket::Fresh);
            fresh
        };
        self.brought.add(part, brought);
    }

    /// Parts of a source begin to count behind those that were given before.
    pub(crate) fn given_before(&mut self, tray: TrayId, parts: u32) {
        let source = self.kinds.get(tray.index()).is_some_and(Option::is_some);
        if let Some(state) = self.trays.get_mut(tray.index()).filter(|_| source) {
            state.moved = state.moved.max(parts);
            self.changes += 1;
        }
    }

    /// A person opens a bin, or closes and locks it.
    pub(crate) fn open_bin(&mut self, bin: TrayId, open: bool) {
        if let Some(state) = self.trays.get_mut(bin.index()) {
            state.open = open;
            self.changes += 1;
        }
    }

    /// A printer runs out of something, is opened or paused; or a person has seen to it.
    pub(crate) fn set_printer(&mut self, printer: PrinterId, trouble: Option<PrinterTrouble>) {
        if let Some(state) = self.printers.get_mut(printer.index()) {
            *state = trouble;
            self.changes += 1;
        }
    }

    fn taken(&mut self, held: Held) {
        self.taken.add_held(&held);
        self.taken_out += 1;
        self.changes += 1;
    }

    /// Something falls beside everything.
    pub(crate) fn dropped(&mut self, held: &Held) {
        self.lost_parts.add_held(held);
        self.lost += 1;
        self.changes += 1;
    }
}

impl TrayState {
    /// Parts from the next one on are of this material. Of more loads than are kept the oldest is forgotten.
    fn bring(&mut self, material: u16) {
        if self.loads.last().is_some_and(|l| l.material == material) {
            return;
        }
        if self.loads.len() == self.loads.capacity() && !self.loads.is_empty() {
            self.loads.remove(0);
        }
        self.loads.push(Loaded { from: self.moved, material });
    }
}
