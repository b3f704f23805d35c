//! A temporary folder to work in, and short ways to put things there.
//!
//! Paths are given relative to the sandbox (an absolute path stays itself). Missing folders above are made.
//! The folder is removed on drop, whatever is in it.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, io, thread};

use rustix::fs::{
    AtFlags, CWD, FileType, IFlags, Mode, Timespec, Timestamps, XattrFlags, ioctl_getflags,
    ioctl_setflags, lsetxattr, mkdirat, mknodat, utimensat,
};

use crate::descent::Descent;
use crate::fail::Must;
use crate::remove::remove_tree;

/// A temporary folder that goes away with the test.
#[derive(Debug)]
pub struct Sandbox {
    root: PathBuf,
}

impl Sandbox {
    /// A new empty folder of mode 0755 in the system's temporary folder.
    #[track_caller]
    #[expect(
        clippy::new_without_default,
        reason = "makes a folder on disk, which no default should do"
    )]
    pub fn new() -> Self {
        Self::within(&env::temp_dir())
    }

    /// A new empty folder in `parent`, for example on a [`crate::LoopFs`].
    #[track_caller]
    pub fn within(parent: &Path) -> Self {
        Self::labelled("wirework-", parent)
    }

    /// A new folder named LABEL PID `-` COUNT.
    #[track_caller]
    pub(crate) fn labelled(label: &str, parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let root = parent.join(format!("{label}{}-{count}", process::id()));
            match fs::create_dir(&root) {
                Ok(()) => {
                    fs::set_permissions(&root, fs::Permissions::from_mode(0o755))
                        .must(format_args!("open up {}", root.display()));
                    return Self { root };
                }
                // Left by a killed process that had the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("create {}: {error}", root.display()),
            }
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The full path of `name`; `"."` is the sandbox itself.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        if name.as_ref() == Path::new(".") {
            return self.root.clone();
        }
        self.root.join(name)
    }

    /// Writes a file, replacing what it held.
    #[track_caller]
    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.room_for(name.as_ref());
        fs::write(&path, content).must(format_args!("write {}", path.display()));
        self
    }

    /// Makes a folder, if it is not there.
    #[track_caller]
    pub fn dir(&self, name: impl AsRef<Path>) -> &Self {
        let path = self.join(name);
        fs::create_dir_all(&path).must(format_args!("create {}", path.display()));
        self
    }

    /// Makes `name` a symbolic link that reads `target`, as in `ln -s target name`.
    #[track_caller]
    pub fn symlink(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) -> &Self {
        let path = self.room_for(name.as_ref());
        symlink(target, &path).must(format_args!("link {}", path.display()));
        self
    }

    /// Makes `name` another name of the file `existing`, as in `ln existing name`.
    #[track_caller]
    pub fn hard_link(&self, existing: impl AsRef<Path>, name: impl AsRef<Path>) -> &Self {
        let path = self.room_for(name.as_ref());
        fs::hard_link(self.join(existing), &path).must(format_args!("link {}", path.display()));
        self
    }

    /// Makes a named pipe.
    #[track_caller]
    pub fn fifo(&self, name: impl AsRef<Path>) -> &Self {
        self.node(name.as_ref(), FileType::Fifo, 0)
    }

    /// Makes the name of a socket that nobody listens on.
    #[track_caller]
    pub fn socket(&self, name: impl AsRef<Path>) -> &Self {
        self.node(name.as_ref(), FileType::Socket, 0)
    }

    /// Makes a character device, as root.
    #[track_caller]
    pub fn char_device(&self, name: impl AsRef<Path>, major: u32, minor: u32) -> &Self {
        let device = rustix::fs::makedev(major, minor);
        self.node(name.as_ref(), FileType::CharacterDevice, device)
    }

    /// Writes a file of `len` bytes that holds only `pieces`, each at its offset, and holes between them.
    #[track_caller]
    pub fn sparse(&self, name: impl AsRef<Path>, len: u64, pieces: &[(u64, &[u8])]) -> &Self {
        let path = self.room_for(name.as_ref());
        let write = || {
            let file = File::create(&path)?;
            file.set_len(len)?;
            for (offset, bytes) in pieces {
                file.write_all_at(bytes, *offset)?;
            }
            Ok::<(), io::Error>(())
        };
        write().must(format_args!("write {}", path.display()));
        self
    }

    /// Sets an extended attribute, of a symbolic link itself too.
    #[track_caller]
    pub fn xattr(&self, name: impl AsRef<Path>, attribute: &str, value: impl AsRef<[u8]>) -> &Self {
        let path = self.join(name);
        lsetxattr(&path, attribute, value.as_ref(), XattrFlags::empty())
            .must(format_args!("set {attribute} of {}", path.display()));
        self
    }

    /// Gives user `uid` the permissions `rwx` (0 to 7) on a file, by an access control list.
    #[track_caller]
    pub fn acl(&self, name: impl AsRef<Path>, uid: u32, rwx: u16) -> &Self {
        let path = self.join(name.as_ref());
        let meta = fs::metadata(&path).must(format_args!("look at {}", path.display()));
        let acl = acl_bytes(meta.permissions().mode(), uid, rwx);
        self.xattr(name, "system.posix_acl_access", acl)
    }

    /// Sets the permission bits, setuid and its like included.
    #[track_caller]
    pub fn mode(&self, name: impl AsRef<Path>, mode: u32) -> &Self {
        let path = self.join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .must(format_args!("set the mode of {}", path.display()));
        self
    }

    /// Sets owner and group, as root; of a symbolic link itself.
    #[track_caller]
    pub fn owner(&self, name: impl AsRef<Path>, uid: u32, gid: u32) -> &Self {
        let path = self.join(name);
        lchown(&path, Some(uid), Some(gid))
            .must(format_args!("set the owner of {}", path.display()));
        self
    }

    /// Sets owner and group of a folder and everything in it, as root.
    #[track_caller]
    pub fn owner_of_all(&self, name: impl AsRef<Path>, uid: u32, gid: u32) -> &Self {
        let mut paths = vec![self.join(name)];
        while let Some(path) = paths.pop() {
            lchown(&path, Some(uid), Some(gid))
                .must(format_args!("set the owner of {}", path.display()));
            if path.is_dir() && !path.is_symlink() {
                let entries = fs::read_dir(&path).must(format_args!("list {}", path.display()));
                paths.extend(entries.map(|entry| entry.must("list").path()));
            }
        }
        self
    }

    /// Sets access and modification time, of a symbolic link itself. Seconds may be negative: before 1970.
    #[track_caller]
    pub fn times(&self, name: impl AsRef<Path>, seconds: i64, nanoseconds: u32) -> &Self {
        let path = self.join(name);
        let time = Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds.into(),
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .must(format_args!("set the times of {}", path.display()));
        self
    }

    /// Makes a file or folder immutable, as root, where the file system knows that.
    #[track_caller]
    pub fn immutable(&self, name: impl AsRef<Path>) -> &Self {
        let path = self.join(name);
        let file = File::open(&path).must(format_args!("open {}", path.display()));
        ioctl_getflags(&file)
            .and_then(|flags| ioctl_setflags(&file, flags | IFlags::IMMUTABLE))
            .must(format_args!("make {} immutable", path.display()));
        self
    }

    /// Makes `levels` folders named `step` inside one another, and the file `leaf` in the last. With enough levels
    /// the way there is longer than any path may be.
    #[track_caller]
    pub fn deep(&self, name: impl AsRef<Path>, levels: usize, step: &str, leaf: &str) -> &Self {
        let start = self.join(name.as_ref());
        self.dir(name);
        let step = CString::new(step).must("name the step");
        let dig = || {
            let mut descent = Descent::new(&start)?;
            for _ in 0..levels {
                mkdirat(descent.here(), &step, Mode::from_raw_mode(0o755))?;
                descent.enter(&step)?;
            }
            let flags = rustix::fs::OFlags::WRONLY
                | rustix::fs::OFlags::CREATE
                | rustix::fs::OFlags::CLOEXEC;
            let file = rustix::fs::openat(descent.here(), leaf, flags, Mode::from_raw_mode(0o644))?;
            File::from(file).write_all_at(b"at the bottom\n", 0)
        };
        dig().must(format_args!("dig below {}", start.display()));
        self
    }

    /// What a file holds.
    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.join(name);
        fs::read(&path).must(format_args!("read {}", path.display()))
    }

    /// What a file holds, as text.
    #[track_caller]
    pub fn read_text(&self, name: impl AsRef<Path>) -> String {
        let path = self.join(name);
        fs::read_to_string(&path).must(format_args!("read {}", path.display()))
    }

    /// Whether the name is there; a dangling link is.
    pub fn has(&self, name: impl AsRef<Path>) -> bool {
        self.join(name).symlink_metadata().is_ok()
    }

    /// The names in a folder, sorted.
    #[track_caller]
    pub fn list(&self, name: impl AsRef<Path>) -> Vec<PathBuf> {
        let path = self.join(name);
        let entries = fs::read_dir(&path).must(format_args!("list {}", path.display()));
        let mut names: Vec<PathBuf> = entries
            .map(|entry| PathBuf::from(entry.must("list").file_name()))
            .collect();
        names.sort();
        names
    }

    /// The full path of `name`, with the folders above it made.
    #[track_caller]
    fn room_for(&self, name: &Path) -> PathBuf {
        let path = self.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).must(format_args!("create {}", folder.display()));
        }
        path
    }

    #[track_caller]
    fn node(&self, name: &Path, kind: FileType, device: u64) -> &Self {
        let path = self.room_for(name);
        mknodat(CWD, &path, kind, Mode::from_raw_mode(0o644), device)
            .must(format_args!("make {}", path.display()));
        self
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.root) {
            let left = format!("left behind {}: {error}", self.root.display());
            // A second panic while unwinding would end the process and hide the first.
            assert!(thread::panicking(), "{left}");
        }
    }
}

