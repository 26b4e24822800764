//! Each fault, the reactions that have to come, and within which time: printed as a table, required and seen.

use std::path::Path;

use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::{RobotCommand, RobotRefusal as R, RobotReply};

use crate::Checks;
use crate::bench::{ANSWER, Bench, Mock, SILENCE_MS, WATCHDOG_MS};

/// A reaction to a fault, and its time.
struct Row {
    reaction: &'static str,
    required_ms: u64,
    seen_ms: u64,
}

/// Error: a reaction that did not come, or another than the one required.
type Outcome = Result<Vec<Row>, String>;
/// With its name, as the table has it.
type Fault = (&'static str, fn(&mut Bench, &Path) -> Outcome);

pub(crate) const DONE: RobotReply = RobotReply::Done { holding: false };
/// Until a move that was asked for is on its way, and fast.
const UNDER_WAY_MS: u64 = 300;
const ANSWER_MS: u64 = ANSWER.0 / 1_000_000;
/// What this machine and the middleware may add to a bound of the driver.
const SLACK_MS: u64 = 100;
/// From a cancel to rest: of the mock's arm from its full speed, and the time at rest that the driver wants to see.
const STOPPED_MS: u64 = 700;
/// What nobody knows anything of is over when it was seen at rest for so long.
const LOST_REST_MS: u64 = 1_000;
/// The whole move of the suite, from its question to rest.
const MOVE_MS: u64 = 3_000;
/// A new process, found by discovery.
const BACK_MS: u64 = 10_000;

pub(crate) fn all(program: &Path, checks: &mut Checks) {
    let faults: &[Fault] = &[
        ("kill -9 in motion", killed),
        ("joint states end in motion", silent),
        ("joint states freeze in motion", frozen),
        ("acknowledgement lost", lost_acknowledgement),
        ("acknowledgement after the end", late_acknowledgement),
        ("cancel refused", refused_cancel),
        ("result delayed", delayed_result),
        ("result delayed for ever", no_result),
        ("goal refused", refused_goal),
        ("path tolerance", path_tolerance),
        ("goal tolerance", goal_tolerance),
        ("protective stop in motion", protective_stop),
        ("emergency stop in motion", emergency_stop),
        ("safeguard stop in motion", safeguard_stop),
        ("program stopped in motion", program_stopped),
        ("local control in motion", local_control),
        ("clock jump", clock_jump),
        ("wrong joint names", wrong_names),
        ("the thread of ROS 2 stands", stalled_thread),
        ("the driver ends in motion", driver_ends),
        ("the cell ends in motion", cell_ends),
    ];
    let mut table = Vec::new();
    for (name, fault) in faults {
        let outcome = Bench::start(program).and_then(|mut bench| fault(&mut bench, program));
        match outcome {
            Ok(rows) => table.extend(rows.into_iter().map(|row| (*name, row))),
            Err(reason) => checks.check(name, Err(reason)),
        }
    }
    println!("  {:<31}  {:<45} {:>11} {:>8}", "fault", "reaction", "required ms", "seen ms");
    for (name, row) in &table {
        println!("  {name:<31}  {:<45} {:>11} {:>8}", row.reaction, row.required_ms, row.seen_ms);
    }
    for (name, _) in faults {
        let mut rows = table.iter().filter(|(of, _)| of == name).map(|(_, row)| row).peekable();
        if rows.peek().is_some() {
            let late = rows.find(|row| row.seen_ms > row.required_ms);
            checks.check(
                name,
                late.map_or(Ok(String::new()), |row| Err(format!("{} ms: {}", row.seen_ms, row.reaction))),
            );
        }
    }
}

fn row(reaction: &'static str, required_ms: u64, seen_ms: u64) -> Row {
    Row { reaction, required_ms, seen_ms }
}

fn expect(b: &mut Bench, id: u32, wanted: RobotReply) -> Result<u64, String> {
    match b.reply(id) {
        Some((reply, took)) if reply == wanted => Ok(took),
        Some((reply, took)) => Err(format!("{reply:?} after {took} ms instead of {wanted:?}")),
        None => Err(format!("no answer instead of {wanted:?}")),
    }
}

/// Begins a move and waits until it is on its way.
fn moving(b: &mut Bench) -> Result<u32, String> {
    let id = b.ask_move();
    b.pass(UNDER_WAY_MS);
    let fast = b.driver.state().speeds.iter().any(|v| v.abs() > 10.0);
    if fast && !b.replied(id) { Ok(id) } else { Err(format!("not moving: {:?}", b.driver.state())) }
}

/// Everything as before: a move is done.
fn goes_on(b: &mut Bench) -> Result<(), String> {
    b.ready()?;
    let home = b.ask_home();
    expect(b, home, DONE).map(drop).map_err(|e| format!("afterwards: {e}"))
}

/// At rest by its joint states, and stays where it is.
fn stands(b: &mut Bench) -> Result<(), String> {
    let at = b.driver.state();
    b.pass(300);
    let later = b.driver.state();
    let same = at.joints.iter().zip(&later.joints).all(|(a, b)| (a - b).abs() < 0.01);
    if same && !later.moving { Ok(()) } else { Err(format!("answered and not at rest: {at:?}, {later:?}")) }
}

/// Until a person is told that the robot is not heard.
fn told(b: &mut Bench, word: &str) -> Result<u64, String> {
    let told = b.until(3_000, |b| b.problems().iter().any(|p| p.contains(word)));
    told.ok_or_else(|| format!("nobody was told `{word}`: {:?}", b.problems()))
}

fn killed(b: &mut Bench, program: &Path) -> Outcome {
    let id = moving(b)?;
    b.mock.kill();
    let seen = told(b, "no joint states")?;
    let lost = b.until(SLACK_MS, |b| b.driver.state().lost).ok_or("told, and the cell was not")?;
    let stamp = b.driver.state().stamp;
    let next = b.ask(RobotCommand::MoveJ { to: b.reachable(), speed: 1.0 });
    let busy = expect(b, next, RobotReply::Rejected(R::Busy))?;
    expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    let took = b.asked_ago_ms(id);
    if b.driver.state().stamp != stamp {
        return Err("the state went on without a robot".into());
    }
    b.mock = Mock::start(program)?;
    let back = b.until(BACK_MS, |b| b.problems().is_empty() && !b.driver.state().moving);
    let back = back.ok_or_else(|| format!("not back: {:?}", b.problems()))?;
    let stop = b.ask(RobotCommand::Stop);
    expect(b, stop, DONE)?;
    let again = b.ask_move();
    expect(b, again, DONE)?;
    Ok(vec![
        row("lost, and a person told", WATCHDOG_MS + SLACK_MS, seen + lost),
        row("a further request: busy", SLACK_MS, busy),
        row("its request: timed-out, by its deadline", ANSWER_MS + SLACK_MS, took),
        row("a new process: ready", BACK_MS, back),
    ])
}

fn silent(b: &mut Bench, _: &Path) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("silent on");
    let seen = told(b, "no joint states")?;
    b.pass(800);
    if b.replied(id) {
        return Err("answered without knowing whether it stands".into());
    }
    b.mock.tell("silent off");
    let took = expect(b, id, RobotReply::Faulted(R::NotConnected))?;
    stands(b)?;
    goes_on(b)?;
    Ok(vec![
        row("lost, cancelled, and a person told", WATCHDOG_MS + SLACK_MS, seen),
        row("heard again: not-connected, at rest", STOPPED_MS, took),
    ])
}

