//! One unit through the real cycle over frames: ethercrab, drives, plant. What the recipe cannula-hub asks
//! for comes out as the truth of the parts says.

mod common;

use cellwright_analog_in::driver::AnalogInput4;
use cellwright_bus::{BusConfig, EthercrabBus, ExpectedSubDevice, InProcessLink, InProcessSegment, with_bus};
use cellwright_digital_io::driver::{DigitalInput16, DigitalOutput16};
use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_driver_api::message::RobotDriver;
use cellwright_model::cell::{Cell, DeviceKind};
use cellwright_model::job::{
    Approach, JobEnd, JobResult, RtCommand, RtEventKind, RtOp, Tighten, Trip, Until, UrgentWord,
};
use cellwright_model::plant::{Defect, PartKind};
use cellwright_model::robot::{RobotCommand, RobotReply, RobotReport, RobotRequest};
use cellwright_model::{DurationNs, JobId, RequestId, TimeNs};
use cellwright_rt::bus::{Bus, Identity};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_rt::{ControllerEnds, Cycle, Runner};
use cellwright_servo_cia402::driver::{ServoDriver, ServoParameters, TRANSITION_TIMEOUT};
use cellwright_twin::plant::{Cursors, Truth};
use cellwright_twin::ports::TwinPorts;
use cellwright_twin::world::World;

struct InProcess {
    world: World,
    now: TimeNs,
}

impl InProcessSegment for InProcess {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.now = now;
        self.world.process(frame, now)
    }
    fn cycle_begin(&mut self, _cycle: u64, nominal_period: DurationNs) {
        self.world.cycle(self.now, nominal_period.0);
    }
}

fn drivers(cell: &Cell) -> Vec<CyclicDriver> {
    let axis = |position| cell.axes.iter().find(|a| a.subdevice == position).expect("an axis for each drive");
    let driver = |(position, kind)| match kind {
        DeviceKind::Coupler => CyclicDriver::None,
        DeviceKind::DigitalInput16 => CyclicDriver::DigitalInputs(Box::new(DigitalInput16)),
        DeviceKind::DigitalOutput16 => CyclicDriver::DigitalOutputs(Box::new(DigitalOutput16)),
        DeviceKind::AnalogInput4 => CyclicDriver::AnalogInputs(Box::new(AnalogInput4)),
        DeviceKind::ServoCia402 => CyclicDriver::Axis(Box::new(ServoDriver::new(ServoParameters {
            counts_per_au: axis(position).counts_per_au,
            torque_rated_nm: axis(position).torque_rated_nm,
            transition_timeout: TRANSITION_TIMEOUT,
        }))),
    };
    cell.segment.iter().map(|d| d.kind).enumerate().map(driver).collect()
}

fn config(cell: &Cell) -> BusConfig {
    let subdevices = cell.segment.iter().map(|d| ExpectedSubDevice {
        name: d.name.clone(),
        identity: Identity { vendor: d.vendor, product: d.product, revision: d.revision, serial: d.serial },
        start_up: Vec::new(),
    });
    BusConfig { link_name: "twin".into(), period: cell.cycle, subdevices: subdevices.collect(), dc: None }
}

/// A person at the machine: one job after another, each awaited.
struct Operator<'o, B: Bus> {
    runner: &'o mut Runner<B, VirtualClock>,
    cell: &'o Cell,
    ends: ControllerEnds,
    ports: TwinPorts,
    last: u32,
}

