//! What a simulation found, as text and as JSON.

use cellwright_sim::figures::{Bin, Distribution, Lane, NOTICE, QUANTILES, Report};
use serde_json::{Map, Value, json};

use super::Simulated;
use crate::cli::out::outln;

/// Bars of a histogram in text, an eighth of a line at a time.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One JSON object.
pub(super) fn json(simulated: &Simulated, seed: u64, wall_s: f64) -> Value {
    let Simulated { report, virtual_s, plan, .. } = simulated;
    let c = report.counts;
    let lane = |l: &Lane| lane_json(report, l);
    json!({
        "units": c.units, "good": c.good, "ng": c.ng, "interrupted": c.interrupted,
        "ng_by_cause": report.ng_by_cause, "seed": seed, "takt_s": report.takt_s(),
        "virtual_s": virtual_s, "wall_s": wall_s, "times_real_time": virtual_s / wall_s,
        "variant": plan.variant, "set": plan.set.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "yield": report.yielded(), "first_pass_yield": report.first_pass_yield(),
        "busy": report.lanes.iter().map(lane).collect::<Vec<_>>(),
        "bottleneck": report.bottleneck().map(lane),
        "measurements": measurements(report),
        "notice": NOTICE,
    })
}

fn lane_json(report: &Report, lane: &Lane) -> Value {
    json!({ "kind": lane.kind.as_str(), "name": lane.name, "busy_s": lane.busy_s, "share": report.share(lane) })
}

/// An entry for each measurement of the recipe.
pub(crate) fn measurements(report: &Report) -> Vec<Value> {
    report.distributions.iter().map(measurement).collect()
}

fn measurement(d: &Distribution) -> Value {
    let v = d.of_values.as_ref();
    let quantiles = v.map(|v| {
        let named =
            QUANTILES.iter().zip(v.quantiles).map(|((name, _), value)| ((*name).to_owned(), json!(value)));
        Value::Object(named.collect::<Map<_, _>>())
    });
    let bin = |b: &Bin| json!({ "from": b.from, "to": b.to, "n": b.n });
    json!({
        "step": d.step, "name": d.name, "unit": d.unit, "spec": d.spec, "attempts": "first",
        "limits": d.limits, "limits_of_cpk": d.counting, "n": d.n, "left_out": d.left_out,
        "mean": v.map(|v| v.mean), "s": d.s, "min": v.map(|v| v.min), "max": v.map(|v| v.max),
        "quantiles": quantiles, "histogram": v.map(|v| v.histogram.iter().map(bin).collect::<Vec<_>>()),
        "cpk": d.cpk.ok(), "cpk_undefined": d.cpk.err().map(|why| why.to_string()),
    })
}

/// For people.
pub(super) fn print(simulated: &Simulated, wall_s: f64) {
    let Simulated { report, virtual_s, plan, .. } = simulated;
    let c = report.counts;
    plan.set.iter().for_each(|(name, value)| outln!("set: {name} = {value}"));
    outln!("{} units: {} good, {} ng, {} interrupted", c.units, c.good, c.ng, c.interrupted);
    let share = |share: Option<f64>| share.map_or("none".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let (all, first) = (share(report.yielded()), share(report.first_pass_yield()));
    outln!("yield {all}, at the first pass {first}, takt {:.2} s", report.takt_s());
    report.ng_by_cause.iter().for_each(|(cause, n)| outln!("  ng {n:>4}  {cause}"));
    if let Some(l) = report.bottleneck() {
        outln!(
            "bottleneck: {} {}, busy {:.1} % of the time",
            l.kind.as_str(),
            l.name,
            100.0 * report.share(l)
        );
    }
    for l in report.lanes.iter().filter(|l| l.busy_s > 0.0) {
        let a_unit = l.busy_s / c.units.max(1) as f64;
        outln!(
            "  {:<8} {:<12} {:>5.1} %  {a_unit:>6.2} s a unit",
            l.kind.as_str(),
            l.name,
            100.0 * report.share(l)
        );
    }
    distributions(report);
    outln!("{virtual_s:.1} s of virtual time in {wall_s:.2} s: {:.0} times real time", virtual_s / wall_s);
    outln!("{NOTICE}");
}

fn distributions(report: &Report) {
    if report.distributions.is_empty() {
        return;
    }
    outln!(
        "{:<28} {:>6} {:>9} {:>9} {:>9} {:>9}  {:<5} {:<10} histogram",
        "first attempts",
        "n",
        "mean",
        "s",
        "min",
        "max",
        "unit",
        "Cpk"
    );
    for d in &report.distributions {
        let v = d.of_values.as_ref();
        let number = |v: Option<f64>| v.map_or("-".to_owned(), digits);
        let bars = v.map(|v| blocks(&v.histogram)).unwrap_or_default();
        outln!(
            "  {:<26} {:>6} {:>9} {:>9} {:>9} {:>9}  {:<5} {:<10} {bars}",
            format!("{}/{}", d.step, d.name),
            d.n,
            number(v.map(|v| v.mean)),
            number(d.s),
            number(v.map(|v| v.min)),
            number(v.map(|v| v.max)),
            d.unit,
            cpk(d)
        );
    }
}

/// `1.33`, `1.33 upper` where one limit counts, or why there is none.
pub(crate) fn cpk(d: &Distribution) -> String {
    let side = match d.counting {
        [None, Some(_)] => " upper",
        [Some(_), None] => " lower",
        _ => "",
    };
    match d.cpk {
        Ok(cpk) => format!("{cpk:.2}{side}"),
        Err(why) => format!("undefined: {why}"),
    }
}

/// Four digits that count.
pub(crate) fn digits(value: f64) -> String {
    let whole = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 + 1 };
    let decimals = (4 - whole).clamp(0, 9) as usize;
    format!("{value:.decimals$}")
}

fn blocks(histogram: &[Bin]) -> String {
    let most = histogram.iter().map(|b| b.n).max().unwrap_or(0).max(1);
    let block = |b: &Bin| match b.n {
        0 => ' ',
        n => BLOCKS[((n * BLOCKS.len() as u64).div_ceil(most) - 1) as usize],
    };
    histogram.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let all = [0.0, 0.35123, 104.249, 12345.6, -0.001234, 9.99].map(digits);
        assert_eq!(all, ["0.0000", "0.3512", "104.2", "12346", "-0.001234", "9.990"]);
    }

    #[test]
    fn one_value_is_seen_and_none_is_not() {
        let bins = [1, 0, 800, 400].map(|n| Bin { from: 0.0, to: 1.0, n });
        assert_eq!(blocks(&bins), "▁ █▄");
        assert_eq!(blocks(&[]), "");
    }
}
