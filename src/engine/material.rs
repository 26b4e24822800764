//! Material: what a person loads is taken or refused by its label, and what is taken from a tray or lane is
//! of a known lot that may be used today.

use cellwright_model::cell::{Cell, Tray, TrayKind};
use cellwright_model::material::{LOT_SHARES_MAX, Label, LotShare, QUARANTINED_MAX, Quarantined};
use cellwright_model::plan::{Component, Identify, Plan, Primitive};
use cellwright_model::{Date, TrayId, gs1};

use crate::api::{Answered, Output, Source};
use crate::core::Core;
use crate::ledger::Cx;
use crate::parts::Parts;
use crate::record::Record;

/// A load as a person says it.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) tray: TrayId,
    pub(crate) label: Label,
    /// First pocket to be used: the tray begins anew. For a lane: it was emptied before.
    pub(crate) next: Option<u32>,
    /// Parts that are left of what was there before, as the person counted them.
    pub(crate) left: Option<u32>,
}

/// What bars material: the calendar and the list of quarantined lots.
#[derive(Debug, Default)]
pub(crate) struct Barred {
    pub(crate) today: Option<Date>,
    quarantined: Vec<Quarantined>,
    /// Why the list could not be read when it was read last: nothing is loaded until it can be.
    unreadable: Option<String>,
}

impl Barred {
    /// The list as it was read now; one that cannot be read leaves the one before in force.
    pub(crate) fn quarantine(&mut self, list: Result<Vec<Quarantined>, String>) {
        match list {
            Ok(list) if list.len() > QUARANTINED_MAX => {
                self.unreadable = Some(format!("it has more than {QUARANTINED_MAX} entries"));
            }
            Ok(list) => (self.quarantined, self.unreadable) = (list, None),
            Err(why) => self.unreadable = Some(why),
        }
    }

    /// A lot that is in a unit already. Errors: the cause, in words.
    pub(crate) fn lot(&self, part: &str, lot: &str) -> Result<(), String> {
        match &self.unreadable {
            Some(why) => Err(format!("the list of quarantined lots cannot be read: {why}")),
            None => self.why(part, lot, None),
        }
    }

    /// Why a lot must not be used today: a cause word and what it is about.
    fn why(&self, part: &str, lot: &str, expiry: Option<Date>) -> Result<(), String> {
        if let Some(q) = self.quarantined.iter().find(|q| q.bars(part, lot)) {
            return Err(format!("quarantined: lot {lot} of {part} ({})", q.reason));
        }
        match (expiry, self.today) {
            (Some(expiry), Some(today)) if expiry < today => {
                Err(format!("expired: lot {lot} of {part} on {expiry}"))
            }
            (Some(_), None) => Err(format!("date-unknown: whether lot {lot} of {part} has expired")),
            _ => Ok(()),
        }
    }

    /// A code that was read on a part of the unit. Errors: the cause, in a word and what it is about.
    pub(crate) fn code(&self, cell: &Cell, part: &str, code: &Scan<'_>) -> Result<(), String> {
        let number = cell.materials.iter().find(|m| m.part == part);
        match (number, code.gtin) {
            (Some(m), Some(gtin)) if m.gtin != gtin => {
                Err(format!("wrong-part: GTIN {gtin} where {part} ({}) is asked for", m.gtin))
            }
            (Some(m), None) => Err(format!("wrong-part: no GTIN where {part} ({}) is asked for", m.gtin)),
            _ => {
                let expiry = code.expiry.map(Date::parse).transpose()?;
                self.why(part, code.lot.unwrap_or_default(), expiry)
            }
        }
    }
}

/// What a code on a part says.
pub(crate) struct Scan<'a> {
    pub(crate) gtin: Option<&'a str>,
    pub(crate) lot: Option<&'a str>,
    /// `YYYY-MM-DD`.
    pub(crate) expiry: Option<&'a str>,
}

impl Core {
    /// A person has loaded a tray or lane, or emptied a bin. Answered and recorded either way.
    pub(crate) fn material(&mut self, cx: &mut Cx<'_>, load: &Load, by: &Source) {
        let tray = load.tray;
        let result = self.accept_load(cx, load).map(|share| self.load(cx, load, share, by));
        let name =
            cx.cell.trays.get(tray.index()).map_or_else(|| format!("tray {}", tray.0), |t| t.name.clone());
        let what = format!("material of {name}: {}", load.label);
        let ticket = cx.record(Record::Request { what, by: by.clone(), result: result.clone() });
        let request = Answered::Material(tray);
        cx.out.push(Output::Answered { request, by: by.clone(), result, ticket });
    }

