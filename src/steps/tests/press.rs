//! What the embedded recipe does not say: kinds of windows, joint stiffness, engagement, recovery, `measure`.

#[path = "../../recipe/tests/common/mod.rs"]
mod common;

use cellwright_model::plan::*;
use cellwright_recipe::{Sources, compile};
use cellwright_steps::TABLE;
use common::{Files, cell, marked, once, places, repository, step};

const RECIPE: &str = "recipes/cannula-hub/cannula-hub.recipe.yaml";
const WINDOW: &str = "- { depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }";
const PRESS: &str = "max_force: 180 N,";
const RUNDOWN: &str = "rundown: { speed: 300 rpm, angle: 540 .. 720 deg }";
const LEAK: &str = "      test: 2 s\n";

/// The embedded recipe with `from` written as `to`: its Plan, or (code, line:column) of each mistake.
fn changed(from: &str, to: &str) -> Result<Plan, Vec<String>> {
    let (text, _) = marked(&once(&repository(RECIPE), from, to));
    let mut sources = Sources::default();
    match compile(&Files::with(RECIPE, text.as_str()), RECIPE, &cell(), None, TABLE, &mut sources) {
        Ok((plan, _)) => Ok(plan),
        Err(list) => Err(places(&list, &sources)),
    }
}

/// The mistakes of a text are exactly these codes, at the marks.
fn refused(from: &str, to: &str, codes: &[&str]) {
    let (_, at) = marked(&once(&repository(RECIPE), from, to));
    let expected: Vec<_> = codes.iter().zip(&at).map(|(code, at)| format!("{code} {at}")).collect();
    assert_eq!(at.len(), codes.len(), "{to}");
    assert_eq!(changed(from, to).expect_err(to), expected, "{to}");
}

#[test]
fn windows_of_every_kind() {
    let text = "- pass-through: { depth: 4.0 .. 6.0 mm, force: 5 .. 80 N }
        - no-pass: { position: 42.0 .. 48.0 mm, force: 150 .. 400 N }
        - threshold: { force: 40 N, depth: 6.0 .. 11.0 mm }
        - envelope:
            - { depth: 1.0 mm, force: 0 .. 60 N }
            - { depth: 12.0 mm, force: 30 .. 150 N }";
    let plan = changed(WINDOW, text).expect("four windows");
    let windows = &step(&plan, "press-cannula").windows;
    let shapes: Vec<_> = windows.iter().map(|w| (w.origin.is_some(), w.shape.clone())).collect();
    let point = |position, value| EnvelopePoint { position, value };
    assert_eq!(
        shapes,
        [
            (true, WindowShape::PassThrough { position: (4.0, 6.0), value: (5.0, 80.0) }),
            (
                false,
                WindowShape::NoPass { position: (42.0, 48.0), value: (150.0, 400.0), sensor: (-50.0, 500.0) }
            ),
            (true, WindowShape::Threshold { level: 40.0, position: (6.0, 11.0) }),
            (true, WindowShape::Envelope(vec![point(1.0, (0.0, 60.0)), point(12.0, (30.0, 150.0))])),
        ]
    );
}

#[test]
fn windows_that_say_nothing() {
    let cases: &[(&str, &[&str])] = &[
        ("- envelope: «[{ depth: 1.0 mm, force: 0 .. 60 N }]", &["R0711"]),
        ("- envelope: [{ depth: 2 mm, force: 0 .. 60 N }, «{ depth: 1 mm, force: 0 .. 60 N }]", &["R0711"]),
        (
            "- envelope: [{ depth: 1 mm, force: 0 .. 60 N }, «{ position: 41 mm, force: 0 .. 60 N }]",
            &["R0711"],
        ),
        // The stroke ends at 12.4 mm: no curve comes out behind 14 mm.
        ("- pass-through: { depth: «10.0 .. 14.0 mm, force: 5 .. 140 N }", &["R0819"]),
        ("- threshold: { force: «700 N, depth: 6.0 .. 11.0 mm }", &["R0704"]),
        ("- no-pass: { depth: 2 .. 8 mm, force: «150 .. 600 N }", &["R0807"]),
        ("- pass-through: { depth: 4 .. 6 mm, force: 5 .. 80 N, «level: 3 N }", &["R0101"]),
        ("- pass-through: { depth: 4 .. 6 mm, force: 5 .. 80 N }\n          «no-pass: {}", &["R0101"]),
    ];
    for (text, codes) in cases {
        refused(WINDOW, text, codes);
    }
}

