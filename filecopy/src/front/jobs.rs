//! The running jobs: a thread each, as in the older program.
//!
//! Two jobs never write one destination at a time, under whatever names: the second is refused with
//! [`Error::Busy`]. So is a job whose destination lies inside another's, or around it. A panic of a job's thread ends
//! that job as failed, told like any other failure, and nothing else.
//!
//! This module does not decide what runs when, and reads no events: whoever reads them calls [`Jobs::finished`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;

use crate::error::Error;
use crate::job::{Event, Job, JobId, Outcome, Progress};

/// What a job's thread does: [`crate::engine::Engine::run`], or a stand-in in tests.
pub type Runner = dyn Fn(&Job, &Progress) -> Outcome + Send + Sync;

/// The jobs that run now.
pub struct Jobs {
    runner: Arc<Runner>,
    events: Sender<Event>,
    running: BTreeMap<JobId, Running>,
}

/// A job that runs.
#[derive(Debug)]
pub struct Running {
    /// What it copies.
    pub job: Job,
    /// How far it has come.
    pub progress: Arc<Progress>,
    place: Place,
    thread: JoinHandle<()>,
}

impl Jobs {
    /// No jobs yet. `events` is where the runner tells what happens; a panic is told there in its stead.
    #[must_use]
    pub fn new(runner: Arc<Runner>, events: Sender<Event>) -> Self {
        Self {
            runner,
            events,
            running: BTreeMap::new(),
        }
    }

    /// Starts a job on a thread of its own, which writes to `progress` how far it has come.
    ///
    /// # Errors
    /// [`Error::Busy`] when another job writes there, [`Error::Fault`] when the system has no thread to spare.
    pub fn start(&mut self, job: Job, progress: Arc<Progress>) -> Result<(), Error> {
        let place = Place::of(&job.destination);
        if let Some(other) = self
            .running
            .values()
            .find(|running| running.place.touches(&place))
        {
            return Err(Error::Busy {
                to: job.destination,
                job: other.job.id.0,
            });
        }
        let thread = self.spawn(job.clone(), Arc::clone(&progress))?;
        let running = Running {
            job,
            progress,
            place,
            thread,
        };
        self.running.insert(running.job.id, running);
        Ok(())
    }

    /// To be called at a job's [`Event::Finished`]: its destination is free again. Gives `None` for a job that is not known.
    pub fn finished(&mut self, id: JobId) -> Option<Running> {
        self.running.remove(&id)
    }

    /// Asks one job to stop; whether there is such a job.
    #[must_use]
    pub fn cancel(&self, id: JobId) -> bool {
        let running = self.running.get(&id);
        running
            .inspect(|running| running.progress.cancel())
            .is_some()
    }

    /// Asks all jobs to stop.
    pub fn cancel_all(&self) {
        self.running
            .values()
            .for_each(|running| running.progress.cancel());
    }

    /// The jobs that run, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Running> {
        self.running.values()
    }

    /// How many run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn spawn(&self, job: Job, progress: Arc<Progress>) -> Result<JoinHandle<()>, Error> {
        let (runner, events) = (Arc::clone(&self.runner), self.events.clone());
        let source = job.source.clone();
        std::thread::Builder::new()
            .name(format!("copy {}", job.id.0))
            .spawn(move || guarded(&*runner, &job, &progress, &events))
            .map_err(|cause| Error::Fault {
                path: source,
                what: format!("cannot start a thread: {cause}"),
            })
    }
}

impl Drop for Jobs {
    /// Leaving early (a fault of the driver's) must not leave unfinished files: everything is stopped and waited for.
    fn drop(&mut self) {
        self.cancel_all();
        for (_, running) in std::mem::take(&mut self.running) {
            // A panic inside has been told as an event.
            let _ = running.thread.join();
        }
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Waits for the thread, which has told its last event.
    pub fn join(self) {
        // A panic inside has been told as an event.
        let _ = self.thread.join();
    }
}

/// Runs a job; if that panics, tells its end.
pub(crate) fn guarded(runner: &Runner, job: &Job, progress: &Progress, events: &Sender<Event>) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| runner(job, progress))) else {
        return;
    };
    let what = panic.downcast_ref::<&str>().map(ToString::to_string);
    let what = what
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".into());
    let mut tally = progress.tally();
    tally.failed += 1;
    // Fails only when nobody listens any more.
    let _ = events.send(Event::Failed(
        job.id,
        Error::Fault {
            path: job.source.clone(),
            what,
        },
    ));
    let _ = events.send(Event::Finished(
        job.clone(),
        Outcome::Failed(tally.failed),
        tally,
    ));
}

/// Where a destination is, whatever it is called: its folder, resolved, and its name there.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    folder: Option<(u64, u64)>,
    name: Option<OsString>,
}

impl Place {
    /// A link at the destination stands for what it points to, since a copy may write there. What cannot be resolved is compared by name.
    fn of(destination: &Path) -> Self {
        let path = fs::canonicalize(destination).unwrap_or_else(|_| resolve_parent(destination));
        let folder = path.parent().and_then(identity);
        let name = path.file_name().map(ToOwned::to_owned);
        Self { path, folder, name }
    }

