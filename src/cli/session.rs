//! One run of a cell: outbox, network, recorder, real-time thread and station, made and ended in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellwright_bus::capture::{self, Capture};
use cellwright_bus::{InProcessLink, Link, RawSocketLink, Wait, with_bus};
use cellwright_controller::{
    AutoOperator, Controller, DeviceId, Input, LedgerSettings, Load, Order, Question, Source,
};
use cellwright_model::cell::Cell;
use cellwright_model::event::{ClockState, Stamp};
use cellwright_model::outcome::Origin;
use cellwright_model::{CameraId, ScannerId, TimeNs};
use cellwright_rt::bus::Bus;
use cellwright_rt::clock::{Clock, MonotonicClock};
use cellwright_rt::platform::{self, PlatformWarning, RealTime};
use cellwright_rt::{Cycle, LoopReport, RtEnds, Runner, Statistics, StopRequest};
use cellwright_sim::twin::{TwinDevices, TwinSegment, TwinSide};
use cellwright_sim::{Prepared, What, hands, twin, wiring};
use cellwright_station::{
    Asked, Control, Desk, End, Publisher, ReadQuarantine, Station, Told, interrupted, serve_twin,
};
use cellwright_trace::delivery::Delivery;
use cellwright_trace::live::LivePublisher;
use cellwright_trace::network::{Network, NetworkOptions};
use cellwright_trace::recorder::Recorder;
use cellwright_trace::store::{SqliteStore, StoreOptions};
use cellwright_trace::{Ack, CellAddress, Outbox, OutboxOptions, OutboxWriter, Recovery};
use cellwright_twin::plant::Injection;
use cellwright_twin::ports::Hand;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::args::RunArgs;
use super::order::{self, Made, Work};
use super::out::errln;
use super::pulse::Pulse;
use super::{Failure, default_state, prepare, terminal};

/// How long the end of a run waits for the recorder; what waits longer stays in the outbox.
const DELIVERY_MAX: Duration = Duration::from_secs(10);
/// Asked at the terminal and not yet looked at.
const ASKED_MAX: usize = 16;

/// What a run came to.
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) cycle: LoopReport,
    pub(crate) wkc_errors: u64,
    /// Transactions that could not be made durable; nothing of them was told.
    pub(crate) unwritten: usize,
    /// Every event reached a recorder.
    pub(crate) delivered: bool,
    pub(crate) store: Option<PathBuf>,
    pub(crate) state: PathBuf,
    pub(crate) capture: Option<Result<capture::CaptureSummary, String>>,
    /// How far the order file is, over all runs.
    pub(crate) made: Option<Made>,
}

