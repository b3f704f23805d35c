//! The files beneath a root: opening, describing, remembering them.
//!
//! ```text
//! path ──► shelf ── cache ──► entry (heads, content, forms)
//!            │ not known, or not lately looked at
//!            ▼
//!          site ── root (opens beneath the root, and nothing else)
//!            ├──── mime, rules: what is said of a file
//!            └──── listing, compress: made on other threads
//! ```

pub mod cache;
pub mod compress;
pub mod entry;
mod folders;
pub mod listing;
pub mod mime;
pub mod root;
pub mod rules;
pub mod shelf;
pub mod sidecar;
pub mod site;
