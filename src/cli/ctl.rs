//! `cellwright ctl` and `cellwright status`: the other end of a running cell's control socket.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use cellwright_model::packml::CellCommand;
use cellwright_station::protocol::{Ask, Break, Material, Request, Said};
use cellwright_station::{Client, ClientError, Snapshot};
use serde_json::json;

use super::args::{CtlArgs, CtlCommand, MaterialArgs, StatusArgs};
use super::out::outln;
use super::{Failure, default_state, print_json, status_text};

/// `--watch` draws this often.
const WATCH: Duration = Duration::from_secs(1);
/// Clears the screen and goes to its first place (ECMA-48, ED and CUP).
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(crate) fn run(args: CtlArgs) -> Result<ExitCode, Failure> {
    let ask = ask(args.command);
    let said = Client::connect(&state(args.state))
        .and_then(|mut client| client.ask(&Request::new(args.acting_as, ask)))
        .map_err(failure)?;
    if args.json {
        print_json(&match &said {
            Said::Accepted(what) => json!({ "accepted": true, "what": what }),
            Said::Refused(why) => json!({ "accepted": false, "reason": why }),
            Said::Unrecorded(why) => json!({ "accepted": null, "unrecorded": why }),
            Said::Wrong(why) => json!({ "accepted": false, "wrong": why }),
            Said::Status(snapshot) => json!({ "status": snapshot }),
        });
    }
    match said {
        Said::Accepted(what) if !args.json => outln!("accepted: {what}"),
        Said::Accepted(_) | Said::Status(_) => {}
        Said::Refused(why) => return Err(Failure::Failed(format!("refused: {why}"))),
        Said::Unrecorded(why) => {
            return Err(Failure::Failed(format!(
                "the record cannot be written ({why}): what became of it is not told before it is durable; see \
                 `cellwright status`"
            )));
        }
        Said::Wrong(why) => return Err(Failure::Usage(why)),
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(command: CtlCommand) -> Ask {
    match command {
        CtlCommand::Start => Ask::Command(CellCommand::Start),
        CtlCommand::Stop => Ask::Command(CellCommand::Stop),
        CtlCommand::Hold => Ask::Command(CellCommand::Hold),
        CtlCommand::Unhold => Ask::Command(CellCommand::Unhold),
        CtlCommand::Suspend => Ask::Command(CellCommand::Suspend),
        CtlCommand::Unsuspend => Ask::Command(CellCommand::Unsuspend),
        CtlCommand::Abort => Ask::Command(CellCommand::Abort),
        CtlCommand::Clear => Ask::Command(CellCommand::Clear),
        CtlCommand::Reset => Ask::Command(CellCommand::Reset),
        CtlCommand::Complete => Ask::Command(CellCommand::Complete),
        CtlCommand::Break { clear: true, .. } => Ask::Break(Break::Clear),
        CtlCommand::Break { step: true, .. } => Ask::Break(Break::EveryStep),
        CtlCommand::Break { steps, .. } => Ask::Break(Break::Before(steps)),
        CtlCommand::Next => Ask::Next,
        CtlCommand::Mode { mode } => Ask::Mode(mode),
        CtlCommand::Ack { alarm } => Ask::Acknowledge(alarm),
        CtlCommand::Answer { question, answer, reason } => {
            Ask::Answer { question, answer: answer.join(" "), reason }
        }
        CtlCommand::Load { tray, material, next, left } => {
            Ask::Load { tray, material: loaded(material), next, left }
        }
    }
}

/// The command line has seen that it is one of the three.
fn loaded(args: MaterialArgs) -> Material {
    match args {
        MaterialArgs { label: Some(label), .. } => Material::Label(label),
        MaterialArgs { part: Some(part), lot: Some(lot), expiry, quantity, .. } => {
            Material::Typed { part, lot, expiry, quantity }
        }
        _ => Material::Empty,
    }
}

pub(crate) fn status(args: StatusArgs) -> Result<ExitCode, Failure> {
    let state = state(args.state);
    loop {
        // A connection each: a controller that began anew in between is found again.
        let snapshot = look(&state)?;
        if args.watch && !args.json {
            outln!("{CLEAR}{}", status_text::text(&snapshot));
        } else if args.json {
            print_json(&snapshot);
        } else {
            outln!("{}", status_text::text(&snapshot));
        }
        if !args.watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(WATCH);
    }
}

fn look(state: &std::path::Path) -> Result<Box<Snapshot>, Failure> {
    let mut client = Client::connect(state).map_err(failure)?;
    match client.ask(&Request::new(None, Ask::Status)).map_err(failure)? {
        Said::Status(snapshot) => Ok(snapshot),
        Said::Wrong(why) | Said::Refused(why) | Said::Unrecorded(why) => Err(Failure::Failed(why)),
        Said::Accepted(what) => Err(Failure::Failed(format!("the controller answered `{what}` to status"))),
    }
}

/// The state directory that is meant.
pub(crate) fn state(given: Option<PathBuf>) -> PathBuf {
    given.unwrap_or_else(|| default_state("cannula-cell"))
}

/// No controller, or not for this user: wrong use. An answer that did not come: the cell could not do it.
pub(crate) fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::NoController(_) | ClientError::Denied { .. } => Failure::Usage(error.to_string()),
        ClientError::Lost { .. } => Failure::Failed(error.to_string()),
    }
}
