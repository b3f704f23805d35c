//! Decisions over facts gathered once: what an existing destination means, and which way a file's bytes
//! take. Pure: no file is touched here.

use crate::config::{Existing, NewMode, Options, Sparse, Special};
use crate::sys::{Kind, Stat};

/// From here on a file's storage is reserved first (it removes 40 % of the time on ext4), and a new file gets its name only when
/// it is whole. Below, one read and one write do it all. Bytes.
pub(crate) const RESERVE_FROM: u64 = 1 << 20;

/// From here on idle workers help with ranges of one file (bytes).
pub(crate) const SPLIT_FROM: u64 = 32 << 20;

/// Chunks in a range: what a worker takes of a split file, and the unit of `--resume`'s map and of verification.
pub(crate) const RANGE_CHUNKS: u64 = 1_024;

/// Chunks moved by one system call: one call a chunk costs 2.4 times as much as `cp`, this nothing. Measured on one and two
/// threads; with more than [`WIDE_JOBS`] workers the buffers are smaller to bound memory, at 2 % of the speed.
const CALL_CHUNKS: u64 = 128;
const CALL_CHUNKS_OF_MANY: u64 = 32;
const WIDE_JOBS: usize = 3;

/// What to do about a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is there: make it.
    Create,
    /// Give it new content.
    Replace,
    /// Leave it.
    Skip,
    /// It is the source itself.
    SameFile,
    /// It is a folder and the source is not.
    OverFolder,
    /// This run made it.
    JustCreated,
}

/// Judges what stands at the destination of an entry that is no folder.
pub(crate) fn judge(
    source: &Stat,
    existing: Option<&Stat>,
    is_fresh: bool,
    options: &Options,
) -> Verdict {
    let Some(existing) = existing else {
        return Verdict::Create;
    };
    if existing.id == source.id {
        return Verdict::SameFile;
    }
    if existing.kind == Kind::Folder {
        return Verdict::OverFolder;
    }
    match options.existing {
        Existing::Keep | Existing::Ask | Existing::Refuse => return Verdict::Skip,
        Existing::IfNewer if existing.modified >= source.modified => return Verdict::Skip,
        Existing::IfNewer | Existing::Overwrite => {}
    }
    if is_fresh {
        Verdict::JustCreated
    } else {
        Verdict::Replace
    }
}

/// The mode of a new entry where modes are not kept: its source's as far as the umask lets it, or, as `cp` may be told, what
/// any new entry gets.
pub(crate) fn new_mode(source: &Stat, options: &Options, umask: u32) -> u32 {
    let is_plain = options.cp().is_some_and(|cp| cp.new_mode == NewMode::Plain);
    let wanted = match source.kind {
        Kind::Folder | Kind::Socket if is_plain => 0o777,
        _ if is_plain => 0o666,
        // The sticky bit of a folder only protects.
        Kind::Folder => source.mode & 0o1777,
        Kind::File => source.mode & 0o777,
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice if options.special == Special::Contents => source.mode & 0o777,
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => source.mode,
    };
    wanted & !umask
}

/// The way a regular file's bytes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One read, one write.
    Small,
    /// Front to back.
    Whole,
    /// Ranges, shared among workers.
    Ranges,
    /// Stretches of data, holes left out.
    Sparse,
}

/// Chooses the way for a file of `source`'s facts with `workers` to share the work.
pub(crate) fn way(source: &Stat, options: &Options, workers: usize) -> Way {
    let has_holes = source.allocated < source.size && options.sparse != Sparse::Never;
    if has_holes {
        Way::Sparse
    } else if source.size < RESERVE_FROM.min(call_len(options) as u64) {
        Way::Small
    } else if source.size >= SPLIT_FROM && workers > 1 && crate::sys::POSITIONED {
        Way::Ranges
    } else {
        Way::Whole
    }
}

/// Bytes moved by one system call: whole chunks, one at least.
pub(crate) fn call_len(options: &Options) -> usize {
    let chunk = options.chunk_len.get();
    let calls = if options.jobs.get() > WIDE_JOBS {
        CALL_CHUNKS_OF_MANY
    } else {
        CALL_CHUNKS
    };
    let target = usize::try_from(calls).unwrap_or(1) * crate::config::CHUNK_LEN;
    (target / chunk).max(1) * chunk
}

/// Bytes in a range: whole chunks, and about the same whatever the chunk.
pub(crate) fn range_len(options: &Options) -> u64 {
    let chunk = options.chunk_len.get() as u64;
    (RANGE_CHUNKS * crate::config::CHUNK_LEN as u64 / chunk).max(1) * chunk
}
