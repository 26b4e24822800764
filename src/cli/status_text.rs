//! A snapshot of a cell as lines of text.

use cellwright_station::{AlarmSeen, AxisSeen, QuestionSeen, Snapshot, TraySeen, UnitSeen};

/// The lines, without the last newline.
pub(crate) fn text(s: &Snapshot) -> String {
    let mut lines = vec![format!("{}  {}  mode {}  {}", s.cell, s.state.name(), s.mode.name(), s.time)];
    if !s.takes.is_empty() {
        let takes: Vec<String> = s.takes.iter().map(|c| c.name().to_lowercase()).collect();
        lines.push(format!("takes      {}", takes.join(", ")));
    }
    if !s.safety_ok {
        lines.push("safety     a safety input is off: nothing is moved".to_owned());
    }
    lines.extend(s.store_fault.iter().map(|why| format!("record     cannot be written: {why}")));
    lines.extend(s.order.iter().map(|o| {
        let (id, n, m) = (&o.id, o.quantity, &o.made);
        format!(
            "order      {id}: {} good of {n}; {} started, {} ng, {} interrupted",
            m.good, m.started, m.ng, m.interrupted
        )
    }));
    let c = &s.counts;
    lines.push(format!("ended      {} good, {} ng, {} interrupted", c.good, c.ng, c.interrupted));
    lines.extend(s.units.iter().map(unit));
    lines.extend(s.questions.iter().map(question));
    lines.extend(s.alarms.iter().map(alarm));
    lines.extend(s.axes.iter().map(axis));
    lines.extend(s.trays.iter().map(tray));
    lines.push(bus(s));
    lines.join("\n")
}

fn unit(u: &UnitSeen) -> String {
    let station = u.station.as_deref().unwrap_or("table turns");
    let step = u.step.as_deref().unwrap_or("-");
    let waits = u.waits_for.as_ref().map(|w| format!(", waits for {w}")).unwrap_or_default();
    let rejecting = if u.rejecting { ", ng" } else { "" };
    format!("unit       {:<12} {station:<12} {step}{waits}{rejecting}", u.serial)
}

fn question(q: &QuestionSeen) -> String {
    let tray = q.tray.as_ref().map(|t| format!(" (load {t} first)")).unwrap_or_default();
    format!("question   {}: {}{tray} ({})", q.id, q.prompt, q.answers.join(" | "))
}

fn alarm(a: &AlarmSeen) -> String {
    let first = if a.first_out { " (first)" } else { "" };
    let seen = match (&a.acknowledged_by, a.acknowledged) {
        (Some(who), _) => format!(", acknowledged by {who}"),
        (None, true) => ", acknowledged".to_owned(),
        (None, false) => String::new(),
    };
    format!("alarm      {}{first}: {}: {}{seen}\n           remedy: {}", a.id, a.place, a.cause, a.remedy)
}

fn axis(a: &AxisSeen) -> String {
    let words = [(a.enabled, "enabled"), (a.moving, "moving"), (a.fault, "FAULT"), (a.sto, "STO")];
    let words: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, w)| *w).collect();
    let words = if words.is_empty() { "off".to_owned() } else { words.join(", ") };
    format!("axis       {:<12} {:>12.3} {:<3} {words}", a.name, a.actual, a.unit)
}

fn tray(t: &TraySeen) -> String {
    let of = if t.pockets > 1 { format!(" of {}", t.pockets) } else { String::new() };
    let part = t.part.as_deref().unwrap_or("-");
    format!(
        "tray       {:<12} next {}{of}, part {part}, lot {}",
        t.name,
        t.next,
        t.lot.as_deref().unwrap_or("-")
    )
}

fn bus(s: &Snapshot) -> String {
    let b = &s.bus;
    format!(
        "bus        {}, {} cycles, {} missed, {} with a wrong working counter, {} frames lost, {} late",
        if b.operational { "operational" } else { "not operational" },
        b.cycles,
        b.missed_cycles,
        b.wkc_errors,
        b.lost_frames,
        b.late_frames
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn snapshot() -> Snapshot {
        let value = json!({
            "cell": "cannula-cell", "time": "2000-01-01T00:00:00.000000000Z", "monotonic_ns": 0,
            "state": "Held", "mode": "Production", "takes": ["Stop", "Unhold"],
            "order": { "id": "A-1", "lot": null, "quantity": 3, "started": 1, "good": 0, "ng": 1, "interrupted": 0 },
            "counts": { "good": 0, "ng": 1, "interrupted": 0 },
            "units": [{ "serial": "CW-1", "station": "press", "step": "press-cannula", "waits_for": "Unhold",
                        "rejecting": false, "branches": [] }],
            "alarms": [{ "id": 4, "class": "hold", "code": "store", "first_out": true, "cause": "disk full",
                         "place": "store", "remedy": "make room", "acts": ["Unhold"], "raised_ns": 0, "acknowledged": true,
                         "acknowledged_by": "maria" }],
            "questions": [{ "id": 7, "kind": "decision", "serial": "CW-1", "prompt": "What now?",
                            "answers": ["retry", "reject"], "tray": "hub_tray" }],
            "trays": [{ "name": "hub_tray", "part": "HUB-23", "lot": null, "next": 3, "pockets": 60 }],
            "axes": [{ "name": "press_z", "unit": "mm", "setpoint": 1.0, "actual": 1.5, "velocity": 0.0,
                       "torque_nm": 0.0, "following_error": 0.0, "travel": [0.0, 60.0], "enabled": true,
                       "moving": false, "fault": false, "sto": false }],
            "robots": [], "inputs_on": [], "outputs_on": [], "safety_ok": false, "at_rest": true,
            "bus": { "cycles": 9, "missed_cycles": 0, "wkc_errors": 0, "lost_frames": 0, "late_frames": 0, "stray_frames": 0,
                     "operational": true },
            "store_fault": "disk full",
        });
        serde_json::from_value(value).expect("the shape of a snapshot")
    }

    #[test]
    fn everything_that_a_person_needs_stands_in_it() {
        let text = text(&snapshot());
        for said in [
            "Held  mode Production",
            "takes      stop, unhold",
            "a safety input is off",
            "cannot be written: disk full",
            "A-1: 0 good of 3; 1 started, 1 ng, 0 interrupted",
            "0 good, 1 ng, 0 interrupted",
            "press-cannula, waits for Unhold",
            "7: What now? (load hub_tray first) (retry | reject)",
            "4 (first): store: disk full, acknowledged by maria",
            "remedy: make room",
            "1.500 mm  enabled",
            "next 3 of 60, part HUB-23, lot -",
            "bus        operational, 9 cycles",
        ] {
            assert!(text.contains(said), "`{said}` is not in\n{text}");
        }
    }
}
