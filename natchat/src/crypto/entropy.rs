//! Randomness: as many bytes as are asked for out of one seed of 32 (BLAKE3's extendable output), so that a run of a
//! machine repeats exactly when its seed does.

use std::fmt;

use blake3::OutputReader;

/// A source of random bytes. Who knows the seed knows them all: a program draws its seed from the system, once.
pub struct Entropy {
    output: OutputReader,
}

impl Entropy {
    /// A source.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            output: blake3::Hasher::new_keyed(&seed).finalize_xof(),
        }
    }

    /// Another source, independent of what this one gives later.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self::new(self.bytes())
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.output.fill(out);
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// A number below `bound`, each as likely; `bound` is above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The numbers from here on fill whole multiples of the bound, so none of its remainders is drawn more often.
        let first_fair = bound.wrapping_neg() % bound;
        loop {
            let drawn = self.next_u64();
            if drawn >= first_fair {
                return drawn % bound;
            }
        }
    }

    /// `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }
}

/// Shows nothing of the seed.
impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_its_neighbour_differs() {
        let draw = |seed: u8| Entropy::new([seed; 32]).bytes::<100>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_cut_of_the_pieces_does_not_matter() {
        let whole: [u8; 96] = Entropy::new([7; 32]).bytes();
        let mut entropy = Entropy::new([7; 32]);
        let mut pieces = Vec::new();
        for len in [1, 2, 29, 64] {
            let mut piece = vec![0; len];
            entropy.fill(&mut piece);
            pieces.extend(piece);
        }
        assert_eq!(whole.as_slice(), pieces);
    }

    #[test]
    fn what_is_split_off_gives_something_else() {
        let mut entropy = Entropy::new([3; 32]);
        let mut other = entropy.split();
        assert_ne!(entropy.bytes::<32>(), other.bytes::<32>());
    }

    #[test]
    fn numbers_below_a_bound_are_about_as_likely() {
        let mut entropy = Entropy::new([4; 32]);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            let drawn = usize::try_from(entropy.below(10)).unwrap();
            counts[drawn] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
        assert_eq!(entropy.below(1), 0);
        assert!(entropy.below(u64::MAX) < u64::MAX);
    }
}
