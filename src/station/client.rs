//! The other end of the control socket, for programs that command a cell: blocking, one request at a time.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::{SOCKET, reachable};
use crate::protocol::{REPLY_BYTES_MAX, Reply, Request, Said};

/// The controller answers within 3 s, whatever its store does.
const REPLY_MAX: Duration = Duration::from_secs(10);

/// Why a cell could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("no controller runs on {state}: start one with `cellwright run --state {state}`, or name its directory with --state", state = .0.display())]
    NoController(PathBuf),
    #[error("{path}: {cause}; only the socket's owner and group may command the cell", path = .path.display())]
    Denied { path: PathBuf, cause: String },
    /// It was there and answered nothing, or nothing that is an answer.
    #[error("the controller on {state} gave no answer: {cause}; what it took stands in its record", state = .state.display())]
    Lost { state: PathBuf, cause: String },
}

/// A connection to the controller of a state directory.
#[derive(Debug)]
pub struct Client {
    state: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to `<state>/ctl.sock`.
    ///
    /// # Errors
    /// There is no controller, or it is not for this user.
    pub fn connect(state: &Path) -> Result<Client, ClientError> {
        let path = state.join(SOCKET);
        let connected = reachable(&path).and_then(|at| UnixStream::connect(at.as_path()));
        let stream = connected.map_err(|e| match e.kind() {
            ErrorKind::PermissionDenied => ClientError::Denied { path, cause: e.to_string() },
            _ => ClientError::NoController(state.to_owned()),
        })?;
        let client = Client { state: state.to_owned(), stream: BufReader::new(stream) };
        let bound = client.stream.get_ref().set_read_timeout(Some(REPLY_MAX));
        bound.map_err(|e| client.lost(&e.to_string()))?;
        let bound = client.stream.get_ref().set_write_timeout(Some(REPLY_MAX));
        bound.map_err(|e| client.lost(&e.to_string()))?;
        Ok(client)
    }

    /// Asks and waits for what is said to it, at most 10 s.
    ///
    /// # Errors
    /// No answer came; whether the request was taken is not known.
    pub fn ask(&mut self, request: &Request) -> Result<Said, ClientError> {
        let mut line = serde_json::to_string(request).map_err(|e| self.lost(&e.to_string()))?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes()).map_err(|e| self.lost(&e.to_string()))?;
        let mut reply = Vec::new();
        let read = (&mut self.stream).take(REPLY_BYTES_MAX as u64).read_until(b'\n', &mut reply);
        match read {
            Ok(0) => return Err(self.lost("it closed the connection")),
            Ok(_) => {}
            Err(e) => return Err(self.lost(&e.to_string())),
        }
        let reply: Reply = serde_json::from_slice(&reply).map_err(|e| self.lost(&e.to_string()))?;
        Ok(reply.said)
    }

    fn lost(&self, cause: &str) -> ClientError {
        ClientError::Lost { state: self.state.clone(), cause: cause.to_owned() }
    }
}
