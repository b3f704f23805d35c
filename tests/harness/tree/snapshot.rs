//! Reads a tree into memory: one [`Entry`] per name, without following links or entering other mounts.
//!
//! Trouble with one entry (a file that may not be read) is recorded in that entry, so that two trees of an
//! unprivileged user can be compared all the same.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, SeekFrom, Stat, getxattr, listxattr, major, minor, openat,
    readlinkat, seek, statat,
};
use rustix::io::Errno;

use crate::descent::Descent;
use crate::fail::Must;

/// A whole tree; the root itself is the empty path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Every entry by its path below the root.
    pub entries: BTreeMap<PathBuf, Entry>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// One name in a tree, and all that a copy could keep of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, setuid and its like included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a file; 0 for everything else, since a folder's size is its file system's affair.
    pub size: u64,
    /// Seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
    /// What a symbolic link reads.
    pub target: Option<PathBuf>,
    /// The first name, in order, of a file that has several in this tree.
    pub linked_to: Option<PathBuf>,
    /// Extended attributes by name, access control lists among them.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// BLAKE3 of a file's content.
    pub content: Option<blake3::Hash>,
    /// Start and end of each stretch of a file that is not a hole.
    pub data: Vec<(u64, u64)>,
    /// Why it could not be read in full.
    pub trouble: Option<String>,
}

impl Tree {
    /// The entry at `path` below the root.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn get(&self, path: impl AsRef<Path>) -> &Entry {
        let path = path.as_ref();
        let Some(entry) = self.entries.get(path) else {
            let names: Vec<_> = self.entries.keys().collect();
            panic!("no {} among {names:?}", path.display());
        };
        entry
    }

    /// How many entries are of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.kind == kind)
            .count()
    }
}

/// Reads the tree whose root is the folder or file `root`.
///
/// # Panics
/// When the root cannot be read, or the tree changes meanwhile.
#[track_caller]
pub fn snapshot(root: &Path) -> Tree {
    let mut reader = Reader::default();
    reader
        .read(root)
        .must(format_args!("read the tree {}", root.display()));
    reader.finish()
}

/// A folder on the way down, with the folders in it that are still to be read.
struct Level {
    path: Vec<u8>,
    folders: Vec<CString>,
}

#[derive(Default)]
struct Reader {
    entries: BTreeMap<PathBuf, Entry>,
    /// The names of each file that has more than one, by device and inode.
    links: BTreeMap<(u64, u64), Vec<PathBuf>>,
}

impl Reader {
    fn read(&mut self, root: &Path) -> io::Result<()> {
        let (parent, name) = split(root)?;
        let above = rustix::fs::open(
            &parent,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        if self.add(&above, &name, Vec::new())? != Kind::Folder {
            return Ok(());
        }
        let mut descent = Descent::new(root)?;
        let mut levels = Vec::new();
        self.add_level(&descent, Vec::new(), &mut levels)?;
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.folders.pop() else {
                levels.pop();
                if !levels.is_empty() {
                    descent.leave()?;
                }
                continue;
            };
            let path = below(&level.path, &name);
            match descent.enter(&name) {
                Ok(()) => self.add_level(&descent, path, &mut levels)?,
                Err(error) => self.note_trouble(&path, &error),
            }
        }
        Ok(())
    }

    /// Reads all entries of the current folder, and puts its folders on the stack.
    fn add_level(
        &mut self,
        descent: &Descent,
        path: Vec<u8>,
        levels: &mut Vec<Level>,
    ) -> io::Result<()> {
        let mut folders = Vec::new();
        for (name, _) in descent.list()? {
            if self.add(descent.here(), &name, below(&path, &name))? == Kind::Folder {
                folders.push(name);
            }
        }
        levels.push(Level { path, folders });
        Ok(())
    }

    fn add(&mut self, folder: impl AsFd, name: &CStr, path: Vec<u8>) -> io::Result<Kind> {
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut entry = plain_entry(&stat);
        if let Err(error) = read_rest(&mut entry, &folder, name) {
            entry.trouble = Some(error.to_string());
        }
        let path = PathBuf::from(OsStr::from_bytes(&path));
        let kind = entry.kind;
        if stat.st_nlink > 1 && kind != Kind::Folder {
            let names = self.links.entry((stat.st_dev, stat.st_ino)).or_default();
            names.push(path.clone());
        }
        self.entries.insert(path, entry);
        Ok(kind)
    }

    fn note_trouble(&mut self, path: &[u8], error: &io::Error) {
        if let Some(entry) = self.entries.get_mut(Path::new(OsStr::from_bytes(path))) {
            entry.trouble = Some(error.to_string());
        }
    }

    fn finish(mut self) -> Tree {
        for mut names in self.links.into_values() {
            names.sort();
            let (first, others) = names.split_first().expect("a group starts with a name");
            if others.is_empty() {
                continue;
            }
            for name in &names {
                let entry = self
                    .entries
                    .get_mut(name)
                    .expect("every linked name is an entry");
                entry.linked_to = Some(first.clone());
            }
        }
        Tree {
            entries: self.entries,
        }
    }
}

