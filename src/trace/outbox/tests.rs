use std::sync::Arc;
use std::time::Duration;

use cellwright_model::event::{EventData, JournalEntry, Route, Transaction};
use cellwright_model::order::*;
use cellwright_model::outcome::{Origin, Purpose};

use super::*;
use crate::chain::SealedLine;
use crate::testing::{self, options, unit_transactions};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn lines(dir: &Path) -> Vec<SealedLine> {
    let reader = OutboxReader::open(dir).expect("an outbox");
    let lines = reader.lines_after(0, 10_000).expect("readable");
    lines.iter().map(|line| SealedLine::read(line).expect("whole")).collect()
}

/// From 1, without gaps, each following the one before.
fn assert_chained(events: &[SealedLine]) {
    let mut head = Head::empty("");
    for event in events {
        assert_eq!((event.seq, &event.prevhash), (head.seq + 1, &head.hash));
        head = event.as_head();
    }
}

#[test]
fn a_restarted_controller_finds_what_was_open() {
    let dir = dir();
    let (mut outbox, recovery) = Outbox::open(dir.path(), options()).expect("new");
    assert!(recovery.fresh && recovery.open_units.is_empty() && recovery.serial_counter.is_none());
    let stream = recovery.head.stream.clone();
    outbox.commit(&unit_transactions("S1", 1), 0).expect("room");
    let mut half = unit_transactions("S2", 5);
    half.truncate(2);
    half[1].journal.extend([
        JournalEntry::PickCount { tray: "hub".into(), picks: 7 },
        JournalEntry::PartMoved {
            part: "hub/7".into(),
            from: "hub_tray/3".into(),
            to: "robot_l".into(),
            verified: true,
        },
        JournalEntry::PartMoved {
            part: "hub/6".into(),
            from: "nest/1".into(),
            to: "bin".into(),
            verified: false,
        },
        JournalEntry::PartLeft { part: "hub/6".into() },
    ]);
    outbox.commit(&half, 0).expect("room");
    let head = outbox.head();
    // As a kill leaves it: nothing is closed, the lock goes with the file.
    drop(outbox);

    let (mut outbox, recovery) = Outbox::open(dir.path(), options()).expect("left by the killed one");
    assert_eq!(recovery.head.stream, stream, "made once for a state directory");
    assert_eq!(recovery.head, head);
    assert_eq!(recovery.serial_counter, Some(5));
    assert_eq!(recovery.tray_cursors, ByName::from([("hub_tray".to_owned(), 3)]));
    assert_eq!(recovery.picks, ByName::from([("hub".to_owned(), 7)]));
    let place = Place { place: "robot_l".into(), verified: true };
    assert_eq!(recovery.places, ByName::from([("hub/7".to_owned(), place)]));
    let [open] = &recovery.open_units[..] else { panic!("one open unit: {:?}", recovery.open_units) };
    assert_eq!(open.unit, testing::unit("S2"));
    // Step 1 has its outcome; step 2 was intended and has none.
    let [intent] = &open.intents[..] else { panic!("one intent: {:?}", open.intents) };
    assert_eq!((intent.step.as_str(), intent.n, intent.attempt), ("step-2", 2, 1));

    // The chain goes on, and the end of the unit closes it.
    let mut rest = unit_transactions("S2", 5);
    outbox.commit(&rest.split_off(3), 0).expect("room");
    assert_chained(&lines(dir.path()));
    drop(outbox);
    let (_outbox, recovery) = Outbox::open(dir.path(), options()).expect("again");
    assert!(recovery.open_units.is_empty());
}

/// Terms of an order with that quantity.
fn order_terms(quantity: u32) -> OrderTerms {
    OrderTerms {
        id: "PO-1".into(),
        lot: "L-1".into(),
        product: Product { part: "IS-23".into(), di: None },
        recipe: RecipePin { id: "cannula-hub".into(), version: "3.2.0".into(), hash: "a".repeat(64) },
        variant: None,
        quantity,
        starts_max: 9,
        serials: SerialRange { prefix: "L1-".into(), digits: 3, first: 1, last: 9 },
        due: None,
        purpose: Purpose::Trial,
        sets: Default::default(),
    }
}

