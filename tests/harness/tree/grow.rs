//! Grows trees with one of everything that a copier can meet, the same from the same seed.
//!
//! The first entries are one of each kind, so that even a small tree has them all; the rest is drawn at random.
//! Sizes lie around the copier's limits: the chunk, the single read, the block.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, lsetxattr, makedev, mknodat,
    utimensat,
};

use crate::fail::Must;
use crate::needs::is_root;
use crate::random::Random;

/// What a grown tree is to be like.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How many entries, the root not counted.
    pub entries: usize,
    /// How deep folders lie in one another.
    pub depth: usize,
    /// Names with spaces, quotes, line ends, bytes that are no text; plain ones otherwise.
    pub hostile_names: bool,
    /// Links, pipes, sockets, holes, hard links; devices and owners as root. Plain files and folders otherwise.
    pub special_kinds: bool,
    /// Extended attributes; off for file systems without them.
    pub xattrs: bool,
    /// Times before 1970 and within the second, odd modes; off for file systems that cannot keep them.
    pub odd_attributes: bool,
    /// The longest content drawn for a file.
    pub longest: usize,
}

impl Default for Spec {
    /// Eighty entries with everything, small enough for a test that runs often.
    fn default() -> Self {
        Self {
            entries: 80,
            depth: 5,
            hostile_names: true,
            special_kinds: true,
            xattrs: true,
            odd_attributes: true,
            longest: 1 << 20,
        }
    }
}

impl Spec {
    /// Plain files and folders with plain names, for file systems that keep little.
    pub fn plain(entries: usize) -> Self {
        Self {
            entries,
            hostile_names: false,
            special_kinds: false,
            xattrs: false,
            odd_attributes: false,
            ..Self::default()
        }
    }
}

/// The chunk of the copier, in bytes.
const CHUNK_LEN: usize = 10_240;

/// Sizes at which something changes for a copier: nothing, a byte, a block, a chunk, what one call moves.
const SIZES: [usize; 15] = [
    0,
    1,
    4_095,
    4_096,
    4_097,
    CHUNK_LEN - 1,
    CHUNK_LEN,
    CHUNK_LEN + 1,
    2 * CHUNK_LEN,
    2 * CHUNK_LEN + 1,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    128 * CHUNK_LEN - 1,
    128 * CHUNK_LEN + 1,
];

const HOSTILE_STEMS: [&[u8]; 14] = [
    b"two words",
    b" leading",
    b"trailing ",
    b"quo'te\"s",
    b"new\nline",
    b"tab\tand\x1b[31mescape",
    b"back\\slash",
    b"-rf",
    b"$(HOME) `id` *?[a]",
    b".hidden",
    b"not\xffutf8\xc3",
    "한글 이름".as_bytes(),
    "e\u{301} and \u{e9}".as_bytes(),
    b"...",
];

const MODES: [u32; 9] = [
    0o644, 0o600, 0o755, 0o444, 0o400, 0o666, 0o4755, 0o2711, 0o1644,
];
const FOLDER_MODES: [u32; 6] = [0o755, 0o700, 0o555, 0o1777, 0o2755, 0o750];

/// Long ago, before 1970, around its start, a recent one, past 32 bits.
const SECONDS: [i64; 6] = [-1_000_000_000, -1, 0, 86_400, 1_700_000_000, 4_400_000_000];

/// Grows the tree of `seed` in `root`, which is created.
///
/// # Panics
/// When the file system refuses something: see [`Spec`] for what to leave out.
#[track_caller]
pub fn grow(seed: u64, spec: &Spec, root: &Path) {
    let mut grower = Grower {
        random: Random::new(seed),
        spec,
        folders: vec![(root.to_path_buf(), 0)],
        files: Vec::new(),
        count: 0,
    };
    fs::create_dir(root)
        .and_then(|()| grower.grow())
        .must(format_args!("grow tree {seed} in {}", root.display()));
}

struct Grower<'a> {
    random: Random,
    spec: &'a Spec,
    /// Every folder with its depth, parents before children.
    folders: Vec<(PathBuf, usize)>,
    /// Every regular file, for hard links.
    files: Vec<PathBuf>,
    count: usize,
}

