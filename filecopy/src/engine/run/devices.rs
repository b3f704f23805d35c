//! What is known about pairs of file systems, so that each is asked once and not for every file.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Knowledge by (source, destination) device number.
#[derive(Debug, Default)]
pub(crate) struct Devices(RwLock<BTreeMap<(u64, u64), Known>>);

/// What is known about one pair.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// Whether blocks can be shared between the two; none until it was tried.
    pub(crate) clones: Option<bool>,
    /// Whether the destination is another machine.
    pub(crate) is_remote: Option<bool>,
}

impl Devices {
    pub(crate) fn known(&self, pair: (u64, u64)) -> Known {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&pair)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn learn(&self, pair: (u64, u64), change: impl FnOnce(&mut Known)) {
        change(
            self.0
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(pair)
                .or_default(),
        );
    }
}
