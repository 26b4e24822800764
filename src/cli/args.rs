//! The command line. The same flag means the same in every subcommand.

mod approve;
mod bench;
mod editor;
mod simulate;
mod test;

use std::path::PathBuf;
use std::time::Duration;

use cellwright_model::packml::CellMode;
use cellwright_model::{Dimension, Quantity};
use cellwright_station::protocol::{self, Which};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::timing::TimingArgs;
pub(crate) use approve::{ApproveArgs, Of, SignatureArgs, UsersArgs, UsersCommand};
pub(crate) use bench::{BenchArgs, DoctorArgs, ScanArgs, TwinArgs};
pub(crate) use editor::{FmtArgs, LspArgs, SchemaArgs};
pub(crate) use simulate::{GraphArgs, SimulateArgs};
pub(crate) use test::TestArgs;

/// A real-time cell controller for regulated assembly. It is not a safety function.
#[derive(Debug, Parser)]
#[command(name = "cellwright", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Checks a recipe against the cell: every mistake of it, before a part is touched.
    #[command(after_help = "Examples:\n  cellwright check recipes/cannula-hub/cannula-hub.recipe.yaml\n  \
                            cellwright check --order recipes/cannula-hub/demo.order.yaml\n  \
                            cellwright check --explain R0302")]
    Check(CheckArgs),
    /// Writes recipes, cell files and the others in their one form; comments stay, and so does the meaning.
    #[command(after_help = "Examples:\n  cellwright fmt recipes/cannula-hub/cannula-hub.recipe.yaml\n  \
                            cellwright fmt --check recipes/*/*.recipe.yaml cells/*/*.yaml\n\n\
                            Exit status with --check: 0 nothing would change, 1 something would.")]
    Fmt(FmtArgs),
    /// JSON Schema of a kind of file, for editors: fields, units, words; with a cell its names, too.
    #[command(after_help = "Examples:\n  cellwright schema recipe\n  \
                            cellwright schema --out schemas --cell cells/cannula-cell")]
    Schema(SchemaArgs),
    /// Language server on standard input and output: diagnostics as one types, completion, hover, quick fixes.
    #[command(
        after_help = "Example, in the settings of an editor:\n  cellwright lsp --cell cells/cannula-cell\n\n\
                            recipes/manual/editors.md has VS Code, Helix and Neovim."
    )]
    Lsp(LspArgs),
    /// Where the approval of a recipe and its cell stands, and the next signature on it.
    #[command(
        after_help = "Examples:\n  cellwright approve recipes/cannula-hub/cannula-hub.recipe.yaml --cell \
                            cells/cannula-cell\n  cellwright approve cannula-hub.recipe.yaml --cell cells/cannula-cell \
                            --act submit --person anna --key anna.key\n  cellwright approve my-hub/cannula-hub.recipe.yaml \
                            --cell my-cell --diff recipes/cannula-hub/cannula-hub.recipe.yaml --report review.html\n\nExit status without --act: 0 it may go into \
                            production, 1 it may not."
    )]
    Approve(ApproveArgs),
    /// Persons: their keys, the signature over users.yaml, the administrators that a cell trusts.
    #[command(after_help = "Examples:\n  cellwright users key --person anna --out anna.key\n  \
                            cellwright users sign --cell cells/cannula-cell --person adam --key adam.key\n  \
                            cellwright users trust --state state/cannula-cell --key 8f4c…")]
    Users(UsersArgs),
    /// Runs a recipe on the twin in virtual time: yield, ng by cause, takt, bottleneck, distributions, Cpk.
    #[command(after_help = "Examples:\n  cellwright simulate --units 200 --seed 7 --record events.jsonl\n  \
                            cellwright simulate --set 'seat_depth=12.35 mm' --timeline timeline.svg\n\n\
                            What it says is predicted from the plant model; it is not evidence of process capability.")]
    Simulate(SimulateArgs),
    /// Draws a recipe: branches, stations, gates, retries, the reject path.
    #[command(
        after_help = "Example:\n  cellwright graph recipes/cannula-hub/cannula-hub.recipe.yaml --out recipe.svg"
    )]
    Graph(GraphArgs),
    /// Plays what recipes must survive (`*.test.yaml`) in virtual time: bad parts, faults, answers.
    #[command(
        after_help = "Examples:\n  cellwright test\n  cellwright test recipes/cannula-hub --junit results.xml\n  \
                            cellwright test recipes --every-fault\n  \
                            cellwright test recipes/cannula-hub --every-fault --only 25g/press-cannula/guard\n\n\
                            Exit status: 0 every expectation is met, 1 one is not, or a file has mistakes, 2 wrong use."
    )]
    Test(TestArgs),
    /// Runs the cell. Without arguments: the embedded cell on its twin, 3 units, all said on screen.
    #[command(after_help = "Examples:\n  cellwright run\n  cellwright run --units 2 --capture f.pcapng\n  \
                            cellwright run --order recipes/cannula-hub/demo.order.yaml\n  \
                            cellwright run --bus eth1 --twin 127.0.0.1:7460 --units 10")]
    Run(RunArgs),
    /// Commands a running cell; answered once the record has it.
    #[command(after_help = "Examples:\n  cellwright ctl hold\n  cellwright ctl answer 12 ok\n  \
                            cellwright ctl ack all\n\nExit status: 0 accepted, 1 refused, 2 wrong use or no \
                            controller.")]
    Ctl(CtlArgs),
    /// What a running cell is doing.
    #[command(after_help = "Examples:\n  cellwright status\n  cellwright status --watch\n  \
                            cellwright status --json")]
    Status(StatusArgs),
    /// Moves an axis, a gripper, a cobot home, or sets an output by hand; without a command: a screen for it.
    #[command(
        after_help = "Examples:\n  cellwright manual\n  cellwright manual jog press_z + --for 500ms\n  \
                            cellwright manual set valve_fill on\n  cellwright manual grip robot_l close\n  \
                            cellwright manual home robot_l"
    )]
    Manual(ManualArgs),
    /// Keeps the device history record of a cell that runs elsewhere.
    #[command(
        after_help = "Example:\n  cellwright record --connect tcp/127.0.0.1:7447 --store /var/lib/cw/dhr.db"
    )]
    Record(RecordArgs),
    /// Lists, shows and verifies device history records.
    #[command(after_help = "Examples:\n  cellwright dhr list\n  cellwright dhr show CW-000001 --json\n  \
                            cellwright dhr lot IS23-0417 --json\n  \
                            cellwright dhr verify")]
    Dhr(DhrArgs),
    /// The catalogue of alarms: causes, remedies, what a person does.
    #[command(after_help = "Examples:\n  cellwright alarms\n  cellwright alarms safety-input\n  \
                            cellwright alarms --json")]
    Alarms(AlarmsArgs),
    /// Measures the cycle: wake-up, execution, round trip, phase, allocations, missed cycles.
    #[command(after_help = "Examples:\n  cellwright bench --units 1 --json\n  \
                            cellwright bench --axes 16 --cycle 250us --cycles 240000 --svg cycle.svg\n  \
                            cellwright bench --bus eth1 --seconds 5 --spin 100us --receive spin")]
    Bench(BenchArgs),
    /// Whether a cell can be run on this machine: kernel, CPUs, memory, network card, measured wake-up.
    #[command(
        after_help = "Examples:\n  cellwright doctor\n  cellwright doctor --iface eth1 --seconds 60\n\n\
                            Exit status: 0 nothing fails, 1 something does, 2 wrong use."
    )]
    Doctor(DoctorArgs),
    /// Lists what stands on a segment: identity, state, ports, clocks, SyncManagers, PDOs, error counters.
    #[command(after_help = "Example:\n  cellwright scan --iface eth1\n\n\
                            It reads registers and EEPROM only, beside a controller too: no state, address or mailbox is \
                            touched. The one thing it writes is the read command of the EEPROM interface.")]
    Scan(ScanArgs),
    /// Puts a cell's twin on a network interface: real frames for any main device at the other end.
    #[command(after_help = "Example, on a pair of virtual interfaces:\n  \
                            ip link add cw0 type veth peer name cw1; ip link set cw0 up; ip link set cw1 up\n  \
                            cellwright twin --iface cw1 --listen 127.0.0.1:7460\n  \
                            cellwright run --bus cw0 --twin 127.0.0.1:7460")]
    Twin(TwinArgs),
}

