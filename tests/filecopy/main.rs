//! Drives the built `filecopy` end to end: one file per theme.

mod attributes;
mod blocks;
mod changing;
mod content;
mod copying;
mod existing;
mod faults;
mod filters;
mod full;
mod held;
mod inside;
mod kinds;
mod links;
mod log;
mod metadata;
mod mirror;
mod modes;
mod names;
mod placing;
mod prompt_piped;
mod prompt_typed;
mod resume;
mod same_file;
mod signals;
mod unreadable;
