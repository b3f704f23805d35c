//! How far a copy has come, as one line of text. Pure: it is told the numbers and the time.
//!
//! ```text
//!  42%  1.2 GiB of 2.9 GiB  310 files  812.0 MiB/s  0:03 left  usr/share/doc/notes
//!  1.2 GiB  310 files  812.0 MiB/s  usr/share/doc/notes        (until the totals are known)
//!  17%  5118 of 30000 files  0:04 left  usr/share/doc/notes     (where no file has content)
//! ```
//!
//! What it promises:
//! - The share never goes back and is never 100 %: the end of a copy is told by its summary, not by this line.
//! - The share is that of the amounts beside it: of bytes, or of entries where there are no bytes at all.
//! - A share and a remaining time are shown only when the totals are known; nothing is guessed.
//! - The rate is that of the last [`WINDOW`], so a copy that stalls is seen to stall, and the remaining time follows from it.
//!   What was found in its place (`--resume`) is done, but was not moved: no rate counts it.
//! - The line is never wider than it may be: parts are left out, the least telling first.
//!
//! When a line is worth showing at all, and how often, is the driver's business.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use common::quote::plain;
use common::units::{ByteSize, clock_time, rate};

use crate::job::Tally;

use parts::Parts;

mod parts;

/// The time over which the rate is taken: long enough to be read, short enough to be of now.
pub const WINDOW: Duration = Duration::from_secs(5);

/// Samples kept: [`WINDOW`] at more than twice the rate at which a driver shows lines.
const MAX_SAMPLES: usize = 64;

/// What a copy amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of content.
    pub bytes: u64,
    /// Entries.
    pub files: u64,
}

impl Totals {
    /// What jobs that have ended amounted to.
    #[must_use]
    pub fn of(tally: &Tally) -> Self {
        Self {
            bytes: tally.bytes,
            files: entries(tally),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            files: self.files + other.files,
        }
    }
}

/// Follows one copy, or several taken together.
#[derive(Debug, Default)]
pub struct Meter {
    samples: VecDeque<Sample>,
    tally: Tally,
    totals: Option<Totals>,
    /// The highest share so far, percent.
    share: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    /// Bytes written or cloned.
    moved: u64,
    entries: u64,
}

/// What a share is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Entries,
}

impl Meter {
    /// Takes the numbers as they stand `at` some time since the copy began. Times and numbers only grow.
    pub fn observe(&mut self, at: Duration, tally: Tally, totals: Option<Totals>) {
        self.tally = tally;
        self.totals = totals;
        self.samples.push_back(Sample {
            at,
            moved: tally.bytes.saturating_sub(tally.kept),
            entries: entries(&tally),
        });
        let is_old = |sample: &Sample| at.saturating_sub(sample.at) >= WINDOW;
        // The newest of the old samples stays: the window reaches back to it.
        while self.samples.len() > MAX_SAMPLES || self.samples.get(1).is_some_and(is_old) {
            self.samples.pop_front();
        }
        if let Some(share) = self.current_share() {
            self.share = self.share.max(share);
        }
    }

    /// The share that is done, in percent, at most 99; `None` until the totals are known.
    #[must_use]
    pub fn share(&self) -> Option<u64> {
        self.totals.map(|_| self.share)
    }

    /// How long the rest will take if it goes on as in the last [`WINDOW`]; `None` when that cannot be told.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        let (done, whole) = self.done_of_whole()?;
        let (first, last) = self.window()?;
        let step = match self.unit() {
            Unit::Bytes => last.moved.saturating_sub(first.moved),
            Unit::Entries => last.entries - first.entries,
        };
        if step == 0 {
            return None;
        }
        let left = u128::from(whole.saturating_sub(done));
        let nanos = left.checked_mul((last.at - first.at).as_nanos())? / u128::from(step);
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// Bytes per second over the last [`WINDOW`].
    #[must_use]
    pub fn bytes_per_sec(&self) -> Option<u64> {
        let (first, last) = self.window()?;
        let nanos = (last.at - first.at).as_nanos();
        let moved = last.moved.saturating_sub(first.moved);
        u64::try_from(u128::from(moved) * 1_000_000_000 / nanos).ok()
    }

