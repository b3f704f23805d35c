//! What is known about a file in the making: its metadata, and the names it bears until it has its own. A leaf.

use std::ffi::{OsStr, OsString};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is known about a staged file's metadata without asking.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    /// It was created by us.
    New {
        /// With these permission bits.
        created: u32,
        /// It ends with these, unless modes are kept.
        wanted: u32,
    },
    /// It was there before.
    Kept,
    /// It is a folder, made by this run or there before.
    Folder {
        /// Which of the two.
        is_fresh: bool,
    },
}

/// A name that no other copy of this or another process uses.
pub(super) fn temporary_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        ".filecopy-{}-{}.tmp",
        std::process::id(),
        COUNT.fetch_add(1, Relaxed)
    )
    .into()
}

/// Whether a name is one of ours, left by a process that was killed.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".filecopy-")
}
