//! `--resume`: what an interrupted copy leaves, and how the next one takes it up.
//!
//! Beside the destination stand two files whose names come from its name alone: the partial copy, and a
//! map of text lines:
//!
//! ```text
//! filecopy resume 1
//! source DEV INO SIZE MODIFIED CHANGED RANGE_LEN
//! START BLAKE3            one line for each range in place
//! ```
//!
//! Rule: nothing is trusted by size or time alone. The map counts only for the very source it names
//! (device, inode, size, both times), and a range counts only when it still has the hash in the map.
//! A folder that is being copied has a mark, `.filecopy-root.map`, with the device and inode of its source.
//! One process at a time writes to a partial copy: it holds a lock on it until the file has its final name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use crate::config::Resume;
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Dir, FileId, Kind, Links, Span, Stat};
use crate::error::{Doing, Error};

use super::attrs;
use super::hash::{self, Hash};
use super::made::Made;

/// How often a partial copy that goes away under our hands is looked for again.
const CLAIMS: u32 = 3;

/// Name of the mark in a destination folder that is not finished.
const ROOT_MARK: &str = ".filecopy-root.map";

/// A map longer than this is not ours (bytes): it allows files of 1.4 TB at the default range.
const MAX_MAP_LEN: u64 = 12 << 20;

/// The ranges of a partial copy that are in place.
#[derive(Debug)]
pub(super) struct Map {
    partial_name: OsString,
    map_name: OsString,
    /// Found in place when the copy began, by their first byte.
    known: BTreeMap<u64, Hash>,
    file: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    file: File,
    count: usize,
}

impl Map {
    pub(super) fn partial_name(&self) -> &OsStr {
        &self.partial_name
    }

    /// The hash of a range that was found in place.
    pub(super) fn has(&self, span: Span) -> Option<Hash> {
        self.known.get(&span.start).copied()
    }

    /// Whether an earlier run wrote to the partial copy; what is in the other ranges is anything then.
    pub(super) fn is_taken_up(&self) -> bool {
        !self.known.is_empty()
    }

    /// Notes that a range is in place.
    pub(super) fn note(&self, span: Span, hash: Hash) -> io::Result<()> {
        let mut notes = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        notes.count += 1;
        notes.file.write_all(line(span.start, &hash).as_bytes())
    }

    /// Removes the map of a copy that is whole.
    pub(super) fn remove(&self, folder: &Dir) {
        // The copy has its name already; a map left behind names a partial file that is gone and is never trusted.
        drop(folder.remove(&self.map_name));
    }

    /// Removes partial copy and map if no range was finished, so that a failed copy leaves nothing useless.
    pub(super) fn remove_if_worthless(&self, folder: &Dir) {
        if self
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count
            == 0
        {
            drop(folder.remove(&self.partial_name));
            drop(folder.remove(&self.map_name));
        }
    }
}

/// Opens the partial copy for the destination `name`, with what of it can be trusted, or begins one. None when it is
/// another's (a process that is copying to this destination now, or a user who put the file there), or when the job
/// is cancelled before all of it was read again. Such a copy is made like any other.
pub(super) fn open(
    run: &Run<'_>,
    folder: &Dir,
    name: &OsStr,
    source: &Stat,
    mode: u32,
) -> io::Result<Option<(File, Map)>> {
    let (partial_name, map_name) = names(name);
    let Some(file) = claim(folder, &partial_name, mode & 0o700 | 0o600)? else {
        return Ok(None);
    };
    let header = header(run, source);
    let listed = read_map(folder, &map_name, &header).unwrap_or_default();
    let was_begun = !listed.is_empty();
    let known = trusted(run, &file, source.size, listed);
    if was_begun && run.progress.is_cancelled() {
        // What was not read is not to be called lost: the next run finds the partial copy and its map as they are.
        return Ok(None);
    }
    drop(folder.remove(&map_name));
    let mut map = folder.create(&map_name, 0o600)?;
    if sys::stat(&file)?.owner.user != sys::stat(&map)?.owner.user {
        // Whoever owns it may have it open, and would go on writing to it under its final name.
        drop(folder.remove(&partial_name));
        drop(folder.remove(&map_name));
        return Ok(None);
    }
    if known.is_empty() {
        file.set_len(0)?;
    }
    let mut text = header;
    for (start, hash) in &known {
        text.push_str(&line(*start, hash));
    }
    map.write_all(text.as_bytes())?;
    let notes = Notes {
        file: map,
        count: known.len(),
    };
    Ok(Some((
        file,
        Map {
            partial_name,
            map_name,
            known,
            file: Mutex::new(notes),
        },
    )))
}

