//! Who is let in: which frame reaches which peer.
//!
//! ```text
//!   frame ─┬─ index that we gave out ───────────► peer
//!          ├─ check, call: tag of a key ─────────► peer, if it is made with that key
//!          └─ message 1: proof of a key, an ID ──► peer, if the roster has that key for that ID and it is trusted
//! ```
//!
//! Whatever a frame claims, nothing is ever said under a name whose key did not write it. Handshakes cost arithmetic: how many are
//! looked at in a second is bounded, and peers that are talked to have a share that strangers cannot take.

mod strangers;

use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::company::{Around, Company, Output, key_of};
use crate::client::door::strangers::{Frame, Introduced, Strangers};
use crate::client::event::Undelivered;
use crate::client::peer::{self, Arrival, Direct, Hello, Peer, prologue, slot_of};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::PublicKey;
use crate::crypto::mac;
use crate::crypto::noise;
use crate::name::MemberId;
use crate::path::paths::Route;
use crate::wire::Language;
use crate::wire::call::{Call, CallKind};
use crate::wire::check::Check;
use crate::wire::from_server::Entry;
use crate::wire::handshake::Handshake;
use crate::wire::reach::Reach;
use crate::wire::relay::Down;
use crate::wire::transport::Transport;

/// Handshakes of strangers looked at: so many at once, and then one each so often (200 a second, about a twentieth of a core).
const STRANGERS: u32 = 100;
const STRANGER_EVERY: Duration = Duration::from_millis(5);

/// The door.
#[derive(Debug)]
pub(crate) struct Door {
    direct: Direct,
    strangers: Bucket,
    kept: Strangers,
    entropy: Entropy,
}

/// What lies behind it, at the moment.
pub(crate) struct Inside<'a> {
    pub(crate) now: Instant,
    pub(crate) around: Around<'a>,
    pub(crate) company: &'a mut Company,
}

/// How a frame has come.
#[derive(Clone, Copy)]
struct Way {
    arrival: Arrival,
    /// The member that the server names as its sender.
    from: Option<u64>,
}

impl Door {
    pub(crate) fn new(direct: Direct, entropy: Entropy) -> Self {
        Self {
            direct,
            strangers: Bucket::new(STRANGERS, STRANGER_EVERY),
            kept: Strangers::default(),
            entropy,
        }
    }

    /// A frame that the server brought from a member.
    pub(crate) fn handle_relayed(&mut self, inside: &mut Inside<'_>, down: &Down<'_>) {
        let way = Way {
            arrival: Arrival::Relayed,
            from: Some(down.from),
        };
        match Language::of(down.frame) {
            Some(Language::Call) => self.handle_call(inside, down),
            Some(Language::Handshake) => self.handle_handshake(inside, way, down.frame),
            Some(Language::Transport) => inside.handle_transport(way.arrival, down.frame),
            _ => {}
        }
    }

    /// A datagram from wherever.
    pub(crate) fn handle_direct(&mut self, inside: &mut Inside<'_>, route: Route, bytes: &[u8]) {
        if self.direct == Direct::Off {
            return;
        }
        let way = Way {
            arrival: Arrival::Direct(route),
            from: None,
        };
        match Language::of(bytes) {
            Some(Language::Check) => inside.handle_check(route, bytes),
            Some(Language::Handshake) => self.handle_handshake(inside, way, bytes),
            Some(Language::Transport) => inside.handle_transport(way.arrival, bytes),
            _ => {}
        }
    }

    /// The roster has something new about a member: who of it has knocked before is let in now.
    pub(crate) fn here(&mut self, inside: &mut Inside<'_>, entry: &Entry) {
        while let Some(frame) = self.kept.take(inside.now, entry) {
            match frame {
                Frame::Hello(introduced) => self.introduced(inside, *introduced),
                Frame::Call(from, frame) => {
                    let frame = &frame;
                    self.handle_call(inside, &Down { from, frame });
                }
            }
        }
    }

