//! What a part is in truth: the traits of the n-th hub, cannula or cap, drawn from the seed.

use cellwright_model::plant::{Defect, PartKind, PlantDescription, Spread, ThreadPhysics};

use super::draw::{self, Purpose};
use super::places::Part;

/// The truth about all parts: description and seed, from which every trait follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    pub description: PlantDescription,
    pub seed: u64,
}

/// A hub.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HubTraits {
    pub defect: Option<Defect>,
    /// Share of the nominal interference that its bore makes.
    pub interference: f64,
    /// Axis position at which the ram meets the cannula on it, mm.
    pub contact_mm: f64,
}

/// A cannula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CannulaTraits {
    pub defect: Option<Defect>,
    pub interference: f64,
    /// Height of the burr at its tip, mm.
    pub burr_mm: f64,
}

/// A cap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapTraits {
    pub defect: Option<Defect>,
    pub prevailing_nm: f64,
    pub snug_angle_deg: f64,
    pub stiffness_nm_per_deg: f64,
    /// Angle from which a cross-threaded cap binds.
    pub cross_angle_deg: Option<f64>,
    /// Torque at which a stripped thread gives way.
    pub strip_nm: Option<f64>,
    /// Pressure decay of the closed unit at the supply's pressure, Pa/s.
    pub leak_pa_s: f64,
}

/// A unit that came back finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitTraits {
    pub defect: Option<Defect>,
    /// Pressure decay at the supply's pressure, Pa/s.
    pub leak_pa_s: f64,
    /// Height of the burr at its tip, mm.
    pub burr_mm: f64,
}

impl Truth {
    fn bits(&self, kind: PartKind, n: u32, purpose: Purpose) -> u64 {
        draw::bits(self.seed, purpose, kind as u64, u64::from(n), 0)
    }

    /// Zero of what belongs to a process that the cell does not have.
    fn value(&self, spread: Option<Spread>, kind: PartKind, n: u32, purpose: Purpose) -> f64 {
        draw::value(spread.unwrap_or_default(), self.bits(kind, n, purpose))
    }

    /// What is bad about the n-th part of a kind. The shares of the kind's defects lie side by side on
    /// 0 .. 1; the rest of it is good. What a test gives is not drawn.
    pub fn defect(&self, kind: PartKind, n: u32) -> Option<Defect> {
        if let Some(given) = self.description.given.iter().find(|g| g.kind == kind) {
            return given.defects.get(n as usize).copied().flatten();
        }
        let x = draw::uniform(self.bits(kind, n, Purpose::Defect));
        let mut end = 0.0;
        for defect in Defect::ALL.into_iter().filter(|d| d.kind() == kind) {
            let share = self.description.defects.iter().filter(|s| s.defect == defect);
            end += share.map(|s| s.share).sum::<f64>();
            if x < end {
                return Some(defect);
            }
        }
        None
    }

    /// Traits of the n-th hub.
    pub fn hub(&self, n: u32) -> HubTraits {
        let press = self.description.press;
        let defect = self.defect(PartKind::Hub, n);
        let spread = press.map(|press| match defect {
            Some(Defect::HubOversize) => press.oversize,
            Some(Defect::HubUndersize) => press.undersize,
            _ => press.hub_interference,
        });
        let contact_mm = press.map(|press| press.contact_mm);
        HubTraits {
            defect,
            interference: self.value(spread, PartKind::Hub, n, Purpose::Interference),
            contact_mm: self.value(contact_mm, PartKind::Hub, n, Purpose::Contact),
        }
    }

    /// Traits of the n-th cannula.
    pub fn cannula(&self, n: u32) -> CannulaTraits {
        let tip = &self.description.tip;
        let defect = self.defect(PartKind::Cannula, n);
        let oversize = defect == Some(Defect::CannulaOversize);
        let fit = self.description.press.map(|p| if oversize { p.oversize } else { p.cannula_interference });
        let burr = if defect == Some(Defect::Burr) { tip.bad_burr_mm } else { tip.burr_mm };
        CannulaTraits {
            defect,
            interference: self.value(fit, PartKind::Cannula, n, Purpose::Interference),
            burr_mm: self.value(Some(burr), PartKind::Cannula, n, Purpose::Burr).max(0.0),
        }
    }

    /// Traits of the n-th cap.
    pub fn cap(&self, n: u32) -> CapTraits {
        let (thread, leak) = (self.description.thread, &self.description.leak);
        let defect = self.defect(PartKind::Cap, n);
        let value = |spread, purpose| self.value(spread, PartKind::Cap, n, purpose);
        let of_thread = |spread: fn(ThreadPhysics) -> Spread, purpose| value(thread.map(spread), purpose);
        let seal = if defect == Some(Defect::LeakySeal) { leak.leaky_pa_s } else { leak.tight_pa_s };
        CapTraits {
            defect,
            prevailing_nm: of_thread(|t| t.prevailing_nm, Purpose::Prevailing),
            snug_angle_deg: of_thread(|t| t.snug_angle_deg, Purpose::SnugAngle),
            stiffness_nm_per_deg: of_thread(|t| t.stiffness_nm_per_deg, Purpose::ThreadStiffness),
            cross_angle_deg: (defect == Some(Defect::CapCrossThread))
                .then(|| of_thread(|t| t.cross_angle_deg, Purpose::CrossAngle)),
            strip_nm: (defect == Some(Defect::CapStripped))
                .then(|| of_thread(|t| t.strip_nm, Purpose::StripTorque)),
            leak_pa_s: value(Some(seal), Purpose::Leak),
        }
    }

