//! The operating system, behind one set of names. Everything above asks for what it wants done relative
//! to an open folder; how that is said to this system is decided here and nowhere else.
//!
//! | module | when | what it can |
//! |---|---|---|
//! | `linux` | Linux | everything, relative to folder descriptors: no path is resolved twice, none is too long |
//! | `portable` | elsewhere, or with the feature `portable` | the standard library alone: content, folders, links, modes and times; no holes, clones, attributes or unnamed files |
//!
//! What a platform lacks answers [`std::io::ErrorKind::Unsupported`]; callers take the plainer way then.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
mod portable;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) use linux::*;
#[cfg(not(all(target_os = "linux", not(feature = "portable"))))]
pub(crate) use portable::*;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Symlink,
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

/// Whether the last component of a name is followed when it is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Keep,
}

/// One file, whatever it is called: equal exactly when two names lead to the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

/// A point in time of a file system: nanoseconds since the seconds since 1970, which may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time {
    pub(crate) secs: i64,
    pub(crate) nanos: u32,
}

/// The facts about a file that decide how it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) id: FileId,
    /// Permission bits with set-user-ID, set-group-ID and sticky: `0o7777` at most.
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
    pub(crate) names: u64,
    pub(crate) size: u64,
    /// Bytes of storage.
    pub(crate) allocated: u64,
    /// The device a special file stands for.
    pub(crate) device: u64,
    pub(crate) accessed: Time,
    pub(crate) modified: Time,
    /// When content or metadata last changed; cannot be set by anyone.
    pub(crate) changed: Time,
}

/// User and group by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// A stretch of a file that holds data, `start..end`, between holes (bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Span {
    pub(crate) fn len(self) -> u64 {
        self.end - self.start
    }
}
