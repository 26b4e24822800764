//! What became of the tests, for people and for programs.

use std::path::PathBuf;

use cellwright_recipe::scenario_text::TestFile;
use cellwright_recipe::{json_rows, render, render_with};
use cellwright_sim::Reading;
use cellwright_sim::every_fault::Ended;
use serde_json::{Value, json};

use super::Done;
use super::every_fault::Swept;
use crate::cli::out::{in_colour, outln};
use crate::cli::print_json;

/// See the module text.
pub(super) struct Report {
    pub(super) paths: Vec<PathBuf>,
    pub(super) files: Vec<Reading<TestFile>>,
    pub(super) done: Vec<Done>,
    pub(super) swept: Option<Swept>,
    pub(super) wall_s: f64,
}

impl Report {
    pub(super) fn holds(&self) -> bool {
        self.failed() == 0 && self.wrong() == 0 && self.swept.as_ref().is_none_or(Swept::holds)
    }

    fn failed(&self) -> usize {
        self.done.iter().filter(|d| !d.holds()).count()
    }

    /// Files with mistakes.
    fn wrong(&self) -> usize {
        self.files.iter().filter(|f| f.prepared.is_none()).count()
    }

    pub(super) fn path(&self, file: usize) -> String {
        self.paths.get(file).map(|p| p.display().to_string()).unwrap_or_default()
    }

    pub(super) fn text(&self) {
        let colour = in_colour(&std::io::stdout());
        for (i, file) in self.files.iter().enumerate() {
            outln!("{}", self.path(i));
            if file.prepared.is_none() {
                outln!("{}", render_with(&file.diagnostics, &file.sources, colour).trim_end());
            }
            for done in self.done.iter().filter(|d| d.file == i) {
                let Some(test) = done.test(&self.files) else { continue };
                let word = if done.holds() { "ok  " } else { "FAIL" };
                outln!("  {word}  {:<24} {:7.1} s  {}", test.id, done.played.virtual_s, test.about);
                if !done.holds() {
                    outln!("{}", render_with(&done.diagnostics(), &file.sources, colour).trim_end());
                }
            }
        }
        if let Some(swept) = &self.swept {
            text_of(swept);
        }
        // The sum of nothing is a negative zero.
        let virtual_s = self.done.iter().map(|d| d.played.virtual_s).sum::<f64>() + 0.0;
        outln!(
            "{} tests: {} passed, {} failed; {} files with mistakes; {virtual_s:.0} s of virtual time, {:.1} s in all",
            self.done.len(),
            self.done.len() - self.failed(),
            self.failed(),
            self.wrong(),
            self.wall_s
        );
    }

    pub(super) fn json(&self) {
        let test = |d: &Done| {
            let test = d.test(&self.files)?;
            let sources = &self.files.get(d.file)?.sources;
            Some(json!({
                "file": self.path(d.file), "id": test.id, "holds": d.holds(), "virtual_s": d.played.virtual_s,
                "variant": test.scenario.setup.plan.variant, "seed": test.scenario.given.seed,
                "unmet": json_rows(&d.diagnostics(), sources),
            }))
        };
        let wrong = self.files.iter().filter(|f| f.prepared.is_none());
        print_json(&json!({
            "holds": self.holds(), "passed": self.done.len() - self.failed(), "failed": self.failed(),
            "tests": self.done.iter().filter_map(test).collect::<Vec<_>>(),
            "mistakes": wrong.map(|f| json_rows(&f.diagnostics, &f.sources)).collect::<Vec<_>>(),
            "every_fault": self.swept.as_ref().map(json_of), "wall_s": self.wall_s,
        }));
    }

    /// What a file with mistakes says of itself.
    pub(super) fn mistakes(&self, file: usize) -> Option<String> {
        let reading = self.files.get(file).filter(|f| f.prepared.is_none())?;
        Some(render(&reading.diagnostics, &reading.sources))
    }
}

/// How a case is done once more, with what happens in it.
pub(super) fn replay(ended: &Ended) -> String {
    let case = &ended.case;
    let folder = std::path::Path::new(&case.recipe).parent().map(|p| p.display().to_string());
    format!(
        "cellwright test {} --every-fault --only {} --seed {}",
        folder.unwrap_or_default(),
        case.name(),
        case.seed
    )
}

fn text_of(swept: &Swept) {
    for ended in swept.ended.iter().filter(|e| !e.findings.is_empty()) {
        let case = &ended.case;
        let row = case.variant.as_deref().unwrap_or("the defaults");
        outln!(
            "FINDING  {}, {row}, step {}, fault {}, seed {}",
            case.recipe,
            case.step,
            case.fault.name,
            case.seed
        );
        ended.findings.iter().for_each(|f| outln!("         {f}"));
        outln!("         again: {}", replay(ended));
    }
    for (recipe, row, step) in &swept.never_reached {
        let row = row.as_deref().unwrap_or("the defaults");
        outln!("FINDING  {recipe}, {row}: no run comes to step {step}; is it needed?");
    }
    for recipe in &swept.untested {
        outln!("FINDING  {recipe}: no test file has to do with it; write one beside it");
    }
    let ends = swept.ends().iter().map(|(word, n)| format!("{n} {word}")).collect::<Vec<_>>().join(", ");
    let findings = swept.ended.iter().filter(|e| !e.findings.is_empty()).count();
    outln!(
        "every fault: {} combinations in {} rows of recipes: {ends}; {findings} with findings",
        swept.ended.len(),
        swept.rows
    );
}

fn json_of(swept: &Swept) -> Value {
    let case = |e: &Ended| {
        json!({
            "recipe": e.case.recipe, "variant": e.case.variant, "step": e.case.step, "fault": e.case.fault.name,
            "seed": e.case.seed, "end": e.end.as_ref().map(|end| end.word()), "findings": e.findings,
            "again": replay(e),
        })
    };
    json!({
        "holds": swept.holds(), "combinations": swept.ended.len(), "ends": swept.ends(),
        "findings": swept.ended.iter().filter(|e| !e.findings.is_empty()).map(case).collect::<Vec<_>>(),
        "never_reached": swept.never_reached, "untested": swept.untested,
    })
}