    /// The share that the load is. Errors: why it is refused.
    fn accept_load(&self, cx: &Cx<'_>, load: &Load) -> Result<Option<LotShare>, String> {
        let tray = cx.cell.trays.get(load.tray.index()).ok_or("there is no such tray")?;
        if let Some(next) = load.next.filter(|n| *n >= tray.pockets() && tray.kind != TrayKind::Lane) {
            return Err(format!("{} has no pocket {next}: it has {}", tray.name, tray.pockets()));
        }
        let runs = self.units.values().flat_map(|u| u.branches.values().map(move |b| (u, b)));
        if load.next.is_some()
            && runs
                .filter_map(|(u, b)| b.run.as_ref().map(|r| (u, r)))
                .any(|(u, r)| r.works_at(&u.data, load.tray))
        {
            return Err(format!("a step works at {}: hold the cell, or wait until it is done", tray.name));
        }
        if matches!(tray.kind, TrayKind::Good | TrayKind::Reject) {
            let lies = |u: &&crate::unit::Unit| u.lies_unfinished_in(load.tray);
            if let Some(unit) = self.units.values().find(lies).filter(|_| load.next.is_some()) {
                let serial = &unit.data.serial;
                return Err(format!("{serial} in {} is not finished: wait until it is", tray.name));
            }
            if let Some(serial) = self.parts.unsettled_in(load.tray) {
                return Err(format!(
                    "{serial} in {} is not good, or may lie there: Reset asks for it, take it out then and answer so",
                    tray.name
                ));
            }
            return match load.label {
                Label::Empty => Ok(None),
                _ => Err(format!("{} takes units, not material: load it as empty", tray.name)),
            };
        }
        let barred = &self.parts.barred;
        let share = read_label(cx.cell, barred.today, &load.label)?;
        self.fits(tray, load.tray, &share)?;
        if let Some(why) = &barred.unreadable {
            return Err(format!("the list of quarantined lots cannot be read: {why}"));
        }
        barred.why(&share.part, &share.lot, share.expiry)?;
        self.parts.shares_with(tray, load, &share)?;
        Ok(Some(share))
    }

    /// The part is the one that belongs there. Errors: the reason.
    fn fits(&self, tray: &Tray, id: TrayId, share: &LotShare) -> Result<(), String> {
        if let Some(expected) = tray.part.as_ref().filter(|p| **p != share.part) {
            return Err(format!("{} takes {expected}, not {}", tray.name, share.part));
        }
        let plan = self.order.as_ref().map(|o| &o.order.plan);
        let wanted = plan.and_then(|p| served(p, id));
        match wanted.filter(|c| c.part != share.part) {
            Some(c) => Err(format!("the order takes {} from {}, not {}", c.part, tray.name, share.part)),
            None => Ok(()),
        }
    }

    fn load(&mut self, cx: &mut Cx<'_>, load: &Load, share: Option<LotShare>, by: &Source) {
        let tray = load.tray;
        let Some(described) = cx.cell.trays.get(tray.index()) else { return };
        cx.record(Record::Material { tray, share: share.clone(), by: by.clone() });
        if load.label == Label::Empty && load.next.is_some() {
            cx.record(Record::TrayEmptied { tray });
        }
        if let Some(share) = share
            && let Ok(shares) = self.parts.shares_with(described, load, &share)
        {
            self.parts.set_shares(cx, tray, shares);
        }
        // The count of a lane goes on: its parts are told apart by it.
        if let Some(next) = load.next.filter(|_| described.kind != TrayKind::Lane)
            && let Some(state) = self.parts.trays.get_mut(tray.index())
        {
            state.next = next;
            cx.record(Record::TrayBegun { tray, next });
        }
    }
}

/// The component that the plan takes from a tray.
fn served(plan: &Plan, tray: TrayId) -> Option<&Component> {
    let taken = plan.steps.iter().flat_map(|s| &s.ops).find_map(|op| match op {
        Primitive::Consume { component, source: Some(source) } if *source == tray => Some(component),
        _ => None,
    });
    plan.components.iter().find(|c| Some(&c.name) == taken || (taken.is_none() && c.source == Some(tray)))
}

