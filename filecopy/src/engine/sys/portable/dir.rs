//! A folder by its path, and everything that is done by name in it.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::facts::{convert, kind_of};
use super::set_mode;
use crate::engine::sys::{Kind, Links, Owner, Stat, Time};

/// A folder.
#[derive(Debug)]
pub(crate) struct Dir(pub(super) PathBuf);

impl Dir {
    /// A folder by its path; links in it are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // Listing is the one thing that only a readable folder allows, and that fails on everything else.
        drop(std::fs::read_dir(path)?);
        Ok(Self(path.to_owned()))
    }

    /// A folder in this one.
    pub(crate) fn child(&self, name: &OsStr, links: Links) -> io::Result<Self> {
        if links == Links::Keep && name != "." && name != ".." {
            let kind = self.stat(name, Links::Keep)?.kind;
            if kind != Kind::Folder {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        Self::open(&self.0.join(name))
    }

    /// The folder around this one.
    pub(crate) fn above(&self) -> io::Result<Self> {
        Self::open(&self.0.join(".."))
    }

    /// What a name in this folder leads to.
    pub(crate) fn stat(&self, name: &OsStr, links: Links) -> io::Result<Stat> {
        let path = self.0.join(name);
        convert(&match links {
            Links::Follow => std::fs::metadata(path)?,
            Links::Keep => std::fs::symlink_metadata(path)?,
        })
    }

    /// Calls `each` with every name in this folder until it breaks off.
    pub(crate) fn list(
        &self,
        _buffer: &mut ListBuffer,
        mut each: impl FnMut(&OsStr, Option<Kind>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            let kind = entry.file_type().ok().and_then(kind_of);
            if each(&entry.file_name(), kind).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Starts the listing over: each listing here is a new one.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn rewind(&self) -> io::Result<()> {
        Ok(())
    }

    /// Opens a file for reading. A fifo is refused unless `wait`: opening it could wait for ever.
    pub(crate) fn open_file(&self, name: &OsStr, links: Links, wait: bool) -> io::Result<File> {
        let kind = self.stat(name, links)?.kind;
        if kind != Kind::File && !wait {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        File::open(self.0.join(name))
    }

    /// Opens an existing file for writing, emptying it when `truncate`.
    pub(crate) fn open_for_writing(&self, name: &OsStr, truncate: bool) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .truncate(truncate)
            .open(self.0.join(name))
    }

    /// Opens a file for writing, made if it is not there; a link is followed even to nothing.
    pub(crate) fn create_through(&self, name: &OsStr, _mode: u32) -> io::Result<File> {
        File::create(self.0.join(name))
    }

    /// Whether this process may write to what a name leads to.
    pub(crate) fn is_writable(&self, name: &OsStr) -> bool {
        OpenOptions::new()
            .write(true)
            .open(self.0.join(name))
            .is_ok()
    }

    /// Opens a file for reading and writing, without making it.
    pub(crate) fn open_both(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.0.join(name))
    }

    /// Creates a file that must not exist, open for reading and writing.
    pub(crate) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.0.join(name))?;
        set_mode(&file, mode)?;
        Ok(file)
    }

    /// There are no files without a name here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn create_unnamed(&self, _mode: u32) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// There are no files without a name here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn name_file(&self, _file: &File, _name: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes a folder.
    pub(crate) fn make_folder(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        let path = self.0.join(name);
        std::fs::create_dir(&path)?;
        set_mode(&Self(path), mode)
    }

    /// Makes a symbolic link.
    pub(crate) fn make_link(&self, target: &OsStr, name: &OsStr) -> io::Result<()> {
        let path = self.0.join(name);
        #[cfg(unix)]
        return std::os::unix::fs::symlink(target, path);
        #[cfg(windows)]
        return std::os::windows::fs::symlink_file(target, path);
        #[cfg(not(any(unix, windows)))]
        return Err(io::ErrorKind::Unsupported.into());
    }

    /// Special files cannot be made here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn make_special(
        &self,
        _name: &OsStr,
        _kind: Kind,
        _mode: u32,
        _device: u64,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(std::fs::read_link(self.0.join(name))?.into_os_string())
    }

    /// Gives an entry another name in this folder, replacing what has it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    /// Makes `name` in `into` another name of this folder's `from`.
    pub(crate) fn link(
        &self,
        from: &OsStr,
        links: Links,
        into: &Self,
        name: &OsStr,
    ) -> io::Result<()> {
        let mut from = self.0.join(from);
        if links == Links::Follow {
            from = std::fs::canonicalize(from)?;
        }
        std::fs::hard_link(from, into.0.join(name))
    }

    /// Removes an entry that is no folder.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        std::fs::remove_dir(self.0.join(name))
    }

    /// Sets the owner of an entry that cannot be opened.
    pub(crate) fn set_entry_owner(&self, name: &OsStr, owner: Owner) -> io::Result<()> {
        let path = self.0.join(name);
        #[cfg(unix)]
        return std::os::unix::fs::lchown(path, Some(owner.user), Some(owner.group));
        #[cfg(not(unix))]
        return super::drop_all((path, owner));
    }

    /// Sets the mode of a special file: there are none here.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn set_entry_mode(&self, _name: &OsStr, _mode: u32) -> io::Result<()> {
        Ok(())
    }

    /// There are none.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn entry_attributes(&self, _name: &OsStr) -> io::Result<Vec<(CString, Vec<u8>)>> {
        Ok(Vec::new())
    }

    /// Never called: there are none.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn set_entry_attribute(
        &self,
        _name: &OsStr,
        _attribute: &CString,
        _value: &[u8],
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called: [`Dir::has_default_acl`] says no.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn remove_entry_acl(&self, _name: &OsStr) -> io::Result<()> {
        Ok(())
    }

    /// The times of a symbolic link cannot be set here; they are the one thing that is silently not kept.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn set_entry_times(
        &self,
        _name: &OsStr,
        _accessed: Time,
        _modified: Time,
    ) -> io::Result<()> {
        Ok(())
    }

    /// Forces this folder's names to the disk, where folders can be opened.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    /// Never called: see [`SYNCS_WHOLE`].
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Not known here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn is_of_processes(&self) -> bool {
        false
    }

    /// Not known here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn is_remote(&self) -> bool {
        false
    }

    /// Not known here.
    #[expect(
        clippy::unused_self,
        reason = "other systems have something to do here"
    )]
    pub(crate) fn has_default_acl(&self) -> bool {
        false
    }
}

/// Where a folder really lies, links resolved. Mounts are not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lies(PathBuf);

impl Lies {
    /// Whether this is `outer` or lies in it.
    pub(crate) fn is_inside(&self, outer: &Self) -> bool {
        self.0.starts_with(&outer.0)
    }
}

/// Where a folder really lies.
pub(crate) fn where_it_lies(folder: &Dir) -> Option<Lies> {
    std::fs::canonicalize(&folder.0).ok().map(Lies)
}

/// Memory for listing: the standard library has its own.
#[derive(Debug)]
pub(crate) struct ListBuffer;

impl ListBuffer {
    pub(crate) fn new() -> Self {
        Self
    }
}
