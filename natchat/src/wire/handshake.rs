//! 0xFD: the two messages of a Noise IK handshake. `0xFD · 1 · sender u32 · noise` and `0xFD · 2 · sender u32 · receiver u32 · noise`.
//!
//! Sender and receiver are the indices by which each side will find the session of later [`crate::wire::transport`] frames.

use crate::wire::codec::Malformed;

/// The first byte.
pub const FIRST_BYTE: u8 = 0xFD;

/// A handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake<'a> {
    /// The first message.
    Initiation {
        /// The initiator's index.
        sender: u32,
        /// The Noise message.
        noise: &'a [u8],
    },
    /// The second message.
    Answer {
        /// The responder's index.
        sender: u32,
        /// The initiator's index.
        receiver: u32,
        /// The Noise message.
        noise: &'a [u8],
    },
}

impl<'a> Handshake<'a> {
    /// Reads a whole frame.
    ///
    /// # Errors
    /// If it is not one.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Malformed> {
        let _ = frame;
        unimplemented!()
    }
    /// Writes a whole frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let _ = out;
        unimplemented!()
    }
}
