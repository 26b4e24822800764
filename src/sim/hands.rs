//! What the hands of the twin's operator do besides the keyboard: bring the material that the recipe asks for,
//! exchange trays. On a real machine a person does it.

use cellwright_model::TrayId;
use cellwright_model::plan::Plan;
use cellwright_model::plant::Material;
use cellwright_twin::plant::{Injection, TrayLoad};

/// Of the material that there is, what the recipe wants at each source; what lies there where it wants none.
pub fn wanted(plan: &Plan, materials: &[Material]) -> Vec<Material> {
    chosen(plan, materials).map(|(_, material)| material.clone()).collect()
}

/// What has to be brought because something else lies there.
pub fn brought(plan: &Plan, materials: &[Material]) -> Vec<Injection> {
    let lies_there = |m: &Material| materials.iter().position(|x| x.source == m.source);
    chosen(plan, materials)
        .filter(|(place, material)| lies_there(material) != Some(*place))
        .map(|(place, material)| {
            let load = TrayLoad { parts: None, material: u16::try_from(place).ok() };
            Injection::Exchange { tray: material.source, load }
        })
        .collect()
}

/// A full tray of the same material for a used-up one, an empty one for a full one.
pub fn exchange(tray: TrayId) -> Injection {
    Injection::Exchange { tray, load: TrayLoad::default() }
}

/// One material of each source, with its place in the list.
fn chosen<'m>(plan: &Plan, materials: &'m [Material]) -> impl Iterator<Item = (usize, &'m Material)> {
    let asked = |m: &Material| {
        let fits = |source: Option<TrayId>| source.is_none_or(|s| s == m.source);
        plan.components.iter().any(|c| c.part == m.part && fits(c.source))
    };
    let of = |source: TrayId| materials.iter().enumerate().filter(move |(_, m)| m.source == source);
    let mut sources: Vec<TrayId> = materials.iter().map(|m| m.source).collect();
    sources.dedup();
    let best: Vec<_> =
        sources.into_iter().filter_map(|s| of(s).find(|(_, m)| asked(m)).or_else(|| of(s).next())).collect();
    best.into_iter()
}
