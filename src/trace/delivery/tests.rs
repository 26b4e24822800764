use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use zenoh::sample::Sample;

use super::*;
use crate::chain::SealedLine;
use crate::live::LivePublisher;
use crate::network::NetworkOptions;
use crate::outbox::{Ack, Outbox, OutboxWriter};
use crate::recorder::{EVERY_CELL, Recorder};
use crate::store::{Records, SqliteReader, SqliteStore, StoreKind, StoreOptions};
use crate::testing::{address, options, unit_transactions};
use crate::verify::verify_files;

/// How long a test waits for what has to come.
const SOON: Duration = Duration::from_secs(20);

/// A cell with its network, outbox and delivery.
struct Cell {
    dir: tempfile::TempDir,
    network: Network,
    writer: OutboxWriter,
    acks: Receiver<Ack>,
    delivery: Delivery,
}

impl Cell {
    fn new() -> Cell {
        let dir = tempfile::tempdir().expect("a directory");
        let network = Network::open(&NetworkOptions::cell()).expect("loopback");
        let (outbox, _) = Outbox::open(dir.path(), options()).expect("new");
        let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
        let delivery = Delivery::start(&network, &address(), dir.path(), writer.cursor(), writer.head());
        Cell { network, writer, acks, delivery: delivery.expect("a thread"), dir }
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("dhr.db")
    }

    /// A recorder as a process of its own would be: with its own session.
    fn recorder(&self) -> (Network, Recorder) {
        let network =
            Network::open(&NetworkOptions::recorder(&self.network.endpoints()[0])).expect("loopback");
        let store = SqliteStore::open(&self.store(), StoreOptions::default()).expect("a store");
        let recorder = Recorder::start(&network, EVERY_CELL, Box::new(store)).expect("a thread");
        (network, recorder)
    }

    /// Makes units durable; gives the lines in order.
    fn make(&self, from: u64, count: u64) -> Vec<String> {
        for i in from..from + count {
            for tx in unit_transactions(&format!("S{i}"), i * 4) {
                self.writer.submit(tx).expect("room in the queue");
            }
        }
        let mut lines = Vec::new();
        while lines.len() < count as usize * 4 {
            match self.acks.recv_timeout(SOON).expect("an acknowledgement") {
                Ack::Durable { events, .. } => lines.extend(events.into_iter().map(|e| e.line)),
                other => panic!("{other:?}"),
            }
        }
        lines
    }

    fn kept(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let reader = SqliteReader::open(&self.store()).expect("a store");
        reader.scan(&mut |row| lines.push(row.line)).expect("readable");
        lines
    }
}

#[test]
fn nothing_is_lost_or_doubled_while_recorders_come_and_go() {
    let cell = Cell::new();
    let mut told = cell.make(0, 10);
    // Nobody is there: it waits and says so.
    let until = Instant::now() + SOON;
    while cell.delivery.status().problem.is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(cell.delivery.status().problem.as_deref(), Some("no recorder answers"));
    for round in 1..=3 {
        let (network, recorder) = cell.recorder();
        told.extend(cell.make(round * 100, 20));
        let until = Instant::now() + SOON;
        // In the middle of the batches, whatever it has reached.
        while cell.delivery.status().delivered == 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        network.close();
        drop(recorder);
        told.extend(cell.make(round * 100 + 50, 10));
    }
    let (_network, _recorder) = cell.recorder();
    assert!(cell.delivery.flush(SOON), "{:?}", cell.delivery.status());
    assert_eq!(cell.kept(), told, "0 lost, 0 doubled, in order");
    let Cell { dir, delivery, writer, .. } = cell;
    drop(delivery);
    assert!(writer.finish().is_empty());
    let report = verify_files(&dir.path().join("dhr.db"), Some(dir.path()), None).expect("readable");
    assert!(report.ok && report.events == told.len() as u64, "{report:?}");
    assert_eq!((report.head_checked.as_str(), report.undelivered), ("outbox", 0));
}

#[test]
fn a_recorder_that_lost_its_store_is_filled_again() {
    let cell = Cell::new();
    let told = cell.make(0, 20);
    let first = cell.recorder();
    assert!(cell.delivery.flush(SOON), "{:?}", cell.delivery.status());
    drop(first);
    for file in ["dhr.db", "dhr.db-wal", "dhr.db-shm"] {
        // The last two only where SQLite left them.
        let _ = std::fs::remove_file(cell.dir.path().join(file));
    }
    std::fs::remove_dir_all(cell.dir.path().join("curves")).expect("there");
    // Nothing new happens: delivery asks by itself.
    let _second = cell.recorder();
    let until = Instant::now() + SOON;
    while cell.kept().len() < told.len() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(cell.kept(), told);
}

