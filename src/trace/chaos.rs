//! Controllers and recorders that are killed: as processes of their own, by SIGKILL, at any moment.
//!
//! The test binary starts itself again with a role in its environment; without one, [`child`] does
//! nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cellwright_model::event::{EventData, EventDraft, StepCounts, Transaction, UnitEnded};
use cellwright_model::outcome::UnitResult;
use zenoh::Wait;
use zenoh::handlers::{FifoChannel, FifoChannelHandler};
use zenoh::sample::Sample;

use crate::delivery::Delivery;
use crate::live::LivePublisher;
use crate::network::{Network, NetworkOptions};
use crate::outbox::{Ack, OpenUnit, Outbox, OutboxWriter, SubmitError};
use crate::recorder::{EVERY_CELL, Recorder};
use crate::store::{Records, SqliteReader, SqliteStore, StoreOptions};
use crate::testing::{address, options, stamp, unit_transactions};
use crate::verify::verify_files;

const ROLE: &str = "CELLWRIGHT_TEST_ROLE";
const DIR: &str = "CELLWRIGHT_TEST_DIR";
const SOON: Duration = Duration::from_secs(20);
/// Controllers that are killed.
const ROUNDS: usize = 5;
/// Samples that the listener outside must have received for its test to mean something.
const HEARD_MIN: usize = 20;
/// Lines after which the last controller is killed in any case: some ten times what a second gives.
const LINES_MAX: usize = 20_000;

#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    match std::env::var(ROLE).as_deref() {
        Ok("controller") => controller(dir, u64::MAX),
        Ok("last controller") => controller(dir, 2),
        Ok("recorder") => recorder(dir),
        Ok("limited") => limited(dir),
        other => panic!("role {other:?}"),
    }
}

fn start(role: &str, dir: &Path) -> Child {
    let exe = std::env::current_exe().expect("this test");
    Command::new(exe)
        .args(["--exact", "chaos::child", "--nocapture"])
        .envs([(ROLE, role), (DIR, dir.to_str().expect("UTF-8"))])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

/// The transaction that a restarted controller makes for a unit that was open.
fn interrupted(open: &OpenUnit, ticket: u64) -> Transaction {
    let result = UnitEnded {
        result: UnitResult::Interrupted,
        cause: open.intents.first().map(|i| format!("{}/power-loss", i.step)),
        retested: false,
        counts: StepCounts::default(),
    };
    let event = EventDraft {
        time: stamp(ticket),
        context: open.context.clone(),
        unit: Some(open.unit.clone()),
        data: EventData::UnitResult(result),
    };
    Transaction { ticket, journal: vec![], events: vec![event], curves: vec![] }
}

/// Makes units one after the other and prints each event when it is durable.
fn controller(dir: &Path, units: u64) {
    let (outbox, recovery) = Outbox::open(dir, options()).expect("the killed one left it whole");
    let network = Network::open(&NetworkOptions::cell_at(dir)).expect("loopback");
    network.write_endpoint(dir).expect("room");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    let delivery =
        Delivery::start(&network, &address(), dir, writer.cursor(), writer.head()).expect("a thread");
    let live = LivePublisher::start(&network, address()).expect("a thread");
    let first = recovery.serial_counter.unwrap_or(0) + 4;
    let tell = |count: usize| {
        for _ in 0..count {
            let Ok(Ack::Durable { events, .. }) = acks.recv_timeout(SOON) else { panic!("durable") };
            for event in events {
                // One write: the reader never sees a line of which not all is told.
                let mut out = std::io::stdout().lock();
                out.write_all(format!("\n{}\n", event.line).as_bytes())
                    .and_then(|()| out.flush())
                    .expect("a reader");
                live.publish(&event);
            }
        }
    };
    for (ticket, open) in (0..).zip(&recovery.open_units) {
        writer.submit(interrupted(open, ticket)).expect("room in the queue");
    }
    tell(recovery.open_units.len());
    for i in 0..units {
        let number = first + i * 4;
        let unit = unit_transactions(&format!("S{number}"), number);
        let count = unit.len();
        unit.into_iter().for_each(|tx| writer.submit(tx).expect("room in the queue"));
        tell(count);
    }
    assert!(delivery.flush(SOON), "{:?}", delivery.status());
    drop(delivery);
    assert!(writer.finish().is_empty());
    drop(live);
    network.close();
}

fn recorder(dir: &Path) {
    let endpoint = std::fs::read_to_string(dir.join("endpoint")).expect("the cell is there");
    let network = Network::open(&NetworkOptions::recorder(endpoint.trim())).expect("loopback");
    let store =
        SqliteStore::open(&dir.join("dhr.db"), StoreOptions::default()).expect("the killed one left it");
    let _recorder = Recorder::start(&network, EVERY_CELL, Box::new(store)).expect("a thread");
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn killed_controllers_and_recorders_lose_and_double_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut told: Vec<String> = Vec::new();
    let mut recorders: Vec<Child> = Vec::new();
    let mut listener: Option<Listener> = None;
    for round in 0..ROUNDS {
        let mut cell = start("controller", dir.path());
        let mut lines = BufReader::new(cell.stdout.take().expect("a pipe")).split(b'\n');
        let mut read = 0;
        // Killed after some more events each round, anywhere in the work on the next ones; the last one not
        // before the listener, who takes up to a second to find the cell again, has heard of it.
        let deaf =
            |listener: &Option<Listener>| listener.as_ref().is_none_or(|l| l.samples.len() < HEARD_MIN);
        while read < 40 + round * 17 || (round + 1 == ROUNDS && deaf(&listener) && read < LINES_MAX) {
            let line = lines.next().expect("it runs until it is killed").expect("a pipe");
            if line.starts_with(b"{") {
                told.push(String::from_utf8(line).expect("UTF-8"));
                read += 1;
            }
            if read == 10 {
                // A kill of the recorder, too, and a new one while the cell goes on.
                recorders.drain(..).for_each(kill);
                recorders.push(start("recorder", dir.path()));
                listener.get_or_insert_with(|| Listener::start(dir.path()));
            }
        }
        kill(cell);
        // What it printed and was not yet read; the last line may be torn by the kill.
        let rest: Vec<Vec<u8>> = lines.map_while(Result::ok).collect();
        let whole = rest.into_iter().filter(|l| l.starts_with(b"{") && l.ends_with(b"}"));
        told.extend(whole.filter_map(|l| String::from_utf8(l).ok()));
    }
    let last = start("last controller", dir.path()).wait_with_output().expect("a process");
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stdout));
    let text = String::from_utf8(last.stdout).expect("UTF-8");
    told.extend(text.lines().filter(|l| l.starts_with('{')).map(str::to_owned));
    recorders.into_iter().for_each(kill);

    let store = dir.path().join("dhr.db");
    let report = verify_files(&store, Some(dir.path()), None).expect("readable");
    assert!(report.ok && report.undelivered == 0, "{report:?}");
    let reader = SqliteReader::open(&store).expect("a store");
    let mut kept = Vec::new();
    reader.scan(&mut |row| kept.push(row.line)).expect("readable");
    for line in &told {
        assert_eq!(kept.iter().filter(|k| *k == line).count(), 1, "told and not kept once: {line}");
    }
    let heard = listener.expect("a cell was there").heard();
    assert!(heard.len() >= HEARD_MIN, "{}", heard.len());
    let all: BTreeSet<&String> = kept.iter().collect();
    assert!(heard.iter().all(|line| all.contains(line)), "what anyone heard is in the store");
    let list = crate::dhr::list(&reader).expect("readable");
    assert!(list.iter().all(|unit| unit.result.is_some()), "every unit has its end: {list:?}");
    assert!(list.len() > 50);
}