fn frozen(b: &mut Bench, _: &Path) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("freeze on");
    let first = told(b, "does not go on")?;
    let lost = b.until(WATCHDOG_MS + SLACK_MS, |b| b.driver.state().lost).ok_or("told, and not lost")?;
    b.pass(800);
    if b.replied(id) || b.age_ms() < 800 {
        return Err(format!("taken for news: answered {}, age {} ms", b.replied(id), b.age_ms()));
    }
    b.mock.tell("freeze off");
    let took = expect(b, id, RobotReply::Faulted(R::NotConnected))?;
    stands(b)?;
    goes_on(b)?;
    Ok(vec![
        row("a person told", SLACK_MS, first),
        row("lost, and cancelled", WATCHDOG_MS + SLACK_MS, first + lost),
        row("it goes on: not-connected, at rest", STOPPED_MS, took),
    ])
}

fn lost_acknowledgement(b: &mut Bench, _: &Path) -> Outcome {
    b.mock.tell("lose-ack on");
    b.pass(50);
    let id = b.ask_move();
    b.pass(UNDER_WAY_MS);
    let second = b.ask_home();
    let busy = expect(b, second, RobotReply::Rejected(R::Busy))?;
    expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    let took = b.asked_ago_ms(id);
    stands(b)?;
    b.mock.tell("lose-ack off");
    goes_on(b)?;
    Ok(vec![
        row("it may be moving; a further request: busy", SLACK_MS, busy),
        row("timed-out, at rest", ANSWER_MS + SLACK_MS, took),
    ])
}