/// The kernel's form of an access list: owner, one user, group, mask, others (acl(5), linux/posix_acl_xattr.h).
fn acl_bytes(mode: u32, uid: u32, rwx: u16) -> Vec<u8> {
    const VERSION: u32 = 2;
    const NO_ID: u32 = u32::MAX;
    const OWNER: u16 = 0x01;
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x04;
    const MASK: u16 = 0x10;
    const OTHERS: u16 = 0x20;
    let bits = |shift: u32| u16::try_from((mode >> shift) & 7).expect("three bits");
    let mut bytes = VERSION.to_le_bytes().to_vec();
    let rows = [
        (OWNER, bits(6), NO_ID),
        (USER, rwx, uid),
        (GROUP, bits(3), NO_ID),
        (MASK, bits(3) | rwx, NO_ID),
        (OTHERS, bits(0), NO_ID),
    ];
    for (tag, permissions, id) in rows {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::Mount;
    use crate::needs::{is_root, needs_root};
    use crate::tree;

    #[test]
    fn it_is_removed_whatever_is_in_it() {
        type Fill = fn(&Sandbox);
        let rows: [(&str, Fill); 6] = [
            ("files and links", |sandbox| {
                sandbox
                    .file("a/b", "x")
                    .symlink("/etc", "a/c")
                    .fifo("d")
                    .hard_link("a/b", "e");
            }),
            ("folders without permissions", |sandbox| {
                sandbox
                    .file("a/b/c", "x")
                    .mode("a/b", 0o000)
                    .mode("a", 0o000);
            }),
            ("read-only root", |sandbox| {
                sandbox.file("a", "x").mode(".", 0o500);
            }),
            ("3,500 levels, 7,000 characters", |sandbox| {
                sandbox.deep("a", 3_500, "d", "leaf");
            }),
            ("8,000 characters in long names", |sandbox| {
                sandbox.deep("a", 40, &"n".repeat(200), "leaf");
            }),
            ("any name", |sandbox| {
                sandbox.file("new\nline", "x").file("-rf", "x").dir(" ");
            }),
        ];
        for (name, fill) in rows {
            let sandbox = Sandbox::new();
            fill(&sandbox);
            let root = sandbox.path().to_path_buf();
            drop(sandbox);
            assert!(!root.exists(), "{name}");
        }
    }

    #[test]
    fn immutable_files_and_folders_are_removed() {
        let Some(()) = needs_root("immutable files") else {
            return;
        };
        let sandbox = Sandbox::new();
        sandbox
            .file("a/b", "x")
            .file("a/c", "x")
            .immutable("a/b")
            .immutable("a");
        let root = sandbox.path().to_path_buf();
        drop(sandbox);
        assert!(!root.exists());
    }

    #[test]
    fn what_is_mounted_inside_is_detached_and_not_emptied() {
        let outside = Sandbox::new();
        outside.file("precious", "x");
        let sandbox = Sandbox::new();
        sandbox.dir("a/bound");
        let Some(mount) = Mount::bind(outside.path(), &sandbox.join("a/bound")) else {
            return;
        };
        assert!(sandbox.has("a/bound/precious"));
        std::mem::forget(mount);
        drop(sandbox);
        assert!(outside.has("precious"));
    }

    #[test]
    fn it_is_removed_when_the_test_panics() {
        let (tell, told) = std::sync::mpsc::channel();
        let result = thread::spawn(move || {
            let sandbox = Sandbox::new();
            sandbox.file("a/b", "x").mode("a", 0o000);
            tell.send(sandbox.path().to_path_buf())
                .expect("the test listens");
            panic!("as a failing test does");
        })
        .join();
        assert!(result.is_err());
        assert!(!told.recv().expect("sent before the panic").exists());
    }

    #[test]
    fn helpers_leave_what_they_say() {
        let sandbox = Sandbox::new();
        sandbox
            .sparse("sparse", 1 << 20, &[(0, b"head"), (500_000, b"middle")])
            .file("file", "x")
            .mode("file", 0o4750)
            .times("file", -86_400, 123_456_789)
            .acl("file", 12_345, 6);
        let tree = tree::snapshot(sandbox.path());
        let sparse = tree.get("sparse");
        assert_eq!((sparse.size, sparse.data.len()), (1 << 20, 2), "{sparse:?}");
        let file = tree.get("file");
        assert_eq!(
            (file.mode, file.mtime),
            (0o4770, (-86_400, 123_456_789)),
            "{file:?}"
        );
        assert!(
            file.xattrs.contains_key(&b"system.posix_acl_access"[..]),
            "{file:?}"
        );
        if is_root() {
            sandbox.char_device("null", 1, 3).owner("null", 1, 2);
            let null = tree::snapshot(sandbox.path()).get("null").clone();
            assert_eq!((null.device, null.uid, null.gid), (Some((1, 3)), 1, 2));
        }
    }
}