/// What to plant next.
#[derive(Clone, Copy)]
enum Plant {
    Folder,
    File,
    Sparse,
    Symlink,
    HardLink,
    Fifo,
    Socket,
    Device,
}

impl Grower<'_> {
    fn grow(&mut self) -> io::Result<()> {
        use Plant::{Device, Fifo, File, Folder, HardLink, Socket, Sparse, Symlink};
        let mut first = vec![Folder, Folder, Folder, File, File, File];
        let mut drawn = vec![Folder, File, File, File, File];
        if self.spec.special_kinds {
            first.extend([Sparse, Symlink, HardLink, HardLink, Fifo, Socket]);
            drawn.extend([Sparse, Symlink, HardLink]);
            if is_root() {
                first.push(Device);
            }
        }
        first.truncate(self.spec.entries);
        for plant in &first {
            self.plant(*plant)?;
        }
        for _ in first.len()..self.spec.entries {
            let plant = *self.random.pick(&drawn);
            self.plant(plant)?;
        }
        self.dress_folders()
    }

    fn plant(&mut self, plant: Plant) -> io::Result<()> {
        let (folder, depth) = self.random.pick(&self.folders).clone();
        let path = folder.join(self.name());
        match plant {
            Plant::Folder if depth < self.spec.depth => {
                fs::create_dir(&path)?;
                self.folders.push((path, depth + 1));
                // Dressed at the end: planting into it changes its time, and needs its permissions.
                return Ok(());
            }
            Plant::Folder | Plant::File => {
                let content = self.content();
                fs::write(&path, content)?;
                self.files.push(path.clone());
            }
            Plant::Sparse => {
                self.sparse(&path)?;
                self.files.push(path.clone());
            }
            Plant::Symlink => {
                let targets = [
                    "elsewhere/dangling",
                    "..",
                    ".",
                    "/",
                    "../../up and up",
                    "name",
                ];
                symlink(self.random.pick(&targets), &path)?;
            }
            Plant::HardLink => {
                // Its attributes are those of the file, which has been dressed.
                return fs::hard_link(self.random.pick(&self.files), &path);
            }
            Plant::Fifo => node(&path, FileType::Fifo, 0)?,
            Plant::Socket => node(&path, FileType::Socket, 0)?,
            Plant::Device => node(&path, FileType::CharacterDevice, makedev(1, 3))?,
        }
        self.dress(&path, &MODES)
    }

    /// Never used twice, so that planting cannot fail on a name.
    fn name(&mut self) -> OsString {
        self.count += 1;
        let mut name = if self.spec.hostile_names && self.random.one_in(2) {
            self.random.pick(&HOSTILE_STEMS).to_vec()
        } else {
            b"entry".to_vec()
        };
        name.extend_from_slice(format!(" {}", self.count).replace(' ', "-").as_bytes());
        if self.spec.hostile_names && self.random.one_in(20) {
            // As long as a name may be.
            name.resize(255, b'x');
        }
        OsString::from_vec(name)
    }

    fn content(&mut self) -> Vec<u8> {
        let len = if self.random.one_in(2) {
            *self.random.pick(&SIZES)
        } else {
            self.random.below(3 * CHUNK_LEN)
        };
        self.random.bytes(len.min(self.spec.longest))
    }

    /// A hole, data, and a hole or data at the end.
    fn sparse(&mut self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let len = self.random.below(8 << 20);
        file.set_len(u64::try_from(len).expect("a usize fits in 64 bits"))?;
        for _ in 0..self.random.below(4) {
            let offset = self.random.below(len + 1);
            let piece = self.random.bytes(CHUNK_LEN.min(len - offset));
            file.write_all_at(
                &piece,
                u64::try_from(offset).expect("a usize fits in 64 bits"),
            )?;
        }
        Ok(())
    }

    fn dress_folders(&mut self) -> io::Result<()> {
        let folders = std::mem::take(&mut self.folders);
        folders
            .iter()
            .rev()
            .try_for_each(|(folder, _)| self.dress(folder, &FOLDER_MODES))
    }

    /// Gives an entry its attributes; the mode after the owner, which clears setuid, and the time last.
    fn dress(&mut self, path: &Path, modes: &[u32]) -> io::Result<()> {
        let meta = path.symlink_metadata()?;
        let is_link = meta.file_type().is_symlink();
        if self.spec.special_kinds && is_root() && self.random.one_in(4) {
            let id = 1_000 + u32::try_from(self.random.below(5)).expect("small");
            std::os::unix::fs::lchown(path, Some(id), Some(id + 1))?;
        }
        if self.spec.xattrs && (meta.is_file() || meta.is_dir()) && self.random.one_in(3) {
            let len = self.random.below(64);
            let value = self.random.bytes(len);
            lsetxattr(path, "user.wirework test", &value, XattrFlags::empty())?;
        }
        if self.spec.odd_attributes {
            if !is_link {
                fs::set_permissions(path, fs::Permissions::from_mode(*self.random.pick(modes)))?;
            }
            let nanoseconds = *self.random.pick(&[0, 1, 123_456_789, 999_999_999]);
            set_time(path, *self.random.pick(&SECONDS), nanoseconds)?;
        }
        Ok(())
    }
}