/// What the cell is and what it makes.
#[derive(Debug, Clone, Args)]
pub(crate) struct CellArgs {
    /// Recipe file; the embedded cannula-hub if left out.
    pub(crate) recipe: Option<PathBuf>,
    /// Folder with cell.yaml, and plant.yaml for the twin; the embedded cannula-cell if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: Option<PathBuf>,
    /// Variant of the recipe; its defaults if left out.
    #[arg(long)]
    pub(crate) variant: Option<String>,
}

/// What is made by an order file, in the place of a recipe.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OrderArgs {
    /// Order file: lot, product, recipe, quantity in good units, serials.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recipe", "variant"])]
    pub(crate) order: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AlarmsArgs {
    /// Word of one alarm; all of them if left out.
    pub(crate) code: Option<String>,
    /// One JSON array of alarms.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) cell: CellArgs,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    /// The page of one code: what, why, wrong and right lines. Nothing is checked.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["recipe", "order", "cell", "variant"])]
    pub(crate) explain: Option<String>,
    /// One JSON array of diagnostics; with `--explain`, the page as an object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cell: CellArgs,
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    /// State directory; `./state/<cell>` if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// DHR store of the recorder in this process; `<state>/dhr.db` if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// Units to build.
    #[arg(long, default_value_t = 3, conflicts_with = "order", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) units: u32,
    /// Seed of every draw of the twin's plant.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// `twin` in this process, or a network interface with a segment.
    #[arg(long, default_value = "twin", value_name = "twin|IFACE")]
    pub(crate) bus: String,
    /// The segment on the interface is that of `cellwright twin`, which serves its cobots, cameras, scanners and printers here.
    #[arg(long, value_name = "HOST:PORT", value_parser = twin_address)]
    pub(crate) twin: Option<String>,
    /// Fault plan of the twin in this process: what goes wrong below the wire.
    #[arg(long, value_name = "FILE", conflicts_with = "twin")]
    pub(crate) faults: Option<PathBuf>,
    /// Cobots: the twin's, or those that ROS 2 reaches by the names of the cell file. With the twin they work in its
    /// plant; a program that was built without ROS 2 refuses them.
    #[arg(long, value_enum, default_value_t = Robots::Twin)]
    pub(crate) robots: Robots,
    /// Who operates and answers: a person at this terminal (`ID`), or `auto:ID` on the twin.
    #[arg(long, value_name = "ID|auto:ID")]
    pub(crate) operator: Option<String>,
    /// Writes every frame, both directions.
    #[arg(long, value_name = "FILE.pcapng")]
    pub(crate) capture: Option<PathBuf>,
    /// Zenoh endpoint to listen on; a loopback port of its own, kept in the state directory, if left out.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) listen: Option<String>,
    /// Zenoh endpoint to connect to besides.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) connect: Vec<String>,
    /// Leaves the record to a `cellwright record` elsewhere.
    #[arg(long)]
    pub(crate) no_recorder: bool,
    /// Core for the real-time thread; the last one if left out.
    #[arg(long, value_name = "CORE")]
    pub(crate) rt_core: Option<usize>,
    #[command(flatten)]
    pub(crate) timing: TimingArgs,
    /// One JSON line an event, last a summary.
    #[arg(long)]
    pub(crate) json: bool,
    /// Plain lines in a terminal too, instead of the live view.
    #[arg(long)]
    pub(crate) plain: bool,
}

