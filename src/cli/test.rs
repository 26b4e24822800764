//! `cellwright test`: the scenarios that recipes must survive, in virtual time; with `--every-fault` each fault at each
//! step of them. The same cell in virtual time as `simulate`: real frames, in this process.

mod every_fault;
mod junit;
mod report;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cellwright_recipe::Diagnostic;
use cellwright_recipe::scenario_text::{Test, TestFile};
use cellwright_sim::Reading;
use cellwright_sim::every_fault::on_all_cores;
use cellwright_sim::scenario::{Played, play, read_tests};

use super::Failure;
use super::args::TestArgs;
use report::Report;

/// End of the name of a test file.
const TESTS: &str = ".test.yaml";
/// Folders inside each other that are looked through.
const DEPTH_MAX: usize = 16;

/// A test with what became of it.
struct Done {
    /// Place in the list of files, and in its tests.
    file: usize,
    test: usize,
    played: Played,
}

pub(crate) fn run(args: TestArgs) -> Result<ExitCode, Failure> {
    let mut paths = Vec::new();
    for path in &args.paths {
        find(path, TESTS, 0, &mut paths)?;
    }
    if paths.is_empty() {
        let where_to = args.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!("no test file in {where_to}: their names end with {TESTS}")));
    }
    let began = Instant::now();
    let files: Vec<Reading<TestFile>> = paths.iter().map(|p| read_tests(&p.to_string_lossy())).collect();
    let progress = Progress::new(&args);
    let done = if args.only.is_some() { Vec::new() } else { play_all(&files, &progress)? };
    let swept = match args.every_fault {
        true => Some(every_fault::sweep(&files, &args, &progress)?),
        false => None,
    };
    progress.end();
    let report = Report { paths, files, done, swept, wall_s: began.elapsed().as_secs_f64() };
    if let Some(path) = &args.junit {
        junit::write(path, &report)?;
    }
    if args.json {
        report.json()
    } else {
        report.text()
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Files below a path whose name ends so, in the order of their names; a file that is named is taken as it is.
fn find(path: &Path, end: &str, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unread = |e: std::io::Error| Failure::Failed(format!("{}: {e}; check the path", path.display()));
    if !std::fs::metadata(path).map_err(unread)?.is_dir() {
        if depth == 0 || path.to_string_lossy().ends_with(end) {
            found.push(path.to_owned());
        }
        return Ok(());
    }
    if depth == DEPTH_MAX {
        let why = format!("{}: more than {DEPTH_MAX} folders inside each other", path.display());
        return Err(Failure::Usage(why));
    }
    let entries: Result<Vec<_>, _> = std::fs::read_dir(path).map_err(unread)?.collect();
    let mut entries: Vec<PathBuf> = entries.map_err(unread)?.into_iter().map(|e| e.path()).collect();
    entries.sort();
    // A link that leads nowhere is nobody's test; one to a folder may lead round in circles.
    entries.retain(|e| e.exists() && !(e.is_symlink() && e.is_dir()));
    entries.iter().try_for_each(|e| find(e, end, depth + 1, found))
}

fn play_all(files: &[Reading<TestFile>], progress: &Progress) -> Result<Vec<Done>, Failure> {
    let tests_of = |(file, reading): (usize, &Reading<TestFile>)| {
        let count = reading.prepared.as_ref().map_or(0, |f| f.tests.len());
        (0..count).map(move |test| (file, test)).collect::<Vec<_>>()
    };
    let work: Vec<(usize, usize)> = files.iter().enumerate().flat_map(tests_of).collect();
    let test = |&(file, test): &(usize, usize)| files[file].prepared.as_ref().map(|f| &f.tests[test]);
    let each = |item: &(usize, usize)| {
        let (file, at) = *item;
        let played = test(item).map(|t| play(&t.scenario)).transpose()?;
        Ok(played.map(|played| Done { file, test: at, played }))
    };
    let done = on_all_cores(&work, each, |n, _| progress.show("tests", n, work.len()))?;
    Ok(done.into_iter().flatten().collect())
}

impl Done {
    fn test<'f>(&self, files: &'f [Reading<TestFile>]) -> Option<&'f Test> {
        files.get(self.file)?.prepared.as_ref()?.tests.get(self.test)
    }

    fn holds(&self) -> bool {
        self.played.unmet.is_empty()
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        self.played.unmet.iter().map(Diagnostic::from).collect()
    }
}

/// One line on a terminal, written over and over.
struct Progress(bool);

impl Progress {
    fn new(args: &TestArgs) -> Progress {
        Progress(!args.json && args.only.is_none() && std::io::stderr().is_terminal())
    }

    fn show(&self, what: &str, done: usize, of: usize) {
        const CELLS: usize = 30;
        if !self.0 {
            return;
        }
        let full = CELLS * done / of.max(1);
        let (bar, rest) = ("#".repeat(full), ".".repeat(CELLS - full));
        self.put(&format!("\r{what} [{bar}{rest}] {done}/{of} "));
    }

    fn end(&self) {
        if self.0 {
            self.put("\r\x1b[K");
        }
    }

    /// Whoever does not look misses nothing that is not said at the end.
    fn put(&self, text: &str) {
        use std::io::Write;
        let mut to = std::io::stderr().lock();
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}
