//! What Tab completes at a client's prompt: commands, the IDs of those who are there, files to send.
//!
//! It only suggests: whether a line means anything is decided by [`crate::client`].

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::console::Complete;

use super::disk::find_typed;
use crate::client::event::Event;

/// IDs remembered, at most: nobody looks for one among more.
const IDS: usize = 10_000;

/// Entries of a folder looked at, at most: Tab is to answer at once.
const ENTRIES: usize = 10_000;

/// What follows a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// Nothing that can be completed.
    Nothing,
    /// An ID.
    Id,
    /// An ID, then a file.
    IdAndFile,
}

const COMMANDS: [(&str, Follows); 10] = [
    ("@accept", Follows::Id),
    ("@all", Follows::Nothing),
    ("@chat", Follows::Id),
    ("@exit", Follows::Nothing),
    ("@help", Follows::Nothing),
    ("@refuse", Follows::Id),
    ("@send", Follows::IdAndFile),
    ("@show_list", Follows::Nothing),
    ("@trust", Follows::Id),
    ("@verify", Follows::Id),
];

/// Knows who is there.
#[derive(Debug, Default)]
pub(super) struct Completer {
    ids: Mutex<BTreeSet<String>>,
}

impl Completer {
    /// Takes note of who comes and goes.
    pub(super) fn note(&self, event: &Event) {
        if let Event::Here { id, .. } = event {
            let mut ids = self.ids();
            if ids.len() < IDS {
                ids.insert(id.to_string());
            }
        } else if let Event::Left(id) | Event::Silent(id) = event {
            self.ids().remove(id.as_str());
        }
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A half-made change of a set of suggestions does no harm.
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids_like(&self, stem: &str) -> Vec<String> {
        let ids = self.ids();
        let like = ids.iter().filter(|id| id.starts_with(stem));
        like.map(|id| format!("{id} ")).collect()
    }
}

impl Complete for Completer {
    fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let typed = line.get(..cursor).unwrap_or(line);
        let Some((command, rest)) = typed.split_once(' ') else {
            let like = COMMANDS.iter().filter(|(name, _)| name.starts_with(typed));
            return (0, like.map(|(name, _)| format!("{name} ")).collect());
        };
        let follows = COMMANDS.iter().find(|(name, _)| *name == command);
        let follows = follows.map_or(Follows::Nothing, |(_, follows)| *follows);
        match (follows, rest.split_once(' ')) {
            (Follows::Id | Follows::IdAndFile, None) => {
                (typed.len() - rest.len(), self.ids_like(rest))
            }
            (Follows::IdAndFile, Some((_, path))) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let folder = &path[..path.len() - name.len()];
                (typed.len() - name.len(), files_like(folder, name))
            }
            (Follows::Nothing | Follows::Id, _) => (typed.len(), Vec::new()),
        }
    }
}

/// Names that are no text cannot be typed, so they are not offered; hidden ones only to who types their dot.
fn files_like(folder: &str, stem: &str) -> Vec<String> {
    let folder = if folder.is_empty() { "." } else { folder };
    let Ok(entries) = fs::read_dir(find_typed(Path::new(folder))) else {
        return Vec::new();
    };
    let name = |entry: DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let is_hidden = name.starts_with('.') && !stem.starts_with('.');
        if is_hidden || !name.starts_with(stem) {
            return None;
        }
        // Follows links: one to a folder can be gone into.
        let mark = if entry.path().is_dir() { "/" } else { "" };
        Some(name + mark)
    };
    let mut names: Vec<String> = entries.flatten().take(ENTRIES).filter_map(name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Place;

    #[test]
    fn commands_and_ids() {
        let completer = Completer::default();
        for id in ["bob", "bo.b", "김철수", "gone", "silent"] {
            let (id, at) = (id.parse().unwrap(), Place::Tcp);
            completer.note(&Event::Here { id, at });
        }
        completer.note(&Event::Left("gone".parse().unwrap()));
        completer.note(&Event::Silent("silent".parse().unwrap()));
        let rows: [(&str, usize, &[&str]); 12] = [
            ("@s", 0, &["@send ", "@show_list "]),
            ("@chat", 0, &["@chat "]),
            ("hello", 0, &[]),
            ("@chat ", 6, &["bo.b ", "bob ", "김철수 "]),
            ("@chat bo", 6, &["bo.b ", "bob "]),
            ("@verify 김", 8, &["김철수 "]),
            ("@trust x", 7, &[]),
            ("@chat bob h", 11, &[]),
            ("@all b", 6, &[]),
            ("@nothing b", 10, &[]),
            ("@accept bob x", 13, &[]),
            ("@send b", 6, &["bo.b ", "bob "]),
        ];
        for (typed, start, expected) in rows {
            let line = format!("{typed} and more");
            assert_eq!(completer.complete(&line, typed.len()).0, start, "{typed}");
            assert_eq!(
                completer.complete(&line, typed.len()).1,
                expected,
                "{typed}"
            );
        }
        let all = completer.complete("", 0);
        assert_eq!((all.0, all.1.len()), (0, COMMANDS.len()));
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a file"), "").unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        fs::create_dir(folder.path().join("a folder")).unwrap();
        let completer = Completer::default();
        let complete = |name: &str| {
            let typed = format!("@send bob {}/{name}", folder.path().display());
            let (start, found) = completer.complete(&typed, typed.len());
            let stem = name.rsplit('/').next().unwrap();
            assert_eq!(start, typed.len() - stem.len());
            found
        };
        assert_eq!(complete("a f"), ["a file", "a folder/"]);
        assert_eq!(complete(""), ["a file", "a folder/"]);
        assert_eq!(complete(".h"), [".hidden"]);
        assert!(complete("none/").is_empty());
    }
}
