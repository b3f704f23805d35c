//! Between two peers: nothing lost, nothing doubled, everything in order; pure.
//!
//! ```text
//!   write(channel, bytes) ─► streams ─► packets ─► (sealed, sent by whatever path) ─► packets ─► streams ─► read(channel)
//!                               ▲           └── numbers, acknowledgements, round trips, loss ──┘
//!
//!   connection ─┬─► channels ─► outgoing, incoming                          (streams) ┐
//!               └─► acks · sent · round_trip · congestion, pacing           (packets) ┴─► packet (bytes) ─► ranges
//! ```
//!
//! In the manner of QUIC (RFC 9000 §13, RFC 9002): a channel is a stream of bytes, packets have numbers that are
//! never used twice, what was in a lost packet goes out again in another one. It knows no peer, key, path or socket.
//! Channels are bounded by windows in bytes.

pub mod connection;

mod acks;
mod channels;
mod congestion;
mod incoming;
mod outgoing;
mod pacing;
mod packet;
mod ranges;
mod round_trip;
mod sent;
#[cfg(test)]
pub(crate) mod simulated;
#[cfg(test)]
mod tests;
