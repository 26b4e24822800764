//! What every way of running needs: cell, plant and Plan read and checked; drivers and bus as the cell
//! describes them.

use std::path::Path;
use std::sync::Arc;

use cellwright_analog_in::driver::AnalogInput4;
use cellwright_bus::{BusConfig, ExpectedSubDevice, StartUpSdo};
use cellwright_controller::{Engine, EngineConfig, EngineError, Load, TrayState, TrayUse};
use cellwright_digital_io::driver::{DigitalInput16, DigitalOutput16};
use cellwright_driver_api::cyclic::CyclicDriver;
use cellwright_model::TrayId;
use cellwright_model::cell::{Axis, Cell, DeviceKind, SubDevice};
use cellwright_model::material::Label;
use cellwright_model::order::OrderTerms;
use cellwright_model::plan::Plan;
use cellwright_model::plant::{Material, PlantDescription};
use cellwright_recipe::order_text::NoProduction;
use cellwright_recipe::{Diagnostic, Sources, compile, load_cell, load_order, load_plant, render};
use cellwright_rt::bus::{Identity, SdoData};
use cellwright_servo_cia402::driver::{
    ServoDriver, ServoParameters, StartUpObject, start_up as servo_start_up,
};
use cellwright_trace::Recovery;

use super::Failure;
use super::args::CellArgs;
use super::files::{EMBEDDED_CELL, EMBEDDED_RECIPE, Files};
use super::out::errln;

/// A cell with its Plan, checked; nothing has been moved or written.
pub(crate) struct Prepared {
    pub(crate) cell: Arc<Cell>,
    pub(crate) plan: Arc<Plan>,
    /// Of the twin; `None` on a real bus.
    pub(crate) plant: Option<PlantDescription>,
    /// Of the order file, if one was named.
    pub(crate) terms: Option<Arc<OrderTerms>>,
}

/// What is to be read.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) cell: &'a CellArgs,
    /// In the place of the recipe.
    pub(crate) order: Option<&'a Path>,
    pub(crate) plant: bool,
    /// Why nothing that is made here is a production record.
    pub(crate) no_production: NoProduction<'a>,
}

