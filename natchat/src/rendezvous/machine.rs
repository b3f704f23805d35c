//! The rendezvous as one machine: datagrams, frames and time in; what is to be done out.
//!
//! ```text
//!   loop {
//!       machine.handle(now, input)  or  machine.handle_timeout(now)
//!       loop { match machine.poll_output() { Wait(at) => break, output => obey } }
//!   }
//! ```
//! Work that is long because there are many members (telling all of a change, greeting all after a restart, ending
//! all that fell silent at once) is done in slices, one whenever the outputs before it have been fetched; so outputs
//! are bounded and the arena they lie in stays small.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::config::ServerLimits;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::rendezvous::ask;
use crate::rendezvous::join;
use crate::rendezvous::journal::{self, Record};
use crate::rendezvous::member::{Standing, UNTOLD};
use crate::rendezvous::members;
use crate::rendezvous::older;
pub use crate::rendezvous::outbox::{Output, Port};
use crate::rendezvous::place::{Place, canonical};
use crate::rendezvous::registry::Silent;
use crate::rendezvous::relay;
pub use crate::rendezvous::state::Counts;
use crate::rendezvous::state::{Source, State};
use crate::wire::from_server::{Departure, Ending, FromServer};
use crate::wire::to_server::ToServer;
use crate::wire::{Language, RECEIVE_LEN};

/// Members told of changes in one slice.
const TELL_SLICE: usize = 64;
/// Members looked at for silence in one slice.
const SILENCE_SLICE: usize = 1_024;
/// Members told of the end in one slice.
const CLOSE_SLICE: u32 = 256;

/// Members greeted in one step, and how far apart steps are: 50,000 a second.
const GREET_STEP: u32 = 500;
const GREET_PACE: Duration = Duration::from_millis(10);
/// After this time, those who have not been heard of are greeted once more.
const GREET_AGAIN: Duration = Duration::from_secs(1);

/// What happens to the server.
#[derive(Debug)]
pub enum Input<'a> {
    /// A datagram came.
    Datagram {
        /// Where.
        port: Port,
        /// From whom.
        from: SocketAddr,
        /// The datagram.
        bytes: &'a [u8],
    },
    /// A connection was made.
    TcpOpened {
        /// The driver's number for it.
        conn: u32,
        /// From where.
        from: SocketAddr,
    },
    /// A frame came by a connection.
    TcpFrame {
        /// Which.
        conn: u32,
        /// The frame, without its length.
        bytes: &'a [u8],
    },
    /// A connection has ended, or has been ended as was asked.
    TcpClosed {
        /// Which.
        conn: u32,
    },
    /// An older port was bound.
    OlderPort {
        /// Which.
        slot: u16,
        /// To which port; `None`: it could not be.
        port: Option<u16>,
    },
    /// The server ends: all members are told. Nothing is taken after this.
    Close,
}

/// The server.
#[derive(Debug)]
pub struct Rendezvous {
    state: State,
    phase: Phase,
    epoch: u32,
    greeting: Option<Greeting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Taking in the journal.
    Restoring,
    /// Open.
    Open,
    /// Telling everybody of the end: the slot that is next.
    Closing(u32),
}

/// Telling those out of the journal that the server is there again.
#[derive(Clone, Copy, Debug)]
struct Greeting {
    next: u32,
    at: Duration,
    rounds: u8,
}

impl Rendezvous {
    /// A server without members. [`Self::restore`] comes next, if there is a journal, and [`Self::greet`].
    #[must_use]
    pub fn new(limits: ServerLimits, identity: Identity, entropy: Entropy, now: Instant) -> Self {
        Self {
            state: State::new(limits, identity, entropy, now),
            phase: Phase::Restoring,
            epoch: 0,
            greeting: None,
        }
    }

    /// The further UDP ports that answer Observe, as members are told them.
    pub fn set_probe_ports(&mut self, ports: &[u16]) {
        self.state.probe_ports = ports.to_vec();
    }

    /// The address that [`Port::Main`] of this number stands for: what older clients are told as the host of their
    /// ports.
    pub fn set_main(&mut self, port: u8, addr: SocketAddr) {
        self.state.mains.insert(port, canonical(addr));
    }

    /// Takes in a record of the journal, before the first input. The same one may come again.
    ///
    /// Whether it is a record.
    pub fn restore(&mut self, record: &[u8]) -> bool {
        let Ok(record) = Record::read(record) else {
            return false;
        };
        let state = &mut self.state;
        match record {
            Record::Epoch { epoch, serial } => {
                self.epoch = self.epoch.max(epoch);
                state.registry.restore_serial(serial);
            }
            Record::Here(mut member, is_told) => {
                member.heard = state.heard_now();
                // Stands for "yes" until the numbers of this run are known.
                member.told = if is_told { 0 } else { UNTOLD };
                state.registry.restore(*member);
            }
            Record::Gone(number) => {
                if let Some(slot) = state.registry.slot_of(number) {
                    state.registry.remove(slot);
                }
            }
            Record::Owner(owner) => state.registry.restore_owner(owner),
        }
        true
    }

