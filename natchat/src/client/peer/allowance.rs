//! How much memory all peers together may fill with long records that are not whole yet.
//!
//! Short records need none of it, so whoever promises long lines and does not send them keeps nobody else from chatting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes for all: sixteen of the longest lines at a time.
const BYTES: u64 = 256 << 20;

/// What is left; all copies are one.
#[derive(Clone, Debug)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(BYTES)))
    }
}

impl Allowance {
    /// So many bytes, if they are left.
    pub(crate) fn take(&self, bytes: u64) -> Option<Grant> {
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.is_ok().then(|| Grant {
            left: self.clone(),
            bytes,
        })
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
        self.left.0.fetch_add(self.bytes, Ordering::Relaxed);
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
