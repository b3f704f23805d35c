//! One channel's bytes on their way in: put in order, held until they are read.
//!
//! ```text
//!   ...read | ready: in order, not read | holes, and what came beyond them | not allowed yet
//!         base                        ready                              limit
//! ```
//!
//! Rule: it holds no byte beyond `limit`, so at most a window of them; and no more ranges than honest packets make
//! ([`FREE_RANGES`]), so that crumbs cost neither memory nor time.

use std::collections::VecDeque;

use crate::reliable::ranges::RangeSet;
use crate::wire::codec::Malformed;

/// The receiving half of a channel.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// From `base` on; holes are filled with zeros until their bytes come.
    bytes: VecDeque<u8>,
    base: u64,
    ready: u64,
    limit: u64,
    /// Arrived, beyond `ready`.
    beyond: RangeSet,
    /// What was in order before a stretch that the peer skipped; behind each there is a gap.
    closed: VecDeque<VecDeque<u8>>,
    /// Bytes in `closed`.
    closed_len: u64,
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes were appended.
    Bytes(usize),
    /// Here the peer has given up some of what it had written: what is half read will never be whole, and what
    /// follows begins anew.
    Gap,
    /// Nothing now.
    Nothing,
}

/// Ranges beyond a hole that are always borne, and how many bytes each further one must bring: lines of chat may be
/// short, but then they are few; whoever sends much sends whole packets.
const FREE_RANGES: u64 = 64;
const BYTES_PER_RANGE: u64 = 512;
/// Gaps that are not yet read; more are refused until then.
const GAPS: usize = 16;
/// Room for bytes that is kept when all are read; more is given back.
const KEPT_LEN: usize = 256 << 10;

impl Incoming {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            bytes: VecDeque::new(),
            base: 0,
            ready: 0,
            limit,
            beyond: RangeSet::default(),
            closed: VecDeque::new(),
            closed_len: 0,
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that may come or are held.
    pub(crate) fn granted(&self) -> u64 {
        self.limit.saturating_sub(self.base)
    }

    /// Bytes that memory is held for.
    pub(crate) fn held(&self) -> u64 {
        self.bytes.len() as u64 + self.closed_len
    }

    /// The limit that leaves the peer a window of so many bytes, if it is higher than what it knows by a quarter of
    /// the window.
    pub(crate) fn wants(&self, window: u64) -> Option<u64> {
        let limit = self
            .base
            .saturating_add(window.saturating_sub(self.closed_len));
        (limit >= self.limit.saturating_add(window / 4)).then_some(limit)
    }

    pub(crate) fn allow(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Whether these bytes may be taken.
    pub(crate) fn check(&self, offset: u64, len: usize) -> Result<(), Malformed> {
        let end = offset + len as u64;
        let crumbs = offset > self.ready
            && self.beyond.len() as u64 >= FREE_RANGES + self.beyond.covered() / BYTES_PER_RANGE;
        if end > self.ready && (end > self.limit || crumbs) {
            return Err(Malformed);
        }
        Ok(())
    }

    /// Takes bytes that [`Self::check`] found good. Whether there is more to read now.
    pub(crate) fn take(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let end = offset + bytes.len() as u64;
        if end <= self.ready {
            return false;
        }
        let start = offset.max(self.ready);
        let bytes = &bytes[bytes.len() - place(end - start)..];
        if start == self.ready && self.beyond.len() == 0 {
            self.bytes.extend(bytes);
            self.ready = end;
            return true;
        }
        self.put(place(start - self.base), bytes);
        self.beyond.insert(start..end);
        self.advance()
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let (low, high) = self.bytes.as_mut_slices();
        let split = low.len().saturating_sub(at).min(bytes.len());
        let (first, second) = bytes.split_at(split);
        if !first.is_empty() {
            low[at..at + first.len()].copy_from_slice(first);
        }
        if !second.is_empty() {
            let at = at + split - low.len();
            high[at..at + second.len()].copy_from_slice(second);
        }
    }

    fn advance(&mut self) -> bool {
        let Some(first) = self
            .beyond
            .first()
            .filter(|first| first.start <= self.ready)
        else {
            return false;
        };
        self.ready = first.end;
        self.beyond.pop_first();
        true
    }

    /// Whether one more gap can be remembered.
    pub(crate) fn check_skip(&self, to: u64) -> Result<(), Malformed> {
        if to > self.ready && self.closed.len() >= GAPS {
            return Err(Malformed);
        }
        Ok(())
    }

    /// What has not come of the bytes before `to` will not come. Whether that changes anything.
    pub(crate) fn skip(&mut self, to: u64) -> bool {
        if to <= self.ready {
            return false;
        }
        let unread = place(self.ready - self.base);
        let mut rest = self.bytes.split_off(unread);
        let gone = usize::try_from(to - self.ready).map_or(rest.len(), |gone| gone.min(rest.len()));
        rest.drain(..gone);
        self.closed_len += unread as u64;
        self.closed
            .push_back(std::mem::replace(&mut self.bytes, rest));
        (self.base, self.ready) = (to, to);
        self.limit = self.limit.max(to);
        self.beyond.remove_below(to);
        self.advance();
        true
    }

    /// Moves at most `most` bytes to the end of `out`.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>, most: usize) -> Read {
        if let Some(closed) = self.closed.front_mut() {
            if closed.is_empty() {
                self.closed.pop_front();
                return Read::Gap;
            }
            let len = closed.len().min(most);
            out.extend(closed.drain(..len));
            self.closed_len -= len as u64;
            return Read::Bytes(len);
        }
        let len = place(self.ready - self.base).min(most);
        if len == 0 {
            return Read::Nothing;
        }
        move_bytes(&mut self.bytes, len, out);
        self.base += len as u64;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_LEN {
            self.bytes = VecDeque::new();
        }
        Read::Bytes(len)
    }
}

