//! `cellwright approve --report`: a recipe for its reviewer as one HTML file that needs no other: what it does, what it
//! judges by, its rows, what its twin makes of it, its hashes. Names in it are text, whatever stands in them.

use std::fmt::Write as _;
use std::path::Path;

use cellwright_approval::Content;
use cellwright_model::cell::Cell;
use cellwright_model::event::AlarmClass;
use cellwright_model::plan::{Identify, Plan};
use cellwright_sim::figures::{Distribution, NOTICE, Report};
use cellwright_sim::{What, wiring};

use super::diff::{Diff, Version};
use super::outline::in_one_form;
use crate::cli::graph::{self, handler, limits, time, window};
use crate::cli::simulate::{Wanted, cpk, digits, simulate};
use crate::cli::svg::escaped;
use crate::cli::{Failure, prepare};

const STYLE: &str = "body{font-family:sans-serif;margin:2em;max-width:110em}table{border-collapse:collapse;margin:.5em 0 1.5em}\
                     th,td{border:1px solid #aaa;padding:.2em .6em;text-align:left}th{background:#eef}\
                     code{font-size:85%}.notice{font-weight:bold;color:#b00000}.graph{overflow:auto;border:1px solid #ccc}";

/// What a report is of.
pub(super) struct Subject<'a> {
    pub(super) recipe: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) cell: &'a Cell,
    pub(super) content: &'a Content,
    pub(super) version: &'a Version,
    /// Against another version, by its title.
    pub(super) diff: Option<(String, Diff)>,
    pub(super) units: u32,
    pub(super) seed: u64,
}

/// The page.
///
/// Errors: a twin that cannot be simulated.
pub(super) fn html(subject: &Subject<'_>) -> Result<String, Failure> {
    let plans = &subject.version.plans;
    let Some(first) = plans.first() else { return Err(Failure::Failed("the recipe has no row".to_owned())) };
    let title = format!("{} on {}", subject.version.title(), subject.cell.id);
    let mut page = Page::new(&title);
    identity(&mut page, subject, first);
    if let Some((old, diff)) = &subject.diff {
        change(&mut page, old, diff);
    }
    page.head("What it does");
    page.raw(&format!("<div class=\"graph\">{}</div>\n", graph::svg(subject.cell, first)));
    page.table(
        &["step", "kind", "station", "bad part", "fault", "hold", "after a restart", "timeout"],
        steps(subject.cell, first),
    );
    page.head("What is watched all the time");
    let watched = first.invariants.iter().map(|i| {
        vec![i.id.clone(), i.check.words(subject.cell), AlarmClass::from(i.otherwise).as_str().to_owned()]
    });
    page.table(&["id", "must hold", "else"], watched);
    page.head("Parameters and variants");
    params(&mut page, subject.version);
    page.head("Components");
    components(&mut page, plans);
    page.head("Limits and specifications");
    judged(&mut page, plans);
    page.head("What the twin makes of it");
    twin(&mut page, subject)?;
    page.head("Hashes");
    hashes(&mut page, subject.content);
    Ok(page.finish())
}

/// A page as it grows. Only [`Page::raw`] takes markup.
struct Page(String);

impl Page {
    fn new(title: &str) -> Page {
        let title = escaped(title);
        Page(format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        ))
    }

    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    fn head(&mut self, words: &str) {
        self.raw(&format!("<h2>{}</h2>\n", escaped(words)));
    }

    fn line(&mut self, words: &str) {
        self.raw(&format!("<p>{}</p>\n", escaped(words)));
    }

    /// Nothing but a line that says so where there is no row.
    fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return self.line("none");
        }
        let cells = |tag: &str, row: &mut dyn Iterator<Item = &str>| -> String {
            row.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
        };
        let _ = writeln!(self.0, "<table>\n<tr>{}</tr>", cells("th", &mut heads.iter().copied()));
        for row in rows {
            let _ = writeln!(self.0, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
        }
        self.raw("</table>\n");
    }

    fn finish(mut self) -> String {
        self.raw("</body>\n</html>\n");
        self.0
    }
}

