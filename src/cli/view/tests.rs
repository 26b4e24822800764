//! What stands on the screen, and what a key asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cellwright_model::packml::{CellCommand, CellMode};
use cellwright_recipe::{Sources, load_cell};
use cellwright_station::Snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::keys::{Action, COMMANDS, Keys};
use super::scene::{Press, Scene};
use super::{draw, thinned};
use cellwright_sim::files::{EMBEDDED_CELL, Files};

/// A cell at work; `change` makes it another.
pub(crate) fn snapshot(change: impl FnOnce(&mut Value)) -> Arc<Snapshot> {
    let axis = |name: &str, actual: f64| {
        json!({"name": name, "unit": "mm", "setpoint": actual, "actual": actual, "velocity": 0.0, "torque_nm": 0.0,
               "following_error": 0.012, "travel": [-1.0, 62.0], "enabled": true, "moving": false, "fault": false,
               "sto": false})
    };
    let mut value = json!({
        "cell": "cannula-cell", "time": "2026-03-01T08:15:30.000000000Z", "monotonic_ns": 1, "state": "Execute",
        "mode": "Production", "takes": ["Stop", "Hold", "Suspend", "Abort", "Complete"],
        "order": {"id": "TRIAL", "lot": null, "quantity": 3, "started": 2, "good": 1, "ng": 0, "interrupted": 0},
        "counts": {"good": 1, "ng": 0, "interrupted": 0},
        "units": [{"serial": "CW-000002", "station": "press", "step": "press-cannula", "waits_for": "press_z",
                   "rejecting": false, "branches": []}],
        "alarms": [], "questions": [], "trays": [],
        "axes": [axis("feeder_x", 0.0), axis("press_z", 41.37), axis("driver_1", 0.0), axis("table", 90.0)],
        "robots": [], "inputs_on": [], "outputs_on": [], "safety_ok": true, "at_rest": false,
        "bus": {"cycles": 1000, "missed_cycles": 0, "wkc_errors": 0, "lost_frames": 0, "late_frames": 0, "stray_frames": 0,
                "operational": true},
        "store_fault": null,
    });
    // Fields that came later are filled in by their defaults.
    change(&mut value);
    Arc::new(serde_json::from_value(value).expect("a snapshot"))
}

fn alarm(id: u32, first_out: bool, cause: &str) -> Value {
    json!({"id": id, "class": "abort", "code": "following-error", "first_out": first_out, "cause": cause,
           "place": "press_z", "remedy": "look for a jam; then Clear and Reset", "acts": ["Clear", "Reset"], "raised_ns": 0,
           "acknowledged": false, "acknowledged_by": null})
}

fn question(id: u32, prompt: &str) -> Value {
    json!({"id": id, "kind": "recipe", "serial": "CW-000002", "prompt": prompt,
           "answers": ["ok", "ng", "cannot-judge"], "tray": null})
}

fn scene() -> Scene {
    let mut sources = Sources::default();
    let cell = load_cell(&Files, &format!("{EMBEDDED_CELL}/cell.yaml"), None, &mut sources);
    let (cell, _) = cell.unwrap_or_else(|d| panic!("{d:?}"));
    Scene::new(Arc::new(cell), "maria".into(), false)
}

fn picture(scene: &Scene, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    terminal.draw(|frame| draw::draw(frame, scene)).expect("it is drawn");
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned() + "\n").collect()
}

fn assert_shows(picture: &str, words: &[&str]) {
    for word in words {
        assert!(picture.contains(word), "`{word}` is not in\n{picture}");
    }
}

