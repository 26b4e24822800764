//! users.yaml: what is read, and what is refused where.

mod common;

use cellwright_model::approval::Role;
use cellwright_recipe::{Sources, load_users};
use common::{Files, rows};

const PATH: &str = "cells/c/users.yaml";
const KEY: &str = "8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa8f4c00aa";

fn read(text: &str) -> Result<Vec<cellwright_model::approval::Person>, Vec<String>> {
    let mut sources = Sources::default();
    load_users(&Files::with(PATH, text), PATH, &mut sources).map_err(|list| rows(&list, &sources))
}

fn file(entry: &str) -> String {
    format!("users: 1\npersons:\n  {entry}\n")
}

#[test]
fn a_person_is_read() {
    let text = file(&format!(
        "anna: {{ name: Anna Berg, key: {KEY}, roles: [author, operator], trained_until: 2027-12-31 }}"
    ));
    let people = read(&text).expect("a right file");
    let anna = &people[0];
    assert_eq!((anna.id.as_str(), anna.name.as_str()), ("anna", "Anna Berg"));
    assert_eq!(anna.key.to_string(), KEY);
    assert!(anna.is(Role::Author) && anna.is(Role::Operator) && !anna.is(Role::Approver));
    assert_eq!(anna.trained_until.to_string(), "2027-12-31");
    // Digits alone are a key, too.
    let digits = "1".repeat(64);
    assert!(read(&text.replace(KEY, &digits)).is_ok());
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let right = format!("anna: {{ name: A, key: {KEY}, roles: [author], trained_until: 2027-12-31 }}");
    let cases = [
        (right.replace("author", "autor"), "R0105"),
        (right.replace("[author]", "[author, author]"), "R0107"),
        (right.replace(KEY, "8f4c"), "R0113"),
        (right.replace(KEY, &KEY.to_uppercase()), "R0113"),
        (right.replace("2027-12-31", "2027-13-31"), "R0910"),
        (right.replace("name: A, ", ""), "R0102"),
        (right.replace("name: A", "name: \" \""), "R0113"),
        (right.replace("name: A", "name: A, pin: 4"), "R0101"),
        (right.replace("anna:", "an na:"), "R0106"),
        (
            format!("{right}\n  berta: {{ name: B, key: {KEY}, roles: [], trained_until: 2027-12-31 }}"),
            "R0107",
        ),
    ];
    for (entry, code) in cases {
        let found = read(&file(&entry)).expect_err("refused");
        assert!(found.len() == 1 && found[0].contains(code), "{entry}: {found:?}");
    }
}
