//! When a handshake that is not answered is tried again.

use std::time::{Duration, Instant};

/// After the first try; the time that an acknowledgement is waited for while no round trip was measured.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest time between two tries: somebody who comes back is greeted within it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Tries; with the waits between them more than a minute, twice as long as lines wait.
const TRIES: u32 = 20;

/// A handshake that waits for its answer.
#[derive(Debug)]
pub(crate) struct Attempt {
    tries: u32,
    wait: Duration,
    next: Instant,
}

impl Attempt {
    /// The first message was sent just now.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            tries: 1,
            wait: FIRST_WAIT,
            next: now + FIRST_WAIT,
        }
    }

    /// When it is to be tried again.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// It was tried again; false: for the last time, and in vain.
    pub(crate) fn again(&mut self, now: Instant) -> bool {
        self.tries += 1;
        self.wait = (self.wait * 3 / 2).min(LONGEST_WAIT);
        self.next = now + self.wait;
        self.tries <= TRIES
    }

    /// What was in the way is gone: try again at once.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.wait = FIRST_WAIT;
        self.next = now;
    }
}
