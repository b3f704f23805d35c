//! Where an entry stands: the open folders on both sides, and the names that lead there.
//!
//! A [`Place`] is names alone and costs no descriptor; a [`Pair`] is two open folders. A [`Folder`] joins
//! them, and may close its pair when descriptors are scarce: whoever needs it opens it again along the
//! place's names from the job's roots, and refuses if something else stands there by then.
//!
//! Rule: nothing below a root is ever reached by a path string; paths exist for people only.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::engine::filter::Patterns;
use crate::engine::sys::{Dir, FileId, Links, Owner};

/// The way from a job's roots to one folder.
#[derive(Debug)]
pub(crate) struct Place {
    parent: Option<Arc<Self>>,
    /// A root's whole path as the user named it; below, the name on both sides.
    source: OsString,
    /// A root's whole path; unused below.
    destination: OsString,
    /// What stood there when it was first opened.
    pub(crate) source_id: Option<FileId>,
    pub(crate) destination_id: Option<FileId>,
    pub(crate) depth: usize,
    /// Whether this run made the destination folder, so that every entry it has is of this run too.
    pub(crate) fresh: bool,
}

impl Place {
    /// The place of a job's roots.
    pub(crate) fn root(source: PathBuf, destination: PathBuf) -> Self {
        Self {
            parent: None,
            source: source.into_os_string(),
            destination: destination.into_os_string(),
            source_id: None,
            destination_id: None,
            depth: 0,
            fresh: false,
        }
    }

    /// The place of a folder in this one.
    pub(crate) fn child(self: &Arc<Self>, name: OsString, fresh: bool) -> Self {
        Self {
            parent: Some(Arc::clone(self)),
            source: name,
            destination: OsString::new(),
            source_id: None,
            destination_id: None,
            depth: self.depth + 1,
            fresh,
        }
    }

    /// The same place, with what was found there.
    pub(crate) fn found(mut self, source: FileId, destination: Option<FileId>) -> Self {
        self.source_id = Some(source);
        self.destination_id = destination;
        self
    }

    /// Path of the source folder, for people.
    pub(crate) fn source(&self) -> PathBuf {
        let (root, names) = self.names();
        names
            .into_iter()
            .rev()
            .fold(PathBuf::from(&root.source), |path, name| path.join(name))
    }

    /// Path of the destination folder, for people.
    pub(crate) fn destination(&self) -> PathBuf {
        let (root, names) = self.names();
        names
            .into_iter()
            .rev()
            .fold(PathBuf::from(&root.destination), |path, name| {
                path.join(name)
            })
    }

    /// Path below the roots, for filters.
    pub(crate) fn below_root(&self) -> PathBuf {
        self.names().1.into_iter().rev().collect()
    }

    /// Opens the destination folder anew from the job's roots; none when it is the root itself.
    pub(crate) fn open_destination(&self, root: &Pair) -> io::Result<Option<Dir>> {
        self.reopen(root.destination()?, Links::Keep)
    }

    /// Goes down from one of the job's roots along the names that lead here; none when this is the root itself.
    pub(crate) fn reopen(&self, root: &Dir, links: Links) -> io::Result<Option<Dir>> {
        let mut folder: Option<Dir> = None;
        for name in self.names().1.into_iter().rev() {
            folder = Some(folder.as_ref().unwrap_or(root).child(name, links)?);
        }
        Ok(folder)
    }

    /// Whether this folder or one around it has this identity: a followed link led in a circle.
    pub(crate) fn is_inside(&self, source: FileId) -> bool {
        self.chain().any(|place| place.source_id == Some(source))
    }

    /// This place and those around it, outwards.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |place| place.parent.as_deref())
    }

    /// The root, and the names from here outwards to it.
    fn names(&self) -> (&Self, Vec<&OsStr>) {
        let mut names = Vec::with_capacity(self.depth);
        let mut root = self;
        while let Some(parent) = root.parent.as_deref() {
            names.push(root.source.as_os_str());
            root = parent;
        }
        (root, names)
    }
}

impl Drop for Place {
    // Dropping a chain link by link: the default would recurse once a level and overflow the stack in very deep trees.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut place) = next.and_then(Arc::into_inner) {
            next = place.parent.take();
        }
    }
}

/// An open source folder and the open destination folder its entries go to.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) source: Dir,
    /// None in a dry run where the folder does not exist.
    pub(crate) destination: Option<Dir>,
    /// File systems of both.
    pub(crate) devices: (u64, u64),
    /// Whether new entries receive an access control list from the folder.
    pub(crate) default_acl: bool,
    /// Who owns files made in the destination, learnt from the first one.
    pub(crate) gives: OnceLock<Owner>,
    open: Arc<AtomicUsize>,
}

impl Pair {
    /// Joins two open folders; `open` counts the pairs that are.
    pub(crate) fn new(
        source: Dir,
        destination: Option<Dir>,
        devices: (u64, u64),
        open: &Arc<AtomicUsize>,
    ) -> Self {
        open.fetch_add(1, Relaxed);
        let default_acl = destination.as_ref().is_some_and(Dir::has_default_acl);
        Self {
            source,
            destination,
            devices,
            default_acl,
            gives: OnceLock::new(),
            open: Arc::clone(open),
        }
    }

    /// The destination folder.
    pub(crate) fn destination(&self) -> io::Result<&Dir> {
        self.destination
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

/// A folder in work.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) place: Arc<Place>,
    /// Patterns of `.gitignore` files from here outwards.
    pub(crate) patterns: Option<Arc<Patterns>>,
    pair: Mutex<Option<Arc<Pair>>>,
}

impl Folder {
    pub(crate) fn new(place: Arc<Place>, patterns: Option<Arc<Patterns>>, pair: Arc<Pair>) -> Self {
        Self {
            place,
            patterns,
            pair: Mutex::new(Some(pair)),
        }
    }

