//! All that the server is made of, and what every part of it needs: the time, ways to answer, and how members come
//! and go.
//!
//! Answers are written in one reused buffer and copied into the arena of outputs, so that none allocates.
//!
//! The rule of amplification is kept here: [`State::answer`] sends nothing that is longer than what it answers, and
//! everything else goes to members, who have proven their addresses. Older clients cannot prove theirs; see
//! [`super::ports`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::config::ServerLimits;
use crate::crypto::cookie::CookieJar;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::{MacKey, Purpose};
use crate::rendezvous::conns::Conns;
use crate::rendezvous::event::{Event, Global, Said};
use crate::rendezvous::journal;
use crate::rendezvous::limits::{Bucket, Neighbourhoods, Rate};
use crate::rendezvous::member::{Member, Standing};
use crate::rendezvous::outbox::{Outbox, Port};
use crate::rendezvous::place::{Packed, Place};
use crate::rendezvous::ports::{Named, OlderPorts};
use crate::rendezvous::presence::{Fate, Presence, first_number};
use crate::rendezvous::registry::{Registry, TICKS};
use crate::wire::DATAGRAM_LEN;
use crate::wire::from_server::{Change, Departure, FromServer};
use crate::wire::older::OlderNotice;
use crate::wire::reach::CandidateKind;

/// Key agreements a second, half a core's work: what registers beyond this is told to come again.
const AGREEMENTS: u64 = 10_000;
/// And at once.
const AGREEMENTS_BURST: u64 = 1_000;

/// STUN answers that are longer than their question, a second for one neighbourhood: enough for a network full of
/// clients, too few to be worth a forger's while.
const STUN: u64 = 16;
/// And at once.
const STUN_BURST: u64 = 64;

/// What was refused or passed over, and why. Only counted: who sends such things could fill any log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not what its first byte promised.
    pub malformed: u64,
    /// A tag or a cookie that is not right.
    pub forged: u64,
    /// A counter that came before, or too late to tell.
    pub replayed: u64,
    /// About a member that there is not.
    pub unknown: u64,
    /// For somebody who cannot be reached.
    pub unreachable: u64,
    /// More than its sender may.
    pub limited: u64,
    /// No room for it.
    pub full: u64,
    /// An answer that would have been longer than its question.
    pub longer: u64,
    /// Outputs that found no room.
    pub dropped: u64,
}

/// Where something came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// What answers go to.
    pub(crate) place: Place,
    /// The address seen, that of the connection's other end with TCP.
    pub(crate) from: SocketAddr,
    /// How long it was: no answer to somebody unproven may be longer.
    pub(crate) len: usize,
}

/// The server.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) limits: ServerLimits,
    pub(crate) identity: Identity,
    pub(crate) jar: CookieJar,
    start: Instant,
    pub(crate) now: Instant,
    pub(crate) registry: Registry,
    pub(crate) presence: Presence,
    pub(crate) older: OlderPorts,
    pub(crate) conns: Conns,
    pub(crate) registrations: Neighbourhoods,
    /// Those of older clients: kept apart, since anybody can register one in another one's name.
    pub(crate) older_registrations: Neighbourhoods,
    pub(crate) stun: Neighbourhoods,
    agreements: (Rate, Bucket),
    pub(crate) probe_ports: Vec<u16>,
    pub(crate) mains: BTreeMap<u8, SocketAddr>,
    pub(crate) outbox: Outbox,
    pub(crate) counts: Counts,
    /// Of the last line handed on to a member with a current client.
    line: u64,
    scratch: Vec<u8>,
}

impl State {
    pub(crate) fn new(
        limits: ServerLimits,
        identity: Identity,
        mut entropy: Entropy,
        now: Instant,
    ) -> Self {
        let second = Duration::from_secs(1);
        let minute = Duration::from_secs(60);
        let registrations = u64::from(limits.registrations_per_minute);
        let registrations = Rate::new(registrations, minute, registrations);
        Self {
            limits,
            identity,
            jar: CookieJar::new(&mut entropy, now),
            start: now,
            now,
            registry: Registry::new(limits.members, &mut entropy),
            presence: Presence::default(),
            older: OlderPorts::new(limits.older_ports),
            conns: Conns::default(),
            registrations: Neighbourhoods::new(registrations, &mut entropy),
            older_registrations: Neighbourhoods::new(registrations, &mut entropy),
            stun: Neighbourhoods::new(Rate::new(STUN, second, STUN_BURST), &mut entropy),
            agreements: (
                Rate::new(AGREEMENTS, second, AGREEMENTS_BURST),
                Bucket::default(),
            ),
            probe_ports: Vec::new(),
            mains: BTreeMap::new(),
            outbox: Outbox::default(),
            counts: Counts::default(),
            line: 0,
            scratch: Vec::new(),
        }
    }