impl<B: Bus> Operator<'_, B> {
    fn now(&self) -> TimeNs {
        self.runner.clock().now()
    }

    fn run(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.runner.tick().expect("a cycle"));
    }

    /// Nothing is asked of the cobots: they only say where they are.
    fn tell_robots(&mut self) {
        let now = self.now();
        for robot in &mut self.ports.robots {
            while robot.poll(now).is_some() {}
        }
        let states: Vec<_> = self.ports.robots.iter().map(|r| r.state()).collect();
        self.ends.tell_robots(&states);
    }

    fn job(&mut self, op: RtOp) -> JobResult {
        self.last += 1;
        let job = JobId(self.last);
        self.ends.send(RtCommand { job, op }).expect("room for a command");
        for _ in 0..30_000 {
            self.tell_robots();
            self.runner.tick().expect("a cycle");
            while let Some(event) = self.ends.next_event() {
                match event.kind {
                    RtEventKind::Accepted => {}
                    RtEventKind::Done(result) if event.job == job => return result,
                    other => panic!("{op:?}: {other:?} of job {}", event.job.0),
                }
            }
        }
        panic!("{op:?} does not end");
    }

    fn axis(&self, name: &str) -> cellwright_model::AxisId {
        self.cell.axis(name).expect("an axis")
    }

    fn analog(&self, name: &str) -> cellwright_model::AnalogId {
        self.cell.analog(name).expect("a channel")
    }

    fn value(&mut self, name: &str) -> f64 {
        let id = self.analog(name);
        self.ends.status().analogs[id.index()]
    }

    fn output(&mut self, name: &str, on: bool) {
        let mask = 1 << self.cell.output(name).expect("an output").index();
        self.job(RtOp::SetOutputs { mask, value: if on { mask } else { 0 } });
    }

    fn go(&mut self, axis: &str, target_au: f64, velocity_au_s: f64) {
        let axis = self.axis(axis);
        assert_eq!(self.job(RtOp::MoveTo { axis, target_au, velocity_au_s }).end, JobEnd::Target);
    }

    fn approach(
        &mut self,
        axis: &str,
        limit_au: f64,
        velocity_au_s: f64,
        until: Until,
        trip: Option<Trip>,
    ) -> JobResult {
        let axis = self.axis(axis);
        self.job(RtOp::ApproachUntil { axis, approach: Approach { limit_au, velocity_au_s, until, trip } })
    }

    fn robot(&mut self, robot: usize, command: RobotCommand) -> bool {
        self.last += 1;
        let id = RequestId(self.last);
        let now = self.now();
        self.ports.robots[robot].command(now, RobotRequest { id, command });
        for _ in 0..8_000 {
            self.run(1);
            let now = self.now();
            while let Some(report) = self.ports.robots[robot].poll(now) {
                match report {
                    RobotReport::Reply { reply: RobotReply::Done { holding }, .. } => return holding,
                    RobotReport::Reply { reply, .. } => panic!("{command:?}: {reply:?}"),
                    RobotReport::State(_) => {}
                }
            }
        }
        panic!("no reply to {command:?}");
    }

    fn carry(&mut self, robot: usize, tray: &str, to: &str) {
        let tray = self.cell.tray(tray).expect("a tray").index();
        let from = self.cell.trays[tray].pocket_joints(0, false).expect("a pocket");
        let to = self.cell.robots[robot].pose(to).expect("a pose");
        self.robot(robot, RobotCommand::MoveJ { to: from, speed: 1.0 });
        assert!(self.robot(robot, RobotCommand::Grip { close: true }));
        self.robot(robot, RobotCommand::MoveJ { to, speed: 1.0 });
        assert!(!self.robot(robot, RobotCommand::Grip { close: false }));
        // Out of the way of the table.
        let home = self.cell.robots[robot].pose("home").expect("a pose");
        self.robot(robot, RobotCommand::MoveJ { to: home, speed: 1.0 });
    }

    /// Bus up, drives on, axes at home.
    fn start(&mut self) {
        self.runner.bring_up().expect("the segment comes up");
        self.ends.set_urgent(UrgentWord::None);
        self.run(50);
        self.job(RtOp::Enable { axes: 0b1111 });
        self.go("press_z", 0.0, 40.0);
        self.go("driver_1", 0.0, 1200.0);
        self.go("feeder_x", 0.0, 120.0);
        self.go("table", 0.0, 72.0);
    }

    fn load(&mut self) {
        self.carry(0, "hub_tray", "load");
        self.go("feeder_x", 110.0, 300.0);
        self.go("feeder_x", 0.0, 300.0);
    }

    /// The press step: contact, end and its force.
    fn press(&mut self) -> (JobResult, JobResult, f64) {
        let load_cell = self.analog("load_cell");
        self.go("table", 90.0, 300.0);
        self.go("press_z", 38.0, 60.0);
        let contact = self.approach("press_z", 42.0, 2.0, Until::AnalogAtLeast(load_cell, 5.0), None);
        let depth = contact.trigger_au + 12.40;
        let trip = Some(Trip { analog: load_cell, above: 180.0 });
        let seat = self.approach("press_z", depth, 2.0, Until::Position(depth), trip);
        self.run(200);
        let force = self.value("load_cell");
        self.go("press_z", 0.0, 60.0);
        (contact, seat, force)
    }

    /// The screw step: run-down, seek, tighten, as far as it gets.
    fn screw(&mut self) -> Vec<JobResult> {
        let torque = self.analog("torque_1");
        self.go("table", 180.0, 300.0);
        self.carry(1, "cap_tray", "close");
        self.go("driver_1", 0.0, 1800.0);
        let trip = Some(Trip { analog: torque, above: 0.10 });
        let rundown = self.approach("driver_1", 540.0, 1800.0, Until::Position(540.0), trip);
        if rundown.end != JobEnd::Target {
            return vec![rundown];
        }
        let seek = self.approach("driver_1", 720.0, 360.0, Until::AnalogAtLeast(torque, 0.10), None);
        if seek.end != JobEnd::Triggered {
            return vec![rundown, seek];
        }
        let tighten = self.job(RtOp::Tighten {
            axis: self.axis("driver_1"),
            tighten: Tighten {
                sensor: torque,
                target_nm: 0.35,
                ramp_nm_s: 0.83,
                torque_max_nm: 0.525,
                stall: DurationNs::from_millis(200),
                angle_max_au: 180.0,
                speed_max_au_s: 360.0,
                hold: DurationNs::from_millis(100),
            },
        });
        vec![rundown, seek, tighten]
    }

    /// The leak test: pressure when filled, decay in Pa/s.
    fn leak(&mut self) -> (f64, f64) {
        self.go("table", 270.0, 300.0);
        self.output("clamp_test", true);
        self.output("valve_vent", true);
        self.output("valve_fill", true);
        self.run(1_000);
        let filled = self.value("leak_1");
        self.output("valve_fill", false);
        self.run(1_000);
        let mean = |o: &mut Self| {
            (0..500)
                .map(|_| {
                    o.run(1);
                    o.value("leak_1")
                })
                .sum::<f64>()
                / 500.0
        };
        let early = mean(self);
        self.run(1_000);
        let late = mean(self);
        self.output("valve_vent", false);
        self.output("clamp_test", false);
        (filled, (early - late) / 1.5)
    }
}

