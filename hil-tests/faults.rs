//! Fault plans (`hil-tests/faults/*.faults.yaml`) against a cell in virtual time: what the cell does, how soon, and
//! whether it comes back. The same files strike the twin on a network interface (`faults/on_a_wire.py`).

mod bounds;
mod random;
mod survive;

use std::path::{Path, PathBuf};

use cellwright_controller::{Alarm, Answered, AutoOperator, Input, Notice, Order, QuestionKind, Source};
use cellwright_model::event::{AlarmClass, EventData};
use cellwright_model::faults::{Counted, ExpectedReaction, Fault, FaultMoment, FaultPlan, ReactionClass};
use cellwright_model::job::BusStatus;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::{DurationNs, TimeNs};
use cellwright_recipe::render;
use cellwright_sim::audit::Auditors;
use cellwright_sim::script::Script;
use cellwright_sim::{Options, Prepared, Told, VirtualCell, What, hands, read, read_faults, wiring};

pub use survive::{Survived, survive};

use bounds::Bounds;

use crate::root;

/// Virtual time until a plan must have struck, and a unit be made.
const STRUCK_MAX: DurationNs = DurationNs::from_millis(60_000);
/// Virtual time after the strike in which an alarm is waited for: longer than any `within`.
const REACTION_MAX: DurationNs = DurationNs::from_millis(20_000);
/// From the end of all faults to Idle.
const REST_MAX: DurationNs = DurationNs::from_millis(150_000);
/// A change of speed in one cycle below this share of the highest one is none.
const EVEN_SHARE: f64 = 1e-4;
const END: &str = ".faults.yaml";
const OPERATOR: &str = "auto:faults";

