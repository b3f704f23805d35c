//! 0xFC: connectivity checks between peers, `0xFC · kind · sender u64 · txid [12] · addr? · tag`.
//!
//! The sender is told by the first eight bytes of the BLAKE3 hash of its static key ([`crate::crypto::identity::KeyTag`]); the tag is
//! made with the key that both sides derive from their static keys, so a stranger at the same private address cannot
//! be taken for the friend.

use std::net::SocketAddr;

use crate::wire::codec::Malformed;

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

impl Check {
    /// Reads what is left when the tag is split off.
    ///
    /// # Errors
    /// If it is not a check.
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