/// Someone outside who listens to the cell, through all its restarts.
struct Listener {
    network: Network,
    samples: zenoh::pubsub::Subscriber<FifoChannelHandler<Sample>>,
}

impl Listener {
    fn start(dir: &Path) -> Listener {
        let endpoint = std::fs::read_to_string(dir.join("endpoint")).expect("the cell is there");
        let network = Network::open(&NetworkOptions::recorder(endpoint.trim())).expect("loopback");
        let samples = network.session().declare_subscriber("cellwright/v1/**/unit/**");
        let samples = samples.with(FifoChannel::new(100_000)).wait().expect("a session");
        Listener { network, samples }
    }

    fn heard(self) -> Vec<String> {
        let samples = self.samples.try_iter().map(|s| s.payload().to_bytes().into_owned());
        let lines = samples.map(|bytes| String::from_utf8(bytes).expect("UTF-8")).collect();
        self.network.close();
        lines
    }
}

fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ran");
}

/// Commits under a file size limit until that refuses, and then once more without it.
fn limited(dir: &Path) {
    let (outbox, _) = Outbox::open(dir, options()).expect("new");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    set_file_size_limit(400_000);
    let mut ticket = 0;
    let said = 'failing: loop {
        for tx in unit_transactions(&format!("S{ticket}"), ticket) {
            match writer.submit(tx) {
                Ok(()) => {}
                Err(SubmitError::Full(_) | SubmitError::Ended(_)) => panic!("refused without a word"),
            }
        }
        ticket += 4;
        for _ in 0..4 {
            match acks.recv_timeout(SOON).expect("an acknowledgement") {
                Ack::Durable { .. } => {}
                Ack::Failing { error, .. } => break 'failing error.to_string(),
                other => panic!("{other:?}"),
            }
        }
    };
    println!("\nsaid: {said}");
    set_file_size_limit(libc::RLIM_INFINITY);
    while !matches!(acks.recv_timeout(SOON).expect("an acknowledgement"), Ack::Recovered) {}
    assert!(writer.finish().is_empty());
    println!("\nunits: {}", ticket / 4);
}

fn set_file_size_limit(bytes: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: `limit` is a valid rlimit and outlives the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
}

#[test]
fn a_file_size_limit_is_an_error_with_a_remedy_and_not_the_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = start("limited", dir.path()).wait_with_output().expect("a process");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    let said = text.lines().find_map(|l| l.strip_prefix("said: ")).expect("it says why");
    assert!(said.contains("outbox.db") && said.contains("limit"), "{said}");
    let units: u64 = text.lines().find_map(|l| l.strip_prefix("units: ")?.parse().ok()).expect("it went on");
    let (outbox, _) = Outbox::open(dir.path(), options()).expect("whole");
    assert_eq!(outbox.head().seq, units * 4);
}
