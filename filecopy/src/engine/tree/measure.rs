//! How much there is to copy, for whoever shows progress: a walk beside the copy, on a thread of its own.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Mounts, Options};
use crate::engine::filter;
use crate::engine::plan;
use crate::engine::sys::{self, Dir, FileId, Kind, Links, ListBuffer, Stat};
use crate::job::Progress;

/// How much a measurement may take. A tree that needs more has no total, because memory and descriptors must not
/// follow the tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Folders open at a time.
    open: usize,
    /// Folders found, but not entered yet.
    waiting: usize,
    /// Files of several names, each of which is counted once.
    met: usize,
}

impl Bounds {
    /// Some 3 MB of memory and at most `open` descriptors.
    pub(crate) const fn new(open: usize) -> Self {
        Self {
            open,
            waiting: 16_384,
            met: 50_000,
        }
    }
}

/// The size of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Total {
    /// Adds one entry that is no folder.
    pub(crate) fn add(&mut self, stat: &Stat) {
        self.files += 1;
        if stat.kind == Kind::File {
            // Holes are not moved. Storage says less than the size in small files too, where the file system packs
            // them.
            self.bytes += if stat.size < 1 << 20 {
                stat.size
            } else {
                stat.size.min(stat.allocated)
            };
        }
    }
}

/// Measures a tree. None when the job was cancelled, a part cannot be read, or the tree is out of bounds: then there
/// is no honest total.
pub(crate) fn tree(
    options: &Options,
    progress: &Progress,
    root: Dir,
    bounds: Bounds,
) -> io::Result<Option<Total>> {
    let device = sys::stat(&root)?.id.dev;
    let mut walk = Walk::new(options, root);
    let mut buffer = ListBuffer::new();
    while let Some(found) = walk.waiting.pop() {
        // A folder stays open while one in it waits: one on each level at most.
        if found.depth >= bounds.open {
            return Ok(None);
        }
        let folder = Arc::new(found.around.child(&found.name, walk.links)?);
        if options.mounts == Mounts::Skip && sys::stat(&*folder)?.id.dev != device {
            continue;
        }
        let mut failure = None;
        let mut is_given_up = false;
        folder.list(&mut buffer, |name, _| {
            failure = walk.entry(&folder, &found, name).err();
            is_given_up = progress.is_cancelled() || walk.exceeds(bounds);
            if failure.is_some() || is_given_up {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if is_given_up {
            return Ok(None);
        }
    }
    Ok(Some(walk.total))
}

/// A measurement under way.
struct Walk<'a> {
    options: &'a Options,
    links: Links,
    total: Total,
    met: HashSet<FileId>,
    waiting: Vec<Found>,
}

/// A folder found, but not entered yet.
struct Found {
    around: Arc<Dir>,
    name: OsString,
    /// Below the root; empty where no filter asks for it.
    path: PathBuf,
    depth: usize,
}

impl<'a> Walk<'a> {
    fn new(options: &'a Options, root: Dir) -> Self {
        let links = plan::links_below(options);
        let root = Found {
            around: Arc::new(root),
            name: ".".into(),
            path: PathBuf::new(),
            depth: 1,
        };
        Self {
            options,
            links,
            total: Total::default(),
            met: HashSet::new(),
            waiting: vec![root],
        }
    }

    fn exceeds(&self, bounds: Bounds) -> bool {
        self.waiting.len() > bounds.waiting || self.met.len() > bounds.met
    }

    /// Adds an entry of an open folder.
    fn entry(&mut self, folder: &Arc<Dir>, found: &Found, name: &OsStr) -> io::Result<()> {
        let stat = folder.stat(name, self.links)?;
        let is_folder = stat.kind == Kind::Folder;
        let path = if self.options.filter.takes_all() {
            PathBuf::new()
        } else {
            found.path.join(name)
        };
        if filter::is_excluded(&self.options.filter, None, &path, is_folder) {
            return Ok(());
        }
        if is_folder {
            self.waiting.push(Found {
                around: Arc::clone(folder),
                name: name.to_owned(),
                path,
                depth: found.depth + 1,
            });
        } else if stat.names < 2 || !self.options.preserve.links || self.met.insert(stat.id) {
            self.total.add(&stat);
        } else {
            self.total.files += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tree_is_measured_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(root.join("c")).unwrap();
        fs::write(root.join("a/one"), [1; 10]).unwrap();
        fs::write(root.join("a/b/two"), [1; 5]).unwrap();
        fs::hard_link(root.join("a/b/two"), root.join("c/another name")).unwrap();
        fs::write(root.join("c/three"), [1; 1]).unwrap();
        fs::hard_link(root.join("c/three"), root.join("c/four")).unwrap();
        let bounds = |open, waiting, met| Bounds { open, waiting, met };
        let total = Some(Total {
            bytes: 16,
            files: 5,
        });
        let rows = [
            ("room to spare", Bounds::new(100), total),
            ("just enough", bounds(4, 2, 2), total),
            ("too deep", bounds(3, 2, 2), None),
            ("too wide", bounds(4, 1, 2), None),
            ("too many files of several names", bounds(4, 2, 1), None),
        ];
        for (name, bounds, expected) in rows {
            let root = Dir::open(root).expect("a folder");
            let found = tree(&Options::default(), &Progress::default(), root, bounds);
            assert_eq!(found.expect("readable"), expected, "{name}");
        }
    }
}
