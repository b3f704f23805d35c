//! Which ports a NAT may give next: those that follow (prediction), or any (birthday probing).

use crate::crypto::entropy::Entropy;
use crate::wire::reach::Mapping;

/// The first port that NATs give to new mappings (RFC 4787 §4.2.2: those below are left alone).
const FIRST: u16 = 1_024;

/// How many there are.
const COUNT: u16 = u16::MAX - FIRST + 1;

/// The port that a NAT gives to the new destination which comes `times` after that of `last`. Behind the last port it
/// goes on with the first, and the other way round.
pub(crate) fn following(last: u16, step: i16, times: u16) -> u16 {
    let offset = i64::from(last) - i64::from(FIRST) + i64::from(step) * i64::from(times);
    let wrapped = offset.rem_euclid(i64::from(COUNT));
    FIRST + u16::try_from(wrapped).expect("below the count of ports")
}

/// Every port once, in an order that nobody knows; where ports follow one another, these in turns with the others.
#[derive(Debug)]
pub(crate) struct Walk {
    mapping: Mapping,
    taken: u16,
    place: u16,
    stride: u16,
}

impl Walk {
    pub(crate) fn new(mapping: Mapping, entropy: &mut Entropy) -> Self {
        Self {
            mapping,
            taken: 0,
            place: below_count(entropy),
            stride: stride(entropy),
        }
    }

    /// The next port.
    pub(crate) fn step(&mut self) -> u16 {
        self.taken = self.taken.wrapping_add(1);
        if let Mapping::Sequential { last, step } = self.mapping
            && self.taken % 2 == 1
        {
            return following(last, step, self.taken / 2 + 1);
        }
        let sum = u32::from(self.place) + u32::from(self.stride);
        self.place = u16::try_from(sum % u32::from(COUNT)).expect("below the count of ports");
        FIRST + self.place
    }
}

fn below_count(entropy: &mut Entropy) -> u16 {
    u16::try_from(entropy.below(u64::from(COUNT))).expect("below the count of ports")
}

/// One that shares no factor with the count of ports (2¹⁰ · 3² · 7), so that the walk meets them all.
fn stride(entropy: &mut Entropy) -> u16 {
    loop {
        let stride = below_count(entropy);
        if ![2, 3, 7]
            .iter()
            .any(|factor| stride.is_multiple_of(*factor))
        {
            return stride;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ports_follow_in_the_direction_of_the_step() {
        let cases: [(&str, u16, i16, [u16; 3]); 5] = [
            ("one up", 4_000, 1, [4_001, 4_002, 4_003]),
            ("two down", 4_000, -2, [3_998, 3_996, 3_994]),
            ("over the end", 65_534, 1, [65_535, 1_024, 1_025]),
            ("below the start", 1_025, -1, [1_024, 65_535, 65_534]),
            ("from a port of none", 0, 1, [64_513, 64_514, 64_515]),
        ];
        for (name, last, step, expected) in cases {
            assert_eq!(
                [1, 2, 3].map(|times| following(last, step, times)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn a_walk_meets_every_port_once() {
        for seed in 0..20 {
            let mut walk = Walk::new(Mapping::Random, &mut Entropy::new([seed; 32]));
            let ports: BTreeSet<u16> = (0..COUNT).map(|_| walk.step()).collect();
            assert_eq!(ports.len(), usize::from(COUNT));
            assert_eq!(ports.first(), Some(&FIRST));
        }
    }

    #[test]
    fn where_ports_follow_one_another_every_other_one_does() {
        let mapping = Mapping::Sequential {
            last: 5_000,
            step: -1,
        };
        let mut walk = Walk::new(mapping, &mut Entropy::new([5; 32]));
        let ports: Vec<u16> = (0..6).map(|_| walk.step()).collect();
        assert_eq!([ports[0], ports[2], ports[4]], [4_999, 4_998, 4_997]);
    }

    proptest! {
        #[test]
        fn no_port_is_below_the_first(last: u16, step: i16, times: u16) {
            prop_assert!(following(last, step, times) >= FIRST);
        }
    }
}
