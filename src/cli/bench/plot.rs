//! Histograms as one SVG picture: a panel each, time and counts on logarithmic scales.

use super::chart::time;
use super::figures::Measured;
use crate::cli::svg::{Area, Font, Picture};

const WIDTH: f64 = 860.0;
const PANEL: f64 = 150.0;
/// Around what is drawn: left of the scale of counts, above and below each panel.
const LEFT: f64 = 70.0;
const TOP: f64 = 34.0;
const GAP: f64 = 44.0;
const RIGHT: f64 = 20.0;

/// The decades of time that all panels share, so that they can be compared.
struct Scale {
    from: f64,
    decades: f64,
}

impl Scale {
    fn of(panels: &[Measured]) -> Scale {
        let all = || panels.iter().flat_map(|p| &p.buckets);
        let low = all().map(|b| b.0.max(10)).min().unwrap_or(1_000) as f64;
        let high = all().map(|b| b.1 + 1).max().unwrap_or(1_000_000) as f64;
        let from = low.log10().floor();
        Scale { from, decades: (high.log10().ceil() - from).max(1.0) }
    }

    fn x(&self, ns: u64) -> f64 {
        let decade = (ns.max(1) as f64).log10() - self.from;
        LEFT + decade.clamp(0.0, self.decades) / self.decades * (WIDTH - LEFT - RIGHT)
    }
}

/// The picture; `title` stands above it.
pub(super) fn svg(title: &str, panels: &[Measured]) -> String {
    let mut picture = Picture::new(WIDTH, TOP + panels.len() as f64 * (PANEL + GAP));
    picture.words((LEFT, 20.0), Font::PLAIN, title);
    let scale = Scale::of(panels);
    for (n, panel) in panels.iter().enumerate() {
        draw(&mut picture, panel, &scale, TOP + n as f64 * (PANEL + GAP));
    }
    picture.finish()
}

fn draw(picture: &mut Picture, panel: &Measured, scale: &Scale, top: f64) {
    let (head, bottom) = (top + 16.0, top + PANEL);
    let most = panel.buckets.iter().map(|b| b.2).max().unwrap_or(1);
    let decades = (most as f64).log10().ceil().max(1.0);
    // A bucket with a single entry is a tenth of a decade high, so that it is seen.
    let y = |count: u64| bottom - ((count as f64).log10() + 0.1) / (decades + 0.1) * (bottom - head);
    let q = &panel.quantiles;
    let words = [q.p50, q.p99, q.p999, q.max].map(time);
    let name =
        format!("{}: p50 {}, p99 {}, p99.9 {}, max {}", panel.name, words[0], words[1], words[2], words[3]);
    picture.words((LEFT, top + 10.0), Font::PLAIN, &name);
    for decade in 0..=decades as u32 {
        let at = y(10u64.pow(decade));
        picture.line(&[(LEFT, at), (WIDTH - RIGHT, at)], "stroke=\"#ddd\"");
        let font = Font { anchor: "end", ..Font::PLAIN };
        picture.words((LEFT - 6.0, at + 4.0), font, &10u64.pow(decade).to_string());
    }
    for decade in 0..=scale.decades as u32 {
        let ns = 10f64.powf(scale.from + f64::from(decade)) as u64;
        picture.line(&[(scale.x(ns), head), (scale.x(ns), bottom)], "stroke=\"#ddd\"");
        picture.words((scale.x(ns), bottom + 16.0), Font { anchor: "middle", ..Font::PLAIN }, &time(ns));
    }
    for &(low, high, count) in &panel.buckets {
        let (x, width) = (scale.x(low), (scale.x(high + 1) - scale.x(low)).max(0.7));
        let at = Area { x, y: y(count), width, height: bottom - y(count) };
        picture.rect(at, "fill=\"#3b6ea5\"");
    }
    for (ns, colour) in [(q.p50, "#2a8c4a"), (q.p99, "#d08a00"), (q.max, "#c02020")] {
        picture.line(&[(scale.x(ns), head), (scale.x(ns), bottom)], &format!("stroke=\"{colour}\""));
    }
}

#[cfg(test)]
mod tests {
    use cellwright_rt::Statistics;

    use super::super::figures::measured;
    use super::*;

    #[test]
    fn a_panel_for_each_histogram_on_one_scale() {
        let statistics = Statistics::default();
        (1..=1_000).for_each(|n| statistics.wake.record(n * 1_000));
        (0..50).for_each(|_| statistics.exec.record(200));
        let panels = measured(&statistics);
        assert_eq!(panels.len(), 2, "nothing is drawn of what was not measured");
        let picture = svg("a & b", &panels);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(picture.contains("a &amp; b") && picture.contains("wake-up: p50 "));
        let bars = picture.matches("fill=\"#3b6ea5\"").count();
        assert_eq!(bars, panels[0].buckets.len() + 1);
        // 200 ns lie left of 1 µs, wherever they are drawn.
        let scale = Scale::of(&panels);
        assert!(scale.x(200) < scale.x(1_000) && scale.x(1_000) < scale.x(1_000_000));
        assert!((LEFT..WIDTH).contains(&scale.x(0)) && scale.x(u64::MAX) <= WIDTH);
    }
}
