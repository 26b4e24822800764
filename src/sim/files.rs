//! Files by path: from disk, or those that are compiled in (paths below `embedded/`).

use std::io::Read;
use std::path::Path;

use cellwright_recipe::FileSource;
use cellwright_recipe::source::FILE_BYTES_MAX;

/// The cell and recipe that bare `cellwright run` uses.
const EMBEDDED: &[(&str, &[u8])] = &[
    ("embedded/cells/cannula-cell/cell.yaml", include_bytes!("../../cells/cannula-cell/cell.yaml")),
    ("embedded/cells/cannula-cell/plant.yaml", include_bytes!("../../cells/cannula-cell/plant.yaml")),
    (
        "embedded/recipes/cannula-hub/cannula-hub.recipe.yaml",
        include_bytes!("../../recipes/cannula-hub/cannula-hub.recipe.yaml"),
    ),
    (
        "embedded/recipes/cannula-hub/feed-cannula.recipe.yaml",
        include_bytes!("../../recipes/cannula-hub/feed-cannula.recipe.yaml"),
    ),
];

/// Folder of the embedded cell.
pub const EMBEDDED_CELL: &str = "embedded/cells/cannula-cell";
/// The embedded recipe.
pub const EMBEDDED_RECIPE: &str = "embedded/recipes/cannula-hub/cannula-hub.recipe.yaml";

/// See the module text.
pub struct Files;

impl Files {
    /// Whether there is such a file.
    pub(crate) fn exists(&self, path: &str) -> bool {
        EMBEDDED.iter().any(|(name, _)| *name == path) || Path::new(path).exists()
    }
}

impl FileSource for Files {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some((_, bytes)) = EMBEDDED.iter().find(|(name, _)| *name == path) {
            return Ok(bytes.to_vec());
        }
        let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
        // One byte more than is allowed, so that the compiler sees and refuses what is too large; a
        // device or pipe ends there too.
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_files_are_there_and_missing_ones_say_why() {
        for path in [EMBEDDED_RECIPE, "embedded/cells/cannula-cell/cell.yaml"] {
            assert!(Files.exists(path));
            assert!(!Files.read(path).expect("embedded").is_empty());
        }
        let reason = Files.read("no/such/file.yaml").expect_err("missing");
        assert!(reason.contains("No such file"), "{reason}");
    }
}
