use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use cellwright_engine::api::*;
use cellwright_engine::record::{Record, Transaction};
use cellwright_engine::{Engine, EngineConfig, Status};
use cellwright_model::curve::{Curve, CurveSample};
use cellwright_model::job::*;
use cellwright_model::material::Label;
use cellwright_model::packml::{CellCommand, CellState};
use cellwright_model::plan::Plan;
use cellwright_model::robot::*;
use cellwright_model::*;

use super::cell as c;

/// A motion that the machine is carrying out.
#[derive(Debug, Clone)]
struct Move {
    job: JobId,
    axis: AxisId,
    left_ms: u64,
    to: f64,
    result: JobResult,
    held: bool,
    /// au for each millisecond; `None`: there in one step at the end.
    glide: Option<f64>,
}

/// The engine with a machine around it.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) rt: RtStatus,
    pub(crate) robots: Vec<RobotState>,
    moves: Vec<Move>,
    pub(crate) robot_move: Option<(RequestId, RobotCommand, u64)>,
    pub(crate) robot_holding: bool,
    word: UrgentWord,
    /// Outputs of the panel, bit = output index.
    panel: u64,
    except: u64,
    captures: BTreeSet<JobId>,
    inbox: VecDeque<Input>,
    devices: Vec<(RequestId, DeviceReply, u64)>,
    persisting: VecDeque<(Ticket, u64)>,
    pub(crate) persist_ms: Option<u64>,
    /// Value of the whole curve of the next captures; then 100.
    pub(crate) forces: VecDeque<f64>,
    pub(crate) burrs: VecDeque<f64>,
    pub(crate) scans: VecDeque<DeviceReply>,
    pub(crate) prints: VecDeque<DeviceReply>,
    /// Labels that were asked for.
    pub(crate) labels: Vec<String>,
    /// How the next approaches end; then as asked.
    pub(crate) approach_ends: VecDeque<JobEnd>,
    /// What the next grips (closing) find.
    pub(crate) grips: VecDeque<bool>,
    /// Answers given at once, by a word of the prompt; others wait.
    pub(crate) auto: BTreeMap<String, String>,
    pub(crate) questions: Vec<Question>,
    pub(crate) tickets_open: BTreeSet<Ticket>,
    pub(crate) records: Vec<Record>,
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) answered: Vec<(Answered, Result<(), String>)>,
    pub(crate) urgents: Vec<UrgentWord>,
    pub(crate) commands: Vec<RtOp>,
    pub(crate) robot_commands: Vec<RobotCommand>,
    /// The motions never end.
    pub(crate) stuck: bool,
    /// The robot never answers.
    pub(crate) robot_dead: bool,
    /// The robot reports no state any more.
    pub(crate) robot_mute: bool,
    pub(crate) bring_ups: u32,
    /// No valid inputs are received.
    pub(crate) stale: bool,
    /// What lies in each nest, as far as cobots put it there; seen by [`c::SEEN`] at the first station.
    pub(crate) nests: [bool; 4],
    /// The cycle has ended: no new snapshot, no event.
    pub(crate) cycle_stands: bool,
    /// Plain moves go at their velocity, and rest at once where they are stopped.
    pub(crate) gliding: bool,
    /// Motions are not cancelled.
    pub(crate) deaf: bool,
}