impl<'a> Wanted<'a> {
    /// Recipe and cell, without an order.
    pub(crate) fn recipe(cell: &'a CellArgs, plant: bool) -> Wanted<'a> {
        Wanted { cell, order: None, plant, no_production: None }
    }
}

/// Everything that reading said, with the files it speaks of.
pub(crate) struct Reading {
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What came of it; `None` if there was an error.
    pub(crate) prepared: Option<Prepared>,
}

/// Reads and checks. Every diagnostic of one stage is given at once; a recipe is looked at only with a cell
/// that holds, since it is checked against it.
pub(crate) fn read(wanted: Wanted<'_>) -> Reading {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let prepared = read_into(wanted, &mut sources, &mut diagnostics);
    Reading { sources, diagnostics, prepared }
}

fn read_into(
    wanted: Wanted<'_>,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Prepared> {
    let mut keep = |result: Result<Vec<Diagnostic>, Vec<Diagnostic>>| match result {
        Ok(warnings) => {
            diagnostics.extend(warnings);
            Some(())
        }
        Err(all) => {
            diagnostics.extend(all);
            None
        }
    };
    let args = wanted.cell;
    let folder = args.cell.as_deref().map_or_else(|| EMBEDDED_CELL.to_owned(), text);
    let taught = format!("{folder}/taught.yaml");
    let taught = Files.exists(&taught).then_some(taught.as_str());
    let (result, cell) = split(load_cell(&Files, &format!("{folder}/cell.yaml"), taught, sources));
    keep(result)?;
    let cell = cell?;
    let mut plant = None;
    if wanted.plant {
        let (result, description) =
            split(load_plant(&Files, &format!("{folder}/plant.yaml"), &cell, sources));
        keep(result)?;
        plant = description;
    }
    let mut order = None;
    if let Some(path) = wanted.order {
        let (result, text) = split(load_order(&Files, &text(path), &cell, wanted.no_production, sources));
        keep(result)?;
        order = text;
    }
    let (recipe, variant) = match &order {
        Some(order) => (order.recipe.clone(), order.variant.as_deref()),
        None => {
            let named = args.recipe.as_deref().map(text);
            (named.unwrap_or_else(|| EMBEDDED_RECIPE.to_owned()), args.variant.as_deref())
        }
    };
    let (result, plan) = split(compile(&Files, &recipe, &cell, variant, cellwright_steps::TABLE, sources));
    keep(match &order {
        Some(order) => result.map_err(|list| order.at_its_words(list, sources)),
        None => result,
    })?;
    let plan = Arc::new(plan?);
    let terms = order.map(|o| Arc::new(o.terms(&plan)));
    Some(Prepared { cell: Arc::new(cell), plan, plant, terms })
}

type Read<T> = Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>;

fn split<T>(result: Read<T>) -> (Result<Vec<Diagnostic>, Vec<Diagnostic>>, Option<T>) {
    match result {
        Ok((value, warnings)) => (Ok(warnings), Some(value)),
        Err(all) => (Err(all), None),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Reads and checks for a command that goes on: diagnostics to standard error, errors end it.
pub(crate) fn prepare(wanted: Wanted<'_>) -> Result<Prepared, Failure> {
    let reading = read(wanted);
    if !reading.diagnostics.is_empty() {
        errln!("{}", render(&reading.diagnostics, &reading.sources).trim_end_matches('\n'));
    }
    reading.prepared.ok_or(Failure::Shown)
}

/// The cyclic driver of each SubDevice, in the order of the wire.
pub(crate) fn drivers(cell: &Cell) -> Vec<CyclicDriver> {
    let driver = |(position, device): (usize, &SubDevice)| match device.kind {
        DeviceKind::Coupler => CyclicDriver::None,
        DeviceKind::DigitalInput16 => CyclicDriver::DigitalInputs(Box::new(DigitalInput16)),
        DeviceKind::DigitalOutput16 => CyclicDriver::DigitalOutputs(Box::new(DigitalOutput16)),
        DeviceKind::AnalogInput4 => CyclicDriver::AnalogInputs(Box::new(AnalogInput4)),
        // The cell file has been checked: a drive without an axis is refused there.
        DeviceKind::ServoCia402 => axis_at(cell, position)
            .map_or(CyclicDriver::None, |axis| CyclicDriver::Axis(Box::new(servo(axis)))),
    };
    cell.segment.iter().enumerate().map(driver).collect()
}

fn axis_at(cell: &Cell, position: usize) -> Option<&Axis> {
    cell.axes.iter().find(|a| a.subdevice == position)
}

fn servo(axis: &Axis) -> ServoDriver {
    ServoDriver::new(ServoParameters {
        counts_per_au: axis.counts_per_au,
        torque_rated_nm: axis.torque_rated_nm,
        transition_timeout: cellwright_servo_cia402::driver::TRANSITION_TIMEOUT,
    })
}

/// What the bus expects on the wire, with the start-up parameters of each drive.
pub(crate) fn bus_config(cell: &Cell, link_name: &str) -> BusConfig {
    let expected = |(position, device): (usize, &SubDevice)| ExpectedSubDevice {
        name: device.name.clone(),
        identity: Identity {
            vendor: device.vendor,
            product: device.product,
            revision: device.revision,
            serial: device.serial,
        },
        start_up: axis_at(cell, position).map(|axis| start_up(cell, axis)).unwrap_or_default(),
    };
    BusConfig {
        link_name: link_name.to_owned(),
        period: cell.cycle,
        subdevices: cell.segment.iter().enumerate().map(expected).collect(),
    }
}

/// What the driver of the drive wants it told in PRE-OP.
fn start_up(cell: &Cell, axis: &Axis) -> Vec<StartUpSdo> {
    let objects = servo_start_up(axis.torque_max_nm, axis.torque_rated_nm, cell.cycle);
    let sdo = |o: &StartUpObject| {
        SdoData::new(o.bytes()).map(|data| StartUpSdo { index: o.index, sub: o.sub, data })
    };
    objects.iter().filter_map(sdo).collect()
}

/// An engine that goes on where the journal ends.
pub(crate) fn engine(
    cell: &Arc<Cell>,
    trays: &[TrayUse],
    recovery: Option<&Recovery>,
) -> Result<Engine, EngineError> {
    let tray = |(i, used): (usize, &TrayUse)| {
        let name = cell.trays.get(i).map(|t| t.name.as_str()).unwrap_or_default();
        let lots = recovery.and_then(|r| r.tray_lots.get(name)).cloned().unwrap_or_default();
        (TrayId(i as u16), TrayState { next: used.next, lots })
    };
    let config = EngineConfig {
        serial_counter: recovery.and_then(|r| r.serial_counter).unwrap_or(0),
        trays: trays.iter().enumerate().map(tray).collect(),
        leftovers: Vec::new(),
    };
    Engine::new(cell.clone(), config)
}

/// How far each tray was used before, by [`TrayId`]; without a journal all are new.
pub(crate) fn tray_use(cell: &Cell, recovery: Option<&Recovery>) -> Vec<TrayUse> {
    let used = |name: &str| {
        recovery.map_or_else(TrayUse::default, |r| TrayUse {
            next: r.tray_cursors.get(name).copied().unwrap_or(0),
            picks: r.picks.get(name).copied().unwrap_or(0),
        })
    };
    cell.trays.iter().map(|t| used(&t.name)).collect()
}

/// What the automatic operator loads: the material that the plant has.
pub(crate) fn loads(cell: &Cell, materials: &[Material]) -> Vec<Load> {
    let load = |m: &Material| Load { tray: m.source, label: label(cell, m) };
    materials.iter().map(load).collect()
}

/// The label on the box: scanned where the cell knows the part's GTIN, typed otherwise.
fn label(cell: &Cell, m: &Material) -> Label {
    let number = cell.materials.iter().find(|n| n.part == m.part);
    // (17) has two digits of the year.
    let digits: String = m.expiry.chars().filter(char::is_ascii_digit).skip(2).collect();
    match number {
        Some(n) => Label::Scanned(format!("(01){}(17){digits}(10){}", n.gtin, m.lot)),
        None => Label::Typed {
            part: m.part.clone(),
            lot: m.lot.clone(),
            expiry: Some(m.expiry.clone()),
            quantity: None,
        },
    }
}

/// Name and version, as the record has it.
pub(crate) fn program() -> String {
    format!("cellwright {}", env!("CARGO_PKG_VERSION"))
}
