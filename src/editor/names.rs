//! What there is in a cell, by kind of name; in one that is being written, by what is written so far.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_recipe::shape::Names;
use cellwright_recipe::tree::{Entry, Node};

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
        Names::Sensor => short_and_whole(all!(digital_inputs)),
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

/// Sensors as they are called at their stations, then all inputs.
fn short_and_whole(whole: Vec<String>) -> Vec<String> {
    let short = whole.iter().filter_map(|n| n.split_once('.')).map(|(_, n)| n.to_owned());
    short.collect::<Vec<_>>().into_iter().chain(whole).collect()
}

/// Names that the text of a cell file gives, which may have mistakes elsewhere.
pub(crate) fn written(root: &Node, of: Names) -> Vec<String> {
    let keys = |list: &[Entry]| list.iter().map(|e| e.key.clone()).collect::<Vec<_>>();
    let signals = |list: &str| root.field("signals").map_or(Vec::new(), |s| keys(s.entries_of(list)));
    let inner = |list: &str, field: &str| {
        root.entries_of(list).iter().flat_map(|e| keys(e.node.entries_of(field))).collect::<Vec<_>>()
    };
    match of {
        Names::Axis => keys(root.entries_of("axes")),
        Names::Input => signals("inputs"),
        Names::Sensor => short_and_whole(signals("inputs")),
        Names::Output => signals("outputs"),
        Names::Analog => signals("analogs"),
        Names::Station => keys(root.entries_of("stations")),
        Names::Robot => keys(root.entries_of("robots")),
        Names::Camera => keys(root.entries_of("cameras")),
        Names::Scanner => keys(root.entries_of("scanners")),
        Names::Printer => keys(root.entries_of("printers")),
        Names::LeakTester => keys(root.entries_of("leak_testers")),
        Names::Equipment => keys(root.entries_of("equipment")),
        Names::Tray | Names::Source | Names::Lane => keys(root.entries_of("trays")),
        Names::Pose => inner("robots", "poses"),
        Names::Job => inner("cameras", "jobs"),
        Names::SubDevice => {
            let devices = root.field("segment").map_or(&[][..], Node::items);
            devices.iter().filter_map(|d| d.field("name")?.word().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}
