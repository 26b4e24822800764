//! The results as JUnit XML: a suite for each test file, and one for each recipe under `--every-fault`.

use std::path::Path;
use std::time::Duration;

use cellwright_recipe::render;
use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};

use super::report::{Report, replay};
use crate::cli::Failure;
use crate::cli::approve::files::{Put, whole};

/// Writes the file whole.
pub(super) fn write(path: &Path, report: &Report) -> Result<(), Failure> {
    let text = xml(report).to_string().map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
    whole(path, text.as_bytes(), Put::Instead)
}

fn xml(report: &Report) -> Xml {
    let mut xml = Xml::new("cellwright test");
    for file in 0..report.files.len() {
        let mut suite = TestSuite::new(report.path(file));
        if let Some(said) = report.mistakes(file) {
            suite.add_test_case(case(
                "the file",
                &report.path(file),
                Some((NonSuccessKind::Error, "mistakes", said)),
            ));
        }
        for done in report.done.iter().filter(|d| d.file == file) {
            let Some(test) = done.test(&report.files) else { continue };
            let said = || render(&done.diagnostics(), &report.files[file].sources);
            let failed = (!done.holds()).then(|| (NonSuccessKind::Failure, "not met", said()));
            let mut case = case(&test.id, &report.path(file), failed);
            case.set_time(Duration::from_secs_f64(done.played.virtual_s));
            suite.add_test_case(case);
        }
        xml.add_test_suite(suite);
    }
    every_fault(report, &mut xml);
    xml
}

fn every_fault(report: &Report, xml: &mut Xml) {
    let Some(swept) = &report.swept else { return };
    let mut suite = TestSuite::new("every fault");
    for ended in &swept.ended {
        let said = || format!("{}\nagain: {}", ended.findings.join("\n"), replay(ended));
        let failed = (!ended.findings.is_empty()).then(|| (NonSuccessKind::Failure, "finding", said()));
        suite.add_test_case(case(&ended.case.name(), &ended.case.recipe, failed));
    }
    for (recipe, row, step) in &swept.never_reached {
        let name = format!("{}/{step}", row.as_deref().unwrap_or("defaults"));
        let failed = (NonSuccessKind::Failure, "never reached", "no run comes to this step".to_owned());
        suite.add_test_case(case(&name, recipe, Some(failed)));
    }
    for recipe in &swept.untested {
        let failed = (NonSuccessKind::Failure, "untested", "no test file has to do with it".to_owned());
        suite.add_test_case(case("tested", recipe, Some(failed)));
    }
    xml.add_test_suite(suite);
}

fn case(name: &str, class: &str, failed: Option<(NonSuccessKind, &str, String)>) -> TestCase {
    let status = match failed {
        None => TestCaseStatus::success(),
        Some((kind, message, said)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(message.to_owned()).set_description(said);
            status
        }
    };
    let mut case = TestCase::new(name.to_owned(), status);
    case.set_classname(class.to_owned());
    case
}