    /// Whether the two are one, or one lies inside the other. The folder's identity sees through bind mounts.
    fn touches(&self, other: &Self) -> bool {
        let same = self.folder.is_some() && self.folder == other.folder && self.name == other.name;
        same || self.path.starts_with(&other.path) || other.path.starts_with(&self.path)
    }
}

fn resolve_parent(destination: &Path) -> PathBuf {
    let parent = destination
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    match (fs::canonicalize(parent), destination.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => std::path::absolute(destination).unwrap_or_else(|_| destination.to_owned()),
    }
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    /// How long a test waits for an event that must come.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn job(id: u32, destination: impl Into<PathBuf>) -> Job {
        Job {
            id: JobId(id),
            source: "source".into(),
            destination: destination.into(),
        }
    }

    /// Jobs that run until they are cancelled.
    fn patient_jobs() -> (Jobs, Receiver<Event>) {
        let (events, received) = unbounded();
        let told = events.clone();
        let runner = move |job: &Job, progress: &Progress| {
            while !progress.is_cancelled() {
                std::thread::yield_now();
            }
            told.send(Event::Finished(
                job.clone(),
                Outcome::Cancelled,
                progress.tally(),
            ))
            .unwrap();
            Outcome::Cancelled
        };
        (Jobs::new(Arc::new(runner), events), received)
    }

    #[test]
    fn one_destination_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("tree/inner")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("tree", root.join("link")).unwrap();
        let busy = [
            ("the same name", "new", "new"),
            ("another spelling", "new", "tree/../new"),
            ("a dot", "new", "./new"),
            ("inside the other's tree", "tree", "tree/inner/file"),
            ("around the other", "tree/inner/file", "tree"),
            #[cfg(unix)]
            ("through a link", "tree/new", "link/new"),
            #[cfg(unix)]
            ("a link to it", "tree", "link"),
        ];
        for (name, first, second) in busy {
            let (mut jobs, _received) = patient_jobs();
            jobs.start(job(1, root.join(first)), Arc::default())
                .unwrap();
            let refused = jobs.start(job(2, root.join(second)), Arc::default());
            assert!(
                matches!(refused, Err(Error::Busy { job: 1, .. })),
                "{name}: {refused:?}"
            );
        }
        let free = [
            ("another name", "new", "newer"),
            ("another folder", "new", "tree/new"),
            ("neighbours", "tree/inner/a", "tree/inner/b"),
        ];
        for (name, first, second) in free {
            let (mut jobs, _received) = patient_jobs();
            jobs.start(job(1, root.join(first)), Arc::default())
                .unwrap();
            assert!(
                jobs.start(job(2, root.join(second)), Arc::default())
                    .is_ok(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_finished_destination_is_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut jobs, received) = patient_jobs();
        jobs.start(job(1, folder.path().join("b")), Arc::default())
            .unwrap();
        assert!(!jobs.cancel(JobId(2)), "no such job");
        assert!(jobs.cancel(JobId(1)));
        let Event::Finished(ended, ..) = received.recv_timeout(PATIENCE).unwrap() else {
            panic!("another event")
        };
        jobs.finished(ended.id).unwrap().join();
        assert!(jobs.is_empty());
        assert!(jobs.finished(ended.id).is_none(), "only once");
        jobs.start(job(2, folder.path().join("b")), Arc::default())
            .unwrap();
        assert_eq!(
            jobs.iter()
                .map(|running| running.job.id)
                .collect::<Vec<_>>(),
            [JobId(2)]
        );
    }

    #[test]
    fn a_panic_is_a_failure() {
        let (events, received) = unbounded();
        let runner = |_: &Job, progress: &Progress| {
            progress
                .bytes
                .store(7, std::sync::atomic::Ordering::Relaxed);
            panic!("the sky fell")
        };
        let mut jobs = Jobs::new(Arc::new(runner), events);
        jobs.start(job(1, "b"), Arc::default()).unwrap();
        let Event::Failed(JobId(1), error) = received.recv_timeout(PATIENCE).unwrap() else {
            panic!("no failure")
        };
        assert!(
            matches!(error, Error::Fault { .. }) && error.to_string().contains("the sky fell"),
            "{error}"
        );
        let Event::Finished(ended, outcome, tally) = received.recv_timeout(PATIENCE).unwrap()
        else {
            panic!("no end")
        };
        assert_eq!(
            (ended.id, outcome, tally.bytes),
            (JobId(1), Outcome::Failed(1), 7)
        );
    }

    #[test]
    fn dropping_stops_everything() {
        let folder = tempfile::tempdir().unwrap();
        let (mut jobs, received) = patient_jobs();
        for id in 1..=3 {
            jobs.start(job(id, folder.path().join(id.to_string())), Arc::default())
                .unwrap();
        }
        assert_eq!(jobs.len(), 3);
        drop(jobs);
        assert_eq!(received.try_iter().count(), 3, "each has told its end");
    }
}
