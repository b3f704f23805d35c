//! Everything a copy keeps besides its bytes: owner, attributes and access control lists, mode, times.
//!
//! Order matters. A change of owner clears set-user-ID and capabilities, so it comes first; an access
//! control list contains the mode's group bits, so the mode follows it; every write touches the times, so
//! they come last.

use std::ffi::CStr;
use std::io;
use std::path::PathBuf;

use crate::config::AttributeErrors;
use crate::engine::place::Spot;
use crate::engine::plan;
use crate::engine::run::Run;
use crate::engine::sys::{self, Node, Stat};
use crate::error::{Doing, Error};

use super::made::Made;

/// Gives the copy what it keeps of the source.
///
/// # Errors
/// What cannot be set although this user may and the file system can. What the file system or the user's rights rule
/// out for every entry alike is told once a job.
pub(crate) fn keep(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &impl Node,
    copy: &impl Node,
    stat: &Stat,
    made: Made,
) -> Result<(), Error> {
    let keeps = run.options.preserve;
    let owner = if keeps.owner {
        keep_owner(run, spot, copy, stat, made)?
    } else if carries_powers(run, stat, made) {
        let found =
            sys::stat(copy).map_err(|cause| Error::io(Doing::Stat, spot.destination(), cause))?;
        if found.owner == stat.owner {
            Owned::AsMade
        } else {
            Owned::Wrong
        }
    } else {
        Owned::AsMade
    };
    let kinds = Kinds::wanted(run);
    let has_list = kinds != Kinds::None && keep_attributes(run, spot, source, copy, stat, made)?;
    let may_have_list = spot.pair.default_acl || matches!(made, Made::Kept);
    if may_have_list && keeps.mode && !has_list && kinds.has_lists() {
        // The folder gave the copy a list that the source does not have, or the file had one before.
        sys::remove_acl(copy)
            .map_err(|cause| Error::io(Doing::Attributes, spot.destination(), cause))?;
    }
    let mode = final_mode(run, copy, stat, made, owner);
    if needs_mode(
        run,
        spot,
        stat,
        made,
        mode,
        has_list || owner == Owned::Changed,
    ) {
        sys::set_mode(copy, mode)
            .map_err(|cause| Error::io(Doing::Mode, spot.destination(), cause))?;
    }
    if keeps.times {
        let set = sys::set_times(copy, stat.accessed, stat.modified);
        set.map_err(|cause| Error::io(Doing::Times, spot.destination(), cause))?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owned {
    /// By whoever made it, which is right.
    AsMade,
    /// Given to the source's owner.
    Changed,
    /// By the wrong user or group: it must not carry their powers.
    Wrong,
}

/// Whether the owner matters although it is not kept: a set-user-ID file must not come to serve another user. `cp`
/// lets that happen.
fn carries_powers(run: &Run<'_>, stat: &Stat, made: Made) -> bool {
    let is_folder = matches!(made, Made::Folder { .. });
    stat.mode & 0o6000 != 0 && run.options.preserve.mode && !is_folder && run.options.cp().is_none()
}

fn keep_owner(
    run: &Run<'_>,
    spot: &Spot<'_>,
    copy: &impl Node,
    stat: &Stat,
    made: Made,
) -> Result<Owned, Error> {
    let is_new = matches!(made, Made::New { .. });
    let (now, mode) = match spot.pair.gives.get() {
        Some(gives) if is_new => (*gives, 0),
        _ => {
            let found = sys::stat(copy)
                .map_err(|cause| Error::io(Doing::Stat, spot.destination(), cause))?;
            if is_new {
                // The first file of a folder tells what the others get.
                spot.pair.gives.get_or_init(|| found.owner);
            }
            (found.owner, found.mode)
        }
    };
    if now == stat.owner {
        return Ok(Owned::AsMade);
    }
    if matches!(made, Made::Kept) && run.options.preserve.mode {
        // The new owner's group must not read for a moment what the old one's could. If it cannot be narrowed, it
        // cannot be given either.
        drop(sys::set_mode(copy, mode & stat.mode & 0o700));
    }
    match sys::set_owner(copy, stat.owner) {
        Ok(()) => Ok(Owned::Changed),
        Err(cause) if run.shared.is_privileged && run.options.cp().is_some() => {
            Err(Error::io(Doing::Owner, spot.destination(), cause))
        }
        Err(cause) if run.shared.is_privileged => {
            run.notice_once(Doing::Owner, "owner", spot.destination(), cause);
            Ok(Owned::Wrong)
        }
        // Who may not give files away may still be in the group.
        Err(_)
            if now.group != stat.owner.group && sys::set_group(copy, stat.owner.group).is_ok() =>
        {
            Ok(Owned::Wrong)
        }
        Err(_) => Ok(Owned::Wrong),
    }
}

/// Which extended attributes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinds {
    None,
    All,
    /// Access control lists alone.
    Lists,
    /// All but access control lists.
    Others,
}

impl Kinds {
    /// To filecopy, access control lists are attributes like others; to `cp` they are a part of the mode.
    fn wanted(run: &Run<'_>) -> Self {
        let keeps = run.options.preserve;
        let lists = if run.options.cp().is_some() {
            keeps.mode
        } else {
            keeps.xattr
        };
        match (keeps.xattr, lists) {
            (true, true) => Self::All,
            (false, true) => Self::Lists,
            (true, false) => Self::Others,
            (false, false) => Self::None,
        }
    }

    fn has_lists(self) -> bool {
        matches!(self, Self::All | Self::Lists)
    }

    fn takes(self, name: &CStr) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Lists => is_list(name),
            Self::Others => !is_list(name),
        }
    }
}

