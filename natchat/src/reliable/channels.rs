//! All channels of a connection: which streams there are, what each may hold, whose turn it is in the next packet,
//! what is to be told of them.
//!
//! It knows the frames but no packet numbers, times or paths. Rule: of the peer, no more is held than [`CHAT_WINDOW`]
//! and, for channels that were opened for it, [`WINDOWS`] and a [`SMALLEST_WINDOW`] for each. Channel 0 goes before
//! all others.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::reliable::incoming::{Incoming, Read};
use crate::reliable::outgoing::Outgoing;
use crate::reliable::packet::{self, CONTROL_LEN, DATA_HEADER};
use crate::reliable::sent::{Packet, Piece};
use crate::wire::codec::Malformed;

/// A stream of bytes of its own in each direction. 0: chat and agreements, always open; others: one per file. No
/// number is used twice in a direction.
pub type Channel = u32;

/// The channel of chat and agreements.
pub const CHAT: Channel = 0;

/// What may be unread in channel 0.
const CHAT_WINDOW: u64 = 1 << 20;
/// What may be unread in another channel: 160 MB/s at 100 ms, less where losses hold up what is behind them.
const CHANNEL_WINDOW: u64 = 16 << 20;
/// What may be unread in all other channels together,
const WINDOWS: u64 = 32 << 20;
/// but for this, which each has, so that none stands still.
const SMALLEST_WINDOW: u64 = 64 << 10;
/// [`Event::Writable`] comes when there is so much room.
const ROOM_STEP: u64 = 256 << 10;
/// Window frames in one packet.
const WINDOW_FRAMES: usize = 8;

/// What came of writing or reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is something to read in this channel; not told again until it was polled and more has come.
    Readable(Channel),
    /// All bytes of this channel up to this offset have reached the peer, in order.
    Delivered(Channel, u64),
    /// There is room to write in this channel again.
    Writable(Channel),
}

#[derive(Clone, Copy, Debug)]
enum Told {
    Readable(Channel),
    Delivered(Channel),
    Writable(Channel),
}

/// The streams.
#[derive(Debug)]
pub(crate) struct Channels {
    outgoing: BTreeMap<Channel, Out>,
    incoming: BTreeMap<Channel, In>,
    /// At most one of each kind and channel.
    events: VecDeque<Told>,
    /// The channel whose turn is next, channel 0 apart.
    turn: Channel,
    /// Granted to the peer in all channels but 0.
    granted: u64,
    /// A window or a skip is to be told.
    control_due: bool,
}

#[derive(Debug)]
struct Out {
    stream: Outgoing,
    /// There is an event waiting that tells of arrivals.
    told: bool,
    had_room: bool,
}

#[derive(Debug)]
struct In {
    stream: Incoming,
    /// There is an event waiting that tells of something to read.
    told: bool,
    window_due: bool,
}

impl Channels {
    pub(crate) fn new() -> Self {
        Self {
            outgoing: BTreeMap::from([(CHAT, Out::new(CHAT_WINDOW))]),
            incoming: BTreeMap::from([(CHAT, In::new(CHAT_WINDOW))]),
            events: VecDeque::new(),
            turn: CHAT,
            granted: 0,
            control_due: false,
        }
    }

    pub(crate) fn open_outgoing(&mut self, channel: Channel) {
        self.outgoing.entry(channel).or_insert_with(|| Out::new(0));
    }

    pub(crate) fn open_incoming(&mut self, channel: Channel) {
        self.incoming.entry(channel).or_insert_with(|| In::new(0));
        self.widen(channel);
    }

    pub(crate) fn close_outgoing(&mut self, channel: Channel) {
        self.outgoing.remove(&channel);
    }

    pub(crate) fn close_incoming(&mut self, channel: Channel) {
        if let Some(closed) = self.incoming.remove(&channel)
            && channel != CHAT
        {
            self.granted -= closed.stream.granted();
        }
    }

