//! What every way of running needs: drivers, bus and engine as the cell and its journal describe them.

use std::sync::Arc;

use cellwright_controller::{
    Engine, EngineConfig, EngineError, LeftUnit, Load, Question, QuestionKind, TrayState, TrayUse, journalled,
};
use cellwright_engine::record::Location;
use cellwright_engine::{REMOVE, REMOVED};
use cellwright_model::TrayId;
use cellwright_model::cell::{Cell, SubDevice};
use cellwright_model::material::Label;
use cellwright_model::plan::CARRIED;
use cellwright_model::plant::{Material, PartKind};
use cellwright_model::serial::SerialText;
use cellwright_trace::Recovery;
use cellwright_twin::plant::Injection;

pub use crate::segment::{bus_config, drivers};

/// An engine that goes on where the journal ends. `left`: see [`crate::left::left_units`].
///
/// Errors: a cell that the engine cannot work.
pub fn engine(
    cell: &Arc<Cell>,
    trays: &[TrayUse],
    recovery: Option<&Recovery>,
    left: Vec<LeftUnit>,
) -> Result<Engine, EngineError> {
    let tray = |(i, used): (usize, &TrayUse)| {
        let name = cell.trays.get(i).map(|t| t.name.as_str()).unwrap_or_default();
        let lots = recovery.and_then(|r| r.tray_lots.get(name)).cloned().unwrap_or_default();
        (TrayId(i as u16), TrayState { next: used.next, lots })
    };
    let places = recovery.map(|r| &r.places).into_iter().flatten();
    let doubts = recovery.map(Recovery::doubts).unwrap_or_default();
    let (leftovers, doubts) =
        journalled(cell, places.map(|(part, p)| (part.as_str(), p.place.as_str())), &doubts);
    let config = EngineConfig {
        serial_counter: recovery.and_then(|r| r.serial_counter).unwrap_or(0),
        trays: trays.iter().enumerate().map(tray).collect(),
        leftovers,
        doubts,
        identities: recovery.map(identities).unwrap_or_default(),
        subdevices: recovery.map(|r| subdevices(cell, r)).unwrap_or_default(),
        left,
    };
    Engine::new(cell.clone(), config)
}

fn identities(recovery: &Recovery) -> Vec<(String, String, String)> {
    recovery.identities.iter().map(|i| (i.part.clone(), i.serial.clone(), i.unit.clone())).collect()
}

/// Serial numbers that the journal has, by position.
fn subdevices(cell: &Cell, recovery: &Recovery) -> Vec<(usize, u32)> {
    let known =
        |(position, device): (usize, &SubDevice)| Some((position, *recovery.subdevices.get(&device.name)?));
    cell.segment.iter().enumerate().filter_map(known).collect()
}

/// How far each tray was used before, by [`TrayId`]; without a journal all are new.
pub fn tray_use(cell: &Cell, recovery: Option<&Recovery>) -> Vec<TrayUse> {
    let used = |name: &str| {
        recovery.map_or_else(TrayUse::default, |r| TrayUse {
            next: r.tray_cursors.get(name).copied().unwrap_or(0),
            picks: r.picks.get(name).copied().unwrap_or(0),
        })
    };
    cell.trays.iter().map(|t| used(&t.name)).collect()
}

/// What the automatic operator loads: the material that the plant has. Finished units are none: each is known by its
/// serial.
pub fn loads(cell: &Cell, materials: &[Material]) -> Vec<Load> {
    let load = |m: &Material| Load { tray: m.source, label: label(cell, m) };
    materials.iter().filter(|m| m.kind != PartKind::Unit).map(load).collect()
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
pub fn program() -> String {
    format!("cellwright {}", env!("CARGO_PKG_VERSION"))
}

/// What a step asks to be carried.
fn carried(question: &Question) -> Option<Injection> {
    match question.carry? {
        (Location::Tray { tray, pocket }, Location::Nest(nest)) => {
            let serial = question.serial.as_deref().and_then(SerialText::new);
            Some(Injection::PutInNest { nest, tray, pocket, serial })
        }
        (Location::Nest(nest), Location::Tray { tray, pocket }) => {
            Some(Injection::PutAway { nest, tray, pocket })
        }
        (Location::Nest(nest), Location::Bin(tray)) => Some(Injection::PutAway { nest, tray, pocket: 0 }),
        _ => None,
    }
}

/// What the operator of the twin does with his hands before he gives this answer: what it says is taken out, he
/// takes out, from where he was asked to look.
pub fn acts(question: &Question, answer: &str) -> Vec<Injection> {
    let takes_out = match question.kind {
        QuestionKind::Reconcile => answer == REMOVED,
        QuestionKind::Decision => answer == REMOVE,
        QuestionKind::Recipe if answer == CARRIED => return carried(question).into_iter().collect(),
        QuestionKind::Recipe | QuestionKind::Identity => false,
    };
    let act = |at: &Location| match *at {
        Location::Nest(nest) => Some(Injection::TakeFromNest(nest)),
        Location::Gripper(robot) => Some(Injection::TakeFromGripper(robot)),
        Location::Tray { tray, pocket } => Some(Injection::TakeFromPocket { tray, pocket }),
        Location::Bin(bin) => Some(Injection::TakeFromBin(bin)),
        Location::Hand => None,
    };
    let places = question.places.iter().filter(|_| takes_out);
    places.filter_map(act).collect()
}