/// Copies extended attributes; tells whether the mode has to be set again, because an access control list was among
/// them or because they could not be set without widening it.
fn keep_attributes(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &impl Node,
    copy: &impl Node,
    stat: &Stat,
    made: Made,
) -> Result<bool, Error> {
    let names = match sys::attributes(source) {
        Ok(names) => names,
        Err(cause) => {
            excuse(run, c"", spot.source(), cause)?;
            return Ok(false);
        }
    };
    let kinds = Kinds::wanted(run);
    let mut names = names.iter().filter(|name| kinds.takes(name)).peekable();
    if names.peek().is_none() {
        return Ok(false);
    }
    let sets_mode = run.options.preserve.mode || !matches!(made, Made::Kept);
    let must_widen = sets_mode && !run.shared.is_privileged && stat.mode & 0o200 == 0;
    if must_widen {
        // Attributes of a file that its owner may not write cannot be set; the mode follows.
        sys::set_mode(copy, 0o600)
            .map_err(|cause| Error::io(Doing::Mode, spot.destination(), cause))?;
    }
    let mut has_list = false;
    for name in names {
        has_list |= is_list(name);
        // One that cannot be read was removed meanwhile.
        if let Ok(value) = sys::attribute(source, name)
            && let Err(cause) = sys::set_attribute(copy, name, &value)
        {
            excuse(run, name, spot.destination(), cause)?;
        }
    }
    Ok(has_list || must_widen)
}

/// Weighs the failure to keep an attribute: an error, something to be told, or nothing.
fn excuse(run: &Run<'_>, name: &CStr, path: PathBuf, cause: io::Error) -> Result<(), Error> {
    match run.options.cp().map(|rules| rules.attributes) {
        // Some are the system's alone; others the destination's file system does not have. Neither is this file's
        // fault.
        None if is_ruled_out(&cause) => {
            if is_list(name) || name.to_bytes().starts_with(b"user.") {
                run.notice_once(Doing::Attributes, "attributes", path, cause);
            }
            Ok(())
        }
        None => Err(Error::io(Doing::Attributes, path, cause)),
        Some(_) if is_list(name) => Err(Error::io(Doing::Mode, path, cause)),
        Some(AttributeErrors::Silent) => Ok(()),
        Some(AttributeErrors::Told) => {
            if cause.kind() != io::ErrorKind::Unsupported {
                run.notice(Error::io(Doing::Attributes, path, cause));
            }
            Ok(())
        }
        Some(AttributeErrors::Fatal) => Err(Error::io(Doing::Attributes, path, cause)),
    }
}

/// Whether an attribute is an access control list.
fn is_list(name: &CStr) -> bool {
    name.to_bytes().starts_with(b"system.posix_acl")
}

/// Whether a failure to set an attribute is the system's rule and not this file's fault.
pub(super) fn is_ruled_out(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

fn final_mode(run: &Run<'_>, copy: &impl Node, stat: &Stat, made: Made, owner: Owned) -> u32 {
    match made {
        // Powers given to one user or group must not pass to another.
        _ if run.options.preserve.mode && owner == Owned::Wrong => stat.mode & !0o6000,
        _ if run.options.preserve.mode => stat.mode,
        Made::New { wanted, .. } => wanted,
        Made::Folder { .. } => {
            // A folder may have its group from the one around it, with the bit that passes it on.
            let inherited = sys::stat(copy).map_or(0, |found| found.mode & 0o2000);
            plan::new_mode(stat, run.options, run.shared.umask) | inherited
        }
        Made::Kept => stat.mode,
    }
}

/// Whether the mode must be set, or is already what it should be by creation.
fn needs_mode(
    run: &Run<'_>,
    spot: &Spot<'_>,
    stat: &Stat,
    made: Made,
    mode: u32,
    is_disturbed: bool,
) -> bool {
    let keeps_mode = run.options.preserve.mode;
    match made {
        Made::New { created, .. } => {
            let is_special = spot.pair.default_acl || stat.mode & 0o6000 != 0;
            is_disturbed || created != mode || (keeps_mode && is_special)
        }
        Made::Kept => keeps_mode,
        Made::Folder { is_fresh } => is_fresh || keeps_mode,
    }
}
