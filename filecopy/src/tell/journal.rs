//! What a run's events leave in `log.txt`. Pure: it is told the time and gives the lines; the driver writes them.
//!
//! ```text
//! 0.52<TAB>Start copying SRC to DEST          when a copy starts
//! 3.07<TAB>DEST is copied completely          when all of it was copied
//! 3.07<TAB>DEST failed: REASON                when it was not: `interrupted`, `cancelled`, the error, or how many entries
//! ```
//!
//! The first two are the older program's, byte for byte; a tree is one copy. With [`Detail::Entries`] every file of
//! a tree has the first two as well, both written when it is done. Names are shown by [`common::quote::plain`], so
//! that a name with a line break cannot forge a line.
//!
//! The rule kept: every start line is followed by exactly one end line of the same name, however the run ends,
//! as long as the driver calls [`Journal::close`] before it leaves early. A copy that never started (its source is missing)
//! leaves no line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use common::exit::describe;
use common::quote::plain;
use common::stamp::elapsed_secs;

use crate::config::Detail;
use crate::job::{Action, Event, Job, JobId, Outcome};

/// Turns events into log lines.
#[derive(Debug)]
pub struct Journal {
    detail: Detail,
    open: BTreeMap<JobId, OpenCopy>,
    stopped_by: StoppedBy,
}

/// Who stopped a copy that ends as [`Outcome::Cancelled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// The person at the prompt.
    User,
    /// A signal.
    Signal,
}

/// A copy whose start line is written and whose end line is not.
#[derive(Debug)]
struct OpenCopy {
    job: Job,
    /// What its first failure said; the later ones are only counted.
    reason: Option<String>,
}

impl Journal {
    /// A journal without a line.
    #[must_use]
    pub fn new(detail: Detail) -> Self {
        Self {
            detail,
            open: BTreeMap::new(),
            stopped_by: StoppedBy::User,
        }
    }

    /// Copies cancelled from now on are told to have been stopped by `who`.
    pub fn stopped_by(&mut self, who: StoppedBy) {
        self.stopped_by = who;
    }

    /// The lines of one event that happened `elapsed` after the start of the program, without line endings.
    pub fn record(&mut self, elapsed: Duration, event: &Event) -> Vec<String> {
        match event {
            Event::Started(job) => {
                self.open.insert(
                    job.id,
                    OpenCopy {
                        job: job.clone(),
                        reason: None,
                    },
                );
                vec![start_line(elapsed, &job.source, &job.destination)]
            }
            Event::Entry {
                job,
                action,
                source,
                destination,
                ..
            } if self.tells_entry(*job, *action, source) => {
                vec![
                    start_line(elapsed, source, destination),
                    complete_line(elapsed, destination),
                ]
            }
            Event::Failed(job, error) => {
                if let Some(copy) = self.open.get_mut(job) {
                    copy.reason.get_or_insert_with(|| describe(error));
                }
                Vec::new()
            }
            Event::Finished(job, outcome, _) => {
                self.end(elapsed, job.id, *outcome).into_iter().collect()
            }
            Event::Entry { .. } | Event::Notice(..) => Vec::new(),
        }
    }

    /// The end lines of all copies that have none yet, for a driver that will not wait for them.
    pub fn close(&mut self, elapsed: Duration) -> Vec<String> {
        let reason = self.stopped_by.reason();
        let open = std::mem::take(&mut self.open);
        open.values()
            .map(|copy| failed_line(elapsed, &copy.job.destination, reason))
            .collect()
    }

    fn end(&mut self, elapsed: Duration, id: JobId, outcome: Outcome) -> Option<String> {
        let copy = self.open.remove(&id)?;
        let destination = &copy.job.destination;
        let reason = match outcome {
            Outcome::Complete => return Some(complete_line(elapsed, destination)),
            Outcome::Cancelled => self.stopped_by.reason().to_owned(),
            Outcome::Failed(count) => match copy.reason {
                Some(reason) if count <= 1 => reason,
                _ => format!("{count} entries could not be copied"),
            },
        };
        Some(failed_line(elapsed, destination, &reason))
    }

    /// The job's own entry has the job's lines already.
    fn tells_entry(&self, job: JobId, action: Action, source: &Path) -> bool {
        let is_file = matches!(
            action,
            Action::Copied | Action::Cloned | Action::Linked | Action::Made
        );
        let is_whole_job = self
            .open
            .get(&job)
            .is_some_and(|copy| copy.job.source == source);
        self.detail == Detail::Entries && is_file && !is_whole_job
    }
}

impl StoppedBy {
    const fn reason(self) -> &'static str {
        match self {
            Self::User => "cancelled",
            Self::Signal => "interrupted",
        }
    }
}

fn start_line(elapsed: Duration, source: &Path, destination: &Path) -> String {
    format!(
        "{}\tStart copying {} to {}",
        elapsed_secs(elapsed),
        plain(source),
        plain(destination)
    )
}

fn complete_line(elapsed: Duration, destination: &Path) -> String {
    format!(
        "{}\t{} is copied completely",
        elapsed_secs(elapsed),
        plain(destination)
    )
}

