//! The panel: what its lamps and its buzzer show, and what its buttons ask for.
//!
//! Lamps: by state, as the cell file or [`usual`] has it; amber blinks while a person is asked, red while an
//! alarm of class abort is not acknowledged. The buzzer sounds until every alarm but warnings is acknowledged.
//!
//! *Press*: an input that was seen off and is on, each for [`DEBOUNCE`] without a stale cycle between. A button
//! that is held at power-up, through stale inputs, or for ever asks for nothing until it was seen released.

use cellwright_model::cell::{Button, ButtonAct, Cell, Light, Lights};
use cellwright_model::event::AlarmClass;
use cellwright_model::expr::SignalView;
use cellwright_model::job::RtOp;
use cellwright_model::packml::CellState;
use cellwright_model::{DurationNs, InputId, OutputId, TimeNs};

use crate::api::Source;
use crate::cell_chart::{self, Trigger};
use crate::core::Core;
use crate::ledger::Cx;

/// A contact is still when it has been for so long: they bounce for some milliseconds.
const DEBOUNCE: DurationNs = DurationNs::from_millis(20);
/// Half of a blinking period: 2 Hz (IEC 60073: normal flashing is 1.4 Hz to 2.8 Hz).
const BLINK: DurationNs = DurationNs::from_millis(250);
/// Lamps that the cycle does not show so many cycles after they were sent are sent again: an abort took them.
const SHOWN_WITHIN_CYCLES: u64 = 20;

/// What the panel was told, and how its buttons stand.
#[derive(Debug)]
pub(crate) struct PanelState {
    sent: Option<Sent>,
    /// In the order of the cell's buttons.
    contacts: Vec<Contact>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    value: u64,
    cycle: u64,
}

/// One button's input over time.
#[derive(Debug, Clone, Copy, Default)]
struct Contact {
    /// The level last seen, and since when without a break.
    seen: Option<(bool, TimeNs)>,
    /// It was seen released: its next press counts.
    armed: bool,
}

impl Contact {
    /// `level`: `None` while inputs are stale. `true`: it has been pressed.
    fn look(&mut self, now: TimeNs, level: Option<bool>) -> bool {
        let Some(level) = level else {
            *self = Contact::default();
            return false;
        };
        let since = match self.seen {
            Some((before, since)) if before == level => since,
            _ => now,
        };
        self.seen = Some((level, since));
        if now.since(since) < DEBOUNCE {
            return false;
        }
        let pressed = level && self.armed;
        self.armed = !level;
        pressed
    }
}

impl PanelState {
    pub(crate) fn new(cell: &Cell) -> PanelState {
        PanelState { sent: None, contacts: vec![Contact::default(); cell.panel.buttons.len()] }
    }

    /// Buttons that have just been pressed, by their place.
    fn pressed(&mut self, cx: &Cx<'_>) -> Vec<usize> {
        let fresh = cx.machine.fresh();
        let level = |input: InputId| fresh.then(|| cx.machine.input(input));
        let looked = self.contacts.iter_mut().zip(&cx.cell.panel.buttons).enumerate();
        looked.filter_map(|(i, (contact, b))| contact.look(cx.now, level(b.input)).then_some(i)).collect()
    }
}

impl Core {
    /// Does what pressed buttons ask for.
    pub(crate) fn press_buttons(&mut self, cx: &mut Cx<'_>) {
        if cx.cell.panel.buttons.is_empty() {
            return;
        }
        for i in self.panel.pressed(cx) {
            if let Some(button) = cx.cell.panel.buttons.get(i) {
                self.press(cx, button);
            }
        }
    }

    fn press(&mut self, cx: &mut Cx<'_>, button: &Button) {
        let input = cx.cell.digital_inputs.get(button.input.index()).map_or("?", |i| i.name.as_str());
        let by = Source::new("panel", format!("panel {input}"));
        let possible = button.acts.iter().find(|act| self.can(**act)).or(button.acts.last());
        match possible {
            Some(ButtonAct::Command(command)) => self.command(cx, *command, &by),
            Some(ButtonAct::Mode(mode)) => self.change_mode(cx, *mode, &by),
            Some(ButtonAct::Acknowledge) => self.acknowledge_all(cx, &by),
            None => {}
        }
    }

    fn can(&self, act: ButtonAct) -> bool {
        match act {
            ButtonAct::Command(command) => {
                cell_chart::next(self.state(), Trigger::Command(command)).is_some()
            }
            ButtonAct::Mode(mode) => self.mode != mode,
            ButtonAct::Acknowledge => !self.alarms.unacknowledged().is_empty(),
        }
    }

