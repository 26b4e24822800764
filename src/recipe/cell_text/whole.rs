//! What a cell says as a whole: entries that are right one by one and cannot be meant together. Who reads one part
//! does not see the others, so this looks at the text once more when all of them are read.

use std::collections::{BTreeMap, BTreeSet};

use cellwright_model::cell::Cell;
use cellwright_model::{AxisId, OutputId};

use crate::code::Code;
use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Span;
use crate::suggest;
use crate::tree::{Entry, Node};

pub(super) fn check(d: &mut Decoder<'_>, root: &Node, cell: &Cell) {
    let f = |name: &str| root.field(name);
    inputs(d, root, cell);
    outputs(d, root, cell);
    axes(d, root, cell);
    stations_apart(d, root);
    trays_apart(d, root, cell);
    poses(d, root);
    one_device_each(d, root);
    equipment(d, root);
    robots_home(d, f("sequences"), cell);
    lights(d, f("panel"));
}

fn warn(
    d: &mut Decoder<'_>,
    code: Code,
    span: Span,
    message: String,
    help: &str,
    first: Option<(Span, String)>,
) {
    d.sink.push(Diagnostic {
        code,
        severity: Severity::Warning,
        span,
        message,
        help: help.into(),
        labels: first.into_iter().collect(),
    });
}

/// What a signal is for, where that stands, and in words.
struct Use<R> {
    role: R,
    span: Span,
    what: String,
}

/// How two uses of one signal are taken that are not meant together as a rule, and what is done about it.
type Apart = (Severity, &'static str);

/// The uses of each signal; the later one of two that cannot be meant together is refused.
struct Uses<I, R> {
    all: BTreeMap<I, Vec<Use<R>>>,
    apart: fn(&R, &R) -> Option<Apart>,
}

impl<I: Ord, R> Uses<I, R> {
    fn new(apart: fn(&R, &R) -> Option<Apart>) -> Uses<I, R> {
        Uses { all: BTreeMap::new(), apart }
    }

    fn add(&mut self, d: &mut Decoder<'_>, signal: Option<I>, name: &str, role: R, span: Span, what: String) {
        let Some(signal) = signal else { return };
        let uses = self.all.entry(signal).or_default();
        let apart = uses.iter().filter_map(|u| Some((u, (self.apart)(&u.role, &role)?)));
        // What is refused says more than what is warned about.
        if let Some((first, (severity, help))) = apart.min_by_key(|(_, (s, _))| *s != Severity::Error) {
            let message = format!("`{name}` is {what} here, and {} elsewhere", first.what);
            let labels = vec![(first.span, first.what.clone())];
            let (code, help) = (Code::TwoPurposes, help.to_owned());
            d.sink.push(Diagnostic { code, severity, span, message, help, labels });
        }
        uses.push(Use { role, span, what });
    }
}

/// What an input is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen<'n> {
    Safety,
    Button,
    /// Parts in the nest at a station.
    Presence(&'n str),
    /// A unit that falls into a bin.
    Drop,
    /// The bin's lock.
    Locked,
}

/// A cover that is closed may be one of the guards, or lock two bins; everything else is a proof of its own. What is
/// listed twice in one list is refused there.
fn seen_apart(a: &Seen<'_>, b: &Seen<'_>) -> Option<Apart> {
    use Seen::{Button, Drop, Locked, Presence, Safety};
    match (a, b) {
        (Safety | Locked, Safety | Locked) => None,
        // Said of the button.
        (Safety, Button) | (Button, Safety) | (Button, Button) => None,
        (Presence(a), Presence(b)) if a == b => None,
        (Drop, Drop) => Some((
            Severity::Warning,
            "right if one sensor is below both: it does not tell into which bin a unit fell",
        )),
        _ => Some((Severity::Error, "give each an input of its own: one signal proves one thing")),
    }
}

fn inputs(d: &mut Decoder<'_>, root: &Node, cell: &Cell) {
    let mut uses = Uses::new(seen_apart);
    for node in root.field("safety").map_or(&[][..], Node::items) {
        let name = node.word().unwrap_or_default();
        uses.add(d, cell.input(name), name, Seen::Safety, node.span, "a safety input".into());
    }
    for station in root.entries_of("stations") {
        for node in station.node.field("presence").map_or(&[][..], Node::items) {
            let short = node.word().unwrap_or_default();
            let own = cell.input(&format!("{}.{short}", station.key));
            let what = format!("a sensor of the nest at `{}`", station.key);
            if own.is_none() && refuse_of_other(d, node, &station.key, short, cell) {
                continue;
            }
            let signal = own.or_else(|| cell.input(short));
            uses.add(d, signal, short, Seen::Presence(&station.key), node.span, what);
        }
    }
    for tray in root.entries_of("trays") {
        for (field, role, what) in
            [("drop", Seen::Drop, "what falls into"), ("locked", Seen::Locked, "the lock of")]
        {
            if let Some(node) = tray.node.field(field) {
                let name = node.word().unwrap_or_default();
                uses.add(d, cell.input(name), name, role, node.span, format!("{what} `{}`", tray.key));
            }
        }
    }
    for button in root.field("panel").map_or(&[][..], |p| p.entries_of("buttons")) {
        let input = cell.input(&button.key);
        uses.add(d, input, &button.key, Seen::Button, button.key_span, "a button of the panel".into());
    }
}

/// `load.nest_hub_present` among the sensors of another station; whether it was.
fn refuse_of_other(d: &mut Decoder<'_>, node: &Node, station: &str, name: &str, cell: &Cell) -> bool {
    let there = name.split_once('.').filter(|(s, _)| cell.station(s).is_some() && *s != station);
    let Some((there, short)) = there.filter(|_| cell.input(name).is_some()) else { return false };
    let message = format!("`{name}` looks at the nest at `{there}`, not at `{station}`");
    let help = match cell.input(&format!("{station}.{short}")) {
        Some(_) => format!("write `{short}`"),
        None => format!("name a sensor `{station}.…`"),
    };
    d.sink.error(Code::OtherStation, node.span, message, help);
    true
}

/// What an output is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Driven<'n> {
    Panel,
    Tester { name: &'n str, station: Option<&'n str> },
}

