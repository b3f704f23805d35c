//! Aligned memory for reading and writing, one buffer for each worker at work, reused.

use std::sync::{Mutex, PoisonError};

/// Memory pages of every system we know divide this (bytes); the kernel copies whole pages fastest.
const ALIGNMENT: usize = 4_096;

/// Buffers at rest.
#[derive(Debug)]
pub(crate) struct Buffers {
    len: usize,
    resting: Mutex<Vec<Buffer>>,
}

impl Buffers {
    /// Buffers of `len` bytes. Memory is taken when first needed, and touched only as far as it is used.
    pub(crate) fn new(len: usize) -> Self {
        Self {
            len,
            resting: Mutex::default(),
        }
    }

    /// Lends a buffer to `work`.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        let resting = self
            .resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut buffer = resting.unwrap_or_else(|| Buffer::new(self.len));
        let result = work(buffer.bytes());
        self.resting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffer);
        result
    }
}

#[derive(Debug)]
struct Buffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    fn new(len: usize) -> Self {
        let memory = vec![0; len + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, start, len }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}
