//! Where copies are made: a fresh file system in memory, or without root a temporary folder, with a warning.

use std::path::{Path, PathBuf};

use harness::{FsKind, LoopFs, Sandbox, is_root};
use rustix::fs::{OFlags, statvfs, syncfs};

/// A place that holds one source and any number of copies.
#[derive(Debug)]
pub(crate) enum Arena {
    /// Made anew when full.
    Fresh(LoopFs),
    /// Emptied when asked.
    Folder(Sandbox),
}

/// Free space.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

impl Arena {
    /// A new arena of `len` bytes; `None` if what it needs is missing.
    pub(crate) fn new(kind: FsKind, len: u64, options: &'static [&'static str]) -> Option<Self> {
        if !is_root() && kind == FsKind::Ext4 {
            harness::leave_out(
                "a fresh file system per row",
                "not root; measured in a temporary folder instead, where creating files may be slow",
                "run it as root",
            );
            return Some(Self::Folder(Sandbox::new()));
        }
        // An inode per block: trees of small files run out of inodes first.
        let options: &[&str] = if kind == FsKind::Ext4 {
            &["-i", "4096"]
        } else {
            &[]
        };
        LoopFs::with_options(kind, len, options).map(Self::Fresh)
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Fresh(fs) => fs.path(),
            Self::Folder(sandbox) => sandbox.path(),
        }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Empties it in a way that leaves no trace of what was there.
    pub(crate) fn remake(&mut self) {
        match self {
            Self::Fresh(fs) => fs.remake(),
            Self::Folder(sandbox) => *sandbox = Sandbox::new(),
        }
    }

    /// Writes out what earlier runs left to be written.
    pub(crate) fn settle(&self) {
        let folder = rustix::fs::open(
            self.path(),
            OFlags::RDONLY | OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        );
        folder
            .and_then(syncfs)
            .expect("the arena is a folder of ours");
    }

    pub(crate) fn room(&self) -> Room {
        let free = statvfs(self.path()).expect("the arena is a folder of ours");
        Room {
            bytes: free.f_bavail * free.f_frsize,
            inodes: free.f_favail,
        }
    }
}

/// Makes the machine have this much free memory at hand, by using it for a moment. Runs in a child process, whose end
/// frees it.
pub(crate) fn touch(len: usize) {
    const PAGE_LEN: usize = 4_096;
    let mut memory = vec![0_u8; len];
    memory
        .iter_mut()
        .step_by(PAGE_LEN)
        .for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
}