/// The request is over and the robot stood when the server takes its goal on: it is not let go to its target.
fn late_acknowledgement(b: &mut Bench, _: &Path) -> Outcome {
    const LATE_MS: u64 = 2_500;
    b.mock.tell(&format!("delay-ack {LATE_MS}"));
    b.pass(50);
    let id = b.ask_move();
    expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    let took = b.asked_ago_ms(id);
    let left = LATE_MS.checked_sub(took).ok_or("answered only after the goal was taken")?;
    b.mock.tell("delay-ack 0");
    let begun = b.until(left + SLACK_MS, |b| b.driver.state().moving).ok_or("the late goal moved nothing")?;
    let next = b.ask_home();
    let busy = expect(b, next, RobotReply::Rejected(R::Busy))?;
    let stopped = b.until(MOVE_MS, |b| !b.driver.state().moving).ok_or("never free again")?;
    if b.is_at_target() {
        return Err("the late goal went to its target".into());
    }
    stands(b)?;
    goes_on(b)?;
    Ok(vec![
        row("not taken: timed-out, after a second at rest", 500 + LOST_REST_MS + 2 * SLACK_MS, took),
        row("taken after all: seen as moving", left + SLACK_MS, begun),
        row("a further request: busy", SLACK_MS, busy),
        row("cancelled, a second at rest, free again", STOPPED_MS + LOST_REST_MS, stopped),
    ])
}

fn refused_cancel(b: &mut Bench, _: &Path) -> Outcome {
    b.mock.tell("refuse-cancel on");
    let id = moving(b)?;
    let stop = b.ask(RobotCommand::Stop);
    expect(b, id, DONE)?;
    let took = expect(b, stop, DONE)?;
    stands(b)?;
    let whole = b.asked_ago_ms(id);
    b.mock.tell("refuse-cancel off");
    goes_on(b)?;
    Ok(vec![
        row("at its target in spite of it: done, at rest", MOVE_MS, whole),
        row("and then the stop: done", SLACK_MS, took),
    ])
}

fn delayed_result(b: &mut Bench, _: &Path) -> Outcome {
    const DELAY_MS: u64 = 600;
    b.mock.tell(&format!("delay-result {DELAY_MS}"));
    let id = moving(b)?;
    let there = b.until(MOVE_MS, Bench::is_at_target).ok_or("never at its target")?;
    let took = expect(b, id, DONE)?;
    if took + SLACK_MS < DELAY_MS {
        return Err(format!("done {took} ms after it was there, before its result"));
    }
    stands(b)?;
    b.mock.tell("delay-result 0");
    goes_on(b)?;
    Ok(vec![
        row("at its target", MOVE_MS, there + UNDER_WAY_MS),
        row("done with its result, and not before", DELAY_MS + 2 * SLACK_MS, took),
    ])
}

