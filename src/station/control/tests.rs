//! The socket with a stand-in for the station: what clients get, and what they cannot do to others.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Blocking;
use std::path::Path;
use std::time::{Duration, Instant};

use cellwright_model::packml::CellCommand;
use cellwright_recipe::{Sources, load_cell};
use tokio::runtime::Runtime;

use super::*;
use crate::client::{Client, ClientError};
use crate::protocol::VERSION;

/// A served socket. The stand-in accepts everything but Abort, after `delay`, and keeps what it was asked.
struct Desk {
    dir: tempfile::TempDir,
    _runtime: Runtime,
    server: ControlServer,
    asked: std::sync::mpsc::Receiver<Input>,
}

impl Desk {
    fn state(&self) -> &Path {
        self.dir.path()
    }
    fn raw(&self) -> Blocking {
        let stream = Blocking::connect(self.state().join(SOCKET)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream
    }
    fn ask(&self, ask: Ask) -> Said {
        let mut client = Client::connect(self.state()).expect("it listens");
        client.ask(&Request::new(None, ask)).expect("it answers")
    }
    fn asked(&self) -> Input {
        self.asked.recv_timeout(Duration::from_secs(5)).expect("it arrived")
    }
}

struct Disk;

impl cellwright_recipe::FileSource for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|e| e.to_string())
    }
}

fn cell() -> Arc<Cell> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cells/cannula-cell/cell.yaml");
    let (cell, _) = load_cell(&Disk, path, None, &mut Sources::default()).expect("the repository's cell");
    Arc::new(cell)
}

fn desk(delay: Duration) -> Desk {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (to, mut from) = mpsc::channel(16);
    let (seen, asked) = std::sync::mpsc::channel();
    let control = Control::bind(dir.path()).expect("a directory of our own");
    let server = runtime.block_on(async { control.serve(cell(), to) }).expect("a runtime runs");
    runtime.spawn(async move {
        while let Some(one) = from.recv().await {
            let Asked::Request { input, reply } = one else { continue };
            let refused = matches!(&input, Input::Command { command: CellCommand::Abort, .. });
            let _ = seen.send(input);
            tokio::spawn(async move {
                sleep(delay).await;
                let said = if refused { Said::Refused("no".into()) } else { Said::Accepted("yes".into()) };
                let _ = reply.send(said);
            });
        }
    });
    Desk { dir, _runtime: runtime, server, asked }
}

const HOLD: Ask = Ask::Command(CellCommand::Hold);

fn line(stream: &mut Blocking) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !matches!(stream.read(&mut byte), Ok(0) | Err(_)) && byte[0] != b'\n' {
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("a reply is text")
}

fn me() -> String {
    let uid = fs::metadata("/proc/self").expect("proc").uid();
    users::name(uid)
}

#[test]
fn who_asks_is_known_and_the_answer_is_theirs() {
    let desk = desk(Duration::ZERO);
    assert_eq!(desk.ask(HOLD), Said::Accepted("yes".into()));
    let Input::Command { command: CellCommand::Hold, by } = desk.asked() else { panic!("another input") };
    assert_eq!(by, Source::new(me(), format!("ctl pid {}", std::process::id())));
    assert_eq!(desk.ask(Ask::Command(CellCommand::Abort)), Said::Refused("no".into()));
    // The controller's own user may ask for somebody.
    let mut client = Client::connect(desk.state()).expect("it listens");
    desk.asked();
    client.ask(&Request::new(Some("maria".into()), HOLD)).expect("it answers");
    let Input::Command { by, .. } = desk.asked() else { panic!("another input") };
    assert_eq!(by.who, format!("maria ({})", me()));
}

#[test]
fn nobody_but_root_and_the_own_user_asks_for_others() {
    let peer = |uid| Peer { uid, user: format!("uid:{uid}"), from: "ctl pid 1".into() };
    let itself = Source::new("uid:7", "ctl pid 1");
    assert_eq!(peer(7).source(None, 5), Ok(itself.clone()));
    let refused = peer(7).source(Some("maria"), 5);
    assert!(matches!(&refused, Err((by, why)) if *by == itself && why.contains("may not ask as maria")));
    for uid in [0, 5] {
        let who = peer(uid).source(Some("maria"), 5).expect("it may").who;
        assert_eq!(who, format!("maria (uid:{uid})"));
    }
}

