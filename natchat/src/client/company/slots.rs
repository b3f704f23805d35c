//! Where the peers are kept: by slot, ID and key; and when each is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::client::peer::{self, Peer};
use crate::crypto::identity::KeyTag;
use crate::name::MemberId;

/// Peers at a time; few in tests.
const SLOTS: u16 = if cfg!(test) { 64 } else { peer::SLOTS };

/// A peer, and what was known of it when it was last touched.
#[derive(Debug)]
struct Kept {
    peer: Peer,
    due: Option<Instant>,
    unsent: u64,
}

/// The peers.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    kept: BTreeMap<u16, Kept>,
    ids: BTreeMap<MemberId, u16>,
    tags: BTreeSet<(KeyTag, u16)>,
    dues: BTreeSet<(Instant, u16)>,
    unsent: u64,
}

impl Slots {
    pub(crate) fn get(&self, slot: u16) -> Option<&Peer> {
        self.kept.get(&slot).map(|kept| &kept.peer)
    }

    /// Who changes a peer calls [`Self::settled`] then.
    pub(crate) fn get_mut(&mut self, slot: u16) -> Option<&mut Peer> {
        self.kept.get_mut(&slot).map(|kept| &mut kept.peer)
    }

    pub(crate) fn of_id(&self, id: &MemberId) -> Option<u16> {
        self.ids.get(id).copied()
    }

    /// One key may have several IDs.
    pub(crate) fn of_tag(&self, tag: KeyTag) -> Vec<u16> {
        self.tags
            .range((tag, 0)..=(tag, u16::MAX))
            .map(|(_, slot)| *slot)
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<u16> {
        self.kept.keys().copied().collect()
    }

    pub(crate) fn find(&self, is_it: impl Fn(&Peer) -> bool) -> Option<u16> {
        self.kept
            .iter()
            .find(|(_, kept)| is_it(&kept.peer))
            .map(|(slot, _)| *slot)
    }

    /// The one of the least worth; `None`: it does not count.
    pub(crate) fn least<T: Ord>(&self, worth: impl Fn(&Peer) -> Option<T>) -> Option<u16> {
        let kept = self.kept.iter();
        kept.filter_map(|(slot, kept)| Some((worth(&kept.peer)?, *slot)))
            .min()
            .map(|(_, slot)| slot)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= usize::from(SLOTS)
    }

    /// A slot that nobody has.
    pub(crate) fn free(&self) -> Option<u16> {
        (0..SLOTS).find(|slot| !self.kept.contains_key(slot))
    }

    pub(crate) fn insert(&mut self, slot: u16, peer: Peer) {
        self.ids.insert(peer.id().clone(), slot);
        self.tags.insert((peer.key().tag(), slot));
        let kept = Kept {
            peer,
            due: None,
            unsent: 0,
        };
        self.kept.insert(slot, kept);
    }

    pub(crate) fn remove(&mut self, slot: u16) {
        if let Some(kept) = self.kept.remove(&slot) {
            self.ids.remove(kept.peer.id());
            self.tags.remove(&(kept.peer.key().tag(), slot));
            self.unsent -= kept.unsent;
            if let Some(due) = kept.due {
                self.dues.remove(&(due, slot));
            }
        }
    }

    /// A peer was touched: when it is due, and what waits for it, may be different now.
    pub(crate) fn settled(&mut self, slot: u16) {
        let Some(kept) = self.kept.get_mut(&slot) else {
            return;
        };
        let due = kept.peer.next_timeout();
        if due != kept.due {
            if let Some(before) = kept.due {
                self.dues.remove(&(before, slot));
            }
            self.dues.extend(due.map(|due| (due, slot)));
            kept.due = due;
        }
        let unsent = kept.peer.unsent();
        self.unsent = self.unsent - kept.unsent + unsent;
        kept.unsent = unsent;
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// Those that are due.
    pub(crate) fn due(&self, now: Instant) -> Vec<u16> {
        self.dues
            .iter()
            .take_while(|(due, _)| *due <= now)
            .map(|(_, slot)| *slot)
            .collect()
    }

    /// Bytes under way to all.
    pub(crate) fn unsent(&self) -> u64 {
        self.unsent
    }
}
