//! Randomness: as many bytes as are asked for out of one seed of 32 (BLAKE3's extendable output), so that a run of a
//! machine repeats exactly when its seed does.

/// A source of random bytes. Who knows the seed knows them all: a program draws its seed from the system, once.
#[derive(Debug)]
pub struct Entropy {
    _todo: (),
}

impl Entropy {
    /// A source.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let _ = seed;
        unimplemented!()
    }
    /// Another source, independent of what this one gives later.
    pub fn split(&mut self) -> Self {
        unimplemented!()
    }
    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        let _ = out;
        unimplemented!()
    }
    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        unimplemented!()
    }
    /// A number below `bound`, each as likely; `bound` is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let _ = bound;
        unimplemented!()
    }
    /// `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        unimplemented!()
    }
}
