//! The server: who is there, where, and whose the ID is; relays what peers cannot send directly; pure.
//!
//! ```text
//!   datagram ─► machine ─┬─► registry ── journal     (members, keys, expiry on a timer wheel)
//!                        ├─► presence                (numbered changes)
//!                        ├─► relay, limits           (buckets)
//!                        └─► older                   (the text format, ports that stand for members)
//! ```
