//! What the standard library tells about a file, as the facts that decide how it is copied. A leaf.

use std::fs::Metadata;
use std::io;
#[cfg(not(unix))]
use std::time::{SystemTime, UNIX_EPOCH};

use crate::engine::sys::{FileId, Kind, Owner, Stat, Time};

#[cfg(unix)]
pub(super) fn kind_of(file_type: std::fs::FileType) -> Option<Kind> {
    use std::os::unix::fs::FileTypeExt as _;
    Some(match file_type {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_symlink() => Kind::Symlink,
        kind if kind.is_fifo() => Kind::Fifo,
        kind if kind.is_socket() => Kind::Socket,
        kind if kind.is_char_device() => Kind::CharDevice,
        kind if kind.is_block_device() => Kind::BlockDevice,
        _ => return None,
    })
}

#[cfg(not(unix))]
pub(super) fn kind_of(file_type: std::fs::FileType) -> Option<Kind> {
    Some(match file_type {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_symlink() => Kind::Symlink,
        _ => return None,
    })
}

#[cfg(unix)]
pub(super) fn convert(found: &Metadata) -> io::Result<Stat> {
    use std::os::unix::fs::MetadataExt as _;
    let time = |secs, nanos: i64| Time {
        secs,
        nanos: u32::try_from(nanos).unwrap_or(0),
    };
    Ok(Stat {
        kind: kind_of(found.file_type()).ok_or(io::ErrorKind::Unsupported)?,
        id: FileId {
            dev: found.dev(),
            ino: found.ino(),
        },
        mode: found.mode() & 0o7777,
        owner: Owner {
            user: found.uid(),
            group: found.gid(),
        },
        names: found.nlink(),
        size: found.len(),
        // Holes cannot be kept, so none are seen.
        allocated: found.len(),
        device: found.rdev(),
        accessed: time(found.atime(), found.atime_nsec()),
        modified: time(found.mtime(), found.mtime_nsec()),
        changed: time(found.ctime(), found.ctime_nsec()),
    })
}

/// Where files have no number they are told apart by what can be had: creation time and size make two files differ,
/// so that no file is taken for another one unless these agree.
#[cfg(not(unix))]
pub(super) fn convert(found: &Metadata) -> io::Result<Stat> {
    let time = |moment: io::Result<SystemTime>| {
        let since = moment
            .ok()
            .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        Time {
            secs: i64::try_from(since.as_secs()).unwrap_or(0),
            nanos: since.subsec_nanos(),
        }
    };
    let created = time(found.created());
    let mode = if found.permissions().readonly() {
        0o444
    } else {
        0o644
    };
    Ok(Stat {
        kind: kind_of(found.file_type()).ok_or(io::ErrorKind::Unsupported)?,
        id: FileId {
            dev: found.len(),
            ino: created.secs.unsigned_abs() * 1_000_000_000 + u64::from(created.nanos),
        },
        mode: if found.is_dir() { mode | 0o111 } else { mode },
        owner: Owner { user: 0, group: 0 },
        names: 1,
        size: found.len(),
        allocated: found.len(),
        device: 0,
        accessed: time(found.accessed()),
        modified: time(found.modified()),
        changed: time(found.modified()),
    })
}
