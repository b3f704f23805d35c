//! Packets on their way: what was in each, when it went, and whether it is lost (RFC 9002 §6.1).
//!
//! ```text
//!   Flying ──acknowledged──► Settled ──► forgotten from the oldest on
//!     └─overtaken by 3, or by one a round trip and an eighth ago──► Lost ──acknowledged after all, or old──► Settled
//! ```
//!
//! A packet that was thought lost and is acknowledged after all shows that packets overtake each other: from then on
//! more patience is had (as in RFC 8985 §3.3.2). It resends nothing itself: it returns what was in the packets. Every
//! search goes from where the last one ended, so that an acknowledgement costs what is new in it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::reliable::ranges::RangeSet;
use crate::reliable::round_trip::RoundTrip;

/// Pieces of streams in one packet.
pub(crate) const PIECES: usize = 4;
/// Packets by which one must be overtaken to be lost (RFC 9002 §6.1.1), and how far patience can grow.
const OVERTAKEN: u64 = 3;
const OVERTAKEN_MOST: u64 = 1_024;
/// The same in eighths of a round trip (RFC 9002 §6.1.2).
const LATE_EIGHTHS: u32 = 9;
const LATE_EIGHTHS_MOST: u32 = 16;
/// Packets remembered at most; above, lost ones are forgotten at once.
const REMEMBERED: usize = 1 << 16;

/// A piece of a channel that was in a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) channel: u32,
    pub(crate) len: u16,
    pub(crate) offset: u64,
}

impl Piece {
    /// That the peer is told to skip to an offset.
    pub(crate) fn skip(channel: u32, offset: u64) -> Self {
        Self {
            channel,
            len: 0,
            offset,
        }
    }

    pub(crate) fn is_skip(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.len)
    }
}

/// What is remembered of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) at: Instant,
    pub(crate) len: u16,
    pieces: [Piece; PIECES],
    count: u8,
    /// Whether it told windows.
    pub(crate) windows: bool,
    /// Whether it is a copy of what is in another one too, for another path perhaps: it says nothing about this one.
    pub(crate) copy: bool,
    /// Whether it counts as being on the path.
    counted: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Flying,
    Lost,
    Settled,
}

impl Packet {
    pub(crate) fn new(at: Instant, copy: bool) -> Self {
        Self {
            at,
            len: 0,
            pieces: [Piece::default(); PIECES],
            count: 0,
            windows: false,
            copy,
            counted: !copy,
            state: State::Flying,
        }
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces[..self.count.into()]
    }

    /// Whether it was sent by the path that is used now, and so tells its round trip.
    pub(crate) fn is_of_path(&self) -> bool {
        self.counted
    }

    pub(crate) fn is_full(&self) -> bool {
        usize::from(self.count) == PIECES
    }

    /// Notes a piece; there must be room.
    pub(crate) fn add(&mut self, piece: Piece) {
        self.pieces[usize::from(self.count)] = piece;
        self.count += 1;
    }
}

/// What an acknowledgement or the time has brought.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was in the packets that have arrived.
    pub(crate) arrived: Vec<Piece>,
    /// What was in those that are lost.
    pub(crate) lost: Vec<Piece>,
    /// Whether a lost one told windows.
    pub(crate) windows_lost: bool,
    /// Bytes and packets of the path that arrived and were not thought lost.
    pub(crate) arrived_len: u64,
    pub(crate) arrived_count: u32,
    /// Packets of the path that are lost.
    pub(crate) lost_count: u32,
    /// Packets of the path that came after they were thought lost.
    pub(crate) late_count: u32,
    /// The newest that arrived now.
    pub(crate) newest: Option<(u64, Packet)>,
}

impl Outcome {
    pub(crate) fn clear(&mut self) {
        self.arrived.clear();
        self.lost.clear();
        let (arrived, lost) = (
            std::mem::take(&mut self.arrived),
            std::mem::take(&mut self.lost),
        );
        *self = Self {
            arrived,
            lost,
            ..Self::default()
        };
    }
}

/// All packets that may still be acknowledged.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The number of the first of `packets`.
    first: u64,
    packets: VecDeque<Packet>,
    /// Numbers that were acknowledged, from `first` on.
    acknowledged: RangeSet,
    /// No packet below flies.
    oldest: u64,
    largest: Option<u64>,
    /// Bytes on the path.
    flying: u64,
    overtaken: u64,
    late_eighths: u32,
}

impl Sent {
    pub(crate) fn new() -> Self {
        Self {
            first: 0,
            packets: VecDeque::new(),
            acknowledged: RangeSet::default(),
            oldest: 0,
            largest: None,
            flying: 0,
            overtaken: OVERTAKEN,
            late_eighths: LATE_EIGHTHS,
        }
    }

