//! Tags: 16 bytes of keyed BLAKE3 at the end of a frame that need not be secret but must be authentic.

use std::fmt;

use crate::crypto::identity::{Identity, PublicKey};

/// The length of a tag.
pub const TAG_LEN: usize = 16;

/// A key for tags, derived from what two static keys share and from what it is for, so that a tag made for one purpose or
/// direction says nothing in another. 32 bytes; cheap to copy.
#[derive(Clone, Copy)]
pub struct MacKey([u8; 32]);

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
    pub fn derive(
        mine: &Identity,
        sender: &PublicKey,
        receiver: &PublicKey,
        purpose: Purpose,
    ) -> Option<Self> {
        let other = if *sender == mine.public() {
            receiver
        } else {
            sender
        };
        Some(Self::from_shared(
            &mine.shared(other)?,
            sender,
            receiver,
            purpose,
        ))
    }

    /// Both directions for the cost of one: what `mine` tells `other`, and what it is told.
    #[must_use]
    pub fn pair(
        mine: &Identity,
        other: &PublicKey,
        there: Purpose,
        back: Purpose,
    ) -> Option<(Self, Self)> {
        let shared = mine.shared(other)?;
        let mine = mine.public();
        Some((
            Self::from_shared(&shared, &mine, other, there),
            Self::from_shared(&shared, other, &mine, back),
        ))
    }

    /// The key out of what [`Identity::shared`] gave, for who keeps only that: a few hashes.
    #[must_use]
    pub fn from_shared(
        shared: &[u8; 32],
        sender: &PublicKey,
        receiver: &PublicKey,
        purpose: Purpose,
    ) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(match purpose {
            Purpose::ToServer => "natchat 1 tags: client to server",
            Purpose::FromServer => "natchat 1 tags: server to client",
            Purpose::Peer => "natchat 1 tags: client to client",
        });
        hasher.update(shared).update(&sender.0).update(&receiver.0);
        Self(hasher.finalize().into())
    }

    /// Appends the tag of all that is in `frame`.
    pub fn seal(&self, frame: &mut Vec<u8>) {
        let tag = self.tag(frame);
        frame.extend_from_slice(&tag);
    }

    /// The frame without its tag, if the tag is right; compares in constant time.
    #[must_use]
    pub fn open<'a>(&self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let (body, tag) = frame.split_last_chunk::<TAG_LEN>()?;
        is_same(&self.tag(body), tag).then_some(body)
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG_LEN] {
        let hash = blake3::keyed_hash(&self.0, body);
        *hash
            .as_bytes()
            .first_chunk()
            .expect("a hash is longer than a tag")
    }
}

/// Shows nothing of it.
impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").finish_non_exhaustive()
    }
}

/// Splits off the tag without looking at it, for frames that tell which key to look at it with.
#[must_use]
pub fn body(frame: &[u8]) -> Option<&[u8]> {
    frame.len().checked_sub(TAG_LEN).map(|len| &frame[..len])
}

/// Compares in a time that does not depend on where they differ: that is what hashes are compared with.
pub(super) fn is_same(one: &[u8; 16], other: &[u8; 16]) -> bool {
    let widen = |bytes: &[u8; 16]| {
        let mut wide = [0; 32];
        wide[..16].copy_from_slice(bytes);
        blake3::Hash::from_bytes(wide)
    };
    widen(one) == widen(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::entropy::Entropy;

    fn two() -> (Identity, Identity) {
        let mut entropy = Entropy::new([1; 32]);
        (
            Identity::generate(&mut entropy),
            Identity::generate(&mut entropy),
        )
    }

    fn sealed(key: &MacKey, body: &[u8]) -> Vec<u8> {
        let mut frame = body.to_vec();
        key.seal(&mut frame);
        frame
    }

    #[test]
    fn both_sides_derive_the_same_keys() {
        let (client, server) = two();
        let (there, back) = MacKey::pair(
            &client,
            &server.public(),
            Purpose::ToServer,
            Purpose::FromServer,
        )
        .unwrap();
        let (out, in_) = MacKey::pair(
            &server,
            &client.public(),
            Purpose::FromServer,
            Purpose::ToServer,
        )
        .unwrap();
        assert_eq!(
            in_.open(&sealed(&there, b"alive")),
            Some(b"alive".as_slice())
        );
        assert_eq!(back.open(&sealed(&out, b"yes")), Some(b"yes".as_slice()));

        let alone = MacKey::derive(
            &server,
            &client.public(),
            &server.public(),
            Purpose::ToServer,
        )
        .unwrap();
        assert_eq!(
            alone.open(&sealed(&there, b"alive")),
            Some(b"alive".as_slice())
        );
    }

    #[test]
    fn a_tag_says_nothing_in_another_direction_or_for_another_purpose() {
        let (one, other) = two();
        let (there, back) =
            MacKey::pair(&one, &other.public(), Purpose::Peer, Purpose::Peer).unwrap();
        let frame = sealed(&there, b"check");
        assert_eq!(back.open(&frame), None, "reflected");
        for purpose in [Purpose::ToServer, Purpose::FromServer] {
            let key = MacKey::derive(&one, &one.public(), &other.public(), purpose).unwrap();
            assert_eq!(key.open(&frame), None, "{purpose:?}");
        }
    }

    #[test]
    fn every_byte_counts() {
        let (one, other) = two();
        let (key, _) = MacKey::pair(&one, &other.public(), Purpose::Peer, Purpose::Peer).unwrap();
        let frame = sealed(&key, b"a frame of some length");
        for at in 0..frame.len() {
            let mut tampered = frame.clone();
            tampered[at] ^= 1;
            assert_eq!(key.open(&tampered), None, "byte {at}");
            assert_eq!(key.open(&frame[..at]), None, "cut at {at}");
        }
        assert_eq!(body(&frame), Some(b"a frame of some length".as_slice()));
        assert_eq!(body(&frame[..TAG_LEN - 1]), None);
    }

    #[test]
    fn a_key_of_small_order_gives_no_tags() {
        let (mine, _) = two();
        assert!(MacKey::pair(&mine, &PublicKey([0; 32]), Purpose::Peer, Purpose::Peer).is_none());
        assert!(
            MacKey::derive(&mine, &PublicKey([0; 32]), &mine.public(), Purpose::Peer).is_none()
        );
    }
}
