//! A cobot is brought home by hand: who may, how fast, what ends it, and what counts as home.

use super::*;

fn home(b: &mut Bench) {
    by_hand(b, ManualRequest::Home { robot: c::ROBOT });
}

/// In Manual, with the cobot over the second station.
fn away() -> Bench {
    let mut b = in_manual();
    b.robots[0].joints = [20.0; 6];
    b
}

#[test]
fn a_held_key_brings_it_home_at_reduced_speed_in_legs_that_it_answers_in_time() {
    let mut b = away();
    home(&mut b);
    assert_eq!(status(&b).homing, Some((c::ROBOT, "anna".into())));
    held(&mut b, 100);
    assert_eq!(status(&b).homing, None);
    // 10 deg/s, and half of the 2 s within which it answers: 10 deg.
    let leg = |to: f64| RobotCommand::MoveJ { to: [to; 6], speed: 0.1 };
    assert_eq!(b.robot_commands, [leg(10.0), leg(0.0)]);
    assert!(b.robots[0].joints.iter().all(|j| *j == 0.0));
    let said = requests(&b);
    assert_eq!(said[said.len() - 2], ("bring robot home", &Ok(())));
    assert_eq!(said[said.len() - 1], ("bring robot home ended: at home", &Ok(())));
    assert!(status(&b).last_done);
    // Now the table may turn.
    jog(&mut b, c::TABLE, true);
    held(&mut b, 50);
    assert!(at(&b, c::TABLE) > 0.1);
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(5);
    // Once more there is nothing to do.
    home(&mut b);
    b.ticks(2);
    assert_eq!((b.robot_commands.len(), status(&b).homing), (2, None));
    assert_eq!(requests(&b).last(), Some(&("bring robot home ended: at home", &Ok(()))));
}

#[test]
fn letting_go_stops_it_and_so_do_the_window_and_the_client_that_is_gone() {
    type Letting = fn(&mut Bench);
    let ways: [(Letting, &str); 4] = [
        (|b| by_hand(b, ManualRequest::Release), "let go"),
        (|b| by_hand(b, ManualRequest::Leave), "its client went away"),
        (|b| b.command(CellCommand::Stop), "Stop by anna (test)"),
        (|b| mode(b, CellMode::Production), "mode Production, Stopped"),
    ];
    for (let_go, why) in ways {
        let mut b = away();
        home(&mut b);
        b.ticks(5);
        assert!(b.robots[0].moving);
        let_go(&mut b);
        b.ticks(5);
        assert!(!b.robots[0].moving && b.robots[0].joints == [20.0; 6], "{why}");
        assert_eq!(b.robot_commands.last(), Some(&RobotCommand::Stop), "{why}");
        assert_eq!(requests(&b).last(), Some(&(format!("bring robot home ended: {why}").as_str(), &Ok(()))));
        assert!(taken_back(&status(&b)), "{why}");
    }
    let mut b = away();
    b.robot_dead = true;
    home(&mut b);
    let stranger = Source::new("ben", "elsewhere");
    for _ in 0..JOG_WINDOW.0 / 1_000_000 + 5 {
        b.put(Input::Manual { request: ManualRequest::Renew, by: stranger.clone() });
        b.tick();
    }
    assert!(status(&b).last.is_some_and(|l| l == "bring robot home ended: not renewed for 250 ms"));
}

#[test]
fn one_thing_moves_at_a_time_and_reset_waits_for_it() {
    let mut b = away();
    home(&mut b);
    b.ticks(2);
    jog(&mut b, c::PRESS, true);
    assert_eq!(refusal(&b), "one thing at a time: `bring robot home` by anna has not ended");
    home(&mut b);
    assert_eq!(refusal(&b), "one thing at a time: `bring robot home` by anna has not ended");
    by_hand(&mut b, ManualRequest::Grip { robot: c::ROBOT, close: true });
    assert_eq!(refusal(&b), "a cobot has not answered yet");
    mode(&mut b, CellMode::Production);
    b.command(CellCommand::Reset);
    assert!(b.answered.last().is_some_and(|(_, r)| r.is_err()), "not before it rests");
    b.ticks(20);
    b.command(CellCommand::Reset);
    b.until(CellState::Idle);

    let mut b = away();
    jog(&mut b, c::PRESS, true);
    home(&mut b);
    assert_eq!(refusal(&b), "one axis at a time: `jog press +` by anna has not ended");
    by_hand(&mut b, ManualRequest::Release);
    b.ticks(5);
    by_hand(&mut b, ManualRequest::Home { robot: RobotId(7) });
    assert_eq!(refusal(&b), "there is no such cobot");
    mode(&mut b, CellMode::Production);
    home(&mut b);
    assert_eq!(refusal(&b), "the mode is Production: change to Manual first");
    assert!(b.robot_commands.is_empty());
}

#[test]
fn a_state_that_is_too_old_counts_as_not_at_home() {
    let mut b = in_manual();
    b.robot_mute = true;
    b.ticks(3_000);
    jog(&mut b, c::TABLE, true);
    held(&mut b, 2);
    assert!(at(&b, c::TABLE) == 0.0);
    let lost = "robot has not reported for 3001 ms: look at it and its connection";
    assert!(
        requests(&b).last().is_some_and(|(_, r)| **r == Err(lost.into())),
        "it ends the jog: {:?}",
        requests(&b)
    );
    for _ in 0..2 {
        jog(&mut b, c::TABLE, true);
        assert!(refusal(&b).starts_with("robot has not reported for 300"), "{}", refusal(&b));
        home(&mut b);
        assert!(refusal(&b).starts_with("robot has not reported for 300"), "{}", refusal(&b));
    }
    // The press as while it is not at home: out of the stations.
    jog(&mut b, c::PRESS, true);
    held(&mut b, 1_000);
    assert_eq!(at(&b, c::PRESS), 5.0 - ROOM_AU);
    b.robot_mute = false;
    b.tick();
    jog(&mut b, c::TABLE, true);
    held(&mut b, 50);
    assert!(at(&b, c::TABLE) > 0.1, "known again");
}

#[test]
fn a_cobot_that_does_not_answer_and_a_lost_safety_input_end_it() {
    let mut b = away();
    b.robot_dead = true;
    home(&mut b);
    held(&mut b, 3_100);
    let late = Err("the cobot did not answer in time".to_string());
    assert_eq!(requests(&b).last(), Some(&("bring robot home ended", &late)));
    assert_eq!((status(&b).homing, b.robot_commands.last()), (None, Some(&RobotCommand::Stop)));
    assert_eq!(b.engine.state(), CellState::Stopped);

    let mut b = away();
    home(&mut b);
    b.ticks(5);
    b.refuse(c::ESTOP_OK);
    held(&mut b, 5);
    assert!(!b.robots[0].moving, "stopped");
    b.until(CellState::Aborted);
    assert!(taken_back(&status(&b)));
    assert!(status(&b).last.is_some_and(|l| l.ends_with("safety-input")));
}
