//! The control socket of a state directory: who may connect, who they are, and their requests one by one.
//!
//! Terms: *peer* is the process at the other end, known by the kernel's word (SO_PEERCRED), not by its own.
//! A peer that says nothing, half a line or reads nothing costs one connection for a bounded time; the cell
//! never waits for it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cellwright_controller::{BreakRequest, Input, ManualRequest, Source};
use cellwright_model::RequestId;
use cellwright_model::cell::Cell;
use cellwright_model::material::Label;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::Asked;
use crate::protocol::{Ask, Break, ByHand, Material, REQUEST_BYTES_MAX, Reply, Request, Said, Which};
use crate::users;

/// Name of the socket in a state directory.
pub const SOCKET: &str = "ctl.sock";
/// Where it is made before it gets its name: nobody else may enter there.
const CRADLE: &str = "ctl.new";
/// Owner and group may read and write: who may command the cell.
const SOCKET_MODE: u32 = 0o660;
/// Connections at once: people, panels and programs of one cell. Full: the one that has been silent for the
/// longest gives way; if all await an answer, the new one is told so and closed.
const CONNECTIONS_MAX: usize = 16;
/// A peer that asks nothing for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// From the first byte of a line to its end: one write of a program.
const LINE_MAX: Duration = Duration::from_secs(5);
/// A peer that takes no reply for so long is closed.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// Between two requests of a connection: nobody types faster, and a program in a loop leaves the cell its time.
const PACE: Duration = Duration::from_millis(5);
/// Lines that are no requests, until the connection is closed.
const WRONG_MAX: u32 = 8;
/// After a failed accept (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no control socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Somebody else could put a socket of theirs in its place.
    #[error("{path} {problem}: no control socket is made there; {remedy}", path = .path.display())]
    Directory { path: PathBuf, problem: &'static str, remedy: String },
    #[error("{path}: {cause}; check the directory, its file system must know sockets", path = .path.display())]
    Socket { path: PathBuf, cause: String },
}

/// A socket that listens and is not served yet.
#[derive(Debug)]
pub struct Control {
    listener: StdListener,
    path: PathBuf,
    /// The controller's own user: the owner of what it makes.
    own_uid: u32,
}

impl Control {
    /// Makes `<state>/ctl.sock`. The caller holds the lock of the state directory, so a socket that is there
    /// belongs to a controller that is dead, and is replaced.
    ///
    /// # Errors
    /// The directory belongs to others or is open to all, or the system refuses the socket.
    pub fn bind(state: &Path) -> Result<Control, ControlError> {
        let path = state.join(SOCKET);
        let io = |e: std::io::Error| ControlError::Socket { path: path.clone(), cause: e.to_string() };
        let cradle = Cradle::make(state).map_err(io)?;
        let own_uid = fs::metadata(&cradle.0).map_err(io)?.uid();
        check_directory(state, own_uid)?;
        let born = cradle.0.join(SOCKET);
        let listener = StdListener::bind(reachable(&born).map_err(io)?.as_path()).map_err(io)?;
        fs::set_permissions(&born, fs::Permissions::from_mode(SOCKET_MODE)).map_err(io)?;
        listener.set_nonblocking(true).map_err(io)?;
        // In one step: at no moment is there a socket with other permissions under its name.
        fs::rename(&born, &path).map_err(io)?;
        Ok(Control { listener, path, own_uid })
    }

    /// Serves it in tasks of the runtime, until the handle is dropped.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub fn serve(self, cell: Arc<Cell>, to: mpsc::Sender<Asked>) -> std::io::Result<ControlServer> {
        let listener = UnixListener::from_std(self.listener)?;
        let server = Arc::new(Server { cell, to, own_uid: self.own_uid, began: Instant::now() });
        let task = tokio::spawn(accept(listener, server)).abort_handle();
        Ok(ControlServer { task, path: self.path })
    }
}

/// A served socket; dropped, it is gone.
#[derive(Debug)]
pub struct ControlServer {
    task: AbortHandle,
    path: PathBuf,
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        // A name that is left behind is replaced by the next controller.
        let _ = fs::remove_file(&self.path);
    }
}

/// A directory that only its owner enters; gone when dropped.
struct Cradle(PathBuf);

impl Cradle {
    fn make(state: &Path) -> std::io::Result<Cradle> {
        let path = state.join(CRADLE);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&path)?;
        Ok(Cradle(path))
    }
}

