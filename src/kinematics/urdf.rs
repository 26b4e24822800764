//! URDF text to a chain (the XML of `http://wiki.ros.org/urdf/XML/robot`, `…/joint`, `…/link`).
//!
//! Read are `<link name>` and `<joint name type>` with `<parent>`, `<child>`, `<origin>`, `<axis>` and `<limit>`; what
//! else a robot has (shapes, masses, transmissions, soft limits of `<safety_controller>`) says nothing of where its
//! links are and is not looked at. Joints that do not lie between the two links may be of any type.

use std::collections::BTreeMap;

use nalgebra::{Unit, Vector3};
use thiserror::Error;

use crate::chain::{CHAIN_JOINTS_MAX, Chain, Joint, JointLimits, Link};
use crate::pose::{Pose, pose};
use crate::xml::{self, Element, Place};

/// Joints of a robot, grippers and all.
pub const ROBOT_JOINTS_MAX: usize = 256;
/// The longest way from one joint to the next. Beyond it somebody wrote millimetres.
pub const ORIGIN_M_MAX: f64 = 20.0;
/// The widest turn of a joint, and of an origin: two turns either way. Beyond it somebody wrote degrees.
pub const ANGLE_RAD_MAX: f64 = 4.0 * std::f64::consts::PI;

/// A mistake in a URDF.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("line {}, column {}: {element}: {problem}", place.line, place.column)]
pub struct UrdfError {
    pub place: Place,
    /// Which element, as a person would say it: joint `elbow`.
    pub element: String,
    pub problem: Problem,
}

/// What is wrong, and the remedy.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Problem {
    #[error("{0}")]
    NotXml(String),
    #[error("the root element is <{0}>; a URDF begins with <robot>")]
    NotARobot(String),
    #[error("it is xacro; expand it first and give the URDF that comes out")]
    Xacro,
    #[error("it has {0} joints, and {ROBOT_JOINTS_MAX} is the most that is read")]
    TooManyJoints(usize),
    #[error("it has no `{0}`; add it")]
    Missing(&'static str),
    #[error("<{0}> stands in it more than once; leave one")]
    Twice(&'static str),
    #[error("another one of this name stands in line {0}; names are unique")]
    NameTaken(usize),
    #[error("`{attribute}` is \"{value}\"; it has to be {wanted}")]
    Number { attribute: &'static str, value: String, wanted: &'static str },
    #[error("`{attribute}` holds {value}, beyond {max}; is it written in {instead}?")]
    Oversize { attribute: &'static str, value: f64, max: f64, instead: &'static str },
    #[error("link `{0}` is not in this robot")]
    NoLink(String),
    #[error("link `{link}` hangs on joint `{other}` already; a link has one joint to its parent")]
    SecondParent { link: String, other: String },
    #[error("going from it to its parents never ends; the links form a ring")]
    Ring,
    #[error(
        "no joints lead down to it from link `{0}`; name two links of which the first carries the second"
    )]
    NotBelow(String),
    #[error("there are {0} revolute joints on the way; a chain has 1 to {CHAIN_JOINTS_MAX}")]
    ChainJoints(usize),
    #[error("it is {0}; a chain has revolute and fixed joints only")]
    JointType(String),
    #[error(
        "it is continuous: a joint without an end cannot be held within limits; make it revolute, with the limits \
         that its cables leave it"
    )]
    Continuous,
    #[error("it follows joint `{0}` (mimic); a joint of a chain moves by itself")]
    Mimic(String),
    #[error("its axis is no direction: it has a length of {0}")]
    Axis(f64),
    #[error("its lower limit {lower_rad} is not below its upper limit {upper_rad}")]
    LimitsReversed { lower_rad: f64, upper_rad: f64 },
    #[error("its `{attribute}` is {value}; it has to be more than 0")]
    NotPositive { attribute: &'static str, value: f64 },
}

fn wrong(element: &Element, problem: Problem) -> UrdfError {
    let name = element.attribute("name").map(|n| format!("{} `{n}`", element.name));
    UrdfError { place: element.at, element: name.unwrap_or_else(|| format!("<{}>", element.name)), problem }
}

/// The chain from link `base` to link `tip` of the robot that `text` describes. Fixed joints are folded into what
/// they carry. Errors: the first mistake, with its place, the element and the remedy.
pub fn chain(text: &str, base: &str, tip: &str) -> Result<Chain, UrdfError> {
    let root = xml::read(text).map_err(|e| UrdfError {
        place: e.at,
        element: "robot description".to_owned(),
        problem: Problem::NotXml(e.what),
    })?;
    let robot = Robot::of(&root)?;
    robot.none_is_in_a_ring()?;
    robot.between(base, tip)
}

