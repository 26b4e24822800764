//! Each check against machines that are as they should be, and as they should not.

use std::path::Path;

use super::finding::{Finding, Grade};
use super::machine::Machine;
use super::{SUBJECTS, looked_at};

/// A machine made of files.
fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Machine) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let machine = Machine { root: folder.path().into(), rt_core: Some(1), interface: None };
    (folder, machine)
}

const GOOD: &[(&str, &str)] = &[
    ("proc/version", "Linux version 6.12.1-rt (x) #1 SMP PREEMPT_RT Debian"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"),
    ("proc/sys/kernel/sched_rt_runtime_us", "-1\n"),
    ("proc/sys/kernel/sched_rt_period_us", "1000000\n"),
    ("proc/sys/kernel/nmi_watchdog", "0\n"),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("sys/devices/system/cpu/isolated", "1\n"),
    ("sys/devices/system/cpu/nohz_full", "1\n"),
    ("proc/irq/24/effective_affinity_list", "0\n"),
    ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpu1/cpuidle/state1/latency", "2\n"),
    ("sys/devices/system/cpu/cpu1/cpuidle/state1/name", "C1\n"),
    ("sys/devices/system/cpu/cpu1/cpuidle/state1/disable", "0\n"),
    ("sys/devices/system/cpu/smt/active", "0\n"),
    ("proc/cpuinfo", "flags\t\t: fpu tsc\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n"),
    ("proc/sys/kernel/numa_balancing", "0\n"),
    ("sys/kernel/mm/ksm/run", "0\n"),
];

/// Paths below the root and what stands there.
type Tree = &'static [(&'static str, &'static str)];

/// What spoils which check, and how bad that is.
const BAD: &[(&str, Grade, Tree)] = &[
    (
        "preemption",
        Grade::Fail,
        &[("proc/version", "Linux version 6.1.0-9-amd64 (x) #1 SMP PREEMPT_DYNAMIC Debian")],
    ),
    (
        "clocksource",
        Grade::Fail,
        &[("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n")],
    ),
    ("rt-throttling", Grade::Warn, &[("proc/sys/kernel/sched_rt_runtime_us", "950000\n")]),
    ("nmi-watchdog", Grade::Warn, &[("proc/sys/kernel/nmi_watchdog", "1\n")]),
    ("cores", Grade::Fail, &[("sys/devices/system/cpu/online", "0\n")]),
    ("isolation", Grade::Warn, &[("sys/devices/system/cpu/isolated", "\n")]),
    (
        "irq-affinity",
        Grade::Warn,
        &[("proc/irq/36/effective_affinity_list", "1\n"), ("proc/irq/36/eth0/x", "")],
    ),
    ("governor", Grade::Warn, &[("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n")]),
    (
        "c-states",
        Grade::Warn,
        &[
            ("sys/devices/system/cpu/cpu1/cpuidle/state3/latency", "133\n"),
            ("sys/devices/system/cpu/cpu1/cpuidle/state3/name", "C6\n"),
        ],
    ),
    ("smt", Grade::Warn, &[("sys/devices/system/cpu/smt/active", "1\n")]),
    ("hypervisor", Grade::Warn, &[("proc/cpuinfo", "flags\t\t: fpu hypervisor tsc\n")]),
    (
        "huge-pages",
        Grade::Warn,
        &[("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")],
    ),
    ("swap", Grade::Warn, &[("proc/swaps", "Filename Type\n/dev/sda2 partition 1 0 -2\n")]),
    ("numa-balancing", Grade::Warn, &[("proc/sys/kernel/numa_balancing", "1\n")]),
    ("same-page-merging", Grade::Warn, &[("sys/kernel/mm/ksm/run", "1\n")]),
];

fn of<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    findings.iter().find(|f| f.check == check).unwrap_or_else(|| panic!("no check {check}"))
}

#[test]
fn a_machine_as_it_should_be_has_no_finding() {
    let (_folder, machine) = machine(GOOD);
    for f in looked_at(&machine) {
        assert_eq!(f.grade, Grade::Ok, "{f:?}");
    }
}

#[test]
fn each_fault_is_found_by_its_check_and_by_no_other() {
    for (check, grade, files) in BAD {
        let mut all = GOOD.to_vec();
        all.retain(|(path, _)| files.iter().all(|(spoiled, _)| spoiled != path));
        all.extend_from_slice(files);
        let (_folder, machine) = machine(&all);
        for f in looked_at(&machine) {
            let expected = if f.check == *check { *grade } else { Grade::Ok };
            assert_eq!(f.grade, expected, "{check} spoiled: {f:?}");
        }
    }
}

#[test]
fn every_check_can_find_something() {
    let checks = SUBJECTS.iter().flat_map(|(_, checks)| checks.iter());
    let untested: Vec<_> =
        checks.filter(|c| BAD.iter().all(|(name, ..)| *name != c.name)).map(|c| c.name).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn what_a_machine_does_not_say_is_neither_good_nor_bad() {
    let (_folder, machine) = machine(&[]);
    let findings = looked_at(&machine);
    assert_eq!(of(&findings, "clocksource").grade, Grade::Unknown);
    assert_eq!(of(&findings, "preemption").grade, Grade::Fail, "it does not say that it is one");
    assert_eq!(of(&findings, "governor").grade, Grade::Unknown);
}

#[test]
fn an_interrupt_on_the_core_of_the_cycle_is_named() {
    let (_folder, machine) =
        machine(&[("proc/irq/36/effective_affinity_list", "1\n"), ("proc/irq/36/eth0/x", "")]);
    let finding = of(&looked_at(&machine), "irq-affinity").clone();
    assert_eq!(finding.found, "1 of 1 on core 1: 36 eth0");
}

#[test]
fn deep_sleep_that_the_cycle_may_hold_off_does_no_harm() {
    let cpu = "sys/devices/system/cpu/cpu1/cpuidle/state3";
    let files: &[(&str, &str)] = &[(&format!("{cpu}/latency"), "133\n"), (&format!("{cpu}/name"), "C6\n")];
    let (_folder, at) = machine(files);
    assert_eq!(of(&looked_at(&at), "c-states").grade, Grade::Warn, "no file to hold it off with");
    let files = [files, &[("dev/cpu_dma_latency", "")]].concat();
    let (_folder, at) = machine(&files);
    let finding = of(&looked_at(&at), "c-states").clone();
    assert_eq!(finding.grade, Grade::Ok);
    assert_eq!(finding.found, "C6 needs 133 us to wake; held off while the cycle is there");
}

#[test]
fn an_interface_is_looked_at_where_one_is_named() {
    let files: &[(&str, &str)] = &[
        ("sys/class/net/eth7/carrier", "1"),
        ("sys/class/net/eth7/mtu", "1500"),
        ("sys/class/net/eth7/speed", "100"),
        ("sys/class/net/eth7/duplex", "full"),
        ("proc/net/route", "Iface\tDestination\neth7\t0000000A\n"),
    ];
    let (_folder, mut machine) = machine(files);
    assert!(looked_at(&machine).iter().all(|f| f.subject != "interface"));
    machine.interface = Some("eth7".to_owned());
    let findings = looked_at(&machine);
    assert_eq!(of(&findings, "link").grade, Grade::Ok);
    assert_eq!(of(&findings, "addresses").grade, Grade::Warn);
    machine.interface = Some("eth8".to_owned());
    assert_eq!(of(&looked_at(&machine), "link").grade, Grade::Fail);
}
