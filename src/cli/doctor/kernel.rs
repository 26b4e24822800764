//! The kernel: preemption, clock, how much it lets a real-time thread have.

use super::finding::{Check, Seen};
use super::machine::Machine;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "preemption",
        why: "without PREEMPT_RT the kernel finishes its own work before it lets the cycle run: under load that \
              takes milliseconds, and drives trip on missed setpoints",
        remedy: "boot a PREEMPT_RT kernel (Debian: apt install linux-image-rt-amd64)",
        look: preemption,
    },
    Check {
        name: "clocksource",
        why: "the cycle reads the clock some times each period; hpet and acpi_pm take microseconds and a lock for it",
        remedy: "boot with `clocksource=tsc tsc=reliable`, and see in the kernel's log why tsc was refused",
        look: clocksource,
    },
    Check {
        name: "rt-throttling",
        why: "a real-time thread that spins is stopped for the rest of each second once it has had its share",
        remedy: "sysctl kernel.sched_rt_runtime_us=-1, with the cycle on a core of its own",
        look: rt_throttling,
    },
    Check {
        name: "nmi-watchdog",
        why: "its interrupts cannot be masked and come into the cycle",
        remedy: "sysctl kernel.nmi_watchdog=0, or boot with `nowatchdog`",
        look: nmi_watchdog,
    },
];

fn preemption(machine: &Machine) -> Seen {
    let version = machine.read("/proc/version").unwrap_or_default();
    let release = version.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
    if machine.read("/sys/kernel/realtime").as_deref() == Some("1") {
        return Seen::ok(format!("PREEMPT_RT, {release}"));
    }
    let model = version.split_whitespace().find(|w| w.starts_with("PREEMPT")).unwrap_or("no preemption");
    // Newer kernels say it in their version only.
    if model.contains("PREEMPT_RT") {
        return Seen::ok(format!("PREEMPT_RT, {release}"));
    }
    Seen::fail(format!("{model}, {release}"))
}

/// Clocks that are read in user space, without a system call.
const FAST_CLOCKS: &[&str] = &["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];
/// Clocks behind a slow bus.
const SLOW_CLOCKS: &[&str] = &["hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"];

fn clocksource(machine: &Machine) -> Seen {
    match machine.read("/sys/devices/system/clocksource/clocksource0/current_clocksource") {
        None => Seen::unknown("the kernel does not name its clock"),
        Some(clock) if FAST_CLOCKS.contains(&clock.as_str()) => Seen::ok(clock),
        Some(clock) if SLOW_CLOCKS.contains(&clock.as_str()) => Seen::fail(clock),
        Some(clock) => Seen::warn(format!("{clock}, of which nothing is known here")),
    }
}

fn rt_throttling(machine: &Machine) -> Seen {
    let runtime: Option<i64> = machine.number("/proc/sys/kernel/sched_rt_runtime_us");
    let period: Option<i64> = machine.number("/proc/sys/kernel/sched_rt_period_us");
    match (runtime, period) {
        (Some(-1), _) => Seen::ok("off"),
        (Some(runtime), Some(period)) if runtime >= period => Seen::ok("off"),
        (Some(runtime), Some(period)) => Seen::warn(format!("{runtime} of each {period} us")),
        _ => Seen::unknown("the kernel does not say"),
    }
}

fn nmi_watchdog(machine: &Machine) -> Seen {
    match machine.read("/proc/sys/kernel/nmi_watchdog").as_deref() {
        None | Some("0") => Seen::ok("off"),
        Some(_) => Seen::warn("on"),
    }
}
