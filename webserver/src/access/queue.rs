//! The queue between workers and the writer of the access log, and what they share besides. A leaf.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};

/// Room of a buffer. A worker hands it over when a little less is used: the last line usually fits.
pub(super) const BUFFER_LEN: usize = 64 * 1024;

/// Buffers that wait to be written. With their lines they take at most about 4 MiB.
pub(super) const QUEUE_BUFFERS: usize = 64;

/// Empty buffers that are kept to be used again.
pub(super) const SPARE_BUFFERS: usize = 8;

/// The ends of the two channels that workers use.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) queue: Sender<Message>,
    pub(super) empties: Receiver<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum Message {
    Lines(Vec<u8>),
    /// Something in [`Shared`] changed.
    Look,
    End,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Lines for which there was no room.
    pub(super) turned_away: AtomicU64,
    /// Lines that could not be written.
    pub(super) unwritten: AtomicU64,
    pub(super) reopen: AtomicBool,
}

impl Shared {
    pub(super) fn lost(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed) + self.unwritten.load(Ordering::Relaxed)
    }
}
