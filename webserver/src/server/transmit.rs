//! Sends replies: as many bytes in one call as can be, and never more at a turn than is fair to the others.
//!
//! Small replies have been gathered in one buffer and leave together. Contents in memory leave in the same call as
//! the heads before them, contents of large files by `sendfile` right behind their head. A file that ends before its
//! promised length ends the connection: the client must not take what follows for the missing bytes.

use std::io::{self, IoSlice};

use crate::reply::{Output, Piece};
use crate::server::stream::{More, Stream};

/// Bytes of a file handed to the kernel in one call. Larger slices were not faster.
const SLICE_LEN: u64 = 2 * 1024 * 1024;

/// Bytes that one connection may send before it is the others' turn.
const TURN_LEN: u64 = 4 * 1024 * 1024;

/// Stretches gathered into one call.
const GATHERED: usize = 8;

/// What is to be sent on a connection.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// The replies.
    pub(crate) output: Output,
    /// How many of the bytes before the pieces are sent.
    sent: usize,
}

/// How far [`Outgoing::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All is sent.
    Done,
    /// The client must take some of it first.
    Blocked,
    /// There is more, but it is the others' turn.
    Yield,
}

impl Outgoing {
    /// Bytes still to be sent.
    pub(crate) fn remaining(&self) -> u64 {
        (self.output.bytes.len() - self.sent) as u64
            + self.output.pieces.iter().map(Piece::len).sum::<u64>()
    }

    /// Whether nothing is to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.output.bytes.len() == self.sent && self.output.pieces.is_empty()
    }

    /// Forgets what was to be sent, and keeps its room.
    pub(crate) fn clear(&mut self) {
        self.output.bytes.clear();
        self.sent = 0;
        self.output.pieces.clear();
    }

    /// Takes what is left out of a buffer that others use next.
    pub(crate) fn take(&mut self) -> Self {
        let left = Self {
            output: Output {
                bytes: self.output.bytes[self.sent..].to_vec(),
                pieces: std::mem::take(&mut self.output.pieces),
            },
            sent: 0,
        };
        self.clear();
        left
    }

    /// Sends what the client takes, up to a turn's worth.
    ///
    /// # Errors
    /// If the connection is broken, or a file is shorter than it was.
    pub(crate) fn advance(&mut self, stream: &mut Stream) -> io::Result<Progress> {
        let before = self.remaining();
        while !self.is_empty() {
            if before - self.remaining() >= TURN_LEN {
                return Ok(Progress::Yield);
            }
            match self.send_some(stream) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Progress::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.clear();
        match stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Progress::Blocked),
            flushed => flushed.map(|()| Progress::Done),
        }
    }

    fn send_some(&mut self, stream: &mut Stream) -> io::Result<()> {
        let head = &self.output.bytes[self.sent..];
        if head.is_empty()
            && let Some(Piece::File { file, range }) = self.output.pieces.front_mut()
        {
            let wanted = (range.end - range.start).min(SLICE_LEN);
            match stream.send_file(file, &mut range.start, wanted)? {
                0 if wanted > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ if range.start >= range.end => drop(self.output.pieces.pop_front()),
                _ => {}
            }
            return Ok(());
        }
        let mut gathered = [IoSlice::new(&[]); GATHERED];
        gathered[0] = IoSlice::new(head);
        let mut count = 1;
        let mut more = More::Nothing;
        for piece in &self.output.pieces {
            if count == GATHERED {
                break;
            }
            gathered[count] = IoSlice::new(match piece {
                Piece::Bytes(bytes) => bytes,
                Piece::Memory { bytes, range } => &bytes[range.clone()],
                Piece::File { .. } => {
                    more = More::Follows;
                    break;
                }
            });
            count += 1;
        }
        let sent = stream.send(&gathered[..count], more)?;
        self.consume(sent);
        Ok(())
    }

    /// Strikes out what was sent.
    fn consume(&mut self, sent: usize) {
        let of_head = sent.min(self.output.bytes.len() - self.sent);
        self.sent += of_head;
        let mut left = sent - of_head;
        while let Some(piece) = self.output.pieces.front_mut() {
            let taken = match piece {
                Piece::Bytes(bytes) => {
                    let taken = left.min(bytes.len());
                    bytes.drain(..taken);
                    taken
                }
                Piece::Memory { range, .. } => {
                    let taken = left.min(range.len());
                    range.start += taken;
                    taken
                }
                Piece::File { .. } => return,
            };
            left -= taken;
            if !piece.is_empty() {
                return;
            }
            self.output.pieces.pop_front();
        }
    }
}
