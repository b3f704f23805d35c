//! Decisions over facts gathered once: what an existing destination means, and which way a file's bytes
//! take. Pure: no file is touched here.

use crate::config::{Existing, Follow, NewMode, Options, Sparse, Special};
use crate::engine::sys::{Kind, Links, Stat, Time};

/// From here on a file's storage is reserved first (it removes 40 % of the time on ext4), and a new file gets its
/// name only when it is whole (bytes).
pub(crate) const RESERVE_FROM: u64 = 1 << 20;

/// From here on idle workers help with ranges of one file (bytes).
pub(crate) const SPLIT_FROM: u64 = 32 << 20;

/// Chunks in a range: what a worker takes of a split file, and the unit of `--resume`'s map and of verification.
pub(crate) const RANGE_CHUNKS: u64 = 1_024;

/// Chunks moved by one system call. One a call costs 2.4 times as much as `cp`, 64 nothing measurable. 128 are no faster
/// where memory is at hand, and up to three times slower in a virtual machine that gives free memory back to its host:
/// the kernel makes pages as large as the writes, and large blocks of free memory are those that went back. 32 are never
/// slow in that way, but cost 5 % of the time and of the processor.
const CALL_CHUNKS: usize = 64;

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
        Existing::Keep | Existing::Ask | Existing::AskIfNewer | Existing::Refuse => {
            return Verdict::Skip;
        }
        Existing::IfNewer if !is_older(existing, source) => return Verdict::Skip,
        Existing::IfNewer | Existing::Overwrite => {}
    }
    if is_fresh {
        Verdict::JustCreated
    } else {
        Verdict::Replace
    }
}

/// Whether `existing` is older than the source, as far as its file system can tell: on one that keeps whole seconds
/// every copy of a time within a second looks older than its source. Times of its own that are all round say that it
/// is such a one.
pub(crate) fn is_older(existing: &Stat, source: &Stat) -> bool {
    // NTFS and SMB, exFAT, ext2 and HFS+, FAT (nanoseconds).
    const STEPS: [i128; 4] = [100, 10_000_000, 1_000_000_000, 2_000_000_000];
    let nanos = |time: Time| i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
    let late = nanos(source.modified) - nanos(existing.modified);
    let own = [existing.modified, existing.changed, existing.accessed];
    let keeps = |step: i128| own.iter().all(|time| nanos(*time) % step == 0);
    late > 0 && !STEPS.iter().any(|step| late < *step && keeps(*step))
}

/// The mode of a new entry where modes are not kept: its source's as far as the umask lets it, or, as `cp` may be
/// told, what any new entry gets.
pub(crate) fn new_mode(source: &Stat, options: &Options, umask: u32) -> u32 {
    let is_plain = options.cp().is_some_and(|cp| cp.new_mode == NewMode::Plain);
    let wanted = match source.kind {
        Kind::Folder | Kind::Socket if is_plain => 0o777,
        _ if is_plain => 0o666,
        // The sticky bit of a folder only protects.
        Kind::Folder => source.mode & 0o1777,
        Kind::File => source.mode & 0o777,
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice
            if options.special == Special::Contents =>
        {
            source.mode & 0o777
        }
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
            source.mode
        }
    };
    wanted & !umask
}

/// Whether links inside a tree are followed.
pub(crate) fn links_below(options: &Options) -> Links {
    if options.follow == Follow::Always {
        Links::Follow
    } else {
        Links::Keep
    }
}

/// The way a regular file's bytes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Front to back, nothing reserved: one read and one write for most.
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
    } else if source.size < RESERVE_FROM {
        Way::Small
    } else if source.size >= SPLIT_FROM && workers > 1 && crate::engine::sys::POSITIONED {
        Way::Ranges
    } else {
        Way::Whole
    }
}

/// Bytes moved by one system call: whole chunks, one at least.
pub(crate) fn call_len(options: &Options) -> usize {
    let chunk = options.chunk_len.get();
    (CALL_CHUNKS * crate::config::CHUNK_LEN / chunk).max(1) * chunk
}