#[test]
fn names_that_the_cell_does_not_have_are_refused_for_the_record() {
    let cell = cell();
    let load =
        |tray: &str| Ask::Load { tray: tray.into(), material: Material::Empty, next: None, left: None };
    let by = Source::new("a", "b");
    match input(load("hub_try"), &cell, by.clone()) {
        Input::Refused { what, why, by: of } => {
            assert_eq!((what.as_str(), of), ("material of hub_try", by.clone()));
            assert!(why.contains("hub_tray"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(input(load("hub_tray"), &cell, by), Input::MaterialLoaded { .. }));
}

#[test]
fn the_socket_is_for_owner_and_group_and_goes_with_its_server() {
    let desk = desk(Duration::ZERO);
    let path = desk.state().join(SOCKET);
    let found = fs::metadata(&path).expect("it is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o660);
    assert!(!desk.state().join(CRADLE).exists());
    let Desk { dir, server, .. } = desk;
    drop(server);
    assert!(!path.exists());
    match Client::connect(dir.path()) {
        Err(error @ ClientError::NoController(_)) => assert!(error.to_string().contains("cellwright run")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stale_socket_is_replaced_and_a_directory_open_to_all_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    // A controller that died leaves its name, and may leave the place where it was made.
    drop(StdListener::bind(dir.path().join(SOCKET)).expect("it binds"));
    fs::create_dir(dir.path().join(CRADLE)).expect("it can be made");
    drop(Control::bind(dir.path()).expect("a stale socket is replaced"));
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let refused = Control::bind(dir.path()).expect_err("everybody may write there").to_string();
    assert!(refused.contains("chmod o-w"), "{refused}");
}

#[test]
fn a_path_longer_than_a_socket_address_works() {
    let dir = tempfile::tempdir().expect("a directory");
    let deep = dir.path().join("d".repeat(120));
    fs::create_dir(&deep).expect("it can be made");
    let control = Control::bind(&deep).expect("through the directory");
    assert!(deep.join(SOCKET).exists());
    Client::connect(&deep).expect("through the directory too");
    drop(control);
}

#[test]
fn what_is_no_request_is_answered_and_after_some_the_connection_ends() {
    let desk = desk(Duration::ZERO);
    let mut stream = desk.raw();
    for _ in 0..WRONG_MAX {
        stream.write_all(b"hold\n").expect("it reads");
        assert!(line(&mut stream).contains("\"wrong\":\"a request is one JSON object"), "each is answered");
    }
    assert_eq!(line(&mut stream), "", "closed");
    let mut stream = desk.raw();
    stream.write_all(b"\xff\xfe\n").expect("it reads");
    assert!(line(&mut stream).contains("wrong"));
    let mut stream = desk.raw();
    // It may close before all is written.
    let _ = stream.write_all(&vec![b'x'; 3 * REQUEST_BYTES_MAX]);
    assert!(line(&mut stream).contains("at most 4096 bytes"));
}

#[test]
fn requests_in_pieces_and_several_at_once_are_answered_in_their_order() {
    let desk = desk(Duration::ZERO);
    let mut stream = desk.raw();
    let hold = format!("{{\"version\":{VERSION},\"ask\":{{\"command\":\"hold\"}}}}\n");
    let abort = hold.replace("hold", "abort");
    let (a, b) = hold.split_at(9);
    stream.write_all(a.as_bytes()).expect("it reads");
    std::thread::sleep(Duration::from_millis(50));
    stream.write_all(format!("{b}{abort}{hold}").as_bytes()).expect("it reads");
    let said: Vec<String> = (0..3).map(|_| line(&mut stream)).collect();
    assert!(said[0].contains("accepted") && said[1].contains("refused") && said[2].contains("accepted"));
}

#[test]
fn half_a_line_and_silence_hold_nobody_up() {
    let desk = desk(Duration::ZERO);
    let mut half = desk.raw();
    half.write_all(b"{\"version\":1,").expect("it reads");
    let silent: Vec<Blocking> = (0..CONNECTIONS_MAX + 4).map(|_| desk.raw()).collect();
    let began = Instant::now();
    assert_eq!(desk.ask(HOLD), Said::Accepted("yes".into()), "the most silent one gave way");
    assert!(began.elapsed() < LINE_MAX, "{:?}", began.elapsed());
    drop(silent);
    let mut half = desk.raw();
    half.write_all(b"{\"version\":1,").expect("it reads");
    assert!(line(&mut half).contains("half a line"));
    assert!(began.elapsed() >= LINE_MAX);
}

#[test]
fn while_all_connections_await_answers_a_new_one_is_told_so() {
    let desk = desk(Duration::from_secs(2));
    let hold = format!("{{\"version\":{VERSION},\"ask\":{{\"command\":\"hold\"}}}}\n");
    let mut waiting: Vec<Blocking> = (0..CONNECTIONS_MAX).map(|_| desk.raw()).collect();
    for stream in &mut waiting {
        stream.write_all(hold.as_bytes()).expect("it reads");
        desk.asked();
    }
    assert!(line(&mut desk.raw()).contains("await answers"));
    for stream in &mut waiting {
        assert!(line(stream).contains("accepted"));
    }
    // The last of them may still be taking its answer.
    let room = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        desk.ask(HOLD) == Said::Accepted("yes".into())
    });
    assert!(room, "and then there is room");
}
