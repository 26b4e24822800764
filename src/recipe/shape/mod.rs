//! What the files hold, as tables: each mapping is a [`Shape`], each of its fields has a kind of value, a line of
//! documentation and, if it may be left out, what then holds.
//!
//! `cellwright schema`, `fmt` and the language server read nothing else; the fields of a step stand in the file of
//! its kind. The decoders do not read the tables: `steps/tests/shapes.rs` holds both against each other, field by
//! field and value by value.

mod cell;
mod cell_devices;
mod cell_places;
mod cell_ros2;
mod faults;
mod forms;
mod order;
mod people;
mod plant;
mod recipe;
mod scenario;
mod scenario_act;
mod scenario_expect;
mod visit;

use cellwright_model::Dimension;

pub use forms::{Form, NUMBER};
pub use recipe::{FLOW, HANDLER, PARALLEL, REPEAT, USE};
pub use visit::{Seen, visit};

use crate::step::StepKind;

/// One mapping.
#[derive(Debug)]
pub struct Shape {
    /// Unique among all shapes; a title in schemas.
    pub name: &'static str,
    /// What it describes, in a sentence.
    pub about: &'static str,
    pub fields: &'static [Field],
}

/// One field of a mapping.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub need: Need,
    pub what: What,
    /// One line.
    pub doc: &'static str,
}

/// Whether a field has to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    /// What holds without it, as it would be written; empty: nothing does.
    Optional(&'static str),
    /// Its line says when.
    Depends,
}

/// The kind of a value.
#[derive(Debug)]
pub enum What {
    /// `number unit`, of one of these dimensions.
    Quantity(&'static [Dimension]),
    /// `low .. high unit`, of one of these dimensions.
    Range(&'static [Dimension]),
    /// A whole number between two bounds, decimal or `0x…`.
    Integer(u64, u64),
    /// A finite number without a unit.
    Number,
    Boolean,
    /// A name that the author gives, or that stands elsewhere.
    Identifier,
    Text,
    /// A text of a certain form.
    Form(Form),
    Word(&'static [&'static str]),
    /// Words that stand in a table of the program.
    Words(fn() -> Vec<String>),
    /// The name of something that is there.
    Name(Names),
    /// Over signals, measurements and parameters.
    Condition,
    /// Of a parameter: a quantity, a range, a whole number, a boolean or a word.
    Value,
    Fields(&'static Shape),
    List(&'static What),
    Map(Keys, &'static What),
    /// One of these.
    Either(&'static [What]),
    /// A list of steps.
    Steps,
}

/// What the keys of a mapping with free keys are.
#[derive(Debug, Clone, Copy)]
pub enum Keys {
    /// Names that the author gives.
    Given,
    /// The name of a parameter, which is written `$name`.
    Parameter,
    Name(Names),
    Form(Form),
    Words(fn() -> Vec<String>),
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    Cell,
    Axis,
    Input,
    /// An input, by its short name at a station too.
    Sensor,
    Output,
    Analog,
    Station,
    Robot,
    Camera,
    Scanner,
    Printer,
    LeakTester,
    SubDevice,
    Equipment,
    /// Any tray, lane or bin.
    Tray,
    /// One that parts come from.
    Source,
    Lane,
    /// `<tray>.next` of a tray that parts come from.
    Pocket,
    /// `<tray>.next` of a good tray, or a bin.
    Away,
    Pose,
    /// `name@version` of a camera.
    Job,
    /// Of the same recipe, or of the one that a file names.
    Component,
    /// The id of a step of the recipe that a file names: `feed/push` of a sub-recipe's.
    Step,
    /// `step.name` of a measurement of that recipe.
    Measurement,
    /// An alarm of the catalogue.
    Alarm,
    /// `name@major` of a file beside the recipe.
    Operation,
    Variant,
    /// A parameter of the recipe that a file names.
    Parameter,
    /// A file, by its path from this one.
    Path,
    /// A parameter of a sub-recipe.
    Argument,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    Recipe,
    /// A sub-recipe: the same file name, but for its fields.
    Operation,
    Cell,
    Taught,
    Plant,
    Order,
    Users,
    Quarantine,
    Faults,
    Test,
    Scenario,
}

impl FileKind {
    pub const ALL: [FileKind; 11] = [
        FileKind::Recipe,
        FileKind::Operation,
        FileKind::Cell,
        FileKind::Taught,
        FileKind::Plant,
        FileKind::Order,
        FileKind::Users,
        FileKind::Quarantine,
        FileKind::Faults,
        FileKind::Test,
        FileKind::Scenario,
    ];

    /// Its word on the command line, and the first field of such a file.
    pub fn word(self) -> &'static str {
        match self {
            FileKind::Recipe => "recipe",
            FileKind::Operation => "operation",
            FileKind::Cell => "cell",
            FileKind::Taught => "taught",
            FileKind::Plant => "plant",
            FileKind::Order => "order",
            FileKind::Users => "users",
            FileKind::Quarantine => "quarantine",
            FileKind::Faults => "faults",
            FileKind::Test => "test",
            FileKind::Scenario => "scenario",
        }
    }

    /// The outermost mapping.
    pub fn shape(self) -> &'static Shape {
        match self {
            FileKind::Recipe => &recipe::RECIPE,
            FileKind::Operation => &recipe::OPERATION,
            FileKind::Cell => &cell::CELL,
            FileKind::Taught => &cell::TAUGHT,
            FileKind::Plant => &plant::PLANT,
            FileKind::Order => &order::ORDER,
            FileKind::Users => &people::USERS,
            FileKind::Quarantine => &people::QUARANTINE,
            FileKind::Faults => &faults::FAULTS,
            FileKind::Test => &scenario::TEST,
            FileKind::Scenario => &scenario::SCENARIO,
        }
    }

    /// Of a file by its name: `x.recipe.yaml`, `cell.yaml`. A recipe may be an operation; its text says that.
    pub fn of_path(path: &str) -> Option<FileKind> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stem = name.strip_suffix(".yaml")?;
        let word = stem.rsplit('.').next().unwrap_or(stem);
        let dotted = stem.len() > word.len();
        let kind = FileKind::ALL.into_iter().find(|k| k.word() == word && *k != FileKind::Operation)?;
        (dotted == kind.has_many()).then_some(kind)
    }

    /// Whether a folder may have several, each with a name before the kind's word.
    pub fn has_many(self) -> bool {
        use FileKind::{Faults, Operation, Order, Recipe, Scenario, Test};
        matches!(self, Recipe | Operation | Order | Faults | Test | Scenario)
    }

    /// Whether `$name` stands for a parameter in it.
    pub fn has_params(self) -> bool {
        matches!(self, FileKind::Recipe | FileKind::Operation)
    }
}

impl Shape {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Its fields but for the first ones.
    const fn behind(&self, first: usize) -> &'static [Field] {
        self.fields.split_at(first).1
    }
}

/// A step as it is written: `- press: { … }`.
#[derive(Debug, Clone)]
pub struct StepShape {
    pub name: &'static str,
    pub about: &'static str,
    /// Its own fields and those of every step.
    pub fields: Vec<&'static Field>,
}

impl StepShape {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().copied().find(|f| f.name == name)
    }
}

