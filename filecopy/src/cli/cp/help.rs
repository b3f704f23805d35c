//! The text of `cp --help`, made from the table of options.

use std::fmt::Write as _;

use super::flags::{SPECS, Value};

/// The text of `cp --help`.
pub(super) fn text() -> String {
    let mut text = String::from(HEAD);
    for spec in SPECS.iter().filter(|spec| !spec.help.is_empty()) {
        let shorts: Vec<String> = spec
            .short
            .iter()
            .map(|letter| format!("-{letter}"))
            .collect();
        let value = match spec.value {
            Value::None => String::new(),
            Value::Optional(name) => format!("[={name}]"),
            Value::Required(name) => format!("={name}"),
        };
        let spelling = match (shorts.as_slice(), spec.long) {
            ([], Some(long)) => format!("    --{long}{value}"),
            (_, Some(long)) => format!("{}, --{long}{value}", shorts.join(", ")),
            (_, None) => shorts.join(", "),
        };
        let gap = if spelling.len() > HELP_COLUMN {
            "\n"
        } else {
            ""
        };
        let pad = if gap.is_empty() {
            HELP_COLUMN - spelling.len()
        } else {
            HELP_COLUMN + 2
        };
        let written = writeln!(text, "  {spelling}{gap}{:pad$}  {}", "", spec.help);
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    text + TAIL
}

/// Widest spelling that shares a line with its help.
const HELP_COLUMN: usize = 28;

const HEAD: &str = "\
Usage: cp [OPTION]... [-T] SOURCE DEST
  or:  cp [OPTION]... SOURCE... DIRECTORY
  or:  cp [OPTION]... -t DIRECTORY SOURCE...

Copies files with the options of GNU cp. This is filecopy under another name: filecopy's own
options are shown by `filecopy --help`.

";

const TAIL: &str = "
Backups are made with --backup, -b or -S. CONTROL, or the variable VERSION_CONTROL, is one of
  none, off       no backups
  simple, never   NAME~ (or another suffix: --suffix, SIMPLE_BACKUP_SUFFIX)
  numbered, t     NAME.~1~, NAME.~2~, ...
  existing, nil   numbered where numbered ones exist, else simple
With --force and --backup, `cp FILE FILE` makes a backup of FILE.
";
