//! 0xFF: asks a peer, through the server, to start checks now: `0xFF · sender u64 · serial u64 · answer u8 · reach · tag`.
//!
//! It brings where the caller may be reached at this moment, reflexive address included; the tag is that of checks.

use crate::wire::codec::Malformed;
use crate::wire::reach::Reach;

/// The first byte.
pub const FIRST_BYTE: u8 = 0xFF;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Whose it is: the tag of its static key.
    pub sender: u64,
    /// Greater than that of any call before it of the same sender to the same peer: `incarnation << 20 | count`.
    pub serial: u64,
    /// What it asks for.
    pub kind: CallKind,
    /// Where the caller may be reached.
    pub reach: Reach,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Check, and tell where you are to be reached.
    Ask,
    /// The answer to an Ask: here I am to be reached.
    Answer,
    /// Check with many ports at once: plain checks have failed (see [`crate::path`]).
    Birthday,
}

impl Call {
    /// Reads what is left when the tag is split off.
    ///
    /// # Errors
    /// If it is not a call.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let _ = body;
        unimplemented!()
    }
    /// Writes all but the tag.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let _ = out;
        unimplemented!()
    }
}
