//! The rows of the table: each a source, the shape of the job, and who comes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use harness::{Command, FsKind, Random, tree::Aspect};

use crate::tools::{Shape, Tool};

const MIB: u64 = 1 << 20;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// One big file.
    Big,
    /// One big file, safe on disk.
    Fsync,
    /// Many small files.
    Small,
    /// A real tree.
    Tree,
    /// A file that is mostly holes.
    Sparse,
    /// Eight big files.
    Eight,
    /// A file on btrfs, which can share its blocks.
    ReflinkBtrfs,
    /// A file on xfs, which can share its blocks.
    ReflinkXfs,
    /// Memory for a huge tree.
    Memory,
    /// Eight files at once as the original copied them.
    Original,
}

/// How big the sources are.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    big: u64,
    small_files: usize,
    tree: PathBuf,
    sparse: u64,
    reflink: u64,
    memory_entries: usize,
    is_quick: bool,
}

impl Sizes {
    pub(crate) fn new(big: u64, tree: PathBuf, is_quick: bool) -> Self {
        let full = Self {
            big,
            small_files: 50_000,
            tree,
            sparse: 4_096 * MIB,
            reflink: 1_024 * MIB,
            memory_entries: 500_000,
            is_quick,
        };
        if !is_quick {
            return full;
        }
        Self {
            big: big.min(32 * MIB),
            small_files: 2_000,
            sparse: 256 * MIB,
            reflink: 64 * MIB,
            memory_entries: 20_000,
            ..full
        }
    }
}

/// A sparse file holds this much of data per GiB.
const DATA_PER_GIB: u64 = 16 * MIB;

impl Row {
    pub(crate) const ALL: [Self; 10] = [
        Self::Big,
        Self::Fsync,
        Self::Small,
        Self::Tree,
        Self::Sparse,
        Self::Eight,
        Self::ReflinkBtrfs,
        Self::ReflinkXfs,
        Self::Memory,
        Self::Original,
    ];

    /// As given to `--rows`.
    pub(crate) fn id(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn title(self, sizes: &Sizes) -> String {
        let big = sizes.big / MIB;
        match self {
            Self::Big => format!("one file of {big} MiB"),
            Self::Fsync => format!("one file of {big} MiB, safe on disk"),
            Self::Small => format!("{} small files in folders of 100", sizes.small_files),
            Self::Tree => format!("{}, everything kept", sizes.tree.display()),
            Self::Sparse => format!(
                "sparse file of {} MiB with {} MiB of data",
                sizes.sparse / MIB,
                sizes.sparse_data() / MIB
            ),
            Self::Eight => format!("eight files of {big} MiB"),
            Self::ReflinkBtrfs => format!("one file of {} MiB on btrfs", sizes.reflink / MIB),
            Self::ReflinkXfs => format!("one file of {} MiB on xfs", sizes.reflink / MIB),
            Self::Memory => format!("a tree of {} entries, for its memory", sizes.memory_entries),
            Self::Original => format!("eight files of {} MiB, a thread each", big / 8),
        }
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Big | Self::ReflinkBtrfs | Self::ReflinkXfs => Shape::File,
            Self::Fsync => Shape::SyncedFile,
            Self::Small | Self::Eight => Shape::Tree,
            Self::Tree | Self::Memory => Shape::FullTree,
            Self::Sparse => Shape::SparseFile,
            Self::Original => Shape::Files,
        }
    }

    /// Whether a copy is so few files that removing it costs the next one nothing. (After many, ext4 searches long for free inodes.)
    pub(crate) fn is_few_files(self) -> bool {
        !matches!(self, Self::Small | Self::Tree | Self::Memory)
    }

