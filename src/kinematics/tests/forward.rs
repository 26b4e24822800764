//! Forward kinematics against the published Denavit-Hartenberg parameters, the Jacobian against differences.

use nalgebra::{Isometry3, Translation3, UnitQuaternion, Vector3};

use super::*;
use crate::forward::WrongJoints;
use crate::pose::error;

/// (d, a, alpha) of a UR5e, as its maker publishes them.
const PUBLISHED: [(f64, f64, f64); 6] = [
    (0.1625, 0.0, std::f64::consts::FRAC_PI_2),
    (0.0, -0.425, 0.0),
    (0.0, -0.3922, 0.0),
    (0.1333, 0.0, std::f64::consts::FRAC_PI_2),
    (0.0997, 0.0, -std::f64::consts::FRAC_PI_2),
    (0.0996, 0.0, 0.0),
];

fn by_parameters(posture: &Posture) -> Pose {
    let turn = |axis, angle| UnitQuaternion::from_axis_angle(&axis, angle);
    PUBLISHED.iter().zip(posture.rad()).fold(Isometry3::identity(), |at, ((d, a, alpha), q)| {
        at * turn(Vector3::z_axis(), *q) * Translation3::new(*a, 0.0, *d) * turn(Vector3::x_axis(), *alpha)
    })
}

#[test]
fn the_example_has_the_published_dimensions() {
    let arm = ur5e_class();
    let zero = arm.flange(&Posture::from_rad([0.0; 6])).translation.vector;
    assert!((zero - Vector3::new(-0.8172, -0.2329, 0.0628)).norm() < 1e-12, "{zero}");
    let mut random = Random(1);
    for _ in 0..200 {
        let posture = random.posture(&arm);
        let gap = gap(&arm.flange(&posture), &by_parameters(&posture));
        assert!(gap.is_within(1e-12, 1e-7), "{gap:?} at {posture:?}");
    }
}

#[test]
fn every_link_has_its_pose() {
    let arm = ur5e_class();
    let upright = [0.0, -std::f64::consts::FRAC_PI_2, 0.0, 0.0, 0.0, 0.0];
    let poses = arm.chain().link_poses(&upright).expect("six joints");
    let heights: Vec<f64> = poses.iter().map(|p| (p.translation.vector.z * 1e4).round() / 1e4).collect();
    assert_eq!(heights[..6], [0.0, 0.1625, 0.1625, 0.1625, 0.5875, 0.9797]);
    assert_eq!(arm.chain().links()[4].name, "forearm");
    let tip = arm.chain().tip_pose(&upright).expect("six joints");
    assert_eq!(poses.last(), Some(&tip));
}

#[test]
fn the_tool_hangs_on_the_flange() {
    let arm = ur5e_class();
    let posture = Posture::from_deg([10.0, -80.0, 95.0, -60.0, -85.0, 20.0]);
    let tool = pose([0.0, 0.05, 0.12], [0.0, 0.0, 0.3]);
    let by_hand = arm.flange(&posture) * nalgebra::Point3::new(0.0, 0.05, 0.12);
    let tcp = arm.tcp(&posture, &tool);
    assert!((tcp.translation.vector - by_hand.coords).norm() < 1e-12);
    assert!((gap(&tcp, &arm.flange(&posture)).angle_rad - 0.3).abs() < 1e-9);
}

#[test]
fn joints_that_do_not_fit_are_refused() {
    let chain = ur5e_class().chain().clone();
    assert_eq!(chain.tip_pose(&[0.0; 5]), Err(WrongJoints::Count { given: 5, joints: 6 }));
    let mut joints = [0.0; 6];
    joints[3] = f64::NAN;
    assert_eq!(chain.link_poses(&joints), Err(WrongJoints::NotFinite(3)));
    assert_eq!(chain.jacobian(&joints, &Pose::identity()), Err(WrongJoints::NotFinite(3)));
}

#[test]
fn the_jacobian_is_the_derivative() {
    const STEP: f64 = 1e-6;
    let mut random = Random(2);
    for arm in [ur5e_class(), spherical()] {
        for _ in 0..500 {
            let posture = random.posture(&arm);
            let mut xyz = || random.within(-0.2, 0.2);
            let tool = pose([xyz(), xyz(), xyz()], [xyz(), xyz(), xyz()]);
            let jacobian = arm.chain().jacobian(posture.rad(), &tool).expect("six joints");
            for joint in 0..6 {
                let moved = |by: f64| {
                    let mut joints = *posture.rad();
                    joints[joint] += by;
                    arm.tcp(&Posture::from_rad(joints), &tool)
                };
                let difference = error(&moved(-STEP), &moved(STEP)) / (2.0 * STEP);
                let off = (jacobian.column(joint) - difference).amax();
                assert!(off < 1e-7, "joint {joint} of {posture:?}: {off}");
            }
        }
    }
}

#[test]
fn the_arms_jacobian_is_that_of_its_chain() {
    let arm = ur5e_class();
    let posture = Random(3).posture(&arm);
    let of_chain = arm.chain().jacobian(posture.rad(), &Pose::identity()).expect("six joints");
    assert!((arm.jacobian(&posture) - of_chain).amax() < 1e-12);
}

#[test]
fn dexterity_falls_to_nothing_in_a_singularity() {
    let arm = ur5e_class();
    let free = arm.dexterity(&Posture::from_deg([0.0, -90.0, 90.0, -90.0, -90.0, 0.0]));
    assert!(free.smallest_singular_value > 0.05, "{free:?}");
    for joints_deg in [[0.0, -90.0, 90.0, -90.0, 0.0, 0.0], [0.0, -90.0, 0.0, -90.0, -90.0, 0.0]] {
        let stuck = arm.dexterity(&Posture::from_deg(joints_deg));
        assert!(stuck.smallest_singular_value < 1e-9 && stuck.determinant.abs() < 1e-9, "{stuck:?}");
    }
}

#[test]
fn a_posture_that_is_none_moves_nothing() {
    let nowhere = Posture::from_rad([0.0, f64::NAN, 0.0, 0.0, 0.0, f64::INFINITY]);
    let stuck = ur5e_class().dexterity(&nowhere);
    assert_eq!((stuck.smallest_singular_value, stuck.determinant), (0.0, 0.0));
}

#[test]
fn the_smallest_singular_value_is_the_slowest_direction() {
    let arm = ur5e_class();
    let mut random = Random(4);
    for _ in 0..200 {
        let posture = random.posture(&arm);
        let jacobian = arm.jacobian(&posture);
        let least = arm.dexterity(&posture).smallest_singular_value;
        let square = (jacobian.transpose() * jacobian).symmetric_eigenvalues().min();
        assert!((least * least - square).abs() < 1e-9, "{least} at {posture:?}");
    }
}

#[test]
fn degrees_and_millimetres_go_in_and_out() {
    let joints_deg = [10.0, -80.0, 95.0, -60.0, -85.0, 20.0];
    let back = Posture::from_deg(joints_deg).to_deg();
    assert!(back.iter().zip(joints_deg).all(|(a, b)| (a - b).abs() < 1e-12));
    let (xyz_mm, rpy_deg) = pose_to_mm_deg(&pose_from_mm_deg([100.0, -20.0, 3.0], [10.0, 20.0, -30.0]));
    let off = [xyz_mm[0] - 100.0, xyz_mm[1] + 20.0, xyz_mm[2] - 3.0, rpy_deg[0] - 10.0, rpy_deg[2] + 30.0];
    assert!(off.iter().all(|v| v.abs() < 1e-9), "{xyz_mm:?} {rpy_deg:?}");
}
