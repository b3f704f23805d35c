//! 0xFC: connectivity checks between peers, `0xFC · kind · sender u64 · txid [12] · addr? · tag`.
//!
//! The sender is told by the first eight bytes of the BLAKE3 hash of its static key
//! ([`crate::crypto::identity::KeyTag`]); the tag is made with the key that both sides derive from their static
//! keys, so a stranger at the same private address cannot be taken for the friend.

use std::net::SocketAddr;

use crate::wire::codec::{Malformed, Reader, Writer};

/// The first byte.
pub const FIRST_BYTE: u8 = 0xFC;

/// Ties a response to its request.
pub type Txid = [u8; 12];

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whose it is: the tag of its static key.
    pub sender: u64,
    /// Ties a response to its request.
    pub txid: Txid,
    /// Which way.
    pub kind: CheckKind,
}

/// Request or response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Are you there?
    Request,
    /// Here; and this is where I saw you.
    Response(SocketAddr),
}

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;

impl Check {
    /// Reads what is left when the tag is split off.
    ///
    /// # Errors
    /// If it is not a check.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::of_kind(body, FIRST_BYTE)?;
        let check = Self {
            sender: reader.u64()?,
            txid: reader.array()?,
            kind: match kind {
                REQUEST => CheckKind::Request,
                RESPONSE => CheckKind::Response(reader.addr()?),
                _ => return Err(Malformed),
            },
        };
        reader.end()?;
        Ok(check)
    }
    /// Appends all but the tag to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(FIRST_BYTE);
        match self.kind {
            CheckKind::Request => writer.u8(REQUEST).u64(self.sender).bytes(&self.txid),
            CheckKind::Response(addr) => writer
                .u8(RESPONSE)
                .u64(self.sender)
                .bytes(&self.txid)
                .addr(addr),
        };
    }
}
