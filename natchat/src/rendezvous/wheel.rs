//! A hashed timer wheel: who is to be looked at when, in ticks.
//!
//! Setting, cancelling and taking one are O(1), and nothing is ever scanned but one word of bits for each 64 ticks. The
//! wheel is not touched when a member is heard of: when its turn comes it is looked at, and set anew if it was heard of
//! since. So a keep-alive costs no links, and each member is looked at once in the time it may be silent.

/// The ticks of one turn; nothing is set further ahead than this.
pub(crate) const TURN: u64 = SLOTS as u64;

const SLOTS: usize = 512;
/// The end of a list.
const NONE: u32 = u32::MAX;
/// Marks the number of a list among those of slots, which are all below this.
const FIRST: u32 = 1 << 31;
/// How many links are made room for at a time, so that a million members do not cost two.
const GROWTH: usize = 1 << 14;

/// The wheel.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The first of each tick's list.
    heads: [u32; SLOTS],
    /// Which lists have somebody in them.
    taken: [u64; SLOTS / 64],
    /// By slot of who is set.
    links: Vec<Link>,
    /// The tick that is looked at next; none before it has anybody left.
    current: u64,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// [`FIRST`] and which list it is the first of; or `NONE`: not set.
    before: u32,
    after: u32,
}

const UNSET: Link = Link {
    before: NONE,
    after: NONE,
};

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            heads: [NONE; SLOTS],
            taken: [0; SLOTS / 64],
            links: Vec::new(),
            current: 0,
        }
    }

    /// Has `slot` looked at in the given tick; at the next look if that is past, at the end of the turn if it is
    /// further.
    pub(crate) fn set(&mut self, slot: u32, tick: u64) {
        self.cancel(slot);
        let tick = tick.clamp(self.current, self.current + TURN - 1);
        let list = list_of(tick);
        let index = slot as usize;
        if index >= self.links.len() {
            let len = (index + 1).next_multiple_of(GROWTH);
            self.links.reserve_exact(len - self.links.len());
            self.links.resize(len, UNSET);
        }
        let first = std::mem::replace(&mut self.heads[list as usize], slot);
        self.links[index] = Link {
            before: FIRST | list,
            after: first,
        };
        if first != NONE {
            self.links[first as usize].before = slot;
        }
        self.taken[list as usize / 64] |= 1 << (list % 64);
    }

    /// Forgets `slot`, if it is set.
    pub(crate) fn cancel(&mut self, slot: u32) {
        let Some(link) = self.links.get_mut(slot as usize) else {
            return;
        };
        let Link { before, after } = std::mem::replace(link, UNSET);
        if before == NONE {
            return;
        }
        if after != NONE {
            self.links[after as usize].before = before;
        }
        if before & FIRST == 0 {
            self.links[before as usize].after = after;
            return;
        }
        let list = (before & !FIRST) as usize;
        self.heads[list] = after;
        if after == NONE {
            self.taken[list / 64] &= !(1 << (list % 64));
        }
    }

    /// One whose tick has come, taken off the wheel.
    pub(crate) fn due(&mut self, now: u64) -> Option<u32> {
        let tick = self.next().filter(|&tick| tick <= now);
        let Some(tick) = tick else {
            self.current = self.current.max(now);
            return None;
        };
        self.current = tick;
        let slot = self.heads[list_of(tick) as usize];
        self.cancel(slot);
        Some(slot)
    }

    /// The bytes that the links take.
    pub(crate) fn footprint(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    /// The next tick in which there is somebody to look at.
    pub(crate) fn next(&self) -> Option<u64> {
        let start = list_of(self.current);
        let words = self.taken.len();
        let first_word = start as usize / 64;
        // The first word comes twice: its bits from `start` on, and at the end of the turn those before.
        (0..=words).find_map(|step| {
            let word = (first_word + step) % words;
            let from_start = u64::MAX << (start % 64);
            let bits = match step {
                0 => self.taken[word] & from_start,
                _ if step == words => self.taken[word] & !from_start,
                _ => self.taken[word],
            };
            (bits != 0).then(|| {
                let list = word as u64 * 64 + u64::from(bits.trailing_zeros());
                self.current + (list + TURN - u64::from(start)) % TURN
            })
        })
    }
}

fn list_of(tick: u64) -> u32 {
    u32::try_from(tick % TURN).expect("a turn is short")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The wheel gives what an ordered map of deadlines gives.
        #[test]
        fn gives_whose_time_has_come(
            steps in proptest::collection::vec((0u32..20, 0u64..600, 0u64..200, any::<bool>()), 1..120),
        ) {
            let mut wheel = Wheel::new();
            let mut model = BTreeMap::new();
            let mut now = 0;
            for (slot, ahead, passes, cancels) in steps {
                if cancels {
                    wheel.cancel(slot);
                    model.remove(&slot);
                } else {
                    wheel.set(slot, now + ahead);
                    model.insert(slot, now + ahead.min(TURN - 1));
                }
                prop_assert_eq!(wheel.next(), model.values().min().copied());
                now += passes;
                let mut came = Vec::new();
                while let Some(slot) = wheel.due(now) {
                    came.push(slot);
                }
                came.sort_unstable();
                let due: Vec<u32> = model.extract_if(.., |_, tick| *tick <= now).map(|(slot, _)| slot).collect();
                prop_assert_eq!(came, due);
            }
        }
    }
}
