//! Chat between any two machines, whatever NAT is between them.
//!
//! ```text
//!   datagram, typed line, deadline ──► machine ──► Send, Show, Wait
//!
//!   driver ──► rendezvous (the server)           ┐
//!          └─► client ──► path, reliable, crypto ┴─► wire ──► name
//! ```
//!
//! Everything between bytes, clock and console is pure: [`rendezvous`] and [`client`] own no socket, file, thread or
//! clock, and are told the time and their randomness. [`driver`] has one loop for each role that feeds them.

#![deny(unsafe_code)] // but for `driver::sys`

mod bucket;
pub mod client;
pub mod config;
pub mod crypto;
pub mod driver;
pub mod error;
pub mod name;
pub mod path;
pub mod reliable;
pub mod rendezvous;
pub mod wire;
