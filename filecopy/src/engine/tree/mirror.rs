//! `--delete`: removes what the destination has and the source has not. What the filter leaves out is left
//! alone here as well, and so are backups where backups are made.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Mounts;
use crate::engine::copy::{is_backup, is_temporary};
use crate::engine::filter;
use crate::engine::place::{Folder, Pair, Place, Spot};
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Dir, FileId, Kind, Links, ListBuffer};
use crate::error::{Doing, Error};
use crate::job::Action;

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
            takes_contents: false,
        };
        let kind = certain(destination, name, kind);
        if !is_extraneous(run, folder, pair, name, kind) {
            return ControlFlow::Continue(());
        }
        let removed = if run.is_dry() {
            Ok(true)
        } else {
            remove(run, folder, destination, name)
        };
        match removed {
            Ok(true) => run.done(&spot, Action::Removed, 0),
            Ok(false) => {}
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
    if !source_is_gone || is_temporary(name) || is_backup(&run.options.backup, name) {
        return false;
    }
    if is_left_out(run, folder, || folder.place.below_root().join(name), kind) {
        return false;
    }
    let log = run.shared.log;
    let is_log = |folder: &Dir| {
        folder
            .stat(name, Links::Keep)
            .is_ok_and(|stat| Some(stat.id) == log)
    };
    log.is_none() || !pair.destination.as_ref().is_some_and(is_log)
}

/// A folder on the way down while one is removed.
#[derive(Debug)]
struct Level {
    name: OsString,
    id: FileId,
    /// Folders in it that stay.
    kept: BTreeSet<OsString>,
    /// Whether anything in it stays, so that it has to stay too.
    is_kept: bool,
}

/// Removes an entry, with all it holds when it is a folder, except what the filter leaves out; tells whether it is
/// gone. Goes down and up by names, so that neither the depth of the tree nor the number of descriptors bounds it.
fn remove(run: &Run<'_>, around: &Folder, folder: &Dir, name: &OsStr) -> io::Result<bool> {
    use io::ErrorKind::{IsADirectory, PermissionDenied};
    let refused = match folder.remove(name) {
        Err(error) if matches!(error.kind(), IsADirectory | PermissionDenied) => error,
        result => return result.map(|()| true),
    };
    let mut here = match folder.child(name, Links::Keep) {
        Err(_) if refused.kind() == PermissionDenied => return Err(refused),
        opened => opened?,
    };
    let top = sys::stat(folder)?.id;
    let mut path = around.place.below_root().join(name);
    let mut way = vec![level(run, &here, name.to_owned())?];
    let mut buffer = ListBuffer::new();
    while let Some(level_here) = way.last_mut() {
        if run.progress.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let Some(below) = first_folder(run, around, &here, level_here, &path, &mut buffer)? {
            here = here.child(&below, Links::Keep)?;
            path.push(&below);
            way.push(level(run, &here, below)?);
            continue;
        }
        let Some(left) = way.pop() else { break };
        path.pop();
        let above = here.child(OsStr::new(".."), Links::Keep)?;
        if sys::stat(&above)?.id != way.last().map_or(top, |level| level.id) {
            return Err(io::Error::other(
                "the folder was moved while it was removed",
            ));
        }
        match (left.is_kept, way.last_mut()) {
            (true, None) => return Ok(false),
            (true, Some(level)) => {
                level.is_kept = true;
                level.kept.insert(left.name);
            }
            (false, _) => above.remove_folder(&left.name)?,
        }
        here = above;
    }
    Ok(true)
}

/// A step down into an open folder, which must not be what is being copied: the source may lie in the destination.
fn level(run: &Run<'_>, folder: &Dir, name: OsString) -> io::Result<Level> {
    let id = sys::stat(folder)?.id;
    let source = run
        .root
        .get()
        .map(|root| sys::stat(&root.source))
        .transpose()?;
    if source.is_some_and(|source| source.id == id) {
        return Err(io::Error::other("the source is in it"));
    }
    Ok(Level {
        name,
        id,
        kept: BTreeSet::new(),
        is_kept: false,
    })
}

/// Removes what is no folder, up to the first folder that does not stay, and names that.
fn first_folder(
    run: &Run<'_>,
    around: &Folder,
    folder: &Dir,
    level: &mut Level,
    path: &Path,
    buffer: &mut ListBuffer,
) -> io::Result<Option<OsString>> {
    let mut found = None;
    let mut failure = None;
    folder.rewind()?;
    folder.list(buffer, |name, kind| {
        if level.kept.contains(name) {
            return ControlFlow::Continue(());
        }
        let kind = certain(folder, name, kind);
        if is_left_out(run, around, || path.join(name), kind) {
            level.is_kept = true;
            return ControlFlow::Continue(());
        }
        let removed = if kind == Some(Kind::Folder) {
            Err(io::ErrorKind::IsADirectory.into())
        } else {
            folder.remove(name)
        };
        match removed {
            Ok(()) => return ControlFlow::Continue(()),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                found = Some(name.to_owned());
            }
            Err(error) => failure = Some(error),
        }
        ControlFlow::Break(())
    })?;
    failure.map_or(Ok(found), Err)
}

