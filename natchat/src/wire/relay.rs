//! 0xFA and 0xFB: a peer frame on its way through the server.
//!
//! Up: `0xFA · member u64 · to u64 · frame · tag`. Down: `0xFB · from u64 · frame`. No counter: a relayed frame that
//! comes twice is found out by who it is for. The tag lets nobody spend another one's relay bytes.

use crate::wire::Language;
use crate::wire::codec::{Malformed, Reader, Writer};

/// The first byte on the way up.
pub const UP: u8 = 0xFA;
/// The first byte on the way down.
pub const DOWN: u8 = 0xFB;
/// The bytes added on the way up, with the tag.
pub const UP_OVERHEAD: usize = 1 + 8 + 8 + 16;
/// The bytes added on the way down.
pub const DOWN_OVERHEAD: usize = 1 + 8;

/// A frame on its way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Up<'a> {
    /// Who sends it.
    pub member: u64,
    /// Who it is for.
    pub to: u64,
    /// What is carried: a whole frame 0xFC to 0xFF.
    pub frame: &'a [u8],
}

/// A frame on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down<'a> {
    /// Who sent it.
    pub from: u64,
    /// What is carried.
    pub frame: &'a [u8],
}

impl<'a> Up<'a> {
    /// Reads what is left when the tag is split off.
    ///
    /// # Errors
    /// If it is cut, or carries what no peer says to another.
    pub fn decode(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::of(body, UP)?;
        Ok(Self {
            member: reader.u64()?,
            to: reader.u64()?,
            frame: carried(reader)?,
        })
    }
    /// Appends all but the tag to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Writer::new(out)
            .u8(UP)
            .u64(self.member)
            .u64(self.to)
            .bytes(self.frame);
    }
}

impl<'a> Down<'a> {
    /// Reads a whole datagram.
    ///
    /// # Errors
    /// If it is cut, or carries what no peer says to another.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::of(datagram, DOWN)?;
        Ok(Self {
            from: reader.u64()?,
            frame: carried(reader)?,
        })
    }
    /// Appends a whole datagram to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Writer::new(out).u8(DOWN).u64(self.from).bytes(self.frame);
    }
}

/// What is carried begins as a peer's frame; so nothing is carried within what is carried.
fn carried(reader: Reader<'_>) -> Result<&[u8], Malformed> {
    let frame = reader.rest()?;
    match Language::of(frame) {
        Some(Language::Check | Language::Handshake | Language::Transport | Language::Call) => {
            Ok(frame)
        }
        _ => Err(Malformed),
    }
}
