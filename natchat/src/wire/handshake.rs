//! 0xFD: the two messages of a Noise IK handshake. `0xFD · 1 · sender u32 · noise` and
//! `0xFD · 2 · sender u32 · receiver u32 · noise`.
//!
//! Sender and receiver are the indices by which each side will find the session of later [`crate::wire::transport`]
//! frames.

use crate::wire::codec::{Malformed, Reader, Writer};

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

const INITIATION: u8 = 1;
const ANSWER: u8 = 2;

impl<'a> Handshake<'a> {
    /// Reads a whole frame.
    ///
    /// # Errors
    /// If it is not one.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::of_kind(frame, FIRST_BYTE)?;
        Ok(match kind {
            INITIATION => Self::Initiation {
                sender: reader.u32()?,
                noise: reader.rest()?,
            },
            ANSWER => Self::Answer {
                sender: reader.u32()?,
                receiver: reader.u32()?,
                noise: reader.rest()?,
            },
            _ => return Err(Malformed),
        })
    }
    /// Appends a whole frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(FIRST_BYTE);
        match *self {
            Self::Initiation { sender, noise } => writer.u8(INITIATION).u32(sender).bytes(noise),
            Self::Answer {
                sender,
                receiver,
                noise,
            } => writer.u8(ANSWER).u32(sender).u32(receiver).bytes(noise),
        };
    }
}
