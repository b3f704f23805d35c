//! One peer that we talk to: from lines to frames and back.
//!
//! ```text
//!   say ─► records ─► link (reliable, sessions) ─► frames ─► ways ─► a path, or the relay
//!   Said, Delivered ◄── records ◄── link ◄────────────────── frames
//! ```
//!
//! The first packet leaves inside the first handshake message, through the server, while paths are looked for. It knows of
//! the server and the roster only what it is told. Every line that was taken ends exactly once: delivered or not delivered.
//!
//! After each call the caller calls [`Peer::settle`], which is the only place where something is sent.

mod bond;
mod handshake;
mod hello;
mod link;
mod records;
mod sessions;
mod us;
mod ways;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::event::{Audience, Undelivered, Way};
use crate::client::peer::link::{Heard, Link, Outgoing, Them};
use crate::client::peer::records::{LINE_TO_ALL, LINE_TO_ONE, Ledger, Records};
use crate::client::peer::ways::{Ways, Wish};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::{MacKey, Purpose};
use crate::crypto::noise::Introduction;
use crate::name::MemberId;
use crate::path::paths::{CheckKeys, Route, Socket};
use crate::reliable::connection::{Channel, Connection, Event as Stream, Read};
use crate::wire::call::{Call, CallKind};
use crate::wire::check::Check;
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::reach::{Candidate, CandidateKind, Reach};
use crate::wire::transport::Transport;

pub(crate) use hello::{Hello, prologue};
pub(crate) use records::{LINE_LEN, kept};
pub(crate) use sessions::{SLOTS, slot_of};
pub(crate) use us::{Arrival, Us};
pub(crate) use ways::Direct;

/// The channel of lines and agreements.
pub(crate) const TALK: Channel = 0;

/// Bytes that may wait for one peer.
const WAITING_LEN: u64 = 64 << 20;

/// How long lines wait for any sign that something arrives.
const NO_ANSWER: Duration = Duration::from_secs(30);

/// How long lines wait for a peer that the server does not hear of any more: it may be back, or reachable all the same.
const SILENT: Duration = Duration::from_secs(10);

/// How long something may be unconfirmed, at least, before it is given again through the server.
const PATIENCE: Duration = Duration::from_millis(200);

/// Bytes read at a time from the connection.
const READ_LEN: usize = 64 << 10;

/// Calls taken of a peer at once, and how often one more: an honest one sends a few when something has changed.
const CALLS: u32 = 8;
const CALL_EVERY: Duration = Duration::from_millis(250);

/// Handshakes looked at of a peer in any case, however many strangers try: as often as an honest one repeats its own.
const GREETS: u32 = 8;
const GREET_EVERY: Duration = Duration::from_millis(250);

/// What a peer wants done.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a datagram: a check with a number of hops, or a frame.
    Send(Route, Option<u8>, Vec<u8>),
    /// Send a frame through the server.
    Relay(Vec<u8>),
    /// Open further sockets for it.
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Something has happened.
    Event(Event),
}

/// What has happened with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has proven that it has its key.
    Proven,
    /// It says something.
    Said(Audience, String),
    /// A line has arrived there.
    Delivered(String),
    /// A line has not, and will not.
    NotDelivered(String, Undelivered),
    /// A record of channel 0 that is no line.
    Record(u8, Vec<u8>),
    /// About another channel.
    Stream(Stream),
    /// All that was written and not delivered is lost, in every channel.
    Lost(Undelivered),
}

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    id: MemberId,
    key: PublicKey,
    keys: CheckKeys,
    /// The start of its client that the roster or itself told of last.
    incarnation: u64,
    reach: Reach,
    link: Link,
    ways: Ways,
    records: Records,
    ledger: Ledger,
    /// When its lines end because the server does not hear of it any more.
    silent_at: Option<Instant>,
    /// When it is next looked whether something waits too long.
    look_at: Option<Instant>,
    last_call: u64,
    calls: Bucket,
    greets: Bucket,
    out: VecDeque<Output>,
}

