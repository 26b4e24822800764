//! The examples are read as they are meant, and every mistake is told by its element and its place.

use super::*;
use crate::urdf::{ORIGIN_M_MAX, Problem, chain};

/// The example with `from` written as `to`; it has to be there.
fn changed(from: &str, to: &str) -> String {
    assert!(UR5E_CLASS.contains(from), "the example has no {from}");
    UR5E_CLASS.replacen(from, to, 1)
}

fn refused(text: &str) -> UrdfError {
    chain(text, "base_link", "flange").expect_err("a mistake")
}

const ELBOW: &str = r#"<joint name="elbow" type="revolute">"#;
const PAN_LIMIT: &str = r#"<limit lower="-6.283185307179586" upper="6.283185307179586" velocity="3.141592653589793" effort="150"/>"#;

#[test]
fn the_example_is_read_as_it_stands() {
    let arm = ur5e_class();
    let joints = arm.chain().joints();
    let names: Vec<&str> = joints.iter().map(|j| j.name.as_str()).collect();
    assert_eq!(names, ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3"]);
    let elbow = &joints[2].limits;
    assert_eq!((elbow.lower_rad, elbow.upper_rad), (-std::f64::consts::PI, std::f64::consts::PI));
    assert_eq!((elbow.velocity_rad_s, elbow.effort_nm), (std::f64::consts::PI, 150.0));
    // The mount is folded into the first joint, the flange into the last link.
    assert_eq!(joints[0].origin.translation.vector.z, 0.1625);
    assert_eq!(arm.chain().tip().offset.translation.vector.z, 0.0996);
    assert_eq!(arm.chain().links().len(), 9);
}

#[test]
fn a_part_of_a_chain_is_a_chain() {
    let part = chain(UR5E_CLASS, "upper_arm", "wrist_2").expect("a chain");
    assert_eq!(part.joints().len(), 3);
    let poses = part.link_poses(&[0.0; 3]).expect("three joints");
    assert!((poses[1].translation.vector.x + 0.425).abs() < 1e-12);
}

#[test]
fn each_mistake_names_its_element_and_its_line() {
    let no_parent = changed(r#"<parent link="upper_arm"/>"#, "");
    let cases = [
        (changed(ELBOW, r#"<joint name="elbow" type="prismatic">"#), "joint `elbow`", "it is prismatic"),
        (changed(ELBOW, r#"<joint name="elbow" type="continuous">"#), "joint `elbow`", "continuous"),
        (changed(ELBOW, r#"<joint name="elbow">"#), "joint `elbow`", "no `type`"),
        (
            changed(ELBOW, &format!("{ELBOW}<mimic joint=\"wrist_1\"/>")),
            "joint `elbow`",
            "follows joint `wrist_1`",
        ),
        (changed(ELBOW, r#"<joint type="revolute">"#), "<joint>", "no `name`"),
        (
            changed(ELBOW, r#"<joint name="wrist_1" type="revolute">"#),
            "joint `wrist_1`",
            "another one of this name",
        ),
        (changed(PAN_LIMIT, ""), "joint `shoulder_pan`", "no `limit`"),
        (changed(r#"lower="-6.283185307179586" "#, ""), "joint `shoulder_pan`", "no `lower`"),
        (changed(r#"velocity="3.141592653589793" "#, ""), "joint `shoulder_pan`", "no `velocity`"),
        (changed(r#" effort="150""#, ""), "joint `shoulder_pan`", "no `effort`"),
        (changed(r#"effort="150""#, r#"effort="0""#), "joint `shoulder_pan`", "more than 0"),
        (changed(r#"lower="-6.28"#, r#"lower="6.29"#), "joint `shoulder_pan`", "not below its upper limit"),
        (changed(r#"lower="-6.283185307179586""#, r#"lower="-360""#), "joint `shoulder_pan`", "degrees?"),
        (
            changed(r#"lower="-6.283185307179586""#, r#"lower="NaN""#),
            "joint `shoulder_pan`",
            "a finite number",
        ),
        (changed(r#"xyz="-0.425 0 0""#, r#"xyz="-425 0 0""#), "joint `elbow`", "millimetres?"),
        (changed(r#"xyz="-0.425 0 0""#, r#"xyz="inf 0 0""#), "joint `elbow`", "three finite numbers"),
        (changed(r#"xyz="-0.425 0 0""#, r#"xyz="-0.425 0""#), "joint `elbow`", "three finite numbers"),
        (changed(r#"<axis xyz="0 0 1"/>"#, r#"<axis xyz="0 0 0"/>"#), "joint `shoulder_pan`", "no direction"),
        (changed(r#"<axis xyz="0 0 1"/>"#, "<axis/>"), "joint `shoulder_pan`", "no `xyz`"),
        (no_parent, "joint `elbow`", "no `parent`"),
        (
            changed(r#"<parent link="upper_arm"/>"#, r#"<parent link="nowhere"/>"#),
            "joint `elbow`",
            "not in this robot",
        ),
        (
            changed(r#"<child link="forearm"/>"#, r#"<child link="shoulder"/>"#),
            "joint `elbow`",
            "hangs on joint",
        ),
        (
            changed(r#"<link name="forearm"/>"#, r#"<link name="forearm"/><link name="forearm"/>"#),
            "link `forearm`",
            "another",
        ),
        (changed(PAN_LIMIT, &format!("{PAN_LIMIT}{PAN_LIMIT}")), "joint `shoulder_pan`", "more than once"),
    ];
    for (text, element, says) in cases {
        let error = refused(&text);
        let told = error.to_string();
        assert!(error.element == element && told.contains(says), "{told} instead of {element}: {says}");
        let line = text.lines().nth(error.place.line - 1).unwrap_or_default();
        let tag = &line[line.char_indices().nth(error.place.column - 1).map_or(0, |(at, _)| at)..];
        assert!(tag.starts_with("<joint") || tag.starts_with("<link"), "{told} points at {tag}");
    }
}

#[test]
fn links_in_a_ring_are_refused() {
    let text = r#"<robot name="r"><link name="base_link"/><link name="flange"/><link name="a"/><link name="b"/>
        <joint name="x" type="fixed"><parent link="base_link"/><child link="flange"/></joint>
        <joint name="y" type="fixed"><parent link="a"/><child link="b"/></joint>
        <joint name="z" type="fixed"><parent link="b"/><child link="a"/></joint></robot>"#;
    assert_eq!(refused(text).problem, Problem::Ring);
    let alone = r#"<robot name="r"><link name="base_link"/><link name="flange"/>
        <joint name="x" type="fixed"><parent link="flange"/><child link="flange"/></joint></robot>"#;
    assert_eq!(refused(alone).problem, Problem::Ring);
}

#[test]
fn two_links_that_are_no_chain_are_refused() {
    let below = chain(UR5E_CLASS, "flange", "base_link").expect_err("upside down");
    assert_eq!(below.problem, Problem::NotBelow("flange".to_owned()));
    let unknown = chain(UR5E_CLASS, "base_link", "tool0").expect_err("no such link");
    assert_eq!(unknown.problem, Problem::NoLink("tool0".to_owned()));
    let same = chain(UR5E_CLASS, "forearm", "forearm").expect_err("no joints");
    assert_eq!(same.problem, Problem::ChainJoints(0));
    let fixed = chain(UR5E_CLASS, "wrist_3", "flange").expect_err("a fixed joint only");
    assert_eq!(fixed.problem, Problem::ChainJoints(0));
}

/// A robot of `count` joints in a row.
fn long(count: usize) -> String {
    let joint = |n: usize| {
        let child = if n + 1 == count { "flange".to_owned() } else { format!("l{}", n + 1) };
        let parent = if n == 0 { "base_link".to_owned() } else { format!("l{n}") };
        format!(
            r#"<link name="{child}"/><joint name="j{n}" type="revolute"><parent link="{parent}"/>
            <child link="{child}"/><limit lower="-1" upper="1" velocity="1" effort="1"/></joint>"#
        )
    };
    let joints: String = (0..count).map(joint).collect();
    format!(r#"<robot name="r"><link name="base_link"/>{joints}</robot>"#)
}

#[test]
fn sizes_have_bounds() {
    assert_eq!(chain(&long(12), "base_link", "flange").expect("twelve").joints().len(), 12);
    assert_eq!(refused(&long(13)).problem, Problem::ChainJoints(13));
    assert_eq!(refused(&long(257)).problem, Problem::TooManyJoints(257));
    let deep = format!("<robot>{}{}</robot>", "<a>".repeat(40), "</a>".repeat(40));
    assert!(refused(&deep).to_string().contains("deep"));
    let many = format!("<robot>{}</robot>", "<a/>".repeat(20_001));
    assert!(refused(&many).to_string().contains("elements"));
    let large = format!("<robot>{}</robot>", " ".repeat(1 << 20));
    assert!(refused(&large).to_string().contains("bytes"));
    let far = changed(r#"xyz="-0.425 0 0""#, &format!("xyz=\"{} 0 0\"", ORIGIN_M_MAX * 1.01));
    assert!(matches!(refused(&far).problem, Problem::Oversize { .. }));
}

#[test]
fn what_is_no_urdf_is_told_as_such() {
    let cases = [
        ("", "no element"),
        ("<robot", "no XML"),
        ("<robot><link name='a'></robot>", "no XML"),
        ("<robot><link name='a'/>", "never closed"),
        ("<robot/><robot/>", "second element"),
        ("words <robot/>", "outside of the root"),
        ("<sdf/>", "begins with <robot>"),
        ("<robot a='1' a='2'/>", "attribute"),
        ("<robot><link name='&growing;'/></robot>", "`name` cannot be read"),
        ("<!DOCTYPE robot [<!ENTITY a 'aaaa'>]><robot/>", "document type definition"),
        ("<robot><xacro:include filename='x'/></robot>", "xacro"),
    ];
    for (text, says) in cases {
        let told = refused(text).to_string();
        assert!(told.contains(says), "{text}: {told}");
    }
}

#[test]
fn text_cut_anywhere_is_refused_and_never_a_panic() {
    let whole = UR5E_CLASS.trim_end().len();
    for end in (0..whole).filter(|n| UR5E_CLASS.is_char_boundary(*n)) {
        assert!(chain(&UR5E_CLASS[..end], "base_link", "flange").is_err(), "cut at {end}");
    }
}

#[test]
fn changed_text_is_read_or_refused_at_a_place_in_it() {
    let letters: Vec<char> = "<>/\"'=&;!-?0123456789.eNaN \nxé".chars().collect();
    let mut random = Random(50);
    let mut refusals = 0;
    for _ in 0..3_000 {
        let mut text: Vec<char> = UR5E_CLASS.chars().collect();
        for _ in 0..1 + (random.share() * 4.0) as usize {
            let at = (random.share() * text.len() as f64) as usize;
            text[at] = letters[(random.share() * letters.len() as f64) as usize];
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = chain(&text, "base_link", "flange") {
            refusals += 1;
            let lines = text.lines().count();
            assert!((1..=lines + 1).contains(&error.place.line) && error.place.column >= 1, "{error}");
        }
    }
    assert!(refusals > 1_000, "{refusals}");
}

#[test]
fn joints_beside_the_chain_may_be_of_any_kind() {
    let gripper = r#"<link name="finger"/><joint name="grip" type="prismatic"><parent link="flange"/>
        <child link="finger"/><mimic joint="elbow"/></joint></robot>"#;
    let text = changed("</robot>", gripper);
    assert_eq!(chain(&text, "base_link", "flange").expect("a chain").joints().len(), 6);
    let error = chain(&text, "base_link", "finger").expect_err("through the gripper");
    assert_eq!(error.problem, Problem::JointType("prismatic".to_owned()));
}
