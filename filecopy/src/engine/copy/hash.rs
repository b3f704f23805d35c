//! BLAKE3 of a file, stretch by stretch. A leaf.

use std::fs::File;

use crate::engine::run::Run;
use crate::engine::sys::{self, Span};

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
