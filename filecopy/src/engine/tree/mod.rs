//! Trees: folders are the unit of work, shared among workers; the entries of one folder are copied by one
//! worker, relative to its two descriptors.
//!
//! Memory does not follow the tree: a folder is listed piece by piece, and subfolders beyond
//! [`MAX_WAITING`] are copied on the spot instead of waiting. Descriptors do not follow it either: a folder
//! that waits for its subfolders gives its own back when they are scarce ([`crate::engine::place::Folder`]).
//!
//! Rule: all entries of a folder, subfolders included, are made before the folder's own metadata is set, and
//! nothing is made in it afterwards.

pub(crate) mod measure;
pub(crate) mod mirror;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use rayon::Scope;

use crate::config::{Extraneous, Mounts, Special};
use crate::engine::copy::{self, Made, attrs};
use crate::engine::filter::{self, MAX_PATTERNS_LEN, Patterns};
use crate::engine::place::{Folder, Pair, Place, Spot};
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Dir, Kind, Links, ListBuffer, Stat};
use crate::error::{Doing, Error};
use crate::job::Action;

/// Subfolders that may wait for a worker. More are copied by the worker that finds them.
const MAX_WAITING: usize = 2_048;

/// How deep a worker copies subfolders on the spot before it lets them wait after all: each level holds a list buffer
/// and descriptors.
const MAX_ON_THE_SPOT: usize = 8;

/// A folder found and, at the destination, made, but not entered yet.
#[derive(Debug)]
struct Found {
    around: Arc<Folder>,
    name: OsString,
    /// Whether this run made the destination folder.
    is_fresh: bool,
}

/// Copies a tree whose roots are open.
pub(crate) fn copy<'scope>(
    run: &'scope Run<'scope>,
    scope: &Scope<'scope>,
    place: Place,
    roots: Arc<Pair>,
) {
    let patterns = patterns_of(run, &roots.source, &place, None);
    let folder = Arc::new(Folder::new(Arc::new(place), patterns, Arc::clone(&roots)));
    fill(run, scope, &folder, &roots, 0);
}

/// Sets the modes that had to wait until nothing below them needed to be reached. Called when all workers are done.
pub(crate) fn set_late_modes(run: &Run<'_>, roots: &Pair) {
    let mut late = std::mem::take(
        &mut *run
            .late_modes
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    late.sort_by_key(|(place, _)| std::cmp::Reverse(place.depth));
    for (place, mode) in late {
        let set = match place.open_destination(roots) {
            Ok(Some(folder)) => sys::set_mode(&folder, mode),
            Ok(None) => roots
                .destination()
                .and_then(|folder| sys::set_mode(folder, mode)),
            Err(error) => Err(error),
        };
        if let Err(cause) = set {
            run.fail(Error::io(Doing::Mode, place.destination(), cause));
        }
    }
}

/// Opens a found folder and copies what it holds.
fn enter<'scope>(
    run: &'scope Run<'scope>,
    scope: &Scope<'scope>,
    found: Found,
    on_the_spot: usize,
) {
    if run.progress.is_cancelled() {
        return;
    }
    let place = found.around.place.child(found.name.clone(), found.is_fresh);
    let opened = open(run, &found, place);
    // The folder around may close now: its subfolder has descriptors of its own.
    let patterns = found.around.patterns.clone();
    drop(found);
    match opened {
        Ok((place, pair)) => {
            let patterns = patterns_of(run, &pair.source, &place, patterns);
            let pair = Arc::new(pair);
            let folder = Arc::new(Folder::new(Arc::new(place), patterns, Arc::clone(&pair)));
            fill(run, scope, &folder, &pair, on_the_spot);
        }
        Err(error) => run.fail(error),
    }
}

