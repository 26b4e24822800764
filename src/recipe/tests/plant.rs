//! plant.yaml of the embedded cell, and wrong ones.

use cellwright_model::cell::Cell;
use cellwright_model::plant::{Defect, PartKind, PlantDescription};
use cellwright_recipe::{Diagnostic, FileSource, Sources, load_cell, load_plant};

const CELL: &str = include_str!("../../../cells/cannula-cell/cell.yaml");
const PLANT: &str = include_str!("../../../cells/cannula-cell/plant.yaml");

struct Files<'a> {
    plant: &'a str,
}

impl FileSource for Files<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "cell.yaml" => Ok(CELL.as_bytes().to_vec()),
            "plant.yaml" => Ok(self.plant.as_bytes().to_vec()),
            _ => Err("no such file".into()),
        }
    }
}

fn cell() -> Cell {
    let mut sources = Sources::default();
    load_cell(&Files { plant: "" }, "cell.yaml", None, &mut sources).expect("the embedded cell").0
}

fn load(plant: &str) -> Result<PlantDescription, Vec<(String, usize, String)>> {
    let mut sources = Sources::default();
    load_plant(&Files { plant }, "plant.yaml", &cell(), &mut sources).map(|(p, _)| p).map_err(|list| {
        let row =
            |d: &Diagnostic| (d.code.as_str().to_string(), sources.places(d.span).0.line, d.message.clone());
        list.iter().map(row).collect()
    })
}

/// The embedded plant with one text replaced: the diagnostics, and the line of the replacement.
fn broken(from: &str, to: &str) -> (Vec<(String, usize, String)>, usize) {
    assert_eq!(PLANT.matches(from).count(), 1, "`{from}` must occur once");
    let line = PLANT[..PLANT.find(from).unwrap()].lines().count();
    (load(&PLANT.replace(from, to)).expect_err("it was accepted"), line.max(1))
}

#[test]
fn the_embedded_plant_is_read_in_canonical_units() {
    let p = load(PLANT).expect("the embedded plant");
    assert_eq!(p.axes.len(), 4);
    assert!((p.axes[1].inertia_kgm2 - 0.6e-4).abs() < 1e-12);
    assert_eq!(p.axes[3].au_per_revolution, 36.0);
    assert_eq!(p.tip.burr_mm.nominal, 0.009);
    assert_eq!(p.leak.supply_pa, 50_000.0);
    assert_eq!(p.material_of(PartKind::Cannula).map(|m| m.lot.as_str()), Some("C24-0932"));
    let of_parts = p.defects.iter().filter(|d| d.defect.kind() != PartKind::Unit);
    let total: f64 = of_parts.map(|d| d.share).sum();
    assert!((0.15..=0.20).contains(&total), "{total}");
    assert_eq!(p.defects.len(), Defect::ALL.len() - 1, "all but that of bringing another unit");
}

#[test]
fn wrong_plants_say_what_and_where() {
    for (from, to, code) in [
        ("plant: 1 ", "plant: 2 ", "R0110"),
        ("cell: cannula-cell", "cell: other-cell", "R0701"),
        ("  driver_1: { inertia", "  drover_1: { inertia", "R0302"),
        ("per_revolution: 5 mm", "per_revolution: 5 deg", "R0203"),
        ("coulomb: 0.060 N·m", "coulomb: -0.060 N·m", "R0112"),
        ("start: 1 mm,", "start: 140 mm,", "R0702"),
        ("noise: 3 Pa", "noise: 3", "R0201"),
        ("miss: 0 %", "miss: 120 %", "R0112"),
        ("station: press\n", "station: pres\n", "R0306"),
        ("axis: press_z", "axis: driver_1", "R0706"),
        ("force: load_cell", "force: torque_1", "R0203"),
        ("bit: 0.050 N·m", "bits: 0.050 N·m", "R0101"),
        ("  burr: 3 %", "  bur: 3 %", "R0105"),
        ("hub_oversize: 3 %", "hub_oversize: 99 %", "R0112"),
        ("leaky_seal: 3 %", "leaky_seal: 103 %", "R0112"),
        ("part: HUB-23", "part: HUB-24", "R0710"),
        ("  lane_2:\n", "  good_tray:\n", "R0709"),
        ("cannula, part: CAN-25", "hub, part: CAN-25", "R0107"),
        ("component: cap, ", "component: hub, ", "R0107"),
        ("04012345678901", "04012345678902", "R0113"),
        ("expiry: 2030-02-28", "expiry: 2030-13-28", "R0113"),
        ("bin_drop: drop", "bin_drop: dropped", "R0105"),
        ("present: press.hub", "present: prss.hub", "R0105"),
        ("present: press.hub", "present: press.hubs", "R0105"),
        ("cameras: { cam_1: test }", "cameras: { }", "R0102"),
    ] {
        let (found, line) = broken(from, to);
        assert!(
            found.iter().any(|(c, l, _)| c == code && l.abs_diff(line) <= 2),
            "`{to}`: {found:?}, expected {code} near line {line}"
        );
    }
}

#[test]
fn all_mistakes_come_in_one_run() {
    let text = PLANT
        .replace("miss: 0 %", "miss: 0")
        .replace("supply: 50 kPa", "supply: 50 mm")
        .replace("  burr: 3 %", "  bur: 3 %");
    let codes: Vec<String> = load(&text).expect_err("accepted").into_iter().map(|(c, _, _)| c).collect();
    assert_eq!(codes, ["R0201", "R0203", "R0105"]);
}
