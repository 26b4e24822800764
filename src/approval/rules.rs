//! The life of an approval as a table: state, act and role give the next state. What is not in it is refused.

use cellwright_model::approval::{ApprovalState, Role};
use cellwright_model::outcome::Purpose;
use serde::{Deserialize, Serialize};

/// What a person does by signing; the meaning of the signature (21 CFR 11.50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// "This is mine, and ready to be looked at."
    Submit,
    /// "Not like this": back to draft.
    Return,
    /// "I have reviewed it: units may be made to validate it."
    Validate,
    /// "It is validated: it may be used in production."
    Release,
    /// "It is not to be used any more."
    Retire,
    /// "I have touched up these poses."
    Teach,
}

impl Act {
    /// All of them.
    pub const ALL: &'static [Act] =
        &[Act::Submit, Act::Return, Act::Validate, Act::Release, Act::Retire, Act::Teach];

    /// The word in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Act::Submit => "submit",
            Act::Return => "return",
            Act::Validate => "validate",
            Act::Release => "release",
            Act::Retire => "retire",
            Act::Teach => "teach",
        }
    }

    /// Whether no two of these may be signed by one person: author, reviewer and approver of one content differ.
    pub fn wants_own_person(self) -> bool {
        matches!(self, Act::Submit | Act::Validate | Act::Release)
    }
}

impl core::fmt::Display for Act {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In state `from`, somebody of `role` may do `act`, which leads to `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub from: ApprovalState,
    pub act: Act,
    pub role: Role,
    pub to: ApprovalState,
}

const fn rule(from: ApprovalState, act: Act, role: Role, to: ApprovalState) -> Rule {
    Rule { from, act, role, to }
}

use ApprovalState::{ApprovedForValidation, Draft, InReview, Released, Retired};

/// All of it. The way forward stands first in each state.
pub const RULES: &[Rule] = &[
    rule(Draft, Act::Submit, Role::Author, InReview),
    rule(InReview, Act::Validate, Role::Reviewer, ApprovedForValidation),
    rule(InReview, Act::Return, Role::Author, Draft),
    rule(InReview, Act::Return, Role::Reviewer, Draft),
    rule(ApprovedForValidation, Act::Release, Role::Approver, Released),
    rule(ApprovedForValidation, Act::Return, Role::Approver, Draft),
    rule(ApprovedForValidation, Act::Return, Role::Quality, Draft),
    rule(ApprovedForValidation, Act::Retire, Role::Quality, Retired),
    rule(Released, Act::Retire, Role::Approver, Retired),
    rule(Released, Act::Retire, Role::Quality, Retired),
    // Of taught.yaml only, whose bounds the cell description states: see `Kind::takes`.
    rule(Draft, Act::Teach, Role::Teacher, Released),
];

/// Where an act by a role leads; `None`: not permitted.
pub fn next(from: ApprovalState, act: Act, role: Role) -> Option<ApprovalState> {
    RULES.iter().find(|r| (r.from, r.act, r.role) == (from, act, role)).map(|r| r.to)
}

/// The acts still missing to `state`, in their order, each with its role; empty if there is no way.
pub fn way(from: ApprovalState, to: ApprovalState) -> Vec<(Act, Role)> {
    let (mut at, mut way) = (from, Vec::new());
    while at != to {
        let forward = RULES.iter().find(|r| r.from == at && r.act.wants_own_person());
        let Some(rule) = forward else { return Vec::new() };
        way.push((rule.act, rule.role));
        at = rule.to;
    }
    way
}

/// The state without which nothing is made for a purpose.
pub fn needed(purpose: Purpose) -> ApprovalState {
    match purpose {
        Purpose::Validation => ApprovedForValidation,
        _ => Released,
    }
}

/// Whether units may be made for a purpose, on a real bus.
pub fn permits(state: ApprovalState, purpose: Purpose) -> bool {
    match state {
        Released => true,
        ApprovedForValidation => purpose == Purpose::Validation,
        Draft | InReview | Retired => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state, act and role; what is permitted, written a second time.
    #[test]
    fn exactly_these_are_permitted() {
        let mut permitted = Vec::new();
        for &from in ApprovalState::ALL {
            for &act in Act::ALL {
                for &role in Role::ALL {
                    if let Some(to) = next(from, act, role) {
                        permitted.push(format!("{from} {act} {role} {to}"));
                    }
                }
            }
        }
        permitted.sort();
        let mut expected = [
            "draft submit author in-review",
            "draft teach teacher released",
            "in-review validate reviewer approved-for-validation",
            "in-review return author draft",
            "in-review return reviewer draft",
            "approved-for-validation release approver released",
            "approved-for-validation return approver draft",
            "approved-for-validation return quality draft",
            "approved-for-validation retire quality retired",
            "released retire approver retired",
            "released retire quality retired",
        ];
        expected.sort_unstable();
        assert_eq!(permitted, expected);
        assert_eq!(RULES.len(), expected.len(), "no row twice");
    }

    #[test]
    fn what_is_retired_stays_so_and_nobody_else_leads_anywhere() {
        assert!(RULES.iter().all(|r| r.from != Retired));
        for role in [Role::Administrator, Role::Operator] {
            assert!(RULES.iter().all(|r| r.role != role), "{role}");
        }
        // Two roles at the least stand between a draft and production.
        assert_eq!(
            way(Draft, Released),
            [(Act::Submit, Role::Author), (Act::Validate, Role::Reviewer), (Act::Release, Role::Approver)]
        );
        assert_eq!(way(ApprovedForValidation, Released), [(Act::Release, Role::Approver)]);
        assert_eq!(way(Retired, Released), []);
    }

    #[test]
    fn what_each_state_permits() {
        use Purpose::{Challenge, Production, Rework, Simulation, Trial, Validation};
        for purpose in [Production, Validation, Trial, Challenge, Rework, Simulation] {
            assert!(permits(Released, purpose));
            assert_eq!(permits(ApprovedForValidation, purpose), purpose == Validation, "{purpose:?}");
            assert!(![Draft, InReview, Retired].iter().any(|s| permits(*s, purpose)));
            assert!(permits(needed(purpose), purpose), "what is needed is enough");
        }
    }
}