/// What happens during a run, for whoever shows or measures it.
pub(crate) trait Watcher {
    /// The real-time thread runs.
    fn started(&mut self, started: Started<'_>);
    fn told(&mut self, told: &Told<'_>);
    /// A person at the keys of this terminal commands the cell: lines of standard input are not read, and
    /// where the automatic operator needs a person there is one.
    fn attended(&self) -> bool {
        false
    }
}

/// What has started.
pub(crate) struct Started<'a> {
    /// What the system refused the real-time thread.
    pub(crate) warnings: &'a [PlatformWarning],
    pub(crate) pulse: &'a Pulse,
    /// For whoever looks and commands.
    pub(crate) desk: Desk,
    /// What the cycle measures of itself; `None` if its thread has ended already.
    pub(crate) statistics: Option<Arc<Statistics>>,
    pub(crate) cell: &'a Arc<Cell>,
}

/// Who operates.
enum Operator {
    Automatic(String),
    Person(String),
}

impl Operator {
    fn name(&self) -> &str {
        match self {
            Operator::Automatic(id) | Operator::Person(id) => id,
        }
    }
}

/// Runs the cell as the arguments say.
pub(crate) fn run(args: &RunArgs, watcher: &mut (dyn Watcher + Send)) -> Result<Report, Failure> {
    let operator = operator(args)?;
    let twin = args.bus == "twin";
    let what = What {
        order: args.order.order.clone(),
        no_production: order::no_production(twin),
        ..What::from(&args.cell)
    };
    let prepared = prepare(&what, twin)?;
    if !twin && (!prepared.cell.robots.is_empty() || !prepared.cell.trays.is_empty()) {
        return Err(Failure::Usage(format!(
            "cell {} has cobots, and this build has a driver only for those of the twin: run it with --bus twin",
            prepared.cell.id
        )));
    }
    let socket = if twin { None } else { Some(open_socket(&args.bus)?) };
    let record = Record::open(args, &prepared)?;
    Session::new(args, prepared, operator, record, socket)?.run(watcher)
}

fn operator(args: &RunArgs) -> Result<Operator, Failure> {
    let twin = args.bus == "twin";
    match (args.operator.as_deref(), twin) {
        (None, true) => Ok(Operator::Automatic("auto:twin".to_owned())),
        (None, false) => Err(Failure::Usage(format!(
            "a real segment ({}) is started and answered for by a person: name them with --operator ID, and type \
             clear, reset, start at this terminal",
            args.bus
        ))),
        (Some(id), _) if id.is_empty() || id == "auto:" => {
            Err(Failure::Usage("--operator needs a name: ID, or auto:ID on the twin".to_owned()))
        }
        (Some(id), true) if id.starts_with("auto:") => Ok(Operator::Automatic(id.to_owned())),
        (Some(id), false) if id.starts_with("auto:") => Err(Failure::Usage(
            "an automatic operator works on the twin only: name a person with --operator ID".to_owned(),
        )),
        (Some(id), _) => Ok(Operator::Person(id.to_owned())),
    }
}

fn open_socket(interface: &str) -> Result<Box<dyn Link + Send>, Failure> {
    let socket = RawSocketLink::open(interface, Wait::Sleep);
    socket
        .map(|s| Box::new(s) as Box<dyn Link + Send>)
        .map_err(|e| Failure::Failed(format!("{}: {}; remedy: {}", e.place(), e.cause(), e.remedy())))
}

/// Outbox, network and recorder.
struct Record {
    state: PathBuf,
    store: Option<PathBuf>,
    address: CellAddress,
    outbox: Outbox,
    recovery: Recovery,
    work: Work,
    network: Network,
    recorder: Option<Recorder>,
    live: LivePublisher,
}

impl Record {
    fn open(args: &RunArgs, prepared: &Prepared) -> Result<Record, Failure> {
        let cell = &prepared.cell;
        let state = args.state.clone().unwrap_or_else(|| default_state(&cell.id));
        let address = CellAddress { site: cell.site.clone(), line: cell.line.clone(), cell: cell.id.clone() };
        let (outbox, recovery) = Outbox::open(&state, OutboxOptions::new(address.clone()))?;
        // Before anything is opened beyond: an order that is refused leaves everything as it was.
        let work = Work::of(prepared.terms.clone(), args.units, cell, &recovery, &state)?;
        let store = (!args.no_recorder).then(|| args.store.clone().unwrap_or_else(|| state.join("dhr.db")));
        let kept =
            store.as_deref().map(|path| SqliteStore::open(path, StoreOptions::default())).transpose()?;
        let network = Network::open(&network_options(args, &state))?;
        network.write_endpoint(&state)?;
        let recorder =
            kept.map(|s| Recorder::start(&network, &address.base_key(), Box::new(s))).transpose()?;
        let live = LivePublisher::start(&network, address.clone())?;
        Ok(Record { state, store, address, outbox, recovery, work, network, recorder, live })
    }

