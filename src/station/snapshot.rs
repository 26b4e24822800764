//! What the cell is doing at one moment, in words and numbers that people and programs read: the answer of
//! `status --json`, and what a live view draws. Published as a latest value; nothing waits for its readers.

use std::sync::Arc;

use cellwright_controller::{
    Alarm, BranchStatus, Controller, ManualStatus, Question, QuestionKind, UnitStatus,
};
use cellwright_model::cell::{Cell, Robot};
use cellwright_model::event::{AlarmClass, Event, EventData, Stamp};
use cellwright_model::job::{AxisStatus, BusStatus, Reaction, RtStatus, UrgentWord};
use cellwright_model::order::OrderProgress;
use cellwright_model::outcome::UnitResult;
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::robot::RobotState;
use cellwright_model::{AxisId, RobotId, TimeNs};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A moment of the cell. More fields may come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub cell: String,
    /// Time of day, RFC 3339.
    pub time: String,
    /// The clock of the cycle, in ns; durations in it are differences to this.
    pub monotonic_ns: u64,
    pub state: CellState,
    pub mode: CellMode,
    /// Commands that the state takes in this mode.
    pub takes: Vec<CellCommand>,
    pub order: Option<OrderSeen>,
    /// Units that this controller has ended since it began.
    pub counts: Counts,
    pub units: Vec<UnitSeen>,
    pub alarms: Vec<AlarmSeen>,
    pub questions: Vec<QuestionSeen>,
    pub trays: Vec<TraySeen>,
    pub axes: Vec<AxisSeen>,
    pub robots: Vec<RobotSeen>,
    /// Names of the digital inputs and outputs that are on.
    pub inputs_on: Vec<String>,
    pub outputs_on: Vec<String>,
    /// Every safety input is on.
    pub safety_ok: bool,
    /// Every axis and cobot is at rest.
    pub at_rest: bool,
    pub bus: BusStatus,
    /// How soon what moved reacted to the last hold, stop or abort; null if there was none.
    #[serde(default)]
    pub reaction: Option<ReactionSeen>,
    /// Why the record cannot be written, while it cannot.
    pub store_fault: Option<String>,
    /// What is under way by hand.
    #[serde(default)]
    pub manual: ManualSeen,
}

/// What became of the last urgent word. Numbers are those of cycles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionSeen {
    /// `hold`, `stop` or `abort`.
    pub word: String,
    /// The newest cycle when the controller gave it.
    pub given: u64,
    /// The cycle that acted on it.
    pub seen: u64,
    /// Axes that moved and were not left to finish first.
    pub axes: Vec<String>,
    /// The cycle by which each of them was commanded slower; null if none moved.
    pub slower: Option<u64>,
}

/// Mode Manual: who moves what, and what may be set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualSeen {
    /// The axis that is moved.
    pub jog: Option<JogSeen>,
    /// The cobot that is brought home.
    #[serde(default)]
    pub homing: Option<HomingSeen>,
    /// Outputs and grippers that have not answered.
    pub acts: usize,
    /// Outputs that may be set by hand: all but the panel's.
    pub outputs: Vec<String>,
    /// How what was done last came out, and whether as it was meant to.
    pub last: Option<String>,
    pub last_done: bool,
}

/// An axis that is moved by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JogSeen {
    pub axis: String,
    pub who: String,
}

/// A cobot that is brought home by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomingSeen {
    pub robot: String,
    pub who: String,
}

impl ManualSeen {
    /// An axis or a cobot is moved.
    pub fn moves(&self) -> bool {
        self.jog.is_some() || self.homing.is_some()
    }
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSeen {
    pub id: String,
    /// Lot of the product; null without an order file.
    pub lot: Option<String>,
    /// Units that are wanted: good ones by an order file, else opened ones.
    pub quantity: u32,
    /// `started`, `good`, `ng`, `interrupted`, of earlier runs too.
    #[serde(flatten)]
    pub made: OrderProgress,
}

/// Ends of units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub good: u64,
    pub ng: u64,
    pub interrupted: u64,
}

/// A unit in work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitSeen {
    pub serial: String,
    /// Station of its nest; `None` while the table turns.
    pub station: Option<String>,
    /// Steps of its active branches, joined by ` + `.
    pub step: Option<String>,
    /// What they wait for, joined likewise.
    pub waits_for: Option<String>,
    pub rejecting: bool,
    pub branches: Vec<BranchSeen>,
}