/// The names of the partial copy of a file and of its map.
fn names(destination: &OsStr) -> (OsString, OsString) {
    let stem = blake3::hash(destination.as_encoded_bytes()).to_hex();
    let name = |ending| OsString::from(format!(".filecopy-{}.{ending}", &stem[..16]));
    (name("part"), name("map"))
}

/// Removes what an interrupted copy left beside a destination that is whole now, unless another process is at it.
pub(super) fn discard(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) {
    if source.size < plan::range_len(run.options) || run.options.cp().is_some() {
        return;
    }
    let (partial_name, map_name) = names(spot.destination_name);
    let Ok(folder) = spot.pair.destination() else {
        return;
    };
    // Rarely is there one, and what cannot be removed does no harm to the copy.
    if folder
        .open_both(&partial_name)
        .is_ok_and(|file| file.try_lock().is_ok())
    {
        drop(folder.remove(&partial_name));
        drop(folder.remove(&map_name));
    }
}

/// Marks a destination folder that this run made as the unfinished copy of a source, so that the same command is
/// understood to go on with it, not to copy into it.
pub(crate) fn mark_root(folder: &Dir, source: FileId) -> io::Result<()> {
    let mut mark = folder.create(OsStr::new(ROOT_MARK), 0o600)?;
    mark.write_all(root_mark(source).as_bytes())
}

/// Whether a folder is marked as the unfinished copy of this source.
pub(crate) fn is_marked_root(folder: &Dir, source: FileId) -> bool {
    let expected = root_mark(source);
    let mut found = String::new();
    let read = folder
        .open_file(OsStr::new(ROOT_MARK), Links::Keep, false)
        .and_then(|mark| {
            mark.take(expected.len() as u64 + 1)
                .read_to_string(&mut found)
        });
    read.is_ok() && found == expected
}

/// Takes the mark of a finished copy away; tells whether there was one.
pub(crate) fn unmark_root(folder: &Dir) -> bool {
    folder.remove(OsStr::new(ROOT_MARK)).is_ok()
}

fn root_mark(source: FileId) -> String {
    format!("filecopy resume 1\nroot {} {}\n", source.dev, source.ino)
}

