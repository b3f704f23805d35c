//! Meets what stands at the destination of an entry that is no folder: facts, verdict, and what must be given up or
//! put back.

use std::ffi::OsString;

use crate::engine::place::Spot;
use crate::engine::plan::{self, Verdict};
use crate::engine::run::Run;
use crate::engine::sys::{Kind, Links, Stat};
use crate::error::{Doing, Error};
use crate::job::Action;

use super::inplace;
use super::met::Met;

/// Looks at the destination of an entry that is no folder, and decides what becomes of it.
pub(super) fn meet(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Met, Error> {
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

/// What stands at the destination. A folder made by this run is known to be empty of foreign entries, and is not
/// asked: creating there exclusively tells.
fn existing(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Option<Stat>, Error> {
    let Some(folder) = &spot.pair.destination else {
        return Ok(None);
    };
    if spot.is_fresh() && !run.is_dry() {
        return Ok(None);
    }
    match folder.stat(spot.destination_name, Links::Keep) {
        Ok(link) if link.kind == Kind::Symlink && spot.is_root && source.kind != Kind::Symlink => {
            // What the user named is written to through a link, and a stream has no other name that could be
            // (`/dev/stdout`).
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

/// Passes a result on. If the copy failed, what was moved aside for it gets its name back.
pub(super) fn unless_failed(
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
