//! What a run needs before its first copy, the same for one copy as for a session at the prompt: the log, the engine, the
//! channel of events, the running jobs and the signals, put together in the one right order.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

use common::linelog::OpenLogError;
use common::log::{Level, Logger};
use common::quote::plain;
use common::shutdown::Signal;
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::Engine;
use crate::front::guard::Guard;
use crate::front::jobs::Runner;
use crate::front::session::Session;
use crate::job::{Event, Job, Progress};
use crate::tell::logbook::{Logbook, SharedLogbook};
use crate::tell::progress::Totals;

/// A copy that takes less is not worth a progress line.
pub(crate) const SHOW_AFTER: Duration = Duration::from_millis(500);

/// Time between two progress lines.
pub(crate) const SHOW_EVERY: Duration = Duration::from_millis(200);

/// Events that wait for the loop before a job has to wait too: few, since each may hold two paths of any length.
const EVENT_QUEUE: usize = 128;

/// Everything a loop over events works with.
pub(crate) struct Desk {
    /// Plans, copies, measures.
    pub(crate) engine: Arc<Engine>,
    /// What runs a job.
    pub(crate) runner: Arc<Runner>,
    /// Where jobs tell what happens.
    pub(crate) teller: Sender<Event>,
    /// What they tell. To be dropped before whatever waits for jobs to end: a job that is told to stop must not wait for
    /// someone to take its events.
    pub(crate) events: Receiver<Event>,
    /// The log.
    pub(crate) logbook: SharedLogbook,
    /// The first signal.
    pub(crate) interrupts: Receiver<Signal>,
    /// The way out for who cannot wait.
    pub(crate) guard: Guard,
    logger: Logger,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The log asked for cannot be written.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// The log asked for is what is to be copied.
    #[error(
        "cannot copy {}: it is the log of this run; choose another with --log",
        common::quote::always(path)
    )]
    LogIsSource {
        /// By the name of the source.
        path: PathBuf,
    },
    /// The system refused what catching signals needs.
    #[error("catch signals")]
    Signals(#[source] std::io::Error),
    /// The console cannot be used.
    #[error("open the console")]
    Console(#[source] std::io::Error),
}

impl Desk {
    /// Opens the log and catches signals; nothing is copied yet.
    pub(crate) fn open(session: &Session) -> Result<Self, StartError> {
        let logbook = Logbook::open(session)?;
        let (sender, events) = bounded(EVENT_QUEUE);
        let engine = Arc::new(Engine::new(
            session.options.clone(),
            sender.clone(),
            logbook.identity(),
        ));
        let logbook = logbook.share();
        let (guard, interrupts) = Guard::watch(&engine, &logbook).map_err(StartError::Signals)?;
        let copier = Arc::clone(&engine);
        let runner = Arc::new(move |job: &Job, progress: &Progress| copier.run(job, progress));
        let logger = session.logger;
        Ok(Self {
            engine,
            runner,
            teller: sender,
            events,
            logbook,
            interrupts,
            guard,
            logger,
        })
    }

    /// Writes down what an event leaves in the log and in the diagnostics.
    pub(crate) fn note(&self, event: &Event) {
        self.logbook.lock().record(event);
        let log = &self.logger;
        if !log.is_enabled(Level::Info) {
            return;
        }
        match event {
            Event::Started(job) => log.info(
                "copy",
                "started",
                &[
                    ("job", u64::from(job.id.0).into()),
                    ("source", (&plain(&job.source)).into()),
                    ("destination", (&plain(&job.destination)).into()),
                ],
            ),
            Event::Finished(job, outcome, tally) => log.info(
                "copy",
                "finished",
                &[
                    ("job", u64::from(job.id.0).into()),
                    ("outcome", (&format_args!("{outcome:?}")).into()),
                    ("files", tally.files.into()),
                    ("bytes", tally.bytes.into()),
                    ("failed", tally.failed.into()),
                ],
            ),
            // Told in full elsewhere, or far too many.
            Event::Entry { .. } | Event::Notice(..) | Event::Failed(..) => {}
        }
    }

    /// Finds out what these jobs amount to: of a single file at once, of trees and many on a thread of its own.
    pub(crate) fn measure(&self, jobs: Vec<(Job, Arc<Progress>)>) {
        if let [(job, progress)] = jobs.as_slice()
            && std::fs::metadata(&job.source).is_ok_and(|metadata| !metadata.is_dir())
        {
            return self.engine.measure(job, progress);
        }
        let engine = Arc::clone(&self.engine);
        let measure = move || {
            jobs.iter()
                .for_each(|(job, progress)| engine.measure(job, progress))
        };
        // Without a thread to spare, shares and remaining times stay unknown, and are not shown.
        let _ = std::thread::Builder::new()
            .name("measure".into())
            .spawn(measure);
    }
}

/// The totals of a job, once they are known.
pub(crate) fn totals(progress: &Progress) -> Option<Totals> {
    progress.total_known.load(Acquire).then(|| Totals {
        bytes: progress.total_bytes.load(Relaxed),
        files: progress.total_files.load(Relaxed),
    })
}

/// The entry in work.
pub(crate) fn current(progress: &Progress) -> PathBuf {
    progress
        .current
        .lock()
        .map(|current| current.clone())
        .unwrap_or_default()
}
