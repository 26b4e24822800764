//! What a finished unit truly is, held against the limits of the recipe that made it.
//!
//! *Gauge error*: what a value may be off because of the sensor alone, from noise and offset that plant.yaml
//! states. Noise of an analog channel ends at [`NOISE_ENDS`] standard deviations and that of the camera at
//! [`CAMERA_ENDS`], so that the limits widened by it part what a right judgement may call good from what it may not.

use cellwright_model::cell::Cell;
use cellwright_model::plan::{CurveFeature, Feature, MeasurementSpec, Plan, Primitive, Step};
use cellwright_model::plant::{Defect, PartKind};
use cellwright_model::{AnalogId, AxisId, Quantity};

use super::parts::Truth;
use super::places::{Assembly, Part};
use super::process;

/// Standard deviations at which the noise of an analog channel ends (see `draw::noise`).
pub const NOISE_ENDS: f64 = 3.5;
/// The same for the camera (see `draw::normal`).
pub const CAMERA_ENDS: f64 = 3.0;

/// A property of a unit that is truly outside of the recipe's limits, by more than the gauge error.
#[derive(Debug, Clone, PartialEq)]
pub struct Beyond {
    /// `step/measurement`, or what is wrong with a part.
    pub what: String,
    /// In the measurement's unit, and so are the limits: those of the recipe, widened by the gauge error.
    pub truth: f64,
    pub lo: f64,
    pub hi: f64,
}

impl core::fmt::Display for Beyond {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} is truly {:.4}, outside of {:.4} .. {:.4}", self.what, self.truth, self.lo, self.hi)
    }
}

/// A property as it is, and by how much a right measurement of it may be off.
struct Property {
    truth: f64,
    error: f64,
}

impl Truth {
    /// Everything about a unit that no right judgement by `plan` could have called good. Empty: it is good, or
    /// so near to a limit that the gauge may say so.
    pub fn beyond(&self, cell: &Cell, plan: &Plan, unit: &Assembly) -> Vec<Beyond> {
        let flaw = |what: String| Beyond { what, truth: f64::NAN, lo: f64::NAN, hi: f64::NAN };
        let parts =
            self.description.material.iter().filter(|m| plan.components.iter().any(|c| c.part == m.part));
        if parts.clone().any(|m| unit.part(m.kind).is_none()) {
            return vec![flaw("a part is missing".into())];
        }
        let mut beyond = Vec::new();
        // A thread that binds or gives way is bad whatever torque and angle came of it.
        if unit.whole.and_then(|n| self.unit(n).defect) == Some(Defect::UnitOther) {
            beyond.push(flaw("it is another unit than the one that was asked for".into()));
        }
        let defect = unit.cap.and_then(|cap| self.cap(cap).defect);
        if let Some(defect @ (Defect::CapCrossThread | Defect::CapStripped)) = defect {
            beyond.push(flaw(format!("the cap has the defect {}", defect.as_str())));
        }
        for step in &plan.steps {
            for spec in &step.measurements {
                let Some(Property { truth, error }) = self.property(cell, step, spec, unit) else { continue };
                let (lo, hi) = (spec.lo - error, spec.hi + error);
                if !(truth >= lo && truth <= hi) {
                    beyond.push(Beyond { what: format!("{}/{}", step.id, spec.name), truth, lo, hi });
                }
            }
        }
        beyond
    }

