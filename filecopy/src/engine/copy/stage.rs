//! The file a copy is written to before it has its name, and the one step that gives it the name.
//!
//! | destination | staged as | named by |
//! |---|---|---|
//! | new, below 1 MiB | the name itself, created exclusively: renaming costs 44 % more on small files | nothing |
//! | new, larger | a file without a name: even a killed process leaves nothing | a link |
//! | exists | a file without a name, or with a temporary one in the same folder | a rename |
//! | any, with `--resume` | a name that a later run finds again | a rename |
//! | exists, in place | the file itself, emptied | nothing |
//!
//! A stage that is dropped before [`Stage::commit`] removes what it made, except what can be resumed.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::config::{Content, CpRules, Dangling, Replace, Resume, Sync};
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::run::inflight::Ticket;
use crate::engine::sys::{self, Dir, Kind, Links, Stat};
use crate::error::{Doing, Error};

use super::cause::cannot_make;
use super::made::{Made, temporary_name};
use super::resume::{self, Map};
use super::{backup, inplace};

/// A file being filled.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    run: &'a Run<'a>,
    spot: &'a Spot<'a>,
    file: Arc<File>,
    how: How,
    /// Whether the destination exists and is to be replaced.
    replaces: bool,
    /// The permission bits it was created with.
    mode: u32,
    /// The permission bits it gets where modes are not kept.
    wanted: u32,
    is_stream: bool,
}

#[derive(Debug)]
enum How {
    /// Under its own name.
    Direct(Ticket),
    /// Without a name.
    Unnamed,
    /// Under a temporary name.
    Named(OsString, Ticket),
    /// Under a name that a later run finds again.
    Resumable(Map),
    /// The existing file itself.
    InPlace,
    /// Committed, or given up.
    Over,
}

/// No permission bits at all: they have to be set.
const UNKNOWN: u32 = u32::MAX;

impl<'a> Stage<'a> {
    /// Opens a file to fill for `spot`.
    pub(super) fn begin(
        run: &'a Run<'a>,
        spot: &'a Spot<'a>,
        source: &Stat,
        existing: Option<&Stat>,
    ) -> Result<Self, Error> {
        let wanted = wanted_mode(run, source, existing);
        let mode = creation_mode(run, spot, source, wanted);
        let cannot_create = |cause| cannot_make(Doing::Create, spot, cause);
        let folder = spot.pair.destination().map_err(cannot_create)?;
        let (file, how) = match run.options.cp() {
            None => open(run, spot, folder, source, existing, mode).map_err(cannot_create)?,
            Some(rules) => open_in_place(run, spot, folder, existing, mode, rules)?,
        };
        Ok(Self {
            run,
            spot,
            file,
            is_stream: existing.is_some_and(|existing| existing.kind != Kind::File)
                && matches!(how, How::InPlace),
            how,
            replaces: existing.is_some() && run.options.replace == Replace::Atomically,
            mode,
            wanted,
        })
    }

    /// Whether the file has no positions, no size and no holes: a pipe or a device.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// The file to fill.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The map of ranges that are in place already and will be, when the copy can be resumed.
    pub(super) fn map(&self) -> Option<&Map> {
        if let How::Resumable(map) = &self.how {
            Some(map)
        } else {
            None
        }
    }

    /// Whether an earlier run has written to the file.
    pub(super) fn is_taken_up(&self) -> bool {
        self.map().is_some_and(Map::is_taken_up)
    }

    /// What is known about the file's metadata.
    pub(super) fn made(&self) -> Made {
        if matches!(self.how, How::InPlace) {
            Made::Kept
        } else {
            // A partial copy has the bits of whoever began it.
            let is_taken_up = matches!(self.how, How::Resumable(_));
            Made::New {
                created: if is_taken_up { UNKNOWN } else { self.mode },
                wanted: self.wanted,
            }
        }
    }