#[test]
fn a_working_cell_at_both_sizes() {
    let mut scene = scene();
    assert_shows(&picture(&scene, 80, 24), &["being brought up"]);
    scene.see(snapshot(|_| {}));
    scene.line("08:15:29  Execute      done\n08:15:30  second line");
    scene.wake = cellwright_rt::Quantiles { count: 9, p50: 3_100, p99: 12_000, p999: 50_000, max: 80_000 };
    for (width, height) in [(80, 24), (140, 45), (100, 30)] {
        let p = picture(&scene, width, height);
        let words = [
            "E X E C U T E",
            "mode Production",
            "order TRIAL: 1 of 3 good, 2 started",
            "maria",
            "good 1  ng 0",
            "wake p50 3 p99 12 max 80 us",
            "CW-000002",
            "press-cannula: press_z",
            "41.37",
            "no press yet",
            "second line",
            "[h]hold",
            "[x]stop",
            "[A]abort",
            " s start",
            "load",
        ];
        assert_shows(&p, &words);
        assert!(!p.contains("[s]start"), "not taken in Execute\n{p}");
        assert_eq!(p.lines().count(), usize::from(height));
    }
    assert_shows(&picture(&scene, 140, 45), &["press, nest", "table  |", "(o) CW-000002"]);
    // Nest 1 is at `load` when the table is at 0 deg, so at 90 deg it stands at `press`.
    assert_shows(&picture(&scene, 80, 24), &["press   1 (o) CW-000002"]);
}

#[test]
fn the_table_between_two_stations_and_units_on_it() {
    let mut scene = scene();
    scene.see(snapshot(|s| {
        s["axes"][3]["actual"] = json!(45.0);
        s["axes"][3]["moving"] = json!(true);
        s["units"][0]["station"] = Value::Null;
        s["units"][0]["rejecting"] = json!(true);
    }));
    assert_shows(
        &picture(&scene, 80, 24),
        &["the table turns", "between   (x) CW-000002 NG press-cannula", "moves"],
    );
    assert_shows(&picture(&scene, 140, 45), &["nest between", "between   (x) CW-000002"]);
}

#[test]
fn alarms_and_questions_say_what_to_do() {
    let mut scene = scene();
    scene.see(snapshot(|s| {
        s["state"] = json!("Aborted");
        s["alarms"] = json!([
            alarm(5, false, "the drive reports error 0x8611"),
            alarm(4, true, "following error 1.2 is above 1")
        ]);
        s["questions"] =
            json!([question(7, "No visible damage"), question(8, "Take out by hand: CW-000001")]);
        s["safety_ok"] = json!(false);
        s["axes"][1]["sto"] = json!(true);
    }));
    let p = picture(&scene, 140, 45);
    let words = [
        "A B O R T E D",
        "QUESTION 7 (CW-000002): No visible damage  [1 of 2, Tab: next]",
        "[1] ok  [2] ng  [3] cannot-judge",
        "FIRST ALARM 4 abort press_z: following error 1.2 is above 1 [new, a: acknowledge]",
        "remedy: look for a jam; then Clear and Reset",
        "ALARM 5 abort",
        "SAFETY INPUT OFF",
        "STO",
    ];
    assert_shows(&p, &words);
    assert!(p.find("FIRST ALARM 4") < p.find("ALARM 5"), "the first-out first\n{p}");
    assert_shows(&picture(&scene, 80, 24), &["QUESTION 7", "[2] ng", "FIRST ALARM 4"]);
}

#[test]
fn the_force_curve_of_the_last_press() {
    let mut scene = scene();
    scene.see(snapshot(|_| {}));
    let sample = |i: u32| cellwright_model::curve::CurveSample {
        t_ns: u64::from(i),
        position_au: 38.0 + f64::from(i) / 100.0,
        value: f64::from(i) / 10.0,
    };
    let curve =
        cellwright_model::curve::Curve { samples: (0..1000).map(sample).collect(), ..Default::default() };
    let measured = vec!["seat_force 92.1 N [70 .. 150] pass".to_owned()];
    scene.press = Some(Press {
        serial: "CW-000001".into(),
        step: "press-cannula".into(),
        measured,
        points: thinned(&curve),
    });
    for (width, height) in [(80, 24), (140, 45)] {
        let p = picture(&scene, width, height);
        assert_shows(&p, &["last press: CW-000001", "seat_force 92.1 N", "38", "48 mm", "100 N"]);
        let dots = p.chars().filter(|c| ('\u{2801}'..='\u{28ff}').contains(c)).count();
        assert!(dots > 10, "a line of dots\n{p}");
    }
}