fn failed_line(elapsed: Duration, destination: &Path, reason: &str) -> String {
    format!(
        "{}\t{} failed: {reason}",
        elapsed_secs(elapsed),
        plain(destination)
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::{Doing, Error};
    use crate::job::Tally;

    const ONE: JobId = JobId(1);

    fn job(id: JobId, source: &str, destination: &str) -> Job {
        Job {
            id,
            source: source.into(),
            destination: destination.into(),
        }
    }

    fn started(id: JobId, source: &str, destination: &str) -> Event {
        Event::Started(job(id, source, destination))
    }

    fn finished(id: JobId, outcome: Outcome) -> Event {
        Event::Finished(job(id, "", ""), outcome, Tally::default())
    }

    fn denied(id: JobId, path: &str) -> Event {
        let cause = io::Error::from_raw_os_error(13);
        Event::Failed(
            id,
            Error::Io {
                action: Doing::OpenSource,
                path: path.into(),
                cause,
            },
        )
    }

    fn entry(action: Action, source: &str, destination: &str) -> Event {
        Event::Entry {
            job: ONE,
            action,
            source: source.into(),
            destination: destination.into(),
            bytes: 1,
        }
    }

    /// The events happen at 0.25 s, 0.50 s, 0.75 s …
    fn check(name: &str, detail: Detail, events: &[Event], expected: &[&str]) {
        let mut journal = Journal::new(detail);
        let times = (1..).map(|quarter| Duration::from_millis(quarter * 250));
        let lines: Vec<_> = times
            .zip(events)
            .flat_map(|(time, event)| journal.record(time, event))
            .collect();
        assert_eq!(lines, expected, "{name}");
    }

    #[test]
    fn copies() {
        let two = JobId(2);
        check(
            "one copy",
            Detail::Job,
            &[started(ONE, "a", "b"), finished(ONE, Outcome::Complete)],
            &["0.25\tStart copying a to b", "0.50\tb is copied completely"],
        );
        check(
            "two side by side",
            Detail::Job,
            &[
                started(ONE, "a", "b"),
                started(two, "c", "d"),
                finished(two, Outcome::Complete),
                finished(ONE, Outcome::Complete),
            ],
            &[
                "0.25\tStart copying a to b",
                "0.50\tStart copying c to d",
                "0.75\td is copied completely",
                "1.00\tb is copied completely",
            ],
        );
        check(
            "names that could forge a line",
            Detail::Job,
            &[
                started(ONE, "a\n9.99\tb is copied completely", "b"),
                finished(ONE, Outcome::Complete),
            ],
            &[
                r"0.25	Start copying $'a\n9.99\tb is copied completely' to b",
                "0.50\tb is copied completely",
            ],
        );
        check(
            "a copy that never started",
            Detail::Job,
            &[finished(ONE, Outcome::Failed(1))],
            &[],
        );
    }

    #[test]
    fn failures() {
        let start = || started(ONE, "a", "b");
        check(
            "one failure is told",
            Detail::Job,
            &[start(), denied(ONE, "a"), finished(ONE, Outcome::Failed(1))],
            &[
                "0.25\tStart copying a to b",
                "0.75\tb failed: cannot open 'a' for reading: permission denied",
            ],
        );
        check(
            "several are counted",
            Detail::Job,
            &[
                start(),
                denied(ONE, "a/x"),
                denied(ONE, "a/y"),
                finished(ONE, Outcome::Failed(2)),
            ],
            &[
                "0.25\tStart copying a to b",
                "1.00\tb failed: 2 entries could not be copied",
            ],
        );
        check(
            "of another job",
            Detail::Job,
            &[
                start(),
                denied(JobId(2), "x"),
                finished(ONE, Outcome::Complete),
            ],
            &["0.25\tStart copying a to b", "0.75\tb is copied completely"],
        );
        check(
            "cancelled at the prompt",
            Detail::Job,
            &[start(), finished(ONE, Outcome::Cancelled)],
            &["0.25\tStart copying a to b", "0.50\tb failed: cancelled"],
        );
    }

    #[test]
    fn entries() {
        let events = || {
            [
                started(ONE, "a", "b"),
                entry(Action::Folder, "a", "b"),
                entry(Action::Copied, "a/x", "b/x"),
                entry(Action::Skipped, "a/y", "b/y"),
                finished(ONE, Outcome::Complete),
            ]
        };
        check(
            "not told by default",
            Detail::Job,
            &events(),
            &["0.25\tStart copying a to b", "1.25\tb is copied completely"],
        );
        check(
            "files are told in detail",
            Detail::Entries,
            &events(),
            &[
                "0.25\tStart copying a to b",
                "0.75\tStart copying a/x to b/x",
                "0.75\tb/x is copied completely",
                "1.25\tb is copied completely",
            ],
        );
        check(
            "a single file is told once",
            Detail::Entries,
            &[
                started(ONE, "a", "b"),
                entry(Action::Copied, "a", "b"),
                finished(ONE, Outcome::Complete),
            ],
            &["0.25\tStart copying a to b", "0.75\tb is copied completely"],
        );
    }

    #[test]
    fn interrupted() {
        let mut journal = Journal::new(Detail::Job);
        for id in [ONE, JobId(2)] {
            journal.record(Duration::ZERO, &started(id, "a", &format!("b{}", id.0)));
        }
        journal.stopped_by(StoppedBy::Signal);
        let time = Duration::from_secs(2);
        assert_eq!(
            journal.record(time, &finished(ONE, Outcome::Cancelled)),
            ["2.00\tb1 failed: interrupted"]
        );
        assert_eq!(
            journal.close(time),
            ["2.00\tb2 failed: interrupted"],
            "those that are not waited for"
        );
        assert!(journal.close(time).is_empty(), "no second end line");
        assert!(
            journal
                .record(time, &finished(JobId(2), Outcome::Cancelled))
                .is_empty(),
            "not even when it ends after all"
        );
    }
}
