//! Whose an ID is while its owner is away: the key that it was joined with last.
//!
//! Bounded: when there are as many as there may be members, whoever has been away the longest gives up the ID.

use crate::crypto::entropy::Entropy;
use crate::name::MemberId;
use crate::rendezvous::hash::Hashing;
use crate::rendezvous::index::Index;

/// The end of the list.
const NONE: u32 = u32::MAX;

/// An ID whose owner is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) id: MemberId,
    pub(crate) key: [u8; 32],
    /// The owner's last: what joins with a lower one would not be believed by the others.
    pub(crate) incarnation: u64,
    /// Orders the departures, restarts included.
    pub(crate) since: u64,
}

/// All of them, ordered by when they went.
#[derive(Debug)]
pub(crate) struct Owners {
    most: usize,
    hashing: Hashing,
    index: Index,
    records: Vec<Record>,
    free: Vec<u32>,
    /// The longest away.
    first: u32,
    last: u32,
}

#[derive(Debug)]
struct Record {
    /// `None`: free.
    owner: Option<Owner>,
    before: u32,
    after: u32,
}

impl Owners {
    pub(crate) fn new(most: u32, entropy: &mut Entropy) -> Self {
        Self {
            most: most as usize,
            hashing: Hashing::new(entropy),
            index: Index::new(),
            records: Vec::new(),
            free: Vec::new(),
            first: NONE,
            last: NONE,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len() - self.free.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Owner> {
        self.records[self.find(id)? as usize].owner.as_ref()
    }

    /// Somebody went. Who else had the ID has it no more; who has been away the longest gives up its own if there is no
    /// room.
    pub(crate) fn insert(&mut self, owner: Owner) {
        self.remove(owner.id.as_str());
        if self.len() >= self.most {
            self.remove_slot(self.first);
        }
        let hash = self.hashing.of(owner.id.as_str().as_bytes());
        let record = Record {
            owner: Some(owner),
            before: self.last,
            after: NONE,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.records[slot as usize] = record;
                slot
            }
            None => {
                self.records.push(record);
                u32::try_from(self.records.len() - 1).expect("no more than may be members")
            }
        };
        match self.last {
            NONE => self.first = slot,
            last => self.records[last as usize].after = slot,
        }
        self.last = slot;
        let (hashing, records) = (self.hashing, &self.records);
        self.index
            .insert(hash, slot, |slot| hash_in(&hashing, records, slot));
    }

    /// Somebody came back, or never will.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Owner> {
        self.remove_slot(self.find(id)?)
    }

    /// Up to `most` of them from a cursor on, in no order, and where to go on.
    pub(crate) fn some(
        &self,
        cursor: usize,
        most: usize,
    ) -> (impl Iterator<Item = &Owner>, Option<usize>) {
        let end = self.records.len().min(cursor + most);
        let owners = self.records.get(cursor..end).unwrap_or_default();
        let next = (end < self.records.len()).then_some(end);
        (
            owners.iter().filter_map(|record| record.owner.as_ref()),
            next,
        )
    }

    /// Orders them by when they went, after they were taken in without order.
    pub(crate) fn sort(&mut self) {
        let mut all: Vec<Owner> = self
            .records
            .drain(..)
            .filter_map(|record| record.owner)
            .collect();
        all.sort_unstable_by_key(|owner| owner.since);
        self.free.clear();
        (self.first, self.last) = (NONE, NONE);
        self.index = Index::new();
        for owner in all {
            self.insert(owner);
        }
    }

    fn find(&self, id: &str) -> Option<u32> {
        if self.len() == 0 {
            return None;
        }
        let is_it = |slot: u32| {
            let owner = self.records[slot as usize].owner.as_ref();
            owner.is_some_and(|owner| owner.id.as_str() == id)
        };
        self.index.find(self.hashing.of(id.as_bytes()), is_it)
    }

    fn remove_slot(&mut self, slot: u32) -> Option<Owner> {
        let record = self.records.get_mut(slot as usize)?;
        let (before, after) = (record.before, record.after);
        let owner = record.owner.take()?;
        match before {
            NONE => self.first = after,
            before => self.records[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.records[after as usize].before = before,
        }
        let (hashing, records) = (self.hashing, &self.records);
        let hash = hashing.of(owner.id.as_str().as_bytes());
        self.index
            .remove(hash, slot, |slot| hash_in(&hashing, records, slot));
        self.free.push(slot);
        Some(owner)
    }
}

fn hash_in(hashing: &Hashing, records: &[Record], slot: u32) -> u64 {
    let owner = records[slot as usize].owner.as_ref();
    owner.map_or(0, |owner| hashing.of(owner.id.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(n: u8, since: u64) -> Owner {
        Owner {
            id: format!("id{n}").parse().unwrap(),
            key: [n; 32],
            incarnation: 1,
            since,
        }
    }

    fn ids(owners: &Owners) -> Vec<u8> {
        (0..20)
            .filter(|n| owners.get(&format!("id{n}")).is_some())
            .collect()
    }

    #[test]
    fn the_longest_away_gives_up_first() {
        let mut owners = Owners::new(3, &mut Entropy::new([1; 32]));
        for n in 0..3 {
            owners.insert(owner(n, n.into()));
        }
        owners.insert(owner(0, 3));
        owners.insert(owner(4, 4));
        assert_eq!(ids(&owners), [0, 2, 4]);
        assert_eq!(owners.remove("id2").map(|owner| owner.key), Some([2; 32]));
        assert_eq!(owners.remove("id2"), None);
        owners.insert(owner(5, 5));
        owners.insert(owner(6, 6));
        assert_eq!(ids(&owners), [4, 5, 6]);
        assert_eq!(owners.len(), 3);
    }

    #[test]
    fn order_is_found_again() {
        let mut owners = Owners::new(3, &mut Entropy::new([1; 32]));
        for (n, since) in [(0, 7), (1, 3), (2, 5)] {
            owners.insert(owner(n, since));
        }
        owners.sort();
        owners.insert(owner(3, 8));
        assert_eq!(ids(&owners), [0, 2, 3]);
        owners.insert(owner(4, 9));
        assert_eq!(ids(&owners), [0, 3, 4]);
    }

    #[test]
    fn all_are_seen_in_slices() {
        let mut owners = Owners::new(10, &mut Entropy::new([1; 32]));
        for n in 0..10 {
            owners.insert(owner(n, n.into()));
        }
        owners.remove("id3");
        let (mut seen, mut cursor) = (0, Some(0));
        while let Some(at) = cursor {
            let (some, next) = owners.some(at, 4);
            seen += some.count();
            cursor = next;
        }
        assert_eq!(seen, 9);
    }
}
