//! The access log and whom it names.

pub mod record;
pub mod writer;
pub mod client;
