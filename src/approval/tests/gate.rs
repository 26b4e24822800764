//! What may be made, and what the gate says of everything else.

use super::*;

#[test]
fn what_is_released_may_be_made_and_says_by_which_approval() {
    let scene = Scene::released();
    let cleared = scene.clear().expect("nothing stands in the way");
    assert_eq!(cleared.purpose, Purpose::Production);
    assert_eq!(cleared.operator, "otto");
    let until = |who: &str| cleared.trained_until.get(who).map(Date::to_string);
    assert_eq!(until("otto").as_deref(), Some("2030-12-31"));
    assert_eq!(until("lars").as_deref(), Some("2027-02-28"), "of those whose training is over, too");
    assert_eq!(cleared.trained_until.len(), people().len());
    let last = scene.recipes.0.last().expect("records");
    assert_eq!(cleared.approval, cellwright_model::curve::sha256_hex(&last.1));
    assert_eq!(
        cleared.basis,
        "recipe cannula-hub 3.2.0 released by paul on 2027-03-01; cell cannula-cell released by paul on 2027-03-01"
    );
    let without_order = Scene { purpose: None, ..scene };
    assert_eq!(without_order.clear().map(|c| c.purpose), Ok(Purpose::Trial));
}

#[test]
fn what_is_approved_for_validation_is_made_for_nothing_else() {
    let validation = |purpose| Scene {
        purpose,
        recipes: Files::default().signed(&recipe(), TO_VALIDATION),
        ..Scene::released()
    };
    for purpose in [None, Some(Purpose::Validation)] {
        assert_eq!(validation(purpose).clear().map(|c| c.purpose), Ok(Purpose::Validation));
    }
    let (kind, place, cause) = validation(Some(Purpose::Production)).refusal();
    assert_eq!((kind, place.as_str()), (RefusalKind::Unsigned, "recipe cannula-hub 3.2.0"));
    assert_eq!(cause, "it is approved-for-validation, not signed: `release` by approver (paul)");
    let (kind, _, cause) = validation(Some(Purpose::Trial)).refusal();
    assert_eq!(kind, RefusalKind::Purpose);
    assert!(cause.contains("approved for validation, and the purpose is trial"), "{cause}");
    // The cell description has to be as far as the recipe.
    let cells = Files::default().signed(&cell(), TO_VALIDATION);
    let (kind, place, _) = Scene { cells: cells.clone(), ..Scene::released() }.refusal();
    assert_eq!((kind, place.as_str()), (RefusalKind::Unsigned, "cell cannula-cell"));
    assert_eq!(
        Scene { cells, purpose: None, ..Scene::released() }.clear().map(|c| c.purpose),
        Ok(Purpose::Validation)
    );
}

#[test]
fn what_nobody_has_signed_says_who_has_to() {
    for (done, missing) in [
        (
            0,
            "it is draft, not signed: `submit` by author (anna), `validate` by reviewer (anna, rosa), `release` by approver (anna, rosa, paul)",
        ),
        (1, "it is in-review, not signed: `validate` by reviewer (rosa), `release` by approver (rosa, paul)"),
    ] {
        let recipes = Files::default().signed(&recipe(), &TO_RELEASE[..done]);
        let (kind, _, cause) = Scene { recipes, ..Scene::released() }.refusal();
        assert_eq!((kind, cause.as_str()), (RefusalKind::Unsigned, missing));
    }
}

/// One changed byte is another hash; each is named by its file.
#[test]
fn what_was_changed_is_named() {
    let changed = |change: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::released();
        change(&mut scene);
        scene.refusal()
    };
    for n in 0..2 {
        let (kind, place, cause) = changed(&|s| s.recipe.files[n].sha256 = "ee".repeat(32));
        assert_eq!((kind, place), (RefusalKind::Changed, recipe().files[n].path.clone()));
        assert!(cause.contains("SHA-256 is eeeeeeeeeeee…, 0"), "{cause}");
    }
    let (kind, place, cause) = changed(&|s| {
        s.cell.hash = "ee".repeat(32);
        s.cell.cell_hash = "ee".repeat(32);
        s.cell.files[0].sha256 = "ee".repeat(32);
    });
    assert_eq!((kind, place.as_str()), (RefusalKind::Changed, "cell.yaml"));
    assert!(cause.contains("cccccccccccc… was approved"), "{cause}");
    let (_, place, cause) = changed(&|s| s.recipe.cell_hash = "ee".repeat(32));
    assert_eq!(place, "cell.yaml");
    assert!(cause.contains("cannula-hub was checked against another one"), "{cause}");
    let (_, _, cause) = changed(&|s| s.recipe.plans[1].hash = "ee".repeat(32));
    assert!(cause.contains("another Plan of 25g"), "{cause}");
}