fn no_result(b: &mut Bench, _: &Path) -> Outcome {
    b.mock.tell("delay-result 100000");
    let id = moving(b)?;
    expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    let took = b.asked_ago_ms(id);
    let next = b.ask_home();
    let busy = expect(b, next, RobotReply::Rejected(R::Busy))?;
    let free = b.until(3_000, |b| !b.driver.state().moving).ok_or("never free again")?;
    b.mock.tell("delay-result 0");
    goes_on(b)?;
    Ok(vec![
        row("timed-out, by its deadline", ANSWER_MS + SLACK_MS, took),
        row("a further request: busy", SLACK_MS, busy),
        row("a second at rest, free again", LOST_REST_MS + 2 * SLACK_MS, free),
    ])
}

fn refused_goal(b: &mut Bench, _: &Path) -> Outcome {
    b.mock.tell("refuse-goal on");
    b.pass(50);
    let id = b.ask_move();
    let took = expect(b, id, RobotReply::Rejected(R::Aborted))?;
    b.mock.tell("refuse-goal off");
    b.pass(50);
    goes_on(b)?;
    Ok(vec![row("rejected: aborted", SLACK_MS, took)])
}

fn path_tolerance(b: &mut Bench, _: &Path) -> Outcome {
    aborted(b, "abort -4", R::PathTolerance, "path-tolerance, at rest")
}

fn goal_tolerance(b: &mut Bench, _: &Path) -> Outcome {
    aborted(b, "abort -5", R::GoalTolerance, "goal-tolerance, at rest")
}

/// The mock ends the goal 200 ms after it has begun.
fn aborted(b: &mut Bench, fault: &str, by: R, reaction: &'static str) -> Outcome {
    b.mock.tell(fault);
    b.pass(50);
    let id = b.ask_move();
    let took = expect(b, id, RobotReply::Faulted(by))?;
    stands(b)?;
    goes_on(b)?;
    Ok(vec![row(reaction, 200 + STOPPED_MS, took)])
}

fn protective_stop(b: &mut Bench, _: &Path) -> Outcome {
    stopped_by(b, ("safety 3", "safety 1"), R::ProtectiveStop, "protective-stop, at rest")
}

fn emergency_stop(b: &mut Bench, _: &Path) -> Outcome {
    stopped_by(b, ("safety 7", "safety 1"), R::EmergencyStop, "emergency-stop, at rest")
}

fn safeguard_stop(b: &mut Bench, _: &Path) -> Outcome {
    stopped_by(b, ("safety 5", "safety 1"), R::SafeguardStop, "safeguard-stop, at rest")
}

fn program_stopped(b: &mut Bench, _: &Path) -> Outcome {
    stopped_by(b, ("program 0", "program 1"), R::ProgramNotRunning, "program-not-running, at rest")
}

fn local_control(b: &mut Bench, _: &Path) -> Outcome {
    stopped_by(b, ("remote 0", "remote 1"), R::LocalControl, "local-control, at rest")
}

/// What the robot says of itself ends a move and begins none, with its own remedy, and only while it says so.
fn stopped_by(b: &mut Bench, (wrong, right): (&str, &str), by: R, reaction: &'static str) -> Outcome {
    let id = moving(b)?;
    b.mock.tell(wrong);
    let took = expect(b, id, RobotReply::Faulted(by))?;
    let seen = told(b, by.remedy())?;
    stands(b)?;
    if b.driver.state().safeguard != (by == R::SafeguardStop) {
        return Err("only a safeguard stop is one that Unhold goes on from".into());
    }
    let next = b.ask_home();
    let refused = expect(b, next, RobotReply::Rejected(by))?;
    b.mock.tell(right);
    goes_on(b)?;
    Ok(vec![
        row(reaction, STOPPED_MS, took),
        row("a person told, with its remedy", SLACK_MS, seen),
        row("a further request: rejected with it", SLACK_MS, refused),
    ])
}

