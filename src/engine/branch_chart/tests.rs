use super::*;

/// Every (state, place it was held from) that can be reached, with a way there.
fn reachable() -> Vec<Vec<BranchEvent>> {
    let mut seen = vec![];
    let mut ways: Vec<Vec<BranchEvent>> = vec![vec![]];
    let mut at = 0;
    while at < ways.len() {
        for &event in BranchEvent::ALL {
            let mut way = ways[at].clone();
            let mut machine = after(&way);
            way.push(event);
            if machine.handle(event).is_some() {
                let place = (machine.state(), machine.held_from());
                if !seen.contains(&place) {
                    seen.push(place);
                    ways.push(way);
                }
            }
        }
        at += 1;
    }
    ways
}

fn after(way: &[BranchEvent]) -> BranchMachine {
    let mut machine = BranchMachine::default();
    for event in way {
        machine.handle(*event).expect("on the way");
    }
    machine
}

#[test]
fn every_state_with_every_event_does_what_the_table_says() {
    let ways = reachable();
    // 14 states without a place to go back to, 3 with each of 8.
    assert_eq!(ways.len(), 14 + 3 * 8);
    for way in &ways {
        for &event in BranchEvent::ALL {
            let mut machine = after(way);
            let (from, back) = (machine.state(), machine.held_from());
            let taken = machine.handle(event);
            let expected: Vec<BranchState> = TABLE
                .iter()
                .filter(|t| t.from == from && t.on == event)
                .filter(|t| event != BranchEvent::Resumed || back == Some(t.to))
                .map(|t| t.to)
                .collect();
            match (taken, expected.as_slice()) {
                (None, []) => assert_eq!(machine.state(), from),
                (Some(t), [to]) => {
                    let expected =
                        BranchTaken { from, to: *to, effect: effect(from, event, *to), off_table: false };
                    assert_eq!(t, expected);
                }
                other => panic!("{from:?} {event:?}: {other:?}"),
            }
        }
    }
}

/// The effects once more, as rules, so that a slip in their function is seen too.
#[test]
fn the_effects_say_what_the_rules_say() {
    let of = |wanted: Effect| -> Vec<&BranchTransition> {
        TABLE.iter().filter(|t| effect(t.from, t.on, t.to) == Some(wanted)).collect()
    };
    let entering = |state| TABLE.iter().filter(move |t| t.to == state).count();
    assert_eq!(of(Effect::OpenAttempt), [&row(BranchState::Gate, BranchEvent::Open, BranchState::Preparing)]);
    assert_eq!(of(Effect::NextNode), [&row(BranchState::Advance, BranchEvent::Next, BranchState::Gate)]);
    assert_eq!(of(Effect::AskDecision).len(), 1, "only what the machine could not do is asked");
    assert_eq!(of(Effect::AwaitRetry).len(), 2);
    assert_eq!(of(Effect::Condemn).len(), 3);
    assert_eq!(of(Effect::CloseAttempt).len(), 3, "passed, left out, or every branch of a fork has");
    // Whatever was under way: Hold halts it, Abort breaks it off at once, Stop once it is at rest.
    assert_eq!(of(Effect::Halt).len(), entering(BranchState::Holding));
    assert_eq!(of(Effect::BreakOffAborted).len(), entering(BranchState::Faulting));
    assert_eq!(of(Effect::BreakOffInterrupted).len(), entering(BranchState::Stopped));
    assert_eq!(of(Effect::Finish).len(), entering(BranchState::Done));
    assert!(TABLE.iter().all(|t| t.on != BranchEvent::Resumed || effect(t.from, t.on, t.to).is_none()));
}

#[test]
fn every_row_is_reachable() {
    let ways = reachable();
    for row in TABLE {
        let found = ways.iter().any(|w| {
            let mut m = after(w);
            m.state() == row.from && m.handle(row.on).is_some_and(|t| t.to == row.to)
        });
        assert!(found, "{row:?}");
    }
}
