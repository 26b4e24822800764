use cellwright_model::DurationNs;
use cellwright_model::plan::{EnvelopePoint, Handler, OnHold, Window, WindowShape};

use super::*;

fn curve(points: &[(u64, f64, f64)]) -> Arc<Curve> {
    let sample = |&(ms, position_au, value): &(u64, f64, f64)| CurveSample {
        t_ns: ms * 1_000_000,
        position_au,
        value,
    };
    Arc::new(Curve { samples: points.iter().map(sample).collect(), lost_cycles: 0, truncated: false })
}

fn spec(name: &str, of: Feature) -> MeasurementSpec {
    MeasurementSpec {
        name: name.into(),
        of,
        unit: "N".into(),
        resolution: 0.1,
        lo: 70.0,
        hi: 150.0,
        warn: Some((80.0, 140.0)),
        low_is_invalid: false,
        spec: Some("DS-0142/4.2".into()),
        spc: true,
    }
}

fn step(measurements: Vec<MeasurementSpec>, windows: Vec<Window>) -> Step {
    Step {
        id: "press".into(),
        kind: "press".into(),
        n: 1,
        when: None,
        station: None,
        resources: vec![],
        supply: None,
        check_before: None,
        check_after: None,
        timeout: DurationNs::from_millis(1000),
        on_fail: Handler::Reject,
        on_fault: Handler::Ask,
        on_hold: OnHold::Stop,
        after_restart: Default::default(),
        irreversible: false,
        measurements,
        windows,
        ops: vec![],
        cleanup: vec![],
        equipment: vec![],
    }
}

fn window(shape: WindowShape) -> Window {
    Window {
        curve: "c".into(),
        origin: Some("contact".into()),
        shape,
        unit: "N".into(),
        position_unit: "mm".into(),
    }
}

fn one(feature: CurveFeature, curve_: Arc<Curve>) -> Option<f64> {
    let curves = BTreeMap::from([("c".to_string(), curve_)]);
    let none = BTreeMap::new();
    let s = MeasurementSpec { resolution: 1e-6, ..spec("m", Feature::Curve { curve: "c".into(), feature }) };
    let mut judged = vec![];
    judge(&step(vec![s], vec![]), Evidence { curves: &curves, registers: &none, values: &none }, &mut judged);
    judged[0].value
}

#[test]
fn features_of_a_curve() {
    let c = curve(&[(0, 0.0, 0.0), (1, 1.0, 6.0), (2, 2.0, 90.0), (3, 3.0, 80.0), (4, 2.5, 10.0)]);
    assert_eq!(one(CurveFeature::ValuePeak, c.clone()), Some(90.0));
    assert_eq!(one(CurveFeature::PositionPeak, c.clone()), Some(3.0));
    assert_eq!(one(CurveFeature::ValueAtEnd, c.clone()), Some(37.2));
    assert_eq!(one(CurveFeature::TravelFromLevel { level: 5.0 }, c.clone()), Some(2.0));
    assert_eq!(one(CurveFeature::TravelFromLevel { level: 500.0 }, c.clone()), None);
    assert_eq!(one(CurveFeature::ValueMean, c.clone()), Some(37.2));
    assert_eq!(one(CurveFeature::ValueLowest, c.clone()), Some(0.0));
    assert_eq!(one(CurveFeature::ValueBeforeLevel { level: 85.0 }, c.clone()), Some(3.0));
    assert_eq!(one(CurveFeature::ValueBeforeLevel { level: 500.0 }, c.clone()), Some(10.0));
    assert_eq!(one(CurveFeature::ValueBeforeLevel { level: -1.0 }, c.clone()), None);
    let falling = curve(&[(0, 0.0, 50_000.0), (1000, 0.0, 49_994.0), (2000, 0.0, 49_988.0)]);
    assert_eq!(one(CurveFeature::DecayRate, falling), Some(6.0));
    let one_instant = curve(&[(0, 0.0, 1.0)]);
    assert_eq!(one(CurveFeature::DecayRate, one_instant), None);
}

#[test]
fn rounded_before_it_is_judged_and_limits_are_inclusive() {
    let s = spec("f", Feature::Register("r".into()));
    let cases = [
        (150.04, 150.0, Verdict::Marginal),
        (150.06, 150.1, Verdict::Fail),
        (69.96, 70.0, Verdict::Marginal),
        (69.94, 69.9, Verdict::Fail),
        (100.0, 100.0, Verdict::Pass),
        (80.0, 80.0, Verdict::Pass),
    ];
    for (raw, recorded, expected) in cases {
        let registers = BTreeMap::from([("r".to_string(), raw)]);
        let (curves, values) = (BTreeMap::new(), BTreeMap::new());
        let mut judged = vec![];
        let cause = judge(
            &step(vec![s.clone()], vec![]),
            Evidence { curves: &curves, registers: &registers, values: &values },
            &mut judged,
        );
        assert_eq!((judged[0].value, judged[0].verdict), (Some(recorded), expected), "{raw}");
        assert_eq!(cause.is_some(), expected == Verdict::Fail);
    }
}