type TwinBus<'b> = EthercrabBus<'b, InProcessLink<InProcess, VirtualClock>, VirtualClock>;

/// Makes a world whose first parts have exactly these defects, brings it up and hands it over.
fn with_operator(defects: &[Defect], body: impl FnOnce(&mut Operator<'_, &mut TwinBus<'_>>, &Truth)) {
    let cell = common::cell();
    let description = common::description(&cell);
    let wanted = |seed: &u64| {
        let t = Truth { description: description.clone(), seed: *seed };
        PartKind::ALL.iter().all(|&k| t.defect(k, 0) == defects.iter().copied().find(|d| d.kind() == k))
    };
    let seed = (1..).find(wanted).expect("such a unit exists");
    let truth = Truth { description: description.clone(), seed };
    let (world, ports) = World::new(&cell, description, seed, &Cursors::default()).expect("a world");
    let clock = VirtualClock::default();
    let link = InProcessLink::new(InProcess { world, now: TimeNs(0) }, clock.clone());
    let (rt, ends) = cellwright_rt::link();
    let cycle = Cycle::new(&cell, drivers(&cell), rt).expect("a cycle");
    with_bus(link, clock.clone(), config(&cell), |bus| {
        let mut runner = Runner::new(cycle, bus, clock);
        let mut operator = Operator { runner: &mut runner, cell: &cell, ends, ports, last: 0 };
        operator.start();
        body(&mut operator, &truth);
    });
}

#[test]
fn a_good_unit_passes_every_limit_of_its_recipe() {
    with_operator(&[], |o, truth| {
        o.load();
        let (contact, seat, force) = o.press();
        assert_eq!((contact.end, seat.end), (JobEnd::Triggered, JobEnd::Target));
        assert!((contact.trigger_au - truth.hub(0).contact_mm).abs() < 0.15, "{contact:?}");
        assert!((seat.position_au - contact.trigger_au - 12.40).abs() < 0.02, "{seat:?}");
        assert!((84.0..136.0).contains(&force), "{force} N");

        let [rundown, seek, tighten] = o.screw()[..] else { panic!("the screw step ended early") };
        assert_eq!(
            (rundown.end, seek.end, tighten.end),
            (JobEnd::Target, JobEnd::Triggered, JobEnd::Triggered)
        );
        assert!((560.0..700.0).contains(&seek.trigger_au), "{seek:?}");
        assert!((0.33..0.37).contains(&tighten.peak), "{tighten:?}");
        let from_snug = tighten.position_au - seek.trigger_au;
        assert!((10.0..50.0).contains(&from_snug), "{from_snug} deg from snug, {tighten:?}");

        let (filled, decay) = o.leak();
        assert!((filled - 50_000.0).abs() < 500.0, "{filled} Pa");
        assert!((decay - truth.cap(0).leak_pa_s).abs() < 1.5, "{decay} Pa/s");
        let bus = o.ends.status().bus;
        assert_eq!((bus.wkc_errors, bus.lost_frames, bus.missed_cycles), (0, 0, 0));
    });
}

fn ends(results: &[JobResult]) -> Vec<JobEnd> {
    results.iter().map(|r| r.end).collect()
}

#[test]
fn bad_parts_fail_as_their_defect_says() {
    with_operator(&[Defect::HubOversize, Defect::CapCrossThread], |o, _| {
        o.load();
        let (_, seat, _) = o.press();
        assert_eq!(seat.end, JobEnd::Tripped);
        assert!(seat.peak > 180.0 && seat.peak < 200.0, "{seat:?}");
        let screwed = o.screw();
        assert_eq!(ends(&screwed), [JobEnd::Tripped], "cross-thread");
        assert!(screwed[0].trigger_au < 440.0, "{screwed:?}");
    });
    with_operator(&[Defect::HubUndersize, Defect::LeakySeal], |o, _| {
        o.load();
        let (_, seat, force) = o.press();
        assert!(seat.end == JobEnd::Target && force < 66.0, "{force} N");
        assert_eq!(ends(&o.screw()), [JobEnd::Target, JobEnd::Triggered, JobEnd::Triggered]);
        let (_, decay) = o.leak();
        assert!(decay > 20.0, "{decay} Pa/s");
    });
    with_operator(&[Defect::CannulaOversize, Defect::CapStripped], |o, _| {
        o.load();
        assert_eq!(o.press().1.end, JobEnd::Tripped);
        assert_eq!(ends(&o.screw()), [JobEnd::Target, JobEnd::Limit], "stripped");
    });
}