impl Drop for Cradle {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check_directory(state: &Path, own_uid: u32) -> Result<(), ControlError> {
    let path = state.to_owned();
    let found =
        fs::metadata(state).map_err(|e| ControlError::Socket { path: path.clone(), cause: e.to_string() })?;
    if found.uid() != own_uid && found.uid() != 0 {
        let remedy = format!("chown it to {}", users::name(own_uid));
        return Err(ControlError::Directory { path, problem: "belongs to another user", remedy });
    }
    if found.mode() & 0o002 != 0 {
        let remedy = format!("chmod o-w {}", state.display());
        return Err(ControlError::Directory { path, problem: "can be written by everybody", remedy });
    }
    Ok(())
}

/// The same file by a path that fits into a socket address (`sun_path`, 108 bytes): through the directory's
/// entry in /proc where its own is too long. The entry lives as long as the value.
pub(crate) fn reachable(socket: &Path) -> std::io::Result<Reachable> {
    const SUN_PATH_MAX: usize = 107;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    if socket.as_os_str().as_bytes().len() <= SUN_PATH_MAX {
        return Ok(Reachable { path: socket.to_owned(), _directory: None });
    }
    let directory = fs::File::open(socket.parent().unwrap_or(Path::new(".")))?;
    let name = socket.file_name().unwrap_or_default();
    let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok(Reachable { path, _directory: Some(directory) })
}

/// See [`reachable`].
pub(crate) struct Reachable {
    path: PathBuf,
    _directory: Option<fs::File>,
}

impl Reachable {
    pub(crate) fn as_path(&self) -> &Path {
        &self.path
    }
}

struct Server {
    cell: Arc<Cell>,
    to: mpsc::Sender<Asked>,
    own_uid: u32,
    began: Instant,
}

/// One connection, as the one who accepts sees it.
struct Connection {
    task: AbortHandle,
    silent_since: Silence,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Since when a peer has asked nothing, in ms since the server began; [`Silence::BUSY`] while it awaits an answer.
#[derive(Clone)]
struct Silence(Arc<AtomicU64>);

impl Silence {
    const BUSY: u64 = u64::MAX;

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Server {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(Silence::BUSY - 1)
    }
}

async fn accept(listener: UnixListener, server: Arc<Server>) {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        connections.retain(|c| !c.task.is_finished());
        if !make_room(&mut connections) {
            let busy = format!("{CONNECTIONS_MAX} connections await answers: try again in some seconds");
            // It is closed anyway; whether it reads this is its business.
            let _ = stream.try_write(Reply::new(Said::Wrong(busy)).line().as_bytes());
            continue;
        }
        let silent_since = Silence(Arc::new(AtomicU64::new(server.now_ms())));
        let task = tokio::spawn(serve(stream, server.clone(), silent_since.clone())).abort_handle();
        connections.push(Connection { task, silent_since });
    }
}

/// `false`: all of them await an answer.
fn make_room(connections: &mut Vec<Connection>) -> bool {
    if connections.len() < CONNECTIONS_MAX {
        return true;
    }
    let silent = connections.iter().enumerate().map(|(i, c)| (c.silent_since.get(), i));
    match silent.filter(|(since, _)| *since != Silence::BUSY).min() {
        Some((_, i)) => {
            connections.swap_remove(i);
            true
        }
        None => false,
    }
}

/// Who asks, by the kernel's word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    uid: u32,
    user: String,
    from: String,
}

impl Peer {
    fn of(stream: &UnixStream) -> std::io::Result<Peer> {
        let known = stream.peer_cred()?;
        let from = known.pid().map_or_else(|| "ctl".to_owned(), |pid| format!("ctl pid {pid}"));
        Ok(Peer { uid: known.uid(), user: users::name(known.uid()), from })
    }

    /// The peer itself, or the person for whom it may ask. Errors: itself, and why not.
    fn source(&self, acting_as: Option<&str>, own_uid: u32) -> Result<Source, (Source, String)> {
        let itself = Source::new(self.user.clone(), self.from.clone());
        match acting_as {
            None => Ok(itself),
            Some(id) if self.uid == 0 || self.uid == own_uid => {
                Ok(Source::on_behalf(id, &self.user, self.from.clone()))
            }
            Some(id) => {
                let why =
                    format!("{} may not ask as {id}: only root and the controller's own user may", self.user);
                Err((itself, why))
            }
        }
    }
}

