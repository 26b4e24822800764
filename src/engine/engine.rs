//! The engine's door: one call an input, outputs appended in the order in which they are meant.

use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::job::{RtFault, RtFaultKind};
use cellwright_model::outcome::FaultClass;
use cellwright_model::packml::{CellMode, CellState};
use cellwright_model::{JobId, RequestId, TimeNs, TrayId};

use crate::alarms;
use crate::api::{Answered, Input, Machine, Output, Source};
use crate::branch::answer_record;
use crate::catalogue::AlarmCode;
use crate::core::{Core, tell};
use crate::ledger::{Cx, Ledger, Reply};
use crate::material::Load;
use crate::modes;
use crate::parts::{Doubt, Leftover, TrayState};
use crate::record::Record;
use crate::resume::LeftUnit;
use crate::table;

/// What the engine is told at its birth; the rest it learns from inputs.
#[derive(Debug, Clone, Default)]
pub struct EngineConfig {
    /// Last serial counter that was used: the next unit has this one more.
    pub serial_counter: u64,
    /// Trays as the journal left them; those not named begin at their first pocket without a lot.
    pub trays: Vec<(TrayId, TrayState)>,
    /// What the journal says is left in nests and grippers.
    pub leftovers: Vec<Leftover>,
    /// Serials of parts that were used before, in order: (part number, serial, unit).
    pub identities: Vec<(String, String, String)>,
    /// Parts that may have moved on since they were recorded last.
    pub doubts: Vec<Doubt>,
    /// Serial numbers of SubDevices that were confirmed or seen first, by position in the segment.
    pub subdevices: Vec<(usize, u32)>,
    /// Units that lie in the cell since a controller died, as far as the same would be made now.
    pub left: Vec<LeftUnit>,
}

/// Why there is no engine for a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// `units_in_flight_max` of the cell file, and how many nests there are.
    UnitsInFlight { max: u16, nests: u16 },
}

impl core::fmt::Display for EngineError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            EngineError::UnitsInFlight { max, nests } => write!(
                f,
                "units_in_flight_max is {max}, and each unit needs a nest of its own: set it to 1 .. {nests} in cell.yaml"
            ),
        }
    }
}

impl std::error::Error for EngineError {}

/// See the module text of the crate.
pub struct Engine {
    pub(crate) cell: Arc<Cell>,
    pub(crate) core: Core,
    pub(crate) ledger: Ledger,
}

impl Engine {
    /// In Aborted, mode Production. Errors: a cell that it cannot work.
    pub fn new(cell: Arc<Cell>, config: EngineConfig) -> Result<Engine, EngineError> {
        let (max, nests) = (cell.units_in_flight_max, table::nests(&cell));
        if max == 0 || max > nests {
            return Err(EngineError::UnitsInFlight { max, nests });
        }
        let core = Core::new(&cell, config);
        Ok(Engine { cell, core, ledger: Ledger::default() })
    }

    /// Takes one input at `now` and appends what is to be done. `now` never goes back.
    pub fn handle(&mut self, now: TimeNs, input: Input, machine: Machine<'_>, out: &mut Vec<Output>) {
        let cell = self.cell.clone();
        let mut cx = Cx { now, machine, cell: &cell, ledger: &mut self.ledger, out };
        self.core.power_up(&mut cx);
        // The most fundamental cause first: what the input says may follow from it.
        self.core.watch_safety(&mut cx);
        self.core.take(&mut cx, input);
        self.core.watch(&mut cx);
        self.core.press_buttons(&mut cx);
        self.core.settle(&mut cx);
        self.core.show_panel(&mut cx);
        cx.flush();
    }

    /// `StateCurrent`.
    pub fn state(&self) -> CellState {
        self.core.state()
    }

    /// `UnitModeCurrent`.
    pub fn mode(&self) -> CellMode {
        self.core.mode
    }

    /// Transitions that no table has, and inputs that did not settle: 0, or the program is wrong.
    pub fn program_errors(&self) -> u32 {
        self.core.program_errors
    }
}

