//! Each fault, what has to come of it, and within which time.

use std::path::PathBuf;

use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::{RobotCommand, RobotRefusal as R, RobotReply};

use crate::Checks;
use crate::bench::{ANSWER, Bench, Mock, WATCHDOG_MS};

type Outcome = Result<String, String>;

const DONE: RobotReply = RobotReply::Done { holding: false };
/// Until a move that was asked for is on its way, and fast.
const UNDER_WAY_MS: u64 = 300;
const ANSWER_MS: u64 = ANSWER.0 / 1_000_000;
/// What this machine and the middleware may add to a bound of the driver.
const SLACK_MS: u64 = 100;

pub(crate) fn all(program: &PathBuf, checks: &mut Checks) {
    let table: &[(&str, fn(&mut Bench, &PathBuf) -> Outcome)] = &[
        ("kill -9 in motion", killed),
        ("joint states end in motion", silent),
        ("joint states freeze in motion", frozen),
        ("acknowledgement lost", lost_acknowledgement),
        ("cancel refused", refused_cancel),
        ("result delayed", delayed_result),
        ("result delayed for ever", no_result),
        ("goal refused", refused_goal),
        ("path tolerance", path_tolerance),
        ("protective stop in motion", protective_stop),
        ("what the robot says of itself", states_told_apart),
        ("clock jump", clock_jump),
        ("wrong joint names", wrong_names),
    ];
    for (name, fault) in table {
        let outcome = Bench::start(program).and_then(|mut bench| fault(&mut bench, program));
        checks.check(name, outcome);
    }
}

fn expect(b: &mut Bench, id: u32, wanted: RobotReply) -> Result<u64, String> {
    match b.reply(id) {
        Some((reply, took)) if reply == wanted => Ok(took),
        Some((reply, took)) => Err(format!("{reply:?} after {took} ms instead of {wanted:?}")),
        None => Err(format!("no answer instead of {wanted:?}")),
    }
}

fn within(what: &str, took: u64, most: u64) -> Result<String, String> {
    if took <= most {
        Ok(format!("{what} {took} ms (at most {most})"))
    } else {
        Err(format!("{what} {took} ms instead of {most}"))
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
    let told = b.until(3_000, |b| b.cobots.problems().iter().any(|p| p.contains(word)));
    told.ok_or_else(|| format!("nobody was told `{word}`: {:?}", b.cobots.problems()))
}

fn killed(b: &mut Bench, program: &PathBuf) -> Outcome {
    let id = moving(b)?;
    b.mock.kill();
    let seen = told(b, "no joint states")?;
    let note = within("told after", seen, WATCHDOG_MS + SLACK_MS)?;
    let stamp = b.driver.state().stamp;
    let next = b.ask(RobotCommand::MoveJ { to: b.reachable(), speed: 1.0 });
    expect(b, next, RobotReply::Rejected(R::Busy))?;
    let took = expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    if b.driver.state().stamp != stamp {
        return Err("the state went on without a robot".into());
    }
    b.mock = Mock::start(program)?;
    let back = b.until(10_000, |b| b.cobots.problems().is_empty() && !b.driver.state().moving);
    let back = back.ok_or_else(|| format!("not back: {:?}", b.cobots.problems()))?;
    let stop = b.ask(RobotCommand::Stop);
    expect(b, stop, DONE)?;
    let again = b.ask_move();
    expect(b, again, DONE)?;
    Ok(format!("{note}, request ended after {took} ms more, new robot ready after {back} ms"))
}

fn silent(b: &mut Bench, _: &PathBuf) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("silent on");
    let note = within("told after", told(b, "no joint states")?, WATCHDOG_MS + SLACK_MS)?;
    b.pass(800);
    if b.replied(id) {
        return Err("answered without knowing whether it stands".into());
    }
    b.mock.tell("silent off");
    let took = expect(b, id, RobotReply::Faulted(R::NotConnected))?;
    stands(b)?;
    goes_on(b)?;
    Ok(format!("{note}, cancelled; answered {took} ms after it was heard again"))
}

fn frozen(b: &mut Bench, _: &PathBuf) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("freeze on");
    let first = told(b, "does not go on")?;
    b.pass(800);
    if b.replied(id) || b.age_ms() < 800 {
        return Err(format!("taken for news: answered {}, age {} ms", b.replied(id), b.age_ms()));
    }
    b.mock.tell("freeze off");
    let took = expect(b, id, RobotReply::Faulted(R::NotConnected))?;
    stands(b)?;
    goes_on(b)?;
    Ok(format!("{}, cancelled; answered {took} ms after it went on", within("told after", first, SLACK_MS)?))
}

