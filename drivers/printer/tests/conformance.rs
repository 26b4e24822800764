//! The driver with its twin passes the suite of `cellwright-driver-api`; and what becomes of labels meanwhile.

use std::cell::{Cell, RefCell};

use cellwright_driver_api::message::conformance::{MessageRig, check_message_driver};
use cellwright_driver_api::message::{DeviceError, MessageDriver, MessageTwin, PrintEnd, PrintRequest};
use cellwright_model::cell::Printer;
use cellwright_model::label::PrinterTrouble;
use cellwright_model::{DurationNs, PrinterId, RequestId, StationId, TimeNs};
use cellwright_printer::driver::ZplPrinter;
use cellwright_printer::twin::{PrinterScene, PrinterTwin};

/// Labels that came out, and why the printer stands.
#[derive(Default)]
struct Roll {
    labels: RefCell<Vec<Option<String>>>,
    trouble: Cell<Option<PrinterTrouble>>,
}

impl PrinterScene for Roll {
    fn trouble(&self, _printer: PrinterId) -> Option<PrinterTrouble> {
        self.trouble.get()
    }
    fn printed(&self, _printer: PrinterId, element_string: Option<&str>) {
        self.labels.borrow_mut().push(element_string.map(String::from));
    }
}

const CODE: &str = "\u{1d}010401234567890110L24-77\u{1d}21CH0001";
const TIMEOUT: DurationNs = DurationNs::from_millis(3_000);
const STEP: DurationNs = DurationNs::from_millis(1);

fn rig(scene: &Roll) -> MessageRig<'_, ZplPrinter, PrinterTwin> {
    let printer = Printer {
        name: "label_1".into(),
        address: "".into(),
        station: StationId(0),
        answer_timeout: TIMEOUT,
    };
    MessageRig {
        driver: ZplPrinter::new(&printer),
        twin: PrinterTwin::new(PrinterId(0), DurationNs::from_millis(400)),
        scene,
        request: PrintRequest {
            element_string: CODE.into(),
            lines: vec!["(01)04012345678901(10)L24-77(21)CH0001".into(), "UDI".into()],
        },
        accept: |end| *end == PrintEnd::Printed,
        timeout: TIMEOUT,
    }
}

#[test]
fn driver_and_twin_conform() {
    let scene = Roll::default();
    if let Err(broken) = check_message_driver(|| rig(&scene)) {
        panic!("{broken}");
    }
}

type Rig<'a> = MessageRig<'a, ZplPrinter, PrinterTwin>;

fn connected(scene: &Roll) -> Rig<'_> {
    let mut rig = rig(scene);
    rig.driver.on_connect(TimeNs(0));
    rig.twin.on_connect();
    rig
}

/// Carries bytes both ways, once a millisecond from `from` on, until there is an answer or twice the time-out is over.
fn until_answered(rig: &mut Rig<'_>, from: TimeNs) -> (TimeNs, Option<Result<PrintEnd, DeviceError>>) {
    let mut now = from;
    while now.since(from).0 <= 2 * TIMEOUT.0 {
        carry(rig, now);
        if let Some(answer) = rig.driver.poll(now) {
            carry(rig, now);
            return (now, Some(answer.result));
        }
        now = now + STEP;
    }
    (now, None)
}

fn carry(rig: &mut Rig<'_>, now: TimeNs) {
    let mut bytes = Vec::new();
    rig.driver.transmit(&mut bytes);
    rig.twin.receive(now, &bytes, rig.scene);
    bytes.clear();
    rig.twin.transmit(now, &mut bytes);
    rig.driver.receive(now, &bytes);
}

fn begin(rig: &mut Rig<'_>, now: TimeNs, id: u32) {
    rig.driver.request(now, RequestId(id), &rig.request).expect("it may begin");
}

#[test]
fn printed_is_the_printers_word_and_comes_after_its_time() {
    let scene = Roll::default();
    let mut rig = connected(&scene);
    begin(&mut rig, TimeNs(0), 1);
    let (now, end) = until_answered(&mut rig, TimeNs(0));
    assert_eq!(end, Some(Ok(PrintEnd::Printed)));
    assert!((400..500).contains(&(now.0 / 1_000_000)), "{now:?}");
    assert_eq!(*scene.labels.borrow(), [Some(CODE.to_owned())]);
}

