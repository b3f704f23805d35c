//! Tags: 16 bytes of keyed BLAKE3 at the end of a frame that need not be secret but must be authentic.

use crate::crypto::identity::{Identity, PublicKey};

/// The length of a tag.
pub const TAG_LEN: usize = 16;

/// A key for tags, derived from what two static keys share and from what it is for, so that a tag made for one purpose or
/// direction says nothing in another. 32 bytes; cheap to copy.
#[derive(Clone, Copy)]
pub struct MacKey {
    _todo: (),
}

/// What tags are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// 0xF8 and 0xFA: client to server.
    ToServer,
    /// 0xF9: server to client.
    FromServer,
    /// 0xFC and 0xFF: from the owner of one key to that of the other. The derivation takes sender's and receiver's key in this order,
    /// so a frame cannot be reflected.
    Peer,
}

impl MacKey {
    /// The key for what `sender` tells `receiver`, one of which is `mine`; `None` if the other one's key is no good.
    /// One X25519: about 50 µs.
    #[must_use]
    pub fn derive(mine: &Identity, sender: &PublicKey, receiver: &PublicKey, purpose: Purpose) -> Option<Self> {
        let _ = (mine, sender, receiver, purpose);
        unimplemented!()
    }
    /// Both directions for the cost of one: what `mine` tells `other`, and what it is told.
    #[must_use]
    pub fn pair(mine: &Identity, other: &PublicKey, there: Purpose, back: Purpose) -> Option<(Self, Self)> {
        let _ = (mine, other, there, back);
        unimplemented!()
    }
    /// Appends the tag of all that is in `frame`.
    pub fn seal(&self, frame: &mut Vec<u8>) {
        let _ = frame;
        unimplemented!()
    }
    /// The frame without its tag, if the tag is right; compares in constant time.
    #[must_use]
    pub fn open<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let _ = frame;
        unimplemented!()
    }
}

/// Splits off the tag without looking at it, for frames that tell which key to look at it with.
#[must_use]
pub fn body(frame: &[u8]) -> Option<&[u8]> {
    frame.len().checked_sub(TAG_LEN).map(|len| &frame[..len])
}
