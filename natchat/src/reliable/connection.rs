//! The whole of it: channels in, packets out, and back.
//!
//! ```text
//!   loop {
//!       handle_packet | write | handle_timeout      // one input
//!       while poll_event { read … }
//!       while poll_packet { seal, send }
//!       wait until next_timeout or the next input
//!   }
//! ```
//!
//! It decides what goes into the next packet and when: what is due of acknowledgements and windows at once, data as
//! path and pace allow, copies of the oldest packets when nothing is acknowledged. What the streams hold is the
//! business of `channels`. Rule: a packet is taken whole or not at all, and only what was taken is acknowledged.

use std::time::{Duration, Instant};

pub use crate::reliable::channels::{CHAT, Channel, Event};
pub use crate::reliable::incoming::Read;

use crate::reliable::acks::Acks;
use crate::reliable::channels::Channels;
use crate::reliable::congestion::{Congestion, Fate};
use crate::reliable::pacing::Pacer;
use crate::reliable::packet::{self, Frame, Frames};
use crate::reliable::round_trip::RoundTrip;
use crate::reliable::sent::{Outcome, Packet, Sent};
use crate::wire::codec::Malformed;

/// The longest packet, in bytes before it is sealed: sealed, framed and relayed it fits [`crate::wire::DATAGRAM_LEN`].
pub const PACKET_LEN: usize = 1_160;

/// The shortest `limit` of a packet that can carry each kind of frame.
pub const SMALLEST_PACKET: usize = 64;

/// What a channel may have unsent, at least and at most. Between them, four times what may be on its way: at 30 %
/// loss, some bytes are lost four times in a row while what follows them arrives.
const ROOM_LEAST: u64 = 512 << 10;
const ROOM_MOST: u64 = 16 << 20;
/// Chat may go though so much more than allowed is on its way: it is not to wait behind a file on a path that stands.
const CHAT_EXTRA: u64 = 8 * PACKET_LEN as u64;
/// Packets that repeat the oldest ones when nothing was acknowledged for a timeout (RFC 9002 §6.2.4).
const PROBES: u8 = 2;
/// After so long without an answer, what was known of the path is forgotten: but not before it was asked so often.
const SILENCE: Duration = Duration::from_millis(500);
const SILENT_PROBES: u32 = 3;
/// Copies given between two acknowledgements.
const DUPLICATES: u32 = 32;

/// One peer's streams.
#[derive(Debug)]
pub struct Connection {
    channels: Channels,
    acks: Acks,
    sent: Sent,
    outcome: Outcome,
    round_trip: RoundTrip,
    congestion: Congestion,
    pacer: Pacer,
    /// The latest time that was told.
    now: Instant,
    lost_at: Option<Instant>,
    progress: Instant,
    has_sent: bool,
    probing: Probing,
    /// From which packet on to copy next for another path, and how many more.
    duplicate_from: u64,
    duplicates: u32,
}

/// What is done when nothing is acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Probing {
    at: Option<Instant>,
    /// Timeouts since the last acknowledgement.
    unanswered: u32,
    /// Whether the path was given up.
    is_silent: bool,
    /// Packets to be repeated now, from which one on.
    left: u8,
    from: u64,
}

