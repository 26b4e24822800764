//! What a real-time thread gets when it asks, and how well it is woken.

use cellwright_model::DurationNs;
use cellwright_rt::platform::PlatformWarning;
use cellwright_rt::wake::WakeReport;

use super::finding::{Finding, Grade, Seen};

const SUBJECT: &str = "measured";

/// Share of the period that the wake-up may take at p99 before the frame comes late for SYNC0.
const P99_PART: f64 = 0.1;
/// Share of the period that the longest one may take.
const MAX_PART: f64 = 0.5;

/// Grades what was measured for a cell of `period` whose cycle wants SCHED_FIFO `priority`.
pub(crate) fn findings(report: &WakeReport, period: DurationNs, priority: i32) -> Vec<Finding> {
    let finding = |check, why, remedy, seen: Seen| Finding {
        subject: SUBJECT,
        check,
        grade: seen.grade,
        found: seen.found,
        why,
        remedy,
    };
    vec![
        finding(
            "rtprio",
            "without SCHED_FIFO any other program comes before the cycle",
            "`@users - rtprio 99` in /etc/security/limits.d/ and a new login, or CAP_SYS_NICE",
            priority_seen(report, priority),
        ),
        finding(
            "pinning",
            "a thread that moves from core to core finds its caches empty",
            "choose a CPU that is online and permitted with --rt-core (taskset -p)",
            pinning_seen(report),
        ),
        finding(
            "memlock",
            "a page that is not locked can be taken away, and comes back from a disk",
            "`@users - memlock unlimited` in /etc/security/limits.d/ and a new login, or CAP_IPC_LOCK",
            memory_seen(report),
        ),
        finding(
            "page-faults",
            "each costs the cycle microseconds to milliseconds",
            "lock memory, see memlock",
            faults_seen(report),
        ),
        finding(
            "wake-up",
            "a late wake-up is a late frame: it comes after SYNC0, or not in its period at all",
            "see the findings above; cyclictest -m -p 80 shows the same",
            wake_seen(report, period),
        ),
    ]
}

fn priority_seen(report: &WakeReport, wanted: i32) -> Seen {
    match report.granted.fifo_priority {
        Some(p) if p == wanted => Seen::ok(format!("SCHED_FIFO {p}")),
        Some(p) => Seen::warn(format!("SCHED_FIFO {p} instead of {wanted}")),
        None => Seen::fail("SCHED_FIFO was refused"),
    }
}

fn pinning_seen(report: &WakeReport) -> Seen {
    let refused = report.warnings.iter().find_map(|w| match w {
        PlatformWarning::Pinning { cpu, cause } => Some(format!("core {cpu}: {cause}")),
        _ => None,
    });
    refused.map_or_else(|| Seen::ok("as asked for"), Seen::fail)
}

fn memory_seen(report: &WakeReport) -> Seen {
    let (locked, there) = (report.granted.locked_bytes >> 10, report.granted.resident_bytes >> 10);
    let found = format!("{locked} KiB locked, {there} KiB resident");
    let grade = report.warnings.iter().find_map(|w| match w {
        PlatformWarning::MemoryLock { .. } => Some(Grade::Fail),
        PlatformWarning::MemoryLockedInPart { .. } => Some(Grade::Warn),
        _ => None,
    });
    Seen::new(grade.unwrap_or(if locked > 0 { Grade::Ok } else { Grade::Fail }), found)
}

fn faults_seen(report: &WakeReport) -> Seen {
    match report.page_faults {
        0 => Seen::ok("none"),
        n => Seen::fail(format!("{n} in {} wake-ups", report.wakes)),
    }
}

fn wake_seen(report: &WakeReport, period: DurationNs) -> Seen {
    let (q, period_ns) = (&report.wake_ns, period.0 as f64);
    let us = |ns: u64| ns as f64 / 1e3;
    let found = format!(
        "p50 {:.1}, p99 {:.1}, p99.9 {:.1}, max {:.1} us in {} wake-ups at {:.3} ms; {} periods slept through",
        us(q.p50),
        us(q.p99),
        us(q.p999),
        us(q.max),
        report.wakes,
        period_ns / 1e6,
        report.missed
    );
    let grade = if report.missed > 0 || report.wakes == 0 {
        Grade::Fail
    } else if q.p99 as f64 > P99_PART * period_ns || q.max as f64 > MAX_PART * period_ns {
        Grade::Warn
    } else {
        Grade::Ok
    };
    Seen::new(grade, found)
}