/// Two testers at one station may share what they switch: one unit stands there. Lamps are looked at by `panel`.
fn driven_apart(a: &Driven<'_>, b: &Driven<'_>) -> Option<Apart> {
    match (a, b) {
        (Driven::Panel, Driven::Panel) => None,
        (Driven::Tester { name: a, station: at }, Driven::Tester { name: b, station: there })
            if a != b && at == there =>
        {
            None
        }
        _ => Some((
            Severity::Error,
            "give each an output of its own: whoever switches it switches the other thing, too",
        )),
    }
}

/// One sensor may measure at two stations, if valves connect it to one of them at a time.
fn measured_apart(a: &Driven<'_>, b: &Driven<'_>) -> Option<Apart> {
    let help = "right if valves connect it to one of them at a time; else it measures the other's unit, too";
    driven_apart(a, b).map(|_| (Severity::Warning, help))
}

fn outputs(d: &mut Decoder<'_>, root: &Node, cell: &Cell) {
    let mut uses: Uses<OutputId, Driven<'_>> = Uses::new(driven_apart);
    let mut channels = Uses::new(measured_apart);
    for tester in root.entries_of("leak_testers") {
        let station = tester.node.field("station").and_then(Node::word);
        let role = Driven::Tester { name: &tester.key, station };
        for field in ["fill", "vent_closed", "clamp"] {
            if let Some(node) = tester.node.field(field) {
                let name = node.word().unwrap_or_default();
                let what = format!("`{field}` of tester `{}`", tester.key);
                uses.add(d, cell.output(name), name, role, node.span, what);
            }
        }
        if let Some(node) = tester.node.field("pressure") {
            let name = node.word().unwrap_or_default();
            let what = format!("the pressure of tester `{}`", tester.key);
            channels.add(d, cell.analog(name), name, role, node.span, what);
        }
    }
    for (field, what) in
        [("green", "a lamp"), ("amber", "a lamp"), ("red", "a lamp"), ("buzzer", "the buzzer")]
    {
        if let Some(node) = root.field("panel").and_then(|p| p.field(field)) {
            let name = node.word().unwrap_or_default();
            uses.add(d, cell.output(name), name, Driven::Panel, node.span, format!("{what} of the panel"));
        }
    }
}

