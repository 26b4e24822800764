//! The closed form: all branches, exact on the chain, and every refusal told for what it is.

use nalgebra::Translation3;

use super::*;

const RANDOM_POSES: usize = 10_000;

#[test]
fn ten_thousand_random_poses_are_solved_with_the_posture_they_come_from_among_them() {
    let arm = ur5e_class();
    let mut random = Random(10);
    let mut branches = [0usize; 9];
    for n in 0..RANDOM_POSES {
        let posture = random.posture(&arm);
        let seed = random.posture(&arm);
        let flange = arm.flange(&posture);
        let found = arm.postures(&flange, &seed).expect("reachable");
        for one in &found {
            let gap = gap(&arm.flange(one), &flange);
            assert!(gap.is_within(1e-6, 1e-6), "pose {n}: {gap:?} at {one:?}");
        }
        let nearest = found.iter().map(|p| apart_rad(p, &posture)).fold(f64::INFINITY, f64::min);
        assert!(nearest < 1e-6, "pose {n}: {posture:?} is missed by {nearest} rad");
        branches[found.len()] += 1;
    }
    // Arms of this build reach most of their poses in all eight ways, and in an even number of them.
    assert!(branches[8] > RANDOM_POSES / 2, "{branches:?}");
    assert_eq!(branches[1] + branches[3] + branches[5] + branches[7], 0, "{branches:?}");
}

#[test]
fn the_nearest_posture_is_the_nearest() {
    let arm = ur5e_class();
    let mut random = Random(11);
    let mut chosen = 0;
    for _ in 0..2_000 {
        let (posture, seed) = (random.posture(&arm), random.posture(&arm));
        let flange = arm.flange(&posture);
        let Ok(found) = arm.nearest(&flange, &seed, 1e-3) else { continue };
        chosen += 1;
        assert!(gap(&arm.flange(&found.posture), &flange).is_within(1e-6, 1e-6));
        let way = |p: &Posture| crate::inverse::choose::square_distance(p, &seed);
        // The posture it came from is within the limits, and so one of those chosen from.
        if arm.dexterity(&posture).smallest_singular_value > 2e-3 {
            assert!(way(&found.posture) <= way(&posture) + 1e-6, "{found:?} for {posture:?} from {seed:?}");
        }
    }
    assert!(chosen > 1_900, "{chosen}");
}

#[test]
fn a_seed_on_the_posture_itself_is_answered_with_it() {
    let arm = ur5e_class();
    let mut random = Random(12);
    let mut asked = 0;
    for _ in 0..500 {
        let posture = random.posture(&arm);
        if arm.dexterity(&posture).smallest_singular_value < SINGULAR_VALUE_MIN {
            continue;
        }
        asked += 1;
        let found = arm.nearest(&arm.flange(&posture), &posture, SINGULAR_VALUE_MIN).expect("reachable");
        let off = found.posture.farthest_from(&posture).1;
        assert!(off < 1e-6, "{posture:?}: {off}");
    }
    assert!(asked > 300, "{asked}");
}

#[test]
fn out_of_reach_is_told_by_how_much() {
    let arm = ur5e_class();
    let mut random = Random(15);
    let mut refused = 0;
    for _ in 0..500 {
        let mut joints_rad = *random.posture(&arm).rad();
        joints_rad[2] = 0.0;
        let stretched = Posture::from_rad(joints_rad);
        let poses = arm.chain().link_poses(&joints_rad).expect("six joints");
        // 5 mm more along the stretched arm; the arm's other side may still reach there.
        let upper_arm = poses[4].translation.vector - poses[3].translation.vector;
        let farther = Translation3::from(upper_arm.normalize() * 0.005) * arm.flange(&stretched);
        match arm.postures(&farther, &stretched) {
            Err(NoPosture::Unreachable(short)) => {
                assert!(short.proven && short.by_rad == 0.0, "{short:?}");
                assert!(short.by_m > 0.0 && short.by_m < 0.005 + 1e-9, "{short:?}");
                refused += usize::from(short.by_m > 0.005 - 1e-9);
            }
            other => assert!(other.is_ok(), "{other:?}"),
        }
    }
    assert!(refused > 20, "{refused} of 500 were out of reach of the other side, too");
}

