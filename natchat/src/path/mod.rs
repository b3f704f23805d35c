//! The ways to one peer: which addresses work, which is best, and how to open NATs; pure.
//!
//! ```text
//!   Reach of both ─► plan ─► checks, paced ─► responses ─► working paths ─► the best, with hysteresis
//!                      └─► predicted ports, birthday probing ┘
//! ```
//!
//! Checks are the only proof: no address is trusted because it looks near. Each side chooses for itself what it sends
//! by; the relay is not a path here but what remains when there is none.

mod asked;
mod birthday;
mod pairs;
pub mod paths;
mod plan;
mod ports;
mod proof;
mod route;
mod schedule;
mod search;
#[cfg(test)]
mod tests;
