//! `cp --parents`: the folders that a source's name leads through are made below the destination, and end
//! with what is kept of the originals.
//!
//! They are the user's own names, not a tree that was walked: each is followed when it is a link, and one
//! that is there already is used, but gets the kept attributes all the same, as with `cp`.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::engine::copy::{Made, attrs};
use crate::engine::place::{Place, Spot};
use crate::engine::roots::{self, End};
use crate::engine::run::Run;
use crate::engine::sys::{self, Dir, Links, Stat};
use crate::error::{Doing, Error};
use crate::job::{Action, Job};

/// One folder on the way: where it is on both sides.
#[derive(Debug)]
struct Step {
    source: PathBuf,
    destination: PathBuf,
    /// The source as it was before anything was copied.
    stat: Stat,
    is_fresh: bool,
}

/// Makes the folders below `base` that lead to the job's source, runs the job, and finishes the folders.
pub(crate) fn copy<'scope>(run: &'scope Run<'scope>, job: &Job, base: &Path) {
    let mut steps = Vec::new();
    let made = make(run, job, base, &mut steps);
    if made.is_ok() {
        roots::copy(run, job);
    }
    // Innermost first: making an entry in a folder changes its times.
    let finished = steps.iter().rev().map(|step| finish(run, step));
    for error in finished.chain([made]).filter_map(Result::err) {
        run.fail(error);
    }
}

fn make(run: &Run<'_>, job: &Job, base: &Path, steps: &mut Vec<Step>) -> Result<(), Error> {
    let mut source = PathBuf::new();
    let mut destination = base.to_owned();
    for part in job.source.parent().into_iter().flat_map(Path::components) {
        source.push(part);
        if matches!(part, Component::RootDir | Component::Prefix(_)) {
            continue;
        }
        destination.push(part);
        let around = Dir::open(&source).and_then(|folder| sys::stat(&folder));
        let stat = around.map_err(|cause| Error::io(Doing::Parent, &source, cause))?;
        let step = Step {
            source: source.clone(),
            destination: destination.clone(),
            stat,
            is_fresh: make_one(&destination)?,
        };
        if step.is_fresh {
            with_spot(run, &step, |spot| {
                run.done(spot, Action::Folder, 0);
                Ok(())
            })?;
        }
        steps.push(step);
    }
    Ok(())
}

/// Makes one folder if it is not there; tells whether it was made. For the owner alone until everything below it is
/// copied.
fn make_one(destination: &Path) -> Result<bool, Error> {
    if Dir::open(destination).is_ok() {
        return Ok(false);
    }
    let end = End::of(destination);
    let around = Dir::open(&end.folder);
    let made = around.and_then(|around| match around.make_folder(&end.name, 0o700) {
        // A file, or a folder that may not be entered.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            around.child(&end.name, Links::Follow).map(drop)
        }
        made => made,
    });
    match made {
        Ok(()) => Ok(true),
        Err(cause) => Err(Error::io(Doing::CreateFolder, destination, cause)),
    }
}

fn finish(run: &Run<'_>, step: &Step) -> Result<(), Error> {
    with_spot(run, step, |spot| {
        let folder = spot.pair.destination();
        let folder = folder.map_err(|cause| Error::io(Doing::Stat, &step.destination, cause))?;
        let made = Made::Folder {
            is_fresh: step.is_fresh,
        };
        attrs::keep(run, spot, &spot.pair.source, folder, &step.stat, made)
    })
}

/// Opens a step on both sides.
fn with_spot(
    run: &Run<'_>,
    step: &Step,
    act: impl FnOnce(&Spot<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let open = |path: &Path| {
        let opened = Dir::open(path).and_then(|folder| Ok((sys::stat(&folder)?.id.dev, folder)));
        opened.map_err(|cause| Error::io(Doing::OpenFolder, path, cause))
    };
    let (from_device, source) = open(&step.source)?;
    let (to_device, destination) = open(&step.destination)?;
    let pair = Arc::new(run.pair(source, Some(destination), (from_device, to_device)));
    let place = Arc::new(Place::root(step.source.clone(), step.destination.clone()));
    act(&Spot {
        pair: &pair,
        place: &place,
        source_name: OsStr::new("."),
        destination_name: OsStr::new("."),
        is_root: true,
        links: Links::Follow,
        takes_contents: false,
    })
}
