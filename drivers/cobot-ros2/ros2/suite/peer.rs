//! The driver against a robot that shares no code with r2r: what it says of the goals that it sees, and that it is led by
//! them.

use std::path::Path;

use cellwright_cobot_ros2::ros2::config::Ros2Robot;
use cellwright_driver_api::message::RobotDriver;
use cellwright_driver_api::message::conformance::RobotRig;
use cellwright_model::robot::{Joints, RobotCommand, RobotReply};

use crate::bench::{Bench, Mock, NAMESPACE, robot};
use crate::faults::DONE;

const GOALS: usize = 20;
/// It prints four places.
const AS_PRINTED_DEG: f64 = 0.000_1;

/// Only what every robot under `ros2_control` has.
fn plain() -> Ros2Robot {
    let all = robot();
    let mut plain = Ros2Robot::new(&all.name, all.joints, all.answer_timeout);
    plain.namespace = all.namespace;
    plain
}

pub(crate) fn of_another_make(program: &Path) -> Result<String, String> {
    let mut bench = Bench::of(Mock::start_with(program, &[NAMESPACE])?, plain())?;
    let (there, home) = (bench.reachable(), [0.0, -90.0, 90.0, -90.0, -90.0, 0.0]);
    for n in 0..GOALS {
        let to = if n % 2 == 0 { there } else { home };
        let id = bench.ask(RobotCommand::MoveJ { to, speed: 1.0 });
        answered(&mut bench, id, DONE)?;
        sees_goal(&mut bench, &to)?;
        says(&mut bench, "done")?;
    }
    let id = bench.ask_move();
    bench.pass(300);
    let stop = bench.ask(RobotCommand::Stop);
    answered(&mut bench, id, RobotReply::Stopped)?;
    answered(&mut bench, stop, DONE)?;
    sees_goal(&mut bench, &there)?;
    says(&mut bench, "cancelled")?;
    if bench.is_at_target() {
        return Err("stopped at its target".into());
    }
    bench.mock.kill();
    let lost = bench.until(2_000, |b| b.driver.state().lost).ok_or("killed, and not lost")?;
    Ok(format!(
        "{GOALS} goals seen as they were meant, and done; one cancelled; lost {lost} ms after kill -9"
    ))
}

fn answered(bench: &mut Bench, id: u32, wanted: RobotReply) -> Result<(), String> {
    match bench.reply(id) {
        Some((reply, _)) if reply == wanted => Ok(()),
        other => Err(format!("{other:?} instead of {wanted:?}")),
    }
}

fn says(bench: &mut Bench, word: &str) -> Result<(), String> {
    let line = bench.mock.line()?;
    if line == word { Ok(()) } else { Err(format!("it said `{line}` instead of `{word}`")) }
}

/// The last point of the goal, as the peer has read it, is the target.
fn sees_goal(bench: &mut Bench, to: &Joints) -> Result<(), String> {
    let line = bench.mock.line()?;
    let mut words = line.split_whitespace();
    let (word, points) = (words.next(), words.next().and_then(|n| n.parse::<usize>().ok()));
    let seen: Vec<f64> = words.filter_map(|w| w.parse().ok()).collect();
    let alike = seen.len() == to.len() && seen.iter().zip(to).all(|(a, b)| (a - b).abs() <= AS_PRINTED_DEG);
    if word == Some("goal") && points.is_some_and(|n| n > 0) && alike {
        Ok(())
    } else {
        Err(format!("it saw `{line}` instead of a goal to {to:?}"))
    }
}
