//! How much there is to copy, for whoever shows progress: a walk beside the copy, on a thread of its own.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Follow, Mounts, Options};
use crate::filter;
use crate::job::Progress;
use crate::sys::{self, Dir, FileId, Kind, Links, ListBuffer, Stat};

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
            // Holes are not moved. Storage says less than the size in small files too, where the file system packs them.
            self.bytes += if stat.size < 1 << 20 {
                stat.size
            } else {
                stat.size.min(stat.allocated)
            };
        }
    }
}

/// Measures a tree. None when the job was cancelled or a part cannot be read: then there is no honest total.
pub(crate) fn tree(options: &Options, progress: &Progress, root: Dir) -> io::Result<Option<Total>> {
    let device = sys::stat(&root)?.id.dev;
    let links = if options.follow == Follow::Always {
        Links::Follow
    } else {
        Links::Keep
    };
    let mut total = Total::default();
    let mut met: HashSet<FileId> = HashSet::new();
    let mut buffer = ListBuffer::new();
    let mut waiting: Vec<(Arc<Dir>, OsString, PathBuf)> =
        vec![(Arc::new(root), ".".into(), PathBuf::new())];
    while let Some((around, name, path)) = waiting.pop() {
        let folder = Arc::new(around.child(&name, links)?);
        if options.mounts == Mounts::Skip && sys::stat(&*folder)?.id.dev != device {
            continue;
        }
        let mut entry = |name: &OsStr| -> io::Result<()> {
            let stat = folder.stat(name, links)?;
            let is_folder = stat.kind == Kind::Folder;
            let path = if options.filter.takes_all() {
                PathBuf::new()
            } else {
                path.join(name)
            };
            if filter::is_excluded(&options.filter, None, &path, is_folder) {
                return Ok(());
            }
            if is_folder {
                waiting.push((Arc::clone(&folder), name.to_owned(), path));
            } else if stat.names < 2 || !options.preserve.links || met.insert(stat.id) {
                total.add(&stat);
            } else {
                total.files += 1;
            }
            Ok(())
        };
        let mut failure = None;
        folder.list(&mut buffer, |name, _| match entry(name) {
            Ok(()) if !progress.is_cancelled() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })?;
        if progress.is_cancelled() || failure.is_some() {
            return failure.map_or(Ok(None), Err);
        }
    }
    Ok(Some(total))
}
