//! `--json`: what happens, as one JSON object a line. Pure.
//!
//! Every object has `event`, and `time`: seconds since the program started.
//!
//! | `event` | further members |
//! |---|---|
//! | `started` | `job`, `source`, `destination` |
//! | `entry` | `job`, `action`, `source`, `destination`, `size`; with `--verbose` and `--dry-run` only |
//! | `progress` | the numbers; `total_bytes`, `total_files`, `percent`, `bytes_per_sec`, `remaining_secs`, each `null` until it can be told; at most five a second |
//! | `notice`, `failed` | `job` (`null` where no job could be made), `message` |
//! | `finished` | `job`, `outcome`, `source`, `destination`, the numbers |
//! | `summary` | `outcome`, the numbers; the last line of every run that began |
//!
//! `started`, `entry`, `finished` and `summary` have `"dry_run":true` when nothing is really done. `finished` and `summary`
//! have `"verified":true` when each copy was read back and found equal.
//!
//! *The numbers* are `bytes`, `files`, `folders`, `cloned`, `kept`, `skipped`, `removed` and `failed`, as in [`Tally`]. An
//! `action` is `copied`, `cloned`, `linked`, `made`, `folder`, `entered`, `skipped`, `removed` or `backed-up`; an `outcome` is `complete`, `failed` or
//! `cancelled`. A name that is not UTF-8 is given twice: as text with U+FFFD for what is none, and exactly, in
//! `source_bytes` or `destination_bytes`, two hexadecimal digits a byte.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use common::exit::{ExitStatus, describe};
use serde::Serialize;

use crate::config::{Mode, Options, Verify};
use crate::error::Error;
use crate::job::{Action, Event, Outcome, Tally};
use crate::tell::progress::{Meter, Totals};

/// The line of one event, without its line ending.
#[must_use]
pub fn event(options: &Options, time: Duration, event: &Event) -> String {
    let dry_run = dry_run(options);
    let body = match event {
        Event::Started(job) => Body::Started {
            dry_run,
            job: job.id.0,
            source: Name::of(&job.source, "source"),
            destination: Name::of(&job.destination, "destination"),
        },
        Event::Entry {
            job,
            action,
            source,
            destination,
            bytes,
        } => Body::Entry {
            dry_run,
            job: job.0,
            action: action_word(*action),
            source: Name::of(source, "source"),
            destination: Name::of(destination, "destination"),
            size: *bytes,
        },
        Event::Notice(job, error) => Body::Notice {
            job: job.0,
            message: describe(error),
        },
        Event::Failed(job, error) => Body::Failed {
            job: Some(job.0),
            message: describe(error),
        },
        Event::Finished(job, outcome, tally) => Body::Finished {
            dry_run,
            verified: verified(options, *outcome == Outcome::Complete),
            job: job.id.0,
            outcome: outcome_word(*outcome),
            source: Name::of(&job.source, "source"),
            destination: Name::of(&job.destination, "destination"),
            numbers: (*tally).into(),
        },
    };
    encode(time, &body)
}

/// The line of a source for which no job could be made.
#[must_use]
pub fn refused(time: Duration, error: &Error) -> String {
    encode(
        time,
        &Body::Failed {
            job: None,
            message: describe(error),
        },
    )
}

/// The line of how far all jobs have come.
#[must_use]
pub fn progress(time: Duration, tally: Tally, totals: Option<Totals>, meter: &Meter) -> String {
    encode(
        time,
        &Body::Progress {
            numbers: tally.into(),
            total_bytes: totals.map(|totals| totals.bytes),
            total_files: totals.map(|totals| totals.files),
            percent: meter.share(),
            bytes_per_sec: meter.bytes_per_sec(),
            remaining_secs: meter.remaining().map(|left| left.as_secs_f64()),
        },
    )
}

/// The last line.
#[must_use]
pub fn summary(options: &Options, time: Duration, tally: Tally, status: ExitStatus) -> String {
    let outcome = match status {
        ExitStatus::Success => "complete",
        ExitStatus::Failed | ExitStatus::Usage => "failed",
        ExitStatus::Interrupted => "cancelled",
    };
    encode(
        time,
        &Body::Summary {
            dry_run: dry_run(options),
            verified: verified(options, status == ExitStatus::Success),
            outcome,
            numbers: tally.into(),
        },
    )
}

