//! What is signed: a recipe, a cell description or touched-up poses, by hashes.
//!
//! All hashes are SHA-256 in lower-case hexadecimal. The hash of a Plan is the one that it has without taught.yaml:
//! poses are touched up at the machine within bounds that the cell description states, and signed for by themselves.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::rules::Act;

/// What kind of thing is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Recipe,
    Cell,
    /// `taught.yaml` of a cell.
    Taught,
}

impl Kind {
    /// Whether an act is one of this kind.
    pub fn takes(self, act: Act) -> bool {
        (act == Act::Teach) == (self == Kind::Taught)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Recipe => "recipe",
            Kind::Cell => "cell",
            Kind::Taught => "taught poses",
        })
    }
}

/// A file by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHash {
    /// Relative to the folder that the approval stands in.
    pub path: String,
    pub sha256: String,
}

/// The Plan of one row of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHash {
    /// `null`: the defaults.
    pub variant: Option<String>,
    pub hash: String,
}

/// See the module text. Two contents are the same only if every hash in them is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    pub kind: Kind,
    pub id: String,
    /// Of a recipe.
    pub version: Option<String>,
    /// `recipe.hash`, `cell.hash` or `taught.hash`.
    pub hash: String,
    /// The cell description that it was checked against.
    pub cell_hash: String,
    /// Every file of it, in the order in which it is used.
    pub files: Vec<FileHash>,
    /// Of a recipe: every row of it.
    pub plans: Vec<PlanHash>,
}

impl Content {
    /// `recipe cannula-hub 3.2.0`.
    pub fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {} {version}", self.kind, self.id),
            None => format!("{} {}", self.kind, self.id),
        }
    }

    /// Another content of the same thing.
    pub fn is_same_thing(&self, other: &Content) -> bool {
        (self.kind, &self.id) == (other.kind, &other.id)
    }

    /// How this, which is there now, differs from `approved`: (place, in words). Empty only if they are equal.
    pub fn differences(&self, approved: &Content) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for file in &self.files {
            match approved.files.iter().find(|f| f.path == file.path) {
                Some(then) if then.sha256 == file.sha256 => {}
                Some(then) => found.push((file.path.clone(), changed("SHA-256", &file.sha256, &then.sha256))),
                None => {
                    found.push((file.path.clone(), "it is no part of what was approved".to_owned()));
                }
            }
        }
        for then in approved.files.iter().filter(|t| !self.files.iter().any(|f| f.path == t.path)) {
            found.push((then.path.clone(), "it was approved, and is no part of it now".to_owned()));
        }
        if self.cell_hash != approved.cell_hash && self.kind != Kind::Cell {
            let what = changed("cell.hash", &self.cell_hash, &approved.cell_hash);
            found.push((
                "cell.yaml".to_owned(),
                format!("{} was checked against another one: {what}", self.id),
            ));
        }
        if self.version != approved.version {
            let version = |c: &Content| c.version.clone().unwrap_or_else(|| "none".to_owned());
            let what = format!("version is {}, {} was approved", version(self), version(approved));
            found.push((self.title(), what));
        }
        if found.is_empty() && self != approved {
            found.push((self.title(), self.derived(approved)));
        }
        found
    }

    /// Equal files, and something else of them all the same: the program that read them is another one.
    fn derived(&self, approved: &Content) -> String {
        let plan = |of: &Content, variant: &Option<String>| {
            of.plans.iter().find(|p| p.variant == *variant).map(|p| p.hash.clone())
        };
        let differing = self.plans.iter().find(|p| plan(approved, &p.variant).as_ref() != Some(&p.hash));
        match differing {
            Some(now) => {
                let row = now.variant.as_deref().unwrap_or("the defaults");
                let then = plan(approved, &now.variant).unwrap_or_else(|| "none".to_owned());
                format!(
                    "its files are the same, and this program makes another Plan of {row}: {}",
                    changed("plan.hash", &now.hash, &then)
                )
            }
            None => changed("hash", &self.hash, &approved.hash),
        }
    }
}

/// Enough of two hashes to tell them apart.
fn changed(what: &str, now: &str, then: &str) -> String {
    format!("it has changed: {what} is {:.12}…, {:.12}… was approved", now, then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::recipe;

    #[test]
    fn each_difference_is_named_by_its_place() {
        let approved = recipe();
        assert_eq!(recipe().differences(&approved), []);
        let places = |change: &dyn Fn(&mut Content)| {
            let mut now = recipe();
            change(&mut now);
            now.differences(&approved)
        };
        let one = |change: &dyn Fn(&mut Content), place: &str, words: &str| {
            let found = places(change);
            assert!(matches!(found.as_slice(), [(p, w)] if p == place && w.contains(words)), "{found:?}");
        };
        one(&|c| c.files[1].sha256 = "ee".repeat(32), "feed-cannula.recipe.yaml", "SHA-256 is eeeeeeeeeeee…");
        assert_eq!(places(&|c| c.files[1].path = "x.yaml".into()).len(), 2, "one more and one less");
        one(&|c| drop(c.files.pop()), "feed-cannula.recipe.yaml", "no part of it now");
        one(&|c| c.cell_hash = "ee".repeat(32), "cell.yaml", "cell.hash is ee");
        one(&|c| c.version = Some("4.0.0".into()), "recipe cannula-hub 4.0.0", "version is 4.0.0, 3.2.0 was");
        one(&|c| c.plans[1].hash = "ee".repeat(32), "recipe cannula-hub 3.2.0", "another Plan of 25g");
        one(&|c| c.plans[0].hash = "ee".repeat(32), "recipe cannula-hub 3.2.0", "of the defaults");
        one(&|c| c.hash = "ee".repeat(32), "recipe cannula-hub 3.2.0", "hash is ee");
    }
}
