//! The label of a unit: asked for, put on, read back; and the count of those that were printed.
//!
//! A label that is on the unit stays there: a step that comes to print once more, in another round of a `repeat`,
//! only reads it. What every attempt has printed is in its record, so that labels can be reconciled: those that were
//! applied, spoilt or are in doubt are those that the printer has used.

use std::collections::BTreeSet;

use cellwright_model::label::{LabelFate, UnitLabel};
use cellwright_model::outcome::StepOutcome;
use cellwright_model::{PrinterId, ScannerId, StepIx};

use crate::api::{DeviceReply, Output};
use crate::messages::wait_for_device;
use crate::ops::{Begun, OpEnd};
use crate::record::Labelled;
use crate::step::StepRun;
use crate::unit::{Env, UnitData};

/// Labels of one unit.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Have been printed, or may have been.
    printed: u32,
    /// Steps whose label is on it.
    applied: BTreeSet<StepIx>,
}

impl Labels {
    /// What became of one before the controller was started again.
    pub(crate) fn remember(&mut self, step: StepIx, label: &cellwright_model::event::Label) {
        self.printed = self.printed.max(label.printed);
        if label.fate == LabelFate::Applied {
            self.applied.insert(step);
        }
    }
}

/// Asks the printer for the unit's label.
pub(crate) fn print(run: &mut StepRun, env: &mut Env<'_, '_>, printer: PrinterId) -> Begun {
    if env.unit.labels.applied.contains(&run.step) {
        return Begun::Ended(OpEnd::Ok);
    }
    let Some(device) = env.cx.cell.printers.get(printer.index()) else {
        return Begun::Ended(OpEnd::Fault("unknown-printer".into()));
    };
    let content = match content(env.unit) {
        Ok(content) => content,
        Err(cause) => return Begun::Ended(OpEnd::Fault(cause)),
    };
    let timeout = device.answer_timeout;
    let (id, unit) = (env.cx.device(), env.unit.id);
    env.cx.out.push(Output::Print { printer, id, unit, label: content.clone() });
    env.unit.labels.printed = env.unit.labels.printed.saturating_add(1);
    let printed = env.unit.labels.printed;
    run.label = Some(Labelled { printer, content, fate: LabelFate::Doubtful, printed });
    Begun::Op(wait_for_device(env, id, timeout))
}

/// Has the label on the unit read.
pub(crate) fn read(env: &mut Env<'_, '_>, scanner: ScannerId) -> Begun {
    let Some(device) = env.cx.cell.scanners.get(scanner.index()) else {
        return Begun::Ended(OpEnd::Fault("unknown-scanner".into()));
    };
    let timeout = device.answer_timeout;
    let (id, unit) = (env.cx.device(), env.unit.id);
    env.cx.out.push(Output::Scan { scanner, id, unit });
    Begun::Op(wait_for_device(env, id, timeout))
}

fn content(unit: &UnitData) -> Result<UnitLabel, String> {
    unit.label.clone().map_err(|e| format!("label-content: {e}"))
}

/// What an answer of printer or scanner means. A label that says anything else than it should is the part's fault.
pub(crate) fn ended(run: &mut StepRun, unit: &mut UnitData, reply: DeviceReply) -> OpEnd {
    match reply {
        DeviceReply::Printed => {
            if let Some(label) = &mut run.label {
                label.fate = LabelFate::Spoilt;
            }
            OpEnd::Ok
        }
        DeviceReply::NotPrinted { cause } => {
            if let Some(label) = &mut run.label {
                label.fate = LabelFate::NotPrinted;
                unit.labels.printed = unit.labels.printed.saturating_sub(1);
                label.printed = unit.labels.printed;
            }
            OpEnd::Fault(format!("device-failed: {cause}"))
        }
        DeviceReply::Scanned { text, .. } => match content(unit).map(|label| label.compare(&text)) {
            Ok(Ok(())) => OpEnd::Ok,
            Ok(Err(why)) => OpEnd::Fail(format!("label-mismatch: {why}")),
            Err(cause) => OpEnd::Fault(cause),
        },
        DeviceReply::BadCode { cause } => OpEnd::Fail(format!("label-mismatch: {cause}")),
        DeviceReply::NoRead => OpEnd::Fail("label-unreadable".into()),
        DeviceReply::Failed { cause } => OpEnd::Fault(format!("device-failed: {cause}")),
        DeviceReply::Inspected(_) => OpEnd::Fault("device-answer".into()),
    }
}

/// What became of the label of an attempt that has ended so. Until then a printed one counts as spoilt.
pub(crate) fn settled(run: &mut StepRun, unit: &mut UnitData, outcome: StepOutcome) -> Option<Labelled> {
    let mut label = run.label.take()?;
    if outcome == StepOutcome::Passed && label.fate == LabelFate::Spoilt {
        label.fate = LabelFate::Applied;
        unit.labels.applied.insert(run.step);
    }
    Some(label)
}
