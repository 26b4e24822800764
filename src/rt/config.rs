//! What a cell description must hold before a cycle is made of it. Recipe-level checks of cell.yaml come
//! earlier and say more; these keep the cycle from being built on indices that do not exist.

use cellwright_driver_api::cyclic::{CyclicDriver, DriveMode};
use cellwright_model::cell::{Axis, Cell};
use cellwright_model::limits::{ANALOG_MAX, AXES_MAX, DIGITAL_MAX, SUBDEVICES_MAX};

use crate::axis::Modes;
use crate::bus::{BusFault, Layout, ProcessImage};

/// A cell description and drivers that do not fit each other or the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CycleError {
    /// More of something than the cycle has room for.
    TooMany { what: &'static str, count: usize, max: usize },
    /// Drivers and SubDevices are not the same number.
    Drivers { drivers: usize, subdevices: usize },
    /// A named axis or signal is on a SubDevice that has no such driver or channel, or the place is taken.
    Place { name: String, subdevice: usize },
    /// A limit that is no positive finite number, or a travel without length.
    Limit { name: String },
    /// The period of the cycle is zero.
    Period,
    /// A safety input that is not among the digital inputs.
    Safety { index: usize },
}

impl core::fmt::Display for CycleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            CycleError::TooMany { what, count, max } => {
                write!(f, "{count} {what}, at most {max} are possible")
            }
            CycleError::Drivers { drivers, subdevices } => {
                write!(f, "{drivers} drivers for {subdevices} SubDevices")
            }
            CycleError::Place { name, subdevice } => {
                write!(f, "`{name}` has no free place of its kind on SubDevice {subdevice}")
            }
            CycleError::Limit { name } => {
                write!(f, "a limit of axis `{name}` is not positive, or lo is not below hi")
            }
            CycleError::Period => f.write_str("the period of the cycle is zero"),
            CycleError::Safety { index } => write!(f, "safety input {index} is not a digital input"),
        }
    }
}

impl std::error::Error for CycleError {}

/// An image of nothing: there until the first bring-up.
pub(crate) fn empty_image() -> Result<ProcessImage, CycleError> {
    ProcessImage::new(&Layout::new(Vec::new())).map_err(|fault| match fault {
        BusFault::ImageTooLarge { bytes, limit } => {
            CycleError::TooMany { what: "bytes of process image", count: bytes, max: limit }
        }
        _ => CycleError::Period,
    })
}

pub(crate) fn check(cell: &Cell, drivers: &[CyclicDriver]) -> Result<(), CycleError> {
    bounds(cell)?;
    if drivers.len() != cell.segment.len() {
        return Err(CycleError::Drivers { drivers: drivers.len(), subdevices: cell.segment.len() });
    }
    if cell.cycle.0 == 0 {
        return Err(CycleError::Period);
    }
    axes(cell, drivers)?;
    signals(cell, drivers)?;
    match cell.safety.iter().find(|id| id.index() >= cell.digital_inputs.len()) {
        Some(id) => Err(CycleError::Safety { index: id.index() }),
        None => Ok(()),
    }
}

fn bounds(cell: &Cell) -> Result<(), CycleError> {
    for (what, count, max) in [
        ("SubDevices", cell.segment.len(), SUBDEVICES_MAX),
        ("axes", cell.axes.len(), AXES_MAX),
        ("digital inputs", cell.digital_inputs.len(), DIGITAL_MAX),
        ("digital outputs", cell.digital_outputs.len(), DIGITAL_MAX),
        ("analog channels", cell.analogs.len(), ANALOG_MAX),
    ] {
        if count > max {
            return Err(CycleError::TooMany { what, count, max });
        }
    }
    Ok(())
}

fn axes(cell: &Cell, drivers: &[CyclicDriver]) -> Result<(), CycleError> {
    for (i, axis) in cell.axes.iter().enumerate() {
        let driver = drivers.get(axis.subdevice);
        let taken = cell.axes[..i].iter().any(|a| a.subdevice == axis.subdevice);
        if taken || !matches!(driver, Some(CyclicDriver::Axis(_))) {
            return Err(CycleError::Place { name: axis.name.clone(), subdevice: axis.subdevice });
        }
        if !limits_hold(axis) {
            return Err(CycleError::Limit { name: axis.name.clone() });
        }
    }
    Ok(())
}

/// What the process data of the drive of an axis carry.
pub(crate) fn modes(axis: &Axis, drivers: &[CyclicDriver]) -> Modes {
    match drivers.get(axis.subdevice) {
        Some(CyclicDriver::Axis(driver)) => {
            Modes { torque: driver.supports(DriveMode::Cst), homing: driver.supports(DriveMode::Homing) }
        }
        _ => Modes::default(),
    }
}

fn limits_hold(a: &Axis) -> bool {
    let positive = [
        a.counts_per_au,
        a.velocity_max,
        a.acceleration_max,
        a.jerk_max,
        a.torque_rated_nm,
        a.torque_max_nm,
        a.following_error_max_au,
    ];
    let travel = a.travel_lo_au.is_finite() && a.travel_hi_au.is_finite() && a.travel_lo_au < a.travel_hi_au;
    travel && positive.iter().all(|v| v.is_finite() && *v > 0.0)
}

fn signals(cell: &Cell, drivers: &[CyclicDriver]) -> Result<(), CycleError> {
    let channels = |subdevice: usize, kind: fn(&CyclicDriver) -> Option<u8>| {
        drivers.get(subdevice).and_then(kind).unwrap_or(0)
    };
    let inputs =
        cell.digital_inputs.iter().map(|i| (&i.name, i.subdevice, i.bit, input_channels as Channels));
    let outputs =
        cell.digital_outputs.iter().map(|o| (&o.name, o.subdevice, o.bit, output_channels as Channels));
    let analogs = cell.analogs.iter().map(|a| (&a.name, a.subdevice, a.channel, analog_channels as Channels));
    for (name, subdevice, channel, kind) in inputs.chain(outputs).chain(analogs) {
        if channel >= channels(subdevice, kind) {
            return Err(CycleError::Place { name: name.clone(), subdevice });
        }
    }
    Ok(())
}

type Channels = fn(&CyclicDriver) -> Option<u8>;

fn input_channels(d: &CyclicDriver) -> Option<u8> {
    if let CyclicDriver::DigitalInputs(d) = d { Some(d.channels()) } else { None }
}

fn output_channels(d: &CyclicDriver) -> Option<u8> {
    if let CyclicDriver::DigitalOutputs(d) = d { Some(d.channels()) } else { None }
}

fn analog_channels(d: &CyclicDriver) -> Option<u8> {
    if let CyclicDriver::AnalogInputs(d) = d { Some(d.channels()) } else { None }
}