#[test]
fn what_was_made_of_an_order_is_known_after_a_kill() {
    let dir = dir();
    let (mut outbox, recovery) = Outbox::open(dir.path(), options()).expect("new");
    assert!(recovery.orders.is_empty());
    let progress = |started, good| {
        let progress = OrderProgress { started, good, ..OrderProgress::default() };
        JournalEntry::OrderProgress { order: "PO-1".into(), progress }
    };
    let mut batch = unit_transactions("L1-001", 1);
    batch[0].journal.insert(0, JournalEntry::OrderTaken { terms: Arc::new(order_terms(3)) });
    batch[0].journal.push(progress(1, 0));
    batch[3].journal.push(progress(1, 1));
    outbox.commit(&batch, 0).expect("room");
    let mut half = unit_transactions("L1-002", 5);
    half.truncate(1);
    half[0].journal.push(progress(2, 1));
    outbox.commit(&half, 0).expect("room");
    // A commit that is tried again after a failure may say what was said before: nothing goes back.
    let mut again = unit_transactions("L1-003", 6);
    again.truncate(1);
    again[0].journal.push(progress(1, 0));
    outbox.commit(&again, 0).expect("room");
    drop(outbox);

    let (mut outbox, recovery) = Outbox::open(dir.path(), options()).expect("left by the killed one");
    let known = &recovery.orders["PO-1"];
    assert_eq!(known.terms, order_terms(3));
    assert_eq!(known.progress, OrderProgress { started: 2, good: 1, ..OrderProgress::default() });

    // Taken again: the counts stay.
    let due = OrderTerms { due: Some("2030-01-01".into()), ..order_terms(3) };
    let mut taken = unit_transactions("L1-004", 9);
    taken.truncate(1);
    taken[0].journal = vec![JournalEntry::OrderTaken { terms: Arc::new(due.clone()) }];
    outbox.commit(&taken, 0).expect("room");
    drop(outbox);
    let (_outbox, recovery) = Outbox::open(dir.path(), options()).expect("again");
    assert_eq!(recovery.orders["PO-1"], KnownOrder { terms: due, progress: known.progress });
}

