//! What happens at the stations: the press fit, the thread, the leak test. Each is a state that follows
//! the axis and gives back an effort, or a pressure.

use cellwright_model::plant::{LeakPhysics, PressPhysics, ThreadPhysics};

use super::parts::CapTraits;

/// Force that a cannula at `depth_mm` sets against being pushed further, for a fit of `fit` times the
/// nominal interference, and its slope there.
pub fn press_resistance(p: &PressPhysics, fit: f64, depth_mm: f64) -> (f64, f64) {
    let entering = depth_mm < p.entry_depth_mm;
    let (entry, entry_slope) = if entering {
        (p.entry_n * depth_mm / p.entry_depth_mm, p.entry_n / p.entry_depth_mm)
    } else {
        (p.entry_n, 0.0)
    };
    let beyond = depth_mm - p.shoulder_depth_mm;
    let (shoulder, shoulder_slope) =
        if beyond > 0.0 { (p.shoulder_n_per_mm * beyond, p.shoulder_n_per_mm) } else { (0.0, 0.0) };
    (
        fit * (entry + p.slope_n_per_mm * depth_mm) + shoulder,
        fit * (entry_slope + p.slope_n_per_mm) + shoulder_slope,
    )
}

/// Torque that a cap turned by `angle_deg` sets against being turned further, and its slope there.
pub fn thread_resistance(p: &ThreadPhysics, cap: &CapTraits, angle_deg: f64) -> (f64, f64) {
    let (from, stiffness) = match cap.cross_angle_deg {
        Some(cross) if cross < cap.snug_angle_deg => (cross, p.cross_nm_per_deg),
        _ => (cap.snug_angle_deg, cap.stiffness_nm_per_deg),
    };
    let beyond = angle_deg - from;
    let (torque, slope) = if beyond > 0.0 {
        (cap.prevailing_nm + stiffness * beyond, stiffness)
    } else {
        (cap.prevailing_nm, 0.0)
    };
    match cap.strip_nm {
        Some(strip) if torque > strip => (strip, 0.0),
        _ => (torque, slope),
    }
}

/// Something that slides in one direction only, pushed through a spring: a cannula in its hub, a cap on
/// its thread. Dry friction holds it where it is; the spring gives way backward.
///
/// `travel`: how far the pusher has come since it would touch the slider at rest at zero. `slid`: how far
/// the slider has gone. Returns the force of the spring; `slid` moves on if it exceeds the resistance.
pub fn push(travel: f64, slid: &mut f64, stiffness: f64, resistance: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut force = stiffness * (travel - *slid);
    if force <= 0.0 {
        return 0.0;
    }
    // Resistance is piecewise linear in `slid`: a few Newton steps meet it, at most one a corner.
    for _ in 0..4 {
        let (holds, slope) = resistance(*slid);
        if force <= holds {
            break;
        }
        *slid += (force - holds) / (stiffness + slope);
        force = stiffness * (travel - *slid);
    }
    force
}

/// The same through a spring with a damper beside it, for a pusher that moves at `speed`: where the slider
/// sticks, the damper adds its force, as far as the slider still sticks and the spring does not pull.
pub fn push_damped(
    (travel, speed): (f64, f64),
    slid: &mut f64,
    (stiffness, damping): (f64, f64),
    resistance: impl Fn(f64) -> (f64, f64),
) -> f64 {
    let before = *slid;
    let spring = push(travel, slid, stiffness, &resistance);
    if spring <= 0.0 || *slid != before {
        return spring;
    }
    (spring + damping * speed).clamp(0.0, resistance(*slid).0.max(spring))
}

/// Less than this is no pressure, Pa: a vented volume comes to the same state however long it was vented.
const VENTED_PA: f64 = 1e-3;

/// Pressure of the volume under test, Pa gauge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LeakVolume {
    pub pressure_pa: f64,
    /// Pressure that is only heat of filling, and goes with it.
    heat_pa: f64,
}

impl LeakVolume {
    /// One step. `vent_open`: the vent is de-energised. `leak_pa_s`: decay at the supply's pressure.
    pub fn step(&mut self, p: &LeakPhysics, fill: bool, vent_open: bool, leak_pa_s: f64, dt_s: f64) {
        let filling = if fill { (p.supply_pa - self.pressure_pa) / p.fill_s } else { 0.0 };
        let venting = if vent_open { self.pressure_pa / p.vent_s } else { 0.0 };
        let cooling = self.heat_pa / p.settle_s;
        let leaking = leak_pa_s * self.pressure_pa / p.supply_pa;
        let heat_pa = self.heat_pa + ((filling - venting) * p.settle_pa / p.supply_pa - cooling) * dt_s;
        let pressure_pa = self.pressure_pa + (filling - venting - leaking - cooling) * dt_s;
        let gone = vent_open && !fill && pressure_pa.abs() < VENTED_PA && heat_pa.abs() < VENTED_PA;
        (self.pressure_pa, self.heat_pa) = if gone { (0.0, 0.0) } else { (pressure_pa, heat_pa) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_follows_only_above_its_resistance_and_never_comes_back() {
        let holds = |_: f64| (10.0, 0.0);
        let mut slid = 0.0;
        assert_eq!(push(0.05, &mut slid, 100.0, holds), 5.0);
        assert_eq!(slid, 0.0);
        assert!((push(0.30, &mut slid, 100.0, holds) - 10.0).abs() < 1e-9);
        assert!((slid - 0.20).abs() < 1e-9);
        assert!((push(0.25, &mut slid, 100.0, holds) - 5.0).abs() < 1e-9, "springs back");
        assert_eq!(push(0.10, &mut slid, 100.0, holds), 0.0, "pulls nothing");
        assert!((slid - 0.20).abs() < 1e-9);
    }

    #[test]
    fn a_damper_adds_its_force_only_while_the_slider_sticks() {
        let holds = |_: f64| (10.0, 0.0);
        let mut slid = 0.0;
        assert_eq!(push_damped((0.05, 20.0), &mut slid, (100.0, 0.1), holds), 7.0);
        assert_eq!(push_damped((0.05, 90.0), &mut slid, (100.0, 0.1), holds), 10.0);
        assert_eq!(push_damped((0.05, -90.0), &mut slid, (100.0, 0.1), holds), 0.0);
        assert_eq!(slid, 0.0);
        assert!((push_damped((0.30, 90.0), &mut slid, (100.0, 0.1), holds) - 10.0).abs() < 1e-9);
        assert_eq!(push_damped((0.10, 90.0), &mut slid, (100.0, 0.1), holds), 0.0);
    }

    #[test]
    fn a_slider_meets_a_rising_resistance_exactly() {
        let rising = |x: f64| if x < 1.0 { (2.0 * x, 2.0) } else { (2.0 + 50.0 * (x - 1.0), 50.0) };
        let mut slid = 0.0;
        for i in 0..=200 {
            let force = push(f64::from(i) * 0.01, &mut slid, 100.0, rising);
            assert!((force - rising(slid).0).abs() < 1e-9, "{force} at {slid}");
        }
        assert!(slid > 1.2);
    }
}
