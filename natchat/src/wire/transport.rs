//! 0xFE: what is said within a session: `0xFE · receiver u32 · counter u64 · ciphertext with its 16-byte tag`.

use crate::wire::codec::{Malformed, Reader, Writer};

/// The first byte.
pub const FIRST_BYTE: u8 = 0xFE;
/// What comes before the ciphertext.
pub const HEADER_LEN: usize = 1 + 4 + 8;

/// A sealed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport<'a> {
    /// The receiver's index of the session.
    pub receiver: u32,
    /// The nonce; each is used once.
    pub counter: u64,
    /// Ciphertext and tag.
    pub sealed: &'a [u8],
}

impl<'a> Transport<'a> {
    /// Reads a whole frame.
    ///
    /// # Errors
    /// If it is not one.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::of(frame, FIRST_BYTE)?;
        Ok(Self {
            receiver: reader.u32()?,
            counter: reader.u64()?,
            sealed: reader.rest()?,
        })
    }
    /// Appends what comes before the ciphertext to `out`.
    pub fn encode_header(receiver: u32, counter: u64, out: &mut Vec<u8>) {
        Writer::new(out).u8(FIRST_BYTE).u32(receiver).u64(counter);
    }
}
