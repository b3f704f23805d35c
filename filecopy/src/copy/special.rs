//! Symbolic links, fifos, sockets and devices, and other names of files that are copied already.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::Replace;
use crate::error::{Doing, Error};
use crate::job::Action;
use crate::place::Spot;
use crate::plan::Verdict;
use crate::run::Run;
use crate::sys::{Dir, Kind, Links, Stat};
use crate::tree::links::{Claim, Copied};

use super::stage::temporary_name;
use super::{backup, decide, existing};

/// Copies an entry that has no content of its own.
pub(super) fn copy(run: &Run<'_>, spot: &Spot<'_>) -> Result<(Action, u64), Error> {
    let stat = (spot.pair.source.stat(spot.source_name, Links::Keep))
        .map_err(|cause| Error::io(Doing::Stat, spot.source(), cause))?;
    let existing = existing(run, spot, &stat)?;
    if decide(run, spot, &stat, existing.as_ref())? == Verdict::Skip {
        return Ok((Action::Skipped, 0));
    }
    if let Some(existing) = &existing
        && leads_to(spot, &stat, existing)
    {
        return Err(Error::SameFile { from: spot.source(), to: spot.destination() });
    }
    if run.is_dry() {
        return Ok((Action::Made, 0));
    }
    if !run.options.preserve.links || stat.names < 2 {
        make(run, spot, &stat, existing.as_ref())?;
        return Ok((Action::Made, 0));
    }
    match run.links.claim(stat.id, stat.names) {
        Claim::Again(copied) => {
            link(run, spot, &copied, existing.as_ref())?;
            Ok((Action::Linked, 0))
        }
        Claim::First => {
            let made = make(run, spot, &stat, existing.as_ref());
            run.links.settle(stat.id, made.is_ok().then(|| copied(run, spot)));
            made.map(|()| (Action::Made, 0))
        }
    }
}

/// The copy at `spot`, for later names of the same file.
pub(super) fn copied(run: &Run<'_>, spot: &Spot<'_>) -> Copied {
    let root = run.root.get().unwrap_or(spot.pair);
    Copied { root: Arc::clone(root), place: Arc::clone(spot.place), name: spot.destination_name.to_owned() }
}

/// Whether replacing `existing` by a link would destroy what the link leads to.
fn leads_to(spot: &Spot<'_>, stat: &Stat, existing: &Stat) -> bool {
    stat.kind == Kind::Symlink
        && spot.pair.source.stat(spot.source_name, Links::Follow).is_ok_and(|target| target.id == existing.id)
}

fn make(run: &Run<'_>, spot: &Spot<'_>, stat: &Stat, existing: Option<&Stat>) -> Result<(), Error> {
    if stat.kind == Kind::Symlink {
        let target = (spot.pair.source.read_link(spot.source_name))
            .map_err(|cause| Error::io(Doing::ReadLink, spot.source(), cause))?;
        let make = |folder: &Dir, name: &OsStr| {
            folder.make_link(&target, name)?;
            keep_metadata(run, spot, folder, name, stat).inspect_err(|_| drop(folder.remove(name)))
        };
        return place(run, spot, existing, Doing::CreateLink, make);
    }
    let make = |folder: &Dir, name: &OsStr| {
        let mode = if run.options.preserve.mode { stat.mode } else { stat.mode & !run.shared.umask };
        folder.make_special(name, stat.kind, mode, stat.device)?;
        keep_metadata(run, spot, folder, name, stat).inspect_err(|_| drop(folder.remove(name)))
    };
    place(run, spot, existing, Doing::CreateSpecial, make)
}

/// Owner, mode and times of an entry that cannot be opened.
fn keep_metadata(run: &Run<'_>, spot: &Spot<'_>, folder: &Dir, name: &OsStr, stat: &Stat) -> io::Result<()> {
    let keeps = run.options.preserve;
    let changes_hands = keeps.owner && spot.pair.gives.get() != Some(&stat.owner);
    if changes_hands && run.shared.is_privileged {
        if let Err(cause) = folder.set_entry_owner(name, stat.owner) {
            run.notice_once(Doing::Owner, "owner", spot.destination(), cause);
        }
        if keeps.mode && stat.kind != Kind::Symlink {
            folder.set_entry_mode(name, stat.mode)?;
        }
    }
    if keeps.times {
        folder.set_entry_times(name, stat.accessed, stat.modified)?;
    }
    Ok(())
}

