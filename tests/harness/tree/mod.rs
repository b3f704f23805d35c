//! What a tree on disk is, to the last attribute; how two trees differ; and trees grown from a seed.
//!
//! ```no_run
//! use harness::{Sandbox, tree};
//!
//! let sandbox = Sandbox::new();
//! tree::grow(7, &tree::Spec::default(), &sandbox.join("src"));
//! // … copy src to dst …
//! let (src, dst) = (tree::snapshot(&sandbox.join("src")), tree::snapshot(&sandbox.join("dst")));
//! assert_eq!(tree::diff(&src, &dst, tree::Aspects::ALL), [""; 0]);
//! ```
//!
//! A snapshot reads through descriptors relative to folders, so it works deeper than any path may be. It never
//! records access times (reading changes them) nor inode numbers (a copy has others).

mod diff;
mod grow;
mod snapshot;

pub use diff::{Aspect, Aspects, diff};
pub use grow::{Spec, grow};
pub use snapshot::{Entry, Kind, Tree, snapshot};