    fn handle_handshake(&mut self, inside: &mut Inside<'_>, way: Way, frame: &[u8]) {
        match Handshake::decode(frame) {
            Ok(Handshake::Initiation { sender, noise }) => {
                self.handle_hello(inside, way, sender, noise)
            }
            Ok(Handshake::Answer {
                sender,
                receiver,
                noise,
            }) => {
                let (now, us) = (inside.now, inside.around.us);
                inside.touch(slot_of(receiver), |peer| {
                    peer.handle_answer(now, us, way.arrival, receiver, sender, noise);
                });
            }
            Err(_) => {}
        }
    }

    fn handle_hello(&mut self, inside: &mut Inside<'_>, way: Way, sender: u32, message: &[u8]) {
        if !inside.has_share(way.from) && !self.strangers.take(inside.now) {
            return;
        }
        let us = inside.around.us;
        let prologue = prologue(us.incarnation, us.id);
        let read = noise::respond(us.identity, &prologue, message, &mut self.entropy);
        let Ok(introduction) = read else {
            return;
        };
        if let Ok(hello) = Hello::decode(&introduction.payload) {
            let introduced = Introduced {
                id: hello.id,
                arrival: way.arrival,
                sender,
                introduction,
            };
            self.introduced(inside, introduced);
        }
    }

    /// Somebody has proven that it has a key; whether it is that of the ID it names is seen here.
    fn introduced(&mut self, inside: &mut Inside<'_>, introduced: Introduced) {
        let (now, around) = (inside.now, inside.around);
        let Some(entry) = around.roster.get(&introduced.id) else {
            inside.company.want(Output::Find(introduced.id.clone()));
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
        match inside.company.admit(now, around, &id) {
            Ok(slot) => inside.touch(slot, |peer| {
                peer.handle_hello(now, around.us, arrival, sender, introduction);
            }),
            Err(Undelivered::KeyChanged) => inside.distrust(&id, &introduction.key),
            Err(_) => {}
        }
    }

    fn handle_call(&mut self, inside: &mut Inside<'_>, down: &Down<'_>) {
        let (now, around) = (inside.now, inside.around);
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
        if inside.company.slot_of_id(&entry.id).is_none() && !self.strangers.take(now) {
            return;
        }
        if let Ok(slot) = inside.company.admit(now, around, &entry.id) {
            inside.touch(slot, |peer| {
                peer.handle_call(now, around.us, &call, down.frame)
            });
        }
    }
}

impl Inside<'_> {
    fn touch(&mut self, slot: u16, act: impl FnOnce(&mut Peer)) {
        self.company.touch(self.now, self.around, slot, act);
    }

    fn handle_check(&mut self, route: Route, frame: &[u8]) {
        let Some(check) = mac::body(frame).and_then(|body| Check::decode(body).ok()) else {
            return;
        };
        let now = self.now;
        for slot in self.company.slots_of_tag(check.sender) {
            self.touch(slot, |peer| peer.handle_check(now, route, &check, frame));
        }
    }

    fn handle_transport(&mut self, arrival: Arrival, frame: &[u8]) {
        let now = self.now;
        if let Ok(frame) = Transport::decode(frame) {
            self.touch(slot_of(frame.receiver), |peer| {
                peer.handle_transport(now, arrival, &frame)
            });
        }
    }

    /// Whether this member is talked to and has a handshake left of its share.
    fn has_share(&mut self, from: Option<u64>) -> bool {
        let entry = from.and_then(|from| self.around.roster.by_member(from));
        let slot = entry.and_then(|entry| self.company.slot_of_id(&entry.id));
        slot.is_some_and(|slot| self.company.may_greet(self.now, slot))
    }

    /// Tells somebody that we know its ID by another key, so that its lines need not wait in vain.
    fn distrust(&mut self, id: &MemberId, key: &PublicKey) {
        let us = self.around.us;
        if let Some(keys) = peer::check_keys(us.identity, key) {
            let call = peer::call(us, &keys, CallKind::Distrust, Reach::default());
            self.company.want(Output::Relay(id.clone(), call));
        }
    }
}
