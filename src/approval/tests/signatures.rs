//! Who may sign what when, and that nothing that is signed can be changed.

use super::*;

#[test]
fn three_persons_lead_from_a_draft_to_production() {
    let files = Files::default();
    assert_eq!(files.state(&recipe()), ApprovalState::Draft);
    let files = files.signed(&recipe(), TO_RELEASE);
    assert_eq!(files.state(&recipe()), ApprovalState::Released);
    let folder = files.folder();
    let standing = folder.standing(&recipe()).expect("a chain");
    assert_eq!(standing.unentitled(&users(), Date::of_unix_ns(NOW)), []);
    let roles: Vec<Role> = standing.records.iter().map(|f| f.record.role).collect();
    assert_eq!(roles, [Role::Author, Role::Reviewer, Role::Approver]);
    let files = files.signed(&recipe(), &[("quin", Act::Retire)]);
    assert_eq!(files.state(&recipe()), ApprovalState::Retired);
}

#[test]
fn nobody_approves_their_own() {
    let refused = |files: &Files, who: &str, act: Act, words: &str| {
        let why = files.try_sign(&recipe(), who, act).expect_err("refused").to_string();
        assert!(why.contains(words), "{why}");
    };
    let files = Files::default().signed(&recipe(), &[("anna", Act::Submit)]);
    // anna is reviewer and approver, too.
    refused(&files, "anna", Act::Validate, "anna has signed `submit` of it already");
    refused(&files, "anna", Act::Validate, "have one of these sign: rosa");
    let files = files.signed(&recipe(), &[("rosa", Act::Validate)]);
    refused(&files, "anna", Act::Release, "anna has signed `submit`");
    refused(&files, "rosa", Act::Release, "rosa has signed `validate`");
    refused(&files, "rosa", Act::Release, "have one of these sign: paul");
    // Returned, it begins anew, and so do the persons.
    let files = files.signed(&recipe(), &[("quin", Act::Return), ("anna", Act::Submit)]);
    refused(&files, "anna", Act::Validate, "anna has signed `submit`");
    assert_eq!(files.signed(&recipe(), &[("rosa", Act::Validate)]).folder().history(&recipe()).len(), 1);
}

#[test]
fn a_person_without_training_role_or_key_signs_nothing() {
    let refused = |who: &str, act: Act, words: &str| {
        let why = Files::default().try_sign(&recipe(), who, act).expect_err("refused").to_string();
        assert!(why.contains(words), "{why}");
    };
    refused("lars", Act::Submit, "the training of lars was valid until 2027-02-28");
    refused("rosa", Act::Submit, "`submit` is for author, and rosa is reviewer, approver");
    refused("rosa", Act::Submit, "have one of these sign: anna, lars");
    refused(
        "anna",
        Act::Release,
        "it is draft: `release` is not possible; remedy: possible now: submit (author)",
    );
    refused("tess", Act::Teach, "`teach` is not possible");
    let signing = |person: &'static str, content: &Content| {
        let signer = signer("paul");
        let signing = Signing {
            content,
            act: Act::Submit,
            person,
            signer: &signer,
            note: "",
            program: "p",
            now_unix_ns: NOW,
        };
        sign(&Folder::default(), &users(), &signing).expect_err("refused").to_string()
    };
    assert!(signing("anna", &recipe()).contains("the key is not the one of anna"));
    assert!(signing("nobody", &recipe()).contains("nobody does not stand in it"));
}

#[test]
fn a_version_is_one_content() {
    let files = Files::default().signed(&recipe(), TO_RELEASE);
    let mut other = recipe();
    other.files[1].sha256 = "ee".repeat(32);
    other.hash = "ef".repeat(32);
    let why = files.try_sign(&other, "anna", Act::Submit).expect_err("the version is taken").to_string();
    assert!(why.contains("released with another content: feed-cannula.recipe.yaml: it has changed"), "{why}");
    assert!(why.contains("raise `version:`"), "{why}");
    other.version = Some("3.3.0".into());
    let files = files.signed(&other, &[("anna", Act::Submit)]);
    assert_eq!(
        (files.state(&recipe()), files.state(&other)),
        (ApprovalState::Released, ApprovalState::InReview)
    );
    // A cell description has no version: it goes on from one content to the next.
    let mut later = cell();
    later.hash = "ee".repeat(32);
    Files::default().signed(&cell(), TO_RELEASE).signed(&later, TO_RELEASE);
}

/// Every bit of every byte of every record of a folder, and every byte more or less.
#[test]
fn a_record_with_any_bit_flipped_is_refused_with_its_file() {
    let files = Files::default().signed(&recipe(), TO_RELEASE);
    for (n, (name, bytes)) in files.0.iter().enumerate() {
        let refused = |other: Vec<u8>, what: &str| {
            let mut spoilt = files.0.clone();
            spoilt[n].1 = other;
            let why = Folder::read(&spoilt).expect_err(what);
            assert!(why.iter().any(|r| r.place == *name && r.kind == RefusalKind::Record), "{what}: {why:?}");
        };
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                refused(other, &format!("{name}: bit {bit} of byte {at}"));
            }
        }
        refused(bytes[..bytes.len() - 1].to_vec(), "one byte less");
        refused([bytes.as_slice(), b"\n"].concat(), "one byte more");
    }
}

