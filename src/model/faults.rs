//! A fault plan: what goes wrong below the wire, when, and how the cell must take it.
//!
//! The text of a plan is read by `cellwright-recipe`; the segment's twin carries it out, in process and on a
//! network interface alike. Draws are functions of the plan's seed and the number of the frame.

use crate::{AnalogId, AxisId, DurationNs, InputId};

/// Entries of one plan at most: nobody reads more, and each is looked at with every frame.
pub const ENTRIES_MAX: usize = 32;
/// Longest that one entry may hold frames back: the replies of so long, at 4 kHz, are kept.
pub const STALL_MAX: DurationNs = DurationNs::from_millis(3_000);

/// See the module text.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    pub about: String,
    pub seed: u64,
    pub entries: Vec<FaultEntry>,
    /// `None`: a plan to be carried out, of which nothing is asserted.
    pub expected: Option<ExpectedReaction>,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultEntry {
    pub at: FaultMoment,
    /// From there on.
    pub wait: DurationNs,
    pub lasts: Lasts,
    pub fault: Fault,
}

/// When a fault begins, told by the machine itself, so that a plan means the same at any speed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FaultMoment {
    /// Power-up of the segment.
    PowerOn,
    /// Every SubDevice is in OP, for the first time.
    Operational,
    /// The drive of an axis is in Operation enabled, for the first time since.
    Enabled(AxisId),
    /// The axis is beyond a position (au) and moving away from the other side, since OP.
    Above(AxisId, f64),
    Below(AxisId, f64),
    /// The drive displays cyclic synchronous torque, since OP.
    Torque(AxisId),
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// For good.
    Ever,
    Time(DurationNs),
    /// So many frames that it strikes.
    Frames(u32),
}

/// Which way of a frame: to the segment, or back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    There,
    Back,
}

/// What goes wrong. Shares are of one; positions count SubDevices in the order of the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Frames are lost on the way.
    Drop { share: f64, way: Way },
    /// Replies come later by this.
    Late { share: f64, by: DurationNs },
    /// Replies come twice.
    Duplicate { share: f64 },
    /// The check sequence breaks on the cable before a SubDevice: those before it have done what the frame says,
    /// it counts an invalid frame, and nothing comes back (ETG.1000.4, clause 6.2).
    BadFcs { share: f64, position: usize },
    /// Headers are altered, the end is cut off or bytes are added, with a check sequence that fits: a switch or a card
    /// that is broken.
    Damage { share: f64, way: Way },
    /// Every frame waits until the end, then all of them go on in a burst.
    Stall { way: Way },
    /// A SubDevice forwards but takes part in nothing: the working counter is short by its share.
    Mute { position: usize },
    /// The cable at a port of a SubDevice is cut.
    Link { position: usize, port: u8 },
    /// A SubDevice has no power.
    Power { position: usize },
    /// The local clock of a SubDevice jumps, and runs faster (parts per billion) from then on.
    Clock { position: usize, jump_ns: i64, drift_ppb: i32 },
    /// The process data watchdog of a SubDevice runs out.
    Watchdog { position: usize },
    /// A digital input shows this level whatever happens.
    Input { input: InputId, level: bool },
    /// The wire of an analog channel is broken.
    WireBreak { analog: AnalogId },
    /// The drive of an axis faults with this error code (object 0x603F).
    DriveFault { axis: AxisId, code: u16 },
    /// The drive of an axis sends an emergency and goes on.
    Emergency { axis: AxisId, code: u16 },
    /// Effort at the axis, against its positive direction: N or N·m.
    Load { axis: AxisId, effort: f64 },
    /// The encoder of an axis jumps by so much (au), for good.
    Encoder { axis: AxisId, by_au: f64 },
}

/// What the cell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedReaction {
    pub class: ReactionClass,
    /// Word of the alarm that comes first; `None` if tolerated.
    pub alarm: Option<String>,
    /// Cycles of the bus from the beginning of the fault to that alarm, at the most.
    pub within_cycles: u64,
    /// What must have been counted, at least once.
    pub counted: Vec<Counted>,
}

/// How far a fault reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactionClass {
    /// No alarm; counted.
    Tolerated,
    Hold,
    Stop,
    Abort,
}

impl ReactionClass {
    pub fn as_str(self) -> &'static str {
        match self {
            ReactionClass::Tolerated => "tolerated",
            ReactionClass::Hold => "hold",
            ReactionClass::Stop => "stop",
            ReactionClass::Abort => "abort",
        }
    }
}

/// A counter of the main device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    LostFrames,
    LateFrames,
    StrayFrames,
    WkcErrors,
}

impl Counted {
    pub const ALL: [(&'static str, Counted); 4] = [
        ("lost-frames", Counted::LostFrames),
        ("late-frames", Counted::LateFrames),
        ("stray-frames", Counted::StrayFrames),
        ("wkc-errors", Counted::WkcErrors),
    ];

    pub fn as_str(self) -> &'static str {
        Counted::ALL.iter().find(|(_, c)| *c == self).map_or("", |(word, _)| word)
    }
}