    /// Closes the pair; [`Folder::pair`] opens it again.
    pub(crate) fn close(&self) {
        *self.pair.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The open pair, opened again from `root` if it was closed; `links` tells whether the source was reached through
    /// links.
    pub(crate) fn pair(&self, root: &Pair, links: Links) -> io::Result<Arc<Pair>> {
        if let Some(pair) = &*self.pair.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(pair));
        }
        let source = self
            .place
            .reopen(&root.source, links)?
            .ok_or(io::ErrorKind::NotFound)?;
        // In a dry run it may not be there, and was not there before.
        let destination = match (&root.destination, self.place.destination_id) {
            (Some(top), Some(_)) => self.place.reopen(top, Links::Keep)?,
            _ => None,
        };
        let found = crate::engine::sys::stat(&source)?.id;
        let found_destination = destination
            .as_ref()
            .map(crate::engine::sys::stat)
            .transpose()?
            .map(|stat| stat.id);
        if self.place.source_id != Some(found) || self.place.destination_id != found_destination {
            return Err(io::Error::other("the folder was moved while it was copied"));
        }
        let devices = (found.dev, found_destination.map_or(0, |id| id.dev));
        Ok(Arc::new(Pair::new(
            source,
            destination,
            devices,
            &root.open,
        )))
    }
}

/// One entry to copy: an open pair of folders and the entry's name in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'a> {
    pub(crate) pair: &'a Arc<Pair>,
    pub(crate) place: &'a Arc<Place>,
    pub(crate) source_name: &'a OsStr,
    pub(crate) destination_name: &'a OsStr,
    /// Whether this is what the user named, and `place` is its own and not its folder's.
    pub(crate) is_root: bool,
    /// Whether links are followed for this entry.
    pub(crate) links: Links,
    /// Whether what can be read from it is copied, whatever it is.
    pub(crate) takes_contents: bool,
}

impl Spot<'_> {
    /// Path of the source, for people.
    pub(crate) fn source(&self) -> PathBuf {
        if self.is_root {
            self.place.source()
        } else {
            self.place.source().join(self.source_name)
        }
    }

    /// Path of the destination, for people.
    pub(crate) fn destination(&self) -> PathBuf {
        if self.is_root {
            self.place.destination()
        } else {
            self.place.destination().join(self.destination_name)
        }
    }

    /// Whether the destination folder was made by this run.
    pub(crate) fn is_fresh(&self) -> bool {
        !self.is_root && self.place.fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_the_user_named_and_the_names_below() {
        let root = Arc::new(Place::root("from/here".into(), "to".into()));
        let inner = Arc::new(root.child("b".into(), true));
        let innermost = inner.child("c d".into(), true);
        assert_eq!(innermost.source(), PathBuf::from("from/here/b/c d"));
        assert_eq!(innermost.destination(), PathBuf::from("to/b/c d"));
        assert_eq!(innermost.below_root(), PathBuf::from("b/c d"));
        assert_eq!(root.below_root(), PathBuf::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_closed_folder_is_opened_again_by_the_way_it_was_found() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        // At the destination `c` stands elsewhere than in the source.
        for folder in ["from/real/b/c", "to/link/c", "to/c"] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        std::os::unix::fs::symlink("real", path("from/link")).unwrap();
        let open = |name: &str| Dir::open(&path(name)).expect("a folder");
        let id = |name: &str| crate::engine::sys::stat(&open(name)).expect("a folder").id;
        let count = Arc::default();
        let root = Pair::new(open("from"), Some(open("to")), (1, 1), &count);
        let reopened = |names: &[&str], ids: (FileId, Option<FileId>), links| {
            let top = Arc::new(Place::root(path("from"), path("to")));
            let place = names
                .iter()
                .fold(top, |place, name| Arc::new(place.child(name.into(), false)));
            let place = Arc::into_inner(place)
                .expect("ours alone")
                .found(ids.0, ids.1);
            let pair = Pair::new(open("from"), None, (1, 1), &count);
            let folder = Folder::new(Arc::new(place), None, Arc::new(pair));
            folder.close();
            folder.pair(&root, links)
        };
        let (link, there) = (id("from/real"), id("to/link"));
        let (inner, none) = (id("from/real/b/c"), None);
        let below = ["link", "b", "c"];
        let rows: [(&str, &[&str], _, _, Option<bool>); 4] = [
            (
                "a link that was followed",
                &["link"],
                (link, Some(there)),
                Links::Follow,
                Some(true),
            ),
            (
                "a link that was not",
                &["link"],
                (link, Some(there)),
                Links::Keep,
                None,
            ),
            (
                "not there, in a dry run",
                &below,
                (inner, none),
                Links::Follow,
                Some(false),
            ),
            (
                "another stands there now",
                &["link"],
                (inner, Some(there)),
                Links::Follow,
                None,
            ),
        ];
        for (name, names, ids, links, has_destination) in rows {
            let found = reopened(names, ids, links).ok();
            let found = found.map(|pair| pair.destination.is_some());
            assert_eq!(found, has_destination, "{name}");
        }
    }

    #[test]
    fn a_chain_of_any_depth_is_dropped_without_recursion() {
        let mut place = Arc::new(Place::root("s".into(), "d".into()));
        for _ in 0..200_000 {
            place = Arc::new(place.child("x".into(), true));
        }
        assert_eq!(place.depth, 200_000);
        drop(place);
    }
}
