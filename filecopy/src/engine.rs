//! Runs jobs: the copier as others see it.
//!
//! ```text
//! roots   the two ends of a job: what must not be copied is refused here, before anything is made
//! tree    folders, shared among workers            plan, sameness, filter   decisions, pure
//! copy    one entry that is no folder              place                    where an entry stands
//! run     what a running job has at hand           sys                      the operating system
//! ```

pub(crate) mod copy;
pub(crate) mod filter;
mod parents;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod roots;
pub(crate) mod run;
pub(crate) mod sameness;
pub(crate) mod sys;
pub(crate) mod tree;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use crossbeam_channel::Sender;

use crate::ask::Ask;
use crate::config::{Backup, Extraneous, Follow, Options, Resume};
use crate::engine::copy::resume;
use crate::engine::roots::End;
use crate::engine::run::{Run, Shared};
use crate::engine::sys::{Dir, Kind};
use crate::engine::tree::measure::{self, Bounds, Total};
use crate::engine::tree::mirror;
use crate::error::Error;
use crate::job::{Event, Job, JobId, Outcome, Progress};

/// How a destination named by the user is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder to copy into when it is one (or ends in `/`, or there are several sources), else the copy's own name.
    Infer,
    /// A folder to copy into (`cp -t`).
    Folder,
    /// The copy's own name, even when a folder is there (`cp -T`).
    Name,
}

/// Runs jobs with one set of options. Shared by the threads that run them.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    shared: Shared,
    events: Sender<Event>,
}

impl Engine {
    /// An engine that tells what happens on `events`, which should be bounded: a job waits for whoever listens. `log`
    /// is the file identity (device, inode) of this run's log, which is never overwritten and may grow while it is
    /// copied. Clears the process's file mode creation mask, because copies are created with exact modes.
    #[must_use]
    pub fn new(options: Options, events: Sender<Event>, log: Option<(u64, u64)>) -> Self {
        let shared = Shared::new(&options, log);
        Self {
            options,
            shared,
            events,
        }
    }

    /// Names who is asked before a file is replaced. Without anyone the answer is no.
    pub fn ask(&mut self, asker: Arc<dyn Ask>) {
        self.shared.asker = Some(asker);
    }

    /// Tells that the jobs to come are one command: hard links are kept from one to the next, and none overwrites
    /// what another made.
    pub fn join_jobs(&self) {
        self.shared.batch.get_or_init(Default::default);
    }

    /// The options all jobs have.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Turns sources and a destination into jobs, numbered from `first`, by the rules of `cp`. An error stands in the
    /// place of a source that cannot be copied; one alone means that none can.
    #[must_use]
    pub fn plan(
        &self,
        sources: &[PathBuf],
        destination: &Path,
        target: Target,
        first: JobId,
    ) -> Vec<Result<Job, Error>> {
        let is_folder = Dir::open(destination).is_ok();
        let names_folder = destination.as_os_str().as_encoded_bytes().last() == Some(&b'/');
        let into = match target {
            Target::Name => false,
            Target::Folder => true,
            Target::Infer if sources.len() == 1 && self.goes_on(&sources[0], destination) => false,
            Target::Infer => is_folder || sources.len() > 1,
        };
        if into && !is_folder {
            return vec![Err(Error::NotAFolder {
                path: destination.to_owned(),
            })];
        }
        if sources.len() > 1 {
            // What several sources of one command share begins with the first such command.
            self.join_jobs();
        }
        let mut met: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        let mut ids = (first.0..).map(JobId);
        let mut job = |source: &PathBuf| {
            let copy = if into {
                inside(destination, source)
            } else {
                destination.to_owned()
            };
            let other = met.insert(copy.clone().into_os_string(), source.clone());
            if other.as_ref() == Some(source) {
                return Err(Error::Twice {
                    path: source.clone(),
                });
            }
            if other.is_some() && self.options.extraneous == Extraneous::Remove {
                // A folder can be the mirror of one: each would remove what the other brought.
                return Err(Error::JustCreated {
                    from: source.clone(),
                    to: copy,
                });
            }
            if !into && names_folder && !self.is_folder(source) {
                return Err(Error::NotAFolder {
                    path: destination.to_owned(),
                });
            }
            let id = ids.next().unwrap_or(first);
            Ok(Job {
                id,
                source: source.clone(),
                destination: copy,
            })
        };
        sources.iter().map(&mut job).collect()
    }

    /// Runs one job to its end on this thread (and the workers it starts), telling events from `Started` to `Finished`.
    pub fn run(&self, job: &Job, progress: &Progress) -> Outcome {
        self.run_as(job, progress, |run| roots::copy(run, job))
    }

    /// As [`Engine::run`], but makes below `folder` what folders the source's name leads through (`cp --parents`).
    pub fn run_below(&self, folder: &Path, job: &Job, progress: &Progress) -> Outcome {
        self.run_as(job, progress, |run| parents::copy(run, job, folder))
    }

