//! `--bwlimit`: a token bucket shared by all workers. The bucket is pure and told the time; the waiting
//! is done by [`Throttle`], which notices a cancelled job.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::clock::Clock;

/// Longest uninterrupted wait: how soon a cancelled job is noticed.
const PATIENCE: Duration = Duration::from_millis(50);

/// Steps in a second when the rate allows whole chunks in each.
const STEPS: u64 = 100;

/// Share of a second's bytes that may be moved at once after a pause.
const BURST: u32 = 10;

/// Bytes a second for everyone together.
#[derive(Debug)]
pub(crate) struct Throttle {
    clock: Clock,
    bucket: Mutex<Bucket>,
}

impl Throttle {
    pub(crate) fn new(rate: NonZeroU64) -> Self {
        let clock = Clock::start();
        Self {
            clock,
            bucket: Mutex::new(Bucket {
                rate,
                free_at: clock.now(),
            }),
        }
    }

    /// Bytes to move between two waits: a hundredth of a second's worth, whole chunks, one at least. Workers
    /// take turns by steps, so long steps would starve the copies of small files.
    pub(crate) fn step(&self, chunk_len: usize, most: usize) -> usize {
        let rate = self
            .bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rate;
        let step = usize::try_from(rate.get() / STEPS)
            .unwrap_or(most)
            .min(most);
        (step / chunk_len).max(1) * chunk_len
    }

    /// Accounts for `bytes` about to be moved, waiting until they may be. Returns early when `is_cancelled`.
    pub(crate) fn wait(&self, bytes: usize, is_cancelled: impl Fn() -> bool) {
        let until = self
            .bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(bytes as u64, self.clock.now());
        loop {
            let left = until.saturating_duration_since(self.clock.now());
            if left.is_zero() || is_cancelled() {
                return;
            }
            std::thread::park_timeout(left.min(PATIENCE));
        }
    }
}

#[derive(Debug)]
struct Bucket {
    rate: NonZeroU64,
    /// When everything taken so far is paid for.
    free_at: Instant,
}

impl Bucket {
    /// Takes `bytes` at `now`; returns when they may be moved. Time unused is kept for at most 1/[`BURST`] second.
    fn take(&mut self, bytes: u64, now: Instant) -> Instant {
        let burst = Duration::from_secs(1) / BURST;
        let start = self.free_at.max(now.checked_sub(burst).unwrap_or(now));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        self.free_at = start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_paid_for_at_the_rate_and_pauses_save_a_tenth_of_a_second() {
        let start = Clock::start().now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut bucket = Bucket {
            rate: NonZeroU64::new(1_000).expect("not zero"),
            free_at: start,
        };
        assert_eq!(
            bucket.take(500, at(0)),
            at(500),
            "half a second's bytes take half a second"
        );
        assert_eq!(
            bucket.take(500, at(100)),
            at(1_000),
            "and the next wait for them"
        );
        assert_eq!(
            bucket.take(100, at(10_000)),
            at(10_000),
            "after a pause a tenth of a second is free"
        );
        assert_eq!(bucket.take(100, at(10_000)), at(10_100), "but no more");
    }
}
