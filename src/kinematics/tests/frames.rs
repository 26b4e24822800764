//! Frames in frames, frames and pallets by taught points.

use nalgebra::Point3;

use super::*;
use crate::frames::{FRAMES_MAX, FrameError, TaughtError, frame_by_three_points};
use crate::pallet::PalletError;
use crate::pose::between;

fn close(a: &Pose, b: &Pose) -> bool {
    gap(a, b).is_within(1e-9, 1e-7)
}

#[test]
fn a_pose_goes_from_frame_to_frame_and_back() {
    let base = pose([1.0, 0.5, 0.8], [0.0, 0.0, std::f64::consts::FRAC_PI_2]);
    let mut frames = Frames::new(base).expect("finite");
    frames.add("station", Frame::Base, &pose([0.4, 0.0, 0.0], [0.0; 3])).expect("new");
    frames.add("tray", Frame::Named("station"), &pose([0.0, 0.1, 0.0], [0.0; 3])).expect("new");
    let point = pose([0.01, 0.0, 0.0], [0.0; 3]);
    // The base looks along the world's y: x of the base is y of the world, and y is its -x.
    let world = frames.convert(&point, Frame::Named("tray"), Frame::World).expect("known");
    assert!(close(&world, &pose([0.9, 0.91, 0.8], [0.0, 0.0, std::f64::consts::FRAC_PI_2])), "{world}");
    let base = frames.convert(&world, Frame::World, Frame::Base).expect("known");
    assert!(close(&base, &pose([0.41, 0.1, 0.0], [0.0; 3])), "{base}");
    let back = frames.convert(&base, Frame::Base, Frame::Named("tray")).expect("known");
    assert!(close(&back, &point), "{back}");
}

#[test]
fn frames_are_named_once_and_before_they_are_used() {
    let mut frames = Frames::new(Pose::identity()).expect("finite");
    let here = Pose::identity();
    assert_eq!(frames.add("a", Frame::Named("b"), &here), Err(FrameError::Unknown("b".to_owned())));
    assert_eq!(frames.add("a", Frame::World, &here), Ok(()));
    assert_eq!(frames.add("a", Frame::World, &here), Err(FrameError::Taken("a".to_owned())));
    let nowhere = pose([0.0, f64::NAN, 0.0], [0.0; 3]);
    assert_eq!(frames.add("c", Frame::World, &nowhere), Err(FrameError::NotFinite("c".to_owned())));
    assert!(matches!(Frames::new(nowhere), Err(FrameError::NotFinite(_))));
    for n in 1..FRAMES_MAX {
        assert_eq!(frames.add(&n.to_string(), Frame::World, &here), Ok(()));
    }
    assert_eq!(frames.add("one more", Frame::World, &here), Err(FrameError::Full));
}

#[test]
fn three_points_span_a_frame() {
    let tilted = pose([0.3, -0.2, 0.1], [0.2, -0.1, 0.7]);
    let at = |x: f64, y: f64| tilted * Point3::new(x, y, 0.0);
    // The third one need not stand at a right angle.
    let frame = frame_by_three_points(&at(0.0, 0.0), &at(0.2, 0.0), &at(0.05, 0.1)).expect("a frame");
    assert!(close(&frame, &tilted), "{frame}");
    let below = frame_by_three_points(&at(0.0, 0.0), &at(0.2, 0.0), &at(0.05, -0.1)).expect("a frame");
    let z = |p: &Pose| p.rotation * nalgebra::Vector3::z();
    assert!((z(&below) + z(&tilted)).norm() < 1e-9, "upside down");
}

