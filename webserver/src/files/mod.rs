//! The files beneath a root: opening, describing, remembering them.

pub mod root;
pub mod mime;
pub mod entry;
pub mod sidecar;
pub mod cache;
pub mod listing;
pub mod compress;