#[test]
fn one_controller_for_a_state_directory_and_one_cell() {
    let dir = dir();
    let (outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let refused = Outbox::open(dir.path(), options()).expect_err("held").to_string();
    assert!(refused.contains(&format!("a controller, process {}", std::process::id())), "{refused}");
    drop(outbox);
    let mut other = options();
    other.address.cell = "cell-u".into();
    assert!(matches!(Outbox::open(dir.path(), other), Err(TraceError::Foreign { .. })));
    let of = |origin| OutboxOptions { origin, ..options() };
    drop(Outbox::open(dir.path(), of(Some(Origin::Twin))).expect("a twin's from now on"));
    drop(Outbox::open(dir.path(), of(Some(Origin::Twin))).expect("the twin's own"));
    drop(Outbox::open(dir.path(), of(None)).expect("whoever only looks"));
    let real = Outbox::open(dir.path(), of(Some(Origin::Real)));
    assert!(
        matches!(real, Err(TraceError::Foreign { .. })),
        "no orders and serials of a twin on a real machine"
    );
}

#[test]
fn a_full_disk_leaves_nothing_half_done_and_goes_on_when_there_is_room() {
    let dir = dir();
    let mut small = options();
    small.pages_max = 40;
    let (mut outbox, _) = Outbox::open(dir.path(), small).expect("room for the tables");
    let mut done = 0;
    let mut refused = None;
    for i in 0..200 {
        let batch = unit_transactions(&format!("S{i}"), i * 4);
        match outbox.commit(&batch, 0) {
            Ok(_) => done += batch.len(),
            Err(e) => {
                refused = Some((batch, e));
                break;
            }
        }
    }
    let (batch, error) = refused.expect("40 pages are full at some time");
    let text = error.to_string();
    assert!(text.contains("full") && text.contains("free space"), "{text}");
    assert_eq!(lines(dir.path()).len(), done);
    assert!(outbox.commit(&batch, 0).is_err(), "still full");
    // The recorder acknowledged: the cursor moves in the same transaction, and makes the room.
    outbox.options.tail = 1;
    let delivered = outbox.head().seq;
    outbox.commit(&batch, delivered).expect("room again");
    let left = lines(dir.path());
    assert_eq!(left.last().map(|e| e.seq), Some(done as u64 + batch.len() as u64));
    assert_eq!(left.first().map(|e| e.seq), Some(delivered));
}

#[test]
fn what_a_failed_commit_left_behind_is_found_and_not_doubled() {
    let dir = dir();
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    outbox.commit(&unit_transactions("S1", 1), 0).expect("room");
    let before = outbox.head();
    let batch = unit_transactions("S2", 5);
    let first = outbox.commit(&batch, 0).expect("room");
    outbox.forget_last_commit(before.clone());
    // Tried again, with what came after it.
    let mut more = batch.clone();
    more.extend(unit_transactions("S3", 9));
    let again = outbox.commit(&more, 0).expect("room");
    assert_eq!(again[0].events[0].hash, first[0].events[0].hash);
    let events = lines(dir.path());
    assert_eq!(events.len(), 12);
    assert_chained(&events);

    // Another transaction in its place is not passed off as the durable one.
    outbox.forget_last_commit(before);
    assert!(matches!(
        outbox.commit(&unit_transactions("S9", 5), 0),
        Err(TraceError::Refused { ticket: 5, .. })
    ));
}

#[test]
fn what_was_delivered_is_dropped_but_for_the_tail() {
    let dir = dir();
    let mut options = options();
    options.tail = 3;
    let (mut outbox, _) = Outbox::open(dir.path(), options.clone()).expect("new");
    outbox.commit(&unit_transactions("S1", 1), 99).expect("room");
    assert_eq!(outbox.delivered(), 0, "a cursor beyond what is there is not believed");
    outbox.commit(&unit_transactions("S2", 5), 0).expect("room");
    outbox.commit(&[], 8).expect("room");
    assert_eq!(lines(dir.path()).iter().map(|e| e.seq).collect::<Vec<_>>(), [6, 7, 8]);
    let reader = OutboxReader::open(dir.path()).expect("an outbox");
    assert_eq!(reader.curve(&testing::curve("S1").hash()).expect("readable"), None);
    assert!(
        reader.curve(&testing::curve("S2").hash()).expect("readable").is_some(),
        "event 6 is in the tail"
    );
    outbox.commit(&[], 2).expect("no way back");
    assert_eq!(outbox.delivered(), 8);
    drop(outbox);
    let (outbox, recovery) = Outbox::open(dir.path(), options).expect("left");
    assert_eq!((recovery.delivered, recovery.head.seq, outbox.delivered()), (8, 8, 8));
}

#[test]
fn a_curve_has_to_come_with_its_event() {
    let dir = dir();
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let mut batch = unit_transactions("S1", 1);
    batch[1].curves.clear();
    assert!(matches!(outbox.commit(&batch, 0), Err(TraceError::Refused { ticket: 2, .. })));
    assert!(lines(dir.path()).is_empty(), "all or nothing");
    outbox.commit(&unit_transactions("S1", 1), 0).expect("usable as before");
}

#[test]
fn a_damaged_head_is_told_at_the_start() {
    let dir = dir();
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    outbox.commit(&unit_transactions("S1", 1), 0).expect("room");
    drop(outbox);
    let conn = Connection::open(dir.path().join(OUTBOX_FILE)).expect("a database");
    conn.execute("UPDATE outbox SET line = replace(line, 'good', 'ng') WHERE seq = 4", []).expect("writable");
    drop(conn);
    assert!(matches!(Outbox::open(dir.path(), options()), Err(TraceError::Damaged { .. })));
}

fn submit_all(writer: &OutboxWriter, transactions: Vec<Transaction>) {
    for tx in transactions {
        writer.submit(tx).expect("room in the queue");
    }
}

#[test]
fn the_writer_acknowledges_in_order_and_only_what_is_durable() {
    let dir = dir();
    let (outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    let mut tickets = Vec::new();
    for i in 0..50 {
        submit_all(&writer, unit_transactions(&format!("S{i}"), i * 4 + 1));
    }
    for _ in 0..200 {
        let Ok(Ack::Durable { ticket, events }) = acks.recv_timeout(Duration::from_secs(10)) else {
            panic!("an acknowledgement")
        };
        let reader = OutboxReader::open(dir.path()).expect("an outbox");
        let [event] = &events[..] else { panic!("one event") };
        assert_eq!(reader.lines_after(event.seq - 1, 1).expect("readable")[0], event.line);
        tickets.push(ticket);
    }
    assert!(tickets.is_sorted() && tickets.len() == 200);
    assert_eq!(writer.head().get().seq, 200);
    writer.cursor().advance(150);
    assert!(writer.finish().is_empty());
    assert_chained(&lines(dir.path()));
    assert_eq!(OutboxReader::open(dir.path()).expect("an outbox").delivered().expect("readable"), 150);
    Outbox::open(dir.path(), options()).expect("given up by the writer");
}

#[test]
fn the_writer_keeps_the_order_while_the_disk_refuses() {
    let dir = dir();
    let mut small = options();
    (small.pages_max, small.tail) = (40, 1);
    let (outbox, _) = Outbox::open(dir.path(), small).expect("room for the tables");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    for i in 0..40 {
        submit_all(&writer, unit_transactions(&format!("S{i}"), i * 4 + 1));
    }
    let mut durable = Vec::new();
    let mut failed = 0;
    while durable.len() < 160 {
        match acks.recv_timeout(Duration::from_secs(10)).expect("an acknowledgement") {
            Ack::Durable { ticket, .. } => durable.push(ticket),
            Ack::Failing { error, waiting } => {
                assert!(waiting > 0 && error.to_string().contains("full"), "{error}");
                failed += 1;
                // The recorder takes what there is, and so makes room.
                writer.cursor().advance(writer.head().get().seq);
            }
            Ack::Recovered => {}
            Ack::Refused { ticket, error } => panic!("{ticket}: {error}"),
        }
    }
    assert!(failed > 0, "40 pages were full at some time");
    assert_eq!(durable, (1..=160).collect::<Vec<_>>());
    assert!(writer.finish().is_empty());
}

#[test]
fn the_writer_names_what_it_could_not_keep() {
    let dir = dir();
    let mut small = options();
    small.pages_max = 40;
    let (outbox, _) = Outbox::open(dir.path(), small).expect("room for the tables");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    for i in 0..40 {
        submit_all(&writer, unit_transactions(&format!("S{i}"), i * 4 + 1));
    }
    let lost = writer.finish();
    let durable = acks.iter().filter(|ack| matches!(ack, Ack::Durable { .. })).count();
    assert!(!lost.is_empty());
    assert_eq!(lost, (durable as u64 + 1..=160).collect::<Vec<_>>());
    assert_eq!(lines(dir.path()).len(), durable);
}

#[test]
fn an_event_that_can_never_be_written_is_refused_alone() {
    let dir = dir();
    let (outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let (writer, acks) = OutboxWriter::start(outbox).expect("a thread");
    let mut batch = unit_transactions("S1", 1);
    if let EventData::StepOutcome(step) = &mut batch[1].events[0].data {
        step.measurements[0].value = Some(f64::NAN);
    }
    submit_all(&writer, batch);
    drop(writer);
    let said: Vec<String> = acks
        .iter()
        .map(|ack| match ack {
            Ack::Durable { ticket, .. } => format!("durable {ticket}"),
            Ack::Refused { ticket, error } => {
                assert!(error.to_string().contains("NaN"), "{error}");
                format!("refused {ticket}")
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let mut sorted = said.clone();
    sorted.sort();
    assert_eq!(sorted, ["durable 1", "durable 3", "durable 4", "refused 2"], "{said:?}");
}

/// What is recovered after these entries, and the entries of a next life if there is one.
fn after(entries: Vec<JournalEntry>) -> Recovery {
    let dir = dir();
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let transaction = Transaction { ticket: 1, journal: entries, events: Vec::new(), curves: Vec::new() };
    outbox.commit(&[transaction], 0).expect("room");
    drop(outbox);
    Outbox::open(dir.path(), options()).expect("again").1
}

fn moved(part: &str, to: &str) -> JournalEntry {
    JournalEntry::PartMoved { part: part.into(), from: "hand".into(), to: to.into(), verified: true }
}

fn route(part: &str, places: &[&str]) -> Route {
    let places = places.iter().map(|p| (*p).to_string()).collect();
    Route { part: part.into(), places, seen_by: Some(("load.hub".into(), "load".into())) }
}

#[test]
fn a_doubt_lives_until_the_part_is_found_or_gone() {
    let doubt = |part: &str| JournalEntry::PartDoubt { route: route(part, &["hub_tray/3", "robot_l"]) };
    let kept = after(vec![doubt("S1/hub"), doubt("S2/hub"), doubt("S3/hub"), doubt("S4/hub"), doubt("S5")]);
    assert_eq!(kept.doubts.len(), 5);
    assert_eq!(kept.doubts[0], route("S1/hub", &["hub_tray/3", "robot_l"]));
    let settled = after(vec![
        doubt("S1/hub"),
        doubt("S2/hub"),
        doubt("S3/hub"),
        doubt("S4/hub"),
        doubt("S5"),
        moved("S1/hub", "robot_l"),
        JournalEntry::PartLeft { part: "S2/hub".into() },
        JournalEntry::PartSettled { part: "S3/hub".into() },
        JournalEntry::PartsJoined { serial: "S4".into() },
    ]);
    assert_eq!(settled.doubts.iter().map(|d| d.part.as_str()).collect::<Vec<_>>(), ["S5"]);
}

#[test]
fn what_has_left_the_cell_is_not_followed_for_ever() {
    let recovery = after(vec![
        moved("S1/hub", "nest/0"),
        moved("S1/cap", "nest/0"),
        moved("S10/hub", "nest/1"),
        JournalEntry::PartsJoined { serial: "S1".into() },
        moved("S1", "good_tray/0"),
        moved("S2", "good_tray/1"),
        moved("S3", "good_tray_2/0"),
        moved("S4", "reject_bin"),
        JournalEntry::TrayEmptied { tray: "good_tray".into() },
    ]);
    let left: Vec<&str> = recovery.places.keys().map(String::as_str).collect();
    assert_eq!(left, ["S10/hub", "S3", "S4"]);
    assert!(
        after(vec![moved("S4", "bin"), JournalEntry::TrayEmptied { tray: "bin".into() }]).places.is_empty()
    );
}

#[test]
fn moves_that_were_under_way_are_doubts_of_their_parts() {
    let dir = dir();
    let (mut outbox, _) = Outbox::open(dir.path(), options()).expect("new");
    let mut half = unit_transactions("S2", 5);
    half.truncate(1);
    half[0].journal.push(JournalEntry::StepIntent {
        serial: "S2".into(),
        step: "to-tray".into(),
        n: 9,
        attempt: 1,
        station: None,
        time: testing::stamp(9),
        route: Some(route("S2", &["nest/0", "robot_r", "good_tray/4"])),
    });
    half[0].journal.push(moved("S2", "robot_r"));
    outbox.commit(&half, 0).expect("room");
    drop(outbox);
    let (_outbox, recovery) = Outbox::open(dir.path(), options()).expect("again");
    assert_eq!(recovery.doubts(), [route("S2", &["nest/0", "robot_r", "good_tray/4"])]);
    assert_eq!(recovery.places["S2"].place, "robot_r");
}

#[test]
fn lots_and_serials_are_known_in_the_next_life() {
    use cellwright_model::material::LotShare;
    let lots = vec![LotShare { part: "CAN".into(), lot: "C-1".into(), expiry: None, left: Some(3) }];
    let identified = |serial: &str, unit: &str| JournalEntry::PartIdentified {
        part: "HUB".into(),
        serial: serial.into(),
        unit: unit.into(),
    };
    let recovery = after(vec![
        JournalEntry::TrayLots { tray: "lane".into(), lots: lots.clone() },
        identified("HB-2", "S1"),
        identified("HB-1", "S2"),
    ]);
    assert_eq!(recovery.tray_lots["lane"], lots);
    let serials: Vec<&str> = recovery.identities.iter().map(|i| i.serial.as_str()).collect();
    assert_eq!(serials, ["HB-2", "HB-1"]);
}
