//! What is signed, from files: contents of recipe, cell and touched-up poses.

use std::path::Path;

use cellwright_approval::{Content, Deviation, FileHash, Kind, PlanHash};
use cellwright_model::cell::{Cell, Robot};
use cellwright_model::curve::sha256_hex;
use cellwright_model::plan::Plan;
use cellwright_model::robot::Joints;
use cellwright_recipe::Severity;
use cellwright_sim::{Approvable, Prepared, Reading, read_approvable};

use crate::cli::{Failure, shown};

/// See the module text.
pub(crate) struct Contents {
    pub(crate) recipe: Content,
    pub(crate) cell: Content,
    pub(crate) taught: Option<(Content, Vec<Deviation>)>,
}

impl Contents {
    /// Reads and checks them; what is wrong with the files is said on standard error.
    pub(crate) fn read(recipe: &Path, cell: &Path) -> Result<Contents, Failure> {
        Contents::of(&shown(reading(recipe, cell))?)
    }

    /// Reads once more what was shown before: only what is an error now is said.
    pub(crate) fn read_again(recipe: &Path, cell: &Path) -> Result<Contents, Failure> {
        let mut again = reading(recipe, cell);
        again.diagnostics.retain(|d| d.severity == Severity::Error);
        Contents::of(&shown(again)?)
    }

    /// Errors: a Plan that has no hash.
    pub(crate) fn of(approvable: &Approvable) -> Result<Contents, Failure> {
        let Approvable { cell, taught, recipe: rows } = approvable;
        let of_cell = |kind, file: &str, hash: &str| Content {
            kind,
            id: cell.id.clone(),
            version: None,
            hash: hash.to_owned(),
            cell_hash: cell.hash.clone(),
            files: vec![FileHash { path: file.to_owned(), sha256: hash.to_owned() }],
            plans: Vec::new(),
        };
        let first = rows.plans.first().ok_or_else(|| Failure::Failed("the recipe has no row".to_owned()))?;
        let plan = |p: &Plan| {
            Ok(PlanHash { variant: p.variant.clone(), hash: p.hash().map_err(|e| e.to_string())? })
        };
        let file =
            |(path, sha256): &(String, String)| FileHash { path: path.clone(), sha256: sha256.clone() };
        let plans: Result<Vec<PlanHash>, String> = rows.plans.iter().map(plan).collect();
        Ok(Contents {
            recipe: Content {
                kind: Kind::Recipe,
                id: first.recipe_id.clone(),
                version: Some(first.recipe_version.clone()),
                hash: first.recipe_hash.clone(),
                cell_hash: cell.hash.clone(),
                files: rows.files.iter().map(file).collect(),
                plans: plans.map_err(Failure::Failed)?,
            },
            cell: of_cell(Kind::Cell, "cell.yaml", &cell.hash),
            taught: taught.as_ref().map(|touched| {
                (of_cell(Kind::Taught, "taught.yaml", &touched.taught_hash), deviations(cell, touched))
            }),
        })
    }

    /// What was compiled to be run is what was read here.
    pub(crate) fn are_of(&self, prepared: &Prepared) -> bool {
        let taught = self.taught.as_ref().map(|(content, _)| content.hash.as_str());
        let none = sha256_hex(b"");
        let row = |plan: &Plan| {
            let hash = plan.hash().ok();
            self.recipe.plans.iter().any(|p| p.variant == plan.variant && Some(&p.hash) == hash.as_ref())
        };
        // The Plan of a set is compiled from the same text within what that permits, and needs no approval of its own.
        let of_row =
            |set: &Plan| set.recipe_hash == prepared.plan.recipe_hash && set.variant == prepared.plan.variant;
        self.recipe.hash == prepared.plan.recipe_hash
            && row(&prepared.plan)
            && prepared.sets.values().all(|set| of_row(set))
            && self.cell.hash == prepared.cell.hash
            && taught.unwrap_or(&none) == prepared.cell.taught_hash
    }
}

fn reading(recipe: &Path, cell: &Path) -> Reading<Approvable> {
    read_approvable(&recipe.to_string_lossy(), &cell.to_string_lossy())
}

/// Every joint of a pose or pocket that taught.yaml puts elsewhere than cell.yaml.
fn deviations(cell: &Cell, touched: &Cell) -> Vec<Deviation> {
    let mut found = Vec::new();
    let mut look = |robot: &Robot, what: &str, from: &Joints, to: &Joints| {
        let joints = from.iter().zip(to).enumerate().filter(|(_, (from, to))| from != to);
        found.extend(joints.map(|(joint, (from, to))| Deviation {
            robot: robot.name.clone(),
            what: what.to_owned(),
            joint: joint + 1,
            by_deg: to - from,
            within_deg: robot.touch_up_deg,
        }));
    };
    for (robot, now) in cell.robots.iter().zip(&touched.robots) {
        for (pose, now) in robot.poses.iter().zip(&now.poses) {
            look(robot, &pose.name, &pose.joints, &now.joints);
        }
    }
    for (tray, now) in cell.trays.iter().zip(&touched.trays) {
        let (Some(from), Some(to)) = (&tray.reach, &now.reach) else { continue };
        let Some(robot) = cell.robots.get(from.robot.index()) else { continue };
        let corners =
            [(&from.first, &to.first), (&from.row_end, &to.row_end), (&from.column_end, &to.column_end)];
        corners.into_iter().for_each(|(from, to)| look(robot, &tray.name, from, to));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use cellwright_sim::{What, read};

    use super::*;

    /// An order with a set for one serial, of the shipped recipe.
    fn ordered(folder: &Path, recipe: &Path, cell: &Path) -> Prepared {
        let text = format!(
            "order: 1\nid: PO-1\nlot: L-1\nproduct: {{ part: IS-23 }}\nrecipe: {}\nvariant: 25g\nquantity: 2\n\
             serials: {{ prefix: S-, first: 1, last: 9 }}\n\
             sets: [{{ serials: [S-2], params: {{ seat_depth: 12.38 mm }} }}]\n",
            recipe.display()
        );
        let order = folder.join("work.order.yaml");
        std::fs::write(&order, text).expect("written");
        let what = What { order: Some(order), cell: Some(cell.to_owned()), ..What::default() };
        read(&what, false).prepared.expect("the order holds")
    }

    /// What is signed covers an order with sets: its row by the hash of its Plan, its sets by the text that they are
    /// compiled from.
    #[test]
    fn sets_of_an_order_are_of_what_was_signed() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let (recipe, cell) =
            (root.join("recipes/cannula-hub/cannula-hub.recipe.yaml"), root.join("cells/cannula-cell"));
        let folder = tempfile::tempdir().expect("a folder");
        let contents = Contents::read(&recipe, &cell).expect("they hold");
        let ordered = || ordered(folder.path(), &recipe, &cell);
        let prepared = ordered();
        assert_eq!(prepared.sets.keys().collect::<Vec<_>>(), ["S-2"]);
        assert!(contents.are_of(&prepared));
        let own = prepared.sets["S-2"].hash().expect("a hash");
        assert!(
            contents.recipe.plans.iter().all(|p| p.hash != own),
            "it is no row, and is not signed as one"
        );
        let mut other = ordered();
        Arc::make_mut(&mut other.plan).params.clear();
        assert!(!contents.are_of(&other), "a row that nobody has signed");
        let mut other = ordered();
        other.sets.values_mut().for_each(|set| Arc::make_mut(set).recipe_hash.clear());
        assert!(!contents.are_of(&other), "a set of another text");
    }
}