/// A robot's elements, by name.
struct Robot<'a> {
    root: &'a Element,
    links: BTreeMap<&'a str, &'a Element>,
    /// Link to the joint that carries it.
    carried_by: BTreeMap<&'a str, &'a Element>,
}

impl<'a> Robot<'a> {
    fn of(root: &'a Element) -> Result<Self, UrdfError> {
        if root.name != "robot" {
            return Err(wrong(root, Problem::NotARobot(root.name.clone())));
        }
        if let Some(xacro) = root.children.iter().find(|c| c.name.starts_with("xacro:")) {
            return Err(wrong(xacro, Problem::Xacro));
        }
        let joints = root.children_named("joint").count();
        if joints > ROBOT_JOINTS_MAX {
            return Err(wrong(root, Problem::TooManyJoints(joints)));
        }
        let mut robot = Self { root, links: by_name(root, "link")?, carried_by: BTreeMap::new() };
        by_name(root, "joint")?;
        for joint in root.children_named("joint") {
            robot.link_of(joint, "parent")?;
            let child = robot.link_of(joint, "child")?;
            if let Some(other) = robot.carried_by.insert(child, joint) {
                let (link, other) = (child.to_owned(), named(other).to_owned());
                return Err(wrong(joint, Problem::SecondParent { link, other }));
            }
        }
        Ok(robot)
    }

    /// The link that a joint names as its parent or child.
    fn link_of(&self, joint: &'a Element, end: &'static str) -> Result<&'a str, UrdfError> {
        let element = only(joint, end)?.ok_or_else(|| wrong(joint, Problem::Missing(end)))?;
        let link = element.attribute("link").ok_or_else(|| wrong(joint, Problem::Missing(end)))?;
        let known = self.links.contains_key(link);
        if known { Ok(link) } else { Err(wrong(joint, Problem::NoLink(link.to_owned()))) }
    }

    fn parent_of(&self, joint: &'a Element) -> &'a str {
        // `of` has looked for it in every joint.
        joint.children_named("parent").next().and_then(|p| p.attribute("link")).unwrap_or_default()
    }

    /// A link that never comes to a root by going to its parents stands in a ring.
    fn none_is_in_a_ring(&self) -> Result<(), UrdfError> {
        for (name, element) in &self.links {
            let mut at = *name;
            let mut steps = 0;
            while let Some(joint) = self.carried_by.get(at) {
                at = self.parent_of(joint);
                steps += 1;
                if steps > self.carried_by.len() {
                    return Err(wrong(element, Problem::Ring));
                }
            }
        }
        Ok(())
    }

    fn between(&self, base: &str, tip: &str) -> Result<Chain, UrdfError> {
        for link in [base, tip] {
            if !self.links.contains_key(link) {
                return Err(wrong(self.root, Problem::NoLink(link.to_owned())));
            }
        }
        let mut way = Vec::new();
        let mut at = tip;
        while at != base {
            let Some(joint) = self.carried_by.get(at) else {
                return Err(wrong(self.links[tip], Problem::NotBelow(base.to_owned())));
            };
            way.push((*joint, at));
            at = self.parent_of(joint);
        }
        way.reverse();
        let (joints, links) = fold(base, &way)?;
        let count = joints.len();
        // What else `Chain::new` asks for `fold` keeps.
        Chain::new(joints, links).map_err(|_| wrong(self.links[tip], Problem::ChainJoints(count)))
    }
}

/// Joints and links on the way, fixed joints folded.
fn fold(base: &str, way: &[(&Element, &str)]) -> Result<(Vec<Joint>, Vec<Link>), UrdfError> {
    let mut joints: Vec<Joint> = Vec::new();
    let mut links = vec![Link { name: base.to_owned(), joints_before: 0, offset: Pose::identity() }];
    // From the last revolute joint to the link that was reached.
    let mut offset = Pose::identity();
    for (element, link) in way {
        offset *= origin(element)?;
        if turns(element)? {
            let (axis, limits) = (axis(element)?, limits(element)?);
            joints.push(Joint { name: named(element).to_owned(), origin: offset, axis, limits });
            offset = Pose::identity();
        }
        links.push(Link { name: (*link).to_owned(), joints_before: joints.len(), offset });
    }
    Ok((joints, links))
}

/// A revolute joint turns, a fixed one does not, and anything else is refused.
fn turns(joint: &Element) -> Result<bool, UrdfError> {
    match joint.attribute("type") {
        None => Err(wrong(joint, Problem::Missing("type"))),
        Some("fixed") => Ok(false),
        Some("continuous") => Err(wrong(joint, Problem::Continuous)),
        Some("revolute") => match joint.children_named("mimic").next() {
            Some(mimic) => {
                let leader = mimic.attribute("joint").unwrap_or("?").to_owned();
                Err(wrong(joint, Problem::Mimic(leader)))
            }
            None => Ok(true),
        },
        Some(other) => Err(wrong(joint, Problem::JointType(other.to_owned()))),
    }
}