#[test]
fn nothing_far_away_and_nothing_in_the_column_is_reached() {
    let arm = ur5e_class();
    let seed = Posture::from_deg([0.0, -90.0, 90.0, -90.0, -90.0, 0.0]);
    let mut random = Random(13);
    for _ in 0..1_000 {
        let mut any = || random.within(-3.0, 3.0);
        let turned = [any(), any(), any()];
        let direction = nalgebra::Vector3::new(any(), any(), any()).normalize();
        // Beyond every length of the arm together, and its height.
        let far = direction * random.within(1.5, 3.0);
        let far = pose([far.x, far.y, far.z], turned);
        assert!(matches!(arm.postures(&far, &seed), Err(NoPosture::Unreachable(_))), "{far:?}");
        // The meeting point of axes 5 and 6 nearer to axis 1 than the wrist stands beside the arm.
        let near = 0.1333 * random.within(0.0, 0.99);
        let meeting = pose([near, 0.0, random.within(0.2, 0.8)], turned);
        let flange = meeting * Translation3::new(0.0, 0.0, 0.0996);
        match arm.postures(&flange, &seed) {
            Err(NoPosture::Unreachable(short)) => {
                assert!((short.by_m - (0.1333 - near)).abs() < 1e-9, "{short:?} at {near}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The arm with every joint held within `by_rad` of `posture`.
fn held_near(posture: &Posture, by_rad: f64) -> Arm {
    let arm = ur5e_class();
    let mut joints = arm.chain().joints().to_vec();
    for (joint, at) in joints.iter_mut().zip(posture.rad()) {
        (joint.limits.lower_rad, joint.limits.upper_rad) = (at - by_rad, at + by_rad);
    }
    Arm::new(Chain::new(joints, arm.chain().links().to_vec()).expect("a chain")).expect("six joints")
}

#[test]
fn only_outside_the_limits_names_the_joint_and_where_it_would_stand() {
    let held = Posture::from_deg([0.0, -90.0, 90.0, -90.0, -90.0, 0.0]);
    let arm = held_near(&held, 0.1);
    // Outside by joint 1 alone.
    let mut joints_rad = *held.rad();
    joints_rad[0] = 0.25;
    match arm.nearest(&arm.flange(&Posture::from_rad(joints_rad)), &held, SINGULAR_VALUE_MIN) {
        Err(NoPosture::OutsideLimits(outside)) => {
            assert_eq!(outside.len(), 1, "{outside:?}");
            assert_eq!((outside[0].joint.as_str(), outside[0].upper_rad), ("shoulder_pan", 0.1));
            assert!((outside[0].at_rad - 0.25).abs() < 1e-6, "{outside:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pose_reached_in_a_singularity_only_is_refused_with_the_measure() {
    for joints_deg in [[20.0, -60.0, 80.0, -40.0, 0.1, 35.0], [20.0, -60.0, 0.1, -40.0, -90.0, 35.0]] {
        let posture = Posture::from_deg(joints_deg);
        let arm = held_near(&posture, 0.1);
        match arm.nearest(&arm.flange(&posture), &posture, SINGULAR_VALUE_MIN) {
            Err(NoPosture::NearSingularity { posture: told, dexterity, bound }) => {
                assert!(told.farthest_from(&posture).1 < 1e-5, "{told:?}");
                assert!(dexterity.smallest_singular_value < bound, "{dexterity:?}");
            }
            other => panic!("{joints_deg:?}: {other:?}"),
        }
    }
    // No arm is as free as this asks for.
    let arm = ur5e_class();
    let free = Posture::from_deg([0.0, -90.0, 90.0, -90.0, -90.0, 0.0]);
    match arm.nearest(&arm.flange(&free), &free, 10.0) {
        Err(NoPosture::NearSingularity { posture, dexterity, bound }) => {
            assert!(posture.farthest_from(&free).1 < 1e-6, "the nearest is told");
            assert!(bound == 10.0 && dexterity.smallest_singular_value > 0.05, "{dexterity:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_axes_4_and_6_in_line_joint_6_stays_where_the_seed_has_it() {
    let arm = ur5e_class();
    let posture = Posture::from_deg([20.0, -60.0, 80.0, -40.0, 0.0, 35.0]);
    let flange = arm.flange(&posture);
    let found = arm.postures(&flange, &posture).expect("reachable");
    assert!(found.iter().any(|p| apart_rad(p, &posture) < 1e-6), "{found:?}");
    for one in &found {
        assert!(gap(&arm.flange(one), &flange).is_within(1e-6, 1e-6), "{one:?}");
    }
}

#[test]
fn an_arm_as_it_was_calibrated_is_solved_on_its_exact_chain() {
    // Millimetres and milliradians aside, as the description of a calibrated arm has them.
    let real = UR5E_CLASS
        .replace(
            r#"xyz="-0.425 0 0" rpy="0 0 0""#,
            r#"xyz="-0.4253 0.0004 0.0002" rpy="0.0011 -0.0008 0.0005""#,
        )
        .replace(
            r#"xyz="-0.3922 0 0.1333" rpy="0 0 0""#,
            r#"xyz="-0.3919 0.0003 0.1336" rpy="-0.0007 0.0012 -0.0003""#,
        )
        .replace(
            r#"xyz="0 -0.0997 0" rpy="1.5707963267948966 0 0""#,
            r#"xyz="0.0002 -0.0995 0.0001" rpy="1.5712 0.0004 0""#,
        )
        .replace(
            r#"xyz="0 0 0" rpy="-1.5707963267948966 0 0""#,
            r#"xyz="0.0001 0.0001 0" rpy="-1.5704 0 0.0003""#,
        );
    assert_eq!(real.matches("0.0003").count(), 3, "a replacement was not made");
    let arm = arm(&real);
    assert!(arm.has_closed_form());
    let mut random = Random(14);
    let mut missed = 0;
    for _ in 0..2_000 {
        let posture = random.posture(&arm);
        let flange = arm.flange(&posture);
        let found = arm.postures(&flange, &posture).expect("reachable");
        for one in &found {
            assert!(gap(&arm.flange(one), &flange).is_within(1e-6, 1e-6), "{one:?}");
        }
        let free = arm.dexterity(&posture).smallest_singular_value > SINGULAR_VALUE_MIN;
        let is_found = found.iter().any(|p| apart_rad(p, &posture) < 1e-5);
        missed += usize::from(free && !is_found);
    }
    assert_eq!(missed, 0);
}

#[test]
fn numbers_that_are_none_are_refused() {
    let arm = ur5e_class();
    let seed = Posture::from_rad([0.0; 6]);
    let nowhere = pose([f64::NAN, 0.0, 0.0], [0.0; 3]);
    assert_eq!(arm.postures(&nowhere, &seed), Err(NoPosture::NotFinite));
    let wild = Posture::from_rad([f64::INFINITY, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(arm.nearest(&arm.flange(&seed), &wild, 0.01), Err(NoPosture::NotFinite));
}
