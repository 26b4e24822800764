//! Cobots in steps: the way between home, trays and stations, with the time it takes at the least.

use cellwright_model::cell::Robot;
use cellwright_model::expr::Expr;
use cellwright_model::plan::{Meaning, Place, PlaceWhat, Primitive, RobotOp};
use cellwright_model::robot::Joints;
use cellwright_model::{Dimension, DurationNs, InputId, RobotId, StationId, TrayId};
use cellwright_recipe::{Code, Context, Fields, Span, names};

/// Into and out of a pocket or nest: a share of the speed between them.
const NEAR_SHARE: f64 = 0.5;
/// How long a sensor may take to see a part that was let go.
const VERIFY: DurationNs = DurationNs::from_millis(1000);

/// The way of one cobot through a step; begins and ends at `home`.
pub(crate) struct Way<'c> {
    pub(crate) id: RobotId,
    robot: &'c Robot,
    speed: f64,
    pub(crate) ops: Vec<Primitive>,
    at: Joints,
    least_s: f64,
}

impl<'c> Way<'c> {
    /// Reads `robot:` and `speed:` (a share, 100 % if not given).
    pub(crate) fn read(f: &mut Fields<'_>, cx: &mut Context<'c, '_>) -> Option<(Way<'c>, Span)> {
        let cell = cx.cell;
        let id = f.req("robot", cx.d, |d, n| names::robot(d, n, cell).map(|id| (id, n.span)));
        let speed = f.opt("speed", cx.d, share).unwrap_or(1.0);
        let (id, span) = id?;
        let robot = &cell.robots[id.index()];
        let at = robot.pose("home")?;
        Some((Way { id, robot, speed, ops: Vec::new(), at, least_s: 0.0 }, span))
    }

    fn push(&mut self, request: RobotOp, to: Joints, speed: f64) {
        let time = |j: usize| (to[j] - self.at[j]).abs() / (self.robot.joint_velocity_max[j] * speed);
        self.least_s += (0..to.len()).map(time).fold(0.0, f64::max);
        self.at = to;
        self.ops.push(Primitive::Robot { robot: self.id, request });
    }

    /// To a taught pose.
    pub(crate) fn pose(&mut self, name: &str) {
        let to = self.robot.pose(name).unwrap_or(self.at);
        self.push(RobotOp::MovePose { pose: name.to_string(), speed: self.speed }, to, self.speed);
    }

    /// Above the next pocket of a tray and into it.
    pub(crate) fn enter_pocket(&mut self, cx: &Context<'_, '_>, tray: TrayId) {
        for (above, speed) in [(true, self.speed), (false, self.speed * NEAR_SHARE)] {
            let to = cx.cell.trays[tray.index()].pocket_joints(0, above).unwrap_or(self.at);
            self.push(RobotOp::MoveTray { tray, above, speed }, to, speed);
        }
    }

    /// Up and out of the pocket at which it is.
    pub(crate) fn leave_pocket(&mut self, cx: &Context<'_, '_>, tray: TrayId) {
        let speed = self.speed * NEAR_SHARE;
        let to = cx.cell.trays[tray.index()].pocket_joints(0, true).unwrap_or(self.at);
        self.push(RobotOp::LeaveTray { tray, speed }, to, speed);
    }

    /// Above the station where the unit is, and down to its nest. `station`: where that is known.
    pub(crate) fn enter_nest(&mut self, cx: &Context<'_, '_>, station: Option<StationId>) {
        self.station(cx, station, true, self.speed);
        self.station(cx, station, false, self.speed * NEAR_SHARE);
    }

    /// Up from the nest.
    pub(crate) fn leave_nest(&mut self, cx: &Context<'_, '_>, station: Option<StationId>) {
        self.station(cx, station, true, self.speed * NEAR_SHARE);
    }

    fn station(&mut self, cx: &Context<'_, '_>, station: Option<StationId>, above: bool, speed: f64) {
        let name = station.map(|s| cx.cell.stations[s.index()].pose(above));
        let to = name.and_then(|name| self.robot.pose(&name)).unwrap_or(self.at);
        self.push(RobotOp::MoveStation { above, speed }, to, speed);
    }

