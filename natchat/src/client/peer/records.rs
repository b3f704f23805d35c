//! What channel 0 carries: `kind u8 · len u32 · body`, one after the other; and the lines of ours that wait to be confirmed.
//!
//! Kinds 1 and 2 are lines; the others are agreements about files, which are passed on unread.

use std::collections::VecDeque;
use std::time::Instant;

use crate::reliable::connection::{CHAT, Connection};

/// The longest line, in bytes.
pub(crate) const LINE_LEN: usize = 16 << 20;

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
#[derive(Debug, Default)]
pub(crate) struct Records {
    buffer: Vec<u8>,
    /// What is before this was given out.
    begin: usize,
    /// A record longer than any may be: whoever writes such is not listened to any more.
    is_broken: bool,
}

impl Records {
    /// Where further bytes are to be appended, and how many at most now; none if nothing is to be read any more.
    pub(crate) fn room(&mut self) -> Option<&mut Vec<u8>> {
        if self.is_broken {
            return None;
        }
        self.buffer.drain(..self.begin);
        self.begin = 0;
        Some(&mut self.buffer)
    }

    /// The next whole record.
    pub(crate) fn next(&mut self) -> Option<(u8, &[u8])> {
        let rest = &self.buffer[self.begin..];
        let (&[kind, ref len @ ..], body) = rest.split_first_chunk::<HEAD_LEN>()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        if len > LINE_LEN {
            self.is_broken = true;
            self.buffer = Vec::new();
            self.begin = 0;
            return None;
        }
        body.get(..len)?;
        let begin = self.begin + HEAD_LEN;
        self.begin = begin + len;
        Some((kind, &self.buffer[begin..begin + len]))
    }

    /// What was begun is never finished.
    pub(crate) fn gap(&mut self) {
        self.buffer.clear();
        self.begin = 0;
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
            let mut records = Records::default();
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
        let mut records = Records::default();
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

    #[test]
    fn who_promises_too_much_is_not_read_any_more() {
        let mut records = Records::default();
        let mut longest = head(1, b"");
        longest[1..].copy_from_slice(&u32::try_from(LINE_LEN).unwrap().to_be_bytes());
        records.room().unwrap().extend_from_slice(&longest);
        assert_eq!(records.next(), None);
        assert!(records.room().is_some(), "the longest is waited for");
        records.gap();
        longest[4] = 1;
        records.room().unwrap().extend_from_slice(&longest);
        assert_eq!(records.next(), None);
        assert!(records.room().is_none());
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
