//! When what went by a path is not confirmed in time: how long that is, and how often it is tried through the server.
//!
//! The first time, all that is unconfirmed goes through the server as well. Frames can be lost there, too, since the peer may be
//! about to tell the server its new address: so a few of them are said again soon, as they were, which costs the peer nothing.

use std::time::{Duration, Instant};

/// How long something may be unconfirmed, at least, before it is given again through the server.
const PATIENCE: Duration = Duration::from_millis(200);

/// When it is said once more after that.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(80),
    Duration::from_millis(80),
    Duration::from_millis(120),
    Duration::from_millis(240),
    Duration::from_millis(480),
];

/// Frames said again as they were: the oldest, which all others wait for.
const FRAMES: usize = 4;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Give what was sent before this again, in new packets.
    Duplicate(Instant),
    /// Say the kept frames again.
    Repeat,
}

/// How things stand.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// Since when the oldest waited that was given again.
    since: Option<Instant>,
    next: Option<Instant>,
    repeated: usize,
    frames: Vec<Vec<u8>>,
}

impl Stall {
    /// `since`: when the oldest was sent that is not confirmed, `timeout`: in what time it should have been.
    pub(crate) fn look(&mut self, now: Instant, since: Instant, timeout: Duration) -> Option<Due> {
        let patience = PATIENCE.max(2 * timeout);
        if self.since != Some(since) {
            // The one before was confirmed: another wait begins.
            self.end();
            let due = since + patience;
            self.next = Some(due);
            if due <= now {
                self.since = Some(since);
                self.next = Some(now + AGAIN[0]);
                return Some(Due::Duplicate(now - patience));
            }
            return None;
        }
        if self.next.is_some_and(|next| next > now) {
            return None;
        }
        self.repeated += 1;
        if let Some(wait) = AGAIN.get(self.repeated) {
            self.next = Some(now + *wait);
            return Some(Due::Repeat);
        }
        self.next = Some(now + patience.max(AGAIN[AGAIN.len() - 1]));
        Some(Due::Duplicate(now - patience))
    }

    /// Whether this wait is the one that was found too long.
    pub(crate) fn is_of(&self, since: Instant) -> bool {
        self.since == Some(since)
    }

    /// Nothing waits, or there is no path that could be in doubt.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    /// This was given through the server.
    pub(crate) fn gave(&mut self, frame: &[u8]) {
        if self.frames.len() < FRAMES {
            self.frames.push(frame.to_vec());
        }
    }

    /// What is to be said again.
    pub(crate) fn frames(&self) -> &[Vec<u8>] {
        &self.frames
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn a_few_times_soon_and_then_with_patience() {
        let start = Clock::start().now();
        let at = |ms| start + Duration::from_millis(ms);
        let timeout = Duration::from_millis(50);
        let mut stall = Stall::default();
        let mut told = Vec::new();
        for ms in 0..2_500 {
            if let Some(due) = stall.look(at(ms), start, timeout) {
                told.push((ms, due == Due::Repeat));
            }
        }
        let expected = [
            (200, false),
            (280, true),
            (360, true),
            (480, true),
            (720, true),
            (1_200, false),
            (1_680, false),
            (2_160, false),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            stall.look(at(2_500), at(2_450), timeout),
            None,
            "confirmed but for a newer one"
        );
        assert_eq!(stall.next(), Some(at(2_650)));
    }

    #[test]
    fn the_first_frames_are_kept() {
        let mut stall = Stall::default();
        for n in 0..10 {
            stall.gave(&[n]);
        }
        assert_eq!(stall.frames(), [[0], [1], [2], [3]]);
        stall.end();
        assert!(stall.frames().is_empty());
    }
}
