//! Copies a regular file, or what can be read from something else as one: opened, met, filled, given what it keeps,
//! named.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::{Content, Existing, Verify};
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::links::Claim;
use crate::engine::run::{Helpers, Run};
use crate::engine::sys::{self, Dir, Kind, Stat};
use crate::error::{Change, Doing, Error};
use crate::job::Action;

use super::meet::{meet, unless_failed};
use super::met::{Met, copied, is_one_with, names};
use super::stage::Stage;
use super::{attrs, content, resume, special, verify};

/// Copies a regular file, or what can be read from something else as one.
pub(super) fn copy<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> Result<(Action, u64), Error> {
    let contents_only = spot.takes_contents;
    let open = || {
        let file = (spot.pair.source).open_file(spot.source_name, spot.links, contents_only);
        file.map_err(|cause| unopened(spot, kind, cause))
    };
    // A pipe is opened last: that waits until somebody writes to it.
    let opened = (kind == Kind::File).then(open).transpose()?;
    let stat = match &opened {
        Some(file) => sys::stat(file),
        None => spot.pair.source.stat(spot.source_name, spot.links),
    };
    let stat = stat.map_err(|cause| Error::io(Doing::Stat, spot.source(), cause))?;
    if stat.kind == Kind::Folder || (stat.kind != Kind::File && !contents_only) {
        return Err(Error::Changed {
            path: spot.source(),
            change: Change::Kind,
        });
    }
    let (existing, kept_as) = match meet(run, spot, &stat)? {
        Met::Ready { existing, kept_as } => (existing, kept_as),
        Met::Leave(existing) => return leave(run, spot, &stat, &existing),
    };
    if run.is_dry() {
        run.progress.bytes.fetch_add(stat.size, Relaxed);
        return Ok((Action::Copied, stat.size));
    }
    let existing = existing.as_ref();
    let result = opened.map_or_else(open, Ok).and_then(|source| {
        let names = names(run, spot, &stat);
        if names < 2 {
            return fill(run, helpers, spot, source, &stat, existing);
        }
        match run.links.claim(stat.id, names) {
            Claim::Again(copied) => {
                special::link(run, spot, &copied, existing).map(|()| (Action::Linked, 0))
            }
            Claim::First(unsettled) => {
                let result = fill(run, helpers, spot, source, &stat, existing);
                let copied = result.is_ok().then(|| copied(run, spot));
                unsettled.settle(copied);
                result
            }
        }
    });
    unless_failed(run, spot, kept_as, result)
}

/// What to say about a source that cannot be opened: what was listed as a file may have become a link or a socket
/// since.
fn unopened(spot: &Spot<'_>, listed: Kind, cause: std::io::Error) -> Error {
    let now = spot.pair.source.stat(spot.source_name, spot.links);
    if listed == Kind::File && now.is_ok_and(|now| now.kind != Kind::File) {
        return Error::Changed {
            path: spot.source(),
            change: Change::Kind,
        };
    }
    Error::io(Doing::OpenSource, spot.source(), cause)
}

/// Leaves an existing file alone. One that is only new enough still has to be one with the other copies of its source.
fn leave(
    run: &Run<'_>,
    spot: &Spot<'_>,
    stat: &Stat,
    existing: &Stat,
) -> Result<(Action, u64), Error> {
    let names = names(run, spot, stat);
    if run.options.existing != Existing::IfNewer || names < 2 || run.is_dry() {
        return Ok((Action::Skipped, 0));
    }
    match run.links.claim(stat.id, names) {
        Claim::Again(copied) if is_one_with(&copied, existing) => Ok((Action::Skipped, 0)),
        Claim::Again(copied) => {
            special::link(run, spot, &copied, Some(existing))?;
            Ok((Action::Linked, 0))
        }
        Claim::First(unsettled) => {
            let copied = copied(run, spot);
            unsettled.settle(Some(copied));
            Ok((Action::Skipped, 0))
        }
    }
}

/// Makes the copy of a regular file that has been decided on.
fn fill<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    source: File,
    stat: &Stat,
    existing: Option<&Stat>,
) -> Result<(Action, u64), Error> {
    if let Some(existing) = existing
        && resume::is_there_already(run, spot, &source, stat, existing)?
    {
        return Ok((Action::Skipped, 0));
    }
    if stat.size >= plan::RESERVE_FROM {
        run.working_on(|| spot.source());
    }
    let stage = Stage::begin(run, spot, stat, existing)?;
    let filled = if run.options.content == Content::Copy {
        content::fill(run, helpers, spot, &Arc::new(source), stat, &stage)?
    } else {
        content::Filled::nothing(source, *stat)
    };
    if let Some(error) = filled.grew(spot) {
        run.notice(error);
    }
    if stage.is_stream() && run.options.cp().is_none() {
        // A device or pipe that was written to stays what it was. Most cannot be forced to a disk nor read back; a
        // disk can be forced.
        if stage.syncs_alone()
            && let Err(cause) = stage.file().sync_all()
            && cause.kind() != std::io::ErrorKind::InvalidInput
        {
            return Err(Error::io(Doing::Sync, spot.destination(), cause));
        }
        stage.commit()?;
        return Ok((Action::Copied, filled.bytes));
    }
    attrs::keep(
        run,
        spot,
        &*filled.source,
        &**stage.file(),
        &filled.stat,
        stage.made(),
    )?;
    let must_sync = stage.syncs_alone();
    if must_sync || run.options.verify == Verify::ReadBack || run.is_remote(spot) {
        stage
            .file()
            .sync_all()
            .map_err(|cause| Error::io(Doing::Sync, spot.destination(), cause))?;
    }
    if run.options.verify == Verify::ReadBack {
        verify::read_back(run, spot, stage.file(), &filled)?;
    }
    stage.commit()?;
    resume::discard(run, spot, stat);
    if must_sync && spot.is_root {
        let synced = spot.pair.destination().and_then(Dir::sync);
        synced.map_err(|cause| Error::io(Doing::Sync, spot.destination(), cause))?;
    }
    Ok((
        if filled.cloned {
            Action::Cloned
        } else {
            Action::Copied
        },
        filled.bytes,
    ))
}
