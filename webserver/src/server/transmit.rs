//! Sends replies: as many bytes in one call as can be, and never more at a turn than is fair to the others.
//!
//! Small replies have been gathered in one buffer and leave together. Contents in memory leave in the same call as
//! the heads before them, contents of large files by `sendfile` right behind their head. The head of those is not held back
//! for them (`MSG_MORE`): that would save a packet, and cost two thirds more time. A file that ends before its
//! promised length ends the connection: the client must not take what follows for the missing bytes.

use std::io::{self, IoSlice};

use crate::reply::{Output, Piece};
use crate::server::stream::Stream;

/// Bytes handed to the kernel in one call: as much as the largest segment takes. What is more than that is held back
/// until all of it has been copied: 100 KB in one call took half as much time again, 32 KB a call a fifth more.
const SEND_LEN: usize = 64 * 1024;

/// Bytes of a file handed to the kernel in one call. Twice as many were not faster, a sixteenth slower by a third.
const SLICE_LEN: u64 = 1024 * 1024;

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
        let mut count = 0;
        let mut room = SEND_LEN;
        let pieces = self.output.pieces.iter().map_while(|piece| match piece {
            Piece::Bytes(bytes) => Some(&bytes[..]),
            Piece::Memory { bytes, range } => Some(&bytes[range.clone()]),
            Piece::File { .. } => None,
        });
        for stretch in std::iter::once(head).chain(pieces).take(GATHERED) {
            let part = &stretch[..stretch.len().min(room)];
            gathered[count] = IoSlice::new(part);
            count += 1;
            room -= part.len();
            if room == 0 {
                break;
            }
        }
        let sent = stream.send(&gathered[..count])?;
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