fn open(run: &Run<'_>, found: &Found, place: Place) -> Result<(Place, Pair), Error> {
    let links = plan::links_below(run.options);
    let root = run.root.get().ok_or_else(|| {
        Error::io(
            Doing::OpenFolder,
            place.source(),
            io::ErrorKind::NotFound.into(),
        )
    })?;
    let around = found
        .around
        .pair(root, links)
        .map_err(|cause| Error::io(Doing::OpenFolder, place.source(), cause))?;
    let opened = around
        .source
        .child(&found.name, links)
        .and_then(|source| Ok((sys::stat(&source)?, source)));
    let (stat, source) = match opened {
        Ok(opened) => opened,
        Err(cause) => {
            keep_bare(run, found, &around, links);
            return Err(Error::io(Doing::OpenFolder, place.source(), cause));
        }
    };
    let destination = match &around.destination {
        Some(folder) => folder
            .child(&found.name, Links::Keep)
            .map(Some)
            .or_else(|error| {
                let is_missing = error.kind() == io::ErrorKind::NotFound;
                if is_missing && run.is_dry() {
                    Ok(None)
                } else {
                    Err(error)
                }
            }),
        None => Ok(None),
    };
    let destination =
        destination.map_err(|cause| Error::io(Doing::OpenFolder, place.destination(), cause))?;
    let met = destination.as_ref().map(sys::stat).transpose();
    let met = met.map_err(|cause| Error::io(Doing::Stat, place.destination(), cause))?;
    let identity = met.map(|met| met.id);
    if run.destination_root.get() == Some(&stat.id) || identity == Some(stat.id) {
        // The source leads to the destination by a way that could not be seen from outside: a mount inside it.
        if let (true, Some(folder)) = (found.is_fresh, &around.destination) {
            drop(folder.remove_folder(&found.name));
        }
        return Err(Error::IntoItself {
            from: place.source(),
            to: place.destination(),
        });
    }
    if let (false, Some(folder), Some(met)) = (found.is_fresh, &destination, met) {
        open_up(run, folder, &met);
    }
    let devices = (stat.id.dev, identity.map_or(0, |id| id.dev));
    let pair = run.pair(source, destination, devices);
    Ok((place.found(stat.id, identity), pair))
}

/// Lets this user write to a folder of the destination that was there before, until [`keep`] gives it its mode: where
/// files are replaced whole, a folder that may not be written would keep even its files from being brought up to
/// date.
pub(crate) fn open_up(run: &Run<'_>, folder: &Dir, met: &Stat) {
    let is_closed = met.mode & 0o300 != 0o300 && !run.shared.is_privileged;
    if is_closed && run.options.preserve.mode && run.options.cp().is_none() && !run.is_dry() {
        // If it is not this user's, what is in it will tell.
        drop(sys::set_mode(folder, met.mode | 0o700));
    }
}

/// Gives the copy of a folder that cannot be read at least the mode, owner and times of the original.
fn keep_bare(run: &Run<'_>, found: &Found, around: &Pair, links: Links) {
    let Some(folder) = around.destination.as_ref().filter(|_| found.is_fresh) else {
        return;
    };
    // The failure to read the folder is being told; what cannot be kept besides adds nothing.
    let (Ok(stat), Ok(copy)) = (
        around.source.stat(&found.name, links),
        folder.child(&found.name, Links::Keep),
    ) else {
        return;
    };
    if run.options.preserve.owner && run.shared.is_privileged {
        drop(sys::set_owner(&copy, stat.owner));
    }
    if run.options.preserve.mode {
        drop(sys::set_mode(&copy, stat.mode));
    }
    if run.options.preserve.times {
        drop(sys::set_times(&copy, stat.accessed, stat.modified));
    }
}

