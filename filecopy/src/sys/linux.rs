//! Linux, by `rustix`: every name is resolved relative to an open folder.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, FallocateFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Timespec,
    Timestamps, XattrFlags,
};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use super::{FileId, Kind, Links, Owner, Span, Stat, Time};

/// Whether several threads may read and write one open file at positions of their own.
pub(crate) const POSITIONED: bool = true;

/// Whether all of a file system can be forced to the disk at once.
pub(crate) const SYNCS_WHOLE: bool = true;

/// Longest path handed to the kernel at once: PATH_MAX less its terminator and a margin for one name.
const PATH_STEP: usize = 3_800;

/// The system's number for a device that failed to read or write.
pub(crate) const EIO: i32 = Errno::IO.raw_os_error();

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The system's number for symbolic links that lead in a circle.
pub(crate) const ELOOP: i32 = Errno::LOOP.raw_os_error();

/// Clears the process's file mode creation mask, so that a file is created with exactly the mode asked
/// for, and returns what it was. Called once, before the first copy.
pub(crate) fn take_umask() -> u32 {
    rustix::process::umask(Mode::empty()).bits()
}

/// Raises the number of files that may be open to the most that is allowed, and returns it.
pub(crate) fn raise_open_files() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit.current != limit.maximum
        && rustix::process::setrlimit(Resource::Nofile, wanted).is_ok()
    {
        return limit.maximum.unwrap_or(u64::MAX);
    }
    limit.current.unwrap_or(u64::MAX)
}

/// The limit of this process's address space (bytes), if it has one.
pub(crate) fn address_space() -> Option<u64> {
    rustix::process::getrlimit(Resource::As).current
}

/// Whether this process may give files to other users and read what their modes forbid.
pub(crate) fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// An open file or folder.
pub(crate) trait Node: AsFd {}
impl Node for File {}
impl Node for Dir {}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Dir {
    /// Opens a folder by a path of any length; links in it are followed. One that may not be listed is opened all the same, to reach
    /// what is in it.
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
    /// nothing, until it breaks off. Memory is `buffer`, whatever the size of the folder. Entries that come and go meanwhile may or may not be told.
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

    /// The extended attributes of an entry that cannot be opened, with their values.
    pub(crate) fn entry_attributes(&self, name: &OsStr) -> io::Result<Vec<(CString, Vec<u8>)>> {
        // The most that Linux gives, of names and of each value.
        const LONGEST: usize = 64 << 10;
        let entry = self.hold(name)?;
        let mut room = vec![0_u8; LONGEST];
        let names = match rustix::fs::listxattr(proc_name(&entry), &mut room[..]) {
            Ok(len) => split_names(&room[..len]),
            Err(Errno::NOTSUP | Errno::NOSYS) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        // One that cannot be read was removed meanwhile.
        let value = |name: CString| {
            let len = rustix::fs::getxattr(proc_name(&entry), &name, &mut room[..]).ok()?;
            Some((name, room[..len].to_vec()))
        };
        Ok(names.into_iter().filter_map(value).collect())
    }

    /// Sets an extended attribute of an entry that cannot be opened.
    pub(crate) fn set_entry_attribute(
        &self,
        name: &OsStr,
        attribute: &CString,
        value: &[u8],
    ) -> io::Result<()> {
        let entry = self.hold(name)?;
        let path = proc_name(&entry);
        Ok(rustix::fs::setxattr(
            path,
            attribute,
            value,
            XattrFlags::empty(),
        )?)
    }

    /// Removes the access control list that a new special file received from this folder.
    pub(crate) fn remove_entry_acl(&self, name: &OsStr) -> io::Result<()> {
        let entry = self.hold(name)?;
        let path = proc_name(&entry);
        removed(rustix::fs::removexattr(path, "system.posix_acl_access"))
    }

    /// An entry, held without access to what is in it.
    fn hold(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?)
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

    /// Whether new entries of this folder receive an access control list from it.
    pub(crate) fn has_default_acl(&self) -> bool {
        rustix::fs::fgetxattr_query(&self.0, "system.posix_acl_default").is_ok_and(|len| len > 0)
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

/// Names of the extended attributes.
pub(crate) fn attributes(node: &impl Node) -> io::Result<Vec<CString>> {
    let mut room = [0_u8; 512];
    let mut long;
    // Almost every file has none or few: one call decides. A list that grows meanwhile is asked for anew.
    let list = match rustix::fs::flistxattr(node, &mut room[..]) {
        Ok(len) => &room[..len],
        Err(Errno::RANGE) => {
            long = vec![0_u8; 64 << 10];
            let len = rustix::fs::flistxattr(node, &mut long[..])?;
            &long[..len]
        }
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(split_names(list))
}

fn split_names(list: &[u8]) -> Vec<CString> {
    list.split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect()
}

/// The value of one extended attribute.
pub(crate) fn attribute(node: &impl Node, name: &CString) -> io::Result<Vec<u8>> {
    loop {
        let len = rustix::fs::fgetxattr_query(node, name.as_c_str())?;
        let mut value = vec![0; len.max(1)];
        match rustix::fs::fgetxattr(node, name.as_c_str(), &mut value[..]) {
            Ok(len) => {
                value.truncate(len);
                return Ok(value);
            }
            // It grew between the two calls.
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sets one extended attribute.
pub(crate) fn set_attribute(node: &impl Node, name: &CString, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(
        node,
        name.as_c_str(),
        value,
        XattrFlags::empty(),
    )?)
}

/// Removes the access control list that a new entry received from its folder.
pub(crate) fn remove_acl(node: &impl Node) -> io::Result<()> {
    remove_attribute(node, "system.posix_acl_access")
}

/// Removes the access control list that a folder gives to new entries.
pub(crate) fn remove_default_acl(folder: &Dir) -> io::Result<()> {
    remove_attribute(folder, "system.posix_acl_default")
}

fn remove_attribute(node: &impl Node, name: &str) -> io::Result<()> {
    removed(rustix::fs::fremovexattr(node, name))
}

/// An attribute that is not there is as good as removed.
fn removed(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

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

/// Reserves storage for `len` bytes without changing the file's size. Fails when the disk has not that much room; a file
/// system that cannot reserve is no failure.
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

/// The first stretch of data at or after `from`, or none up to the end. A file system that does not know its holes answers
/// one stretch to the end.
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

/// A path that leads to what is open, also where it has no name or is open without access.
fn proc_name(node: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", node.as_raw_fd())
}

fn follow_flag(links: Links) -> OFlags {
    if links == Links::Follow {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    }
}

fn ids(owner: Owner) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (
        rustix::fs::Uid::from_raw(owner.user),
        rustix::fs::Gid::from_raw(owner.group),
    )
}

fn timestamps(accessed: Time, modified: Time) -> Timestamps {
    let spec = |time: Time| Timespec {
        tv_sec: time.secs,
        tv_nsec: time.nanos.into(),
    };
    Timestamps {
        last_access: spec(accessed),
        last_modification: spec(modified),
    }
}

fn kind_of(file_type: FileType) -> Option<Kind> {
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

fn convert(stat: &rustix::fs::Stat) -> io::Result<Stat> {
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
