//! Copies one entry that is no folder.
//!
//! ```text
//!            judge ──► skip, refuse          (by cp's rules: inplace.rs)
//!              │
//!  symlink, fifo, device ──► special.rs
//!              │
//!  another name of a copied file ──► a link
//!              │
//!  stage.rs: a file to fill ──► content.rs: the bytes ──► attrs.rs: what else it keeps ──► stage.rs: its name
//!                                 │
//!                                 clone · ranges · sparse · chunked
//! ```
//!
//! Rule: until the last arrow the destination is what it was before; if an arrow breaks, the staged file
//! goes and the destination stays.

pub(crate) mod attrs;
mod backup;
mod chunked;
mod content;
mod hash;
mod inplace;
mod ranges;
pub(crate) mod resume;
mod special;
mod stage;

use std::ffi::OsString;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::config::{Content, Existing, Options, Special, Verify};
use crate::error::{Change, Doing, Error};
use crate::job::Action;
use crate::place::Spot;
use crate::plan::{self, Verdict};
use crate::run::Run;
use crate::sys::{self, Dir, Kind, Links, Stat};
use crate::tree::links::Claim;

pub(crate) use backup::{backup_name, is_backup};
pub(crate) use stage::{Made, is_temporary};

use stage::Stage;

/// Where idle workers are asked for help with one file; none when the job is a single small file.
pub(crate) type Helpers<'scope, 'run> = Option<&'run rayon::Scope<'scope>>;

/// What was found at a destination, and done about it.
#[derive(Debug)]
enum Met {
    /// The way is free, or what stands there is to be replaced.
    Ready {
        existing: Option<Stat>,
        /// The name that the old entry was given.
        kept_as: Option<OsString>,
    },
    /// What stands there is to be left as it is.
    Leave(Stat),
}

/// Copies one entry, telling its failure or its end; tells also whether it is now at its destination by our doing.
pub(crate) fn entry<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> bool {
    let mut tries_left = run.options.retries;
    loop {
        match attempt(run, helpers, spot, kind) {
            Ok((action, bytes)) => {
                run.done(spot, action, bytes);
                return action != Action::Skipped;
            }
            Err(error) if tries_left > 0 && is_passing(&error) && !run.progress.is_cancelled() => {
                tries_left -= 1;
                run.notice(error);
            }
            Err(error) => {
                run.fail(error);
                return false;
            }
        }
    }
}

fn attempt<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> Result<(Action, u64), Error> {
    let makes_names = matches!(
        run.options.content,
        Content::HardLink | Content::SymbolicLink
    );
    if makes_names && kind != Kind::Folder {
        return special::another_name(run, spot);
    }
    match kind {
        Kind::File => file(run, helpers, spot, kind),
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice | Kind::Socket if spot.takes_contents => {
            file(run, helpers, spot, kind)
        }
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
            special::copy(run, spot)
        }
        Kind::Folder => Err(Error::Changed {
            path: spot.source(),
            change: Change::Kind,
        }),
    }
}

/// Copies a regular file, or what can be read from something else as one.
fn file<'scope>(
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
                let copied = result.is_ok().then(|| special::copied(run, spot));
                unsettled.settle(copied);
                result
            }
        }
    });
    unless_failed(run, spot, kept_as, result)
}

/// What to say about a source that cannot be opened: what was listed as a file may have become a link or a socket since.
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

/// How many names of a file this job may meet and must make one file again; 0 when it need not.
fn names(run: &Run<'_>, spot: &Spot<'_>, stat: &Stat) -> u64 {
    let makes_files = matches!(run.options.content, Content::Copy | Content::AttributesOnly);
    match run.options.preserve.links && makes_files {
        false => 0,
        // Links that are followed are names too, and nobody knows how many there are.
        true if run.options.cp().is_some() && spot.links == Links::Follow => u64::MAX,
        true => stat.names,
    }
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
        Claim::Again(copied) if special::is_one_with(&copied, existing) => Ok((Action::Skipped, 0)),
        Claim::Again(copied) => {
            special::link(run, spot, &copied, Some(existing))?;
            Ok((Action::Linked, 0))
        }
        Claim::First(unsettled) => {
            let copied = special::copied(run, spot);
            unsettled.settle(Some(copied));
            Ok((Action::Skipped, 0))
        }
    }
}

