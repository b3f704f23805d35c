//! A token bucket: how often something may be done that others can bring about.

use std::time::{Duration, Instant};

/// Holds at most `size` tokens, and gets a new one every `every`.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: u32,
    size: u32,
    every: Duration,
    /// When the last token came; none before the first use, when it is full.
    filled: Option<Instant>,
}

impl Bucket {
    pub(crate) const fn new(size: u32, every: Duration) -> Self {
        Self {
            tokens: size,
            size,
            every,
            filled: None,
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let filled = *self.filled.get_or_insert(now);
        let waited = now.saturating_duration_since(filled);
        let came =
            u32::try_from(waited.as_nanos() / self.every.as_nanos().max(1)).unwrap_or(u32::MAX);
        if came >= self.size - self.tokens {
            self.tokens = self.size;
            self.filled = Some(now);
        } else {
            self.tokens += came;
            self.filled = Some(filled + self.every * came);
        }
        let taken = self.tokens.checked_sub(1);
        self.tokens = taken.unwrap_or(0);
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::Clock;

    #[test]
    fn gives_what_it_holds_and_then_what_comes() {
        let start = Clock::start().now();
        let mut bucket = Bucket::new(3, Duration::from_millis(10));
        let mut taken = |ms: u64, tries: u32| {
            let now = start + Duration::from_millis(ms);
            (0..tries).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken(0, 10), 3, "full at first");
        assert_eq!(taken(9, 10), 0, "nothing has come");
        assert_eq!(taken(15, 10), 1, "one has");
        assert_eq!(taken(20, 10), 1, "half of the next was kept");
        assert_eq!(taken(10_000, 10), 3, "never more than it holds");
    }
}
