//! Which packets have come, and when the peer is told.
//!
//! Rule: the second packet is acknowledged at once and a lone one after [`DELAY`], but what somebody waits for (chat,
//! a gap, a repetition) at once; and never more often than each [`SPACING`] unless [`MANY`] wait, for at 100 MB/s an
//! acknowledgement for every second packet would cost as much as the packets (RFC 9000 §13.2.2 leaves that to the
//! receiver).

use std::time::{Duration, Instant};

use crate::reliable::packet::{self, ACK_RANGES};
use crate::reliable::ranges::RangeSet;

/// A lone packet is acknowledged after this: within it, an answer may come that can carry the acknowledgement.
pub(crate) const DELAY: Duration = Duration::from_millis(20);
/// The shortest time between two acknowledgements.
const SPACING: Duration = Duration::from_millis(1);
/// So many packets are acknowledged at once, whatever the time.
const MANY: u32 = 16;

/// What there is to acknowledge.
#[derive(Debug)]
pub(crate) struct Acks {
    received: RangeSet,
    largest_at: Instant,
    /// Packets that want an acknowledgement and have none yet.
    waiting: u32,
    due: Option<Instant>,
    last_sent: Option<Instant>,
}

impl Acks {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            received: RangeSet::default(),
            largest_at: now,
            waiting: 0,
            due: None,
            last_sent: None,
        }
    }

    /// A packet has come; `eliciting`: it wants to be acknowledged; `urgent`: somebody waits for that.
    pub(crate) fn receive(&mut self, now: Instant, number: u64, eliciting: bool, urgent: bool) {
        let expected = self.received.last().map_or(0, |last| last.end);
        if number >= expected {
            self.largest_at = now;
        }
        self.received.insert(number..number + 1);
        while self.received.len() > ACK_RANGES {
            self.received.pop_first();
        }
        if !eliciting {
            return;
        }
        self.waiting += 1;
        let spaced = self.last_sent.map_or(now, |sent| now.max(sent + SPACING));
        let due = match self.waiting {
            MANY.. => now,
            2.. => spaced,
            _ if urgent || number != expected => spaced,
            _ => now + DELAY,
        };
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether an acknowledgement would tell the peer something that it waits for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Writes an Ack frame if there is room for it within `limit`.
    pub(crate) fn put(&mut self, now: Instant, limit: usize, out: &mut Vec<u8>) -> bool {
        if !packet::put_ack(&self.received, now - self.largest_at, limit, out) {
            return false;
        }
        self.waiting = 0;
        self.due = None;
        self.last_sent = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reliable::simulated::start;

    /// When the acknowledgement is due, in milliseconds, after packets at these milliseconds with these numbers.
    fn due(packets: &[(u64, u64, bool)]) -> Option<u64> {
        let begin = start();
        let mut acks = Acks::new(begin);
        for &(at, number, urgent) in packets {
            let now = begin + Duration::from_millis(at);
            if acks.due().is_some_and(|due| due <= now) {
                acks.put(now, 1_000, &mut Vec::new());
            }
            acks.receive(now, number, true, urgent);
        }
        acks.due()
            .map(|due| (due - begin).as_millis().try_into().unwrap())
    }

    #[test]
    fn when() {
        type Packets = Vec<(u64, u64, bool)>;
        let rows: &[(&str, Packets, Option<u64>)] = &[
            ("a lone one waits", vec![(5, 0, false)], Some(25)),
            ("chat does not", vec![(5, 0, true)], Some(5)),
            (
                "the second is told of at once",
                vec![(5, 0, false), (9, 1, false)],
                Some(9),
            ),
            ("a gap is told of at once", vec![(5, 1, false)], Some(5)),
            (
                "so is what fills it",
                vec![(5, 1, false), (8, 0, false)],
                Some(9),
            ),
            (
                "so is a repetition",
                vec![(5, 0, true), (9, 1, true), (19, 1, false)],
                Some(20),
            ),
            (
                "but once a millisecond",
                vec![(5, 0, true), (5, 1, true)],
                Some(6),
            ),
            (
                "unless many wait",
                (0..17).map(|number| (5, number, true)).collect(),
                Some(5),
            ),
        ];
        for (name, packets, expected) in rows {
            assert_eq!(due(packets), *expected, "{name}");
        }
    }

    #[test]
    fn acknowledgements_alone_want_none() {
        let mut acks = Acks::new(start());
        acks.receive(start(), 3, false, false);
        assert_eq!((acks.due(), acks.is_waiting()), (None, false));
    }

    #[test]
    fn the_oldest_ranges_are_forgotten() {
        let mut acks = Acks::new(start());
        (0..1_000).for_each(|step| acks.receive(start(), step * 2, true, false));
        assert_eq!(acks.received.len(), ACK_RANGES);
        assert!(acks.received.contains(1_998) && !acks.received.contains(0));
    }
}