impl RunArgs {
    /// Whether a twin is driven, in this process or at the other end of a wire.
    pub(crate) fn on_twin(&self) -> bool {
        self.bus == "twin" || self.twin.is_some()
    }

    /// Whether its cobots are those that ROS 2 reaches.
    pub(crate) fn over_ros2(&self) -> bool {
        self.robots == Robots::Ros2
    }
}

fn twin_address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("write HOST:PORT, as `cellwright twin` shows it".to_owned()),
    }
}

/// Which cobots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Robots {
    Twin,
    Ros2,
}

#[derive(Debug, Args)]
pub(crate) struct CtlArgs {
    #[command(subcommand)]
    pub(crate) command: CtlCommand,
    /// State directory of the cell; `./state/cannula-cell` if left out.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// The person who asks, where this user asks for others: root, and the controller's own user.
    #[arg(long = "as", value_name = "ID", global = true)]
    pub(crate) acting_as: Option<String>,
    /// One JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CtlCommand {
    /// Begins or goes on with the order (Idle).
    Start,
    /// Ends what is under way with bounded motion; open units are interrupted. The run goes on: it waits.
    Stop,
    /// Holds each step by its policy, for a cause inside the cell. Waits for `unhold`, however long.
    Hold,
    /// Goes on from the actual position (Held).
    Unhold,
    /// Lets no step begin, for a cause outside the cell.
    Suspend,
    /// Lets steps begin again (Suspended).
    Unsuspend,
    /// Stops at the highest deceleration, drives off.
    Abort,
    /// Brings the cell from Aborted to Stopped, once the cause is gone.
    Clear,
    /// Homes and reconciles: from Stopped or Completed to Idle.
    Reset,
    /// Finishes the units that are open, then ends the order.
    Complete,
    /// Changes the mode: production, maintenance, manual.
    Mode {
        #[arg(value_parser = protocol::mode)]
        mode: CellMode,
    },
    /// Lets no branch begin these steps before `next` (mode Maintenance only).
    #[command(group = clap::ArgGroup::new("where").required(true))]
    Break {
        #[arg(group = "where", value_name = "STEP")]
        steps: Vec<String>,
        /// Before every step.
        #[arg(long, group = "where")]
        step: bool,
        /// Nowhere any more; what stands at a break goes on.
        #[arg(long, group = "where")]
        clear: bool,
    },
    /// Lets what stands at a break go on, to the next one.
    Next,
    /// Acknowledges an alarm by its number, or all.
    Ack {
        #[arg(value_name = "NUMBER|all")]
        alarm: Which,
    },
    /// Answers a question by its number.
    Answer {
        #[arg(value_name = "NUMBER")]
        question: u32,
        #[arg(required = true, value_name = "TEXT")]
        answer: Vec<String>,
        /// Why; kept with the answer.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Says what was loaded into a tray or lane.
    Load {
        tray: String,
        #[command(flatten)]
        material: MaterialArgs,
        /// First pocket to be used, from 0; goes on at the present one if left out.
        #[arg(long, value_name = "POCKET")]
        next: Option<u32>,
        /// Parts that are left of what was there before; they are used first.
        #[arg(long, value_name = "COUNT")]
        left: Option<u32>,
    },
}

/// What was loaded: by its label, typed, or nothing.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct MaterialArgs {
    /// GS1 element string of the label, as scanned or printed: `(01)…(10)…(17)…`.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["part", "lot", "empty"])]
    pub(crate) label: Option<String>,
    /// Part number, typed from a label without a code.
    #[arg(long, requires = "lot", conflicts_with = "empty")]
    pub(crate) part: Option<String>,
    #[arg(long, requires = "part")]
    pub(crate) lot: Option<String>,
    /// Its last day.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "part")]
    pub(crate) expiry: Option<String>,
    /// Parts in it.
    #[arg(long, value_name = "COUNT", requires = "part")]
    pub(crate) quantity: Option<u32>,
    /// An empty tray for units, or a bin that was emptied.
    #[arg(long)]
    pub(crate) empty: bool,
}

