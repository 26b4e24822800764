//! Zones between the steps of a recipe: what is left inside one, and who comes into it then.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::cell::Cell;
use cellwright_recipe::{Diagnostic, Severity, Sources, compile, load_cell};
use cellwright_steps::TABLE;
use common::{Files, repository};

const CELL: &str = "cells/cannula-cell/cell.yaml";
const RECIPE: &str = "zones.recipe.yaml";
const HEAD: &str = "recipe: 1
id: zones
version: 1.0.0
cell: cannula-cell
specification: { id: DS-0142, revision: C }
components:
  hub: { part: HUB-23, identify: per-unit }
steps:
";
const SCAN: &str = "  - scan: { id: id-hub, component: hub, at: nest }
";
const TAIL: &str = "  - unload: { id: good, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }
on_reject:
  - unload: { id: bad, robot: robot_r, from: unit.location, to: reject_bin, check: bin_drop }
";
const PLACE: &str = "pick-place: { id: place, station: load, robot: robot_l, from: hub_tray.next, to: nest, check: nest_hub_present }";

/// The shipped cell, with a pose at no station in a zone that both cobots share.
fn cell() -> Cell {
    let text = repository(CELL);
    let zone = "zones:
  front:
    - { robot: robot_l, j1: 15 .. 60 deg }
    - { robot: robot_r, j1: -30 .. -15 deg }
  over_load:";
    let head = text.find("zones:").expect("zones");
    let rest = &text[head + text[head..].find("  over_load:").expect("a zone") + "  over_load:".len()..];
    let text = format!("{}{zone}{rest}", &text[..head]);
    let text = text.replacen(
        "      press:       [-45,",
        "      wait:        [-20, -70, 96, -126, -90, -20]\n      press:       [-45,",
        1,
    );
    let mut sources = Sources::default();
    let (cell, _) =
        load_cell(&Files::with(CELL, text.as_str()), CELL, None, &mut sources).expect("the cell holds");
    assert!(cell.zones.len() > 2 && cell.robots[1].pose("wait").is_some());
    cell
}

fn said(steps: &str) -> Vec<String> {
    let scan = if steps.contains(SCAN) { "" } else { SCAN };
    let text = format!("{HEAD}{steps}{scan}{TAIL}");
    let result =
        compile(&Files::with(RECIPE, text.as_str()), RECIPE, &cell(), None, TABLE, &mut Sources::default());
    let list: Vec<Diagnostic> = result.err().unwrap_or_default();
    let errors = list.iter().filter(|d| d.severity == Severity::Error);
    errors.map(|d| format!("{} {}", d.code.as_str(), d.message)).collect()
}

#[test]
fn a_cobot_left_in_a_zone_shuts_the_next_one_out() {
    let park = "  - move: { id: park, robot: robot_r, pose: wait }\n";
    let home = "  - move: { id: home, robot: robot_r, pose: home }\n";
    let told = said(&format!("{park}  - {PLACE}\n{home}"));
    assert_eq!(told, ["R0718 `robot_r` is left in zone `front`, where `place` comes with `robot_l`"]);
    assert!(said(&format!("{park}{home}  - {PLACE}\n")).is_empty());
}

#[test]
fn so_does_one_that_stands_there_in_another_branch() {
    let branches = |other: &str| {
        format!(
            "  - parallel:\n      id: both\n      branches:\n        one:\n          - {PLACE}\n        two:\n{other}"
        )
    };
    let stands = "          - move: { id: park, robot: robot_r, pose: wait }\n          - move: { id: home, robot: robot_r, pose: home }\n";
    let told = said(&branches(stands));
    let why = "R0719 `robot_r` stands in zone `front` in one branch, where `robot_l` comes in the other";
    assert_eq!(told, [why]);
    let passes = "          - move: { id: home, robot: robot_r, pose: home }\n";
    assert!(said(&branches(passes)).is_empty());
}

#[test]
fn a_cobot_that_is_kept_while_the_table_turns_keeps_others_waiting() {
    let park = "  - move: { id: park, station: load, robot: robot_r, pose: wait }\n";
    let home = "  - move: { id: home, station: test, robot: robot_r, pose: home }\n";
    let told = said(&format!("  - {PLACE}\n{SCAN}{park}{home}"));
    let why = "R0718 `robot_r` is left elsewhere than at home, where other units wait for it, when the table brings the \
               unit to `test`";
    assert_eq!(told, [why]);
}

#[test]
fn what_a_condition_may_leave_out_brings_nothing_home() {
    let park = "  - move: { id: park, robot: robot_r, pose: wait }\n";
    let home = "  - move: { id: home, robot: robot_r, pose: home, when: air_ok }\n";
    let told = said(&format!("{park}{home}  - {PLACE}\n"));
    assert_eq!(told, ["R0718 `robot_r` is left in zone `front`, where `place` comes with `robot_l`"]);
}