#[derive(Serialize)]
struct Line<'a> {
    time: f64,
    #[serde(flatten)]
    body: &'a Body<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Body<'a> {
    Started {
        #[serde(skip_serializing_if = "Option::is_none")]
        dry_run: Option<bool>,
        job: u32,
        #[serde(flatten)]
        source: Name<'a>,
        #[serde(flatten)]
        destination: Name<'a>,
    },
    Entry {
        #[serde(skip_serializing_if = "Option::is_none")]
        dry_run: Option<bool>,
        job: u32,
        action: &'static str,
        #[serde(flatten)]
        source: Name<'a>,
        #[serde(flatten)]
        destination: Name<'a>,
        size: u64,
    },
    Progress {
        #[serde(flatten)]
        numbers: Numbers,
        total_bytes: Option<u64>,
        total_files: Option<u64>,
        percent: Option<u64>,
        bytes_per_sec: Option<u64>,
        remaining_secs: Option<f64>,
    },
    Notice {
        job: u32,
        message: String,
    },
    Failed {
        job: Option<u32>,
        message: String,
    },
    Finished {
        #[serde(skip_serializing_if = "Option::is_none")]
        dry_run: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        verified: Option<bool>,
        job: u32,
        outcome: &'static str,
        #[serde(flatten)]
        source: Name<'a>,
        #[serde(flatten)]
        destination: Name<'a>,
        #[serde(flatten)]
        numbers: Numbers,
    },
    Summary {
        #[serde(skip_serializing_if = "Option::is_none")]
        dry_run: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        verified: Option<bool>,
        outcome: &'static str,
        #[serde(flatten)]
        numbers: Numbers,
    },
}

/// A member that is there only when it is true.
fn only_if(holds: bool) -> Option<bool> {
    holds.then_some(true)
}

fn dry_run(options: &Options) -> Option<bool> {
    only_if(options.mode == Mode::DryRun)
}

fn verified(options: &Options, is_complete: bool) -> Option<bool> {
    let is_read_back = options.verify == Verify::ReadBack && options.mode == Mode::Copy;
    only_if(is_read_back && is_complete)
}

#[derive(Serialize)]
struct Numbers {
    bytes: u64,
    files: u64,
    folders: u64,
    cloned: u64,
    kept: u64,
    skipped: u64,
    removed: u64,
    failed: u64,
}

impl From<Tally> for Numbers {
    fn from(tally: Tally) -> Self {
        let Tally {
            bytes,
            files,
            folders,
            cloned,
            kept,
            skipped,
            removed,
            failed,
        } = tally;
        Self {
            bytes,
            files,
            folders,
            cloned,
            kept,
            skipped,
            removed,
            failed,
        }
    }
}

/// A name as one member, or as two when it is not text.
struct Name<'a> {
    path: &'a Path,
    member: &'static str,
}

impl<'a> Name<'a> {
    const fn of(path: &'a Path, member: &'static str) -> Self {
        Self { path, member }
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.member, &self.path.to_string_lossy())?;
        if self.path.to_str().is_none() {
            map.serialize_entry(&format!("{}_bytes", self.member), &hex(self.path))?;
        }
        map.end()
    }
}

fn hex(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            let pushed = write!(hex, "{byte:02x}");
            debug_assert!(pushed.is_ok(), "writing to a String cannot fail");
            hex
        })
}

const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Copied => "copied",
        Action::Cloned => "cloned",
        Action::Linked => "linked",
        Action::Made => "made",
        Action::Folder => "folder",
        Action::Entered => "entered",
        Action::Skipped => "skipped",
        Action::Removed => "removed",
        Action::BackedUp => "backed-up",
    }
}

const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "complete",
        Outcome::Failed(_) => "failed",
        Outcome::Cancelled => "cancelled",
    }
}