#[test]
fn a_refusing_recorder_stops_delivery_with_its_reason() {
    let cell = Cell::new();
    let path = cell.dir.path().join("production.db");
    let options = StoreOptions { kind: StoreKind::Production, ..StoreOptions::default() };
    let store = SqliteStore::open(&path, options).expect("a store");
    let recorder = Recorder::start(&cell.network, &address().base_key(), Box::new(store)).expect("a thread");
    cell.make(0, 1);
    let until = Instant::now() + SOON;
    while recorder.status().refused == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!cell.delivery.flush(Duration::from_millis(100)));
    let problem = cell.delivery.status().problem.unwrap_or_default();
    assert!(problem.contains("production store") && problem.contains("twin"), "{problem}");
    assert_eq!(cell.delivery.status().delivered, 0);
}

#[test]
fn two_recorders_both_get_everything() {
    let cell = Cell::new();
    let other = cell.dir.path().join("other").join("dhr.db");
    let (_network, _recorder) = cell.recorder();
    let store = SqliteStore::open(&other, StoreOptions::default()).expect("a store");
    let _inside = Recorder::start(&cell.network, &address().base_key(), Box::new(store)).expect("a thread");
    let told = cell.make(0, 30);
    assert!(cell.delivery.flush(SOON), "{:?}", cell.delivery.status());
    // The one that connected late may have missed the first rounds: the next brings it up.
    let more = cell.make(100, 1);
    assert!(cell.delivery.flush(SOON), "{:?}", cell.delivery.status());
    let expected = [told, more].concat();
    let until = Instant::now() + SOON;
    while cell.kept().len() < expected.len() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(cell.kept(), expected);
    let mut lines = Vec::new();
    let reader = SqliteReader::open(&other).expect("a store");
    reader.scan(&mut |row| lines.push(row.line)).expect("readable");
    assert_eq!(lines, expected);
}

#[test]
fn live_events_come_on_their_keys_with_the_line_as_stored() {
    let cell = Cell::new();
    let mut options = NetworkOptions::recorder(&cell.network.endpoints()[0]);
    options.mode = crate::network::NetworkMode::Client;
    let listener = Network::open(&options).expect("a listening cell");
    let samples = listener
        .session()
        .declare_subscriber("cellwright/v1/**")
        .with(FifoChannel::new(1_000))
        .wait()
        .expect("a session");
    // The declaration is on its way to the cell: wait until something comes through.
    let until = Instant::now() + SOON;
    let probe = || cell.network.session().put("cellwright/v1/probe", "").wait().expect("a session");
    while {
        probe();
        samples.recv_timeout(Duration::from_millis(20)).ok().flatten().is_none()
    } {
        assert!(Instant::now() < until, "no connection");
    }
    let live = LivePublisher::start(&cell.network, address()).expect("a thread");
    for tx in unit_transactions("CW/1", 1) {
        cell.writer.submit(tx).expect("room in the queue");
    }
    let mut told = BTreeMap::new();
    while told.len() < 4 {
        let Ack::Durable { events, .. } = cell.acks.recv_timeout(SOON).expect("an acknowledgement") else {
            panic!("durable")
        };
        for event in events {
            live.publish(&event);
            told.insert(address().live_key(&event), event.line);
        }
    }
    let mut seen = BTreeMap::new();
    while seen.len() < 4 {
        let sample: Sample = samples.recv_timeout(SOON).expect("a session").expect("a sample");
        if !sample.key_expr().as_str().ends_with("/probe") {
            let line = String::from_utf8(sample.payload().to_bytes().into_owned()).expect("UTF-8");
            SealedLine::read(&line).expect("whole");
            seen.insert(sample.key_expr().to_string(), line);
        }
    }
    assert_eq!(seen, told);
    assert!(seen.keys().any(|k| k.ends_with("/unit/CW%2F1/step/1/1/outcome")));
    assert_eq!(live.dropped(), 0);
}

#[test]
fn a_cell_listens_again_where_it_did() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Network::open(&NetworkOptions::cell_at(dir.path())).expect("loopback");
    first.write_endpoint(dir.path()).expect("room");
    let endpoint = first.endpoints()[0].clone();
    assert!(endpoint.starts_with("tcp/127.0.0.1:") && !endpoint.ends_with(":0"), "{endpoint}");
    // It is taken: another one.
    assert_ne!(NetworkOptions::cell_at(dir.path()).listen[0], endpoint);
    first.close();
    drop(first);
    // Any other program may be given this port meanwhile, and then keeps it; a moment later it is free again.
    let until = Instant::now() + SOON;
    while NetworkOptions::cell_at(dir.path()).listen != [endpoint.clone()] {
        assert!(Instant::now() < until, "{endpoint} is not listened at again");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(
        Network::open(&NetworkOptions { listen: vec!["nonsense".into()], ..NetworkOptions::cell() }).is_err()
    );
}