    /// The line, at most `width` columns wide. `label` stands in front, for one copy among several.
    #[must_use]
    pub fn line(&self, label: &str, name: &Path, width: usize) -> String {
        let (done, done_of_whole) = match self.unit() {
            Unit::Bytes => self.bytes_parts(),
            Unit::Entries => self.entries_parts(),
        };
        let parts = Parts {
            label: Some(label.to_owned()).filter(|label| !label.is_empty()),
            share: self.share().map(|share| format!("{share:>2}%")),
            done: Some(done),
            done_of_whole,
            files: self.files_part(),
            rate: self.rate_part(),
            remaining: self
                .remaining()
                .map(|left| format!("{} left", clock_time(left))),
        };
        let name = if name.as_os_str().is_empty() {
            String::new()
        } else {
            plain(name)
        };
        parts.fit(&name, width)
    }

    fn bytes_parts(&self) -> (String, Option<String>) {
        let bytes = ByteSize::new(self.tally.bytes);
        let whole = self.totals.map(|totals| {
            let whole = ByteSize::new(totals.bytes.max(self.tally.bytes));
            format!("{bytes} of {whole}")
        });
        (bytes.to_string(), whole)
    }

    fn entries_parts(&self) -> (String, Option<String>) {
        let done = entries(&self.tally);
        let whole = self.totals.map(|totals| {
            let whole = counted(totals.files.max(done), "file", "files");
            format!("{done} of {whole}")
        });
        (counted(done, "file", "files"), whole)
    }

    fn rate_part(&self) -> Option<String> {
        let (first, last) = self.window().filter(|_| self.unit() == Unit::Bytes)?;
        let moved = last.moved.saturating_sub(first.moved);
        Some(rate(moved, last.at - first.at).to_string())
    }

    fn files_part(&self) -> Option<String> {
        if self.unit() == Unit::Entries {
            return None;
        }
        let single = self.totals.map_or(self.tally.files, |totals| totals.files) <= 1;
        let is_tree = self.tally.folders > 0 || !single;
        (is_tree && self.tally.files > 0).then(|| counted(self.tally.files, "file", "files"))
    }

    fn current_share(&self) -> Option<u64> {
        let (done, whole) = self.done_of_whole()?;
        let percent = u128::from(done) * 100 / u128::from(whole.max(1));
        u64::try_from(percent.min(99)).ok()
    }

    fn done_of_whole(&self) -> Option<(u64, u64)> {
        let totals = self.totals?;
        Some(match self.unit() {
            Unit::Bytes => (self.tally.bytes, totals.bytes),
            Unit::Entries => (entries(&self.tally), totals.files),
        })
    }

    /// Bytes, unless there are none: not in all, or, as long as that is unknown, not yet though entries are done.
    fn unit(&self) -> Unit {
        let is_empty = self.totals.map_or_else(
            || entries(&self.tally) > 0,
            |totals| totals.bytes == 0 && totals.files > 0,
        );
        if is_empty && self.tally.bytes == 0 {
            Unit::Entries
        } else {
            Unit::Bytes
        }
    }

    /// The first and last sample of the window, when there is time between them.
    fn window(&self) -> Option<(Sample, Sample)> {
        let (first, last) = (*self.samples.front()?, *self.samples.back()?);
        (last.at > first.at).then_some((first, last))
    }
}

