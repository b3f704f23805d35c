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

mod allowance;
mod bond;
mod calls;
mod frames;
mod handshake;
mod hello;
mod lines;
mod link;
mod output;
mod pulse;
mod records;
mod sessions;
mod stall;
mod standing;
mod us;
mod usage;
mod ways;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::client::event::{Audience, Undelivered, Way};
use crate::client::peer::calls::{Calls, whole_reach};
use crate::client::peer::lines::Lines;
use crate::client::peer::link::{Heard, Link, Outgoing, Them};
use crate::client::peer::pulse::Pulse;
use crate::client::peer::stall::{Due, Stall};
use crate::client::peer::standing::{SILENT, Standing};
use crate::client::peer::usage::Usage;
use crate::client::peer::ways::{Ways, Wish};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::PublicKey;
use crate::crypto::noise::Introduction;
use crate::name::MemberId;
use crate::path::paths::{CheckKeys, Route, Socket};
use crate::reliable::connection::{CHAT, Connection, Event as Stream};
use crate::wire::call::{Call, CallKind};
use crate::wire::check::Check;
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::reach::Reach;
use crate::wire::transport::Transport;

pub(crate) use allowance::Allowance;
pub(crate) use calls::{call, check_keys};
pub(crate) use hello::{Hello, prologue};
pub(crate) use output::{Event, Fate, Output};
pub(crate) use records::kept;
pub(crate) use sessions::{SLOTS, slot_of};
pub(crate) use us::{Arrival, Us};
pub(crate) use ways::Direct;

/// How long what is under way waits for any sign that something arrives.
const NO_ANSWER: Duration = Duration::from_secs(30);