/// The axis, input, channel or SubDevice that a fault of the cycle speaks of. Some kinds have its place in
/// their value or limit (see [`RtFaultKind`]).
fn place_of(cell: &Cell, fault: &RtFault) -> String {
    let axis = fault.axis.and_then(|a| cell.axes.get(a.index())).map(|a| &a.name);
    let named = match fault.kind {
        RtFaultKind::SafetyInput => cell.digital_inputs.get(fault.value as usize).map(|i| &i.name),
        RtFaultKind::AnalogInvalid => cell.analogs.get(fault.value as usize).map(|a| &a.name),
        RtFaultKind::AlState => cell.segment.get(fault.limit as usize).map(|s| &s.name),
        _ => axis,
    };
    let other = if fault.kind == RtFaultKind::StaleInput { "segment" } else { "cycle" };
    named.map_or_else(|| other.to_string(), Clone::clone)
}

impl Core {
    fn take(&mut self, cx: &mut Cx<'_>, input: Input) {
        match input {
            Input::Command { command, by } => self.command(cx, command, &by),
            Input::Mode { mode, by } => self.change_mode(cx, mode, &by),
            Input::Order { order, by } => self.take_order(cx, order, &by),
            Input::Rt(event) => {
                if let Some(fault) = cx.ledger.on_rt(&event) {
                    self.cycle_fault(cx, event.job, &fault);
                }
            }
            Input::Curve { capture, curve } => cx.ledger.on_curve(capture, curve),
            Input::Robot { id, reply } => cx.ledger.on_reply(id, Reply::Robot(reply)),
            Input::Device { id, reply } => cx.ledger.on_reply(id, Reply::Device(reply)),
            Input::Answer { id, answer, reason, by } => self.answer(cx, id, answer, reason, by),
            Input::Persisted(ticket) => cx.ledger.on_persisted(ticket),
            Input::Store { writable, cause } => self.store(cx, writable, cause),
            Input::MachineFault(fault) => self.react(cx, &fault),
            Input::MaterialLoaded { tray, label, next, left, by } => {
                self.material(cx, &Load { tray, label, next, left }, &by);
            }
            Input::Segment(serials) => self.identify(cx, &serials),
            Input::Today(date) => self.begin_day(cx, date),
            Input::Quarantine(list) => self.parts.barred.quarantine(list),
            Input::Acknowledge { alarm, by } => self.acknowledge(cx, alarm, &by),
            Input::AcknowledgeAll { by } => self.acknowledge_all(cx, &by),
            Input::Break { request, by } => self.break_request(cx, request, &by),
            Input::Manual { request, by } => self.manual_request(cx, request, by),
            Input::Refused { what, why, by } => {
                request(cx, what.clone(), Answered::Other(what), &by, Err(why));
            }
            // Time and conditions are looked at after every input.
            Input::Timer(_) | Input::Tick => {}
        }
    }

    /// A fault of the cycle. One of a job that only concerns its step ends that step; the others concern
    /// the cell.
    fn cycle_fault(&mut self, cx: &mut Cx<'_>, job: JobId, fault: &RtFault) {
        let of_step = job != JobId(0) && fault.class <= FaultClass::Hold;
        if of_step && !self.units.is_empty() {
            return;
        }
        let zone = cx.cell.zones.get(fault.limit as usize).map_or("?", |z| z.name.as_str());
        self.react(cx, &alarms::of_cycle(fault, place_of(cx.cell, fault), zone));
    }

    pub(crate) fn change_mode(&mut self, cx: &mut Cx<'_>, mode: CellMode, by: &Source) {
        let result = modes::change(self.state(), mode);
        if result.is_ok() {
            self.mode = mode;
            self.clear_breaks();
            if mode == CellMode::Manual {
                self.moved_by_hand(cx);
            }
        }
        let ticket = cx.record(Record::Mode { mode, by: by.clone(), result: result.clone() });
        cx.out.push(Output::Answered { request: Answered::Mode(mode), by: by.clone(), result, ticket });
    }