    /// The number of the next packet; each is used once.
    pub(crate) fn next_number(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    pub(crate) fn flying(&self) -> u64 {
        self.flying
    }

    /// Notes a packet that wants to be acknowledged.
    pub(crate) fn push(&mut self, packet: Packet) {
        if packet.counted {
            self.flying += u64::from(packet.len);
        }
        self.packets.push_back(packet);
    }

    /// Notes a packet that nobody waits for: only acknowledgements.
    pub(crate) fn push_unanswered(&mut self, at: Instant) {
        let state = State::Settled;
        self.packets.push_back(Packet {
            state,
            ..Packet::new(at, false)
        });
        self.forget(at, Duration::ZERO);
    }

    pub(crate) fn oldest_flying(&self) -> Option<&Packet> {
        self.flying_from(0).map(|(_, packet)| packet)
    }

    /// The oldest flying packet from this number on.
    pub(crate) fn flying_from(&self, number: u64) -> Option<(u64, &Packet)> {
        let from = number.max(self.oldest);
        let skipped = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let found = self
            .packets
            .iter()
            .enumerate()
            .skip(skipped)
            .find(|(_, packet)| packet.state == State::Flying)?;
        Some((self.first + found.0 as u64, found.1))
    }

    /// A range of numbers was acknowledged; who calls has seen that they were all used.
    pub(crate) fn acknowledge(&mut self, range: Range<u64>, outcome: &mut Outcome) {
        let range = range.start.max(self.first)..range.end.min(self.next_number());
        self.largest = self.largest.max(range.end.checked_sub(1));
        let Self {
            packets,
            acknowledged,
            ..
        } = self;
        for news in acknowledged.missing(range.clone()) {
            for number in news {
                let packet = &mut packets[index(number, self.first)];
                match packet.state {
                    State::Settled => continue,
                    State::Flying if packet.counted => {
                        self.flying -= u64::from(packet.len);
                        outcome.arrived_len += u64::from(packet.len);
                        outcome.arrived_count += 1;
                    }
                    State::Lost if packet.counted => {
                        outcome.late_count += 1;
                        let distance = self.largest.map_or(0, |largest| largest - number) + 1;
                        self.overtaken = self.overtaken.max(distance.min(OVERTAKEN_MOST));
                        self.late_eighths = (self.late_eighths + 1).min(LATE_EIGHTHS_MOST);
                    }
                    State::Flying | State::Lost => {}
                }
                packet.state = State::Settled;
                outcome.arrived.extend_from_slice(packet.pieces());
                if outcome.newest.is_none_or(|(newest, _)| newest < number) {
                    outcome.newest = Some((number, *packet));
                }
            }
        }
        acknowledged.insert(range);
    }

    /// Declares lost what is overdue; returns when there may be more.
    pub(crate) fn lose(
        &mut self,
        now: Instant,
        round_trip: &RoundTrip,
        outcome: &mut Outcome,
    ) -> Option<Instant> {
        let late = round_trip.loss_delay(self.late_eighths);
        let mut again = None;
        while let Some(largest) = self.largest
            && self.oldest <= largest.min(self.next_number().saturating_sub(1))
        {
            let number = self.oldest;
            let (overtaken, first) = (number + self.overtaken <= largest, self.first);
            if number >= first {
                let packet = &mut self.packets[index(number, first)];
                if packet.state == State::Flying {
                    if !overtaken && packet.at + late > now {
                        again = Some(packet.at + late);
                        break;
                    }
                    packet.state = State::Lost;
                    outcome.windows_lost |= packet.windows;
                    if packet.counted {
                        self.flying -= u64::from(packet.len);
                        outcome.lost_count += 1;
                    }
                    // What a copy repeats is still in another packet; that a stretch is skipped may be told in a copy
                    // for the first time.
                    let pieces = packet.pieces().iter();
                    let lost = pieces.filter(|piece| !packet.copy || piece.is_skip());
                    outcome.lost.extend(lost.copied());
                }
            }
            self.oldest += 1;
        }
        self.forget(now, late * 2);
        again
    }

    /// Forgets from the oldest on what is settled, and what was lost so long ago.
    fn forget(&mut self, now: Instant, long: Duration) {
        while let Some(packet) = self.packets.front() {
            let old = packet.at + long <= now || self.packets.len() > REMEMBERED;
            match packet.state {
                State::Settled => {}
                State::Lost if old => {}
                State::Flying | State::Lost => break,
            }
            self.packets.pop_front();
            self.first += 1;
        }
        self.oldest = self.oldest.max(self.first);
        self.acknowledged.remove_below(self.first);
    }

    /// What flies was sent by another path: it says nothing about this one, nor is it on it.
    pub(crate) fn path_changed(&mut self) {
        (self.overtaken, self.late_eighths) = (OVERTAKEN, LATE_EIGHTHS);
        self.flying = 0;
        for packet in &mut self.packets {
            packet.counted = false;
        }
    }
}

fn index(number: u64, first: u64) -> usize {
    usize::try_from(number - first).expect("what is remembered fits the memory")
}
