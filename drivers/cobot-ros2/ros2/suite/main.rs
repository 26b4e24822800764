//! The driver against a mock robot in another process, over real middleware: the conformance suite, then faults, each
//! with what has to come of it and the time that it took, then starts and stops.
//!
//!     ros2_suite MOCK_PROGRAM [PEER_PROGRAM]
//!
//! One line a check, as the other suites print it. Exit 0: all hold.

mod bench;
mod faults;
mod figures;
mod peer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bench::{Bench, HELD_KG, Mock, Stall};
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::check_robot_driver;
use cellwright_model::robot::{RobotCommand, RobotRefusal, RobotReply};

const STARTS: usize = 200;
/// More than the middleware needs for what it keeps for good; a leak of a whole node each time would be far more.
const GROWTH_MAX_KB: i64 = 40_000;

/// Counts what holds and what does not.
#[derive(Default)]
pub(crate) struct Checks {
    held: usize,
    failed: usize,
}

impl Checks {
    pub(crate) fn check(&mut self, name: &str, result: Result<String, String>) {
        match result {
            Ok(note) => {
                self.held += 1;
                println!("  ok    {name}{}{note}", if note.is_empty() { "" } else { ": " });
            }
            Err(reason) => {
                self.failed += 1;
                println!("  FAIL  {name}: {reason}");
            }
        }
    }
}

fn main() {
    let mut programs = std::env::args().skip(1).map(PathBuf::from);
    let (Some(program), peer) = (programs.next(), programs.next()) else {
        eprintln!("usage: ros2_suite MOCK_PROGRAM [PEER_PROGRAM]");
        std::process::exit(2);
    };
    let mut checks = Checks::default();
    checks.check("the conformance suite of the drivers", conformance(&program));
    if let Some(peer) = peer {
        checks.check("a robot by ros2-client (RustDDS)", peer::of_another_make(&peer));
    }
    faults::all(&program, &mut checks);
    checks.check("payload at grip and release", loads(&program));
    checks.check("goal to accepted, and age of the joint states", figures::beside_a_bare_ping(&program));
    checks.check("starts and stops", starts_and_stops(&program));
    println!("  {} held, {} did not, 0 skipped", checks.held, checks.failed);
    std::process::exit(i32::from(checks.failed > 0 || checks.held == 0));
}

fn conformance(program: &Path) -> Result<String, String> {
    let began = Instant::now();
    let mut broken = None;
    let suite = check_robot_driver(|| {
        loop {
            match Bench::start(program) {
                Ok(bench) => return bench,
                Err(error) if broken.is_none() => broken = Some(error),
                Err(error) => {
                    println!("  FAIL  no bench twice in a row: {error}");
                    std::process::exit(1);
                }
            }
        }
    });
    suite.map(|()| format!("eight clauses in {:.1} s", began.elapsed().as_secs_f64()))
}

/// The robot knows what it holds before the cell hears that it is gripped, and that it holds nothing after a release.
fn loads(program: &Path) -> Result<String, String> {
    let mut bench = Bench::start(program)?;
    let mut told = 0.0;
    for (close, kg) in [(true, HELD_KG), (false, 0.0), (true, HELD_KG)] {
        let id = bench.ask(RobotCommand::Grip { close });
        let (reply, _) = bench.reply(id).ok_or("no answer")?;
        told += 1.0;
        let load = bench.mock.load()?;
        if reply != (RobotReply::Done { holding: close }) || load != (told, kg) {
            return Err(format!("close {close}: {reply:?}, times and kg {load:?}"));
        }
    }
    bench.mock.tell("refuse-load on");
    let id = bench.ask(RobotCommand::Grip { close: false });
    let (reply, _) = bench.reply(id).ok_or("no answer")?;
    if reply != RobotReply::Faulted(RobotRefusal::LoadRefused) {
        return Err(format!("refused: {reply:?}"));
    }
    Ok(format!("told {told} times, {HELD_KG} kg and 0; a refusal is load-refused"))
}

/// Threads of this process, and its resident memory in kB.
fn threads_and_memory() -> Result<(i64, i64), String> {
    let text = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let field = |name: &str| {
        let line = text.lines().find(|l| l.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    field("Threads:").zip(field("VmRSS:")).ok_or_else(|| "/proc/self/status has no such lines".into())
}

/// Starts the driver against a robot that is there, and ends it, again and again.
fn starts_and_stops(program: &Path) -> Result<String, String> {
    let _mock = Mock::start(program)?;
    let mut first = None;
    let (mut longest_start, mut longest_end) = (Duration::ZERO, Duration::ZERO);
    for n in 0..STARTS {
        let began = Instant::now();
        let (driver, cobots) =
            bench::start_driver("cellwright_suite", bench::robot(), began, Stall::default())?;
        longest_start = longest_start.max(began.elapsed());
        while driver.state().stamp.0 == 0 && began.elapsed() < Duration::from_millis(200) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ending = Instant::now();
        cobots.end().map_err(|e| format!("start {n}: {e}"))?;
        longest_end = longest_end.max(ending.elapsed());
        if n == 4 {
            first = Some(threads_and_memory()?);
        }
    }
    let (threads, memory) = threads_and_memory()?;
    let (threads_before, memory_before) = first.ok_or("too few starts")?;
    if threads > threads_before || memory - memory_before > GROWTH_MAX_KB {
        return Err(format!("{threads_before} -> {threads} threads, {memory_before} -> {memory} kB"));
    }
    Ok(format!(
        "{STARTS} of them, the longest {} ms up and {} ms down; {threads_before} -> {threads} threads, {} kB more",
        longest_start.as_millis(),
        longest_end.as_millis(),
        memory - memory_before
    ))
}
