//! What happens where a destination exists, by `cp`'s rules: it is left alone, refused, moved aside,
//! removed, or emptied and written, through a link if it is one.
//!
//! Only copies under [`crate::config::Rules::Cp`] come to [`meet`]; filecopy itself puts a whole new file in the
//! old one's place ([`super::stage`]). The order of the questions is GNU cp's, because it can be seen: a
//! person is asked before a mistake is told, and a file that is not older is left without a word.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::ask::Obstacle;
use crate::config::{Backup, Content, Existing, Follow, Options, Replace, Special};
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sameness::{self, Sameness, Side};
use crate::engine::sys::{self, Dir, Kind, Links, Stat};
use crate::error::{Doing, Error};
use crate::job::Action;

use super::backup;
use super::met::{Met, is_one_with, names};

/// Nothing stands in the way.
const FREE: Met = Met::Ready {
    existing: None,
    kept_as: None,
};

/// Looks at the destination of an entry that is no folder, and makes way for the copy.
pub(super) fn meet(run: &Run<'_>, spot: &Spot<'_>, source: &Stat) -> Result<Met, Error> {
    let Some(folder) = &spot.pair.destination else {
        return Ok(FREE);
    };
    if spot.is_fresh() {
        refuse_stray_link(run, spot)?;
        return Ok(FREE);
    }
    let links = links(source, run.options);
    let Some(existing) = look(run, spot, folder, links)? else {
        refuse_new_link(run, spot, folder, links)?;
        refuse_stray_link(run, spot)?;
        return Ok(FREE);
    };
    if run.options.existing == Existing::Keep {
        return Ok(Met::Leave(existing));
    }
    let related = relate(run, spot, folder, source, &existing);
    if related == Sameness::Same {
        let (from, to) = (spot.source(), spot.destination());
        return Err(Error::SameFile { from, to });
    }
    if is_left(run, spot, folder, source, &existing)? || related == Sameness::Done {
        return Ok(Met::Leave(existing));
    }
    if existing.kind == Kind::Folder {
        let to = spot.destination();
        return Err(Error::OverFolder { to });
    }
    let may_be_moved = run.options.backup == Backup::Numbered;
    if spot.is_root && !may_be_moved && run.was_made(existing.id) {
        let (from, to) = (spot.source(), spot.destination());
        return Err(Error::JustCreated { from, to });
    }
    refuse_new_link(run, spot, folder, links)?;
    refuse_stray_link(run, spot)?;
    if is_copied_already(run, spot, folder, source) {
        return Ok(Met::Leave(existing));
    }
    make_way(run, spot, folder, source, existing)
}

/// Whether the destination is looked at through a link: when a file will be written there, and so
/// through the link, and not a new entry be made in its place.
fn links(source: &Stat, options: &Options) -> Links {
    let becomes_file = match source.kind {
        Kind::File => true,
        Kind::Folder | Kind::Symlink => false,
        Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
            options.special == Special::Contents
        }
    };
    let is_written = becomes_file
        && matches!(options.content, Content::Copy | Content::AttributesOnly)
        && options.backup == Backup::None
        && options.replace != Replace::Remove;
    if is_written {
        Links::Follow
    } else {
        Links::Keep
    }
}

/// A link that this command made must not lead a later source elsewhere.
fn refuse_new_link(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    links: Links,
) -> Result<(), Error> {
    if !spot.is_root || links == Links::Keep || !run.is_joined() {
        return Ok(());
    }
    match folder.stat(spot.destination_name, Links::Keep) {
        Ok(entry) if entry.kind == Kind::Symlink && run.was_made(entry.id) => {
            let (from, to) = (spot.source(), spot.destination());
            Err(Error::ThroughNewLink { from, to })
        }
        // Whatever else is wrong shows itself when the entry is looked at.
        _ => Ok(()),
    }
}

fn look(run: &Run<'_>, spot: &Spot<'_>, folder: &Dir, links: Links) -> Result<Option<Stat>, Error> {
    let name = spot.destination_name;
    match folder.stat(name, links) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A link that leads in a circle cannot be opened, and is removed then.
        Err(error)
            if error.raw_os_error() == Some(sys::ELOOP)
                && run.options.replace == Replace::InPlaceForced =>
        {
            folder.stat(name, Links::Keep).map(Some)
        }
        Err(error) => Err(error),
    }
    .map_err(|cause| Error::io(Doing::Stat, spot.destination(), cause))
}

fn relate(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    source: &Stat,
    existing: &Stat,
) -> Sameness {
    if !sameness::is_suspicious(source, existing) {
        return Sameness::Harmless;
    }
    let side = |folder: &Dir, name: &OsStr, seen: &Stat| {
        let entry = folder.stat(name, Links::Keep).ok()?;
        let target = if entry.kind == Kind::Symlink {
            folder.stat(name, Links::Follow).ok().map(|stat| stat.id)
        } else {
            Some(entry.id)
        };
        Some(Side {
            seen: seen.id,
            entry,
            target,
        })
    };
    let sides = side(&spot.pair.source, spot.source_name, source).zip(side(
        folder,
        spot.destination_name,
        existing,
    ));
    // What has gone meanwhile is nobody's twin.
    let Some((from, to)) = sides else {
        return Sameness::Harmless;
    };
    let identity = |folder: &Dir| sys::stat(folder).ok().map(|stat| stat.id);
    let is_one_entry = spot.source_name == spot.destination_name
        && identity(&spot.pair.source) == identity(folder);
    sameness::relate(&from, &to, is_one_entry, run.options)
}