/// The table turns by itself, and waits for what reaches into it.
fn axes(d: &mut Decoder<'_>, root: &Node, cell: &Cell) {
    let Some(table) = root.field("table") else { return };
    let own = table.field("axis").and_then(Node::word);
    let clear = table.field("clear_when");
    let mut waited: Vec<&Node> = Vec::new();
    for node in clear.map_or(&[][..], Node::items).iter().filter_map(|n| n.field("axis")) {
        // A name that could not be read is that of no axis.
        let Some(name) = node.word() else { continue };
        if Some(name) == own {
            let help = "name axes that reach into the table; take this one out";
            d.sink.error(Code::TwoPurposes, node.span, "the table would wait for itself", help);
        }
        if let Some(first) = waited.iter().find(|n| n.word() == Some(name)) {
            let labels = vec![(first.span, "first named here".to_owned())];
            let message = format!("the table waits for `{name}` twice");
            d.sink.error_with(Code::DuplicateId, node.span, message, "give one range for each axis", labels);
        }
        waited.push(node);
    }
    let is_own = |n: &&Node| n.word() == own && own.is_some();
    let of_stations =
        root.entries_of("stations").iter().flat_map(|s| s.node.field("axes").map_or(&[][..], Node::items));
    let feeders = root.entries_of("trays").iter().filter_map(|t| t.node.field("feeder")?.field("axis"));
    for node in of_stations.chain(feeders).filter(is_own) {
        let message = format!("`{}` turns the table: no step may move it", node.word().unwrap_or_default());
        d.sink.error(Code::TwoPurposes, node.span, message, "name an axis of this place");
    }
    if let Some(clear) = clear {
        reaches_in(d, root, clear, &waited, cell);
    }
}

/// An axis that moves along a line at a station and may be left in the way of the table.
fn reaches_in(d: &mut Decoder<'_>, root: &Node, clear: &Node, waited: &[&Node], cell: &Cell) {
    for station in root.entries_of("stations") {
        for node in station.node.field("axes").map_or(&[][..], Node::items) {
            let name = node.word().unwrap_or_default();
            let Some(axis) = cell.axis(name).map(|AxisId(n)| &cell.axes[usize::from(n)]) else { continue };
            let linear = axis.kind == cellwright_model::cell::AxisKind::Linear;
            if linear && !waited.iter().any(|n| n.word() == Some(name)) {
                let message = format!(
                    "the table does not wait for `{name}`, which moves in and out at `{}`",
                    station.key
                );
                let help =
                    "name it with the range in which it is out of the way; its whole travel if it always is";
                warn(
                    d,
                    Code::NotCleared,
                    clear.span,
                    message,
                    help,
                    Some((node.span, "at this station".into())),
                );
            }
        }
    }
}

/// Two nests cannot be at one place of the table.
fn stations_apart(d: &mut Decoder<'_>, root: &Node) {
    if root.field("table").is_none() {
        return;
    }
    let angle = |node: &Node| {
        let at = cellwright_model::Quantity::parse(node.word()?).ok()?;
        Some(at.value.rem_euclid(360.0))
    };
    let mut before: Vec<(&Entry, f64)> = Vec::new();
    for station in root.entries_of("stations") {
        let Some((node, at)) = station.node.field("at").and_then(|n| Some((n, angle(n)?))) else { continue };
        let apart = |other: f64| (at - other).abs().min(360.0 - (at - other).abs());
        if let Some((first, _)) = before.iter().find(|(_, other)| apart(*other) < 1e-6) {
            let message = format!("`{}` and `{}` are at one place of the table", station.key, first.key);
            let labels = vec![(first.key_span, "the other station".to_owned())];
            d.sink.error_with(
                Code::SamePlace,
                node.span,
                message,
                "give each station the angle at which it is",
                labels,
            );
        }
        before.push((station, at));
    }
}

