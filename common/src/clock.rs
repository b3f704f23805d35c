//! The only reader of system clocks.
//!
//! State machines are told the time; their drivers ask a [`Clock`]. The ban on `Instant::now` and `SystemTime::now`
//! in `.clippy.toml` keeps it so. This module does not format times (see [`crate::stamp`]) and does not wait.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that the ban sends everyone to"
)]

use std::time::{Duration, Instant, SystemTime};

/// A handle to the system's clocks that remembers when the program started.
///
/// It is made once in `main` and copied to whoever needs the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts counting: the moment that [`Clock::elapsed`] is measured from.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// The monotonic time, which deadlines are made of.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::now()
    }

    /// How long the program has been running; never goes back.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// The time of day, for stamps and file times only: it jumps when the clock is set.
    #[must_use]
    pub fn wall(self) -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_is_measured_from_the_start_and_shared_by_copies() {
        let clock = Clock::start();
        let before = clock.elapsed();
        let copy = clock;
        let after = copy.elapsed();
        assert!(before <= after);
        assert!(clock.now() >= clock.started + after);
    }
}
