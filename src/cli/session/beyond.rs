//! What is at the other end: a segment, real or a twin's, and whoever moves the cobots.

use cellwright_bus::InProcessLink;
use cellwright_controller::TrayUse;
use cellwright_driver_api::message::RobotDriver;
use cellwright_model::cell::Cell;
use cellwright_model::faults::FaultPlan;
use cellwright_model::plant::PlantDescription;
use cellwright_rt::clock::PacedClock;
use cellwright_sim::twin::{TwinSegment, TwinSide};
use cellwright_station::FarTwin;
use cellwright_twin::faults::Faults;

use super::super::Failure;
use super::super::args::RunArgs;
use super::super::pulse::Pulse;
use super::super::ros2;
use super::super::running_cycle::BoxLink;
use super::super::twin_bench::{Bench, FarBench};

/// What was opened or read of the other end.
pub(super) struct Other {
    pub(super) socket: Option<BoxLink>,
    pub(super) far: Option<FarTwin>,
    /// Of the twin in this process.
    pub(super) faults: Option<FaultPlan>,
    /// Over ROS 2.
    pub(super) cobots: Option<ros2::Cobots>,
}

/// What is at the other end: a link to the segment, and the drivers of its cobots.
pub(super) struct Beyond {
    pub(super) link: BoxLink,
    /// Of a machine in this process.
    pub(super) paced: Option<PacedClock>,
    /// `None`: a real machine.
    pub(super) bench: Option<Bench>,
    pub(super) robots: Vec<Box<dyn RobotDriver + Send>>,
    pub(super) ros2: Option<ros2::Connection>,
}

pub(super) fn beyond(
    args: &RunArgs,
    cell: &Cell,
    trays: &[TrayUse],
    pulse: &Pulse,
    plant: Option<PlantDescription>,
    Other { socket, far, faults, cobots }: Other,
) -> Result<Beyond, Failure> {
    let (links, ros2) = cobots.map_or((None, None), |c| (Some(c.robots), Some(c.connection)));
    match (socket, far, plant) {
        (Some(link), None, _) => {
            let robots = boxed(links.unwrap_or_default());
            Ok(Beyond { link, paced: None, bench: None, robots, ros2 })
        }
        (Some(link), Some(mut far), _) => {
            let robots = boxed(core::mem::take(&mut far.robots));
            let far = FarBench::new(far, args.twin.as_deref().unwrap_or_default());
            Ok(Beyond { link, paced: None, bench: Some(Bench::Far(far)), robots, ros2 })
        }
        (None, _, Some(plant)) => {
            let mut side = TwinSide::new(cell, plant, args.seed, trays)?;
            side.world.set_faults(faults.map(|plan| Faults::new(&plan, cell)));
            let robots = match links {
                Some(links) => boxed(side.world.follow(cell, links)),
                None => side.robots,
            };
            let segment = TwinSegment::new(side.world, pulse.beats());
            let clock = PacedClock::new(cell.cycle);
            let link = Box::new(InProcessLink::new(segment, clock.clone()));
            let bench = Some(Bench::Here(Box::new(side.devices)));
            Ok(Beyond { link, paced: Some(clock), bench, robots, ros2 })
        }
        (None, _, None) => Err(Failure::Failed("the twin has no plant".to_owned())),
    }
}

fn boxed<R: RobotDriver + Send + 'static>(robots: Vec<R>) -> Vec<Box<dyn RobotDriver + Send>> {
    robots.into_iter().map(|r| Box::new(r) as Box<dyn RobotDriver + Send>).collect()
}