    /// Opens the server after the last record: all members of the journal are known, and have as long as any to be
    /// heard of. Those with an address are told to say that they are there, 50,000 a second.
    pub fn greet(&mut self, now: Instant) {
        self.open(now);
        if self.state.registry.len() > 0 {
            self.greeting = Some(Greeting {
                next: 0,
                at: self.state.elapsed(),
                rounds: 2,
            });
        }
    }

    /// Takes something in.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.open(now);
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        let state = &mut self.state;
        match input {
            Input::Datagram { port, from, bytes } => datagram(state, port, canonical(from), bytes),
            Input::TcpOpened { conn, from } => {
                state.conns.opened(conn, canonical(from), state.elapsed())
            }
            Input::TcpFrame { conn, bytes } => tcp_frame(state, conn, bytes),
            Input::TcpClosed { conn } => tcp_closed(state, conn),
            Input::OlderPort { slot, port } => state.older.bound(slot, port),
            Input::Close => self.phase = Phase::Closing(0),
        }
    }

    /// The time that `Wait` named has come, or any other.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.open(now);
        let state = &mut self.state;
        let elapsed = state.elapsed();
        state.presence.begin_waves(elapsed);
        while let Some(conn) = state.conns.due(elapsed) {
            state.outbox.close(conn);
        }
    }

    /// What is to be done next; `Wait` when that is all.
    pub fn poll_output(&mut self) -> Output<'_> {
        while self.state.outbox.is_empty() && self.work() {}
        let wait = Output::Wait(self.next_deadline());
        self.state.outbox.next().unwrap_or(wait)
    }

    /// Writes records of all that is to be remembered, at most `most` of them, from `cursor` on; the first is 0.
    /// Where to go on, or `None` when that was all. Records that come as outputs in between are to be kept behind
    /// those written before them.
    pub fn snapshot(&self, cursor: u64, most: usize, record: &mut dyn FnMut(&[u8])) -> Option<u64> {
        let registry = &self.state.registry;
        let mut written = Vec::with_capacity(journal::RECORD_LEN);
        if cursor == 0 {
            journal::write_epoch(self.epoch, registry.serial(), &mut written);
            record(&written);
        }
        let slots = u64::from(registry.slots());
        let end = slots.min(cursor.saturating_add(most as u64));
        for slot in cursor.min(end)..end {
            let slot = u32::try_from(slot).ok();
            if let Some(member) = slot.and_then(|slot| registry.get(slot)) {
                written.clear();
                journal::write_member(member, &mut written);
                record(&written);
            }
        }
        if end < slots {
            return Some(end);
        }
        let done = usize::try_from(cursor.saturating_sub(slots)).ok()?;
        let (owners, next) = registry.owners(done, most);
        for owner in owners {
            written.clear();
            journal::write_owner(owner, &mut written);
            record(&written);
        }
        next.map(|next| slots + next as u64)
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> u32 {
        self.state.registry.len()
    }

    /// What was refused, and why.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            dropped: self.state.outbox.dropped(),
            ..self.state.counts
        }
    }

    /// The bytes that are allocated for members and the ways to find them.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.state.registry.footprint()
    }

    /// Takes the time, and ends the restoring.
    fn open(&mut self, now: Instant) {
        let state = &mut self.state;
        state.now = state.now.max(now);
        if self.phase != Phase::Restoring {
            return;
        }
        self.phase = Phase::Open;
        self.epoch += 1;
        state.registry.settle();
        state.begin_epoch(self.epoch);
        let tick = state.heard_now();
        for slot in 0..state.registry.slots() {
            if state.registry.get(slot).is_none() {
                continue;
            }
            let member = &mut state.registry[slot];
            member.heard = tick;
            if member.told != UNTOLD {
                member.told = state.presence.tell(member.number);
            }
        }
        let (epoch, serial) = (self.epoch, state.registry.serial());
        state.record(|out| journal::write_epoch(epoch, serial, out));
    }

    /// Does a slice of what is to be done; whether there may be more now.
    fn work(&mut self) -> bool {
        let state = &mut self.state;
        if self.phase == Phase::Restoring {
            return false;
        }
        let (now, tick) = (state.elapsed(), state.tick());
        if let Phase::Closing(next) = self.phase {
            return self.close_some(next);
        }
        state.publish();
        let told = tell_some(state);
        let silent = end_silent(state, tick);
        if state.older.next().is_some_and(|at| at <= now) {
            older::serve(state);
        }
        self.greet_some(now);
        told || silent
    }

    fn greet_some(&mut self, now: Duration) {
        let Some(mut greeting) = self.greeting.filter(|greeting| greeting.at <= now) else {
            return;
        };
        let state = &mut self.state;
        let end = state
            .registry
            .slots()
            .min(greeting.next.saturating_add(GREET_STEP));
        for slot in greeting.next..end {
            let member = state.registry.get(slot);
            if member.is_some_and(|member| matches!(member.standing, Standing::Restored)) {
                state.hand(slot, |out| FromServer::Again.encode(out));
            }
        }
        (greeting.next, greeting.at) = (end, now + GREET_PACE);
        if end == state.registry.slots() {
            greeting.rounds -= 1;
            (greeting.next, greeting.at) = (0, now + GREET_AGAIN);
        }
        self.greeting = (greeting.rounds > 0).then_some(greeting);
    }

    fn close_some(&mut self, next: u32) -> bool {
        let state = &mut self.state;
        if next == 0 {
            state.presence.hasten();
            state.publish();
        }
        let end = state.registry.slots().min(next.saturating_add(CLOSE_SLICE));
        for slot in next..end {
            if let Some(member) = state.registry.get(slot) {
                let (member, reason) = (member.number, Ending::Closing);
                state.tell(slot, &FromServer::Ended { member, reason });
            }
        }
        self.phase = Phase::Closing(end.max(1));
        end > next && end < state.registry.slots()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let state = &self.state;
        if matches!(self.phase, Phase::Closing(_)) {
            return None;
        }
        let greeting = self.greeting.map(|greeting| greeting.at);
        let times = [
            greeting,
            state.presence.next(),
            state.conns.next(),
            state.older.next(),
        ];
        let first = times
            .into_iter()
            .flatten()
            .min()
            .map(|at| state.instant(at));
        let silence = state
            .registry
            .next_tick()
            .map(|tick| state.instant_of(tick));
        first.into_iter().chain(silence).min()
    }
}

