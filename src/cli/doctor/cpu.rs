//! The CPUs: who else runs on the one of the cycle, and how fast it wakes.

use cellwright_rt::platform::DMA_LATENCY;

use super::finding::{Check, Seen};
use super::machine::{Machine, cpus};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "cores",
        why: "on one core the cycle takes turns with everything else that the machine does",
        remedy: "a machine with two cores or more; choose the cycle's with --rt-core",
        look: cores,
    },
    Check {
        name: "isolation",
        why: "the scheduler puts other work on the core of the cycle, and its timer ticks there",
        remedy: "boot with `isolcpus=managed_irq,domain,N nohz_full=N rcu_nocbs=N`, N the core given by --rt-core",
        look: isolation,
    },
    Check {
        name: "irq-affinity",
        why: "interrupts of other devices are served on the core of the cycle",
        remedy: "stop irqbalance and write the other cores to /proc/irq/*/smp_affinity_list, or boot with \
                 `irqaffinity=` and those",
        look: irq_affinity,
    },
    Check {
        name: "governor",
        why: "a core whose clock is lowered between cycles runs each cycle slowly",
        remedy: "cpupower frequency-set -g performance",
        look: governor,
    },
    Check {
        name: "c-states",
        why: "a core that sleeps deeply between cycles needs tens to hundreds of microseconds to wake",
        remedy: "let the cell write /dev/cpu_dma_latency (udev: KERNEL==\"cpu_dma_latency\", GROUP=\"users\", MODE=\"0660\"), \
                 cpupower idle-set -D 10, or boot with `intel_idle.max_cstate=1 processor.max_cstate=1`",
        look: c_states,
    },
    Check {
        name: "smt",
        why: "the sibling of the cycle's core shares its caches and execution units",
        remedy: "echo off > /sys/devices/system/cpu/smt/control, or keep the sibling idle with isolcpus",
        look: smt,
    },
    Check {
        name: "hypervisor",
        why: "a host takes the core away whenever it likes, and the guest cannot see for how long",
        remedy: "run the cell on a machine of its own",
        look: hypervisor,
    },
];

/// Longest time to wake from a sleep state that a cycle takes without notice, µs.
const WAKE_US_MAX: u64 = 10;
/// Interrupts named in one line.
const NAMED_MAX: usize = 4;

fn cores(machine: &Machine) -> Seen {
    let online = machine.read("/sys/devices/system/cpu/online").map(|l| cpus(&l)).unwrap_or_default();
    match (online.len(), machine.rt_core) {
        (0, _) => Seen::unknown("the kernel does not list its CPUs"),
        (_, Some(core)) if !online.contains(&core) => Seen::fail(format!("core {core} is not online")),
        (1, _) => Seen::warn("one"),
        (n, Some(core)) => Seen::ok(format!("{n} online, the cycle on core {core}")),
        (n, None) => Seen::ok(format!("{n} online")),
    }
}

fn isolation(machine: &Machine) -> Seen {
    let isolated = machine.read("/sys/devices/system/cpu/isolated").unwrap_or_default();
    let tickless = machine.read("/sys/devices/system/cpu/nohz_full").unwrap_or_default();
    let Some(core) = machine.rt_core else { return Seen::warn("the cycle has no core of its own") };
    match (cpus(&isolated).contains(&core), cpus(&tickless).contains(&core)) {
        (true, true) => Seen::ok(format!("core {core} is isolated and has no tick of its own")),
        (true, false) => Seen::ok(format!("core {core} is isolated")),
        (false, _) => Seen::warn(format!("core {core} is shared with everything else")),
    }
}

fn irq_affinity(machine: &Machine) -> Seen {
    let Some(core) = machine.rt_core else { return Seen::unknown("the cycle has no core of its own") };
    let all: Vec<String> =
        machine.list("/proc/irq").into_iter().filter(|irq| irq.bytes().all(|b| b.is_ascii_digit())).collect();
    let served_there = |irq: &&String| {
        let effective = machine.read(&format!("/proc/irq/{irq}/effective_affinity_list"));
        let served = effective.filter(|l| !l.is_empty());
        let served = served.or_else(|| machine.read(&format!("/proc/irq/{irq}/smp_affinity_list")));
        served.is_some_and(|list| cpus(&list).contains(&core))
    };
    let there: Vec<&String> = all.iter().filter(served_there).collect();
    if all.is_empty() {
        return Seen::unknown("the kernel does not list its interrupts");
    }
    if there.is_empty() {
        return Seen::ok(format!("none of {} on core {core}", all.len()));
    }
    let named: Vec<String> = there.iter().take(NAMED_MAX).map(|irq| name_of(machine, irq)).collect();
    let more = if there.len() > NAMED_MAX { ", …" } else { "" };
    Seen::warn(format!("{} of {} on core {core}: {}{more}", there.len(), all.len(), named.join(", ")))
}

