//! The picture, from the scene alone. Meaning never by colour only: words, brackets and marks say it too.

use cellwright_model::packml::CellCommand;
use cellwright_model::packml::CellState;
use cellwright_station::{AlarmSeen, QuestionSeen, Snapshot};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::keys::{COMMANDS, modes_change};
use super::panes;
use super::scene::Scene;

/// Smaller than this the panes would lie about what they leave out.
const LEAST: (u16, u16) = (60, 16);

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, scene: &Scene) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("This terminal is too small for the view: {} x {} at least.", LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let Some(snapshot) = &scene.snapshot else {
        frame.render_widget(Paragraph::new("The cell is being brought up ..."), area);
        return;
    };
    let tall = area.height >= 36;
    let asks = asks(scene, snapshot, area.width);
    let table = panes::table_rows(&scene.cell, tall && area.width >= 110);
    let axes = scene.cell.axes.len() as u16 + 3;
    // What is quiet needs no frame.
    let quiet = asks.is_empty();
    let asking = if quiet { 1 } else { (asks.len() as u16 + 2).min(if tall { 16 } else { 7 }) };
    let rows = Layout::vertical([
        Constraint::Length(3),
        Constraint::Max(table),
        Constraint::Max(axes),
        Constraint::Length(asking),
        Constraint::Min(if asking > 5 { 0 } else { LOG_LEAST }),
        Constraint::Length(3),
    ])
    .split(area);
    header(frame, rows[0], scene, snapshot);
    // The curve stands beside units and axes where there is room for both.
    let (left, right) = if area.width >= 110 { (64, area.width - 64) } else { (48, area.width - 48) };
    let columns = [Constraint::Length(left), Constraint::Length(right)];
    let [units, _] = Layout::horizontal(columns).areas(rows[1]);
    let [axes, _] = Layout::horizontal(columns).areas(rows[2]);
    panes::units(frame, units, scene, snapshot);
    panes::axes(frame, axes, snapshot);
    let press = Rect { x: units.right(), width: right, height: rows[1].height + rows[2].height, ..units };
    panes::press(frame, press, scene);
    let asked = match quiet {
        true => Paragraph::new(" no alarms, no questions"),
        false => Paragraph::new(asks).block(titled("alarms and questions")).wrap(Wrap { trim: false }),
    };
    frame.render_widget(asked, rows[3]);
    log(frame, rows[4], scene);
    footer(frame, rows[5], scene, snapshot);
    if let Some(typed) = &scene.typed {
        answer_line(frame, rows[3], typed);
    }
}

/// Lines of the log on the smallest screen.
const LOG_LEAST: u16 = 2;

/// A frame with a title.
pub(crate) fn titled(title: &str) -> Block<'_> {
    Block::bordered().title(format!(" {title} "))
}

fn header(frame: &mut Frame<'_>, area: Rect, scene: &Scene, snapshot: &Snapshot) {
    let [state, rest] = Layout::horizontal([Constraint::Length(31), Constraint::Min(0)]).areas(area);
    let style = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED).fg(colour(snapshot.state));
    let big: String = snapshot.state.name().to_uppercase().chars().flat_map(|c| [c, ' ']).collect();
    let line = |text: &str| Line::styled(format!("{text:^30}"), style);
    let mode = format!("mode {}", snapshot.mode.name());
    frame.render_widget(Paragraph::new(vec![line(big.trim_end()), line(&mode), line(&snapshot.cell)]), state);
    let order = snapshot.order.as_ref().map_or_else(
        || "no order".to_owned(),
        |o| format!("order {}: {} of {} good, {} started", o.id, o.made.good, o.quantity, o.made.started),
    );
    let counts = &snapshot.counts;
    let seconds = |s: Option<f64>| s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
    let takt = format!("takt {} mean {}", seconds(scene.takt.last_s), seconds(scene.takt.mean_s()));
    let us = |ns: u64| ns as f64 / 1e3;
    let (wake, bus) = (&scene.wake, &snapshot.bus);
    let lines = vec![
        Line::from(format!("{order}   {}", if scene.automatic { "automatic operator" } else { &scene.who })),
        Line::from(format!(
            "good {}  ng {}  interrupted {}   {takt}",
            counts.good, counts.ng, counts.interrupted
        )),
        Line::from(format!(
            "wake p50 {:.0} p99 {:.0} max {:.0} us  missed {}  bus {}{}",
            us(wake.p50),
            us(wake.p99),
            us(wake.max),
            bus.missed_cycles,
            if bus.operational { "OP" } else { "DOWN" },
            if snapshot.safety_ok { "" } else { "  SAFETY INPUT OFF" },
        )),
    ];
    frame.render_widget(Paragraph::new(lines), rest);
}

fn colour(state: CellState) -> Color {
    match state {
        CellState::Execute | CellState::Completed | CellState::Idle => Color::Green,
        CellState::Aborting | CellState::Aborted | CellState::Stopping | CellState::Stopped => Color::Red,
        _ => Color::Yellow,
    }
}

