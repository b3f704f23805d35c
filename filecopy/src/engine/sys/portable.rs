//! Any system, by the standard library alone: folders are paths, names are joined to them.
//!
//! Deliberately plain. Holes are filled, blocks are not shared, extended attributes, special files and the
//! times of symbolic links are not kept, and a tree is as deep as the system's longest path. What remains
//! is the promise that matters: a destination is what it was, or the whole copy.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{FileId, Kind, Links, Owner, Span, Stat, Time};

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

/// A folder.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

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
        return drop_all((path, owner));
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

#[cfg(unix)]
fn kind_of(file_type: std::fs::FileType) -> Option<Kind> {
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
fn kind_of(file_type: std::fs::FileType) -> Option<Kind> {
    Some(match file_type {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_symlink() => Kind::Symlink,
        _ => return None,
    })
}

#[cfg(unix)]
fn convert(found: &Metadata) -> io::Result<Stat> {
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
fn convert(found: &Metadata) -> io::Result<Stat> {
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
