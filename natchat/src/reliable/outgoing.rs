//! One channel's bytes on their way out: what was written and has not arrived.
//!
//! ```text
//!   ...arrived | in flight, arrived out of order, or lost and to be sent again | never sent | not allowed yet |
//!            base                                                            next        limit             end
//! ```
//!
//! It keeps every byte from `base` on, since any of it may be wanted again. It knows no packets: it is told which
//! bytes arrived and which were lost. Bounded by who writes: [`super::connection::Connection::room`].

use std::collections::VecDeque;
use std::ops::Range;

use crate::reliable::ranges::RangeSet;

/// The sending half of a channel.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// From `base` on.
    bytes: VecDeque<u8>,
    base: u64,
    next: u64,
    limit: u64,
    /// Arrived, beyond `base`.
    arrived: RangeSet,
    /// To be sent again, between `base` and `next`.
    lost: RangeSet,
    /// The peer does not know yet that nothing comes before this offset.
    skip: Option<Skip>,
}

#[derive(Clone, Copy, Debug)]
struct Skip {
    to: u64,
    due: bool,
}

/// Room for bytes that is kept when all have arrived; more is given back.
const KEPT_LEN: usize = 256 << 10;

impl Outgoing {
    /// The peer takes up to `limit` bytes unasked.
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            bytes: VecDeque::new(),
            base: 0,
            next: 0,
            limit,
            arrived: RangeSet::default(),
            lost: RangeSet::default(),
            skip: None,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.extend(bytes);
        self.end()
    }

    fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Up to here, all has arrived or was given up.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Bytes not known to have arrived.
    pub(crate) fn unsent(&self) -> u64 {
        self.bytes.len() as u64 - self.arrived.covered()
    }

    /// Bytes held.
    pub(crate) fn kept(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(crate) fn allow(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Gives up all that was written and has not arrived.
    pub(crate) fn abandon(&mut self) {
        let end = self.end();
        if end == self.base {
            return;
        }
        self.bytes = VecDeque::new();
        (self.base, self.next) = (end, end);
        self.arrived.clear();
        self.lost.clear();
        self.skip = Some(Skip { to: end, due: true });
    }

    /// Whether there are bytes that may be sent.
    pub(crate) fn has_data(&self) -> bool {
        self.lost.first().is_some() || self.next < self.end().min(self.limit)
    }

    /// The next bytes to be sent, at most `most`: what was lost first. They count as sent from now on.
    pub(crate) fn take(&mut self, most: usize) -> Option<Range<u64>> {
        if let Some(lost) = self.lost.first() {
            let taken = lost.start..lost.end.min(lost.start + most as u64);
            self.lost.remove_below(taken.end);
            return Some(taken);
        }
        let end = self.end().min(self.limit).min(self.next + most as u64);
        let taken = self.next..end;
        (!taken.is_empty()).then(|| {
            self.next = end;
            taken
        })
    }

    /// What of a range that was sent is still to arrive: its first stretch.
    pub(crate) fn still_missing(&self, range: Range<u64>) -> Option<Range<u64>> {
        let range = self.in_flight(range);
        self.arrived.missing(range).next()
    }

    pub(crate) fn copy(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let place = |offset: u64| {
            usize::try_from(offset - self.base).expect("what is kept fits the memory")
        };
        let (from, to) = (place(range.start), place(range.end));
        let (low, high) = self.bytes.as_slices();
        out.extend_from_slice(&low[from.min(low.len())..to.min(low.len())]);
        out.extend_from_slice(&high[from.saturating_sub(low.len())..to.saturating_sub(low.len())]);
    }

    /// These bytes have arrived. Whether all up to a higher offset have now.
    pub(crate) fn acknowledge(&mut self, range: Range<u64>) -> bool {
        let range = self.in_flight(range);
        if range.is_empty() {
            return false;
        }
        if range.start > self.base {
            self.lost.remove(range.clone());
            self.arrived.insert(range);
            return false;
        }
        let mut end = range.end;
        self.arrived.remove_below(end);
        if self.arrived.first().is_some_and(|first| first.start == end) {
            end = self.arrived.pop_first().map_or(end, |first| first.end);
        }
        let gone = usize::try_from(end - self.base).expect("what is kept fits the memory");
        self.bytes.drain(..gone);
        self.base = end;
        self.lost.remove_below(end);
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_LEN {
            self.bytes = VecDeque::new();
        }
        true
    }

    /// These bytes were lost.
    pub(crate) fn lose(&mut self, range: Range<u64>) {
        let range = self.in_flight(range);
        for missing in self.arrived.missing(range) {
            self.lost.insert(missing);
        }
    }

    fn in_flight(&self, range: Range<u64>) -> Range<u64> {
        range.start.max(self.base)..range.end.min(self.next)
    }

    /// Where the peer is to skip to, if that is to be told now; it counts as told from now on.
    pub(crate) fn take_skip(&mut self) -> Option<u64> {
        let skip = self.skip.as_mut().filter(|skip| skip.due)?;
        skip.due = false;
        Some(skip.to)
    }

    pub(crate) fn skip_is_due(&self) -> bool {
        self.skip.is_some_and(|skip| skip.due)
    }

    /// Whether the peer does not know yet of all that it is to skip.
    pub(crate) fn has_skip(&self) -> bool {
        self.skip.is_some()
    }

    /// The peer knows to skip to this offset. Whether that is all it is to know.
    pub(crate) fn acknowledge_skip(&mut self, to: u64) -> bool {
        self.skip.take_if(|skip| skip.to == to).is_some()
    }

    pub(crate) fn lose_skip(&mut self, to: u64) {
        if let Some(skip) = self.skip.as_mut().filter(|skip| skip.to == to) {
            skip.due = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn taken(out: &mut Outgoing, most: usize) -> Option<(Range<u64>, Vec<u8>)> {
        let range = out.take(most)?;
        let mut bytes = Vec::new();
        out.copy(range.clone(), &mut bytes);
        Some((range, bytes))
    }

    #[test]
    fn sent_lost_and_arrived() {
        let mut out = Outgoing::new(8);
        assert_eq!(out.write(b"0123456789"), 10);
        assert_eq!(taken(&mut out, 4), Some((0..4, b"0123".to_vec())));
        assert_eq!(
            taken(&mut out, 100),
            Some((4..8, b"4567".to_vec())),
            "up to the limit"
        );
        assert_eq!(taken(&mut out, 100), None);
        out.allow(100);
        out.allow(5);
        assert_eq!(taken(&mut out, 100), Some((8..10, b"89".to_vec())));

        assert!(!out.acknowledge(4..6), "a hole before it");
        out.lose(0..10);
        assert_eq!(out.unsent(), 8);
        assert_eq!(taken(&mut out, 3), Some((0..3, b"012".to_vec())));
        assert_eq!(
            taken(&mut out, 3),
            Some((3..4, b"3".to_vec())),
            "not what has arrived"
        );
        assert!(out.acknowledge(0..4));
        assert_eq!(out.base(), 6);
        assert!(
            out.acknowledge(6..8),
            "late, after it was given up for lost"
        );
        assert_eq!(taken(&mut out, 100), Some((8..10, b"89".to_vec())));
        assert!(out.acknowledge(0..10), "twice is as good as once");
        assert!(!out.acknowledge(0..10));
        assert_eq!((out.unsent(), out.has_data()), (0, false));
    }

    #[test]
    fn bytes_in_two_pieces_of_the_ring() {
        let mut out = Outgoing::new(u64::MAX);
        let mut sent = 0_u64;
        let mut written = 0_u64;
        for len in (1..400_usize).cycle().take(2_000) {
            let bytes: Vec<u8> = (0..len)
                .map(|at| ((written + at as u64) % 251).to_le_bytes()[0])
                .collect();
            written = out.write(&bytes);
            while let Some((range, bytes)) = taken(&mut out, 190) {
                assert_eq!(range.start, sent);
                assert!(
                    range
                        .clone()
                        .zip(bytes)
                        .all(|(offset, byte)| u64::from(byte) == offset % 251)
                );
                sent = range.end;
            }
            assert!(out.acknowledge(out.base()..sent.max(300) - 300) || sent <= 600);
        }
    }

    proptest! {
        #[test]
        fn whatever_arrives_in_whatever_order(steps in vec((0_u8..3, 0_u64..300, 1_u64..50), 1..150)) {
            let mut out = Outgoing::new(300);
            out.write(&[0; 300]);
            let mut arrived = [false; 300];
            for (step, start, len) in steps {
                let range = start..(start + len).min(out.next);
                match step {
                    0 => drop(out.take(usize::try_from(len).unwrap())),
                    1 => out.lose(range),
                    _ => {
                        let before = out.base();
                        range.clone().for_each(|at| arrived[usize::try_from(at).unwrap()] = true);
                        prop_assert_eq!(out.acknowledge(range), out.base() > before);
                    }
                }
                let base = arrived.iter().take_while(|&&arrived| arrived).count();
                prop_assert_eq!(out.base(), base as u64);
                let unsent = arrived.iter().filter(|&&arrived| !arrived).count();
                prop_assert_eq!(out.unsent(), unsent as u64);
                prop_assert!(out.lost.first().is_none_or(|lost| !arrived[usize::try_from(lost.start).unwrap()]));
            }
        }
    }

    #[test]
    fn abandoned() {
        let mut out = Outgoing::new(4);
        out.abandon();
        assert_eq!(out.take_skip(), None, "nothing to skip");
        out.write(b"0123456789");
        out.take(4);
        out.abandon();
        assert_eq!(
            (out.take_skip(), out.take_skip(), out.has_data()),
            (Some(10), None, false)
        );
        assert_eq!(out.write(b"ab"), 12);
        assert!(!out.has_data(), "beyond what is allowed");
        out.allow(20);
        assert_eq!(taken(&mut out, 100), Some((10..12, b"ab".to_vec())));
        out.lose_skip(10);
        assert_eq!(out.take_skip(), Some(10));
        out.acknowledge_skip(10);
        out.lose_skip(10);
        assert_eq!(out.take_skip(), None);
        assert!(
            !out.acknowledge(0..4),
            "what was given up is of no interest any more"
        );
    }
}
