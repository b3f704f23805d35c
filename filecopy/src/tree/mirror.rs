//! `--delete`: removes what the destination has and the source has not. What the filter leaves out is left
//! alone here as well.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::copy::is_temporary;
use crate::error::{Doing, Error};
use crate::filter;
use crate::job::Action;
use crate::place::{Folder, Pair, Spot};
use crate::run::Run;
use crate::sys::{self, Dir, FileId, Kind, Links, ListBuffer};

/// Names shown of what would be removed.
const SHOWN: usize = 3;

/// Removes the extraneous entries of one folder.
pub(super) fn clean(run: &Run<'_>, folder: &Folder, pair: &Arc<Pair>) {
    let Some(destination) = &pair.destination else {
        return;
    };
    let mut extraneous = |name: &OsStr, kind: Option<Kind>| {
        let spot = Spot {
            pair,
            place: &folder.place,
            source_name: name,
            destination_name: name,
            is_root: false,
            links: Links::Keep,
        };
        if !is_extraneous(run, folder, pair, name, kind) {
            return ControlFlow::Continue(());
        }
        let removed = if run.is_dry() {
            Ok(())
        } else {
            remove(run, destination, name)
        };
        match removed {
            Ok(()) => run.done(&spot, Action::Removed, 0),
            Err(cause) => run.fail(Error::io(Doing::Remove, spot.destination(), cause)),
        }
        if run.progress.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    // A listing of its own: the folder's descriptor may serve others at the same time.
    let listed = destination
        .child(OsStr::new("."), Links::Keep)
        .and_then(|listing| listing.list(&mut ListBuffer::new(), &mut extraneous));
    if let Err(cause) = listed {
        run.fail(Error::io(
            Doing::ReadFolder,
            folder.place.destination(),
            cause,
        ));
    }
}

fn is_extraneous(
    run: &Run<'_>,
    folder: &Folder,
    pair: &Pair,
    name: &OsStr,
    kind: Option<Kind>,
) -> bool {
    // Only a clear "there is no such entry" counts; a source that cannot be asked is no reason to remove.
    let source_is_gone = pair
        .source
        .stat(name, Links::Keep)
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if !source_is_gone || is_temporary(name) {
        return false;
    }
    if !run.options.filter.takes_all() {
        let path = folder.place.below_root().join(name);
        let is_folder = kind == Some(Kind::Folder);
        if filter::is_excluded(
            &run.options.filter,
            folder.patterns.as_deref(),
            &path,
            is_folder,
        ) {
            return false;
        }
    }
    let log = run.shared.log;
    let is_log = |folder: &Dir| {
        folder
            .stat(name, Links::Keep)
            .is_ok_and(|stat| Some(stat.id) == log)
    };
    log.is_none() || !pair.destination.as_ref().is_some_and(is_log)
}

/// Removes an entry, with all it holds when it is a folder. Goes down and up by names, so that neither the depth of the tree nor the
/// number of descriptors bounds it.
fn remove(run: &Run<'_>, folder: &Dir, name: &OsStr) -> io::Result<()> {
    match folder.remove(name) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied
            ) => {}
        result => return result,
    }
    let top = sys::stat(folder)?.id;
    let mut way: Vec<(OsString, FileId)> = Vec::new();
    let mut here = folder.child(name, Links::Keep)?;
    way.push((name.to_owned(), sys::stat(&here)?.id));
    let mut buffer = ListBuffer::new();
    while let Some((name, _)) = way.last() {
        if run.progress.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Some(below) = first_folder(&here, &mut buffer)? {
            here = here.child(&below, Links::Keep)?;
            way.push((below, sys::stat(&here)?.id));
            continue;
        }
        let name = name.clone();
        way.pop();
        let above = here.child(OsStr::new(".."), Links::Keep)?;
        if sys::stat(&above)?.id != way.last().map_or(top, |(_, id)| *id) {
            return Err(io::Error::other(
                "the folder was moved while it was removed",
            ));
        }
        above.remove_folder(&name)?;
        here = above;
    }
    Ok(())
}

/// Removes what is no folder, up to the first folder, and names that.
fn first_folder(folder: &Dir, buffer: &mut ListBuffer) -> io::Result<Option<OsString>> {
    let mut found = None;
    let mut failure = None;
    folder.rewind()?;
    folder.list(buffer, |name, kind| {
        let removed = if kind == Some(Kind::Folder) {
            Err(io::ErrorKind::IsADirectory.into())
        } else {
            folder.remove(name)
        };
        match removed {
            Ok(()) => return ControlFlow::Continue(()),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                found = Some(name.to_owned())
            }
            Err(error) => failure = Some(error),
        }
        ControlFlow::Break(())
    })?;
    failure.map_or(Ok(found), Err)
}

/// Counts what [`clean`] would remove in a whole tree, and names the first few.
pub(crate) fn count(run: &Run<'_>, folder: &Folder, roots: &Arc<Pair>) -> (u64, Vec<PathBuf>) {
    let mut counted = (0, Vec::new());
    let mut waiting = vec![(Arc::clone(&folder.place), Arc::clone(roots))];
    while let Some((place, pair)) = waiting.pop() {
        let here = Folder::new(Arc::clone(&place), None, Arc::clone(&pair));
        let Some(destination) = &pair.destination else {
            continue;
        };
        let Ok(listing) = destination.child(OsStr::new("."), Links::Keep) else {
            continue;
        };
        // What cannot be listed will be told when it is copied.
        drop(listing.list(&mut ListBuffer::new(), |name, kind| {
            if is_extraneous(run, &here, &pair, name, kind) {
                counted.0 += 1;
                if counted.1.len() < SHOWN {
                    counted.1.push(place.destination().join(name));
                }
            } else if kind == Some(Kind::Folder)
                && let (Ok(source), Ok(below)) = (
                    pair.source.child(name, Links::Keep),
                    destination.child(name, Links::Keep),
                )
            {
                let child = Arc::new(place.child(name.to_owned(), false));
                waiting.push((child, Arc::new(run.pair(source, Some(below), pair.devices))));
            }
            ControlFlow::Continue(())
        }));
    }
    counted
}
