//! All the peers we talk to.
//!
//! ```text
//!   which peer? ─► peer ─► settle ─► outputs of all, in order
//! ```
//!
//! A peer is made only for a member of the roster whose key is trusted for its ID. After anything was done with a peer it is settled,
//! its wishes are gathered, and it is noted when it is due. Which frames reach which peer is [`super::door`]'s business.

mod around;
mod former;
mod slots;
mod sockets;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::company::former::Former;
use crate::client::company::slots::Slots;
use crate::client::company::sockets::Sockets;
use crate::client::event::{Audience, Undelivered};
use crate::client::peer::{self, Allowance, Direct, Peer};
use crate::client::trust::{Trust, Verdict};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{KeyTag, PublicKey};
use crate::name::MemberId;
use crate::path::paths::Socket;
use crate::wire::Language;
use crate::wire::from_server::{Departure, Entry, EntryClient};

pub(crate) use around::{Around, Output};

/// Checks that leave at once, and then one each so often, for all peers together: one birthday search (1,000 a second) and what
/// some others need beside it. Where they go the peers say, so a crowd of them must not make us flood anybody, our router least.
const CHECKS: u32 = 512;
const CHECK_EVERY: Duration = Duration::from_micros(500);

/// All the peers.
#[derive(Debug)]
pub(crate) struct Company {
    slots: Slots,
    trust: Trust,
    direct: Direct,
    allowance: Allowance,
    entropy: Entropy,
    sockets: Sockets,
    former: Former,
    checks: Bucket,
    out: VecDeque<Output>,
}

impl Company {
    pub(crate) fn new(trust: Trust, direct: Direct, entropy: Entropy) -> Self {
        Self {
            slots: Slots::default(),
            trust,
            direct,
            allowance: Allowance::default(),
            entropy,
            sockets: Sockets::default(),
            former: Former::default(),
            checks: Bucket::new(CHECKS, CHECK_EVERY),
            out: VecDeque::new(),
        }
    }

    /// A line for a member. Its fate is told by events.
    pub(crate) fn say(
        &mut self,
        now: Instant,
        around: Around<'_>,
        id: &MemberId,
        audience: Audience,
        text: &str,
    ) {
        match self.admit(now, around, id) {
            Ok(slot) => {
                self.touch(now, around, slot, |peer| {
                    peer.say(now, around.us, audience, text)
                });
            }
            Err(reason) => {
                let event = peer::Event::NotDelivered(peer::kept(text), reason);
                self.out.push_back(Output::Event(id.clone(), event));
            }
        }
    }

