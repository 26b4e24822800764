//! `inspect`: a camera runs a job and its values are judged.
//!
//! ```yaml
//! - inspect: { id: tip, station: test, camera: cam_1, job: cannula-tip@4,
//!              measure: { burr: { limits: 0 .. 25 um, spec: DS-0142/7 } }, on_fail: reject }
//! ```

use cellwright_model::cell::{Camera, CameraJob, CameraMeasure};
use cellwright_model::plan::{Feature, Primitive, Resource};
use cellwright_model::{CameraId, DurationNs};
use cellwright_recipe::decode::split_version;
use cellwright_recipe::shape::{ANY, Keys, Names, What};
use cellwright_recipe::{Code, Context, Draft, Fields, Node, Shape, StepKind, names, shape, suggest};

use crate::axis::only;
use crate::measure::{Offer, measure, measurements};

pub(crate) struct Inspect;

shape! { INSPECT = "inspect", "A camera runs a job and its values are judged." {
    req "station": Name(Names::Station), "Where the unit's nest has to be.";
    opt "check": Condition, "Has to hold before it begins; otherwise the machine could not.";
    req "camera": Name(Names::Camera), "The camera.";
    req "job": Name(Names::Job), "`name@version`: the job as it was validated.";
    opt "measure": Map(Keys::Given, &What::Fields(&MEASURE)), "What is judged, by the names that the job measures.";
}}

measure! { MEASURE = "inspect measurement", ANY, Identifier }

impl StepKind for Inspect {
    fn name(&self) -> &'static str {
        "inspect"
    }
    fn judges(&self) -> bool {
        true
    }
    fn works_on_unit(&self) -> bool {
        true
    }
    fn shape(&self) -> &'static Shape {
        &INSPECT
    }

    fn lower(&self, f: &mut Fields<'_>, cx: &mut Context<'_, '_>) -> Option<Draft> {
        let cell = cx.cell;
        let station = cx.station(f);
        let check_before = cx.condition(f, "check");
        let camera: Option<CameraId> = f.req("camera", cx.d, |d, n| names::camera(d, n, cell));
        let camera = camera.or_else(|| only((0u16..).zip(&cell.cameras)).map(|(n, _)| CameraId(n)));
        let node = f.req("job", cx.d, |_, n| Some(n));
        let named = node.and_then(|n| job(cx, camera.map(|id| &cell.cameras[id.index()]), n));
        let offer = |m: &CameraMeasure| {
            Offer::new(&m.name, Feature::Device(m.name.clone()), Some(m.dimension), m.resolution)
        };
        let offers = named.map(|(job, _)| job.measures.iter().map(offer).collect::<Vec<_>>());
        let measurements = measurements(f, cx, offers.as_deref());
        let job = named.filter(|(_, right)| *right)?.0;
        let id = camera?;
        let camera = &cell.cameras[id.index()];
        Some(Draft {
            station: Some(station?),
            check_before,
            measurements,
            resources: vec![Resource::Camera(id)],
            ops: vec![
                Primitive::Inspect { camera: id, job: job.name.clone(), version: job.version },
                Primitive::Judge,
            ],
            equipment: camera.equipment.into_iter().collect(),
            timeout: Some(DurationNs(camera.answer_timeout.0.saturating_mul(2))),
            ..Draft::default()
        })
    }
}

/// `cannula-tip@4`: a job of the camera, in the version that was validated. One that is wrong has been said (`false`);
/// what is meant by it still says what can be measured.
fn job<'c>(
    cx: &mut Context<'_, '_>,
    camera: Option<&'c Camera>,
    node: &Node,
) -> Option<(&'c CameraJob, bool)> {
    let text = cx.d.text(node)?;
    let jobs = camera.map_or(&[][..], |camera| &camera.jobs);
    let meant = || only(jobs.iter()).map(|job| (job, false));
    let Some((name, version)) = split_version(&text.text) else {
        let message = format!("`{}` is not a job with its version", text.text);
        cx.d.error_at(Code::BadVersion, &text, message, "write `name@number`");
        return meant();
    };
    let camera = camera?;
    if let Some(found) = jobs.iter().find(|j| j.name == name && j.version == version) {
        return Some((found, true));
    }
    let known: Vec<_> = jobs.iter().map(|j| format!("{}@{}", j.name, j.version)).collect();
    let help = suggest::remedy(&text.text, known.iter().map(String::as_str));
    let message = format!("`{}` has no job `{}`", camera.name, text.text);
    cx.d.error_at(Code::UnknownJob, &text, message, help);
    only(jobs.iter().filter(|j| j.name == name)).map(|job| (job, false)).or_else(meant)
}