    /// Whether the file must be forced to the disk by itself. A new file of a tree is not: the whole file system is,
    /// at the end.
    pub(super) fn syncs_alone(&self) -> bool {
        let together = sys::SYNCS_WHOLE && !self.spot.is_root && !self.replaces;
        self.run.options.sync == Sync::Yes && !together
    }

    /// Gives the finished file its name.
    pub(super) fn commit(mut self) -> Result<(), Error> {
        let how = std::mem::replace(&mut self.how, How::Over);
        let named = match how {
            How::Direct(ticket) => {
                self.run.shared.in_flight.leave(ticket);
                Ok(())
            }
            How::Unnamed => self.name(),
            How::Named(name, ticket) => self.rename(name, ticket),
            How::Resumable(map) => self.finish(&map),
            How::InPlace | How::Over => Ok(()),
        };
        named.map_err(|cause| cannot_make(Doing::Rename, self.spot, cause))
    }

    /// Names an unnamed file.
    fn name(&mut self) -> io::Result<()> {
        let folder = self.spot.pair.destination()?;
        if !self.replaces {
            match folder.name_file(&self.file, self.spot.destination_name) {
                // Somebody made it meanwhile: replaced as if it had been there before, unless that is the very thing
                // to refuse.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && !self.spot.is_fresh() => {}
                result => return result,
            }
        }
        let name = temporary_name();
        let ((), ticket) = (self.run.shared.in_flight).enter(self.spot.pair, &name, || {
            folder.name_file(&self.file, &name)
        })?;
        self.rename(name, ticket)
    }

    /// Renames a temporary file to its destination. If that fails the drop removes it.
    fn rename(&mut self, name: OsString, ticket: Ticket) -> io::Result<()> {
        let Spot {
            pair,
            destination_name,
            ..
        } = *self.spot;
        let renamed = backup::rename_over(self.run, pair, &name, destination_name);
        match renamed {
            Ok(()) => self.run.shared.in_flight.leave(ticket),
            Err(_) => self.how = How::Named(name, ticket),
        }
        renamed
    }

    /// Renames a resumable file and removes its map.
    fn finish(&self, map: &Map) -> io::Result<()> {
        let Spot {
            pair,
            destination_name,
            ..
        } = *self.spot;
        backup::rename_over(self.run, pair, map.partial_name(), destination_name)?;
        map.remove(pair.destination()?);
        Ok(())
    }

    /// Whether the destination's name still leads to the file being filled. Another process may have put its own there.
    fn has_name(&self, folder: &Dir) -> bool {
        let named = folder.stat(self.spot.destination_name, Links::Keep);
        named.is_ok_and(|named| sys::stat(&*self.file).is_ok_and(|ours| ours.id == named.id))
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let Ok(folder) = self.spot.pair.destination() else {
            return;
        };
        // The copy failed and its reason is being told; that the piece is gone as well needs no second line.
        match std::mem::replace(&mut self.how, How::Over) {
            How::Direct(ticket) => {
                if self.has_name(folder) {
                    drop(folder.remove(self.spot.destination_name));
                }
                self.run.shared.in_flight.leave(ticket);
            }
            How::Named(name, ticket) => {
                drop(folder.remove(&name));
                self.run.shared.in_flight.leave(ticket);
            }
            How::Resumable(map) => map.remove_if_worthless(folder),
            How::Unnamed | How::InPlace | How::Over => {}
        }
    }
}

