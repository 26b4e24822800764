//! How long each stage of arming took.

use cellwright_model::{DurationNs, TimeNs};

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageTime {
    pub stage: &'static str,
    pub took: DurationNs,
}

/// The stages of one arming.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    taken: Vec<StageTime>,
    since: TimeNs,
}

impl Stages {
    /// A new arming begins.
    pub(crate) fn begin(&mut self, now: TimeNs) {
        self.taken.clear();
        self.since = now;
    }

    /// What follows is counted from now on; what was before counts nowhere.
    pub(crate) fn resume(&mut self, now: TimeNs) {
        self.since = now;
    }

    pub(crate) fn end_of(&mut self, stage: &'static str, now: TimeNs) {
        self.taken.push(StageTime { stage, took: now.since(self.since) });
        self.since = now;
    }

    pub(crate) fn taken(&self) -> &[StageTime] {
        &self.taken
    }
}
