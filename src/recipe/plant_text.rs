//! `plant.yaml` (physics of the twin of one cell) to a [`PlantDescription`].
//!
//! What is missing or wrong is said at its place, all of it in one run; a description with an error never
//! leaves this module.

mod processes;

use cellwright_model::cell::{AxisKind, Cell, TrayKind};
use cellwright_model::plant::{
    AxisPhysics, CameraSight, Defect, DefectShare, GripperPhysics, InputSight, Material, PartCode, PartKind,
    PlantDescription, SensorPhysics, Sight, Spread,
};
use cellwright_model::{AnalogId, AxisId, Dimension, InputId, StationId, TrayId};

use crate::cell_text::{parse, schema};
use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::diagnostic::{Diagnostic, Sink};
use crate::scope::Scope;
use crate::source::{FileSource, Sources};
use crate::suggest;
use crate::tree::{Entry, Node, Value};

/// Materials of one source at most: more lots at once nobody keeps beside a cell.
const MATERIALS_MAX: usize = 32;

/// Reads the physics of the twin of `cell`. Ok: the description and its warnings.
pub fn load_plant(
    files: &dyn FileSource,
    path: &str,
    cell: &Cell,
    sources: &mut Sources,
) -> Result<(PlantDescription, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut sink = Sink::new();
    let plant = parse(files, path, sources, &mut sink).and_then(|(root, _)| {
        let scope = Scope::empty();
        plant(&mut Decoder { sink: &mut sink, scope: &scope }, &root, cell)
    });
    let failed = sink.errors() > 0;
    match plant {
        Some(plant) if !failed => Ok((plant, sink.finish())),
        _ => Err(sink.finish()),
    }
}

/// Every field is read before the first missing one ends it, so that all mistakes are told.
fn plant(d: &mut Decoder<'_>, root: &Node, cell: &Cell) -> Option<PlantDescription> {
    let mut f = d.fields(root)?;
    schema(d, &mut f, "plant");
    f.req("cell", d, |d, n| of_this_cell(d, n, cell));
    let axes = f.req("axes", d, |d, n| axes(d, n, cell));
    let analogs = f.req("sensors", d, |d, n| sensors(d, n, cell));
    let ambient = f.req("ambient", d, |d, n| d.quantity(n, Dimension::Temperature));
    // What belongs to devices that the cell does not have may be left out.
    let measures = |dimension| cell.analogs.iter().any(|a| a.dimension == dimension);
    let looks = !cell.cameras.is_empty() || !cell.scanners.is_empty();
    // How a part falls out of a gripper is how it falls past the sensor of a bin.
    let falls = cell.trays.iter().any(|t| t.bin.is_some_and(|b| b.drop.is_some()));
    let grippers = part(d, &mut f, "grippers", falls || !cell.robots.is_empty(), grippers);
    let press = part(d, &mut f, "press", measures(Dimension::Force), |d, n| processes::press(d, n, cell));
    let thread = part(d, &mut f, "thread", measures(Dimension::Torque), |d, n| processes::thread(d, n, cell));
    let leak = part(d, &mut f, "leak", !cell.leak_testers.is_empty(), processes::leak);
    let tip = part(d, &mut f, "tip", looks, processes::tip);
    let labels = part(d, &mut f, "labels", !cell.printers.is_empty(), processes::labels);
    let defects = f.req("defects", d, defects);
    let material = f.req("material", d, |d, n| material(d, n, cell));
    let inputs = f.req("inputs", d, |d, n| inputs(d, n, cell));
    let cameras = f.req("cameras", d, |d, n| cameras(d, n, cell));
    f.finish(d);
    Some(PlantDescription {
        axes: axes?,
        analogs: analogs?,
        grippers: grippers?.unwrap_or_default(),
        press: press?,
        thread: thread?,
        leak: leak?.unwrap_or_default(),
        tip: tip?.unwrap_or_default(),
        labels: labels?.unwrap_or_default(),
        ambient_degc: ambient?,
        defects: defects?,
        material: material?,
        inputs: inputs?,
        cameras: cameras?,
        given: Vec::new(),
    })
}

