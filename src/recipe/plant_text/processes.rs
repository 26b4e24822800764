//! The processes at the stations: press fit, thread, leak test, tip, labels.

use cellwright_model::cell::{AxisKind, Cell};
use cellwright_model::plant::{LabelPhysics, LeakPhysics, PressPhysics, ThreadPhysics, TipPhysics};
use cellwright_model::{AnalogId, AxisId, Dimension};

use super::{find, not_negative, req_spread, share, station};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::tree::Node;

fn axis(f: &mut Fields<'_>, d: &mut Decoder<'_>, cell: &Cell, kind: AxisKind) -> Option<AxisId> {
    f.req("axis", d, |d, n| {
        let text = d.identifier(n)?;
        let names = cell.axes.iter().map(|a| a.name.as_str());
        let i = find(d, (&text.text, n.span), Code::UnknownAxis, "axis", names)?;
        if cell.axes[usize::from(i)].kind != kind {
            let word = if kind == AxisKind::Linear { "linear" } else { "rotary" };
            let message = format!("`{}` is no {word} axis", text.text);
            d.error_at(Code::AxisKind, &text, message, format!("name a {word} axis"));
            return None;
        }
        Some(AxisId(i))
    })
}

fn channel(
    f: &mut Fields<'_>,
    d: &mut Decoder<'_>,
    name: &'static str,
    cell: &Cell,
    dimension: Dimension,
) -> Option<AnalogId> {
    f.req(name, d, |d, n| {
        let text = d.identifier(n)?;
        let names = cell.analogs.iter().map(|a| a.name.as_str());
        let i = find(d, (&text.text, n.span), Code::UnknownAnalog, "analog channel", names)?;
        if cell.analogs[usize::from(i)].dimension != dimension {
            let message = format!("`{}` does not measure {}", text.text, dimension.name());
            d.error_at(Code::Dimension, &text, message, format!("name a channel of {}", dimension.name()));
            return None;
        }
        Some(AnalogId(i))
    })
}

fn positive(
    f: &mut Fields<'_>,
    d: &mut Decoder<'_>,
    name: &'static str,
    dimension: Dimension,
) -> Option<f64> {
    f.req(name, d, |d, n| d.positive(n, dimension))
}

