//! What a running job has at hand: its options and numbers, what it tells, and what all jobs of one
//! engine share. No copying happens here.

pub(crate) mod buffers;
pub(crate) mod devices;
pub(crate) mod inflight;
pub(crate) mod links;
pub(crate) mod throttle;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crossbeam_channel::Sender;

use crate::ask::Ask;
use crate::config::{Detail, Mode, Options};
use crate::engine::place::{Pair, Place, Spot};
use crate::engine::sys::{self, Dir, FileId};
use crate::error::{Doing, Error};
use crate::job::{Action, Event, JobId, Progress};

use buffers::Buffers;
use devices::Devices;
use inflight::InFlight;
use links::Links;
use throttle::Throttle;

/// Descriptors kept for everything that is not a folder waiting for its subfolders: the standard streams, the log,
/// signals.
const OTHER_DESCRIPTORS: u64 = 14;

/// Descriptors a worker holds while it copies one file: two folders, two files, and two while a folder is opened again.
const DESCRIPTORS_PER_WORKER: u64 = 6;

/// Address space that a worker may take, mostly reserved by the memory allocator and never used (bytes). Where less
/// is allowed (`ulimit -v`) the allocator falls back to whole pages for single words, and soon has none left.
const ADDRESS_SPACE_PER_WORKER: u64 = 192 << 20;

/// Where idle workers are asked for help with one file; none when the job is a single small file.
pub(crate) type Helpers<'scope, 'run> = Option<&'run rayon::Scope<'scope>>;

/// What all jobs of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) buffers: Buffers,
    pub(crate) devices: Devices,
    pub(crate) in_flight: InFlight,
    pub(crate) throttle: Option<Throttle>,
    /// Mask for modes that are not copied.
    pub(crate) umask: u32,
    pub(crate) is_privileged: bool,
    /// This run's log, which grows while it is copied.
    pub(crate) log: Option<FileId>,
    /// Workers a job may use, fewer than asked for when descriptors are scarce.
    pub(crate) workers: usize,
    /// Whether address space is so limited that no thread should be started.
    pub(crate) is_cramped: bool,
    /// Pairs of folders open in all jobs, and how many may stay open while they wait.
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) open_budget: usize,
    /// What several sources of one command have in common; none when every job stands for itself.
    pub(crate) batch: OnceLock<Batch>,
    /// Who is asked before a file is replaced.
    pub(crate) asker: Option<Arc<dyn Ask>>,
}

impl Shared {
    pub(crate) fn new(options: &Options, log: Option<(u64, u64)>) -> Self {
        static UMASK: OnceLock<u32> = OnceLock::new();
        let descriptors = sys::raise_open_files().saturating_sub(OTHER_DESCRIPTORS);
        let affordable =
            usize::try_from(descriptors / DESCRIPTORS_PER_WORKER).unwrap_or(usize::MAX);
        let address_space = sys::address_space();
        let room = address_space.map_or(u64::MAX, |limit| limit / ADDRESS_SPACE_PER_WORKER);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let workers = options.jobs.get().min(affordable).min(room).max(1);
        // Two descriptors a pair, and half of what is left may wait, so that other jobs and libraries have the rest.
        // The roots and the folder just left come on top: closing that one too would make each step down a deep tree
        // begin at the root again.
        let left = descriptors.saturating_sub(workers as u64 * DESCRIPTORS_PER_WORKER);
        let open_budget =
            usize::try_from(left / 4).map_or(usize::MAX, |waiting| waiting.saturating_add(2));
        Self {
            buffers: Buffers::new(crate::engine::plan::call_len(options)),
            devices: Devices::default(),
            in_flight: InFlight::default(),
            throttle: options.rate_limit.map(Throttle::new),
            umask: *UMASK.get_or_init(sys::take_umask),
            is_privileged: sys::is_privileged(),
            log: log.map(|(dev, ino)| FileId { dev, ino }),
            workers,
            is_cramped: room < 2,
            open: Arc::default(),
            open_budget,
            batch: OnceLock::new(),
            asker: None,
        }
    }
}

/// What the jobs of one command with several sources have in common.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Hard links are kept across sources.
    links: Arc<Links>,
    /// Roots made by earlier jobs, which later ones must not overwrite.
    made: Mutex<BTreeSet<FileId>>,
}

