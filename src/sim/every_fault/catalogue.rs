//! Which faults make sense at a step: by what it moves, reads, holds and asks.

use std::collections::BTreeSet;

use cellwright_controller::DeviceId;
use cellwright_model::cell::Cell;
use cellwright_model::faults::{Fault as Below, FaultEntry, FaultMoment, Lasts, Way};
use cellwright_model::injection::Injection;
use cellwright_model::plan::{Place, Primitive, Resource, Step, Stop};
use cellwright_model::{AnalogId, AxisId, DurationNs, InputId, RobotId};

/// Internal fault of a drive (CiA 402-2, error code of a device-internal software fault).
const DRIVE_FAULT: u16 = 0x6100;
/// Cycles without a reply that are bridged, as a share of what the cell permits, and many more than that.
const BRIDGED: f64 = 0.25;
const LOST: u64 = 20;
/// Grips in a row that miss.
const MISSES: u32 = 20;

/// A fault with the word that stands for it: `drive-fault:press_z`.
#[derive(Debug, Clone)]
pub struct Fault {
    pub name: String,
    pub(super) what: What,
}

/// What is done.
#[derive(Debug, Clone)]
pub(super) enum What {
    Machine(Injection),
    /// Below the wire.
    Below(FaultEntry),
    Unplug(DeviceId),
    Store,
    /// The operator answers this to what the step asks.
    Answer(String),
    /// Nobody answers what the step asks.
    Silence,
    /// The nest of the unit is emptied by hand.
    NestEmptied,
}

/// What a step has to do with.
#[derive(Default)]
struct Touched {
    axes: BTreeSet<AxisId>,
    analogs: BTreeSet<AnalogId>,
    inputs: BTreeSet<InputId>,
    robots: BTreeSet<RobotId>,
    devices: Vec<DeviceId>,
    answers: Vec<String>,
    asks: bool,
    lane: bool,
}

/// All that can be done at a step.
pub(super) fn faults(cell: &Cell, step: &Step) -> Vec<Fault> {
    let touched = touched(cell, step);
    let mut faults = anywhere(cell);
    let mut add = |name: String, what: What| faults.push(Fault { name, what });
    for axis in &touched.axes {
        let Some(name) = cell.axes.get(axis.index()).map(|a| &a.name) else { continue };
        let drive = cell.axes[axis.index()].subdevice as u16;
        let axis = *axis;
        add(format!("drive-fault:{name}"), What::Machine(Injection::DriveFault { axis, code: DRIVE_FAULT }));
        add(format!("jammed:{name}"), What::Machine(Injection::AxisJam { axis, jammed: true }));
        add(format!("supply:{name}"), What::Machine(Injection::Power { position: drive, on: false }));
    }
    for analog in &touched.analogs {
        let Some(sensor) = cell.analogs.get(analog.index()) else { continue };
        // One that is off within its range nobody can tell: that is what its calibration is for.
        let broken = Injection::WireBreak { analog: *analog, broken: true };
        add(format!("wire-break:{}", sensor.name), What::Machine(broken));
    }
    for input in &touched.inputs {
        let Some(name) = cell.digital_inputs.get(input.index()).map(|i| &i.name) else { continue };
        for (word, level) in [("on", true), ("off", false)] {
            let stuck = Injection::InputStuck { input: *input, level: Some(level) };
            add(format!("stuck-{word}:{name}"), What::Machine(stuck));
        }
    }
    for robot in &touched.robots {
        let Some(name) = cell.robots.get(robot.index()).map(|r| &r.name) else { continue };
        let robot = *robot;
        let stop = Injection::ProtectiveStop { robot, active: true };
        add(format!("protective-stop:{name}"), What::Machine(stop));
        add(format!("grip-missed:{name}"), What::Machine(Injection::GripMisses { robot, grips: MISSES }));
        add(format!("part-lost:{name}"), What::Machine(Injection::GripperLoses(robot)));
    }
    for device in &touched.devices {
        add(format!("unplugged:{}", device_name(cell, *device)), What::Unplug(*device));
    }
    for answer in &touched.answers {
        add(format!("answer:{answer}"), What::Answer(answer.clone()));
    }
    if touched.asks {
        add("silence".to_owned(), What::Silence);
    }
    if touched.lane {
        add("lane-empty".to_owned(), What::Machine(Injection::LaneEmpty(true)));
    }
    faults
}

