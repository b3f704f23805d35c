//! Who somebody is, whatever it is called and wherever it sits: a static X25519 key pair (RFC 7748).

use std::fmt;

use crate::crypto::entropy::Entropy;

/// The eight bytes by which a check names its sender: the start of the BLAKE3 hash of the static key.
pub type KeyTag = u64;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// How checks name it.
    #[must_use]
    pub fn tag(&self) -> KeyTag {
        unimplemented!()
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

/// A key pair. Its secret is wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct Identity {
    _todo: (),
}

impl Identity {
    /// A new one.
    #[must_use]
    pub fn generate(entropy: &mut Entropy) -> Self {
        let _ = entropy;
        unimplemented!()
    }
    /// That of a secret kept on disk.
    #[must_use]
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let _ = secret;
        unimplemented!()
    }
    /// What is kept on disk.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        unimplemented!()
    }
    /// What this one and the owner of `other` alone can compute; `None` if `other` is no good key (RFC 7748 §6.1: all zero).
    #[must_use]
    pub fn shared(&self, other: &PublicKey) -> Option<[u8; 32]> {
        let _ = other;
        unimplemented!()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.public())
    }
}