/// What one call of stat tells.
fn plain_entry(stat: &Stat) -> Entry {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    };
    let is_file = kind == Kind::File;
    let is_device = matches!(kind, Kind::CharDevice | Kind::BlockDevice);
    let size = u64::try_from(stat.st_size).expect("the kernel gives no negative sizes");
    Entry {
        kind,
        mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode(),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: if is_file { size } else { 0 },
        mtime: (
            stat.st_mtime,
            u32::try_from(stat.st_mtime_nsec).expect("below a second"),
        ),
        device: is_device.then(|| (major(stat.st_rdev), minor(stat.st_rdev))),
        target: None,
        linked_to: None,
        xattrs: BTreeMap::new(),
        content: None,
        data: Vec::new(),
        trouble: None,
    }
}

/// What needs further calls: the target, the attributes, the content.
fn read_rest(entry: &mut Entry, folder: impl AsFd, name: &CStr) -> io::Result<()> {
    entry.xattrs = xattrs(&folder, name)?;
    if entry.kind == Kind::Symlink {
        let target = readlinkat(&folder, name, Vec::new())?;
        entry.target = Some(PathBuf::from(OsStr::from_bytes(target.to_bytes())));
    }
    if entry.kind == Kind::File {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&folder, name, flags, Mode::empty())?);
        entry.data = data_stretches(&file, entry.size)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(&file)?;
        entry.content = Some(hasher.finalize());
    }
    Ok(())
}

/// The stretches of a file that hold data. A file system without holes says: all of it.
fn data_stretches(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut stretches = Vec::new();
    let mut from = 0;
    while from < size {
        let start = match seek(file, SeekFrom::Data(from)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = seek(file, SeekFrom::Hole(start))?;
        stretches.push((start, end));
        from = end;
    }
    seek(file, SeekFrom::Start(0))?;
    Ok(stretches)
}

/// All extended attributes of an entry itself, link or not, readable or not.
fn xattrs(folder: impl AsFd, name: &CStr) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    // A handle without access, reached by its name under /proc: works for links, pipes and unreadable files alike.
    let handle = openat(
        &folder,
        name,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
    // The most that Linux gives for either (linux/limits.h).
    const LONGEST: usize = 64 << 10;
    let mut names = Vec::with_capacity(LONGEST);
    match listxattr(&path, rustix::buffer::spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    }
    let mut found = BTreeMap::new();
    for attribute in names.split_inclusive(|byte| *byte == 0) {
        let attribute =
            CStr::from_bytes_with_nul(attribute).expect("the kernel ends each name with a zero");
        let mut value = Vec::with_capacity(LONGEST);
        getxattr(&path, attribute, rustix::buffer::spare_capacity(&mut value))?;
        value.shrink_to_fit();
        found.insert(attribute.to_bytes().to_vec(), value);
    }
    Ok(found)
}

fn below(folder: &[u8], name: &CStr) -> Vec<u8> {
    let mut path = folder.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name.to_bytes());
    path
}

/// The folder that holds `root`, and its name there.
fn split(root: &Path) -> io::Result<(PathBuf, CString)> {
    let root = std::path::absolute(root)?;
    let parent = root.parent().unwrap_or(&root).to_path_buf();
    let name = root.file_name().unwrap_or_else(|| OsStr::new("."));
    Ok((parent, CString::new(name.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    #[test]
    fn a_tree_deeper_than_any_path_is_read_to_its_end() {
        let sandbox = Sandbox::new();
        sandbox.deep("a", 3_500, "d", "leaf");
        let tree = snapshot(&sandbox.join("a"));
        assert_eq!(tree.count(Kind::Folder), 3_501);
        let (path, leaf) = tree.entries.last_key_value().expect("not empty");
        assert_eq!(path.as_os_str().len(), 2 * 3_500 + "leaf".len());
        assert_eq!((leaf.kind, leaf.size), (Kind::File, 14));
    }

    #[test]
    fn a_single_file_is_a_tree_too() {
        let sandbox = Sandbox::new();
        sandbox.file("a", "x");
        let tree = snapshot(&sandbox.join("a"));
        assert_eq!(tree.entries.len(), 1);
        assert_eq!(tree.get("").content, Some(blake3::hash(b"x")));
    }

    #[test]
    fn names_of_one_file_are_known_as_such_across_folders() {
        let sandbox = Sandbox::new();
        sandbox
            .file("src/b/one", "x")
            .hard_link("src/b/one", "src/a/two")
            .hard_link("src/b/one", "outside");
        sandbox.file("src/c", "x").hard_link("src/c", "outside too");
        let tree = snapshot(&sandbox.join("src"));
        for name in ["a/two", "b/one"] {
            assert_eq!(
                tree.get(name).linked_to,
                Some(PathBuf::from("a/two")),
                "{name}"
            );
        }
        assert_eq!(
            tree.get("c").linked_to,
            None,
            "its other name is not in the tree"
        );
    }
}