impl Connection {
    /// A new one, for a peer that has just been started or met.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            channels: Channels::new(),
            acks: Acks::new(now),
            sent: Sent::new(),
            outcome: Outcome::default(),
            round_trip: RoundTrip::default(),
            congestion: Congestion::new(now, 0),
            pacer: Pacer::new(now),
            now,
            lost_at: None,
            progress: now,
            has_sent: false,
            probing: Probing::default(),
            duplicate_from: 0,
            duplicates: DUPLICATES,
        }
    }

    /// Opens a channel for writing. The peer's first window may come before anything is written: open it before the
    /// peer learns its number.
    pub fn open_outgoing(&mut self, channel: Channel) {
        self.channels.open_outgoing(channel);
    }

    /// Opens a channel for reading and tells the peer so: until then, it sends nothing there. How many are open is
    /// bounded by who opens them.
    pub fn open_incoming(&mut self, channel: Channel) {
        self.channels.open_incoming(channel);
    }

    /// Frees the sending half of a channel; what is still on its way may or may not arrive.
    pub fn close_outgoing(&mut self, channel: Channel) {
        self.channels.close_outgoing(channel);
    }

    /// Frees the receiving half: what arrives later is acknowledged and dropped.
    pub fn close_incoming(&mut self, channel: Channel) {
        self.channels.close_incoming(channel);
    }

    /// Takes bytes to be sent; returns the offset after them. Takes all: who writes looks at [`Self::room`], or in
    /// channel 0 at [`Self::unsent`]. What is written to a channel that is not open is lost.
    pub fn write(&mut self, channel: Channel, bytes: &[u8]) -> u64 {
        self.channels.write(channel, bytes)
    }

    /// Bytes that may be written now without more being held than is useful. When it is found to be less than 256 KiB,
    /// [`Event::Writable`] comes as soon as it is so much again.
    pub fn room(&mut self, channel: Channel) -> usize {
        let room = self.channels.room(channel, self.most_unsent());
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// What each channel may hold.
    fn most_unsent(&self) -> u64 {
        let share = ROOM_MOST / self.channels.files().max(1);
        (self.congestion.window() * 4).clamp(ROOM_LEAST, share.max(ROOM_LEAST))
    }

    /// Bytes written and not yet known to have arrived.
    #[must_use]
    pub fn unsent(&self, channel: Channel) -> u64 {
        self.channels.unsent(channel)
    }

    /// Moves at most `limit` bytes of what has arrived in order to the end of `out`. What is not read is not
    /// acknowledged for flow control: the other side stops after a window.
    pub fn read(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize) -> Read {
        self.channels.read(channel, out, limit)
    }

    /// Bytes that memory is held for because the peer has sent them, or what comes after them.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.channels.held()
    }

    /// Gives up all that was written to this channel and has not arrived: the peer skips it and reads [`Read::Gap`].
    /// Offsets go on.
    pub fn abandon(&mut self, channel: Channel) {
        self.channels.abandon(channel);
    }

    /// What has happened since the last call; `None`: nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.channels.poll_event()
    }
}

/// Sending.
impl Connection {
    /// Writes the next packet to be sent now into `out` (cleared first), at most `limit` bytes, of which there are
    /// [`SMALLEST_PACKET`]; false if there is none (yet). Paced: ask again when [`Self::next_timeout`] has passed.
    pub fn poll_packet(&mut self, now: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        self.now = self.now.max(now);
        out.clear();
        let limit = limit.min(PACKET_LEN);
        if limit < SMALLEST_PACKET {
            return false;
        }
        if self.probing.left > 0 {
            self.probing.left -= 1;
            if let Some(number) = self.put_copy(self.probing.from, limit, out) {
                self.probing.from = number + 1;
                return true;
            }
            self.probing.left = 0;
        }
        let data = self.may_send();
        let ack = self.acks.due().is_some_and(|due| due <= self.now);
        (data || ack || self.channels.control_is_due()) && self.put_fresh(data, limit, out)
    }

    /// Whether there is data and the path bears it now.
    fn may_send(&mut self) -> bool {
        let flying = self.sent.flying();
        match self.allowed() {
            Some(window) => flying < window && self.pacer.allows(self.now, self.congestion.rate()),
            None => {
                if flying < self.congestion.window() {
                    self.congestion.limited();
                }
                false
            }
        }
    }

    /// How much may be on its way; `None`: there is nothing to be sent.
    fn allowed(&self) -> Option<u64> {
        let extra = match self.channels.first_with_data()? {
            CHAT => CHAT_EXTRA,
            _ => 0,
        };
        Some(self.congestion.window() + extra)
    }

    fn put_fresh(&mut self, data: bool, limit: usize, out: &mut Vec<u8>) -> bool {
        let mut packet = Packet::new(self.now, false);
        let acked = self.put_head(limit, out);
        self.channels.put_control(&mut packet, limit, out);
        if data {
            self.channels.put_data(&mut packet, limit, out);
        }
        let eliciting = packet.windows || !packet.pieces().is_empty();
        if eliciting {
            self.push(packet, out.len());
        } else if acked {
            self.sent.push_unanswered(self.now);
        } else {
            out.clear();
        }
        eliciting || acked
    }

