//! The machine as its files under /proc and /sys show it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// What a check looks at.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `/`; tests put a tree of their own here.
    pub(crate) root: PathBuf,
    /// CPU of the real-time thread; `None` if it is not pinned.
    pub(crate) rt_core: Option<usize>,
    /// Network interface with the segment.
    pub(crate) interface: Option<String>,
}

impl Machine {
    /// A file's text without the white space around it; `None` if it is not there or not ours to read.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.at(path)).ok().map(|text| text.trim().to_owned())
    }

    /// A file that is one number.
    pub(crate) fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.read(path)?.parse().ok()
    }

    /// Names in a folder, in order; none if it is not there.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.at(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether the file is there and ours to write. Opens it, and writes nothing.
    pub(crate) fn may_write(&self, path: &str) -> bool {
        OpenOptions::new().write(true).open(self.at(path)).is_ok()
    }

    pub(crate) fn is_folder(&self, path: &str) -> bool {
        self.at(path).is_dir()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }
}

/// CPUs of a list as the kernel writes it: `0-2,5`. What is no number is left out.
pub(crate) fn cpus(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse::<usize>().ok()?..=last.trim().parse::<usize>().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_is_read_as_the_kernel_writes_it() {
        assert_eq!(cpus("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(cpus("3"), [3]);
        assert!(cpus("").is_empty() && cpus("(null)").is_empty());
    }
}
