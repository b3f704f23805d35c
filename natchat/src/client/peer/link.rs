//! What is said to one peer and heard from it, secret and in order: handshakes, sessions and the reliable connection within them.
//!
//! ```text
//!   connection ─► packet ─┬─(no session)─► message 1 ─► … message 2 ─► session
//!                         └─(session)────► sealed frame
//! ```
//!
//! It does not know by what way its frames go. The rule it keeps: a packet is given to the connection it was written for, once,
//! and only if the owner of the peer's key wrote it (see [`super::bond`]).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::peer::bond::{Bond, OnHello, OnWelcome};
use crate::client::peer::handshake::Attempt;
use crate::client::peer::hello::{HELLO_HEAD, Hello, WELCOME_HEAD, Welcome, prologue};
use crate::client::peer::sessions::Sessions;
use crate::client::peer::us::{Arrival, Us};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::PublicKey;
use crate::crypto::noise::{self, ANSWER_OVERHEAD, INITIATION_OVERHEAD, Introduction};
use crate::name::MemberId;
use crate::reliable::connection::{Connection, PACKET_LEN};
use crate::wire::DATAGRAM_LEN;
use crate::wire::handshake::Handshake;
use crate::wire::relay::UP_OVERHEAD;
use crate::wire::transport::Transport;

/// What precedes the Noise message in each of the two handshake frames.
const INITIATION_HEAD: usize = 1 + 1 + 4;
const ANSWER_HEAD: usize = INITIATION_HEAD + 4;

/// The longest packet that fits each message, on its way through the server, too.
const HELLO_PACKET: usize =
    DATAGRAM_LEN - UP_OVERHEAD - INITIATION_HEAD - INITIATION_OVERHEAD - HELLO_HEAD;
const WELCOME_PACKET: usize =
    DATAGRAM_LEN - UP_OVERHEAD - ANSWER_HEAD - ANSWER_OVERHEAD - WELCOME_HEAD;

/// How long a session may be silent while something waits before another is tried: the peer may have lost it.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// Between two sessions made because the older is worn or old: a peer that makes ours look worn costs us no more than this.
const REKEY_AT_MOST: Duration = Duration::from_secs(10);

/// Packets given again at a time: what a path in doubt may have lost, without flooding the server.
const DUPLICATES: usize = 64;

/// A frame, and where it is to go.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// As the ways choose.
    Usual(Vec<u8>),
    /// Through the server and by the path, if there is one.
    Both(Vec<u8>),
    /// Through the server.
    Relay(Vec<u8>),
    /// To where the frame came from that this one answers.
    Back(Arrival, Vec<u8>),
}

/// What a frame has brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was not authentic, or came before.
    Nothing,
    /// The peer wrote it.
    Authentic,
    /// The peer wrote it, and has begun anew: so has our connection, and what was written to it is lost.
    Anew,
}

/// The peer, as handshakes must know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Them<'a> {
    pub(crate) id: &'a MemberId,
    pub(crate) key: &'a PublicKey,
    pub(crate) incarnation: u64,
}

/// The link to one peer.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    bond: Bond,
    sessions: Sessions,
    attempt: Option<Attempt>,
    /// Incarnation and serial of the last message 1 that was taken.
    introduced: Option<(u64, u64)>,
    last_heard: Option<Instant>,
    outgoing: VecDeque<Outgoing>,
    packet: Vec<u8>,
}

