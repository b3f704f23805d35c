//! All the peers we talk to, and who is let in among them.
//!
//! ```text
//!   frame ─► which peer? ─► peer ─► settle ─► outputs of all, in order
//! ```
//!
//! Whatever a frame claims, it reaches a peer only by an index that this client gave out, or by a proof of the key that the
//! roster has for an ID and that is trusted for it. So nothing is ever said under a name whose key did not write it. Handshakes cost
//! arithmetic: how many are looked at in a second is bounded, and peers that are talked to have a share that strangers cannot take.

mod around;
mod slots;
mod sockets;
mod strangers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::company::slots::Slots;
use crate::client::company::sockets::Sockets;
use crate::client::company::strangers::{Frame, Introduced, Strangers};
use crate::client::event::{Audience, Undelivered};
use crate::client::peer::{self, Arrival, Direct, Hello, Peer, prologue, slot_of};
use crate::client::trust::{Trust, Verdict};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::PublicKey;
use crate::crypto::mac;
use crate::crypto::noise;
use crate::name::MemberId;
use crate::path::paths::{Route, Socket};
use crate::wire::Language;
use crate::wire::call::{Call, CallKind};
use crate::wire::check::Check;
use crate::wire::from_server::{Departure, Entry, EntryClient};
use crate::wire::handshake::Handshake;
use crate::wire::reach::Reach;
use crate::wire::relay::Down;
use crate::wire::transport::Transport;

pub(crate) use around::{Around, Output};

/// Handshakes of strangers looked at: so many at once, and then one each so often (200 a second, about a twentieth of a core).
const STRANGERS: u32 = 100;
const STRANGER_EVERY: Duration = Duration::from_millis(5);

/// All the peers.
#[derive(Debug)]
pub(crate) struct Company {
    slots: Slots,
    trust: Trust,
    direct: Direct,
    entropy: Entropy,
    strangers: Bucket,
    kept: Strangers,
    sockets: Sockets,
    out: VecDeque<Output>,
}

