use cellwright_model::AxisId;
use cellwright_model::outcome::FaultClass;
use cellwright_model::packml::{CellMode, CellState};

use super::*;

const MEETS: Meets =
    Meets { state: CellState::Execute, mode: CellMode::Production, parts: false, answer: None };
const ASKED: Meets = Meets { answer: Some("retry"), ..MEETS };

fn ms(ms: u64) -> TimeNs {
    TimeNs(ms * 1_000_000)
}

fn fault(code: AlarmCode, place: &str) -> MachineFault {
    let known = ["value", "limit", "code", "inputs", "cause", "id", "max", "first", "error", "mode"];
    code.fault(place, &known.map(|name| (name, "1")))
}

/// Raised one after another: (word, place, first-out, follows).
fn burst(alarms: &mut Alarms, list: &[(u64, AlarmCode, &str)]) -> Vec<(AlarmCode, bool, Option<u32>)> {
    list.iter()
        .flat_map(|(at, code, place)| alarms.raise(ms(*at), &fault(*code, place), MEETS))
        .map(|a| (a.code, a.first_out, a.follows))
        .collect()
}

#[test]
fn the_first_of_a_burst_explains_what_follows() {
    let mut alarms = Alarms::default();
    let told = burst(
        &mut alarms,
        &[
            (0, AlarmCode::SafetyInput, "estop_ok"),
            (3, AlarmCode::FollowingError, "press_z"),
            (5, AlarmCode::DriveDisabled, "table"),
            (900, AlarmCode::Robot, "place-hub"),
        ],
    );
    assert_eq!(
        told,
        [
            (AlarmCode::SafetyInput, true, None),
            (AlarmCode::FollowingError, false, Some(1)),
            (AlarmCode::DriveDisabled, false, Some(1)),
            (AlarmCode::Robot, false, Some(1)),
        ]
    );
    assert_eq!(alarms.active()[0].consequences, 3);
}

#[test]
fn what_is_more_fundamental_is_not_explained() {
    let mut alarms = Alarms::default();
    let told =
        burst(&mut alarms, &[(0, AlarmCode::Invariant, "air"), (1_000, AlarmCode::SafetyInput, "estop_ok")]);
    assert!(told[0].1 && told[1] == (AlarmCode::SafetyInput, true, None));
    // As severe as what stands already, and long after: listed, but not the first.
    let later = burst(&mut alarms, &[(60_000, AlarmCode::Drive, "table")]);
    assert_eq!(later, [(AlarmCode::Drive, false, None)]);
}

#[test]
fn a_warning_and_a_question_hide_nothing() {
    let mut alarms = Alarms::default();
    let warned = alarms.raise(ms(0), &fault(AlarmCode::Starved, "lane_2"), MEETS);
    assert!(warned[0].first_out);
    let asked = alarms.raise(ms(1), &fault(AlarmCode::GripFailed, "place-hub"), ASKED);
    assert!(asked[0].first_out, "a warning does not explain it");
    let jam = alarms.raise(ms(10_000), &fault(AlarmCode::FollowingError, "press_z"), MEETS);
    assert!(jam[0].first_out, "a step that waits for a person does not explain it");
}

#[test]
fn the_same_again_is_counted() {
    let mut alarms = Alarms::default();
    let drive = fault(AlarmCode::Drive, "table");
    assert_eq!(alarms.raise(ms(0), &drive, MEETS).len(), 1);
    for i in 1..=5 {
        assert!(alarms.raise(ms(i), &drive, MEETS).is_empty());
    }
    let gone = alarms.clear(ms(9), |a| a.code == AlarmCode::Drive);
    assert_eq!((gone[0].repeats, gone[0].cleared), (5, Some(ms(9))));
    assert!(alarms.raise(ms(10), &drive, MEETS)[0].first_out, "a burst of its own");
}

#[test]
fn a_flood_is_counted_under_its_first_and_said_once() {
    let mut alarms = Alarms::default();
    alarms.raise(ms(0), &fault(AlarmCode::AlState, "di_1"), MEETS);
    let mut told = Vec::new();
    for i in 0..40 {
        told.extend(alarms.raise(ms(i), &fault(AlarmCode::StepFault, &format!("step {i}")), MEETS));
    }
    let floods = told.iter().filter(|a| a.code == AlarmCode::AlarmFlood).count();
    assert_eq!((told.len(), floods), (FOLLOWING_MAX + 1, 1));
    let first = &alarms.active()[0];
    assert_eq!((first.first_out, first.consequences), (true, 40));
    // With its first the word about it goes as well.
    let gone = alarms.clear(ms(50), |a| a.id == 1);
    assert_eq!(gone.iter().map(|a| a.code).collect::<Vec<_>>(), [AlarmCode::AlState, AlarmCode::AlarmFlood]);
}

#[test]
fn no_more_than_can_be_read() {
    let mut alarms = Alarms::default();
    for i in 0..ALARMS_MAX as u64 + 3 {
        alarms.raise(ms(i * 10_000), &fault(AlarmCode::StepFault, &i.to_string()), ASKED);
    }
    assert_eq!((alarms.active().len(), alarms.dropped), (ALARMS_MAX, 3));
    let anna = Source::new("anna", "test");
    let seen = alarms.acknowledge(ms(1), 1, &anna);
    assert_eq!(seen.and_then(|a| a.acknowledged_by), Some(anna.clone()));
    assert!(alarms.acknowledge(ms(1), 1, &anna).is_none());
    assert_eq!(alarms.unacknowledged().len(), ALARMS_MAX - 1);
}

#[test]
fn every_kind_of_the_cycle_has_its_words() {
    use RtFaultKind::*;
    let kinds = [
        Position,
        Velocity,
        Torque,
        FollowingError,
        SetpointStep,
        StaleInput,
        Drive,
        DriveDisabled,
        AlState,
        SafetyInput,
        AnalogInvalid,
        EventsLost,
        Emergency,
        ProgramError,
        DriveTimeout,
        DriveMode,
        Homing,
        Sto,
        ZoneTaken,
    ];
    for kind in kinds {
        let rt = RtFault { kind, axis: Some(AxisId(0)), value: 4660.0, limit: 2.0, class: FaultClass::Stop };
        let words = of_cycle(&rt, "press_z".into(), "under_press");
        assert!(!words.cause.contains(['{', '?']), "{kind:?}: {}", words.cause);
        assert_eq!((words.class, words.place.as_str()), (AlarmClass::Stop, "press_z"));
    }
    let drive = RtFault { kind: Drive, axis: None, value: 4660.0, limit: 0.0, class: FaultClass::Abort };
    assert!(of_cycle(&drive, "press_z".into(), "").cause.contains("0x1234"));
}
