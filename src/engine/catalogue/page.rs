//! The catalogue as a page for people.

use core::fmt::Write;

use cellwright_model::packml::{CellCommand, CellMode, CellState};

use crate::branch::RETRY;

use super::{Act, Entry, TABLE, Way, remedy, rests_in, stopped_first, way_back};

/// `ALARMS.md`: an overview, then a section for each alarm.
pub fn page() -> String {
    let mut out = String::from(HEAD);
    out.push_str("| alarm | class | rank | meaning |\n| --- | --- | --- | --- |\n");
    for e in TABLE {
        let class = e.class.as_str();
        // Writing into a String cannot fail.
        let _ = writeln!(out, "| [{0}](#{0}) | {class} | {1} | {2} |", e.word, e.rank.name(), e.title);
    }
    for e in TABLE {
        section(&mut out, e);
    }
    out
}

const HEAD: &str = "# Alarms

Every alarm that the controller can raise; made from the table in `catalogue/table.rs`, and a test holds it
against that.

An alarm has a class, a cause, a place, a remedy, and the times at which it was raised, acknowledged and cleared.
**First-out** is the one to look at: of several causes seen together the most fundamental (the lower rank), and
what follows from it within moments is counted under it. Each class has its way back to Execute:

| class | what the cell does | way back from Execute | cleared |
| --- | --- | --- | --- |
| warning | goes on; suspends where a part or room is missing | - | when its cause is gone |
| reject-part | the unit takes its reject path | - | with the next Reset |
| hold | holds; where a step asks a person, the others go on | Unhold, or the answer | by Unhold, or the answer |
| stop | stops | Reset, Start | by Reset |
| abort | aborts | Clear, Reset, Start | by Clear |

No alarm is cleared while the controller can see that its cause lasts. The remedy that is shown with an alarm
begins from the state in which the cell comes to rest; below it stands for an alarm that is raised in Execute. A
step asks for `retry` only as long as nothing irreversible has begun; after that for `reject` or `remove-by-hand`.

";

fn section(out: &mut String, e: &Entry) {
    let _ = write!(
        out,
        "\n## {}\n\n**{}.** Class {}. Place: {}.\n\n- Cause: {}\n- Remedy: {}\n\n{}\n",
        e.word,
        e.title,
        e.class.as_str(),
        e.place,
        e.cause,
        remedy(&acts_in_execute(e)),
        e.page
    );
}

/// What is done about it when it is raised in Execute, with nothing in the way.
pub fn acts_in_execute(e: &Entry) -> Vec<Act> {
    let mut acts = vec![Act::RemoveCause(e.first)];
    match e.way {
        Way::Alone => {}
        Way::Answer => acts.push(Act::Answer(RETRY)),
        Way::Restart => acts.push(Act::Restart),
        Way::Commands | Way::StopFirst => {
            let mut rest = rests_in(CellState::Execute, e.class);
            if let Some(stopped) = stopped_first(e.way, rest) {
                acts.push(Act::Command(CellCommand::Stop));
                rest = stopped;
            }
            if matches!(rest, CellState::Stopped | CellState::Aborted) {
                acts.push(Act::TakeOutParts);
            }
            let commands: Vec<CellCommand> = way_back(rest, CellMode::Production);
            acts.extend(commands.into_iter().map(Act::Command));
        }
    }
    acts
}