fn lost_acknowledgement(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("lose-ack on");
    b.pass(50);
    let id = b.ask_move();
    b.pass(UNDER_WAY_MS);
    let second = b.ask_home();
    expect(b, second, RobotReply::Rejected(R::Busy))?;
    let took = expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    stands(b)?;
    b.mock.tell("lose-ack off");
    goes_on(b)?;
    within("may be moving; busy until at rest, answered after", took + UNDER_WAY_MS, ANSWER_MS + SLACK_MS)
}

fn refused_cancel(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("refuse-cancel on");
    let id = moving(b)?;
    let stop = b.ask(RobotCommand::Stop);
    expect(b, id, DONE)?;
    let took = expect(b, stop, DONE)?;
    stands(b)?;
    b.mock.tell("refuse-cancel off");
    goes_on(b)?;
    Ok(format!("it went to its target, move and stop answered at rest there ({took} ms apart)"))
}

fn delayed_result(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("delay-result 600");
    let id = moving(b)?;
    let took = expect(b, id, DONE)?;
    stands(b)?;
    b.mock.tell("delay-result 0");
    goes_on(b)?;
    Ok(format!("600 ms late: done {took} ms later, not before"))
}

fn no_result(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("delay-result 100000");
    let id = moving(b)?;
    let took = expect(b, id, RobotReply::Faulted(R::TimedOut))?;
    let next = b.ask_home();
    expect(b, next, RobotReply::Rejected(R::Busy))?;
    // At rest for a second after that, and free again.
    let free = b.until(3_000, |b| !b.driver.state().moving).ok_or("never free again")?;
    b.mock.tell("delay-result 0");
    goes_on(b)?;
    within("answered by its deadline after", took + UNDER_WAY_MS, ANSWER_MS + SLACK_MS)
        .map(|note| format!("{note}, free {free} ms later"))
}

fn refused_goal(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("refuse-goal on");
    b.pass(50);
    let id = b.ask_move();
    let took = expect(b, id, RobotReply::Rejected(R::Aborted))?;
    b.mock.tell("refuse-goal off");
    b.pass(50);
    goes_on(b)?;
    within("rejected after", took, SLACK_MS)
}

fn path_tolerance(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("abort -4");
    b.pass(50);
    let id = b.ask_move();
    let took = expect(b, id, RobotReply::Faulted(R::PathTolerance))?;
    stands(b)?;
    goes_on(b)?;
    Ok(format!("answered at rest, {took} ms after it was asked"))
}

fn protective_stop(b: &mut Bench, _: &PathBuf) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("safety 3");
    let took = expect(b, id, RobotReply::Faulted(R::ProtectiveStop))?;
    stands(b)?;
    let next = b.ask_home();
    expect(b, next, RobotReply::Rejected(R::ProtectiveStop))?;
    b.mock.tell("safety 1");
    goes_on(b)?;
    within("cancelled and at rest, answered after", took, 1_000)
}

fn states_told_apart(b: &mut Bench, _: &PathBuf) -> Outcome {
    let rows = [
        ("safety 5", "safety 1", R::SafeguardStop),
        ("safety 7", "safety 1", R::EmergencyStop),
        ("mode 5", "mode 7", R::ProgramNotRunning),
        ("program 0", "program 1", R::ProgramNotRunning),
        ("remote 0", "remote 1", R::LocalControl),
    ];
    for (wrong, right, refusal) in rows {
        b.mock.tell(wrong);
        told(b, refusal.as_str())?;
        let id = b.ask_move();
        expect(b, id, RobotReply::Rejected(refusal)).map_err(|e| format!("{wrong}: {e}"))?;
        b.mock.tell(right);
        b.ready()?;
    }
    goes_on(b)?;
    Ok("safeguard, emergency stop, mode, program, local control".into())
}

fn clock_jump(b: &mut Bench, _: &PathBuf) -> Outcome {
    let id = moving(b)?;
    b.mock.tell("clock -3600");
    expect(b, id, DONE)?;
    let back = b.ask_home();
    b.pass(UNDER_WAY_MS);
    b.mock.tell("clock 3600");
    expect(b, back, DONE)?;
    Ok("an hour back and two forward while it moves: both moves done".into())
}

fn wrong_names(b: &mut Bench, _: &PathBuf) -> Outcome {
    b.mock.tell("names wrong");
    let first = told(b, "do not name `elbow_joint`")?;
    b.pass(WATCHDOG_MS + 50);
    let id = b.ask_move();
    expect(b, id, RobotReply::Rejected(R::JointNames))?;
    b.mock.tell("names right");
    goes_on(b)?;
    within("told after", first, SLACK_MS)
}