/// Opens the staged file by the table above.
fn open(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    source: &Stat,
    existing: Option<&Stat>,
    mode: u32,
) -> io::Result<(Arc<File>, How)> {
    let direct = || -> io::Result<_> {
        let create = || folder.create(spot.destination_name, mode);
        let (file, ticket) =
            run.shared
                .in_flight
                .enter_final(spot.pair, spot.destination_name, create)?;
        Ok((file, How::Direct(ticket)))
    };
    if existing.is_some_and(|existing| is_named_stream(spot, existing)) {
        let file = folder.open_for_writing(spot.destination_name, true)?;
        return Ok((Arc::new(file), How::InPlace));
    }
    if run.options.resume == Resume::Yes
        && source.size >= plan::range_len(run.options)
        && let Some((file, map)) = resume::open(run, folder, spot.destination_name, source, mode)?
    {
        return Ok((Arc::new(file), How::Resumable(map)));
    }
    if existing.is_none() && source.size < plan::RESERVE_FROM {
        match direct() {
            // Somebody made it meanwhile: replaced as if it had been there before, unless that is the very thing to
            // refuse.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !spot.is_fresh() => {}
            opened => return opened,
        }
    }
    if source.size >= plan::RESERVE_FROM {
        // Any refusal means that this file system has no such files.
        if let Ok(file) = folder.create_unnamed(mode) {
            return Ok((Arc::new(file), How::Unnamed));
        }
    }
    let name = temporary_name();
    let (file, ticket) = run
        .shared
        .in_flight
        .enter(spot.pair, &name, || folder.create(&name, mode))?;
    Ok((Arc::new(file), How::Named(name, ticket)))
}

/// Whether the user named a device or fifo, which is written to and never replaced.
fn is_named_stream(spot: &Spot<'_>, existing: &Stat) -> bool {
    let is_stream = matches!(
        existing.kind,
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo
    );
    spot.is_root && is_stream
}

/// Opens what is written to under `cp`'s rules: the existing file itself, or a new one under its own name.
fn open_in_place(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    existing: Option<&Stat>,
    mode: u32,
    rules: &CpRules,
) -> Result<(Arc<File>, How), Error> {
    let name = spot.destination_name;
    let cannot_create = |cause| Error::io(Doing::Create, spot.destination(), cause);
    if existing.is_some() {
        let truncate = run.options.content == Content::Copy;
        match folder.open_for_writing(name, truncate) {
            Ok(file) => return Ok((Arc::new(file), How::InPlace)),
            Err(_) if run.options.replace == Replace::InPlaceForced => {
                inplace::remove(run, spot, folder)?;
            }
            Err(cause) => return Err(cannot_create(cause)),
        }
    }
    let created = (run.shared.in_flight).enter_final(spot.pair, name, || folder.create(name, mode));
    match created {
        Ok((file, ticket)) => Ok((file, How::Direct(ticket))),
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cannot_create(cause)),
        Err(cause) => match folder.stat(name, Links::Keep) {
            Ok(entry) if entry.kind != Kind::Symlink => Err(cannot_create(cause)),
            _ if rules.dangling == Dangling::Create => {
                let file = folder.create_through(name, mode).map_err(cannot_create)?;
                Ok((Arc::new(file), How::InPlace))
            }
            _ => Err(Error::Dangling {
                to: spot.destination(),
            }),
        },
    }
}

/// Permission bits the file ends with where modes are not kept: those of the file it replaces, else a new file's.
fn wanted_mode(run: &Run<'_>, source: &Stat, existing: Option<&Stat>) -> u32 {
    match existing {
        Some(existing) if existing.kind == Kind::File => existing.mode & 0o777,
        _ => plan::new_mode(source, run.options, run.shared.umask),
    }
}

/// Permission bits to create with. The final ones where nothing else has to happen first, so that small files need no
/// second call; the owner's alone where the file will belong to somebody else or an access control list is inherited.
fn creation_mode(run: &Run<'_>, spot: &Spot<'_>, source: &Stat, wanted: u32) -> u32 {
    let keeps = run.options.preserve;
    let wanted = if keeps.mode {
        source.mode & 0o777
    } else {
        wanted
    };
    let changes_hands = keeps.owner
        && spot
            .pair
            .gives
            .get()
            .is_none_or(|gives| *gives != source.owner);
    if changes_hands || spot.pair.default_acl {
        wanted & 0o700
    } else {
        wanted
    }
}
