//! Who somebody is, whatever it is called and wherever it sits: a static X25519 key pair (RFC 7748).
//!
//! The curve is the one that comes with `snow`: sessions and tags are made with the same arithmetic.

use std::fmt;
use std::sync::Arc;

use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::Dh;

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
        let hash = blake3::hash(&self.0);
        u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A key pair. Its secret is wiped from memory when the last copy is dropped, and never shown.
#[derive(Clone)]
pub struct Identity {
    pair: Arc<Pair>,
    public: PublicKey,
}

impl Identity {
    /// A new one.
    #[must_use]
    pub fn generate(entropy: &mut Entropy) -> Self {
        Self::from_secret(entropy.bytes())
    }

    /// That of a secret kept on disk.
    #[must_use]
    pub fn from_secret(mut secret: [u8; 32]) -> Self {
        let mut dh = new_dh();
        dh.set(&secret);
        wipe(&mut secret);
        let public = PublicKey(dh.pubkey().try_into().expect("an X25519 key has 32 bytes"));
        Self {
            pair: Arc::new(Pair(dh)),
            public,
        }
    }

    /// What is kept on disk.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        self.pair
            .0
            .privkey()
            .try_into()
            .expect("an X25519 secret has 32 bytes")
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// What this one and the owner of `other` alone can compute; `None` if `other` is no good key (RFC 7748 §6.1: all zero).
    #[must_use]
    pub fn shared(&self, other: &PublicKey) -> Option<[u8; 32]> {
        let mut shared = [0; 32];
        self.pair.0.dh(&other.0, &mut shared).ok()?;
        is_contributory(&shared).then_some(shared)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.public())
    }
}

/// The arithmetic with the secret in it.
struct Pair(Box<dyn Dh>);

impl Drop for Pair {
    fn drop(&mut self) {
        self.0.set(&[0; 32]);
    }
}

/// X25519 without a secret yet.
pub(super) fn new_dh() -> Box<dyn Dh> {
    DefaultResolver
        .resolve_dh(&DHChoice::Curve25519)
        .expect("snow is built with its Curve25519")
}

/// Whether a shared secret depends on our own: a point of small order makes it zero whatever ours is. Looks at every byte,
/// so that the time it takes tells nothing.
pub(super) fn is_contributory(shared: &[u8]) -> bool {
    shared.iter().fold(0, |all, byte| all | byte) != 0
}

/// Overwrites a secret such that the compiler cannot leave it out.
pub(super) fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    std::hint::black_box(secret);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    /// RFC 7748 §6.1.
    #[test]
    fn the_example_of_the_standard() {
        let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");

        let (alice, bob) = (
            Identity::from_secret(bytes(alice)),
            Identity::from_secret(bytes(bob)),
        );
        assert_eq!(alice.public().to_string(), alice_public);
        assert_eq!(bob.public().to_string(), bob_public);
        assert_eq!(alice.shared(&bob.public()), Some(shared));
        assert_eq!(bob.shared(&alice.public()), Some(shared));
    }

    /// The points whose order divides the cofactor, in both encodings (RFC 7748 §6.1 names the all-zero result).
    #[test]
    fn keys_of_small_order_are_refused() {
        let rows = [
            (
                "0",
                "0000000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "1",
                "0100000000000000000000000000000000000000000000000000000000000000",
            ),
            (
                "order 8",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            ),
            (
                "order 8, other",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            ),
            (
                "p - 1",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ),
            (
                "p",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ),
            (
                "p + 1",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ),
        ];
        let mine = Identity::generate(&mut Entropy::new([1; 32]));
        for (name, point) in rows {
            assert_eq!(mine.shared(&PublicKey(bytes(point))), None, "{name}");
        }
    }

    #[test]
    fn what_is_kept_gives_the_same_identity() {
        let identity = Identity::generate(&mut Entropy::new([2; 32]));
        let again = Identity::from_secret(identity.secret());
        assert_eq!(again.public(), identity.public());
        assert_eq!(again.public().tag(), identity.public().tag());
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity({})", identity.public())
        );
    }
}