    fn run_as(
        &self,
        job: &Job,
        progress: &Progress,
        copy: impl for<'scope> FnOnce(&'scope Run<'scope>),
    ) -> Outcome {
        self.tell(Event::Started(job.clone()));
        let run = Run::new(job.id, &self.options, progress, &self.shared, &self.events);
        copy(&run);
        let tally = progress.tally();
        let outcome = match tally.failed {
            _ if progress.is_cancelled() => Outcome::Cancelled,
            0 => Outcome::Complete,
            failed => Outcome::Failed(failed),
        };
        self.tell(Event::Finished(job.clone(), outcome, tally));
        outcome
    }

    /// Walks the job's source and sets `progress`'s totals once they are all known. Called by whoever shows progress,
    /// on a thread of its own, only when a copy takes long enough to be shown. Ends early when the job is cancelled,
    /// and tells no totals that would be wrong.
    pub fn measure(&self, job: &Job, progress: &Progress) {
        let Some(total) = self.total(job, progress) else {
            return;
        };
        progress.total_bytes.store(total.bytes, Relaxed);
        progress.total_files.store(total.files, Relaxed);
        progress.total_known.store(true, Release);
    }

    fn total(&self, job: &Job, progress: &Progress) -> Option<Total> {
        let end = End::of(&job.source);
        let links = end.links(&self.options);
        let around = Dir::open(&end.folder).ok()?;
        let stat = around.stat(&end.name, links).ok()?;
        if stat.kind != Kind::Folder {
            let mut total = Total::default();
            total.add(&stat);
            return Some(total);
        }
        // Followed links may lead in circles and patterns in files are read by the copy alone: no total then.
        if self.options.follow == Follow::Always || self.options.filter.gitignore {
            return None;
        }
        let root = around.child(&end.name, links).ok()?;
        let bounds = Bounds::new(self.shared.open_budget);
        measure::tree(&self.options, progress, root, bounds).ok()?
    }

    /// How many entries of the destination `--delete` would remove (a folder with all it holds counts once), and the
    /// first few of them.
    #[must_use]
    pub fn extraneous(&self, job: &Job) -> (u64, Vec<PathBuf>) {
        let progress = Progress::default();
        let run = Run::new(job.id, &self.options, &progress, &self.shared, &self.events);
        match roots::look(&run, job) {
            Ok(Some((place, pair))) => mirror::count(&run, place, &Arc::new(pair)),
            // The copy itself will tell what is wrong; there is nothing to remove.
            Ok(None) | Err(_) => (0, Vec::new()),
        }
    }

    /// Removes every unfinished file of every running job at once, for the second Ctrl-C. The process must exit after
    /// it: no job goes on.
    pub fn abandon(&self) {
        self.shared.in_flight.abandon();
    }

    /// Whether the destination is the unfinished copy of the source that an interrupted run left.
    fn goes_on(&self, source: &Path, destination: &Path) -> bool {
        let goes_on = || {
            let source = Dir::open(source)
                .and_then(|folder| sys::stat(&folder))
                .ok()?;
            Some(resume::is_marked_root(
                &Dir::open(destination).ok()?,
                source.id,
            ))
        };
        self.options.resume == Resume::Yes && goes_on().unwrap_or(false)
    }

    fn is_folder(&self, source: &Path) -> bool {
        let end = End::of(source);
        let stat = Dir::open(&end.folder)
            .and_then(|around| around.stat(&end.name, end.links(&self.options)));
        stat.is_ok_and(|stat| stat.kind == Kind::Folder)
    }

    // Nobody listens any more when the program is ending.
    fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}

/// The name a source gets in a folder. A source without a name of its own (`..`, `/`) is the folder's content.
fn inside(folder: &Path, source: &Path) -> PathBuf {
    let ends_in_dot = source.as_os_str().as_encoded_bytes().ends_with(b"/.");
    match source.file_name() {
        Some(name) if !ends_in_dot => folder.join(name),
        _ => folder.join("."),
    }
}

/// The name under which the old content of `destination` would be kept.
///
/// # Errors
/// If the folder cannot be listed, which numbered backups need.
pub fn backup_path(destination: &Path, backup: &Backup) -> io::Result<PathBuf> {
    let end = End::of(destination);
    let name = copy::backup_name(backup, &Dir::open(&end.folder)?, &end.name)?;
    Ok(destination.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_keeps_its_name_in_a_folder_and_one_without_a_name_is_its_content() {
        let cases = [
            ("a name", "a", "into/a"),
            ("a path", "x/y/a", "into/a"),
            ("a folder with its slash", "x/a/", "into/a"),
            ("the content of a folder", "x/a/.", "into/."),
            ("here", ".", "into/."),
            ("the folder around", "x/..", "into/."),
            ("the root", "/", "into/."),
        ];
        for (name, source, expected) in cases {
            let copy = inside(Path::new("into"), Path::new(source));
            assert_eq!(copy.as_os_str(), expected, "{name}");
        }
    }
}