/// The cell is in mode Manual (`cellwright ctl mode manual`), in Stopped.
#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ManualCommand>,
    /// State directory of the cell; `./state/cannula-cell` if left out.
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state: Option<PathBuf>,
    /// The person who asks, where this user asks for others: root, and the controller's own user.
    #[arg(long = "as", value_name = "ID", global = true)]
    pub(crate) acting_as: Option<String>,
    /// One JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ManualCommand {
    /// Moves an axis for a time, at reduced speed, within its limits.
    Jog {
        axis: String,
        #[arg(value_enum, allow_hyphen_values = true)]
        direction: Direction,
        /// How long; at most 30 s.
        #[arg(long = "for", value_name = "TIME", default_value = "250ms", value_parser = lasting)]
        lasting: Duration,
        /// Percent of the reduced speed.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
        speed: u8,
    },
    /// Sets an output that is not the panel's; it goes to its off state when the mode ends.
    Set {
        output: String,
        #[arg(value_enum)]
        level: Level,
    },
    /// Opens or closes a gripper.
    Grip {
        robot: String,
        #[arg(value_enum)]
        grip: Grip,
    },
    /// Brings a cobot to its pose `home`, at reduced speed; Ctrl-C ends it on its way.
    Home { robot: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    #[value(name = "+")]
    Plus,
    #[value(name = "-")]
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    On,
    Off,
}

