//! Copies one entry that is no folder.
//!
//! ```text
//!          meet.rs ──► skip, refuse          (by cp's rules: inplace.rs)
//!              │
//!  symlink, fifo, device ──► special.rs
//!              │
//!  file.rs: another name of a copied file ──► a link
//!              │
//!  stage.rs: a file to fill ──► content.rs: the bytes ──► attrs.rs: what else it keeps ──► stage.rs: its name
//!                                 │
//!                                 clone · ranges · sparse · chunked
//! ```
//!
//! Rule: until the last arrow the destination is what it was before; if an arrow breaks, the staged file
//! goes and the destination stays.

pub(crate) mod attrs;
mod backup;
mod cause;
mod chunked;
mod content;
mod file;
mod hash;
mod inplace;
mod made;
mod meet;
mod met;
mod ranges;
pub(crate) mod resume;
mod special;
mod stage;
mod verify;

use crate::config::Content;
use crate::engine::place::Spot;
use crate::engine::run::{Helpers, Run};
use crate::engine::sys::Kind;
use crate::error::{Change, Error};
use crate::job::Action;

pub(crate) use backup::{backup_name, is_backup};
pub(crate) use cause::making;
pub(crate) use made::{Made, is_temporary};

use cause::is_passing;

/// Copies one entry, telling its failure or its end; tells also whether it is now at its destination by our doing.
pub(crate) fn entry<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> bool {
    let mut tries_left = run.options.retries;
    loop {
        match attempt(run, helpers, spot, kind) {
            Ok((action, bytes)) => {
                run.done(spot, action, bytes);
                return action != Action::Skipped;
            }
            Err(error) if tries_left > 0 && is_passing(&error) && !run.progress.is_cancelled() => {
                tries_left -= 1;
                run.notice(error);
            }
            Err(error) => {
                run.fail(error);
                return false;
            }
        }
    }
}

fn attempt<'scope>(
    run: &'scope Run<'scope>,
    helpers: Helpers<'scope, '_>,
    spot: &Spot<'_>,
    kind: Kind,
) -> Result<(Action, u64), Error> {
    let makes_names = matches!(
        run.options.content,
        Content::HardLink | Content::SymbolicLink
    );
    if makes_names && kind != Kind::Folder {
        return special::another_name(run, spot);
    }
    match kind {
        Kind::File => file::copy(run, helpers, spot, kind),
        Kind::Fifo | Kind::CharDevice | Kind::BlockDevice | Kind::Socket if spot.takes_contents => {
            file::copy(run, helpers, spot, kind)
        }
        Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => {
            special::copy(run, spot)
        }
        Kind::Folder => Err(Error::Changed {
            path: spot.source(),
            change: Change::Kind,
        }),
    }
}
