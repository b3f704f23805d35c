//! Numbered places for values that come and go, where a number outlived by its value is noticed.

/// Names one value: its place, and how many were there before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    /// The place.
    pub(crate) index: u32,
    /// How many values the place has held before.
    pub(crate) generation: u32,
}

impl Token {
    /// As one number, for the kernel to keep.
    pub(crate) const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// What [`Token::to_bits`] gave.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the halves are taken apart"
    )]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// The values. Places are used again, the last one left first, so that few of them are touched.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    /// No values.
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a value in a free place.
    pub(crate) fn insert(&mut self, value: T) -> Token {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.value = Some(value);
            return Token {
                index,
                generation: place.generation,
            };
        }
        let index =
            u32::try_from(self.places.len()).expect("connections are bounded far below 2³²");
        self.places.push(Place {
            generation: 0,
            value: Some(value),
        });
        Token {
            index,
            generation: 0,
        }
    }

    /// The value, unless it is gone.
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let place = self.places.get_mut(token.index as usize)?;
        place
            .value
            .as_mut()
            .filter(|_| place.generation == token.generation)
    }

    /// Takes the value out, unless it is gone.
    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        let place = self.places.get_mut(token.index as usize)?;
        if place.generation != token.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(token.index);
        Some(value)
    }

    /// The name of the value that is at a place now.
    pub(crate) fn token_at(&self, index: u32) -> Option<Token> {
        let place = self.places.get(index as usize)?;
        place.value.as_ref()?;
        Some(Token {
            index,
            generation: place.generation,
        })
    }

    /// The names of all the values there are now.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        (0..self.places.len())
            .filter_map(|index| self.token_at(u32::try_from(index).ok()?))
            .collect()
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outlives_its_value_without_harm() {
        let mut slab = Slab::new();
        let (first, second) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(first), Some("a"));
        let third = slab.insert("c");
        assert_eq!(third.index, first.index);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(third), Some(&mut "c"));
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.tokens(), [third, second]);
        assert_eq!(Token::from_bits(third.to_bits()), third);
    }
}
