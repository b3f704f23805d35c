//! The access log: a line for each request, and whom it names.
//!
//! ```text
//!   worker ─ Record + Stamp ─► Lines ─ whole buffers ─► bounded queue ─► one writer thread ─► file or stdout
//! ```
//!
//! A worker never waits for a disk: what the writer cannot take is counted and told.

pub mod client;
pub mod lines;
mod queue;
pub mod record;
pub mod stamp;
mod text;
pub mod writer;
