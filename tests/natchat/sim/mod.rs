//! The program's two machines in a simulated network: every NAT, fault and schedule, in virtual time and without root.
//!
//! ```text
//! theme (pairs, loss, …) ─► town ─► harness::sim::Pump ─┬─► user ─► natchat::client::machine::Client
//!                                                      └─► host ─► natchat::rendezvous::machine::Rendezvous
//! ```
//!
//! `user` and `host` do what the drivers do: sockets, streams, disks and files of keys are the world's or in memory.
//! What the drivers themselves do is not looked at here.

mod disk;
mod host;
mod stream;
mod talk;
mod town;
mod user;

mod crowd;
mod faults;
mod idle;
mod loss;
mod pairs;
mod schedules;
mod sizes;
