//! One plant's people, one recipe and one cell: what is signed, by whom, and what the gate says of it.

use cellwright_model::Date;
use cellwright_model::approval::{ApprovalState, Person, PublicKey, Refusal, RefusalKind, Role};
use cellwright_model::outcome::Purpose;

use crate::*;

mod gate;
mod signatures;

/// 2027-03-01, and a day in ns.
pub(crate) const NOW: i128 = 1_803_859_200_000_000_000;
pub(crate) const DAY: i128 = 86_400_000_000_000;

/// Person, roles, last day of training.
const PEOPLE: &[(&str, &[Role], &str)] = &[
    ("adam", &[Role::Administrator], "2030-12-31"),
    ("anna", &[Role::Author, Role::Reviewer, Role::Approver], "2030-12-31"),
    ("rosa", &[Role::Reviewer, Role::Approver], "2030-12-31"),
    ("paul", &[Role::Approver], "2030-12-31"),
    ("quin", &[Role::Quality], "2030-12-31"),
    ("tess", &[Role::Teacher], "2030-12-31"),
    ("otto", &[Role::Operator], "2030-12-31"),
    ("lars", &[Role::Author, Role::Reviewer, Role::Approver, Role::Operator], "2027-02-28"),
];

pub(crate) fn signer(who: &str) -> Signer {
    let at = PEOPLE.iter().position(|(id, ..)| *id == who).expect("one of the people");
    Signer::from_seed(&[at as u8 + 1; 32])
}

pub(crate) fn people() -> Vec<Person> {
    let person = |(id, roles, until): &(&str, &[Role], &str)| Person {
        id: (*id).into(),
        name: format!("{id} of the plant"),
        key: signer(id).public(),
        roles: roles.to_vec(),
        trained_until: Date::parse(until).expect("a date"),
    };
    PEOPLE.iter().map(person).collect()
}

pub(crate) const YAML: &[u8] = b"users: 1\n# what it says is read elsewhere\n";

pub(crate) fn users_of(people: Vec<Person>) -> Result<Users, Refusal> {
    let seal = UsersSeal::seal(YAML, &people, "adam", &signer("adam"), NOW - 9 * DAY)?;
    Users::verify(YAML, &seal.to_bytes().expect("bytes"), people, Date::of_unix_ns(NOW))
}

pub(crate) fn users() -> Users {
    users_of(people()).expect("signed by adam")
}

fn file(path: &str, byte: &str) -> FileHash {
    FileHash { path: path.into(), sha256: byte.repeat(32) }
}

pub(crate) fn recipe() -> Content {
    let plan = |variant: Option<&str>, byte: &str| PlanHash {
        variant: variant.map(str::to_owned),
        hash: byte.repeat(32),
    };
    Content {
        kind: Kind::Recipe,
        id: "cannula-hub".into(),
        version: Some("3.2.0".into()),
        hash: "aa".repeat(32),
        cell_hash: "cc".repeat(32),
        files: vec![file("cannula-hub.recipe.yaml", "01"), file("feed-cannula.recipe.yaml", "02")],
        plans: vec![plan(None, "d0"), plan(Some("25g"), "d1")],
    }
}

pub(crate) fn cell() -> Content {
    Content {
        kind: Kind::Cell,
        id: "cannula-cell".into(),
        version: None,
        hash: "cc".repeat(32),
        cell_hash: "cc".repeat(32),
        files: vec![file("cell.yaml", "cc")],
        plans: Vec::new(),
    }
}

pub(crate) fn taught() -> Content {
    Content { kind: Kind::Taught, hash: "bb".repeat(32), files: vec![file("taught.yaml", "bb")], ..cell() }
}

/// Files of a folder, as they grow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(pub(crate) Vec<(String, Vec<u8>)>);

impl Files {
    pub(crate) fn folder(&self) -> Folder {
        Folder::read(&self.0).expect("whole records")
    }

    pub(crate) fn try_sign(&self, content: &Content, who: &str, act: Act) -> Result<Record, Refusal> {
        let signing = Signing {
            content,
            act,
            person: who,
            signer: &signer(who),
            note: "as agreed",
            program: "cellwright 0.1.0",
            now_unix_ns: NOW,
        };
        sign(&self.folder(), &users(), &signing)
    }

    pub(crate) fn add(&mut self, record: &Record) {
        self.0.push((format!("{}.json", self.0.len()), record.to_bytes().expect("bytes")));
    }

    /// Signs one after the other; who may not is a failure of the test.
    pub(crate) fn signed(mut self, content: &Content, acts: &[(&str, Act)]) -> Files {
        for (who, act) in acts {
            let record = self.try_sign(content, who, *act).unwrap_or_else(|why| panic!("{who} {act}: {why}"));
            self.add(&record);
        }
        self
    }

    pub(crate) fn state(&self, content: &Content) -> ApprovalState {
        self.folder().standing(content).map_or(ApprovalState::Draft, |s| s.state)
    }
}

pub(crate) const TO_VALIDATION: &[(&str, Act)] = &[("anna", Act::Submit), ("rosa", Act::Validate)];
pub(crate) const TO_RELEASE: &[(&str, Act)] =
    &[("anna", Act::Submit), ("rosa", Act::Validate), ("paul", Act::Release)];

/// What a gate finds; each field can be spoilt.
pub(crate) struct Scene {
    pub(crate) purpose: Option<Purpose>,
    pub(crate) users: Result<Users, Refusal>,
    pub(crate) trusted: Vec<PublicKey>,
    pub(crate) recipe: Content,
    pub(crate) recipes: Files,
    pub(crate) cell: Content,
    pub(crate) cells: Files,
    pub(crate) taught: Option<(Content, Vec<Deviation>)>,
    pub(crate) operator: &'static str,
}

impl Scene {
    pub(crate) fn released() -> Scene {
        Scene {
            purpose: Some(Purpose::Production),
            users: Ok(users()),
            trusted: vec![signer("adam").public()],
            recipe: recipe(),
            recipes: Files::default().signed(&recipe(), TO_RELEASE),
            cell: cell(),
            cells: Files::default().signed(&cell(), TO_RELEASE),
            taught: None,
            operator: "otto",
        }
    }

    pub(crate) fn clear(&self) -> Result<Cleared, Vec<Refusal>> {
        let (recipes, cells) = (Folder::read(&self.recipes.0), Folder::read(&self.cells.0));
        clear(&Evidence {
            purpose: self.purpose,
            users: self.users.as_ref(),
            trusted: &self.trusted,
            recipe: Subject { content: &self.recipe, folder: recipes.as_ref().map_err(Vec::as_slice) },
            cell: Subject { content: &self.cell, folder: cells.as_ref().map_err(Vec::as_slice) },
            taught: self.taught.as_ref().map(|(content, list)| (content, list.as_slice())),
            operator: self.operator,
            today: Date::of_unix_ns(NOW),
        })
    }

    /// The only refusal there is: its kind, place and cause.
    pub(crate) fn refusal(&self) -> (RefusalKind, String, String) {
        let refused = self.clear().expect_err("refused");
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(!refused[0].remedy.is_empty());
        (refused[0].kind, refused[0].place.clone(), refused[0].cause.clone())
    }
}
