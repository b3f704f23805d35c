//! Opens a path beneath a folder by asking the kernel to stay there: `openat2`, Linux 5.6 and later.
//!
//! Containment is decided within the one call that opens, so nothing that is renamed or replaced meanwhile can lead
//! out. What the kernel will not do, follow an absolute link that leads back in, is left to [`super::walk`].

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// How often the kernel is asked again when a rename anywhere in the system kept it from being sure about a `..`.
/// Once is nearly always enough; somebody who renames without pause must not keep a thread here.
const TRIES: usize = 8;

/// What the kernel is to see to while it follows a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// No step may leave the folder.
    Beneath,
    /// Links may lead anywhere, but not through another process's descriptors (`/proc/*/fd`).
    Anywhere,
}

/// Whether this system has the call and lets us use it: it may be older, or a sandbox may forbid it.
pub(super) fn is_available(root: BorrowedFd<'_>) -> bool {
    open(root, b".", OFlags::PATH | OFlags::CLOEXEC, Stay::Beneath).is_ok()
}

/// Opens what `path` leads to from `root`.
///
/// # Errors
/// `XDEV` when a step would leave the root or a link is absolute; `AGAIN` when renames kept the kernel from deciding.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    stay: Stay,
) -> Result<OwnedFd, Errno> {
    let resolve = match stay {
        Stay::Beneath => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        Stay::Anywhere => ResolveFlags::NO_MAGICLINKS,
    };
    for _ in 1..TRIES {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            answer => return answer,
        }
    }
    openat2(root, path, flags, Mode::empty(), resolve)
}
