//! Remembers values by path, within bounds; pure. When a bound is passed, what nobody asked for lately goes.
//!
//! Second chance: values stand in a queue in the order they came; one that reaches the front and was asked for since it
//! was last there goes to the back instead. That costs a request no more than a mark, and a flood of paths that are
//! asked for once does not drive out those that are asked for always. The keys are chosen by clients, so the hash is
//! seeded. What a value means, and when it is too old, is its owner's to know.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use foldhash::fast::RandomState;

/// What a value takes of what is scarce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes of memory, about.
    pub bytes: u64,
    /// Open files.
    pub files: u64,
}

impl Weight {
    const fn exceeds(self, bound: Self) -> bool {
        self.bytes > bound.bytes || self.files > bound.files
    }
}

/// Bytes that a value takes by being here, besides its own: key, slot and place in the queue.
const SLOT_LEN: u64 = 160;

/// Values by path.
#[derive(Debug)]
pub struct Cache<V> {
    slots: HashMap<Rc<[u8]>, Slot<V>, RandomState>,
    queue: VecDeque<Rc<[u8]>>,
    weight: Weight,
    bound: Weight,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    weight: Weight,
    asked: bool,
}

impl<V> Cache<V> {
    /// Nothing yet; never more than `bound`.
    #[must_use]
    pub fn new(bound: Weight) -> Self {
        Self {
            slots: HashMap::default(),
            queue: VecDeque::new(),
            weight: Weight::default(),
            bound,
        }
    }

    /// What is remembered for a path.
    pub fn get(&mut self, path: &[u8]) -> Option<&mut V> {
        let slot = self.slots.get_mut(path)?;
        slot.asked = true;
        Some(&mut slot.value)
    }

    /// Remembers a value in the place of what was remembered for the path. One that is heavier than all of the room
    /// is not remembered.
    pub fn insert(&mut self, path: &[u8], value: V, weight: Weight) {
        let weight = Weight {
            bytes: weight.bytes + SLOT_LEN + 2 * path.len() as u64,
            files: weight.files,
        };
        self.remove(path);
        if weight.exceeds(self.bound) {
            return;
        }
        let key: Rc<[u8]> = path.into();
        self.slots.insert(
            Rc::clone(&key),
            Slot {
                value,
                weight,
                asked: false,
            },
        );
        self.queue.push_back(key);
        self.weight.bytes += weight.bytes;
        self.weight.files += weight.files;
        while self.weight.exceeds(self.bound) {
            self.make_room();
        }
    }

    /// Forgets a path.
    pub fn remove(&mut self, path: &[u8]) {
        if let Some(slot) = self.slots.remove(path) {
            self.weight.bytes -= slot.weight.bytes;
            self.weight.files -= slot.weight.files;
            // Its place in the queue is found empty later, and at the latest when it is at the front.
            if self.queue.len() > 2 * self.slots.len() + 16 {
                self.tidy();
            }
        }
    }

    /// What all the values take now.
    #[must_use]
    pub const fn weight(&self) -> Weight {
        self.weight
    }

    /// Gives the one at the front of the queue its second chance, or forgets it.
    fn make_room(&mut self) {
        let Some(key) = self.queue.pop_front() else {
            return;
        };
        // One that was forgotten and remembered anew has a later place.
        if !self
            .slots
            .get_key_value(&key)
            .is_some_and(|(kept, _)| Rc::ptr_eq(kept, &key))
        {
            return;
        }
        match self.slots.get_mut(&key) {
            Some(slot) if slot.asked => {
                slot.asked = false;
                self.queue.push_back(key);
            }
            Some(_) => self.remove(&key),
            None => {}
        }
    }

    /// Takes out of the queue what is no longer there, or there twice.
    fn tidy(&mut self) {
        let slots = &self.slots;
        self.queue.retain(|key| {
            slots
                .get_key_value(key)
                .is_some_and(|(kept, _)| Rc::ptr_eq(kept, key))
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_asked_for_stays() {
        let mut cache = Cache::new(room_for(3));
        for path in [b"/a", b"/b", b"/c"] {
            cache.insert(path, path, ONE);
        }
        assert!(cache.get(b"/a").is_some());
        cache.insert(b"/d", b"/d", ONE);
        assert!(
            cache.get(b"/b").is_none(),
            "first in the queue that nobody asked for"
        );
        for mut path in [b"/a", b"/c", b"/d"] {
            assert_eq!(cache.get(path), Some(&mut path));
        }
    }

    #[test]
    fn a_flood_of_others_does_not_drive_out_what_is_used() {
        let mut cache = Cache::new(room_for(8));
        cache.insert(b"/used", 0, ONE);
        for n in 1..10_000_u32 {
            cache.insert(&n.to_be_bytes(), n, ONE);
            assert!(cache.get(b"/used").is_some(), "after {n}");
        }
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_drives_nothing_out() {
        let mut cache = Cache::new(room_for(2));
        cache.insert(b"/a", 1, ONE);
        cache.insert(
            b"/b",
            2,
            Weight {
                bytes: 0,
                files: 100,
            },
        );
        assert!(cache.get(b"/b").is_none());
        cache.insert(
            b"/a",
            3,
            Weight {
                bytes: 1 << 40,
                files: 0,
            },
        );
        assert!(
            cache.get(b"/a").is_none(),
            "the old value is not true any more"
        );
        assert_eq!(cache.weight(), Weight::default());
    }

    proptest! {
        #[test]
        fn bounds_hold_whatever_comes(steps in prop::collection::vec((0_u8..20, 0_u64..400, 0_u64..3, 0_u8..3), 0..300)) {
            let mut cache = Cache::new(Weight { bytes: 2000, files: 5 });
            for (key, bytes, files, action) in steps {
                match action {
                    0 => cache.remove(&[key]),
                    1 => drop(cache.get(&[key]).copied()),
                    _ => cache.insert(&[key], key, Weight { bytes, files }),
                }
                prop_assert!(!cache.weight().exceeds(cache.bound));
                let sum = cache.slots.values().fold(Weight::default(), |sum, slot| Weight {
                    bytes: sum.bytes + slot.weight.bytes,
                    files: sum.files + slot.weight.files,
                });
                prop_assert_eq!(sum, cache.weight());
                prop_assert!(cache.queue.len() <= 2 * cache.slots.len() + 17);
                let queued = |key| cache.queue.iter().any(|queued| Rc::ptr_eq(queued, key));
                prop_assert!(cache.slots.keys().all(queued));
            }
        }
    }

    const ONE: Weight = Weight {
        bytes: 40,
        files: 1,
    };

    fn room_for(values: u64) -> Weight {
        Weight {
            bytes: 1 << 20,
            files: values,
        }
    }
}