/// An active path of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchSeen {
    pub name: String,
    pub step: Option<String>,
    pub attempt: Option<u16>,
    /// State of the branch chart.
    pub state: String,
    pub waits_for: Option<String>,
}

/// An active alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmSeen {
    /// What `ctl ack` takes.
    pub id: u32,
    pub class: AlarmClass,
    pub code: String,
    pub first_out: bool,
    pub cause: String,
    pub place: String,
    pub remedy: String,
    /// The same as single acts, in order; commands by their names (`Clear`), answers as `answer retry`.
    pub acts: Vec<String>,
    pub raised_ns: u64,
    pub acknowledged: bool,
    pub acknowledged_by: Option<String>,
}

/// An open question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionSeen {
    /// What `ctl answer` takes.
    pub id: u32,
    /// `recipe`, `decision` or `reconcile`.
    pub kind: String,
    pub serial: Option<String>,
    pub prompt: String,
    /// One of these is the answer.
    pub answers: Vec<String>,
    /// The tray that has to be loaded first.
    pub tray: Option<String>,
}

/// A tray, lane or bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraySeen {
    pub name: String,
    pub part: Option<String>,
    pub lot: Option<String>,
    /// First pocket that has not been used; of a lane the count of its parts.
    pub next: u32,
    pub pockets: u32,
}

/// A servo axis; positions in `unit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisSeen {
    pub name: String,
    /// `mm` or `deg`.
    pub unit: String,
    pub setpoint: f64,
    pub actual: f64,
    /// Per second.
    pub velocity: f64,
    pub torque_nm: f64,
    pub following_error: f64,
    pub travel: [f64; 2],
    pub enabled: bool,
    pub moving: bool,
    pub fault: bool,
    /// Torque removed by the safety controller.
    pub sto: bool,
    /// It is known where the axis is; otherwise `Reset` homes it. A station that does not say knows no other axes.
    #[serde(default = "always")]
    pub referenced: bool,
}

fn always() -> bool {
    true
}

/// A cobot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotSeen {
    pub name: String,
    pub moving: bool,
    pub holding: bool,
    /// It is known to rest at its pose `home`.
    #[serde(default)]
    pub home: bool,
    /// It is not heard: what is said of it here was so once.
    #[serde(default)]
    pub lost: bool,
}

/// The newest snapshot, for whoever draws it: at most one every [`EVERY_NS`], none while nobody looks.
pub type Snapshots = watch::Receiver<Option<Arc<Snapshot>>>;

/// Between two snapshots: a person sees no more than 20 pictures a second as change.
pub(crate) const EVERY_NS: u64 = 50_000_000;

/// The station's end of [`Snapshots`].
#[derive(Debug)]
pub struct Publisher {
    to: watch::Sender<Option<Arc<Snapshot>>>,
    last_ns: Option<u64>,
}

impl Publisher {
    /// A publisher and the first of its readers; others are clones of it.
    pub fn new() -> (Publisher, Snapshots) {
        let (to, reader) = watch::channel(None);
        (Publisher { to, last_ns: None }, reader)
    }

    /// It is time for the next one, and somebody looks.
    pub(crate) fn due(&self, now_ns: u64) -> bool {
        let early = self.last_ns.is_some_and(|last| now_ns.saturating_sub(last) < EVERY_NS);
        !early && self.to.receiver_count() > 0
    }

    pub(crate) fn publish(&mut self, snapshot: Snapshot) {
        self.last_ns = Some(snapshot.monotonic_ns);
        self.to.send_replace(Some(Arc::new(snapshot)));
    }
}

/// What the station itself adds to a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) store_fault: Option<String>,
}

impl Tally {
    /// Counts a unit that came to its end.
    pub(crate) fn count(&mut self, event: &Event) {
        let EventData::UnitResult(end) = &event.draft.data else { return };
        match end.result {
            UnitResult::Good => self.counts.good += 1,
            UnitResult::Ng => self.counts.ng += 1,
            UnitResult::Interrupted => self.counts.interrupted += 1,
        }
    }
}

