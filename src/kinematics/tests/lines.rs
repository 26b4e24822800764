//! Straight lines: what is gone, and what is refused where.

use nalgebra::{Point3, Translation3};

use super::*;
use crate::line::{LineCause, SAMPLES_MAX};
use crate::pose::back_along_z;

/// Over a table: the flange looks down.
fn over_the_table() -> Posture {
    Posture::from_deg([0.0, -90.0, 90.0, -90.0, -90.0, 0.0])
}

fn moved(arm: &Arm, posture: &Posture, xyz_m: [f64; 3]) -> Pose {
    Translation3::from(nalgebra::Vector3::from(xyz_m)) * arm.flange(posture)
}

#[test]
fn a_line_is_straight_even_and_without_jumps() {
    let arm = ur5e_class();
    let (tool, posture) = (pose([0.0, 0.0, 0.15], [0.0; 3]), over_the_table());
    let from = arm.tcp(&posture, &tool);
    let to = Translation3::new(0.0, 0.12, -0.05) * from;
    let line = arm.line(&tool, &posture, &to, &LineRules::new(0.25)).expect("a line");
    assert!((line.length_m - 0.13).abs() < 1e-9);
    assert_eq!(line.waypoints.len(), 66);
    let last = &line.waypoints[65];
    assert!((last.at_s - 0.13 / 0.25).abs() < 1e-9 && gap(&last.tcp, &to).is_within(1e-9, 1e-7));
    assert!(line.waypoints[0].posture.farthest_from(&posture).1 < 1e-6);
    assert!(line.least_singular_value > SINGULAR_VALUE_MIN);
    for pair in line.waypoints.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        assert!(gap(&arm.tcp(&b.posture, &tool), &b.tcp).is_within(1e-6, 1e-6));
        assert!(b.posture.farthest_from(&a.posture).1 < 0.02, "{a:?} {b:?}");
        // Halfway in joint space the TCP is still on the line.
        let halfway =
            Posture::from_rad(core::array::from_fn(|j| (a.posture.rad()[j] + b.posture.rad()[j]) / 2.0));
        let meant = Point3::from((a.tcp.translation.vector + b.tcp.translation.vector) / 2.0);
        let off = (arm.tcp(&halfway, &tool).translation.vector - meant.coords).norm();
        assert!(off < 5e-5, "{off}");
    }
}

#[test]
fn an_approach_ends_where_the_target_is_and_a_retreat_begins_there() {
    let arm = ur5e_class();
    let (tool, seed) = (pose([0.0, 0.0, 0.15], [0.0; 3]), over_the_table());
    let target = Translation3::new(0.02, 0.03, -0.1) * arm.tcp(&seed, &tool);
    let rules = LineRules::new(0.1);
    let approach = arm.approach(&tool, &target, 0.08, &seed, &rules).expect("an approach");
    let (first, last) = (&approach.waypoints[0], approach.waypoints.last().expect("waypoints"));
    assert!(gap(&first.tcp, &back_along_z(&target, 0.08)).is_within(1e-9, 1e-7));
    assert!((first.tcp.translation.vector.z - target.translation.vector.z - 0.08).abs() < 1e-9, "from above");
    assert!(gap(&arm.tcp(&last.posture, &tool), &target).is_within(1e-6, 1e-6));
    assert!(first.at_s == 0.0 && (last.at_s - 0.8).abs() < 1e-9);
    let retreat = arm.retreat(&tool, &last.posture, 0.08, &rules).expect("a retreat");
    let mut back = retreat.waypoints.clone();
    back.reverse();
    for (there, back) in approach.waypoints.iter().zip(&back) {
        assert!(there.posture.farthest_from(&back.posture).1 < 1e-6);
    }
}

#[test]
fn a_line_through_the_wrists_singularity_is_refused_at_its_place() {
    let arm = ur5e_class();
    // Axes 4 and 6 in line; to either side of it the arm turns, and joint 5 with it.
    let in_line = Posture::from_deg([0.0, -90.0, 90.0, -90.0, 0.0, 0.0]);
    let aside = Posture::from_deg([10.0, -90.0, 90.0, -90.0, 10.0, 0.0]);
    let (from, to) = (moved(&arm, &in_line, [0.0, -0.1, 0.0]), moved(&arm, &in_line, [0.0, 0.1007, 0.0]));
    let begin = arm.nearest(&from, &aside, SINGULAR_VALUE_MIN).expect("free to begin with").posture;
    let line = |rules: &LineRules| arm.line(&Pose::identity(), &begin, &to, rules).expect_err("singular");
    let error = line(&LineRules::new(0.05));
    assert!(error.share > 0.3 && error.share < 0.5, "{error}");
    match error.cause {
        LineCause::NoPosture(NoPosture::NearSingularity { dexterity, bound, .. }) => {
            assert!(dexterity.smallest_singular_value < bound && bound == SINGULAR_VALUE_MIN);
        }
        other => panic!("{other}"),
    }
    // With next to no bound no sample is near enough; that the arm passes between two of them is seen all the same.
    let error = line(&LineRules { singular_value_min: 1e-9, ..LineRules::new(0.05) });
    assert!((error.share - 0.5).abs() < 0.02, "{error}");
    match error.cause {
        LineCause::PassesSingularity { before, after } => assert!(before * after < 0.0),
        other => panic!("{other}"),
    }
}

