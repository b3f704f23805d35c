//! One copy as data: what it is, how far it has come, how it ended, and the events it tells. No behaviour.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::error::Error;

/// Names a job for the person who started it; counted from 1 within one run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u32);

/// One source and the exact name its copy will have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's number.
    pub id: JobId,
    /// What is copied, as the user named it.
    pub source: PathBuf,
    /// The name of the copy itself (`folder/name` when the user named a folder to copy into).
    pub destination: PathBuf,
}

/// How far a job has come. Written by its workers, read by whoever shows it; each number only grows.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of content in their place: written, cloned, or found to be there already.
    pub bytes: AtomicU64,
    /// Files, links and special files finished.
    pub files: AtomicU64,
    /// Folders made or entered.
    pub folders: AtomicU64,
    /// Bytes of `bytes` that share the source's blocks instead of being written.
    pub cloned: AtomicU64,
    /// Bytes of `bytes` that were in their place already, from an earlier run (`--resume`).
    pub kept: AtomicU64,
    /// Entries left alone because the options say so.
    pub skipped: AtomicU64,
    /// Entries of the destination removed by `--delete`.
    pub removed: AtomicU64,
    /// Entries that could not be copied; each was told as [`Event::Failed`].
    pub failed: AtomicU64,
    /// The job's whole size, once it is known: set together with `total_known`, never changed after.
    pub total_bytes: AtomicU64,
    /// Entries in all, with `total_bytes`.
    pub total_files: AtomicU64,
    /// Whether the totals are known. Until then no share and no remaining time can be told honestly.
    pub total_known: AtomicBool,
    /// Raised to stop the job: it removes what is unfinished and ends as [`Outcome::Cancelled`].
    pub cancel: AtomicBool,
    /// Name of an entry in work, for the progress line; replaced at most a few times a second.
    pub current: Mutex<PathBuf>,
}

impl Progress {
    /// Asks the job to stop.
    pub fn cancel(&self) {
        self.cancel.store(true, Relaxed);
    }

    /// Whether the job has been asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Relaxed)
    }

    /// The numbers as they stand.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            bytes: self.bytes.load(Relaxed),
            files: self.files.load(Relaxed),
            folders: self.folders.load(Relaxed),
            cloned: self.cloned.load(Relaxed),
            kept: self.kept.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            removed: self.removed.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }
}

/// The numbers of a [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// See [`Progress::bytes`].
    pub bytes: u64,
    /// See [`Progress::files`].
    pub files: u64,
    /// See [`Progress::folders`].
    pub folders: u64,
    /// See [`Progress::cloned`].
    pub cloned: u64,
    /// See [`Progress::kept`].
    pub kept: u64,
    /// See [`Progress::skipped`].
    pub skipped: u64,
    /// See [`Progress::removed`].
    pub removed: u64,
    /// See [`Progress::failed`].
    pub failed: u64,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was copied (or left alone because the options say so).
    Complete,
    /// This many entries were not copied; each was told as [`Event::Failed`].
    Failed(u64),
    /// The job was stopped before its end.
    Cancelled,
}

/// How one entry was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A regular file's bytes were copied.
    Copied,
    /// The file shares the source's blocks.
    Cloned,
    /// Another name of a file copied before was made.
    Linked,
    /// A symbolic link, fifo, device or socket was made.
    Made,
    /// A folder was made.
    Folder,
    /// A folder that was there already was entered.
    Entered,
    /// Left alone: it exists already, is not newer, or is there already.
    Skipped,
    /// Removed from the destination.
    Removed,
    /// The entry called `source`, about to be replaced, was given the name `destination` (`cp --backup`).
    BackedUp,
}

/// What a job tells while it runs, over one channel per run of the program.
#[derive(Debug)]
pub enum Event {
    /// The job has begun.
    Started(Job),
    /// One entry is done (or, in a dry run, would be). Told only with [`crate::config::Detail::Entries`].
    Entry {
        /// Whose.
        job: JobId,
        /// What was done.
        action: Action,
        /// From where.
        source: PathBuf,
        /// To where.
        destination: PathBuf,
        /// Bytes of content.
        bytes: u64,
    },
    /// Something the user should know that is no failure.
    Notice(JobId, Error),
    /// One entry could not be copied; the job goes on with the rest.
    Failed(JobId, Error),
    /// The job has ended. The last event of a job.
    Finished(Job, Outcome, Tally),
}
