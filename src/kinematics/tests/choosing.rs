//! Full turns and limits.

use std::f64::consts::{PI, TAU};

use super::*;
use crate::inverse::choose::{nearest_turn, nearest_within, square_distance, wrapped_rad};

#[test]
fn angles_are_wrapped_to_above_minus_pi_and_up_to_pi() {
    for (angle, wrapped) in
        [(0.0, 0.0), (PI, PI), (-PI, PI), (4.0, 4.0 - TAU), (-4.0, TAU - 4.0), (7.0 * TAU, 0.0)]
    {
        assert!((wrapped_rad(angle) - wrapped).abs() < 1e-12, "{angle}: {}", wrapped_rad(angle));
    }
}

#[test]
fn full_turns_go_to_the_seed_as_far_as_limits_let_them() {
    let joints = ur5e_class().chain().joints().to_vec();
    let posture = Posture::from_rad([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
    // Joint 1 to 2 pi, joint 3 (the elbow) to pi only.
    let seed = Posture::from_rad([-6.0, 6.0, 4.0, 0.0, 100.0, -100.0]);
    let chosen = nearest_within(&posture, &seed, &joints).expect("within");
    let expected = [0.5 - TAU, 0.5, 0.5, 0.5, 0.5, 0.5 - TAU];
    let off = chosen.farthest_from(&Posture::from_rad(expected));
    assert!(off.1 < 1e-9, "{chosen:?}");
    assert!((nearest_turn(&posture, &seed).rad()[1] - (0.5 + TAU)).abs() < 1e-12);
}

#[test]
fn the_choice_is_the_nearest_of_all_that_are_within() {
    let joints = ur5e_class().chain().joints().to_vec();
    let mut random = Random(30);
    for _ in 0..2_000 {
        let any = |random: &mut Random| Posture::from_rad(core::array::from_fn(|_| random.within(-7.0, 7.0)));
        let (posture, seed) = (any(&mut random), any(&mut random));
        let chosen = nearest_within(&posture, &seed, &joints).expect("limits of a whole turn and more");
        let mut least = 0.0;
        for (j, joint) in joints.iter().enumerate() {
            let turns = (-4..=4).map(|n| posture.rad()[j] + f64::from(n) * TAU);
            let within = turns.filter(|at| joint.limits.contain(*at));
            least += within.map(|at| (at - seed.rad()[j]).powi(2)).fold(f64::INFINITY, f64::min);
            assert!(joint.limits.contain(chosen.rad()[j]));
        }
        assert!((square_distance(&chosen, &seed) - least).abs() < 1e-9, "{posture:?} from {seed:?}");
    }
}

#[test]
fn a_joint_on_its_limit_is_within_and_one_beyond_is_named() {
    let mut joints = ur5e_class().chain().joints().to_vec();
    (joints[2].limits.lower_rad, joints[2].limits.upper_rad) = (-1.0, 1.0);
    let at = |q: f64| Posture::from_rad([0.0, 0.0, q, 0.0, 0.0, 0.0]);
    assert_eq!(nearest_within(&at(1.0), &at(0.0), &joints).expect("on the limit").rad()[2], 1.0);
    let outside = nearest_within(&at(1.1), &at(0.0), &joints).expect_err("beyond it");
    assert_eq!((outside.len(), outside[0].joint.as_str()), (1, "elbow"));
    assert!((outside[0].at_rad - 1.1).abs() < 1e-12);
}