/// Every step that a list of steps may hold: the kinds of the table, then what orders them.
pub fn steps(kinds: &[&dyn StepKind]) -> Vec<StepShape> {
    let of_kind = |kind: &&dyn StepKind| {
        let shape = kind.shape();
        let common = recipe::STEP.fields.iter().filter(|f| f.name != "on_fail" || kind.judges());
        let own = |f: &&Field| shape.field(f.name).is_none();
        let (first, rest): (Vec<_>, Vec<_>) = common.filter(own).partition(|f| f.name == "id");
        let fields = first.into_iter().chain(shape.fields).chain(rest).collect();
        StepShape { name: kind.name(), about: shape.about, fields }
    };
    let of_flow = |(name, shape): &(&'static str, &'static Shape)| StepShape {
        name,
        about: shape.about,
        fields: shape.fields.iter().collect(),
    };
    kinds.iter().map(of_kind).chain(FLOW.iter().map(of_flow)).collect()
}

/// Positions of an axis of either kind, and what changes them.
pub const POSITION: &[Dimension] = &[Dimension::Length, Dimension::Angle];
pub const SPEED: &[Dimension] = &[Dimension::Velocity, Dimension::AngularVelocity];
pub const ACCELERATION: &[Dimension] = &[Dimension::Acceleration, Dimension::AngularAcceleration];
pub const JERK: &[Dimension] = &[Dimension::Jerk, Dimension::AngularJerk];
/// Of whatever a sensor measures.
pub const ANY: &[Dimension] = &Dimension::ALL;

/// A table: `req` has to be given, `opt` may be left out (`= "…"`: what then holds), `dep` depends.
#[macro_export]
macro_rules! shape {
    (@need req) => { $crate::shape::Need::Required };
    (@need opt) => { $crate::shape::Need::Optional("") };
    (@need opt $default:literal) => { $crate::shape::Need::Optional($default) };
    (@need dep) => { $crate::shape::Need::Depends };
    ($vis:vis $ident:ident = $name:literal, $about:literal {
        $($need:ident $field:literal $(= $default:literal)? : $what:expr, $doc:literal;)*
    }) => {
        #[doc = $about]
        $vis static $ident: $crate::shape::Shape = {
            #[allow(unused_imports, reason = "each table uses its part")]
            use cellwright_model::Dimension::*;
            #[allow(unused_imports, reason = "each table uses its part")]
            use $crate::shape::What::*;
            $crate::shape::Shape {
                name: $name,
                about: $about,
                fields: &[$($crate::shape::Field {
                    name: $field,
                    need: $crate::shape!(@need $need $($default)?),
                    what: $what,
                    doc: $doc,
                }),*],
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_files_are_known_by_their_names() {
        let kind = FileKind::of_path;
        assert_eq!(kind("a/b/hub.recipe.yaml"), Some(FileKind::Recipe));
        assert_eq!(kind("cells/x/cell.yaml"), Some(FileKind::Cell));
        assert_eq!(kind("demo.order.yaml"), Some(FileKind::Order));
        assert_eq!(kind("hub.test.yaml"), Some(FileKind::Test));
        assert_eq!(kind("estop.scenario.yaml"), Some(FileKind::Scenario));
        for other in
            ["recipe.yaml", "test.yaml", "x.cell.yaml", "x.operation.yaml", "cell.yml", "README.md", ""]
        {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