/// Passes a result on. If the copy failed, what was moved aside for it gets its name back.
fn unless_failed(
    run: &Run<'_>,
    spot: &Spot<'_>,
    kept_as: Option<OsString>,
    result: Result<(Action, u64), Error>,
) -> Result<(Action, u64), Error> {
    if let (Err(_), Some(kept_as)) = (&result, kept_as)
        && let Err(error) = inplace::put_back(spot, &kept_as)
    {
        run.fail(error);
    }
    result
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
        // A device or pipe that was written to stays what it was. Most cannot be forced to a disk nor read back; a disk can be forced.
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
    if must_sync || run.options.verify == Verify::ReadBack || is_remote(run, spot) {
        stage
            .file()
            .sync_all()
            .map_err(|cause| Error::io(Doing::Sync, spot.destination(), cause))?;
    }
    if run.options.verify == Verify::ReadBack {
        hash::verify(run, spot, stage.file(), &filled)?;
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

/// Looks at the destination of an entry that is no folder, and decides what becomes of it.
fn meet(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Met, Error> {
    if run.options.cp().is_some() {
        return inplace::meet(run, spot, source);
    }
    let existing = existing(run, spot, source)?;
    match (decide(run, spot, source, existing.as_ref())?, existing) {
        (Verdict::Skip, Some(existing)) => Ok(Met::Leave(existing)),
        (Verdict::Replace, _) if is_own_backup(run, spot, source) => Err(Error::SourceIsBackup {
            from: spot.source(),
            to: spot.destination(),
        }),
        (_, existing) => Ok(Met::Ready {
            existing,
            kept_as: None,
        }),
    }
}

fn is_own_backup(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> bool {
    let folder = spot.pair.destination.as_ref();
    folder.is_some_and(|folder| inplace::is_own_backup(run.options, spot, folder, source))
}

/// What stands at the destination. A folder made by this run is known to be empty of foreign entries, and is not asked: creating
/// there exclusively tells.
fn existing(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Option<Stat>, Error> {
    let Some(folder) = &spot.pair.destination else {
        return Ok(None);
    };
    if spot.is_fresh() && !run.is_dry() {
        return Ok(None);
    }
    match folder.stat(spot.destination_name, Links::Keep) {
        Ok(link) if link.kind == Kind::Symlink && spot.is_root && source.kind != Kind::Symlink => {
            // What the user named is written to through a link, and a stream has no other name that could be (`/dev/stdout`).
            let target = folder.stat(spot.destination_name, Links::Follow);
            let is_stream = |stat: &Stat| !matches!(stat.kind, Kind::File | Kind::Folder);
            Ok(target.ok().filter(is_stream).or(Some(link)))
        }
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(Doing::Stat, spot.destination(), cause)),
    }
}

/// Turns the verdict on an existing destination into going on, skipping, or an error.
fn decide(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &Stat,
    existing: Option<&Stat>,
) -> Result<Verdict, Error> {
    let is_fresh = spot.is_fresh() || existing.is_some_and(|existing| run.was_made(existing.id));
    if existing.is_some_and(|existing| Some(existing.id) == run.shared.log) {
        return Err(Error::IsLog {
            to: spot.destination(),
        });
    }
    match plan::judge(source, existing, is_fresh, run.options) {
        Verdict::SameFile => Err(Error::SameFile {
            from: spot.source(),
            to: spot.destination(),
        }),
        Verdict::OverFolder => Err(Error::OverFolder {
            to: spot.destination(),
        }),
        Verdict::JustCreated => Err(Error::JustCreated {
            from: spot.source(),
            to: spot.destination(),
        }),
        verdict @ (Verdict::Create | Verdict::Replace | Verdict::Skip) => Ok(verdict),
    }
}

/// Whether the destination is another machine, which may refuse written data as late as when the file is closed.
fn is_remote(run: &Run<'_>, spot: &Spot<'_>) -> bool {
    let known = run.shared.devices.known(spot.pair.devices).is_remote;
    known.unwrap_or_else(|| {
        let is_remote = spot.pair.destination.as_ref().is_some_and(Dir::is_remote);
        run.shared
            .devices
            .learn(spot.pair.devices, |known| known.is_remote = Some(is_remote));
        is_remote
    })
}

/// What is being done when an entry of this kind is copied.
pub(crate) fn making(kind: Kind, options: &Options) -> Doing {
    match kind {
        Kind::Symlink => Doing::CreateLink,
        Kind::File | Kind::Folder => Doing::Create,
        _ if options.special == Special::Contents => Doing::Create,
        Kind::Fifo => Doing::CreateFifo,
        Kind::Socket | Kind::CharDevice | Kind::BlockDevice => Doing::CreateSpecial,
    }
}

/// What it means that an entry could not be made: in a folder that this run made, the name can only be taken by another entry of
/// this run.
fn cannot_make(action: Doing, spot: &Spot<'_>, cause: std::io::Error) -> Error {
    if cause.kind() == std::io::ErrorKind::AlreadyExists && spot.is_fresh() {
        return Error::JustCreated {
            from: spot.source(),
            to: spot.destination(),
        };
    }
    Error::io(action, spot.destination(), cause)
}

/// Whether trying again may help: the source settles, the network or the device recovers.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other error says that the request is wrong"
)]
fn is_passing(error: &Error) -> bool {
    use std::io::ErrorKind as Kind;
    match error {
        Error::Changed { .. } | Error::Verify { .. } => true,
        Error::Io { cause, .. } => {
            matches!(
                cause.kind(),
                Kind::TimedOut
                    | Kind::WouldBlock
                    | Kind::Interrupted
                    | Kind::StaleNetworkFileHandle
                    | Kind::ResourceBusy
            ) || cause.raw_os_error() == Some(sys::EIO)
        }
        _ => false,
    }
}
