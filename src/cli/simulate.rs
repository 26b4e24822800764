//! `cellwright simulate`: the same objects on one thread with virtual time, frames and ethercrab included.
//! Equal recipe, cell, plant and seed give byte-equal records.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cellwright_bus::{InProcessLink, with_bus};
use cellwright_controller::{
    AutoOperator, Controller, DeviceId, Inputs, LedgerSettings, Notice, Order, Outputs, Progress,
    StreamEvent, Ticket,
};
use cellwright_driver_api::message::MessageTwin;
use cellwright_model::event::{ClockState, Event, EventData};
use cellwright_model::order::OrderProgress;
use cellwright_model::outcome::{Origin, Purpose, UnitResult};
use cellwright_model::packml::CellState;
use cellwright_model::time::VIRTUAL_EPOCH_UNIX_NS;
use cellwright_model::{CameraId, ScannerId, TimeNs};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_rt::{Cycle, Runner};
use cellwright_trace::{CellAddress, Sealer};
use serde_json::json;

use super::args::SimulateArgs;
use super::out::{errln, outln};
use super::progress::Summary;
use super::twin::{self, Pulse, TwinDevices, TwinSide};
use super::wiring::{self, Prepared, Wanted};
use super::{Failure, hands, print_json, progress};

/// Virtual time in which the cell must have finished, for each unit and in all: a cell that hangs is a
/// mistake to be shown, not to be waited for.
const UNIT_MAX_S: u64 = 600;

