//! Several companies and what lies between them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::clock::Clock;

use crate::client::company::{Around, Company, Output};
use crate::client::door::{Door, Inside};
use crate::client::event::Audience;
use crate::client::peer::{Direct, Event as PeerEvent, Us};
use crate::client::roster::Roster;
use crate::client::trust::Trust;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::name::MemberId;
use crate::path::paths::{MAIN_SOCKET, Route};
use crate::reliable::connection::CHAT;
use crate::wire::from_server::{Departure, Entry, EntryClient};
use crate::wire::handshake;
use crate::wire::reach::{Candidate, CandidateKind, Mapping, Reach};
use crate::wire::relay::Down;

pub(super) fn id(name: &str) -> MemberId {
    name.parse().unwrap()
}

pub(super) fn said(from: &str, text: &str) -> (String, PeerEvent) {
    (
        from.to_owned(),
        PeerEvent::Said(Audience::One, text.to_owned()),
    )
}

/// A client without its server.
pub(super) struct Side {
    pub(super) id: MemberId,
    identity: Identity,
    pub(super) incarnation: u64,
    /// What the others are told.
    pub(super) told_incarnation: u64,
    member: u64,
    addr: SocketAddr,
    reach: Reach,
    count: Cell<u64>,
    pub(super) roster: Roster,
    pub(super) company: Company,
    door: Door,
    told: Vec<(String, PeerEvent)>,
    /// How long after the first line of all this side was told something.
    pub(super) first_told: Option<Duration>,
    pub(super) changed: Vec<MemberId>,
}

#[derive(Clone)]
struct Packet {
    to: usize,
    /// The sender's number if it goes through the server; else its address.
    from: Result<u64, SocketAddr>,
    bytes: Vec<u8>,
}

pub(super) struct World {
    start: Instant,
    now: Instant,
    pub(super) sides: Vec<Side>,
    under_way: BTreeMap<(Instant, u64), Packet>,
    count: u64,
    entropy: Entropy,
    /// One way through the server.
    pub(super) relay: Duration,
    /// One way from machine to machine, if there is any.
    pub(super) direct: Option<Duration>,
    pub(super) loss_percent: u64,
    pub(super) copies: u32,
    /// Whether all packets are kept for [`Self::replay`].
    pub(super) keep: bool,
    kept: Vec<Packet>,
    pub(super) relayed: u32,
    pub(super) handshakes: u32,
    pub(super) hushes: u32,
}

impl World {
    pub(super) fn new(sides: u8) -> Self {
        Self::seeded(sides, 0)
    }

    pub(super) fn seeded(count: u8, seed: u64) -> Self {
        let now = Clock::start().now();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut entropy = Entropy::new(bytes);
        let sides = (0..count).map(|at| Side::new(at, &mut entropy)).collect();
        let mut world = Self {
            start: now,
            now,
            sides,
            under_way: BTreeMap::new(),
            count: 0,
            entropy,
            relay: Duration::from_millis(20),
            direct: Some(Duration::from_millis(8)),
            loss_percent: 0,
            copies: 1,
            keep: false,
            kept: Vec::new(),
            relayed: 0,
            handshakes: 0,
            hushes: 0,
        };
        for at in 0..world.sides.len() {
            world.announce(at);
        }
        world
    }

    pub(super) fn entry(&self, at: usize) -> Entry {
        let side = &self.sides[at];
        Entry {
            member: side.member,
            id: side.id.clone(),
            reflexive: Some(side.addr),
            client: EntryClient::Current {
                key: side.identity.public().0,
                incarnation: side.told_incarnation,
                reach: side.reach.clone(),
            },
        }
    }

    /// All are told what is now true of this one.
    pub(super) fn announce(&mut self, at: usize) {
        let entry = self.entry(at);
        for other in 0..self.sides.len() {
            self.sides[other].roster.put(entry.clone());
            self.enter(other, |door, inside| {
                inside.company.here(inside.now, inside.around, &entry);
                door.here(inside, &entry);
            });
        }
    }

