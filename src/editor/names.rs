//! What there is in a cell, by kind of name.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_recipe::shape::Names;

/// Names that a cell gives; `None`: another file gives them.
pub fn names(cell: &Cell, of: Names) -> Option<Vec<String>> {
    macro_rules! all {
        ($list:ident) => {
            cell.$list.iter().map(|x| x.name.clone()).collect()
        };
    }
    let trays = |kinds: &[TrayKind], suffix: &str| {
        let of_kind = cell.trays.iter().filter(|t| kinds.contains(&t.kind));
        of_kind.map(|t| format!("{}{suffix}", t.name)).collect::<Vec<_>>()
    };
    Some(match of {
        Names::Cell => vec![cell.id.clone()],
        Names::Axis => all!(axes),
        Names::Input => all!(digital_inputs),
        Names::Sensor => {
            let whole: Vec<String> = all!(digital_inputs);
            let short = whole.iter().filter_map(|n| n.split_once('.')).map(|(_, n)| n.to_owned());
            short.collect::<Vec<_>>().into_iter().chain(whole.iter().cloned()).collect()
        }
        Names::Output => all!(digital_outputs),
        Names::Analog => all!(analogs),
        Names::Station => all!(stations),
        Names::Robot => all!(robots),
        Names::Camera => all!(cameras),
        Names::Scanner => all!(scanners),
        Names::Printer => all!(printers),
        Names::LeakTester => all!(leak_testers),
        Names::SubDevice => all!(segment),
        Names::Tray => all!(trays),
        Names::Equipment => cell.equipment.iter().map(|e| e.id.clone()).collect(),
        Names::Source => trays(&[TrayKind::Source, TrayKind::Lane], ""),
        Names::Lane => trays(&[TrayKind::Lane], ""),
        Names::Pocket => trays(&[TrayKind::Source], ".next"),
        Names::Away => [trays(&[TrayKind::Good], ".next"), trays(&[TrayKind::Reject], "")].concat(),
        Names::Pose => {
            let poses = cell.robots.iter().flat_map(|r| &r.poses);
            poses.map(|p| p.name.clone()).collect()
        }
        Names::Job => {
            let jobs = cell.cameras.iter().flat_map(|c| &c.jobs);
            jobs.map(|j| format!("{}@{}", j.name, j.version)).collect()
        }
        Names::Component
        | Names::Step
        | Names::Measurement
        | Names::Alarm
        | Names::Operation
        | Names::Variant
        | Names::Parameter
        | Names::Path
        | Names::Argument => return None,
    })
}