/// The cell as it is now.
pub(crate) fn take(controller: &Controller, tally: &Tally, now: Stamp) -> Snapshot {
    let cell = controller.cell().as_ref();
    let status = controller.engine_status();
    let rt = controller.status();
    let order =
        status.order.map(|o| OrderSeen { id: o.id, lot: o.lot, quantity: o.quantity, made: o.progress });
    let names = |word: u64, names: &mut dyn Iterator<Item = &String>| {
        names.enumerate().filter(|(i, _)| on(word, *i)).map(|(_, n)| n.clone()).collect()
    };
    Snapshot {
        cell: cell.id.clone(),
        time: now.rfc3339(),
        monotonic_ns: now.monotonic_ns,
        state: status.state,
        mode: status.mode,
        takes: status.takes,
        order,
        counts: tally.counts,
        units: status.units.iter().map(unit).collect(),
        alarms: status.alarms.into_iter().map(alarm).collect(),
        questions: status.questions.into_iter().map(|q| question(cell, q)).collect(),
        trays: cell.trays.iter().zip(status.trays).map(|(t, s)| tray(t, s)).collect(),
        axes: cell.axes.iter().zip(&rt.axes).map(|(a, s)| axis(a, s)).collect(),
        robots: robots(controller, TimeNs(now.monotonic_ns)),
        inputs_on: names(rt.inputs, &mut cell.digital_inputs.iter().map(|i| &i.name)),
        outputs_on: names(rt.outputs, &mut cell.digital_outputs.iter().map(|o| &o.name)),
        safety_ok: rt.safety_ok,
        at_rest: at_rest(controller, rt),
        bus: rt.bus,
        reaction: reaction(controller, cell, rt),
        store_fault: tally.store_fault.clone(),
        manual: manual(cell, status.manual),
    }
}

fn reaction(controller: &Controller, cell: &Cell, rt: &RtStatus) -> Option<ReactionSeen> {
    let (word, given) = controller.urgent_word();
    let word = match word {
        UrgentWord::Hold => "hold",
        UrgentWord::Stop => "stop",
        UrgentWord::Abort => "abort",
        UrgentWord::None | UrgentWord::Resume => return None,
    };
    let Reaction { seen, moving, slower } = rt.reaction;
    // What is told of an earlier word is not this one's.
    (seen > given).then(|| ReactionSeen {
        word: word.to_owned(),
        given,
        seen,
        axes: cell
            .axes
            .iter()
            .enumerate()
            .filter(|(i, _)| on(moving, *i))
            .map(|(_, a)| a.name.clone())
            .collect(),
        slower: (slower > 0).then_some(slower),
    })
}

fn manual(cell: &Cell, status: ManualStatus) -> ManualSeen {
    let panel = &cell.panel;
    let panel = [panel.green, panel.amber, panel.red, panel.buzzer];
    let free = |i: &usize| !panel.iter().flatten().any(|p| p.index() == *i);
    let outputs = cell.digital_outputs.iter().enumerate().filter(|(i, _)| free(i));
    let axis = |id: AxisId| cell.axes.get(id.index()).map(|a| a.name.clone());
    let robot = |id: RobotId| cell.robots.get(id.index()).map(|r| r.name.clone());
    ManualSeen {
        jog: status.jog.and_then(|(id, who)| Some(JogSeen { axis: axis(id)?, who })),
        homing: status.homing.and_then(|(id, who)| Some(HomingSeen { robot: robot(id)?, who })),
        acts: status.acts,
        outputs: outputs.map(|(_, o)| o.name.clone()).collect(),
        last: status.last,
        last_done: status.last_done,
    }
}

fn on(word: u64, bit: usize) -> bool {
    u32::try_from(bit).ok().and_then(|b| 1u64.checked_shl(b)).is_some_and(|b| word & b != 0)
}

fn at_rest(controller: &Controller, rt: &RtStatus) -> bool {
    rt.at_rest && controller.robots().iter().all(|r| !r.moving)
}

fn unit(unit: &UnitStatus) -> UnitSeen {
    let joined = |of: fn(&BranchStatus) -> Option<&String>| {
        let all: Vec<&str> = unit.branches.iter().filter_map(of).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(" + "))
    };
    let branch = |b: &BranchStatus| BranchSeen {
        name: b.name.clone(),
        step: b.step.clone(),
        attempt: b.attempt,
        state: format!("{:?}", b.state),
        waits_for: b.waits_for.clone(),
    };
    UnitSeen {
        serial: unit.serial.clone(),
        station: unit.station.clone(),
        step: joined(|b| b.step.as_ref()),
        waits_for: joined(|b| b.waits_for.as_ref()),
        rejecting: unit.rejecting,
        branches: unit.branches.iter().map(branch).collect(),
    }
}