    pub(crate) fn write(&mut self, channel: Channel, bytes: &[u8]) -> u64 {
        let out = self.outgoing.get_mut(&channel);
        out.map_or(0, |out| out.stream.write(bytes))
    }

    /// Bytes that may be written before `most` are held. Whoever finds less than [`ROOM_STEP`] is told when there is
    /// more.
    pub(crate) fn room(&mut self, channel: Channel, most: u64) -> u64 {
        self.outgoing.get_mut(&channel).map_or(0, |out| {
            let room = most.saturating_sub(out.stream.kept());
            out.had_room = room >= ROOM_STEP;
            room
        })
    }

    /// Channels that files may be written to.
    pub(crate) fn files(&self) -> u64 {
        self.outgoing.len().saturating_sub(1) as u64
    }

    pub(crate) fn unsent(&self, channel: Channel) -> u64 {
        self.outgoing
            .get(&channel)
            .map_or(0, |out| out.stream.unsent())
    }

    pub(crate) fn held(&self) -> u64 {
        self.incoming
            .values()
            .map(|incoming| incoming.stream.held())
            .sum()
    }

    pub(crate) fn abandon(&mut self, channel: Channel) {
        if let Some(out) = self.outgoing.get_mut(&channel) {
            out.stream.abandon();
            self.control_due |= out.stream.skip_is_due();
        }
    }

    pub(crate) fn read(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize) -> Read {
        let Some(incoming) = self.incoming.get_mut(&channel) else {
            return Read::Nothing;
        };
        let before = incoming.stream.granted();
        let read = incoming.stream.read(out, limit);
        if channel != CHAT {
            self.granted -= before - incoming.stream.granted();
        }
        if read != Read::Nothing {
            self.widen(channel);
        }
        read
    }

    /// Grants the peer more of a channel, if that is worth a frame.
    fn widen(&mut self, channel: Channel) {
        let Some(incoming) = self.incoming.get_mut(&channel) else {
            return;
        };
        let own = incoming.stream.granted();
        let window = match channel {
            CHAT => CHAT_WINDOW,
            _ => WINDOWS
                .saturating_sub(self.granted - own)
                .clamp(SMALLEST_WINDOW, CHANNEL_WINDOW),
        };
        if let Some(limit) = incoming.stream.wants(window) {
            incoming.stream.allow(limit);
            incoming.window_due = true;
            self.control_due = true;
            if channel != CHAT {
                self.granted += incoming.stream.granted() - own;
            }
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        loop {
            match self.events.pop_front()? {
                Told::Readable(channel) => {
                    if let Some(incoming) = self.incoming.get_mut(&channel) {
                        incoming.told = false;
                        return Some(Event::Readable(channel));
                    }
                }
                Told::Delivered(channel) => {
                    if let Some(out) = self.outgoing.get_mut(&channel) {
                        out.told = false;
                        return Some(Event::Delivered(channel, out.stream.base()));
                    }
                }
                Told::Writable(channel) => return Some(Event::Writable(channel)),
            }
        }
    }
}

/// What goes into packets.
impl Channels {
    pub(crate) fn control_is_due(&self) -> bool {
        self.control_due
    }

    /// The first channel that has bytes which may be sent.
    pub(crate) fn first_with_data(&self) -> Option<Channel> {
        let mut channels = self.outgoing.iter();
        channels
            .find(|(_, out)| out.stream.has_data())
            .map(|(&channel, _)| channel)
    }

    /// Tells windows and skips that are due, as many as there is room for within `limit` bytes of `out`.
    pub(crate) fn put_control(&mut self, packet: &mut Packet, limit: usize, out: &mut Vec<u8>) {
        if !self.control_due {
            return;
        }
        self.put_windows(packet, limit, out);
        self.put_skips(packet, limit, out);
        let window_due = self.incoming.values().any(|incoming| incoming.window_due);
        self.control_due = window_due || self.outgoing.values().any(|out| out.stream.skip_is_due());
    }