#[test]
fn what_is_not_trusted_is_invalid() {
    let mut lost = Curve::clone(&curve(&[(0, 0.0, 100.0), (1, 1.0, 100.0)]));
    lost.lost_cycles = 1;
    let of = Feature::Curve { curve: "c".into(), feature: CurveFeature::ValuePeak };
    let shape = WindowShape::Within { position: (0.0, 1.0), value: (0.0, 200.0) };
    let window = Window { origin: None, ..window(shape) };
    let plan = step(vec![spec("f", of)], vec![window]);
    let (registers, values) = (BTreeMap::new(), BTreeMap::new());
    for bad in [lost, Curve::default()] {
        let curves = BTreeMap::from([("c".to_string(), Arc::new(bad))]);
        let mut judged = vec![];
        let cause =
            judge(&plan, Evidence { curves: &curves, registers: &registers, values: &values }, &mut judged);
        assert_eq!(cause.as_deref(), Some("f invalid"));
        assert!(judged.iter().all(|m| m.verdict == Verdict::Invalid), "{judged:?}");
    }
    let low = MeasurementSpec { low_is_invalid: true, ..spec("f", Feature::Register("r".into())) };
    assert_eq!(verdict(10.0, &low), Verdict::Invalid);
    assert_eq!(verdict(160.0, &low), Verdict::Fail);
}

#[test]
fn windows_judge_every_sample_in_them() {
    let c = curve(&[(0, 40.0, 0.0), (1, 50.0, 30.0), (2, 51.0, 120.0), (3, 52.0, 141.0), (4, 53.0, 999.0)]);
    let within = |position, value| window(WindowShape::Within { position, value });
    let plan = step(
        vec![],
        vec![
            within((10.0, 11.5), (20.0, 140.0)),
            within((10.0, 12.0), (20.0, 140.0)),
            within((20.0, 30.0), (20.0, 140.0)),
        ],
    );
    let curves = BTreeMap::from([("c".to_string(), c)]);
    let registers = BTreeMap::from([("contact".to_string(), 40.0)]);
    let values = BTreeMap::new();
    let mut judged = vec![];
    let cause =
        judge(&plan, Evidence { curves: &curves, registers: &registers, values: &values }, &mut judged);
    let rows: Vec<_> = judged.iter().map(|m| (m.value, m.verdict)).collect();
    assert_eq!(rows, [(Some(30.0), Verdict::Pass), (Some(141.0), Verdict::Fail), (None, Verdict::Invalid)]);
    assert_eq!(cause.as_deref(), Some("window-2"));
    // Without its origin a window waits; a step that passes without it is not passed.
    let mut judged = vec![];
    judge(&plan, Evidence { curves: &curves, registers: &values, values: &values }, &mut judged);
    assert_eq!(missing(&plan, &judged).as_deref(), Some("window-1"));
}

/// Value, limits, unit and verdict of one window over a curve whose contact lies at 40 mm.
fn through(shape: WindowShape, points: &[(f64, f64)]) -> (Option<f64>, (f64, f64), String, Verdict) {
    let points: Vec<_> = points.iter().zip(0..).map(|(&(depth, v), ms)| (ms, 40.0 + depth, v)).collect();
    let curves = BTreeMap::from([("c".to_string(), curve(&points))]);
    let registers = BTreeMap::from([("contact".to_string(), 40.0)]);
    let values = BTreeMap::new();
    let mut judged = vec![];
    let evidence = Evidence { curves: &curves, registers: &registers, values: &values };
    judge(&step(vec![], vec![window(shape)]), evidence, &mut judged);
    let m = judged.remove(0);
    (m.value, (m.lo, m.hi), m.unit, m.verdict)
}

const RISING: [(f64, f64); 5] = [(0.0, 5.0), (2.0, 20.0), (4.0, 40.0), (6.0, 60.0), (8.0, 80.0)];