/// Opens or makes the partial copy, and locks it against other processes until it is closed. None when it cannot be
/// had.
fn claim(folder: &Dir, name: &OsStr, mode: u32) -> io::Result<Option<File>> {
    for _ in 0..CLAIMS {
        let file = match folder.open_both(name) {
            Ok(file) if is_plain(&file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match folder.create(name, mode) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    created => created?,
                }
            }
            _ => {
                // Something else was put there. What cannot be removed is met again, and left alone.
                drop(folder.remove(name));
                continue;
            }
        };
        // A file system without locks has no other process that could hold one.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        // Whoever held the lock until now may have given the file its final name.
        let named = folder.stat(name, Links::Keep).map(|stat| stat.id);
        if sys::stat(&file).is_ok_and(|ours| named.is_ok_and(|named| named == ours.id)) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// With `--resume`: whether the destination has the source's content already, compared byte by byte. Its metadata is
/// brought up to date.
pub(super) fn is_there_already(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &File,
    stat: &Stat,
    existing: &Stat,
) -> Result<bool, Error> {
    if run.options.resume == Resume::No || existing.kind != Kind::File || existing.size != stat.size
    {
        return Ok(false);
    }
    let opened = spot
        .pair
        .destination()
        .and_then(|folder| folder.open_file(spot.destination_name, spot.links, false));
    let Ok(copy) = opened else { return Ok(false) };
    let whole = Span {
        start: 0,
        end: stat.size,
    };
    let ours = hash::of(run, source, whole)
        .map_err(|cause| Error::io(Doing::Read, spot.source(), cause))?;
    if hash::of(run, &copy, whole).is_ok_and(|theirs| theirs == ours)
        && !run.progress.is_cancelled()
    {
        run.progress.bytes.fetch_add(stat.size, Relaxed);
        run.progress.kept.fetch_add(stat.size, Relaxed);
        discard(run, spot, stat);
        attrs::keep(run, spot, source, &copy, stat, Made::Kept)?;
        return Ok(true);
    }
    Ok(false)
}

/// The ranges of the map that still have their hash.
fn trusted(
    run: &Run<'_>,
    file: &File,
    size: u64,
    known: BTreeMap<u64, Hash>,
) -> BTreeMap<u64, Hash> {
    let range_len = plan::range_len(run.options);
    known
        .into_iter()
        .filter(|(start, hash)| {
            let span = Span {
                start: *start,
                end: start.saturating_add(range_len).min(size),
            };
            start % range_len == 0
                && *start < size
                && hash::of(run, file, span).is_ok_and(|found| found == *hash)
        })
        .collect()
}

/// A partial copy is a regular file with one name; anything else under its name was put there by somebody.
fn is_plain(file: &File) -> bool {
    sys::stat(file).is_ok_and(|stat| stat.kind == Kind::File && stat.names == 1)
}

fn header(run: &Run<'_>, source: &Stat) -> String {
    let Stat {
        id,
        size,
        modified,
        changed,
        ..
    } = source;
    format!(
        "filecopy resume 1\nsource {} {} {size} {}.{:09} {}.{:09} {}\n",
        id.dev,
        id.ino,
        modified.secs,
        modified.nanos,
        changed.secs,
        changed.nanos,
        plan::range_len(run.options)
    )
}

fn line(start: u64, hash: &Hash) -> String {
    format!("{start} {}\n", blake3::Hash::from_bytes(*hash).to_hex())
}

fn read_map(folder: &Dir, name: &OsStr, header: &str) -> io::Result<BTreeMap<u64, Hash>> {
    let file = folder.open_file(name, Links::Keep, false)?;
    let mut text = String::new();
    file.take(MAX_MAP_LEN).read_to_string(&mut text)?;
    Ok(parse_map(&text, header))
}

/// The ranges a map lists, none if it is of another source. A line cut short by a crash is passed over.
fn parse_map(text: &str, header: &str) -> BTreeMap<u64, Hash> {
    let Some(lines) = text.strip_prefix(header) else {
        return BTreeMap::new();
    };
    lines
        .split_inclusive('\n')
        .filter_map(|line| {
            let (start, hash) = line.strip_suffix('\n')?.split_once(' ')?;
            Some((
                start.parse().ok()?,
                *blake3::Hash::from_hex(hash).ok()?.as_bytes(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Options;
    use crate::engine::run::for_test;

    #[test]
    fn a_cancelled_job_gives_up_nothing_that_it_has_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("source"), [7; 100]).unwrap();
        let begun = open_in(root, true).expect("nothing to lose yet");
        begun.1.remove_if_worthless(&Dir::open(root).unwrap());
        drop(begun);
        assert_eq!(names(root), 1, "only the source");

        let (file, map) = open_in(root, false).expect("ours");
        sys::write_at(&file, &[7; 100], 0).unwrap();
        let whole = Span { start: 0, end: 100 };
        let hash = *blake3::hash(&[7; 100]).as_bytes();
        map.note(whole, hash).unwrap();
        drop((file, map));
        assert!(open_in(root, true).is_none(), "left as it is");
        let (_, map) = open_in(root, false).expect("ours");
        assert_eq!(map.has(whole), Some(hash), "and taken up by the next");
    }

    /// Opens the partial copy of `source` as `copy`.
    fn open_in(root: &Path, is_cancelled: bool) -> Option<(File, Map)> {
        let dir = || Dir::open(root).expect("a folder");
        let (name, copy) = (OsStr::new("source"), OsStr::new("copy"));
        for_test(&Options::default(), |run| {
            if is_cancelled {
                run.progress.cancel();
            }
            let source = dir().stat(name, Links::Keep).expect("the source");
            open(run, &dir(), copy, &source, 0o600).expect("a folder that can be written")
        })
    }

    fn names(folder: &Path) -> usize {
        std::fs::read_dir(folder).expect("a folder").count()
    }

    #[test]
    fn maps_are_read_back_and_never_beyond_doubt() {
        let header = "filecopy resume 1\nsource 1 2 3 4.000000005 6.000000007 10485760\n";
        let (first, second) = ([1; 32], [2; 32]);
        let lines = line(0, &first) + &line(10_485_760, &second);
        let whole = BTreeMap::from([(0, first), (10_485_760, second)]);
        let cases: [(&str, String, BTreeMap<u64, Hash>); 6] = [
            ("whole", format!("{header}{lines}"), whole.clone()),
            ("no ranges yet", header.to_owned(), BTreeMap::new()),
            (
                "another source",
                format!("{}{lines}", header.replace('5', "6")),
                BTreeMap::new(),
            ),
            (
                "last line cut",
                format!("{header}{}", &lines[..lines.len() - 1]),
                BTreeMap::from([(0, first)]),
            ),
            ("a line of rubbish", format!("{header}x y\n{lines}"), whole),
            ("empty", String::new(), BTreeMap::new()),
        ];
        for (name, text, expected) in cases {
            assert_eq!(parse_map(&text, header), expected, "{name}");
        }
    }
}
