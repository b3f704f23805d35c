//! Copies one entry that is no folder.
//!
//! ```text
//!            judge ──► skip, refuse
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
mod ranges;
mod resume;
mod special;
mod stage;

use std::fs::File;
use std::sync::Arc;

use crate::config::{Content, Follow, Replace, Special, Verify};
use crate::error::{Change, Doing, Error};
use crate::job::Action;
use crate::place::Spot;
use crate::plan::{self, Verdict};
use crate::run::Run;
use crate::sys::{self, Dir, Kind, Links, Stat};
use crate::tree::links::Claim;

pub(crate) use stage::{Made, is_temporary};

use stage::Stage;

/// Where idle workers are asked for help with one file; none when the job is a single small file.
pub(crate) type Helpers<'scope, 'run> = Option<&'run rayon::Scope<'scope>>;

/// Copies one entry, telling its failure or its end.
pub(crate) fn entry<'scope>(run: &'scope Run<'scope>, helpers: Helpers<'scope, '_>, spot: &Spot<'_>, kind: Kind) {
    let mut tries_left = run.options.retries;
    loop {
        match attempt(run, helpers, spot, kind) {
            Ok((action, bytes)) => return run.done(spot, action, bytes),
            Err(error) if tries_left > 0 && is_passing(&error) && !run.progress.is_cancelled() => {
                tries_left -= 1;
                run.notice(error);
            }
            Err(error) => return run.fail(error),
        }
    }
}

fn attempt<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> Result<(Action, u64), Error> {
    match kind {
        Kind::File => file(run, helpers, spot),
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice | Kind::Socket if run.options.special == Special::Contents => {
            file(run, helpers, spot)
        }
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => special::copy(run, spot),
        Kind::Folder => Err(Error::Changed { path: spot.source(), change: Change::Kind }),
    }
}