    /// That the training of this person is over, in words.
    fn lapsed(&self, by: &Source) -> Option<String> {
        let clearance = &self.order.as_ref()?.order.clearance;
        clearance.lapsed(by.person(), self.parts.barred.today)
    }

    fn answer(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: String, reason: Option<String>, by: Source) {
        let lapsed = self.lapsed(&by);
        let result = match (cx.ledger.questions.get_mut(&id), lapsed) {
            (None, _) => Err("there is no such question".to_string()),
            (Some(asked), _) if asked.answer.is_some() => Err("it is answered already".into()),
            (Some(asked), Some(lapsed)) if asked.question.step.is_some() => {
                Err(format!("{lapsed}; remedy: let somebody answer whose training is valid"))
            }
            (Some(asked), _) if !asked.question.answers.contains(&answer) => {
                Err(format!("`{answer}` is none of: {}", asked.question.answers.join(", ")))
            }
            (Some(asked), _) => {
                asked.answer = Some((answer.clone(), by.clone()));
                Ok(answer_record(&asked.question, &answer, reason, &by))
            }
        };
        let (result, record) = match result {
            Ok(record) => (Ok(()), record),
            Err(reason) => (Err(reason.clone()), refused_answer(cx, id, &answer, &reason, &by)),
        };
        let ticket = cx.record(record);
        cx.out.push(Output::Answered { request: Answered::Question(id), by, result, ticket });
    }

    pub(crate) fn store(&mut self, cx: &mut Cx<'_>, writable: bool, cause: String) {
        if writable {
            self.store_fault = None;
            self.clear_alarms(cx, |a| a.code == AlarmCode::Store);
            return;
        }
        self.store_fault = Some(cause.clone());
        let fault = AlarmCode::Store.fault("store", &[("cause", &cause)]);
        self.react(cx, &fault);
    }

    fn acknowledge(&mut self, cx: &mut Cx<'_>, id: u32, by: &Source) {
        let result = match self.seen(cx, id, by) {
            true => Ok(()),
            false => Err(format!("there is no unacknowledged alarm {id}")),
        };
        request(cx, format!("acknowledge alarm {id}"), Answered::Alarm(id), by, result);
    }

    pub(crate) fn acknowledge_all(&mut self, cx: &mut Cx<'_>, by: &Source) {
        let ids = self.alarms.unacknowledged();
        for id in &ids {
            self.seen(cx, *id, by);
        }
        let result = match ids.is_empty() {
            false => Ok(()),
            true => Err("there is no unacknowledged alarm".to_string()),
        };
        request(cx, "acknowledge all alarms".into(), Answered::Alarms, by, result);
    }

    /// `false`: there is no such alarm that nobody has acknowledged.
    fn seen(&mut self, cx: &mut Cx<'_>, id: u32, by: &Source) -> bool {
        let Some(alarm) = self.alarms.acknowledge(cx.now, id, by) else { return false };
        tell(cx, alarm);
        true
    }
}

/// Records a request of a person, and answers it.
pub(crate) fn request(
    cx: &mut Cx<'_>,
    what: String,
    request: Answered,
    by: &Source,
    result: Result<(), String>,
) {
    let ticket = cx.record(Record::Request { what, by: by.clone(), result: result.clone() });
    cx.out.push(Output::Answered { request, by: by.clone(), result, ticket });
}

fn refused_answer(cx: &Cx<'_>, id: RequestId, answer: &str, reason: &str, by: &Source) -> Record {
    let prompt = cx.ledger.questions.get(&id).map(|a| a.question.prompt.clone()).unwrap_or_default();
    Record::Request {
        what: format!("answer `{answer}` to question {} {prompt}", id.0).trim_end().to_string(),
        by: by.clone(),
        result: Err(reason.to_string()),
    }
}
