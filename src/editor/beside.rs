//! Names that files beside the open one give: sub-recipes and their parameters, recipes with their variants, steps and
//! measurements.

use cellwright_model::plan::Plan;
use cellwright_recipe::FileKind;
use cellwright_recipe::shape::Names;
use cellwright_recipe::tree::Mapping;

use crate::around::{Around, Disk, folder};
use crate::format::kind_of;
use crate::spot::{Read, at, keys_at, text, text_of};

/// What ends the name of a recipe or sub-recipe.
const RECIPE: &str = ".recipe.yaml";

/// Names of a kind; `step`: the fields of the step around the cursor.
pub(crate) fn beside(read: &Read, of: Names, step: Option<&Mapping>, around: Around<'_>) -> Vec<String> {
    let (folder, disk) = (folder(&read.path), around.files);
    let plan = || around.plan(&around.machine(read)?);
    let of_plan = |names: &dyn Fn(&Plan) -> Vec<String>| plan().as_ref().map(names).unwrap_or_default();
    match of {
        Names::Operation => {
            let others = recipes(folder, disk).into_iter().filter(|(_, r)| is(r, FileKind::Operation));
            others.filter_map(|(name, r)| Some(format!("{name}@{}", major(&r)?))).collect()
        }
        Names::Path => {
            let others = recipes(folder, disk).into_iter().filter(|(_, r)| is(r, FileKind::Recipe));
            others.map(|(name, _)| format!("{name}{RECIPE}")).collect()
        }
        Names::Argument => {
            let name = step.and_then(|s| text_of(s, "recipe")).and_then(|r| r.split_once('@'));
            let other = name.and_then(|(name, _)| other(&format!("{folder}/{name}{RECIPE}"), disk));
            other.map(|r| keys_at(&r.root, "params")).unwrap_or_default()
        }
        Names::Variant | Names::Parameter => {
            let path = at(&read.root, &["recipe"]).and_then(|e| text(&e.node));
            let other = path.and_then(|p| other(&format!("{folder}/{p}"), disk));
            let field = if of == Names::Variant { "variants" } else { "params" };
            other.map(|r| keys_at(&r.root, field)).unwrap_or_default()
        }
        Names::Component => of_plan(&|plan| plan.components.iter().map(|c| c.name.clone()).collect()),
        Names::Step => of_plan(&|plan| plan.steps.iter().map(|s| s.id.clone()).collect()),
        Names::Measurement => of_plan(&|plan| {
            let measured = plan.steps.iter().flat_map(|s| s.measurements.iter().map(move |m| (s, m)));
            measured.map(|(s, m)| format!("{}.{}", s.id, m.name)).collect()
        }),
        Names::Alarm => around.alarms.iter().map(|a| (*a).to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// Recipes and sub-recipes of a folder, by their names.
fn recipes(folder: &str, disk: &dyn Disk) -> Vec<(String, Read)> {
    let names = disk.names(folder).into_iter().filter_map(|n| Some(n.strip_suffix(RECIPE)?.to_owned()));
    names.filter_map(|n| other(&format!("{folder}/{n}{RECIPE}"), disk).map(|r| (n, r))).collect()
}

fn other(path: &str, disk: &dyn Disk) -> Option<Read> {
    let bytes = disk.read(path).ok()?;
    Read::new(path, FileKind::Recipe, core::str::from_utf8(&bytes).ok()?)
}

fn is(read: &Read, kind: FileKind) -> bool {
    kind_of(FileKind::Recipe, &read.root) == kind
}

fn major(read: &Read) -> Option<u32> {
    text(&at(&read.root, &["version"])?.node)?.split('.').next()?.parse().ok()
}