    /// The number, and what is to be acknowledged.
    fn put_head(&mut self, limit: usize, out: &mut Vec<u8>) -> bool {
        packet::put_int(self.sent.next_number(), out);
        self.acks.is_waiting() && self.acks.put(self.now, limit, out)
    }

    fn push(&mut self, mut packet: Packet, len: usize) {
        if self.sent.oldest_flying().is_none() {
            self.progress = self.now;
            self.has_sent = true;
        }
        packet.len = u16::try_from(len).expect("no packet is longer than PACKET_LEN");
        self.pacer.sent(len);
        self.sent.push(packet);
        self.congestion.sent(self.sent.flying());
    }

    /// A copy of what is not acknowledged and was sent before `before`, as a packet with a number of its own, for
    /// another path; false when each such piece has been given once since the last acknowledgement, or a few dozen of
    /// them.
    pub fn poll_duplicate(
        &mut self,
        now: Instant,
        before: Instant,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        self.now = self.now.max(now);
        out.clear();
        let limit = limit.min(PACKET_LEN);
        while limit >= SMALLEST_PACKET && self.duplicates > 0 {
            let found = self.sent.flying_from(self.duplicate_from);
            let Some((number, &packet)) = found.filter(|(_, packet)| packet.at < before) else {
                return false;
            };
            self.duplicate_from = number + 1;
            if !packet.copy
                && self.channels.wants(&packet)
                && self.put_copy(number, limit, out).is_some()
            {
                self.duplicates -= 1;
                return true;
            }
        }
        false
    }

    /// Writes a packet with what the oldest unacknowledged one from this number on holds; returns that one's number.
    fn put_copy(&mut self, from: u64, limit: usize, out: &mut Vec<u8>) -> Option<u64> {
        let (number, &original) = self.sent.flying_from(from)?;
        let mut packet = Packet::new(self.now, true);
        if original.windows {
            self.channels.tell_windows();
        }
        self.put_head(limit, out);
        self.channels.put_control(&mut packet, limit, out);
        self.channels.put_again(&original, &mut packet, limit, out);
        if packet.pieces().is_empty() && !packet.windows {
            packet::put_ping(out);
        }
        self.push(packet, out.len());
        Some(number)
    }
}