    /// `None`: nothing that the plant has a truth about.
    fn property(
        &self,
        cell: &Cell,
        step: &Step,
        spec: &MeasurementSpec,
        unit: &Assembly,
    ) -> Option<Property> {
        let d = &self.description;
        let (curve, feature) = match &spec.of {
            Feature::Curve { curve, feature } => (curve, *feature),
            Feature::Device(name) if name == "burr" => return self.burr(spec, unit),
            Feature::Device(_) | Feature::Register(_) => return None,
        };
        let analog = step.ops.iter().find_map(|op| match op {
            Primitive::CaptureStart { curve: c, analog, .. } if c == curve => *analog,
            _ => None,
        })?;
        let (noise, offset) = self.noise(analog);
        let error = NOISE_ENDS * noise + offset.abs();
        let leak = cell.leak_testers.first().map(|t| t.pressure);
        if feature == CurveFeature::DecayRate && Some(analog) == leak {
            // Of a least-squares slope through samples of one cycle each.
            let (cycle_s, test_s) = (cell.cycle.as_secs_f64(), captured_s(step, curve)?);
            let error = NOISE_ENDS * noise * (12.0 * cycle_s / test_s).sqrt() / test_s;
            return Some(Property { truth: self.leak_pa_s(unit.sealed()?), error });
        }
        let (hub, cannula, cap) = (unit.hub?, unit.cannula?, unit.cap.map(|n| self.cap(n)));
        // A sensor that is looked at while its axis stands shows nothing of a joint.
        let moves = |axis: AxisId| step.axes() & (1 << axis.0) != 0;
        let press = d.press.filter(|p| p.force == analog && moves(p.axis));
        let thread = d.thread.filter(|t| t.torque == analog && moves(t.axis));
        match (feature, press, thread) {
            (CurveFeature::ValueAtEnd | CurveFeature::ValuePeak, Some(press), _) => {
                let (truth, _) = process::press_resistance(&press, self.fit(hub, cannula), unit.seated_mm);
                Some(Property { truth, error })
            }
            (CurveFeature::ValueAtEnd | CurveFeature::ValuePeak, _, Some(thread)) => {
                let (truth, _) = process::thread_resistance(&thread, &cap?, unit.cap_turned_deg);
                Some(Property { truth, error })
            }
            (CurveFeature::TravelFromLevel { level }, _, Some(thread)) => {
                let cap = cap?;
                let rises = cap.stiffness_nm_per_deg;
                let snug = cap.snug_angle_deg + (level - cap.prevailing_nm) / rises;
                // The bit twists between spindle and cap, by as much as the torque makes it.
                let twist =
                    process::thread_resistance(&thread, &cap, unit.cap_turned_deg).0 / thread.bit_nm_per_deg;
                Some(Property { truth: unit.cap_turned_deg - snug, error: error / rises + twist })
            }
            _ => None,
        }
    }

    fn burr(&self, spec: &MeasurementSpec, unit: &Assembly) -> Option<Property> {
        let unit_mm = Quantity::parse(&format!("1 {}", spec.unit)).ok()?.value;
        let kind = if unit.whole.is_some() { PartKind::Unit } else { PartKind::Cannula };
        let burr_mm = self.burr_mm(Part { kind, n: unit.part(kind)? });
        let error = CAMERA_ENDS * self.description.tip.camera_noise_mm / unit_mm;
        Some(Property { truth: burr_mm / unit_mm, error })
    }

    /// Standard deviation and offset of a channel, in its unit.
    fn noise(&self, analog: AnalogId) -> (f64, f64) {
        let physics = self.description.analogs.iter().find(|a| a.analog == analog);
        physics.map_or((0.0, 0.0), |p| (p.noise, p.offset))
    }
}

/// How long a curve is captured while nothing but time passes.
fn captured_s(step: &Step, curve: &str) -> Option<f64> {
    let begun = |op: &Primitive| matches!(op, Primitive::CaptureStart { curve: c, .. } if c == curve);
    let ended = |op: &Primitive| matches!(op, Primitive::CaptureEnd { curve: c } if c == curve);
    let within = step.ops.iter().skip_while(|op| !begun(op)).take_while(|op| !ended(op));
    let dwells = within.filter_map(|op| match op {
        Primitive::Dwell { duration } => Some(duration.as_secs_f64()),
        _ => None,
    });
    Some(dwells.sum::<f64>()).filter(|s| *s > 0.0)
}
