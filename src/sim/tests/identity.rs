//! A SubDevice that was exchanged for another one of its type: the segment comes up, Production waits for a person.

use std::path::Path;

use cellwright_controller::{Answered, Input, Notice, Order, Question, QuestionKind, Source};
use cellwright_model::packml::{CellCommand, CellMode, CellState};
use cellwright_model::{AxisId, DurationNs, RequestId};
use cellwright_sim::{Latency, Options, Storage, VirtualCell, What, read, wiring};
use cellwright_twin::plant::Injection;

/// Object of a drive that start-up writes: the highest speed (0x6080).
const SPEED_MAX: u16 = 0x6080;
/// An axis that is not moved stays within this, which its sensor's last digit does not reach.
const STILL_AU: f64 = 0.05;

/// A cell, what it has asked and answered, and every line of its record.
struct Site {
    cell: VirtualCell,
    questions: Vec<Question>,
    refused: Vec<String>,
    lines: Vec<String>,
}

fn by() -> Source {
    Source::new("anna", "test")
}

impl Site {
    fn new(state: &Path) -> Site {
        let prepared = read(&What::default(), true).prepared.expect("the embedded cell holds");
        let storage = Storage::Outbox { state: state.into(), latency: Latency::default() };
        let cell =
            VirtualCell::new(prepared, Options { seed: 4, storage, ..Options::default() }).expect("a cell");
        Site { cell, questions: Vec::new(), refused: Vec::new(), lines: Vec::new() }
    }

    fn ticks(&mut self, n: u32) {
        for _ in 0..n {
            let told = self.cell.tick().expect("a cycle");
            self.lines.extend(told.events.iter().map(|e| e.line.clone()));
            for notice in told.notices {
                match notice {
                    Notice::Ask(question) if question.kind == QuestionKind::Identity => {
                        self.questions.push(question);
                    }
                    Notice::Withdrawn(id) => self.questions.retain(|q| q.id != id),
                    Notice::Answered { request: Answered::Command(_), result: Err(why), .. } => {
                        self.refused.push(why);
                    }
                    _ => {}
                }
            }
        }
    }

    fn until_state(&mut self, state: CellState) {
        let until = self.cell.now() + DurationNs::from_millis(60_000);
        while self.cell.state() != state {
            assert!(self.cell.now() < until, "{} not reached: {:?}", state.name(), self.cell.status());
            self.ticks(1);
        }
    }

    fn command(&mut self, command: CellCommand) {
        self.cell.give(Input::Command { command, by: by() });
        self.ticks(50);
    }

    fn mode(&mut self, mode: CellMode) {
        self.cell.give(Input::Mode { mode, by: by() });
        self.ticks(50);
    }

    fn confirm(&mut self, id: RequestId) {
        let reason = Some("drive exchanged, order 4711".to_owned());
        self.cell.give(Input::Answer { id, answer: cellwright_engine::CONFIRM.to_owned(), reason, by: by() });
        self.questions.clear();
        self.ticks(50);
    }

    /// From Aborted or Stopped into Idle.
    fn clear_and_reset(&mut self) {
        self.command(CellCommand::Clear);
        self.until_state(CellState::Stopped);
        self.command(CellCommand::Reset);
        self.until_state(CellState::Idle);
    }

    fn position(&self, name: &str) -> usize {
        self.cell.cell().segment.iter().position(|s| s.name == name).expect("a SubDevice")
    }

    fn actual(&self) -> Vec<f64> {
        let axes = self.cell.cell().axes.len();
        (0..axes).map(|i| self.cell.rt().axes[AxisId(i as u16).index()].actual_au).collect()
    }

    /// Puts another drive in the place of `drive_2` and clears; the axes stay where they are.
    fn exchange(&mut self, serial: u32) {
        let position = self.position("drive_2");
        let told = self.object(SPEED_MAX);
        self.cell.inject(Injection::Replace { position: position as u16, serial });
        assert_ne!(self.object(SPEED_MAX), told, "the other drive knows nothing of what this one was told");
        self.until_state(CellState::Aborted);
        self.ticks(200);
        let before = self.actual();
        self.command(CellCommand::Clear);
        self.until_state(CellState::Stopped);
        self.ticks(200);
        assert_eq!(self.object(SPEED_MAX), told, "parameters are written again");
        let moved = before.iter().zip(self.actual()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(moved < STILL_AU, "{moved} au");
    }

    fn object(&self, index: u16) -> i64 {
        self.cell.world().segment().object(self.position("drive_2"), index, 0).expect("an object")
    }

    fn asked(&self) -> &Question {
        let [question] = &self.questions[..] else { panic!("one question: {:?}", self.questions) };
        question
    }
}

#[test]
fn another_serial_number_blocks_production_until_a_person_confirms_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut site = Site::new(folder.path());
    site.clear_and_reset();
    assert!(site.questions.is_empty(), "what the cell file states needs nobody");
    site.exchange(2099);
    let prompt = site.asked().prompt.clone();
    for part in ["drive_2", "2099", "2002"] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    site.command(CellCommand::Reset);
    assert_eq!(site.cell.state(), CellState::Stopped);
    let why = site.refused.pop().expect("refused");
    assert!(why.contains("2099") && why.contains("confirm"), "{why}");

    // The next controller asks again.
    site.cell.restart().expect("the next controller");
    site.questions.clear();
    site.ticks(100);
    assert_eq!(site.asked().prompt, prompt);
    site.command(CellCommand::Clear);
    site.until_state(CellState::Stopped);
    let id = site.asked().id;

    // Maintenance may set up what is there; from there it is no way into Production either.
    site.mode(CellMode::Maintenance);
    site.command(CellCommand::Reset);
    site.until_state(CellState::Idle);
    for mode in [CellMode::Maintenance, CellMode::Production] {
        site.mode(mode);
        site.command(CellCommand::Start);
        assert_eq!(site.cell.state(), CellState::Idle);
        assert!(site.refused.pop().expect("refused").contains("2099"));
    }

    site.confirm(id);
    let said = ["operator.answer", "anna", "2099", "2002", "drive exchanged"];
    assert!(site.lines.iter().any(|line| said.iter().all(|part| line.contains(part))), "it is recorded");
    site.cell.give(Input::Order { order: Order::units("TEST", site.cell.plan().clone(), 1), by: by() });
    for load in wiring::loads(site.cell.cell(), site.cell.materials()) {
        let (tray, label) = (load.tray, load.label);
        site.cell.give(Input::MaterialLoaded { tray, label, next: None, left: None, by: by() });
    }
    site.command(CellCommand::Start);
    site.until_state(CellState::Execute);

    // Known from now on, by the next controller as well.
    site.cell.restart().expect("the next controller");
    site.ticks(100);
    site.clear_and_reset();
    assert!(site.questions.is_empty() && site.refused.is_empty(), "{:?}", site.refused);
}

#[test]
fn a_drive_that_is_put_back_takes_the_question_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut site = Site::new(folder.path());
    site.clear_and_reset();
    site.exchange(2099);
    let first = site.asked().id;
    site.command(CellCommand::Abort);
    site.exchange(2100);
    assert!(site.asked().prompt.contains("2100") && site.asked().id != first);
    site.command(CellCommand::Abort);
    site.exchange(2002);
    assert!(site.questions.is_empty());
    site.command(CellCommand::Reset);
    site.until_state(CellState::Idle);
}
