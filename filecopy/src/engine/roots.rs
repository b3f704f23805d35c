//! The two ends of a job: finds what the user named, refuses what must not be copied before anything is
//! made, and starts the copy of a tree or of a single file.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::Scope;

use crate::config::{Content, Existing, Folders, Follow, Options, Resume, Special, Sync};
use crate::engine::copy::{self, resume};
use crate::engine::place::{Pair, Place, Spot};
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Dir, FileId, Kind, Links, Stat};
use crate::engine::tree;
use crate::error::{Doing, Error};
use crate::job::Job;

/// A path as a folder and a name in it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) folder: PathBuf,
    pub(crate) name: OsString,
    /// Whether the path ends in a slash, or in `/.`, and so must lead to a folder.
    pub(crate) must_be_folder: bool,
}

impl End {
    pub(crate) fn of(path: &Path) -> Self {
        let text = path.as_os_str().as_encoded_bytes();
        let must_be_folder = text.ends_with(b"/") || text.ends_with(b"/.");
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => (folder, name),
            // `/`, `..` and the like have no name of their own: they are the folder itself.
            _ => (path, OsStr::new(".")),
        };
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            must_be_folder,
        }
    }

    /// Whether a link in the last place is followed.
    pub(crate) fn links(&self, options: &Options) -> Links {
        if self.must_be_folder || options.follow != Follow::Never {
            Links::Follow
        } else {
            Links::Keep
        }
    }
}

/// Copies what a job names. Failures are told; there is nothing to return.
pub(crate) fn copy<'scope>(run: &'scope Run<'scope>, job: &Job) {
    if let Err(error) = start(run, job) {
        run.fail(error);
    }
}

fn start<'scope>(run: &'scope Run<'scope>, job: &Job) -> Result<(), Error> {
    let cannot_stat = |cause| Error::io(Doing::Stat, &job.source, cause);
    let end = End::of(&job.source);
    let links = end.links(run.options);
    let around = Dir::open(&end.folder).map_err(cannot_stat)?;
    let mut stat = around.stat(&end.name, links).map_err(cannot_stat)?;
    // What a shell hands over as a descriptor (`<(command)`, `/dev/stdin`) is meant to be read, not to be copied as a
    // link.
    let is_descriptor = stat.kind == Kind::Symlink && is_descriptor(&around, &end.name);
    if is_descriptor {
        stat = around.stat(&end.name, Links::Follow).map_err(cannot_stat)?;
    }
    if stat.kind == Kind::Folder {
        if run
            .options
            .cp()
            .is_some_and(|cp| cp.folders == Folders::Omit)
        {
            let path = job.source.clone();
            return Err(Error::Omitted { path });
        }
        return folder(run, job, &end, links);
    }
    if end.must_be_folder {
        return Err(cannot_stat(io::ErrorKind::NotADirectory.into()));
    }
    single(run, job, around, &end, &stat, is_descriptor)
}

/// Copies one entry that is no folder.
fn single<'scope>(
    run: &'scope Run<'scope>,
    job: &Job,
    around: Dir,
    end: &End,
    stat: &Stat,
    is_descriptor: bool,
) -> Result<(), Error> {
    let links = if is_descriptor {
        Links::Follow
    } else {
        end.links(run.options)
    };
    let (target, name) = destination(run, job, stat)?;
    let devices = (
        stat.id.dev,
        sys::stat(&target).map_or(0, |stat| stat.id.dev),
    );
    let pair = Arc::new(run.pair(around, Some(target), devices));
    drop(run.root.set(Arc::clone(&pair)));
    let place = Arc::new(Place::root(job.source.clone(), job.destination.clone()));
    let spot = Spot {
        pair: &pair,
        place: &place,
        source_name: &end.name,
        destination_name: &name,
        is_root: true,
        links,
        takes_contents: is_descriptor || run.options.special == Special::Contents,
    };
    let is_shared =
        stat.kind == Kind::File && stat.size >= plan::SPLIT_FROM && run.shared.workers > 1;
    // Starting workers costs more than copying a small file.
    let shared = |scope: &Scope<'scope>| copy::entry(run, Some(scope), &spot, stat.kind);
    let shared = is_shared.then(|| with_workers(run, shared).ok()).flatten();
    let is_made = shared.unwrap_or_else(|| copy::entry(run, None, &spot, stat.kind));
    if is_made
        && let Ok(made) = pair
            .destination()
            .and_then(|folder| folder.stat(&name, Links::Keep))
    {
        run.remember_made(made.id);
    }
    Ok(())
}