fn encode(time: Duration, body: &Body<'_>) -> String {
    // Milliseconds: more digits than that say nothing about a copy.
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let line = Line {
        time: f64::from(millis) / 1000.0,
        body,
    };
    serde_json::to_string(&line).expect("a line holds only text and numbers under text keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, JobId};

    const TIME: Duration = Duration::from_millis(1520);

    fn job() -> Job {
        Job {
            id: JobId(1),
            source: "a \"b\"".into(),
            destination: "c\nd".into(),
        }
    }

    const TALLY: Tally = Tally {
        bytes: 1,
        files: 2,
        folders: 3,
        cloned: 4,
        kept: 8,
        skipped: 5,
        removed: 6,
        failed: 7,
    };
    const NUMBERS: &str =
        r#""bytes":1,"files":2,"folders":3,"cloned":4,"kept":8,"skipped":5,"removed":6,"failed":7"#;

    #[test]
    fn events() {
        let check = |happened: &Event, expected: &str| {
            assert_eq!(
                event(&Options::default(), TIME, happened),
                format!(r#"{{"time":1.52,{expected}}}"#)
            );
        };
        let names = r#""source":"a \"b\"","destination":"c\nd""#;
        check(
            &Event::Started(job()),
            &format!(r#""event":"started","job":1,{names}"#),
        );
        check(
            &Event::Entry {
                job: JobId(1),
                action: Action::Copied,
                source: "a/x".into(),
                destination: "c/x".into(),
                bytes: 9,
            },
            r#""event":"entry","job":1,"action":"copied","source":"a/x","destination":"c/x","size":9"#,
        );
        let error = || Error::Cycle { path: "l".into() };
        let message = r#""message":"cannot copy cyclic symbolic link 'l'""#;
        check(
            &Event::Notice(JobId(1), error()),
            &format!(r#""event":"notice","job":1,{message}"#),
        );
        check(
            &Event::Failed(JobId(1), error()),
            &format!(r#""event":"failed","job":1,{message}"#),
        );
        check(
            &Event::Finished(job(), Outcome::Failed(7), TALLY),
            &format!(r#""event":"finished","job":1,"outcome":"failed",{names},{NUMBERS}"#),
        );
        assert_eq!(
            refused(TIME, &error()),
            format!(r#"{{"time":1.52,"event":"failed","job":null,{message}}}"#)
        );
    }

    #[test]
    fn progress_and_summary() {
        let mut meter = Meter::default();
        meter.observe(Duration::ZERO, TALLY, None);
        assert_eq!(
            progress(TIME, TALLY, None, &meter),
            format!(
                r#"{{"time":1.52,"event":"progress",{NUMBERS},"total_bytes":null,"total_files":null,"percent":null,"bytes_per_sec":null,"remaining_secs":null}}"#
            ),
        );
        assert_eq!(
            summary(&Options::default(), TIME, TALLY, ExitStatus::Failed),
            format!(r#"{{"time":1.52,"event":"summary","outcome":"failed",{NUMBERS}}}"#),
        );
    }

    #[test]
    fn dry_runs_and_verified_copies_say_so() {
        let dry = Options {
            mode: Mode::DryRun,
            verify: Verify::ReadBack,
            ..Options::default()
        };
        let checked = Options {
            verify: Verify::ReadBack,
            ..Options::default()
        };
        let finished = |outcome| Event::Finished(job(), outcome, TALLY);
        let entry = Event::Entry {
            job: JobId(1),
            action: Action::Copied,
            source: "a".into(),
            destination: "b".into(),
            bytes: 0,
        };
        let (complete, failed) = (finished(Outcome::Complete), finished(Outcome::Failed(1)));
        let rows = [
            (
                "dry start",
                event(&dry, TIME, &Event::Started(job())),
                true,
                false,
            ),
            ("dry entry", event(&dry, TIME, &entry), true, false),
            ("dry end", event(&dry, TIME, &complete), true, false),
            (
                "dry summary",
                summary(&dry, TIME, TALLY, ExitStatus::Success),
                true,
                false,
            ),
            ("verified", event(&checked, TIME, &complete), false, true),
            ("not verified", event(&checked, TIME, &failed), false, false),
            (
                "all verified",
                summary(&checked, TIME, TALLY, ExitStatus::Success),
                false,
                true,
            ),
            (
                "not all",
                summary(&checked, TIME, TALLY, ExitStatus::Failed),
                false,
                false,
            ),
        ];
        for (name, line, is_dry, is_verified) in rows {
            assert_eq!(line.contains(r#""dry_run":true"#), is_dry, "{name}: {line}");
            assert_eq!(
                line.contains(r#""verified":true"#),
                is_verified,
                "{name}: {line}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text() {
        use std::os::unix::ffi::OsStrExt;
        let source = Path::new(std::ffi::OsStr::from_bytes(b"a\xff")).to_owned();
        let started = Event::Started(Job { source, ..job() });
        let line = event(&Options::default(), TIME, &started);
        assert!(
            line.contains("\"source\":\"a\u{fffd}\",\"source_bytes\":\"61ff\",\"destination\":"),
            "{line}"
        );
    }
}