impl Link {
    pub(crate) fn new(now: Instant, us: Us<'_>, slot: u16, entropy: Entropy) -> Self {
        Self {
            connection: Connection::new(now),
            bond: Bond::new(us.next_serial()),
            sessions: Sessions::new(slot, entropy),
            attempt: None,
            introduced: None,
            last_heard: None,
            outgoing: VecDeque::new(),
            packet: Vec::new(),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Incarnation and serial of the last message 1 that was taken.
    pub(crate) fn last_introduction(&self) -> Option<(u64, u64)> {
        self.introduced
    }

    /// No message 1 up to this one is taken.
    pub(crate) fn refuse_up_to(&mut self, introduced: Option<(u64, u64)>) {
        self.introduced = introduced;
    }

    /// When something authentic came last.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        self.last_heard
    }

    /// The start of the peer's client that wrote the last message 1 that was taken.
    pub(crate) fn introduced(&self) -> u64 {
        self.introduced.map_or(0, |(incarnation, _)| incarnation)
    }

    pub(crate) fn is_established(&self) -> bool {
        self.sessions.is_any()
    }

    /// Begins anew: whatever was written is lost, and the peer will be told by the next handshake.
    pub(crate) fn renew(&mut self, now: Instant, us: Us<'_>) {
        self.connection = Connection::new(now);
        self.bond.renew(us.next_serial());
        self.sessions.clear();
        self.attempt = None;
        self.outgoing.clear();
    }

    /// What was in the way of a handshake is gone.
    pub(crate) fn hurry(&mut self, now: Instant) {
        if let Some(attempt) = &mut self.attempt {
            attempt.hurry(now);
        }
    }

    /// A message 1 of the peer, already known to be from its key and to name its ID.
    pub(crate) fn handle_hello(
        &mut self,
        now: Instant,
        us: Us<'_>,
        arrival: Arrival,
        sender: u32,
        introduction: Introduction,
    ) -> Heard {
        let payload = introduction.payload.clone();
        let Ok(hello) = Hello::decode(&payload) else {
            return Heard::Nothing;
        };
        let place = (hello.incarnation, hello.serial);
        if self.introduced.is_some_and(|last| place <= last) {
            return Heard::Nothing;
        }
        self.introduced = Some(place);
        let verdict = self.bond.on_hello(hello.life, hello.known);
        match verdict {
            OnHello::Ignore => return Heard::Nothing,
            OnHello::TellAnew => {
                self.answer(now, arrival, sender, introduction, None);
                return Heard::Authentic;
            }
            OnHello::RenewAndTake => self.renew(now, us),
            OnHello::Take => {}
        }
        self.bond.bind(hello.life);
        self.take(now, hello.packet);
        self.connection
            .poll_packet(now, WELCOME_PACKET, &mut self.packet);
        let packet = std::mem::take(&mut self.packet);
        self.answer(now, arrival, sender, introduction, Some(&packet));
        self.packet = packet;
        if verdict == OnHello::RenewAndTake {
            Heard::Anew
        } else {
            Heard::Authentic
        }
    }

    /// With a packet: the session is kept. Without one: the initiator is told that it means a life of ours that is over.
    fn answer(
        &mut self,
        now: Instant,
        arrival: Arrival,
        receiver: u32,
        introduction: Introduction,
        packet: Option<&[u8]>,
    ) {
        let welcome = Welcome {
            life: self.bond.mine(),
            taken: packet.is_some(),
            packet: packet.unwrap_or_default(),
        };
        let mut payload = Vec::new();
        welcome.encode(&mut payload);
        let (session, message) = introduction.accept(&payload);
        let sender = self.sessions.new_index();
        if packet.is_some() {
            self.sessions.keep_theirs(now, sender, receiver, session);
        }
        let mut frame = Vec::new();
        let answer = Handshake::Answer {
            sender,
            receiver,
            noise: &message,
        };
        answer.encode(&mut frame);
        self.outgoing.push_back(Outgoing::Back(arrival, frame));
    }

    /// A message 2 for one of our indices.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        us: Us<'_>,
        receiver: u32,
        sender: u32,
        message: &[u8],
    ) -> Heard {
        let Some((session, begun, payload)) = self.sessions.finish(receiver, message) else {
            return Heard::Nothing;
        };
        let Ok(welcome) = Welcome::decode(&payload) else {
            return Heard::Nothing;
        };
        match self.bond.on_welcome(begun, welcome.life, welcome.taken) {
            OnWelcome::Ignore => Heard::Authentic,
            OnWelcome::Renew => {
                self.renew(now, us);
                Heard::Anew
            }
            OnWelcome::Take => {
                if self.bond.theirs() != Some(welcome.life) {
                    self.sessions.forget_established();
                    self.bond.bind(welcome.life);
                }
                self.sessions.keep_ours(now, receiver, sender, session);
                self.attempt = None;
                self.take(now, welcome.packet);
                // The responder does not know that we have this session until something comes by it.
                self.say_nothing();
                Heard::Authentic
            }
        }
    }

    /// A frame within a session.
    pub(crate) fn handle_transport(&mut self, now: Instant, frame: &Transport<'_>) -> Heard {
        let mut packet = std::mem::take(&mut self.packet);
        let is_authentic = self.sessions.open(now, frame, &mut packet);
        if is_authentic {
            self.take(now, &packet);
        }
        self.packet = packet;
        if is_authentic {
            Heard::Authentic
        } else {
            Heard::Nothing
        }
    }

    fn take(&mut self, now: Instant, packet: &[u8]) {
        self.last_heard = Some(now);
        if packet.is_empty() {
            return;
        }
        self.bond.taken();
        // What the connection refuses, it has not taken; the peer hears no acknowledgement.
        let _ = self.connection.handle_packet(now, packet);
    }

    fn say_nothing(&mut self) {
        self.outgoing
            .extend(self.sessions.seal(&[]).map(Outgoing::Usual));
    }

