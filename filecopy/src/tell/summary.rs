//! What is said when copies have ended: one line of what was done. Pure.
//!
//! ```text
//! 310 files in 12 folders, 1.2 GiB copied in 1.53 s (812.0 MiB/s), verified, 3 skipped, 1 failed
//! 1 file, 40.0 MiB copied, 40.0 MiB kept, in 4.01 s (10.0 MiB/s)
//! dry run: 310 files in 12 folders, 1.2 GiB to copy, 2 to remove; nothing was written
//! ```
//!
//! The rate is over the whole time, waiting included: it is the number to compare with a clock on the wall. What was
//! found in its place (`--resume`) is called kept, and no part of it. A copy of less than [`RATE_AFTER`] has none: it would be
//! the speed of starting and ending.

use std::time::Duration;

use common::stamp::elapsed_secs;
use common::units::{ByteSize, clock_time, rate};

use crate::config::{Existing, Mode, Options, Resume, Verify};
use crate::job::Tally;
use crate::tell::progress::counted;

/// The least time over which a rate says something.
pub const RATE_AFTER: Duration = Duration::from_millis(500);

/// The numbers of several jobs as one.
#[must_use]
pub fn sum(a: Tally, b: Tally) -> Tally {
    Tally {
        bytes: a.bytes + b.bytes,
        files: a.files + b.files,
        folders: a.folders + b.folders,
        cloned: a.cloned + b.cloned,
        kept: a.kept + b.kept,
        skipped: a.skipped + b.skipped,
        removed: a.removed + b.removed,
        failed: a.failed + b.failed,
    }
}

/// Whether nothing came of it but failures, which have been told already.
#[must_use]
pub fn is_only_failure(tally: Tally) -> bool {
    let done = tally.files + tally.folders + tally.skipped + tally.removed;
    done == 0 && tally.failed > 0
}

/// The line for what was done in `time`.
#[must_use]
pub fn line(options: &Options, tally: Tally, time: Duration) -> String {
    match options.mode {
        Mode::Copy => copied(options, tally, time),
        Mode::DryRun => to_copy(tally),
    }
}

/// What follows the word for how a copy was stopped. Bytes are left out: some of them were in files that are gone again.
#[must_use]
pub fn stopped(tally: Tally, time: Duration, resume: Resume) -> String {
    let unfinished = match resume {
        Resume::No => "what was unfinished is removed",
        Resume::Yes => "what was unfinished is kept for --resume",
    };
    let time = shown_time(time);
    if tally.files + tally.folders > 0 {
        let whole = amount(Tally { bytes: 0, ..tally });
        return format!("after {time}: {whole} copied, {unfinished}");
    }
    if tally.bytes > 0 {
        format!("after {time}: {unfinished}")
    } else {
        format!("after {time}: nothing was copied")
    }
}

fn copied(options: &Options, mut tally: Tally, time: Duration) -> String {
    let bytes = tally.bytes.saturating_sub(tally.kept);
    let kept = ByteSize::new(tally.kept);
    let is_verified = options.verify == Verify::ReadBack && tally.files > 0;
    if tally.kept > 0 && bytes == 0 && options.existing == Existing::Overwrite {
        // Nothing else makes a file be skipped: those were found whole.
        tally.files += std::mem::take(&mut tally.skipped);
    }
    let mut line = match (tally.kept, bytes) {
        (0, _) => format!("{} copied in ", amount(tally)),
        (_, 0) => format!("{} in place already, in ", amount(tally)),
        _ => format!(
            "{} copied, {kept} kept, in ",
            amount(Tally { bytes, ..tally })
        ),
    };
    line.push_str(&shown_time(time));
    if bytes > 0 && time >= RATE_AFTER {
        line.push_str(&format!(" ({})", rate(bytes, time)));
    }
    if is_verified {
        line.push_str(", verified");
    }
    let counts = [
        (
            tally.cloned,
            format!("{} of it cloned", ByteSize::new(tally.cloned)),
        ),
        (tally.skipped, format!("{} skipped", tally.skipped)),
        (tally.removed, format!("{} removed", tally.removed)),
        (tally.failed, format!("{} failed", tally.failed)),
    ];
    push_counts(&mut line, &counts);
    line
}

fn to_copy(tally: Tally) -> String {
    let mut line = format!("dry run: {} to copy", amount(tally));
    let counts = [
        (tally.skipped, format!("{} to skip", tally.skipped)),
        (tally.removed, format!("{} to remove", tally.removed)),
        (tally.failed, format!("{} would fail", tally.failed)),
    ];
    push_counts(&mut line, &counts);
    line.push_str("; nothing was written");
    line
}

/// `310 files in 12 folders, 1.2 GiB`.
fn amount(tally: Tally) -> String {
    let mut text = counted(tally.files, "file", "files");
    if tally.folders > 0 {
        text.push_str(" in ");
        text.push_str(&counted(tally.folders, "folder", "folders"));
    }
    if tally.bytes > 0 {
        text.push_str(&format!(", {}", ByteSize::new(tally.bytes)));
    }
    text
}

fn push_counts(line: &mut String, counts: &[(u64, String)]) {
    for (_, text) in counts.iter().filter(|(count, _)| *count > 0) {
        line.push_str(", ");
        line.push_str(text);
    }
}

