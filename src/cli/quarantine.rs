//! The list of quarantined lots in the state directory.

use std::path::Path;

use cellwright_recipe::{Sources, load_quarantine, render};
use cellwright_sim::files::Files;
use cellwright_station::ReadQuarantine;

/// File in the state directory; there need not be one.
const FILE: &str = "quarantine.yaml";

/// Reads the list as it is at that moment.
pub(crate) fn reader(state: &Path) -> ReadQuarantine {
    let path = state.join(FILE);
    Box::new(move || {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let mut sources = Sources::default();
        load_quarantine(&Files, &path.to_string_lossy(), &mut sources)
            .map_err(|wrong| render(&wrong, &sources).trim_end_matches('\n').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_what_lies_there_now() {
        let folder = std::env::temp_dir().join(format!("cellwright-quarantine-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut read = reader(&folder);
        assert_eq!(read(), Ok(vec![]), "there need not be one");
        let write = |text: &str| std::fs::write(folder.join(FILE), text).expect("written");
        write("quarantine: 1\nlots:\n  - { lot: X-9, reason: recalled }\n");
        assert_eq!(read().expect("a list").len(), 1);
        write("quarantine: 1\nlots: X-9\n");
        assert!(read().is_err_and(|why| why.contains("quarantine.yaml")));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