    /// What the last life of the controller left open is interrupted now, before anything else.
    fn close_open_units(&mut self, watcher: &mut (dyn Watcher + Send)) -> Result<(), Failure> {
        let stamp = Stamp { wall_unix_ns: wall_unix_ns(), monotonic_ns: now().0 };
        let transactions = interrupted(&self.recovery, stamp);
        let committed = self.outbox.commit(&transactions, self.recovery.delivered)?;
        for event in committed.iter().flat_map(|c| &c.events) {
            watcher.told(&Told::Event(event));
            self.live.publish(event);
        }
        Ok(())
    }
}

fn network_options(args: &RunArgs, state: &Path) -> NetworkOptions {
    let mut options = NetworkOptions::cell_at(state);
    if let Some(listen) = &args.listen {
        options.listen = vec![listen.clone()];
    }
    options.connect = args.connect.clone();
    options
}

fn now() -> TimeNs {
    MonotonicClock.now()
}

fn wall_unix_ns() -> i128 {
    // Before 1970 the clock is simply wrong; the record says that it is not synchronised.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128)
}

struct Session {
    cell: Arc<Cell>,
    record: Record,
    controller: Controller,
    rt: RtEnds,
    operator: Option<AutoOperator>,
    /// A person, and what is entered for them: the order, and what lies in the twin.
    person: Option<(String, Vec<Input>)>,
    link: Box<dyn Link + Send>,
    link_name: String,
    pulse: Pulse,
    devices: Option<TwinDevices>,
    capture: Option<Capture>,
    rt_core: Option<usize>,
}

impl Session {
    fn new(
        args: &RunArgs,
        prepared: Prepared,
        operator: Operator,
        record: Record,
        socket: Option<Box<dyn Link + Send>>,
    ) -> Result<Session, Failure> {
        let Prepared { cell, plan, plant, .. } = prepared;
        let pulse = Pulse::default();
        let trays = wiring::tray_use(&cell, Some(&record.recovery));
        let (link, mut devices, drivers) = match (socket, plant) {
            (Some(socket), _) => (socket, None, twin::drivers(&cell, Vec::new())),
            (None, Some(plant)) => {
                let side = TwinSide::new(&cell, plant, args.seed, &trays)?;
                let segment = TwinSegment::new(side.world, pulse.beats());
                let link = InProcessLink::new(segment, MonotonicClock);
                (Box::new(link) as Box<dyn Link + Send>, Some(side.devices), side.drivers)
            }
            (None, None) => return Err(Failure::Failed("the twin has no plant".to_owned())),
        };
        let (link, capture) = tap(args.capture.as_deref(), link, &args.bus)?;
        let (rt, ends) = cellwright_rt::link();
        let engine = wiring::engine(&cell, &trays, Some(&record.recovery))?;
        let settings = LedgerSettings {
            origin: if devices.is_some() { Origin::Twin } else { Origin::Real },
            purpose: record.work.purpose(),
            program: wiring::program(),
            operator: Some(operator.name().to_owned()),
            clock_state: ClockState::Unsynchronised,
            trays,
        };
        if let Some(devices) = &mut devices {
            twin::bring(devices, &plan).into_iter().for_each(|act| do_by_hand(&mut devices.hand, act));
        }
        let order = record.work.order(plan);
        let loads = devices.as_ref().map(|d| wiring::loads(&cell, &d.materials)).unwrap_or_default();
        let (operator, person) = match operator {
            Operator::Automatic(id) => (Some(AutoOperator::new(id, order, loads)), None),
            Operator::Person(id) => {
                let entered = entered(&id, order, loads);
                (None, Some((id, entered)))
            }
        };
        let controller = Controller::new(cell.clone(), engine, ends, drivers, settings);
        let (link_name, rt_core) = (args.bus.clone(), args.rt_core);
        Ok(Session {
            cell,
            record,
            controller,
            rt,
            operator,
            person,
            link,
            link_name,
            pulse,
            devices,
            capture,
            rt_core,
        })
    }

