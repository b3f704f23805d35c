//! What is told about copies, to whom: lines of log.txt, the progress line, the summary, JSON events.
//!
//! All of it is pure, text from numbers and events, except `logbook` and `output`, which own the log and the
//! standard streams.

pub mod journal;
pub mod json;
pub(crate) mod logbook;
pub(crate) mod output;
pub mod progress;
pub mod summary;
pub mod words;
