//! Completes a half-typed path. Pure: what a folder holds is asked of the caller, so that completion is a
//! table in the tests and the driver alone reads folders.
//!
//! A line at the prompt is one path, with spaces and quotes belonging to it; so there is nothing to split
//! and nothing to quote. Names that cannot be typed (those with control characters, a line break among them) are not offered.

use std::path::Path;

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: Vec<u8>,
    /// Whether it is a folder, or a link to one.
    pub is_folder: bool,
}

/// What can stand instead of the end of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the part to be replaced begins, in bytes from the start of the line.
    pub start: usize,
    /// What may stand there, in the order of the alphabet; folders end in `/`.
    pub candidates: Vec<Vec<u8>>,
}

/// Completes `line`, everything left of the cursor. `list` gives what a folder holds, in any order, without
/// `.` and `..`; nothing for a folder that cannot be read.
pub fn complete(line: &[u8], list: impl FnOnce(&Path) -> Vec<Entry>) -> Completion {
    let start = line
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (folder, stem) = line.split_at(start);
    if stem == b".." {
        return Completion {
            start,
            candidates: vec![b"../".to_vec()],
        };
    }

    let mut candidates: Vec<Vec<u8>> = list(&folder_path(folder))
        .into_iter()
        .filter(|entry| is_offered(&entry.name, stem))
        .map(candidate)
        .collect();
    candidates.sort_unstable();
    Completion { start, candidates }
}

fn is_offered(name: &[u8], stem: &[u8]) -> bool {
    let hidden = name.starts_with(b".") && stem.is_empty();
    name.starts_with(stem) && !hidden && !name.iter().any(u8::is_ascii_control)
}

fn candidate(entry: Entry) -> Vec<u8> {
    let mut name = entry.name;
    if entry.is_folder {
        name.push(b'/');
    }
    name
}

#[cfg(unix)]
fn folder_path(folder: &[u8]) -> std::borrow::Cow<'_, Path> {
    use std::os::unix::ffi::OsStrExt;
    let folder = if folder.is_empty() { b"." } else { folder };
    Path::new(std::ffi::OsStr::from_bytes(folder)).into()
}

#[cfg(not(unix))]
fn folder_path(folder: &[u8]) -> std::borrow::Cow<'_, Path> {
    if folder.is_empty() {
        return Path::new(".").into();
    }
    std::path::PathBuf::from(String::from_utf8_lossy(folder).into_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each folder of the tests holds.
    fn list(folder: &Path) -> Vec<Entry> {
        let names: &[&str] = match folder.to_str() {
            Some(".") => &[
                "notes.txt",
                "src/",
                "so me",
                ".hidden",
                "..odd",
                "bad\nname",
            ],
            Some("src/") => &["main.rs", "mod/"],
            Some("/") => &["etc/", "usr/"],
            Some(" lead/") => &["x"],
            _ => &[],
        };
        let entry = |name: &&str| Entry {
            name: name.trim_end_matches('/').as_bytes().to_vec(),
            is_folder: name.ends_with('/'),
        };
        names.iter().map(entry).collect()
    }

    fn check(name: &str, line: &str, start: usize, candidates: &[&str]) {
        let completion = complete(line.as_bytes(), list);
        let shown: Vec<_> = completion
            .candidates
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes))
            .collect();
        assert_eq!(shown, candidates, "{name}: candidates");
        assert_eq!(completion.start, start, "{name}: start");
    }

    #[test]
    fn paths() {
        check("nothing typed", "", 0, &["notes.txt", "so me", "src/"]);
        check("one fits", "n", 0, &["notes.txt"]);
        check("two fit", "s", 0, &["so me", "src/"]);
        check("none fits", "x", 0, &[]);
        check("a space in the name", "so m", 0, &["so me"]);
        check("in a folder", "src/", 4, &["main.rs", "mod/"]);
        check("in a folder, begun", "src/mo", 4, &["mod/"]);
        check("the root", "/", 1, &["etc/", "usr/"]);
        check("a leading space is a name", " lead/", 6, &["x"]);
        check("an unreadable folder", "gone/a", 5, &[]);
    }

    #[test]
    fn dots() {
        check("hidden names after a dot", ".", 0, &["..odd", ".hidden"]);
        check("hidden name begun", ".h", 0, &[".hidden"]);
        check("the folder above", "..", 0, &["../"]);
        check("the folder above, deeper", "src/..", 4, &["../"]);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let list = |_: &Path| {
            vec![Entry {
                name: b"\xff\xfe".to_vec(),
                is_folder: false,
            }]
        };
        assert_eq!(complete(b"\xff", list).candidates, [b"\xff\xfe".to_vec()]);
    }
}
