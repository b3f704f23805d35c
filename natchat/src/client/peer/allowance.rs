//! How much memory all peers together may fill with long records that are not whole yet.
//!
//! And whether anything is read at all: not while the user cannot be shown more.
//!
//! Short records need none of it, so whoever promises long lines and does not send them keeps nobody else from chatting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes for all: sixteen of the longest lines at a time.
const BYTES: u64 = 256 << 20;

/// What is left; all copies are one.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    left: Arc<AtomicU64>,
    is_listening: Arc<AtomicBool>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            left: Arc::new(AtomicU64::new(BYTES)),
            is_listening: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl Allowance {
    /// So many bytes, if they are left.
    pub(crate) fn take(&self, bytes: u64) -> Option<Grant> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.is_ok().then(|| Grant {
            left: self.clone(),
            bytes,
        })
    }

    /// Whether anything is to be read, from now on.
    pub(crate) fn set_listening(&self, is_listening: bool) {
        self.is_listening.store(is_listening, Ordering::Relaxed);
    }

    /// Whether anything is to be read.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_listening.load(Ordering::Relaxed)
    }
}

/// Bytes taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Grant {
    left: Allowance,
    bytes: u64,
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.left.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_and_given_back() {
        let allowance = Allowance::default();
        let most = allowance.take(BYTES - 1).unwrap();
        let rest = allowance.clone().take(1);
        assert!(rest.is_some());
        assert!(allowance.take(1).is_none());
        drop(most);
        assert!(allowance.take(BYTES).is_none());
        drop(rest);
        assert!(allowance.take(BYTES).is_some());
    }
}
