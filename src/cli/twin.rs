//! `cellwright twin`: a cell's twin on a network interface, in real time.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cellwright_bus::Link;
use cellwright_driver_api::message::RobotDriver;
use cellwright_model::cell::Cell;
use cellwright_model::faults::ExpectedReaction;
use cellwright_model::timing::Receive;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::clock::{Clock, MonotonicClock};
use cellwright_rt::platform::{self, RealTime, STACK_BYTES};
use cellwright_sim::twin::{TwinDevices, TwinSide};
use cellwright_sim::wire::{FRAME_BYTES_MAX, WireCounters, WireSegment};
use cellwright_sim::{read_faults, read_machine};
use cellwright_station::{Acted, FarServer, Hello};
use cellwright_twin::faults::Faults;
use cellwright_twin::plant::Injection;
use serde::Deserialize;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::TwinArgs;
use super::out::{errln, outln};
use super::{Failure, print_json, session, shown, twin_bench};

/// Without frames the machine is moved this often.
const IDLE: DurationNs = DurationNs::from_millis(1);
/// After the interface refused: it may come back, and until then nothing is to be burnt.
const PAUSE: Duration = Duration::from_millis(10);
/// More than the longest frame, so that a longer one is seen to be longer.
const BUFFER_BYTES: usize = FRAME_BYTES_MAX + 22;

/// What became of the segment's frames.
#[derive(Debug, Clone, Copy, Default)]
struct Served {
    wire: WireCounters,
    /// Answers that the interface did not take.
    unsent: u64,
    /// Times that the interface refused to be read.
    unreadable: u64,
    /// When the fault plan first did something, by the monotonic clock.
    struck: Option<TimeNs>,
}

pub(crate) fn run(args: TwinArgs) -> Result<ExitCode, Failure> {
    let machine = shown(read_machine(args.cell.as_deref()))?;
    let mut side = TwinSide::new(&machine.cell, machine.plant, args.seed, &[])?;
    let socket = session::open_socket(&args.iface, Receive::Blocking)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    let faults = args.faults.as_deref().map(|path| shown(read_faults(path, &machine.cell))).transpose()?;
    let expected = faults.as_ref().and_then(|plan| plan.expected.clone());
    side.world.set_faults(faults.map(|plan| Faults::new(&plan, &machine.cell)));
    let mark = mark();
    side.world.set_mark(mark);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listening = runtime
        .block_on(serve_devices(&machine.cell, side.robots, side.devices, mark, args.listen))
        .map_err(|e| {
            Failure::Failed(format!("{}: {e}; remedy: give another --listen IP:PORT", args.listen))
        })?;
    let subdevices = machine.cell.segment.len();
    if args.json {
        print_json(&json!({"twin": {
            "cell": machine.cell.id, "iface": args.iface, "subdevices": subdevices, "listen": listening.to_string(),
            "expect": expected.as_ref().map(expectation),
        }}));
    } else {
        outln!("twin of {}: {subdevices} SubDevices answer on {}; Ctrl-C ends", machine.cell.id, args.iface);
        outln!("cobots, cameras, scanners, printers: cellwright run --bus IFACE --twin {listening}");
        outln!("Not a safety function; no hardware moves.");
    }
    let segment = WireSegment::new(side.world, MonotonicClock.now());
    let served = on_a_thread(args.priority, move || serve(segment, socket, &stop))?;
    runtime.shutdown_background();
    said(&served, args.json);
    Ok(ExitCode::SUCCESS)
}

/// What the fault plan asks of whoever drives the segment.
fn expectation(expected: &ExpectedReaction) -> serde_json::Value {
    let counted: Vec<&str> = expected.counted.iter().map(|c| c.as_str()).collect();
    json!({
        "class": expected.class.as_str(), "alarm": expected.alarm, "within_cycles": expected.within_cycles,
        "counted": counted,
    })
}

