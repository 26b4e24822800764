//! Kills: a cell in virtual time whose controller is ended without a word at a chosen moment, restarted on the
//! same world from what it had made durable, and worked to the end of its order by a person who looks into the
//! machine.
//!
//! *Moment*: what is waited for, the how-manieth time of it, and how long after it the controller is killed.

mod person;

use cellwright_model::event::Event;
use cellwright_model::packml::CellState;
use cellwright_model::plant::PartKind;
use cellwright_model::{AxisId, DurationNs};
use cellwright_sim::audit::{Auditors, Seen};
use cellwright_sim::{Options, Prepared, SimError, Storage, Told, VirtualCell};
use cellwright_twin::plant::{Places, Pocket};

use crate::storm::Dice;
use person::Person;

/// Units of an order: more than are in flight at once.
const UNITS: u32 = 5;
/// Virtual time for a moment to come; the same again for the order to be finished behind it.
const WITHIN: DurationNs = DurationNs::from_millis(240_000);
/// The world goes on without a controller for at most this long.
const ALONE_MS_MAX: usize = 2_000;
/// Slower than this an axis stands, in its unit a second.
const STANDS_AU_S: f64 = 1e-3;
/// Cycles at rest after a reset, in which the auditors look.
const REST: u32 = 100;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The operations of a step are under way.
    Step(&'static str),
    /// A gripper holds something that it did not hold before, or no longer.
    Grips(usize),
    LetsGo(usize),
    /// A part has come to lie in a nest.
    InNest(PartKind),
    /// A unit has come to lie in a pocket, or in a bin.
    InPocket,
    InBin,
    /// The table stands between two stations.
    Turning,
    /// A person has exchanged a tray and said so.
    Exchanged,
    State(CellState),
}

/// See the module text.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub what: What,
    pub nth: usize,
    pub after: DurationNs,
}

/// Every kind of moment, and for how long after it a kill is worth while, ms.
pub const KINDS: [(What, usize); 27] = [
    (What::Step("place-hub"), 900),
    (What::Step("id-hub"), 80),
    (What::Step("push"), 500),
    (What::Step("press-cannula"), 1_500),
    (What::Step("place-cap"), 2_000),
    (What::Step("seal-cap"), 1_500),
    (What::Step("leak"), 2_000),
    (What::Step("tip"), 150),
    (What::Step("look"), 20),
    (What::Step("to-tray"), 2_000),
    (What::Step("to-bin"), 2_000),
    (What::Grips(0), 12),
    (What::Grips(1), 12),
    (What::LetsGo(0), 12),
    (What::LetsGo(1), 12),
    (What::InNest(PartKind::Hub), 0),
    (What::InNest(PartKind::Cannula), 0),
    (What::InNest(PartKind::Cap), 0),
    (What::InPocket, 4),
    (What::InPocket, 400),
    (What::InBin, 4),
    (What::Turning, 200),
    (What::Exchanged, 4),
    (What::Exchanged, 20),
    (What::State(CellState::Completed), 30),
    (What::State(CellState::Resetting), 6_000),
    (What::State(CellState::Execute), 9_000),
];

/// One kill, and what came of it.
#[derive(Debug)]
pub struct Kill {
    pub moment: Moment,
    /// It came in time; otherwise the controller was killed anyway.
    pub came: bool,
    /// Of the cell when it was killed.
    pub state: CellState,
    pub in_flight: usize,
    /// Something was said and not durable.
    pub pending: bool,
    /// Steps that were under way.
    pub steps: Vec<String>,
    /// What the person was asked to take out afterwards.
    pub asked: Vec<String>,
    /// From the restart to Idle, and to the end of the order.
    pub idle_s: f64,
    pub finished_s: f64,
}

/// What a cell and its kills came to.
#[derive(Debug)]
pub struct Outcome {
    /// Of its draws; replays it.
    pub seed: u64,
    pub kills: Vec<Kill>,
    pub findings: Vec<String>,
    /// Units: good, ng, interrupted.
    pub units: [usize; 3],
    pub seen: Seen,
}

