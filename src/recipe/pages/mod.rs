//! The pages of the diagnostics: for each [`Code`] what it says, why that is refused, and the same lines wrong and
//! right. One table a subject, as the groups of [`crate::code`]; a new code is a new entry in one of them.
//!
//! An example changes one piece of a shipped file. `steps/tests/pages.rs` puts it there: wrong, it gives exactly its
//! code; right, it gives nothing.

mod r00_text;
mod r01_structure;
mod r02_quantities;
mod r03_names;
mod r04_conditions;
mod r05_params;
mod r06_sub_recipes;
mod r07_against_the_cell;
mod r08_flow;
mod r09_cell_files;
mod r10_orders;
mod r11_tests;
mod show;

use crate::code::Code;

pub use show::{in_words, markdown};

/// What is to be known of one code.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub code: Code,
    /// What it says, in a sentence or two.
    pub what: &'static str,
    /// Why that is refused, or warned about.
    pub why: &'static str,
    pub file: File,
    pub change: Change,
    /// As it is refused.
    pub wrong: &'static str,
    /// As it is accepted.
    pub right: &'static str,
}

/// The shipped file that an example changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    Recipe,
    Operation,
    Cell,
    Plant,
    Order,
    Test,
}

impl File {
    /// Its path in the repository.
    pub fn path(self) -> &'static str {
        match self {
            File::Recipe => "recipes/cannula-hub/cannula-hub.recipe.yaml",
            File::Operation => "recipes/cannula-hub/feed-cannula.recipe.yaml",
            File::Cell => "cells/cannula-cell/cell.yaml",
            File::Plant => "cells/cannula-cell/plant.yaml",
            File::Order => "recipes/cannula-hub/demo.order.yaml",
            File::Test => "recipes/cannula-hub/cannula-hub.test.yaml",
        }
    }

    /// As a reader calls it.
    pub fn name(self) -> &'static str {
        match self {
            File::Recipe => "a recipe",
            File::Operation => "a sub-recipe",
            File::Cell => "cell.yaml",
            File::Plant => "plant.yaml",
            File::Order => "an order file",
            File::Test => "a test file",
        }
    }
}

/// How an example gets into its file.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// The right lines stand in the file.
    Stands,
    /// In the place of this text.
    Instead(&'static str),
    /// As lines before this text.
    Before(&'static str),
    /// The mistake is too large or too strange to be printed: the file is made from the right one.
    Made(fn(&str) -> Vec<u8>),
}

impl Page {
    /// The file with its mistake in it.
    ///
    /// # Errors
    /// The text that does not stand in `base` exactly once.
    pub fn wrong_in(&self, base: &str) -> Result<Vec<u8>, String> {
        match self.change {
            Change::Stands => once(base, self.right, self.wrong),
            Change::Instead(text) => once(base, text, self.wrong),
            Change::Before(text) => once(base, text, &format!("{}\n{text}", self.wrong)),
            Change::Made(make) => return Ok(make(base)),
        }
        .map(String::into_bytes)
    }

    /// The file with the same lines as they should be.
    ///
    /// # Errors
    /// As [`Page::wrong_in`].
    pub fn right_in(&self, base: &str) -> Result<String, String> {
        match self.change {
            Change::Stands => once(base, self.right, self.right),
            Change::Instead(text) => once(base, text, self.right),
            Change::Before(text) => once(base, text, &format!("{}\n{text}", self.right)),
            Change::Made(_) => Ok(base.to_string()),
        }
    }
}

fn once(base: &str, from: &str, to: &str) -> Result<String, String> {
    match base.matches(from).count() {
        1 => Ok(base.replacen(from, to, 1)),
        n => Err(format!("stands {n} times in its file, not once: {from}")),
    }
}

/// A group of codes, with its pages in the order of their codes.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// `R03`: what its codes begin with.
    pub prefix: &'static str,
    pub title: &'static str,
    pub pages: &'static [Page],
}

/// All groups, in the order of the codes.
pub const GROUPS: &[Group] = &[
    Group { prefix: "R00", title: "Text and YAML", pages: r00_text::PAGES },
    Group { prefix: "R01", title: "Structure", pages: r01_structure::PAGES },
    Group { prefix: "R02", title: "Quantities", pages: r02_quantities::PAGES },
    Group { prefix: "R03", title: "Names", pages: r03_names::PAGES },
    Group { prefix: "R04", title: "Conditions", pages: r04_conditions::PAGES },
    Group { prefix: "R05", title: "Parameters and variants", pages: r05_params::PAGES },
    Group { prefix: "R06", title: "Sub-recipes", pages: r06_sub_recipes::PAGES },
    Group { prefix: "R07", title: "Against the cell", pages: r07_against_the_cell::PAGES },
    Group { prefix: "R08", title: "The flow of a unit", pages: r08_flow::PAGES },
    Group { prefix: "R09", title: "Cell files", pages: r09_cell_files::PAGES },
    Group { prefix: "R10", title: "Order files", pages: r10_orders::PAGES },
    Group { prefix: "R11", title: "Test files", pages: r11_tests::PAGES },
];

/// The page of a code.
pub fn page(code: Code) -> Option<&'static Page> {
    GROUPS.iter().flat_map(|g| g.pages).find(|p| p.code == code)
}

/// A table of pages: code, file, and where in it the example stands unless the right lines do.
macro_rules! pages {
    (@change) => { crate::pages::Change::Stands };
    (@change instead $text:literal) => { crate::pages::Change::Instead($text) };
    (@change before $text:literal) => { crate::pages::Change::Before($text) };
    (@change made ($make:ident)) => { crate::pages::Change::Made($make) };
    ($($code:ident in $file:ident $(, $how:ident $where:tt)? {
        what: $what:literal,
        why: $why:literal,
        wrong: $wrong:literal,
        right: $right:literal $(,)?
    })*) => {
        pub(super) const PAGES: &[crate::pages::Page] = &[$(crate::pages::Page {
            code: crate::code::Code::$code,
            what: $what,
            why: $why,
            file: crate::pages::File::$file,
            change: crate::pages::pages!(@change $($how $where)?),
            wrong: $wrong,
            right: $right,
        }),*];
    };
}
pub(crate) use pages;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code has its page, once, in its group and in the order of the codes.
    #[test]
    fn every_code_has_its_page() {
        let paged: Vec<Code> = GROUPS.iter().flat_map(|g| g.pages).map(|p| p.code).collect();
        let missing: Vec<&str> =
            Code::ALL.iter().filter(|c| !paged.contains(c)).map(|c| c.as_str()).collect();
        assert!(missing.is_empty(), "add a page in src/recipe/pages for {missing:?}");
        assert_eq!(paged, Code::ALL, "once each, in the order of the codes");
        for group in GROUPS {
            assert!(group.pages.iter().all(|p| p.code.as_str().starts_with(group.prefix)), "{}", group.title);
        }
    }

    #[test]
    fn every_page_says_everything() {
        for page in GROUPS.iter().flat_map(|g| g.pages) {
            let code = page.code.as_str();
            for text in [page.what, page.why] {
                assert!(text.ends_with('.') && text.trim() == text && text.len() > 20, "{code}: `{text}`");
            }
            assert!(!page.wrong.trim().is_empty() && !page.right.trim().is_empty(), "{code}");
            assert_ne!(page.wrong, page.right, "{code}");
            assert_eq!(super::page(page.code).map(|p| p.code), Some(page.code));
        }
    }
}
