//! What is known of a file or folder without reading it.
//!
//! Not here: names and paths. [`Facts`] say which file it is and whether it has changed, never what it is called.

use rustix::fs::{FileType, Stat};

/// What a path may lead to. Whatever is neither is never served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

impl Kind {
    /// The kind of what was looked at; `None` for a link, FIFO, socket or device.
    pub(super) fn of(stat: &Stat) -> Option<Self> {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(Self::File),
            FileType::Directory => Some(Self::Folder),
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => None,
        }
    }
}

/// Which file it is and in what state. Equal facts mean: the same file, unchanged.
///
/// The time of the last change of state is among them because the time of the last change of content can be set back
/// by whoever owns the file, and this one cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The device that it is on.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// Bytes of content.
    pub len: u64,
    /// When the content last changed: nanoseconds since 1970, negative before.
    pub modified_ns: i128,
    /// When content, mode, owner or number of names last changed: nanoseconds since 1970.
    pub changed_ns: i128,
}

/// How long ago something must have been changed for that time to tell of all later changes. Clocks of file systems tick
/// every few milliseconds, or every two seconds on FAT.
const RACY_NANOS: i128 = 2_000_000_000;

impl Facts {
    /// Whether the last change was so shortly before `now`, in nanoseconds since 1970, that another within the same tick
    /// of the file system's clock would leave the facts as they are.
    #[must_use]
    pub const fn is_racy_at(&self, now: i128) -> bool {
        now - self.changed_ns < RACY_NANOS
    }

    /// The facts in what the system tells.
    #[expect(
        clippy::unnecessary_cast,
        reason = "the widths of these fields differ between systems"
    )]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed_ns: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
        }
    }
}

fn nanoseconds(secs: i128, nanos: i128) -> i128 {
    secs * 1_000_000_000 + nanos
}
