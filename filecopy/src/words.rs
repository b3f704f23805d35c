//! What is said about a job or an entry, in words. Pure.

use std::path::{Path, PathBuf};

use common::quote::always as q;

use crate::job::{Action, Job};
use crate::progress::counted;

/// Names shown before a question about them is asked.
const SHOWN_NAMES: usize = 5;

/// The line of an entry with `--verbose`, as GNU's tools word it.
#[must_use]
pub fn entry(action: Action, source: &Path, destination: &Path) -> String {
    match action {
        Action::Copied | Action::Cloned | Action::Linked | Action::Made | Action::Folder => {
            format!("{} -> {}", q(source), q(destination))
        }
        Action::Skipped => format!("skipped {}", q(destination)),
        Action::Removed => format!("removed {}", q(destination)),
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
        let check = |action, expected: &str| {
            assert_eq!(entry(action, Path::new("a b"), Path::new("c\nd")), expected)
        };
        check(Action::Copied, r"'a b' -> $'c\nd'");
        check(Action::Folder, r"'a b' -> $'c\nd'");
        check(Action::Skipped, r"skipped $'c\nd'");
        check(Action::Removed, r"removed $'c\nd'");
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