    pub(super) fn leave(&mut self, at: usize, how: Departure) {
        let entry = self.entry(at);
        for other in (0..self.sides.len()).filter(|other| *other != at) {
            self.sides[other].roster.remove(entry.member);
            self.with(other, |company, now, around| {
                company.gone(now, around, &entry, how)
            });
        }
    }

    /// Started again, with nothing kept but its key. The others are not told.
    pub(super) fn restart(&mut self, at: usize) {
        let rosters: Vec<Entry> = (0..self.sides.len())
            .map(|other| self.entry(other))
            .collect();
        let side = &mut self.sides[at];
        side.incarnation += 1_000;
        side.told_incarnation = side.incarnation;
        side.count = Cell::new(0);
        let trust = Trust::new(BTreeMap::new());
        side.company = Company::new(trust, Direct::WithBirthday, self.entropy.split());
        side.door = Door::new(Direct::WithBirthday, self.entropy.split());
        side.told.clear();
        for entry in rosters {
            side.roster.put(entry);
        }
    }

    pub(super) fn change_key(&mut self, at: usize) {
        self.sides[at].identity = Identity::generate(&mut self.entropy);
    }

    pub(super) fn trust(&mut self, at: usize, name: &str) {
        let key = self.sides[at].roster.get(&id(name)).and_then(super::key_of);
        self.with(at, |company, now, around| {
            company.set_trusted(now, around, &id(name), key.as_ref())
        });
    }

    pub(super) fn say(&mut self, at: usize, to: &str, text: &str) {
        self.with(at, |company, now, around| {
            company.say(now, around, &id(to), Audience::One, text)
        });
    }

    /// This side is to be reached elsewhere, it thinks.
    pub(super) fn reach_changed(&mut self, at: usize) {
        self.with(at, |company, now, around| {
            company.our_reach_changed(now, around, true)
        });
    }

    /// Bytes as they are, where lines and agreements belong.
    pub(super) fn write(&mut self, at: usize, to: &str, bytes: &[u8]) {
        self.with(at, |company, now, around| {
            let written = company.with(now, around, &id(to), |peer| {
                peer.lend(now, around.us).write(CHAT, bytes);
            });
            written.unwrap();
        });
    }

    /// What this side was told since the last time it was asked.
    pub(super) fn told(&mut self, at: usize) -> Vec<(String, PeerEvent)> {
        std::mem::take(&mut self.sides[at].told)
    }

    /// All that was ever sent, again.
    pub(super) fn replay(&mut self) {
        for packet in std::mem::take(&mut self.kept) {
            self.put(self.now, packet);
        }
    }

    /// All that was ever sent, with each some bit turned.
    pub(super) fn replay_tampered(&mut self) {
        for mut packet in std::mem::take(&mut self.kept) {
            for _ in 0..8 {
                let bit = self.entropy.below(packet.bytes.len() as u64 * 8);
                let at = usize::try_from(bit / 8).unwrap();
                packet.bytes[at] ^= 1 << (bit % 8);
                self.put(self.now, packet.clone());
                packet.bytes[at] ^= 1 << (bit % 8);
            }
        }
    }

