//! Sockets, files, console and clock: one loop for each role feeds its machine and does what it says.
//!
//! ```text
//!   socket ── batch ── sys, names     datagrams, many a system call
//!   tcp                               frames in a stream (pure)
//!   interfaces                        the machine's own addresses
//!   store, journal                    keys, pins, what a server remembers
//! ```

mod batch;
pub mod client;
mod conns;
mod disk;
mod entropy;
mod interfaces;
mod journal;
mod link;
mod mailbox;
mod mark;
mod names;
mod net;
mod ports;
mod printer;
mod resolve;
pub mod screen;
pub mod server;
mod signals;
mod socket;
mod sockets;
mod store;
mod sys;
mod tcp;
mod worker;
