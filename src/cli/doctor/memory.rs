//! Memory: who moves pages under the feet of a thread that has locked them.

use super::finding::{Check, Seen};
use super::machine::Machine;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "huge-pages",
        why: "the kernel puts pages together behind the program's back, with locks that stop its threads",
        remedy: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or boot with \
                 `transparent_hugepage=madvise`",
        look: huge_pages,
    },
    Check {
        name: "swap",
        why: "the parts of the controller that are not locked wait for a disk when memory becomes scarce",
        remedy: "swapoff -a, and take swap out of /etc/fstab",
        look: swap,
    },
    Check {
        name: "numa-balancing",
        why: "pages are unmapped for a time to see who uses them, and each use is a page fault",
        remedy: "sysctl kernel.numa_balancing=0",
        look: numa_balancing,
    },
    Check {
        name: "same-page-merging",
        why: "pages that look alike are merged, and the next write is a page fault",
        remedy: "echo 2 > /sys/kernel/mm/ksm/run",
        look: same_page_merging,
    },
];

fn huge_pages(machine: &Machine) -> Seen {
    // `always [madvise] never`: the present one stands in brackets.
    let text = machine.read("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    match text.split(['[', ']']).nth(1) {
        Some("always") => Seen::warn("always"),
        Some(other) => Seen::ok(other),
        None => Seen::unknown("the kernel does not say"),
    }
}

fn swap(machine: &Machine) -> Seen {
    let Some(text) = machine.read("/proc/swaps") else {
        return Seen::unknown("the kernel does not list its swap");
    };
    let used: Vec<&str> = text.lines().skip(1).filter_map(|l| l.split_whitespace().next()).collect();
    if used.is_empty() { Seen::ok("none") } else { Seen::warn(used.join(", ")) }
}

fn numa_balancing(machine: &Machine) -> Seen {
    match machine.read("/proc/sys/kernel/numa_balancing").as_deref() {
        None | Some("0") => Seen::ok("off"),
        Some(_) => Seen::warn("on"),
    }
}

fn same_page_merging(machine: &Machine) -> Seen {
    match machine.read("/sys/kernel/mm/ksm/run").as_deref() {
        Some("1") => Seen::warn("on"),
        _ => Seen::ok("off"),
    }
}