impl Company {
    pub(crate) fn new(trust: Trust, direct: Direct, entropy: Entropy) -> Self {
        Self {
            slots: Slots::default(),
            trust,
            direct,
            entropy,
            strangers: Bucket::new(STRANGERS, STRANGER_EVERY),
            kept: Strangers::default(),
            sockets: Sockets::default(),
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

    /// A frame that the server brought from a member.
    pub(crate) fn handle_relayed(&mut self, now: Instant, around: Around<'_>, down: &Down<'_>) {
        match Language::of(down.frame) {
            Some(Language::Call) => self.handle_call(now, around, down),
            Some(Language::Handshake | Language::Transport) => {
                self.handle_frame(now, around, Arrival::Relayed, Some(down.from), down.frame);
            }
            _ => {}
        }
    }

    /// A datagram from wherever.
    pub(crate) fn handle_direct(
        &mut self,
        now: Instant,
        around: Around<'_>,
        route: Route,
        bytes: &[u8],
    ) {
        if self.direct == Direct::Off {
            return;
        }
        match Language::of(bytes) {
            Some(Language::Check) => self.handle_check(now, around, route, bytes),
            Some(Language::Handshake | Language::Transport) => {
                self.handle_frame(now, around, Arrival::Direct(route), None, bytes);
            }
            _ => {}
        }
    }

    fn handle_check(&mut self, now: Instant, around: Around<'_>, route: Route, frame: &[u8]) {
        let Some(check) = mac::body(frame).and_then(|body| Check::decode(body).ok()) else {
            return;
        };
        for slot in self.slots.of_tag(check.sender) {
            self.touch(now, around, slot, |peer| {
                peer.handle_check(now, route, &check, frame)
            });
        }
    }

    fn handle_frame(
        &mut self,
        now: Instant,
        around: Around<'_>,
        arrival: Arrival,
        from: Option<u64>,
        frame: &[u8],
    ) {
        if let Ok(frame) = Transport::decode(frame) {
            self.touch(now, around, slot_of(frame.receiver), |peer| {
                peer.handle_transport(now, arrival, &frame);
            });
            return;
        }
        match Handshake::decode(frame) {
            Ok(Handshake::Initiation { sender, noise }) => {
                self.handle_hello(now, around, arrival, from, sender, noise)
            }
            Ok(Handshake::Answer {
                sender,
                receiver,
                noise,
            }) => {
                self.touch(now, around, slot_of(receiver), |peer| {
                    peer.handle_answer(now, around.us, arrival, receiver, sender, noise);
                });
            }
            Err(_) => {}
        }
    }

    fn handle_hello(
        &mut self,
        now: Instant,
        around: Around<'_>,
        arrival: Arrival,
        from: Option<u64>,
        sender: u32,
        message: &[u8],
    ) {
        let us = around.us;
        let known = from
            .and_then(|from| around.roster.by_member(from))
            .and_then(|entry| self.slots.of_id(&entry.id));
        let has_share = known
            .and_then(|slot| self.slots.get_mut(slot))
            .is_some_and(|peer| peer.may_greet(now));
        if !has_share && !self.strangers.take(now) {
            return;
        }
        let prologue = prologue(us.incarnation, us.id);
        let Ok(introduction) = noise::respond(us.identity, &prologue, message, &mut self.entropy)
        else {
            return;
        };
        if let Ok(hello) = Hello::decode(&introduction.payload) {
            let introduced = Introduced {
                id: hello.id,
                arrival,
                sender,
                introduction,
            };
            self.introduced(now, around, introduced);
        }
    }

    /// Somebody has proven that it has a key; whether it is that of the ID it names is seen here.
    fn introduced(&mut self, now: Instant, around: Around<'_>, introduced: Introduced) {
        let Some(entry) = around.roster.get(&introduced.id) else {
            self.out.push_back(Output::Find(introduced.id.clone()));
            return self.kept.keep(now, Frame::Hello(Box::new(introduced)));
        };
        let Introduced {
            id,
            arrival,
            sender,
            introduction,
        } = introduced;
        if key_of(entry) != Some(introduction.key) || id == *around.us.id {
            return;
        }
        match self.admit(now, around, &id) {
            Ok(slot) => {
                self.touch(now, around, slot, |peer| {
                    peer.handle_hello(now, around.us, arrival, sender, introduction);
                });
            }
            Err(Undelivered::KeyChanged) => self.distrust(around, &id, &introduction.key),
            Err(_) => {}
        }
    }

    /// Tells somebody that we know its ID by another key, so that its lines need not wait in vain.
    fn distrust(&mut self, around: Around<'_>, id: &MemberId, key: &PublicKey) {
        if let Some(keys) = peer::check_keys(around.us.identity, key) {
            let call = peer::call(around.us, &keys, CallKind::Distrust, Reach::default());
            self.out.push_back(Output::Relay(id.clone(), call));
        }
    }

    fn handle_call(&mut self, now: Instant, around: Around<'_>, down: &Down<'_>) {
        let Some(call) = mac::body(down.frame).and_then(|body| Call::decode(body).ok()) else {
            return;
        };
        let Some(entry) = around.roster.by_member(down.from) else {
            let frame = Frame::Call(down.from, down.frame.to_vec());
            return self.kept.keep(now, frame);
        };
        if key_of(entry).is_none_or(|key| key.tag() != call.sender) {
            return;
        }
        // A call that makes a peer costs what a handshake does.
        if self.slots.of_id(&entry.id).is_none() && !self.strangers.take(now) {
            return;
        }
        if let Ok(slot) = self.admit(now, around, &entry.id) {
            self.touch(now, around, slot, |peer| {
                peer.handle_call(now, around.us, &call, down.frame)
            });
        }
    }

    /// The slot of a member that is there and whose key is not another than the known one.
    fn admit(
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
            let idle = self
                .slots
                .find(|peer| !peer.has_undelivered() && around.roster.get(peer.id()).is_none());
            self.remove(
                now,
                around,
                idle.ok_or(Undelivered::TooMuch)?,
                Undelivered::NotHere,
            );
        }
        let slot = self.slots.free().ok_or(Undelivered::TooMuch)?;
        let peer = Peer::new(
            now,
            around.us,
            entry,
            slot,
            self.direct,
            self.entropy.split(),
        );
        self.slots
            .insert(slot, peer.ok_or(Undelivered::KeyChanged)?);
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
        while let Some(frame) = self.kept.take(now, entry) {
            match frame {
                Frame::Hello(introduced) => self.introduced(now, around, *introduced),
                Frame::Call(from, frame) => {
                    let frame = &frame;
                    self.handle_call(now, around, &Down { from, frame });
                }
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

    /// Does something with a peer, and what follows from it.
    fn touch<T>(
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

#[cfg(test)]
mod tests;