/// One running job.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) id: JobId,
    pub(crate) options: &'a Options,
    pub(crate) progress: &'a Progress,
    pub(crate) shared: &'a Shared,
    pub(crate) links: Arc<Links>,
    /// Folder modes that would lock the job itself out: applied at the end, innermost first.
    pub(crate) late_modes: Mutex<Vec<(Arc<Place>, u32)>>,
    /// Folders waiting for a worker.
    pub(crate) waiting: AtomicUsize,
    /// The job's roots, open for as long as it runs.
    pub(crate) root: OnceLock<Arc<Pair>>,
    /// Identity of the destination root, which must never be met as a source.
    pub(crate) destination_root: OnceLock<FileId>,
    said: Mutex<BTreeSet<&'static str>>,
    events: &'a Sender<Event>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        id: JobId,
        options: &'a Options,
        progress: &'a Progress,
        shared: &'a Shared,
        events: &'a Sender<Event>,
    ) -> Self {
        Self {
            id,
            options,
            progress,
            shared,
            links: shared
                .batch
                .get()
                .map(|batch| Arc::clone(&batch.links))
                .unwrap_or_default(),
            root: OnceLock::new(),
            late_modes: Mutex::default(),
            waiting: AtomicUsize::new(0),
            destination_root: OnceLock::new(),
            said: Mutex::default(),
            events,
        }
    }

    /// Counts and tells a failure. An entry given up because the job was cancelled is not one.
    pub(crate) fn fail(&self, error: Error) {
        if !matches!(error, Error::Cancelled { .. }) {
            self.progress.failed.fetch_add(1, Relaxed);
            self.tell(Event::Failed(self.id, error));
        }
    }

    /// Tells something that is no failure.
    pub(crate) fn notice(&self, error: Error) {
        self.tell(Event::Notice(self.id, error));
    }

    /// Tells once a job what is true of every entry alike: that a file system keeps no owners, for one.
    pub(crate) fn notice_once(
        &self,
        action: Doing,
        what: &'static str,
        path: PathBuf,
        cause: std::io::Error,
    ) {
        if self
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(what)
        {
            self.notice(Error::io(action, path, cause));
        }
    }

    /// Counts an entry as done, and tells it where every entry is told.
    pub(crate) fn done(&self, spot: &Spot<'_>, action: Action, bytes: u64) {
        let count = match action {
            Action::Folder | Action::Entered => &self.progress.folders,
            Action::Skipped => &self.progress.skipped,
            Action::Removed => &self.progress.removed,
            Action::Copied | Action::Cloned | Action::Linked | Action::Made => &self.progress.files,
            Action::BackedUp => return,
        };
        count.fetch_add(1, Relaxed);
        if self.options.detail == Detail::Entries {
            self.tell(Event::Entry {
                job: self.id,
                action,
                source: spot.source(),
                destination: spot.destination(),
                bytes,
            });
        }
    }

    /// Tells that an entry about to be replaced has been given another name.
    pub(crate) fn backed_up(&self, spot: &Spot<'_>, kept_as: &OsStr) {
        if self.options.detail == Detail::Entries {
            let source = spot.destination();
            let destination = source.with_file_name(kept_as);
            self.tell(Event::Entry {
                job: self.id,
                action: Action::BackedUp,
                source,
                destination,
                bytes: 0,
            });
        }
    }

    /// Shows which entry is in work; told for folders and large files only.
    pub(crate) fn working_on(&self, path: impl FnOnce() -> PathBuf) {
        if let Ok(mut current) = self.progress.current.try_lock() {
            *current = path();
        }
    }

    /// Remembers that this job made the root `id`.
    pub(crate) fn remember_made(&self, id: FileId) {
        if let Some(batch) = self.shared.batch.get() {
            batch
                .made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id);
        }
    }

    /// Whether other jobs belong to the same command.
    pub(crate) fn is_joined(&self) -> bool {
        self.shared.batch.get().is_some()
    }

    /// Whether an earlier job of the same command made this root.
    pub(crate) fn was_made(&self, id: FileId) -> bool {
        let batch = self.shared.batch.get();
        batch.is_some_and(|batch| {
            batch
                .made
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&id)
        })
    }

    pub(crate) fn is_dry(&self) -> bool {
        self.options.mode == Mode::DryRun
    }

    /// Joins folders into a pair that counts as open.
    pub(crate) fn pair(&self, source: Dir, destination: Option<Dir>, devices: (u64, u64)) -> Pair {
        Pair::new(source, destination, devices, &self.shared.open)
    }

    /// Whether folders must be closed while they wait.
    pub(crate) fn is_short_of_descriptors(&self) -> bool {
        self.shared.open.load(Relaxed) > self.shared.open_budget
    }

    /// Whether the destination is another machine, which may refuse written data as late as when the file is closed.
    pub(crate) fn is_remote(&self, spot: &Spot<'_>) -> bool {
        let known = self.shared.devices.known(spot.pair.devices).is_remote;
        known.unwrap_or_else(|| {
            let is_remote = spot.pair.destination.as_ref().is_some_and(Dir::is_remote);
            self.shared
                .devices
                .learn(spot.pair.devices, |known| known.is_remote = Some(is_remote));
            is_remote
        })
    }

    // The receiver lives until the last job has ended; if it is gone the program is ending and nobody listens.
    fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}

/// Lends a test a job that runs by itself.
#[cfg(test)]
pub(crate) fn for_test<T>(options: &Options, test: impl FnOnce(&Run<'_>) -> T) -> T {
    let shared = Shared::new(options, None);
    let progress = Progress::default();
    let (events, _received) = crossbeam_channel::unbounded();
    test(&Run::new(JobId(1), options, &progress, &shared, &events))
}