#[test]
fn points_that_span_no_frame_are_refused() {
    let at = |x: f64, y: f64| Point3::new(x, y, 0.0);
    let close = frame_by_three_points(&at(0.0, 0.0), &at(0.005, 0.0), &at(0.0, 0.1));
    assert_eq!(close, Err(TaughtError::TooClose(0.005)));
    let line = frame_by_three_points(&at(0.0, 0.0), &at(0.1, 0.0), &at(-0.2, 0.001));
    assert!(matches!(line, Err(TaughtError::InLine(angle)) if angle < 0.01), "{line:?}");
    let none = frame_by_three_points(&at(0.0, f64::NAN), &at(0.1, 0.0), &at(0.0, 0.1));
    assert_eq!(none, Err(TaughtError::NotFinite));
}

#[test]
fn pockets_lie_row_by_row_between_the_taught_ones() {
    let station = pose([0.4, -0.3, 0.05], [0.0, 0.0, 0.5]);
    let down = station * pose([0.0; 3], [std::f64::consts::PI, 0.0, 0.0]);
    let at = |x: f64, y: f64| station * Point3::new(x, y, 0.0);
    let pallet = Pallet::taught(&down, &at(0.12, 0.0), &at(0.0, 0.06), 3, 5).expect("a pallet");
    assert_eq!(pallet.pockets(), 15);
    assert!(close(pallet.frame(), &station));
    for n in 0..15 {
        let (row, column) = (n / 5, n % 5);
        let pocket = pallet.pocket(n).expect("a pocket");
        let meant = at(0.03 * f64::from(column), 0.03 * f64::from(row));
        assert!((pocket.translation.vector - meant.coords).norm() < 1e-12, "pocket {n}: {pocket}");
        assert!(pocket.rotation.angle_to(&down.rotation) < 1e-9);
    }
    assert_eq!(pallet.pocket(15), Err(PalletError::NoPocket { pocket: 15, pockets: 15 }));
}

#[test]
fn a_single_row_is_a_pallet() {
    let at = |x: f64, y: f64| Point3::new(x, y, 0.0);
    let pallet = Pallet::taught(&Pose::identity(), &at(0.12, 0.0), &at(0.0, 0.06), 1, 5).expect("a pallet");
    let last = pallet.pocket(4).expect("a pocket");
    assert!(close(&last, &pose([0.12, 0.0, 0.0], [0.0; 3])), "{last}");
    assert_eq!(pallet.pocket(5), Err(PalletError::NoPocket { pocket: 5, pockets: 5 }));
}

#[test]
fn pallets_that_cannot_be_are_refused() {
    let first = Pose::identity();
    let at = |x: f64, y: f64| Point3::new(x, y, 0.0);
    let taught = |rows, columns| Pallet::taught(&first, &at(0.12, 0.0), &at(0.0, 0.06), rows, columns);
    assert_eq!(taught(0, 5), Err(PalletError::Counts { rows: 0, columns: 5 }));
    assert_eq!(taught(3, 101), Err(PalletError::Counts { rows: 3, columns: 101 }));
    // The third point at the second column.
    let skew = Pallet::taught(&first, &at(0.12, 0.0), &at(0.03, 0.06), 3, 5);
    assert!(matches!(skew, Err(PalletError::NotSquare { angle_rad }) if angle_rad < 1.2), "{skew:?}");
    let close = Pallet::taught(&first, &at(0.001, 0.0), &at(0.0, 0.06), 3, 5);
    assert_eq!(close, Err(PalletError::Taught(TaughtError::TooClose(0.001))));
}

#[test]
fn the_way_between_two_poses_is_straight_and_even() {
    let (a, b) = (pose([0.0; 3], [0.0; 3]), pose([0.4, 0.0, 0.2], [0.0, 0.0, 1.0]));
    let quarter = between(&a, &b, 0.25).expect("no half turn");
    assert!(close(&quarter, &pose([0.1, 0.0, 0.05], [0.0, 0.0, 0.25])), "{quarter}");
    let half_turn = pose([0.0; 3], [std::f64::consts::PI, 0.0, 0.0]);
    assert_eq!(between(&a, &half_turn, 0.5), None);
}
