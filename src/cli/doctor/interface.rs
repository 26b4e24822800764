//! The network interface of the segment.

use cellwright_bus::ethtool;

use super::finding::{Check, Seen};
use super::machine::Machine;

pub(crate) const CHECKS: &[Check] = &[
    Check {
        name: "link",
        why: "EtherCAT is 100 Mbit/s in full duplex, and its frames need the whole payload of 1,500 bytes",
        remedy: "ip link set IF up mtu 1500, and plug the first SubDevice's IN port in directly, without a switch",
        look: link,
    },
    Check {
        name: "addresses",
        why: "a host that also speaks IP on this interface sends its own frames between those of the cycle",
        remedy: "take the interface out of NetworkManager and networkd; ip addr flush dev IF; sysctl \
                 net.ipv6.conf.IF.disable_ipv6=1",
        look: addresses,
    },
    Check {
        name: "coalescing",
        why: "the card keeps a received frame back to wait for others, in each cycle",
        remedy: "ethtool -C IF rx-usecs 0 tx-usecs 0 adaptive-rx off adaptive-tx off",
        look: coalescing,
    },
    Check {
        name: "offloads",
        why: "received frames are collected before they are handed on",
        remedy: "ethtool -K IF gro off lro off",
        look: offloads,
    },
    Check {
        name: "energy-efficient",
        why: "the link sleeps between frames and needs up to 30 us to wake (IEEE 802.3az)",
        remedy: "ethtool --set-eee IF eee off",
        look: energy_efficient,
    },
];

fn named(machine: &Machine) -> &str {
    machine.interface.as_deref().unwrap_or_default()
}

fn file(machine: &Machine, name: &str) -> Option<String> {
    machine.read(&format!("/sys/class/net/{}/{name}", named(machine)))
}

fn link(machine: &Machine) -> Seen {
    let name = named(machine);
    if name.contains('/') || !machine.is_folder(&format!("/sys/class/net/{name}")) {
        return Seen::fail(format!("there is no interface {name}"));
    }
    let number = |f: &str| file(machine, f).and_then(|n| n.parse::<i64>().ok());
    let up = number("carrier") == Some(1);
    let mtu = number("mtu").unwrap_or(0);
    if !up {
        return Seen::fail(format!("{name} has no link"));
    }
    if mtu < 1500 {
        return Seen::fail(format!("{name} has an MTU of {mtu}"));
    }
    let duplex = file(machine, "duplex").unwrap_or_default();
    match number("speed").filter(|&s| s > 0) {
        Some(speed) if speed < 100 || duplex == "half" => {
            Seen::fail(format!("{speed} Mbit/s, {duplex} duplex"))
        }
        Some(100) => Seen::ok("100 Mbit/s, full duplex"),
        Some(speed) => Seen::warn(format!("{speed} Mbit/s: what is plugged in is no EtherCAT SubDevice")),
        None => Seen::unknown(format!("{name} has a link and does not say how fast")),
    }
}

fn addresses(machine: &Machine) -> Seen {
    let name = named(machine);
    let v6 = machine.read("/proc/net/if_inet6").unwrap_or_default();
    let of_v6 = v6.lines().filter(|l| l.split_whitespace().last() == Some(name)).count();
    let routes = machine.read("/proc/net/route").unwrap_or_default();
    let of_v4 = routes.lines().skip(1).filter(|l| l.split_whitespace().next() == Some(name)).count();
    match of_v4 + of_v6 {
        0 => Seen::ok("none"),
        _ => Seen::warn(format!("{of_v4} IPv4 routes and {of_v6} IPv6 addresses")),
    }
}

/// What the driver says, or why there is nothing to be said.
fn card(machine: &Machine) -> Result<ethtool::Card, Seen> {
    ethtool::card(named(machine)).map_err(|e| Seen::unknown(e.to_string()))
}

fn coalescing(machine: &Machine) -> Seen {
    match card(machine).map(|c| c.coalescing) {
        Err(seen) => seen,
        Ok(None) => Seen::unknown("the driver does not say"),
        Ok(Some(c)) if c.adaptive || c.rx_usecs > 0 => Seen::warn(format!(
            "rx {} us, tx {} us{}",
            c.rx_usecs,
            c.tx_usecs,
            if c.adaptive { ", adaptive" } else { "" }
        )),
        Ok(Some(_)) => Seen::ok("off"),
    }
}

fn offloads(machine: &Machine) -> Seen {
    match card(machine) {
        Err(seen) => seen,
        Ok(c) if c.lro == Some(true) => Seen::warn("lro is on"),
        Ok(c) if c.gro == Some(true) => Seen::warn("gro is on"),
        Ok(c) if c.gro.is_none() && c.lro.is_none() => Seen::unknown("the driver does not say"),
        Ok(_) => Seen::ok("off"),
    }
}

fn energy_efficient(machine: &Machine) -> Seen {
    match card(machine).map(|c| c.eee) {
        Err(seen) => seen,
        Ok(None) => Seen::ok("the card does not know it"),
        Ok(Some(true)) => Seen::warn("on"),
        Ok(Some(false)) => Seen::ok("off"),
    }
}