fn datagram(state: &mut State, port: Port, from: SocketAddr, bytes: &[u8]) {
    // Nobody can be answered at port 0.
    if bytes.len() > RECEIVE_LEN || from.port() == 0 {
        state.counts.malformed += 1;
        return;
    }
    let main = match port {
        Port::Main(main) => main,
        Port::Older(slot) => return older::line(state, slot, from, bytes),
        Port::Probe(_) => return probe(state, port, from, bytes),
    };
    let source = Source {
        place: Place::udp(main, from),
        from,
        len: bytes.len(),
    };
    match Language::of(bytes) {
        Some(Language::Stun) => ask::stun(state, port, from, bytes),
        Some(Language::Older) => older::event(state, &source, bytes),
        _ => frame(state, &source, bytes),
    }
}

/// At the further ports only the address is told.
fn probe(state: &mut State, port: Port, from: SocketAddr, bytes: &[u8]) {
    match Language::of(bytes) {
        Some(Language::Stun) => ask::stun(state, port, from, bytes),
        _ => match ToServer::decode(bytes) {
            Ok(ToServer::Observe { nonce }) => ask::observe(state, port, from, nonce, bytes.len()),
            _ => state.counts.malformed += 1,
        },
    }
}

/// A frame of ours, by whatever way.
fn frame(state: &mut State, source: &Source, bytes: &[u8]) {
    match Language::of(bytes) {
        Some(Language::RelayUp) => relay::up(state, source, bytes),
        Some(Language::ToServer) if !ToServer::is_tagged(bytes) => match ToServer::decode(bytes) {
            Ok(ToServer::Hello { nonce }) => join::hello(state, source, nonce),
            Ok(ToServer::Observe { nonce }) => observe(state, source, nonce),
            _ => state.counts.malformed += 1,
        },
        Some(Language::ToServer) if is_register(bytes) => join::register(state, source, bytes),
        Some(Language::ToServer) => members::frame(state, source, bytes),
        _ => state.counts.malformed += 1,
    }
}

fn observe(state: &mut State, source: &Source, nonce: u64) {
    let addr = source.from;
    state.answer(source, &FromServer::Observed { nonce, addr });
}

/// Whether this calls itself a Register.
fn is_register(bytes: &[u8]) -> bool {
    bytes.get(1) == Some(&REGISTER_KIND)
}

/// See [`crate::wire::to_server`].
const REGISTER_KIND: u8 = 2;

fn tcp_frame(state: &mut State, conn: u32, bytes: &[u8]) {
    let Some(from) = state.conns.from(conn) else {
        return;
    };
    let source = Source {
        place: Place::Tcp(conn),
        from,
        len: bytes.len(),
    };
    frame(state, &source, bytes);
}

/// Its member stays one until it has been silent for too long: it may be back by another way.
fn tcp_closed(state: &mut State, conn: u32) {
    let member = state.conns.closed(conn);
    let Some(slot) = member.and_then(|number| state.registry.slot_of(number)) else {
        return;
    };
    state.detach(slot, conn);
}

/// Tells some of those who are to be told of changes; whether there are more.
fn tell_some(state: &mut State) -> bool {
    if !state.presence.has_work() {
        return false;
    }
    let mut presence = std::mem::take(&mut state.presence);
    let more = presence.work(TELL_SLICE, |number, frame| {
        if let Some(slot) = state.registry.slot_of(number) {
            state.tell_written(slot, frame);
        }
    });
    state.presence = presence;
    more
}

/// Ends those who have been silent for too long; whether there may be more.
fn end_silent(state: &mut State, tick: u64) -> bool {
    let now = state.elapsed();
    match state
        .registry
        .silent(tick, SILENCE_SLICE, |member| member.relayed.age(now))
    {
        Silent::Slot(slot) => state.end(slot, Departure::Silent),
        Silent::More => {}
        Silent::Nobody => return false,
    }
    true
}
