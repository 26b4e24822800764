//! What a key means now: commands that the state takes, answers to the question that is shown.

use std::time::{Duration, Instant};

use cellwright_model::packml::{CellCommand, CellMode, CellState};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::scene::{Scene, TYPED_MAX};

/// A question that appeared under a finger on its way down is not answered by it.
const READ_FIRST: Duration = Duration::from_millis(300);

/// Key, word and command of the footer, in its order.
pub(crate) const COMMANDS: &[(char, &str, CellCommand)] = &[
    ('c', "clear", CellCommand::Clear),
    ('r', "reset", CellCommand::Reset),
    ('s', "start", CellCommand::Start),
    ('h', "hold", CellCommand::Hold),
    ('u', "unhold", CellCommand::Unhold),
    ('p', "suspend", CellCommand::Suspend),
    ('n', "unsuspend", CellCommand::Unsuspend),
    ('e', "complete", CellCommand::Complete),
    ('x', "stop", CellCommand::Stop),
    ('A', "abort", CellCommand::Abort),
];

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Command(CellCommand),
    Mode(CellMode),
    AcknowledgeAll,
    Answer {
        question: u32,
        answer: String,
    },
    /// As Ctrl-C on a plain terminal.
    Interrupt,
    Redraw,
}

/// Turns keys into actions; what is typed stands in the scene.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The question on the screen, and since when.
    shown: Option<(u32, Instant)>,
}

impl Keys {
    /// To be called with every picture: a question has to stand there for a moment before a key answers it.
    pub(crate) fn shown(&mut self, scene: &Scene, now: Instant) {
        let id = scene.question().map(|q| q.id);
        if self.shown.map(|(id, _)| id) != id {
            self.shown = id.map(|id| (id, now));
        }
    }

    /// What the key asks for, if anything.
    pub(crate) fn press(&mut self, scene: &mut Scene, key: KeyEvent, now: Instant) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        scene.note = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return control(scene, key.code);
        }
        if scene.typed.is_some() {
            return typing(scene, key.code);
        }
        match key.code {
            KeyCode::Char(c) if c.is_ascii_digit() => self.digit(scene, c, now),
            KeyCode::Char('q') => Some(Action::Interrupt),
            KeyCode::Char('a') => acknowledge(scene),
            KeyCode::Char('m') => mode(scene),
            KeyCode::Char(c) => command(scene, c),
            KeyCode::Enter if scene.question().is_some() => {
                scene.typed = Some(String::new());
                None
            }
            KeyCode::Tab => {
                let open = scene.snapshot.as_ref().map_or(0, |s| s.questions.len());
                scene.asked = if open == 0 { 0 } else { (scene.asked + 1) % open };
                None
            }
            _ => None,
        }
    }

    fn digit(&self, scene: &mut Scene, c: char, now: Instant) -> Option<Action> {
        let question = scene.question()?;
        let read =
            self.shown.is_some_and(|(id, at)| id == question.id && now.duration_since(at) >= READ_FIRST);
        let nth = c.to_digit(10)?.checked_sub(1)? as usize;
        let answer = question.answers.get(nth).cloned();
        match answer {
            Some(answer) if read => Some(Action::Answer { question: question.id, answer }),
            Some(_) => {
                scene.note = Some("the question has just appeared: read it, then press again".to_owned());
                None
            }
            None => {
                scene.note = Some(format!("the question has no answer {c}"));
                None
            }
        }
    }
}

fn control(scene: &mut Scene, code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Char('c') => Some(Action::Interrupt),
        KeyCode::Char('l') => Some(Action::Redraw),
        KeyCode::Char('z') => {
            scene.note = Some("Ctrl-Z would stop the cycle too: use another terminal".to_owned());
            None
        }
        _ => None,
    }
}

fn typing(scene: &mut Scene, code: KeyCode) -> Option<Action> {
    let question = scene.question().map(|q| q.id);
    let typed = scene.typed.as_mut()?;
    match code {
        KeyCode::Char(c) if typed.chars().count() < TYPED_MAX && !c.is_control() => typed.push(c),
        KeyCode::Backspace => drop(typed.pop()),
        KeyCode::Esc => scene.typed = None,
        KeyCode::Enter => {
            let answer = scene.typed.take()?.trim().to_owned();
            if !answer.is_empty() {
                return Some(Action::Answer { question: question?, answer });
            }
        }
        _ => {}
    }
    None
}

fn acknowledge(scene: &mut Scene) -> Option<Action> {
    let open = scene.snapshot.as_ref().is_some_and(|s| s.alarms.iter().any(|a| !a.acknowledged));
    if open {
        return Some(Action::AcknowledgeAll);
    }
    scene.note = Some("no alarm waits for an acknowledgement".to_owned());
    None
}

/// The next mode in turn, where modes change.
fn mode(scene: &mut Scene) -> Option<Action> {
    let snapshot = scene.snapshot.as_ref()?;
    if !modes_change(snapshot.state) {
        scene.note = Some(format!("the mode does not change in {}", snapshot.state.name()));
        return None;
    }
    let at = CellMode::ALL.iter().position(|m| *m == snapshot.mode)?;
    CellMode::ALL.get((at + 1) % CellMode::ALL.len()).copied().map(Action::Mode)
}

/// Modes change in these states only.
pub(crate) fn modes_change(state: CellState) -> bool {
    matches!(state, CellState::Stopped | CellState::Idle | CellState::Aborted)
}

/// A command that the state does not take is not sent; the note says so.
fn command(scene: &mut Scene, c: char) -> Option<Action> {
    let (_, word, command) = COMMANDS.iter().find(|(key, ..)| *key == c)?;
    let snapshot = scene.snapshot.as_ref()?;
    if snapshot.takes.contains(command) {
        return Some(Action::Command(*command));
    }
    scene.note = Some(format!("{word} is not taken in {}", snapshot.state.name()));
    None
}