/// Handshakes looked at of a peer in any case, however many strangers try: as often as an honest one repeats its own.
const GREETS: u32 = 8;
const GREET_EVERY: Duration = Duration::from_millis(250);

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    id: MemberId,
    key: PublicKey,
    keys: CheckKeys,
    standing: Standing,
    reach: Reach,
    link: Link,
    ways: Ways,
    lines: Lines,
    /// When we last gave up for want of an answer.
    given_up: Option<Instant>,
    stall: Stall,
    pulse: Pulse,
    calls: Calls,
    usage: Usage,
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
        allowance: Allowance,
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
            standing: Standing::new(*incarnation),
            reach: whole_reach(entry),
            ways: Ways::new(keys, entropy.split(), direct),
            link: Link::new(now, us, slot, entropy),
            lines: Lines::new(allowance),
            given_up: None,
            stall: Stall::default(),
            pulse: Pulse::default(),
            calls: Calls::new(),
            usage: Usage::new(now),
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

    /// Incarnation and serial of its last message 1 that was taken.
    pub(crate) fn introduced(&self) -> Option<(u64, u64)> {
        self.link.last_introduction()
    }

    /// None up to this one is taken: it was when this peer was known before.
    pub(crate) fn refuse_up_to(&mut self, introduced: Option<(u64, u64)>) {
        self.link.refuse_up_to(introduced);
    }

    /// A line for it.
    pub(crate) fn say(&mut self, now: Instant, us: Us<'_>, audience: Audience, text: &str) {
        self.usage.talked_to();
        self.begin(now, us);
        let connection = self.link.connection_mut();
        if let Err(reason) = self.lines.say(now, connection, audience, text) {
            self.tell(Event::NotDelivered(kept(text), reason));
        }
    }

    /// Lends the connection, for files.
    pub(crate) fn lend(&mut self, now: Instant, us: Us<'_>) -> &mut Connection {
        self.begin(now, us);
        self.link.connection_mut()
    }

    /// Whether files are on their way to it or from it.
    pub(crate) fn set_files(&mut self, has_files: bool) {
        self.usage.set_files(has_files);
    }

    /// What it is worth to keep it: who is worth less gives way to others. `None`: something is under way.
    pub(crate) fn worth(&self) -> Option<(bool, Instant)> {
        let is_idle = !self.has_undelivered() && !self.usage.has_files();
        is_idle.then(|| self.usage.worth(self.link.last_heard()))
    }

    fn begin(&mut self, now: Instant, us: Us<'_>) {
        self.ways.begin(now, us.reach, &self.reach);
        self.ways.used(now);
    }

    /// What the roster now says of it.
    pub(crate) fn here(&mut self, now: Instant, us: Us<'_>, entry: &Entry) {
        let EntryClient::Current { incarnation, .. } = &entry.client else {
            return;
        };
        if self.standing.back() {
            self.link.hurry(now);
        }
        if self.standing.tell(*incarnation) {
            self.link.renew(now, us);
            self.begun_anew(now);
        }
        let reach = whole_reach(entry);
        if reach != self.reach {
            self.reach = reach;
            self.ways.restart(now, us.reach, &self.reach);
        }
    }

    /// The roster has it no more: the server does not hear of it.
    pub(crate) fn gone_silent(&mut self, now: Instant) {
        self.standing.gone(now);
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
        us: Us<'_>,
        arrival: Arrival,
        sender: u32,
        introduction: Introduction,
    ) {
        let heard = self
            .link
            .handle_hello(now, us, arrival, sender, introduction);
        self.heard(now, arrival, heard, self.link.introduced());
    }

    /// A message 2 for one of its indices.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        us: Us<'_>,
        arrival: Arrival,
        receiver: u32,
        sender: u32,
        message: &[u8],
    ) {
        let heard = self.link.handle_answer(now, us, receiver, sender, message);
        // Handshakes begun for another start were forgotten when this one was told of.
        self.heard(now, arrival, heard, self.standing.start());
    }

    /// A frame for one of its indices.
    pub(crate) fn handle_transport(
        &mut self,
        now: Instant,
        arrival: Arrival,
        frame: &Transport<'_>,
    ) {
        let heard = self.link.handle_transport(now, frame);
        if heard == Heard::Authentic {
            self.pulse.beat(now);
        }
        self.heard_in_session(now, arrival, heard);
    }

    /// A call that names its key; `frame` still has its tag.
    pub(crate) fn handle_call(&mut self, now: Instant, us: Us<'_>, call: &Call, frame: &[u8]) {
        if !self.calls.take(now, &self.keys, call, frame) {
            return;
        }
        if call.kind == CallKind::Distrust {
            self.give_up(Undelivered::Distrusted);
        } else {
            self.reach = call.reach.clone();
            self.ways.called(now, call.kind, us.reach, &self.reach);
        }
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
        self.link.connection_mut().abandon(CHAT);
        self.lose(reason, Fate::Kept);
    }

    fn heard(&mut self, now: Instant, arrival: Arrival, heard: Heard, incarnation: u64) {
        if heard != Heard::Nothing {
            self.standing.prove(incarnation);
            self.tell(Event::Proven);
        }
        self.heard_in_session(now, arrival, heard);
    }

    fn heard_in_session(&mut self, now: Instant, arrival: Arrival, heard: Heard) {
        match heard {
            Heard::Nothing => return,
            Heard::Anew => self.begun_anew(now),
            Heard::Authentic => {}
        }
        match arrival {
            Arrival::Direct(route) => self.ways.heard(now, route),
            Arrival::Relayed => self.ways.heard_by_relay(now),
        }
    }

    /// The peer was started again, or both connections begin anew for another reason.
    fn begun_anew(&mut self, now: Instant) {
        self.lines.renew();
        self.lose(Undelivered::Restarted, Fate::Replaced);
        // Where it is to be reached is another port now, or soon.
        self.ways.forget(now);
    }

    /// What was written and is not known to have arrived is lost.
    fn lose(&mut self, reason: Undelivered, fate: Fate) {
        while let Some(text) = self.lines.pop() {
            self.tell(Event::NotDelivered(text, reason));
        }
        self.tell(Event::Lost(reason, fate));
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Does what is due, and puts out what is to be sent.
    pub(crate) fn settle(&mut self, now: Instant, us: Us<'_>) {
        self.ways.handle_timeout(now);
        self.read(now);
        if self.lines.asks_again(now) {
            self.read_lines(now);
        }
        if self.lines.is_spoilt(now) {
            self.link.renew(now, us);
            self.begun_anew(now);
        }
        self.end_overdue(now);
        self.look(now);
        self.listen(now);
        let them = Them {
            id: &self.id,
            key: &self.key,
            incarnation: self.standing.start(),
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
                Stream::Readable(CHAT) => self.read_lines(now),
                Stream::Delivered(CHAT, offset) => {
                    while let Some(text) = self.lines.pop_delivered(offset) {
                        self.tell(Event::Delivered(text));
                    }
                }
                Stream::Writable(CHAT) => {}
                Stream::Readable(_) | Stream::Delivered(..) | Stream::Writable(_) => {
                    self.tell(Event::Stream(event));
                }
            }
        }
    }

    fn read_lines(&mut self, now: Instant) {
        self.ways.used(now);
        let out = &mut self.out;
        self.lines.read(now, self.link.connection_mut(), |event| {
            out.push_back(Output::Event(event));
        });
    }

    fn end_overdue(&mut self, now: Instant) {
        if self.overdue_at().is_some_and(|at| at <= now) {
            self.given_up = Some(now);
            self.give_up(Undelivered::NoAnswer(NO_ANSWER));
        }
        if self.standing.is_over(now, self.link.last_heard()) && self.has_undelivered() {
            self.give_up(Undelivered::Silent);
        }
    }

    /// When what is under way has waited too long for any progress.
    fn overdue_at(&self) -> Option<Instant> {
        let connection = self.link.connection();
        let since = self.lines.since().or_else(|| connection.waiting_since())?;
        let since = since.max(connection.last_progress().unwrap_or(since));
        Some(self.given_up.map_or(since, |given_up| given_up.max(since)) + NO_ANSWER)
    }

    /// Whether what went by a path is confirmed in time; if not, it goes through the server, too.
    fn look(&mut self, now: Instant) {
        let (connection, best) = (self.link.connection(), self.ways.best());
        let waiting = connection.waiting_since();
        let Some(since) = waiting.filter(|since| best.is_some() || self.stall.is_of(*since)) else {
            return self.stall.end();
        };
        let timeout = self.ways.timeout(connection);
        match self.stall.look(now, since, timeout) {
            Some(Due::Duplicate(before)) => {
                self.ways.doubt(now);
                self.link.duplicate(now, before);
            }
            Some(Due::Repeat) => {
                let frames = self.stall.frames().iter().cloned();
                self.out.extend(frames.map(Output::Relay));
            }
            None => {}
        }
    }

    /// Whether it has fallen silent: then perhaps we cannot be reached.
    fn listen(&mut self, now: Instant) {
        if self.pulse.falls_silent(now) {
            self.ways.suspect(now);
            self.out.push_back(Output::Hush);
        }
    }

    fn send(&mut self, now: Instant) {
        let choice = self.ways.choose(now);
        while let Some(outgoing) = self.link.poll_outgoing() {
            if let Outgoing::Relay(frame) = &outgoing {
                self.stall.gave(frame);
            }
            self.out.extend(frames::sent(outgoing, choice));
        }
    }

    fn fulfil(&mut self, now: Instant, us: Us<'_>, wish: Wish) {
        let output = match wish {
            Wish::Check(check) => Output::Send(check.route, check.ttl, check.bytes),
            Wish::OpenSockets(count) => Output::OpenSockets(count),
            Wish::CloseSockets(sockets) => Output::CloseSockets(sockets),
            Wish::Call(kind) => Output::Relay(call(us, &self.keys, kind, us.reach.clone())),
            Wish::WayChanged => return self.link.connection_mut().path_changed(now),
        };
        self.out.push_back(output);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::settle`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let dues = [
            self.link.next_timeout(),
            self.ways.next_timeout(),
            self.overdue_at(),
            self.lines.due(),
            self.standing.due(),
            self.stall.next(),
            self.pulse.due(),
        ];
        dues.into_iter().flatten().min()
    }

    /// Whether lines of ours are under way.
    pub(crate) fn has_undelivered(&self) -> bool {
        self.lines.has_undelivered()
    }

    /// Bytes of ours that are under way.
    pub(crate) fn unsent(&self) -> u64 {
        self.link.connection().unsent(CHAT)
    }

    /// By what way lines go, and where to if it is known.
    pub(crate) fn way(&self) -> (Way, Option<Route>) {
        self.ways.way(self.link.is_established())
    }

    /// The round trip, once measured.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.ways.round_trip(self.link.connection())
    }
}
