//! BLAKE3 of what was written, stretch by stretch, and reading it back.

use std::fs::File;
use std::sync::Arc;

use crate::error::{Doing, Error};
use crate::place::Spot;
use crate::plan;
use crate::run::Run;
use crate::sys::{self, Span};

use super::content::Filled;

/// A BLAKE3 hash.
pub(super) type Hash = [u8; 32];

/// Hashes bytes as they pass.
#[derive(Debug)]
pub(super) struct Hasher(blake3::Hasher);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(&self) -> Hash {
        *self.0.finalize().as_bytes()
    }
}

/// A stretch that was written, and its hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) span: Span,
    pub(super) hash: Hash,
}

/// The hash of a stretch as it reads now. Shorter than the span when the file is.
pub(super) fn of(run: &Run<'_>, file: &File, span: Span) -> std::io::Result<Hash> {
    let mut hasher = Hasher::new();
    run.shared.buffers.with(|buffer| {
        let mut position = span.start;
        while position < span.end && !run.progress.is_cancelled() {
            let step = usize::try_from(span.end - position)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let len = sys::read_at(file, &mut buffer[..step], position)?;
            hasher.update(&buffer[..len]);
            position += len as u64;
            if len < step {
                break;
            }
        }
        Ok(hasher.finish())
    })
}

/// Reads a written file back, from the disk as far as the system lets go of its cache, and compares. A clone, whose bytes never
/// passed through here, is compared with its source.
pub(super) fn verify(
    run: &Run<'_>,
    spot: &Spot<'_>,
    file: &Arc<File>,
    filled: &Filled,
) -> Result<(), Error> {
    let cannot_read = |cause| Error::io(Doing::Read, spot.destination(), cause);
    sys::drop_cache(file).map_err(cannot_read)?;
    if filled.cloned {
        let range_len = plan::range_len(run.options);
        let mut start = 0;
        while start < filled.bytes {
            let span = Span {
                start,
                end: (start + range_len).min(filled.bytes),
            };
            let hash = of(run, &filled.source, span)
                .map_err(|cause| Error::io(Doing::Read, spot.source(), cause))?;
            check(run, spot, file, &Segment { span, hash })?;
            start = span.end;
        }
    }
    filled
        .segments
        .iter()
        .try_for_each(|segment| check(run, spot, file, segment))
}

fn check(run: &Run<'_>, spot: &Spot<'_>, file: &File, segment: &Segment) -> Result<(), Error> {
    let found = of(run, file, segment.span)
        .map_err(|cause| Error::io(Doing::Read, spot.destination(), cause))?;
    if run.progress.is_cancelled() {
        return Err(Error::Cancelled {
            path: spot.source(),
        });
    }
    if found == segment.hash {
        return Ok(());
    }
    Err(Error::Verify {
        path: spot.destination(),
        start: segment.span.start,
        end: segment.span.end,
    })
}
