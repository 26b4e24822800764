//! One run of a cell: outbox, network, recorder, real-time thread and station, made and ended in order.

mod beyond;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellwright_bus::capture::{self, Capture};
use cellwright_bus::{Link, RawSocketLink, Wait};
use cellwright_controller::{AutoOperator, Controller, Input, LedgerSettings, Load, Order, Source};
use cellwright_model::approval::Clearance;
use cellwright_model::cell::Cell;
use cellwright_model::event::{ClockState, Stamp};
use cellwright_model::outcome::{Origin, Purpose};
use cellwright_model::timing::Receive;
use cellwright_model::{Date, TimeNs};
use cellwright_rt::bus::BusCounters;
use cellwright_rt::clock::{Clock, MonotonicClock, PacedClock};
use cellwright_rt::platform::PlatformWarning;
use cellwright_rt::{LoopReport, RtEnds, Statistics, StopRequest};
use cellwright_sim::left::left_units;
use cellwright_sim::{Prepared, What, hands, read_faults, twin, wiring};
use cellwright_station::{
    Asked, Control, Desk, End, FarTwin, Publisher, ReadQuarantine, Station, Told, interrupted,
};
use cellwright_trace::delivery::Delivery;
use cellwright_trace::live::LivePublisher;
use cellwright_trace::network::{Network, NetworkOptions};
use cellwright_trace::recorder::Recorder;
use cellwright_trace::store::{SqliteStore, StoreOptions};
use cellwright_trace::{Ack, CellAddress, Outbox, OutboxOptions, OutboxWriter, Recovery};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::approve::Contents;
use super::approve::gate::{self, Gate};
use super::args::RunArgs;
use super::order::{self, Made, Work};
use super::pulse::Pulse;
use super::ros2;
use super::running_cycle::{BoxLink, RunningCycle};
use super::twin_bench::{self as bench, Bench};
use super::{Failure, default_state, prepare, shown, terminal};
use beyond::{Beyond, Other, beyond};

/// How long the end of a run waits for the recorder; what waits longer stays in the outbox.
const DELIVERY_MAX: Duration = Duration::from_secs(10);
/// Asked at the terminal and not yet looked at.
const ASKED_MAX: usize = 16;

/// What a run came to.
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) cycle: LoopReport,
    pub(crate) bus: BusCounters,
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
    let twin = args.on_twin();
    let what = What {
        order: args.order.order.clone(),
        no_production: order::no_production(twin),
        ..What::from(&args.cell)
    };
    let here = args.bus == "twin";
    let mut prepared = prepare(&what, here)?;
    order::names_units(&prepared, twin)?;
    let cleared = if twin { None } else { Some(cleared(args, &prepared, &operator)?) };
    if !twin && !args.over_ros2() && !prepared.cell.robots.is_empty() {
        return Err(Failure::Usage(format!(
            "cell {} has cobots, and --robots twin are those of a twin: run it with --bus twin, name the twin behind \
             {} with --twin HOST:PORT, or reach real ones with --robots ros2",
            prepared.cell.id, args.bus
        )));
    }
    if args.over_ros2() && args.twin.is_some() {
        return Err(Failure::Usage(
            "the twin at --twin moves its cobots itself: leave --robots ros2 out, or run the twin in this process"
                .to_owned(),
        ));
    }
    args.timing.apply(&mut prepared.cell)?;
    if args.faults.is_some() && !here {
        return Err(Failure::Usage(
            "a fault plan is carried out by the twin: give it to `cellwright twin --faults`".to_owned(),
        ));
    }
    let faults = args.faults.as_deref().map(|path| shown(read_faults(path, &prepared.cell))).transpose()?;
    let socket = if here { None } else { Some(open_socket(&args.bus, prepared.cell.realtime.receive)?) };
    let far = args.twin.as_deref().map(|at| FarTwin::connect(at, &prepared.cell, now)).transpose()?;
    if let (Some(far), Some(at)) = (&far, &args.twin) {
        bench::is_its_segment(&args.bus, at, far.hello.mark)?;
    }
    let automatic = matches!(operator, Operator::Automatic(_));
    let cobots = if args.over_ros2() { Some(ros2::connect(&prepared.cell, automatic)?) } else { None };
    let mut record = Record::open(args, &prepared)?;
    if let Some(cleared) = cleared {
        record.work = record.work.cleared(cleared);
    }
    Session::new(args, prepared, operator, record, Other { socket, far, faults, cobots })?.run(watcher)
}

/// What the gate permits on a real bus. Production that it refuses is not begun at all; for anything else the cell can
/// still be set up, and the engine refuses Start.
fn cleared(
    args: &RunArgs,
    prepared: &Prepared,
    operator: &Operator,
) -> Result<(Clearance, Purpose), Failure> {
    let asked = prepared.terms.as_ref().map(|terms| terms.purpose);
    let (Some(recipe), Some(cell)) = (&prepared.recipe, &args.cell.cell) else {
        return Err(Failure::Usage(
            "on a real bus a recipe and a cell of yours are made: name the recipe or --order, and --cell"
                .to_owned(),
        ));
    };
    let state = args.state.clone().unwrap_or_else(|| default_state(&prepared.cell.id));
    let today = Date::of_unix_ns(wall_unix_ns());
    let contents = Contents::read_again(recipe, cell)?;
    if !contents.are_of(prepared) {
        return Err(Failure::Failed(
            "recipe or cell were changed while they were read: run it again".to_owned(),
        ));
    }
    let gate = Gate::read(contents, recipe, cell, &state, today);
    let (clearance, purpose) = gate::word(gate.judge(asked, Some(operator.name())), asked);
    match clearance.refusal() {
        Some(why) if asked == Some(Purpose::Production) => Err(Failure::Failed(why)),
        _ => Ok((clearance, purpose)),
    }
}

