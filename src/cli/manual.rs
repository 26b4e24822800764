//! `cellwright manual`: an axis, a cobot, an output, a gripper by hand, over the control socket of a running cell.
//!
//! *Renewing*: a motion lasts only while its person says so again and again; a client that is gone, or a person
//! who lets go, ends it within a quarter of a second.

mod hands;
mod picture;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cellwright_station::protocol::{Ask, ByHand, Request, Said};
use cellwright_station::{Client, Snapshot};

use super::args::{Direction, ManualArgs, ManualCommand};
use super::ctl::{failure, state};
use super::out::outln;
use super::{Failure, print_json};

/// Between two renewals: several fit into the window of a jog.
const RENEW_EVERY: Duration = Duration::from_millis(80);
/// A whole turn of a joint at a tenth of 60 deg/s: a cobot is at home within this, or does not get there.
const HOME_MAX: Duration = Duration::from_secs(60);
/// An axis at reduced speed rests, and a gripper has answered, within this.
const END_MAX: Duration = Duration::from_secs(15);

pub(crate) fn run(args: ManualArgs) -> Result<ExitCode, Failure> {
    let mut hand =
        Hand { client: Client::connect(&state(args.state)).map_err(failure)?, acting_as: args.acting_as };
    let Some(command) = args.command else { return hands::work(hand) };
    let seen = match command {
        ManualCommand::Jog { axis, direction, lasting, speed } => {
            let positive = direction == Direction::Plus;
            hand.hold(ByHand::Jog { axis, positive, speed_percent: speed }, lasting)?
        }
        ManualCommand::Home { robot } => hand.hold(ByHand::Home { robot }, HOME_MAX)?,
        ManualCommand::Set { output, level } => hand.act(ByHand::Set { output, on: level.is_on() })?,
        ManualCommand::Grip { robot, grip } => hand.act(ByHand::Grip { robot, close: grip.closes() })?,
    };
    let last = seen.manual.last.unwrap_or_else(|| "done".to_owned());
    if args.json {
        print_json(&serde_json::json!({ "last": last, "done": seen.manual.last_done }));
    } else {
        outln!("{last}");
    }
    Ok(if seen.manual.last_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A client with what it may ask.
pub(crate) struct Hand {
    client: Client,
    acting_as: Option<String>,
}

impl Hand {
    fn ask(&mut self, ask: Ask) -> Result<Said, Failure> {
        self.client.ask(&Request::new(self.acting_as.clone(), ask)).map_err(failure)
    }

    /// Asks for something that is accepted or refused. Errors: the refusal in words.
    pub(crate) fn request(&mut self, ask: Ask) -> Result<(), Failure> {
        match self.ask(ask)? {
            Said::Accepted(_) | Said::Status(_) => Ok(()),
            Said::Refused(why) => Err(Failure::Failed(format!("refused: {why}"))),
            Said::Unrecorded(why) => Err(Failure::Failed(format!("the record cannot be written ({why})"))),
            Said::Wrong(why) => Err(Failure::Usage(why)),
        }
    }

    /// Asks for what is answered with what the cell is doing.
    pub(crate) fn look(&mut self, ask: Ask) -> Result<Box<Snapshot>, Failure> {
        match self.ask(ask)? {
            Said::Status(snapshot) => Ok(snapshot),
            Said::Accepted(what) => Err(Failure::Failed(format!("the controller answered `{what}`"))),
            Said::Refused(why) | Said::Unrecorded(why) => Err(Failure::Failed(why)),
            Said::Wrong(why) => Err(Failure::Usage(why)),
        }
    }

    /// Holds the key for so long, or until what it moves has arrived, and waits for rest.
    fn hold(&mut self, key: ByHand, lasting: Duration) -> Result<Box<Snapshot>, Failure> {
        self.request(Ask::Manual(key))?;
        let until = Instant::now() + lasting;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(RENEW_EVERY));
            if !self.look(Ask::Manual(ByHand::Renew))?.manual.moves() {
                break;
            }
        }
        self.request(Ask::Manual(ByHand::Release))?;
        self.ended(|seen| !seen.manual.moves())
    }

    fn act(&mut self, act: ByHand) -> Result<Box<Snapshot>, Failure> {
        self.request(Ask::Manual(act))?;
        self.ended(|seen| seen.manual.acts == 0)
    }

    fn ended(&mut self, ended: impl Fn(&Snapshot) -> bool) -> Result<Box<Snapshot>, Failure> {
        let until = Instant::now() + END_MAX;
        loop {
            let seen = self.look(Ask::Status)?;
            if ended(&seen) {
                return Ok(seen);
            }
            if Instant::now() >= until {
                return Err(Failure::Failed("it has not ended in time: see `cellwright status`".to_owned()));
            }
            std::thread::sleep(RENEW_EVERY);
        }
    }
}