/// The folder and name a single file is written to. What the user names is written through a link, as with `cp`: the
/// link's target is replaced, in its own folder.
fn destination(run: &Run<'_>, job: &Job, source: &Stat) -> Result<(Dir, OsString), Error> {
    let making = copy::making(source.kind, run.options);
    let cannot_create = |cause| Error::io(making, &job.destination, cause);
    let end = End::of(&job.destination);
    let folder = open_around(&end, &job.destination, making)?;
    let is_link = folder
        .stat(&end.name, Links::Keep)
        .is_ok_and(|stat| stat.kind == Kind::Symlink);
    if end.must_be_folder {
        let cause = io::ErrorKind::NotADirectory.into();
        match folder.stat(&end.name, Links::Follow) {
            Ok(stat) if stat.kind == Kind::Folder => {}
            Ok(_) => return Err(Error::io(Doing::Stat, &job.destination, cause)),
            Err(_) => return Err(cannot_create(cause)),
        }
    }
    // Under cp's rules a link is opened, not resolved.
    if !is_link || source.kind != Kind::File || run.options.cp().is_some() {
        return Ok((folder, end.name));
    }
    match folder.stat(&end.name, Links::Follow) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::Dangling {
            to: job.destination.clone(),
        }),
        Err(cause) => Err(cannot_create(cause)),
        // Pipes and deleted files have no path that could be resolved; they are written to where they are.
        Ok(target) if target.kind != Kind::File => Ok((folder, end.name)),
        // Replacing the file would cut off whoever has it open.
        Ok(_) if is_descriptor(&folder, &end.name) => Err(Error::OpenFile {
            to: job.destination.clone(),
        }),
        Ok(_) => {
            let resolved = std::fs::canonicalize(&job.destination).map_err(cannot_create)?;
            let end = End::of(&resolved);
            Ok((Dir::open(&end.folder).map_err(cannot_create)?, end.name))
        }
    }
}

/// Whether a symbolic link leads to something that a process has open, rather than to a name.
fn is_descriptor(folder: &Dir, name: &OsStr) -> bool {
    let leads_to_one = |target: OsString| {
        let target = Path::new(&target);
        target.starts_with("/proc/self/fd") || target.starts_with("/dev/fd")
    };
    folder.is_of_processes() || folder.read_link(name).is_ok_and(leads_to_one)
}

/// Opens the folder that a destination is in. Without it nothing can be made there; if it cannot be entered, nothing
/// can even be looked at.
fn open_around(end: &End, destination: &Path, making: Doing) -> Result<Dir, Error> {
    Dir::open(&end.folder).map_err(|cause| {
        let is_missing = cause.kind() == io::ErrorKind::NotFound;
        let action = if is_missing { making } else { Doing::Stat };
        Error::io(action, destination, cause)
    })
}

