//! How far a file is and how fast: told a few times a second.

use std::time::{Duration, Instant};

/// The shortest time between two tellings.
const EVERY: Duration = Duration::from_millis(200);

/// What was told last.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    told: Option<(Instant, u64)>,
    rate: u64,
}

impl Progress {
    /// `done` bytes are over now: the rate, if it is time to tell it.
    pub(crate) fn tell(&mut self, now: Instant, done: u64) -> Option<u64> {
        let Some((at, before)) = self.told else {
            self.told = Some((now, done));
            return None;
        };
        let time = now - at;
        if time < EVERY {
            return None;
        }
        let bytes = u128::from(done.saturating_sub(before)) * 1_000_000_000 / time.as_nanos();
        let rate = u64::try_from(bytes).unwrap_or(u64::MAX);
        // The first is taken as it is; then each counts for a quarter, so that the number can be read.
        self.rate = if self.rate == 0 {
            rate
        } else {
            self.rate / 4 * 3 + rate / 4
        };
        self.told = Some((now, done));
        Some(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn a_few_times_a_second() {
        let start = Clock::start().now();
        let mut progress = Progress::default();
        let told: Vec<u64> = (0..1_000)
            .filter_map(|ms| progress.tell(start + Duration::from_millis(ms), ms * 1_000))
            .collect();
        assert_eq!(told.len(), 4);
        assert!(
            told.iter().all(|rate| (999_000..=1_000_000).contains(rate)),
            "{told:?}"
        );
    }
}
