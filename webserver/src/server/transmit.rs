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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn everything_arrives_in_order_however_little_the_client_takes() {
        let bytes: Vec<u8> = (0..600_000_u32)
            .map(|n| n.to_le_bytes()[n as usize % 3])
            .collect();
        let memory: Arc<[u8]> = bytes[..200_000].into();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let file = Rc::new(file.into());
        let mut outgoing = Outgoing::default();
        outgoing.output.bytes.extend_from_slice(&bytes[..70_000]);
        outgoing.output.pieces.extend([
            Piece::Bytes(b"part".to_vec()),
            Piece::Memory {
                bytes: Arc::clone(&memory),
                range: 100..150_000,
            },
            Piece::File {
                file: Rc::clone(&file),
                range: 5..500_000,
            },
            Piece::Bytes(b"end".to_vec()),
        ]);
        let expected = [
            &bytes[..70_000],
            b"part",
            &memory[100..150_000],
            &bytes[5..500_000],
            b"end",
        ]
        .concat();
        assert_eq!(outgoing.remaining(), expected.len() as u64);

        let (mut stream, mut client) = pair();
        let mut received = vec![0; expected.len()];
        let mut at = 0;
        let mut blocked = 0;
        while outgoing.advance(&mut stream).unwrap() == Progress::Blocked {
            blocked += 1;
            at += client.read(&mut received[at..]).unwrap();
            // As when it is put aside until the client has taken some.
            outgoing = outgoing.take();
        }
        client.read_exact(&mut received[at..]).unwrap();
        assert!(received == expected, "other bytes, or in another order");
        assert!(
            blocked > 0,
            "the socket was never full, so nothing was shown"
        );
        assert!(outgoing.is_empty());
    }

    #[test]
    fn a_file_that_ends_too_early_breaks_the_connection() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"short").unwrap();
        let mut outgoing = Outgoing::default();
        outgoing.output.pieces.push_back(Piece::File {
            file: Rc::new(file.into()),
            range: 0..6,
        });
        let (mut stream, _client) = pair();
        let error = outgoing.advance(&mut stream).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_long_file_makes_way_for_others() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * TURN_LEN + 1).unwrap();
        let mut outgoing = Outgoing::default();
        outgoing.output.pieces.push_back(Piece::File {
            file: Rc::new(file.into()),
            range: 0..2 * TURN_LEN + 1,
        });
        // It takes everything at once, so that nothing else ends a turn.
        let sink = File::options().write(true).open("/dev/null").unwrap();
        let mut stream = Stream::new(sink.into(), None);
        for left in [TURN_LEN + 1, 1] {
            assert_eq!(outgoing.advance(&mut stream).unwrap(), Progress::Yield);
            assert_eq!(outgoing.remaining(), left);
        }
        assert_eq!(outgoing.advance(&mut stream).unwrap(), Progress::Done);
    }

    fn pair() -> (Stream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Stream::new(ours.into(), None), theirs)
    }
}