fn row_name(plan: &Plan) -> String {
    plan.variant.clone().unwrap_or_else(|| "defaults".to_owned())
}

fn identity(page: &mut Page, subject: &Subject<'_>, plan: &Plan) {
    let specification = plan
        .specification
        .as_ref()
        .map_or("none".to_owned(), |s| format!("{} revision {}", s.id, s.revision));
    page.line(&format!("Specification: {specification}. Cell: {}.", subject.cell.id));
    page.line(&format!("Made by {}. It is for review: it approves nothing.", wiring::program()));
}

fn change(page: &mut Page, old: &str, diff: &Diff) {
    page.head(&format!("What is another than in {old}"));
    if diff.is_empty() {
        page.line("Nothing means anything else.");
    }
    for (section, changes) in &diff.sections {
        page.line(section);
        page.table(&["change"], changes.iter().map(|c| vec![c.to_string()]));
    }
}

fn steps(cell: &Cell, plan: &Plan) -> Vec<Vec<String>> {
    let row = |step: &cellwright_model::plan::Step| {
        let station = step.station.and_then(|s| cell.stations.get(s.index()));
        let hold = match step.on_hold {
            cellwright_model::plan::OnHold::Stop => "stop",
            cellwright_model::plan::OnHold::Finish => "finish",
        };
        vec![
            step.id.clone(),
            step.kind.clone(),
            station.map_or("where the unit is".to_owned(), |s| s.name.clone()),
            if step.judges() { handler(step.on_fail) } else { "-".to_owned() },
            handler(step.on_fault),
            hold.to_owned(),
            step.after_restart.word().to_owned(),
            time(step.timeout),
        ]
    };
    plan.steps.iter().map(row).collect()
}

/// The envelope as the recipe has it, and the value in each row.
fn params(page: &mut Page, version: &Version) {
    let recipe = version.outlines.get("");
    let field = |name: &str, of: &str| {
        recipe.and_then(|o| o.fields.get(&format!("params.{name}.{of}"))).cloned().unwrap_or_default()
    };
    let rows: Vec<String> = version.plans.iter().map(row_name).collect();
    let heads: Vec<&str> =
        ["parameter", "min", "max"].into_iter().chain(rows.iter().map(String::as_str)).collect();
    let Some(first) = version.plans.first() else { return };
    let row = |(name, _): &(String, String)| {
        let value = |p: &Plan| {
            p.params.iter().find(|(n, _)| n == name).map_or(String::new(), |(_, v)| in_one_form(v))
        };
        let ends = [name.clone(), field(name, "min"), field(name, "max")];
        ends.into_iter().chain(version.plans.iter().map(value)).collect()
    };
    page.table(&heads, first.params.iter().map(row));
}

fn components(page: &mut Page, plans: &[Plan]) {
    let of = |plan: &Plan| {
        let name = row_name(plan);
        let row = move |c: &cellwright_model::plan::Component| {
            let identified = match c.identify {
                Identify::PerUnit => "per unit",
                Identify::PerLot => "per lot",
                Identify::OwnSerial => "the unit itself",
            };
            vec![name.clone(), c.name.clone(), c.part.clone(), identified.to_owned()]
        };
        plan.components.iter().map(row).collect::<Vec<_>>()
    };
    page.table(&["row", "component", "part", "identified"], plans.iter().flat_map(of));
}

fn judged(page: &mut Page, plans: &[Plan]) {
    let mut rows = Vec::new();
    for plan in plans {
        for step in &plan.steps {
            for m in &step.measurements {
                let warn = m.warn.map_or(String::new(), |(lo, hi)| format!("{lo} .. {hi} {}", m.unit));
                let below = if m.low_is_invalid { "invalid" } else { "bad part" };
                let (spec, spc) = (m.spec.clone().unwrap_or_default(), if m.spc { "yes" } else { "" });
                let name = format!("{}/{}", step.id, m.name);
                let of = [row_name(plan), name, limits(m), warn, below.to_owned(), spec, spc.to_owned()];
                rows.push(of.to_vec());
            }
            for (n, w) in step.windows.iter().enumerate() {
                let name = format!("{}/window-{}", step.id, n + 1);
                let of = [row_name(plan), name, window(w), String::new(), "bad part".to_owned()];
                rows.push([of.to_vec(), vec![String::new(); 2]].concat());
            }
        }
    }
    page.table(&["row", "measurement", "limits", "warning limits", "below", "specification", "SPC"], rows);
}