/// Entries that are dealt with, whatever was done with them.
fn entries(tally: &Tally) -> u64 {
    tally.files + tally.skipped + tally.failed
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn tally(bytes: u64, files: u64) -> Tally {
        Tally {
            bytes,
            files,
            ..Tally::default()
        }
    }

    /// Observes `(seconds, bytes, files)` in turn.
    fn meter(totals: Option<(u64, u64)>, observations: &[(u64, u64, u64)]) -> Meter {
        let totals = totals.map(|(bytes, files)| Totals { bytes, files });
        let mut meter = Meter::default();
        for &(secs, bytes, files) in observations {
            meter.observe(Duration::from_secs(secs), tally(bytes, files), totals);
        }
        meter
    }

    #[test]
    fn lines() {
        let check = |name: &str, meter: &Meter, width: usize, expected: &str| {
            assert_eq!(
                meter.line("", Path::new("usr/share/notes.txt"), width),
                expected,
                "{name}"
            );
        };
        let unknown = meter(None, &[(0, 0, 0), (1, 5 * MIB, 3)]);
        check(
            "totals unknown",
            &unknown,
            80,
            "5.0 MiB  3 files  5.0 MiB/s  usr/share/notes.txt",
        );
        check(
            "the name is cut",
            &unknown,
            40,
            "5.0 MiB  3 files  5.0 MiB/s  …/notes.txt",
        );
        check(
            "no room for a name",
            &unknown,
            30,
            "5.0 MiB  3 files  5.0 MiB/s",
        );
        check("no room for files", &unknown, 20, "5.0 MiB  5.0 MiB/s");
        check("no room for the rate", &unknown, 10, "5.0 MiB");
        check("hardly any room", &unknown, 3, "5.0");
        check("none", &unknown, 0, "");

        let one_file = meter(Some((10 * MIB, 1)), &[(0, 0, 0), (1, 5 * MIB, 0)]);
        check(
            "totals known",
            &one_file,
            80,
            "50%  5.0 MiB of 10.0 MiB  5.0 MiB/s  0:01 left  usr/share/notes.txt",
        );
        check(
            "narrower",
            &one_file,
            34,
            "50%  5.0 MiB  5.0 MiB/s  0:01 left",
        );
        check("narrower still", &one_file, 23, "50%  5.0 MiB  0:01 left");
        check("the share alone", &one_file, 3, "50%");

        check(
            "nothing is known yet",
            &meter(None, &[(0, 0, 0)]),
            80,
            "0 B  usr/share/notes.txt",
        );
    }

    #[test]
    fn labels_and_names() {
        let meter = meter(None, &[(0, 0, 0)]);
        assert_eq!(meter.line("[2] b", Path::new(""), 80), "[2] b  0 B");
        assert_eq!(
            meter.line("", Path::new("a\nb"), 80),
            r"0 B  $'a\nb'",
            "harmless"
        );
        assert_eq!(
            meter.line("", Path::new("보고서보고서"), 14),
            "0 B  …서보고서",
            "wide letters"
        );
    }

    #[test]
    fn share_never_goes_back_nor_to_the_end() {
        let rows: [(&str, u64, u64, u64); 5] = [
            ("nothing", 0, 0, 0),
            ("half", 50 * MIB, 0, 50),
            ("fewer than before", 20 * MIB, 0, 50),
            ("all bytes, the entry open", 100 * MIB, 0, 99),
            ("more than there should be", 300 * MIB, 9, 99),
        ];
        let mut meter = Meter::default();
        for (second, (name, bytes, files, share)) in (0..).zip(rows) {
            let totals = Some(Totals {
                bytes: 100 * MIB,
                files: 1,
            });
            meter.observe(Duration::from_secs(second), tally(bytes, files), totals);
            assert_eq!(meter.share(), Some(share), "{name}");
        }
        assert_eq!(
            self::meter(Some((0, 0)), &[(0, 0, 0)]).share(),
            Some(0),
            "nothing to do"
        );
    }

    #[test]
    fn share_and_remaining_time_are_of_what_is_shown() {
        // Totals, what was done in one second, percent, seconds left, the line.
        type Row = (&'static str, (u64, u64), (u64, u64), u64, u64, &'static str);
        let rows: [Row; 4] = [
            (
                "one file",
                (100, 1),
                (20, 0),
                20,
                4,
                "20%  20 B of 100 B  20 B/s  0:04 left",
            ),
            (
                "bytes alone count where there are any",
                (100, 1000),
                (25, 900),
                25,
                3,
                "25%  25 B of 100 B  900 files  25 B/s  0:03 left",
            ),
            (
                "entries where there are none",
                (0, 30_000),
                (0, 5_000),
                16,
                5,
                "16%  5000 of 30000 files  0:05 left",
            ),
            (
                "a single empty file",
                (0, 1),
                (0, 1),
                99,
                0,
                "99%  1 of 1 file  0:00 left",
            ),
        ];
        for (name, totals, (bytes, files), share, left, line) in rows {
            let meter = meter(Some(totals), &[(0, 0, 0), (1, bytes, files)]);
            assert_eq!(meter.share(), Some(share), "{name}");
            assert_eq!(meter.remaining(), Some(Duration::from_secs(left)), "{name}");
            assert_eq!(meter.line("", Path::new(""), 80), line, "{name}");
        }
        let unknown = meter(None, &[(0, 0, 0), (1, 0, 5)]);
        assert_eq!(
            unknown.line("", Path::new(""), 80),
            "5 files",
            "no bytes yet"
        );
    }

    #[test]
    fn what_was_in_its_place_has_no_part_in_rates() {
        let totals = Some(Totals {
            bytes: 100 * MIB,
            files: 1,
        });
        let mut meter = Meter::default();
        meter.observe(Duration::ZERO, Tally::default(), totals);
        let kept = Tally {
            kept: 40 * MIB,
            ..tally(60 * MIB, 0)
        };
        meter.observe(Duration::from_secs(2), kept, totals);
        assert_eq!(meter.share(), Some(60));
        assert_eq!(meter.bytes_per_sec(), Some(10 * MIB));
        assert_eq!(meter.remaining(), Some(Duration::from_secs(4)));
    }

    #[test]
    fn rate_is_that_of_the_window() {
        let steady = meter(None, &[(0, 0, 0), (2, 200, 0), (4, 400, 0)]);
        assert_eq!(steady.bytes_per_sec(), Some(100), "steady");
        let faster: Vec<_> = (0..=10)
            .map(|second| (second, if second < 5 { 0 } else { (second - 5) * 100 }, 0))
            .collect();
        assert_eq!(
            meter(None, &faster).bytes_per_sec(),
            Some(100),
            "the slow start is forgotten"
        );
        let stalled: Vec<_> = (0..=10)
            .map(|second| (second, 100.min(second * 100), 0))
            .collect();
        let stalled = meter(Some((200, 0)), &stalled);
        assert_eq!(stalled.bytes_per_sec(), Some(0), "stalled");
        assert_eq!(stalled.remaining(), None, "stalled: no promise");
        assert_eq!(
            meter(None, &[(0, 9, 0)]).bytes_per_sec(),
            None,
            "no time has passed"
        );
    }

    #[test]
    fn samples_are_bounded() {
        let mut meter = Meter::default();
        for millis in 0..10_000 {
            meter.observe(Duration::from_millis(millis), tally(millis, 0), None);
            assert!(meter.samples.len() <= MAX_SAMPLES);
        }
    }

    proptest! {
        #[test]
        fn fits_any_width(
            bytes: u64, files: u64, folders in 0_u64..3, total in proptest::option::of(any::<(u64, u64)>()),
            label in ".{0,12}", name in ".{0,60}", width in 0_usize..120,
        ) {
            let totals = total.map(|(bytes, files)| Totals { bytes, files });
            let mut meter = Meter::default();
            meter.observe(Duration::ZERO, Tally::default(), totals);
            meter.observe(Duration::from_secs(1), Tally { bytes, files, folders, ..Tally::default() }, totals);
            let line = meter.line(&label, Path::new(&name), width);
            prop_assert!(line.width() <= width, "{line:?}");
        }
    }
}
