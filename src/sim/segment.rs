//! The segment as the cell file describes it: the driver of each SubDevice, and what the bus expects and writes
//! before the process data flow.

use cellwright_analog_in::driver::AnalogInput4;
use cellwright_bus::{BusConfig, DcConfig, ExpectedSubDevice, StartUpSdo};
use cellwright_digital_io::driver::{DigitalInput16, DigitalOutput16};
use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_model::cell::{Axis, Cell, DeviceKind, StartUpValue, SubDevice};
use cellwright_rt::bus::{Identity, SdoData};
use cellwright_servo_cia402::driver::{
    AxisBounds, ServoDriver, ServoLayout, ServoParameters, StartUpObject, TRANSITION_TIMEOUT, assignment,
    homing, start_up as servo_start_up,
};

/// The cyclic driver of each SubDevice, in the order of the wire.
pub fn drivers(cell: &Cell) -> Vec<CyclicDriver> {
    let driver = |(position, device): (usize, &SubDevice)| match device.kind {
        DeviceKind::Coupler => CyclicDriver::None,
        DeviceKind::DigitalInput16 => CyclicDriver::DigitalInputs(Box::new(DigitalInput16)),
        DeviceKind::DigitalOutput16 => CyclicDriver::DigitalOutputs(Box::new(DigitalOutput16)),
        DeviceKind::AnalogInput4 => CyclicDriver::AnalogInputs(Box::new(AnalogInput4)),
        // The cell file has been checked: a drive without an axis is refused there.
        DeviceKind::ServoCia402 => axis_at(cell, position).map_or(CyclicDriver::None, |axis| {
            CyclicDriver::Axis(Box::new(servo(cell, axis, &layout(device))))
        }),
    };
    cell.segment.iter().enumerate().map(driver).collect()
}

fn axis_at(cell: &Cell, position: usize) -> Option<&Axis> {
    cell.axes.iter().find(|a| a.subdevice == position)
}

/// Of a map that no axis can be moved with, which the cell file's check refuses, the one that nobody chose: the
/// bus then finds other lengths.
fn layout(device: &SubDevice) -> ServoLayout {
    device.pdos.as_ref().and_then(|pdos| ServoLayout::of(pdos).ok()).unwrap_or_default()
}

fn servo(cell: &Cell, axis: &Axis, layout: &ServoLayout) -> ServoDriver {
    let parameters = ServoParameters {
        counts_per_au: axis.counts_per_au,
        torque_rated_nm: axis.torque_rated_nm,
        transition_timeout: TRANSITION_TIMEOUT,
    };
    ServoDriver::with_layout(parameters, *layout, cell.cycle)
}

/// What the bus expects on the wire, with what each SubDevice is told before.
pub fn bus_config(cell: &Cell, link_name: &str) -> BusConfig {
    let expected = |(position, device): (usize, &SubDevice)| ExpectedSubDevice {
        name: device.name.clone(),
        identity: Identity {
            vendor: device.vendor,
            product: device.product,
            revision: device.revision,
            // Which one of its type it is, the engine looks at: a person may confirm another one.
            serial: 0,
        },
        start_up: start_up(cell, position, device),
    };
    BusConfig {
        link_name: link_name.to_owned(),
        period: cell.cycle,
        subdevices: cell.segment.iter().enumerate().map(expected).collect(),
        dc: cell.realtime.dc.map(|dc| DcConfig {
            sync0: dc.sync0,
            shift: dc.shift,
            positions: sync0_positions(cell),
        }),
    }
}

/// The positions of the drives, a bit each: they run by SYNC0.
fn sync0_positions(cell: &Cell) -> u64 {
    let devices = cell.segment.iter().enumerate();
    devices.filter(|(_, d)| d.kind == DeviceKind::ServoCia402).fold(0, |bits, (p, _)| bits | 1 << p)
}

/// Its process data, what the driver of a drive wants it told, and what the cell file adds.
fn start_up(cell: &Cell, position: usize, device: &SubDevice) -> Vec<StartUpSdo> {
    let pdos = device.pdos.as_ref().map(assignment).unwrap_or_default();
    let axis = axis_at(cell, position);
    let bounds = axis.map(|axis| bounds(cell, axis));
    let told = bounds.map(|b| servo_start_up(&b, layout(device).needs_mode_by_sdo())).unwrap_or_default();
    let homed = axis.and_then(|a| Some(homing(a.reference.homing()?, a.counts_per_au))).unwrap_or_default();
    let ours = pdos.iter().chain(&told).chain(&homed).filter_map(sdo);
    ours.chain(device.start_up.iter().filter_map(own)).collect()
}

fn bounds(cell: &Cell, axis: &Axis) -> AxisBounds {
    AxisBounds {
        counts_per_au: axis.counts_per_au,
        torque_max_nm: axis.torque_max_nm,
        torque_rated_nm: axis.torque_rated_nm,
        velocity_max: axis.velocity_max,
        following_error_max: axis.following_error_max_au,
        period: cell.cycle,
    }
}

fn sdo(o: &StartUpObject) -> Option<StartUpSdo> {
    SdoData::new(o.bytes()).map(|data| StartUpSdo { index: o.index, sub: o.sub, data, check: o.check })
}

/// Little endian, as many bytes as its type has.
fn own(v: &StartUpValue) -> Option<StartUpSdo> {
    let bytes = v.value.to_le_bytes();
    let data = SdoData::new(bytes.get(..usize::from(v.bytes))?)?;
    Some(StartUpSdo { index: v.index, sub: v.sub, data, check: false })
}
