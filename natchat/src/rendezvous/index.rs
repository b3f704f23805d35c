//! From a hash to a slot: what a slab is searched by.
//!
//! Eight to sixteen bytes for each slot that is in. The keys themselves lie in the slab; the caller compares them,
//! and tells their hashes again when they move. It grows to twice its size a few entries at a time, so that no
//! insertion ever stops the server for a rehash of all; meanwhile what was not moved yet is in the old table. Linear
//! probing, and removal by shifting back, so that no tombstones gather.

/// The most slots that can be told apart: the upper eight bits of a place hold a piece of the hash.
pub(crate) const SLOTS: u32 = (1 << SLOT_BITS) - 1;

const SLOT_BITS: u32 = 24;

/// Places at first.
const FIRST: usize = 16;

/// Places moved into a new table with each insertion, at least: all are moved long before it is half full itself.
const MOVED: usize = 8;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    table: Table,
    /// What is being moved, whole runs of taken places at a time: what has not been moved is found as before.
    old: Option<Old>,
    len: usize,
}

#[derive(Debug)]
struct Old {
    table: Table,
    /// An empty place: all behind the one where moving began and before this has been moved.
    at: usize,
    /// Places that have not been looked at.
    left: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new(FIRST),
            old: None,
            len: 0,
        }
    }

    /// The slot of this hash that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.table.find(hash, &is_it);
        found.or_else(|| self.old.as_ref()?.table.find(hash, &is_it))
    }

    /// Takes a slot in that is not there yet; `hash_of` is asked for those that move into a larger table.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        self.len += 1;
        if self.len * 2 > self.table.places.len() && self.old.is_none() {
            self.grow();
        }
        self.table.insert(hash, slot);
        self.move_some(hash_of);
    }

    /// Lets a slot go; `hash_of` is asked for those behind it, which may move up.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let was_here = self.table.remove(hash, slot, &hash_of);
        let old = self.old.as_mut().filter(|_| !was_here);
        if was_here || old.is_some_and(|old| old.table.remove(hash, slot, &hash_of)) {
            self.len -= 1;
        }
    }

    /// The bytes of its tables.
    pub(crate) fn footprint(&self) -> usize {
        let old = self.old.as_ref().map_or(0, |old| old.table.places.len());
        (self.table.places.len() + old) * size_of::<u32>()
    }

    fn grow(&mut self) {
        let new = Table::new(self.table.places.len() * 2);
        let table = std::mem::replace(&mut self.table, new);
        // Half of the places are empty.
        let at = table
            .places
            .iter()
            .position(|&place| place == 0)
            .unwrap_or(0);
        let left = table.places.len();
        self.old = Some(Old { table, at, left });
    }

    /// Moves some runs.
    fn move_some(&mut self, hash_of: impl Fn(u32) -> u64) {
        let Some(old) = &mut self.old else {
            return;
        };
        for looked_at in 1.. {
            if old.left == 0 {
                self.old = None;
                return;
            }
            old.left -= 1;
            old.at = old.table.after(old.at);
            let place = std::mem::take(&mut old.table.places[old.at]);
            if place != 0 {
                self.table.insert(hash_of(slot_of(place)), slot_of(place));
            } else if looked_at >= MOVED {
                return;
            }
        }
    }
}

/// Places by hash, as many as a power of two.
#[derive(Debug)]
struct Table {
    /// `piece of the hash · slot + 1`, or 0.
    places: Vec<u32>,
}

impl Table {
    fn new(len: usize) -> Self {
        Self {
            places: vec![0; len],
        }
    }

    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
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

    fn insert(&mut self, hash: u64, slot: u32) {
        let mut at = self.home(hash);
        while self.places[at] != 0 {
            at = self.after(at);
        }
        self.places[at] = piece(hash) << SLOT_BITS | (slot + 1);
    }

    /// Whether it was there.
    fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) -> bool {
        let mut gap = self.home(hash);
        while slot_or_none(self.places[gap]) != Some(slot) {
            if self.places[gap] == 0 {
                return false;
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
        true
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes and goes, and however badly it hashes, the index finds what a set has.
        #[test]
        fn finds_what_is_in(
            steps in proptest::collection::vec((0u32..200, 0u8..3), 0..400), mask in 0u64..64,
        ) {
            let hash = |slot: u32| (u64::from(slot) & mask) | u64::from(slot) << 58;
            let mut index = Index::new();
            let mut model = BTreeSet::new();
            for (slot, kind) in steps {
                if kind == 0 {
                    model.remove(&slot);
                    index.remove(hash(slot), slot, hash);
                } else if model.insert(slot) {
                    index.insert(hash(slot), slot, hash);
                }
                prop_assert_eq!(index.len, model.len());
                for slot in 0..200 {
                    let found = index.find(hash(slot), |found| found == slot);
                    prop_assert_eq!(found, model.get(&slot).copied());
                }
            }
        }
    }

    #[test]
    fn it_is_as_large_as_it_has_to_be() {
        let hash = |slot: u32| u64::from(slot).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut index = Index::new();
        for slot in 0..100_000 {
            index.insert(hash(slot), slot, hash);
            let each = index.footprint() / (slot as usize + 1);
            assert!(slot < 100 || each <= 24, "{each} bytes each of {slot}");
            assert!(
                slot < 100 || each <= 16 || index.old.is_some(),
                "{each} bytes each of {slot}"
            );
        }
        let found =
            (0..100_000).filter(|&slot| index.find(hash(slot), |found| found == slot).is_some());
        assert_eq!(found.count(), 100_000);
    }

    #[test]
    fn the_last_slot_fits() {
        let mut index = Index::new();
        index.insert(u64::MAX, SLOTS - 1, |_| u64::MAX);
        assert_eq!(index.find(u64::MAX, |_| true), Some(SLOTS - 1));
        index.remove(u64::MAX, SLOTS - 1, |_| u64::MAX);
        assert_eq!(index.find(u64::MAX, |_| true), None);
    }
}
