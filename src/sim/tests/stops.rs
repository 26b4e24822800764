//! Stops of different causes, in virtual time: the first-out alarm names the cause, and a script that does only what
//! its remedy says brings the cell back to Execute in at most three commands or answers.
//!
//! `-- --nocapture` shows the table. `CELLWRIGHT_STOP=name` runs one.

use std::fmt::Write;

use cellwright_controller::catalogue::{Act, AlarmCode, COMMANDS_MAX};
use cellwright_controller::{
    Alarm, AutoOperator, DeviceId, Input, Load, Notice, Order, Question, QuestionKind, Source,
};
use cellwright_engine::branch_chart::BranchState;
use cellwright_model::event::AlarmClass;
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{CameraId, DurationNs, ScannerId, TrayId};
use cellwright_sim::{Options, Prepared, VirtualCell, What, hands, read, wiring};
use cellwright_twin::plant::{Injection, TrayLoad};

/// When the cause comes.
#[derive(Debug, Clone, Copy)]
enum At {
    /// The axis moves, at work.
    Moves(&'static str),
    /// The operations of the step run.
    Runs(&'static str),
    /// In Execute.
    Works,
    /// Before the command is given for the first time.
    Before(CellCommand),
}

/// What comes.
#[derive(Debug, Clone, Copy)]
enum Cause {
    EStop,
    Guard,
    Air,
    Jam(&'static str),
    Offset(&'static str, f64),
    Break(&'static str),
    Stuck(&'static str),
    Misses(&'static str),
    Lane,
    UsedUp(&'static str),
    Protective(&'static str),
    Drive(&'static str),
    Power(&'static str),
    Camera,
    Scanner,
    Store,
    BinOpen,
    /// The cell holds after so many ng units; one of the first units of the seed is.
    Ng,
}

struct Stop {
    name: &'static str,
    at: At,
    cause: Cause,
    code: AlarmCode,
    /// A part of the alarm's place.
    place: &'static str,
}

const fn stop(name: &'static str, at: At, cause: Cause, code: AlarmCode, place: &'static str) -> Stop {
    Stop { name, at, cause, code, place }
}

const STOPS: &[Stop] = {
    use AlarmCode as A;
    use At::*;
    use Cause as C;
    &[
        stop("estop-press", Moves("press_z"), C::EStop, A::SafetyInput, "estop_ok"),
        stop("estop-cobot", Runs("place-hub"), C::EStop, A::SafetyInput, "estop_ok"),
        stop("guard-table", Moves("table"), C::Guard, A::SafetyInput, "guard_ok"),
        stop("guard-leak-test", Runs("leak"), C::Guard, A::SafetyInput, "guard_ok"),
        stop("air", Runs("place-cap"), C::Air, A::Invariant, "air"),
        stop("air-at-start", Before(CellCommand::Start), C::Air, A::StartCondition, "starting"),
        stop("jam-press", Moves("press_z"), C::Jam("press_z"), A::FollowingError, "press_z"),
        stop("jam-driver", Moves("driver_1"), C::Jam("driver_1"), A::FollowingError, "driver_1"),
        stop("jam-feeder", Moves("feeder_x"), C::Jam("feeder_x"), A::FollowingError, "feeder_x"),
        stop("jam-table", Moves("table"), C::Jam("table"), A::FollowingError, "table"),
        stop(
            "load-cell-offset",
            Before(CellCommand::Reset),
            C::Offset("load_cell", 30.0),
            A::ZeroOffset,
            "load_cell",
        ),
        stop(
            "torque-offset",
            Before(CellCommand::Reset),
            C::Offset("torque_1", 0.1),
            A::ZeroOffset,
            "torque_1",
        ),
        stop(
            "pressure-offset",
            Before(CellCommand::Reset),
            C::Offset("leak_1", 4_000.0),
            A::ZeroOffset,
            "leak_1",
        ),
        stop("load-cell-at-work", Works, C::Offset("load_cell", 30.0), A::ZeroOffset, "press-cannula"),
        stop("load-cell-wire", Moves("press_z"), C::Break("load_cell"), A::AnalogInvalid, "press-cannula"),
        stop("torque-wire", Moves("driver_1"), C::Break("torque_1"), A::AnalogInvalid, "seal-cap"),
        stop("pressure-wire", Runs("leak"), C::Break("leak_1"), A::Cleanup, "leak"),
        stop("hub-sensor", Works, C::Stuck("load.nest_hub_present"), A::NotVerified, "place-hub"),
        stop("cannula-sensor", Works, C::Stuck("load.nest_cannula_present"), A::NotVerified, "push"),
        stop("press-sensor", Works, C::Stuck("press.nest_hub_present"), A::Check, "press-cannula"),
        stop("cap-sensor", Works, C::Stuck("close.nest_cap_present"), A::NotVerified, "place-cap"),
        stop("pocket-sensor", Works, C::Stuck("good_pocket_filled"), A::NotVerified, "to-tray"),
        stop("drop-sensor", Works, C::Stuck("bin_drop"), A::NotVerified, "to-bin"),
        stop("grip-hub", Works, C::Misses("robot_l"), A::GripFailed, "place-hub"),
        stop("grip-cap", Works, C::Misses("robot_r"), A::GripFailed, "place-cap"),
        stop("lane-empty", Runs("to-tray"), C::Lane, A::Starved, "lane_2"),
        stop("tray-empty", Runs("to-tray"), C::UsedUp("hub_tray"), A::Starved, "hub_tray"),
        stop("tray-full", Works, C::UsedUp("good_tray"), A::Blocked, "good_tray"),
        stop("cobot-protective", Runs("place-hub"), C::Protective("robot_l"), A::Robot, "place-hub"),
        stop("camera", Works, C::Camera, A::Device, "tip"),
        stop("scanner", Works, C::Scanner, A::Device, "id-hub"),
        stop("drive-press", Moves("press_z"), C::Drive("press_z"), A::Drive, "press_z"),
        stop("drive-table", Moves("table"), C::Drive("table"), A::Drive, "table"),
        stop("power-drive", Works, C::Power("drive_2"), A::AlState, "drive_2"),
        stop("power-terminal", Works, C::Power("ai_1"), A::AlState, "ai_1"),
        stop("cable", Works, C::Power("coupler"), A::StaleInput, "segment"),
        stop("store", Runs("press-cannula"), C::Store, A::Store, "store"),
        stop("bin-open", Works, C::BinOpen, A::BinOpen, "reject_bin"),
        stop("ng-in-a-row", Works, C::Ng, A::ConsecutiveNg, "cell"),
    ]
};

/// Seed of every stop: among its first units one is ng.
const SEED: u64 = 2;
/// The cause has shown itself, and each command has done its work, within this.
const WITHIN: DurationNs = DurationNs::from_millis(300_000);
/// Back in Execute and undisturbed for so long.
const UNDISTURBED: DurationNs = DurationNs::from_millis(5_000);

/// A cell with its operator, who does the ordinary work only: material, confirmations, exchanged trays.
struct Bench {
    cell: VirtualCell,
    operator: AutoOperator,
    /// Trays that nobody exchanges.
    left: Vec<TrayId>,
    alarms: Vec<Alarm>,
    questions: Vec<Question>,
    refused: Vec<String>,
    commands: usize,
}

impl Bench {
    fn new(cause: Cause) -> Bench {
        let mut prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
        if matches!(cause, Cause::Ng) {
            let mut cell = (*prepared.cell).clone();
            cell.consecutive_ng_max = 1;
            prepared = Prepared { cell: cell.into(), ..prepared };
        }
        let cell = VirtualCell::new(prepared, Options { seed: SEED, ..Options::default() }).expect("a cell");
        let order = Order::units("STOPS", cell.plan().clone(), 100);
        let loads = loads(&cell);
        Bench {
            operator: AutoOperator::new("auto:test", order, loads).attended(),
            cell,
            left: Vec::new(),
            alarms: Vec::new(),
            questions: Vec::new(),
            refused: Vec::new(),
            commands: 0,
        }
    }

    fn by() -> Source {
        Source::new("script", "test")
    }

    fn tick(&mut self) {
        for notice in self.cell.tick().expect("a cycle").notices {
            match notice {
                Notice::Ask(q) if q.kind == QuestionKind::Recipe => {
                    self.operator.answer(&q).into_iter().for_each(|input| self.cell.give(input));
                }
                Notice::Ask(q) => self.questions.push(q),
                Notice::Withdrawn(id) => self.questions.retain(|q| q.id != id),
                Notice::TrayAtEnd(tray) if !self.left.contains(&tray) => self.exchange(tray),
                Notice::Alarm(alarm) => self.alarms.push(alarm),
                Notice::Answered { request, result: Err(why), .. } => {
                    self.refused.push(format!("{request:?}: {why}"));
                }
                _ => {}
            }
        }
    }

    fn exchange(&mut self, tray: TrayId) {
        self.cell.inject(hands::exchange(tray));
        let input = self.operator.exchange(tray);
        self.cell.give(input);
    }

    /// Errors: what was not reached in time.
    fn until(&mut self, what: &str, mut reached: impl FnMut(&Bench) -> bool) -> Result<(), String> {
        let end = self.cell.now() + WITHIN;
        while !reached(self) {
            if self.cell.now() >= end {
                let told: Vec<String> =
                    self.alarms.iter().map(|a| format!("{} {}", a.code, a.place)).collect();
                return Err(format!(
                    "{what} not reached: {:?}; alarms {told:?}; refused {:?}; open {:?}",
                    self.cell.state(),
                    self.refused,
                    self.questions
                ));
            }
            self.tick();
        }
        Ok(())
    }

    fn command(&mut self, command: CellCommand) -> Result<(), String> {
        let before = self.refused.len();
        self.cell.give(Input::Command { command, by: Bench::by() });
        self.tick();
        self.tick();
        if self.refused.len() > before {
            return Err(format!("{} refused: {}", command.name(), self.refused[before]));
        }
        self.until(command.name(), |b| rests(b.cell.state()))
    }

    /// From power-up to Execute; the cause may come before a command, and does not let it come further.
    fn begin(&mut self, stop: &Stop) -> Result<(), String> {
        let mut inputs = Vec::new();
        // The material is entered in the first look of the operator.
        self.operator.react(CellState::Starting, &mut inputs);
        inputs.drain(..).for_each(|input| self.cell.give(input));
        for command in [CellCommand::Clear, CellCommand::Reset, CellCommand::Start] {
            if matches!(stop.at, At::Before(c) if c == command) {
                self.bring(stop.cause);
                for _ in 0..20 {
                    self.tick();
                }
                return self.command(command);
            }
            self.command(command)?;
            if command == CellCommand::Reset {
                self.order();
            }
        }
        self.until("the moment", |b| b.is(stop.at))?;
        self.bring(stop.cause);
        Ok(())
    }

    fn order(&mut self) {
        let order = Order::units("STOPS", self.cell.plan().clone(), 100);
        self.cell.give(Input::Order { order, by: Bench::by() });
        self.tick();
    }

    fn is(&self, at: At) -> bool {
        let rt = self.cell.rt();
        match at {
            At::Moves(axis) => {
                let axis = self.cell.cell().axis(axis).expect("an axis");
                let (axis, described) = (rt.axes[axis.index()], &self.cell.cell().axes[axis.index()]);
                self.cell.state() == CellState::Execute
                    && axis.velocity_au_s.abs() > 0.05 * described.velocity_max
            }
            At::Runs(step) => self.cell.status().is_some_and(|status| {
                let mut branches = status.units.iter().flat_map(|u| &u.branches);
                branches.any(|b| {
                    b.state == BranchState::Running && b.step.as_deref().is_some_and(|s| s.ends_with(step))
                })
            }),
            At::Works | At::Before(_) => self.cell.state() == CellState::Execute,
        }
    }

    fn bring(&mut self, cause: Cause) {
        self.set(cause, true);
    }

    fn mend(&mut self, cause: Cause) {
        self.set(cause, false);
    }

    fn set(&mut self, cause: Cause, on: bool) {
        let described = self.cell.cell().clone();
        let axis = |name| described.axis(name).expect("an axis");
        let analog = |name| described.analog(name).expect("a channel");
        let robot = |name| described.robot(name).expect("a cobot");
        let injection = match cause {
            Cause::EStop => Injection::EStop(on),
            Cause::Guard => Injection::GuardOpen(on),
            Cause::Air => Injection::AirOff(on),
            Cause::Lane => Injection::LaneEmpty(on),
            Cause::Jam(name) => Injection::AxisJam { axis: axis(name), jammed: on },
            Cause::Offset(name, by) => {
                Injection::AnalogOffset { analog: analog(name), offset: if on { by } else { 0.0 } }
            }
            Cause::Break(name) => Injection::WireBreak { analog: analog(name), broken: on },
            Cause::Stuck(name) => {
                let input = described.input(name).expect("an input");
                Injection::InputStuck { input, level: on.then_some(false) }
            }
            Cause::Misses(name) => Injection::GripMisses { robot: robot(name), grips: u32::from(on) },
            Cause::Protective(name) => Injection::ProtectiveStop { robot: robot(name), active: on },
            Cause::Drive(name) if on => Injection::DriveFault { axis: axis(name), code: 0x7500 },
            Cause::Power(name) => {
                let position = described.segment.iter().position(|s| s.name == name).expect("a SubDevice");
                Injection::Power { position: position as u16, on: !on }
            }
            Cause::BinOpen => {
                Injection::BinOpen { bin: described.tray("reject_bin").expect("a bin"), open: on }
            }
            Cause::Camera => return self.cell.plug(DeviceId::Camera(CameraId(0)), !on),
            Cause::Scanner => return self.cell.plug(DeviceId::Scanner(ScannerId(0)), !on),
            Cause::Store => return self.cell.store_refuses(on.then_some("no space left on device")),
            Cause::UsedUp(name) => return self.use_up(described.tray(name).expect("a tray"), on),
            // Resetting the cell resets the drive; nothing is left of the others.
            Cause::Drive(_) | Cause::Ng => return,
        };
        self.cell.inject(injection);
    }

    /// All but a few pockets have been used; a person exchanges the tray.
    fn use_up(&mut self, tray: TrayId, on: bool) {
        if !on {
            self.left.clear();
            return self.exchange(tray);
        }
        self.left.push(tray);
        let described = &self.cell.cell().trays[tray.index()];
        let next = Some(described.pockets() - 1);
        let label = match loads(&self.cell).into_iter().find(|l| l.tray == tray) {
            Some(Load { label, .. }) => label,
            None => Label::Empty,
        };
        self.cell.inject(Injection::Exchange { tray, load: TrayLoad::default() });
        self.cell.give(Input::MaterialLoaded { tray, label, left: None, next, by: Bench::by() });
    }

    fn first_out(&self) -> Option<&Alarm> {
        self.alarms.iter().find(|a| a.first_out && a.cleared.is_none())
    }

    /// Does what the remedy says, and nothing else.
    fn follow(&mut self, stop: &Stop, alarm: &Alarm) -> Result<(), String> {
        for act in &alarm.acts {
            match *act {
                Act::RemoveCause(_) => self.mend(stop.cause),
                Act::TakeOutParts => self.cell.inject(Injection::TakeOut),
                Act::Command(command) => {
                    self.commands += 1;
                    self.command(command)?;
                }
                Act::Answer(answer) => {
                    self.commands += 1;
                    self.answer(alarm, answer)?;
                }
                Act::Restart => return Err("only a restart".into()),
            }
            // Hands take their time.
            for _ in 0..200 {
                self.tick();
            }
        }
        Ok(())
    }

    fn answer(&mut self, alarm: &Alarm, answer: &str) -> Result<(), String> {
        self.until("the question", |b| b.asked(alarm).is_some())?;
        let question = self.asked(alarm).cloned().ok_or("no question")?;
        self.questions.retain(|q| q.id != question.id);
        if !question.answers.iter().any(|a| a == answer) {
            return Err(format!("`{answer}` is not offered: {:?}", question.answers));
        }
        let input = Input::Answer { id: question.id, answer: answer.into(), reason: None, by: Bench::by() };
        self.cell.give(input);
        Ok(())
    }

    /// The question of the step that the alarm names.
    fn asked(&self, alarm: &Alarm) -> Option<&Question> {
        self.questions.iter().find(|q| q.kind == QuestionKind::Decision && q.prompt.contains(&alarm.place))
    }

    /// In Execute, and nothing stops or asks for some seconds.
    fn undisturbed(&mut self) -> Result<(), String> {
        self.until("Execute", |b| b.cell.state() == CellState::Execute)?;
        self.alarms.clear();
        let end = self.cell.now() + UNDISTURBED;
        while self.cell.now() < end {
            self.tick();
        }
        let raised: Vec<String> = self
            .alarms
            .iter()
            .filter(|a| a.cleared.is_none() && a.class >= AlarmClass::Hold)
            .map(|a| format!("{} at {}: {}", a.code, a.place, a.cause))
            .collect();
        match (self.cell.state(), raised.as_slice()) {
            (CellState::Execute, []) => Ok(()),
            (state, raised) => Err(format!("{state:?} again, alarms {raised:?}")),
        }
    }
}

/// What the recipe wants at each source.
fn loads(cell: &VirtualCell) -> Vec<Load> {
    wiring::loads(cell.cell(), &hands::wanted(cell.plan(), cell.materials()))
}

/// Nothing is going on by itself.
fn rests(state: CellState) -> bool {
    !state.name().ends_with("ing")
}

/// One stop from its cause to Execute; the row of the table.
fn run(stop: &Stop) -> Result<String, String> {
    let mut b = Bench::new(stop.cause);
    b.begin(stop)?;
    b.until("a first-out alarm", |b| b.first_out().is_some())?;
    let alarm = b.first_out().cloned().expect("seen");
    let told = format!("{} at {}: {}", alarm.code, alarm.place, alarm.cause);
    if alarm.code != stop.code || !alarm.place.contains(stop.place) {
        return Err(format!("first-out is {told}; expected {} at {}", stop.code, stop.place));
    }
    b.until("rest", |b| rests(b.cell.state()))?;
    b.follow(stop, &alarm)
        .and_then(|()| b.undisturbed())
        .map_err(|why| format!("{told}; remedy `{}` did not lead back: {why}", alarm.remedy))?;
    if b.commands > COMMANDS_MAX {
        return Err(format!("{told}; {} commands by `{}`", b.commands, alarm.remedy));
    }
    Ok(format!("{:<18} {told} | {} | {}", stop.name, alarm.remedy, b.commands))
}

#[test]
fn the_first_out_alarm_names_the_cause_and_its_remedy_leads_back() {
    let only = std::env::var("CELLWRIGHT_STOP").ok();
    let chosen: Vec<&Stop> = STOPS.iter().filter(|s| only.as_deref().is_none_or(|o| o == s.name)).collect();
    assert!(only.is_some() || chosen.len() >= 30, "thirty different causes");
    let half = chosen.len().div_ceil(2);
    let rows: Vec<(&str, Result<String, String>)> = std::thread::scope(|scope| {
        let work = |part: Vec<&'static Stop>| {
            scope.spawn(move || part.into_iter().map(|s| (s.name, run(s))).collect::<Vec<_>>())
        };
        let threads: Vec<_> = chosen.chunks(half.max(1)).map(|c| work(c.to_vec())).collect();
        threads.into_iter().flat_map(|t| t.join().expect("a thread")).collect()
    });
    let mut table = String::from("cause | first-out alarm | remedy | commands and answers\n");
    let mut failed = String::new();
    for (name, row) in &rows {
        let _ = match row {
            Ok(row) => writeln!(table, "{row}"),
            Err(why) => writeln!(failed, "{name}: {why}"),
        };
    }
    println!("{table}{} of {} stops", rows.iter().filter(|(_, r)| r.is_ok()).count(), rows.len());
    assert!(failed.is_empty(), "{failed}");
}
