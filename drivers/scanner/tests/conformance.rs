//! The driver with its twin passes the suite of `cellwright-driver-api`; and what the twin refuses.

use cellwright_driver_api::message::conformance::{MessageRig, check_message_driver};
use cellwright_driver_api::message::{DeviceError, MessageDriver, MessageTwin, ScanRequest};
use cellwright_model::cell::Scanner;
use cellwright_model::{DurationNs, RequestId, ScannerId, StationId, TimeNs};
use cellwright_scanner::driver::LineScanner;
use cellwright_scanner::twin::{ScannerScene, ScannerTwin};

/// A hub with its code, or nothing.
struct View(Option<&'static str>);

impl ScannerScene for View {
    fn code(&self, _scanner: ScannerId) -> Option<String> {
        self.0.map(String::from)
    }
}

const CODE: &str = "\u{1d}01040123456789011729053110H24-1187\u{1d}21HB000017";
const TIMEOUT: DurationNs = DurationNs::from_millis(500);

fn rig(scene: &View) -> MessageRig<'_, LineScanner, ScannerTwin> {
    let scanner =
        Scanner { name: "scan_1".into(), address: "".into(), station: StationId(0), answer_timeout: TIMEOUT };
    MessageRig {
        driver: LineScanner::new(&scanner, 2026),
        twin: ScannerTwin::new(ScannerId(0), DurationNs::from_millis(90)),
        scene,
        request: ScanRequest,
        accept: |c| c.serial.as_deref() == Some("HB000017"),
        timeout: TIMEOUT,
    }
}

#[test]
fn driver_and_twin_conform() {
    let scene = View(Some(CODE));
    if let Err(broken) = check_message_driver(|| rig(&scene)) {
        panic!("{broken}");
    }
}

fn ask(scene: &View) -> Result<Option<String>, DeviceError> {
    let mut rig = rig(scene);
    rig.driver.on_connect(TimeNs(0));
    rig.twin.on_connect();
    rig.driver.request(TimeNs(0), RequestId(1), &rig.request)?;
    let mut bytes = Vec::new();
    rig.driver.transmit(&mut bytes);
    rig.twin.receive(TimeNs(0), &bytes, rig.scene);
    let due = rig.twin.deadline().expect("an answer under way");
    bytes.clear();
    rig.twin.transmit(due, &mut bytes);
    rig.driver.receive(due, &bytes);
    rig.driver.poll(due).expect("an answer").result.map(|c| c.serial)
}

#[test]
fn nothing_in_view_and_an_unreadable_code_are_told_apart() {
    assert_eq!(ask(&View(Some(CODE))), Ok(Some("HB000017".into())));
    assert!(matches!(ask(&View(None)), Err(DeviceError::Refused { code, .. }) if code == "no-read"));
    assert!(matches!(ask(&View(Some("0104012345678902"))), Err(DeviceError::BadCode(_))));
}

#[test]
fn the_twin_reads_one_code_at_a_time() {
    let scene = View(Some(CODE));
    let mut twin = rig(&scene).twin;
    twin.receive(TimeNs(0), b"READ 1\nREAD 2\nREAD\n", &scene);
    let mut out = Vec::new();
    twin.transmit(TimeNs(0), &mut out);
    assert_eq!(out, b"ERR 2 busy a reading is under way\nERR 0 bad-request expected READ id\n");
    out.clear();
    twin.transmit(TimeNs(90_000_000), &mut out);
    assert_eq!(out, format!("CODE 1 {CODE}\n").into_bytes());
}
