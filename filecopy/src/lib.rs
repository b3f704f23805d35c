//! Copies files and trees, whole or not at all.
//!
//! ```text
//!  command line        typed lines
//!      │ cli               │ prompt
//!      ▼                   ▼
//!   oneshot           interactive          drivers: one loop each over events, signals and time
//!      └────────┬──────────┘
//!             jobs                         a thread for each running job
//!               │ Job
//!               ▼
//!             engine ── plan ── roots      what is copied where; what must not be
//!               │
//!               ▼
//!        tree (folders, shared by workers) ──► copy (one entry) ──► sys (the system)
//!               │
//!               │ Progress, Event
//!               ▼
//!     journal → log.txt · progress → terminal · json, summary → streams
//! ```
//!
//! The middle is the copier. It is told where to copy by an [`engine::Engine`], tells what happens as
//! [`job::Event`]s, and neither prints nor logs. Above it stand the two ways to ask for a copy, below it the ways to
//! show one; neither knows how a copy is made.
//!
//! One rule holds everywhere: a destination is what it was before, or the whole copy. A copy that cannot
//! be finished, for whatever reason, leaves nothing behind.

pub mod ask;
pub mod config;
pub mod engine;
pub mod error;
pub mod job;

mod copy;
mod filter;
mod parents;
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
pub mod queue;
pub mod session;
pub mod summary;
pub mod words;