/// Whether the filter leaves an entry alone.
fn is_left_out(
    run: &Run<'_>,
    around: &Folder,
    path: impl FnOnce() -> PathBuf,
    kind: Option<Kind>,
) -> bool {
    let filter = &run.options.filter;
    !filter.takes_all()
        && filter::is_excluded(
            filter,
            around.patterns.as_deref(),
            &path(),
            kind == Some(Kind::Folder),
        )
}

/// Counts what [`clean`] would remove in a whole tree, and names the first few.
///
/// Folders wait as names and are opened again from the roots: descriptors held for all of them would run out in a wide
/// folder, and what could not be opened then would be removed without having been asked about.
pub(crate) fn count(run: &Run<'_>, top: Place, roots: &Arc<Pair>) -> (u64, Vec<PathBuf>) {
    let mut counted = (0, Vec::new());
    let mut waiting = vec![Arc::new(top)];
    while let Some(place) = waiting.pop() {
        // What cannot be opened or listed will be told when it is copied, and nothing is removed there.
        let Ok(pair) = open_again(run, &place, roots) else {
            continue;
        };
        let here = Folder::new(Arc::clone(&place), None, Arc::clone(&pair));
        let is_border = run.options.mounts == Mounts::Skip && pair.devices.0 != roots.devices.0;
        let (Some(destination), false) = (&pair.destination, is_border) else {
            continue;
        };
        let Ok(listing) = destination.child(OsStr::new("."), Links::Keep) else {
            continue;
        };
        drop(listing.list(&mut ListBuffer::new(), |name, kind| {
            let kind = certain(destination, name, kind);
            if is_extraneous(run, &here, &pair, name, kind) {
                counted.0 += 1;
                if counted.1.len() < SHOWN {
                    counted.1.push(place.destination().join(name));
                }
            } else if kind == Some(Kind::Folder)
                && !is_left_out(run, &here, || place.below_root().join(name), kind)
            {
                waiting.push(Arc::new(place.child(name.to_owned(), false)));
            }
            ControlFlow::Continue(())
        }));
    }
    counted
}

/// Both sides of a folder, by its names from the roots.
fn open_again(run: &Run<'_>, place: &Place, roots: &Arc<Pair>) -> io::Result<Arc<Pair>> {
    let links = plan::links_below(run.options);
    let Some(source) = place.reopen(&roots.source, links)? else {
        return Ok(Arc::clone(roots));
    };
    let device = sys::stat(&source)?.id.dev;
    let destination = place.open_destination(roots)?;
    Ok(Arc::new(run.pair(
        source,
        destination,
        (device, roots.devices.1),
    )))
}

/// The kind of an entry, asked for where the listing does not tell: a filter must know a folder from a file.
fn certain(folder: &Dir, name: &OsStr, kind: Option<Kind>) -> Option<Kind> {
    kind.or_else(|| Some(folder.stat(name, Links::Keep).ok()?.kind))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Filter, Follow, Options};
    use crate::engine::Engine;
    use crate::job::{Job, JobId};

    #[test]
    fn what_is_counted_is_what_would_be_removed() {
        let outer = tempfile::tempdir().unwrap();
        let path = |name: &str| outer.path().join(name);
        for folder in [
            "from/a/b",
            "from/left out",
            "to/a/b/gone/with/it",
            "to/left out",
        ] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        for file in ["to/one", "to/a/two", "to/a/b/three", "to/left out/kept"] {
            fs::write(path(file), "").unwrap();
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("a", path("from/link")).unwrap();
            fs::create_dir_all(path("to/link/b/four")).unwrap();
        }
        let mut patterns = ignore::gitignore::GitignoreBuilder::new("");
        patterns.add_line(None, "left out/").unwrap();
        let filter = Filter {
            patterns: Some(patterns.build().unwrap()),
            gitignore: false,
        };
        let rows = [
            ("plain", Options::default(), 5),
            (
                "filtered",
                Options {
                    filter,
                    ..Options::default()
                },
                4,
            ),
            #[cfg(unix)]
            (
                "links followed",
                Options {
                    follow: Follow::Always,
                    ..Options::default()
                },
                6,
            ),
        ];
        for (name, options, expected) in rows {
            let (events, _received) = crossbeam_channel::unbounded();
            let job = Job {
                id: JobId(1),
                source: path("from"),
                destination: path("to"),
            };
            let (count, shown) = Engine::new(options, events, None).extraneous(&job);
            assert_eq!(count, expected, "{name}");
            assert_eq!(shown.len(), SHOWN, "{name}");
        }
    }
}