/// An hour back and two forward, each while it moves.
fn clock_jump(b: &mut Bench, _: &Path) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("clock -3600");
    let took = expect(b, id, DONE)?;
    let back = b.ask_home();
    b.pass(UNDER_WAY_MS);
    b.mock.tell("clock 3600");
    let again = expect(b, back, DONE)?;
    Ok(vec![
        row("an hour back: done all the same", MOVE_MS, took),
        row("two hours forward: done all the same", MOVE_MS, again),
    ])
}

fn wrong_names(b: &mut Bench, _: &Path) -> Outcome {
    b.mock.tell("names wrong");
    let first = told(b, "do not name `elbow_joint`")?;
    b.pass(WATCHDOG_MS + 50);
    let id = b.ask_move();
    let took = expect(b, id, RobotReply::Rejected(R::JointNames))?;
    b.mock.tell("names right");
    goes_on(b)?;
    Ok(vec![
        row("a person told, with the names", SLACK_MS, first),
        row("a request: rejected: joint-names", SLACK_MS, took),
    ])
}

/// It hears nobody, and cannot say so: the link does.
fn stalled_thread(b: &mut Bench, _: &Path) -> Outcome {
    let id = moving(b)?;
    b.stall.set(true);
    let lost = b.until(2 * SILENCE_MS, |b| b.driver.state().lost).ok_or("never told as lost")?;
    b.pass(300);
    b.stall.set(false);
    let back = b.until(1_000, |b| !b.driver.state().lost).ok_or("lost for ever")?;
    // It has missed its messages, too: the motion went on meanwhile, or was cancelled for the silence.
    let Some((reply, took)) = b.reply(id) else { return Err("no answer".into()) };
    if !matches!(reply, DONE | RobotReply::Faulted(R::NotConnected)) {
        return Err(format!("{reply:?}"));
    }
    stands(b)?;
    goes_on(b)?;
    Ok(vec![
        row("lost", SILENCE_MS + SLACK_MS, lost),
        row("it goes on: heard again", SLACK_MS, back),
        row("its request: answered at rest", MOVE_MS, took),
    ])
}

/// Whoever owns the thread ends it, in order or by a program error: the arm is not left to the end of its goal.
fn driver_ends(b: &mut Bench, _: &Path) -> Outcome {
    moving(b)?;
    let began = std::time::Instant::now();
    b.end_driver()?;
    let took = began.elapsed().as_millis() as u64;
    let (fast, again) = (b.mock.speed()?, b.restart()?);
    if fast > 0.0 || b.is_at_target() {
        return Err(format!("left behind at {fast} deg/s, at its target: {}", b.is_at_target()));
    }
    stands(b)?;
    goes_on(b)?;
    Ok(vec![
        row("cancelled, seen at rest, ended", STOPPED_MS + SLACK_MS, took),
        row("another driver: ready", BACK_MS, again),
    ])
}

/// The other end of the rings is gone, as after a program error of the controller; the thread goes on.
fn cell_ends(b: &mut Bench, _: &Path) -> Outcome {
    moving(b)?;
    b.drop_link();
    let began = std::time::Instant::now();
    let mut fast = f64::INFINITY;
    while fast > 0.0 && began.elapsed().as_millis() < u128::from(MOVE_MS) {
        fast = b.mock.speed()?;
    }
    let took = began.elapsed().as_millis() as u64;
    b.restart()?;
    if b.is_at_target() {
        return Err("it went to its target".into());
    }
    goes_on(b)?;
    Ok(vec![row("cancelled, at rest", STOPPED_MS, took)])
}