impl Level {
    pub(crate) fn is_on(self) -> bool {
        self == Level::On
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Grip {
    Open,
    Close,
}

impl Grip {
    pub(crate) fn closes(self) -> bool {
        self == Grip::Close
    }
}

/// `500ms`, `2 s`: up to half a minute, which is longer than any axis needs for its travel to be looked at.
fn lasting(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds =
        Quantity::parse(&format!("{} {unit}", number.trim())).ok().filter(|q| q.dimension == Dimension::Time);
    match seconds.map(|q| q.value) {
        Some(s) if s > 0.0 && s <= 30.0 => Ok(Duration::from_secs_f64(s)),
        Some(_) => Err("above 0 and at most 30 s".to_owned()),
        None => Err(format!("`{text}` is no time; write 500ms or 2s")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// State directory of the cell; `./state/cannula-cell` if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Draws it anew each second, until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// DHR store.
    #[arg(long, value_name = "FILE", default_value = "dhr.db")]
    pub(crate) store: PathBuf,
    /// Zenoh endpoint of the cell.
    #[arg(long, value_name = "ENDPOINT", required_unless_present = "listen")]
    pub(crate) connect: Vec<String>,
    /// Zenoh endpoint to listen on; none if left out.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) listen: Option<String>,
    /// One JSON line whenever its counts have changed.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DhrArgs {
    #[command(subcommand)]
    pub(crate) command: DhrCommand,
}

/// Where the records are.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArgs {
    /// State directory of the cell; `./state/cannula-cell` if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// DHR store; `<state>/dhr.db` if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) store: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DhrCommand {
    /// Every serial with its result.
    List {
        #[command(flatten)]
        store: StoreArgs,
        /// Only those of this order.
        #[arg(long, value_name = "ID")]
        order: Option<String>,
        /// Only those of this lot.
        #[arg(long)]
        lot: Option<String>,
    },
    /// What became of a lot: counts, causes of ng, components with their lots, serials.
    Lot {
        lot: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// The record of one serial: every component, step, attempt, measurement, curve.
    Show {
        serial: String,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Recomputes every hash, chain and curve; exit 1 and the places if anything does not hold.
    Verify {
        #[command(flatten)]
        store: StoreArgs,
        /// Heads exported before, instead of the outbox of the state directory.
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
    },
    /// Every alarm with when it was raised, acknowledged (by whom) and cleared, and how long it took.
    Alarms {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Exports the chain heads, to be kept on another machine.
    Heads {
        #[command(flatten)]
        store: StoreArgs,
        #[arg(long, value_name = "FILE", default_value = "heads.json")]
        out: PathBuf,
    },
}

/// Seed of the embedded demonstration: among its first three units one is ng.
pub(crate) const DEFAULT_SEED: u64 = 2;