/// Copies a tree.
fn folder<'scope>(
    run: &'scope Run<'scope>,
    job: &Job,
    end: &End,
    links: Links,
) -> Result<(), Error> {
    let cannot_open = |cause| Error::io(Doing::OpenFolder, &job.source, cause);
    let source = Dir::open(&end.folder)
        .and_then(|around| around.child(&end.name, links))
        .map_err(cannot_open)?;
    let stat = sys::stat(&source).map_err(cannot_open)?;
    let (target, is_fresh) = match make_root(run, job, &source, &stat) {
        // A folder has itself for a copy already where its files would be linked or left alone (`cp --link`, `cp
        // --no-clobber`).
        Err(Error::SameFile { .. })
            if run.options.cp().is_some()
                && (run.options.content == Content::HardLink
                    || run.options.existing == Existing::Keep) =>
        {
            return Ok(());
        }
        made => made?,
    };
    let met = target.as_ref().map(sys::stat).transpose();
    let met = met.map_err(|cause| Error::io(Doing::Stat, &job.destination, cause))?;
    let identity = met.map(|met| met.id);
    if let (false, Some(target), Some(met)) = (is_fresh, &target, met) {
        tree::open_up(run, target, &met);
    }
    if let Some(identity) = identity {
        run.destination_root.get_or_init(|| identity);
        if is_fresh {
            run.remember_made(identity);
        }
    }
    if let (true, Some(target), Resume::Yes) = (is_fresh, &target, run.options.resume) {
        resume::mark_root(target, stat.id)
            .map_err(|cause| Error::io(Doing::Create, &job.destination, cause))?;
    }
    let devices = (stat.id.dev, identity.map_or(0, |id| id.dev));
    let roots = Arc::new(run.pair(source, target, devices));
    drop(run.root.set(Arc::clone(&roots)));
    let mut place =
        Place::root(job.source.clone(), job.destination.clone()).found(stat.id, identity);
    place.fresh = is_fresh;
    let copied = with_workers(run, |scope| {
        tree::copy(run, scope, place, Arc::clone(&roots))
    });
    copied.map_err(cannot_open)?;
    unmark(run, &roots, &stat).map_err(|cause| Error::io(Doing::Times, &job.destination, cause))?;
    tree::set_late_modes(run, &roots);
    if run.options.sync == Sync::Yes
        && sys::SYNCS_WHOLE
        && let Some(target) = &roots.destination
    {
        target
            .sync_file_system()
            .map_err(|cause| Error::io(Doing::Sync, &job.destination, cause))?;
    }
    Ok(())
}

/// Takes the mark of a copy away that can be resumed, when there is nothing left to resume.
fn unmark(run: &Run<'_>, roots: &Pair, source: &Stat) -> io::Result<()> {
    let is_whole = !run.progress.is_cancelled() && run.progress.tally().failed == 0;
    let Some(target) = (roots.destination.as_ref()).filter(|_| is_whole && !run.is_dry()) else {
        return Ok(());
    };
    let was_marked = run.options.resume == Resume::Yes && resume::unmark_root(target);
    if was_marked && run.options.preserve.times {
        sys::set_times(target, source.accessed, source.modified)?;
    }
    Ok(())
}