    /// Sets what is counted on from run to run.
    pub(crate) fn begin_epoch(&mut self, epoch: u32) {
        self.presence = Presence::new(epoch);
        self.line = first_number(epoch);
    }

    /// The serial of a line: greater than that of any line before.
    pub(crate) fn next_line(&mut self) -> u64 {
        self.line += 1;
        self.line
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// The same in ticks.
    pub(crate) fn tick(&self) -> u64 {
        let ticks = self.elapsed().as_millis() / (1_000 / u128::from(TICKS));
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// As members keep it.
    pub(crate) fn heard_now(&self) -> u32 {
        u32::try_from(self.tick()).unwrap_or(u32::MAX)
    }

    /// When a time since the start is.
    pub(crate) fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// When a tick begins.
    pub(crate) fn instant_of(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick.saturating_mul(1_000 / TICKS))
    }

    /// Answers somebody who has not proven anything, by a frame without a tag.
    pub(crate) fn answer(&mut self, source: &Source, frame: &FromServer) {
        self.scratch.clear();
        frame.encode(&mut self.scratch);
        if self.scratch.len() > source.len {
            self.counts.longer += 1;
            return;
        }
        self.outbox.send(&source.place, &self.scratch);
    }

    /// The same from another of the server's ports.
    pub(crate) fn answer_from(
        &mut self,
        port: Port,
        to: SocketAddr,
        len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.scratch.clear();
        write(&mut self.scratch);
        if self.scratch.len() > len {
            self.counts.longer += 1;
            return;
        }
        self.outbox.datagram(port, to, &self.scratch);
    }

    /// Tells a member something under its key, where it is.
    pub(crate) fn tell(&mut self, slot: u32, frame: &FromServer) {
        let place = self.registry[slot].place.place();
        self.tell_at(slot, &place, frame);
    }

    /// The same, somewhere else.
    pub(crate) fn tell_at(&mut self, slot: u32, place: &Place, frame: &FromServer) {
        self.scratch.clear();
        frame.encode(&mut self.scratch);
        self.seal_and_send(slot, place);
    }

    /// The same with a frame that is written already.
    pub(crate) fn tell_written(&mut self, slot: u32, frame: &[u8]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(frame);
        let place = self.registry[slot].place.place();
        self.seal_and_send(slot, &place);
    }

    fn seal_and_send(&mut self, slot: u32, place: &Place) {
        if let Standing::Current { ours, .. } = &self.registry[slot].standing {
            ours.seal(&mut self.scratch);
            self.outbox.send(place, &self.scratch);
        }
    }

    /// Sends plain bytes to where a member is.
    pub(crate) fn hand(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        let place = self.registry[slot].place.place();
        if place == Place::Nowhere {
            self.counts.unreachable += 1;
        }
        self.outbox.send(&place, &self.scratch);
    }

    /// The keys of both directions with who has `key`; `None` if it is no good key or too much is being computed.
    pub(crate) fn agree(&mut self, key: &[u8; 32]) -> Agreement {
        let now = self.elapsed();
        let (rate, bucket) = &mut self.agreements;
        if !bucket.take(*rate, now) {
            self.counts.limited += 1;
            return Agreement::Busy;
        }
        let pair = MacKey::pair(
            &self.identity,
            &PublicKey(*key),
            Purpose::FromServer,
            Purpose::ToServer,
        );
        match pair {
            Some((ours, theirs)) => Agreement::Keys { ours, theirs },
            None => {
                self.counts.forged += 1;
                Agreement::BadKey
            }
        }
    }

    /// A member is at the other end of its connection, if it has one. Another that was there is nowhere now: one
    /// connection is one member's, or frames would go to somebody else when its number is used again.
    pub(crate) fn attach(&mut self, place: Place, number: u64) {
        let Place::Tcp(conn) = place else {
            return;
        };
        let before = self.conns.joined(conn, number);
        if let Some(slot) = before.and_then(|before| self.registry.slot_of(before)) {
            self.detach(slot, conn);
        }
    }

    /// A member is not at the other end of this connection any more.
    pub(crate) fn detach(&mut self, slot: u32, conn: u32) {
        let member = &mut self.registry[slot];
        if member.place.place() == Place::Tcp(conn) {
            member.place = Packed::new(Place::Nowhere);
        }
    }

    /// Takes one of `parts` of what a member may have the server do in a second, counted in relayed bytes.
    pub(crate) fn may_ask(&mut self, slot: u32, parts: u64) -> bool {
        let share = usize::try_from(self.limits.relay_rate / parts).unwrap_or(usize::MAX);
        self.may_relay(slot, share.max(DATAGRAM_LEN))
    }

    /// Takes `len` bytes of what a member may send to others.
    pub(crate) fn may_relay(&mut self, slot: u32, len: usize) -> bool {
        let (rate, now) = (self.limits.relay_rate, self.elapsed());
        let may = self.registry[slot].relayed.take(len, rate, now);
        self.counts.limited += u64::from(!may);
        may
    }

    /// Has it told that a member came or is elsewhere.
    pub(crate) fn note_here(&mut self, slot: u32) {
        let now = self.elapsed();
        self.presence
            .note(self.registry[slot].number, Fate::Here, now);
    }

    /// Tells who runs the server what a member said.
    pub(crate) fn show(&mut self, slot: u32, what: Said, global: Global) {
        let member = &self.registry[slot];
        let (id, local) = (member.profile.id(), local_of(member));
        self.outbox.show(Event::Said {
            id,
            what,
            local,
            global,
        });
    }

    /// Tells who runs the server that somebody joined, and where it is now.
    pub(crate) fn show_joined(&mut self, slot: u32) {
        let member = &self.registry[slot];
        let global = Global::of(&member.place.place());
        let (id, local) = (member.profile.id(), local_of(member));
        self.show(slot, Said::Register, global);
        self.outbox.show(Event::Listed { id, local, global });
    }

    /// Takes a member out, and all that hangs on it; the others are told.
    pub(crate) fn end(&mut self, slot: u32, how: Departure) {
        let now = self.elapsed();
        let Some(member) = self.registry.remove(slot) else {
            return;
        };
        self.record_owner(member.profile.id_text());
        self.presence.forget(member.told);
        self.presence.note(member.number, Fate::Gone(how), now);
        if how == Departure::Silent {
            self.outbox.show(Event::Offline(member.profile.id()));
        }
        if let Place::Tcp(conn) = member.place.place() {
            self.conns.closed(conn);
            self.outbox.close(conn);
        }
        let named = Named {
            member: member.number,
            id: member.profile.id(),
        };
        let notice = match how {
            Departure::Left => OlderNotice::Unregister,
            Departure::Silent => OlderNotice::Offline,
        };
        self.older
            .depart(&named, notice, &self.mains, &mut self.outbox);
    }

    /// Publishes the changes whose time it is, and writes them down.
    pub(crate) fn publish(&mut self) {
        let now = self.elapsed();
        let Some(fates) = self.presence.take_due(now) else {
            return;
        };
        let mut count = 0;
        for (number, fate) in fates {
            let change = match fate {
                Fate::Gone(how) => {
                    self.record(|out| journal::write_gone(number, out));
                    Change::Gone {
                        member: number,
                        how,
                    }
                }
                Fate::Here => {
                    let Some(slot) = self.registry.slot_of(number) else {
                        continue;
                    };
                    self.record_member(slot);
                    Change::Here(Box::new(self.registry[slot].entry()))
                }
            };
            self.scratch.clear();
            change.encode(&mut self.scratch);
            self.presence.publish(&self.scratch);
            count += 1;
        }
        self.presence.push(count, now);
    }

    /// Appends a record to the journal.
    pub(crate) fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        self.outbox.record(&self.scratch);
    }

