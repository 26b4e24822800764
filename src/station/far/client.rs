//! The controller's end: drivers of the twin's cobots, and its hands.

use std::io::Read;
use std::net::{TcpStream as StdStream, ToSocketAddrs};
use std::time::Duration;

use cellwright_cobot_ros2::link::{CobotLink, link};
use cellwright_cobot_ros2::twin::CobotEnds;
use cellwright_model::cell::Cell;
use cellwright_model::robot::{RobotRefusal, RobotReply, RobotReport, RobotState};
use cellwright_model::{RequestId, RobotId, TimeNs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{Asks, Hello, LINE_BYTES_MAX, Lines, POLL, READ_BYTES, Says, WRITE_MAX, put};

/// A connection that is not made by then, or not greeted, is given up.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Pause before the next attempt to connect again.
const RECONNECT: Duration = Duration::from_millis(500);
/// Acts of hands that wait for the connection; a further one is refused.
const ACTS_MAX: usize = 64;
/// Room in a ring of reports that states leave to replies: every request that a driver lets wait, twice.
const REPLIES_RESERVED: usize = 16;

/// Why there is no twin at an address.
#[derive(Debug, thiserror::Error)]
pub enum FarError {
    #[error("{address}: {cause}; remedy: start `cellwright twin` there, or give the address that it shows")]
    NoConnection { address: String, cause: std::io::Error },
    #[error(
        "{address} does not greet as a twin ({cause}); remedy: give the address that `cellwright twin` shows, \
         and end the controller that is connected to it"
    )]
    NoGreeting { address: String, cause: String },
    #[error(
        "the twin at {address} is one of cell {theirs}, this is {ours}, by their descriptions; remedy: give both \
         the same --cell"
    )]
    OtherCell { address: String, theirs: String, ours: String },
}

/// Hands at the far machine.
#[derive(Debug, Clone)]
pub struct FarHands(mpsc::Sender<serde_json::Value>);

impl FarHands {
    /// Hands an act over. False: those before it were not taken yet, do it again.
    pub fn act(&self, act: serde_json::Value) -> bool {
        self.0.try_send(act).is_ok()
    }
}

/// A greeted connection, and what is on this side of it.
pub struct FarTwin {
    pub hello: Hello,
    pub robots: Vec<CobotLink>,
    pub hands: FarHands,
    pub line: FarLine,
}

/// Moves lines between the connection and the drivers; [`FarLine::run`] is to be spawned.
pub struct FarLine {
    address: String,
    stream: StdStream,
    robots: Vec<Robot>,
    acts: mpsc::Receiver<serde_json::Value>,
    now: fn() -> TimeNs,
}

/// One cobot's ends of the rings.
struct Robot {
    ends: CobotEnds,
    /// It has said its state since the connection was made.
    connected: bool,
    /// Asked over this connection and not answered; as many as its driver lets wait.
    open: Vec<RequestId>,
}

impl FarTwin {
    /// Connects to `address` (`host:port`) and reads the greeting.
    ///
    /// # Errors
    /// Nobody there within 2 s, no twin, or one of another cell.
    pub fn connect(address: &str, cell: &Cell, now: fn() -> TimeNs) -> Result<FarTwin, FarError> {
        let stream = connect(address)
            .map_err(|cause| FarError::NoConnection { address: address.to_owned(), cause })?;
        let hello =
            greeting(&stream).map_err(|cause| FarError::NoGreeting { address: address.to_owned(), cause })?;
        if (&hello.cell, &hello.cell_hash) != (&cell.id, &cell.hash) {
            let short = |id: &str, hash: &str| format!("{id} ({})", hash.get(..12).unwrap_or(hash));
            return Err(FarError::OtherCell {
                address: address.to_owned(),
                theirs: short(&hello.cell, &hello.cell_hash),
                ours: short(&cell.id, &cell.hash),
            });
        }
        let (mut robots, mut far) = (Vec::new(), Vec::new());
        for robot in &cell.robots {
            let (driver, ends) = link(robot.answer_timeout);
            robots.push(driver);
            far.push(Robot { ends, connected: false, open: Vec::new() });
        }
        let (hands, acts) = mpsc::channel(ACTS_MAX);
        let line = FarLine { address: address.to_owned(), stream, robots: far, acts, now };
        Ok(FarTwin { hello, robots, hands: FarHands(hands), line })
    }
}

