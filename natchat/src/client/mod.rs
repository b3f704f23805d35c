//! The client: datagram, typed line or deadline in; Send, Show, Wait out; pure.
//!
//! ```text
//!   typed line ─► command ─┐                        ┌─► home ── roster     (the server: joining, keep-alive, presence)
//!   datagram ──────────────┼─► machine ─► talk ─────┼─► door ─► company ── peer ── noise, reliable, path   (one for each we talk to)
//!   deadline ──────────────┘      (when to begin    └─► transfer           (files, lent the peers' connections)
//!                                  and to leave)        events ─► text ─► the screen
//! ```

mod command;
mod company;
mod door;
pub mod event;
pub mod files;
mod home;
pub mod io;
mod lending;
mod lookup;
pub mod machine;
mod me;
mod peer;
mod roster;
mod rows;
mod safety;
mod talk;
pub mod text;
pub(crate) mod transfer;
mod trust;
