//! The table holds together, and what it promises can be done by the chart.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_row_stands_at_its_code_and_says_everything() {
    let mut words = BTreeSet::new();
    for (i, e) in TABLE.iter().enumerate() {
        assert_eq!(e.code as usize, i, "{}", e.word);
        assert_eq!(AlarmCode::from_word(e.word), Some(e.code));
        assert!(words.insert(e.word), "{} twice", e.word);
        assert!(e.word.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", e.word);
        for text in [e.title, e.cause, e.place, e.first, e.page] {
            assert!(!text.trim().is_empty() && text.trim() == text, "{}: `{text}`", e.word);
        }
        assert!(e.page.ends_with('.') && e.page.len() > 60, "{}: a page is more than its title", e.word);
        assert!(!e.first.ends_with('.'), "{}: `first` is a part of a sentence", e.word);
        // The commands are made by the chart; a text that names them as well could say others.
        for command in CellCommand::ALL {
            assert!(!e.first.contains(command.name()), "{} names {}", e.word, command.name());
        }
    }
}

#[test]
fn a_cause_is_filled_with_what_is_known() {
    let fault = AlarmCode::FollowingError.fault("press_z", &[("value", "1.205"), ("limit", "1.000")]);
    assert_eq!(fault.cause, "following error 1.205 is above 1.000");
    assert_eq!((fault.class, fault.code.word()), (AlarmClass::Abort, "following-error"));
    // Braces in a value are nobody's placeholder.
    let fault = AlarmCode::StepFault.fault("load", &[("cause", "a {b}")]);
    assert!(fault.cause.contains("a {b}"), "{}", fault.cause);
}

#[test]
fn causes_of_steps_have_their_rows() {
    for (cause, code) in [
        ("tray-empty: cap_tray", AlarmCode::TrayEmpty),
        ("not-released", AlarmCode::ReleaseFailed),
        ("robot-faulted: protective-stop", AlarmCode::Robot),
        ("device-failed: not connected", AlarmCode::Device),
        ("stale-inputs", AlarmCode::StaleInput),
        ("analog-invalid", AlarmCode::AnalogInvalid),
        ("timed-out", AlarmCode::TimedOut),
        ("register-empty: x", AlarmCode::StepFault),
    ] {
        assert_eq!(AlarmCode::of_step(cause), code, "{cause}");
    }
}

/// Where a fault meets the cell, its remedy leads to Execute by the chart, in at most three commands.
#[test]
fn every_way_back_arrives() {
    let classes =
        [AlarmClass::Warning, AlarmClass::RejectPart, AlarmClass::Hold, AlarmClass::Stop, AlarmClass::Abort];
    for &state in CellState::ALL {
        for class in classes {
            let mut at = rests_in(state, class);
            let way = way_back(at, CellMode::Production);
            assert!(way.len() <= COMMANDS_MAX, "{state:?} {class:?}: {way:?}");
            for command in way {
                at = cell_chart::next(at, Trigger::Command(command)).expect("taken");
                while let Some(next) = cell_chart::next(at, Trigger::Done) {
                    at = next;
                }
            }
            assert_eq!(at, CellState::Execute, "{state:?} {class:?}");
        }
    }
    assert!(way_back(CellState::Stopped, CellMode::Manual).is_empty(), "Manual has no Resetting");
}

#[test]
fn remedies_are_made_from_acts() {
    let meets = Meets { state: CellState::Execute, mode: CellMode::Production, parts: true, answer: None };
    let estop = AlarmCode::SafetyInput.fault("estop_ok", &[("inputs", "estop_ok")]);
    assert_eq!(
        remedy(&acts(&estop, meets)),
        "remove the cause and release the safety function; take out what lies in nests and grippers; \
         then Clear, Reset, Start"
    );
    let air = AlarmCode::Invariant.fault("air", &[("id", "air")]).with_class(AlarmClass::Hold);
    assert!(remedy(&acts(&air, meets)).ends_with("; then Unhold"));
    let grip = AlarmCode::GripFailed.fault("place-hub", &[("cause", "grip-failed")]);
    let asked = Meets { answer: Some("retry"), ..meets };
    assert!(remedy(&acts(&grip, asked)).ends_with("; then answer retry"));
    let flood = AlarmCode::AlarmFlood.fault("cell", &[("first", "3"), ("max", "8")]);
    assert_eq!(acts(&flood, meets).len(), 1, "nothing but to look");
}

/// The page in the repository is the one that the table makes. `CELLWRIGHT_WRITE_PAGES=1` writes it.
#[test]
fn the_page_is_made_from_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ALARMS.md");
    if std::env::var_os("CELLWRIGHT_WRITE_PAGES").is_some() {
        std::fs::write(path, page()).expect("written");
    }
    let text = std::fs::read_to_string(path).expect("ALARMS.md");
    assert!(text == page(), "ALARMS.md is not what the table says: CELLWRIGHT_WRITE_PAGES=1 writes it");
    for e in TABLE {
        assert!(text.contains(&format!("## {}\n", e.word)), "{}", e.word);
    }
}
