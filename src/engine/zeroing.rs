//! Zeroing: at the end of `resetting`, at rest and with nothing that loads them, the sensors of the cell file
//! have to read zero. The mean over some cycles is looked at, and looked at again while something still settles (a
//! volume that was filled by hand vents); an offset is said, never taken away.

use cellwright_model::cell::ZeroSensor;
use cellwright_model::event::AlarmClass;
use cellwright_model::expr::SignalView;
use cellwright_model::{AnalogId, DurationNs, TimeNs};

use crate::api::MachineFault;
use crate::catalogue::AlarmCode;
use crate::ledger::Cx;

/// Cycles with valid inputs that the mean is taken over: the noise of a channel of 16 bits goes down to a
/// seventh, and nothing drifts in that time.
const SAMPLES: u32 = 50;
/// A channel that does not read zero, or gives no trusted values, for so long is a fault.
const ZERO_WITHIN: DurationNs = DurationNs::from_millis(2_000);

/// One sensor being looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zeroing {
    sensor: ZeroSensor,
    deadline: TimeNs,
    last_cycle: u64,
    samples: u32,
    sum: f64,
    /// The last mean that was not zero, in the unit of the channel.
    offset: Option<f64>,
}

impl Zeroing {
    pub(crate) fn begin(cx: &mut Cx<'_>, sensor: ZeroSensor) -> Zeroing {
        let deadline = cx.now + ZERO_WITHIN;
        cx.wake_at(deadline);
        Zeroing { sensor, deadline, last_cycle: cx.machine.rt.cycle, samples: 0, sum: 0.0, offset: None }
    }

    /// `None`: not yet. Errors: the sensor does not read zero, or nothing that can be trusted.
    pub(crate) fn poll(&mut self, cx: &Cx<'_>) -> Option<Result<(), MachineFault>> {
        let cycle = cx.machine.rt.cycle;
        if cx.machine.fresh() && cx.machine.rt.at_rest && cycle != self.last_cycle {
            self.last_cycle = cycle;
            match cx.machine.analog(self.sensor.analog) {
                Some(value) => {
                    self.sum += value;
                    self.samples += 1;
                }
                // What it showed before says nothing of a channel that shows nothing now.
                None => self.offset = None,
            }
        }
        if self.samples >= SAMPLES {
            let mean = self.sum / f64::from(self.samples);
            if mean.abs() <= self.sensor.within {
                return Some(Ok(()));
            }
            (self.offset, self.samples, self.sum) = (Some(mean), 0, 0.0);
        }
        (cx.now >= self.deadline).then(|| match self.offset {
            Some(mean) => Err(self.not_zero(cx, mean)),
            None => Err(self.not_trusted(cx)),
        })
    }

    fn not_zero(&self, cx: &Cx<'_>, mean: f64) -> MachineFault {
        let (name, unit) = described(cx, self.sensor.analog);
        let cause = format!("mean {mean:.3} {unit}, permitted are ±{} {unit}", self.sensor.within);
        AlarmCode::ZeroOffset.fault(name, &[("cause", &cause)]).with_class(AlarmClass::Stop)
    }

    fn not_trusted(&self, cx: &Cx<'_>) -> MachineFault {
        let (name, _) = described(cx, self.sensor.analog);
        let cause = format!("{} of {SAMPLES} values in time", self.samples);
        AlarmCode::AnalogInvalid.fault(name, &[("cause", &cause)]).with_class(AlarmClass::Stop)
    }
}

/// Name and unit of a channel.
fn described(cx: &Cx<'_>, analog: AnalogId) -> (String, &'static str) {
    let channel = cx.cell.analogs.get(analog.index());
    channel.map_or((String::new(), ""), |a| (a.name.clone(), a.dimension.unit()))
}