/// Whether the options, or a person, want the existing file left as it is.
fn is_left(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    source: &Stat,
    existing: &Stat,
) -> Result<bool, Error> {
    let is_new_enough = || !plan::is_older(existing, source);
    match run.options.existing {
        Existing::Overwrite => Ok(false),
        Existing::Keep => Ok(true),
        Existing::IfNewer => Ok(is_new_enough()),
        Existing::AskIfNewer if is_new_enough() => Ok(true),
        Existing::Ask | Existing::AskIfNewer => Ok(!is_allowed(run, spot, folder, existing)),
        Existing::Refuse => Err(Error::Kept {
            to: spot.destination(),
        }),
    }
}

/// Whether somebody says that an existing file may be replaced.
fn is_allowed(run: &Run<'_>, spot: &Spot<'_>, folder: &Dir, existing: &Stat) -> bool {
    let Some(asker) = &run.shared.asker else {
        return false;
    };
    let mode = existing.mode;
    // A link has no mode of its own.
    let is_writable = run.shared.is_privileged
        || existing.kind == Kind::Symlink
        || folder.is_writable(spot.destination_name);
    let obstacle = if is_writable {
        Obstacle::None
    } else if run.options.replace == Replace::InPlace {
        Obstacle::Unwritable { mode }
    } else {
        Obstacle::Removed { mode }
    };
    asker.may_replace(&spot.destination(), obstacle)
}

/// Whether the entry is a name of the copy that another name of this source has already. It may be the only one, so
/// it must not be removed to be linked anew.
fn is_copied_already(run: &Run<'_>, spot: &Spot<'_>, folder: &Dir, source: &Stat) -> bool {
    let copied = (names(run, spot, source) > 1).then(|| run.links.copied(source.id));
    let Some(copied) = copied.flatten() else {
        return false;
    };
    let entry = folder.stat(spot.destination_name, Links::Keep);
    entry.is_ok_and(|entry| is_one_with(&copied, &entry))
}

/// Moves the existing entry aside or removes it where it must not be written into.
fn make_way(
    run: &Run<'_>,
    spot: &Spot<'_>,
    folder: &Dir,
    source: &Stat,
    existing: Stat,
) -> Result<Met, Error> {
    let name = spot.destination_name;
    if run.options.backup != Backup::None {
        if is_own_backup(run.options, spot, folder, source) {
            let (from, to) = (spot.source(), spot.destination());
            return Err(Error::SourceIsBackup { from, to });
        }
        let kept_as = match backup::move_aside(run, folder, name) {
            Ok(kept_as) => kept_as,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FREE),
            Err(cause) => return Err(Error::io(Doing::BackUp, spot.destination(), cause)),
        };
        run.backed_up(spot, &kept_as);
        return Ok(Met::Ready {
            existing: None,
            kept_as: Some(kept_as),
        });
    }
    let must_go = run.options.replace == Replace::Remove
        || (run.options.content != Content::AttributesOnly
            && ((run.options.preserve.links && existing.names > 1)
                || source.kind == Kind::Symlink
                || (run.options.follow == Follow::Never && source.kind != Kind::File)));
    if must_go {
        remove(run, spot, folder)?;
        return Ok(FREE);
    }
    Ok(Met::Ready {
        existing: Some(existing),
        kept_as: None,
    })
}

/// Removes an entry that is in the way, and tells it.
pub(super) fn remove(run: &Run<'_>, spot: &Spot<'_>, folder: &Dir) -> Result<(), Error> {
    match folder.remove(spot.destination_name) {
        Ok(()) => {
            run.done(spot, Action::Removed, 0);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::io(Doing::Remove, spot.destination(), cause)),
    }
}

/// Gives an entry that was moved aside its name back, after a copy that failed.
pub(super) fn put_back(spot: &Spot<'_>, kept_as: &OsStr) -> Result<(), Error> {
    let renamed =
        (spot.pair.destination()).and_then(|folder| folder.rename(kept_as, spot.destination_name));
    renamed.map_err(|cause| Error::io(Doing::PutBack, spot.destination(), cause))
}

/// Whether the backup's name is the source's own, so that making it would destroy the source. `cp` looks at the
/// spelling first.
pub(super) fn is_own_backup(
    options: &Options,
    spot: &Spot<'_>,
    folder: &Dir,
    source: &Stat,
) -> bool {
    let (Backup::Simple(suffix) | Backup::Existing(suffix)) = &options.backup else {
        return false;
    };
    let mut name = spot.destination_name.to_owned();
    name.push(suffix);
    let (is_alike, links) = match options.cp() {
        Some(_) => (name == spot.source_name, Links::Follow),
        None => (true, Links::Keep),
    };
    is_alike
        && folder
            .stat(&name, links)
            .is_ok_and(|stat| stat.id == source.id)
}

/// A link to a source with a relative name would lead elsewhere from any folder but the current one.
fn refuse_stray_link(run: &Run<'_>, spot: &Spot<'_>) -> Result<(), Error> {
    let is_stray = run.options.content == Content::SymbolicLink
        && spot.source().is_relative()
        && !is_current_folder(spot);
    if is_stray {
        let to = spot.destination();
        return Err(Error::RelativeLink { to });
    }
    Ok(())
}

/// Whether the destination's folder is the one that relative names count from.
fn is_current_folder(spot: &Spot<'_>) -> bool {
    let identity = |folder: &Dir| sys::stat(folder).ok().map(|stat| stat.id);
    let here = Dir::open(Path::new(".")).ok();
    let folder = spot.pair.destination.as_ref();
    here.and_then(|here| identity(&here)) == folder.and_then(identity)
}
