//! The timeline of a simulation as SVG: a row for each station and resource, a bar for each attempt, a colour for
//! each unit.

use cellwright_model::event::{Event, EventData};
use cellwright_model::outcome::StepOutcome;
use cellwright_sim::figures::Figures;

use crate::cli::svg::{Area, Font, Picture};

/// Bars that are kept and drawn: some hundred units, an hour and more. Later ones are counted.
const BARS_MAX: usize = 20_000;
/// A second; a step of two seconds has room for its name.
const SECOND: f64 = 16.0;
const ROW: f64 = 24.0;
/// Above the rows, left of them for their names, and around.
const TOP: f64 = 64.0;
const LEFT: f64 = 170.0;
const EDGE: f64 = 20.0;
/// Seconds between two lines of the grid.
const GRID_S: u64 = 10;
const COLOURS: [&str; 6] = ["#9ecae1", "#fdd0a2", "#a1d99b", "#dadaeb", "#fde0dd", "#d9d9d9"];

struct Bar {
    lane: usize,
    /// Which unit, counted from 0 in the order of their first bars.
    unit: usize,
    words: String,
    step: String,
    passed: bool,
    /// ns since 1970.
    start: i128,
    end: i128,
}

/// Takes attempts in as they end.
#[derive(Default)]
pub(super) struct Timeline {
    bars: Vec<Bar>,
    serials: Vec<String>,
    left_out: u64,
}

impl Timeline {
    /// Takes the next event in, where `figures` puts it.
    pub(super) fn look(&mut self, figures: &Figures, event: &Event) {
        let EventData::StepOutcome(step) = &event.draft.data else { return };
        let Some((lanes, (start, end))) = figures.places(step) else { return };
        let serial = event.draft.unit.as_ref().map_or("", |u| u.serial.as_str());
        for lane in lanes {
            if self.bars.len() == BARS_MAX {
                self.left_out += 1;
                continue;
            }
            let unit = self.unit(serial);
            let words = format!(
                "{serial} {} (attempt {}) {}, {:.3} s",
                step.step,
                step.attempt,
                step.outcome.as_str(),
                (end - start) as f64 / 1e9
            );
            let passed = step.outcome == StepOutcome::Passed;
            self.bars.push(Bar { lane, unit, words, step: step.step.clone(), passed, start, end });
        }
    }

    fn unit(&mut self, serial: &str) -> usize {
        // Units in work are the latest.
        let known = self.serials.iter().rposition(|s| s == serial);
        known.unwrap_or_else(|| {
            self.serials.push(serial.to_owned());
            self.serials.len() - 1
        })
    }

    /// The picture; `title` stands above it.
    pub(super) fn svg(&self, title: &str, figures: &Figures) -> String {
        let begin = figures.begin_unix_ns().unwrap_or(0);
        let seconds = |ns: i128| (ns - begin) as f64 / 1e9;
        let length = self.bars.iter().map(|b| seconds(b.end)).fold(0.0, f64::max);
        let lanes: Vec<_> = figures.lanes().collect();
        let bottom = TOP + lanes.len() as f64 * ROW;
        let width = (LEFT + length * SECOND + EDGE).max(900.0);
        let mut picture = Picture::new(width, bottom + EDGE);
        picture.words((EDGE, 20.0), Font { bold: true, ..Font::PLAIN }, title);
        picture.words((EDGE, 38.0), Font::PLAIN, &self.legend(length));
        for (n, (kind, name)) in lanes.iter().enumerate() {
            let y = TOP + n as f64 * ROW;
            let words = format!("{} {name}", kind.as_str());
            picture.words((LEFT - 8.0, y + 16.0), Font { anchor: "end", ..Font::PLAIN }, &words);
            picture.line(&[(LEFT, y), (width - EDGE, y)], "stroke=\"#eee\"");
        }
        for s in (0..=length as u64).step_by(GRID_S as usize) {
            let x = LEFT + s as f64 * SECOND;
            picture.line(&[(x, TOP), (x, bottom)], "stroke=\"#ddd\"");
            let font = Font { size: 10.0, anchor: "middle", colour: "#666", ..Font::PLAIN };
            picture.words((x, TOP - 6.0), font, &format!("{s} s"));
        }
        for bar in &self.bars {
            let x = LEFT + seconds(bar.start) * SECOND;
            let at = Area {
                x,
                y: TOP + bar.lane as f64 * ROW + 2.0,
                width: ((seconds(bar.end) - seconds(bar.start)) * SECOND).max(0.7),
                height: ROW - 4.0,
            };
            draw(&mut picture, bar, at);
        }
        picture.finish()
    }

    fn legend(&self, length: f64) -> String {
        let mut words = "a colour for each unit; red: an attempt that did not pass".to_owned();
        if self.left_out > 0 {
            words += &format!("; the first {length:.0} s, {} later bars are not drawn", self.left_out);
        }
        words
    }
}

fn draw(picture: &mut Picture, bar: &Bar, at: Area) {
    let stroke = if bar.passed { "#888" } else { "#d00000\" stroke-width=\"2.5" };
    let look = format!("fill=\"{}\" stroke=\"{stroke}\"", COLOURS[bar.unit % COLOURS.len()]);
    picture.told_rect(at, &look, &bar.words);
    let font = Font { size: 10.0, anchor: "middle", ..Font::PLAIN };
    if font.width(&bar.step) + 4.0 <= at.width {
        picture.words((at.middle(), at.y + 14.0), font, &bar.step);
    }
}