async fn serve(mut stream: UnixStream, server: Arc<Server>, silent_since: Silence) {
    let Ok(peer) = Peer::of(&stream) else { return };
    let mut buffer = Vec::with_capacity(512);
    let mut hand = Hand::default();
    let mut wrong = 0;
    while wrong < WRONG_MAX {
        silent_since.set(server.now_ms());
        let (said, last) = match line(&mut stream, &mut buffer).await {
            Line::Read(text) => {
                silent_since.set(Silence::BUSY);
                (answer(&text, &peer, &server, &mut hand).await, false)
            }
            Line::TooLong => (Said::Wrong(format!("a request has at most {REQUEST_BYTES_MAX} bytes")), true),
            Line::Late => (Said::Wrong("half a line, and no end of it: ask again".to_owned()), true),
            Line::Ended => break,
        };
        wrong += u32::from(matches!(said, Said::Wrong(_)));
        let reply = Reply::new(said).line();
        if !matches!(timeout(WRITE_MAX, stream.write_all(reply.as_bytes())).await, Ok(Ok(()))) || last {
            break;
        }
        silent_since.set(server.now_ms());
        sleep(PACE).await;
    }
    hand.leave(&server).await;
}

/// The one who moved something over a connection, if anybody did.
#[derive(Default)]
struct Hand(Option<Source>);

impl Hand {
    /// The connection has ended: so does what it moved, and its drives go off.
    async fn leave(self, server: &Server) {
        if let Some(by) = self.0 {
            // A station that is ending brings everything to rest by itself.
            let _ = server.to.send(Asked::Input(Input::Manual { request: ManualRequest::Leave, by })).await;
        }
    }
}

/// What comes from a peer.
enum Line {
    Read(String),
    TooLong,
    /// Begun and not ended in [`LINE_MAX`].
    Late,
    /// Closed, or silent for [`IDLE_MAX`].
    Ended,
}