/// Tells one start of a twin from every other: when it was, and which process.
fn mark() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
    since.rotate_left(24) ^ u64::from(std::process::id())
}

/// Serves cameras, scanners and printers on ports of their own, cobots and hands at `listen`; gives that address.
async fn serve_devices(
    cell: &Cell,
    robots: Vec<Box<dyn RobotDriver + Send>>,
    devices: TwinDevices,
    mark: u64,
    listen: SocketAddr,
) -> io::Result<SocketAddr> {
    let TwinDevices { cameras, scanners, printers, scene, materials, mut hand } = devices;
    let ports = twin_bench::serve(listen.ip(), (cameras, scanners, printers), &scene).await?;
    let hello = Hello {
        cell: cell.id.clone(),
        cell_hash: cell.hash.clone(),
        mark,
        camera_ports: ports.cameras,
        scanner_ports: ports.scanners,
        printer_ports: ports.printers,
        materials,
    };
    let act = move |act: &serde_json::Value| match Injection::deserialize(act) {
        Ok(act) => hand.act(act).map_or(Acted::Busy, |()| Acted::Done),
        Err(error) => Acted::Unknown(error.to_string()),
    };
    FarServer::new(hello, robots, Box::new(act), session::now).start(listen).await
}

/// Runs `f` to its end on a thread of its own, of real-time priority if one is asked for.
fn on_a_thread<T: Send + 'static>(
    priority: Option<i32>,
    f: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let thread = match priority {
        Some(priority) => {
            let wanted = RealTime { priority, ..RealTime::default() };
            platform::spawn("segment", wanted, move |refused| {
                refused.iter().for_each(|warning| errln!("warning: {warning}"));
                f()
            })?
        }
        None => std::thread::Builder::new().name("segment".to_owned()).stack_size(STACK_BYTES).spawn(f)?,
    };
    thread.join().map_err(|_| Failure::Failed("the segment ended by a program error".to_owned()))
}

/// Answers frames until told to stop. Frames that wait in the socket meanwhile are bounded by the kernel, which
/// drops what does not fit.
fn serve(mut segment: WireSegment, mut link: impl Link, stop: &AtomicBool) -> Served {
    let clock = MonotonicClock;
    let mut buffer = [0; BUFFER_BYTES];
    let (mut unsent, mut unreadable, mut struck) = (0, 0, None);
    while !stop.load(Ordering::Relaxed) {
        let received = link.receive(&mut buffer, segment.patience(clock.now(), IDLE));
        segment.pass(clock.now());
        match received {
            Ok(Some(len)) => {
                let frame = &mut buffer[..len];
                if segment.answer(frame) && link.send(frame).is_err() {
                    unsent += 1;
                }
            }
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                unreadable += 1;
                std::thread::sleep(PAUSE);
            }
        }
        while let Some(len) = segment.reply(&mut buffer) {
            unsent += u64::from(link.send(&buffer[..len]).is_err());
        }
        struck = struck.or_else(|| segment.struck());
    }
    Served { wire: segment.counters(), unsent, unreadable, struck }
}

fn said(served: &Served, as_json: bool) {
    let Served { wire, unsent, unreadable, struck } = served;
    if as_json {
        return print_json(&json!({"ended": {
            "answered": wire.answered, "malformed": wire.malformed, "no_link": wire.no_link,
            "watchdog_trips": wire.watchdog_trips, "stood_still_ns": wire.stood_still_ns,
            "overflowed": wire.overflowed, "unsent": unsent, "unreadable": unreadable, "struck_ns": struck.map(|at| at.0.to_string()),
        }}));
    }
    outln!(
        "{} frames answered, {} malformed, {} without link, {unsent} not sent, {unreadable} times unreadable",
        wire.answered,
        wire.malformed,
        wire.no_link
    );
    outln!(
        "{} watchdogs ran out; the machine stood still for {:.3} s because this process did",
        wire.watchdog_trips,
        wire.stood_still_ns as f64 / 1e9
    );
}
