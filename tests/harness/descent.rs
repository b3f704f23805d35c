//! Moves through a tree by file descriptor, one name at a time, as deep as the tree goes.
//!
//! Path strings end at 4,096 bytes; a tree does not. Only the current folder is open, so that depth costs no
//! descriptors: the way back is `..`, checked against the identity noted on the way in.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, CWD, Dir, FileType, Mode, OFlags, ResolveFlags};

/// What a folder to work in is opened with.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A current folder, and the identities of the folders above it up to the root.
#[derive(Debug)]
pub(crate) struct Descent {
    here: OwnedFd,
    above: Vec<Identity>,
}

/// What names a file for as long as it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    dev: u64,
    ino: u64,
}

impl Descent {
    /// Starts at `root`, which is below PATH_MAX itself.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        let here = fs::openat(CWD, root, FOLDER, Mode::empty())?;
        Ok(Self {
            here,
            above: Vec::new(),
        })
    }

    /// The current folder.
    pub(crate) fn here(&self) -> BorrowedFd<'_> {
        self.here.as_fd()
    }

    /// Goes into the folder `name`. Refuses a symbolic link, and with `EXDEV` a mount point, a bind mount included.
    pub(crate) fn enter(&mut self, name: &CStr) -> io::Result<()> {
        let below = fs::openat2(
            &self.here,
            name,
            FOLDER,
            Mode::empty(),
            ResolveFlags::NO_XDEV,
        )?;
        self.above.push(identity(&self.here)?);
        self.here = below;
        Ok(())
    }

    /// Goes back to the folder above, or fails if that is no longer the one it came from.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        let expected = self.above.pop().expect("leave follows an enter");
        let above = fs::openat(&self.here, c"..", FOLDER, Mode::empty())?;
        if identity(&above)? != expected {
            return Err(io::Error::other("the folder was moved meanwhile"));
        }
        self.here = above;
        Ok(())
    }

    /// The names in the current folder, sorted, with their kinds.
    pub(crate) fn list(&self) -> io::Result<Vec<(CString, FileType)>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.here)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let stat = fs::statat(&self.here, name, fs::AtFlags::SYMLINK_NOFOLLOW)?;
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            names.push((name.to_owned(), kind));
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }
}

fn identity(folder: &OwnedFd) -> io::Result<Identity> {
    let stat = fs::fstat(folder)?;
    Ok(Identity {
        dev: stat.st_dev,
        ino: stat.st_ino,
    })
}
