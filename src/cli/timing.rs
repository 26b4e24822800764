//! Flags that stand in the place of what the cell file says of the cycle's time.

use std::sync::Arc;

use cellwright_model::cell::Cell;
use cellwright_model::timing::{Receive, Timing};
use cellwright_model::{Dimension, DurationNs, Quantity};
use clap::Args;

use super::Failure;

/// What is left out is as the cell file's `realtime:` says.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TimingArgs {
    /// How a frame is waited for on an interface: `blocking` or `spin`.
    #[arg(long, value_name = "blocking|spin", value_parser = receive)]
    pub(crate) receive: Option<Receive>,
    /// Last part of the wait for each cycle that is spun through instead of slept, for example `50us`; `0us`: none.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) spin: Option<DurationNs>,
}

impl TimingArgs {
    /// Changes a cell as the flags say.
    ///
    /// Errors: a spin that is more than its share of the cycle.
    pub(crate) fn apply(&self, cell: &mut Arc<Cell>) -> Result<(), Failure> {
        let most = Timing::spin_max(cell.cycle);
        if let Some(spin) = self.spin
            && spin > most
        {
            let (spin, most) = (spin.0 / 1000, most.0 / 1000);
            return Err(Failure::Usage(format!(
                "--spin {spin}us is more than half a cycle: at most {most}us"
            )));
        }
        if self.receive.is_some() || self.spin.is_some() {
            let timing = &mut Arc::make_mut(cell).realtime;
            timing.receive = self.receive.unwrap_or(timing.receive);
            timing.spin = self.spin.unwrap_or(timing.spin);
        }
        Ok(())
    }
}

fn receive(text: &str) -> Result<Receive, String> {
    match text {
        "blocking" => Ok(Receive::Blocking),
        "spin" => Ok(Receive::Spin),
        _ => Err("write blocking or spin".to_owned()),
    }
}

/// `50us`, `1 ms`, `0us`.
pub(crate) fn time(text: &str) -> Result<DurationNs, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    match Quantity::parse(&format!("{} {unit}", number.trim())) {
        Ok(q) if q.dimension == Dimension::Time && (0.0..=60.0).contains(&q.value) => {
            Ok(DurationNs::from_secs_f64(q.value))
        }
        _ => Err(format!("`{text}` is no time up to a minute; write 50us or 1ms")),
    }
}

/// A period that is driven: 250 µs to 20 ms, as in the cell file.
pub(crate) fn period(text: &str) -> Result<DurationNs, String> {
    time(text).and_then(|period| match period.0 {
        250_000..=20_000_000 => Ok(period),
        _ => Err("between 250us and 20ms".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_their_unit() {
        assert_eq!(time("50us"), Ok(DurationNs(50_000)));
        assert_eq!(time("0us"), Ok(DurationNs(0)));
        assert_eq!(time("1 ms"), Ok(DurationNs(1_000_000)));
        for wrong in ["50", "us", "-1us", "1 mm", "2h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(period("250us"), Ok(DurationNs(250_000)));
        assert!(period("100us").is_err() && period("21ms").is_err());
    }
}
