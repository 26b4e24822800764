//! `panel:`: lamps and buzzer, what the lamps show in which state, what the buttons ask for.

use cellwright_model::cell::{Button, ButtonAct, Cell, Light, Lights, Panel};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{InputId, OutputId};

use crate::code::Code;
use crate::decode::{Decoder, Fields};
use crate::names::output;
use crate::suggest;
use crate::tree::{Entry, Node, Value};

/// Buttons of a panel: more than a hand finds.
const BUTTONS_MAX: usize = 16;
/// Words for what a lamp shows.
const LIGHTS: &[(&str, Light)] =
    &[("dark", Light::Dark), ("steady", Light::Steady), ("blinking", Light::Blinking)];

pub(super) fn panel(d: &mut Decoder<'_>, f: &mut Fields<'_>, cell: &Cell) -> Panel {
    let mut panel = Panel::default();
    let Some(mut p) = f.opt("panel", d, |d, n| d.fields(n)) else { return panel };
    let mut taken: Vec<OutputId> = Vec::new();
    panel.green = p.opt("green", d, |d, n| lamp(d, n, cell, &mut taken));
    panel.amber = p.opt("amber", d, |d, n| lamp(d, n, cell, &mut taken));
    panel.red = p.opt("red", d, |d, n| lamp(d, n, cell, &mut taken));
    panel.buzzer = p.opt("buzzer", d, |d, n| lamp(d, n, cell, &mut taken));
    panel.lights = p.opt("lights", d, lights).unwrap_or_default();
    panel.buttons = p.opt("buttons", d, |d, n| buttons(d, n, cell)).unwrap_or_default();
    p.finish(d);
    panel
}

/// An output that nothing else of the panel has.
fn lamp(d: &mut Decoder<'_>, node: &Node, cell: &Cell, taken: &mut Vec<OutputId>) -> Option<OutputId> {
    let id = output(d, node, cell)?;
    if taken.contains(&id) {
        let help = "give each lamp and the buzzer an output of its own";
        d.sink.error(Code::DuplicateId, node.span, "this output is on the panel twice", help);
        return None;
    }
    taken.push(id);
    Some(id)
}

/// `held: { amber: blinking }`: what is not named is dark.
fn lights(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<(CellState, Lights)>> {
    let states: Vec<(String, CellState)> =
        CellState::ALL.iter().map(|s| (s.name().to_lowercase(), *s)).collect();
    let mut all = Vec::new();
    for entry in d.named(node)? {
        if d.sink.is_over() {
            break;
        }
        let state = states.iter().find(|(word, _)| *word == entry.key);
        if state.is_none() {
            let help = suggest::remedy(&entry.key, states.iter().map(|(word, _)| word.as_str()));
            d.sink.error(
                Code::UnknownWord,
                entry.key_span,
                format!("there is no state `{}`", entry.key),
                help,
            );
        }
        let Some(mut f) = d.fields(&entry.node) else { continue };
        let lights = Lights {
            green: f.opt("green", d, |d, n| d.word(n, LIGHTS)).unwrap_or_default(),
            amber: f.opt("amber", d, |d, n| d.word(n, LIGHTS)).unwrap_or_default(),
            red: f.opt("red", d, |d, n| d.word(n, LIGHTS)).unwrap_or_default(),
        };
        f.finish(d);
        all.extend(state.map(|(_, state)| (*state, lights)));
    }
    Some(all)
}

/// `start_button: start`, or `reset_button: [ack, clear, reset]`: the first that can be done.
fn buttons(d: &mut Decoder<'_>, node: &Node, cell: &Cell) -> Option<Vec<Button>> {
    d.capacity(node, BUTTONS_MAX);
    let mut all = Vec::new();
    for entry in d.named(node)? {
        if d.sink.is_over() {
            break;
        }
        let input = button(d, entry, cell);
        let acts = acts(d, &entry.node);
        all.extend(input.zip(acts).map(|(input, acts)| Button { input, acts }));
    }
    Some(all)
}

/// A button commands, a safety input permits: one signal cannot be both.
fn button(d: &mut Decoder<'_>, entry: &Entry, cell: &Cell) -> Option<InputId> {
    let Some(input) = cell.input(&entry.key) else {
        let names = cell.digital_inputs.iter().map(|i| i.name.as_str());
        let help = suggest::remedy(&entry.key, names);
        let message = format!("there is no input signal `{}`", entry.key);
        d.sink.error(Code::UnknownSignal, entry.key_span, message, help);
        return None;
    };
    if cell.safety.contains(&input) {
        let message = format!("`{}` is a safety input and cannot be a button", entry.key);
        let help =
            "wire the button to an input of its own; what a lost safety input does is not to be chosen";
        d.sink.error(Code::SafetyButton, entry.key_span, message, help);
        return None;
    }
    Some(input)
}

fn acts(d: &mut Decoder<'_>, node: &Node) -> Option<Vec<ButtonAct>> {
    let one = core::slice::from_ref(node);
    let list = if matches!(node.value, Value::Sequence(_)) { d.list(node)? } else { one };
    if list.is_empty() {
        let help = "name a command, `ack`, or `mode production`";
        d.sink.error(Code::Empty, node.span, "this button asks for nothing", help);
        return None;
    }
    let words = words();
    let words: Vec<(&str, ButtonAct)> = words.iter().map(|(word, act)| (word.as_str(), *act)).collect();
    let mut acts = Vec::new();
    for node in list {
        let Some(act) = d.word(node, &words) else { continue };
        if acts.contains(&act) {
            d.sink.error(Code::DuplicateId, node.span, "this act is listed twice", "take one out");
        }
        acts.push(act);
    }
    (!acts.is_empty()).then_some(acts)
}

/// `start`, `ack`, `mode manual`.
fn words() -> Vec<(String, ButtonAct)> {
    let commands = CellCommand::ALL.iter().map(|c| (c.name().to_lowercase(), ButtonAct::Command(*c)));
    let modes =
        CellMode::ALL.iter().map(|m| (format!("mode {}", m.name().to_lowercase()), ButtonAct::Mode(*m)));
    commands.chain(modes).chain([("ack".to_owned(), ButtonAct::Acknowledge)]).collect()
}