#[test]
fn records_stand_in_one_line() {
    let files = Files::default().signed(&recipe(), TO_RELEASE);
    // Whatever their order in the folder.
    let mut shuffled = files.clone();
    shuffled.0.rotate_left(1);
    assert_eq!(shuffled.state(&recipe()), ApprovalState::Released);
    let mut hole = files.clone();
    hole.0.remove(1);
    let why = Folder::read(&hole.0).expect_err("a hole");
    assert!(why[0].cause.contains("the record that it follows is not there"), "{why:?}");
    let fork = Files(files.0[..1].to_vec());
    let validated = fork.try_sign(&recipe(), "rosa", Act::Validate).expect("a way on");
    let returned = fork.try_sign(&recipe(), "rosa", Act::Return).expect("another");
    let mut forked = fork.clone();
    forked.add(&validated);
    forked.add(&returned);
    let why = Folder::read(&forked.0).expect_err("two ways on");
    assert!(why[0].cause.contains("follows the same record"), "{why:?}");
}

/// What is signed rightly and says what may not be said: by hand, past `sign`.
#[test]
fn a_signed_record_that_breaks_a_rule_is_refused() {
    let files = Files::default().signed(&recipe(), &[("anna", Act::Submit)]);
    let forged = |change: &dyn Fn(&mut Record)| {
        let mut record = files.try_sign(&recipe(), "rosa", Act::Validate).expect("a record");
        change(&mut record);
        let record = record.sealed(&signer("rosa")).expect("sealed");
        let mut with = files.clone();
        with.add(&record);
        Folder::read(&with.0)
    };
    let cause = |change: &dyn Fn(&mut Record)| forged(change).expect_err("refused")[0].cause.clone();
    assert!(cause(&|r| r.act = Act::Release).contains("in in-review nobody may release"));
    assert!(cause(&|r| r.role = Role::Operator).contains("as operator"));
    assert!(cause(&|r| r.signed = "2027-02-01T00:00:00.000000000Z".into()).contains("before the one"));
    assert!(cause(&|r| r.signed = "yesterday".into()).contains("no time of day"));
    assert!(cause(&|r| r.person = "anna".into()).contains("anna signed `submit` and `validate`"));
    // Whole, and by somebody who is not entitled: told against users.yaml.
    let unentitled = |change: &dyn Fn(&mut Record), users: &Users, now: i128| {
        let folder = forged(change).expect("whole");
        let standing = folder.standing(&recipe()).expect("a chain").clone();
        standing.unentitled(users, Date::of_unix_ns(now))[0].cause.clone()
    };
    let all = users();
    assert!(unentitled(&|r| r.person = "rudi".into(), &all, NOW).contains("rudi, who does not stand"));
    assert!(unentitled(&|r| r.person = "paul".into(), &all, NOW).contains("another key"));
    assert!(unentitled(&|_| {}, &all, NOW - DAY).contains("signed on 2027-03-01, and today is 2027-02-28"));
    let lapsed = users_of(
        people()
            .into_iter()
            .map(|p| Person { trained_until: Date::parse("2027-02-21").expect("a day"), ..p })
            .collect(),
    );
    let cause = unentitled(&|_| {}, &lapsed.expect("signed in time"), NOW);
    assert!(cause.contains("anna on 2027-03-01, and their training was valid until 2027-02-21"), "{cause}");
}

#[test]
fn users_are_those_that_a_trained_administrator_signed_for() {
    let seal = UsersSeal::seal(YAML, &people(), "adam", &signer("adam"), NOW).expect("signed");
    let bytes = seal.to_bytes().expect("bytes");
    let today = Date::of_unix_ns(NOW);
    let users = Users::verify(YAML, &bytes, people(), today).expect("whole");
    assert_eq!(users.administrator(), ("adam", signer("adam").public()));
    assert_eq!(users.is_trusted(&[signer("adam").public()]), Ok(()));
    for (keys, words) in [(vec![], "trusts no administrator yet"), (vec![signer("anna").public()], "adam")] {
        assert!(
            users.is_trusted(&keys).is_err_and(|r| r.kind == RefusalKind::Trust && r.cause.contains(words))
        );
    }
    for at in 0..YAML.len() {
        let mut other = YAML.to_vec();
        other[at] ^= 4;
        let why = Users::verify(&other, &bytes, people(), today).expect_err("changed");
        assert!(why.cause.contains("changed after it was signed"), "{why:?}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            assert!(Users::verify(YAML, &other, people(), today).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(Users::verify(YAML, &bytes, people(), Date::of_unix_ns(NOW - DAY)).is_err(), "of tomorrow");
    let cause = |who: &str, key: &str, now: i128| {
        UsersSeal::seal(YAML, &people(), who, &signer(key), now).expect_err("refused").cause
    };
    assert!(cause("anna", "anna", NOW).contains("no administrator"));
    assert!(cause("adam", "anna", NOW).contains("another key"));
    assert!(cause("eva", "anna", NOW).contains("does not stand in it"));
    assert!(cause("adam", "adam", NOW + 1500 * DAY).contains("training was valid until 2030-12-31"));
}
