//! The gate of mode Production on a real bus (house rule 10): all evidence gathered from files, and what it permits.

use std::path::Path;

use cellwright_approval::{Cleared, Content, Evidence, Folder, Subject, Users, clear};
use cellwright_model::Date;
use cellwright_model::approval::{Clearance, PublicKey, Refusal, RefusalKind};
use cellwright_model::outcome::Purpose;

use super::content::Contents;
use super::files;

/// Everything that lies there about a recipe and its cell.
pub(crate) struct Gate {
    pub(crate) contents: Contents,
    users: Result<Users, Refusal>,
    trusted: Result<Vec<PublicKey>, Refusal>,
    pub(crate) recipes: Result<Folder, Vec<Refusal>>,
    pub(crate) cells: Result<Folder, Vec<Refusal>>,
    today: Date,
}

impl Gate {
    /// Reads all of it; what is wrong with one file is evidence, too.
    pub(crate) fn read(contents: Contents, recipe: &Path, cell: &Path, state: &Path, today: Date) -> Gate {
        Gate {
            contents,
            users: files::users(cell, today),
            trusted: files::trusted(state),
            recipes: files::folder(&files::beside(recipe)),
            cells: files::folder(&cell.join("approvals")),
            today,
        }
    }

    /// What may be made. `operator`: who is to work the cell; of nobody nothing is asked.
    pub(crate) fn judge(
        &self,
        purpose: Option<Purpose>,
        operator: Option<&str>,
    ) -> Result<Cleared, Vec<Refusal>> {
        fn subject<'a>(content: &'a Content, folder: &'a Result<Folder, Vec<Refusal>>) -> Subject<'a> {
            Subject { content, folder: folder.as_ref().map_err(Vec::as_slice) }
        }
        let none = Vec::new();
        let taught = self.contents.taught.as_ref().map(|(content, moved)| (content, moved.as_slice()));
        let evidence = Evidence {
            purpose,
            users: self.users.as_ref(),
            trusted: self.trusted.as_ref().unwrap_or(&none),
            recipe: subject(&self.contents.recipe, &self.recipes),
            cell: subject(&self.contents.cell, &self.cells),
            taught,
            operator: operator.unwrap_or_default(),
            today: self.today,
        };
        let mut cleared = clear(&evidence);
        if let (Err(refusals), Err(list)) = (&mut cleared, &self.trusted) {
            // The list that cannot be read trusts nobody: its own words say more.
            refusals.retain(|r| r.kind != RefusalKind::Trust);
            refusals.push(list.clone());
        }
        cleared
    }

    /// Why production would be refused with any operator.
    pub(crate) fn refusals(&self, operator: Option<&str>) -> Vec<Refusal> {
        let mut all = self.judge(Some(Purpose::Production), operator).err().unwrap_or_default();
        all.retain(|r| operator.is_some() || r.kind != RefusalKind::Operator);
        all
    }
}

/// The word of the gate for the engine, and the purpose of what is made.
pub(crate) fn word(cleared: Result<Cleared, Vec<Refusal>>, asked: Option<Purpose>) -> (Clearance, Purpose) {
    match cleared {
        Ok(Cleared { purpose, approval, basis, operator, trained_until }) => {
            (Clearance::Given { approval, basis, operator, trained_until }, purpose)
        }
        Err(refusals) => (Clearance::Refused { refusals }, asked.unwrap_or(Purpose::Trial)),
    }
}