pub(crate) fn who() -> Source {
    Source::new("anna", "test")
}

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench::with(c::cell(), EngineConfig::default())
    }

    pub(crate) fn with(cell: cellwright_model::cell::Cell, config: EngineConfig) -> Bench {
        let panel = cell.panel.outputs().fold(0, |word, o| word | 1 << o.0);
        let engine = Engine::new(Arc::new(cell), config).expect("a cell for one unit");
        let mut rt = RtStatus { safety_ok: true, ..RtStatus::default() };
        rt.axes.iter_mut().for_each(|a| a.referenced = true);
        rt.bus.operational = true;
        rt.inputs = 1 << c::ESTOP_OK.0 | 1 << c::PRESENT.0 | 1 << c::DROP.0 | 1 << c::AIR.0;
        let mut bench = Bench {
            engine,
            now: 0,
            rt,
            robots: vec![RobotState::default()],
            moves: vec![],
            robot_move: None,
            robot_holding: false,
            word: UrgentWord::None,
            panel,
            except: 0,
            captures: BTreeSet::new(),
            inbox: VecDeque::new(),
            devices: vec![],
            persisting: VecDeque::new(),
            persist_ms: Some(2),
            forces: VecDeque::new(),
            burrs: VecDeque::new(),
            scans: VecDeque::new(),
            prints: VecDeque::new(),
            labels: Vec::new(),
            approach_ends: VecDeque::new(),
            grips: VecDeque::new(),
            auto: BTreeMap::from([("No visible damage".into(), "ok".into())]),
            questions: vec![],
            tickets_open: BTreeSet::new(),
            records: vec![],
            alarms: vec![],
            answered: vec![],
            urgents: vec![],
            commands: vec![],
            robot_commands: vec![],
            stuck: false,
            robot_dead: false,
            robot_mute: false,
            bring_ups: 0,
            stale: false,
            nests: [false; 4],
            cycle_stands: false,
            gliding: false,
            deaf: false,
        };
        bench.material(c::SOURCE, "HUB", "H-1");
        bench.material(c::LANE, "CAN", "C-1");
        bench
    }

    fn material(&mut self, tray: TrayId, part: &str, lot: &str) {
        let label = Label::Typed { part: part.into(), lot: lot.into(), expiry: None, quantity: None };
        self.load(tray, label, None, None);
    }

    /// A person loads a tray; the answer is in `answered`.
    pub(crate) fn load(&mut self, tray: TrayId, label: Label, next: Option<u32>, left: Option<u32>) {
        self.put(Input::MaterialLoaded { tray, label, next, left, by: who() });
    }

    pub(crate) fn put(&mut self, input: Input) {
        let mut out = Vec::new();
        let machine = Machine { rt: &self.rt, robots: &self.robots };
        self.engine.handle(TimeNs(self.now * 1_000_000), input, machine, &mut out);
        for output in out {
            self.carry_out(output);
        }
    }

    pub(crate) fn command(&mut self, command: CellCommand) {
        self.put(Input::Command { command, by: who() });
    }

    pub(crate) fn order(&mut self, plan: Arc<Plan>, units: u32) {
        self.put(Input::Order { order: Order::units("A-1", plan, units), by: who() });
    }

    pub(crate) fn answer(&mut self, word: &str) {
        if word == cellwright_engine::REMOVED {
            (self.robot_holding, self.robots[0].holding) = (false, false);
        }
        let question = self.questions.remove(0);
        self.put(Input::Answer { id: question.id, answer: word.into(), reason: None, by: who() });
    }

    /// One millisecond of machine.
    pub(crate) fn tick(&mut self) {
        self.now += 1;
        if self.cycle_stands {
            self.put(Input::Tick);
            return;
        }
        self.rt.cycle += 1;
        if !self.stale {
            self.rt.fresh_cycle = self.rt.cycle;
        }
        self.rt.now = TimeNs(self.now * 1_000_000);
        self.work_moves();
        self.work_robot();
        self.sense();
        let due = |at: &u64, now| *at <= now;
        let now = self.now;
        let (ready, later) =
            core::mem::take(&mut self.devices).into_iter().partition(|(_, _, at)| due(at, now));
        self.devices = later;
        let ready: Vec<(RequestId, DeviceReply, u64)> = ready;
        self.inbox.extend(ready.into_iter().map(|(id, reply, _)| Input::Device { id, reply }));
        while self.persisting.front().is_some_and(|(_, at)| due(at, now)) {
            let (ticket, _) = self.persisting.pop_front().expect("seen");
            self.tickets_open.remove(&ticket);
            self.inbox.push_back(Input::Persisted(ticket));
        }
        self.inbox.push_back(Input::Tick);
        while let Some(input) = self.inbox.pop_front() {
            self.put(input);
        }
    }

    /// The nest that stands at a station (angle in degrees).
    fn nest_at(&self, station_deg: f64) -> Option<usize> {
        let k = (station_deg - self.rt.axes[c::TABLE.index()].actual_au) / 90.0;
        ((k - k.round()).abs() < 0.01).then(|| k.round().rem_euclid(4.0) as usize)
    }

    fn sense(&mut self) {
        let seen = self.nest_at(0.0).is_some_and(|n| self.nests[n]);
        self.rt.inputs = self.rt.inputs & !(1 << c::SEEN.0) | u64::from(seen) << c::SEEN.0;
    }

    /// The gripper has closed or opened where the cobot is.
    fn gripped(&mut self, holding: bool) {
        let at = match self.robots[0].joints[0] {
            10.0 => self.nest_at(0.0),
            20.0 => self.nest_at(90.0),
            _ => None,
        };
        if let Some(nest) = at {
            self.nests[nest] = !holding;
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now
    }

    pub(crate) fn ticks(&mut self, n: u64) {
        for _ in 0..n {
            self.tick();
        }
    }

    /// Until the state, for at most 60 s.
    pub(crate) fn until(&mut self, state: CellState) {
        self.until_true(&format!("{state:?}"), |b| b.engine.state() == state);
    }

    pub(crate) fn until_true(&mut self, what: &str, mut condition: impl FnMut(&Bench) -> bool) {
        for _ in 0..60_000 {
            if condition(self) {
                return;
            }
            self.tick();
        }
        let machine = Machine { rt: &self.rt, robots: &self.robots };
        panic!("{what} not reached: {:#?}", self.engine.status(machine));
    }

    /// Clear, Reset: in Idle.
    pub(crate) fn until_idle(&mut self) {
        self.command(CellCommand::Clear);
        self.until(CellState::Stopped);
        self.command(CellCommand::Reset);
        self.until(CellState::Idle);
    }

    /// Clear, Reset, order, Start: in Execute.
    pub(crate) fn produce(&mut self, plan: Arc<Plan>, units: u32) {
        self.until_idle();
        self.order(plan, units);
        self.command(CellCommand::Start);
        self.until(CellState::Execute);
    }

    pub(crate) fn status(&self) -> Status {
        self.engine.status(Machine { rt: &self.rt, robots: &self.robots })
    }

    pub(crate) fn step(&self) -> Option<String> {
        let status = self.status();
        status.units.first()?.branches.last()?.step.clone()
    }

    /// Until this step's operations run.
    pub(crate) fn until_running(&mut self, step: &str) {
        use cellwright_engine::branch_chart::BranchState;
        self.until_true(step, |b| {
            let status = b.engine.status(Machine { rt: &b.rt, robots: &b.robots });
            let branches = status.units.iter().flat_map(|u| &u.branches);
            branches.into_iter().any(|x| x.step.as_deref() == Some(step) && x.state == BranchState::Running)
        });
    }

    pub(crate) fn refuse(&mut self, bit: InputId) {
        self.rt.inputs &= !(1 << bit.0);
        self.rt.safety_ok = self.rt.inputs & (1 << c::ESTOP_OK.0) != 0;
    }

    pub(crate) fn allow(&mut self, bit: InputId) {
        self.rt.inputs |= 1 << bit.0;
        self.rt.safety_ok = self.rt.inputs & (1 << c::ESTOP_OK.0) != 0;
    }

    /// Everything that moves is ended by the cycle's own abort.
    pub(crate) fn break_jobs(&mut self) {
        for m in core::mem::take(&mut self.moves) {
            self.event(m.job, RtEventKind::Stopped { actual_au: 0.0 });
        }
        self.rt.at_rest = true;
    }

    fn event(&mut self, job: JobId, kind: RtEventKind) {
        self.inbox.push_back(Input::Rt(RtEvent { cycle: self.rt.cycle, job, kind }));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Rt(command) => {
                self.commands.push(command.op);
                self.job(command);
            }
            Output::Urgent(urgent) => self.urgent(urgent),
            Output::BringUp => {
                self.bring_ups += 1;
                self.rt.bus.operational = true;
            }
            Output::Robot { request, .. } => self.robot(request),
            Output::Inspect { id, .. } => {
                let value = self.burrs.pop_front().unwrap_or(0.010);
                let values = vec![DeviceValue { name: "burr".into(), value, unit: "mm".into() }];
                self.devices.push((id, DeviceReply::Inspected(values), self.now + 5));
            }
            Output::Scan { id, .. } => {
                let reply = self.scans.pop_front().unwrap_or_else(|| c::code_of_a_hub(id));
                self.devices.push((id, reply, self.now + 5));
            }
            Output::Print { id, label, .. } => {
                self.labels.push(label.text().to_owned());
                let reply = self.prints.pop_front().unwrap_or(DeviceReply::Printed);
                self.devices.push((id, reply, self.now + 5));
            }
            Output::Ask(question) => match self.auto.iter().find(|(w, _)| question.prompt.contains(*w)) {
                Some((_, answer)) => {
                    let answer = answer.clone();
                    self.inbox.push_back(Input::Answer { id: question.id, answer, reason: None, by: who() });
                }
                None => self.questions.push(question),
            },
            Output::Withdraw { id } => self.questions.retain(|q| q.id != id),
            // Ticks come every millisecond anyway.
            Output::Timer { .. } => {}
            Output::Persist(transaction) => self.persist(transaction),
            Output::Alarm(alarm) => self.alarms.push(alarm),
            Output::Answered { request, result, .. } => self.answered.push((request, result)),
        }
    }

    fn persist(&mut self, transaction: Transaction) {
        let Transaction { ticket, records, .. } = transaction;
        self.records.extend(records);
        self.tickets_open.insert(ticket);
        if let Some(ms) = self.persist_ms {
            self.persisting.push_back((ticket, self.now + ms));
        }
    }

    /// Commits what was kept back, and from now on at once.
    pub(crate) fn persist_again(&mut self) {
        self.persist_ms = Some(2);
        let open: Vec<Ticket> = self.tickets_open.iter().copied().collect();
        self.persisting = open.into_iter().map(|t| (t, self.now + 2)).collect();
    }

    fn urgent(&mut self, urgent: Urgent) {
        self.urgents.push(urgent.word);
        (self.word, self.except) = (urgent.word, urgent.except);
        self.rt.urgent_epoch = urgent.epoch;
        self.rt.aborted = urgent.word == UrgentWord::Abort;
        match urgent.word {
            UrgentWord::Hold => {
                for i in 0..self.moves.len() {
                    if urgent.except >> self.moves[i].axis.index() & 1 == 1 {
                        continue;
                    }
                    self.moves[i].held = true;
                    let job = self.moves[i].job;
                    self.event(job, RtEventKind::Held { actual_au: 0.0 });
                }
            }
            UrgentWord::Resume => self.moves.iter_mut().for_each(|m| m.held = false),
            UrgentWord::Stop | UrgentWord::Abort => {
                for m in core::mem::take(&mut self.moves) {
                    self.event(m.job, RtEventKind::Stopped { actual_au: 0.0 });
                }
                if urgent.word == UrgentWord::Abort {
                    self.rt.axes.iter_mut().for_each(|a| a.enabled = false);
                    self.rt.outputs = 0;
                }
            }
            UrgentWord::None => {}
        }
        self.update_rest();
    }

    fn update_rest(&mut self) {
        for (i, axis) in self.rt.axes.iter_mut().enumerate() {
            axis.moving = self.moves.iter().any(|m| m.axis.index() == i && !m.held);
        }
        self.rt.at_rest = !self.rt.axes.iter().any(|a| a.moving);
    }

    fn job(&mut self, command: RtCommand) {
        let job = command.job;
        let moving = match command.op {
            RtOp::MoveTo { axis, .. }
            | RtOp::MoveWhile { axis, .. }
            | RtOp::ApproachUntil { axis, .. }
            | RtOp::Tighten { axis, .. } => 1u64 << axis.index(),
            RtOp::Enable { axes } => axes,
            _ => 0,
        };
        let refused = match self.word {
            UrgentWord::None | UrgentWord::Resume => false,
            UrgentWord::Hold => moving & !self.except != 0,
            UrgentWord::Stop => moving != 0,
            // Lamps say what happened while everything else is in its off state.
            UrgentWord::Abort => {
                !matches!(command.op, RtOp::SetOutputs { mask, .. } if mask & !self.panel == 0)
            }
        };
        if refused && !matches!(command.op, RtOp::CaptureEnd { .. }) {
            return self.event(job, RtEventKind::Refused(Refusal::Urgent));
        }
        self.event(job, RtEventKind::Accepted);
        let result = |end, at: f64| JobResult { end, position_au: at, trigger_au: at, value: 0.0, peak: 0.0 };
        let plain = RtEventKind::Done(result(JobEnd::Target, 0.0));
        match command.op {
            RtOp::Enable { axes } => {
                for (i, axis) in self.rt.axes.iter_mut().enumerate() {
                    axis.enabled |= axes >> i & 1 == 1;
                }
                self.event(job, plain);
            }
            RtOp::Renew { .. } => self.event(job, plain),
            RtOp::Home { axis } => {
                self.rt.axes[axis.index()].referenced = true;
                self.event(job, plain);
            }
            RtOp::MoveTo { axis, target_au, velocity_au_s }
            | RtOp::MoveWhile { axis, target_au, velocity_au_s, .. } => {
                self.begin(job, axis, target_au, result(JobEnd::Target, target_au));
                if let Some(last) = self.moves.last_mut().filter(|_| self.gliding) {
                    last.glide = Some(velocity_au_s / 1_000.0);
                }
            }
            RtOp::ApproachUntil { axis, approach } => {
                let asked = match approach.until {
                    Until::Position(p) => (JobEnd::Target, p),
                    Until::AnalogAtLeast(..) => (JobEnd::Triggered, 40.0),
                };
                let (end, at) = match self.approach_ends.pop_front() {
                    Some(end) => (end, approach.limit_au),
                    None => asked,
                };
                self.begin(job, axis, at, result(end, at));
            }
            RtOp::Tighten { axis, .. } => self.begin(job, axis, 90.0, result(JobEnd::Target, 90.0)),
            RtOp::Cancel { .. } if self.deaf => {}
            RtOp::Cancel { axis } => {
                let (gone, kept): (Vec<_>, Vec<_>) =
                    core::mem::take(&mut self.moves).into_iter().partition(|m| m.axis == axis);
                self.moves = kept;
                for m in gone {
                    self.event(m.job, RtEventKind::Stopped { actual_au: 0.0 });
                }
                self.event(job, plain);
            }
            RtOp::SetOutputs { mask, value } => {
                self.rt.outputs = self.rt.outputs & !mask | value & mask;
                self.event(job, plain);
            }
            RtOp::CaptureStart { .. } => {
                self.captures.insert(job);
                self.event(job, plain);
            }
            RtOp::CaptureEnd { capture } => self.end_capture(job, capture, plain),
            RtOp::Disable { axes } => {
                for (i, axis) in self.rt.axes.iter_mut().enumerate() {
                    axis.enabled &= axes >> i & 1 == 0;
                }
                self.event(job, plain);
            }
        }
        self.update_rest();
    }

    fn end_capture(&mut self, job: JobId, capture: JobId, plain: RtEventKind) {
        if !self.captures.remove(&capture) {
            return self.event(job, RtEventKind::Refused(Refusal::Unknown));
        }
        let value = self.forces.pop_front().unwrap_or(100.0);
        let samples = (0..=30)
            .map(|i| CurveSample {
                t_ns: i * 1_000_000,
                position_au: 40.0 + i as f64 * 0.4,
                value: if i < 25 { 3.0 } else { value },
            })
            .collect();
        let curve = Arc::new(Curve { samples, lost_cycles: 0, truncated: false });
        self.inbox.push_back(Input::Curve { capture, curve });
        self.event(job, plain);
    }

    fn begin(&mut self, job: JobId, axis: AxisId, to: f64, result: JobResult) {
        self.moves.push(Move { job, axis, left_ms: 40, to, result, held: false, glide: None });
    }

    fn work_moves(&mut self) {
        let mut done = vec![];
        for m in &mut self.moves {
            match m.glide {
                _ if m.held || self.stuck => {}
                None => m.left_ms -= 1,
                Some(most) => {
                    let actual = &mut self.rt.axes[m.axis.index()].actual_au;
                    *actual += (m.to - *actual).clamp(-most, most);
                    m.left_ms = u64::from(*actual != m.to);
                }
            }
            if m.left_ms == 0 {
                done.push(m.clone());
            }
        }
        self.moves.retain(|m| m.left_ms > 0);
        for m in done {
            self.rt.axes[m.axis.index()].actual_au = m.to;
            self.event(m.job, RtEventKind::Done(m.result));
        }
        self.update_rest();
    }

    fn robot(&mut self, request: RobotRequest) {
        self.robot_commands.push(request.command);
        let reply = |b: &mut Bench, id, reply| b.inbox.push_back(Input::Robot { id, reply });
        match (request.command, self.robot_move) {
            (RobotCommand::Stop, _) if self.robots[0].lost => {}
            (RobotCommand::Stop, Some((id, RobotCommand::MoveJ { .. }, _))) => {
                self.robot_move = None;
                self.robots[0].moving = false;
                reply(self, id, RobotReply::Stopped);
                reply(self, request.id, RobotReply::Done { holding: self.robot_holding });
            }
            (RobotCommand::Stop, _) => {
                reply(self, request.id, RobotReply::Done { holding: self.robot_holding });
            }
            (_, Some(_)) => reply(self, request.id, RobotReply::Rejected(RobotRefusal::Busy)),
            (command, None) => {
                self.robots[0].moving = matches!(command, RobotCommand::MoveJ { .. });
                self.robot_move = Some((request.id, command, self.now + 20));
            }
        }
    }

    fn work_robot(&mut self) {
        if !self.robot_mute {
            self.robots[0].stamp = TimeNs(self.now * 1_000_000);
        }
        let Some((id, command, at)) = self.robot_move else { return };
        if self.now < at || self.robot_dead || self.robots[0].lost {
            return;
        }
        self.robot_move = None;
        match command {
            RobotCommand::Grip { close: true } => {
                self.robot_holding = self.grips.pop_front().unwrap_or(true);
                self.gripped(self.robot_holding);
            }
            RobotCommand::Grip { close: false } => {
                self.robot_holding = false;
                self.gripped(false);
            }
            RobotCommand::MoveJ { to, .. } => self.robots[0].joints = to,
            RobotCommand::Stop => {}
        }
        self.robots[0].moving = false;
        let holding = self.robot_holding;
        self.robots[0].holding = holding;
        self.inbox.push_back(Input::Robot { id, reply: RobotReply::Done { holding } });
    }
}
