//! Keys and what is done with them; pure.
//!
//! Randomness comes from [`entropy`], seeded by the driver; ciphers come from `snow`, hashes from `blake3`. Nothing
//! here decides whom to trust.

pub mod cookie;
pub mod entropy;
pub mod identity;
pub mod mac;
pub mod noise;
pub mod safety;
