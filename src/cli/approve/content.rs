//! What is signed, from files: contents of recipe, cell and touched-up poses.

use std::path::Path;

use cellwright_approval::{Content, Deviation, FileHash, Kind, PlanHash};
use cellwright_model::cell::{Cell, Robot};
use cellwright_model::curve::sha256_hex;
use cellwright_model::plan::Plan;
use cellwright_model::robot::Joints;
use cellwright_sim::{Approvable, Prepared, read_approvable};

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
        let (recipe, cell) = (recipe.to_string_lossy(), cell.to_string_lossy());
        Contents::of(&shown(read_approvable(&recipe, &cell))?)
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
        self.recipe.hash == prepared.plan.recipe_hash
            && self.cell.hash == prepared.cell.hash
            && taught.unwrap_or(&none) == prepared.cell.taught_hash
    }
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
