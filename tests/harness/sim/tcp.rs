//! One end of a connection: ordered bytes over lossy packets, as a pure machine.
//!
//! ```text
//! Opening ── Syn/SynAck answered ──► Open ── both ends finished ──► Done
//!    └── Rst, or too many tries in vain ───────┴──────────────────► Done
//! ```
//!
//! As much of TCP as a test can notice: loss delays and never reorders, a silent peer is given up on, a forgotten
//! connection is reset, a slow reader's sender runs out of room. Segments are numbered one by one instead of by byte;
//! there is no congestion control and no sequence guessing.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes in one segment: what fits an Ethernet frame with room to spare.
const SEGMENT_LEN: usize = 1400;
/// Segments under way at once.
const WINDOW: usize = 64;
/// Segments that may wait or be under way; [`End::send`] takes no more.
const MAX_BUFFERED: usize = 256;
/// First wait for an answer, before a round trip was measured (RFC 6298 §2.1).
const FIRST_RTO: Duration = Duration::from_secs(1);
/// Bounds of the measured wait, as Linux has them but for the upper one.
const MIN_RTO: Duration = Duration::from_millis(200);
const MAX_RTO: Duration = Duration::from_secs(8);
/// Tries in vain before the other side is given up.
const MAX_TRIES: u32 = 12;
/// Segments repeated at once after a wait in vain.
const REPEATED: usize = 16;
/// Equal acknowledgements that mean a hole (RFC 5681 §3.2).
const DUPLICATE_ACKS: u32 = 3;

/// What travels in a packet.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Syn,
    SynAck,
    Part { number: u64, item: Item },
    Ack { next: u64 },
    Rst,
}

/// A numbered piece of the stream.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Bytes(Vec<u8>),
    Fin,
}

/// What a connection tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// The other side answered.
    Connected,
    /// A new connection on a port that listens.
    Accepted {
        /// The port that was asked for.
        port: u16,
        /// Where it comes from, as seen here.
        from: SocketAddr,
    },
    /// The next bytes of the stream, cut anywhere.
    Data(Vec<u8>),
    /// There is room again after a send that was cut short.
    Room,
    /// The other side will send no more.
    Ended,
    /// The other side, or a box on the way, does not know this connection; or nobody listens.
    Reset,
    /// Nothing came back for too long.
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Caller,
    Listener,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    side: Side,
    state: State,
    local: SocketAddr,
    remote: SocketAddr,
    unsent: VecDeque<Item>,
    under_way: BTreeMap<u64, Item>,
    next_number: u64,
    expected: u64,
    early: BTreeMap<u64, Item>,
    has_finished: bool,
    peer_finished: bool,
    was_refused_room: bool,
    duplicate_acks: u32,
    rto: Duration,
    tries: u32,
    repeat_at: Option<Instant>,
    /// A segment whose acknowledgement tells the round trip: sent once only (Karn's rule).
    timed: Option<(u64, Instant)>,
    segments: VecDeque<Segment>,
    events: VecDeque<TcpEvent>,
}

impl Segment {
    /// Bytes beyond the headers that a datagram has too.
    pub(crate) fn len(&self) -> usize {
        const LONGER_HEADER: usize = 12;
        match self {
            Self::Part {
                item: Item::Bytes(bytes),
                ..
            } => LONGER_HEADER + bytes.len(),
            Self::Part {
                item: Item::Fin, ..
            }
            | Self::Syn
            | Self::SynAck
            | Self::Ack { .. }
            | Self::Rst => LONGER_HEADER,
        }
    }
}

impl End {
    /// Calls `remote`.
    pub(crate) fn call(now: Instant, local: SocketAddr, remote: SocketAddr) -> Self {
        let mut end = Self::new(now, Side::Caller, local, remote);
        end.segments.push_back(Segment::Syn);
        end
    }

    /// Answers the call of `remote`.
    pub(crate) fn answer(now: Instant, local: SocketAddr, remote: SocketAddr) -> Self {
        let mut end = Self::new(now, Side::Listener, local, remote);
        end.segments.push_back(Segment::SynAck);
        end
    }

    fn new(now: Instant, side: Side, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            side,
            state: State::Opening,
            local,
            remote,
            unsent: VecDeque::new(),
            under_way: BTreeMap::new(),
            next_number: 0,
            expected: 0,
            early: BTreeMap::new(),
            has_finished: false,
            peer_finished: false,
            was_refused_room: false,
            duplicate_acks: 0,
            rto: FIRST_RTO,
            tries: 0,
            repeat_at: Some(now + FIRST_RTO),
            timed: None,
            segments: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// When [`End::handle_timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.repeat_at.filter(|_| self.state != State::Done)
    }

    pub(crate) fn poll_segment(&mut self) -> Option<Segment> {
        self.segments.pop_front()
    }

    pub(crate) fn poll_event(&mut self) -> Option<TcpEvent> {
        self.events.pop_front()
    }

