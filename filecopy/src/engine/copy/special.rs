//! Symbolic links, fifos, sockets and devices, and other names of files that are copied already.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Content, Existing, Replace};
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::run::links::{Claim, Copied};
use crate::engine::sys::{Dir, Kind, Links, Stat};
use crate::error::{Doing, Error};
use crate::job::Action;

use super::cause::{cannot_make, making};
use super::made::temporary_name;
use super::meet::{meet, unless_failed};
use super::met::{Met, copied, names};
use super::{attrs, backup};

/// Copies an entry that has no content of its own.
pub(super) fn copy(run: &Run<'_>, spot: &Spot<'_>) -> Result<(Action, u64), Error> {
    let stat = (spot.pair.source.stat(spot.source_name, Links::Keep))
        .map_err(|cause| Error::io(Doing::Stat, spot.source(), cause))?;
    let (existing, kept_as) = match meet(run, spot, &stat)? {
        Met::Ready { existing, kept_as } => (existing, kept_as),
        Met::Leave(_) => return Ok((Action::Skipped, 0)),
    };
    if let Some(existing) = &existing
        && run.options.cp().is_none()
        && leads_to(spot, &stat, existing)
    {
        return Err(Error::SameFile {
            from: spot.source(),
            to: spot.destination(),
        });
    }
    if run.is_dry() {
        return Ok((Action::Made, 0));
    }
    let existing = existing.as_ref();
    let result = match names(run, spot, &stat) {
        0 | 1 => make(run, spot, &stat, existing).map(|()| (Action::Made, 0)),
        names => match run.links.claim(stat.id, names) {
            Claim::Again(copied) => {
                link(run, spot, &copied, existing).map(|()| (Action::Linked, 0))
            }
            Claim::First(unsettled) => {
                let made = make(run, spot, &stat, existing);
                let copied = made.is_ok().then(|| copied(run, spot));
                unsettled.settle(copied);
                made.map(|()| (Action::Made, 0))
            }
        },
    };
    unless_failed(run, spot, kept_as, result)
}

/// Makes a link to the source in a copy's stead (`cp --link`, `cp --symbolic-link`).
pub(super) fn another_name(run: &Run<'_>, spot: &Spot<'_>) -> Result<(Action, u64), Error> {
    let stat = (spot.pair.source.stat(spot.source_name, spot.links))
        .map_err(|cause| Error::io(Doing::Stat, spot.source(), cause))?;
    let (existing, kept_as) = match meet(run, spot, &stat)? {
        Met::Ready { existing, kept_as } => (existing, kept_as),
        Met::Leave(_) => return Ok((Action::Skipped, 0)),
    };
    let made = if run.options.content == Content::SymbolicLink {
        symlink_to_source(run, spot, &stat, existing.as_ref())
    } else {
        link_to_source(run, spot, existing.as_ref())
    };
    unless_failed(run, spot, kept_as, made)
}

/// Whether replacing `existing` by a link would destroy what the link leads to.
fn leads_to(spot: &Spot<'_>, stat: &Stat, existing: &Stat) -> bool {
    stat.kind == Kind::Symlink
        && spot
            .pair
            .source
            .stat(spot.source_name, Links::Follow)
            .is_ok_and(|target| target.id == existing.id)
}

fn make(run: &Run<'_>, spot: &Spot<'_>, stat: &Stat, existing: Option<&Stat>) -> Result<(), Error> {
    if stat.kind == Kind::Symlink {
        let target = (spot.pair.source.read_link(spot.source_name))
            .map_err(|cause| Error::io(Doing::ReadLink, spot.source(), cause))?;
        let make = |folder: &Dir, name: &OsStr| {
            folder.make_link(&target, name)?;
            keep_metadata(run, spot, folder, name, stat).inspect_err(|_| drop(folder.remove(name)))
        };
        return place(run, spot, replaces(run, existing), Doing::CreateLink, make);
    }
    let make = |folder: &Dir, name: &OsStr| {
        let mode = if run.options.preserve.mode {
            stat.mode
        } else {
            plan::new_mode(stat, run.options, run.shared.umask)
        };
        folder.make_special(name, stat.kind, mode, stat.device)?;
        keep_metadata(run, spot, folder, name, stat).inspect_err(|_| drop(folder.remove(name)))
    };
    place(
        run,
        spot,
        replaces(run, existing),
        making(stat.kind, run.options),
        make,
    )
}

/// Owner, attributes, mode and times of an entry that cannot be opened. Linux lets links have none of the attributes
/// that users set.
fn keep_metadata(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    name: &OsStr,
    stat: &Stat,
) -> io::Result<()> {
    let keeps = run.options.preserve;
    let changes_hands = keeps.owner && spot.pair.gives.get() != Some(&stat.owner);
    let is_special = stat.kind != Kind::Symlink;
    if keeps.mode && is_special && spot.pair.default_acl {
        folder.remove_entry_acl(name)?;
    }
    if changes_hands
        && run.shared.is_privileged
        && let Err(cause) = folder.set_entry_owner(name, stat.owner)
    {
        run.notice_once(Doing::Owner, "owner", spot.destination(), cause);
    }
    if keeps.xattr && is_special {
        for (attribute, value) in spot.pair.source.entry_attributes(spot.source_name)? {
            match folder.set_entry_attribute(name, &attribute, &value) {
                Err(cause) if !attrs::is_ruled_out(&cause) => return Err(cause),
                _ => {}
            }
        }
    }
    if keeps.mode && is_special {
        folder.set_entry_mode(name, stat.mode)?;
    }
    if keeps.times {
        folder.set_entry_times(name, stat.accessed, stat.modified)?;
    }
    Ok(())
}