fn operator(args: &RunArgs) -> Result<Operator, Failure> {
    let twin = args.on_twin();
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

/// The raw socket of an interface; needs CAP_NET_RAW.
pub(crate) fn open_socket(interface: &str, receive: Receive) -> Result<Box<dyn Link + Send>, Failure> {
    let wait = match receive {
        Receive::Blocking => Wait::Sleep,
        Receive::Spin => Wait::Spin,
    };
    let socket = RawSocketLink::open(interface, wait);
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
        let origin = Some(if args.on_twin() { Origin::Twin } else { Origin::Real });
        let options = OutboxOptions { origin, ..OutboxOptions::new(address.clone()) };
        let (outbox, recovery) = Outbox::open(&state, options)?;
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

pub(crate) fn now() -> TimeNs {
    MonotonicClock.now()
}

pub(crate) fn wall_unix_ns() -> i128 {
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
    link: BoxLink,
    link_name: String,
    paced: Option<PacedClock>,
    pulse: Pulse,
    bench: Option<Bench>,
    /// To cobots over ROS 2.
    ros2: Option<ros2::Connection>,
    capture: Option<Capture>,
    rt_core: Option<usize>,
}

impl Session {
    fn new(
        args: &RunArgs,
        prepared: Prepared,
        operator: Operator,
        record: Record,
        other: Other,
    ) -> Result<Session, Failure> {
        let Prepared { cell, plan, sets, plant, .. } = prepared;
        let pulse = Pulse::default();
        let trays = wiring::tray_use(&cell, Some(&record.recovery));
        let beyond = beyond(args, &cell, &trays, &pulse, plant, other)?;
        let Beyond { link, paced, mut bench, robots, ros2 } = beyond;
        if let Some(bench) = &mut bench {
            bench.go_on_after(&trays);
            bench.bring(&plan);
        }
        let drivers = twin::drivers(&cell, robots);
        let (link, capture) = tap(args.capture.as_deref(), link, &args.bus)?;
        let (rt, ends) = cellwright_rt::link();
        let settings = LedgerSettings {
            origin: if bench.is_some() { Origin::Twin } else { Origin::Real },
            purpose: record.work.purpose(),
            approval: record.work.approval(),
            program: wiring::program(),
            operator: Some(operator.name().to_owned()),
            clock_state: ClockState::Unsynchronised,
            trays,
        };
        let plans = core::iter::once(&plan).chain(sets.values());
        let left = left_units(&cell, &record.recovery, plans, &settings);
        let engine = wiring::engine(&cell, &settings.trays, Some(&record.recovery), left)?;
        let order = record.work.order(plan, sets);
        let loads = bench.as_mut().map(|b| wiring::loads(&cell, b.materials())).unwrap_or_default();
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
            paced,
            pulse,
            bench,
            ros2,
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
        let cycle = RunningCycle::start(
            &self.cell,
            self.rt,
            (self.link, &self.link_name, self.paced),
            self.rt_core,
            &stop,
        )?;
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
            bench: self.bench,
            ros2: self.ros2.as_ref().map(ros2::Connection::teller),
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
        let (cycle, bus) = cycle.join()?;
        if let Some(Err(why)) = self.ros2.map(ros2::Connection::end) {
            watcher.told(&Told::Warning(&why));
        }
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
        Ok(Report { end, cycle, bus, unwritten, delivered, store, state, capture, made })
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

fn tap(path: Option<&Path>, link: BoxLink, name: &str) -> Result<(BoxLink, Option<Capture>), Failure> {
    let Some(path) = path else { return Ok((link, None)) };
    let zero = capture::unix_zero_ns(&MonotonicClock);
    let (tap, file) = capture::start(path, link, MonotonicClock, zero, name)?;
    Ok((Box::new(tap), Some(file)))
}

/// What the station pumps, and the devices of the twin.
struct Pumped {
    controller: Controller,
    operator: Option<AutoOperator>,
    /// Someone else reads the keys of this terminal.
    attended: bool,
    person: Option<(String, Vec<Input>)>,
    bench: Option<Bench>,
    ros2: Option<ros2::Teller>,
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
            if let Some(teller) = self.ros2 {
                tokio::spawn(teller.run());
            }
            // Gone with its tasks and its name when the station has ended, before the state directory is
            // given up.
            let _served = self.control.map(|c| c.serve(cell.clone(), self.ask)).transpose()?;
            let (addresses, mut hand) = match self.bench {
                Some(bench) => {
                    let (addresses, hand) = bench.begin().await?;
                    (addresses, Some(hand))
                }
                None => (bench::addresses(cell), None),
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
                cycle_alive: &|| cycle.is_alive(),
            };
            let mut told = |told: Told<'_>| {
                watcher.told(&told);
                match told {
                    Told::Event(event) => {
                        work.count(event);
                        live.publish(event);
                    }
                    Told::Ask(question) if automatic => {
                        // He reaches into the twin before he answers.
                        let answer = AutoOperator::choice(question).unwrap_or_default();
                        if let Some(hand) = &mut hand {
                            wiring::acts(question, answer).into_iter().for_each(|act| hand.act(act));
                        }
                    }
                    Told::TrayAtEnd(tray) => {
                        if let Some(hand) = &mut hand {
                            hand.act(hands::exchange(tray));
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