    /// Whether nothing will ever come or go here again.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done && self.segments.is_empty() && self.events.is_empty()
    }

    /// Takes as many bytes as there is room for, and says how many.
    pub(crate) fn send(&mut self, now: Instant, bytes: &[u8]) -> usize {
        if self.has_finished || self.state == State::Done {
            return 0;
        }
        let room =
            MAX_BUFFERED.saturating_sub(self.unsent.len() + self.under_way.len()) * SEGMENT_LEN;
        let taken = bytes.len().min(room);
        self.was_refused_room = taken < bytes.len();
        for part in bytes[..taken].chunks(SEGMENT_LEN) {
            self.unsent.push_back(Item::Bytes(part.to_vec()));
        }
        self.push_out(now);
        taken
    }

    /// Ends our direction once everything before has arrived.
    pub(crate) fn finish(&mut self, now: Instant) {
        if !self.has_finished && self.state != State::Done {
            self.has_finished = true;
            self.unsent.push_back(Item::Fin);
            self.push_out(now);
        }
    }

    /// Ends both directions at once, without an event here.
    pub(crate) fn abort(&mut self) {
        if self.state != State::Done {
            self.state = State::Done;
            self.segments.clear();
            self.segments.push_back(Segment::Rst);
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, segment: Segment) {
        if self.state == State::Done {
            return;
        }
        match segment {
            Segment::Rst => self.fail(TcpEvent::Reset),
            Segment::Syn => self.repeat_answer(),
            Segment::SynAck => {
                self.open(now);
                self.acknowledge();
            }
            Segment::Ack { next } => {
                self.open(now);
                self.acknowledged(now, next);
            }
            Segment::Part { number, item } => {
                self.open(now);
                self.take_in(number, item);
            }
        }
        self.finish_up();
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        self.tries += 1;
        if self.tries > MAX_TRIES {
            self.fail(TcpEvent::TimedOut);
            return;
        }
        self.rto = (self.rto * 2).min(MAX_RTO);
        self.repeat_at = Some(now + self.rto);
        self.timed = None;
        match (self.state, self.side) {
            (State::Opening, Side::Caller) => self.segments.push_back(Segment::Syn),
            (State::Opening, Side::Listener) => self.segments.push_back(Segment::SynAck),
            (State::Open | State::Done, _) => self.repeat(REPEATED),
        }
    }

    fn open(&mut self, now: Instant) {
        if self.state != State::Opening {
            return;
        }
        self.state = State::Open;
        self.tries = 0;
        self.repeat_at = None;
        self.events.push_back(match self.side {
            Side::Caller => TcpEvent::Connected,
            Side::Listener => TcpEvent::Accepted {
                port: self.local.port(),
                from: self.remote,
            },
        });
        self.push_out(now);
    }

    fn repeat_answer(&mut self) {
        if self.side == Side::Listener {
            self.segments.push_back(Segment::SynAck);
        }
    }

    fn acknowledge(&mut self) {
        self.segments.push_back(Segment::Ack {
            next: self.expected,
        });
    }

    fn take_in(&mut self, number: u64, item: Item) {
        // Only what was sent ahead of a hole waits here: the sender's window bounds it.
        if number >= self.expected {
            self.early.insert(number, item);
        }
        while let Some(item) = self.early.remove(&self.expected) {
            self.expected += 1;
            self.events.push_back(match item {
                Item::Bytes(bytes) => TcpEvent::Data(bytes),
                Item::Fin => {
                    self.peer_finished = true;
                    TcpEvent::Ended
                }
            });
        }
        self.acknowledge();
    }

    fn acknowledged(&mut self, now: Instant, next: u64) {
        let before = self.under_way.len();
        self.under_way.retain(|number, _| *number >= next);
        if self.under_way.len() == before {
            self.duplicate_acks += u32::from(before > 0);
            if self.duplicate_acks == DUPLICATE_ACKS {
                self.repeat(1);
            }
            return;
        }
        self.duplicate_acks = 0;
        self.tries = 0;
        if let Some((_, sent)) = self.timed.take_if(|(number, _)| *number < next) {
            self.rto = ((now - sent) * 2).clamp(MIN_RTO, MAX_RTO);
        }
        self.repeat_at = (!self.under_way.is_empty()).then(|| now + self.rto);
        self.push_out(now);
        if self.was_refused_room && self.unsent.len() + self.under_way.len() <= MAX_BUFFERED / 2 {
            self.was_refused_room = false;
            self.events.push_back(TcpEvent::Room);
        }
    }

    /// Sends what the window allows.
    fn push_out(&mut self, now: Instant) {
        if self.state != State::Open {
            return;
        }
        while self.under_way.len() < WINDOW {
            let Some(item) = self.unsent.pop_front() else {
                break;
            };
            let number = self.next_number;
            self.next_number += 1;
            self.timed.get_or_insert((number, now));
            self.under_way.insert(number, item.clone());
            self.segments.push_back(Segment::Part { number, item });
        }
        if !self.under_way.is_empty() && self.repeat_at.is_none() {
            self.repeat_at = Some(now + self.rto);
        }
    }

    fn repeat(&mut self, most: usize) {
        for (number, item) in self.under_way.iter().take(most) {
            self.segments.push_back(Segment::Part {
                number: *number,
                item: item.clone(),
            });
        }
    }

    fn fail(&mut self, why: TcpEvent) {
        self.state = State::Done;
        if !(self.has_finished && self.peer_finished) {
            self.events.push_back(why);
        }
    }

    fn finish_up(&mut self) {
        if self.has_finished
            && self.peer_finished
            && self.unsent.is_empty()
            && self.under_way.is_empty()
        {
            self.state = State::Done;
        }
    }
}