/// Every row is made in virtual time.
fn twin(page: &mut Page, subject: &Subject<'_>) -> Result<(), Failure> {
    page.raw(&format!("<p class=\"notice\">{}</p>\n", escaped(NOTICE)));
    if !subject.folder.join("plant.yaml").exists() {
        page.line("The cell has no plant.yaml: there is no twin of it.");
        return Ok(());
    }
    for plan in &subject.version.plans {
        let what = What {
            recipe: Some(subject.recipe.to_owned()),
            cell: Some(subject.folder.to_owned()),
            variant: plan.variant.clone(),
            ..What::default()
        };
        let (units, seed) = (subject.units, subject.seed);
        let wanted = Wanted { units, seed, faults: None, record: None, timeline: None, stops: None };
        let simulated = simulate(prepare(&what, true)?, wanted)?;
        made(page, &row_name(plan), &simulated.report, seed);
        if let Some(state) = simulated.stuck {
            page.line(&format!("The cell stopped in {} before all units were made.", state.name()));
        }
    }
    Ok(())
}

fn made(page: &mut Page, row: &str, report: &Report, seed: u64) {
    let share = |s: Option<f64>| s.map_or("none".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let c = report.counts;
    page.line(&format!(
        "{row}: {} units of seed {seed}, {} good, {} ng, {} interrupted; yield {}, at the first pass {}; takt {:.2} s",
        c.units,
        c.good,
        c.ng,
        c.interrupted,
        share(report.yielded()),
        share(report.first_pass_yield()),
        report.takt_s()
    ));
    if let Some(l) = report.bottleneck() {
        let busy = 100.0 * report.share(l);
        page.line(&format!("Bottleneck: {} {}, busy {busy:.1} % of the time.", l.kind.as_str(), l.name));
    }
    let number = |v: Option<f64>| v.map_or("-".to_owned(), digits);
    let of = |d: &Distribution| {
        let v = d.of_values.as_ref();
        let name = format!("{}/{}", d.step, d.name);
        let numbers = [v.map(|v| v.mean), d.s, v.map(|v| v.min), v.map(|v| v.max)].map(number);
        [vec![name, d.n.to_string()], numbers.to_vec(), vec![d.unit.clone(), cpk(d)]].concat()
    };
    let heads = ["first attempts", "n", "mean", "s", "min", "max", "unit", "Cpk"];
    page.table(&heads, report.distributions.iter().map(of));
    let causes = report.ng_by_cause.iter().map(|(cause, n)| vec![cause.clone(), n.to_string()]);
    page.table(&["ng because of", "units"], causes);
}

fn hashes(page: &mut Page, content: &Content) {
    let row = |what: &str, hash: &str| vec![what.to_owned(), hash.to_owned()];
    let mut rows = vec![row("recipe.hash", &content.hash), row("cell.hash", &content.cell_hash)];
    rows.extend(content.files.iter().map(|f| row(&format!("file {}", f.path), &f.sha256)));
    let plan = |p: &cellwright_approval::PlanHash| {
        row(&format!("plan.hash of {}", p.variant.as_deref().unwrap_or("defaults")), &p.hash)
    };
    rows.extend(content.plans.iter().map(plan));
    page.table(&["what", "SHA-256"], rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_text() {
        let mut page = Page::new("<b>&\"");
        page.table(&["a<"], [vec!["<script>alert(1)</script>".to_owned()]]);
        page.table(&["b"], []);
        let text = page.finish();
        assert!(!text.contains("<script>") && !text.contains("<b>"), "{text}");
        assert!(text.contains("<th>a&lt;</th>") && text.contains("<p>none</p>"));
    }
}