#[test]
fn a_trip_that_ends_beyond_the_load_cell() {
    // 2 mm/s: 6 um in three cycles of 1 ms, and some tens of nanometres of braking.
    changed(PRESS, "max_force: 180 N, stiffness: 1200 N/mm,").expect("187 N of 500 N");
    refused(PRESS, "max_force: «495 N, stiffness: 1200 N/mm,", &["R0704"]);
    changed(PRESS, "max_force: 495 N, stiffness: 0.3 kN/mm,").expect("497 N of 500 N");
}

#[test]
fn a_cap_is_engaged_slowly_and_its_prevailing_torque_measured() {
    let text = "rundown: { speed: 300 rpm, angle: 540 .. 720 deg, engage: { speed: 60 rpm, angle: 90 deg } }";
    let plan = changed(RUNDOWN, text).expect("an engagement");
    let ops = &step(&plan, "seal-cap").ops;
    let first = ops.iter().find_map(|p| match p {
        Primitive::ApproachUntil { velocity_au_s, limit, at_trip, .. } => {
            Some((*velocity_au_s, limit.clone(), at_trip.clone()))
        }
        _ => None,
    });
    let end = Target::FromRegister { register: "start".into(), offset: 90.0 };
    assert_eq!(first, Some((360.0, end, Meaning::Fail("re-hit".into()))));
    refused(
        RUNDOWN,
        "rundown: { speed: 300 rpm, angle: 540 .. 720 deg, engage: «{ speed: 60 rpm, angle: 600 deg } }",
        &["R0711"],
    );
    let torque = "        angle:  { of: angle.from_snug";
    let plan = changed(torque, &format!("        prevailing: {{ limits: 0.01 .. 0.09 N·m }}\n{torque}"));
    let plan = plan.expect("prevailing");
    let measured = &step(&plan, "seal-cap").measurements;
    let of =
        Feature::Curve { curve: "tightening".into(), feature: CurveFeature::ValueBeforeLevel { level: 0.1 } };
    assert!(measured.iter().any(|m| m.name == "prevailing" && m.of == of), "{measured:?}");
}

#[test]
fn a_unit_that_recovers_is_not_tested_again_at_once() {
    changed(LEAK, "      test: 2 s\n      recovery: 10 s\n").expect("the retry comes after 10 s");
    let base = repository(RECIPE);
    let retry = "on_fail: { retry: 1, after: 10 s, then: reject }";
    assert_eq!(base.matches(retry).count(), 1);
    let from = base[base.find(LEAK).unwrap()..base.find(retry).unwrap() + retry.len()].to_string();
    let to =
        from.replace(LEAK, "      test: 2 s\n      recovery: 11 s\n").replace("on_fail: {", "on_fail: «{");
    refused(&from, &to, &["R0711"]);
    // After a fault it was filled, too.
    let fault = "      recovery: 10 s\n      on_fault: «{ retry: 1, after: 1 s, then: ask }\n";
    refused(LEAK, &format!("      test: 2 s\n{fault}"), &["R0711"]);
}

#[test]
fn a_sensor_is_measured_at_rest() {
    let text = "  - measure:
      id: vented
      station: test
      sensor: leak_1
      over: 500 ms
      measure: { mean: { limits: -200 .. 200 Pa, spec: DS-0142/6.0 } }
";
    let leak = "  - leak-test:\n";
    let plan = changed(leak, &format!("{text}{leak}")).expect("a measurement");
    let found = step(&plan, "vented");
    let of = Feature::Curve { curve: "values".into(), feature: CurveFeature::ValueMean };
    assert_eq!((found.kind.as_str(), &found.measurements[0].of), ("measure", &of));
    // A curve has room for 30 s, and the capture begins before the time does.
    for time in ["30 s", "500 s"] {
        let too_long = text.replace("over: 500 ms", &format!("over: «{time}"));
        refused(leak, &format!("{too_long}{leak}"), &["R0108"]);
    }
    changed(leak, &format!("{}{leak}", text.replace("over: 500 ms", "over: 29 s"))).expect("room for 29 s");
}
