//! Drives the built `filecopy` end to end: one file per theme.

mod attributes;
mod changing;
mod content;
mod copying;
mod faults;
mod full;
mod held;
mod inside;
mod kinds;
mod links;
mod log;
mod metadata;
mod modes;
mod names;
mod placing;
mod prompt_piped;
mod prompt_typed;
mod same_file;
mod resume;
mod signals;
mod unreadable;
