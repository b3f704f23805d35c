//! The question that `cp --interactive` puts before a file is replaced. A leaf: the engine asks, a front answers.

use std::fmt;
use std::path::Path;

/// Somebody who decides whether a file is replaced ([`crate::config::Existing::Ask`]).
pub trait Ask: fmt::Debug + Send + Sync {
    /// Whether the file at `destination` may be replaced. Called by the thread that would replace it, which waits.
    fn may_replace(&self, destination: &Path, obstacle: Obstacle) -> bool;
}

/// What stands in the way of replacing a file, besides its being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing.
    None,
    /// It must not be written, and would be removed and made anew.
    Removed {
        /// Its permission bits.
        mode: u32,
    },
    /// It must not be written, and writing it will probably fail.
    Unwritable {
        /// Its permission bits.
        mode: u32,
    },
}