impl Peer {
    /// Nothing said yet. `None` if its key is no good.
    pub(crate) fn new(
        now: Instant,
        us: Us<'_>,
        entry: &Entry,
        slot: u16,
        direct: Direct,
        mut entropy: Entropy,
    ) -> Option<Self> {
        let EntryClient::Current {
            key, incarnation, ..
        } = &entry.client
        else {
            return None;
        };
        let key = PublicKey(*key);
        let keys = check_keys(us.identity, &key)?;
        Some(Self {
            id: entry.id.clone(),
            key,
            keys,
            incarnation: *incarnation,
            reach: whole_reach(entry),
            ways: Ways::new(keys, entropy.split(), direct),
            link: Link::new(now, slot, entropy),
            records: Records::default(),
            ledger: Ledger::default(),
            silent_at: None,
            look_at: None,
            last_call: 0,
            calls: Bucket::new(CALLS, CALL_EVERY),
            greets: Bucket::new(GREETS, GREET_EVERY),
            out: VecDeque::new(),
        })
    }

    pub(crate) fn id(&self) -> &MemberId {
        &self.id
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// A line for it.
    pub(crate) fn say(&mut self, now: Instant, us: Us<'_>, audience: Audience, text: &str) {
        let waiting = self.link.connection().unsent(TALK);
        let refusal = if text.len() > LINE_LEN {
            Some(Undelivered::TooLong)
        } else if waiting + text.len() as u64 > WAITING_LEN {
            Some(Undelivered::TooMuch)
        } else {
            None
        };
        if let Some(reason) = refusal {
            let text = kept(text);
            self.out
                .push_back(Output::Event(Event::NotDelivered(text, reason)));
            return;
        }
        let end = self.write_record(now, us, records::line_kind(audience), text.as_bytes());
        self.ledger.push(now, end, text);
    }

    /// Writes a record to channel 0; it ends at the offset returned.
    pub(crate) fn write_record(&mut self, now: Instant, us: Us<'_>, kind: u8, body: &[u8]) -> u64 {
        self.ways.begin(now, us.reach, &self.reach);
        self.ways.used(now);
        let connection = self.link.connection_mut();
        connection.write(TALK, &records::head(kind, body));
        connection.write(TALK, body)
    }

    /// The streams, for files.
    #[expect(dead_code, reason = "for files, which are to come")]
    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        self.link.connection_mut()
    }

    /// What the roster now says of it.
    pub(crate) fn here(&mut self, now: Instant, us: Us<'_>, entry: &Entry) {
        let EntryClient::Current { incarnation, .. } = &entry.client else {
            return;
        };
        if self.silent_at.take().is_some() {
            self.link.hurry(now);
        }
        if *incarnation != self.incarnation {
            self.incarnation = *incarnation;
            self.lose(Undelivered::Restarted);
            self.link.renew(now);
        }
        let reach = whole_reach(entry);
        if reach != self.reach {
            self.reach = reach;
            self.ways.restart(now, us.reach, &self.reach);
        }
    }

    /// The roster has it no more: the server does not hear of it.
    pub(crate) fn gone_silent(&mut self, now: Instant) {
        self.silent_at = Some(now + SILENT);
    }

