//! Calls, by which peers tell each other through the server to look for paths now; and where a peer may be reached.

use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::peer::us::Us;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::{MacKey, Purpose};
use crate::path::paths::CheckKeys;
use crate::wire::call::{Call, CallKind};
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::reach::{Candidate, CandidateKind, Reach};

/// Calls taken of a peer at once, and how often one more: an honest one sends a few when something has changed.
const CALLS: u32 = 8;
const CALL_EVERY: Duration = Duration::from_millis(250);

/// Which calls of a peer are taken: authentic ones, each once, and not too many.
#[derive(Debug)]
pub(crate) struct Calls {
    last: u64,
    bucket: Bucket,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            last: 0,
            bucket: Bucket::new(CALLS, CALL_EVERY),
        }
    }

    /// `frame` still has its tag.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        keys: &CheckKeys,
        call: &Call,
        frame: &[u8],
    ) -> bool {
        if keys.back.open(frame).is_none() || call.serial <= self.last {
            return false;
        }
        self.last = call.serial;
        call.kind == CallKind::Distrust || self.bucket.take(now)
    }
}

/// The keys for calls and checks between us and the owner of `key`.
pub(crate) fn check_keys(mine: &Identity, key: &PublicKey) -> Option<CheckKeys> {
    let (there, back) = MacKey::pair(mine, key, Purpose::Peer, Purpose::Peer)?;
    Some(CheckKeys {
        my_tag: mine.public().tag(),
        there,
        back,
    })
}

/// A whole call.
pub(crate) fn call(us: Us<'_>, keys: &CheckKeys, kind: CallKind, reach: Reach) -> Vec<u8> {
    let call = Call {
        sender: keys.my_tag,
        serial: us.next_serial(),
        kind,
        reach,
    };
    let mut frame = Vec::new();
    call.encode(&mut frame);
    keys.there.seal(&mut frame);
    frame
}

/// Where a member may be reached, the address that the server sees included.
pub(crate) fn whole_reach(entry: &Entry) -> Reach {
    let mut reach = match &entry.client {
        EntryClient::Current { reach, .. } => reach.clone(),
        EntryClient::Older { .. } => Reach::default(),
    };
    let reflexive = entry.reflexive.map(|addr| Candidate {
        kind: CandidateKind::Reflexive,
        addr,
    });
    let is_new =
        |candidate: &Candidate| reach.candidates.iter().all(|it| it.addr != candidate.addr);
    reach.candidates.extend(reflexive.filter(is_new));
    reach
}
