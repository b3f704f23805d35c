//! Everything a copy keeps besides its bytes: owner, attributes and access control lists, mode, times.
//!
//! Order matters. A change of owner clears set-user-ID and capabilities, so it comes first; an access
//! control list contains the mode's group bits, so the mode follows it; every write touches the times, so
//! they come last.

use std::io;

use crate::error::{Doing, Error};
use crate::place::Spot;
use crate::run::Run;
use crate::sys::{self, Node, Stat};

use super::stage::Made;

/// Gives the copy what it keeps of the source.
///
/// # Errors
/// What cannot be set although this user may and the file system can. What the file system or the user's rights rule out for every
/// entry alike is told once a job.
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

fn keep_owner(
    run: &Run<'_>,
    spot: &Spot<'_>,
    copy: &impl Node,
    stat: &Stat,
    made: Made,
) -> Result<Owned, Error> {
    let now = match (made, spot.pair.gives.get()) {
        (Made::New(_), Some(gives)) => *gives,
        _ => {
            let now = sys::stat(copy)
                .map_err(|cause| Error::io(Doing::Stat, spot.destination(), cause))?
                .owner;
            if matches!(made, Made::New(_)) {
                // The first file of a folder tells what the others get.
                spot.pair.gives.get_or_init(|| now);
            }
            now
        }
    };
    if now == stat.owner {
        return Ok(Owned::AsMade);
    }
    match sys::set_owner(copy, stat.owner) {
        Ok(()) => Ok(Owned::Changed),
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

/// Copies extended attributes; tells whether an access control list was among them.
fn keep_attributes(
    run: &Run<'_>,
    spot: &Spot<'_>,
    source: &impl Node,
    copy: &impl Node,
    stat: &Stat,
) -> Result<bool, Error> {
    let names = match sys::attributes(source) {
        Ok(names) if names.is_empty() => return Ok(false),
        Ok(names) => names,
        Err(cause) => return Err(Error::io(Doing::Attributes, spot.source(), cause)),
    };
    if !run.shared.is_privileged && stat.mode & 0o200 == 0 {
        // Attributes of a file that its owner may not write cannot be set; the mode follows.
        sys::set_mode(copy, 0o600)
            .map_err(|cause| Error::io(Doing::Mode, spot.destination(), cause))?;
    }
    let mut has_list = false;
    for name in &names {
        has_list |= name.as_bytes().starts_with(b"system.posix_acl");
        let set = match sys::attribute(source, name) {
            Ok(value) => sys::set_attribute(copy, name, &value),
            // It was removed meanwhile.
            Err(_) => continue,
        };
        match set {
            Ok(()) => {}
            // Some are the system's alone; others the destination's file system does not have. Neither is this file's fault.
            Err(cause) if is_ruled_out(&cause) => {
                if name.as_bytes().starts_with(b"user.")
                    || name.as_bytes().starts_with(b"system.posix_acl")
                {
                    run.notice_once(Doing::Attributes, "attributes", spot.destination(), cause);
                }
            }
            Err(cause) => return Err(Error::io(Doing::Attributes, spot.destination(), cause)),
        }
    }
    Ok(has_list || (!run.shared.is_privileged && stat.mode & 0o200 == 0))
}

fn is_ruled_out(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
    )
}

fn final_mode(run: &Run<'_>, stat: &Stat, owner: Owned) -> u32 {
    if !run.options.preserve.mode {
        return stat.mode & 0o777 & !run.shared.umask;
    }
    // Powers given to one user or group must not pass to another.
    if owner == Owned::Wrong {
        stat.mode & !0o6000
    } else {
        stat.mode
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
    match made {
        Made::New(created) if !run.options.preserve.mode => {
            spot.pair.default_acl && created != mode
        }
        Made::New(created) => {
            is_disturbed || created != mode || spot.pair.default_acl || stat.mode & 0o6000 != 0
        }
        Made::Kept => run.options.preserve.mode,
        Made::Folder { is_fresh } => is_fresh || run.options.preserve.mode,
    }
}