    /// Whether it was heard of lately, whatever the server says.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.link
            .last_heard()
            .is_some_and(|last| now.saturating_duration_since(last) < SILENT)
    }

    /// Whether it has a handshake left of its share.
    pub(crate) fn may_greet(&mut self, now: Instant) -> bool {
        self.greets.take(now)
    }

    /// We are to be reached elsewhere; `moved`: what was open is not any more.
    pub(crate) fn our_reach_changed(&mut self, now: Instant, us: Us<'_>, moved: bool) {
        if moved {
            self.ways.forget(now);
        }
        self.ways.restart(now, us.reach, &self.reach);
    }

    /// The server is there again.
    pub(crate) fn relay_back(&mut self, now: Instant) {
        self.link.hurry(now);
    }

    /// A message 1 of its key that names its ID.
    pub(crate) fn handle_hello(
        &mut self,
        now: Instant,
        arrival: Arrival,
        sender: u32,
        introduction: Introduction,
    ) {
        let heard = self.link.handle_hello(now, arrival, sender, introduction);
        self.heard(now, arrival, heard);
    }

    /// A message 2 for one of its indices.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        arrival: Arrival,
        receiver: u32,
        sender: u32,
        message: &[u8],
    ) {
        let heard = self.link.handle_answer(now, receiver, sender, message);
        self.heard(now, arrival, heard);
    }

    /// A frame for one of its indices.
    pub(crate) fn handle_transport(
        &mut self,
        now: Instant,
        arrival: Arrival,
        frame: &Transport<'_>,
    ) {
        let heard = self.link.handle_transport(now, frame);
        self.heard_in_session(now, arrival, heard);
    }

    /// A call that names its key; `frame` still has its tag. False: not authentic, or not new.
    pub(crate) fn handle_call(
        &mut self,
        now: Instant,
        us: Us<'_>,
        call: &Call,
        frame: &[u8],
    ) -> bool {
        if self.keys.back.open(frame).is_none() || call.serial <= self.last_call {
            return false;
        }
        self.last_call = call.serial;
        if call.kind == CallKind::Distrust {
            self.give_up(Undelivered::Distrusted);
        } else if self.calls.take(now) {
            self.reach = call.reach.clone();
            self.ways.called(now, call.kind, us.reach, &self.reach);
        }
        true
    }

    /// A check that names its key; `frame` still has its tag.
    pub(crate) fn handle_check(&mut self, now: Instant, route: Route, check: &Check, frame: &[u8]) {
        self.ways.handle_check(now, route, check, frame);
    }

    /// The sockets it asked for.
    pub(crate) fn sockets_opened(&mut self, now: Instant, sockets: &[Socket]) {
        self.ways.sockets_opened(now, sockets);
    }

    /// Ends what is not delivered; the peer skips it if it ever comes back.
    pub(crate) fn give_up(&mut self, reason: Undelivered) {
        self.link.connection_mut().abandon(TALK);
        self.lose(reason);
    }

    fn heard(&mut self, now: Instant, arrival: Arrival, heard: Heard) {
        if heard != Heard::Nothing {
            self.out.push_back(Output::Event(Event::Proven));
        }
        self.heard_in_session(now, arrival, heard);
    }

    fn heard_in_session(&mut self, now: Instant, arrival: Arrival, heard: Heard) {
        match heard {
            Heard::Nothing => return,
            Heard::Anew => self.lose(Undelivered::Restarted),
            Heard::Authentic => {}
        }
        match arrival {
            Arrival::Direct(route) => self.ways.heard(now, route),
            Arrival::Relayed => self.ways.heard_by_relay(now),
        }
    }

    /// What was written and is not known to have arrived is lost.
    fn lose(&mut self, reason: Undelivered) {
        self.records.gap();
        while let Some(text) = self.ledger.pop() {
            self.out
                .push_back(Output::Event(Event::NotDelivered(text, reason)));
        }
        self.out.push_back(Output::Event(Event::Lost(reason)));
    }

    /// Does what is due, and puts out what is to be sent.
    pub(crate) fn settle(&mut self, now: Instant, us: Us<'_>) {
        self.ways.handle_timeout(now);
        self.read(now);
        self.end_overdue(now);
        self.look(now);
        let them = Them {
            id: &self.id,
            key: &self.key,
            incarnation: self.incarnation,
        };
        self.link.settle(now, us, them);
        self.send(now);
        while let Some(wish) = self.ways.poll(now) {
            self.fulfil(now, us, wish);
        }
    }

    fn read(&mut self, now: Instant) {
        while let Some(event) = self.link.connection_mut().poll_event() {
            match event {
                Stream::Readable(TALK) => self.read_talk(now),
                Stream::Delivered(TALK, offset) => {
                    while let Some(text) = self.ledger.pop_up_to(offset) {
                        self.out.push_back(Output::Event(Event::Delivered(text)));
                    }
                }
                Stream::Writable(TALK) => {}
                Stream::Readable(_) | Stream::Delivered(..) | Stream::Writable(_) => {
                    self.out.push_back(Output::Event(Event::Stream(event)));
                }
            }
        }
    }

    fn read_talk(&mut self, now: Instant) {
        while let Some(room) = self.records.room() {
            match self.link.connection_mut().read(TALK, room, READ_LEN) {
                Read::Bytes(_) => {}
                Read::Gap => self.records.gap(),
                Read::Nothing => return,
            }
            while let Some((kind, body)) = self.records.next() {
                let event = match kind {
                    LINE_TO_ONE => {
                        Event::Said(Audience::One, String::from_utf8_lossy(body).into_owned())
                    }
                    LINE_TO_ALL => {
                        Event::Said(Audience::All, String::from_utf8_lossy(body).into_owned())
                    }
                    other => Event::Record(other, body.to_vec()),
                };
                self.out.push_back(Output::Event(event));
                self.ways.used(now);
            }
        }
    }

    fn end_overdue(&mut self, now: Instant) {
        if self.no_answer_at().is_some_and(|at| at <= now) {
            self.give_up(Undelivered::NoAnswer(NO_ANSWER));
        }
        if let Some(at) = self.silent_at.filter(|at| *at <= now) {
            let heard_since = self
                .link
                .last_heard()
                .is_some_and(|last| last + SILENT >= at);
            self.silent_at = heard_since.then_some(now + SILENT);
            if !heard_since && self.ledger.since().is_some() {
                self.give_up(Undelivered::Silent);
            }
        }
    }

    fn no_answer_at(&self) -> Option<Instant> {
        let since = self.ledger.since()?;
        let progress = self.link.connection().last_progress();
        Some(progress.map_or(since, |progress| progress.max(since)) + NO_ANSWER)
    }

    /// Whether what went by a path is confirmed in time; if not, it goes through the server, too.
    fn look(&mut self, now: Instant) {
        let connection = self.link.connection();
        let (Some(since), Some(best)) = (connection.waiting_since(), self.ways.best()) else {
            self.look_at = None;
            return;
        };
        // On a path that is new to the connection, checks have measured already.
        let measured = connection
            .round_trip()
            .map(|_| connection.retransmission_timeout());
        let patience = PATIENCE.max(2 * measured.unwrap_or(2 * best.round_trip));
        let due = self
            .look_at
            .unwrap_or(since + patience)
            .max(since + patience);
        if due > now {
            self.look_at = Some(due);
            return;
        }
        self.look_at = Some(now + patience);
        self.ways.doubt(now);
        self.link.duplicate(now, now - patience);
    }

    fn send(&mut self, now: Instant) {
        while let Some(outgoing) = self.link.poll_outgoing() {
            let choice = self.ways.choose(now);
            let (direct, relay, frame) = match outgoing {
                Outgoing::Usual(frame) => (choice.direct, choice.relay, frame),
                Outgoing::Both(frame) => (choice.direct, true, frame),
                Outgoing::Relay(frame) | Outgoing::Back(Arrival::Relayed, frame) => {
                    (None, true, frame)
                }
                Outgoing::Back(Arrival::Direct(route), frame) => (Some(route), false, frame),
            };
            match (direct, relay) {
                (Some(route), true) => {
                    self.out.push_back(Output::Send(route, None, frame.clone()));
                    self.out.push_back(Output::Relay(frame));
                }
                (Some(route), false) => self.out.push_back(Output::Send(route, None, frame)),
                (None, _) => self.out.push_back(Output::Relay(frame)),
            }
        }
    }

    fn fulfil(&mut self, now: Instant, us: Us<'_>, wish: Wish) {
        let output = match wish {
            Wish::Check(check) => Output::Send(check.route, check.ttl, check.bytes),
            Wish::OpenSockets(count) => Output::OpenSockets(count),
            Wish::CloseSockets(sockets) => Output::CloseSockets(sockets),
            Wish::Call(kind) => Output::Relay(call(us, &self.keys, kind, us.reach.clone())),
            Wish::WayChanged => {
                self.link.connection_mut().path_changed(now);
                return;
            }
        };
        self.out.push_back(output);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::settle`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let look = self.look_at;
        let dues = [
            self.link.next_timeout(),
            self.ways.next_timeout(),
            self.no_answer_at(),
            self.silent_at,
            look,
        ];
        dues.into_iter().flatten().min()
    }

    /// Whether lines of ours are under way.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.ledger.since().is_some()
    }

    /// Bytes of ours that are under way.
    pub(crate) fn unsent(&self) -> u64 {
        self.link.connection().unsent(TALK)
    }

    /// By what way lines go, and where to if it is known.
    pub(crate) fn way(&self) -> (Way, Option<Route>) {
        match self.ways.best() {
            Some(best) => (Way::Direct, Some(best.route)),
            None if self.link.is_established() => (Way::Relayed, None),
            None => (Way::Unused, None),
        }
    }

    /// The round trip, once measured.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let measured = self.link.connection().round_trip();
        self.ways.best().map(|best| best.round_trip).or(measured)
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
fn whole_reach(entry: &Entry) -> Reach {
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