fn alarm(a: Alarm) -> AlarmSeen {
    AlarmSeen {
        id: a.id,
        class: a.class,
        code: a.code.word().to_owned(),
        first_out: a.first_out,
        cause: a.cause,
        place: a.place,
        remedy: a.remedy,
        acts: a.acts.iter().map(ToString::to_string).collect(),
        raised_ns: a.raised.0,
        acknowledged: a.acknowledged.is_some(),
        acknowledged_by: a.acknowledged_by.map(|by| by.who),
    }
}

fn question(cell: &Cell, q: Question) -> QuestionSeen {
    let kind = match q.kind {
        QuestionKind::Recipe => "recipe",
        QuestionKind::Decision => "decision",
        QuestionKind::Reconcile => "reconcile",
        QuestionKind::Identity => "identity",
    };
    QuestionSeen {
        id: q.id.0,
        kind: kind.to_owned(),
        serial: q.serial,
        prompt: q.prompt,
        answers: q.answers,
        tray: q.tray.and_then(|t| cell.trays.get(t.index())).map(|t| t.name.clone()),
    }
}

fn tray(tray: &cellwright_model::cell::Tray, state: cellwright_controller::TrayState) -> TraySeen {
    let pockets = tray.pockets();
    let share = state.share().cloned();
    let part = share.as_ref().map(|s| s.part.clone()).or_else(|| tray.part.clone());
    TraySeen { name: tray.name.clone(), part, lot: share.map(|s| s.lot), next: state.next, pockets }
}

fn axis(axis: &cellwright_model::cell::Axis, s: &AxisStatus) -> AxisSeen {
    AxisSeen {
        name: axis.name.clone(),
        unit: axis.unit().to_owned(),
        setpoint: s.setpoint_au,
        actual: s.actual_au,
        velocity: s.velocity_au_s,
        torque_nm: s.torque_nm,
        following_error: s.following_error_au,
        travel: [axis.travel_lo_au, axis.travel_hi_au],
        enabled: s.enabled,
        moving: s.moving,
        fault: s.fault,
        sto: s.sto,
        referenced: s.referenced,
    }
}

fn robots(controller: &Controller, now: TimeNs) -> Vec<RobotSeen> {
    let seen = |(r, s): (&Robot, &RobotState)| RobotSeen {
        name: r.name.clone(),
        moving: s.moving,
        holding: s.holding,
        home: r.rests_at_home(s, now),
        lost: s.lost,
    };
    controller.cell().robots.iter().zip(controller.robots()).map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Snapshot {
        Snapshot {
            cell: "cell".into(),
            time: "2000-01-01T00:00:00.000000000Z".into(),
            monotonic_ns: 0,
            state: CellState::Aborted,
            mode: CellMode::Production,
            takes: vec![CellCommand::Clear],
            order: None,
            counts: Counts::default(),
            units: Vec::new(),
            alarms: Vec::new(),
            questions: Vec::new(),
            trays: Vec::new(),
            axes: Vec::new(),
            robots: Vec::new(),
            inputs_on: Vec::new(),
            outputs_on: Vec::new(),
            safety_ok: true,
            at_rest: true,
            bus: BusStatus::default(),
            reaction: None,
            store_fault: None,
            manual: ManualSeen::default(),
        }
    }

    #[test]
    fn a_reader_gets_the_newest_at_most_every_50_ms_and_nobody_costs_nothing() {
        let (mut publisher, reader) = Publisher::new();
        let mut taken = 0;
        for ms in 0..120 {
            if publisher.due(ms * 1_000_000) {
                taken += 1;
                publisher.publish(Snapshot { monotonic_ns: ms * 1_000_000, ..nothing() });
            }
        }
        assert_eq!(taken, 3, "at 0, 50 and 100 ms");
        assert_eq!(reader.borrow().as_ref().map(|s| s.monotonic_ns), Some(100_000_000));
        drop(reader);
        assert!(!publisher.due(1_000_000_000), "nobody looks");
    }

    #[test]
    fn what_programs_read_has_its_names() {
        let json = serde_json::to_value(nothing()).expect("a snapshot has a JSON form");
        for name in
            ["state", "mode", "units", "alarms", "axes", "bus", "questions", "order", "counts", "trays"]
        {
            assert!(json.get(name).is_some(), "{name}");
        }
        assert_eq!((&json["state"], &json["takes"][0]), (&"Aborted".into(), &"Clear".into()));
        assert_eq!(serde_json::from_value::<Snapshot>(json).expect("its own form"), nothing());
    }
}