    fn run(mut self, watcher: &mut (dyn Watcher + Send)) -> Result<Report, Failure> {
        // Signals are heard before anything can move.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (ask, commands) = mpsc::channel(ASKED_MAX);
        runtime.block_on(async { terminal::on_interrupt(ask.clone()) })?;
        self.record.close_open_units(watcher)?;
        let Record { state, store, address, outbox, recorder, network, live, mut work, .. } = self.record;
        let (writer, acks) = OutboxWriter::start(outbox)?;
        let delivery = Delivery::start(&network, &address, &state, writer.cursor(), writer.head())?;

        let stop = StopRequest::default();
        let cycle =
            RunningCycle::start(&self.cell, self.rt, self.link, &self.link_name, self.rt_core, &stop)?;
        let control = Control::bind(&state)
            .inspect_err(|why| watcher.told(&Told::Warning(&format!("nobody can command by `ctl`: {why}"))))
            .ok();
        let (publisher, snapshots) = Publisher::new();
        watcher.started(Started {
            warnings: &cycle.warnings,
            pulse: &self.pulse,
            desk: Desk { snapshots, ask: ask.clone() },
            statistics: cycle.statistics.clone(),
            cell: &self.cell,
        });
        let attended = watcher.attended();
        let parts = Pumped {
            controller: self.controller,
            operator: self.operator.map(|o| if attended { o.attended() } else { o }),
            attended,
            person: self.person,
            devices: self.devices,
            writer,
            acks,
            ask,
            commands,
            publisher,
            control,
            quarantine: super::quarantine::reader(&state),
        };
        let outcome = parts.pump(runtime, &self.cell, &cycle, watcher, &live, &mut work);
        // Whatever became of the station: the cycle ends in order, its outputs in their defined off state.
        if !matches!(&outcome, Ok(o) if o.end != End::Aborted) {
            stop.abort();
        }
        stop.stop();
        let (cycle, wkc_errors) = cycle.join()?;
        let outcome = outcome?;
        let delivered = match &recorder {
            Some(_) => delivery.flush(DELIVERY_MAX),
            None => {
                // A recorder elsewhere may be away: then the rest waits in the outbox, and nothing is wrong.
                delivery.flush_if_answered(DELIVERY_MAX);
                true
            }
        };
        let unwritten = outcome.untaken + outcome.writer.finish().len();
        drop((delivery, live, recorder));
        network.close();
        let capture = self.capture.map(|c| c.finish().map_err(|e| e.to_string()));
        let (end, made) = (outcome.end, work.made());
        Ok(Report { end, cycle, wkc_errors, unwritten, delivered, store, state, capture, made })
    }
}

fn entered(who: &str, order: Order, loads: Vec<Load>) -> Vec<Input> {
    let by = Source::new(who, "terminal");
    let load = |l: Load| Input::MaterialLoaded {
        tray: l.tray,
        label: l.label,
        next: None,
        left: None,
        by: by.clone(),
    };
    let mut inputs: Vec<Input> = loads.into_iter().map(load).collect();
    inputs.push(Input::Order { order, by });
    inputs
}

type BoxLink = Box<dyn Link + Send>;

fn tap(path: Option<&Path>, link: BoxLink, name: &str) -> Result<(BoxLink, Option<Capture>), Failure> {
    let Some(path) = path else { return Ok((link, None)) };
    let zero = capture::unix_zero_ns(&MonotonicClock);
    let (tap, file) = capture::start(path, link, MonotonicClock, zero, name)?;
    Ok((Box::new(tap), Some(file)))
}

/// The real-time thread: owns bus and cycle.
struct RunningCycle {
    thread: JoinHandle<(LoopReport, u64)>,
    warnings: Vec<PlatformWarning>,
    statistics: Option<Arc<Statistics>>,
}

impl RunningCycle {
    fn start(
        cell: &Cell,
        ends: RtEnds,
        link: BoxLink,
        link_name: &str,
        core: Option<usize>,
        stop: &StopRequest,
    ) -> Result<RunningCycle, Failure> {
        let cycle = Cycle::new(cell, wiring::drivers(cell), ends)?;
        let config = wiring::bus_config(cell, link_name);
        let wanted = RealTime { cpu: core.or_else(last_core), ..RealTime::default() };
        let (said, warnings) = std::sync::mpsc::sync_channel(1);
        let (measures, statistics) = std::sync::mpsc::sync_channel(1);
        let stop = stop.clone();
        let thread = platform::spawn("cycle", wanted, move |refused| {
            // Nobody waits for it any more: then the program is ending already.
            let _ = said.send(refused);
            with_bus(link, MonotonicClock, config, |bus| {
                let mut runner = Runner::new(cycle, bus, MonotonicClock);
                let _ = measures.send(runner.statistics());
                // A failure reaches the controller, which says it and tries again at Clear.
                let _told = runner.bring_up();
                let report = runner.run(&stop);
                (report, runner.bus().counters().wkc_errors)
            })
        })?;
        let warnings = warnings.recv().unwrap_or_default();
        Ok(RunningCycle { thread, warnings, statistics: statistics.recv().ok() })
    }

