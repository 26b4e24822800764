//! Bounds on what drives are told, looked at below the wire: whatever frames a fault has lost, held back or repeated.

use cellwright_model::AxisId;
use cellwright_model::cell::Axis;
use cellwright_model::faults::{Fault, FaultPlan};
use cellwright_sim::VirtualCell;

/// Statusword 0x6041: Operation enabled, by its mask (CiA 402-2, table of statusword states).
const STATE_MASK: i64 = 0x006f;
const OPERATION_ENABLED: i64 = 0x0027;
/// Controlword 0x6040: enable operation (CiA 402-2, table of commands).
const ENABLE: i64 = 0x000f;
/// Mode of operation display 0x6061.
const CSP: i64 = 8;
const CST: i64 = 10;
/// Cycles that a setpoint may be ahead of what was read last, as the guard of the cycle has it.
const CYCLES_AHEAD: f64 = 3.0;
/// A drive without torque has come to rest after so many cycles; from there on nothing moves its axis.
const COAST_CYCLES: u32 = 2_000;
/// Slower than this share of its highest velocity an axis stands.
const REST_SHARE: f64 = 1e-3;
/// Room for rounding to counts and per mille.
const ROUNDING: f64 = 1e-3;

/// Looks at every drive once a cycle.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    axes: Vec<Watched>,
    /// Looks at drives that were enabled, and cycles whose inputs were held against the drives.
    pub(super) looks: u64,
    pub(super) fresh: u64,
    pub(super) findings: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    /// Of the last cycle in which the drive followed positions.
    target: Option<f64>,
    /// Cycles without torque.
    off_for: u32,
    /// Something else than its drive pushes it: a load of the plan.
    pushed: bool,
    /// Its encoder jumps: where it is and where it says that it is are two things.
    jumped: bool,
}

impl Bounds {
    /// For a cell under `plan`.
    pub(super) fn new(cell: &VirtualCell, plan: &FaultPlan) -> Bounds {
        let has = |fault: &dyn Fn(&Fault) -> bool| plan.entries.iter().any(|e| fault(&e.fault));
        let watched = |i: usize| Watched {
            pushed: has(&|f| matches!(f, Fault::Load { axis, .. } if axis.index() == i)),
            jumped: has(&|f| matches!(f, Fault::Encoder { axis, .. } if axis.index() == i)),
            ..Watched::default()
        };
        Bounds { axes: (0..cell.cell().axes.len()).map(watched).collect(), ..Bounds::default() }
    }

    /// To be called after every cycle.
    pub(super) fn look(&mut self, cell: &VirtualCell) {
        let described = cell.cell().clone();
        let dt = described.cycle.as_secs_f64();
        let rt = cell.rt();
        let fresh = rt.fresh_cycle == rt.cycle && rt.bus.operational;
        self.fresh += u64::from(fresh);
        for (i, (axis, watched)) in described.axes.iter().zip(&mut self.axes).enumerate() {
            let Some(drive) = Drive::read(cell, axis, AxisId(i as u16)) else { continue };
            self.looks += u64::from(drive.enabled);
            // Nothing has moved since the frame went through: what the cycle holds for this cycle's is exactly that.
            let read = rt.axes[i].actual_au;
            let stale = fresh && (read - drive.actual).abs() * axis.counts_per_au > 1.0;
            let told = stale.then(|| format!("read as {read}, and it shows {}: an old input", drive.actual));
            for what in told.into_iter().chain(watched.check(axis, &drive, dt)) {
                self.findings.push(format!("{:.4} s: axis {}: {what}", cell.now().0 as f64 / 1e9, axis.name));
            }
        }
    }
}

/// What a drive was told, and where its axis is.
struct Drive {
    enabled: bool,
    mode: i64,
    target: f64,
    torque_nm: f64,
    /// As the drive shows it.
    actual: f64,
    velocity: f64,
}

impl Drive {
    fn read(cell: &VirtualCell, axis: &Axis, id: AxisId) -> Option<Drive> {
        let world = cell.world();
        let object = |index| world.segment().object(axis.subdevice, index, 0);
        let au = |counts: i64| counts as f64 / axis.counts_per_au;
        Some(Drive {
            // Told to switch off, a drive acts on no target any more.
            enabled: object(0x6041)? & STATE_MASK == OPERATION_ENABLED && object(0x6040)? & ENABLE == ENABLE,
            mode: object(0x6061)?,
            target: au(object(0x607a)?),
            torque_nm: object(0x6071)? as f64 * 1e-3 * axis.torque_rated_nm,
            actual: au(object(0x6064)?),
            velocity: world.plant().velocity_au_s(id),
        })
    }
}

impl Watched {
    fn check(&mut self, axis: &Axis, drive: &Drive, dt: f64) -> Vec<String> {
        let mut found = Vec::new();
        self.off_for = if drive.enabled { 0 } else { self.off_for.saturating_add(1) };
        let follows = drive.enabled && drive.mode == CSP;
        if follows {
            found.extend(self.position(axis, drive, dt));
        }
        self.target = follows.then_some(drive.target);
        if drive.enabled && drive.mode == CST && drive.torque_nm.abs() > axis.torque_max_nm * (1.0 + ROUNDING)
        {
            found.push(format!("told {} N·m, at most {}", drive.torque_nm, axis.torque_max_nm));
        }
        let stands = drive.velocity.abs() <= REST_SHARE * axis.velocity_max;
        if self.off_for > COAST_CYCLES && !stands && !self.pushed {
            found.push(format!("moves at {} au/s without torque", drive.velocity));
        }
        found
    }

    fn position(&self, axis: &Axis, drive: &Drive, dt: f64) -> Option<String> {
        let count = 1.0 / axis.counts_per_au;
        let room = count + ROUNDING * axis.following_error_max_au;
        let ahead = axis.following_error_max_au + CYCLES_AHEAD * axis.velocity_max * dt + room;
        let (lo, hi) =
            (axis.travel_lo_au.min(drive.actual) - room, axis.travel_hi_au.max(drive.actual) + room);
        if !(lo..=hi).contains(&drive.target) {
            return Some(format!(
                "told {} of a travel {} .. {}",
                drive.target, axis.travel_lo_au, axis.travel_hi_au
            ));
        }
        // However many frames came at once.
        let step = self.target.map_or(0.0, |last| (drive.target - last).abs());
        if step > ahead {
            return Some(format!("its target steps by {step} au, at most {ahead}"));
        }
        let distance = (drive.target - drive.actual).abs();
        (distance > ahead && !self.jumped && !self.pushed)
            .then(|| format!("told {distance} au from where it is, at most {ahead}"))
    }
}