/// Opens the destination root of a tree, made if it is not there; tells whether this run made it. Nothing is made
/// when the tree must not be copied.
fn make_root(
    run: &Run<'_>,
    job: &Job,
    from: &Dir,
    source: &Stat,
) -> Result<(Option<Dir>, bool), Error> {
    let cannot_create = |cause| Error::io(Doing::CreateFolder, &job.destination, cause);
    let cannot_stat = |cause| Error::io(Doing::Stat, &job.destination, cause);
    let end = End::of(&job.destination);
    let around = open_around(&end, &job.destination, Doing::CreateFolder)?;
    let existing = match around.stat(&end.name, Links::Keep) {
        Ok(stat) if stat.kind == Kind::Folder => Some(stat),
        Ok(stat) if stat.kind == Kind::Symlink && end.must_be_folder => {
            Some(around.stat(&end.name, Links::Follow).map_err(cannot_stat)?)
        }
        Ok(_) if end.must_be_folder => {
            let cause = io::ErrorKind::NotADirectory.into();
            return Err(Error::io(Doing::Stat, &job.destination, cause));
        }
        Ok(_) => {
            return Err(Error::OverFile {
                from: job.source.clone(),
                to: job.destination.clone(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(cause) => return Err(cannot_stat(cause)),
    };
    if existing.is_some_and(|existing| existing.id == source.id) {
        return Err(Error::SameFile {
            from: job.source.clone(),
            to: job.destination.clone(),
        });
    }
    let links = if end.must_be_folder {
        Links::Follow
    } else {
        Links::Keep
    };
    let opened = existing
        .map(|_| around.child(&end.name, links))
        .transpose()
        .map_err(cannot_create)?;
    let target = opened.as_ref().unwrap_or(&around);
    if lies_in(target, from) || is_inside(target, source.id).map_err(cannot_create)? {
        return Err(Error::IntoItself {
            from: job.source.clone(),
            to: job.destination.clone(),
        });
    }
    match (opened, existing) {
        // Several folders of one name become one folder; that their files must not meet there is filecopy's rule alone.
        (Some(target), Some(existing)) => {
            let is_fresh = run.options.cp().is_none() && run.was_made(existing.id);
            Ok((Some(target), is_fresh))
        }
        _ if run.is_dry() => Ok((None, true)),
        _ => {
            around
                .make_folder(&end.name, 0o700)
                .map_err(cannot_create)?;
            Ok((
                Some(
                    around
                        .child(&end.name, Links::Keep)
                        .map_err(cannot_create)?,
                ),
                true,
            ))
        }
    }
}

/// Whether a folder lies in `outer` by its path in their file system: a mount may hide that from climbing.
fn lies_in(folder: &Dir, outer: &Dir) -> bool {
    let (folder, outer) = (sys::where_it_lies(folder), sys::where_it_lies(outer));
    folder
        .zip(outer)
        .is_some_and(|(folder, outer)| folder.is_inside(&outer))
}

/// Whether a folder is `outer` or lies in it, by climbing to the root: names and links cannot deceive this.
fn is_inside(folder: &Dir, outer: FileId) -> io::Result<bool> {
    let mut here = sys::stat(folder)?.id;
    let mut above = folder.above();
    while here != outer {
        let climbed = match above {
            Ok(climbed) => climbed,
            // This user may not pass here. If the source is beyond, the copy notices it on meeting its own destination.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(false),
            Err(error) => return Err(error),
        };
        let id = sys::stat(&climbed)?.id;
        if id == here {
            return Ok(false);
        }
        here = id;
        above = climbed.above();
    }
    Ok(true)
}

/// Shares `work` among the workers of the job, which are started for it. An error means that the system starts no
/// thread.
fn with_workers<'scope, R: Send>(
    run: &Run<'_>,
    work: impl FnOnce(&Scope<'scope>) -> R + Send,
) -> io::Result<R> {
    if run.shared.is_cramped {
        // This thread is the only worker. It can be made one only once, and then stays one.
        let made = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .use_current_thread()
            .build();
        std::mem::forget(made);
        return Ok(rayon::scope(work));
    }
    let job = run.id.0;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(run.shared.workers)
        .thread_name(move |number| format!("copy {job} worker {number}"))
        .build()
        .map_err(io::Error::other)?;
    Ok(pool.scope(work))
}

/// The open roots of a job for a look at both sides; none where the destination does not exist yet.
pub(crate) fn look(run: &Run<'_>, job: &Job) -> io::Result<Option<(Place, Pair)>> {
    let end = End::of(&job.source);
    let source = Dir::open(&end.folder)?.child(&end.name, end.links(run.options))?;
    let Ok(target) = Dir::open(&job.destination) else {
        return Ok(None);
    };
    let (stat, identity) = (sys::stat(&source)?, sys::stat(&target)?.id);
    let place =
        Place::root(job.source.clone(), job.destination.clone()).found(stat.id, Some(identity));
    Ok(Some((
        place,
        run.pair(source, Some(target), (stat.id.dev, identity.dev)),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_parted_into_a_folder_and_a_name_in_it() {
        let cases = [
            ("a name", "a", ".", "a", false),
            ("a path", "a/b", "a", "b", false),
            ("absolute", "/a", "/", "a", false),
            ("a folder", "a/b/", "a", "b", true),
            ("many slashes", "a//b//", "a", "b", true),
            ("the root", "/", "/", ".", true),
            ("here", ".", ".", ".", false),
            ("the folder around", "..", "..", ".", false),
            ("further out", "a/..", "a/..", ".", false),
            ("the content of", "a/.", ".", "a", true),
        ];
        for (name, path, folder, last, must_be_folder) in cases {
            let end = End::of(Path::new(path));
            assert_eq!(end.folder, Path::new(folder), "{name}");
            assert_eq!(end.name, last, "{name}");
            assert_eq!(end.must_be_folder, must_be_folder, "{name}");
        }
    }
}