/// Pockets have places of their own, within a tray and among trays.
fn trays_apart(d: &mut Decoder<'_>, root: &Node, cell: &Cell) {
    for (i, tray) in cell.trays.iter().enumerate() {
        let Some((reach, entry)) = tray.reach.as_ref().zip(root.entries_of("trays").get(i)) else { continue };
        let node = |field: &str| entry.node.field("reach").and_then(|r| r.field(field));
        for (field, corner, along, of) in [
            ("row_end", reach.row_end, tray.columns, "columns"),
            ("column_end", reach.column_end, tray.rows, "rows"),
        ] {
            if let Some(node) = node(field).filter(|_| along > 1 && corner == reach.first) {
                let message =
                    format!("all {along} {of} of `{}` are at one place: `{field}` is `first`", tray.name);
                d.sink.error(Code::SamePlace, node.span, message, "teach the pocket at the other end");
            }
        }
        let same = |t: &&cellwright_model::cell::Tray| {
            t.reach.as_ref().is_some_and(|r| (r.robot, r.first) == (reach.robot, reach.first))
        };
        if let Some((first, node)) = cell.trays[..i].iter().find(same).zip(node("first")) {
            let message = format!("`{}` begins where `{}` begins", tray.name, first.name);
            d.sink.error(Code::SamePlace, node.span, message, "teach the first pocket of each tray");
        }
    }
}

/// What ends the name of a place above another one.
const ABOVE: &str = ".above";

fn poses(d: &mut Decoder<'_>, root: &Node) {
    for robot in root.entries_of("robots") {
        let poses = robot.node.entries_of("poses");
        let numbers = |e: &Entry| -> Option<Vec<f64>> {
            e.node.items().iter().map(|n| n.word().and_then(|w| w.parse().ok())).collect()
        };
        for above in poses {
            let Some(name) = above.key.strip_suffix(ABOVE) else { continue };
            let Some(pose) = poses.iter().find(|p| p.key == name) else {
                let others = poses.iter().map(|p| p.key.as_str()).filter(|p| !p.ends_with(ABOVE));
                let help = suggest::remedy(name, others);
                let message = format!("`{}` is above a pose `{name}`, which there is not", above.key);
                warn(d, Code::NoPose, above.key_span, message, &help, None);
                continue;
            };
            let same = numbers(above).is_some_and(|own| Some(own) == numbers(pose));
            if !above.node.items().is_empty() && same {
                let message =
                    format!("`{}` is `{name}` itself: the cobot would come in from the side", above.key);
                let first = Some((pose.key_span, "the pose itself".to_owned()));
                warn(d, Code::SamePlace, above.node.span, message, "teach the place above it", first);
            }
        }
    }
}

/// The number or text of a field, as it is compared.
fn same_word<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    node.field(field).and_then(Node::word)
}

/// Each entry is a device of its own: by its serial, its address, its action.
fn one_device_each(d: &mut Decoder<'_>, root: &Node) {
    let number = |node: &Node, field| {
        let word = same_word(node, field)?;
        word.strip_prefix("0x").map_or_else(|| word.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok())
    };
    let mut serials = Once::default();
    for node in root.field("segment").map_or(&[][..], Node::items) {
        // Devices without a number of their own say 0.
        let key = number(node, "serial")
            .filter(|n| *n != 0)
            .zip(number(node, "vendor").zip(number(node, "product")));
        let span = node.field("serial").map(|n| n.span);
        let what = format!("`{}`", same_word(node, "name").unwrap_or_default());
        serials.add(d, key, span, what, "a SubDevice with this serial number", Severity::Error);
    }
    let mut addresses = Once::default();
    for list in ["cameras", "scanners", "printers"] {
        for entry in root.entries_of(list) {
            // Port 0 is nowhere: the twin's own.
            let key = same_word(&entry.node, "address").filter(|a| !a.ends_with(":0"));
            let span = entry.node.field("address").map(|n| n.span);
            addresses.add(
                d,
                key,
                span,
                format!("`{}`", entry.key),
                "a device at this address",
                Severity::Error,
            );
        }
    }
    let mut serials = Once::default();
    for entry in root.entries_of("equipment") {
        let key = same_word(&entry.node, "serial");
        let span = entry.node.field("serial").map(|n| n.span);
        let what = "equipment with this serial number";
        serials.add(d, key, span, format!("`{}`", entry.key), what, Severity::Warning);
    }
    let mut joints = Once::default();
    for entry in root.entries_of("robots") {
        let Some(ros2) = entry.node.field("ros2") else { continue };
        let first = ros2.field("joints").and_then(|n| n.items().first()).and_then(Node::word);
        let action = same_word(ros2, "action");
        let namespace = same_word(ros2, "namespace").filter(|_| !action.is_some_and(|a| a.starts_with('/')));
        let key = Some((namespace, action, first));
        let what = "a robot with these joints and this action";
        joints.add(d, key, Some(ros2.span), format!("`{}`", entry.key), what, Severity::Error);
    }
}