/// One cell with a kill at each of these moments, one after the other.
///
/// Errors: the cell cannot be simulated at all.
pub fn kills(
    prepared: Prepared,
    seed: u64,
    moments: &[Moment],
    storage: Storage,
) -> Result<Outcome, SimError> {
    let mut dice = Dice::new(seed);
    let options =
        Options { seed: dice.roll(), operator: Some("person".into()), storage, ..Options::default() };
    let cell = VirtualCell::new(prepared, options)?;
    let mut bench = Bench {
        auditors: Auditors::new(&cell),
        person: Person::new(),
        chain: Chain::default(),
        before: Sight::of(&cell),
        dice,
        findings: Vec::new(),
        cell,
    };
    let mut kills = Vec::new();
    for moment in moments {
        kills.push(bench.kill(*moment)?);
        if !bench.findings.is_empty() {
            break;
        }
    }
    let Bench { cell, mut auditors, mut findings, chain, .. } = bench;
    auditors.end(&cell);
    findings.extend(auditors.findings().iter().map(ToString::to_string));
    findings.extend(chain.problems);
    Ok(Outcome { seed, kills, findings, units: auditors.ended(), seen: auditors.seen() })
}

struct Bench {
    cell: VirtualCell,
    auditors: Auditors,
    person: Person,
    chain: Chain,
    before: Sight,
    dice: Dice,
    findings: Vec<String>,
}

impl Bench {
    fn kill(&mut self, moment: Moment) -> Result<Kill, SimError> {
        self.person.wants(UNITS);
        let came = self.wait_for(moment)?;
        let status = self.cell.status();
        let steps = status.iter().flat_map(|s| &s.units).flat_map(|u| &u.branches);
        let steps = steps.filter_map(|b| b.step.as_ref().map(|s| format!("{s} {:?}", b.state))).collect();
        let mut kill = Kill {
            moment,
            came,
            state: self.cell.state(),
            in_flight: status.map_or(0, |s| s.units.len()),
            pending: !self.cell.recorded(),
            steps,
            asked: Vec::new(),
            idle_s: 0.0,
            finished_s: 0.0,
        };
        self.cell.kill();
        self.alone()?;
        self.cell.restart()?;
        self.person.restarted();
        let began = self.cell.now();
        self.person.may_start(false);
        let idle = self.until(|b| b.cell.state() == CellState::Idle && b.cell.rt().at_rest)?;
        kill.idle_s = self.cell.now().since(began).as_secs_f64();
        for _ in 0..REST {
            self.tick()?;
        }
        kill.asked = self.person.was_asked();
        self.person.may_start(true);
        let finished = idle && self.until(|b| b.person.finished(&b.cell))?;
        kill.finished_s = self.cell.now().since(began).as_secs_f64();
        // What a finished order leaves is held against the plant after one more reset.
        self.person.may_start(false);
        let again = finished && self.until(|b| b.cell.state() == CellState::Idle && b.cell.rt().at_rest)?;
        for _ in 0..REST {
            self.tick()?;
        }
        self.person.may_start(true);
        if !again {
            self.findings.push(format!("after {kill:?}: {}", self.person.where_it_stands(&self.cell)));
        }
        Ok(kill)
    }

    /// Works until the moment has come. `false`: it did not.
    fn wait_for(&mut self, moment: Moment) -> Result<bool, SimError> {
        let until = self.cell.now() + WITHIN;
        let mut seen = 0;
        while seen < moment.nth {
            if self.cell.now() >= until {
                return Ok(false);
            }
            self.tick()?;
            if self.person.finished(&self.cell) {
                self.person.wants(UNITS);
            }
            let now = Sight::of(&self.cell);
            seen += usize::from(now.begins(&self.before, moment.what, &self.person));
            self.before = now;
        }
        let until = self.cell.now() + moment.after;
        while self.cell.now() < until {
            self.tick()?;
        }
        Ok(true)
    }

