//! Request bodies: read to their end and thrown away, so that the next request is found (RFC 9112 §6, §7.1).
//!
//! No byte of a body is kept. Chunk extensions and trailer fields mean nothing here (RFC 9112 §7.1.1 and §7.1.2 let
//! a recipient ignore them), but their line ends do: a reader that is looser about them than another one in front of
//! it can be made to see a request where that one saw none.
//!
//! Rule: every byte moves the state by itself, so a body may come in any pieces.

use crate::http::fault::Fault;
use crate::http::field::is_token;
use crate::http::framing::Framing;

/// Bytes of chunk extensions, leading zeros of chunk sizes and trailer fields that a whole body may have.
pub const EXTRAS_LEN: u16 = 8 * 1024;

/// What is left of a body.
#[derive(Debug)]
pub struct Drain {
    state: State,
    /// Of [`EXTRAS_LEN`].
    extras: u16,
    /// Bytes up to the end of the body or chunk, or the chunk size as far as it is read.
    left: u64,
    /// Bytes that further chunks may have.
    room: u64,
}

/// Whether a body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    More,
    /// It has.
    Done,
}

/// What the next byte belongs to.
///
/// ```text
/// Counted ─► Done
///
///   ┌────────────────────────────────────────────────────────┐
///   ▼                                                        │
/// Size ─► SizeDigits ─┬─► extensions, each `;name`, `;name=value` or `;name="value"` ─┐
///                     └───────────────┬───────────────────────────────────────────────┘
///                                     ▼                      │
///                                   SizeLf ─► Data ─► DataCr ─► DataLf
///                                     │ last
///                                     ▼
/// Done ◄─ EndLf ◄──────────────── TrailerLine ◄──────────────────┐
///                                     └─► Name ─► Value ─► ValueLf
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Counted,
    Size,
    SizeDigits,
    /// White space, which only `;` may follow.
    ExtensionSpace,
    /// Behind `;`.
    ExtensionStart,
    ExtensionName,
    /// White space, which only `;` or `=` may follow.
    ExtensionNameSpace,
    /// Behind `=`.
    ExtensionValueStart,
    ExtensionValue,
    ExtensionQuoted,
    /// Behind `\\`.
    ExtensionEscape,
    /// Behind the closing quote.
    ExtensionQuotedEnd,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerLine,
    TrailerName,
    TrailerValue,
    TrailerValueLf,
    EndLf,
    Done,
}

impl Drain {
    /// For the body of a request, if it has one, of `cap` bytes at most.
    ///
    /// # Errors
    /// [`Fault::BodyTooLarge`] if a greater length is announced.
    pub fn new(framing: Framing, cap: u64) -> Result<Option<Self>, Fault> {
        let (state, left) = match framing {
            Framing::None | Framing::Length(0) => return Ok(None),
            Framing::Length(len) if len > cap => return Err(Fault::BodyTooLarge),
            Framing::Length(len) => (State::Counted, len),
            Framing::Chunked => (State::Size, 0),
        };
        Ok(Some(Self {
            state,
            extras: EXTRAS_LEN,
            left,
            room: cap,
        }))
    }

