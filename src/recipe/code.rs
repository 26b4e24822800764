//! The catalogue of diagnostics: one code for one kind of mistake, never used again for another.
//!
//! R00xx text and YAML · R01xx structure · R02xx quantities · R03xx names · R04xx conditions ·
//! R05xx parameters and variants · R06xx sub-recipes · R07xx against the cell · R08xx the flow of a unit ·
//! R09xx cell files · R10xx order files · R11xx test files.

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        /// Code of a diagnostic. The doc comment of each is its title in the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// All of them, in the order of the catalogue.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// `R0123`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }
            /// What it stands for.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

codes! {
    NotReadable = "R0001", "a file cannot be read";
    TooLarge = "R0002", "a file is too large";
    NotUtf8 = "R0003", "a file is not UTF-8";
    Tab = "R0004", "a tab character";
    YamlSyntax = "R0005", "not YAML";
    Anchor = "R0006", "an anchor (`&name`)";
    Alias = "R0007", "an alias (`*name`)";
    Tag = "R0008", "a tag (`!name`)";
    MergeKey = "R0009", "a merge key (`<<`)";
    DuplicateKey = "R0010", "a key given twice";
    Yaml11Boolean = "R0011", "a boolean of YAML 1.1";
    TooDeep = "R0012", "nested too deeply";
    Documents = "R0013", "not exactly one document";
    NoValue = "R0014", "a key without a value";
    Directive = "R0015", "a YAML directive (`%...`)";
    ComplexKey = "R0016", "a key that is no plain word";
    TooMany = "R0017", "more mistakes than are shown";
    CutByComment = "R0018", "a value cut by a comment";
    Unseen = "R0019", "a character that cannot be seen";

    UnknownField = "R0101", "an unknown field";
    MissingField = "R0102", "a missing field";
    WrongKind = "R0103", "a mapping, list or word in the place of another";
    NotANumber = "R0104", "not a number";
    UnknownWord = "R0105", "none of the words that may stand here";
    BadIdentifier = "R0106", "not an identifier";
    DuplicateId = "R0107", "an identifier used twice";
    Capacity = "R0108", "more than the controller has room for";
    Empty = "R0109", "an empty list";
    Schema = "R0110", "another schema version";
    BadVersion = "R0111", "not a version";
    OutOfRange = "R0112", "a number outside its range";
    BadText = "R0113", "a text that cannot stand here";

    NoUnit = "R0201", "a quantity without a unit";
    UnknownUnit = "R0202", "an unknown unit";
    Dimension = "R0203", "a unit of another dimension";
    NotAQuantity = "R0204", "not a quantity";
    NotARange = "R0205", "not a range";
    Reversed = "R0206", "a range whose lower end is the higher one";
    NotPositive = "R0207", "a quantity that must be positive";

    UnknownParam = "R0301", "an unknown parameter";
    UnknownAxis = "R0302", "an unknown axis";
    UnknownSignal = "R0303", "an unknown signal";
    UnknownOutput = "R0304", "an unknown output";
    UnknownAnalog = "R0305", "an unknown analog channel";
    UnknownStation = "R0306", "an unknown station";
    UnknownRobot = "R0307", "an unknown robot";
    UnknownCamera = "R0308", "an unknown camera";
    UnknownScanner = "R0309", "an unknown scanner";
    UnknownTray = "R0310", "an unknown tray";
    UnknownPose = "R0311", "an unknown pose";
    UnknownComponent = "R0312", "an unknown component";
    UnknownStep = "R0313", "an unknown kind of step";
    UnknownJob = "R0314", "a job that the camera does not know";
    UnknownLeakTester = "R0315", "an unknown leak tester";
    UnknownDevice = "R0316", "an unknown SubDevice";
    UnknownVariant = "R0317", "an unknown variant";
    UnknownEquipment = "R0318", "unknown equipment";
    UnknownFeature = "R0319", "a feature that this step does not measure";
    Shadowed = "R0320", "one name for two things";
    UnknownPrinter = "R0321", "an unknown printer";

    ConditionSyntax = "R0401", "not a condition";
    ConditionKind = "R0402", "a digital signal compared, or an analog one taken as on or off";
    SafetySignal = "R0403", "a safety signal in a recipe";
    UnknownMeasurement = "R0404", "a measurement that no step before makes";
    NotMade = "R0405", "a measurement that a path may not have made";
    Constant = "R0406", "a condition that always, or never, holds";

    ParamRange = "R0501", "a parameter outside its range";
    ParamKind = "R0502", "a parameter of another kind than its default";
    VariantIncomplete = "R0503", "a variant that is no complete row";
    UnusedParam = "R0504", "a parameter that nothing uses";

    UseSyntax = "R0601", "not a sub-recipe reference";
    UseVersion = "R0602", "another version of a sub-recipe";
    UseCycle = "R0603", "a sub-recipe that uses itself";
    UseArgument = "R0604", "an argument that the sub-recipe does not have";
    UseMissing = "R0605", "a sub-recipe argument is missing";
    UseIdentity = "R0606", "a sub-recipe with another id than its name";
    UseAlone = "R0607", "a sub-recipe in the place of a recipe";
    UseComponents = "R0608", "other components than the sub-recipe handles";

    OtherCell = "R0701", "a recipe for another cell";
    Travel = "R0702", "outside the travel of the axis";
    Velocity = "R0703", "faster than the axis may move";
    SensorRange = "R0704", "outside the trusted range of the sensor";
    NotAtStation = "R0705", "not at this station";
    AxisKind = "R0706", "an axis of another kind";
    NoPose = "R0707", "a pose that the robot was not taught";
    NoReach = "R0708", "a tray that the robot does not reach";
    TrayKind = "R0709", "a tray of another kind";
    PartMismatch = "R0710", "another part than the tray holds";
    Order = "R0711", "positions in an order that cannot be run";
    TwoStations = "R0712", "a unit at two stations at once";
    OutputInUse = "R0713", "an output that the cell drives itself";
    NoStation = "R0714", "a step without a station";
    MotorLimit = "R0715", "more torque than the axis may give";
    OtherStation = "R0716", "a sensor of another station";
    OtherZone = "R0717", "a motion into a station where another unit may stand";
    LeftInTheWay = "R0718", "something left in the table's way";
    Beside = "R0719", "branches that get in each other's way";

    RetryIrreversible = "R0801", "a retry of a step that cannot be done twice";
    TimeoutTooShort = "R0802", "a timeout shorter than the step";
    UnusedComponent = "R0803", "a component that no step puts in";
    NeverScanned = "R0804", "a component identified per unit that is never scanned";
    NoSource = "R0805", "a component without a source";
    UsedTwice = "R0806", "a component put in twice";
    LimitsBeyondSensor = "R0807", "limits that the sensor cannot show";
    WarnOutside = "R0808", "warning limits outside the limits";
    NothingJudged = "R0809", "a step that judges nothing";
    SpecMismatch = "R0810", "a limit from another specification";
    PassAnswer = "R0811", "no answer lets the step pass";
    NoResult = "R0812", "a path that does not end in a result";
    TooManySteps = "R0813", "more steps than a recipe may have";
    ScanOrder = "R0814", "a component scanned before it is there";
    RepeatIrreversible = "R0815", "a step in a `repeat` that cannot be done twice";
    MayLack = "R0816", "a component scanned that a path may not have put in";
    NoSpecification = "R0817", "limits without a specification";
    MayMissScan = "R0818", "a component that a path may not have identified";
    WindowNotReached = "R0819", "a window that the stroke does not reach";
    RestartRefused = "R0820", "a step at which a unit cannot be gone on with so after a restart";
    Contradiction = "R0821", "limits that contradict what the step does";
    EmptyNest = "R0822", "a step that works on an empty nest";

    BitRange = "R0901", "a bit or channel that the SubDevice does not have";
    BitTwice = "R0902", "a bit or channel used twice";
    DeviceFamily = "R0903", "a SubDevice of another family";
    TravelEmpty = "R0904", "a travel or range without extent";
    LimitsUnreachable = "R0905", "limits that cannot be reached together";
    CyclePeriod = "R0906", "a cycle period that is not driven";
    JointLimit = "R0907", "a pose outside the joint limits";
    HomeOutside = "R0908", "a position outside the travel";
    StationAngle = "R0909", "a station angle outside the travel of the table";
    BadDate = "R0910", "not a date";
    DriveTwice = "R0911", "a drive used by two axes";
    HomingIncomplete = "R0912", "an axis that is never homed";
    PitchMismatch = "R0913", "a station between two nests";
    BadAddress = "R0914", "not an address";
    SafetyButton = "R0915", "a button that is also a safety input";
    PortTwice = "R0916", "a port with two cables";
    WireOrder = "R0917", "SubDevices in another order than that of the wire";
    BranchDelay = "R0918", "branches whose delays cannot be measured";
    BadMapping = "R0920", "not an object of a PDO";
    ServoPdos = "R0921", "process data that no axis can be moved with";
    Ros2Robot = "R0922", "a name or bound that a ROS 2 robot cannot have";
    Zone = "R0925", "a zone that nobody shares, or that somebody never leaves";
    SamePlace = "R0930", "two things at one place";
    TwoPurposes = "R0931", "one signal or axis for two purposes";
    NotCleared = "R0932", "an axis that the table does not wait for";
    UnusedEquipment = "R0933", "equipment that nothing measures with";

    SerialRange = "R1001", "serials that cannot be given";
    OrderQuantity = "R1002", "a quantity that its serials or starts do not reach";
    PurposeRefused = "R1003", "a purpose that is not permitted here";
    SetSerial = "R1004", "a set of values for a serial that cannot have it";
    SetFixed = "R1005", "a parameter that is the same for all serials";
    OrderUdi = "R1006", "a UDI that is another part's";

    TestStep = "R1101", "a step that the recipe does not have";
    TestMeasurement = "R1102", "a measurement that the recipe does not make";
    TestAlarm = "R1103", "an unknown alarm";
    TestPart = "R1104", "a bad part that there is not";
    TestAnswer = "R1105", "an answer that the step does not offer";
    NotMet = "R1106", "an expectation that was not met";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ascend() {
        let texts: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert!(texts.windows(2).all(|w| w[0] < w[1]), "{texts:?}");
        assert!(Code::ALL.iter().all(|c| !c.title().is_empty()));
    }
}
