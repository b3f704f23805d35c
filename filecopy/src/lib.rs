//! Copies files and trees, whole or not at all.

pub mod config;
pub mod engine;
pub mod error;
pub mod job;

mod copy;
mod filter;
mod place;
mod plan;
mod roots;
mod run;
mod sameness;
mod sys;
mod tree;

pub mod complete;
mod confirm;
mod desk;
mod folders;
mod guard;
pub mod interactive;
pub mod jobs;
pub mod journal;
pub mod json;
mod logbook;
pub mod oneshot;
mod output;
pub mod progress;
pub mod prompt;
pub mod session;
pub mod summary;
pub mod words;
