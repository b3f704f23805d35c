//! What is said about a job or an entry, in words. Pure.

use std::path::{Path, PathBuf};

use common::quote::always as q;

use crate::config::Mode;
use crate::job::{Action, Job};
use crate::tell::progress::counted;

/// Names shown before a question about them is asked.
const SHOWN_NAMES: usize = 5;

/// The line of an entry with `--verbose`, as GNU's tools word it. A folder that was there already is not worth one. A dry run
/// must not sound as if something were gone.
#[must_use]
pub fn entry(mode: Mode, action: Action, source: &Path, destination: &Path) -> Option<String> {
    match action {
        Action::Removed if mode == Mode::DryRun => Some(format!("to remove {}", q(destination))),
        Action::BackedUp if mode == Mode::DryRun => {
            Some(format!("to rename {} -> {}", q(source), q(destination)))
        }
        Action::Copied | Action::Cloned | Action::Linked | Action::Made | Action::Folder => {
            Some(format!("{} -> {}", q(source), q(destination)))
        }
        Action::BackedUp => Some(format!("renamed {} -> {}", q(source), q(destination))),
        Action::Skipped => Some(format!("skipped {}", q(destination))),
        Action::Removed => Some(format!("removed {}", q(destination))),
        Action::Entered => None,
    }
}

/// What `--delete` would remove: some names, then the question.
#[must_use]
pub fn removal(job: &Job, count: u64, first: &[PathBuf]) -> (Vec<String>, String) {
    let shown = first.iter().take(SHOWN_NAMES);
    let mut names: Vec<String> = shown.map(|path| format!("  {}", q(path))).collect();
    if count > names.len() as u64 && !names.is_empty() {
        names.push(format!("  … and {} more", count - names.len() as u64));
    }
    let entries = counted(count, "entry", "entries");
    let question = format!(
        "remove {entries} from {} that {} does not have? [y/N] ",
        q(&job.destination),
        q(&job.source)
    );
    (names, question)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::JobId;

    #[test]
    fn entries() {
        let rows = [
            (Action::Copied, Some(r"'a b' -> $'c\nd'")),
            (Action::Folder, Some(r"'a b' -> $'c\nd'")),
            (Action::BackedUp, Some(r"renamed 'a b' -> $'c\nd'")),
            (Action::Skipped, Some(r"skipped $'c\nd'")),
            (Action::Removed, Some(r"removed $'c\nd'")),
            (Action::Entered, None),
        ];
        for (action, expected) in rows {
            let line = entry(Mode::Copy, action, Path::new("a b"), Path::new("c\nd"));
            assert_eq!(line.as_deref(), expected, "{action:?}");
        }
        let dry = |action| entry(Mode::DryRun, action, Path::new("a"), Path::new("b"));
        assert_eq!(dry(Action::Copied).as_deref(), Some("'a' -> 'b'"));
        assert_eq!(dry(Action::Removed).as_deref(), Some("to remove 'b'"));
    }

    #[test]
    fn removals() {
        let check = |name: &str, count, first: &[&str], shown: &[&str], question: &str| {
            let job = Job {
                id: JobId(1),
                source: "src".into(),
                destination: "dst".into(),
            };
            let first: Vec<PathBuf> = first.iter().map(PathBuf::from).collect();
            let removal = removal(&job, count, &first);
            assert_eq!(removal.0, shown, "{name}");
            assert_eq!(
                removal.1,
                format!("{question} from 'dst' that 'src' does not have? [y/N] "),
                "{name}"
            );
        };
        check("one", 1, &["dst/a"], &["  'dst/a'"], "remove 1 entry");
        check(
            "some",
            2,
            &["dst/a", "dst/b"],
            &["  'dst/a'", "  'dst/b'"],
            "remove 2 entries",
        );
        check(
            "many",
            1000,
            &["a", "b", "c", "d", "e", "f"],
            &[
                "  'a'",
                "  'b'",
                "  'c'",
                "  'd'",
                "  'e'",
                "  … and 995 more",
            ],
            "remove 1000 entries",
        );
    }
}
