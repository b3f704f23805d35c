//! Hard links: names that are one file in the source become one file in the copy.
//!
//! The first worker to meet a file with several names copies it; others that meet another name meanwhile
//! wait for it. Waiting is safe because a copy of one file waits for nothing but workers that are already
//! moving its bytes. An entry is forgotten when all its names have been met, so memory follows the links
//! still open, not the tree.

use std::collections::HashMap;
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::place::{Pair, Place};
use crate::engine::sys::FileId;

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
    /// Whether the place's path is the copy's own, and not its folder's.
    pub(crate) is_root: bool,
}

/// What to do with a name of a file that has several.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// Copy it, then settle.
    First(Unsettled<'a>),
    /// Make the name a link to this.
    Again(Copied),
}

/// The duty to tell how the first copy of a file ended. Others wait for it, so dropping it, in a panic too, tells
/// that there is no copy.
#[derive(Debug)]
pub(crate) struct Unsettled<'a> {
    links: &'a Links,
    id: FileId,
}

impl Unsettled<'_> {
    /// Tells how the copy ended. Without a copy the next name is copied as if it were the first.
    pub(crate) fn settle(self, copied: Option<Copied>) {
        // Settled once: by then another name may have been claimed anew.
        let duty = ManuallyDrop::new(self);
        duty.links.settle(duty.id, copied);
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        self.links.settle(self.id, None);
    }
}

impl Links {
    /// The finished copy of the file `id`, if it has one that other names wait for.
    pub(crate) fn copied(&self, id: FileId) -> Option<Copied> {
        match &self.files().get(&id)?.state {
            State::BeingCopied => None,
            State::Copied(copied) => Some(copied.clone()),
        }
    }

    /// Claims one name of the file `id`, which has `names` in all.
    pub(crate) fn claim(&self, id: FileId, names: u64) -> Claim<'_> {
        let mut files = self.files();
        loop {
            let Some(entry) = files.get_mut(&id) else {
                files.insert(
                    id,
                    Entry {
                        left: names.saturating_sub(1),
                        state: State::BeingCopied,
                    },
                );
                return Claim::First(Unsettled { links: self, id });
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

    fn settle(&self, id: FileId, copied: Option<Copied>) {
        let mut files = self.files();
        match (copied, files.get_mut(&id)) {
            (Some(copied), Some(entry)) if entry.left > 0 => entry.state = State::Copied(copied),
            _ => drop(files.remove(&id)),
        }
        drop(files);
        self.changed.notify_all();
    }

    fn files(&self) -> MutexGuard<'_, HashMap<FileId, Entry>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::engine::sys::Dir;

    const ID: FileId = FileId { dev: 1, ino: 2 };

    fn copied(name: &str) -> Copied {
        let here = || Dir::open(Path::new(".")).expect("the current folder");
        Copied {
            root: Arc::new(Pair::new(here(), Some(here()), (1, 1), &Arc::default())),
            place: Arc::new(Place::root(PathBuf::from("s"), PathBuf::from("d"))),
            name: name.into(),
            is_root: false,
        }
    }

    fn first(links: &Links, names: u64) -> Unsettled<'_> {
        match links.claim(ID, names) {
            Claim::First(unsettled) => unsettled,
            Claim::Again(copied) => panic!("copied already: {copied:?}"),
        }
    }

    #[test]
    fn a_file_is_copied_once_linked_for_its_other_names_and_then_forgotten() {
        let links = Links::default();
        first(&links, 3).settle(Some(copied("a")));
        for _ in 0..2 {
            assert!(matches!(links.claim(ID, 3), Claim::Again(copied) if copied.name == "a"));
        }
        assert!(links.files().is_empty(), "all names met");
    }

    #[test]
    fn after_a_copy_that_failed_or_broke_off_the_next_name_is_the_first() {
        let links = Links::default();
        first(&links, 3).settle(None);
        drop(first(&links, 3));
        drop(first(&links, 3));
    }

    #[test]
    fn another_name_never_copies_again_while_the_first_is_under_way() {
        let links = Links::default();
        let under_way = first(&links, 2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| matches!(links.claim(ID, 2), Claim::Again(_)));
            under_way.settle(Some(copied("a")));
            // Whichever of the two runs first, the answer is the same.
            assert!(other.join().expect("no panic"));
        });
    }
}