    /// Takes the next bytes: how many of them belong to the body, all of them unless it has ended.
    ///
    /// # Errors
    /// [`Fault::BodyTooLarge`], or a fault of the chunked coding.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Progress), Fault> {
        let mut used = 0;
        while used < bytes.len() && self.state != State::Done {
            if matches!(self.state, State::Counted | State::Data) {
                used += self.skip(bytes.len() - used);
            } else {
                self.state = self.after(bytes[used])?;
                used += 1;
            }
        }
        let progress = if self.state == State::Done {
            Progress::Done
        } else {
            Progress::More
        };
        Ok((used, progress))
    }

    /// Passes over content.
    fn skip(&mut self, available: usize) -> usize {
        let len = usize::try_from(self.left).map_or(available, |left| left.min(available));
        self.left -= len as u64;
        if self.left == 0 {
            self.state = if self.state == State::Counted {
                State::Done
            } else {
                State::DataCr
            };
        }
        len
    }

    /// The state after one byte of what surrounds the content.
    fn after(&mut self, byte: u8) -> Result<State, Fault> {
        match (self.state, byte) {
            (State::Size, _) => self.digit(byte),
            (State::SizeDigits, b'\r') => Ok(State::SizeLf),
            (State::SizeDigits, b';') => self.extra(State::ExtensionStart, Fault::ChunkExtension),
            (State::SizeDigits, b' ' | b'\t') => {
                self.extra(State::ExtensionSpace, Fault::ChunkExtension)
            }
            (State::SizeDigits, _) => self.digit(byte),
            (
                State::ExtensionSpace
                | State::ExtensionStart
                | State::ExtensionName
                | State::ExtensionNameSpace
                | State::ExtensionValueStart
                | State::ExtensionValue
                | State::ExtensionQuoted
                | State::ExtensionEscape
                | State::ExtensionQuotedEnd,
                _,
            ) => {
                let then = after_in_extension(self.state, byte).ok_or(Fault::ChunkExtension)?;
                if then == State::SizeLf {
                    return Ok(then);
                }
                self.extra(then, Fault::ChunkExtension)
            }
            (State::SizeLf, b'\n') => self.size_read(),
            (State::SizeLf, _) => Err(Fault::ChunkSize),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::DataCr | State::DataLf, _) => Err(Fault::ChunkEnd),
            (State::TrailerLine, b'\r') => Ok(State::EndLf),
            (State::TrailerName, b':') => self.extra(State::TrailerValue, Fault::Trailer),
            (State::TrailerLine | State::TrailerName, _) if is_token(byte) => {
                self.extra(State::TrailerName, Fault::Trailer)
            }
            (State::TrailerValue, b'\r') => Ok(State::TrailerValueLf),
            (State::TrailerValue, _) if is_text(byte) => {
                self.extra(State::TrailerValue, Fault::Trailer)
            }
            (State::TrailerValueLf, b'\n') => Ok(State::TrailerLine),
            (State::EndLf, b'\n') => Ok(State::Done),
            (
                State::TrailerLine
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerValueLf
                | State::EndLf,
                _,
            ) => Err(Fault::Trailer),
            (State::Counted | State::Data | State::Done, _) => Ok(self.state),
        }
    }

    /// One more digit of a chunk size.
    fn digit(&mut self, byte: u8) -> Result<State, Fault> {
        let digit = char::from(byte).to_digit(16).ok_or(Fault::ChunkSize)?;
        if self.state == State::SizeDigits && self.left == 0 {
            self.extra(State::SizeDigits, Fault::ChunkSize)?;
        }
        self.left = self.left.checked_mul(16).ok_or(Fault::ChunkSize)? + u64::from(digit);
        Ok(State::SizeDigits)
    }

    /// The end of a size line: data, or the trailer after a size of 0.
    fn size_read(&mut self) -> Result<State, Fault> {
        if self.left == 0 {
            return Ok(State::TrailerLine);
        }
        self.room = self
            .room
            .checked_sub(self.left)
            .ok_or(Fault::BodyTooLarge)?;
        Ok(State::Data)
    }

    /// Counts a byte that is neither content nor needed, on the way to a state.
    fn extra(&mut self, then: State, fault: Fault) -> Result<State, Fault> {
        self.extras = self.extras.checked_sub(1).ok_or(fault)?;
        Ok(then)
    }
}