/// Every plan of the folder, by name.
///
/// # Panics
/// If the folder cannot be read.
pub fn files() -> Vec<PathBuf> {
    let folder = root().join("hil-tests/faults");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|e| e.expect("a folder that can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|p| p.to_string_lossy().ends_with(END)).collect();
    files.sort();
    files
}

/// Name of a plan's file, without what they all end with.
pub fn name(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.trim_end_matches(END).to_owned()
}

/// What a plan came to.
#[derive(Debug)]
pub struct Seen {
    pub about: String,
    pub expected: ExpectedReaction,
    /// Cycles to the first reaction: the cycle aborts by itself, is told to hold or stop, or an alarm is raised;
    /// `None`: there was none.
    pub cycles: Option<u64>,
    /// Everything that is not as it has to be.
    pub unmet: Vec<String>,
}

/// The machine that every plan strikes.
///
/// # Panics
/// If its cell or recipe do not hold.
pub fn prepared() -> Prepared {
    let what = What {
        recipe: Some(root().join("hil-tests/scenarios/quick.recipe.yaml")),
        cell: Some(root().join("cells/cannula-cell")),
        ..What::default()
    };
    let reading = read(&what, true);
    let said = render(&reading.diagnostics, &reading.sources);
    reading.prepared.unwrap_or_else(|| panic!("the quick recipe does not hold:\n{said}"))
}

/// Strikes a cell with the plan of a file, and brings it to rest and to work again.
///
/// Errors: a plan that cannot be read, in words.
pub fn run(path: &Path) -> Result<Seen, String> {
    let prepared = prepared();
    let reading = read_faults(path, &prepared.cell);
    let Some(plan) = reading.prepared else { return Err(render(&reading.diagnostics, &reading.sources)) };
    let Some(expected) = plan.expected.clone() else { return Err("it expects nothing".to_owned()) };
    let options = Options {
        seed: 5,
        operator: Some(OPERATOR.into()),
        faults: Some(plan.clone()),
        ..Options::default()
    };
    let cell = VirtualCell::new(prepared, options).map_err(|e| e.to_string())?;
    let mut run = Run::new(cell, &plan);
    run.strike(&expected)?;
    run.held_against(&expected);
    if !lasting(&plan) {
        run.come_back()?;
        run.auditors.end(&run.cell);
    }
    let findings = run.auditors.findings().iter().map(|f| format!("auditor: {f}"));
    run.unmet.extend(findings);
    run.unmet.append(&mut run.bounds.findings);
    Ok(Seen {
        about: plan.about,
        expected,
        cycles: run.reacted_in.filter(|_| run.first.is_some()),
        unmet: run.unmet,
    })
}

/// What cannot be mended from outside: an encoder that has jumped.
fn lasting(plan: &FaultPlan) -> bool {
    plan.entries.iter().any(|e| matches!(e.fault, Fault::Encoder { .. }))
}

struct Run {
    cell: VirtualCell,
    auditors: Auditors,
    bounds: Bounds,
    operator: AutoOperator,
    /// The cycle in which the plan struck, and the word that was acted on last before it.
    struck_in: Option<(u64, u64)>,
    reacted_in: Option<u64>,
    /// The axis that the plan's moment names, the cycle in which it became slower, and how all of them moved.
    named: Option<usize>,
    slower_in: Option<u64>,
    speeds: Vec<(f64, f64)>,
    /// First alarm after the strike, and all of them in words.
    first: Option<Alarm>,
    alarms: Vec<String>,
    /// A step asked a person what to do: it is held, and the others go on.
    asked: bool,
    /// States of the cell since.
    states: Vec<CellState>,
    units: u32,
    completed: bool,
    before: BusStatus,
    unmet: Vec<String>,
}

fn operator(cell: &VirtualCell, order: &str) -> AutoOperator {
    let order = Order::units(order, cell.plan().clone(), 1);
    AutoOperator::new(OPERATOR, order, wiring::loads(cell.cell(), cell.materials()))
}

impl Run {
    fn new(cell: VirtualCell, plan: &FaultPlan) -> Run {
        Run {
            auditors: Auditors::new(&cell),
            bounds: Bounds::new(&cell, plan),
            operator: operator(&cell, "FAULTS"),
            struck_in: None,
            reacted_in: None,
            named: plan.entries.first().and_then(|e| axis_of(e.at)),
            slower_in: None,
            speeds: Vec::new(),
            first: None,
            alarms: Vec::new(),
            asked: false,
            states: Vec::new(),
            units: 0,
            completed: false,
            before: BusStatus::default(),
            unmet: Vec::new(),
            cell,
        }
    }

    fn struck(&self) -> Option<TimeNs> {
        self.cell.world().faults().and_then(cellwright_twin::faults::Faults::struck)
    }

    fn spent(&self) -> bool {
        self.cell.world().faults().is_none_or(cellwright_twin::faults::Faults::spent)
    }

    /// A unit is begun; until the first alarm after the strike, or until the unit is made.
    fn strike(&mut self, expected: &ExpectedReaction) -> Result<(), String> {
        let deadline = TimeNs(STRUCK_MAX.0);
        while self.struck().is_none() {
            if self.cell.now() >= deadline {
                return Err(format!("it never strikes: the cell is in {}", self.cell.state().name()));
            }
            self.before = self.cell.rt().bus;
            self.work()?;
        }
        let tolerated = expected.class == ReactionClass::Tolerated;
        let patience = if tolerated { STRUCK_MAX } else { REACTION_MAX };
        let deadline = self.cell.now() + patience;
        let ended = |run: &Run| {
            if tolerated { run.completed && run.spent() || run.first.is_some() } else { run.first.is_some() }
        };
        while !ended(self) && self.cell.now() < deadline {
            self.work()?;
        }
        // The cell's own reaction is told within a few cycles of its alarm; what was held back comes at the end.
        let mut left = 10;
        while left > 0 {
            self.work()?;
            left -= if self.spent() || self.cell.now() >= deadline { 1 } else { 0 };
        }
        Ok(())
    }

    fn work(&mut self) -> Result<(), String> {
        let mut inputs = Vec::new();
        let _progress = self.operator.react(self.cell.state(), &mut inputs);
        inputs.into_iter().for_each(|input| self.cell.give(input));
        let told = self.tick()?;
        for notice in told.notices {
            match notice {
                Notice::Ask(question) => {
                    self.asked |= question.kind == QuestionKind::Decision && self.first.is_some();
                    let answer = AutoOperator::choice(&question).unwrap_or_default();
                    wiring::acts(&question, answer).into_iter().for_each(|act| self.cell.inject(act));
                    self.operator.answer(&question).into_iter().for_each(|answer| self.cell.give(answer));
                }
                Notice::TrayAtEnd(tray) => {
                    self.cell.inject(hands::exchange(tray));
                    let input = self.operator.exchange(tray);
                    self.cell.give(input);
                }
                Notice::Answered { request, result: Err(why), .. }
                    if !matches!(request, Answered::Command(_)) =>
                {
                    self.unmet.push(format!("refused: {request:?}: {why}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<Told, String> {
        let told = self.cell.tick().map_err(|e| e.to_string())?;
        self.auditors.look(&self.cell, &told);
        self.bounds.look(&self.cell);
        let struck = self.struck();
        let rt = self.cell.rt();
        self.look_at_speeds(struck.is_some());
        if struck.is_some() {
            self.struck_in.get_or_insert((rt.cycle, rt.reaction.seen));
        }
        // The controller's time is that of the cycle's beginning.
        let period = self.cell.cell().cycle;
        for notice in &told.notices {
            if let Notice::Alarm(alarm) = notice
                && alarm.class != AlarmClass::Warning
                && struck.is_some_and(|at| alarm.raised + period >= at)
            {
                self.first.get_or_insert_with(|| alarm.clone());
                if alarm.cleared.is_none() && alarm.acknowledged.is_none() {
                    let since = alarm.raised.0 / 1_000;
                    self.alarms
                        .push(format!("{since} us {} at {}: {}", alarm.code, alarm.place, alarm.cause));
                }
            }
        }
        for event in &told.events {
            match &event.draft.data {
                EventData::CellState(change) if struck.is_some() => self.states.push(change.to),
                EventData::UnitResult(_) => self.units += 1,
                _ => {}
            }
        }
        if let Some((cycle, word)) = self.struck_in
            && (rt.aborted || rt.reaction.seen > word || self.first.is_some())
        {
            self.reacted_in.get_or_insert(rt.cycle - cycle);
        }
        self.completed |= self.cell.state() == CellState::Completed;
        Ok(told)
    }

    /// Setpoints and their speeds, cycle by cycle.
    fn look_at_speeds(&mut self, struck: bool) {
        let rt = self.cell.rt();
        let axes = &self.cell.cell().axes;
        let dt = self.cell.cell().cycle.as_secs_f64();
        let last = core::mem::take(&mut self.speeds);
        for (i, axis) in axes.iter().enumerate() {
            let setpoint = rt.axes[i].setpoint_au;
            let before = last.get(i).copied().unwrap_or((setpoint, 0.0));
            let speed = (setpoint - before.0) / dt;
            let slower = speed.abs() < before.1.abs() - EVEN_SHARE * axis.velocity_max;
            if struck && slower && self.named == Some(i) && before.1.abs() > EVEN_SHARE * axis.velocity_max {
                let since = self.struck_in.map_or(rt.cycle, |(cycle, _)| cycle);
                self.slower_in.get_or_insert(rt.cycle.saturating_sub(since));
            }
            self.speeds.push((setpoint, speed));
        }
    }

    fn held_against(&mut self, expected: &ExpectedReaction) {
        if expected.class == ReactionClass::Tolerated && !self.spent() {
            self.unmet.push("not every fault of the plan has begun and ended".to_owned());
        }
        let bus = self.cell.rt().bus;
        for counted in &expected.counted {
            if count(&bus, *counted) <= count(&self.before, *counted) {
                self.unmet.push(format!("no {} were counted", counted.as_str()));
            }
        }
        let first = self.first.clone();
        let Some(alarm) = first else {
            match expected.class {
                ReactionClass::Tolerated if self.completed => {}
                ReactionClass::Tolerated => {
                    let state = self.cell.state().name();
                    self.unmet.push(format!("no alarm, and no unit was made: the cell is in {state}"));
                }
                class => self.unmet.push(format!("no alarm came, {} is required", class.as_str())),
            }
            return;
        };
        // A step that is held by itself brakes its axis first, and is told when its cleanup is done.
        if self.asked
            && let Some(slower) = self.slower_in
        {
            self.reacted_in = Some(slower.min(self.reacted_in.unwrap_or(u64::MAX)));
        }
        let cycles = self.reacted_in.unwrap_or(u64::MAX);
        let code = alarm.code.to_string();
        if expected.alarm.as_deref() != Some(code.as_str()) {
            self.unmet.push(format!("the alarms are {:?}", self.alarms));
        }
        if cycles > expected.within_cycles {
            self.unmet.push(format!("the first reaction came after {cycles} cycles"));
        }
        let reaction = match expected.class {
            ReactionClass::Tolerated => return,
            ReactionClass::Hold => CellState::Holding,
            ReactionClass::Stop => CellState::Stopping,
            ReactionClass::Abort => CellState::Aborting,
        };
        // A cell that has not come to Execute has nothing to leave: a bring-up that fails stays in Clearing or Aborted.
        let states: Vec<&str> = self.states.iter().map(|s| s.name()).collect();
        let first = self.states.iter().find(|s| {
            matches!(s, CellState::Holding | CellState::Stopping | CellState::Aborting | CellState::Aborted)
        });
        let held = expected.class == ReactionClass::Hold && self.asked;
        let right = held
            || first == Some(&reaction)
            || reaction == CellState::Aborting && first == Some(&CellState::Aborted);
        if !right {
            self.unmet.push(format!("the cell went {states:?}, not to {}", reaction.name()));
        }
    }

    /// Everything is mended; then any operator clears, resets and makes one more unit.
    fn come_back(&mut self) -> Result<(), String> {
        self.cell.mend();
        let mut script = Script::new(self.open_questions());
        let deadline = self.cell.now() + REST_MAX;
        while !script.done() {
            if self.cell.now() >= deadline {
                self.unmet.push(format!("it does not come back: {}", script.where_it_stands(&self.cell)));
                return Ok(());
            }
            script.act(&mut self.cell);
            let told = self.tick()?;
            script.hear(&mut self.cell, &told);
        }
        // What is left of the order; then another one.
        let another = self.completed.then_some("AFTERWARDS");
        (self.completed, self.units) = (false, 0);
        self.until_completed(another)?;
        if self.units == 0 && self.completed {
            self.give(CellCommand::Reset);
            self.until(CellState::Idle)?;
            self.completed = false;
            self.until_completed(Some("AFTERWARDS"))?;
        }
        if self.units != 1 || !self.completed {
            let stands = script.where_it_stands(&self.cell);
            self.unmet.push(format!("afterwards {} units were made: {stands}", self.units));
        }
        Ok(())
    }

    /// From Idle, with another order if one is named.
    fn until_completed(&mut self, order: Option<&str>) -> Result<(), String> {
        if let Some(order) = order {
            let (order, by) = (Order::units(order, self.cell.plan().clone(), 1), source());
            self.cell.give(Input::Order { order, by });
        }
        self.give(CellCommand::Start);
        self.until(CellState::Completed)
    }

    fn until(&mut self, state: CellState) -> Result<(), String> {
        let deadline = self.cell.now() + STRUCK_MAX;
        while self.cell.state() != state && self.cell.now() < deadline {
            self.work()?;
        }
        Ok(())
    }

    fn give(&mut self, command: CellCommand) {
        self.cell.give(Input::Command { command, by: source() });
    }

    fn open_questions(&self) -> Vec<cellwright_controller::Question> {
        self.cell.status().map(|s| s.questions).unwrap_or_default()
    }
}

fn axis_of(moment: FaultMoment) -> Option<usize> {
    match moment {
        FaultMoment::PowerOn | FaultMoment::Operational => None,
        FaultMoment::Enabled(a)
        | FaultMoment::Torque(a)
        | FaultMoment::Above(a, _)
        | FaultMoment::Below(a, _) => Some(a.index()),
    }
}

fn source() -> Source {
    Source::new(OPERATOR, "test")
}

fn count(bus: &BusStatus, what: Counted) -> u64 {
    match what {
        Counted::LostFrames => bus.lost_frames,
        Counted::LateFrames => bus.late_frames,
        Counted::StrayFrames => bus.stray_frames,
        Counted::WkcErrors => bus.wkc_errors,
    }
}
