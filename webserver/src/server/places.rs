//! How many connections there may be, over all workers.
//!
//! Counted together, so that nobody waits for a worker that has many while another has few. Whether there is a place is
//! asked once for a connection; that a few more come in than there are places for, when several workers ask at once, does
//! no harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places, of which every worker has a handle.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    taken: Arc<AtomicUsize>,
    count: usize,
}

impl Places {
    /// So many, all free.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            taken: Arc::default(),
            count,
        }
    }

    /// Whether there is none left.
    pub(crate) fn are_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed) >= self.count
    }

    /// A connection has come.
    pub(crate) fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has ended.
    pub(crate) fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
