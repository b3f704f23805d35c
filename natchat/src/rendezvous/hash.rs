//! A keyed hash for tables whose keys strangers choose: without the secret nobody can make them collide.

use std::hash::{DefaultHasher, Hasher};

use crate::crypto::entropy::Entropy;

/// The secret of one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashing([u8; 16]);

impl Hashing {
    pub(crate) fn new(entropy: &mut Entropy) -> Self {
        Self(entropy.bytes())
    }

    pub(crate) fn of(&self, key: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher.write(key);
        hasher.finish()
    }
}
