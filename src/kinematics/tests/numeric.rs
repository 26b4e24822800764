//! The search: an arm with a spherical wrist, which has no closed form here.

use super::*;

#[test]
fn random_poses_are_found_from_the_middle_of_the_limits() {
    let arm = spherical();
    let seed = Posture::from_rad([0.0, 0.2, -1.0, 0.0, 0.3, 0.0]);
    let mut random = Random(20);
    let mut missed = 0;
    for _ in 0..500 {
        let posture = random.posture(&arm);
        let flange = arm.flange(&posture);
        match arm.postures(&flange, &seed) {
            Ok(found) => {
                for one in found {
                    assert!(gap(&arm.flange(&one), &flange).is_within(1e-6, 1e-6), "{one:?}");
                }
            }
            Err(NoPosture::Unreachable(short)) => {
                assert!(!short.proven, "a search proves nothing");
                missed += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(missed <= 2, "{missed} of 500 were not found");
}

#[test]
fn the_posture_of_the_seed_is_found_again() {
    let arm = spherical();
    let mut random = Random(21);
    let mut asked = 0;
    for _ in 0..300 {
        let posture = random.posture(&arm);
        if arm.dexterity(&posture).smallest_singular_value < 0.02 {
            continue;
        }
        asked += 1;
        let nearby = posture.rad().map(|q| q + random.within(-0.02, 0.02));
        let found = arm.postures(&arm.flange(&posture), &Posture::from_rad(nearby)).expect("reachable");
        assert!(found.iter().any(|p| apart_rad(p, &posture) < 1e-5), "{posture:?}");
    }
    assert!(asked > 150, "{asked}");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let arm = spherical();
    let posture = Random(22).posture(&arm);
    let seed = Posture::from_rad([0.1; 6]);
    let flange = arm.flange(&posture);
    assert_eq!(arm.postures(&flange, &seed), arm.postures(&flange, &seed));
}

#[test]
fn what_is_far_away_ends_and_says_how_far() {
    let arm = spherical();
    let seed = Posture::from_rad([0.0, 0.2, -1.0, 0.0, 0.3, 0.0]);
    match arm.nearest(&pose([3.0, 0.0, 0.4], [0.0; 3]), &seed, SINGULAR_VALUE_MIN) {
        Err(NoPosture::Unreachable(short)) => {
            // Shoulder offset, two arms and the hand together are some 1.05 m.
            assert!(!short.proven && short.by_m > 1.8 && short.by_m < 2.3, "{short:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_ways_find_the_same_postures() {
    let arm = ur5e_class();
    let mut random = Random(23);
    let mut both = 0;
    for _ in 0..50 {
        let posture = random.posture(&arm);
        let flange = arm.flange(&posture);
        let closed = arm.postures(&flange, &posture).expect("reachable");
        let Ok(searched) = crate::inverse::numeric::search(&arm, &flange, &posture) else { continue };
        for one in &searched {
            let is_there = closed.iter().any(|p| apart_rad(p, one) < 1e-4);
            let free = arm.dexterity(one).smallest_singular_value > 1e-3;
            assert!(is_there || !free, "{one:?} is not among {closed:?}");
            both += usize::from(is_there);
        }
    }
    assert!(both > 100, "{both}");
}