    /// Closes the gripper around a part that must be there.
    pub(crate) fn grip(&mut self) {
        let missing = Meaning::Fault("grip-failed".into());
        let request = RobotOp::Grip { close: true, expect_holding: true, missing };
        self.ops.push(Primitive::Robot { robot: self.id, request });
    }

    /// Opens it, and lets the sensor see the part where it was put.
    pub(crate) fn release(&mut self, what: PlaceWhat, to: Place, check: Option<Expr>) {
        let missing = Meaning::Fault("release-failed".into());
        let request = RobotOp::Grip { close: false, expect_holding: false, missing };
        self.ops.push(Primitive::Robot { robot: self.id, request });
        place(&mut self.ops, what, to, check);
    }

    /// Time of all moves at full speed, without acceleration.
    pub(crate) fn at_least(&self) -> DurationNs {
        DurationNs::from_secs_f64(self.least_s)
    }

    /// Refuses a station for which the robot was not taught both poses.
    pub(crate) fn check_station(&self, cx: &mut Context<'_, '_>, station: StationId, span: Span) {
        let station = &cx.cell.stations[station.index()];
        let poses = [station.pose(false), station.pose(true)];
        let missing = poses.into_iter().filter(|name| self.robot.pose(name).is_none());
        let missing: Vec<_> = missing.map(|name| format!("`{name}`")).collect();
        if missing.is_empty() {
            return;
        }
        let poses = if missing.len() > 1 { "poses" } else { "pose" };
        let message = format!("`{}` was not taught the {poses} {}", self.robot.name, missing.join(" and "));
        let help = format!("teach it, or name a robot that serves station `{}`", station.name);
        cx.d.sink.error(Code::NoPose, span, message, help);
        cx.doubt_station();
    }

    /// Whether it reaches a tray.
    pub(crate) fn reaches(&self, cx: &Context<'_, '_>, tray: TrayId) -> bool {
        cx.cell.trays[tray.index()].reach.as_ref().is_some_and(|reach| reach.robot == self.id)
    }

    /// Refuses a tray that another robot reaches, or none.
    pub(crate) fn check_tray(&self, cx: &mut Context<'_, '_>, id: TrayId, span: Span) -> Option<()> {
        let tray = &cx.cell.trays[id.index()];
        if self.reaches(cx, id) {
            return Some(());
        }
        let message = format!("`{}` does not reach `{}`", self.robot.name, tray.name);
        let help = match &tray.reach {
            Some(r) => format!("`{}` reaches it", cx.cell.robots[r.robot.index()].name),
            None => "no robot does: `feed` pushes a part out of a lane".to_string(),
        };
        cx.d.sink.error(Code::NoReach, span, message, help);
        None
    }
}

/// A share above 0 % and up to 100 %.
fn share(d: &mut cellwright_recipe::Decoder<'_>, node: &cellwright_recipe::Node) -> Option<f64> {
    let value = d.positive(node, Dimension::Ratio)?;
    if value > 1.0 {
        d.sink.error(Code::OutOfRange, node.span, "more than 100 %", "at most 100 %");
        return None;
    }
    Some(value)
}

/// Waits until a check holds, before anything that it speaks of is recorded.
pub(crate) fn seen(ops: &mut Vec<Primitive>, check: Option<&Expr>) {
    if let Some(condition) = check.cloned() {
        let late = Meaning::Fault("not-verified".into());
        ops.push(Primitive::WaitUntil { condition, hold: DurationNs(0), timeout: VERIFY, late });
    }
}

/// A part was put somewhere: the check must come true, then its place is recorded. One input is waited
/// for by placing itself; a longer check is waited for before.
pub(crate) fn place(ops: &mut Vec<Primitive>, what: PlaceWhat, to: Place, check: Option<Expr>) {
    seen(ops, check.as_ref().filter(|c| !matches!(c, Expr::Input(_))));
    placed(ops, what, to, check.as_ref());
}

/// A part was put somewhere, and the check has been waited for but for its one input.
pub(crate) fn placed(ops: &mut Vec<Primitive>, what: PlaceWhat, to: Place, check: Option<&Expr>) {
    ops.push(Primitive::PlacePart { what, to, verify: check.and_then(witness) });
}

/// The input that sees the part: the first one that must be on.
fn witness(check: &Expr) -> Option<InputId> {
    match check {
        Expr::Input(id) => Some(*id),
        Expr::And(list) => list.iter().find_map(witness),
        _ => None,
    }
}