    /// Puts out what is to be sent now.
    pub(crate) fn settle(&mut self, now: Instant, us: Us<'_>, them: Them<'_>) {
        self.connection_due(now);
        self.shake_hands(now, us, them);
        while self.sessions.is_any()
            && self
                .connection
                .poll_packet(now, PACKET_LEN, &mut self.packet)
        {
            self.outgoing
                .extend(self.sessions.seal(&self.packet).map(Outgoing::Usual));
            self.rekey(now, us, them);
        }
    }

    fn connection_due(&mut self, now: Instant) {
        if self.connection.next_timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
        }
    }

    fn shake_hands(&mut self, now: Instant, us: Us<'_>, them: Them<'_>) {
        let is_wanted = !self.sessions.is_any() || self.is_lost(now);
        match self.attempt.as_ref().map(Attempt::next) {
            Some(next) if next > now => {}
            Some(_) if !is_wanted => self.attempt = None,
            Some(_) => self.try_again(now, us, them),
            None if is_wanted && self.first_packet(now) => {
                self.attempt = Some(Attempt::new(now));
                self.greet(us, them);
            }
            None => {}
        }
    }

    fn try_again(&mut self, now: Instant, us: Us<'_>, them: Them<'_>) {
        let again = self
            .attempt
            .as_mut()
            .is_some_and(|attempt| attempt.again(now));
        if again && self.first_packet(now) {
            self.greet(us, them);
        } else {
            self.attempt = None;
        }
    }

    /// What a message 1 is to carry; false if nothing is to be said.
    fn first_packet(&mut self, now: Instant) -> bool {
        self.connection
            .poll_packet(now, HELLO_PACKET, &mut self.packet)
            || self
                .connection
                .poll_duplicate(now, now, HELLO_PACKET, &mut self.packet)
            || {
                self.packet.clear();
                self.connection.waiting_since().is_some()
            }
    }

    /// Whether the sessions may be gone at the peer's side: something waits, and nothing comes.
    fn is_lost(&self, now: Instant) -> bool {
        let patience = LOST_AFTER.max(4 * self.connection.retransmission_timeout());
        let is_long = |since: Instant| now.saturating_duration_since(since) >= patience;
        self.connection.waiting_since().is_some_and(is_long)
            && self.last_heard.is_none_or(is_long)
            && self.sessions.since().is_none_or(is_long)
    }

    fn rekey(&mut self, now: Instant, us: Us<'_>, them: Them<'_>) {
        let rested = |since: Instant| now.saturating_duration_since(since) >= REKEY_AT_MOST;
        if self.attempt.is_none()
            && self.sessions.is_rekey_due(now)
            && self.sessions.since().is_none_or(rested)
        {
            self.packet.clear();
            self.attempt = Some(Attempt::new(now));
            self.greet(us, them);
        }
    }

    /// Sends a message 1 with the packet at hand.
    fn greet(&mut self, us: Us<'_>, them: Them<'_>) {
        let hello = Hello {
            incarnation: us.incarnation,
            serial: us.next_serial(),
            life: self.bond.mine(),
            known: self.bond.theirs(),
            id: us.id.clone(),
            packet: &self.packet,
        };
        let mut payload = Vec::new();
        hello.encode(&mut payload);
        let prologue = prologue(them.incarnation, them.id);
        let sender = self.sessions.new_index();
        let begun = noise::initiate(
            us.identity,
            them.key,
            &prologue,
            &payload,
            self.sessions.entropy(),
        );
        let Some((initiation, message)) = begun else {
            return;
        };
        self.sessions.begun(sender, self.bond.mine(), initiation);
        let mut frame = Vec::new();
        let initiation = Handshake::Initiation {
            sender,
            noise: &message,
        };
        initiation.encode(&mut frame);
        self.outgoing.push_back(Outgoing::Both(frame));
    }

    /// Gives again, through the server, what was sent before and is not confirmed.
    pub(crate) fn duplicate(&mut self, now: Instant, before: Instant) {
        for _ in 0..DUPLICATES {
            if !self.sessions.is_any()
                || !self
                    .connection
                    .poll_duplicate(now, before, PACKET_LEN, &mut self.packet)
            {
                return;
            }
            self.outgoing
                .extend(self.sessions.seal(&self.packet).map(Outgoing::Relay));
        }
    }

    pub(crate) fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let attempt = self.attempt.as_ref().map(Attempt::next);
        if !self.sessions.is_any() {
            return attempt;
        }
        // Whether the session is lost is looked at when the connection tries again.
        attempt
            .into_iter()
            .chain(self.connection.next_timeout())
            .min()
    }
}
