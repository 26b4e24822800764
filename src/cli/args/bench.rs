//! What benches are told: how fast, how long, on which interface.

use std::path::PathBuf;

use cellwright_model::DurationNs;
use cellwright_model::limits::AXES_MAX;
use clap::Args;

use super::{CellArgs, DEFAULT_SEED, Robots};
use crate::cli::timing::{self, TimingArgs};

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) cell: CellArgs,
    /// Whole units that are measured, after one to warm up.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) units: u32,
    /// No recipe: so many servo axes in this process, moving to and fro.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["units", "recipe", "bus"],
          value_parser = clap::value_parser!(u16).range(1..=AXES_MAX as i64))]
    pub(crate) axes: Option<u16>,
    /// Period of the cycle of these axes; that of the cell if left out.
    #[arg(long, value_name = "TIME", requires = "axes", value_parser = timing::period)]
    pub(crate) cycle: Option<DurationNs>,
    /// No recipe: the cell's segment on a network interface, in OP with every drive off.
    #[arg(long, value_name = "IFACE", conflicts_with_all = ["units", "recipe"])]
    pub(crate) bus: Option<String>,
    /// Cycles that are measured without a recipe, after a second to warm up.
    #[arg(long, value_name = "COUNT", conflicts_with = "units", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) cycles: Option<u64>,
    /// The same as a time; 10 if both are left out.
    #[arg(long, conflicts_with_all = ["units", "cycles"], value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) seconds: Option<u32>,
    /// `ros2`: the cobots of the cell are heard over ROS 2 meanwhile; whole units are made with them, otherwise they are
    /// asked for nothing.
    #[arg(long, value_enum, default_value_t = Robots::Twin)]
    pub(crate) robots: Robots,
    /// Draws the histograms.
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) svg: Option<PathBuf>,
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    #[arg(long, value_name = "CORE")]
    pub(crate) rt_core: Option<usize>,
    #[command(flatten)]
    pub(crate) timing: TimingArgs,
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Folder with cell.yaml, for its period; the embedded cannula-cell if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: Option<PathBuf>,
    /// Network interface with the segment.
    #[arg(long, value_name = "IFACE")]
    pub(crate) iface: Option<String>,
    /// How long wake-ups are measured; 0: not at all.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) seconds: u32,
    /// Core of the real-time thread; the last one if left out.
    #[arg(long, value_name = "CORE")]
    pub(crate) rt_core: Option<usize>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// Needs CAP_NET_RAW.
#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Network interface with the segment.
    #[arg(long, value_name = "IFACE")]
    pub(crate) iface: String,
    /// Asks for the PDOs by CoE too, where a mailbox is set up (PRE-OP, SAFE-OP): only while nobody drives the segment.
    #[arg(long)]
    pub(crate) coe: bool,
    /// One JSON array of SubDevices.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A segment and the machine behind it; needs CAP_NET_RAW.
#[derive(Debug, Args)]
pub(crate) struct TwinArgs {
    /// Folder with cell.yaml and plant.yaml; the embedded cannula-cell if left out.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: Option<PathBuf>,
    /// Network interface that answers as the segment.
    #[arg(long, value_name = "IFACE")]
    pub(crate) iface: String,
    /// Seed of every draw of the plant.
    #[arg(long, default_value_t = DEFAULT_SEED)]
    pub(crate) seed: u64,
    /// Where a controller reaches its cobots, cameras, scanners and printers; a free port of loopback if left out.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// Fault plan: what goes wrong below the wire.
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Real-time priority (SCHED_FIFO) of the segment's thread; an ordinary one if left out.
    #[arg(long, value_name = "1..99", value_parser = clap::value_parser!(i32).range(1..=99))]
    pub(crate) priority: Option<i32>,
    /// One JSON object when it answers, one with its counters at the end.
    #[arg(long)]
    pub(crate) json: bool,
}
