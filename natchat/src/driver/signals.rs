//! Signals on their way to a loop, and past it when it is stuck.
//!
//! The first one is the loop's to obey. Another one that comes before that was taken, or when the loop has ended and only
//! the disk or the screen is waited for, ends the program at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::exit::{ExitStatus, now};
use common::shutdown::Signal;
use crossbeam_channel::Receiver;

use super::mailbox::Mailbox;

/// Remembers whether a signal waits.
#[derive(Debug)]
pub(super) struct Signals {
    is_waiting: Arc<AtomicBool>,
}

impl Signals {
    /// Passes them on from now on, each as this message.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn forward<T: Send + 'static>(
        events: Receiver<Signal>,
        mailbox: Mailbox<T>,
        wrap: fn() -> T,
    ) -> io::Result<Self> {
        let is_waiting = Arc::new(AtomicBool::new(false));
        let waits = Arc::clone(&is_waiting);
        let forward = move || {
            for _ in events {
                if waits.swap(true, Ordering::Relaxed) || !mailbox.post(wrap()) {
                    now(ExitStatus::Interrupted);
                }
            }
        };
        // Never waited for: it holds nothing that would have to be put in order.
        std::thread::Builder::new()
            .name("signals to loop".into())
            .spawn(forward)?;
        Ok(Self { is_waiting })
    }

    /// The one that waited has been taken.
    pub(super) fn taken(&self) {
        self.is_waiting.store(false, Ordering::Relaxed);
    }
}
