//! Where copies are made: a fresh file system in memory, or without root a temporary folder, with a warning.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{FsKind, LoopFs, Sandbox, is_root};
use rustix::fs::{OFlags, statvfs, syncfs};

use crate::child::this_program;

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

/// Uses as much memory as an arena of `len` bytes will, for a moment, so that the machine has it at hand: a virtual
/// machine gives long unused memory back to its host, and fetching it takes ten times as long as the copy into it.
/// In a child process, whose end frees it.
pub(crate) fn have_memory_at_hand(len: u64) {
    // In the page cache, and in the image that is itself in memory; but half of what is free is for others.
    let wanted = (2 * len).min(available_memory() / 2);
    this_program()
        .args(["--touch", &wanted.to_string()])
        .run()
        .succeeds();
}

/// The child's part of [`have_memory_at_hand`].
pub(crate) fn touch(len: usize) {
    const PAGE_LEN: usize = 4_096;
    let mut memory = vec![0_u8; len];
    memory
        .iter_mut()
        .step_by(PAGE_LEN)
        .for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
}

/// As the kernel estimates it, in bytes; 0 if it does not.
fn available_memory() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