    fn put_windows(&mut self, packet: &mut Packet, limit: usize, out: &mut Vec<u8>) {
        let due = self
            .incoming
            .iter_mut()
            .filter(|(_, incoming)| incoming.window_due);
        for (&channel, incoming) in due.take(WINDOW_FRAMES) {
            if out.len() + CONTROL_LEN > limit {
                return;
            }
            incoming.window_due = false;
            packet.windows = true;
            packet::put_window(channel, incoming.stream.limit(), out);
        }
    }

    fn put_skips(&mut self, packet: &mut Packet, limit: usize, out: &mut Vec<u8>) {
        for (&channel, outgoing) in &mut self.outgoing {
            if packet.is_full() || out.len() + CONTROL_LEN > limit {
                return;
            }
            if let Some(offset) = outgoing.stream.take_skip() {
                packet::put_skip(channel, offset, out);
                packet.add(Piece::skip(channel, offset));
            }
        }
    }

    /// Fills the packet: channel 0 first, then the others in turn.
    pub(crate) fn put_data(&mut self, packet: &mut Packet, limit: usize, out: &mut Vec<u8>) {
        self.put_channel(CHAT, packet, limit, out);
        while !packet.is_full() && room_for_data(limit, out).is_some() {
            let has_data = |entry: &(&Channel, &Out)| *entry.0 != CHAT && entry.1.stream.has_data();
            let next = self.outgoing.range(self.turn..).find(has_data);
            let Some((&channel, _)) =
                next.or_else(|| self.outgoing.range(..self.turn).find(has_data))
            else {
                return;
            };
            self.turn = channel.wrapping_add(1);
            self.put_channel(channel, packet, limit, out);
        }
    }

    fn put_channel(
        &mut self,
        channel: Channel,
        packet: &mut Packet,
        limit: usize,
        out: &mut Vec<u8>,
    ) {
        let Some(outgoing) = self.outgoing.get_mut(&channel) else {
            return;
        };
        while !packet.is_full()
            && let Some(room) = room_for_data(limit, out)
            && let Some(range) = outgoing.stream.take(room)
        {
            packet.add(put_range(channel, &outgoing.stream, range, out));
        }
    }

    /// Whether something of a packet has not arrived by another one.
    pub(crate) fn wants(&self, packet: &Packet) -> bool {
        let missing = |piece: &Piece| {
            let stream = self.outgoing.get(&piece.channel).map(|out| &out.stream);
            stream.is_some_and(|stream| {
                piece.is_skip() || stream.still_missing(piece.range()).is_some()
            })
        };
        packet.windows || packet.pieces().iter().any(missing)
    }

    /// Writes again what a packet held and has not arrived.
    pub(crate) fn put_again(
        &self,
        original: &Packet,
        packet: &mut Packet,
        limit: usize,
        out: &mut Vec<u8>,
    ) {
        for piece in original.pieces() {
            let Some(outgoing) = self
                .outgoing
                .get(&piece.channel)
                .filter(|_| !packet.is_full())
            else {
                continue;
            };
            if piece.is_skip() {
                if out.len() + CONTROL_LEN <= limit {
                    packet::put_skip(piece.channel, piece.offset, out);
                    packet.add(*piece);
                }
            } else if let Some(mut range) = outgoing.stream.still_missing(piece.range())
                && let Some(room) = room_for_data(limit, out)
            {
                range.end = range.end.min(range.start + room as u64);
                packet.add(put_range(piece.channel, &outgoing.stream, range, out));
            }
        }
    }

    /// All windows are to be told again: which of them a lost packet told is not worth remembering.
    pub(crate) fn tell_windows(&mut self) {
        for incoming in self.incoming.values_mut() {
            incoming.window_due = true;
        }
        self.control_due = true;
    }
}

/// What comes out of packets.
impl Channels {
    pub(crate) fn check_data(
        &self,
        channel: Channel,
        offset: u64,
        len: usize,
    ) -> Result<(), Malformed> {
        let incoming = self.incoming.get(&channel);
        incoming.map_or(Ok(()), |incoming| incoming.stream.check(offset, len))
    }