/// A part of the physics; `needed`: the cell has devices that it belongs to. `Some(None)`: it is not there, and need
/// not be.
fn part<T>(
    d: &mut Decoder<'_>,
    f: &mut Fields<'_>,
    name: &'static str,
    needed: bool,
    read: impl FnOnce(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Option<Option<T>> {
    match f.entry(name) {
        Some(entry) => read(d, &entry.node).map(Some),
        None if needed => {
            f.missing(name, d);
            None
        }
        None => Some(None),
    }
}

fn of_this_cell(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<()> {
    let text = d.identifier(node)?;
    if text.text == cell.id {
        return Some(());
    }
    let message = format!("this is the plant of `{}`, the cell is `{}`", text.text, cell.id);
    d.error_at(Code::OtherCell, &text, message, "give the plant file of this cell");
    None
}

/// Place of a name in a list of the cell; says what is near it if there is none.
fn find<'n>(
    d: &mut Decoder<'_>,
    (name, span): (&'n str, crate::source::Span),
    code: Code,
    what: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Option<u16> {
    if let Some(i) = names.clone().position(|n| n == name) {
        return u16::try_from(i).ok();
    }
    if d.sink.is_over() {
        return None;
    }
    let help = suggest::remedy(name, names);
    d.sink.error(code, span, format!("the cell has no {what} `{name}`"), help);
    None
}

fn at_key(entry: &Entry) -> (&str, crate::source::Span) {
    (&entry.key, entry.key_span)
}

/// Names every item of the cell that has no entry.
fn all_given<'n>(d: &mut Decoder<'_>, node: &Node, what: &str, names: impl Iterator<Item = (&'n str, bool)>) {
    for (name, _) in names.filter(|(_, given)| !given) {
        let message = format!("{what} `{name}` of the cell is missing");
        d.sink.error(Code::MissingField, node.span, message, format!("add `{name}: …`"));
    }
}

fn axes(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<AxisPhysics>> {
    let mut found: Vec<Option<AxisPhysics>> = vec![None; cell.axes.len()];
    let mut given = vec![false; cell.axes.len()];
    for entry in d.named(node)? {
        let names = cell.axes.iter().map(|a| a.name.as_str());
        let Some(i) = find(d, at_key(entry), Code::UnknownAxis, "axis", names) else { continue };
        given[usize::from(i)] = true;
        found[usize::from(i)] = axis(d, &entry.node, cell, AxisId(i));
    }
    all_given(d, node, "axis", cell.axes.iter().map(|a| a.name.as_str()).zip(given));
    found.into_iter().collect()
}

fn axis(d: &mut Decoder<'_>, node: &Node, cell: &Cell, id: AxisId) -> Option<AxisPhysics> {
    let axis = &cell.axes[id.index()];
    let length = match axis.kind {
        AxisKind::Linear => Dimension::Length,
        AxisKind::Rotary => Dimension::Angle,
    };
    let mut f = d.fields(node)?;
    let inertia = f.req("inertia", d, |d, n| d.positive(n, Dimension::Inertia));
    let per_revolution = f.req("per_revolution", d, |d, n| d.positive(n, length));
    let coulomb = f.req("coulomb", d, |d, n| not_negative(d, n, Dimension::Torque));
    let viscous = f.req("viscous", d, |d, n| not_negative(d, n, Dimension::Torque));
    let start = f.req("start", d, |d, n| Some((d.quantity(n, length)?, n.span)));
    let stops = f.req("stops", d, |d, n| d.range(n, length));
    let limit_switches = f.opt("limit_switches", d, |d, n| d.range(n, length).map(|r| (r, n.span)));
    let index = f.opt("index", d, |d, n| d.positive(n, length));
    let index_at = f.opt("index_at", d, |d, n| d.quantity(n, length));
    let brake = f.opt("brake", d, |d, n| d.positive(n, Dimension::Torque));
    f.finish(d);
    let ((start_au, at), (lo, hi)) = (start?, stops?);
    if start_au < lo || start_au > hi {
        d.sink.error(
            Code::Travel,
            at,
            format!("{start_au} is beyond a hard stop"),
            "start between the stops",
        );
        return None;
    }
    if let Some(((negative, positive), at)) = limit_switches
        && (negative <= lo || positive >= hi)
    {
        let message = "a limit switch that the axis cannot reach before its hard stop";
        d.sink.error(Code::Travel, at, message, format!("inside {lo} .. {hi}"));
        return None;
    }
    Some(AxisPhysics {
        axis: id,
        inertia_kgm2: inertia?,
        au_per_revolution: per_revolution?,
        coulomb_nm: coulomb?,
        viscous_nm: viscous?,
        viscous_at_au_s: axis.velocity_max,
        start_au,
        stop_lo_au: lo,
        stop_hi_au: hi,
        limit_switches: limit_switches.map(|(range, _)| range),
        index_every_au: index.or(per_revolution)?,
        index_at_au: index_at.unwrap_or(0.0),
        brake_nm: brake.unwrap_or(0.0),
    })
}

fn sensors(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<SensorPhysics>> {
    let mut found: Vec<Option<SensorPhysics>> = vec![None; cell.analogs.len()];
    let mut given = vec![false; cell.analogs.len()];
    for entry in d.named(node)? {
        let names = cell.analogs.iter().map(|a| a.name.as_str());
        let Some(i) = find(d, at_key(entry), Code::UnknownAnalog, "analog channel", names) else { continue };
        given[usize::from(i)] = true;
        let dimension = cell.analogs[usize::from(i)].dimension;
        let Some(mut f) = d.fields(&entry.node) else { continue };
        let noise = f.req("noise", d, |d, n| not_negative(d, n, dimension));
        let offset = f.req("offset", d, |d, n| d.quantity(n, dimension));
        f.finish(d);
        if let (Some(noise), Some(offset)) = (noise, offset) {
            found[usize::from(i)] = Some(SensorPhysics { analog: AnalogId(i), noise, offset });
        }
    }
    all_given(d, node, "analog channel", cell.analogs.iter().map(|a| a.name.as_str()).zip(given));
    found.into_iter().collect()
}

fn not_negative(d: &mut Decoder<'_>, node: &Node, dimension: Dimension) -> Option<f64> {
    let value = d.quantity(node, dimension)?;
    if value >= 0.0 {
        return Some(value);
    }
    let message = format!("{} below zero makes no sense here", dimension.name());
    d.sink.error(Code::OutOfRange, node.span, message, "write zero or more");
    None
}

/// A share of 1, written in per cent.
fn share(d: &mut Decoder<'_>, node: &Node) -> Option<f64> {
    let value = d.quantity(node, Dimension::Ratio)?;
    if (0.0..=1.0).contains(&value) {
        return Some(value);
    }
    d.sink.error(
        Code::OutOfRange,
        node.span,
        format!("{} % is no share", value * 100.0),
        "between 0 % and 100 %",
    );
    None
}

fn spread(d: &mut Decoder<'_>, node: &Node, dimension: Dimension) -> Option<Spread> {
    let mut f = d.fields(node)?;
    let nominal = f.req("nominal", d, |d, n| d.quantity(n, dimension));
    let sigma = f.req("sigma", d, |d, n| not_negative(d, n, dimension));
    f.finish(d);
    Some(Spread { nominal: nominal?, sigma: sigma? })
}

fn grippers(d: &mut Decoder<'_>, node: &Node) -> Option<GripperPhysics> {
    let mut f = d.fields(node)?;
    let time = f.req("time", d, |d, n| d.duration(n));
    let miss = f.req("miss", d, share);
    let reach = f.req("reach", d, |d, n| d.positive(n, Dimension::Angle));
    let fall = f.req("fall", d, |d, n| d.duration(n));
    let drop_pulse = f.req("drop_pulse", d, |d, n| d.duration(n));
    f.finish(d);
    Some(GripperPhysics { time: time?, miss: miss?, reach_deg: reach?, fall: fall?, drop_pulse: drop_pulse? })
}

fn defects(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<DefectShare>> {
    let mut shares = Vec::new();
    let words = Defect::ALL.map(Defect::as_str);
    for entry in d.named(node)? {
        if d.sink.is_over() {
            break;
        }
        let Some(defect) = Defect::ALL.into_iter().find(|x| x.as_str() == entry.key) else {
            let help = suggest::remedy(&entry.key, words);
            let message = format!("no part has a defect `{}`", entry.key);
            d.sink.error(Code::UnknownWord, entry.key_span, message, help);
            continue;
        };
        if let Some(share) = share(d, &entry.node) {
            shares.push(DefectShare { defect, share });
        }
    }
    for kind in PartKind::ALL {
        let sum: f64 = shares.iter().filter(|s| s.defect.kind() == kind).map(|s| s.share).sum();
        if sum > 1.0 {
            let message =
                format!("the defects of {} add up to {:.0} % of its parts", kind.as_str(), sum * 100.0);
            d.sink.error(
                Code::OutOfRange,
                node.span,
                message,
                "at most 100 %: a part has at most one defect",
            );
        }
    }
    Some(shares)
}

fn material(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<Material>> {
    let mut found: Vec<Material> = Vec::new();
    for entry in d.named(node)? {
        let names = cell.trays.iter().map(|t| t.name.as_str());
        let Some(i) = find(d, at_key(entry), Code::UnknownTray, "tray", names) else { continue };
        let tray = &cell.trays[usize::from(i)];
        if !matches!(tray.kind, TrayKind::Source | TrayKind::Lane) {
            let message = format!("`{}` is no source of parts", tray.name);
            d.sink.error(Code::TrayKind, entry.key_span, message, "material is loaded at sources and lanes");
            continue;
        }
        // One material, or a list: the first lies there, the others can be brought.
        let one = core::slice::from_ref(&entry.node);
        let list = if matches!(entry.node.value, Value::Sequence(_)) { d.list(&entry.node)? } else { one };
        d.capacity(&entry.node, MATERIALS_MAX);
        if list.is_empty() {
            d.sink.error(Code::Empty, entry.node.span, "nothing lies there", "write what is loaded");
        }
        for node in list {
            let Some(m) = loaded(d, node, TrayId(i), tray.part.as_deref()) else { continue };
            if let Some(other) = found.iter().find(|x| (x.kind == m.kind) != (x.source == m.source)) {
                let message = format!(
                    "{} from `{}`, {} from `{}`",
                    other.kind.as_str(),
                    cell.trays[other.source.index()].name,
                    m.kind.as_str(),
                    tray.name
                );
                let help = "each component comes from one source, and a source holds one component";
                d.sink.error(Code::DuplicateId, node.span, message, help);
                continue;
            }
            found.push(m);
        }
    }
    let sources =
        cell.trays.iter().enumerate().filter(|(_, t)| matches!(t.kind, TrayKind::Source | TrayKind::Lane));
    let given = |i: usize| found.iter().any(|m| m.source.index() == i);
    if d.sink.errors() == 0 {
        all_given(d, node, "material of tray", sources.map(|(i, t)| (t.name.as_str(), given(i))));
    }
    Some(found)
}

fn loaded(d: &mut Decoder<'_>, node: &Node, source: TrayId, holds: Option<&str>) -> Option<Material> {
    let mut f = d.fields(node)?;
    let kinds = PartKind::ALL.map(|k| (k.as_str(), k));
    let kind = f.req("component", d, |d, n| d.word(n, &kinds));
    let part = f.req("part", d, |d, n| Some((d.identifier(n)?.text, n.span)));
    let lot = f.req("lot", d, gs1_text);
    let expiry = f.req("expiry", d, date);
    let code = f.opt("code", d, code);
    f.finish(d);
    let (part, at) = part?;
    if let Some(holds) = holds.filter(|h| *h != part) {
        let message = format!("the cell's tray holds `{holds}`, not `{part}`");
        d.sink.error(Code::PartMismatch, at, message, format!("write `{holds}`"));
        return None;
    }
    Some(Material { source, kind: kind?, part, lot: lot?, expiry: expiry?, code })
}

/// Characters and length that AI (10) and (21) permit and that need no quoting here.
pub(crate) fn gs1_text(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    if !text.is_empty() && text.len() <= 20 && text.bytes().all(good) {
        return Some(text);
    }
    let help = "1 to 20 letters, digits, `-`, `_`, `.`, `/`";
    d.sink.error(Code::BadText, node.span, format!("`{text}` cannot be in a GS1 code"), help);
    None
}

fn date(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    let parts: Vec<&str> = text.split('-').collect();
    let number = |s: &str, digits: usize| (s.len() == digits).then(|| s.parse::<u32>().ok()).flatten();
    let good = match parts[..] {
        [y, m, day] => {
            number(y, 4).is_some_and(|y| (2000..2050).contains(&y))
                && number(m, 2).is_some_and(|m| (1..=12).contains(&m))
                && number(day, 2).is_some_and(|d| (1..=31).contains(&d))
        }
        _ => false,
    };
    if good {
        return Some(text);
    }
    d.sink.error(
        Code::BadText,
        node.span,
        format!("`{text}` is no date"),
        "write `YYYY-MM-DD`, 2000 to 2049",
    );
    None
}

fn code(d: &mut Decoder<'_>, node: &Node) -> Option<PartCode> {
    let mut f = d.fields(node)?;
    let gtin = f.req("gtin", d, gtin);
    // Six digits of the number follow in AI (21), which holds twenty.
    let prefix = f.req("serial_prefix", d, |d, n| Some((gs1_text(d, n)?, n.span)));
    f.finish(d);
    let (serial_prefix, at) = prefix?;
    if serial_prefix.len() > 10 {
        d.sink.error(Code::BadText, at, "a prefix of more than 10 characters", "the number needs the rest");
        return None;
    }
    Some(PartCode { gtin: gtin?, serial_prefix })
}

/// Fourteen digits, the last of which is the check digit (GS1 General Specifications, section 7.9).
pub(crate) fn gtin(d: &mut Decoder<'_>, node: &Node) -> Option<String> {
    let text = d.string(node)?;
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != 14 || text.len() != 14 {
        d.sink.error(Code::BadText, node.span, format!("`{text}` is no GTIN"), "write its 14 digits");
        return None;
    }
    let sum: u32 = digits[..13].iter().zip([3, 1].iter().cycle()).map(|(x, w)| x * w).sum();
    let check = (10 - sum % 10) % 10;
    if check != digits[13] {
        let message = format!("the check digit of `{text}` is wrong");
        d.sink.error(Code::BadText, node.span, message, format!("it would be {check}"));
        return None;
    }
    Some(text)
}

fn inputs(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<InputSight>> {
    const SIGHTS: &[(&str, Sight)] = &[
        ("pocket_filled", Sight::PocketFilled),
        ("drop", Sight::Drop),
        ("estop_ok", Sight::EstopOk),
        ("guard_ok", Sight::GuardOk),
        ("air_ok", Sight::AirOk),
        ("released", Sight::Released),
    ];
    let of_cell = sights_of(cell);
    let of_cell = of_cell.iter().map(|(word, sight)| (word.as_str(), *sight));
    let sights: Vec<(&str, Sight)> = SIGHTS.iter().copied().chain(of_cell).collect();
    let mut found = Vec::new();
    for entry in d.named(node)? {
        let names = cell.digital_inputs.iter().map(|i| i.name.as_str());
        let input = find(d, at_key(entry), Code::UnknownSignal, "digital input", names);
        let sees = d.word(&entry.node, &sights);
        if let (Some(i), Some(sees)) = (input, sees) {
            found.push(InputSight { input: InputId(i), sees });
        }
    }
    Some(found)
}

/// What can be seen at the cell's stations, lanes and bins: `press.hub`, `lane_2.ready`, `reject_bin.closed`.
fn sights_of(cell: &Cell) -> Vec<(String, Sight)> {
    let nest = |(s, station): (usize, &cellwright_model::cell::Station)| {
        let sight = move |kind| Sight::Nest(StationId(s as u16), kind);
        PartKind::ALL.map(|kind| (format!("{}.{}", station.name, kind.as_str()), sight(kind)))
    };
    let tray = |(t, tray): (usize, &cellwright_model::cell::Tray)| match tray.kind {
        TrayKind::Lane => Some((format!("{}.ready", tray.name), Sight::LaneReady(TrayId(t as u16)))),
        TrayKind::Reject => Some((format!("{}.closed", tray.name), Sight::BinClosed(TrayId(t as u16)))),
        TrayKind::Source | TrayKind::Good => None,
    };
    let nests = cell.stations.iter().enumerate().flat_map(nest);
    nests.chain(cell.trays.iter().enumerate().filter_map(tray)).collect()
}

fn cameras(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<CameraSight>> {
    let mut found = Vec::new();
    let mut given = vec![false; cell.cameras.len()];
    for entry in d.named(node)? {
        let names = cell.cameras.iter().map(|c| c.name.as_str());
        let Some(i) = find(d, at_key(entry), Code::UnknownCamera, "camera", names) else { continue };
        given[usize::from(i)] = true;
        if let Some(station) = station(d, &entry.node, cell) {
            found.push(CameraSight { camera: cellwright_model::CameraId(i), station });
        }
    }
    all_given(d, node, "camera", cell.cameras.iter().map(|c| c.name.as_str()).zip(given));
    Some(found)
}

fn station(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<StationId> {
    let text = d.identifier(node)?;
    let names = cell.stations.iter().map(|s| s.name.as_str());
    find(d, (&text.text, node.span), Code::UnknownStation, "station", names).map(StationId)
}

/// A spread that must be given.
fn req_spread(
    f: &mut Fields<'_>,
    d: &mut Decoder<'_>,
    name: &'static str,
    dimension: Dimension,
) -> Option<Spread> {
    f.req(name, d, |d, n| spread(d, n, dimension))
}