/// Copies all entries of an open folder, then the folder's own metadata.
fn fill<'scope>(
    run: &'scope Run<'scope>,
    scope: &Scope<'scope>,
    folder: &Arc<Folder>,
    pair: &Arc<Pair>,
    on_the_spot: usize,
) {
    run.working_on(|| folder.place.source());
    let spot = Spot {
        pair,
        place: &folder.place,
        source_name: OsStr::new("."),
        destination_name: OsStr::new("."),
        is_root: true,
        links: Links::Keep,
        takes_contents: run.options.special == Special::Contents,
    };
    let stat = match sys::stat(&pair.source) {
        Ok(stat) => stat,
        Err(cause) => return run.fail(Error::io(Doing::Stat, spot.source(), cause)),
    };
    // Told before what is in it, as it will be read.
    let action = if folder.place.fresh {
        Action::Folder
    } else {
        Action::Entered
    };
    run.done(&spot, action, 0);
    let mut folders = 0_usize;
    let is_border = run.options.mounts == Mounts::Skip
        && run
            .root
            .get()
            .is_some_and(|root| root.devices.0 != stat.id.dev);
    let listed = if is_border {
        Ok(())
    } else {
        pair.source.list(&mut ListBuffer::new(), |name, kind| {
            if run.progress.is_cancelled() {
                return ControlFlow::Break(());
            }
            folders += usize::from(entry(run, scope, folder, pair, name, kind, on_the_spot));
            ControlFlow::Continue(())
        })
    };
    match listed {
        Err(cause) => run.fail(Error::io(Doing::ReadFolder, spot.source(), cause)),
        // What could not be listed whole is no reason to remove anything.
        Ok(())
            if run.options.extraneous == Extraneous::Remove
                && !run.progress.is_cancelled()
                && !is_border =>
        {
            mirror::clean(run, folder, pair);
        }
        Ok(()) => {}
    }
    if !run.is_dry()
        && let Some(destination) = &pair.destination
        && let Err(error) = keep(run, folder, &spot, destination, stat, folders > 0)
    {
        run.fail(error);
    }
    if folder.place.depth > 0 && run.is_short_of_descriptors() {
        folder.close();
    }
}

/// Sets a folder's metadata; a mode that would lock this user out of its subfolders waits until the end.
fn keep(
    run: &Run<'_>,
    folder: &Folder,
    spot: &Spot<'_>,
    destination: &Dir,
    stat: Stat,
    has_folders: bool,
) -> Result<(), Error> {
    let made = Made::Folder {
        is_fresh: folder.place.fresh,
    };
    let mut stat = stat;
    if has_folders
        && run.options.preserve.mode
        && !run.shared.is_privileged
        && stat.mode & 0o700 != 0o700
    {
        let mut late = run
            .late_modes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        late.push((Arc::clone(&folder.place), stat.mode));
        stat.mode |= 0o700;
    }
    attrs::keep(run, spot, &spot.pair.source, destination, &stat, made)?;
    if spot.pair.default_acl
        && folder.place.fresh
        && run.options.preserve.mode
        && !spot.pair.source.has_default_acl()
    {
        // It came from the folder around, not from the source.
        let removed = sys::remove_default_acl(destination);
        removed.map_err(|cause| Error::io(Doing::Attributes, spot.destination(), cause))?;
    }
    Ok(())
}