/// Makes another name of a file that is copied already.
pub(super) fn link(run: &Run<'_>, spot: &Spot<'_>, copied: &Copied, existing: Option<&Stat>) -> Result<(), Error> {
    let opened = if Arc::ptr_eq(&copied.place, spot.place) { Ok(None) } else { copied.place.open_destination(&copied.root) };
    let cannot = |cause| {
        let from = if copied.place.depth == 0 && spot.is_root {
            copied.place.destination()
        } else {
            copied.place.destination().join(&copied.name)
        };
        Error::Link { from, to: spot.destination(), cause }
    };
    let opened = opened.map_err(cannot)?;
    let made = if opened.is_none() && Arc::ptr_eq(&copied.place, spot.place) {
        place(run, spot, existing, Doing::Create, |folder, name| folder.link(&copied.name, Links::Keep, folder, name))
    } else {
        let holder = opened.as_ref().or(copied.root.destination.as_ref());
        place(run, spot, existing, Doing::Create, |folder, name| {
            holder.ok_or(io::ErrorKind::NotFound)?.link(&copied.name, Links::Keep, folder, name)
        })
    };
    made.map_err(|error| match error {
        Error::Io { cause, .. } => cannot(cause),
        other => other,
    })
}

/// Makes the copy a name of the source itself (`cp --link`).
pub(super) fn link_to_source(
    run: &Run<'_>,
    spot: &Spot<'_>,
    existing: Option<&Stat>,
) -> Result<(Action, u64), Error> {
    let made = place(run, spot, existing, Doing::Create, |folder, name| {
        spot.pair.source.link(spot.source_name, spot.links, folder, name)
    });
    match made {
        Ok(()) => Ok((Action::Linked, 0)),
        Err(Error::Io { cause, .. }) => Err(Error::Link { from: spot.source(), to: spot.destination(), cause }),
        Err(other) => Err(other),
    }
}

/// Makes the copy a symbolic link to the source (`cp --symbolic-link`).
pub(super) fn symlink_to_source(
    run: &Run<'_>,
    spot: &Spot<'_>,
    existing: Option<&Stat>,
) -> Result<(Action, u64), Error> {
    let target: PathBuf = spot.source();
    let make = |folder: &Dir, name: &OsStr| folder.make_link(target.as_os_str(), name);
    place(run, spot, existing, Doing::CreateLink, make)?;
    Ok((Action::Made, 0))
}

/// Makes an entry under the destination's name: at once where nothing is there, else under a temporary name that then takes its place.
fn place(
    run: &Run<'_>,
    spot: &Spot<'_>,
    existing: Option<&Stat>,
    action: Doing,
    make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
) -> Result<(), Error> {
    let placed = spot.pair.destination().and_then(|folder| {
        let name = spot.destination_name;
        if existing.is_some() && run.options.replace != Replace::Atomically {
            backup::keep_old(run, folder, name)?;
            folder.remove(name).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
        } else if existing.is_some() {
            return swap_in(run, spot, folder, make);
        }
        let ((), ticket) = run.shared.in_flight.enter(spot.pair, name, || make(folder, name))?;
        run.shared.in_flight.leave(ticket);
        Ok(())
    });
    placed.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists if spot.is_fresh() => {
            Error::JustCreated { from: spot.source(), to: spot.destination() }
        }
        _ => Error::io(action, spot.destination(), cause),
    })
}

fn swap_in(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
) -> io::Result<()> {
    let temporary: OsString = temporary_name();
    let ((), ticket) = run.shared.in_flight.enter(spot.pair, &temporary, || make(folder, &temporary))?;
    let renamed = backup::keep_old(run, folder, spot.destination_name)
        .and_then(|()| folder.rename(&temporary, spot.destination_name));
    // Renaming one name of a file to another name of the same file does nothing and leaves both: the temporary one goes either way.
    drop(folder.remove(&temporary));
    run.shared.in_flight.leave(ticket);
    renamed
}