pub(crate) fn run(args: SimulateArgs) -> Result<ExitCode, Failure> {
    let prepared =
        wiring::prepare(Wanted { order: args.order.order.as_deref(), ..Wanted::recipe(&args.cell, true) })?;
    let began = Instant::now();
    let simulated = simulate(prepared, &args)?;
    let wall_s = began.elapsed().as_secs_f64();
    let virtual_s = simulated.virtual_s;
    let s = &simulated.summary;
    let takt_s = if s.units > 0 { simulated.execute_s / s.units as f64 } else { 0.0 };
    if args.json {
        print_json(&json!({
            "units": s.units, "good": s.good, "ng": s.ng, "interrupted": s.interrupted,
            "ng_by_cause": simulated.ng_by_cause, "seed": args.seed, "takt_s": takt_s,
            "virtual_s": virtual_s, "wall_s": wall_s, "times_real_time": virtual_s / wall_s,
        }));
    } else {
        outln!("{} units: {} good, {} ng, {} interrupted", s.units, s.good, s.ng, s.interrupted);
        outln!("yield {:.1} %, takt {takt_s:.2} s", 100.0 * s.good as f64 / s.units.max(1) as f64);
        simulated.ng_by_cause.iter().for_each(|(cause, n)| outln!("  ng {n:>4}  {cause}"));
        outln!(
            "{virtual_s:.1} s of virtual time in {wall_s:.2} s: {:.0} times real time",
            virtual_s / wall_s
        );
        outln!("predicted from the plant model; not evidence of process capability");
    }
    if let Some(state) = simulated.stuck {
        errln!("cellwright: the cell stopped in {} before the order was complete", state.name());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of `--record`, written as the events come.
struct RecordFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl RecordFile {
    fn create(path: &Path) -> Result<RecordFile, Failure> {
        let file = File::create(path).map_err(|e| unwritten(path, &e))?;
        Ok(RecordFile { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.file, "{line}").map_err(|e| unwritten(&self.path, &e))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        match done {
            // A pipe or a device has nothing to synchronise.
            Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
            done => done.map_err(|e| unwritten(&self.path, &e)),
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}; check the path and the space left", path.display()))
}

struct Simulated {
    summary: Summary,
    ng_by_cause: BTreeMap<String, u64>,
    virtual_s: f64,
    /// From the first Execute to the end of the last unit.
    execute_s: f64,
    /// State in which it ended without having completed the order.
    stuck: Option<CellState>,
}

fn simulate(prepared: Prepared, args: &SimulateArgs) -> Result<Simulated, Failure> {
    let Prepared { cell, plan, plant, terms } = prepared;
    let plant = plant.ok_or_else(|| Failure::Failed("the twin has no plant".to_owned()))?;
    let trays = wiring::tray_use(&cell, None);
    let mut side = TwinSide::new(&cell, plant, args.seed, &trays, Pulse::default())?;
    twin::bring(&mut side.devices, &plan);
    let (rt, ends) = cellwright_rt::link();
    let cycle = Cycle::new(&cell, wiring::drivers(&cell), rt)?;
    let settings = LedgerSettings {
        origin: Origin::Twin,
        purpose: Purpose::Simulation,
        program: wiring::program(),
        operator: Some(OPERATOR.to_owned()),
        clock_state: ClockState::Virtual,
        trays: trays.clone(),
    };
    let controller =
        Controller::new(cell.clone(), wiring::engine(&cell, &trays, None)?, ends, side.drivers, settings);
    // Each simulation begins the order anew: there is no state directory that would know of it.
    let (order, starts_max) = match terms {
        Some(terms) => {
            let starts_max = terms.starts_max;
            (Order::by_terms(terms, plan, OrderProgress::default()), starts_max)
        }
        None => (Order::units("SIMULATION", plan, args.units), args.units),
    };
    let address = CellAddress { site: cell.site.clone(), line: cell.line.clone(), cell: cell.id.clone() };
    let mut desk = Desk {
        operator: AutoOperator::new(OPERATOR, order, wiring::loads(&cell, &side.devices.materials)),
        devices: Wires::new(side.devices),
        sealer: Sealer::simulated(&address, args.seed),
        controller,
        inputs: Inputs::default(),
        outputs: Outputs::default(),
        summary: Summary::default(),
        ng_by_cause: BTreeMap::new(),
        record: args.record.as_deref().map(RecordFile::create).transpose()?,
        execute: None,
    };
    let clock = VirtualClock::default();
    let link = InProcessLink::new(side.segment, clock.clone());
    let limit = TimeNs((u64::from(starts_max) + 1) * UNIT_MAX_S * 1_000_000_000);
    let config = wiring::bus_config(&cell, "twin");
    with_bus(link, clock.clone(), config, |bus| {
        let mut runner = Runner::new(cycle, bus, clock.clone());
        // A failure reaches the controller, which says it.
        let _told = runner.bring_up();
        let stuck = loop {
            runner.tick().map_err(Failure::Failed)?;
            let now = clock.now();
            match desk.step(now)? {
                Progress::Completed => break None,
                Progress::NeedsPerson(state) => break Some(state),
                Progress::Running if now >= limit => break Some(desk.controller.engine().state()),
                Progress::Running => {}
            }
        };
        runner.shut_down()?;
        desk.finish(clock.now(), stuck)
    })
}

const OPERATOR: &str = "auto:simulate";

/// The controller's side: what the station is in `run`, without sockets and disk.
struct Desk {
    controller: Controller,
    operator: AutoOperator,
    devices: Wires,
    sealer: Sealer,
    inputs: Inputs,
    outputs: Outputs,
    summary: Summary,
    ng_by_cause: BTreeMap<String, u64>,
    record: Option<RecordFile>,
    /// First Execute, last end of a unit.
    execute: Option<(TimeNs, TimeNs)>,
}

impl Desk {
    fn step(&mut self, now: TimeNs) -> Result<Progress, Failure> {
        self.devices.deliver(now, &mut self.inputs);
        let progress = self.operator.react(self.controller.engine().state(), &mut self.inputs.operator);
        self.inputs.wall_unix_ns = VIRTUAL_EPOCH_UNIX_NS + i128::from(now.0);
        self.controller.step(now, &mut self.inputs, &mut self.outputs);
        for (device, bytes) in self.outputs.streams.drain(..) {
            self.devices.send(now, device, &bytes);
        }
        for notice in self.outputs.notices.drain(..) {
            match notice {
                Notice::Ask(question) => {
                    twin::act(&mut self.devices.devices.hand, &question);
                    self.inputs.operator.extend(self.operator.answer(&question));
                }
                Notice::TrayAtEnd(tray) => {
                    twin::do_by_hand(&mut self.devices.devices.hand, hands::exchange(tray));
                    self.inputs.operator.push(self.operator.exchange(tray));
                }
                Notice::Alarm(alarm) => errln!("{}", progress::alarm(&alarm)),
                Notice::Answered { request, result: Err(why), .. } => {
                    errln!("refused: {request:?}: {why}")
                }
                Notice::Answered { .. } | Notice::Withdrawn(_) => {}
            }
        }
        self.commit(now)?;
        Ok(progress)
    }

    /// Virtual disks are instant: everything said is durable at the next step.
    fn commit(&mut self, now: TimeNs) -> Result<(), Failure> {
        for transaction in core::mem::take(&mut self.outputs.transactions) {
            for draft in transaction.events {
                let event = self.sealer.seal(draft)?;
                self.look(now, &event);
                if let Some(record) = &mut self.record {
                    record.line(&event.line)?;
                }
            }
            self.inputs.persisted.push(Ticket(transaction.ticket));
        }
        Ok(())
    }

    fn look(&mut self, now: TimeNs, event: &Event) {
        self.summary.count(event);
        match &event.draft.data {
            EventData::CellState(s) if s.to == CellState::Execute => {
                self.execute.get_or_insert((now, now));
            }
            EventData::UnitResult(end) => {
                if let Some(execute) = &mut self.execute {
                    execute.1 = now;
                }
                if let (UnitResult::Ng, Some(cause)) = (end.result, &end.cause) {
                    *self.ng_by_cause.entry(cause.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    fn finish(mut self, now: TimeNs, stuck: Option<CellState>) -> Result<Simulated, Failure> {
        self.record.take().map(RecordFile::finish).transpose()?;
        let execute_s = self.execute.map_or(0.0, |(from, to)| to.since(from).as_secs_f64());
        Ok(Simulated {
            summary: self.summary,
            ng_by_cause: self.ng_by_cause,
            virtual_s: now.since(TimeNs(0)).as_secs_f64(),
            execute_s,
            stuck,
        })
    }
}

/// Cameras and scanners of the twin at the end of wires that are always connected.
struct Wires {
    devices: TwinDevices,
    connected: bool,
    bytes: Vec<u8>,
}

impl Wires {
    fn new(devices: TwinDevices) -> Wires {
        Wires { devices, connected: false, bytes: Vec::new() }
    }

    /// Bytes for a device.
    fn send(&mut self, now: TimeNs, device: DeviceId, bytes: &[u8]) {
        let TwinDevices { cameras, scanners, scene, .. } = &mut self.devices;
        match device {
            DeviceId::Camera(CameraId(i)) => {
                if let Some(twin) = cameras.get_mut(usize::from(i)) {
                    scene.camera(&mut |scene| twin.receive(now, bytes, scene));
                }
            }
            DeviceId::Scanner(ScannerId(i)) => {
                if let Some(twin) = scanners.get_mut(usize::from(i)) {
                    scene.scanner(&mut |scene| twin.receive(now, bytes, scene));
                }
            }
        }
    }

    /// What the devices have to say at `now`.
    fn deliver(&mut self, now: TimeNs, inputs: &mut Inputs) {
        let first = !core::mem::replace(&mut self.connected, true);
        let TwinDevices { cameras, scanners, .. } = &mut self.devices;
        for (i, twin) in cameras.iter_mut().enumerate() {
            deliver(twin, DeviceId::Camera(CameraId(i as u16)), first, now, &mut self.bytes, inputs);
        }
        for (i, twin) in scanners.iter_mut().enumerate() {
            deliver(twin, DeviceId::Scanner(ScannerId(i as u16)), first, now, &mut self.bytes, inputs);
        }
    }
}

fn deliver<T: MessageTwin>(
    twin: &mut T,
    id: DeviceId,
    first: bool,
    now: TimeNs,
    bytes: &mut Vec<u8>,
    inputs: &mut Inputs,
) {
    if first {
        twin.on_connect();
        inputs.streams.push((id, StreamEvent::Connected));
    }
    twin.transmit(now, bytes);
    if !bytes.is_empty() {
        inputs.streams.push((id, StreamEvent::Bytes(core::mem::take(bytes))));
    }
}