/// `7 ms`, `1.53 s`, `12:30`: as exact as it is worth reading.
fn shown_time(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis().max(1)),
        1..60 => format!("{} s", elapsed_secs(time)),
        _ => clock_time(time).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn lines() {
        let check = |name: &str, mode: Mode, tally: Tally, millis: u64, expected: &str| {
            let options = Options {
                mode,
                ..Options::default()
            };
            assert_eq!(
                line(&options, tally, Duration::from_millis(millis)),
                expected,
                "{name}"
            );
        };
        let none = Tally::default();
        let file = Tally {
            bytes: 3 * MIB,
            files: 1,
            ..none
        };
        let tree = Tally {
            bytes: 300 * MIB,
            files: 310,
            folders: 12,
            ..none
        };
        let odd = Tally {
            cloned: 2 * MIB,
            skipped: 3,
            removed: 4,
            failed: 5,
            ..tree
        };

        check(
            "one file",
            Mode::Copy,
            file,
            1500,
            "1 file, 3.0 MiB copied in 1.50 s (2.0 MiB/s)",
        );
        check(
            "at once",
            Mode::Copy,
            file,
            0,
            "1 file, 3.0 MiB copied in 1 ms",
        );
        check(
            "too quickly for a rate",
            Mode::Copy,
            file,
            499,
            "1 file, 3.0 MiB copied in 499 ms",
        );
        check(
            "just long enough",
            Mode::Copy,
            file,
            500,
            "1 file, 3.0 MiB copied in 500 ms (6.0 MiB/s)",
        );
        let resumed = Tally {
            kept: 2 * MIB,
            ..file
        };
        check(
            "a part was there",
            Mode::Copy,
            resumed,
            2000,
            "1 file, 1.0 MiB copied, 2.0 MiB kept, in 2.00 s (512.0 KiB/s)",
        );
        let kept = Tally {
            kept: 3 * MIB,
            ..file
        };
        check(
            "all was there",
            Mode::Copy,
            kept,
            700,
            "1 file, 3.0 MiB in place already, in 700 ms",
        );
        check(
            "all was there, by its final name",
            Mode::Copy,
            Tally {
                files: 0,
                skipped: 1,
                ..kept
            },
            7,
            "1 file, 3.0 MiB in place already, in 7 ms",
        );
        check(
            "a tree",
            Mode::Copy,
            tree,
            100_000,
            "310 files in 12 folders, 300.0 MiB copied in 1:40 (3.0 MiB/s)",
        );
        check("nothing", Mode::Copy, none, 1, "0 files copied in 1 ms");
        check(
            "an empty folder",
            Mode::Copy,
            Tally { folders: 1, ..none },
            1,
            "0 files in 1 folder copied in 1 ms",
        );
        check(
            "everything happened",
            Mode::Copy,
            odd,
            2000,
            "310 files in 12 folders, 300.0 MiB copied in 2.00 s (150.0 MiB/s), 2.0 MiB of it cloned, 3 skipped, 4 removed, 5 failed",
        );
        check(
            "dry run",
            Mode::DryRun,
            odd,
            2000,
            "dry run: 310 files in 12 folders, 300.0 MiB to copy, 3 to skip, 4 to remove, 5 would fail; nothing was written",
        );
    }

    #[test]
    fn verified() {
        let options = Options {
            verify: Verify::ReadBack,
            ..Options::default()
        };
        let line = |tally| line(&options, tally, Duration::from_secs(1));
        let file = Tally {
            bytes: MIB,
            files: 1,
            ..Tally::default()
        };
        assert_eq!(
            line(file),
            "1 file, 1.0 MiB copied in 1.00 s (1.0 MiB/s), verified"
        );
        assert_eq!(
            line(Tally { failed: 1, ..file }),
            "1 file, 1.0 MiB copied in 1.00 s (1.0 MiB/s), verified, 1 failed"
        );
        assert_eq!(line(Tally::default()), "0 files copied in 1.00 s");
    }

    #[test]
    fn stops() {
        let tally = Tally {
            bytes: 9,
            files: 2,
            folders: 1,
            ..Tally::default()
        };
        let line = |resume| stopped(tally, Duration::from_millis(1500), resume);
        assert_eq!(
            line(Resume::No),
            "after 1.50 s: 2 files in 1 folder copied, what was unfinished is removed"
        );
        assert!(line(Resume::Yes).ends_with("copied, what was unfinished is kept for --resume"));
        let early = |bytes| {
            let tally = Tally {
                bytes,
                ..Tally::default()
            };
            stopped(tally, Duration::from_millis(7), Resume::No)
        };
        assert_eq!(early(0), "after 7 ms: nothing was copied");
        assert_eq!(early(9), "after 7 ms: what was unfinished is removed");
    }

    #[test]
    fn failures_alone() {
        let none = Tally::default();
        assert!(is_only_failure(Tally { failed: 1, ..none }));
        assert!(!is_only_failure(Tally {
            failed: 1,
            folders: 1,
            ..none
        }));
        assert!(!is_only_failure(none), "nothing to do is worth a word");
    }

    #[test]
    fn sums() {
        let one = Tally {
            bytes: 1,
            files: 2,
            folders: 3,
            cloned: 4,
            kept: 1,
            skipped: 5,
            removed: 6,
            failed: 7,
        };
        let two = Tally {
            bytes: 2,
            files: 4,
            folders: 6,
            cloned: 8,
            kept: 2,
            skipped: 10,
            removed: 12,
            failed: 14,
        };
        assert_eq!(sum(one, one), two);
    }
}
