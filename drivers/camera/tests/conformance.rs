//! The driver with its twin passes the suite of `cellwright-driver-api`; and what the twin refuses.

use cellwright_camera::driver::LineCamera;
use cellwright_camera::twin::{CameraScene, CameraTwin};
use cellwright_driver_api::message::conformance::{MessageRig, check_message_driver};
use cellwright_driver_api::message::{DeviceError, InspectRequest, MessageDriver, MessageTwin};
use cellwright_model::cell::{Camera, CameraJob, CameraMeasure};
use cellwright_model::{CameraId, Dimension, DurationNs, RequestId, TimeNs};

/// One cannula tip, or nothing.
struct Tip(Option<f64>);

impl CameraScene for Tip {
    fn subject(&self, _camera: CameraId) -> Option<u64> {
        self.0.map(|_| 1)
    }
    fn measure(&self, _camera: CameraId, name: &str, exposure: u64) -> Option<f64> {
        (name == "burr").then_some(self.0? + exposure as f64 * 1e-3)
    }
}

const TIMEOUT: DurationNs = DurationNs::from_millis(500);

fn camera() -> Camera {
    let burr = CameraMeasure { name: "burr".into(), dimension: Dimension::Length, resolution: 1e-4 };
    Camera {
        name: "cam_1".into(),
        address: "127.0.0.1:0".into(),
        jobs: vec![CameraJob { name: "cannula-tip".into(), version: 4, measures: vec![burr] }],
        answer_timeout: TIMEOUT,
        equipment: None,
    }
}

fn rig(scene: &Tip) -> MessageRig<'_, LineCamera, CameraTwin> {
    MessageRig {
        driver: LineCamera::new(&camera()),
        twin: CameraTwin::new(CameraId(0), &camera(), DurationNs::from_millis(180)),
        scene,
        request: InspectRequest { job: "cannula-tip".into(), version: 4 },
        accept: |r| r.values.len() == 1 && (0.008..0.02).contains(&r.values[0].value),
        timeout: TIMEOUT,
    }
}

#[test]
fn driver_and_twin_conform() {
    let scene = Tip(Some(0.00831));
    if let Err(broken) = check_message_driver(|| rig(&scene)) {
        panic!("{broken}");
    }
}

/// What the driver makes of one request, the twin answering in its own time.
fn ask(rig: &mut MessageRig<'_, LineCamera, CameraTwin>) -> Result<f64, DeviceError> {
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
    rig.driver.poll(due).expect("an answer").result.map(|i| i.values[0].value)
}

#[test]
fn values_are_rounded_to_the_declared_resolution_and_each_picture_has_its_own() {
    let scene = Tip(Some(0.00831));
    let mut rig = rig(&scene);
    assert_eq!(ask(&mut rig), Ok(0.0083));
    assert_eq!(ask(&mut rig), Ok(0.0093));
}

#[test]
fn nothing_in_view_is_said() {
    let scene = Tip(None);
    let refused = ask(&mut rig(&scene)).expect_err("there was nothing to measure");
    assert!(matches!(&refused, DeviceError::Refused { code, .. } if code == "no-part"), "{refused}");
}

#[test]
fn a_job_that_is_not_declared_is_never_sent() {
    let scene = Tip(Some(0.01));
    let mut rig = rig(&scene);
    rig.request.version = 5;
    assert!(matches!(ask(&mut rig), Err(DeviceError::BadRequest(_))));
}

#[test]
fn the_twin_does_one_job_at_a_time_and_answers_noise() {
    let scene = Tip(Some(0.01));
    let mut twin = rig(&scene).twin;
    let send = |twin: &mut CameraTwin, text: &str| {
        twin.receive(TimeNs(0), text.as_bytes(), &scene);
        let mut out = Vec::new();
        twin.transmit(TimeNs(1), &mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(send(&mut twin, "TRIGGER 1 cannula-tip@4\n"), "");
    assert_eq!(send(&mut twin, "TRIGGER 2 cannula-tip@4\n"), "ERR 2 busy a job is under way\n");
    assert_eq!(send(&mut twin, "TRIGGER x cannula-tip@4\n"), "ERR 0 bad-request the id is no number\n");
    assert_eq!(send(&mut twin, "HELLO\n"), "ERR 0 bad-request expected TRIGGER id job@version\n");
    let flood = "?\n".repeat(10_000);
    assert!(send(&mut twin, &flood).len() <= 4096);
}