    /// Who comes, the one to compare with first.
    pub(crate) fn tools(self) -> &'static [Tool] {
        use Tool::{Cp, CpArchive, Cpz, Fcp, Filecopy, Original, Rsync, Xcp};
        match self {
            Self::Big => &[Cp, Filecopy, Xcp, Fcp, Cpz, Rsync, Original],
            Self::Fsync => &[Cp, Filecopy, Xcp, Rsync],
            Self::Small => &[Cp, CpArchive, Filecopy, Xcp, Fcp, Cpz, Rsync],
            Self::Eight => &[Cp, Filecopy, Xcp, Fcp, Cpz, Rsync],
            Self::Tree | Self::Sparse => &[Cp, Filecopy, Xcp, Fcp, Cpz, Rsync],
            // The others copy the bytes there, which the other rows have measured.
            Self::ReflinkBtrfs | Self::ReflinkXfs => &[Cp, Filecopy, Xcp, Fcp, Cpz],
            Self::Memory => &[Cp, Filecopy, Xcp, Cpz, Rsync],
            Self::Original => &[Original, Filecopy, Cp],
        }
    }

    pub(crate) fn rounds(self, is_quick: bool) -> usize {
        match self {
            Self::Memory => 1,
            _ if is_quick => 3,
            Self::Small | Self::Tree | Self::Sparse => 5,
            Self::Eight | Self::Original => 7,
            Self::Big | Self::Fsync | Self::ReflinkBtrfs | Self::ReflinkXfs => 11,
        }
    }

    /// Which file system it needs: its kind, its size, further options for its mkfs. The size is `usual`, or what a
    /// source and a copy take: the less memory is in use, the quieter the machine.
    pub(crate) fn home(self, sizes: &Sizes, usual: u64) -> (FsKind, u64, &'static [&'static str]) {
        // An inode for this many bytes: trees of small files run out of inodes first.
        const MANY_INODES: &[&str] = &["-i", "4096"];
        let around = |len: u64| usual.max(len + len / 4);
        match self {
            Self::Big | Self::Fsync | Self::Original => (FsKind::Ext4, around(2 * sizes.big), &[]),
            Self::Eight => (FsKind::Ext4, around(16 * sizes.big), &[]),
            Self::Sparse => (
                FsKind::Ext4,
                around(sizes.sparse + sizes.sparse_data()),
                &[],
            ),
            Self::Small | Self::Tree => (FsKind::Ext4, usual, MANY_INODES),
            Self::Memory => (FsKind::Ext4, around(6 << 30), MANY_INODES),
            Self::ReflinkBtrfs => (FsKind::Btrfs, around(2 * sizes.reflink), &[]),
            Self::ReflinkXfs => (FsKind::Xfs, around(2 * sizes.reflink), &[]),
        }
    }

    /// The most that one copy may take, when nothing is known of it yet: holes may be filled.
    pub(crate) fn worst_copy(self, sizes: &Sizes) -> u64 {
        match self.shape() {
            Shape::SparseFile => sizes.sparse,
            _ if self.can_share() => sizes.reflink,
            Shape::File | Shape::SyncedFile | Shape::Tree | Shape::FullTree | Shape::Files => 0,
        }
    }

    /// Whether a copy can share its blocks with the source.
    pub(crate) fn can_share(self) -> bool {
        matches!(self, Self::ReflinkBtrfs | Self::ReflinkXfs)
    }

    /// What a copy should keep; what it does not is named in the table.
    pub(crate) fn kept(self) -> &'static [Aspect] {
        use Aspect::{
            Content, FileTimes, FolderTimes, HardLinks, Holes, Mode, Owner, Targets, Xattrs,
        };
        match self.shape() {
            Shape::File | Shape::SyncedFile | Shape::Files => &[Content, Mode],
            Shape::SparseFile => &[Content, Holes],
            Shape::Tree => &[Content, Mode, FileTimes, FolderTimes],
            Shape::FullTree => &[
                Content,
                Mode,
                FileTimes,
                FolderTimes,
                Owner,
                HardLinks,
                Targets,
                Xattrs,
            ],
        }
    }

    /// Makes the source; runs in a child process, to keep the measuring one small.
    pub(crate) fn make_source(self, sizes: &Sizes, place: &Path) {
        let made = match self {
            Self::Big | Self::Fsync => dense(place, sizes.big),
            Self::ReflinkBtrfs | Self::ReflinkXfs => dense(place, sizes.reflink),
            Self::Small => small_files(place, sizes.small_files),
            Self::Eight => eight(place, sizes.big),
            Self::Original => eight(place, sizes.big / 8),
            Self::Sparse => sparse(place, sizes.sparse, sizes.sparse_data()),
            Self::Memory => huge_tree(place, sizes.memory_entries),
            Self::Tree => {
                Command::new("cp")
                    .arg("-a")
                    .arg(&sizes.tree)
                    .arg(place)
                    .run()
                    .succeeds();
                Ok(())
            }
        };
        if let Err(error) = made {
            panic!(
                "make the source of {self:?} at {}: {error}",
                place.display()
            );
        }
    }
}

