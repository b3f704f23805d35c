//! The server: who is there, where, and whose the ID is; relays what peers cannot send directly; pure.
//!
//! ```text
//!   datagram, frame ─► machine ─┬─► ask                          from which address do I come?
//!                               ├─► join ──────┐                 Hello, Register
//!                               ├─► members ───┤                 Alive, Reach, Leave, Sync, Find, Older
//!                               ├─► relay ─────┤                 peer frames
//!                               └─► older ─────┴─► state ─┬─► registry (member, place, index, wheel, owners)
//!                                                         ├─► presence   numbered changes
//!                                                         ├─► ports      what stands for members, for older clients
//!                                                         ├─► limits     buckets
//!                                                         ├─► conns      connections by TCP
//!                                                         ├─► journal    records
//!                                                         └─► outbox     what is to be done
//! ```
//!
//! Nobody's datagram ends the server, evicts a member or speaks for one, and no answer to an unproven address is
//! longer than what it answers; an older client, which cannot prove its own, is told three bytes for each from there at
//! most. Every table is bounded; a member is never given up for a newcomer.

mod ask;
mod conns;
pub mod event;
mod hash;
mod index;
mod join;
pub mod journal;
mod limits;
pub mod machine;
mod member;
mod members;
mod older;
mod outbox;
mod owners;
mod place;
mod ports;
mod presence;
mod registry;
mod relay;
mod state;
#[cfg(test)]
mod tests;
mod wheel;
