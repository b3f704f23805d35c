//! Completion at the prompt, over the real folders. A driver: [`crate::front::complete`] decides.

use std::fs;
use std::path::Path;

use common::console::Complete;

use crate::front::complete::{Entry, complete};

/// Reads the folder that is being typed.
#[derive(Debug)]
pub(crate) struct Folders;

impl Complete for Folders {
    /// Names that are no text cannot be typed, so they are not offered.
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let typed = line.get(..cursor).unwrap_or(line);
        let completion = complete(typed.as_bytes(), list);
        let candidates = completion
            .candidates
            .into_iter()
            .filter_map(|name| String::from_utf8(name).ok());
        (completion.start, candidates.collect())
    }
}

fn list(folder: &Path) -> Vec<Entry> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let entry = |entry: fs::DirEntry| Entry {
        name: entry.file_name().into_encoded_bytes(),
        // Follows links: a link to a folder can be gone into.
        is_folder: entry
            .file_type()
            .is_ok_and(|kind| kind.is_dir() || kind.is_symlink() && entry.path().is_dir()),
    };
    entries.flatten().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        fs::create_dir(folder.path().join("find")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("find", folder.path().join("first")).unwrap();
        let typed = format!("{}/fi", folder.path().display());
        let (start, candidates) =
            Folders.complete(&format!("{typed} after the cursor"), typed.len());
        assert_eq!(start, typed.len() - "fi".len());
        #[cfg(unix)]
        assert_eq!(candidates, ["file", "find/", "first/"]);
        #[cfg(not(unix))]
        assert_eq!(candidates, ["file", "find/"]);
    }
}