/// Bytes in a range: whole chunks, and about the same whatever the chunk.
pub(crate) fn range_len(options: &Options) -> u64 {
    let chunk = options.chunk_len.get() as u64;
    (RANGE_CHUNKS * crate::config::CHUNK_LEN as u64 / chunk).max(1) * chunk
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::engine::sys::{FileId, Owner};

    fn stat(kind: Kind, ino: u64, size: u64, allocated: u64, modified_secs: i64) -> Stat {
        let time = Time {
            secs: modified_secs,
            nanos: 0,
        };
        Stat {
            kind,
            id: FileId { dev: 1, ino },
            mode: 0o644,
            owner: Owner { user: 0, group: 0 },
            names: 1,
            size,
            allocated,
            device: 0,
            accessed: time,
            modified: time,
            changed: time,
        }
    }

    #[test]
    fn new_entries_have_their_sources_mode_or_none_of_it() {
        use crate::config::{AttributeErrors, CpRules, Dangling, Folders, Rules};

        let plain = Options {
            rules: Rules::Cp(CpRules {
                folders: Folders::Copy,
                new_mode: NewMode::Plain,
                dangling: Dangling::Refuse,
                attributes: AttributeErrors::Silent,
            }),
            ..Options::default()
        };
        let rows = [
            ("a file", Kind::File, 0o4755, 0o022, 0o755, 0o644),
            (
                "a file, strict umask",
                Kind::File,
                0o4755,
                0o077,
                0o700,
                0o600,
            ),
            (
                "a sticky folder",
                Kind::Folder,
                0o3777,
                0o022,
                0o1755,
                0o755,
            ),
            ("a fifo", Kind::Fifo, 0o600, 0o022, 0o600, 0o644),
            ("a socket", Kind::Socket, 0o700, 0o022, 0o700, 0o755),
        ];
        for (name, kind, mode, umask, masked, unasked) in rows {
            let source = Stat {
                mode,
                ..stat(kind, 1, 0, 0, 0)
            };
            let modes = (
                new_mode(&source, &Options::default(), umask),
                new_mode(&source, &plain, umask),
            );
            assert_eq!(modes, (masked, unasked), "{name}");
        }
    }

    #[test]
    fn a_copy_whose_file_system_rounds_times_down_is_not_older_than_its_source() {
        let at = |secs, nanos| Time { secs, nanos };
        let file = |modified, changed| Stat {
            modified,
            changed,
            accessed: modified,
            ..stat(Kind::File, 1, 10, 10, 0)
        };
        let exact = at(1_001, 123_456_789);
        let cases = [
            ("the same time", exact, exact, false),
            ("later", at(1_001, 123_456_790), exact, false),
            ("a nanosecond earlier", at(1_001, 123_456_788), exact, true),
            (
                "round, but changed at no round time",
                at(1_001, 0),
                exact,
                true,
            ),
            (
                "tenths of microseconds",
                at(1_001, 123_456_700),
                at(5_000, 700),
                false,
            ),
            (
                "hundredths of seconds",
                at(1_001, 120_000_000),
                at(5_000, 20_000_000),
                false,
            ),
            ("seconds", at(1_001, 0), at(5_001, 0), false),
            ("two seconds", at(1_000, 0), at(5_000, 0), false),
            ("a second too early", at(1_000, 0), at(5_001, 0), true),
            ("before 1970", at(-1, 0), at(5_001, 0), true),
        ];
        let source = file(exact, exact);
        for (name, modified, changed, expected) in cases {
            assert_eq!(
                is_older(&file(modified, changed), &source),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn an_existing_destination_is_judged_by_what_it_is_before_what_is_wanted() {
        let source = stat(Kind::File, 1, 10, 10, 100);
        let newer = stat(Kind::File, 2, 10, 10, 101);
        let same_age = stat(Kind::File, 2, 10, 10, 100);
        let older = stat(Kind::File, 2, 10, 10, 99);
        let folder = stat(Kind::Folder, 3, 0, 0, 0);
        let link = stat(Kind::Symlink, 4, 0, 0, 0);
        use Existing::{IfNewer, Keep, Overwrite};
        let cases = [
            ("nothing there", None, false, Overwrite, Verdict::Create),
            ("nothing there, kept", None, false, Keep, Verdict::Create),
            (
                "the source itself",
                Some(source),
                false,
                Overwrite,
                Verdict::SameFile,
            ),
            (
                "the source itself, kept",
                Some(source),
                false,
                Keep,
                Verdict::SameFile,
            ),
            (
                "a folder",
                Some(folder),
                false,
                Overwrite,
                Verdict::OverFolder,
            ),
            (
                "a folder, kept",
                Some(folder),
                false,
                Keep,
                Verdict::OverFolder,
            ),
            ("a file", Some(older), false, Overwrite, Verdict::Replace),
            ("a link", Some(link), false, Overwrite, Verdict::Replace),
            ("kept", Some(older), false, Keep, Verdict::Skip),
            (
                "update, older there",
                Some(older),
                false,
                IfNewer,
                Verdict::Replace,
            ),
            (
                "update, same age there",
                Some(same_age),
                false,
                IfNewer,
                Verdict::Skip,
            ),
            (
                "update, newer there",
                Some(newer),
                false,
                IfNewer,
                Verdict::Skip,
            ),
            (
                "made by this run",
                Some(older),
                true,
                Overwrite,
                Verdict::JustCreated,
            ),
            (
                "made by this run, kept",
                Some(older),
                true,
                Keep,
                Verdict::Skip,
            ),
        ];
        for (name, existing, is_fresh, policy, expected) in cases {
            let options = Options {
                existing: policy,
                ..Options::default()
            };
            assert_eq!(
                judge(&source, existing.as_ref(), is_fresh, &options),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn the_way_follows_size_holes_and_idle_workers() {
        let dense = |size| stat(Kind::File, 1, size, size, 0);
        let holey = |size| stat(Kind::File, 1, size, size / 2, 0);
        let big = if crate::engine::sys::POSITIONED {
            Way::Ranges
        } else {
            Way::Whole
        };
        use Sparse::{Always, Auto, Never};
        let cases = [
            ("one byte", dense(1), 2, Auto, Way::Small),
            (
                "just below a mebibyte",
                dense(RESERVE_FROM - 1),
                2,
                Auto,
                Way::Small,
            ),
            ("a mebibyte", dense(RESERVE_FROM), 2, Auto, Way::Whole),
            (
                "just below splitting",
                dense(SPLIT_FROM - 1),
                2,
                Auto,
                Way::Whole,
            ),
            ("worth splitting", dense(SPLIT_FROM), 2, Auto, big),
            (
                "nobody to share with",
                dense(SPLIT_FROM),
                1,
                Auto,
                Way::Whole,
            ),
            ("holes", holey(SPLIT_FROM), 2, Auto, Way::Sparse),
            ("holes in a small file", holey(10), 2, Auto, Way::Sparse),
            ("holes to be filled", holey(SPLIT_FROM), 2, Never, big),
            ("holes to be made", dense(SPLIT_FROM), 2, Always, big),
        ];
        for (name, source, workers, sparse, expected) in cases {
            let options = Options {
                sparse,
                jobs: NonZeroUsize::MIN,
                ..Options::default()
            };
            assert_eq!(way(&source, &options, workers), expected, "{name}");
        }
    }

    #[test]
    fn calls_and_ranges_are_whole_chunks_of_bounded_length() {
        for chunk in [
            1,
            7,
            512,
            10_000,
            10_240,
            65_536,
            3 << 20,
            crate::config::MAX_CHUNK_LEN,
        ] {
            for jobs in [1, 2, 8] {
                let of = |number| NonZeroUsize::new(number).expect("not zero");
                let options = Options {
                    chunk_len: of(chunk),
                    jobs: of(jobs),
                    ..Options::default()
                };
                let (call, range) = (call_len(&options), range_len(&options));
                assert_eq!(call % chunk, 0, "call of whole chunks of {chunk}");
                assert_eq!(range % chunk as u64, 0, "range of whole chunks of {chunk}");
                assert!(
                    call <= chunk.max(CALL_CHUNKS * crate::config::CHUNK_LEN),
                    "one worker's memory with chunks of {chunk}"
                );
                assert!(
                    range >= call as u64,
                    "a range is one call at least with chunks of {chunk}"
                );
            }
        }
    }
}