    /// Without a controller everything comes to rest.
    fn alone(&mut self) -> Result<(), SimError> {
        for _ in 0..500 + self.dice.below(ALONE_MS_MAX) {
            self.tick()?;
        }
        for (i, axis) in self.cell.cell().axes.iter().enumerate() {
            let velocity = self.cell.world().plant().velocity_au_s(AxisId(i as u16));
            if velocity.abs() > STANDS_AU_S {
                self.findings.push(format!("{} moves at {velocity} without a controller", axis.name));
            }
        }
        Ok(())
    }

    fn until(&mut self, mut end: impl FnMut(&Bench) -> bool) -> Result<bool, SimError> {
        let until = self.cell.now() + WITHIN;
        while !end(self) {
            if self.cell.now() >= until {
                return Ok(false);
            }
            self.tick()?;
        }
        Ok(true)
    }

    fn tick(&mut self) -> Result<(), SimError> {
        self.person.act(&mut self.cell, &mut self.dice);
        let told: Told = self.cell.tick()?;
        self.person.hear(&mut self.cell, &told);
        self.auditors.look(&self.cell, &told);
        told.events.iter().for_each(|event| self.chain.follow(event));
        Ok(())
    }
}

/// What can be seen of a moment.
#[derive(Debug, Clone, Default)]
struct Sight {
    state: Option<CellState>,
    steps: Vec<String>,
    holds: Vec<bool>,
    in_nests: [usize; PartKind::ALL.len()],
    in_pockets: usize,
    in_bins: u32,
    turning: bool,
}

impl Sight {
    fn of(cell: &VirtualCell) -> Sight {
        let status = cell.status();
        let branches = status.iter().flat_map(|s| &s.units).flat_map(|u| &u.branches);
        let under_way = |state: String| matches!(state.as_str(), "Running" | "AwaitOperator");
        let running = branches.filter(|b| under_way(format!("{:?}", b.state)));
        let places = cell.places();
        let nests = |kind| places.nests.iter().filter(|n| n.part(kind).is_some()).count();
        let units = |p: &&Pocket| matches!(p, Pocket::Unit(_));
        Sight {
            state: Some(cell.state()),
            steps: running.filter_map(|b| b.step.clone()).collect(),
            holds: places.grippers.iter().map(Option::is_some).collect(),
            in_nests: PartKind::ALL.map(nests),
            in_pockets: places.trays.iter().flat_map(|t| &t.pockets).filter(units).count(),
            in_bins: bins(&places),
            turning: places.station_nest.iter().all(Option::is_none),
        }
    }

    /// The moment begins now.
    fn begins(&self, before: &Sight, what: What, person: &Person) -> bool {
        let count = |steps: &[String], name: &str| steps.iter().filter(|s| *s == name).count();
        let holds = |sight: &Sight, robot: usize| sight.holds.get(robot) == Some(&true);
        match what {
            What::Step(name) => count(&self.steps, name) > count(&before.steps, name),
            What::Grips(robot) => holds(self, robot) && !holds(before, robot),
            What::LetsGo(robot) => !holds(self, robot) && holds(before, robot),
            What::InNest(kind) => self.in_nests[kind as usize] > before.in_nests[kind as usize],
            What::InPocket => self.in_pockets > before.in_pockets,
            What::InBin => self.in_bins > before.in_bins,
            What::Turning => self.turning && !before.turning,
            What::Exchanged => person.has_exchanged(),
            What::State(state) => self.state == Some(state) && before.state != Some(state),
        }
    }
}

fn bins(places: &Places) -> u32 {
    places.trays.iter().filter(|t| !t.bin.is_empty()).map(|t| t.moved).sum()
}

/// The chain of the record: without gaps, each event with the hash of the one before it, across all lives.
#[derive(Debug, Default)]
struct Chain {
    last: Option<(u64, String)>,
    problems: Vec<String>,
}

impl Chain {
    fn follow(&mut self, event: &Event) {
        let (seq, hash) = self.last.take().unwrap_or_default();
        let linked = hash.is_empty() || event.line.contains(&format!("\"prevhash\":\"{hash}\""));
        if event.seq != seq + 1 || !linked {
            self.problems.push(format!("event {} does not follow event {seq}", event.seq));
        }
        self.last = Some((event.seq, event.hash.clone()));
    }
}
