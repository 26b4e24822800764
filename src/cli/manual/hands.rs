//! The screen of `cellwright manual`: keys, renewals, pictures.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cellwright_model::packml::{CellMode, CellState};
use cellwright_station::Snapshot;
use cellwright_station::protocol::{Ask, ByHand};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Hand, picture};
use crate::cli::Failure;
use crate::cli::view::screen::{Screen, key_within};

/// Between two pictures.
const PICTURE: Duration = Duration::from_millis(50);
/// Keys of one motion nearer together than this are one held key: the window of a jog, and some way.
const HELD: Duration = Duration::from_millis(230);
/// Shares of the reduced speed, in percent.
const SPEEDS: [u8; 3] = [10, 30, 100];

/// What stands on the screen.
pub(crate) struct Board {
    pub(crate) seen: Box<Snapshot>,
    pub(crate) chosen: usize,
    pub(crate) speed: usize,
    pub(crate) note: Option<String>,
}

/// Something that can be moved or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Axis(usize),
    Output(usize),
    Robot(usize),
}

impl Board {
    /// Axes, outputs, grippers, in their order on the screen.
    pub(crate) fn things(&self) -> Vec<Thing> {
        let axes = (0..self.seen.axes.len()).map(Thing::Axis);
        let outputs = (0..self.seen.manual.outputs.len()).map(Thing::Output);
        let robots = (0..self.seen.robots.len()).map(Thing::Robot);
        axes.chain(outputs).chain(robots).collect()
    }

    /// Percent of the reduced speed.
    pub(crate) fn speed_percent(&self) -> u8 {
        SPEEDS[self.speed]
    }
}

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Ask(Ask),
    /// The key of a motion: begun, or renewed if it was held.
    Hold(ByHand),
    Quit,
}

/// What the key means on this board.
pub(crate) fn press(board: &mut Board, key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Wish::Quit);
    }
    board.note = None;
    let things = board.things();
    let thing = things.get(board.chosen).copied();
    match (key.code, thing) {
        (KeyCode::Char('q'), _) => Some(Wish::Quit),
        (KeyCode::Up, _) => {
            board.chosen = board.chosen.saturating_sub(1);
            Some(Wish::Ask(Ask::Manual(ByHand::Release)))
        }
        (KeyCode::Down, _) => {
            board.chosen = (board.chosen + 1).min(things.len().saturating_sub(1));
            Some(Wish::Ask(Ask::Manual(ByHand::Release)))
        }
        (KeyCode::Char('v'), _) => {
            board.speed = (board.speed + 1) % SPEEDS.len();
            None
        }
        (KeyCode::Left | KeyCode::Right, Some(Thing::Axis(i))) => {
            let axis = board.seen.axes.get(i)?.name.clone();
            let positive = key.code == KeyCode::Right;
            Some(Wish::Hold(ByHand::Jog { axis, positive, speed_percent: board.speed_percent() }))
        }
        (KeyCode::Enter | KeyCode::Char(' '), Some(Thing::Output(i))) => {
            let output = board.seen.manual.outputs.get(i)?.clone();
            let on = !board.seen.outputs_on.contains(&output);
            Some(Wish::Ask(Ask::Manual(ByHand::Set { output, on })))
        }
        (KeyCode::Left | KeyCode::Right, Some(Thing::Robot(i))) => {
            let robot = board.seen.robots.get(i)?.name.clone();
            Some(Wish::Ask(Ask::Manual(ByHand::Grip { robot, close: key.code == KeyCode::Right })))
        }
        (KeyCode::Char('h'), Some(Thing::Robot(i))) => {
            let robot = board.seen.robots.get(i)?.name.clone();
            Some(Wish::Hold(ByHand::Home { robot }))
        }
        // Anything else ends a motion.
        _ => Some(Wish::Ask(Ask::Manual(ByHand::Release))),
    }
}

/// Until the person quits. The mode is Manual while it lasts.
pub(super) fn work(mut hand: Hand) -> Result<ExitCode, Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "this is no terminal: name what to do, as in `cellwright manual jog press_z + --for 500ms`"
                .to_owned(),
        ));
    }
    let before = hand.look(Ask::Status)?.mode;
    if before != CellMode::Manual {
        hand.request(Ask::Mode(CellMode::Manual))?;
    }
    let seen = hand.look(Ask::Status)?;
    let mut board = Board { seen, chosen: 0, speed: SPEEDS.len() - 1, note: None };
    let mut screen = Screen::enter()?;
    let ended = keys(&mut hand, &mut board, &mut screen);
    drop(screen);
    ended?;
    hand.request(Ask::Manual(ByHand::Release))?;
    if before != CellMode::Manual {
        hand.request(Ask::Mode(before))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn keys(hand: &mut Hand, board: &mut Board, screen: &mut Screen) -> Result<(), Failure> {
    let mut held: Option<(ByHand, Instant)> = None;
    loop {
        let shown = &*board;
        screen.terminal.draw(|frame| picture::draw(frame, shown))?;
        let due = Instant::now() + PICTURE;
        let mut wait = PICTURE;
        while key_within(wait)? {
            let now = Instant::now();
            let wish = match event::read()? {
                Event::Key(key) => press(board, key),
                // It may have been another size in between, and have cut off what stood there.
                Event::Resize(..) => {
                    screen.terminal.clear()?;
                    None
                }
                _ => None,
            };
            match wish {
                None => {}
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Ask(ask)) => {
                    held = None;
                    tell(board, hand.request(ask))?;
                }
                Some(Wish::Hold(key)) => {
                    let renews = held
                        .as_ref()
                        .is_some_and(|(same, at)| *same == key && now.duration_since(*at) < HELD);
                    match renews {
                        true => drop(hand.look(Ask::Manual(ByHand::Renew))?),
                        false => tell(board, hand.request(Ask::Manual(key.clone())))?,
                    }
                    held = Some((key, now));
                }
            }
            wait = due.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
        }
        board.seen = hand.look(Ask::Status)?;
        if board.seen.state != CellState::Stopped && board.note.is_none() {
            let state = board.seen.state.name();
            board.note = Some(format!(
                "the cell is in {state}: by hand only in Stopped (c clears an abort in the view)"
            ));
        }
    }
}

/// A refusal stands on the screen; everything else that went wrong ends it.
fn tell(board: &mut Board, result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(Failure::Failed(why)) => {
            board.note = Some(why);
            Ok(())
        }
        other => other,
    }
}