/// Receiving.
impl Connection {
    /// Takes a packet of the peer's.
    ///
    /// # Errors
    /// If it is malformed or beyond a window: nothing of it is taken.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Malformed> {
        let (number, mut frames) = packet::open(packet)?;
        self.check(frames.clone())?;
        self.now = self.now.max(now);
        let mut eliciting = false;
        let mut urgent = false;
        while let Some(frame) = frames.next()? {
            eliciting |= !matches!(frame, Frame::Ack(_));
            urgent |= matches!(frame, Frame::Ping | Frame::Data { channel: CHAT, .. });
            self.take(frame);
        }
        self.acks.receive(self.now, number, eliciting, urgent);
        Ok(())
    }

    /// Whether all of a packet can be taken.
    fn check(&self, mut frames: Frames<'_>) -> Result<(), Malformed> {
        while let Some(frame) = frames.next()? {
            match frame {
                Frame::Data {
                    channel,
                    offset,
                    bytes,
                } => self.channels.check_data(channel, offset, bytes.len())?,
                Frame::Skip { channel, to } => self.channels.check_skip(channel, to)?,
                Frame::Ack(ack) if ack.largest >= self.sent.next_number() => return Err(Malformed),
                Frame::Ack(_) | Frame::Window { .. } | Frame::Ping => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame<'_>) {
        match frame {
            Frame::Ping => {}
            Frame::Ack(ack) => self.take_ack(&ack),
            Frame::Window { channel, limit } => self.channels.take_window(channel, limit),
            Frame::Data {
                channel,
                offset,
                bytes,
            } => self.channels.take_data(channel, offset, bytes),
            Frame::Skip { channel, to } => self.channels.take_skip(channel, to),
        }
    }

    fn take_ack(&mut self, ack: &packet::Ack<'_>) {
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.clear();
        for range in ack.ranges() {
            self.sent.acknowledge(range, &mut outcome);
        }
        let mut round_trip = None;
        if let Some((number, packet)) = outcome.newest {
            if number == ack.largest && packet.is_of_path() {
                let sample = self.now - packet.at;
                round_trip = Some(sample.saturating_sub(ack.delay));
                self.round_trip.measure(sample, ack.delay);
            }
            self.progress = self.now;
            self.probing = Probing::default();
            (self.duplicate_from, self.duplicates) = (0, DUPLICATES);
        }
        self.settle(outcome, round_trip);
    }

    /// Finds what is lost now, and tells streams and model what came of packets.
    fn settle(&mut self, mut outcome: Outcome, round_trip: Option<Duration>) {
        self.lost_at = self.sent.lose(self.now, &self.round_trip, &mut outcome);
        let fate = Fate {
            arrived_len: outcome.arrived_len,
            arrived: outcome.arrived_count,
            lost: outcome.lost_count,
            late: outcome.late_count,
            newest: outcome.newest.map(|(number, _)| number),
            round_trip,
            flying: self.sent.flying(),
            next_number: self.sent.next_number(),
        };
        self.congestion.learn(self.now, fate);
        self.channels.arrived(&outcome.arrived, self.most_unsent());
        self.channels.lost(&outcome.lost);
        if outcome.windows_lost {
            self.channels.tell_windows();
        }
        self.outcome = outcome;
    }
}

/// Time.
impl Connection {
    /// When [`Self::handle_timeout`] or [`Self::poll_packet`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let at_once = (self.channels.control_is_due() || self.probing.left > 0).then_some(self.now);
        let data = self.allowed().filter(|&window| self.sent.flying() < window);
        let data = data.map(|_| self.pacer.until().unwrap_or(self.now));
        let all = [
            at_once,
            data,
            self.acks.due(),
            self.lost_at,
            self.probe_at(),
        ];
        all.into_iter().flatten().min()
    }

    /// When the oldest packets are to be repeated if nothing is acknowledged until then.
    fn probe_at(&self) -> Option<Instant> {
        let oldest = self.sent.oldest_flying()?;
        let since = oldest.at.max(self.progress);
        let since = self.probing.at.map_or(since, |at| since.max(at));
        Some(since + self.round_trip.probe_timeout(self.probing.unanswered))
    }

    /// Declares lost what is overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.lost_at.is_some_and(|at| at <= self.now) {
            let mut outcome = std::mem::take(&mut self.outcome);
            outcome.clear();
            self.settle(outcome, None);
        }
        if self.probe_at().is_some_and(|at| at <= self.now) {
            let unanswered = self.probing.unanswered + 1;
            let is_silent = unanswered >= SILENT_PROBES && self.now >= self.progress + SILENCE;
            if is_silent && !self.probing.is_silent {
                self.congestion = Congestion::new(self.now, self.sent.next_number());
            }
            self.probing = Probing {
                at: Some(self.now),
                unanswered,
                is_silent,
                left: PROBES,
                from: 0,
            };
        }
    }

    /// Since when the oldest piece in flight waits for its acknowledgement.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Instant> {
        self.sent.oldest_flying().map(|packet| packet.at)
    }

    /// When something was last acknowledged, or sent while nothing was in flight: progress. `None`: nothing was ever
    /// sent.
    #[must_use]
    pub fn last_progress(&self) -> Option<Instant> {
        self.has_sent.then_some(self.progress)
    }

    /// The smoothed round trip, once measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.smoothed()
    }

    /// The retransmission timeout now: max(50 ms, srtt + 4 · var), 250 ms while nothing was measured.
    #[must_use]
    pub fn retransmission_timeout(&self) -> Duration {
        self.round_trip.timeout()
    }

    /// The path has changed: what was measured says little about the new one.
    pub fn path_changed(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.round_trip = RoundTrip::default();
        self.congestion = Congestion::new(self.now, self.sent.next_number());
        self.pacer = Pacer::new(self.now);
        self.sent.path_changed();
    }
}
