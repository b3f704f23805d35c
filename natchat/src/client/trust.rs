//! Whose key is whose: the first key met with an ID is kept, another one is refused until the user says otherwise.
//!
//! It shows nothing and stores nothing on disk: who asks does.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::io::Pin;
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;

/// What is known of an ID and a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The ID was never talked to.
    New,
    /// It is the key that is known for it.
    Known,
    /// Another key is known for it.
    Changed,
}

/// The keys of those who were talked to.
#[derive(Debug)]
pub(crate) struct Trust {
    pins: BTreeMap<MemberId, PublicKey>,
    /// Changed keys that the user was told of, so that each is told once; `None`: an older client, which has no key.
    told: BTreeMap<MemberId, Option<PublicKey>>,
    /// IDs that were talked to as older clients by the user's will, in spite of a known key.
    older: BTreeSet<MemberId>,
}

/// Changed keys remembered as told; beyond this they are told again.
const TOLD: usize = 4_096;

/// Keys kept at most: a server could make up as many IDs as it likes. Further ones are taken for new each time. What is kept
/// stays less than what the driver takes of a file of them, or a client could be kept from ever starting again.
const PINS: usize = 32_768;

impl Trust {
    pub(crate) fn new(pins: BTreeMap<MemberId, PublicKey>) -> Self {
        Self {
            pins,
            told: BTreeMap::new(),
            older: BTreeSet::new(),
        }
    }

    /// What is known of this ID with this key (none: an older client).
    pub(crate) fn judge(&self, id: &MemberId, key: Option<&PublicKey>) -> Verdict {
        match (self.pins.get(id), key) {
            (None, _) => Verdict::New,
            (Some(pin), Some(key)) if pin == key => Verdict::Known,
            (Some(_), None) if self.older.contains(id) => Verdict::Known,
            (Some(_), _) => Verdict::Changed,
        }
    }

    /// The key that is known for this ID.
    pub(crate) fn known(&self, id: &MemberId) -> Option<&PublicKey> {
        self.pins.get(id)
    }

    /// The other key that the user was told of last; in it `None`: an older client.
    pub(crate) fn told(&self, id: &MemberId) -> Option<Option<PublicKey>> {
        self.told.get(id).copied()
    }

    /// Whether the user is to be told that the key has changed: once for each.
    pub(crate) fn tell(&mut self, id: &MemberId, key: Option<&PublicKey>) -> bool {
        if self.judge(id, key) != Verdict::Changed
            || self.told.get(id).is_some_and(|told| told.as_ref() == key)
        {
            return false;
        }
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(id.clone(), key.copied());
        true
    }

    /// The owner of a key has proven to have it: it is kept if it is the first.
    pub(crate) fn proven(&mut self, id: &MemberId, key: &PublicKey) -> Option<Pin> {
        let is_new = self.judge(id, Some(key)) == Verdict::New && self.pins.len() < PINS;
        is_new.then(|| self.pin(id, key))
    }

    /// The user says that it is right. What is to be stored, if anything.
    pub(crate) fn trust(&mut self, id: &MemberId, key: Option<&PublicKey>) -> Option<Pin> {
        self.told.remove(id);
        match key {
            Some(key) => Some(self.pin(id, key)),
            None => {
                self.older.insert(id.clone());
                None
            }
        }
    }

    fn pin(&mut self, id: &MemberId, key: &PublicKey) -> Pin {
        self.older.remove(id);
        self.pins.insert(id.clone(), *key);
        Pin::Peer {
            id: id.clone(),
            key: *key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_is_kept_and_another_told_once() {
        let bob: MemberId = "bob".parse().unwrap();
        let (first, second) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let mut trust = Trust::new(BTreeMap::new());
        assert_eq!(trust.judge(&bob, Some(&first)), Verdict::New);
        assert!(!trust.tell(&bob, Some(&first)));
        let pin = Pin::Peer {
            id: bob.clone(),
            key: first,
        };
        assert_eq!(trust.proven(&bob, &first), Some(pin));
        assert_eq!(trust.proven(&bob, &first), None, "again");
        assert_eq!(trust.judge(&bob, Some(&first)), Verdict::Known);

        for changed in [Some(&second), None] {
            assert_eq!(trust.judge(&bob, changed), Verdict::Changed);
            assert!(trust.tell(&bob, changed));
            assert!(!trust.tell(&bob, changed), "told before");
        }
        assert_eq!(
            trust.proven(&bob, &second),
            None,
            "a proof does not change what is known"
        );

        assert_eq!(trust.trust(&bob, None), None);
        assert_eq!(trust.judge(&bob, None), Verdict::Known);
        let pin = Pin::Peer {
            id: bob.clone(),
            key: second,
        };
        assert_eq!(trust.trust(&bob, Some(&second)), Some(pin));
        assert_eq!(trust.judge(&bob, Some(&second)), Verdict::Known);
        assert_eq!(trust.judge(&bob, Some(&first)), Verdict::Changed);
        assert_eq!(trust.judge(&bob, None), Verdict::Changed);
    }
}
