//! The folders that files were lately found in, so that a thousand files of one folder are looked at again for little
//! more than a call each.
//!
//! A folder's own time of change tells whether a name came or went in it. While it is the same, nothing has come to lie
//! beside a file that had nothing beside it, and the file's own facts are all that need be looked at.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::files::root::{HeldFolder, Root};

/// Folders by path, each an open descriptor.
#[derive(Debug)]
pub(super) struct Folders {
    held: HashMap<Box<[u8]>, Held, RandomState>,
    /// How many there may be; then all are let go.
    most: u64,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) folder: HeldFolder,
    /// When it was found: milliseconds since the worker began.
    pub(super) checked: u64,
}

impl Folders {
    /// None yet, and never more than so many.
    pub(super) fn new(most: u64) -> Self {
        Self {
            held: HashMap::default(),
            most,
        }
    }

    /// The folder at a path, found no longer than `fresh_ms` ago.
    pub(super) fn hold(
        &mut self,
        root: &Root,
        path: &[u8],
        fresh_ms: u64,
        now: u64,
    ) -> Option<&Held> {
        let is_fresh = self
            .held
            .get(path)
            .is_some_and(|held| now.saturating_sub(held.checked) < fresh_ms);
        if !is_fresh {
            let folder = root.hold(path)?;
            if self.held.len() as u64 >= self.most {
                self.held.clear();
            }
            let held = Held {
                folder,
                checked: now,
            };
            self.held.insert(path.into(), held);
        }
        self.held.get(path)
    }
}

/// A path as folder, with its slash, and name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    path.split_at(slash)
}