    /// Traits of the n-th unit that came back.
    pub fn unit(&self, n: u32) -> UnitTraits {
        let (leak, tip) = (&self.description.leak, &self.description.tip);
        let defect = self.defect(PartKind::Unit, n);
        let seal = if defect == Some(Defect::UnitLeaky) { leak.leaky_pa_s } else { leak.tight_pa_s };
        let burr = if defect == Some(Defect::UnitBurr) { tip.bad_burr_mm } else { tip.burr_mm };
        UnitTraits {
            defect,
            leak_pa_s: self.value(Some(seal), PartKind::Unit, n, Purpose::Leak),
            burr_mm: self.value(Some(burr), PartKind::Unit, n, Purpose::Burr).max(0.0),
        }
    }

    /// Pressure decay of what this part seals, Pa/s at the supply's pressure.
    pub fn leak_pa_s(&self, part: Part) -> f64 {
        match part.kind {
            PartKind::Unit => self.unit(part.n).leak_pa_s,
            _ => self.cap(part.n).leak_pa_s,
        }
    }

    /// Height of the burr at the tip of a cannula, or of a unit that came back, mm.
    pub fn burr_mm(&self, part: Part) -> f64 {
        match part.kind {
            PartKind::Unit => self.unit(part.n).burr_mm,
            _ => self.cannula(part.n).burr_mm,
        }
    }

    /// Fit of a hub and a cannula as a share of the nominal interference. Tolerances add; a bad part
    /// alone makes the fit, of two bad ones the tighter.
    pub fn fit(&self, hub: u32, cannula: u32) -> f64 {
        let (hub, cannula) = (self.hub(hub), self.cannula(cannula));
        let bad_hub = hub.defect.map(|_| hub.interference);
        let bad_cannula = (cannula.defect == Some(Defect::CannulaOversize)).then_some(cannula.interference);
        match (bad_hub, bad_cannula) {
            (None, None) => hub.interference + cannula.interference - 1.0,
            (Some(x), None) | (None, Some(x)) => x,
            (Some(h), Some(c)) => h.max(c),
        }
    }

    /// The code on the n-th part of a kind, as GS1 element string; `None` if its parts bear none. Of the material
    /// that lies there unless people brought something else.
    pub fn code(&self, kind: PartKind, n: u32) -> Option<String> {
        self.code_of(self.description.material.iter().position(|m| m.kind == kind)?, n)
    }

    /// The same for a part of this place in the list of material.
    pub fn code_of(&self, material: usize, n: u32) -> Option<String> {
        let prefix = &self.description.material.get(material)?.code.as_ref()?.serial_prefix;
        self.code_with(material, &format!("{prefix}{n:06}"))
    }

    /// The same with this serial on it.
    pub fn code_with(&self, material: usize, serial: &str) -> Option<String> {
        let material = self.description.material.get(material)?;
        let gtin = &material.code.as_ref()?.gtin;
        let (yy, mm, dd) = yymmdd(&material.expiry)?;
        Some(format!("\u{1d}01{gtin}17{yy}{mm}{dd}10{}\u{1d}21{serial}", material.lot))
    }

    /// Whether a grip at a part misses it. `attempt`: how often it was tried on this part.
    pub fn grip_misses(&self, kind: PartKind, n: u32, attempt: u64) -> bool {
        let bits = draw::bits(self.seed, Purpose::GripMiss, kind as u64, u64::from(n), attempt);
        draw::uniform(bits) < self.description.grippers.miss
    }

    /// Whether no scanner can read a label on this part. `before`: labels that were put on it before.
    pub fn label_unreadable(&self, part: Part, before: u64) -> bool {
        let bits =
            draw::bits(self.seed, Purpose::LabelUnreadable, part.kind as u64, u64::from(part.n), before);
        draw::uniform(bits) < self.description.labels.unreadable
    }

    /// Burr as a camera measures it, of a cannula or of a unit that came back. `exposure`: how often it looked at it.
    pub fn burr_measured_mm(&self, part: Part, exposure: u64) -> f64 {
        let Part { kind, n } = part;
        let bits = draw::bits(self.seed, Purpose::CameraNoise, kind as u64, u64::from(n), exposure);
        (self.burr_mm(part) + self.description.tip.camera_noise_mm * draw::normal(bits)).max(0.0)
    }
}

fn yymmdd(date: &str) -> Option<(&str, &str, &str)> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    Some((year.get(2..4)?, month, day))
}
