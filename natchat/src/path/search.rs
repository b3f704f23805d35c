//! When a path is looked for without any sign that there is one.
//!
//! Who has something to say and no path looks again after a while, ever more seldom; suspicion makes it look at once,
//! but not at every packet that is late.

use std::time::{Duration, Instant};

/// Between two searches that were brought about by suspicion.
const GAP: Duration = Duration::from_secs(1);

/// After how long without a path it is searched again; twice as long each time, up to the second one.
const AGAIN: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(240)];

/// The searches for one peer.
#[derive(Debug)]
pub(crate) struct Search {
    last: Option<Instant>,
    again: Option<Instant>,
    pause: Duration,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self {
            last: None,
            again: None,
            pause: AGAIN[0],
        }
    }

    /// When the next one is due, if nothing is found.
    pub(crate) fn again(&self) -> Option<Instant> {
        self.again
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.again.is_some_and(|again| again <= now)
    }

    /// Whether the last one has only just begun.
    pub(crate) fn is_too_soon(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now < last + GAP)
    }

    /// One begins.
    pub(crate) fn began(&mut self, now: Instant) {
        if self.is_due(now) {
            self.pause = (self.pause * 2).min(AGAIN[1]);
        }
        self.last = Some(now);
        self.again = Some(now + self.pause);
    }

    /// There is a path.
    pub(crate) fn found(&mut self) {
        self.again = None;
        self.pause = AGAIN[0];
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn ever_more_seldom_until_something_is_found() {
        let start = Clock::start().now();
        let mut search = Search::new();
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            search.began(now);
            assert!(search.is_too_soon(now) && !search.is_too_soon(now + GAP));
            let again = search.again().expect("nothing is found");
            pauses.push((again - now).as_secs());
            now = again;
        }
        assert_eq!(pauses, [30, 60, 120, 240, 240, 240]);
        search.found();
        assert_eq!(search.again(), None);
        search.began(now);
        assert_eq!(search.again(), Some(now + AGAIN[0]));
    }
}