/// What wants a person: the question first, then the alarms, the first-out among them first.
fn asks(scene: &Scene, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(cause) = &snapshot.store_fault {
        lines.push(strong(format!("THE RECORD CANNOT BE WRITTEN: {cause}")));
    }
    if let Some(question) = scene.question() {
        lines.extend(question_lines(question, scene.asked, snapshot.questions.len()));
    }
    let mut alarms: Vec<&AlarmSeen> = snapshot.alarms.iter().collect();
    alarms.sort_by_key(|a| !a.first_out);
    for alarm in alarms {
        lines.extend(alarm_lines(alarm, width));
    }
    lines
}

fn question_lines(question: &QuestionSeen, at: usize, of: usize) -> Vec<Line<'static>> {
    let whose = question.serial.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
    let more = if of > 1 { format!("  [{} of {of}, Tab: next]", at + 1) } else { String::new() };
    let mut answers = vec![Span::raw("  ")];
    for (i, answer) in question.answers.iter().enumerate() {
        answers.push(Span::styled(format!("[{}] {answer}", i + 1), Modifier::BOLD));
        answers.push(Span::raw("  "));
    }
    answers.push(Span::raw("or Enter and its text"));
    vec![strong(format!("QUESTION {}{whose}: {}{more}", question.id, question.prompt)), Line::from(answers)]
}

fn alarm_lines(alarm: &AlarmSeen, width: u16) -> Vec<Line<'static>> {
    let first = if alarm.first_out { "FIRST " } else { "" };
    let seen = match (&alarm.acknowledged_by, alarm.acknowledged) {
        (Some(who), _) => format!(" [seen by {who}]"),
        (None, true) => " [seen]".to_owned(),
        (None, false) => " [new, a: acknowledge]".to_owned(),
    };
    let class = format!("{:?}", alarm.class).to_lowercase();
    let head = format!("{first}ALARM {} {class} {}: {}{seen}", alarm.id, alarm.place, alarm.cause);
    let remedy = format!("  remedy: {}", alarm.remedy);
    let style = if alarm.acknowledged { Style::new() } else { Style::new().add_modifier(Modifier::BOLD) };
    let shorten = |text: String| shortened(&text, usize::from(width.saturating_sub(2)) * 2);
    vec![Line::styled(shorten(head), style), Line::from(shorten(remedy))]
}

/// At most so many characters, with a mark where some are missing.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(2)).chain("..".chars()).collect(),
    }
}

fn strong(text: String) -> Line<'static> {
    Line::styled(text, Modifier::BOLD | Modifier::REVERSED)
}

fn log(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    // Where there is room for the frame or for the lines, it is for the lines.
    let framed = area.height > LOG_LEAST;
    let frame_rows = if framed { 2 } else { 0 };
    let rows = usize::from(area.height.saturating_sub(frame_rows));
    let skip = scene.lines.len().saturating_sub(rows);
    let width = usize::from(area.width.saturating_sub(frame_rows));
    let lines: Vec<Line<'_>> =
        scene.lines.iter().skip(skip).map(|l| Line::from(shortened(l, width))).collect();
    let text = Paragraph::new(lines);
    frame.render_widget(if framed { text.block(titled("log")) } else { text }, area);
}

/// Three rows: the commands, those that the state takes in brackets; then the other keys, or what a key came to.
fn footer(frame: &mut Frame<'_>, area: Rect, scene: &Scene, snapshot: &Snapshot) {
    let span = |(key, word, command): &(char, &str, CellCommand)| {
        let takes = snapshot.takes.contains(command);
        let text = if takes { format!("[{key}]{word} ") } else { format!(" {key} {word} ") };
        Span::styled(text, if takes { Modifier::BOLD } else { Modifier::DIM })
    };
    let mut rows: Vec<Line<'_>> =
        COMMANDS.chunks(COMMANDS.len().div_ceil(2)).map(|row| row.iter().map(span).collect()).collect();
    let note = scene.note.as_ref().map(|n| Line::styled(format!(" {n}"), Modifier::REVERSED));
    let mode = if modes_change(snapshot.state) { "[m]mode " } else { " m mode " };
    let others = note.unwrap_or_else(|| {
        Line::from(format!("{mode} [a]acknowledge  [1-9]answer  [q]uit (stops)  {}", snapshot_time(snapshot)))
    });
    rows.push(others);
    frame.render_widget(Paragraph::new(rows), area);
}

fn snapshot_time(snapshot: &Snapshot) -> &str {
    snapshot.time.get(11..19).unwrap_or(&snapshot.time)
}

fn answer_line(frame: &mut Frame<'_>, over: Rect, typed: &str) {
    let area = Rect {
        y: over.bottom().saturating_sub(2),
        height: 1,
        x: over.x + 1,
        width: over.width.saturating_sub(2),
    };
    frame.render_widget(Clear, area);
    let text = format!("answer: {typed}_   (Enter: send, Esc: not)");
    frame.render_widget(Paragraph::new(Line::styled(text, Modifier::REVERSED)), area);
}