    /// At once, and whether or not its coming was ever written down: an ID is not free because its owner was there for a
    /// moment only.
    fn record_owner(&mut self, id: &str) {
        let Some(owner) = self.registry.owner(id) else {
            return;
        };
        self.scratch.clear();
        journal::write_owner(owner, &mut self.scratch);
        self.outbox.record(&self.scratch);
    }

    fn record_member(&mut self, slot: u32) {
        self.scratch.clear();
        journal::write_member(&self.registry[slot], &mut self.scratch);
        self.outbox.record(&self.scratch);
    }
}

/// What came of a key agreement.
#[derive(Debug)]
pub(crate) enum Agreement {
    /// The keys of both directions.
    Keys {
        /// For what the server says.
        ours: MacKey,
        /// For what the client says.
        theirs: MacKey,
    },
    /// Nobody can agree on anything with that key.
    BadKey,
    /// Too much is being computed.
    Busy,
}

/// The address of its own that a member told first.
fn local_of(member: &Member) -> String {
    if member.is_older() {
        return member.profile.local().to_owned();
    }
    let reach = member.profile.reach();
    let mut candidates = reach.candidates.iter();
    let local = candidates.find(|candidate| candidate.kind == CandidateKind::Local);
    local.map_or_else(|| "-".to_owned(), |local| local.addr.to_string())
}
