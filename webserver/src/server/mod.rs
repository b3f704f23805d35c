//! The drivers: sockets, threads, time.
//!
//! ```text
//! run ── opens ── listen, tls            signals, SIGHUP, the end
//!  │ a thread each
//!  ▼
//! worker ── entrance, timers, slab ── peer ── stream (plain, TLS), transmit
//!  │  ▲                      └──── kit: responder, log, counters
//!  ▼  │ messages
//! pool (listings, compression, passwords)
//! ```

pub mod admin;
pub mod announce;
mod entrance;
mod kit;
mod listen;
mod log;
pub mod metrics;
mod office;
mod peer;
mod places;
mod pool;
pub mod run;
mod sending;
mod slab;
mod stream;
mod sys;
mod timers;
mod tls;
mod transmit;
mod turn;
mod worker;
