//! The embedded cell and its plant, and a bench that drives axes as a MainDevice would.

#![allow(dead_code)]

use cellwright_model::cell::Cell;
use cellwright_model::plant::PlantDescription;
use cellwright_recipe::{FileSource, Sources, load_cell, load_plant};

pub(crate) mod bench;

struct Embedded;

impl FileSource for Embedded {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "cell.yaml" => Ok(include_bytes!("../../../../cells/cannula-cell/cell.yaml").to_vec()),
            "plant.yaml" => Ok(include_bytes!("../../../../cells/cannula-cell/plant.yaml").to_vec()),
            _ => Err("no such file".into()),
        }
    }
}

pub(crate) fn cell() -> Cell {
    load_cell(&Embedded, "cell.yaml", None, &mut Sources::default()).expect("the embedded cell").0
}

pub(crate) fn description(cell: &Cell) -> PlantDescription {
    load_plant(&Embedded, "plant.yaml", cell, &mut Sources::default()).expect("the embedded plant").0
}