#[test]
fn an_envelope_has_the_limits_of_each_place() {
    let point = |position, value| EnvelopePoint { position, value };
    let narrow = |hi| {
        WindowShape::Envelope(vec![
            point(2.0, (10.0, 30.0)),
            point(4.0, (30.0, hi)),
            point(8.0, (70.0, 90.0)),
        ])
    };
    let n = || "N".to_string();
    assert_eq!(through(narrow(50.0), &RISING), (Some(20.0), (10.0, 30.0), n(), Verdict::Pass));
    assert_eq!(through(narrow(39.0), &RISING), (Some(40.0), (30.0, 39.0), n(), Verdict::Fail));
    // Between two points the limits run straight: 12.5 .. 32.5 N at 2.5 mm.
    let steep = [(0.0, 5.0), (2.5, 33.0), (4.0, 40.0), (8.0, 80.0)];
    assert_eq!(through(narrow(40.0), &steep), (Some(33.0), (15.0, 32.5), n(), Verdict::Fail));
    let short = WindowShape::Envelope(vec![point(20.0, (0.0, 1.0)), point(30.0, (0.0, 1.0))]);
    assert_eq!(through(short, &RISING), (None, (0.0, 1.0), n(), Verdict::Invalid));
    let one = WindowShape::Envelope(vec![point(2.0, (0.0, 100.0))]);
    assert_eq!(through(one, &RISING).3, Verdict::Invalid);
}

#[test]
fn a_curve_passes_through_from_one_side_to_the_other() {
    let pass = |position, value| WindowShape::PassThrough { position, value };
    assert_eq!(through(pass((3.0, 7.0), (30.0, 70.0)), &RISING).3, Verdict::Pass);
    assert_eq!(through(pass((3.0, 7.0), (50.0, 70.0)), &RISING).3, Verdict::Fail);
    // It ends in the window, and it begins in it: no value says that it passed.
    let n = || "N".to_string();
    assert_eq!(through(pass((3.0, 9.0), (30.0, 90.0)), &RISING), (None, (30.0, 90.0), n(), Verdict::Fail));
    assert_eq!(through(pass((0.0, 7.0), (0.0, 90.0)), &RISING), (None, (0.0, 90.0), n(), Verdict::Fail));
}

#[test]
fn a_curve_keeps_out_of_a_box_on_the_side_where_it_comes_from() {
    let box_ = |value| WindowShape::NoPass { position: (3.0, 7.0), value, sensor: (-500.0, 500.0) };
    let n = || "N".to_string();
    assert_eq!(through(box_((60.0, 90.0)), &RISING), (Some(60.0), (-500.0, 60.0), n(), Verdict::Pass));
    assert_eq!(through(box_((55.0, 90.0)), &RISING), (Some(60.0), (-500.0, 55.0), n(), Verdict::Fail));
    assert_eq!(through(box_((10.0, 35.0)), &RISING), (Some(40.0), (35.0, 500.0), n(), Verdict::Pass));
    // From under it to over it between two samples.
    assert_eq!(through(box_((45.0, 55.0)), &RISING), (Some(60.0), (-500.0, 45.0), n(), Verdict::Fail));
}

#[test]
fn a_threshold_is_reached_at_a_depth() {
    let at = |level, position| WindowShape::Threshold { level, position };
    let mm = || "mm".to_string();
    assert_eq!(through(at(50.0, (4.0, 6.0)), &RISING), (Some(5.0), (4.0, 6.0), mm(), Verdict::Pass));
    assert_eq!(through(at(50.0, (5.5, 6.0)), &RISING), (Some(5.0), (5.5, 6.0), mm(), Verdict::Fail));
    assert_eq!(through(at(500.0, (4.0, 6.0)), &RISING), (None, (4.0, 6.0), mm(), Verdict::Fail));
    assert_eq!(through(at(1.0, (0.0, 6.0)), &RISING), (Some(0.0), (0.0, 6.0), mm(), Verdict::Pass));
}

#[test]
fn a_sample_that_is_no_number_makes_the_curve_invalid() {
    let mut points = RISING;
    points[2].1 = f64::NAN;
    let within = WindowShape::Within { position: (0.0, 8.0), value: (0.0, 100.0) };
    assert_eq!(through(within, &points).3, Verdict::Invalid);
}

#[test]
fn rounding_writes_what_a_reader_would() {
    assert_eq!(round_to(0.353_4, 0.001), 0.353);
    assert_eq!(round_to(-0.000_1, 0.001).to_bits(), 0f64.to_bits());
    assert_eq!(round_to(12.345, 0.05), 12.35);
    assert_eq!(round_to(1234.0, 50.0), 1250.0);
    assert_eq!(round_to(0.1 + 0.2, 0.1), 0.3);
    assert_eq!(round_to(7.7, f64::NAN), 7.7);
    assert_eq!(round_to(1.25e-4, 1e-4), 1e-4);
}
