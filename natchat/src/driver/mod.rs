//! Sockets, files, console and clock: one loop for each role feeds its machine and does what it says.
//!
//! ```text
//!              ┌─ client ── net ─┬─ sockets ──┐
//!              │    │            ├─ link ─────┼─ tcp        frames in a stream (pure)
//!              │    │            └─ interfaces│             the machine's own addresses
//!   the two ───┤    ├─ screen, completer      ├─ socket ── batch ── sys, names
//!   loops      │    └─ worker ── disk, store  │             datagrams, many a system call
//!              │                       │      │
//!              └─ server ─┬─ ports ────┼──────┤
//!                 (mark)  ├─ conns ────┼──────┘
//!                         ├─ journal ──┘                    keys, pins, what a server remembers
//!                         └─ printer
//!   both: mailbox, signals (other threads' word), entropy; client: resolve
//! ```
//!
//! Nothing that comes from a network ends a loop, and no loop waits for a disk, a name or a screen.

mod batch;
pub mod client;
mod completer;
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
