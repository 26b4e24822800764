//! What people do at the machine itself, through the wire of the twin: buttons of its panel, and moves by hand.

use cellwright_controller::{Input, ManualRequest, ManualStatus, Order, Source};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{AxisId, DurationNs, InputId, RobotId};
use cellwright_sim::{Options, VirtualCell, What, read, wiring};
use cellwright_twin::plant::Injection;

/// A cell, and every line of its record so far.
struct Site {
    cell: VirtualCell,
    lines: Vec<String>,
}

fn by() -> Source {
    Source::new("anna", "test")
}

impl Site {
    /// At power-up, with its trays loaded and an order for one unit.
    fn new() -> Site {
        let prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
        let mut cell = VirtualCell::new(prepared, Options { seed: 4, ..Options::default() }).expect("a cell");
        for load in wiring::loads(cell.cell(), cell.materials()) {
            let (tray, label) = (load.tray, load.label);
            cell.give(Input::MaterialLoaded { tray, label, next: None, left: None, by: by() });
        }
        cell.give(Input::Order { order: Order::units("TEST", cell.plan().clone(), 1), by: by() });
        let mut site = Site { cell, lines: Vec::new() };
        site.ticks(100);
        site
    }

    fn ticks(&mut self, n: u32) {
        for _ in 0..n {
            let told = self.cell.tick().expect("a cycle");
            self.lines.extend(told.events.iter().map(|e| e.line.clone()));
        }
    }

    fn until(&mut self, what: &str, seconds: u64, is: impl Fn(&VirtualCell) -> bool) {
        let until = self.cell.now() + DurationNs::from_millis(seconds * 1_000);
        while !is(&self.cell) {
            assert!(self.cell.now() < until, "{what} not within {seconds} s: {:?}", self.cell.status());
            self.ticks(1);
        }
    }

    fn until_state(&mut self, state: CellState) {
        self.until(state.name(), 60, |cell| cell.state() == state);
    }

    fn command(&mut self, command: CellCommand) {
        self.cell.give(Input::Command { command, by: by() });
    }

    /// Some line of the record has all of these.
    fn told(&self, parts: &[&str]) -> bool {
        self.lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
    }
}

/// Holds a button down for so long, and lets it go for longer than its contact bounces.
fn press(site: &mut Site, button: &str, ms: u32) {
    let input: InputId = site.cell.cell().input(button).expect("a button");
    site.cell.inject(Injection::Button { input, down: true });
    site.ticks(ms);
    site.cell.inject(Injection::Button { input, down: false });
    site.ticks(100);
}

#[test]
fn the_buttons_of_the_panel_drive_the_cell_and_the_record_says_which() {
    let mut site = Site::new();
    let lamp = |site: &Site, name: &str| {
        let output = site.cell.cell().output(name).expect("a lamp");
        site.cell.rt().outputs >> output.0 & 1 == 1
    };
    assert_eq!(site.cell.state(), CellState::Aborted);
    press(&mut site, "start_button", 200);
    assert_eq!(site.cell.state(), CellState::Aborted, "not taken here");
    press(&mut site, "reset_button", 5);
    assert_eq!(site.cell.state(), CellState::Aborted, "a contact that bounces is no press");
    // Acknowledges if there is something to acknowledge, then clears, then resets: one press each.
    let presses = (0..4).take_while(|_| {
        press(&mut site, "reset_button", 200);
        site.ticks(500);
        matches!(site.cell.state(), CellState::Aborted | CellState::Clearing | CellState::Stopped)
    });
    assert!(presses.count() < 4, "{:?}", site.cell.state());
    site.until_state(CellState::Idle);
    press(&mut site, "start_button", 200);
    site.until_state(CellState::Execute);
    site.ticks(3_000);
    assert!(lamp(&site, "lamp_green"));
    site.command(CellCommand::Hold);
    site.until_state(CellState::Held);
    // Held down, it acts once: what comes after is not started anew by it.
    press(&mut site, "start_button", 2_000);
    site.until_state(CellState::Execute);
    press(&mut site, "stop_button", 200);
    site.until_state(CellState::Stopped);
    assert!(!lamp(&site, "lamp_green"));
    for (command, button) in
        [("Clear", "reset"), ("Reset", "reset"), ("Start", "start"), ("Unhold", "start"), ("Stop", "stop")]
    {
        let from = format!("panel {button}_button");
        assert!(site.told(&[command, &from]), "{command} by {from} is recorded: {:#?}", site.lines);
    }
}

fn by_hand(site: &mut Site, request: ManualRequest) {
    site.cell.give(Input::Manual { request, by: by() });
    site.ticks(5);
}

fn manual(site: &Site) -> ManualStatus {
    site.cell.status().expect("a controller").manual
}