/// What can happen whatever the step does.
fn anywhere(cell: &Cell) -> Vec<Fault> {
    let drop = |cycles: f64| FaultEntry {
        at: FaultMoment::PowerOn,
        wait: DurationNs(0),
        lasts: Lasts::Time(DurationNs::from_secs_f64(cycles * cell.cycle.as_secs_f64())),
        fault: Below::Drop { share: 1.0, way: Way::Back },
    };
    let permitted = f64::from(cell.stale_cycles_max);
    [
        ("estop", What::Machine(Injection::EStop(true))),
        ("guard", What::Machine(Injection::GuardOpen(true))),
        ("air", What::Machine(Injection::AirOff(true))),
        ("frames-few", What::Below(drop((permitted * BRIDGED).max(1.0)))),
        ("frames-many", What::Below(drop(permitted * LOST as f64))),
        ("cable", What::Machine(Injection::Link { position: 0, port: 1, up: false })),
        ("store", What::Store),
        ("nest-emptied", What::NestEmptied),
    ]
    .map(|(name, what)| Fault { name: name.to_owned(), what })
    .into()
}

fn touched(cell: &Cell, step: &Step) -> Touched {
    let mut t = Touched::default();
    t.axes.extend((0..cell.axes.len()).filter(|i| step.axes() >> i & 1 == 1).map(|i| AxisId(i as u16)));
    let conditions = [&step.supply, &step.check_before, &step.check_after].into_iter().flatten();
    let mut inputs = Vec::new();
    conditions.for_each(|c| c.inputs(&mut inputs));
    for resource in &step.resources {
        match resource {
            Resource::Robot(robot) => t.robots.extend([*robot]),
            Resource::Camera(camera) => t.devices.push(DeviceId::Camera(*camera)),
            Resource::Scanner(scanner) => t.devices.push(DeviceId::Scanner(*scanner)),
            Resource::Printer(printer) => t.devices.push(DeviceId::Printer(*printer)),
            _ => {}
        }
    }
    for op in step.ops.iter().chain(&step.cleanup) {
        match op {
            Primitive::WaitUntil { condition, .. } | Primitive::Check { condition, .. } => {
                condition.inputs(&mut inputs);
            }
            Primitive::ApproachUntil { until, trip, .. } => {
                t.analogs.extend(trip.map(|(analog, _)| analog));
                if let Stop::AnalogAtLeast(analog, _) = until {
                    t.analogs.extend([*analog]);
                }
            }
            Primitive::Tighten { sensor, .. } => t.analogs.extend([*sensor]),
            Primitive::CaptureStart { analog, .. } => t.analogs.extend(*analog),
            Primitive::PlacePart { to, verify, .. } => {
                inputs.extend(*verify);
                if let Place::Bin(bin) = to {
                    inputs.extend(cell.trays.get(bin.index()).and_then(|b| b.bin).and_then(|b| b.drop));
                }
            }
            Primitive::Ask { answers, pass, .. } => {
                t.asks = true;
                t.answers.extend(answers.iter().filter(|a| !pass.contains(a)).cloned());
            }
            Primitive::Consume { source: Some(source), .. } => {
                t.lane |= cell.trays.get(source.index()).is_some_and(|tray| tray.feeder.is_some());
            }
            _ => {}
        }
    }
    // A safety signal has its own faults.
    t.inputs.extend(inputs.into_iter().filter(|i| !cell.safety.contains(i)));
    t
}

fn device_name(cell: &Cell, device: DeviceId) -> String {
    match device {
        DeviceId::Camera(id) => cell.cameras.get(id.index()).map(|c| c.name.clone()),
        DeviceId::Scanner(id) => cell.scanners.get(id.index()).map(|s| s.name.clone()),
        DeviceId::Printer(id) => cell.printers.get(id.index()).map(|p| p.name.clone()),
    }
    .unwrap_or_default()
}

/// What ends a fault of the machine; `None`: it is over by itself, or what was done stays done.
pub(super) fn mends(injection: Injection) -> Option<Injection> {
    use Injection::*;
    Some(match injection {
        EStop(_) => EStop(false),
        GuardOpen(_) => GuardOpen(false),
        AirOff(_) => AirOff(false),
        LaneEmpty(_) => LaneEmpty(false),
        InputStuck { input, .. } => InputStuck { input, level: None },
        AxisJam { axis, .. } => AxisJam { axis, jammed: false },
        AnalogOffset { analog, .. } => AnalogOffset { analog, offset: 0.0 },
        WireBreak { analog, .. } => WireBreak { analog, broken: false },
        ProtectiveStop { robot, .. } => ProtectiveStop { robot, active: false },
        GripMisses { robot, .. } => GripMisses { robot, grips: 0 },
        Printer { printer, .. } => Printer { printer, trouble: None },
        Power { position, .. } => Power { position, on: true },
        Link { position, port, .. } => Link { position, port, up: true },
        _ => return None,
    })
}
