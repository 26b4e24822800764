//! `cellwright scan`: what stands on a segment, without changing it.

use std::fmt::Write as _;
use std::process::ExitCode;

use cellwright_bus::ask::{AskError, Asker};
use cellwright_bus::sii::{SiiContent, SiiPdo};
use cellwright_bus::survey::coe::{self, CoePdo, CoeProblem};
use cellwright_bus::survey::{DistributedClock, Port, Surveyed, survey};
use cellwright_model::timing::Receive;
use cellwright_rt::bus::AlState;
use cellwright_rt::clock::MonotonicClock;
use serde_json::{Value, json};

use super::args::ScanArgs;
use super::out::outln;
use super::{Failure, print_json, session};

pub(crate) fn run(args: ScanArgs) -> Result<ExitCode, Failure> {
    let mut asker = Asker::new(session::open_socket(&args.iface, Receive::Blocking)?, MonotonicClock);
    let failed = |error| failed(&args.iface, &error);
    let devices = survey(&mut asker).map_err(failed)?;
    let asked = |device| args.coe.then(|| coe::pdos(&mut asker, device)).transpose();
    let by_coe: Vec<_> = devices.iter().map(asked).collect::<Result<_, _>>().map_err(failed)?;
    let both = devices.iter().zip(&by_coe);
    if args.json {
        print_json(&Value::Array(both.map(|(device, coe)| as_json(device, coe.as_ref())).collect()));
    } else {
        outln!("{} SubDevices on {}; nothing was changed", devices.len(), args.iface);
        for (device, coe) in both {
            outln!("\n{}", as_text(device, coe.as_ref()).trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(interface: &str, error: &AskError) -> Failure {
    let remedy = match error {
        AskError::Silent => {
            "check the cable, that the first SubDevice has power, and that its port IN is the one that is wired"
        }
        AskError::Link(_) => "check that the interface is up and has a link: ip link show",
        AskError::TooMany(_) => "look for what else sends EtherCAT frames on this interface, or alters them",
        AskError::TooLong(_) => "this is an error of the program; report it",
    };
    Failure::Failed(format!("{interface}: {error}; remedy: {remedy}"))
}

fn al_state(d: &Surveyed) -> AlState {
    AlState::from_register(d.al_status as u8)
}

fn kind(port: &Port) -> &'static str {
    ["none", "not configured", "EBUS", "MII"][usize::from(port.kind & 3)]
}

fn sync_manager_kind(kind: u8) -> &'static str {
    ["unused", "mailbox out", "mailbox in", "outputs", "inputs"].get(usize::from(kind)).unwrap_or(&"unknown")
}

/// What a SubDevice said by CoE, if it was asked.
type ByCoe<'a> = Option<&'a Result<Vec<CoePdo>, CoeProblem>>;

fn as_text(d: &Surveyed, coe: ByCoe<'_>) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_text(d, &mut out).and_then(|()| write_coe(coe, &mut out));
    out
}

fn write_coe(coe: ByCoe<'_>, out: &mut String) -> std::fmt::Result {
    match coe {
        None => {}
        Some(Err(problem)) => writeln!(out, "  by CoE   {problem}")?,
        Some(Ok(pdos)) => {
            for pdo in pdos {
                let direction = if pdo.inputs { "TxPDO" } else { "RxPDO" };
                let entries: Vec<_> = pdo
                    .entries
                    .iter()
                    .map(|(index, sub, bits)| format!("{index:#06x}:{sub:02x}/{bits}"))
                    .collect();
                writeln!(out, "  by CoE   {direction} {:#06x}: {}", pdo.index, entries.join(" "))?;
            }
        }
    }
    Ok(())
}

fn coe_json(coe: &Result<Vec<CoePdo>, CoeProblem>) -> Value {
    match coe {
        Err(problem) => json!({"problem": problem.to_string()}),
        Ok(pdos) => pdos
            .iter()
            .map(|p| {
                let entries: Vec<_> = p
                    .entries
                    .iter()
                    .map(|(index, sub, bits)| json!({"index": index, "sub": sub, "bits": bits}))
                    .collect();
                json!({"direction": if p.inputs { "inputs" } else { "outputs" }, "index": p.index, "entries": entries})
            })
            .collect(),
    }
}

fn write_text(d: &Surveyed, out: &mut String) -> std::fmt::Result {
    let name = d.sii.as_ref().map_or("(no SII)", |s| s.name.as_str());
    let error = if d.al_status & 0x10 != 0 { " + ERROR" } else { "" };
    writeln!(out, "=== {}: {name}", d.position)?;
    writeln!(out, "  state    {}{error}, status code 0x{:04x}", al_state(d), d.al_code)?;
    writeln!(out, "  address  {:#06x}, alias {}", d.address, d.alias)?;
    match &d.sii {
        Ok(sii) => write_identity(sii, out)?,
        Err(why) => writeln!(out, "  SII      not read: {why}")?,
    }
    writeln!(out, "  chip     type {:#04x} revision {} build {}", d.chip[0], d.chip[1], d.build)?;
    for (i, port) in d.ports.iter().enumerate().filter(|(_, port)| port.kind != 0) {
        writeln!(
            out,
            "  port {i}   {}, {}, loop {}, invalid frames {}, rx errors {}, forwarded {}, lost links {}",
            kind(port),
            if port.link { "link" } else { "no link" },
            if port.loop_closed { "closed" } else { "open" },
            port.invalid_frames,
            port.rx_errors,
            port.forwarded_errors,
            port.lost_links
        )?;
    }
    writeln!(
        out,
        "  errors   processing unit {}, application interface {}, watchdog {}",
        d.processing_errors, d.pdi_errors, d.watchdog_trips
    )?;
    match &d.clock {
        Some(clock) => write_clock(clock, out)?,
        None => writeln!(out, "  DC       none")?,
    }
    for (i, sm) in d.sync_managers.iter().enumerate() {
        let kind = d.sii.as_ref().ok().and_then(|s| s.sync_managers.get(i)).map_or(0, |s| s.kind);
        writeln!(
            out,
            "  SM{i}      {:#06x}, {} bytes, control {:#04x}, {}, {}",
            sm.start,
            sm.length,
            sm.control,
            if sm.enabled { "enabled" } else { "disabled" },
            sync_manager_kind(kind)
        )?;
    }
    for pdo in d.sii.iter().flat_map(|s| &s.pdos) {
        write_pdo(pdo, out)?;
    }
    Ok(())
}

fn write_identity(sii: &SiiContent, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "  identity vendor {:#010x}, product {:#010x}, revision {:#010x}, serial {}",
        sii.vendor, sii.product, sii.revision, sii.serial
    )?;
    writeln!(out, "  mailbox  {}", protocols(sii).join(", "))
}

/// Mailbox protocols (ETG.1000.6, SII word 0x1C).
fn protocols(sii: &SiiContent) -> Vec<&'static str> {
    let all = [(0, "AoE"), (1, "EoE"), (2, "CoE"), (3, "FoE"), (4, "SoE"), (5, "VoE")];
    let has: Vec<_> =
        all.iter().filter(|(bit, _)| sii.protocols & 1 << bit != 0).map(|(_, name)| *name).collect();
    if has.is_empty() { vec!["none"] } else { has }
}