    /// So many handshakes from nobody.
    pub(super) fn flood(&mut self, to: usize, count: u32) {
        for _ in 0..count {
            let mut bytes = vec![handshake::FIRST_BYTE, 1];
            bytes.extend(self.entropy.bytes::<200>());
            let from = Err("203.0.113.9:9".parse().unwrap());
            self.put(self.now, Packet { to, from, bytes });
        }
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..10_000_000 {
            let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let timeouts = self.sides.iter().map(|side| side.company.next_timeout());
            let next = timeouts.chain([arrival]).flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                self.arrive();
            } else {
                for at in 0..self.sides.len() {
                    self.with(at, |company, now, around| {
                        company.handle_timeout(now, around)
                    });
                }
            }
        }
        panic!("it never rests");
    }

    fn arrive(&mut self) {
        let (_, packet) = self.under_way.pop_first().unwrap();
        self.enter(packet.to, |door, inside| match packet.from {
            Ok(from) => {
                let frame = &packet.bytes;
                door.handle_relayed(inside, &Down { from, frame });
            }
            Err(addr) => {
                let socket = MAIN_SOCKET;
                door.handle_direct(inside, Route { socket, addr }, &packet.bytes);
            }
        });
    }

    fn with(&mut self, at: usize, act: impl FnOnce(&mut Company, Instant, Around<'_>)) {
        self.enter(at, |_, inside| {
            act(inside.company, inside.now, inside.around)
        });
    }

    fn enter(&mut self, at: usize, act: impl FnOnce(&mut Door, &mut Inside<'_>)) {
        let side = &mut self.sides[at];
        let around = Around {
            us: Us {
                identity: &side.identity,
                id: &side.id,
                incarnation: side.incarnation,
                reach: &side.reach,
                count: &side.count,
            },
            roster: &side.roster,
        };
        let mut inside = Inside {
            now: self.now,
            around,
            company: &mut side.company,
        };
        act(&mut side.door, &mut inside);
        while let Some(output) = self.sides[at].company.poll_output() {
            self.obey(at, output);
        }
    }

    fn obey(&mut self, at: usize, output: Output) {
        match output {
            Output::Send(route, _, bytes) => {
                let to = self.sides.iter().position(|side| side.addr == route.addr);
                if let (Some(to), Some(delay)) = (to, self.direct) {
                    let from = Err(self.sides[at].addr);
                    self.send(delay, Packet { to, from, bytes });
                }
            }
            Output::Relay(to, bytes) => {
                if bytes[0] == handshake::FIRST_BYTE && bytes[1] == 1 {
                    self.handshakes += 1;
                }
                self.relayed += 1;
                let member = self.sides[at].roster.get(&to).map(|entry| entry.member);
                let to = self
                    .sides
                    .iter()
                    .position(|side| Some(side.member) == member);
                if let Some(to) = to {
                    let from = Ok(self.sides[at].member);
                    self.send(self.relay, Packet { to, from, bytes });
                }
            }
            Output::Event(_, PeerEvent::Lost(..) | PeerEvent::Stream(_)) => {}
            Output::Event(from, event) => {
                let side = &mut self.sides[at];
                let elapsed = self.now.saturating_duration_since(self.start);
                side.first_told.get_or_insert(elapsed);
                side.told.push((from.to_string(), event));
            }
            Output::KeyChanged(id) => self.sides[at].changed.push(id),
            Output::OpenSockets(_) => {
                self.with(at, |company, now, around| {
                    company.sockets_opened(now, around, &[]);
                });
            }
            Output::Hush => self.hushes += 1,
            Output::Pin(_) | Output::Find(_) | Output::CloseSockets(_) => {}
        }
    }

    fn send(&mut self, delay: Duration, packet: Packet) {
        if self.keep {
            self.kept.push(packet.clone());
        }
        for _ in 0..self.copies {
            if self.entropy.below(100) >= self.loss_percent {
                self.put(self.now + delay, packet.clone());
            }
        }
    }

    fn put(&mut self, at: Instant, packet: Packet) {
        self.count += 1;
        self.under_way.insert((at, self.count), packet);
    }
}

impl Side {
    fn new(at: u8, entropy: &mut Entropy) -> Self {
        let addr: SocketAddr = format!("198.51.100.{}:1000", at + 1).parse().unwrap();
        let kind = CandidateKind::Local;
        let name = match at {
            0..26 => char::from(b'a' + at).to_string(),
            _ => format!("z{at}"),
        };
        Self {
            id: id(&name),
            identity: Identity::generate(entropy),
            incarnation: 1_000_000,
            told_incarnation: 1_000_000,
            member: 100 + u64::from(at),
            addr,
            reach: Reach {
                mapping: Mapping::Independent,
                candidates: vec![Candidate { kind, addr }],
            },
            count: Cell::new(0),
            roster: Roster::default(),
            company: Company::new(
                Trust::new(BTreeMap::new()),
                Direct::WithBirthday,
                entropy.split(),
            ),
            door: Door::new(Direct::WithBirthday, entropy.split()),
            told: Vec::new(),
            first_told: None,
            changed: Vec::new(),
        }
    }
}