    /// Sends the lamps' and the buzzer's outputs when they have to change, or when the cycle has lost them.
    pub(crate) fn show_panel(&mut self, cx: &mut Cx<'_>) {
        let panel = &cx.cell.panel;
        let mask = panel.outputs().fold(0, |word, o| word | bit(o));
        if mask == 0 || !cx.machine.fresh() {
            return;
        }
        let lights = self.lights(cx);
        let on = |light| lit(light, cx.now);
        let buzzer = self.unseen(AlarmClass::RejectPart);
        let rows = [
            (panel.green, on(lights.green)),
            (panel.amber, on(lights.amber)),
            (panel.red, on(lights.red)),
            (panel.buzzer, buzzer),
        ];
        let value =
            rows.iter().filter(|(_, on)| *on).filter_map(|(o, _)| *o).fold(0, |word, o| word | bit(o));
        let cycle = cx.machine.rt.cycle;
        let told = self.panel.sent.is_some_and(|sent| {
            let shown = cx.machine.rt.outputs & mask == value;
            sent.value == value && (shown || cycle.saturating_sub(sent.cycle) < SHOWN_WITHIN_CYCLES)
        });
        if !told {
            self.panel.sent = Some(Sent { value, cycle });
            cx.job_unwatched(RtOp::SetOutputs { mask, value });
        }
    }

    fn lights(&self, cx: &Cx<'_>) -> Lights {
        let state = self.state();
        let own = cx.cell.panel.lights.iter().find(|(of, _)| *of == state).map(|(_, lights)| *lights);
        let mut lights = own.unwrap_or_else(|| usual(state));
        if cx.ledger.questions.values().any(|q| q.answer.is_none()) {
            lights.amber = Light::Blinking;
        }
        if self.unseen(AlarmClass::Abort) {
            lights.red = Light::Blinking;
        }
        lights
    }
}

impl Core {
    /// An alarm of this class or a graver one that nobody has acknowledged.
    fn unseen(&self, least: AlarmClass) -> bool {
        self.alarms.active().iter().any(|a| a.class >= least && a.acknowledged.is_none())
    }
}

fn bit(output: OutputId) -> u64 {
    1u64.checked_shl(u32::from(output.0)).unwrap_or(0)
}

/// All blinking lamps are in step: they are on in the first half of each period of the clock.
fn lit(light: Light, now: TimeNs) -> bool {
    match light {
        Light::Dark => false,
        Light::Steady => true,
        Light::Blinking => (now.0 / BLINK.0).is_multiple_of(2),
    }
}

/// Lights of a state for which the cell file says nothing. Green: it works by itself; amber: it waits for a
/// person or for material; red: it is stopped.
pub(crate) fn usual(state: CellState) -> Lights {
    let (green, amber, red) = match state {
        CellState::Execute
        | CellState::Starting
        | CellState::Completing
        | CellState::Unholding
        | CellState::Unsuspending => (true, false, false),
        CellState::Suspending | CellState::Suspended | CellState::Resetting => (true, true, false),
        CellState::Idle | CellState::Holding | CellState::Held | CellState::Completed => (false, true, false),
        CellState::Stopping
        | CellState::Stopped
        | CellState::Aborting
        | CellState::Aborted
        | CellState::Clearing => (false, false, true),
    };
    let light = |on| if on { Light::Steady } else { Light::Dark };
    Lights { green: light(green), amber: light(amber), red: light(red) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    /// How often levels of so many ms each come out as presses, looked at every millisecond.
    fn presses(levels: &[(Option<bool>, u64)]) -> usize {
        let (mut contact, mut now, mut count) = (Contact::default(), 0, 0);
        for (level, ms) in levels {
            for _ in 0..*ms {
                count += usize::from(contact.look(TimeNs(now * 1_000_000), *level));
                now += 1;
            }
        }
        count
    }

    #[test]
    fn a_press_counts_once_however_it_bounces_and_however_long_it_lasts() {
        assert_eq!(presses(&[(OFF, 30), (ON, 30), (OFF, 30), (ON, 5_000)]), 2);
        assert_eq!(presses(&[(OFF, 30), (ON, 3), (OFF, 2), (ON, 4), (OFF, 1), (ON, 100)]), 1);
        assert_eq!(presses(&[(OFF, 30), (ON, 19), (OFF, 30)]), 0, "shorter than a contact bounces");
        assert_eq!(presses(&[(OFF, 30), (ON, 30), (OFF, 10), (ON, 30)]), 1, "not seen released");
    }

    #[test]
    fn held_at_power_up_or_through_stale_inputs_it_asks_for_nothing_until_released() {
        assert_eq!(presses(&[(ON, 1_000)]), 0);
        assert_eq!(presses(&[(ON, 1_000), (OFF, 30), (ON, 30)]), 1);
        assert_eq!(presses(&[(OFF, 30), (None, 1), (ON, 1_000)]), 0, "pressed while nobody could see it");
        assert_eq!(presses(&[(OFF, 30), (ON, 10), (None, 1), (ON, 1_000)]), 0);
    }

    #[test]
    fn blinking_lamps_are_in_step_with_the_clock() {
        let at = |ms: u64| lit(Light::Blinking, TimeNs(ms * 1_000_000));
        assert_eq!([0, 249, 250, 499, 500].map(at), [true, true, false, false, true]);
        assert!(lit(Light::Steady, TimeNs(700_000_000)) && !lit(Light::Dark, TimeNs(0)));
    }
}