fn write_clock(clock: &DistributedClock, out: &mut String) -> std::fmt::Result {
    let width = if clock.wide { 64 } else { 32 };
    let times = clock.receive_times.map(|t| t.to_string()).join(" ");
    writeln!(out, "  DC       {width} bit, receive times {times} ns")?;
    writeln!(
        out,
        "           system time {} ns, delay {} ns, difference {} ns, SYNC0 {}",
        clock.system_time,
        clock.delay,
        clock.difference,
        if clock.activation & 2 != 0 { format!("every {} ns", clock.sync0_cycle) } else { "off".to_owned() }
    )
}

fn write_pdo(pdo: &SiiPdo, out: &mut String) -> std::fmt::Result {
    let direction = if pdo.inputs { "TxPDO" } else { "RxPDO" };
    writeln!(out, "  {direction}    {:#06x} SM{} {:?}", pdo.index, pdo.sync_manager, pdo.name)?;
    for entry in &pdo.entries {
        writeln!(
            out,
            "             {:#06x}:{:02x} {:2} bit {:?}",
            entry.index, entry.sub, entry.bits, entry.name
        )?;
    }
    Ok(())
}

fn as_json(d: &Surveyed, coe: ByCoe<'_>) -> Value {
    let ports: Vec<_> = d
        .ports
        .iter()
        .map(|p| {
            json!({
                "kind": kind(p), "link": p.link, "loop_closed": p.loop_closed, "communication": p.communication,
                "invalid_frames": p.invalid_frames, "rx_errors": p.rx_errors,
                "forwarded_errors": p.forwarded_errors, "lost_links": p.lost_links,
            })
        })
        .collect();
    let sync_managers: Vec<_> = d
        .sync_managers
        .iter()
        .map(|s| {
            json!({"start": s.start, "length": s.length, "control": s.control, "status": s.status, "enabled": s.enabled})
        })
        .collect();
    let fmmus: Vec<_> = d
        .fmmus
        .iter()
        .map(|f| {
            json!({"logical": f.logical, "length": f.length, "physical": f.physical,
                   "reads": f.reads, "writes": f.writes, "enabled": f.enabled})
        })
        .collect();
    let dc = d.clock.map(|c| {
        json!({
            "bits": if c.wide { 64 } else { 32 }, "receive_times": c.receive_times, "system_time": c.system_time,
            "offset": c.offset, "delay": c.delay, "difference": c.difference, "activation": c.activation,
            "sync0_cycle": c.sync0_cycle,
        })
    });
    json!({
        "position": d.position, "address": d.address, "alias": d.alias,
        "chip": {"type": d.chip[0], "revision": d.chip[1], "build": d.build},
        "state": al_state(d).to_string(), "error": d.al_status & 0x10 != 0, "al_code": d.al_code,
        "ports": ports, "processing_errors": d.processing_errors, "pdi_errors": d.pdi_errors,
        "watchdog_trips": d.watchdog_trips, "dc": dc, "sync_managers": sync_managers, "fmmus": fmmus,
        "coe_pdos": coe.map(coe_json),
        "sii": d.sii.as_ref().map_or_else(|why| json!({"problem": why.to_string()}), sii_json),
    })
}

fn sii_json(sii: &SiiContent) -> Value {
    let sync_managers: Vec<_> = sii
        .sync_managers
        .iter()
        .map(|s| {
            json!({"start": s.start, "length": s.length, "control": s.control, "kind": sync_manager_kind(s.kind)})
        })
        .collect();
    let pdos: Vec<_> = sii
        .pdos
        .iter()
        .map(|p| {
            let entries: Vec<_> = p
                .entries
                .iter()
                .map(|e| json!({"index": e.index, "sub": e.sub, "bits": e.bits, "name": e.name}))
                .collect();
            json!({"direction": if p.inputs { "inputs" } else { "outputs" }, "index": p.index,
                   "sync_manager": p.sync_manager, "name": p.name, "entries": entries})
        })
        .collect();
    json!({
        "vendor": sii.vendor, "product": sii.product, "revision": sii.revision, "serial": sii.serial,
        "alias": sii.alias, "name": sii.name, "group": sii.group, "order": sii.order,
        "protocols": protocols(sii), "sync_managers": sync_managers, "pdos": pdos,
    })
}