fn connect(address: &str) -> std::io::Result<StdStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "no such host");
    for one in address.to_socket_addrs()? {
        match StdStream::connect_timeout(&one, CONNECT_MAX) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads the first line and no byte more.
fn greeting(stream: &StdStream) -> Result<Hello, String> {
    stream.set_read_timeout(Some(CONNECT_MAX)).map_err(|e| e.to_string())?;
    let (mut line, mut reader) = (Vec::new(), stream);
    while !line.ends_with(b"\n") {
        if line.len() == LINE_BYTES_MAX {
            return Err(format!("a line of more than {LINE_BYTES_MAX} bytes"));
        }
        let mut byte = [0];
        match reader.read(&mut byte) {
            Ok(0) => return Err("it hangs up".to_owned()),
            Ok(_) => line.push(byte[0]),
            Err(error) => return Err(error.to_string()),
        }
    }
    match serde_json::from_slice(&line) {
        Ok(Says::Hello(hello)) => Ok(hello),
        Ok(_) => Err("another message than a greeting".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl FarLine {
    /// Moves lines for as long as the runtime lives; connects again when the connection ends.
    pub async fn run(mut self) {
        let first = self.stream.set_nonblocking(true).and_then(|()| self.stream.try_clone());
        let mut stream = first.and_then(TcpStream::from_std).ok();
        loop {
            if let Some(stream) = stream.take() {
                let ended = self.exchange(stream).await;
                self.disconnected();
                tracing::warn!(address = self.address, why = ended, "the connection to the twin ended");
            }
            // Requests meanwhile are refused between two attempts, not by their deadlines.
            self.refuse_requests();
            sleep(RECONNECT).await;
            if let Ok(Ok(again)) = timeout(CONNECT_MAX, TcpStream::connect(&self.address)).await {
                stream = Some(again);
            }
        }
    }

    /// Until the connection ends: why it did.
    async fn exchange(&mut self, mut stream: TcpStream) -> String {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.split();
        let (mut lines, mut said, mut out) = (Lines::default(), Vec::new(), Vec::new());
        let mut buffer = [0; READ_BYTES];
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                read = reader.read(&mut buffer) => match read {
                    Ok(n) if n > 0 => {
                        if let Err(why) = lines.push(&buffer[..n], &mut said) {
                            return why;
                        }
                        for says in said.drain(..) {
                            if let Err(why) = self.heard(says) {
                                return why;
                            }
                        }
                    }
                    Ok(_) => return "it hung up".to_owned(),
                    Err(error) => return error.to_string(),
                },
                _ = polls.tick() => self.collect(&mut out),
            }
            while let Ok(act) = self.acts.try_recv() {
                put(&Asks::Act(act), &mut out);
            }
            if !out.is_empty() {
                match timeout(WRITE_MAX, writer.write_all(&out)).await {
                    Ok(Ok(())) => out.clear(),
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return "it takes nothing".to_owned(),
                }
            }
        }
    }

    fn heard(&mut self, says: Says) -> Result<(), String> {
        match says {
            // Of a later connection: the same twin, or one that was started again.
            Says::Hello(_) => {}
            Says::Refused(why) => return Err(format!("it refused: {why}")),
            Says::State { robot, state } => {
                if let Some(robot) = self.robots.get_mut(robot.index()) {
                    robot.state(RobotState { stamp: (self.now)(), ..state });
                }
            }
            Says::Reply { robot, id, reply } => {
                if let Some(robot) = self.robots.get_mut(robot.index()) {
                    robot.reply(id, reply);
                }
            }
        }
        Ok(())
    }

    /// What the drivers ask, as lines.
    fn collect(&mut self, out: &mut Vec<u8>) {
        for (i, robot) in self.robots.iter_mut().enumerate() {
            while let Ok(request) = robot.ends.requests.pop() {
                if robot.connected {
                    robot.open.push(request.id);
                    let robot = RobotId(i as u16);
                    put(&Asks::Request { robot, id: request.id, command: request.command }, out);
                } else {
                    robot.push(request.id, RobotReply::Rejected(RobotRefusal::NotConnected));
                }
            }
        }
    }

    fn disconnected(&mut self) {
        for robot in &mut self.robots {
            robot.connected = false;
            for id in core::mem::take(&mut robot.open) {
                robot.push(id, RobotReply::Faulted(RobotRefusal::NotConnected));
            }
        }
    }

    fn refuse_requests(&mut self) {
        self.collect(&mut Vec::new());
    }
}

impl Robot {
    fn state(&mut self, state: RobotState) {
        self.connected = true;
        if self.ends.reports.slots() > REPLIES_RESERVED {
            // There is room: nobody else writes into this ring.
            let _ = self.ends.reports.push(RobotReport::State(state));
        }
    }

    fn reply(&mut self, id: RequestId, reply: RobotReply) {
        self.open.retain(|open| *open != id);
        self.push(id, reply);
    }

    /// Replies have the room that states leave them; one beyond it runs into its request's deadline.
    fn push(&mut self, id: RequestId, reply: RobotReply) {
        if self.ends.reports.push(RobotReport::Reply { id, reply }).is_err() {
            tracing::warn!(?id, "an answer of a cobot found no room");
        }
    }
}