/// The next line; what stands behind it stays in `buffer`.
async fn line(stream: &mut UnixStream, buffer: &mut Vec<u8>) -> Line {
    let mut begun: Option<Instant> = (!buffer.is_empty()).then(Instant::now);
    let mut chunk = [0; 1024];
    loop {
        if let Some(end) = buffer.iter().position(|b| *b == b'\n') {
            let rest = buffer.split_off(end + 1);
            let bytes = core::mem::replace(buffer, rest);
            return match bytes.len() > REQUEST_BYTES_MAX {
                true => Line::TooLong,
                false => Line::Read(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            };
        }
        if buffer.len() > REQUEST_BYTES_MAX {
            return Line::TooLong;
        }
        let patience = begun.map_or(IDLE_MAX, |at| LINE_MAX.saturating_sub(at.elapsed()));
        match timeout(patience, stream.read(&mut chunk)).await {
            Ok(Ok(n)) if n > 0 => {
                begun.get_or_insert_with(Instant::now);
                buffer.extend_from_slice(&chunk[..n]);
            }
            Ok(_) => return Line::Ended,
            Err(_) => return if begun.is_some() { Line::Late } else { Line::Ended },
        }
    }
}

async fn answer(line: &str, peer: &Peer, server: &Server, hand: &mut Hand) -> Said {
    let request = match Request::parse(line) {
        Ok(request) => request,
        Err(why) => return Said::Wrong(why),
    };
    let (reply, answered) = oneshot::channel();
    let asked = match request.ask {
        Ask::Status => Asked::Status { reply },
        Ask::Manual(held @ (ByHand::Renew | ByHand::Release)) => {
            // Only who moved something has something to renew; who that is was permitted then.
            if let Some(by) = hand.0.clone() {
                let request = match held {
                    ByHand::Release => ManualRequest::Release,
                    _ => ManualRequest::Renew,
                };
                // Its end is seen below.
                let _ = server.to.send(Asked::Input(Input::Manual { request, by })).await;
            }
            Asked::Status { reply }
        }
        ask => {
            let input = match peer.source(request.acting_as.as_deref(), server.own_uid) {
                Ok(by) => input(ask, &server.cell, by),
                Err((by, why)) => Input::Refused { what: words(&ask), why, by },
            };
            if let Input::Manual { by, .. } = &input {
                hand.0 = Some(by.clone());
            }
            Asked::Request { input, reply }
        }
    };
    let ends = || Said::Wrong("the controller is ending: look at its record".to_owned());
    if server.to.send(asked).await.is_err() {
        return ends();
    }
    // The station answers within its own bound, whatever the store does.
    answered.await.unwrap_or_else(|_| ends())
}

/// What a request means to the cell; what names something that is not there is a refusal to be recorded.
pub fn input(ask: Ask, cell: &Cell, by: Source) -> Input {
    match ask {
        Ask::Command(command) => Input::Command { command, by },
        Ask::Mode(mode) => Input::Mode { mode, by },
        Ask::Acknowledge(Which::One(alarm)) => Input::Acknowledge { alarm, by },
        Ask::Acknowledge(Which::All) => Input::AcknowledgeAll { by },
        Ask::Answer { question, answer, reason } => {
            Input::Answer { id: RequestId(question), answer, reason, by }
        }
        Ask::Load { tray, material, next, left } => match cell.tray(&tray) {
            Some(tray) => Input::MaterialLoaded { tray, label: label(material), next, left, by },
            None => Input::Refused { what: format!("material of {tray}"), why: no_tray(cell, &tray), by },
        },
        Ask::Manual(act) => match by_hand(&act, cell) {
            Ok(request) => Input::Manual { request, by },
            Err(why) => Input::Refused { what: hand_words(&act), why, by },
        },
        Ask::Break(at) => Input::Break { request: breaks(at), by },
        Ask::Next => Input::Break { request: BreakRequest::Next, by },
        Ask::Status => {
            Input::Refused { what: "status".to_owned(), why: "it is no request to the cell".to_owned(), by }
        }
    }
}

fn breaks(at: Break) -> BreakRequest {
    match at {
        Break::Before(steps) => BreakRequest::Before(steps),
        Break::EveryStep => BreakRequest::EveryStep,
        Break::Clear => BreakRequest::Clear,
    }
}

fn label(material: Material) -> Label {
    match material {
        Material::Label(text) => Label::Scanned(text),
        Material::Typed { part, lot, expiry, quantity } => Label::Typed { part, lot, expiry, quantity },
        Material::Empty => Label::Empty,
    }
}

/// Errors: a name that the cell does not have.
fn by_hand(act: &ByHand, cell: &Cell) -> Result<ManualRequest, String> {
    let none = |what: &str, name: &str| format!("there is no {what} {name}; see `cellwright status --json`");
    Ok(match act {
        ByHand::Jog { axis, positive, speed_percent } => ManualRequest::Jog {
            axis: cell.axis(axis).ok_or_else(|| none("axis", axis))?,
            positive: *positive,
            share: f64::from(*speed_percent) / 100.0,
        },
        ByHand::Renew => ManualRequest::Renew,
        ByHand::Release => ManualRequest::Release,
        ByHand::Set { output, on } => ManualRequest::Output {
            output: cell.output(output).ok_or_else(|| none("output", output))?,
            on: *on,
        },
        ByHand::Grip { robot, close } => ManualRequest::Grip {
            robot: cell.robot(robot).ok_or_else(|| none("cobot", robot))?,
            close: *close,
        },
        ByHand::Home { robot } => {
            ManualRequest::Home { robot: cell.robot(robot).ok_or_else(|| none("cobot", robot))? }
        }
    })
}

fn hand_words(act: &ByHand) -> String {
    match act {
        ByHand::Jog { axis, positive, .. } => format!("jog {axis} {}", if *positive { "+" } else { "-" }),
        ByHand::Renew => "renew".to_owned(),
        ByHand::Release => "release".to_owned(),
        ByHand::Set { output, on } => format!("set {output} {}", if *on { "on" } else { "off" }),
        ByHand::Grip { robot, close } => {
            format!("{} the gripper of {robot}", if *close { "close" } else { "open" })
        }
        ByHand::Home { robot } => format!("bring {robot} home"),
    }
}

fn no_tray(cell: &Cell, name: &str) -> String {
    let all: Vec<&str> = cell.trays.iter().map(|t| t.name.as_str()).collect();
    format!("there is no tray {name}; there are: {}", all.join(", "))
}

/// A request in words, for the record of its refusal.
fn words(ask: &Ask) -> String {
    match ask {
        Ask::Command(command) => command.name().to_owned(),
        Ask::Mode(mode) => format!("mode {}", mode.name()),
        Ask::Acknowledge(Which::One(alarm)) => format!("acknowledge alarm {alarm}"),
        Ask::Acknowledge(Which::All) => "acknowledge all alarms".to_owned(),
        Ask::Answer { question, answer, .. } => format!("answer `{answer}` to question {question}"),
        Ask::Load { tray, .. } => format!("material of {tray}"),
        Ask::Manual(act) => hand_words(act),
        Ask::Break(Break::Before(steps)) => format!("break {}", steps.join(" ")),
        Ask::Break(Break::EveryStep) => "break --step".to_owned(),
        Ask::Break(Break::Clear) => "break --clear".to_owned(),
        Ask::Next => "next".to_owned(),
        Ask::Status => "status".to_owned(),
    }
}

#[cfg(test)]
mod tests;
