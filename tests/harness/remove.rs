//! Removes a tree whatever a test made of it: folders without permissions, immutable files, depth past PATH_MAX,
//! file systems still mounted inside.
//!
//! What is mounted inside is detached, never entered: a bind mount leads out of the sandbox into files that live.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, IFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use crate::descent::Descent;

/// A process that is still dying may add a file behind our back; a tree that refills more often is in use.
const PASSES: usize = 5;

/// Removes the folder `root` and everything in it.
pub(crate) fn remove_tree(root: &Path) -> io::Result<()> {
    let mut result = Ok(());
    for _ in 0..PASSES {
        result = clear_and_remove(root);
        match &result {
            Err(error) if error.raw_os_error() == Some(Errno::NOTEMPTY.raw_os_error()) => {}
            _ => break,
        }
    }
    result
}

/// One folder on the way down: its name in the folder above, and the folders in it that are still there.
struct Level {
    name: CString,
    folders: Vec<CString>,
}

fn clear_and_remove(root: &Path) -> io::Result<()> {
    unlock_root(root)?;
    let mut descent = Descent::new(root)?;
    let mut levels = vec![Level {
        name: CString::default(),
        folders: clear_files(&descent)?,
    }];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.folders.pop() {
            enter_forcibly(&mut descent, &name)?;
            let folders = clear_files(&descent)?;
            levels.push(Level { name, folders });
            continue;
        }
        let done = levels.pop().expect("the loop holds a level");
        if !levels.is_empty() {
            descent.leave()?;
            unlink_forcibly(&descent, &done.name, AtFlags::REMOVEDIR)?;
        }
    }
    std::fs::remove_dir(root)
}

/// Removes all that is not a folder from the current one, and returns the folders.
fn clear_files(descent: &Descent) -> io::Result<Vec<CString>> {
    let mut folders = Vec::new();
    for (name, kind) in descent.list()? {
        if kind == FileType::Directory {
            folders.push(name);
        } else {
            unlink_forcibly(descent, &name, AtFlags::empty())?;
        }
    }
    Ok(folders)
}

fn enter_forcibly(descent: &mut Descent, name: &CStr) -> io::Result<()> {
    // Every obstacle is removed once; the fourth attempt has none left to remove.
    for _ in 0..3 {
        let Err(error) = descent.enter(name) else {
            return unlock_here(descent);
        };
        match Errno::from_io_error(&error) {
            Some(Errno::XDEV) => unmount_inside(descent, name)?,
            Some(Errno::ACCESS) => {
                fs::chmodat(descent.here(), name, Mode::RWXU, AtFlags::empty())?;
            }
            _ => return Err(error),
        }
    }
    descent.enter(name)
}

/// What can be removed here must be writable, and neither immutable nor append-only.
fn unlock_here(descent: &Descent) -> io::Result<()> {
    let stat = fs::fstat(descent.here())?;
    if Mode::from_raw_mode(stat.st_mode).contains(Mode::RWXU) {
        return Ok(());
    }
    clear_flags(descent.here());
    Ok(fs::fchmod(descent.here(), Mode::RWXU)?)
}

fn unlock_root(root: &Path) -> io::Result<()> {
    if let Ok(descent) = Descent::new(root) {
        return unlock_here(&descent);
    }
    Ok(fs::chmodat(CWD, root, Mode::RWXU, AtFlags::empty())?)
}

fn unlink_forcibly(descent: &Descent, name: &CStr, flags: AtFlags) -> io::Result<()> {
    match fs::unlinkat(descent.here(), name, flags) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::PERM) => {
            clear_flags(descent.here());
            let plain = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            if let Ok(file) = fs::openat(descent.here(), name, plain, Mode::empty()) {
                clear_flags(&file);
            }
        }
        Err(Errno::BUSY) => unmount_inside(descent, name)?,
        Err(error) => return Err(error.into()),
    }
    Ok(fs::unlinkat(descent.here(), name, flags)?)
}

/// Best effort: the attempt to unlink that follows reports what did not help.
fn clear_flags(file: impl AsFd) {
    if let Ok(flags) = fs::ioctl_getflags(&file) {
        fs::ioctl_setflags(&file, flags - (IFlags::IMMUTABLE | IFlags::APPEND)).ok();
    }
}

fn unmount_inside(descent: &Descent, name: &CStr) -> io::Result<()> {
    let mut path = format!("/proc/self/fd/{}/", descent.here().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    Ok(unmount(
        path,
        UnmountFlags::DETACH | UnmountFlags::NOFOLLOW,
    )?)
}