/// Copies slices, which `extend` with a drain does byte by byte.
fn move_bytes(from: &mut VecDeque<u8>, len: usize, out: &mut Vec<u8>) {
    let (low, high) = from.as_slices();
    let split = len.min(low.len());
    out.extend_from_slice(&low[..split]);
    out.extend_from_slice(&high[..len - split]);
    from.drain(..len);
}

fn place(distance: u64) -> usize {
    usize::try_from(distance).expect("what lies within a window fits the memory")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(stream: &mut Incoming) -> String {
        let mut text = String::new();
        loop {
            let mut bytes = Vec::new();
            match stream.read(&mut bytes, 3) {
                Read::Bytes(len) => {
                    assert_eq!(len, bytes.len());
                    text.push_str(str::from_utf8(&bytes).unwrap());
                }
                Read::Gap => text.push('|'),
                Read::Nothing => return text,
            }
        }
    }

    #[test]
    fn in_order_whatever_comes_first() {
        let mut stream = Incoming::new(100);
        assert!(!stream.take(4, b"ef"));
        assert!(!stream.take(8, b"ijk"));
        assert_eq!(text(&mut stream), "");
        assert!(stream.take(0, b"abcd"));
        assert_eq!(text(&mut stream), "abcdef");
        assert!(!stream.take(2, b"XXXX"), "came before");
        assert!(
            stream.take(5, b"fghiX"),
            "what is known already is not written over before it is ready"
        );
        assert_eq!(text(&mut stream).len(), 5);
        assert!(stream.take(11, b"l"));
        assert_eq!(text(&mut stream), "l");
    }

    #[test]
    fn bounds() {
        let mut stream = Incoming::new(100_000);
        assert!(stream.check(99_999, 1).is_ok());
        assert!(stream.check(99_999, 2).is_err());
        let mut taken = 0_u64;
        for crumb in 0..30_000_u64 {
            if stream.check(crumb * 3 + 1, 1).is_ok() {
                assert!(!stream.take(crumb * 3 + 1, b"x"));
                taken += 1;
            }
        }
        assert_eq!(taken, FREE_RANGES, "crumbs");
        let mut stream = Incoming::new(4 << 20);
        for packet in 0..1_800_u64 {
            assert!(
                stream.check(packet * 2_200 + 1_100, 1_100).is_ok(),
                "every second packet lost: {packet}"
            );
            stream.take(packet * 2_200 + 1_100, &[0; 1_100]);
        }
    }

    #[test]
    fn skipped() {
        let mut stream = Incoming::new(100);
        stream.take(0, b"ab");
        stream.take(4, b"ef");
        assert!(stream.skip(5));
        assert!(!stream.skip(3));
        assert_eq!(text(&mut stream), "ab|f");
        assert!(stream.skip(1 << 60), "as far as the peer likes");
        assert!(stream.check(1 << 60, 1).is_err(), "the window comes later");
        assert_eq!(stream.wants(50), Some((1 << 60) + 50));
        stream.allow((1 << 60) + 50);
        stream.take(1 << 60, b"z");
        assert_eq!(text(&mut stream), "|z");
        for gap in 1..=GAPS as u64 {
            assert!(stream.check_skip((1 << 60) + 2 * gap).is_ok());
            stream.skip((1 << 60) + 2 * gap);
        }
        assert!(stream.check_skip(1 << 61).is_err(), "too many gaps");
    }

    #[test]
    fn a_window_is_opened_by_quarters() {
        let mut stream = Incoming::new(100);
        stream.take(0, &[b'a'; 60]);
        assert_eq!(stream.wants(100), None, "nothing is read");
        stream.read(&mut Vec::new(), 24);
        assert_eq!(stream.wants(100), None);
        stream.read(&mut Vec::new(), 1);
        assert_eq!(stream.wants(100), Some(125));
        assert_eq!(stream.granted(), 75);
    }

    proptest! {
        #[test]
        fn any_pieces_in_any_order_make_the_stream(
            pieces in proptest::collection::vec((0_u64..300, 1_usize..60, 0_usize..80), 1..80),
        ) {
            let whole: Vec<u8> = (0..400_u64).map(|at| (at % 251).to_le_bytes()[0]).collect();
            let mut stream = Incoming::new(400);
            let (mut out, mut known) = (Vec::new(), vec![false; 400]);
            for (offset, len, most) in pieces {
                let range = usize::try_from(offset).unwrap()..(usize::try_from(offset).unwrap() + len).min(400);
                prop_assert!(stream.check(offset, range.len()).is_ok());
                stream.take(offset, &whole[range.clone()]);
                known[range].fill(true);
                stream.read(&mut out, most);
                let ready = known.iter().take_while(|&&known| known).count();
                prop_assert_eq!(usize::try_from(stream.ready).unwrap(), ready);
            }
            while stream.read(&mut out, 7) != Read::Nothing {}
            prop_assert_eq!(&out[..], &whole[..out.len()]);
            prop_assert_eq!(out.len(), usize::try_from(stream.ready).unwrap());
        }
    }
}