/// Holds the key until what it moves has ended by itself.
fn hold(site: &mut Site, request: ManualRequest) -> String {
    by_hand(site, request);
    for _ in 0..600 {
        let status = manual(site);
        if status.jog.is_none() && status.homing.is_none() {
            break;
        }
        by_hand(site, ManualRequest::Renew);
        site.ticks(45);
    }
    by_hand(site, ManualRequest::Leave);
    site.ticks(500);
    manual(site).last.unwrap_or_default()
}

fn jog(axis: AxisId, positive: bool) -> ManualRequest {
    ManualRequest::Jog { axis, positive, share: 1.0 }
}

fn at(site: &Site, axis: AxisId) -> f64 {
    site.cell.rt().axes[axis.index()].actual_au
}

/// In Stopped and Manual; before that `work` in Execute, if it is to have been there.
fn in_manual(work: Option<&str>) -> Site {
    let mut site = Site::new();
    site.command(CellCommand::Clear);
    site.until_state(CellState::Stopped);
    if let Some(step) = work {
        site.command(CellCommand::Reset);
        site.until_state(CellState::Idle);
        site.command(CellCommand::Start);
        site.until(step, 60, |cell| {
            let steps = cell.status().into_iter().flat_map(|s| s.units).flat_map(|u| u.branches);
            steps.filter_map(|b| b.step).any(|s| s == step)
        });
        site.ticks(1_200);
        site.command(CellCommand::Stop);
        site.until_state(CellState::Stopped);
    }
    site.cell.give(Input::Mode { mode: CellMode::Manual, by: by() });
    site.ticks(20);
    site
}

#[test]
fn a_jog_to_the_end_of_the_clear_range_leaves_the_table_free_to_turn() {
    let mut site = in_manual(None);
    let axis = |name: &str| site.cell.cell().axis(name).expect("an axis");
    let (press, feeder, table) = (axis("press_z"), axis("feeder_x"), axis("table"));
    // The table stands between two stations: each end of the range that keeps out of its way, with the drives
    // switched off at once, which lets the axes coast.
    let ends = [(press, true, 5.0), (press, false, -1.0), (feeder, true, 5.0), (feeder, false, -2.0)];
    for (axis, positive, end) in ends {
        let said = hold(&mut site, jog(axis, positive));
        let (rests, window) = (at(&site, axis), site.cell.cell().axes[axis.index()].in_position_au());
        assert!(said.ends_with(": at the end of its way"), "{said}");
        let inside = if positive { end - rests } else { rests - end };
        assert!((0.0..=5.0 * window).contains(&inside), "{axis:?} rests at {rests}, {inside} within {end}");
        let before = at(&site, table);
        by_hand(&mut site, jog(table, positive));
        site.ticks(150);
        by_hand(&mut site, ManualRequest::Leave);
        site.ticks(200);
        let way = (at(&site, table) - before).abs();
        assert!(way > 1.0, "{axis:?} at {rests}: the table turned by {way} deg: {:?}", manual(&site).last);
    }
}

#[test]
fn a_cobot_that_was_stopped_on_its_way_is_brought_home_by_hand() {
    let mut site = in_manual(Some("place-hub"));
    let robot: RobotId = site.cell.cell().robot("robot_l").expect("a cobot");
    let table = site.cell.cell().axis("table").expect("a table");
    let is_home = |site: &Site| {
        let state = site.cell.controller().expect("a controller").robots()[robot.index()];
        site.cell.cell().robots[robot.index()].rests_at_home(&state, site.cell.now())
    };
    assert!(!is_home(&site), "it was stopped on its way");
    let before = at(&site, table);
    by_hand(&mut site, jog(table, true));
    assert!(site.told(&["jog table +", "robot_l is not at home: bring it there first"]));
    // A tap moves it for the window only.
    by_hand(&mut site, ManualRequest::Home { robot });
    site.ticks(1_000);
    assert!(!is_home(&site) && manual(&site).homing.is_none());
    assert_eq!(manual(&site).last.as_deref(), Some("bring robot_l home ended: not renewed for 250 ms"));
    let began = site.cell.now();
    assert_eq!(hold(&mut site, ManualRequest::Home { robot }), "bring robot_l home ended: at home");
    assert!(is_home(&site));
    // Joints at a tenth of 180 deg/s: from above a tray some 40 deg away that takes more than a second.
    assert!(site.cell.now().since(began) > DurationNs::from_millis(1_500), "at reduced speed");
    assert_eq!(at(&site, table), before, "so far it did not turn");
    by_hand(&mut site, jog(table, true));
    site.ticks(150);
    by_hand(&mut site, ManualRequest::Leave);
    assert!(at(&site, table) > before + 1.0, "{:?}", manual(&site).last);
}