#[test]
fn a_line_by_the_wrists_singularity_asks_more_of_a_joint_than_it_can() {
    let arm = ur5e_class();
    let at = |q5_deg: f64| Posture::from_deg([0.0, -90.0, 90.0, -90.0, q5_deg, 0.0]);
    let to = arm.flange(&at(30.0));
    let error = arm.line(&Pose::identity(), &at(-30.0), &to, &LineRules::new(0.05)).expect_err("too fast");
    assert!(error.share > 0.2 && error.share < 0.6, "{error}");
    assert!(matches!(error.cause, LineCause::TooFast { .. }), "{error}");
    // Slowly, and sampled finely, the wrist turns around in time.
    let slow = LineRules { turn_rad_s: 0.02, step_m: 2e-4, step_rad: 1e-3, ..LineRules::new(0.005) };
    assert!(arm.line(&Pose::identity(), &at(-30.0), &to, &slow).is_ok());
}

#[test]
fn a_line_out_of_reach_is_refused_where_reach_ends() {
    let arm = ur5e_class();
    let posture = over_the_table();
    let to = moved(&arm, &posture, [-1.0, 0.0, 0.0]);
    let error = arm.line(&Pose::identity(), &posture, &to, &LineRules::new(0.1)).expect_err("too far");
    assert!((error.at_m - error.share).abs() < 1e-9 && error.at_m > 0.3 && error.at_m < 0.31, "{error}");
    match &error.cause {
        LineCause::NoPosture(NoPosture::Unreachable(short)) => assert!(short.proven && short.by_m < 0.002),
        other => panic!("{other}"),
    }
    // Going there finely enough, the stretched arm is told as what it is, next to where reach ends.
    let rules = LineRules { step_m: 2e-6, ..LineRules::new(0.001) };
    let edge = moved(&arm, &posture, [1e-3 - error.at_m, 0.0, 0.0]);
    let near = arm.nearest(&edge, &posture, 1e-6).expect("before the edge").posture;
    let fine = arm.line(&Pose::identity(), &near, &moved(&arm, &near, [-0.005, 0.0, 0.0]), &rules);
    let fine = fine.expect_err("stretched");
    assert!(matches!(fine.cause, LineCause::NoPosture(NoPosture::NearSingularity { .. })), "{fine}");
}

#[test]
fn a_joint_at_its_limit_ends_the_line_and_is_named() {
    let text = UR5E_CLASS.replacen(r#"upper="6.283185307179586""#, r#"upper="0.1""#, 1);
    let arm = arm(&text);
    let posture = over_the_table();
    let to = arm.flange(&Posture::from_deg([20.0, -90.0, 90.0, -90.0, -90.0, 0.0]));
    let error = arm.line(&Pose::identity(), &posture, &to, &LineRules::new(0.1)).expect_err("limited");
    match &error.cause {
        LineCause::NoPosture(NoPosture::OutsideLimits(outside)) => {
            assert_eq!(outside[0].joint, "shoulder_pan");
            assert!(error.share > 0.0 && error.share < 1.0, "{error}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn what_a_joint_cannot_keep_up_with_is_refused() {
    let arm = ur5e_class();
    let posture = over_the_table();
    let to = moved(&arm, &posture, [0.0, 0.1, 0.0]);
    assert!(arm.line(&Pose::identity(), &posture, &to, &LineRules::new(0.5)).is_ok());
    let error = arm.line(&Pose::identity(), &posture, &to, &LineRules::new(20.0)).expect_err("too fast");
    match error.cause {
        LineCause::TooFast { rad_s, max_rad_s, .. } => {
            assert!(rad_s > max_rad_s && max_rad_s == std::f64::consts::PI);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_change_of_configuration_is_a_jump() {
    let arm = ur5e_class();
    // A bound of a jump below what a step takes shows that each step is held against it.
    let rules = LineRules { jump_rad: 1e-4, ..LineRules::new(0.1) };
    let posture = over_the_table();
    let error = arm.line(&Pose::identity(), &posture, &moved(&arm, &posture, [0.0, 0.1, 0.0]), &rules);
    match error.expect_err("a jump").cause {
        LineCause::Jump { by_rad, .. } => assert!(by_rad > 1e-4 && by_rad < 0.1),
        other => panic!("{other}"),
    }
}

#[test]
fn lines_that_mean_nothing_are_refused() {
    let arm = ur5e_class();
    let posture = over_the_table();
    let here = arm.flange(&posture);
    let line = |to: &Pose, rules: &LineRules| arm.line(&Pose::identity(), &posture, to, rules);
    let usual = LineRules::new(0.1);
    for rules in [LineRules::new(0.0), LineRules::new(f64::NAN), LineRules { step_m: -1.0, ..usual }] {
        assert_eq!(line(&here, &rules).expect_err("no rules").cause, LineCause::Rules);
    }
    let turned = here * pose([0.0, 0.0, 0.01], [std::f64::consts::PI, 0.0, 0.0]);
    assert_eq!(line(&turned, &usual).expect_err("half a turn").cause, LineCause::HalfTurn);
    let far = moved(&arm, &posture, [100.0, 0.0, 0.0]);
    assert!(
        matches!(line(&far, &usual).expect_err("far").cause, LineCause::TooLong { samples } if samples > SAMPLES_MAX)
    );
    let nowhere = pose([f64::NAN, 0.0, 0.0], [0.0; 3]);
    assert_eq!(
        line(&nowhere, &usual).expect_err("nowhere").cause,
        LineCause::NoPosture(NoPosture::NotFinite)
    );
    let stay = line(&here, &usual).expect("where it is");
    assert!(stay.waypoints.len() <= 2 && stay.length_m < 1e-12);
}
