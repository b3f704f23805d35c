//! The laboratory of networks keeps what it promises: every kind of NAT is what its name says, seen from sockets on
//! both sides of it.
//!
//! What must *not* arrive is followed by something that must: once that is there, the other is known to be lost, and
//! nobody waited for it.

mod changes;
mod kinds;
mod lifetime;
mod links;
mod places;
mod programs;
mod punching;
mod sockets;
