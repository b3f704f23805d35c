//! The machine against a server as plain as can be, in virtual time.

mod follow;
mod forged;
mod joining;
mod living;
mod server;
mod world;
