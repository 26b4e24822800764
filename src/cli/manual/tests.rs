//! What stands on the screen of mode Manual, and what its keys ask for.

use cellwright_station::protocol::{Ask, ByHand};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

use super::hands::{Board, Wish, press};
use super::picture;
use crate::cli::view::tests::snapshot;

/// Four axes, so many outputs, two cobots of which one is away.
fn board(outputs: usize) -> Board {
    let names: Vec<String> = (0..outputs).map(|i| format!("valve_{i}")).collect();
    let seen = snapshot(|s| {
        s["mode"] = json!("Manual");
        s["state"] = json!("Stopped");
        s["robots"] = json!([
            {"name": "robot_l", "moving": false, "holding": true, "home": false},
            {"name": "robot_r", "moving": false, "holding": false, "home": true},
        ]);
        s["manual"] = json!({"jog": null, "acts": 0, "outputs": names, "last": null, "last_done": true});
    });
    Board { seen: Box::new((*seen).clone()), chosen: 0, speed: 2, note: None }
}

fn drawn(board: &Board) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a screen in memory");
    terminal.draw(|frame| picture::draw(frame, board)).expect("it is drawn");
    let buffer = terminal.backend().buffer();
    (0..24).map(|y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>() + "\n").collect()
}

fn key(board: &mut Board, code: KeyCode) -> Option<Wish> {
    press(board, KeyEvent::new(code, KeyModifiers::NONE))
}

#[test]
fn all_of_it_fits_on_80_by_24_and_what_is_chosen_is_seen_when_it_does_not() {
    let mut board = board(3);
    let p = drawn(&board);
    let words = [
        "MANUAL cannula-cell  Stopped Manual",
        "> axis    feeder_x",
        "robot_l    not at home  gripper holds a part",
        "robot_r    at home      gripper empty",
        "h: cobot home",
        "q: leave the mode",
        "else by pendant.",
    ];
    words.iter().for_each(|word| assert!(p.contains(word), "`{word}` is not in\n{p}"));
    board = self::board(40);
    assert!(!drawn(&board).contains("robot_r"));
    (0..60).for_each(|_| drop(key(&mut board, KeyCode::Down)));
    let p = drawn(&board);
    assert!(p.contains("> cobot   robot_r") && p.contains("MANUAL cannula-cell"), "{p}");
}

#[test]
fn held_keys_move_axes_and_bring_cobots_home_and_others_let_go() {
    let mut board = board(1);
    let jog = ByHand::Jog { axis: "feeder_x".into(), positive: true, speed_percent: 100 };
    assert_eq!(key(&mut board, KeyCode::Right), Some(Wish::Hold(jog)));
    let let_go = Some(Wish::Ask(Ask::Manual(ByHand::Release)));
    assert_eq!(key(&mut board, KeyCode::Char('h')), let_go, "an axis has its own way home: Reset");
    (0..5).for_each(|_| assert_eq!(key(&mut board, KeyCode::Down), let_go));
    let home = ByHand::Home { robot: "robot_l".into() };
    assert_eq!(key(&mut board, KeyCode::Char('h')), Some(Wish::Hold(home)));
    let grip = ByHand::Grip { robot: "robot_l".into(), close: true };
    assert_eq!(key(&mut board, KeyCode::Right), Some(Wish::Ask(Ask::Manual(grip))));
    assert_eq!(key(&mut board, KeyCode::Char('q')), Some(Wish::Quit));
}