/// Makes another name of a file that is copied already.
pub(super) fn link(
    run: &Run<'_>,
    spot: &Spot<'_>,
    copied: &Copied,
    existing: Option<&Stat>,
) -> Result<(), Error> {
    let opened = if Arc::ptr_eq(&copied.place, spot.place) {
        Ok(None)
    } else {
        copied.place.open_destination(&copied.root)
    };
    let cannot = |cause| {
        let from = if copied.is_root {
            copied.place.destination()
        } else {
            copied.place.destination().join(&copied.name)
        };
        Error::Link {
            from,
            to: spot.destination(),
            cause,
        }
    };
    let opened = opened.map_err(cannot)?;
    let made = if opened.is_none() && Arc::ptr_eq(&copied.place, spot.place) {
        place(
            run,
            spot,
            existing.is_some(),
            Doing::Create,
            |folder, name| folder.link(&copied.name, Links::Keep, folder, name),
        )
    } else {
        let holder = opened.as_ref().or(copied.root.destination.as_ref());
        place(
            run,
            spot,
            existing.is_some(),
            Doing::Create,
            |folder, name| {
                holder
                    .ok_or(io::ErrorKind::NotFound)?
                    .link(&copied.name, Links::Keep, folder, name)
            },
        )
    };
    match made {
        Err(Error::Io { cause, .. }) => Err(cannot(cause)),
        made => made,
    }
}

/// Makes the copy a name of the source itself.
fn link_to_source(
    run: &Run<'_>,
    spot: &Spot<'_>,
    existing: Option<&Stat>,
) -> Result<(Action, u64), Error> {
    let (from, to) = (spot.pair, spot.source_name);
    let make = |folder: &Dir, name: &OsStr| from.source.link(to, spot.links, folder, name);
    // Who said yes to replacing it meant that.
    let asks = matches!(run.options.existing, Existing::Ask | Existing::AskIfNewer);
    let is_agreed = existing.is_some() && asks;
    let replaces = is_agreed || replaces(run, existing);
    match place(run, spot, replaces, Doing::Create, make) {
        Ok(()) => Ok((Action::Linked, 0)),
        Err(Error::Io { cause, .. }) => Err(Error::Link {
            from: spot.source(),
            to: spot.destination(),
            cause,
        }),
        Err(other) => Err(other),
    }
}

/// Makes the copy a symbolic link to the source.
fn symlink_to_source(
    run: &Run<'_>,
    spot: &Spot<'_>,
    stat: &Stat,
    existing: Option<&Stat>,
) -> Result<(Action, u64), Error> {
    let target: PathBuf = spot.source();
    let make = |folder: &Dir, name: &OsStr| {
        folder.make_link(target.as_os_str(), name)?;
        if run.options.preserve.times {
            folder.set_entry_times(name, stat.accessed, stat.modified)?;
        }
        Ok(())
    };
    match place(run, spot, replaces(run, existing), Doing::CreateLink, make) {
        Ok(()) => Ok((Action::Made, 0)),
        Err(Error::Io { cause, .. }) => Err(Error::SymbolicLink {
            from: target,
            to: spot.destination(),
            cause,
        }),
        Err(other) => Err(other),
    }
}

/// Whether a new entry takes the place of an existing one. Under cp's rules that has to be asked for; what is simply
/// in the way has been removed before.
fn replaces(run: &Run<'_>, existing: Option<&Stat>) -> bool {
    let replace = run.options.replace;
    existing.is_some() && matches!(replace, Replace::Atomically | Replace::InPlaceForced)
}

/// Makes an entry under the destination's name: at once, or, where it `replaces` another, under a temporary name that
/// then takes its place.
fn place(
    run: &Run<'_>,
    spot: &Spot<'_>,
    replaces: bool,
    action: Doing,
    make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
) -> Result<(), Error> {
    let placed = spot.pair.destination().and_then(|folder| {
        let name = spot.destination_name;
        if replaces {
            return swap_in(run, spot, folder, make);
        }
        let ((), ticket) = run
            .shared
            .in_flight
            .enter(spot.pair, name, || make(folder, name))?;
        run.shared.in_flight.leave(ticket);
        Ok(())
    });
    placed.map_err(|cause| cannot_make(action, spot, cause))
}

fn swap_in(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
) -> io::Result<()> {
    let temporary: OsString = temporary_name();
    let ((), ticket) = run
        .shared
        .in_flight
        .enter(spot.pair, &temporary, || make(folder, &temporary))?;
    let renamed = backup::rename_over(run, spot.pair, &temporary, spot.destination_name);
    // Renaming one name of a file to another name of the same file does nothing and leaves both: the temporary one
    // goes either way.
    drop(folder.remove(&temporary));
    run.shared.in_flight.leave(ticket);
    renamed
}