#[test]
fn a_small_terminal_says_so_and_none_panics() {
    let mut scene = scene();
    scene.see(snapshot(|s| {
        s["questions"] = json!([question(7, &"very long prompt ".repeat(40))]);
        s["alarms"] = Value::Array((0..64).map(|i| alarm(i, i == 0, "cause")).collect());
    }));
    scene.typed = Some("text".into());
    assert_shows(&picture(&scene, 40, 10), &["too small"]);
    for (width, height) in [(1, 1), (60, 16), (61, 17), (80, 20), (200, 16), (60, 100), (300, 120)] {
        picture(&scene, width, height);
    }
}

fn key(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
}

#[test]
fn only_commands_that_the_state_takes_are_asked_for() {
    let (mut scene, mut keys, now) = (scene(), Keys::default(), Instant::now());
    scene.see(snapshot(|_| {}));
    for (c, word, command) in COMMANDS {
        let taken = scene.snapshot.as_ref().is_some_and(|s| s.takes.contains(command));
        let asked = keys.press(&mut scene, key(*c), now);
        assert_eq!(asked, taken.then_some(Action::Command(*command)));
        assert_eq!(scene.note, (!taken).then(|| format!("{word} is not taken in Execute")));
    }
    let all: Vec<CellCommand> = COMMANDS.iter().map(|(.., c)| *c).collect();
    assert!(CellCommand::ALL.iter().all(|c| all.contains(c)), "every command has its key");
    assert_eq!(keys.press(&mut scene, key('q'), now), Some(Action::Interrupt));
    let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    assert_eq!(keys.press(&mut scene, control('c'), now), Some(Action::Interrupt));
    assert_eq!(keys.press(&mut scene, control('z'), now), None);
    assert!(scene.note.as_ref().is_some_and(|n| n.contains("would stop the cycle")));
    assert_eq!(keys.press(&mut scene, key('m'), now), None, "not in Execute");
    scene.see(snapshot(|s| s["state"] = json!("Stopped")));
    assert_eq!(keys.press(&mut scene, key('m'), now), Some(Action::Mode(CellMode::Maintenance)));
    assert_eq!(keys.press(&mut scene, key('a'), now), None, "no alarm");
    scene.see(snapshot(|s| s["alarms"] = json!([alarm(1, true, "c")])));
    assert_eq!(keys.press(&mut scene, key('a'), now), Some(Action::AcknowledgeAll));
}

#[test]
fn a_question_is_answered_by_its_digit_or_by_text_once_it_can_have_been_read() {
    let (mut scene, mut keys, now) = (scene(), Keys::default(), Instant::now());
    let later = now + Duration::from_millis(400);
    scene.see(snapshot(|s| s["questions"] = json!([question(7, "a"), question(8, "b")])));
    keys.shown(&scene, now);
    assert_eq!(keys.press(&mut scene, key('2'), now), None);
    assert!(scene.note.as_ref().is_some_and(|n| n.contains("just appeared")));
    let answer = |question, answer: &str| Some(Action::Answer { question, answer: answer.into() });
    assert_eq!(keys.press(&mut scene, key('2'), later), answer(7, "ng"));
    assert_eq!(keys.press(&mut scene, key('4'), later), None, "there are three");
    let code = |code| KeyEvent::new(code, KeyModifiers::NONE);
    assert_eq!(keys.press(&mut scene, code(KeyCode::Tab), later), None);
    keys.shown(&scene, later);
    assert_eq!(keys.press(&mut scene, code(KeyCode::Enter), later), None);
    for c in "xok".chars() {
        assert_eq!(keys.press(&mut scene, key(c), later), None, "typed, not commanded");
    }
    assert_shows(&picture(&scene, 80, 24), &["answer: xok_"]);
    keys.press(&mut scene, code(KeyCode::Backspace), later);
    keys.press(&mut scene, code(KeyCode::Backspace), later);
    keys.press(&mut scene, code(KeyCode::Backspace), later);
    "ok".chars().for_each(|c| drop(keys.press(&mut scene, key(c), later)));
    assert_eq!(keys.press(&mut scene, code(KeyCode::Enter), later), answer(8, "ok"));
    // A question that is gone takes what was typed with it.
    keys.press(&mut scene, code(KeyCode::Enter), later);
    assert!(scene.typed.is_some());
    scene.see(snapshot(|_| {}));
    assert_eq!(scene.typed, None);
    assert_eq!(keys.press(&mut scene, key('1'), later), None);
}
