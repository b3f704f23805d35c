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
/// Size ─► SizeDigits ─┬─► ExtensionSpace ─► Extension ─┐     │
///                     └───────────────┬────────────────┘     │
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
    ExtensionSpace,
    Extension,
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
            (State::SizeDigits, b'\r') | (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::SizeDigits | State::ExtensionSpace, b';') => {
                self.extra(State::Extension, Fault::ChunkExtension)
            }
            // White space is allowed before the semicolon only (RFC 9112 §7.1.1).
            (State::SizeDigits | State::ExtensionSpace, b' ' | b'\t') => {
                self.extra(State::ExtensionSpace, Fault::ChunkExtension)
            }
            (State::SizeDigits, _) => self.digit(byte),
            (State::Extension, _) if is_text(byte) => {
                self.extra(State::Extension, Fault::ChunkExtension)
            }
            (State::ExtensionSpace | State::Extension, _) => Err(Fault::ChunkExtension),
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

/// What a field value or an extension may have in it (RFC 9110 §5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
