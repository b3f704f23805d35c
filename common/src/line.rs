//! Bytes in, whole bounded lines out; pure.
//!
//! A [`LineBuffer`] accepts bytes in pieces of any size and gives the same lines however they were cut. It holds at
//! most its limit and one byte more, whatever arrives: a longer line is skipped to its end and reported once. It does
//! not read, decide when to wait, or look at characters: lines are bytes.
//!
//! ```
//! use common::line::{LineBuffer, LineEvent};
//!
//! let mut lines = LineBuffer::new(1024);
//! let mut input: &[u8] = b"one\r\ntw";
//! assert_eq!(lines.next(&mut input), Some(LineEvent::Line(b"one".to_vec())));
//! assert_eq!(lines.next(&mut input), None); // "tw" is kept until its end arrives
//! assert_eq!(lines.finish(), Some(LineEvent::Line(b"tw".to_vec())));
//! ```

/// Gathers bytes into lines.
#[derive(Debug)]
pub struct LineBuffer {
    max_len: usize,
    line: Vec<u8>,
    /// A part of the current line was thrown away.
    is_cut: bool,
}

/// What came out of a [`LineBuffer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// A line without its `\n` or `\r\n`.
    Line(Vec<u8>),
    /// A line longer than the limit was skipped, once per line, when its end came.
    TooLong,
}

impl LineBuffer {
    /// A buffer for lines of at most `max_len` bytes, not counting their endings.
    #[must_use]
    pub const fn new(max_len: usize) -> Self {
        Self {
            max_len,
            line: Vec::new(),
            is_cut: false,
        }
    }

    /// Takes bytes from the front of `input` up to the next end of a line; `None` when `input` ran out before one.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<LineEvent> {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
            self.keep(input);
            *input = &[];
            return None;
        };
        self.keep(&input[..end]);
        *input = &input[end + 1..];
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        self.take()
    }

    /// The last line, if the input ended without an end of line; a `\r` at its end is part of it.
    pub fn finish(&mut self) -> Option<LineEvent> {
        if self.line.is_empty() && !self.is_cut {
            return None;
        }
        self.take()
    }

    /// Keeps what fits in `max_len + 1` bytes. The extra place always holds the newest byte, so that a `\r` in it is
    /// recognised when the line ends: a line of exactly `max_len` bytes may end in `\r\n`.
    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.max_len.saturating_add(1)).saturating_sub(self.line.len());
        let (kept, rest) = bytes.split_at(room.min(bytes.len()));
        self.line.extend_from_slice(kept);
        if let (Some(&newest), Some(place)) = (rest.last(), self.line.last_mut()) {
            *place = newest;
            self.is_cut = true;
        }
    }

    fn take(&mut self) -> Option<LineEvent> {
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_cut);
        Some(if is_cut || line.len() > self.max_len {
            LineEvent::TooLong
        } else {
            LineEvent::Line(line)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_come_out() {
        let line = |text: &str| LineEvent::Line(text.into());
        let long = LineEvent::TooLong;
        let rows: [(&str, &str, Vec<LineEvent>); 12] = [
            ("nothing", "", vec![]),
            ("one line", "abc\n", vec![line("abc")]),
            ("crlf", "abc\r\n", vec![line("abc")]),
            ("empty lines", "\n\r\n", vec![line(""), line("")]),
            ("unterminated", "a\nb", vec![line("a"), line("b")]),
            (
                "only one return is the ending",
                "a\r\r\n",
                vec![line("a\r")],
            ),
            ("a return inside", "a\rb\n", vec![line("a\rb")]),
            ("a return at the very end", "a\r", vec![line("a\r")]),
            ("the longest, crlf", "abcd\r\n", vec![line("abcd")]),
            ("one over", "abcde\nx\n", vec![long.clone(), line("x")]),
            (
                "far over, crlf",
                "abcdefgh\r\nx\n",
                vec![long.clone(), line("x")],
            ),
            (
                "over and unterminated",
                "x\nabcdefgh",
                vec![line("x"), long.clone()],
            ),
        ];
        for (name, input, expected) in rows {
            assert_eq!(collect(4, [input.as_bytes()]), expected, "{name}");
        }
        assert_eq!(
            collect(0, [&b"\r\na\n\n"[..]]),
            vec![line(""), long, line("")],
            "a limit of nothing"
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            pieces in proptest::collection::vec("[ab\r\n]{0,9}", 0..12), max_len in 0_usize..9,
        ) {
            let whole = pieces.concat();
            let split = collect(max_len, pieces.iter().map(String::as_bytes));
            prop_assert_eq!(&split, &collect(max_len, [whole.as_bytes()]));
            let bytewise = collect(max_len, whole.as_bytes().chunks(1));
            prop_assert_eq!(split, bytewise);
        }

        #[test]
        fn memory_stays_within_the_limit(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000), max_len in 0_usize..50,
        ) {
            let mut lines = LineBuffer::new(max_len);
            let mut input = &bytes[..];
            while !input.is_empty() {
                if let Some(LineEvent::Line(line)) = lines.next(&mut input) {
                    prop_assert!(line.len() <= max_len);
                }
                prop_assert!(lines.line.len() <= max_len + 1);
            }
        }
    }

    fn collect<'a>(max_len: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<LineEvent> {
        let mut lines = LineBuffer::new(max_len);
        let mut events = Vec::new();
        for mut piece in pieces {
            while !piece.is_empty() {
                events.extend(lines.next(&mut piece));
            }
        }
        events.extend(lines.finish());
        events
    }
}
