//! A twin in another process: its cobots, and the hands of the person at its machine, over one TCP connection.
//!
//! One JSON object a line, both ways; the twin says [`Hello`] first. A line is bounded, a longer one or one
//! that cannot be read ends the connection. A cobot is connected from its first state line on; when the
//! connection ends, what it was asked is answered `not-connected`, and the twin stops it. EtherCAT frames
//! go another way: over the wire.

mod client;
mod server;

use cellwright_model::plant::Material;
use cellwright_model::robot::{RobotCommand, RobotReply, RobotState};
use cellwright_model::{RequestId, RobotId};
use serde::{Deserialize, Serialize};

pub use client::{FarError, FarHands, FarLine, FarTwin};
pub use server::{Acted, FarServer};

/// Bytes of a line, its end included: a greeting with a hundred kinds of material.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes read at once.
const READ_BYTES: usize = 4096;
/// How often rings are looked at: a cobot's own controller needs longer for anything.
const POLL: std::time::Duration = std::time::Duration::from_millis(1);
/// Who takes no bytes for so long is disconnected.
const WRITE_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// What a twin is, told to whoever connects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hello {
    /// Cell by id and hash: both sides must have the same description.
    pub cell: String,
    pub cell_hash: String,
    /// Set in the segment's registers too, by which the wire to it is recognised.
    pub mark: u64,
    /// Ports of its cameras, scanners and printers, on the host of this connection, in the order of the cell.
    pub camera_ports: Vec<u16>,
    pub scanner_ports: Vec<u16>,
    pub printer_ports: Vec<u16>,
    /// What there is for its trays and lanes.
    pub materials: Vec<Material>,
}

/// From the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Asks {
    Request {
        robot: RobotId,
        id: RequestId,
        command: RobotCommand,
    },
    /// Hands at the machine; what they do is the twin's vocabulary.
    Act(serde_json::Value),
}

/// From the twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Says {
    Hello(Hello),
    State {
        robot: RobotId,
        state: RobotState,
    },
    Reply {
        robot: RobotId,
        id: RequestId,
        reply: RobotReply,
    },
    /// A line that it does not take; the last thing that it says.
    Refused(String),
}

/// Appends a message as a line. Messages of this protocol always have a JSON form.
fn put(line: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    match serde_json::to_writer(&mut *out, line) {
        Ok(()) => out.push(b'\n'),
        Err(error) => {
            tracing::error!(%error, "a message without JSON form was left out");
            out.truncate(before);
        }
    }
}

/// Bytes as they come, cut into lines.
#[derive(Debug, Default)]
struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Takes bytes and reads every line that is complete by them. Error: a line that is too long or no message, in
    /// words.
    fn push<T: for<'de> Deserialize<'de>>(&mut self, bytes: &[u8], out: &mut Vec<T>) -> Result<(), String> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.held.extend_from_slice(part);
            if self.held.len() > LINE_BYTES_MAX {
                return Err(format!("a line of more than {LINE_BYTES_MAX} bytes"));
            }
            if self.held.ends_with(b"\n") {
                let line = serde_json::from_slice(&self.held);
                self.held.clear();
                out.push(line.map_err(|e| format!("a line that is no message: {e}"))?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
