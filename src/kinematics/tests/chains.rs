//! A chain cannot be put together wrongly.

use super::*;
use crate::chain::NotAChain;

#[test]
fn joints_and_links_have_to_fit() {
    let chain = ur5e_class().chain().clone();
    let (joints, links) = (chain.joints().to_vec(), chain.links().to_vec());
    assert_eq!(Chain::new(Vec::new(), links.clone()), Err(NotAChain::Joints(0)));
    assert_eq!(Chain::new(joints.clone(), Vec::new()), Err(NotAChain::NoLink));
    let behind = Chain::new(joints[..5].to_vec(), links.clone());
    assert_eq!(behind, Err(NotAChain::BehindNothing("wrist_3".to_owned())));
    assert_eq!(Chain::new(joints, links), Ok(chain));
}

#[test]
fn an_arm_has_six_joints() {
    let five = crate::urdf::chain(UR5E_CLASS, "base_link", "wrist_2").expect("a chain");
    let error = Arm::new(five).expect_err("five joints");
    assert_eq!((error.tip.as_str(), error.joints), ("wrist_2", 5));
}

#[test]
fn the_geometry_is_recognised_by_the_axes() {
    assert!(ur5e_class().has_closed_form());
    assert!(!spherical().has_closed_form());
    let renamed = UR5E_CLASS.replace("elbow", "ellbogen").replace("ur5e-class", "x");
    assert!(arm(&renamed).has_closed_form());
    // Axis 3 across axis 2: no longer parallel.
    let turned = UR5E_CLASS.replace(r#"xyz="-0.425 0 0" rpy="0 0 0""#, r#"xyz="-0.425 0 0" rpy="1.5 0 0""#);
    assert_ne!(turned, UR5E_CLASS);
    assert!(!arm(&turned).has_closed_form());
    // Axes 5 and 6 pass each other by 20 mm.
    let apart = UR5E_CLASS.replace(
        r#"<origin xyz="0 0 0" rpy="-1.5707963267948966 0 0"/>"#,
        r#"<origin xyz="0.02 0 0" rpy="-1.5707963267948966 0 0"/>"#,
    );
    assert_ne!(apart, UR5E_CLASS);
    assert!(!arm(&apart).has_closed_form());
}