fn origin(joint: &Element) -> Result<Pose, UrdfError> {
    let Some(element) = only(joint, "origin")? else { return Ok(Pose::identity()) };
    let bounded = |attribute, max, instead| -> Result<[f64; 3], UrdfError> {
        let Some(text) = element.attribute(attribute) else { return Ok([0.0; 3]) };
        let values = three(text).ok_or_else(|| not_three(joint, attribute, text))?;
        match values.iter().find(|v| v.abs() > max) {
            Some(&value) => Err(wrong(joint, Problem::Oversize { attribute, value, max, instead })),
            None => Ok(values),
        }
    };
    Ok(pose(bounded("xyz", ORIGIN_M_MAX, "millimetres")?, bounded("rpy", ANGLE_RAD_MAX, "degrees")?))
}

/// Without `<axis>` it is x, says the specification.
fn axis(joint: &Element) -> Result<Unit<Vector3<f64>>, UrdfError> {
    let Some(element) = only(joint, "axis")? else { return Ok(Vector3::x_axis()) };
    let text = element.attribute("xyz").ok_or_else(|| wrong(joint, Problem::Missing("xyz")))?;
    let vector = Vector3::from(three(text).ok_or_else(|| not_three(joint, "xyz", text))?);
    // Written with six digits or so a unit vector is not exactly one; a much shorter one is a slip.
    Unit::try_new(vector, 1e-3)
        .filter(|_| vector.norm().is_finite())
        .ok_or_else(|| wrong(joint, Problem::Axis(vector.norm())))
}

fn limits(joint: &Element) -> Result<JointLimits, UrdfError> {
    let limit = only(joint, "limit")?.ok_or_else(|| wrong(joint, Problem::Missing("limit")))?;
    let number = |attribute| -> Result<f64, UrdfError> {
        let text = limit.attribute(attribute).ok_or_else(|| wrong(joint, Problem::Missing(attribute)))?;
        finite(text).ok_or_else(|| number_wrong(joint, attribute, text, "a finite number"))
    };
    let angle = |attribute| -> Result<f64, UrdfError> {
        let value = number(attribute)?;
        let oversize = Problem::Oversize { attribute, value, max: ANGLE_RAD_MAX, instead: "degrees" };
        if value.abs() > ANGLE_RAD_MAX { Err(wrong(joint, oversize)) } else { Ok(value) }
    };
    let positive = |attribute| -> Result<f64, UrdfError> {
        let value = number(attribute)?;
        if value > 0.0 { Ok(value) } else { Err(wrong(joint, Problem::NotPositive { attribute, value })) }
    };
    let (lower_rad, upper_rad) = (angle("lower")?, angle("upper")?);
    if lower_rad >= upper_rad {
        return Err(wrong(joint, Problem::LimitsReversed { lower_rad, upper_rad }));
    }
    let (velocity_rad_s, effort_nm) = (positive("velocity")?, positive("effort")?);
    Ok(JointLimits { lower_rad, upper_rad, velocity_rad_s, effort_nm })
}

/// Every element of this kind by its name.
fn by_name<'a>(root: &'a Element, kind: &'a str) -> Result<BTreeMap<&'a str, &'a Element>, UrdfError> {
    let mut found: BTreeMap<&str, &Element> = BTreeMap::new();
    for element in root.children_named(kind) {
        let name = element.attribute("name").filter(|n| !n.is_empty());
        let name = name.ok_or_else(|| wrong(element, Problem::Missing("name")))?;
        if let Some(other) = found.insert(name, element) {
            return Err(wrong(element, Problem::NameTaken(other.at.line)));
        }
    }
    Ok(found)
}

fn named(element: &Element) -> &str {
    element.attribute("name").unwrap_or_default()
}

/// The child of this kind, if there is one.
fn only<'a>(element: &'a Element, kind: &'static str) -> Result<Option<&'a Element>, UrdfError> {
    let mut found = element.children_named(kind);
    let first = found.next();
    if found.next().is_some() { Err(wrong(element, Problem::Twice(kind))) } else { Ok(first) }
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

fn three(text: &str) -> Option<[f64; 3]> {
    let values: Vec<f64> = text.split_ascii_whitespace().map(finite).collect::<Option<_>>()?;
    values.try_into().ok()
}

fn number_wrong(joint: &Element, attribute: &'static str, value: &str, wanted: &'static str) -> UrdfError {
    // A value of a megabyte helps nobody in a message.
    let value = value.chars().take(40).collect();
    wrong(joint, Problem::Number { attribute, value, wanted })
}

fn not_three(joint: &Element, attribute: &'static str, value: &str) -> UrdfError {
    number_wrong(joint, attribute, value, "three finite numbers")
}