/// Copies one entry of a folder, or lets it wait when it is a folder itself; tells whether it is.
fn entry<'scope>(
    run: &'scope Run<'scope>,
    scope: &Scope<'scope>,
    folder: &Arc<Folder>,
    pair: &Arc<Pair>,
    name: &OsStr,
    kind: Option<Kind>,
    on_the_spot: usize,
) -> bool {
    let links = plan::links_below(run.options);
    let spot = Spot {
        pair,
        place: &folder.place,
        source_name: name,
        destination_name: name,
        is_root: false,
        links,
        takes_contents: run.options.special == Special::Contents,
    };
    let Some(kind) = kind_of(run, &spot, kind) else {
        return false;
    };
    if !run.options.filter.takes_all() {
        let path = folder.place.below_root().join(name);
        if filter::is_excluded(
            &run.options.filter,
            folder.patterns.as_deref(),
            &path,
            kind == Kind::Folder,
        ) {
            return false;
        }
    }
    if kind != Kind::Folder {
        copy::entry(run, Some(scope), &spot, kind);
        return false;
    }
    match make_folder(run, &spot) {
        Ok(is_fresh) => {
            let found = Found {
                around: Arc::clone(folder),
                name: name.to_owned(),
                is_fresh,
            };
            if on_the_spot < MAX_ON_THE_SPOT && run.waiting.load(Relaxed) >= MAX_WAITING {
                enter(run, scope, found, on_the_spot + 1);
            } else {
                run.waiting.fetch_add(1, Relaxed);
                scope.spawn(move |scope| {
                    run.waiting.fetch_sub(1, Relaxed);
                    enter(run, scope, found, 0);
                });
            }
        }
        Err(error) => run.fail(error),
    }
    true
}

/// What an entry is to be copied as. None, and told, where that cannot be found out or leads in a circle.
fn kind_of(run: &Run<'_>, spot: &Spot<'_>, listed: Option<Kind>) -> Option<Kind> {
    if let Some(kind) = listed
        && (spot.links == Links::Keep || kind != Kind::Symlink)
    {
        return Some(kind);
    }
    match spot.pair.source.stat(spot.source_name, spot.links) {
        Ok(stat) if stat.kind == Kind::Folder && spot.place.is_inside(stat.id) => {
            let path = spot.source();
            run.fail(Error::Cycle { path });
            None
        }
        Ok(stat) => Some(stat.kind),
        Err(cause) => {
            run.fail(Error::io(Doing::Stat, spot.source(), cause));
            None
        }
    }
}

/// Makes the destination of a subfolder if it is not there; tells whether this run made it.
fn make_folder(run: &Run<'_>, spot: &Spot<'_>) -> Result<bool, Error> {
    let Some(folder) = &spot.pair.destination else {
        return Ok(true);
    };
    // For the owner alone until everything in it is copied: nobody sees the half of it.
    let made = if run.is_dry() {
        Err(io::ErrorKind::AlreadyExists.into())
    } else {
        folder.make_folder(spot.destination_name, 0o700)
    };
    match made {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(cause) => return Err(Error::io(Doing::CreateFolder, spot.destination(), cause)),
    }
    match folder.stat(spot.destination_name, Links::Keep) {
        Ok(stat) if stat.kind == Kind::Folder => Ok(spot.place.fresh),
        Ok(_) if spot.is_fresh() => Err(Error::JustCreated {
            from: spot.source(),
            to: spot.destination(),
        }),
        Ok(_) => Err(Error::OverFile {
            from: spot.source(),
            to: spot.destination(),
        }),
        Err(error) if run.is_dry() && error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(cause) => Err(Error::io(Doing::Stat, spot.destination(), cause)),
    }
}

/// The patterns that hold in a folder: its own `.gitignore` and those around it.
fn patterns_of(
    run: &Run<'_>,
    source: &Dir,
    place: &Place,
    around: Option<Arc<Patterns>>,
) -> Option<Arc<Patterns>> {
    if !run.options.filter.gitignore {
        return None;
    }
    let file = match source.open_file(OsStr::new(".gitignore"), Links::Keep, false) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return around,
        Err(cause) => {
            run.notice(Error::io(
                Doing::Filter,
                place.source().join(".gitignore"),
                cause,
            ));
            return around;
        }
    };
    let mut bytes = Vec::new();
    if let Err(cause) = file.take(MAX_PATTERNS_LEN).read_to_end(&mut bytes) {
        run.notice(Error::io(
            Doing::Filter,
            place.source().join(".gitignore"),
            cause,
        ));
        return around;
    }
    Some(Arc::new(Patterns::parse(
        &String::from_utf8_lossy(&bytes),
        place.below_root(),
        around,
    )))
}
