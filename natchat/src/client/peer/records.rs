//! What channel 0 carries: `kind u8 · len u32 · body`, one after the other; and the lines of ours that wait to be confirmed.
//!
//! Kinds 1 and 2 are lines; the others are agreements about files, which are passed on unread.

use std::collections::VecDeque;
use std::time::Instant;

use crate::client::peer::allowance::{Allowance, Grant};
use crate::reliable::connection::{CHAT, Connection};

/// The longest line, in bytes.
pub(crate) const LINE_LEN: usize = 16 << 20;

/// Records up to this length, in bytes, are read whoever sends them; for longer ones there must be memory.
pub(crate) const SHORT_LEN: usize = 64 << 10;

/// A line for us alone.
pub(crate) const LINE_TO_ONE: u8 = 1;

/// A line for all.
pub(crate) const LINE_TO_ALL: u8 = 2;

const HEAD_LEN: usize = 1 + 4;

/// Characters kept of a line to tell later what became of it: one more than are shown, so that it is seen to be cut.
const KEPT_CHARS: usize = 61;

/// As much of a line as is kept.
pub(crate) fn kept(text: &str) -> String {
    text.chars().take(KEPT_CHARS).collect()
}

/// Writes a record to channel 0; the offset at which it ends.
pub(crate) fn write(connection: &mut Connection, kind: u8, body: &[u8]) -> u64 {
    connection.write(CHAT, &head(kind, body));
    connection.write(CHAT, body)
}

fn head(kind: u8, body: &[u8]) -> [u8; HEAD_LEN] {
    let len = u32::try_from(body.len()).expect("bodies are at most LINE_LEN long");
    let mut head = [kind; HEAD_LEN];
    head[1..].copy_from_slice(&len.to_be_bytes());
    head
}

/// Cuts what has arrived into records.
#[derive(Debug)]
pub(crate) struct Records {
    buffer: Vec<u8>,
    /// What is before this was given out.
    begin: usize,
    state: State,
    allowance: Allowance,
}

/// About the record that is being read.
#[derive(Debug)]
enum State {
    /// It is short, or not begun.
    Short,
    /// It is long, and there is memory for it.
    Long(#[expect(dead_code, reason = "held, not read")] Grant),
    /// It is long, and there is no memory for it now: nothing more is read.
    Refused,
    /// It is longer than any may be.
    Broken,
}

impl Records {
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self {
            buffer: Vec::new(),
            begin: 0,
            state: State::Short,
            allowance,
        }
    }

    /// Where further bytes are to be appended; none if nothing is to be read now.
    pub(crate) fn room(&mut self) -> Option<&mut Vec<u8>> {
        match self.state {
            State::Short | State::Long(_) => {}
            State::Refused | State::Broken => return None,
        }
        self.buffer.drain(..self.begin);
        self.begin = 0;
        if matches!(self.state, State::Short) && self.buffer.capacity() > 4 * SHORT_LEN {
            self.buffer.shrink_to(SHORT_LEN);
        }
        Some(&mut self.buffer)
    }

    /// The next whole record.
    pub(crate) fn next(&mut self) -> Option<(u8, &[u8])> {
        let rest = &self.buffer[self.begin..];
        let (&[kind, ref len @ ..], body) = rest.split_first_chunk::<HEAD_LEN>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        if len > LINE_LEN {
            self.state = State::Broken;
            return None;
        }
        let here = body.len();
        if len > SHORT_LEN && !matches!(self.state, State::Long(_)) {
            let grant = self.allowance.take(len as u64);
            self.state = grant.map_or(State::Refused, State::Long);
            self.buffer.reserve_exact(len.saturating_sub(here));
        }
        if here < len || matches!(self.state, State::Refused) {
            return None;
        }
        self.state = State::Short;
        let begin = self.begin + HEAD_LEN;
        self.begin = begin + len;
        Some((kind, &self.buffer[begin..begin + len]))
    }

    /// What was begun is never finished.
    pub(crate) fn gap(&mut self) {
        *self = Self::new(self.allowance.clone());
    }

    /// Whether there is no memory for the next record.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    /// Whether memory is kept for a long record that is not whole yet.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self.state, State::Long(_))
    }

    /// Whether what has come is no record.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken)
    }
}

/// Our lines that are under way, in the order they were written.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    waiting: VecDeque<(u64, String)>,
    since: Option<Instant>,
}

impl Ledger {
    /// A line whose record ends at this offset of the channel.
    pub(crate) fn push(&mut self, now: Instant, end: u64, text: &str) {
        self.since.get_or_insert(now);
        self.waiting.push_back((end, kept(text)));
    }

