//! Facts about open files, and setting owner, mode and times.

use std::io;

use rustix::fs::{FileType, Mode, Timespec, Timestamps};

use super::Node;
use crate::engine::sys::{FileId, Kind, Owner, Stat, Time};

/// The facts about an open file or folder.
pub(crate) fn stat(node: &impl Node) -> io::Result<Stat> {
    convert(&rustix::fs::fstat(node)?)
}

/// Sets user and group.
pub(crate) fn set_owner(node: &impl Node, owner: Owner) -> io::Result<()> {
    let (user, group) = ids(owner);
    Ok(rustix::fs::fchown(node, Some(user), Some(group))?)
}

/// Sets the group alone.
pub(crate) fn set_group(node: &impl Node, group: u32) -> io::Result<()> {
    Ok(rustix::fs::fchown(
        node,
        None,
        Some(rustix::fs::Gid::from_raw(group)),
    )?)
}

/// Sets the mode, all twelve bits.
pub(crate) fn set_mode(node: &impl Node, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(node, Mode::from_raw_mode(mode))?)
}

/// Sets access and modification time.
pub(crate) fn set_times(node: &impl Node, accessed: Time, modified: Time) -> io::Result<()> {
    Ok(rustix::fs::futimens(node, &timestamps(accessed, modified))?)
}
pub(super) fn ids(owner: Owner) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (
        rustix::fs::Uid::from_raw(owner.user),
        rustix::fs::Gid::from_raw(owner.group),
    )
}

pub(super) fn timestamps(accessed: Time, modified: Time) -> Timestamps {
    let spec = |time: Time| Timespec {
        tv_sec: time.secs,
        tv_nsec: time.nanos.into(),
    };
    Timestamps {
        last_access: spec(accessed),
        last_modification: spec(modified),
    }
}

pub(super) fn kind_of(file_type: FileType) -> Option<Kind> {
    Some(match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => return None,
    })
}

pub(super) fn convert(stat: &rustix::fs::Stat) -> io::Result<Stat> {
    let kind = kind_of(FileType::from_raw_mode(stat.st_mode)).ok_or(io::ErrorKind::Unsupported)?;
    let time = |secs, nanos: u64| Time {
        secs,
        nanos: u32::try_from(nanos).unwrap_or(0),
    };
    Ok(Stat {
        kind,
        id: FileId {
            dev: stat.st_dev,
            ino: stat.st_ino,
        },
        mode: stat.st_mode & 0o7777,
        owner: Owner {
            user: stat.st_uid,
            group: stat.st_gid,
        },
        names: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        allocated: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
        device: stat.st_rdev,
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    })
}
