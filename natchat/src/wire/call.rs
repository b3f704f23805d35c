//! 0xFF: asks a peer, through the server, to start checks now:
//! `0xFF · sender u64 · serial u64 · kind u8 · reach · tag`.
//!
//! It brings where the caller may be reached at this moment, reflexive address included; the tag is that of checks.

use crate::wire::codec::{Malformed, Reader, Writer};
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
    /// I know your ID by another key than yours, and will say nothing to you. Its reach is empty.
    Distrust,
}

impl CallKind {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => Self::Ask,
            2 => Self::Answer,
            3 => Self::Birthday,
            4 => Self::Distrust,
            _ => return Err(Malformed),
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Ask => 1,
            Self::Answer => 2,
            Self::Birthday => 3,
            Self::Distrust => 4,
        }
    }
}

impl Call {
    /// Reads what is left when the tag is split off.
    ///
    /// # Errors
    /// If it is not a call.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::of(body, FIRST_BYTE)?;
        let call = Self {
            sender: reader.u64()?,
            serial: reader.u64()?,
            kind: CallKind::read(&mut reader)?,
            reach: Reach::read(&mut reader)?,
        };
        reader.end()?;
        Ok(call)
    }
    /// Appends all but the tag to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer
            .u8(FIRST_BYTE)
            .u64(self.sender)
            .u64(self.serial)
            .u8(self.kind.number());
        self.reach.write(&mut writer);
    }
}