/// The state after one byte of a chunk extension; none if it may not stand there (RFC 9112 §7.1.1).
fn after_in_extension(state: State, byte: u8) -> Option<State> {
    use State::{
        ExtensionEscape, ExtensionName, ExtensionNameSpace, ExtensionQuoted, ExtensionQuotedEnd,
        ExtensionSpace, ExtensionStart, ExtensionValue, ExtensionValueStart, SizeLf,
    };
    let is_space = matches!(byte, b' ' | b'\t');
    Some(match (state, byte) {
        (ExtensionName | ExtensionValue | ExtensionQuotedEnd, b'\r') => SizeLf,
        (
            ExtensionSpace | ExtensionName | ExtensionNameSpace | ExtensionValue
            | ExtensionQuotedEnd,
            b';',
        ) => ExtensionStart,
        (ExtensionName | ExtensionNameSpace, b'=') => ExtensionValueStart,
        (ExtensionValueStart, b'"') => ExtensionQuoted,
        (ExtensionQuoted, b'"') => ExtensionQuotedEnd,
        (ExtensionQuoted, b'\\') => ExtensionEscape,
        (ExtensionQuoted | ExtensionEscape, _) if is_text(byte) => ExtensionQuoted,
        (ExtensionSpace | ExtensionStart | ExtensionNameSpace | ExtensionValueStart, _)
            if is_space =>
        {
            state
        }
        (ExtensionName, _) if is_space => ExtensionNameSpace,
        (ExtensionValue | ExtensionQuotedEnd, _) if is_space => ExtensionSpace,
        (ExtensionStart | ExtensionName, _) if is_token(byte) => ExtensionName,
        (ExtensionValueStart | ExtensionValue, _) if is_token(byte) => ExtensionValue,
        _ => return None,
    })
}

