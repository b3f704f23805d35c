//! Which backups are made: `--backup`, `--suffix`, and the two variables that stand in for their values.

use std::ffi::{OsStr, OsString};

use filecopy::config::Backup;

use super::usage::Usage;
use super::words::choose;

/// What the environment says about backups.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// `VERSION_CONTROL`.
    pub(super) control: Option<OsString>,
    /// `SIMPLE_BACKUP_SUFFIX`.
    pub(super) suffix: Option<OsString>,
}

/// The backups that `control`, the value of `--backup` if it has one, and `suffix` ask for. Without a word they are
/// numbered where numbered ones exist, and simple elsewhere.
pub(super) fn choice(
    control: Option<&OsStr>,
    suffix: Option<&OsStr>,
    habits: &Habits,
) -> Result<Backup, Usage> {
    let method = match (control, &habits.control) {
        (Some(word), _) if !word.is_empty() => choose(word, "backup type", METHODS)?,
        (None, Some(word)) if !word.is_empty() => choose(word, "$VERSION_CONTROL", METHODS)?,
        _ => Method::Existing,
    };
    // A suffix that would lead into another folder is not one.
    let suffix = suffix
        .or(habits.suffix.as_deref())
        .filter(|text| !text.is_empty() && !text.as_encoded_bytes().contains(&b'/'));
    let suffix = suffix.unwrap_or_else(|| OsStr::new("~")).to_owned();
    Ok(match method {
        Method::None => Backup::None,
        Method::Simple => Backup::Simple(suffix),
        Method::Existing => Backup::Existing(suffix),
        Method::Numbered => Backup::Numbered,
    })
}

/// A word of `--backup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    None,
    Simple,
    Existing,
    Numbered,
}

const METHODS: &[(&str, Method)] = &[
    ("none", Method::None),
    ("off", Method::None),
    ("simple", Method::Simple),
    ("never", Method::Simple),
    ("existing", Method::Existing),
    ("nil", Method::Existing),
    ("numbered", Method::Numbered),
    ("t", Method::Numbered),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_are_named_by_option_and_environment() {
        let simple = |suffix: &str| Backup::Simple(suffix.into());
        let existing = |suffix: &str| Backup::Existing(suffix.into());
        let rows = [
            ("no value", [None, None], [None, None], existing("~")),
            (
                "a word",
                [Some("simple"), None],
                [Some("t"), None],
                simple("~"),
            ),
            (
                "a shortened word",
                [Some("num"), None],
                [None, None],
                Backup::Numbered,
            ),
            (
                "turned off",
                [Some("off"), None],
                [None, None],
                Backup::None,
            ),
            (
                "habits",
                [None, None],
                [Some("simple"), Some(".old")],
                simple(".old"),
            ),
            (
                "a suffix",
                [None, Some(".b")],
                [None, Some(".old")],
                existing(".b"),
            ),
            (
                "a suffix that is a path",
                [None, Some("/x")],
                [None, None],
                existing("~"),
            ),
        ];
        for (name, [control, suffix], [habit, usual], expected) in rows {
            let habits = Habits {
                control: habit.map(OsString::from),
                suffix: usual.map(OsString::from),
            };
            let chosen = choice(control.map(OsStr::new), suffix.map(OsStr::new), &habits);
            assert_eq!(chosen, Ok(expected), "{name}");
        }
        let habits = Habits {
            control: Some("bad".into()),
            suffix: None,
        };
        let said = choice(None, None, &habits).unwrap_err().to_string();
        assert!(said.starts_with("invalid argument 'bad' for '$VERSION_CONTROL'"));
    }
}
