//! Which numbers have come: each is taken once, late ones within a window.

/// How far back a late one is still taken.
const WINDOW: u64 = 64;

/// The numbers that have come lately.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// The highest.
    top: u64,
    /// Bit `n`: whether `top - n` has come.
    come: u64,
}

impl Recent {
    /// Whether this one comes for the first time, as far as can be told.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        if number > self.top {
            let ahead = number - self.top;
            self.come = if ahead < WINDOW {
                self.come << ahead
            } else {
                0
            };
            self.top = number;
        }
        let behind = self.top - number;
        if behind >= WINDOW || self.come & (1 << behind) != 0 {
            return false;
        }
        self.come |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        let mut recent = Recent::default();
        let rows = [
            (1, true),
            (1, false),
            (3, true),
            (2, true),
            (2, false),
            (66, true),
            (2, false),
            (4, true),
            (u64::MAX, true),
            (u64::MAX, false),
            (65, false),
        ];
        for (number, expected) in rows {
            assert_eq!(recent.take(number), expected, "{number}");
        }
    }

    proptest! {
        #[test]
        fn nothing_twice_and_nothing_near_lost(numbers in vec(1..200_u64, 0..200)) {
            let mut recent = Recent::default();
            let mut came = BTreeSet::new();
            for number in numbers {
                let top = came.last().copied().unwrap_or(0).max(number);
                let is_new = came.insert(number);
                let is_near = top - number < WINDOW;
                prop_assert_eq!(recent.take(number), is_new && is_near);
            }
        }
    }
}
