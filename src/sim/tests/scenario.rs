//! A scenario that does not hold is told at the place of what was expected.

use cellwright_recipe::pages::{File, page};
use cellwright_recipe::{Code, Diagnostic};
use cellwright_sim::scenario::{play, read_tests};

/// The first test of the shipped file with the lines of the page.
fn unmet(lines: &str) -> Vec<(usize, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = page(Code::NotMet).expect("a page");
    let text = std::fs::read_to_string(root.join(File::Test.path())).expect("the shipped tests");
    assert_eq!(text.matches(page.right).count(), 1);
    // Paths in it are relative to the file.
    let recipes = root.join("recipes/cannula-hub");
    let text = text
        .replace("recipe: cannula-hub", &format!("recipe: {}/cannula-hub", recipes.display()))
        .replace("../../cells", &root.join("cells").display().to_string())
        .replace(page.right, lines);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.test.yaml");
    std::fs::write(&path, text).expect("written");
    let reading = read_tests(&path.to_string_lossy());
    let said: Vec<_> = reading.diagnostics.iter().map(|d| &d.message).collect();
    let file = reading.prepared.unwrap_or_else(|| panic!("{said:?}"));
    let played = play(&file.tests[0].scenario).expect("played");
    let told = |d: Diagnostic| {
        assert_eq!(d.code, Code::NotMet);
        (reading.sources.places(d.span).0.line, d.message)
    };
    played.unmet.iter().map(|u| told(u.into())).collect()
}

#[test]
fn what_the_page_calls_right_holds_and_what_it_calls_wrong_does_not() {
    let page = page(Code::NotMet).expect("a page");
    assert_eq!(unmet(page.right), []);
    assert_eq!(unmet(page.wrong), [(19, "expected 2; came 1".to_owned())]);
}
