//! Deadlines and stopwatches: the only reader of the clock here, and the only place that may sleep.
//!
//! Prefer an event to [`wait_until`]: [`crate::Running`] and [`crate::Pty`] wake when bytes arrive or the child ends.
//! Polling is for conditions that nobody announces, such as a file that another process writes.

use std::thread;
use std::time::{Duration, Instant};

/// A bound for waits that should end almost at once, generous for a loaded machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Between two looks at a polled condition: short beside any program start, long beside a system call.
const POLL_STEP: Duration = Duration::from_millis(2);

/// The moment after which a wait has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
}

impl Deadline {
    /// The moment `limit` from now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: now() + limit }
    }

    /// What is left until then, zero once passed.
    pub(crate) fn left(&self) -> Duration {
        self.at.saturating_duration_since(now())
    }

    /// Whether the moment has come.
    pub(crate) fn has_passed(&self) -> bool {
        self.left().is_zero()
    }
}

/// Measures how long something took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Self { start: now() }
    }

    /// The time since [`Stopwatch::start`].
    pub fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.start)
    }
}

/// Looks at `condition` until it holds.
///
/// # Panics
/// When it still does not hold after `limit`, naming `what` was awaited.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Deadline::after(limit);
    while !condition() {
        assert!(
            !deadline.has_passed(),
            "waited {limit:?} in vain for: {what}"
        );
        pause();
    }
}

/// Tries again while the error is one that passes by itself.
///
/// Meant for what is in use only for a moment: while another thread of the test starts a program, the child holds a
/// copy of every open file until its exec. An executable just written is then busy, and so is its file system.
pub(crate) fn patiently<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    is_passing: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Deadline::after(SOON);
    loop {
        match attempt() {
            Err(error) if is_passing(&error) && !deadline.has_passed() => pause(),
            result => return result,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests measure real programs in real time"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one sanctioned sleep: the step of wait_until"
)]
fn pause() {
    thread::sleep(POLL_STEP);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_until_returns_as_soon_as_the_condition_holds() {
        let mut looks = 0;
        wait_until("three looks", SOON, || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    fn patience_ends_with_success_or_with_another_error() {
        let rows = [
            ("in the end it works", Ok(3)),
            ("or fails for good", Err("other")),
        ];
        for (name, last) in rows {
            let mut attempts = [Err("busy"), Err("busy"), last].into_iter();
            let attempt = || attempts.next().expect("not asked after the last");
            assert_eq!(patiently(attempt, |error| *error == "busy"), last, "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "in vain for: rain")]
    fn wait_until_says_what_did_not_come() {
        wait_until("rain", Duration::from_millis(5), || false);
    }
}
