//! A value that one thread changes and another waits on, without polling.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::time::Deadline;

/// A shared value whose changes can be awaited.
#[derive(Debug, Default)]
pub(crate) struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Condvar::new(),
        }
    }

    /// Looks at the value as it is now.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the value and wakes whoever waits.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `ready` holds; false if the deadline came first.
    pub(crate) fn wait(&self, deadline: Deadline, mut ready: impl FnMut(&T) -> bool) -> bool {
        let mut value = self.lock();
        loop {
            if ready(&value) {
                return true;
            }
            if deadline.has_passed() {
                return false;
            }
            (value, _) = self
                .changed
                .wait_timeout(value, deadline.left())
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A predicate that panicked in one thread must not hide the output from the report of that panic.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