#[test]
fn a_printer_that_is_not_ready_is_sent_nothing_and_says_why() {
    for trouble in PrinterTrouble::ALL {
        let scene = Roll::default();
        scene.trouble.set(Some(trouble));
        let mut rig = connected(&scene);
        begin(&mut rig, TimeNs(0), 1);
        let (now, end) = until_answered(&mut rig, TimeNs(0));
        assert_eq!(end, Some(Ok(PrintEnd::NotPrinted(trouble))));
        scene.trouble.set(None);
        // Ready again, it prints what it is asked for then, and nothing of before.
        begin(&mut rig, now, 2);
        assert_eq!(until_answered(&mut rig, now).1, Some(Ok(PrintEnd::Printed)));
        assert_eq!(scene.labels.borrow().len(), 1);
    }
}

#[test]
fn a_label_that_the_printer_stopped_in_never_comes_out_later() {
    let scene = Roll::default();
    let mut rig = connected(&scene);
    begin(&mut rig, TimeNs(0), 1);
    (0..100).for_each(|ms| carry(&mut rig, TimeNs(ms * 1_000_000)));
    scene.trouble.set(Some(PrinterTrouble::PaperOut));
    let (now, end) = until_answered(&mut rig, TimeNs(100_000_000));
    assert_eq!(end, Some(Ok(PrintEnd::Broken(PrinterTrouble::PaperOut))));
    scene.trouble.set(None);
    let later = now + TIMEOUT;
    rig.twin.receive(later, b"~HS\n", rig.scene);
    assert_eq!(scene.labels.borrow().len(), 0);
}

#[test]
fn a_label_of_a_lost_connection_is_thrown_away_by_the_next_one() {
    let scene = Roll::default();
    let mut rig = connected(&scene);
    begin(&mut rig, TimeNs(0), 1);
    (0..100).for_each(|ms| carry(&mut rig, TimeNs(ms * 1_000_000)));
    rig.driver.on_disconnect(TimeNs(100_000_000));
    let answer = rig.driver.poll(TimeNs(100_000_000)).expect("an answer");
    assert_eq!(answer.result, Err(DeviceError::Disconnected));
    rig.driver.on_connect(TimeNs(200_000_000));
    rig.twin.on_connect();
    carry(&mut rig, TimeNs(200_000_000));
    let later = TimeNs(200_000_000) + TIMEOUT;
    rig.twin.receive(later, b"~HS\n", rig.scene);
    assert_eq!(scene.labels.borrow().len(), 0);
}

/// What answers an earlier poll is never taken for the word on a later label.
#[test]
fn an_old_answer_says_nothing_of_a_new_label() {
    let scene = Roll::default();
    let mut rig = connected(&scene);
    begin(&mut rig, TimeNs(0), 1);
    let mut poll = Vec::new();
    rig.driver.transmit(&mut poll);
    let end = TimeNs(0) + TIMEOUT;
    assert_eq!(rig.driver.poll(end).map(|a| a.result), Some(Err(DeviceError::TimedOut)));
    begin(&mut rig, end, 2);
    // Nothing is sent until the printer has answered, or has been quiet for some time.
    let mut sent = Vec::new();
    rig.driver.transmit(&mut sent);
    assert!(sent.is_empty());
    rig.twin.receive(end, &poll, rig.scene);
    let (_, answer) = until_answered(&mut rig, end);
    assert_eq!(answer, Some(Ok(PrintEnd::Printed)));
    assert_eq!(rig.driver.counters().stray, 1);
    // One that never comes is not waited for without an end.
    let mut rig = connected(&scene);
    begin(&mut rig, TimeNs(0), 1);
    rig.driver.transmit(&mut sent);
    assert_eq!(rig.driver.poll(end).map(|a| a.result), Some(Err(DeviceError::TimedOut)));
    begin(&mut rig, end, 2);
    assert_eq!(until_answered(&mut rig, end).1, Some(Ok(PrintEnd::Printed)));
}

#[test]
fn what_a_printer_takes_is_bounded() {
    let scene = Roll::default();
    let mut twin = rig(&scene).twin;
    let flood = [b"^XA".to_vec(), vec![b'x'; 1 << 20], b"^XZ".to_vec(), b"~HS".repeat(1_000)].concat();
    twin.receive(TimeNs(0), &flood, &scene);
    let mut out = Vec::new();
    twin.transmit(TimeNs(0), &mut out);
    assert!(!out.is_empty() && out.len() <= 4096, "{}", out.len());
    twin.receive(TimeNs(0), &b"^XA^FDx^FS^XZ".repeat(1_000), &scene);
    for s in 1..1_000 {
        twin.receive(TimeNs(s * 1_000_000_000), b"", &scene);
    }
    assert_eq!(scene.labels.borrow().len(), 16);
    assert!(scene.labels.borrow().iter().all(Option::is_none), "they have no symbol");
}
