//! What `cellwright manual` shows: axes with position and travel, outputs, cobots, keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Modifier;
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Wrap};

use super::hands::{Board, Thing};

/// Each fits between the borders of a terminal of 80 columns.
const HELP: &[&str] = &[
    "Up/Down: choose   Left/Right: jog - / +, gripper open / close   h: cobot home",
    "Space: output   v: speed   q: leave the mode",
    "No release of a key is seen: what moves rests 250 ms after its last repeat.",
    "No enabling switch, no safety function. Cobots: home only; else by pendant.",
];

/// Draws the board.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board) {
    let seen = &board.seen;
    let head = Line::styled(
        format!(
            "MANUAL {}  {} {}  reduced speed: {} %{}",
            seen.cell,
            seen.state.name(),
            seen.mode.name(),
            board.speed_percent(),
            if seen.safety_ok { "" } else { "  SAFETY INPUT OFF" }
        ),
        Modifier::BOLD,
    );
    let mut lines = Vec::new();
    for (n, thing) in board.things().into_iter().enumerate() {
        let mark = if n == board.chosen { ">" } else { " " };
        let style = if n == board.chosen { Modifier::REVERSED } else { Modifier::empty() };
        lines.push(Line::styled(format!("{mark} {}", row(board, thing)), style));
    }
    let foot = HELP.len() as u16 + 2;
    let rows = [Constraint::Length(1), Constraint::Min(3), Constraint::Length(2), Constraint::Length(foot)];
    let [top, above, said, below] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(head), top);
    // What is chosen is seen, however much there is.
    let beyond = (board.chosen + 1).saturating_sub(usize::from(above.height));
    let scroll = (u16::try_from(beyond).unwrap_or(u16::MAX), 0);
    frame.render_widget(Paragraph::new(lines).scroll(scroll), above);
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
            let homing = seen.manual.homing.as_ref().filter(|h| h.robot == r.name);
            let who = homing.map(|h| format!("  moved by {}", h.who)).unwrap_or_default();
            let at = match (r.moving, r.home) {
                (true, _) => "moves",
                (false, true) => "at home",
                (false, false) => "not at home",
            };
            let holds = if r.holding { "holds a part" } else { "empty" };
            format!("cobot   {:<10} {at:<12} gripper {holds}{who}", r.name)
        }),
    }
}
