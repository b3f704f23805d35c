//! Keeps the old content of a destination under another name before it is replaced.

use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;

use crate::config::Backup;
use crate::run::Run;
use crate::sys::{Dir, Links, ListBuffer};

use super::stage::temporary_name;

/// Gives the entry `name` its backup name. The entry keeps its own name as well where the file system has hard links, so that
/// there is no moment without it. Nothing happens when there is no such entry or no backup is wanted.
pub(super) fn keep_old(run: &Run<'_>, folder: &Dir, name: &OsStr) -> io::Result<()> {
    if run.options.backup == Backup::None || folder.stat(name, Links::Keep).is_err() {
        return Ok(());
    }
    let kept = backup_name(&run.options.backup, folder, name)?;
    let temporary = temporary_name();
    match folder.link(name, Links::Keep, folder, &temporary) {
        Ok(()) => folder
            .rename(&temporary, &kept)
            .inspect_err(|_| drop(folder.remove(&temporary))),
        Err(_) => folder.rename(name, &kept),
    }
}

/// Gives the entry `name` its backup name, and tells it; the name is free then.
pub(super) fn move_aside(run: &Run<'_>, folder: &Dir, name: &OsStr) -> io::Result<OsString> {
    let kept = backup_name(&run.options.backup, folder, name)?;
    folder.rename(name, &kept)?;
    Ok(kept)
}

/// The name a backup of `name` gets.
pub(crate) fn backup_name(backup: &Backup, folder: &Dir, name: &OsStr) -> io::Result<OsString> {
    let mut kept = name.to_owned();
    let highest = match backup {
        Backup::None | Backup::Simple(_) => 0,
        Backup::Numbered | Backup::Existing(_) => highest_number(folder, name)?,
    };
    match backup {
        Backup::Existing(suffix) if highest == 0 => kept.push(suffix),
        Backup::Simple(suffix) => kept.push(suffix),
        Backup::None | Backup::Numbered | Backup::Existing(_) => {
            kept.push(format!(".~{}~", highest + 1))
        }
    }
    Ok(kept)
}

/// Whether a name is one that backups get. What it is a backup of may be long gone.
pub(crate) fn is_backup(backup: &Backup, name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    match backup {
        Backup::None => false,
        Backup::Simple(suffix) => name.ends_with(suffix.as_encoded_bytes()),
        Backup::Numbered => name.ends_with(b"~"),
        Backup::Existing(suffix) => {
            name.ends_with(b"~") || name.ends_with(suffix.as_encoded_bytes())
        }
    }
}

/// The highest N of `name.~N~` in the folder, 0 where there is none.
fn highest_number(folder: &Dir, name: &OsStr) -> io::Result<u64> {
    let mut highest = 0;
    let listing = folder.child(OsStr::new("."), Links::Keep)?;
    listing.list(&mut ListBuffer::new(), |entry, _| {
        let number = (entry
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes()))
        .and_then(|rest| rest.strip_prefix(b".~"))
        .and_then(|rest| rest.strip_suffix(b"~"))
        .and_then(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok());
        highest = highest.max(number.unwrap_or(0));
        ControlFlow::Continue(())
    })?;
    Ok(highest)
}
