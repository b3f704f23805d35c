//! Linux, by `rustix`: every name is resolved relative to an open folder.
//!
//! `dir` holds the open folder and what is done by name in it, `file` the bytes of open files, `metadata`
//! owner, mode and times, `attributes` extended attributes and access control lists, `mounts` where a
//! folder really lies.

mod attributes;
mod dir;
mod file;
mod metadata;
mod mounts;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

pub(crate) use attributes::{attribute, attributes, remove_acl, remove_default_acl, set_attribute};
pub(crate) use dir::{Dir, ListBuffer};
pub(crate) use file::{allocate, clone, drop_cache, next_data, offload, punch, read_at, write_at};
pub(crate) use metadata::{set_group, set_mode, set_owner, set_times, stat};
pub(crate) use mounts::where_it_lies;

/// Whether several threads may read and write one open file at positions of their own.
pub(crate) const POSITIONED: bool = true;

/// Whether all of a file system can be forced to the disk at once.
pub(crate) const SYNCS_WHOLE: bool = true;

/// The system's number for a device that failed to read or write.
pub(crate) const EIO: i32 = Errno::IO.raw_os_error();

/// The system's number for symbolic links that lead in a circle.
pub(crate) const ELOOP: i32 = Errno::LOOP.raw_os_error();

/// Clears the process's file mode creation mask, so that a file is created with exactly the mode asked
/// for, and returns what it was. Called once, before the first copy.
pub(crate) fn take_umask() -> u32 {
    rustix::process::umask(Mode::empty()).bits()
}

/// Raises the number of files that may be open to the most that is allowed, and returns it.
pub(crate) fn raise_open_files() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current != limit.maximum
        && rustix::process::setrlimit(Resource::Nofile, wanted).is_ok()
    {
        return limit.maximum.unwrap_or(u64::MAX);
    }
    limit.current.unwrap_or(u64::MAX)
}

/// The limit of this process's address space (bytes), if it has one.
pub(crate) fn address_space() -> Option<u64> {
    rustix::process::getrlimit(Resource::As).current
}

/// Whether this process may give files to other users and read what their modes forbid.
pub(crate) fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// An open file or folder.
pub(crate) trait Node: AsFd {}
impl Node for File {}
impl Node for Dir {}
/// A path that leads to what is open, also where it has no name or is open without access.
fn proc_name(node: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", node.as_fd().as_raw_fd())
}
