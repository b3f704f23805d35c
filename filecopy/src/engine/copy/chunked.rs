//! Moves one stretch of bytes from file to file, whole chunks at a time: the innermost loop.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering::Relaxed;

use crate::engine::run::Run;
use crate::engine::sys::{self, Span};

/// Granularity at which zeros are looked for with `--sparse always`: the smallest block that a file system leaves out
/// (bytes).
const BLOCK_LEN: usize = 4_096;

/// Longest step handed to another machine at once (bytes): a clone or a server-side copy must not be cut small, and a
/// cancelled job must still be noticed.
const OFFLOAD_LEN: u64 = 16 << 20;

/// What stopped a stretch before its end.
#[derive(Debug)]
pub(super) enum Stop {
    Read(io::Error),
    Write(io::Error),
    Cancelled,
}

/// Two open files and the job their bytes belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mover<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) source: &'a File,
    pub(super) destination: &'a File,
    pub(super) zeros: Zeros,
}

/// What becomes of blocks of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeros {
    /// They are written.
    Written,
    /// They are left out: the destination is known to be zero there.
    LeftOut,
    /// They become holes, whatever the destination has there: it was begun by another run.
    Punched,
}

impl Mover<'_> {
    /// Moves `span`, telling `each` the bytes as they pass. Returns where it ended: before the span's end when the
    /// source ended there.
    pub(super) fn span(
        &self,
        span: Span,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<u64, Stop> {
        let progress = self.run.progress;
        let mut position = span.start;
        while position < span.end {
            if progress.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let step = self.step(buffer.len(), span.end - position);
            let len =
                sys::read_at(self.source, &mut buffer[..step], position).map_err(Stop::Read)?;
            let bytes = &buffer[..len];
            each(bytes);
            self.write(bytes, position).map_err(Stop::Write)?;
            position += len as u64;
            progress.bytes.fetch_add(len as u64, Relaxed);
            if len < step {
                break;
            }
        }
        Ok(position)
    }

    /// Moves everything there is from or to something without positions: a pipe, a terminal. What was read is written
    /// at once, since the next bytes may be long in coming. Returns how many there were.
    pub(super) fn stream(&self, buffer: &mut [u8]) -> Result<u64, Stop> {
        let (mut source, mut destination) = (self.source, self.destination);
        let mut moved = 0;
        loop {
            if self.run.progress.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let step = self.step(buffer.len(), u64::MAX);
            let len = match source.read(&mut buffer[..step]) {
                Ok(0) => return Ok(moved),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Stop::Read(error)),
            };
            destination.write_all(&buffer[..len]).map_err(Stop::Write)?;
            moved += len as u64;
            self.run.progress.bytes.fetch_add(len as u64, Relaxed);
        }
    }

    /// As [`Mover::span`], by the machine that holds both files. None when it cannot.
    pub(super) fn offload(&self, span: Span) -> Result<Option<u64>, Stop> {
        let mut position = span.start;
        while position < span.end {
            if self.run.progress.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let step =
                usize::try_from((span.end - position).min(OFFLOAD_LEN)).unwrap_or(usize::MAX);
            match sys::offload(self.source, self.destination, position, step) {
                // Some file systems answer 0 where they should refuse; the plain way finds the true end.
                Ok(0) => break,
                Ok(len) => {
                    position += len as u64;
                    self.run.progress.bytes.fetch_add(len as u64, Relaxed);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
                Err(error) => return Err(Stop::Write(error)),
            }
        }
        Ok(Some(position))
    }

    /// Bytes of the next step: the buffer, what is left, and what the rate limit allows, which is waited for here.
    fn step(&self, buffer_len: usize, left: u64) -> usize {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer_len);
        let Some(throttle) = &self.run.shared.throttle else {
            return most;
        };
        let step = throttle
            .step(self.run.options.chunk_len.get(), most)
            .min(most);
        throttle.wait(step, || self.run.progress.is_cancelled());
        step
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        if self.zeros == Zeros::Written {
            return sys::write_at(self.destination, bytes, position);
        }
        let mut position = position;
        for run in bytes.chunk_by_blocks() {
            let is_zero = run.iter().all(|&byte| byte == 0);
            let is_done = is_zero
                && (self.zeros == Zeros::LeftOut
                    || sys::punch(self.destination, position, run.len() as u64).is_ok());
            // A file system without holes gets its zeros.
            if !is_done {
                sys::write_at(self.destination, run, position)?;
            }
            position += run.len() as u64;
        }
        Ok(())
    }
}

trait Blocks {
    /// The bytes in pieces that are all zero or each hold something, cut at block boundaries.
    fn chunk_by_blocks(&self) -> impl Iterator<Item = &[u8]>;
}

impl Blocks for [u8] {
    fn chunk_by_blocks(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let is_zero = |block: &[u8]| block.iter().all(|&byte| byte == 0);
            let mut blocks = rest.chunks(BLOCK_LEN);
            let first = is_zero(blocks.next()?);
            let same: usize = blocks
                .take_while(|block| is_zero(block) == first)
                .map(<[u8]>::len)
                .sum();
            let (piece, after) = rest.split_at(BLOCK_LEN.min(rest.len()) + same);
            rest = after;
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use crate::engine::run::for_test;

    #[test]
    fn blocks_of_zeros_read_as_zeros_wherever_they_must() {
        let mut bytes = vec![0; 3 * BLOCK_LEN];
        bytes[..BLOCK_LEN].fill(1);
        let cases = [
            ("written over another's", Zeros::Written, 9, true),
            ("punched over another's", Zeros::Punched, 9, true),
            ("left out where it is zero", Zeros::LeftOut, 0, true),
            ("left out where it is not", Zeros::LeftOut, 9, false),
        ];
        for (name, zeros, before, is_alike) in cases {
            let file = tempfile::tempfile().unwrap();
            sys::write_at(&file, &vec![before; bytes.len()], 0).unwrap();
            for_test(&Options::default(), |run| {
                let mover = Mover {
                    run,
                    source: &file,
                    destination: &file,
                    zeros,
                };
                mover.write(&bytes, 0).unwrap();
            });
            let mut found = vec![0; bytes.len()];
            sys::read_at(&file, &mut found, 0).unwrap();
            assert_eq!(found == bytes, is_alike, "{name}");
        }
    }

    #[test]
    fn zeros_and_data_are_parted_at_block_boundaries() {
        let block = |byte: u8| vec![byte; BLOCK_LEN];
        type Case = (&'static str, Vec<Vec<u8>>, &'static [usize]);
        let cases: [Case; 5] = [
            ("nothing", vec![], &[]),
            ("data alone", vec![block(1), block(2)], &[2 * BLOCK_LEN]),
            ("zeros alone", vec![block(0), block(0)], &[2 * BLOCK_LEN]),
            (
                "a hole between",
                vec![block(1), block(0), block(0), block(1)],
                &[BLOCK_LEN, 2 * BLOCK_LEN, BLOCK_LEN],
            ),
            ("a short end", vec![block(0), vec![7; 10]], &[BLOCK_LEN, 10]),
        ];
        for (name, blocks, lens) in cases {
            let bytes = blocks.concat();
            let pieces: Vec<&[u8]> = bytes.chunk_by_blocks().collect();
            assert_eq!(
                pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
                lens,
                "{name}"
            );
            assert_eq!(pieces.concat(), bytes, "{name}: nothing is lost");
        }
    }
}
