//! Whether a peer is worth its slot: what matters when all slots are taken and somebody else comes.

use std::time::Instant;

/// How a peer is used.
#[derive(Debug)]
pub(crate) struct Usage {
    made: Instant,
    was_talked_to: bool,
    has_files: bool,
}

impl Usage {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            made: now,
            was_talked_to: false,
            has_files: false,
        }
    }

    /// The user has said something to it.
    pub(crate) fn talked_to(&mut self) {
        self.was_talked_to = true;
    }

    /// Whether files are on their way.
    pub(crate) fn set_files(&mut self, has_files: bool) {
        self.has_files = has_files;
        self.was_talked_to |= has_files;
    }

    pub(crate) fn has_files(&self) -> bool {
        self.has_files
    }

    /// The less, the sooner it is given up: who was never talked to first, then who was not heard of for longest.
    pub(crate) fn worth(&self, last_heard: Option<Instant>) -> (bool, Instant) {
        (self.was_talked_to, last_heard.unwrap_or(self.made))
    }
}
