//! How long each station, and each resource that a step holds, was busy.

use cellwright_model::cell::Cell;
use cellwright_model::event::StepEnded;
use cellwright_model::plan::{Plan, Resource};

/// What a lane is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneKind {
    Station,
    Axis,
    Robot,
    Camera,
    Scanner,
    Printer,
    Analog,
    Tray,
}

impl LaneKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            LaneKind::Station => "station",
            LaneKind::Axis => "axis",
            LaneKind::Robot => "robot",
            LaneKind::Camera => "camera",
            LaneKind::Scanner => "scanner",
            LaneKind::Printer => "printer",
            LaneKind::Analog => "analog",
            LaneKind::Tray => "tray",
        }
    }
}

/// A station or resource, and how long it was busy.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    pub kind: LaneKind,
    pub name: String,
    pub busy_s: f64,
}

/// One unit at a time is at a station or holds a resource: when another comes, what the last one did is over.
#[derive(Debug, Clone)]
pub(super) struct Busy {
    pub(super) kind: LaneKind,
    pub(super) name: String,
    ns: i128,
    /// Of the unit that is there: apart from each other, in their order.
    serial: String,
    open: Vec<(i128, i128)>,
}

impl Busy {
    fn new(kind: LaneKind, name: &str) -> Busy {
        Busy { kind, name: name.to_owned(), ns: 0, serial: String::new(), open: Vec::new() }
    }

    /// Attempts come in the order of their ends; those of branches beside each other overlap.
    fn add(&mut self, serial: &str, (mut start, mut end): (i128, i128)) {
        if self.serial != serial {
            self.settle();
            self.serial.clear();
            self.serial.push_str(serial);
        }
        while let Some((from, to)) = self.open.pop_if(|last| last.1 >= start) {
            (start, end) = (start.min(from), end.max(to));
        }
        self.open.push((start, end));
    }

    fn settle(&mut self) {
        self.ns += self.open.drain(..).map(|(from, to)| to - from).sum::<i128>();
    }
}

/// See the module text.
pub(super) struct Lanes {
    all: Vec<Busy>,
    /// Lanes of what each step of the Plan holds, besides its station.
    held: Vec<Vec<usize>>,
}

impl Lanes {
    /// Every station of the cell, then what the steps hold, each once.
    pub(super) fn of(cell: &Cell, plan: &Plan) -> Lanes {
        let mut all: Vec<Busy> =
            cell.stations.iter().map(|s| Busy::new(LaneKind::Station, &s.name)).collect();
        let mut resources: Vec<Resource> =
            plan.steps.iter().flat_map(|s| s.resources.iter().copied()).collect();
        resources.sort();
        resources.dedup();
        let mut at = Vec::new();
        for resource in resources {
            if let Some((kind, name)) = named(cell, resource) {
                at.push((resource, all.len()));
                all.push(Busy::new(kind, name));
            }
        }
        let lane = |r: &Resource| at.iter().find(|(resource, _)| resource == r).map(|(_, lane)| *lane);
        let held = plan.steps.iter().map(|s| s.resources.iter().filter_map(lane).collect()).collect();
        Lanes { all, held }
    }

    pub(super) fn all(&self) -> &[Busy] {
        &self.all
    }

    /// Where an attempt was under way: its station, and what its step holds.
    pub(super) fn of_step(&self, step: &StepEnded) -> Vec<usize> {
        let is = |b: &Busy| b.kind == LaneKind::Station && Some(&b.name) == step.station.as_ref();
        let held = (step.n as usize).checked_sub(1).and_then(|at| self.held.get(at));
        self.all.iter().position(is).into_iter().chain(held.into_iter().flatten().copied()).collect()
    }

    pub(super) fn add(&mut self, step: &StepEnded, serial: &str, interval: (i128, i128)) {
        for lane in self.of_step(step) {
            self.all[lane].add(serial, interval);
        }
    }

    pub(super) fn settled(mut self) -> Vec<Lane> {
        self.all.iter_mut().for_each(Busy::settle);
        let lane = |b: Busy| Lane { kind: b.kind, name: b.name, busy_s: b.ns as f64 / 1e9 };
        self.all.into_iter().map(lane).collect()
    }
}

/// `None` for the space at a station, which is held with it.
fn named(cell: &Cell, resource: Resource) -> Option<(LaneKind, &str)> {
    match resource {
        Resource::Axis(id) => cell.axes.get(id.index()).map(|x| (LaneKind::Axis, x.name.as_str())),
        Resource::Robot(id) => cell.robots.get(id.index()).map(|x| (LaneKind::Robot, x.name.as_str())),
        Resource::Camera(id) => cell.cameras.get(id.index()).map(|x| (LaneKind::Camera, x.name.as_str())),
        Resource::Scanner(id) => cell.scanners.get(id.index()).map(|x| (LaneKind::Scanner, x.name.as_str())),
        Resource::Printer(id) => cell.printers.get(id.index()).map(|x| (LaneKind::Printer, x.name.as_str())),
        Resource::Analog(id) => cell.analogs.get(id.index()).map(|x| (LaneKind::Analog, x.name.as_str())),
        Resource::Tray(id) => cell.trays.get(id.index()).map(|x| (LaneKind::Tray, x.name.as_str())),
        Resource::StationSpace(_) | Resource::Zone(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_counted_once_and_units_one_after_the_other() {
        let mut busy = Busy::new(LaneKind::Station, "load");
        // Two branches: the longer one ends last and began first.
        for interval in [(10, 30), (40, 50), (0, 60), (60, 70), (80, 90)] {
            busy.add("A", interval);
        }
        assert_eq!(busy.open, [(0, 70), (80, 90)]);
        busy.add("B", (100, 105));
        busy.settle();
        assert_eq!(busy.ns, 70 + 10 + 5);
    }
}
