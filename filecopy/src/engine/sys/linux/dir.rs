//! An open folder, and everything that is done by name in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;

use super::metadata::{convert, ids, kind_of, timestamps};
use super::proc_name;
use crate::engine::sys::{Kind, Links, Owner, Stat, Time};

/// Longest path handed to the kernel at once: PATH_MAX less its terminator and a margin for one name.
const PATH_STEP: usize = 3_800;

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Dir {
    /// Opens a folder by a path of any length; links in it are followed. One that may not be listed is opened all the
    /// same, to reach what is in it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let bytes = path.as_os_str().as_bytes();
        if bytes.len() < PATH_STEP {
            return Self::reach(CWD, path.as_os_str());
        }
        let mut at = if path.is_absolute() {
            Self::open(Path::new("/"))?
        } else {
            Self::open(Path::new("."))?
        };
        let mut step = PathBuf::new();
        for part in path
            .components()
            .filter(|part| !matches!(part, std::path::Component::RootDir))
        {
            if !step.as_os_str().is_empty()
                && step.as_os_str().len() + part.as_os_str().len() >= PATH_STEP
            {
                at = Self::reach(&at, step.as_os_str())?;
                step.clear();
            }
            step.push(part);
        }
        Self::reach(&at, step.as_os_str())
    }

    fn reach(from: impl AsFd, path: &OsStr) -> io::Result<Self> {
        match rustix::fs::openat(&from, path, FOLDER, Mode::empty()) {
            Err(Errno::ACCESS) => {
                let flags = FOLDER | OFlags::PATH;
                Ok(Self(rustix::fs::openat(from, path, flags, Mode::empty())?))
            }
            opened => Ok(Self(opened?)),
        }
    }

    /// The folder around this one.
    pub(crate) fn above(&self) -> io::Result<Self> {
        Self::reach(self, OsStr::new(".."))
    }

    /// Opens a folder in this one.
    pub(crate) fn child(&self, name: &OsStr, links: Links) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(
            &self.0,
            name,
            FOLDER | follow_flag(links),
            Mode::empty(),
        )?))
    }

    /// What a name in this folder leads to.
    pub(crate) fn stat(&self, name: &OsStr, links: Links) -> io::Result<Stat> {
        let flags = if links == Links::Follow {
            AtFlags::empty()
        } else {
            AtFlags::SYMLINK_NOFOLLOW
        };
        convert(&rustix::fs::statat(&self.0, name, flags)?)
    }

    /// Calls `each` with every name in this folder (not `.` and `..`) and its kind where the file system tells it for
    /// nothing, until it breaks off. Memory is `buffer`, whatever the size of the folder. Entries that come and go
    /// meanwhile may or may not be told.
    pub(crate) fn list(
        &self,
        buffer: &mut ListBuffer,
        mut each: impl FnMut(&OsStr, Option<Kind>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut entries = RawDir::new(&self.0, &mut buffer.0);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let is_real = name != b"." && name != b"..";
            if is_real && each(OsStr::from_bytes(name), kind_of(entry.file_type())).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Starts the listing over.
    pub(crate) fn rewind(&self) -> io::Result<()> {
        rustix::fs::seek(&self.0, SeekFrom::Start(0))?;
        Ok(())
    }

    /// Opens a file for reading. Never waits for a writer when the name has become a fifo, unless `wait`.
    pub(crate) fn open_file(&self, name: &OsStr, links: Links, wait: bool) -> io::Result<File> {
        let patience = if wait {
            OFlags::empty()
        } else {
            OFlags::NONBLOCK
        };
        let flags =
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | patience | follow_flag(links);
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Opens an existing file for writing, emptying it when `truncate`.
    pub(crate) fn open_for_writing(&self, name: &OsStr, truncate: bool) -> io::Result<File> {
        let cut = if truncate {
            OFlags::TRUNC
        } else {
            OFlags::empty()
        };
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOCTTY | cut;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Opens a file for writing, made if it is not there; a link is followed even to nothing.
    pub(crate) fn create_through(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Whether this process may write to what a name leads to.
    pub(crate) fn is_writable(&self, name: &OsStr) -> bool {
        rustix::fs::accessat(&self.0, name, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
    }

    /// Opens a file for reading and writing, without making it.
    pub(crate) fn open_both(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Creates a file that must not exist, open for reading and writing.
    pub(crate) fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Creates a file without a name, which vanishes when it is closed before [`Dir::name_file`].
    pub(crate) fn create_unnamed(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, ".", flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Gives a file made by [`Dir::create_unnamed`] a name that must not exist.
    pub(crate) fn name_file(&self, file: &File, name: &OsStr) -> io::Result<()> {
        // The other way, AT_EMPTY_PATH, needs a capability on kernels before 6.10.
        let path = proc_name(file);
        rustix::fs::linkat(CWD, path, &self.0, name, AtFlags::SYMLINK_FOLLOW)?;
        Ok(())
    }

    /// Makes a folder.
    pub(crate) fn make_folder(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(
            &self.0,
            name,
            Mode::from_raw_mode(mode),
        )?)
    }

    /// Makes a symbolic link.
    pub(crate) fn make_link(&self, target: &OsStr, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Makes a fifo, socket or device.
    pub(crate) fn make_special(
        &self,
        name: &OsStr,
        kind: Kind,
        mode: u32,
        device: u64,
    ) -> io::Result<()> {
        let file_type = match kind {
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            Kind::File | Kind::Folder | Kind::Symlink => {
                return Err(io::ErrorKind::Unsupported.into());
            }
        };
        Ok(rustix::fs::mknodat(
            &self.0,
            name,
            file_type,
            Mode::from_raw_mode(mode),
            device,
        )?)
    }

    /// The target of a symbolic link.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        Ok(OsString::from_vec(
            rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes(),
        ))
    }

    /// Gives an entry another name in this folder, replacing what has it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Makes `name` in `into` another name of this folder's `from`.
    pub(crate) fn link(
        &self,
        from: &OsStr,
        links: Links,
        into: &Self,
        name: &OsStr,
    ) -> io::Result<()> {
        let flags = if links == Links::Follow {
            AtFlags::SYMLINK_FOLLOW
        } else {
            AtFlags::empty()
        };
        Ok(rustix::fs::linkat(&self.0, from, &into.0, name, flags)?)
    }

    /// Removes an entry that is no folder.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Sets the owner of an entry that cannot be opened (a link or special file).
    pub(crate) fn set_entry_owner(&self, name: &OsStr, owner: Owner) -> io::Result<()> {
        let (user, group) = ids(owner);
        Ok(rustix::fs::chownat(
            &self.0,
            name,
            Some(user),
            Some(group),
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Sets the mode of a special file, which an owner change may have narrowed.
    pub(crate) fn set_entry_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::chmodat(
            &self.0,
            name,
            Mode::from_raw_mode(mode),
            AtFlags::empty(),
        )?)
    }

    /// Sets the times of an entry that cannot be opened.
    pub(crate) fn set_entry_times(
        &self,
        name: &OsStr,
        accessed: Time,
        modified: Time,
    ) -> io::Result<()> {
        let times = timestamps(accessed, modified);
        Ok(rustix::fs::utimensat(
            &self.0,
            name,
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    /// Forces this folder's names to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match rustix::fs::fsync(&self.0) {
            // It may not be read; everything is forced then.
            Err(Errno::BADF) => {
                rustix::fs::sync();
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Forces everything written to this folder's file system to the disk.
    pub(crate) fn sync_file_system(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }

    /// Whether this folder is one of /proc, whose links lead to what processes have open.
    pub(crate) fn is_of_processes(&self) -> bool {
        rustix::fs::fstatfs(&self.0).is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC)
    }

    /// Whether files in this folder live on another machine: there, writes may fail as late as at closing, and the
    /// machine can copy by itself.
    pub(crate) fn is_remote(&self) -> bool {
        // From the kernel's magic numbers: NFS, SMB (three generations), FUSE, AFS, Ceph, 9P.
        const REMOTE: [u32; 8] = [
            0x6969,
            0x517B,
            0xFF53_4D42,
            0xFE53_4D42,
            0x6573_5546,
            0x5346_414F,
            0x00C3_6400,
            0x0102_1997,
        ];
        rustix::fs::fstatfs(&self.0)
            .is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|kind| REMOTE.contains(&kind)))
    }

    /// An entry, held without access to what is in it.
    pub(super) fn hold(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?)
    }
}

/// Memory for listing one folder at a time.
#[derive(Debug)]
pub(crate) struct ListBuffer(Vec<MaybeUninit<u8>>);

impl ListBuffer {
    pub(crate) fn new() -> Self {
        // The size at which the C library lists as well: some 1,000 names a call.
        Self(vec![MaybeUninit::uninit(); 32 << 10])
    }
}
fn follow_flag(links: Links) -> OFlags {
    if links == Links::Follow {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    }
}