fn node(path: &Path, kind: FileType, device: u64) -> io::Result<()> {
    Ok(mknodat(
        CWD,
        path,
        kind,
        Mode::from_raw_mode(0o644),
        device,
    )?)
}

fn set_time(path: &Path, seconds: i64, nanoseconds: i64) -> io::Result<()> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;
    use crate::tree::{Aspects, Kind, diff, snapshot};

    #[test]
    fn the_same_seed_grows_the_same_tree() {
        let sandbox = Sandbox::new();
        let grown = ["one", "two", "other"].map(|name| {
            let seed = if name == "other" { 8 } else { 7 };
            grow(seed, &Spec::default(), &sandbox.join(name));
            snapshot(&sandbox.join(name))
        });
        assert_eq!(diff(&grown[0], &grown[1], Aspects::ALL), [""; 0]);
        assert_ne!(diff(&grown[0], &grown[2], Aspects::ALL), [""; 0]);
    }

    #[test]
    fn every_tree_has_one_of_each() {
        let sandbox = Sandbox::new();
        for seed in 0..5 {
            let root = sandbox.join(seed.to_string());
            grow(seed, &Spec::default(), &root);
            let tree = snapshot(&root);
            assert_eq!(tree.entries.len(), 81, "seed {seed}");
            let mut kinds = vec![
                Kind::File,
                Kind::Folder,
                Kind::Symlink,
                Kind::Fifo,
                Kind::Socket,
            ];
            if is_root() {
                kinds.push(Kind::CharDevice);
            }
            for kind in kinds {
                assert!(tree.count(kind) > 0, "seed {seed}: no {kind:?}");
            }
            let entries = || tree.entries.values();
            assert!(
                entries().any(|entry| entry.linked_to.is_some()),
                "seed {seed}: no hard link"
            );
            assert!(
                entries().any(|entry| entry.mtime.0 < 0),
                "seed {seed}: nothing old"
            );
            assert!(
                entries().any(|entry| !entry.xattrs.is_empty()),
                "seed {seed}: no xattr"
            );
            assert!(
                entries().all(|entry| entry.trouble.is_none() || !is_root()),
                "seed {seed}"
            );
            let named = |test: fn(&str) -> bool| {
                let mut names = tree.entries.keys();
                names.any(|path| path.to_str().is_none_or(test))
            };
            assert!(
                named(|name| name.contains('\n')),
                "seed {seed}: no line end in a name"
            );
        }
    }

    #[test]
    fn a_plain_tree_is_plain() {
        let sandbox = Sandbox::new();
        grow(1, &Spec::plain(40), &sandbox.join("a"));
        let tree = snapshot(&sandbox.join("a"));
        assert_eq!(tree.count(Kind::File) + tree.count(Kind::Folder), 41);
    }
}
