//! What happens when: events by time, and at the same time in the order in which they were put in.

use std::collections::BTreeMap;
use std::time::Instant;

/// Names one pending event.
pub(crate) type Key = (Instant, u64);

/// The pending events of a world.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    events: BTreeMap<Key, T>,
    next: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<T> Queue<T> {
    /// `event` will happen `at` that time, unless cancelled.
    pub(crate) fn push(&mut self, at: Instant, event: T) -> Key {
        let key = (at, self.next);
        self.events.insert(key, event);
        self.next += 1;
        key
    }

    /// The event will not happen; nothing changes when it has.
    pub(crate) fn cancel(&mut self, key: Key) {
        self.events.remove(&key);
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The first event, unless it happens after `until`.
    pub(crate) fn pop(&mut self, until: Option<Instant>) -> Option<(Instant, T)> {
        let first = self.events.first_entry()?;
        let (at, _) = *first.key();
        if until.is_some_and(|until| at > until) {
            return None;
        }
        Some((at, first.remove()))
    }
}
