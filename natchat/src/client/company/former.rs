//! What was heard of peers that are not kept any more.
//!
//! A message 1 carries lines and is bound to this run of ours, not to the moment: whoever recorded one can bring it again. A peer
//! refuses what is not newer than its last one, so that has to outlive the peer: else its writer's leaving and coming back,
//! which a server may just claim, would have its first lines shown twice.

use std::collections::{BTreeMap, VecDeque};

use crate::crypto::identity::PublicKey;
use crate::name::MemberId;

/// Incarnation and serial of a message 1.
pub(crate) type Place = (u64, u64);

/// Former peers remembered, about 10 MB; beyond them the ones that went first are forgotten.
const FORMER: usize = 65_536;

type Who = (MemberId, PublicKey);

/// The last message 1 of each.
#[derive(Debug, Default)]
pub(crate) struct Former {
    last: BTreeMap<Who, Place>,
    order: VecDeque<Who>,
}

impl Former {
    pub(crate) fn keep(&mut self, id: &MemberId, key: &PublicKey, place: Place) {
        let who = (id.clone(), *key);
        if self.last.insert(who.clone(), place).is_some() {
            return;
        }
        if self.order.len() == FORMER
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        self.order.push_back(who);
    }

    pub(crate) fn get(&self, id: &MemberId, key: &PublicKey) -> Option<Place> {
        self.last.get(&(id.clone(), *key)).copied()
    }
}
