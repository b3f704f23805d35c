//! Datagrams made by chance: noise behind a first byte and a kind that mean something, and the kept ones cut, lengthened and
//! changed.

use std::fs;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bodies::nat_rendezvous;
use crate::bodies::nat_wire::check;
use crate::{here, listed};

/// The seeds that have a byte to change.
static KEPT: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let seeds = listed(&here().join("seeds").join("nat_wire"));
    let read = |seed| fs::read(seed).expect("a seed that was listed");
    let datagrams = seeds.into_iter().map(read);
    datagrams.filter(|bytes| !bytes.is_empty()).collect()
});

#[test]
fn every_cut_of_every_kept_datagram() {
    for datagram in KEPT.iter() {
        for len in 0..datagram.len() {
            check(&datagram[..len]);
            check(&datagram[len..]);
        }
        for more in [0, 1, 255] {
            check(&[&datagram[..], &[more]].concat());
        }
    }
}

proptest! {
    #[test]
    fn noise(first in 0xF8..=0xFF_u8, kind in 0..14_u8, noise in vec(any::<u8>(), 0..300)) {
        check(&[&[first, kind], &*noise].concat());
        check(&noise);
    }

    #[test]
    fn a_kept_datagram_with_some_bytes_changed(
        which: Index, changes in vec((any::<Index>(), any::<u8>()), 1..5), other: Index, at: Index,
    ) {
        let mut datagram = which.get(&KEPT).clone();
        for (place, byte) in changes {
            *place.get_mut(&mut datagram) = byte;
        }
        check(&datagram);
        // The front of one and the back of another.
        let at = at.index(datagram.len());
        let other = other.get(&KEPT);
        let back = &other[at.min(other.len())..];
        check(&[&datagram[..at], back].concat());
    }

    #[test]
    fn what_older_clients_could_say(text in "(client|server|me)(_(register|Keep Alive|[a-z가_ ]{0,9}|10\\.0\\.0\\.1:1)){0,5}") {
        check(text.as_bytes());
    }

    #[test]
    fn whatever_is_said_to_the_rendezvous(steps in vec(
        ("[dcmrpt]", any::<u8>(), vec(any::<u8>(), 0..120)), 0..30,
    )) {
        let steps = steps.into_iter().flat_map(|(kind, which, bytes)| {
            let len = u8::try_from(bytes.len()).expect("at most 120");
            let bytes = if matches!(&*kind, "p" | "t") { Vec::new() } else { bytes };
            [kind.into_bytes(), vec![which, len], bytes].concat()
        });
        nat_rendezvous::check(&steps.collect::<Vec<u8>>());
    }
}
