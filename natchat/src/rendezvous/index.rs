//! From a hash to a slot: what a slab is searched by.
//!
//! Four bytes a place and no growth: all places are there from the start, at most half of them taken, and the system
//! gives memory only to those that are touched. So no insertion ever stops the server for a rehash. The keys
//! themselves lie in the slab; the caller compares them. Linear probing, and removal by shifting back, so that no
//! tombstones gather.

/// The most slots that can be told apart: the upper eight bits of a place hold a piece of the hash.
pub(crate) const SLOTS: u32 = (1 << SLOT_BITS) - 1;

const SLOT_BITS: u32 = 24;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    /// `piece of the hash · slot + 1`, or 0.
    places: Vec<u32>,
}

impl Index {
    /// One for at most `most` slots.
    pub(crate) fn new(most: u32) -> Self {
        let len = (most as usize).max(1) * 2;
        Self {
            places: vec![0; len.next_power_of_two()],
        }
    }

    /// The slot of this hash that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let place = self.places[at];
            if place == 0 {
                return None;
            }
            if place >> SLOT_BITS == piece(hash) && is_it(slot_of(place)) {
                return Some(slot_of(place));
            }
            at = self.after(at);
        }
    }

    /// Takes a slot in that is not there yet. There is always room if no more than was said are in.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32) {
        let mut at = self.home(hash);
        while self.places[at] != 0 {
            at = self.after(at);
        }
        self.places[at] = piece(hash) << SLOT_BITS | (slot + 1);
    }

    /// Lets a slot go; `hash_of` is asked for those behind it, which may move up.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let mut gap = self.home(hash);
        while slot_or_none(self.places[gap]) != Some(slot) {
            if self.places[gap] == 0 {
                return;
            }
            gap = self.after(gap);
        }
        let mut at = gap;
        loop {
            at = self.after(at);
            let place = self.places[at];
            if place == 0 {
                break;
            }
            let home = self.home(hash_of(slot_of(place)));
            let mask = self.places.len() - 1;
            // It may move into the gap if its home is not between the gap and where it is.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.places[gap] = place;
                gap = at;
            }
        }
        self.places[gap] = 0;
    }

    /// The bytes that so many entries touch.
    pub(crate) fn footprint(&self) -> usize {
        self.places.len() * size_of::<u32>()
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash & (self.places.len() as u64 - 1)).unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}

/// The piece of a hash that spares most comparisons; from its other end than the home.
fn piece(hash: u64) -> u32 {
    u32::from(hash.to_be_bytes()[0])
}

fn slot_or_none(place: u32) -> Option<u32> {
    (place & SLOTS).checked_sub(1)
}

fn slot_of(place: u32) -> u32 {
    (place & SLOTS) - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes and goes, and however badly it hashes, the index finds what a map finds.
        #[test]
        fn finds_what_is_in(steps in proptest::collection::vec((0u32..40, any::<bool>()), 0..300), mask in 0u64..64) {
            let hash = |slot: u32| (u64::from(slot) & mask) | u64::from(slot) << 58;
            let mut index = Index::new(40);
            let mut model = BTreeMap::new();
            for (slot, comes) in steps {
                if !comes {
                    model.remove(&slot);
                    index.remove(hash(slot), slot, hash);
                } else if model.insert(slot, ()).is_none() {
                    index.insert(hash(slot), slot);
                }
                for slot in 0..40 {
                    let found = index.find(hash(slot), |found| found == slot);
                    prop_assert_eq!(found, model.get(&slot).map(|()| slot));
                }
            }
        }
    }

    #[test]
    fn the_last_slot_fits() {
        let mut index = Index::new(4);
        index.insert(u64::MAX, SLOTS - 1);
        assert_eq!(index.find(u64::MAX, |_| true), Some(SLOTS - 1));
        index.remove(u64::MAX, SLOTS - 1, |_| u64::MAX);
        assert_eq!(index.find(u64::MAX, |_| true), None);
    }
}
