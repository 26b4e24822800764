//! What happens at the stations in one substep: feeding, pressing, screwing, leak testing, and which sample
//! of its noise each of their sensors is at.

use cellwright_model::cell::{Cell, TrayKind};
use cellwright_model::{StationId, TrayId};

use super::super::noise::{Process, Series};
use super::super::parts::{CapTraits, Truth};
use super::super::places::{Assembly, Part};
use super::super::process;
use super::{Plant, SUBSTEP_S};

/// A lane's feeder has pushed its part this far before the end of its stroke, mm.
const FED_TOLERANCE_MM: f64 = 0.2;
/// The lane's next part falls in front of the feeder when it is back within this, mm.
const RETRACTED_TOLERANCE_MM: f64 = 1.0;

/// A lane and the axis of its feeder.
pub(super) struct Lane {
    pub(super) tray: TrayId,
    pub(super) axis: usize,
    fed_au: f64,
    retracted_au: f64,
    station: StationId,
    /// A part is in front of the feeder.
    armed: bool,
}

/// Traits of the parts under press, spindle and bell, kept while they are there, and how far each process is.
pub(super) struct AtWork {
    fit: Option<((u32, u32), f64, f64)>,
    cap: Option<(u32, CapTraits)>,
    /// Spindle position at which the cap on the bit would be untensioned at angle zero.
    bit_zero_deg: f64,
    sealed: Option<(Part, f64)>,
    pressing: Process,
    screwing: Process,
    testing: Process,
}

impl AtWork {
    pub(super) fn new(truth: &Truth) -> AtWork {
        let d = &truth.description;
        let by_axis = |axis: Option<cellwright_model::AxisId>| {
            let moved = axis.and_then(|axis| d.axes.get(axis.index()));
            Process::by_motion(moved.map_or(f64::NAN, |a| a.viscous_at_au_s))
        };
        AtWork {
            fit: None,
            cap: None,
            bit_zero_deg: 0.0,
            sealed: None,
            pressing: by_axis(d.press.map(|p| p.axis)),
            screwing: by_axis(d.thread.map(|t| t.axis)),
            testing: Process::by_clamp(),
        }
    }
}

impl Plant {
    pub(super) fn feed(&mut self) {
        for lane in &mut self.lanes {
            let at = self.axes[lane.axis].position_au;
            if at <= lane.retracted_au + RETRACTED_TOLERANCE_MM {
                lane.armed = !self.supplies.lane_empty && self.places.lane_has_part(lane.tray);
            } else if lane.armed && at >= lane.fed_au - FED_TOLERANCE_MM {
                lane.armed = false;
                self.places.feed(lane.tray, lane.station);
            }
        }
    }

    /// The ram meets the cannula on the hub that stands under it.
    pub(super) fn press(&mut self) {
        let Some(press) = self.truth.description.press else { return };
        let axis = &mut self.axes[press.axis.index()];
        let nest = self.places.at_station_mut(press.station);
        let subject = nest.as_ref().and_then(|a| subject(a.hub, a.cannula));
        self.at_work.pressing.substep(subject, axis.velocity_au_s);
        let force = match nest.map(|a| (a.hub, a.cannula, a)) {
            Some((Some(hub), Some(cannula), assembly)) => {
                let key = (hub, cannula);
                let (fit, contact_mm) = match self.at_work.fit {
                    Some((k, fit, contact)) if k == key => (fit, contact),
                    _ => {
                        let (fit, contact) = (self.truth.fit(hub, cannula), self.truth.hub(hub).contact_mm);
                        self.at_work.fit = Some((key, fit, contact));
                        (fit, contact)
                    }
                };
                let travel = axis.position_au - contact_mm;
                process::push(travel, &mut assembly.seated_mm, press.stiffness_n_per_mm, |depth| {
                    process::press_resistance(&press, fit, depth)
                })
            }
            _ => 0.0,
        };
        axis.load = force;
        self.physical[press.force.index()] = force;
    }

