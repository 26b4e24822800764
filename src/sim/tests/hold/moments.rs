//! What a cell does at a moment, and how that is seen.

use cellwright_controller::Status;
use cellwright_engine::branch_chart::BranchState;
use cellwright_model::job::RtStatus;
use cellwright_sim::VirtualCell;

/// A moment has lasted so long when the command comes: the middle of it.
const INTO: u32 = 20;

/// What is looked at for a moment.
pub(crate) struct Look<'a> {
    pub(crate) cell: &'a VirtualCell,
    pub(crate) rt: RtStatus,
    pub(crate) status: Status,
}

impl Look<'_> {
    pub(crate) fn in_step(&self, step: &str, state: BranchState) -> bool {
        let mut branches = self.status.units.iter().flat_map(|u| &u.branches);
        branches.any(|b| b.state == state && b.step.as_deref().is_some_and(|s| s.ends_with(step)))
    }

    pub(crate) fn runs(&self, step: &str) -> bool {
        self.in_step(step, BranchState::Running)
    }

    /// Actual velocity, au/s.
    pub(crate) fn velocity(&self, axis: &str) -> f64 {
        self.rt.axes[self.cell.cell().axis(axis).expect("an axis").index()].velocity_au_s
    }

    pub(crate) fn stands(&self, axis: &str) -> bool {
        let id = self.cell.cell().axis(axis).expect("an axis");
        !self.rt.axes[id.index()].moving
    }

    pub(crate) fn analog(&self, name: &str) -> f64 {
        self.rt.analogs[self.cell.cell().analog(name).expect("a channel").index()]
    }

    pub(crate) fn output(&self, name: &str) -> bool {
        let at = self.cell.cell().digital_outputs.iter().position(|o| o.name == name).expect("an output");
        self.rt.outputs >> at & 1 == 1
    }

    pub(crate) fn robot_moves(&self, name: &str) -> bool {
        let id = self.cell.cell().robot(name).expect("a cobot");
        let robots = self.cell.controller().expect("it lives").robots();
        robots[id.index()].speeds.iter().any(|v| v.abs() > 20.0)
    }

    /// The pressure valve is closed, and the volume is.
    pub(crate) fn closed_volume(&self) -> bool {
        self.runs("leak") && !self.output("valve_fill") && self.output("valve_vent")
    }
}

/// Something that a cell does, and how it is seen.
pub(crate) struct Moment {
    pub(crate) name: &'static str,
    pub(crate) is: fn(&Look<'_>) -> bool,
    /// Cycles that it has lasted when the command comes.
    pub(crate) into: u32,
}

pub(crate) const fn at(name: &'static str, is: fn(&Look<'_>) -> bool) -> Moment {
    Moment { name, is, into: INTO }
}

pub(crate) const fn after(into: u32, name: &'static str, is: fn(&Look<'_>) -> bool) -> Moment {
    Moment { name, is, into }
}

/// In the order in which one unit comes to them.
pub(crate) const ALL: &[Moment] = &[
    after(3, "feed: accelerates", |l| l.runs("push") && l.velocity("feeder_x") > 1.0),
    at("feed: pushes", |l| l.runs("push") && l.velocity("feeder_x") > 290.0),
    at("feed: goes back", |l| l.velocity("feeder_x") < -290.0),
    at("pick-place: cobot left", |l| l.runs("place-hub") && l.robot_moves("robot_l")),
    at("scan: waits for the code", |l| l.runs("id-hub")),
    after(3, "table: accelerates", |l| l.velocity("table") > 20.0),
    at("table: turns", |l| l.velocity("table") > 390.0),
    at("press: approach", |l| l.runs("press-cannula") && l.velocity("press_z") > 55.0),
    at("press: in contact", |l| {
        l.runs("press-cannula") && l.analog("load_cell") > 30.0 && !l.stands("press_z")
    }),
    at("press: dwell", |l| l.runs("press-cannula") && l.analog("load_cell") > 30.0 && l.stands("press_z")),
    at("press: retracts", |l| l.velocity("press_z") < -55.0),
    at("pick-place: cobot right", |l| l.runs("place-cap") && l.robot_moves("robot_r")),
    at("screw: rundown", |l| l.runs("seal-cap") && l.velocity("driver_1") > 1_700.0),
    at("screw: seeks", |l| l.runs("seal-cap") && (340.0..380.0).contains(&l.velocity("driver_1"))),
    after(150, "screw: tightens", |l| l.runs("seal-cap") && (0.13..0.34).contains(&l.analog("torque_1"))),
    at("screw: holds torque", |l| l.runs("seal-cap") && l.analog("torque_1") > 0.34),
    at("leak-test: fills", |l| l.runs("leak") && l.output("valve_fill")),
    after(500, "leak-test: stabilises", |l| l.closed_volume()),
    after(1_500, "leak-test: tests", |l| l.closed_volume()),
    at("leak-test: vents", |l| l.output("clamp_test") && !l.output("valve_vent")),
    at("inspect: waits for the camera", |l| l.runs("tip")),
    at("confirm: waits for a person", |l| l.in_step("look", BranchState::AwaitOperator)),
    at("unload: cobot", |l| l.runs("to-tray") && l.robot_moves("robot_r")),
];

/// Of the variant that waits, moves and sets besides.
pub(crate) const MORE: &[Moment] = &[
    at("wait: for a condition", |l| l.runs("calm")),
    at("move: an axis", |l| l.runs("turn") && l.velocity("driver_1") > 150.0),
    at("move: a cobot", |l| l.runs("park") && l.robot_moves("robot_r")),
    at("retry: rests between attempts", |l| l.in_step("leak", BranchState::Retrying)),
];

pub(crate) const SUSPENDED: &str = "Suspended";
pub(crate) const GATE: Moment = at("gate: waits for the table", |l| {
    let mut branches = l.status.units.iter().flat_map(|u| &u.branches);
    l.status.units.len() == 4 && branches.any(|b| b.state == BranchState::Gate)
});

pub(crate) fn moments(list: &'static [Moment], names: &[&str]) -> Vec<&'static Moment> {
    let chosen: Vec<_> = list.iter().filter(|m| names.contains(&m.name)).collect();
    assert_eq!(chosen.len(), names.len(), "{names:?}");
    chosen
}
