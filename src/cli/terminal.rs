//! Commands of a person at this terminal, a line each, and Ctrl-C.

use cellwright_controller::{Input, Source};
use cellwright_model::RequestId;
use cellwright_model::packml::CellCommand;
use cellwright_station::Asked;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;

use super::out::errln;

/// What can be typed; shown when a line is none of it.
pub(crate) const HELP: &str = "commands: clear reset start hold unhold suspend unsuspend stop abort complete, \
                               ack NUMBER, answer NUMBER TEXT";

/// Reads a typed line. `who` is recorded with it.
pub(crate) fn parse(line: &str, who: &str) -> Result<Input, String> {
    let by = Source::new(who, "terminal");
    let mut words = line.split_whitespace();
    let first = words.next().unwrap_or_default().to_lowercase();
    let number = |word: Option<&str>| {
        word.and_then(|w| w.parse::<u32>().ok()).ok_or_else(|| format!("`{line}` has no number; {HELP}"))
    };
    match first.as_str() {
        "ack" => Ok(Input::Acknowledge { alarm: number(words.next())?, by }),
        "answer" => {
            let id = RequestId(number(words.next())?);
            Ok(Input::Answer { id, answer: words.collect::<Vec<_>>().join(" "), reason: None, by })
        }
        word => CellCommand::ALL
            .iter()
            .find(|c| c.name().eq_ignore_ascii_case(word))
            .map(|command| Input::Command { command: *command, by })
            .ok_or_else(|| format!("`{line}` is no command; {HELP}")),
    }
}

/// Hands over what is entered at the start, then reads lines until standard input ends.
pub(crate) async fn read_lines(who: String, entered: Vec<Input>, to: Sender<Asked>) {
    for input in entered {
        if to.send(Asked::Input(input)).await.is_err() {
            return;
        }
    }
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match parse(&line, &who) {
            Ok(input) => {
                if to.send(Asked::Input(input)).await.is_err() {
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
    use super::*;

    #[test]
    fn lines_are_commands_answers_or_refused_with_the_list() {
        assert!(matches!(parse("Hold", "a"), Ok(Input::Command { command: CellCommand::Hold, .. })));
        assert!(matches!(parse("ack 3", "a"), Ok(Input::Acknowledge { alarm: 3, .. })));
        match parse("answer 7 cannot judge", "anna") {
            Ok(Input::Answer { id: RequestId(7), answer, by, .. }) => {
                assert_eq!((answer.as_str(), by.who.as_str()), ("cannot judge", "anna"));
            }
            other => panic!("{other:?}"),
        }
        assert!(parse("answer x", "a").is_err_and(|e| e.contains("no number")));
        assert!(parse("jump", "a").is_err_and(|e| e.contains("commands:")));
    }
}