pub(super) fn press(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<PressPhysics> {
    let mut f = d.fields(node)?;
    let axis = axis(&mut f, d, cell, AxisKind::Linear);
    let station = f.req("station", d, |d, n| station(d, n, cell));
    let force = channel(&mut f, d, "force", cell, Dimension::Force);
    let contact = req_spread(&mut f, d, "contact", Dimension::Length);
    let hub = req_spread(&mut f, d, "hub_interference", Dimension::Ratio);
    let cannula = req_spread(&mut f, d, "cannula_interference", Dimension::Ratio);
    let oversize = req_spread(&mut f, d, "oversize", Dimension::Ratio);
    let undersize = req_spread(&mut f, d, "undersize", Dimension::Ratio);
    let entry = f.req("entry", d, |d, n| not_negative(d, n, Dimension::Force));
    let entry_depth = positive(&mut f, d, "entry_depth", Dimension::Length);
    let slope = f.req("slope", d, |d, n| not_negative(d, n, Dimension::Force));
    let shoulder_depth = positive(&mut f, d, "shoulder_depth", Dimension::Length);
    let shoulder = f.req("shoulder", d, |d, n| not_negative(d, n, Dimension::Force));
    let stiffness = positive(&mut f, d, "stiffness", Dimension::Force);
    f.finish(d);
    Some(PressPhysics {
        axis: axis?,
        station: station?,
        force: force?,
        contact_mm: contact?,
        hub_interference: hub?,
        cannula_interference: cannula?,
        oversize: oversize?,
        undersize: undersize?,
        entry_n: entry?,
        entry_depth_mm: entry_depth?,
        slope_n_per_mm: slope?,
        shoulder_depth_mm: shoulder_depth?,
        shoulder_n_per_mm: shoulder?,
        stiffness_n_per_mm: stiffness?,
    })
}

pub(super) fn thread(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<ThreadPhysics> {
    let mut f = d.fields(node)?;
    let axis = axis(&mut f, d, cell, AxisKind::Rotary);
    let station = f.req("station", d, |d, n| station(d, n, cell));
    let torque = channel(&mut f, d, "torque", cell, Dimension::Torque);
    let prevailing = req_spread(&mut f, d, "prevailing", Dimension::Torque);
    let snug_angle = req_spread(&mut f, d, "snug_angle", Dimension::Angle);
    let stiffness = req_spread(&mut f, d, "stiffness", Dimension::Torque);
    let bit = positive(&mut f, d, "bit", Dimension::Torque);
    let damping = f.req("damping", d, |d, n| not_negative(d, n, Dimension::Ratio));
    let cross_angle = req_spread(&mut f, d, "cross_angle", Dimension::Angle);
    let cross = positive(&mut f, d, "cross_stiffness", Dimension::Torque);
    let strip = req_spread(&mut f, d, "strip", Dimension::Torque);
    f.finish(d);
    Some(ThreadPhysics {
        axis: axis?,
        station: station?,
        torque: torque?,
        prevailing_nm: prevailing?,
        snug_angle_deg: snug_angle?,
        stiffness_nm_per_deg: stiffness?,
        bit_nm_per_deg: bit?,
        bit_damping: damping?,
        cross_angle_deg: cross_angle?,
        cross_nm_per_deg: cross?,
        strip_nm: strip?,
    })
}

pub(super) fn leak(d: &mut Decoder<'_>, node: &Node) -> Option<LeakPhysics> {
    let mut f = d.fields(node)?;
    let supply = positive(&mut f, d, "supply", Dimension::Pressure);
    let fill = positive(&mut f, d, "fill", Dimension::Time);
    let vent = positive(&mut f, d, "vent", Dimension::Time);
    let settle = f.req("settle", d, |d, n| {
        let mut f = d.fields(n)?;
        let drop = f.req("drop", d, |d, n| not_negative(d, n, Dimension::Pressure));
        let time = positive(&mut f, d, "time", Dimension::Time);
        f.finish(d);
        Some((drop?, time?))
    });
    let tight = req_spread(&mut f, d, "tight", Dimension::PressureRate);
    let leaky = req_spread(&mut f, d, "leaky", Dimension::PressureRate);
    let open = positive(&mut f, d, "open", Dimension::PressureRate);
    f.finish(d);
    let (settle_pa, settle_s) = settle?;
    Some(LeakPhysics {
        supply_pa: supply?,
        fill_s: fill?,
        vent_s: vent?,
        settle_pa,
        settle_s,
        tight_pa_s: tight?,
        leaky_pa_s: leaky?,
        open_pa_s: open?,
    })
}

pub(super) fn tip(d: &mut Decoder<'_>, node: &Node) -> Option<TipPhysics> {
    let mut f = d.fields(node)?;
    let burr = req_spread(&mut f, d, "burr", Dimension::Length);
    let bad_burr = req_spread(&mut f, d, "bad_burr", Dimension::Length);
    let noise = f.req("camera_noise", d, |d, n| not_negative(d, n, Dimension::Length));
    let camera_time = f.req("camera_time", d, |d, n| d.duration(n));
    let scanner_time = f.req("scanner_time", d, |d, n| d.duration(n));
    f.finish(d);
    Some(TipPhysics {
        burr_mm: burr?,
        bad_burr_mm: bad_burr?,
        camera_noise_mm: noise?,
        camera_time: camera_time?,
        scanner_time: scanner_time?,
    })
}

pub(super) fn labels(d: &mut Decoder<'_>, node: &Node) -> Option<LabelPhysics> {
    let mut f = d.fields(node)?;
    let print_time = f.req("print_time", d, |d, n| d.duration(n));
    let unreadable = f.req("unreadable", d, share);
    f.finish(d);
    Some(LabelPhysics { print_time: print_time?, unreadable: unreadable? })
}