    pub(crate) fn check_skip(&self, channel: Channel, to: u64) -> Result<(), Malformed> {
        let incoming = self.incoming.get(&channel);
        incoming.map_or(Ok(()), |incoming| incoming.stream.check_skip(to))
    }

    /// Takes bytes that were checked; those for a channel that is not open are dropped.
    pub(crate) fn take_data(&mut self, channel: Channel, offset: u64, bytes: &[u8]) {
        if let Some(incoming) = self.incoming.get_mut(&channel)
            && incoming.stream.take(offset, bytes)
        {
            incoming.tell(channel, &mut self.events);
        }
    }

    pub(crate) fn take_skip(&mut self, channel: Channel, to: u64) {
        let Some(incoming) = self.incoming.get_mut(&channel) else {
            return;
        };
        let before = incoming.stream.granted();
        if !incoming.stream.skip(to) {
            return;
        }
        incoming.tell(channel, &mut self.events);
        if channel != CHAT {
            self.granted = self.granted + incoming.stream.granted() - before;
        }
        self.widen(channel);
    }

    pub(crate) fn take_window(&mut self, channel: Channel, limit: u64) {
        if let Some(out) = self.outgoing.get_mut(&channel) {
            out.stream.allow(limit);
        }
    }

    /// What the peer has got.
    pub(crate) fn arrived(&mut self, pieces: &[Piece], most: u64) {
        for piece in pieces {
            let Some(out) = self.outgoing.get_mut(&piece.channel) else {
                continue;
            };
            let news = if piece.is_skip() {
                out.stream.acknowledge_skip(piece.offset)
            } else {
                out.stream.acknowledge(piece.range())
            };
            // What lies behind a stretch that the peer does not know to be skipped cannot be read there yet.
            if news && !out.stream.has_skip() {
                if !std::mem::replace(&mut out.told, true) {
                    self.events.push_back(Told::Delivered(piece.channel));
                }
                if !out.had_room && out.stream.kept() + ROOM_STEP <= most {
                    out.had_room = true;
                    self.events.push_back(Told::Writable(piece.channel));
                }
            }
        }
    }

    /// What is to be sent again.
    pub(crate) fn lost(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let Some(out) = self.outgoing.get_mut(&piece.channel) else {
                continue;
            };
            if piece.is_skip() {
                out.stream.lose_skip(piece.offset);
                self.control_due = true;
            } else {
                out.stream.lose(piece.range());
            }
        }
    }
}

impl Out {
    fn new(limit: u64) -> Self {
        Self {
            stream: Outgoing::new(limit),
            told: false,
            had_room: true,
        }
    }
}

impl In {
    fn new(limit: u64) -> Self {
        Self {
            stream: Incoming::new(limit),
            told: false,
            window_due: false,
        }
    }

    fn tell(&mut self, channel: Channel, events: &mut VecDeque<Told>) {
        if !std::mem::replace(&mut self.told, true) {
            events.push_back(Told::Readable(channel));
        }
    }
}

/// How many bytes a Data frame can still hold.
fn room_for_data(limit: usize, out: &[u8]) -> Option<usize> {
    limit
        .checked_sub(out.len() + DATA_HEADER)
        .filter(|&room| room > 0)
}

/// Writes a Data frame of bytes that were taken.
fn put_range(channel: Channel, stream: &Outgoing, range: Range<u64>, out: &mut Vec<u8>) -> Piece {
    let len = u16::try_from(range.end - range.start).expect("no piece is longer than a packet");
    packet::put_data(channel, range.start, len.into(), out);
    stream.copy(range.clone(), out);
    Piece {
        channel,
        len,
        offset: range.start,
    }
}