/// Every byte of every record, through the gate.
#[test]
fn a_changed_record_closes_the_gate() {
    let mut scene = Scene::released();
    let whole = scene.recipes.clone();
    for n in 0..3 {
        for at in 0..whole.0[n].1.len() {
            scene.recipes = whole.clone();
            scene.recipes.0[n].1[at] ^= 0x20;
            let refused = scene.clear().expect_err("changed");
            assert!(refused.iter().any(|r| r.place == format!("{n}.json")), "byte {at}: {refused:?}");
        }
    }
    let mut scene = Scene::released();
    scene.cells.0[1].1[70] ^= 1;
    let (kind, place, _) = scene.refusal();
    assert_eq!((kind, place.as_str()), (RefusalKind::Record, "1.json"));
}

#[test]
fn what_is_retired_is_not_made() {
    let recipes = Files::default().signed(&recipe(), TO_RELEASE).signed(&recipe(), &[("quin", Act::Retire)]);
    for purpose in [None, Some(Purpose::Production), Some(Purpose::Validation)] {
        let (kind, _, cause) = Scene { recipes: recipes.clone(), purpose, ..Scene::released() }.refusal();
        assert_eq!(kind, RefusalKind::Purpose);
        assert_eq!(cause, "it was retired by quin on 2027-03-01");
    }
}

#[test]
fn whoever_works_the_cell_is_a_trained_operator() {
    for (operator, words) in [
        ("nobody", "does not stand in users.yaml"),
        ("anna", "is no operator"),
        ("lars", "training was valid until 2027-02-28"),
    ] {
        let (kind, place, cause) = Scene { operator, ..Scene::released() }.refusal();
        assert_eq!((kind, place.as_str()), (RefusalKind::Operator, operator));
        assert!(cause.contains(words), "{cause}");
    }
}

#[test]
fn the_administrator_is_the_one_that_the_cell_trusts() {
    let (kind, ..) = Scene { trusted: vec![], ..Scene::released() }.refusal();
    assert_eq!(kind, RefusalKind::Trust);
    let unread = Refusal::new(RefusalKind::Users, "users.yaml", "it is not there", "write it");
    let refused = Scene { users: Err(unread.clone()), ..Scene::released() }.clear().expect_err("no users");
    assert_eq!(refused, [unread], "told once, and nothing is permitted for it");
}

#[test]
fn touched_up_poses_need_bounds_and_a_teacher() {
    let deviation = |by_deg| Deviation {
        robot: "robot_r".into(),
        what: "test".into(),
        joint: 3,
        by_deg,
        within_deg: 0.5,
    };
    let scene = |by_deg, cells| Scene {
        taught: Some((taught(), vec![deviation(by_deg)])),
        cells,
        ..Scene::released()
    };
    let released = Scene::released().cells;
    let (kind, place, cause) = scene(-0.5, released.clone()).refusal();
    assert_eq!((kind, place.as_str()), (RefusalKind::Taught, "taught.yaml"));
    assert!(cause.contains("nobody has signed for these poses"), "{cause}");
    let signed = released.signed(&taught(), &[("tess", Act::Teach)]);
    let cleared = scene(-0.5, signed.clone()).clear().expect("within its bounds and signed for");
    assert!(
        cleared.basis.ends_with("taught poses cannula-cell released by tess on 2027-03-01"),
        "{}",
        cleared.basis
    );
    let (kind, _, cause) = scene(-0.51, signed).refusal();
    assert_eq!(kind, RefusalKind::Taught);
    assert!(cause.contains("robot_r test: joint 3 by -0.510 deg, within 0.5 deg is permitted"), "{cause}");
}
