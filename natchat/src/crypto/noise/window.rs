//! Which nonces have come: those within a window behind the highest are known one by one, all before it count as seen.

/// How far back, in frames, a late one is still taken.
pub const REPLAY_WINDOW: u64 = 2_048;

const WORDS: usize = 32;
const _: () = assert!(
    WORDS as u64 * 64 == REPLAY_WINDOW,
    "one bit for each nonce in the window"
);

/// A ring of bits: that of nonce `n` lies at `n % REPLAY_WINDOW`.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    seen: [u64; WORDS],
    /// One above the highest nonce seen.
    end: u64,
}

impl Window {
    /// Whether it has not come, as far as is known.
    pub(super) fn is_new(&self, nonce: u64) -> bool {
        if nonce >= self.end {
            return nonce < u64::MAX;
        }
        let (word, bit) = place(nonce);
        self.end - nonce <= REPLAY_WINDOW && self.seen[word] & bit == 0
    }

    /// It has come.
    pub(super) fn insert(&mut self, nonce: u64) {
        if nonce >= self.end {
            // What falls out of the window makes room for what comes into it.
            let first = self.end.max(nonce.saturating_sub(REPLAY_WINDOW - 1));
            for fresh in first..nonce {
                let (word, bit) = place(fresh);
                self.seen[word] &= !bit;
            }
            self.end = nonce + 1;
        }
        let (word, bit) = place(nonce);
        self.seen[word] |= bit;
    }

    /// One above the highest nonce seen.
    pub(super) fn end(&self) -> u64 {
        self.end
    }
}

fn place(nonce: u64) -> (usize, u64) {
    let at = nonce % REPLAY_WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The same as a set of all that ever came, but for what is too old.
        #[test]
        fn like_a_set(steps in proptest::collection::vec((any::<bool>(), 0..4_500_u64), 1..300)) {
            let mut window = Window::default();
            let mut seen = BTreeSet::new();
            let mut base = 0_u64;
            for (forward, step) in steps {
                let nonce = if forward { base + step } else { base.saturating_sub(step) };
                let highest = seen.last().copied();
                let too_old = highest.is_some_and(|highest| nonce + REPLAY_WINDOW <= highest);
                prop_assert_eq!(window.is_new(nonce), !too_old && !seen.contains(&nonce));
                if window.is_new(nonce) {
                    window.insert(nonce);
                    seen.insert(nonce);
                    prop_assert!(!window.is_new(nonce));
                    base = base.max(nonce);
                }
            }
        }
    }

    #[test]
    fn the_last_nonce_is_never_taken() {
        assert!(!Window::default().is_new(u64::MAX));
        let mut window = Window::default();
        window.insert(u64::MAX - 1);
        assert_eq!(window.end(), u64::MAX);
        assert!(!window.is_new(0));
    }
}