/// What a field value or a quoted string may have in it (RFC 9110 §5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name and RFC section; bytes; what is left behind the body, or nothing if it has not ended.
    type Row<'r> = (&'r str, &'r [u8], Option<&'r [u8]>);

    const CAP: u64 = 1000;

    #[test]
    #[rustfmt::skip]
    fn chunks_are_read_to_their_end() {
        let rows: &[Row<'_>] = &[
            ("no chunk: 9112 §7.1", b"0\r\n\r\n", Some(b"")),
            ("one chunk: 9112 §7.1", b"5\r\nhello\r\n0\r\n\r\nGET", Some(b"GET")),
            ("two chunks: 9112 §7.1", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", Some(b"")),
            ("line ends as content: 9112 §7.1", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", Some(b"")),
            ("a last chunk as content: 9112 §7.1", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", Some(b"")),
            ("hexadecimal: 9112 §7.1", b"A\r\n0123456789\r\n0\r\n\r\n", Some(b"")),
            ("lower case: 9112 §7.1", b"a\r\n0123456789\r\n0\r\n\r\n", Some(b"")),
            ("leading zeros: 9112 §7.1", b"0005\r\nhello\r\n0000\r\n\r\n", Some(b"")),
            ("extension: 9112 §7.1.1", b"5;a\r\nhello\r\n0;b=c\r\n\r\n", Some(b"")),
            ("extension in quotes: 9112 §7.1.1", b"5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n", Some(b"")),
            ("space before it: 9112 §7.1.1", b"5 \t;a\r\nhello\r\n0\r\n\r\n", Some(b"")),
            ("trailer field: 9112 §7.1.2", b"0\r\na: b\r\n\r\nx", Some(b"x")),
            ("trailer fields: 9112 §7.1.2", b"0\r\na:\r\nb:\tc d\r\n\r\n", Some(b"")),
            ("a length as a trailer means nothing: 9110 §6.5.1", b"0\r\nContent-Length: 5\r\n\r\nx", Some(b"x")),
            ("no last chunk yet: 9112 §8", b"5\r\nhello\r\n", None),
            ("content cut: 9112 §8", b"5\r\nhel", None),
            ("no end of the trailer yet: 9112 §8", b"0\r\n", None),
            ("half of the last line end: 9112 §8", b"0\r\n\r", None),
            ("nothing yet", b"", None),
        ];
        for (row, bytes, expected) in rows {
            let outcome = expected.map(|rest| bytes.len() - rest.len());
            assert_eq!(read(Framing::Chunked, &[bytes]), Ok(outcome), "{row}");
            assert_eq!(read(Framing::Chunked, &singly(bytes)), Ok(outcome), "{row}, singly");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn other_chunks_are_refused() {
        // Name and RFC section; bytes; fault.
        let rows: &[(&str, &[u8], Fault)] = &[
            ("no size: 9112 §7.1", b"\r\n", Fault::ChunkSize),
            ("extension without a size: 9112 §7.1", b";a\r\n", Fault::ChunkSize),
            ("no hexadecimal number: 9112 §7.1", b"g\r\n", Fault::ChunkSize),
            ("prefix: 9112 §7.1", b"0x5\r\n", Fault::ChunkSize),
            ("minus: 9112 §7.1", b"-1\r\n", Fault::ChunkSize),
            ("plus: 9112 §7.1", b"+5\r\n", Fault::ChunkSize),
            ("space before the size: 9112 §7.1", b" 5\r\n", Fault::ChunkSize),
            ("underscore: 9112 §7.1", b"1_0\r\n", Fault::ChunkSize),
            ("overflow: 9112 §7.1", b"10000000000000000\r\n", Fault::ChunkSize),
            ("bare LF after the size: 9112 §2.2", b"5\nhello\r\n", Fault::ChunkSize),
            ("bare CR after the size: 9112 §2.2", b"5\rhello", Fault::ChunkSize),
            ("space after the size: 9112 §7.1.1", b"5 \r\nhello\r\n", Fault::ChunkExtension),
            ("two sizes: 9112 §7.1", b"5 5\r\n", Fault::ChunkExtension),
            ("bare LF in an extension: 9112 §2.2", b"5;a\nhello", Fault::ChunkExtension),
            ("bare CR in an extension: 9112 §2.2", b"5;a\rb\r\n", Fault::ChunkSize),
            ("NUL in an extension: 9112 §7.1.1", b"5;a\0\r\n", Fault::ChunkExtension),
            ("more content than announced: 9112 §7.1", b"4\r\nhello\r\n", Fault::ChunkEnd),
            ("less content than announced: 9112 §7.1", b"6\r\nhello\r\n0", Fault::ChunkEnd),
            ("bare LF after the content: 9112 §2.2", b"5\r\nhello\n", Fault::ChunkEnd),
            ("bare CR after the content: 9112 §2.2", b"5\r\nhello\r0\r\n", Fault::ChunkEnd),
            ("next size at once: 9112 §7.1", b"5\r\nhello0\r\n\r\n", Fault::ChunkEnd),
            ("bare LF at the end: 9112 §2.2", b"0\r\n\n", Fault::Trailer),
            ("next request at once: 9112 §7.1", b"0\r\nGET / HTTP/1.1\r\n", Fault::Trailer),
            ("folded trailer: 9112 §5.2", b"0\r\na: b\r\n c\r\n\r\n", Fault::Trailer),
            ("trailer without a name: 9112 §5.1", b"0\r\n: b\r\n\r\n", Fault::Trailer),
            ("space before the colon: 9112 §5.1", b"0\r\na : b\r\n\r\n", Fault::Trailer),
            ("bare LF in a trailer: 9112 §2.2", b"0\r\na: b\n\r\n", Fault::Trailer),
            ("bare CR in a trailer: 9112 §2.2", b"0\r\na: b\rc\r\n\r\n", Fault::Trailer),
            ("NUL in a trailer: 9110 §5.5", b"0\r\na: \0\r\n\r\n", Fault::Trailer),
            ("over the cap: 9110 §15.5.14", b"3e9\r\n", Fault::BodyTooLarge),
            ("greatest size: 9110 §15.5.14", b"ffffffffffffffff\r\n", Fault::BodyTooLarge),
            ("over the cap together: 9110 §15.5.14", b"1\r\na\r\n3e8\r\n", Fault::BodyTooLarge),
        ];
        for (row, bytes, fault) in rows {
            assert_eq!(read(Framing::Chunked, &[bytes]), Err(*fault), "{row}");
            assert_eq!(read(Framing::Chunked, &singly(bytes)), Err(*fault), "{row}, singly");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_neither_content_nor_needed_is_bounded() {
        let bound = usize::from(EXTRAS_LEN);
        // Name; what is in front; what is repeated; what follows; how much of the bound the front and the end take.
        let rows: &[(&str, &str, &str, &str, usize, Fault)] = &[
            ("zeros", "0", "0", "\r\n\r\n", 0, Fault::ChunkSize),
            ("extension", "0;", "a", "\r\n\r\n", 1, Fault::ChunkExtension),
            ("spaces", "0", " ", ";a\r\n\r\n", 2, Fault::ChunkExtension),
            ("trailer name", "0\r\n", "a", ":\r\n\r\n", 1, Fault::Trailer),
            ("trailer value", "0\r\na:", "b", "\r\n\r\n", 2, Fault::Trailer),
        ];
        for (row, front, filler, end, taken, fault) in rows {
            let body = |count: usize| [front, filler.repeat(count).as_str(), end].concat();
            let most = body(bound - taken);
            assert_eq!(read(Framing::Chunked, &[most.as_bytes()]), Ok(Some(most.len())), "{row}");
            assert_eq!(read(Framing::Chunked, &[body(bound - taken + 1).as_bytes()]), Err(*fault), "{row}");
        }
        let spread = "1;a\r\nx\r\n".repeat(bound / 2 + 1);
        assert_eq!(drain(Framing::Chunked, u64::MAX, &[spread.as_bytes()]), Err(Fault::ChunkExtension));
    }

    #[test]
    fn a_length_is_counted_down() {
        assert_eq!(read(Framing::Length(3), &[b"abcd"]), Ok(Some(3)));
        assert_eq!(read(Framing::Length(3), &[b"a", b"", b"b"]), Ok(None));
        assert_eq!(read(Framing::Length(3), &[b"a", b"bc", b"d"]), Ok(Some(3)));
        assert_eq!(read(Framing::Length(CAP), &[&[0; 1000]]), Ok(Some(1000)));
        assert_eq!(
            read(Framing::Length(CAP + 1), &[]),
            Err(Fault::BodyTooLarge)
        );
        assert_eq!(
            read(Framing::Length(u64::MAX), &[]),
            Err(Fault::BodyTooLarge)
        );
        assert!(matches!(Drain::new(Framing::None, CAP), Ok(None)));
        assert!(matches!(Drain::new(Framing::Length(0), CAP), Ok(None)));
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_outcome(
            bytes in "([0-9a-f;: \r\n\0]|\r\n|0\r\n\r\n|2\r\nab\r\n){0,20}", cuts in proptest::collection::vec(0_usize..40, 0..4),
        ) {
            let whole = read(Framing::Chunked, &[bytes.as_bytes()]);
            prop_assert_eq!(read(Framing::Chunked, &singly(bytes.as_bytes())), whole);
            prop_assert_eq!(read(Framing::Chunked, &pieces(bytes.as_bytes(), cuts)), whole);
        }

        #[test]
        fn written_chunks_are_read(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..30), 0..9),
            rest: Vec<u8>, cuts in proptest::collection::vec(0_usize..300, 0..4),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let end = bytes.len();
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(read(Framing::Chunked, &pieces(&bytes, cuts)), Ok(Some(end)));
            prop_assert_eq!(read(Framing::Chunked, &[&bytes[..end - 1]]), Ok(None));
        }
    }

    fn singly(bytes: &[u8]) -> Vec<&[u8]> {
        bytes.chunks(1).collect()
    }

    fn pieces(bytes: &[u8], mut cuts: Vec<usize>) -> Vec<&[u8]> {
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|pair| &bytes[pair[0].min(bytes.len())..pair[1].min(bytes.len())])
            .collect()
    }

    fn read(framing: Framing, pieces: &[&[u8]]) -> Result<Option<usize>, Fault> {
        drain(framing, CAP, pieces)
    }

    /// The body's length, if it ends in the pieces.
    fn drain(framing: Framing, cap: u64, pieces: &[&[u8]]) -> Result<Option<usize>, Fault> {
        let mut drain = Drain::new(framing, cap)?.unwrap();
        let mut len = 0;
        for piece in pieces {
            let (used, progress) = drain.feed(piece)?;
            len += used;
            if progress == Progress::Done {
                return Ok(Some(len));
            }
            assert_eq!(used, piece.len());
        }
        Ok(None)
    }
}
