//! Commands of a person at this terminal, a line each, and Ctrl-C.

use std::sync::Arc;

use cellwright_controller::{Input, Source};
use cellwright_model::cell::Cell;
use cellwright_station::Asked;
use cellwright_station::protocol::{self, Ask, Break, Material};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;

use super::out::errln;

/// What can be typed; shown when a line is none of it.
pub(crate) const HELP: &str = "commands: clear reset start hold unhold suspend unsuspend stop abort complete, \
                               mode production|maintenance|manual, ack NUMBER|all, answer NUMBER TEXT, \
                               break STEP...|--step|--clear, next, load TRAY LABEL|PART LOT|empty [FIRST-POCKET]";

/// Reads a typed line.
pub(crate) fn parse(line: &str) -> Result<Ask, String> {
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default().to_lowercase();
    let number = |word: Option<&str>| {
        word.and_then(|w| w.parse::<u32>().ok()).ok_or_else(|| format!("`{line}` has no number; {HELP}"))
    };
    match first.as_str() {
        "ack" => words.next().unwrap_or_default().parse().map(Ask::Acknowledge),
        "answer" => Ok(Ask::Answer {
            question: number(words.next())?,
            answer: words.collect::<Vec<_>>().join(" "),
            reason: None,
        }),
        "break" => match words.collect::<Vec<_>>().as_slice() {
            [] => Err(format!("`{line}` names no step; {HELP}")),
            ["--step"] => Ok(Ask::Break(Break::EveryStep)),
            ["--clear"] => Ok(Ask::Break(Break::Clear)),
            steps => Ok(Ask::Break(Break::Before(steps.iter().map(|s| (*s).to_owned()).collect()))),
        },
        "next" => Ok(Ask::Next),
        "mode" => protocol::mode(words.next().unwrap_or_default()).map(Ask::Mode),
        "load" => {
            let mut text = || words.next().map(str::to_owned).ok_or_else(|| format!("`{line}`: {HELP}"));
            let (tray, first) = (text()?, text()?);
            let material = match first.as_str() {
                "empty" => Material::Empty,
                // As it is printed below the symbol.
                label if label.starts_with('(') => Material::Label(first),
                _ => Material::Typed { part: first, lot: text()?, expiry: None, quantity: None },
            };
            let next = words.next().map(|w| number(Some(w))).transpose()?;
            Ok(Ask::Load { tray, material, next, left: None })
        }
        word => {
            protocol::command(word).map(Ask::Command).map_err(|_| format!("`{line}` is no command; {HELP}"))
        }
    }
}

/// Hands over what is entered at the start.
pub(crate) async fn enter(entered: Vec<Input>, to: &Sender<Asked>) {
    for input in entered {
        if to.send(Asked::Input(input)).await.is_err() {
            return;
        }
    }
}

/// Reads lines until standard input ends. `who` is recorded with each of them.
pub(crate) async fn read_lines(who: String, cell: Arc<Cell>, to: Sender<Asked>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match parse(&line) {
            Ok(ask) => {
                let by = Source::new(who.clone(), "terminal");
                if to.send(Asked::Input(cellwright_station::input(ask, &cell, by))).await.is_err() {
                    return;
                }
            }
            Err(why) => errln!("cellwright: {why}"),
        }
    }
}

/// Ctrl-C and SIGTERM: the first stops with bounded motion, the second aborts.
///
/// # Errors
/// The system refuses a signal handler.
pub(crate) fn on_interrupt(to: Sender<Asked>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if to.send(Asked::Interrupt).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use cellwright_model::packml::{CellCommand, CellMode};
    use cellwright_station::protocol::Which;

    use super::*;

    #[test]
    fn lines_are_commands_answers_or_refused_with_the_list() {
        assert_eq!(parse("Hold"), Ok(Ask::Command(CellCommand::Hold)));
        assert_eq!(parse("ack 3"), Ok(Ask::Acknowledge(Which::One(3))));
        assert_eq!(parse("ack all"), Ok(Ask::Acknowledge(Which::All)));
        assert_eq!(parse("mode maintenance"), Ok(Ask::Mode(CellMode::Maintenance)));
        let steps = Break::Before(vec!["place-cap".into(), "feed/push".into()]);
        assert_eq!(parse("break place-cap feed/push"), Ok(Ask::Break(steps)));
        assert_eq!(parse("break --step"), Ok(Ask::Break(Break::EveryStep)));
        assert_eq!(parse("break --clear"), Ok(Ask::Break(Break::Clear)));
        assert_eq!(parse("next"), Ok(Ask::Next));
        assert!(parse("break").is_err_and(|e| e.contains("names no step")));
        let answer = Ask::Answer { question: 7, answer: "cannot judge".into(), reason: None };
        assert_eq!(parse("answer 7 cannot judge"), Ok(answer));
        let typed =
            || Material::Typed { part: "HUB-23".into(), lot: "L1".into(), expiry: None, quantity: None };
        let load = |material, next| Ok(Ask::Load { tray: "hub_tray".into(), material, next, left: None });
        assert_eq!(parse("load hub_tray HUB-23 L1"), load(typed(), None));
        assert_eq!(parse("load hub_tray HUB-23 L1 0"), load(typed(), Some(0)));
        assert_eq!(parse("load hub_tray empty 0"), load(Material::Empty, Some(0)));
        assert_eq!(parse("load hub_tray (10)L1"), load(Material::Label("(10)L1".into()), None));
        assert!(parse("answer x").is_err_and(|e| e.contains("no number")));
        assert!(parse("ack").is_err_and(|e| e.contains("no alarm's number")));
        assert!(parse("load hub_tray").is_err_and(|e| e.contains("commands:")));
        assert!(parse("mode fast").is_err_and(|e| e.contains("production")));
        assert!(parse("jump").is_err_and(|e| e.contains("commands:")));
    }
}
