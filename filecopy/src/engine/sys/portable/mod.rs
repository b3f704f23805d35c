//! Any system, by the standard library alone: folders are paths, names are joined to them.
//!
//! Deliberately plain. Holes are filled, blocks are not shared, extended attributes, special files and the
//! times of symbolic links are not kept, and a tree is as deep as the system's longest path. What remains
//! is the promise that matters: a destination is what it was, or the whole copy.

use std::ffi::CString;
use std::fs::{File, FileTimes, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod dir;
mod facts;

use super::{Owner, Span, Stat, Time};
use facts::convert;

pub(crate) use dir::{Dir, ListBuffer, where_it_lies};

/// Whether several threads may read and write one open file at positions of their own: here a file has one position.
pub(crate) const POSITIONED: bool = false;

/// Whether all of a file system can be forced to the disk at once.
pub(crate) const SYNCS_WHOLE: bool = false;

/// The system's number for a device that failed to read or write: not known here, and matched by nothing.
pub(crate) const EIO: i32 = i32::MIN;

/// The system's number for symbolic links that lead in a circle: not known here either.
pub(crate) const ELOOP: i32 = i32::MIN;

/// The mask that modes are cut by where they are not copied. The standard library cannot ask for it; this is what
/// systems begin with.
pub(crate) fn take_umask() -> u32 {
    0o022
}

/// The number of files that may be open: a careful guess, and folders take none.
pub(crate) fn raise_open_files() -> u64 {
    1_024
}

/// The limit of this process's address space: not known here.
pub(crate) fn address_space() -> Option<u64> {
    None
}

/// Whether this process may give files to other users: it is tried, not asked.
pub(crate) fn is_privileged() -> bool {
    false
}

/// An open file, or a folder.
pub(crate) trait Node {
    fn metadata(&self) -> io::Result<Metadata>;
    fn with_file<T>(&self, use_file: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T>;
}

impl Node for File {
    fn metadata(&self) -> io::Result<Metadata> {
        self.metadata()
    }

    fn with_file<T>(&self, use_file: impl FnOnce(&Self) -> io::Result<T>) -> io::Result<T> {
        use_file(self)
    }
}

impl Node for Dir {
    fn metadata(&self) -> io::Result<Metadata> {
        std::fs::metadata(&self.0)
    }

    fn with_file<T>(&self, use_file: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        use_file(&File::open(&self.0)?)
    }
}

/// The facts about an open file or folder.
pub(crate) fn stat(node: &impl Node) -> io::Result<Stat> {
    convert(&node.metadata()?)
}

/// Sets user and group.
pub(crate) fn set_owner(node: &impl Node, owner: Owner) -> io::Result<()> {
    #[cfg(unix)]
    return node
        .with_file(|file| std::os::unix::fs::fchown(file, Some(owner.user), Some(owner.group)));
    #[cfg(not(unix))]
    return node.with_file(|_| drop_all(owner));
}

/// Sets the group alone.
pub(crate) fn set_group(node: &impl Node, group: u32) -> io::Result<()> {
    #[cfg(unix)]
    return node.with_file(|file| std::os::unix::fs::fchown(file, None, Some(group)));
    #[cfg(not(unix))]
    return node.with_file(|_| drop_all(group));
}

/// Sets the mode, or what of it the system has: elsewhere than on Unix, whether the owner may write.
pub(crate) fn set_mode(node: &impl Node, mode: u32) -> io::Result<()> {
    let mut permissions = node.metadata()?.permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, mode);
    #[cfg(not(unix))]
    permissions.set_readonly(mode & 0o200 == 0);
    node.with_file(|file| file.set_permissions(permissions))
}

/// Sets access and modification time.
pub(crate) fn set_times(node: &impl Node, accessed: Time, modified: Time) -> io::Result<()> {
    let times = FileTimes::new()
        .set_accessed(moment(accessed))
        .set_modified(moment(modified));
    node.with_file(|file| file.set_times(times))
}

/// Extended attributes are not known here.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn attributes(_node: &impl Node) -> io::Result<Vec<CString>> {
    Ok(Vec::new())
}

/// Never called: there are no names.
pub(crate) fn attribute(_node: &impl Node, _name: &CString) -> io::Result<Vec<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never called: there are no names.
pub(crate) fn set_attribute(_node: &impl Node, _name: &CString, _value: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never called: [`Dir::has_default_acl`] says no.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn remove_acl(_node: &impl Node) -> io::Result<()> {
    Ok(())
}

/// Never called: [`Dir::has_default_acl`] says no.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn remove_default_acl(_folder: &Dir) -> io::Result<()> {
    Ok(())
}

/// Fills `buffer` from `position` on, as far as the file reaches; short only at its end.
pub(crate) fn read_at(mut file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    // Pipes have no position and are read front to back in any case.
    drop(file.seek(SeekFrom::Start(position)));
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes all of `bytes` at `position`.
pub(crate) fn write_at(mut file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    drop(file.seek(SeekFrom::Start(position)));
    file.write_all(bytes)
}

/// Storage cannot be reserved here, which is no failure.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn allocate(_file: &File, _len: u64) -> io::Result<()> {
    Ok(())
}

/// Holes cannot be made here.
pub(crate) fn punch(_file: &File, _start: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Holes are not known here: one stretch to the end.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn next_data(_file: &File, from: u64, size: u64) -> io::Result<Option<Span>> {
    Ok((from < size).then_some(Span {
        start: from,
        end: size,
    }))
}

/// Blocks cannot be shared here.
pub(crate) fn clone(_source: &File, _destination: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Nobody else copies here.
pub(crate) fn offload(
    _source: &File,
    _destination: &File,
    _position: u64,
    _len: usize,
) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The system's cache cannot be dropped here: what is read back may come from memory.
#[expect(clippy::unnecessary_wraps, reason = "other systems may fail")]
pub(crate) fn drop_cache(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn drop_all<T>(_unused: T) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn moment(time: Time) -> SystemTime {
    let secs = Duration::from_secs(time.secs.unsigned_abs());
    let whole = if time.secs < 0 {
        UNIX_EPOCH - secs
    } else {
        UNIX_EPOCH + secs
    };
    whole + Duration::from_nanos(time.nanos.into())
}