/// Copies a regular file, or what can be read from something else as one.
fn file<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
) -> Result<(Action, u64), Error> {
    let contents_only = run.options.special == Special::Contents;
    let source = (spot.pair.source.open_file(spot.source_name, spot.links, contents_only))
        .map_err(|cause| Error::io(Doing::OpenSource, spot.source(), cause))?;
    let stat = sys::stat(&source).map_err(|cause| Error::io(Doing::Stat, spot.source(), cause))?;
    if stat.kind == Kind::Folder || (stat.kind != Kind::File && !contents_only) {
        return Err(Error::Changed { path: spot.source(), change: Change::Kind });
    }
    let existing = existing(run, spot, &stat)?;
    if let Verdict::Skip = decide(run, spot, &stat, existing.as_ref())? {
        return Ok((Action::Skipped, 0));
    }
    if run.is_dry() {
        return Ok((Action::Copied, stat.size));
    }
    let keeps_links = run.options.preserve.links && stat.names > 1 && run.options.content == Content::Copy;
    if !keeps_links {
        return fill(run, helpers, spot, source, &stat, existing.as_ref());
    }
    match run.links.claim(stat.id, stat.names) {
        Claim::Again(copied) => {
            special::link(run, spot, &copied, existing.as_ref())?;
            Ok((Action::Linked, 0))
        }
        Claim::First => {
            let result = fill(run, helpers, spot, source, &stat, existing.as_ref());
            run.links.settle(stat.id, result.is_ok().then(|| special::copied(run, spot)));
            result
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
    match run.options.content {
        Content::Copy | Content::AttributesOnly => {}
        Content::HardLink => return special::link_to_source(run, spot, existing),
        Content::SymbolicLink => return special::symlink_to_source(run, spot, existing),
    }
    if let Some(existing) = existing
        && resume::is_there_already(run, spot, &source, stat, existing)?
    {
        return Ok((Action::Skipped, 0));
    }
    if stat.size >= plan::RESERVE_FROM {
        run.working_on(|| spot.source());
    }
    let mut stage = Stage::begin(run, spot, stat, existing)?;
    let filled = if run.options.content == Content::Copy {
        content::fill(run, helpers, spot, &Arc::new(source), stat, &mut stage)?
    } else {
        content::Filled::nothing(source, *stat)
    };
    if let Some(error) = filled.grew(spot) {
        run.notice(error);
    }
    attrs::keep(run, spot, &*filled.source, &**stage.file(), &filled.stat, stage.made())?;
    let must_sync = stage.syncs_alone();
    if must_sync || run.options.verify == Verify::ReadBack || is_remote(run, spot) {
        stage.file().sync_all().map_err(|cause| Error::io(Doing::Sync, spot.destination(), cause))?;
    }
    if run.options.verify == Verify::ReadBack {
        hash::verify(run, spot, stage.file(), &filled)?;
    }
    stage.commit()?;
    if must_sync && spot.is_root {
        let synced = spot.pair.destination().and_then(Dir::sync);
        synced.map_err(|cause| Error::io(Doing::Sync, spot.destination(), cause))?;
    }
    Ok((if filled.cloned { Action::Cloned } else { Action::Copied }, filled.bytes))
}

/// What stands at the destination. A folder made by this run is known to be empty of foreign entries, and is not asked: creating
/// there exclusively tells.
fn existing(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Option<Stat>, Error> {
    let Some(folder) = &spot.pair.destination else { return Ok(None) };
    if spot.is_fresh() && !run.is_dry() {
        return Ok(None);
    }
    let in_place = !matches!(run.options.replace, Replace::Atomically | Replace::Remove);
    let links = if in_place && run.options.follow != Follow::Never && source.kind == Kind::File { Links::Follow } else { Links::Keep };
    match folder.stat(spot.destination_name, links) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::io(Doing::Stat, spot.destination(), cause)),
    }
}

/// Turns the verdict on an existing destination into going on, skipping, or an error.
fn decide(run: &Run<'_>, spot: &Spot<'_>, source: &Stat, existing: Option<&Stat>) -> Result<Verdict, Error> {
    let is_fresh = spot.is_fresh() || existing.is_some_and(|existing| run.was_made(existing.id));
    if existing.is_some_and(|existing| Some(existing.id) == run.shared.log) {
        return Err(Error::IsLog { to: spot.destination() });
    }
    match plan::judge(source, existing, is_fresh, run.options) {
        Verdict::SameFile => Err(Error::SameFile { from: spot.source(), to: spot.destination() }),
        Verdict::OverFolder => Err(Error::OverFolder { to: spot.destination() }),
        Verdict::JustCreated => Err(Error::JustCreated { from: spot.source(), to: spot.destination() }),
        verdict @ (Verdict::Create | Verdict::Replace | Verdict::Skip) => Ok(verdict),
    }
}

/// Whether the destination is another machine, which may refuse written data as late as when the file is closed.
fn is_remote(run: &Run<'_>, spot: &Spot<'_>) -> bool {
    let known = run.shared.devices.known(spot.pair.devices).is_remote;
    known.unwrap_or_else(|| {
        let is_remote = spot.pair.destination.as_ref().is_some_and(Dir::is_remote);
        run.shared.devices.learn(spot.pair.devices, |known| known.is_remote = Some(is_remote));
        is_remote
    })
}

/// Whether trying again may help: the source settles, the network or the device recovers.
fn is_passing(error: &Error) -> bool {
    use std::io::ErrorKind as Kind;
    match error {
        Error::Changed { .. } | Error::Verify { .. } => true,
        Error::Io { cause, .. } => matches!(
            cause.kind(),
            Kind::TimedOut | Kind::WouldBlock | Kind::Interrupted | Kind::StaleNetworkFileHandle | Kind::ResourceBusy
        ) || cause.raw_os_error() == Some(sys::EIO),
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other error says that the request is wrong")]
        _ => false,
    }
}
