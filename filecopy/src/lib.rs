//! Copies files and trees, whole or not at all.
//!
//! ```text
//!  command line        typed lines
//!      │ cli               │ prompt
//!      ▼                   ▼
//!   oneshot           interactive          front/: one loop each over events, signals and time
//!      └────────┬──────────┘
//!        queue, jobs                       jobs in order on one thread, or a thread each at the prompt
//!               │ Job
//!               ▼
//!            Engine ── roots ── plan       engine/: what is copied where, and what must not be
//!               │
//!               ▼
//!        tree (folders, shared by workers) ──► copy (one entry) ──► sys (the system)
//!               │
//!               │ Progress, Event
//!               ▼
//!     journal → log.txt · progress → terminal · json, summary → streams        tell/
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
pub mod error;
pub mod job;

pub mod engine;
pub mod front;
pub mod tell;
