//! Built with ROS 2: one node for all cobots of the cell.

use std::time::{Duration, Instant};

use cellwright_cobot_ros2::link::link;
use cellwright_cobot_ros2::ros2::SILENCE_MAX;
use cellwright_cobot_ros2::ros2::shell::{Problems, RobotSetup, Ros2Cobots};
use cellwright_cobot_ros2::twin::JointLimits;
use cellwright_model::cell::Cell;

use super::super::Failure;
use super::super::out::errln;
use super::super::session::now;
use super::Cobots;

/// Robots and their servers are found within this, or the cell begins without them and says so.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// A pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The node with its thread.
pub(crate) struct Connection(Ros2Cobots);

/// Tells a person what is wrong with the connection, whenever that changes.
pub(crate) struct Teller(Problems);

/// Connects to every cobot of the cell. `automatic`: nobody stands there, so each has to say that it is a mock.
pub(crate) fn connect(cell: &Cell, automatic: bool) -> Result<Cobots, Failure> {
    let (mut robots, mut setups) = (Vec::new(), Vec::new());
    for described in &cell.robots {
        let Some(robot) = described.ros2.clone() else {
            return Err(Failure::Usage(format!(
                "cobot `{}` of cell {} has no `ros2:` in cell.yaml: say there what it is called in ROS 2",
                described.name, cell.id
            )));
        };
        let (driver, ends) = link(described.answer_timeout);
        robots.push(driver.watched(SILENCE_MAX));
        setups.push(RobotSetup { robot, limits: JointLimits::of(described), ends });
    }
    let cobots = Ros2Cobots::start("cellwright", setups, now).map_err(|e| Failure::Failed(e.to_string()))?;
    let began = Instant::now();
    let mut problems = cobots.problems();
    while !problems.is_empty() || (automatic && !cobots.are_mocks()) {
        if began.elapsed() >= FOUND_WITHIN {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
        problems = cobots.problems();
    }
    if automatic && !cobots.are_mocks() {
        problems.push(
            "not every cobot says that it is a mock, and nobody stands beside it: name the person who does with \
             --operator ID, who then commands clear, reset and start"
                .to_owned(),
        );
        return Err(Failure::Failed(problems.join("\n")));
    }
    Ok(Cobots { robots, connection: Connection(cobots) })
}

impl Connection {
    pub(crate) fn teller(&self) -> Teller {
        Teller(self.0.told())
    }

    /// Error: which cobot is not heard, or cannot be asked for anything.
    pub(crate) fn heard(&self) -> Result<(), Failure> {
        let problems = self.0.problems();
        if problems.is_empty() { Ok(()) } else { Err(Failure::Failed(problems.join("\n"))) }
    }

    /// Ends the node and its thread.
    pub(crate) fn end(self) -> Result<(), String> {
        self.0.end().map_err(|e| e.to_string())
    }
}

impl Teller {
    /// For as long as the runtime lives.
    pub(crate) async fn run(self) {
        let mut told = Vec::new();
        loop {
            let problems = self.0.now();
            for problem in problems.iter().filter(|p| !told.contains(*p)) {
                errln!("warning: {problem}");
            }
            told = problems;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