    /// The next line that ends at or before this offset.
    pub(crate) fn pop_up_to(&mut self, offset: u64) -> Option<String> {
        if self.waiting.front()?.0 > offset {
            return None;
        }
        self.pop()
    }

    /// The next line, whatever has become of it.
    pub(crate) fn pop(&mut self) -> Option<String> {
        let (_, text) = self.waiting.pop_front()?;
        if self.waiting.is_empty() {
            self.since = None;
        }
        Some(text)
    }

    /// Since when something waits without a break.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
    use proptest::prelude::*;

    use super::*;

    fn read_all(records: &mut Records) -> Vec<(u8, Vec<u8>)> {
        std::iter::from_fn(|| records.next().map(|(kind, body)| (kind, body.to_vec()))).collect()
    }

    proptest! {
        #[test]
        fn the_cuts_do_not_matter(
            bodies in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..10),
            cut in 1..50_usize,
        ) {
            let written: Vec<u8> = bodies.iter().flat_map(|(kind, body)| [&head(*kind, body)[..], body].concat()).collect();
            let mut records = Records::new(Allowance::default());
            let mut read = Vec::new();
            for piece in written.chunks(cut) {
                records.room().unwrap().extend_from_slice(piece);
                read.extend(read_all(&mut records));
            }
            prop_assert_eq!(read, bodies);
        }
    }

    #[test]
    fn a_gap_ends_the_record_before_it() {
        let mut records = Records::new(Allowance::default());
        records
            .room()
            .unwrap()
            .extend_from_slice(&head(1, b"whole")[..]);
        records.room().unwrap().extend_from_slice(b"who");
        assert_eq!(read_all(&mut records), []);
        records.gap();
        records
            .room()
            .unwrap()
            .extend_from_slice(&[&head(2, b"next")[..], b"next"].concat());
        assert_eq!(read_all(&mut records), [(2, b"next".to_vec())]);
    }

    fn promise(len: usize) -> [u8; HEAD_LEN] {
        let mut head = head(1, b"");
        head[1..].copy_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
        head
    }

    #[test]
    fn who_promises_too_much_is_not_read_any_more() {
        for (len, is_broken) in [(LINE_LEN, false), (LINE_LEN + 1, true)] {
            let mut records = Records::new(Allowance::default());
            records.room().unwrap().extend_from_slice(&promise(len));
            assert_eq!(records.next(), None);
            assert_eq!(
                (records.is_broken(), records.room().is_none()),
                (is_broken, is_broken)
            );
        }
    }

    #[test]
    fn there_is_memory_for_some_long_ones_only() {
        let allowance = Allowance::default();
        let mut all: Vec<Records> = (0..17).map(|_| Records::new(allowance.clone())).collect();
        for (n, records) in all.iter_mut().enumerate() {
            records
                .room()
                .unwrap()
                .extend_from_slice(&promise(LINE_LEN));
            assert_eq!(records.next(), None);
            assert_eq!((records.is_long(), records.is_refused()), (n < 16, n == 16));
        }
        let mut short = Records::new(allowance);
        let bytes = [&promise(SHORT_LEN)[..], &[7; SHORT_LEN]].concat();
        short.room().unwrap().extend_from_slice(&bytes);
        assert_eq!(short.next().map(|(_, body)| body.len()), Some(SHORT_LEN));

        let mut refused = all.pop().unwrap();
        assert!(refused.room().is_none());
        all[0].gap();
        assert_eq!(refused.next(), None);
        assert!(refused.is_long(), "there is room again");
        refused
            .room()
            .unwrap()
            .extend_from_slice(&vec![7; LINE_LEN]);
        assert_eq!(refused.next().map(|(_, body)| body.len()), Some(LINE_LEN));
        assert!(!refused.is_long());
        assert!(refused.room().unwrap().capacity() < LINE_LEN, "given back");
    }

    #[test]
    fn lines_are_confirmed_in_order_and_once() {
        let now = Clock::start().now();
        let mut ledger = Ledger::default();
        ledger.push(now, 10, "one");
        ledger.push(now, 20, &"x".repeat(100));
        assert_eq!(ledger.pop_up_to(9), None);
        assert_eq!(ledger.pop_up_to(19).as_deref(), Some("one"));
        assert_eq!(ledger.pop_up_to(19), None);
        assert_eq!(ledger.since(), Some(now));
        assert_eq!(ledger.pop().map(|text| text.len()), Some(KEPT_CHARS));
        assert_eq!((ledger.pop(), ledger.since()), (None, None));
    }
}
