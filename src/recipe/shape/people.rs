//! users.yaml and quarantine.yaml.

use cellwright_model::approval::Role;

use super::Form as F;
use super::{Keys, What};
use crate::shape;

shape! { pub(super) USERS = "users", "Who may sign what; counts under an administrator's signature." {
    req "users": Integer(1, 1), "Schema major.";
    req "persons": Map(Keys::Given, &What::Fields(&PERSON)), "Persons by id; who has left stays, with the training ended.";
}}

shape! { PERSON = "person", "Somebody who may sign." {
    req "name": Text, "Printed name.";
    req "key": Form(F::PublicKey), "Public key, in quotes, as `cellwright users key` prints it.";
    req "roles": List(&What::Words(roles)), "What they may sign.";
    req "trained_until": Form(F::Date), "Last day of the training, by UTC.";
}}

fn roles() -> Vec<String> {
    Role::ALL.iter().map(|r| r.as_str().to_owned()).collect()
}

shape! { pub(super) QUARANTINE = "quarantine", "Lots that must not be used." {
    req "quarantine": Integer(1, 1), "Schema major.";
    req "lots": List(&What::Fields(&BARRED)), "One entry a lot.";
}}

shape! { BARRED = "barred lot", "A lot that must not be used." {
    req "lot": Text, "The lot.";
    opt "part": Identifier, "Of this part number only; of every one if left out.";
    req "reason": Text, "Why.";
}}
