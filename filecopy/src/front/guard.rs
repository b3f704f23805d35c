//! Signals while copies run: the first asks for an orderly end, the second ends at once.
//!
//! The second has a thread of its own, because the loop that drives the copies may be the very thing that is stuck,
//! for instance on a stderr that nobody reads.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::exit::{self, ExitStatus};
use common::shutdown::{Shutdown, Signal};
use crossbeam_channel::{Receiver, bounded};

use crate::engine::Engine;
use crate::tell::journal::StoppedBy;
use crate::tell::logbook::SharedLogbook;

/// How long removing unfinished files and writing the log may take at the second Ctrl-C: a hung file system must not hold the
/// program.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is needed to leave at once.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    engine: Arc<Engine>,
    logbook: SharedLogbook,
}

impl Guard {
    /// Catches signals from now on. The first one comes out of the channel; the second ends the process.
    pub(crate) fn watch(
        engine: &Arc<Engine>,
        logbook: &SharedLogbook,
    ) -> io::Result<(Self, Receiver<Signal>)> {
        let guard = Self {
            engine: Arc::clone(engine),
            logbook: logbook.clone(),
        };
        let shutdown = Shutdown::install()?;
        let (first, interrupts) = bounded(1);
        let watcher = guard.clone();
        std::thread::Builder::new()
            .name("second Ctrl-C".into())
            .spawn(move || {
                let mut signals = shutdown.events().iter();
                if let Some(signal) = signals.next() {
                    // Nobody listens only when the program is about to end.
                    let _ = first.send(signal);
                }
                if signals.next().is_some() {
                    watcher.leave_at_once();
                }
            })?;
        Ok((guard, interrupts))
    }

    /// Removes what is unfinished, writes the end lines, and ends the process without waiting for any copy.
    pub(crate) fn leave_at_once(&self) -> ! {
        let (done, is_done) = bounded::<()>(0);
        let guard = self.clone();
        let spawned = std::thread::Builder::new().spawn(move || {
            guard.engine.abandon();
            let mut logbook = guard.logbook.lock();
            logbook.stopped_by(StoppedBy::Signal);
            logbook.close();
            drop(done);
        });
        if spawned.is_ok() {
            // Ends when `done` is dropped, or in time.
            let _ = is_done.recv_timeout(LAST_WORDS);
        }
        exit::now(ExitStatus::Interrupted)
    }
}