/// `36 virtio1-req.0`: the number, and the action that the kernel has registered.
fn name_of(machine: &Machine, irq: &str) -> String {
    let actions = machine.list(&format!("/proc/irq/{irq}"));
    let action = actions.into_iter().find(|name| machine.is_folder(&format!("/proc/irq/{irq}/{name}")));
    action.map_or_else(|| irq.to_owned(), |name| format!("{irq} {name}"))
}

/// CPUs that the cycle may run on.
fn concerned(machine: &Machine) -> Vec<usize> {
    let online = || machine.read("/sys/devices/system/cpu/online").map(|l| cpus(&l)).unwrap_or_default();
    machine.rt_core.map_or_else(online, |core| vec![core])
}

fn governor(machine: &Machine) -> Seen {
    let of = |cpu: &usize| {
        machine.read(&format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor")).map(|g| (*cpu, g))
    };
    let governors: Vec<(usize, String)> = concerned(machine).iter().filter_map(of).collect();
    match governors.iter().find(|(_, g)| g != "performance") {
        Some((cpu, governor)) => Seen::warn(format!("{governor} on core {cpu}")),
        None if governors.is_empty() => Seen::unknown("the clock of the CPUs is not the kernel's to change"),
        None => Seen::ok("performance"),
    }
}

fn c_states(machine: &Machine) -> Seen {
    let mut deepest: Option<(u64, String)> = None;
    let mut seen = false;
    for cpu in concerned(machine) {
        let folder = format!("/sys/devices/system/cpu/cpu{cpu}/cpuidle");
        for state in machine.list(&folder) {
            let file = |name: &str| machine.read(&format!("{folder}/{state}/{name}"));
            let Some(wake_us) = file("latency").and_then(|l| l.parse().ok()) else { continue };
            seen = true;
            let enabled = file("disable").is_none_or(|d| d == "0");
            if enabled && deepest.as_ref().is_none_or(|(us, _)| wake_us > *us) {
                deepest = Some((wake_us, file("name").unwrap_or(state)));
            }
        }
    }
    match deepest {
        Some((us, name)) if us > WAKE_US_MAX && machine.may_write(DMA_LATENCY) => {
            Seen::ok(format!("{name} needs {us} us to wake; held off while the cycle is there"))
        }
        Some((us, name)) if us > WAKE_US_MAX => Seen::warn(format!("{name} needs {us} us to wake")),
        Some((us, name)) => Seen::ok(format!("{name} at the deepest: {us} us to wake")),
        None if seen => Seen::ok("all off"),
        None => Seen::unknown("the kernel manages no sleep states here"),
    }
}

fn smt(machine: &Machine) -> Seen {
    match machine.read("/sys/devices/system/cpu/smt/active").as_deref() {
        Some("0") => Seen::ok("off"),
        Some(_) => Seen::warn("on: two threads share each core"),
        None => Seen::unknown("the kernel does not say"),
    }
}

fn hypervisor(machine: &Machine) -> Seen {
    let info = machine.read("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|l| l.starts_with("flags")).unwrap_or_default();
    let kind = machine.read("/sys/hypervisor/type");
    if !flags.split_whitespace().any(|f| f == "hypervisor") && kind.is_none() {
        return Seen::ok("none seen");
    }
    let product = machine.read("/sys/class/dmi/id/product_name");
    let name = kind.or(product).unwrap_or_else(|| "unnamed".to_owned());
    Seen::warn(format!("a virtual machine ({name}), {} ticks stolen since its start", stolen(machine)))
}

/// Ticks in which the host ran something else (`steal` of /proc/stat, the eighth number).
fn stolen(machine: &Machine) -> u64 {
    let stat = machine.read("/proc/stat").unwrap_or_default();
    let line = stat.lines().find(|l| l.starts_with("cpu ")).unwrap_or_default();
    line.split_whitespace().nth(8).and_then(|n| n.parse().ok()).unwrap_or(0)
}