/// What a label says. Errors: what is wrong with it, in words.
fn read_label(cell: &Cell, today: Option<Date>, label: &Label) -> Result<LotShare, String> {
    match label {
        Label::Empty => Err("a source is loaded with the label of its material".into()),
        Label::Typed { part, lot, expiry, quantity } => {
            if part.is_empty() || lot.is_empty() {
                return Err("a label has a part number and a lot".into());
            }
            let expiry = expiry.as_deref().map(Date::parse).transpose()?;
            Ok(LotShare { part: part.clone(), lot: lot.clone(), expiry, left: *quantity })
        }
        Label::Scanned(text) => {
            let today = today.ok_or("the date is not known, so the label's expiry date has no century")?;
            let read = gs1::parse_label(text, today.year())
                .map_err(|e| format!("malformed code: {e}; scan it again, or type part and lot"))?;
            let gtin = read.gtin.ok_or("the code names no part: (01) is missing")?;
            let number = cell.materials.iter().find(|m| m.gtin == gtin);
            let number = number
                .ok_or_else(|| format!("GTIN {gtin} is of no part that `materials:` of cell.yaml lists"))?;
            let lot = read.lot.ok_or("the code names no lot: (10) is missing")?;
            let expiry = read.expiry.as_deref().map(Date::parse).transpose()?;
            Ok(LotShare { part: number.part.clone(), lot, expiry, left: read.quantity })
        }
    }
}

impl Parts {
    /// The shares of a tray once the load is in it: what was there before is used up first. Errors: why that
    /// cannot be told apart.
    fn shares_with(&self, tray: &Tray, load: &Load, new: &LotShare) -> Result<Vec<LotShare>, String> {
        let mut shares = match self.trays.get(load.tray.index()) {
            Some(state) if load.next.is_none() => state.lots.clone(),
            _ => Vec::new(),
        };
        if let Some(left) = load.left
            && let Some(last) = shares.last_mut()
        {
            last.left = Some(left);
        }
        shares.retain(|s| s.left != Some(0));
        let full = shares.len() >= LOT_SHARES_MAX;
        match shares.last_mut() {
            None => {}
            Some(last) if last.part != new.part => {
                return Err(format!(
                    "{} holds {} still: empty it first, and say that it begins anew",
                    tray.name, last.part
                ));
            }
            Some(last) if last.lot == new.lot && last.expiry == new.expiry => {
                last.left = last.left.zip(new.left).map(|(a, b)| a.saturating_add(b));
                return Ok(shares);
            }
            Some(last) if last.left.is_none() => {
                return Err(format!(
                    "{} holds a rest of lot {}: say how many of it are left, or empty it and say that it begins anew",
                    tray.name, last.lot
                ));
            }
            Some(_) if full => {
                return Err(format!("{} holds {LOT_SHARES_MAX} lots already: use one up first", tray.name));
            }
            Some(_) => {}
        }
        shares.push(new.clone());
        Ok(shares)
    }

    fn set_shares(&mut self, cx: &mut Cx<'_>, tray: TrayId, lots: Vec<LotShare>) {
        if let Some(state) = self.trays.get_mut(tray.index()) {
            state.lots.clone_from(&lots);
            cx.record(Record::TrayLots { tray, lots });
        }
    }

    /// Whether the next part of a tray may become this component now. Its lot; `None`: nobody has said it, and
    /// nobody asks. Errors: the cause, in a word and what it is about.
    pub(crate) fn lot_of(
        &self,
        cell: &Cell,
        component: &Component,
        tray: TrayId,
    ) -> Result<Option<String>, String> {
        let (Some(state), Some(described)) = (self.trays.get(tray.index()), cell.trays.get(tray.index()))
        else {
            return Err("unknown-tray".into());
        };
        let wrong = |part: &str| format!("wrong-part: {part} where {} is asked for", component.part);
        let Some(share) = state.share() else {
            if !state.lots.is_empty() {
                return Err(format!("lot-used-up: more parts in {} than were loaded", described.name));
            }
            return match &described.part {
                Some(part) if *part != component.part => Err(wrong(part)),
                _ if component.identify == Identify::PerLot => {
                    Err(format!("lot-unknown: {}", component.name))
                }
                _ => Ok(None),
            };
        };
        if share.part != component.part {
            return Err(wrong(&share.part));
        }
        self.barred.why(&share.part, &share.lot, share.expiry)?;
        Ok(Some(share.lot.clone()))
    }

    /// One part of the share in use was taken.
    pub(crate) fn count_down(&mut self, cx: &mut Cx<'_>, tray: TrayId) {
        let Some(state) = self.trays.get(tray.index()) else { return };
        let mut lots = state.lots.clone();
        let Some(share) = lots.iter_mut().find(|s| s.left != Some(0)) else { return };
        let Some(left) = &mut share.left else { return };
        *left -= 1;
        // The last share stays with nothing left, so that a part too many is noticed.
        while lots.len() > 1 && lots.first().is_some_and(|s| s.left == Some(0)) {
            lots.remove(0);
        }
        self.set_shares(cx, tray, lots);
    }
}
