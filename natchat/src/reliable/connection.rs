//! The whole of it: channels in, packets out, and back.

use std::time::{Duration, Instant};

use crate::wire::codec::Malformed;

/// The longest packet, in bytes before it is sealed: sealed, framed and relayed it fits [`crate::wire::DATAGRAM_LEN`].
pub const PACKET_LEN: usize = 1_160;

/// A stream of bytes of its own in each direction. 0: chat and agreements; others: one per file.
pub type Channel = u32;

/// One peer's streams.
#[derive(Debug)]
pub struct Connection {
    _todo: (),
}

/// What came of writing or reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is something to read in this channel.
    Readable(Channel),
    /// All bytes of this channel up to this offset have reached the peer, in order.
    Delivered(Channel, u64),
    /// There is room to write in this channel again.
    Writable(Channel),
}

impl Connection {
    /// A new one, for a peer that has just been started or met.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let _ = now;
        unimplemented!()
    }
    /// Takes bytes to be sent; returns the offset after them. Takes all: who writes looks at [`Self::unsent`] before more than a record.
    pub fn write(&mut self, channel: Channel, bytes: &[u8]) -> u64 {
        let _ = (channel, bytes);
        unimplemented!()
    }
    /// Bytes written and not yet known to have arrived.
    #[must_use]
    pub fn unsent(&self, channel: Channel) -> u64 {
        let _ = channel;
        unimplemented!()
    }
    /// Moves what has arrived in order to the end of `out`; returns how many bytes. What is not read is not
    /// acknowledged for flow control: the other side stops after a window.
    pub fn read(&mut self, channel: Channel, out: &mut Vec<u8>, limit: usize) -> usize {
        let _ = (channel, out, limit);
        unimplemented!()
    }
    /// Gives up all that was written to this channel and has not arrived: the peer skips it.
    pub fn abandon(&mut self, channel: Channel) {
        let _ = channel;
        unimplemented!()
    }
    /// Frees the channel, both ways: what arrives later for it is acknowledged and dropped.
    pub fn close(&mut self, channel: Channel) {
        let _ = channel;
        unimplemented!()
    }
    /// Writes the next packet to be sent now into `out` (cleared first), at most `limit` bytes; false if there is none (yet).
    /// Paced: ask again when [`Self::next_timeout`] has passed.
    pub fn poll_packet(&mut self, now: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        let _ = (now, limit, out);
        unimplemented!()
    }
    /// A copy of what is not acknowledged and was sent before `before`, as a packet with a number of its own, for another path;
    /// false when each such piece has been given once since the last acknowledgement.
    pub fn poll_duplicate(&mut self, now: Instant, before: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        let _ = (now, before, limit, out);
        unimplemented!()
    }
    /// Takes a packet of the peer's.
    ///
    /// # Errors
    /// If it is malformed or beyond a window: nothing of it is taken.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Malformed> {
        let _ = (now, packet);
        unimplemented!()
    }
    /// What has happened since the last call; `None`: nothing more.
    pub fn poll_event(&mut self) -> Option<Event> {
        unimplemented!()
    }
    /// When [`Self::handle_timeout`] or [`Self::poll_packet`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// Declares lost what is overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// Since when the oldest piece in flight waits for its acknowledgement.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// When something was last acknowledged (or, at first, when something was first sent): progress.
    #[must_use]
    pub fn last_progress(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// The smoothed round trip, once measured.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        unimplemented!()
    }
    /// The retransmission timeout now: max(50 ms, srtt + 4 · var), 250 ms while nothing was measured.
    #[must_use]
    pub fn retransmission_timeout(&self) -> Duration {
        unimplemented!()
    }
    /// The path has changed: what was measured says little about the new one.
    pub fn path_changed(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
}
