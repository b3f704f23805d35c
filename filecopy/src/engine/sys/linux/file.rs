//! The bytes of open files.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use crate::engine::sys::Span;

/// Fills `buffer` from `position` on, as far as the file reaches; short only at its end.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes all of `bytes` at `position`.
pub(crate) fn write_at(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    file.write_all_at(bytes, position)
}

/// Reserves storage for `len` bytes without changing the file's size. Fails when the disk has not that much room; a
/// file system that cannot reserve is no failure.
pub(crate) fn allocate(file: &File, len: u64) -> io::Result<()> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, len) {
            Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::IO)) => {
                return Err(error.into());
            }
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}

/// Makes a stretch of a file a hole, without changing the file's size.
pub(crate) fn punch(file: &File, start: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(rustix::fs::fallocate(file, flags, start, len)?)
}

/// The first stretch of data at or after `from`, or none up to the end. A file system that does not know its holes
/// answers one stretch to the end.
pub(crate) fn next_data(file: &File, from: u64, size: u64) -> io::Result<Option<Span>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL | Errno::NOTSUP) => {
            return Ok((from < size).then_some(Span {
                start: from,
                end: size,
            }));
        }
        Err(error) => return Err(error.into()),
    };
    let end = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
        Ok(end) => end,
        // It was cut off between the two questions.
        Err(Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Span { start, end }))
}

/// Makes `destination` share all of `source`'s blocks.
pub(crate) fn clone(source: &File, destination: &File) -> io::Result<()> {
    match rustix::fs::ioctl_ficlone(destination, source) {
        Ok(()) => Ok(()),
        Err(
            Errno::XDEV
            | Errno::NOTSUP
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::INVAL
            | Errno::ISDIR
            | Errno::BADF,
        ) => Err(io::ErrorKind::Unsupported.into()),
        Err(error) => Err(error.into()),
    }
}

/// Asks the kernel, or the machine behind a network file system, to copy up to `len` bytes; returns how many it did.
pub(crate) fn offload(
    source: &File,
    destination: &File,
    position: u64,
    len: usize,
) -> io::Result<usize> {
    let (mut from, mut to) = (position, position);
    match rustix::fs::copy_file_range(source, Some(&mut from), destination, Some(&mut to), len) {
        Ok(len) => Ok(len),
        Err(Errno::XDEV | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS | Errno::PERM) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Forgets the cached pages of a file, so that reading it asks the disk.
pub(crate) fn drop_cache(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fadvise(
        file,
        0,
        None,
        rustix::fs::Advice::DontNeed,
    )?)
}