    /// The bit turns the cap on the hub that stands under the spindle.
    pub(super) fn screw(&mut self) {
        let Some(thread) = self.truth.description.thread else { return };
        let axis = &mut self.axes[thread.axis.index()];
        let nest = self.places.at_station_mut(thread.station);
        let capped = nest.as_ref().filter(|a| a.cap.is_some()).and_then(|a| subject(a.hub, a.cap));
        self.at_work.screwing.substep(capped, axis.velocity_au_s);
        let torque = match nest.map(|a| (a.hub, a.cap, a)) {
            Some((Some(_), Some(n), assembly)) => {
                if self.at_work.cap.is_none_or(|(k, _)| k != n) {
                    self.at_work.cap = Some((n, self.truth.cap(n)));
                    self.at_work.bit_zero_deg = axis.position_au - assembly.cap_turned_deg;
                }
                let Some((_, cap)) = &self.at_work.cap else { return };
                // The freewheel: turned backward, the bit engages again where it stands.
                let behind = axis.position_au - assembly.cap_turned_deg;
                self.at_work.bit_zero_deg = self.at_work.bit_zero_deg.min(behind);
                let travel = axis.position_au - self.at_work.bit_zero_deg;
                let bit = (thread.bit_nm_per_deg, self.bit_damping);
                let pusher = (travel, axis.velocity_au_s);
                process::push_damped(pusher, &mut assembly.cap_turned_deg, bit, |angle| {
                    process::thread_resistance(&thread, cap, angle)
                })
            }
            _ => {
                self.at_work.cap = None;
                0.0
            }
        };
        axis.load = torque;
        self.physical[thread.torque.index()] = torque;
    }

    pub(super) fn leak(&mut self) {
        let Some(tester) = &self.leak_tester else { return };
        let leak = self.truth.description.leak;
        let clamped = self.output(tester.clamp);
        let nest = self.places.at_station(tester.station);
        let sealed = nest.filter(|_| clamped).and_then(Assembly::sealed);
        let leak_pa_s = match (sealed, self.at_work.sealed) {
            (Some(part), Some((known, rate))) if part == known => rate,
            (Some(part), _) => {
                let rate = self.truth.leak_pa_s(part);
                self.at_work.sealed = Some((part, rate));
                rate
            }
            (None, _) => leak.open_pa_s,
        };
        let under_test = nest.filter(|_| clamped).and_then(under_bell);
        self.at_work.testing.substep(under_test, if clamped { 1.0 } else { 0.0 });
        let fill = self.output(tester.fill) && !self.supplies.air_off;
        let vent_open = !self.output(tester.vent_closed);
        self.volume.step(&leak, fill, vent_open, leak_pa_s, SUBSTEP_S);
        self.physical[tester.pressure.index()] = self.volume.pressure_pa;
    }

    /// Which samples the noise of an analog channel is at: those of its process while parts are under it.
    pub(super) fn series(&self, channel: usize) -> Series {
        let d = &self.truth.description;
        let leak = self.leak_tester.as_ref().map(|t| t.pressure.index());
        let process = if d.press.is_some_and(|p| channel == p.force.index()) {
            Some(&self.at_work.pressing)
        } else if d.thread.is_some_and(|t| channel == t.torque.index()) {
            Some(&self.at_work.screwing)
        } else if Some(channel) == leak {
            Some(&self.at_work.testing)
        } else {
            None
        };
        process.and_then(Process::series).unwrap_or(Series::Free { substep: self.substep })
    }
}

/// A number for the parts under a sensor; `None`: there are none.
fn subject(hub: Option<u32>, other: Option<u32>) -> Option<u64> {
    let word = |part: Option<u32>| part.map_or(0, |n| u64::from(n) + 1);
    (hub.is_some() || other.is_some()).then(|| word(hub) << 32 ^ word(other))
}

/// The same under the bell of the leak tester; finished units count beside all others.
fn under_bell(a: &Assembly) -> Option<u64> {
    let whole = a.whole.map(|n| 1 << 63 | u64::from(n));
    whole.or_else(|| subject(a.hub, a.cap))
}

/// Damping of the bit in N·m for each deg/s: a share of what is critical with the spindle's inertia.
pub(super) fn bit_damping(truth: &Truth) -> f64 {
    let Some(thread) = truth.description.thread else { return 0.0 };
    let spindle = &truth.description.axes[thread.axis.index()];
    let gear = 360.0 / spindle.au_per_revolution;
    let stiffness_rad = thread.bit_nm_per_deg.to_degrees();
    let critical = 2.0 * (stiffness_rad * spindle.inertia_kgm2 * gear * gear).sqrt();
    (thread.bit_damping * critical).to_radians()
}

pub(super) fn lanes(cell: &Cell) -> Vec<Lane> {
    let lane = |(t, tray): (usize, &cellwright_model::cell::Tray)| {
        let feeder = tray.feeder.as_ref().filter(|_| tray.kind == TrayKind::Lane)?;
        let station = cell.stations.iter().position(|s| s.axes.contains(&feeder.axis))?;
        Some(Lane {
            tray: TrayId(t as u16),
            axis: feeder.axis.index(),
            fed_au: feeder.fed_au,
            retracted_au: feeder.retracted_au,
            station: StationId(station as u16),
            armed: false,
        })
    };
    cell.trays.iter().enumerate().filter_map(lane).collect()
}
