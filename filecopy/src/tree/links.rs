//! Hard links: names that are one file in the source become one file in the copy.
//!
//! The first worker to meet a file with several names copies it; others that meet another name meanwhile
//! wait for it. Waiting is safe because a copy of one file waits for nothing but workers that are already
//! moving its bytes. An entry is forgotten when all its names have been met, so memory follows the links
//! still open, not the tree.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::place::{Pair, Place};
use crate::sys::FileId;

/// Files with several names met so far.
#[derive(Debug, Default)]
pub(crate) struct Links {
    files: Mutex<HashMap<FileId, Entry>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Entry {
    /// Names not met yet.
    left: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    BeingCopied,
    Copied(Copied),
}

/// A finished copy: the job's roots, the folder below them and the name there.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    pub(crate) root: Arc<Pair>,
    pub(crate) place: Arc<Place>,
    pub(crate) name: OsString,
}

/// What to do with a name of a file that has several.
#[derive(Debug)]
pub(crate) enum Claim {
    /// Copy it, then call [`Links::settle`].
    First,
    /// Make the name a link to this.
    Again(Copied),
}

impl Links {
    /// Claims one name of the file `id`, which has `names` in all.
    pub(crate) fn claim(&self, id: FileId, names: u64) -> Claim {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(entry) = files.get_mut(&id) else {
                files.insert(
                    id,
                    Entry {
                        left: names.saturating_sub(1),
                        state: State::BeingCopied,
                    },
                );
                return Claim::First;
            };
            if let State::Copied(copied) = &entry.state {
                let copied = copied.clone();
                entry.left = entry.left.saturating_sub(1);
                if entry.left == 0 {
                    files.remove(&id);
                }
                return Claim::Again(copied);
            }
            files = self
                .changed
                .wait(files)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells how the copy claimed as [`Claim::First`] ended. Without a copy the next name is copied as if it were the first.
    pub(crate) fn settle(&self, id: FileId, copied: Option<Copied>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match (copied, files.get_mut(&id)) {
            (Some(copied), Some(entry)) if entry.left > 0 => entry.state = State::Copied(copied),
            _ => drop(files.remove(&id)),
        }
        drop(files);
        self.changed.notify_all();
    }
}