    /// Lets something be done with a peer, which is made if there is none yet.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn with<T>(
        &mut self,
        now: Instant,
        around: Around<'_>,
        id: &MemberId,
        act: impl FnOnce(&mut Peer) -> T,
    ) -> Result<T, Undelivered> {
        let slot = self.admit(now, around, id)?;
        self.touch(now, around, slot, act)
            .ok_or(Undelivered::NotHere)
    }

    /// Lets something be done with a peer, if there is one.
    pub(crate) fn with_present<T>(
        &mut self,
        now: Instant,
        around: Around<'_>,
        id: &MemberId,
        act: impl FnOnce(&mut Peer) -> T,
    ) -> Option<T> {
        self.touch(now, around, self.slots.of_id(id)?, act)
    }

    /// The peer of this ID, as it is.
    pub(crate) fn get(&self, id: &MemberId) -> Option<&Peer> {
        self.slots.get(self.slots.of_id(id)?)
    }

    /// Whose key is whose.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The slot of a member that is there and whose key is not another than the known one; one is made for it if need be.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        around: Around<'_>,
        id: &MemberId,
    ) -> Result<u16, Undelivered> {
        let Some(entry) = around.roster.get(id) else {
            // The server has lost it, but we talk to it from machine to machine.
            let alive = self.slots.of_id(id).filter(|_| self.is_alive(now, id));
            return alive.ok_or(Undelivered::NotHere);
        };
        let Some(key) = key_of(entry) else {
            return Err(Undelivered::NotHere);
        };
        if self.trust.judge(id, Some(&key)) == Verdict::Changed {
            self.tell_changed(id, Some(&key));
            return Err(Undelivered::KeyChanged);
        }
        if let Some(slot) = self.slots.of_id(id) {
            if self.slots.get(slot).is_some_and(|peer| *peer.key() == key) {
                return Ok(slot);
            }
            self.remove(now, around, slot, Undelivered::KeyChanged);
        }
        if self.slots.is_full() {
            let least = self.slots.least(Peer::worth).ok_or(Undelivered::TooMany)?;
            self.remove(now, around, least, Undelivered::TooMany);
        }
        let slot = self.slots.free().ok_or(Undelivered::TooMany)?;
        let (direct, entropy) = (self.direct, self.entropy.split());
        let allowance = self.allowance.clone();
        let peer = Peer::new(now, around.us, entry, slot, direct, allowance, entropy);
        let mut peer = peer.ok_or(Undelivered::KeyChanged)?;
        peer.refuse_up_to(self.former.get(id, &key));
        self.slots.insert(slot, peer);
        Ok(slot)
    }

    /// Whether this ID was heard of lately from machine to machine or through the server.
    pub(crate) fn is_alive(&self, now: Instant, id: &MemberId) -> bool {
        self.get(id).is_some_and(|peer| peer.is_alive(now))
    }

    /// Tells the user, once, that an ID has come with another key than the known one.
    pub(crate) fn tell_changed(&mut self, id: &MemberId, key: Option<&PublicKey>) {
        if self.trust.tell(id, key) {
            self.out.push_back(Output::KeyChanged(id.clone()));
        }
    }

    /// The user says that an ID's present key is right.
    pub(crate) fn set_trusted(
        &mut self,
        now: Instant,
        around: Around<'_>,
        id: &MemberId,
        key: Option<&PublicKey>,
    ) {
        let pin = self.trust.trust(id, key);
        self.out.extend(pin.map(Output::Pin));
        let stale = self
            .slots
            .of_id(id)
            .filter(|&slot| self.slots.get(slot).map(Peer::key) != key);
        if let Some(slot) = stale {
            self.remove(now, around, slot, Undelivered::KeyChanged);
        }
    }

    /// The roster has something new about a member.
    pub(crate) fn here(&mut self, now: Instant, around: Around<'_>, entry: &Entry) {
        if entry.id == *around.us.id {
            return;
        }
        let key = key_of(entry);
        self.tell_changed(&entry.id, key.as_ref());
        if let Some(slot) = self.slots.of_id(&entry.id) {
            if self.slots.get(slot).map(Peer::key) == key.as_ref() {
                self.touch(now, around, slot, |peer| peer.here(now, around.us, entry));
            } else {
                self.remove(now, around, slot, Undelivered::KeyChanged);
            }
        }
    }

    /// The roster has a member no more.
    pub(crate) fn gone(&mut self, now: Instant, around: Around<'_>, entry: &Entry, how: Departure) {
        let Some(slot) = self.slots.of_id(&entry.id) else {
            return;
        };
        if self.slots.get(slot).map(Peer::key) != key_of(entry).as_ref() {
            return;
        }
        match how {
            Departure::Left => self.remove(now, around, slot, Undelivered::Left),
            Departure::Silent => {
                self.touch(now, around, slot, |peer| peer.gone_silent(now));
            }
        }
    }

    /// We are to be reached elsewhere; `moved`: what was open is not any more.
    pub(crate) fn our_reach_changed(&mut self, now: Instant, around: Around<'_>, moved: bool) {
        for slot in self.slots.all() {
            self.touch(now, around, slot, |peer| {
                peer.our_reach_changed(now, around.us, moved)
            });
        }
    }

    /// We are joined (again).
    pub(crate) fn relay_back(&mut self, now: Instant, around: Around<'_>) {
        for slot in self.slots.all() {
            self.touch(now, around, slot, |peer| peer.relay_back(now));
        }
    }

    /// The sockets that were asked for.
    pub(crate) fn sockets_opened(&mut self, now: Instant, around: Around<'_>, sockets: &[Socket]) {
        let asked = self.sockets.opened(sockets);
        let slot = asked.as_ref().and_then(|(id, _)| self.slots.of_id(id));
        let given = asked.map_or(&[][..], |(_, count)| &sockets[..count]);
        let (given, surplus) = match slot {
            Some(_) => (given, &sockets[given.len()..]),
            None => (&[][..], sockets),
        };
        self.close(surplus.to_vec());
        if let Some(slot) = slot {
            self.sockets.own(slot, given);
            self.touch(now, around, slot, |peer| peer.sockets_opened(now, given));
        }
    }

    fn close(&mut self, sockets: Vec<Socket>) {
        if !sockets.is_empty() {
            self.out.push_back(Output::CloseSockets(sockets));
        }
    }

    /// Ends what is not delivered to anybody.
    pub(crate) fn give_up(&mut self, now: Instant, around: Around<'_>, reason: Undelivered) {
        for slot in self.slots.all() {
            self.touch(now, around, slot, |peer| {
                if peer.has_undelivered() {
                    peer.give_up(reason);
                }
            });
        }
    }

    /// Whether lines are under way to anybody.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.slots.find(Peer::has_undelivered).is_some()
    }

    /// Bytes under way to anybody.
    pub(crate) fn unsent(&self) -> u64 {
        self.slots.unsent()
    }

    /// Whether what peers say is to be read, from now on; agreements about files are among it.
    pub(crate) fn set_listening(&self, is_listening: bool) {
        self.allowance.set_listening(is_listening);
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.slots.next_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, around: Around<'_>) {
        for slot in self.slots.due(now) {
            self.touch(now, around, slot, |_| ());
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The slot of an ID that is talked to.
    pub(crate) fn slot_of_id(&self, id: &MemberId) -> Option<u16> {
        self.slots.of_id(id)
    }

    /// The slots of those who have a key; one key may have several IDs.
    pub(crate) fn slots_of_tag(&self, tag: KeyTag) -> Vec<u16> {
        self.slots.of_tag(tag)
    }

    /// Whether the peer in this slot has a handshake left of its share.
    pub(crate) fn may_greet(&mut self, now: Instant, slot: u16) -> bool {
        self.slots
            .get_mut(slot)
            .is_some_and(|peer| peer.may_greet(now))
    }

    /// Something is to be done that is no peer's wish.
    pub(crate) fn want(&mut self, output: Output) {
        self.out.push_back(output);
    }

    /// Does something with the peer in a slot, and what follows from it.
    pub(crate) fn touch<T>(
        &mut self,
        now: Instant,
        around: Around<'_>,
        slot: u16,
        act: impl FnOnce(&mut Peer) -> T,
    ) -> Option<T> {
        let peer = self.slots.get_mut(slot)?;
        let done = act(peer);
        peer.settle(now, around.us);
        let (id, key) = (peer.id().clone(), *peer.key());
        let outputs: Vec<peer::Output> = std::iter::from_fn(|| peer.poll_output()).collect();
        self.slots.settled(slot);
        for output in outputs {
            self.pass_on(now, slot, &id, &key, output);
        }
        Some(done)
    }

    fn pass_on(
        &mut self,
        now: Instant,
        slot: u16,
        id: &MemberId,
        key: &PublicKey,
        output: peer::Output,
    ) {
        let output = match output {
            peer::Output::Send(_, _, bytes)
                if Language::of(&bytes) == Some(Language::Check) && !self.checks.take(now) =>
            {
                // Lost like any datagram; it is said again.
                return;
            }
            peer::Output::Send(route, ttl, bytes) => Output::Send(route, ttl, bytes),
            peer::Output::Relay(frame) => Output::Relay(id.clone(), frame),
            peer::Output::OpenSockets(count) => return self.open_sockets(now, slot, id, count),
            peer::Output::CloseSockets(sockets) => {
                self.sockets.disown(&sockets);
                Output::CloseSockets(sockets)
            }
            peer::Output::Hush => Output::Hush,
            peer::Output::Event(peer::Event::Proven) => match self.trust.proven(id, key) {
                Some(pin) => Output::Pin(pin),
                None => return,
            },
            peer::Output::Event(event) => Output::Event(id.clone(), event),
        };
        self.out.push_back(output);
    }

    fn open_sockets(&mut self, now: Instant, slot: u16, id: &MemberId, count: u16) {
        let count = self.sockets.ask(id, count);
        if count > 0 {
            self.out.push_back(Output::OpenSockets(count));
        } else if let Some(peer) = self.slots.get_mut(slot) {
            peer.sockets_opened(now, &[]);
        }
    }

    fn remove(&mut self, now: Instant, around: Around<'_>, slot: u16, reason: Undelivered) {
        self.touch(now, around, slot, |peer| peer.give_up(reason));
        if let Some(peer) = self.slots.get(slot)
            && let Some(place) = peer.introduced()
        {
            self.former.keep(peer.id(), peer.key(), place);
        }
        self.slots.remove(slot);
        let sockets = self.sockets.disown_all(slot);
        self.close(sockets);
    }
}

/// The key of a member; none for an older client.
pub(crate) fn key_of(entry: &Entry) -> Option<PublicKey> {
    match &entry.client {
        EntryClient::Current { key, .. } => Some(PublicKey(*key)),
        EntryClient::Older { .. } => None,
    }
}

/// Whether two entries are of one start of one client.
pub(crate) fn is_same_start(one: &Entry, other: &Entry) -> bool {
    let start = |entry: &Entry| match &entry.client {
        EntryClient::Current {
            key, incarnation, ..
        } => Some((*key, *incarnation)),
        EntryClient::Older { .. } => None,
    };
    start(one) == start(other)
}

#[cfg(test)]
mod tests;
