//! What the two ways to meet an existing destination have in common: the native one ([`super::meet`]) and cp's
//! ([`super::inplace`]). A leaf.

use std::ffi::OsString;
use std::sync::Arc;

use crate::config::Content;
use crate::engine::place::Spot;
use crate::engine::run::Run;
use crate::engine::run::links::Copied;
use crate::engine::sys::{Links, Stat};

/// What was found at a destination, and done about it.
#[derive(Debug)]
pub(super) enum Met {
    /// The way is free, or what stands there is to be replaced.
    Ready {
        existing: Option<Stat>,
        /// The name that the old entry was given.
        kept_as: Option<OsString>,
    },
    /// What stands there is to be left as it is.
    Leave(Stat),
}

/// How many names of a file this job may meet and must make one file again; 0 when it need not.
pub(super) fn names(run: &Run<'_>, spot: &Spot<'_>, stat: &Stat) -> u64 {
    let makes_files = matches!(run.options.content, Content::Copy | Content::AttributesOnly);
    match run.options.preserve.links && makes_files {
        false => 0,
        // Links that are followed are names too, and nobody knows how many there are.
        true if run.options.cp().is_some() && spot.links == Links::Follow => u64::MAX,
        true => stat.names,
    }
}

/// The copy at `spot`, for later names of the same file.
pub(super) fn copied(run: &Run<'_>, spot: &Spot<'_>) -> Copied {
    let root = run.root.get().unwrap_or(spot.pair);
    Copied {
        root: Arc::clone(root),
        place: Arc::clone(spot.place),
        name: spot.destination_name.to_owned(),
        is_root: spot.is_root,
    }
}

/// Whether an existing entry is a name of that copy already.
pub(super) fn is_one_with(copied: &Copied, existing: &Stat) -> bool {
    let found = copied
        .place
        .open_destination(&copied.root)
        .and_then(|opened| {
            let folder = opened
                .as_ref()
                .map_or_else(|| copied.root.destination(), Ok)?;
            folder.stat(&copied.name, Links::Keep)
        });
    found.is_ok_and(|found| found.id == existing.id)
}