    fn join(self) -> Result<(LoopReport, u64), Failure> {
        self.thread.join().map_err(|_| {
            Failure::Failed(
                "the real-time thread ended by a program error; the watchdogs of the segment took its outputs off"
                    .to_owned(),
            )
        })
    }
}

/// The machine's last core: the first one serves most interrupts. With one core there is no choice.
fn last_core() -> Option<usize> {
    std::thread::available_parallelism().ok().map(|n| n.get() - 1).filter(|&core| core > 0)
}

/// What the station pumps, and the devices of the twin that it reaches over TCP.
struct Pumped {
    controller: Controller,
    operator: Option<AutoOperator>,
    /// Someone else reads the keys of this terminal.
    attended: bool,
    person: Option<(String, Vec<Input>)>,
    devices: Option<TwinDevices>,
    writer: OutboxWriter,
    acks: Receiver<Ack>,
    ask: mpsc::Sender<Asked>,
    commands: mpsc::Receiver<Asked>,
    publisher: Publisher,
    control: Option<Control>,
    quarantine: ReadQuarantine,
}

impl Pumped {
    fn pump(
        self,
        runtime: Runtime,
        cell: &Arc<Cell>,
        cycle: &RunningCycle,
        watcher: &mut (dyn Watcher + Send),
        live: &LivePublisher,
        work: &mut Work,
    ) -> Result<cellwright_station::Outcome, Failure> {
        let alive = &cycle.thread;
        let outcome = runtime.block_on(async {
            if let Some((who, entered)) = self.person {
                let (ask, cell, attended) = (self.ask.clone(), cell.clone(), self.attended);
                tokio::spawn(async move {
                    terminal::enter(entered, &ask).await;
                    if !attended {
                        terminal::read_lines(who, cell, ask).await;
                    }
                });
            }
            // Gone with its tasks and its name when the station has ended, before the state directory is
            // given up.
            let _served = self.control.map(|c| c.serve(cell.clone(), self.ask)).transpose()?;
            let (addresses, mut hand) = match self.devices {
                Some(devices) => {
                    let (addresses, hand) = serve(devices).await?;
                    (addresses, Some(hand))
                }
                None => (addresses(cell), None),
            };
            let automatic = self.operator.is_some();
            let station = Station {
                controller: self.controller,
                operator: self.operator,
                writer: self.writer,
                acks: self.acks,
                addresses,
                commands: self.commands,
                snapshots: self.publisher,
                quarantine: self.quarantine,
                now,
                wall_unix_ns,
                cycle_alive: &|| !alive.is_finished(),
            };
            let mut told = |told: Told<'_>| {
                watcher.told(&told);
                match told {
                    Told::Event(event) => {
                        work.count(event);
                        live.publish(event);
                    }
                    Told::Ask(question) if automatic => {
                        if let Some(hand) = &mut hand {
                            act(hand, question);
                        }
                    }
                    Told::TrayAtEnd(tray) => {
                        if let Some(hand) = &mut hand {
                            do_by_hand(hand, hands::exchange(tray));
                        }
                    }
                    _ => {}
                }
            };
            Ok::<_, std::io::Error>(station.run(&mut told).await)
        });
        // A read of standard input cannot be cancelled; it must not keep the program.
        runtime.shutdown_background();
        Ok(outcome?)
    }
}

/// The automatic operator reaches into the twin before he answers.
fn act(hand: &mut Hand, question: &Question) {
    let answer = AutoOperator::choice(question).unwrap_or_default();
    wiring::acts(question, answer).into_iter().for_each(|act| do_by_hand(hand, act));
}

/// Reaches into the twin; says so when it has not taken the acts before.
fn do_by_hand(hand: &mut Hand, act: Injection) {
    if let Err(act) = hand.act(act) {
        errln!("warning: the twin is busy, {act:?} was not done: do it again");
    }
}

/// Serves the twin's cameras and scanners on loopback; the hand that reaches into it comes back.
async fn serve(devices: TwinDevices) -> std::io::Result<(Vec<(DeviceId, String)>, Hand)> {
    let mut addresses = Vec::new();
    for (i, camera) in devices.cameras.into_iter().enumerate() {
        let scene = devices.scene.clone();
        let address = serve_twin(camera, move |see: &mut dyn FnMut(&_)| scene.camera(see), now).await?;
        addresses.push((DeviceId::Camera(CameraId(i as u16)), address.to_string()));
    }
    for (i, scanner) in devices.scanners.into_iter().enumerate() {
        let scene = devices.scene.clone();
        let address = serve_twin(scanner, move |see: &mut dyn FnMut(&_)| scene.scanner(see), now).await?;
        addresses.push((DeviceId::Scanner(ScannerId(i as u16)), address.to_string()));
    }
    Ok((addresses, devices.hand))
}

/// Cameras and scanners as the cell file has them.
fn addresses(cell: &Cell) -> Vec<(DeviceId, String)> {
    let cameras = cell.cameras.iter().enumerate();
    let scanners = cell.scanners.iter().enumerate();
    cameras
        .map(|(i, c)| (DeviceId::Camera(CameraId(i as u16)), c.address.clone()))
        .chain(scanners.map(|(i, s)| (DeviceId::Scanner(ScannerId(i as u16)), s.address.clone())))
        .collect()
}
