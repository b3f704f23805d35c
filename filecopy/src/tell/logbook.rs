//! The log of a run: the [`Journal`]'s lines, written as they come. A driver: it owns the file and asks the clock.
//!
//! However a run ends, dropping the logbook writes the end lines that are missing and waits until everything is in the file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::clock::Clock;
use common::exit;
use common::linelog::{LineLog, OpenLogError};
use common::streams;

use crate::config::Mode;
use crate::engine::roots::End;
use crate::engine::sys::{Dir, Links};
use crate::front::session::{DEFAULT_LOG, LogChoice, Session};
use crate::job::Event;
use crate::tell::journal::{Journal, StoppedBy};

/// Writes starts and ends down.
#[derive(Debug)]
pub(crate) struct Logbook {
    journal: Journal,
    log: Option<LineLog>,
    clock: Clock,
}

/// A logbook that the loop over events and the second Ctrl-C both reach.
#[derive(Clone, Debug)]
pub(crate) struct SharedLogbook(Arc<Mutex<Logbook>>);

impl Logbook {
    /// Opens the log of a run. A dry run has none.
    ///
    /// # Errors
    /// When a log that was asked for by name cannot be written; the default one is only missed.
    pub(crate) fn open(session: &Session) -> Result<Self, OpenLogError> {
        let log = match &session.log {
            _ if session.options.mode == Mode::DryRun => None,
            LogChoice::None => None,
            LogChoice::File(path) => Some(LineLog::open(session.program, path)?),
            LogChoice::Default => LineLog::open(session.program, DEFAULT_LOG)
                .inspect_err(|error| {
                    let message = format!("{}; copying without a log", exit::describe(error));
                    streams::notice(&session.complaint(&message));
                })
                .ok(),
        };
        Ok(Self {
            journal: Journal::new(session.options.detail),
            log,
            clock: session.clock,
        })
    }

    /// The source that the log asked for by name would be written into, under whatever name it is given.
    pub(crate) fn source_as_log<'a>(
        session: &Session,
        sources: &'a [PathBuf],
    ) -> Option<&'a PathBuf> {
        let LogChoice::File(log) = &session.log else {
            return None;
        };
        let stat = |path: &Path, links| {
            let end = End::of(path);
            Dir::open(&end.folder)
                .and_then(|folder| folder.stat(&end.name, links))
                .map(|stat| stat.id)
        };
        let log_id = stat(log, Links::Follow);
        sources.iter().find(|source| match &log_id {
            Ok(id) => {
                let links = End::of(source).links(&session.options);
                stat(source, links).is_ok_and(|source| source == *id)
            }
            // Not there yet: the log would be made, and be the source.
            Err(_) => *source == log,
        })
    }

    /// The open file, which a copy must not overwrite.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        self.log.as_ref().and_then(LineLog::identity)
    }

    /// Makes it reachable from several threads.
    pub(crate) fn share(self) -> SharedLogbook {
        SharedLogbook(Arc::new(Mutex::new(self)))
    }

    /// Writes down what an event leaves.
    pub(crate) fn record(&mut self, event: &Event) {
        let lines = self.journal.record(self.clock.elapsed(), event);
        self.write(lines);
    }

    /// Copies cancelled from now on are told to have been stopped by `who`.
    pub(crate) fn stopped_by(&mut self, who: StoppedBy) {
        self.journal.stopped_by(who);
    }

    /// Writes the missing end lines and waits until all lines are in the file.
    pub(crate) fn close(&mut self) {
        let lines = self.journal.close(self.clock.elapsed());
        self.write(lines);
        // Lost lines are told by the log itself; the copies stand without them.
        let _ = self.log.take().map(LineLog::close);
    }

    fn write(&self, lines: Vec<String>) {
        let Some(log) = &self.log else { return };
        lines.into_iter().for_each(|line| log.line(line));
    }
}

impl Drop for Logbook {
    fn drop(&mut self) {
        self.close();
    }
}

impl SharedLogbook {
    /// The logbook, once no one else uses it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Logbook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
