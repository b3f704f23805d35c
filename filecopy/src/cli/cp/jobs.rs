//! Which copy is made where, by `cp`'s rules and in its words, and the copies one after another.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use common::quote;
use filecopy::config::{Backup, Folders, Follow, Replace};
use filecopy::engine::{Engine, Target, backup_path};
use filecopy::job::{Job, JobId, Progress};

use super::request::{Names, Request};
use super::usage::Usage;
use super::{say, system_words};

/// What is to be copied.
#[derive(Debug)]
pub(super) struct Plan {
    jobs: Vec<Job>,
    /// Where folders of the sources' names are made (`--parents`).
    below: Option<PathBuf>,
}

/// Finds each source's destination. A destination that is no folder where one is needed is a mistake like one on the
/// command line.
pub(super) fn plan(request: &mut Request) -> Result<Plan, Usage> {
    let into = folder(request)?;
    if into.is_none() && request.names == Names::Whole {
        return Err(Usage::of(
            "with --parents, the destination must be a directory",
        ));
    }
    let Some(into) = into else {
        keep_instead(request);
        let (source, destination) = (request.sources.swap_remove(0), request.destination.clone());
        let id = JobId(1);
        let jobs = vec![Job {
            id,
            source,
            destination,
        }];
        return Ok(Plan { jobs, below: None });
    };
    let mut met: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
    let mut jobs = Vec::with_capacity(request.sources.len());
    let sources = std::mem::take(&mut request.sources);
    for (source, id) in sources.into_iter().zip((1..).map(JobId)) {
        let name = if request.names == Names::Whole {
            whole_name(&source)
        } else {
            last_name(&source)
        };
        let destination = into.join(name);
        let rivals = met.entry(destination.clone().into_os_string()).or_default();
        if is_repetition(&source, rivals, request) {
            continue;
        }
        rivals.push(source.clone());
        jobs.push(Job {
            id,
            source,
            destination,
        });
    }
    let below = (request.names == Names::Whole).then_some(into);
    Ok(Plan { jobs, below })
}

/// Makes the copies.
pub(super) fn run(engine: &Engine, plan: &Plan, progress: &Progress) {
    engine.join_jobs();
    for job in &plan.jobs {
        if progress.is_cancelled() {
            break;
        }
        match &plan.below {
            Some(folder) => engine.run_below(folder, job, progress),
            None => engine.run(job, progress),
        };
    }
}

/// The folder to copy into; none when the destination is the copy's own name.
fn folder(request: &Request) -> Result<Option<PathBuf>, Usage> {
    let destination = &request.destination;
    let must = match request.target {
        Target::Name => return Ok(None),
        Target::Folder => Some("target directory"),
        Target::Infer => (request.sources.len() > 1).then_some("target"),
    };
    let found = match std::fs::metadata(destination) {
        Ok(metadata) if metadata.is_dir() => return Ok(Some(destination.clone())),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) => error,
    };
    let Some(what) = must else { return Ok(None) };
    Err(Usage::plain(format!(
        "{what} {}: {}",
        quote::always(destination),
        system_words(&found)
    )))
}

/// `cp --force --backup FILE FILE` makes a backup of FILE, the one copy of a file onto itself that makes sense.
fn keep_instead(request: &mut Request) {
    let options = &mut request.options;
    let is_asked = options.replace == Replace::InPlaceForced && options.backup != Backup::None;
    if is_asked
        && request.sources[..] == [request.destination.clone()]
        && request.destination.is_file()
    {
        // Without a listing there is no name for a backup; the copy onto itself then says what is wrong.
        if let Ok(backup) = backup_path(&request.destination, &options.backup) {
            request.destination = backup;
            options.backup = Backup::None;
        }
    }
}

/// Whether a source is one that was named before, for the same destination, and need not be copied again. It is told.
fn is_repetition(source: &Path, before: &[PathBuf], request: &Request) -> bool {
    if before.is_empty() {
        return false;
    }
    let found = match request.options.follow {
        Follow::Never => source.symlink_metadata(),
        Follow::Sources | Follow::Always => source.metadata(),
    };
    // What is missing will be told as often as it is named.
    let Ok(found) = found else { return false };
    let is_folder = found.is_dir();
    let is_refused = is_folder && request.folders == Folders::Omit;
    let is_kept = !is_folder && request.options.backup != Backup::None;
    // A slash after what is no folder is a mistake of its own.
    let is_wrong = |path: &Path| !is_folder && path.as_os_str().as_encoded_bytes().ends_with(b"/");
    let entry = entry_of(source, is_folder);
    let is_same = |other: &PathBuf| !is_wrong(other) && entry_of(other, is_folder) == entry;
    if is_refused || is_kept || is_wrong(source) || !before.iter().any(is_same) {
        return false;
    }
    let kind = if is_folder { "directory" } else { "file" };
    say(&format!(
        "warning: source {kind} {} specified more than once",
        quote::always(source)
    ));
    true
}

/// An entry, whatever it is called: a folder by its place, anything else by its name in its folder's place.
fn entry_of(path: &Path, is_folder: bool) -> PathBuf {
    let resolved = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if !is_folder => {
            let folder = if folder == Path::new("") {
                Path::new(".")
            } else {
                folder
            };
            folder.canonicalize().map(|folder| folder.join(name))
        }
        _ => path.canonicalize(),
    };
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// What of a source's name its copy has. `x/..` is the folder's content, and goes into the destination itself.
fn last_name(source: &Path) -> &Path {
    match source.file_name() {
        Some(name) if !source.as_os_str().as_encoded_bytes().ends_with(b"/.") => Path::new(name),
        _ => Path::new("."),
    }
}

/// A source's name without the root it may begin with, and the slashes it may end with.
fn whole_name(source: &Path) -> &Path {
    let name = if source.as_os_str().as_encoded_bytes().ends_with(b"/") {
        source.components().as_path()
    } else {
        source
    };
    name.strip_prefix("/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_named_after_their_sources() {
        let rows = [
            ("a", "a", "a"),
            ("x/a", "a", "x/a"),
            ("x/a/", "a", "x/a"),
            ("/x/a", "a", "x/a"),
            ("x/.", ".", "x/."),
            ("x/..", ".", "x/.."),
            (".", ".", "."),
            ("/", ".", ""),
        ];
        for (source, last, whole) in rows {
            assert_eq!(last_name(Path::new(source)), Path::new(last), "{source}");
            assert_eq!(whole_name(Path::new(source)).as_os_str(), whole, "{source}");
        }
    }
}