impl Sizes {
    /// As a child process reads it.
    pub(crate) fn as_args(&self) -> Vec<OsString> {
        let mut args = vec![
            "--big".into(),
            self.big.to_string().into(),
            "--tree".into(),
            self.tree.clone().into(),
        ];
        if self.is_quick {
            args.push("--quick".into());
        }
        args
    }

    fn sparse_data(&self) -> u64 {
        (self.sparse * DATA_PER_GIB) >> 30
    }
}

/// A file of bytes that neither compress nor repeat within a MiB.
fn dense(path: &Path, len: u64) -> io::Result<()> {
    let mut piece = Random::new(len).bytes(1 << 20);
    let mut file = File::create(path)?;
    for start in (0..len).step_by(1 << 20) {
        piece[..8].copy_from_slice(&start.to_le_bytes());
        let rest = usize::try_from(MIB.min(len - start)).expect("at most a MiB");
        file.write_all(&piece[..rest])?;
    }
    Ok(())
}

fn eight(folder: &Path, len: u64) -> io::Result<()> {
    fs::create_dir(folder)?;
    (1..=8).try_for_each(|number| dense(&folder.join(format!("file-{number}")), len))
}

/// Sizes as in a source tree: half below 2 KB, few above 20 KB, in folders of 100.
fn small_files(root: &Path, count: usize) -> io::Result<()> {
    let mut random = Random::new(1);
    let content = random.bytes(64 << 10);
    let mut folder = root.to_path_buf();
    for number in 0..count {
        if number % 100 == 0 {
            folder = root
                .join(format!("group-{:03}", number / 1_000))
                .join(format!("folder-{number}"));
            fs::create_dir_all(&folder)?;
        }
        let longest = *random.pick(&[1 << 10, 2 << 10, 4 << 10, 8 << 10, 64 << 10]);
        let len = random.below(longest);
        fs::write(folder.join(format!("file-{number}")), &content[..len])?;
    }
    Ok(())
}

/// Stretches of 1 MiB at even distances.
fn sparse(path: &Path, len: u64, data: u64) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(len)?;
    let piece = Random::new(2).bytes(1 << 20);
    let count = data / MIB;
    (0..count).try_for_each(|number| file.write_all_at(&piece, number * (len / count)))
}

/// Empty files, 50 to a folder, with a second name for one in fifty: what costs memory is names and links.
fn huge_tree(root: &Path, entries: usize) -> io::Result<()> {
    let mut folder = root.to_path_buf();
    fs::create_dir(&folder)?;
    for number in 0..entries {
        let name = format!("entry-{number:07}");
        match number % 50 {
            0 => {
                folder = root
                    .join(format!("group-{:03}", number / 10_000))
                    .join(name);
                fs::create_dir_all(&folder)?;
            }
            1 if number > 50 => {
                fs::hard_link(folder.with_file_name("linked"), folder.join(name))
                    .or_else(|_| File::create(folder.with_file_name("linked")).map(drop))?
            }
            _ => drop(File::create(folder.join(name))?),
        }
    }
    Ok(())
}