/// Things that there are once, by what tells them apart.
struct Once<K>(BTreeMap<K, (Span, String)>);

impl<K> Default for Once<K> {
    fn default() -> Once<K> {
        Once(BTreeMap::new())
    }
}

impl<K: Ord> Once<K> {
    fn add(
        &mut self,
        d: &mut Decoder<'_>,
        key: Option<K>,
        span: Option<Span>,
        name: String,
        what: &str,
        severity: Severity,
    ) {
        let (Some(key), Some(span)) = (key, span) else { return };
        if let Some((first, other)) = self.0.get(&key) {
            let labels = vec![(*first, format!("{other} here"))];
            let message = format!("{other} is {what} already, as {name} is");
            let help = "each entry is a device of its own: correct one of the two".to_owned();
            d.sink.push(Diagnostic { code: Code::DuplicateId, severity, span, message, help, labels });
            return;
        }
        self.0.insert(key, (span, name));
    }
}

/// Equipment whose calibration is watched for nothing.
fn equipment(d: &mut Decoder<'_>, root: &Node) {
    let lists =
        [root.field("signals").map_or(&[][..], |s| s.entries_of("analogs")), root.entries_of("cameras")];
    let used: BTreeSet<&str> =
        lists.into_iter().flatten().filter_map(|e| same_word(&e.node, "equipment")).collect();
    let listed = root.entries_of("equipment");
    if used.iter().any(|name| !listed.iter().any(|e| e.key == *name)) {
        // One of them is meant by a name that was refused.
        return;
    }
    for entry in listed.iter().filter(|e| !used.contains(e.key.as_str())) {
        let message = format!("no channel and no camera is `{}`", entry.key);
        let help = "say `equipment:` where it measures, so that records name it and its calibration counts; or take it out";
        warn(d, Code::UnusedEquipment, entry.key_span, message, help, None);
    }
}

/// A cobot that Resetting leaves where it is.
fn robots_home(d: &mut Decoder<'_>, sequences: Option<&Node>, cell: &Cell) {
    let Some(node) = sequences.and_then(|s| s.field("robots_home")) else { return };
    let named: Vec<_> = node.items().iter().filter_map(Node::word).collect();
    let left: Vec<_> = cell.robots.iter().filter(|r| !named.contains(&r.name.as_str())).collect();
    if let Some(robot) = left.first() {
        let message = format!("`{}` is not brought home at Resetting", robot.name);
        let help = "name every cobot, in the order in which they go home";
        warn(d, Code::HomingIncomplete, node.span, message, help, None);
    }
}

/// A lamp that is to show something and has no output.
fn lights(d: &mut Decoder<'_>, panel: Option<&Node>) {
    let Some(panel) = panel else { return };
    for state in panel.entries_of("lights") {
        for lamp in state.node.entries() {
            let known = matches!(lamp.key.as_str(), "green" | "amber" | "red");
            if known && panel.field(&lamp.key).is_none() && lamp.node.word() != Some("dark") {
                let message = format!("there is no {} lamp that could show this", lamp.key);
                let help = format!("say `{}: <output>` in `panel:`", lamp.key);
                d.sink.error(Code::UnknownOutput, lamp.key_span, message, help);
            }
        }
    }
}
