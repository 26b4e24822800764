//! What `cellwright manual` shows: axes with position and travel, outputs, grippers, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::hands::{Board, Thing};

const HELP: &[&str] = &[
    "Up/Down: choose   Left/Right: jog - / +, open / close   Space: output   v: speed   q: leave the mode",
    "A terminal does not see a key let go: the axis rests 250 ms after its last repeat. A tap moves it that long.",
    "This is no enabling switch and no safety function; cobots are moved by their pendants.",
];

/// Draws the board.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board) {
    let seen = &board.seen;
    let mut lines = vec![Line::styled(
        format!(
            "MANUAL {}  {} {}  reduced speed: {} %{}",
            seen.cell,
            seen.state.name(),
            seen.mode.name(),
            board.speed_percent(),
            if seen.safety_ok { "" } else { "  SAFETY INPUT OFF" }
        ),
        Modifier::BOLD,
    )];
    for (n, thing) in board.things().into_iter().enumerate() {
        let mark = if n == board.chosen { ">" } else { " " };
        let style = if n == board.chosen { Modifier::REVERSED } else { Modifier::empty() };
        lines.push(Line::styled(format!("{mark} {}", row(board, thing)), style));
    }
    let foot = HELP.len() as u16 + 2;
    let [above, said, below] =
        Layout::vertical([Constraint::Min(4), Constraint::Length(2), Constraint::Length(foot)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(lines), above);
    let note = board.note.as_ref().or(seen.manual.last.as_ref()).map_or("", String::as_str);
    frame.render_widget(Paragraph::new(Line::styled(note, Modifier::BOLD)).wrap(Wrap { trim: true }), said);
    let help: Vec<Line<'_>> = HELP.iter().map(|h| Line::from(*h)).collect();
    frame.render_widget(Paragraph::new(help).wrap(Wrap { trim: true }).block(Block::bordered()), below);
}

fn row(board: &Board, thing: Thing) -> String {
    let seen = &board.seen;
    match thing {
        Thing::Axis(i) => seen.axes.get(i).map_or_else(String::new, |a| {
            let jogged = seen.manual.jog.as_ref().filter(|j| j.axis == a.name);
            let who = jogged.map(|j| format!("  moved by {}", j.who)).unwrap_or_default();
            format!(
                "axis    {:<10} {:>12.3} {}  ({} .. {})  {}{who}",
                a.name,
                a.actual,
                a.unit,
                a.travel[0],
                a.travel[1],
                if a.enabled { "on" } else { "off" }
            )
        }),
        Thing::Output(i) => seen.manual.outputs.get(i).map_or_else(String::new, |o| {
            format!("output  {:<10} {}", o, if seen.outputs_on.contains(o) { "on" } else { "off" })
        }),
        Thing::Robot(i) => seen.robots.get(i).map_or_else(String::new, |r| {
            format!("gripper {:<10} {}", r.name, if r.holding { "holds a part" } else { "empty" })
        }),
    }
}
