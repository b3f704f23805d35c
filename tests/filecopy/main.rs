//! Drives the built `filecopy` end to end: one file per theme.

mod content;
mod copying;
mod full;
mod held;
mod log;
mod names;
mod same_file;
mod signals;
