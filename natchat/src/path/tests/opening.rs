//! Which NATs are opened, and how fast.

use std::time::Duration;

use super::duo::{A, B, Duo, Home, Side, entropy_of};
use super::nat::{Kind, Net, Place};
use crate::crypto::entropy::Entropy;
use crate::path::paths::Class;

const HOMES: [(&str, Home); 9] = [
    ("public", Home::Public),
    ("full", Home::Nat(Kind::Full)),
    ("addr", Home::Nat(Kind::Addr)),
    ("port", Home::Nat(Kind::Port)),
    ("symmetric", Home::Nat(Kind::Symmetric)),
    ("sequential", Home::Nat(Kind::Sequential)),
    ("carrier + full", Home::Carrier(Kind::Full)),
    ("carrier + port", Home::Carrier(Kind::Port)),
    ("carrier + symmetric", Home::Carrier(Kind::Symmetric)),
];

/// How a pair is opened.
#[derive(Debug, PartialEq, Eq)]
enum Opened {
    /// By plain checks or predicted ports.
    Plainly,
    ByBirthday,
    Never,
}

fn expected(one: Home, other: Home) -> Opened {
    let is_random = |home| {
        matches!(
            home,
            Home::Nat(Kind::Symmetric) | Home::Carrier(Kind::Symmetric)
        )
    };
    // Filters by port, of which there are two in a row where a home is behind a carrier.
    let is_strict = |home| match home {
        Home::Public => false,
        Home::Nat(kind) => !matches!(kind, Kind::Full | Kind::Addr),
        Home::Carrier(_) => true,
    };
    let is_sequential = |home| home == Home::Nat(Kind::Sequential);
    match (is_random(one), is_random(other)) {
        (true, true) => Opened::Never,
        (true, false) if is_sequential(other) => Opened::Never,
        (false, true) if is_sequential(one) => Opened::Never,
        (true, false) if is_strict(other) => Opened::ByBirthday,
        (false, true) if is_strict(one) => Opened::ByBirthday,
        _ => Opened::Plainly,
    }
}

#[test]
fn every_pair_of_nats_comes_out_as_it_should() {
    for (one, a) in HOMES {
        for (other, b) in HOMES {
            let mut duo = Duo::new(7, [a, b]);
            duo.start(A);
            let after = duo.direct_after(4_000);
            let opened = match after {
                Some(..=60) => Opened::Plainly,
                Some(_) => Opened::ByBirthday,
                None => Opened::Never,
            };
            assert_eq!(opened, expected(a, b), "{one} × {other}: {after:?}");
            let class = duo.sides[A].paths.best().map(|best| best.class);
            assert!(matches!(class, None | Some(Class::V4)), "{one} × {other}");
        }
    }
}

/// Both with 25 ms to the Internet: 50 ms one way between them, and as much through a server in the middle.
fn far_apart(seed: u64, homes: [Home; 2]) -> Duo {
    let mut duo = Duo::new(seed, homes);
    duo.delay = Duration::from_millis(50);
    duo.relay_delay = Duration::from_millis(50);
    duo
}

#[test]
fn far_apart_it_takes_little_more_than_a_round_trip() {
    for (one, a) in HOMES {
        for (other, b) in HOMES {
            if expected(a, b) != Opened::Plainly {
                continue;
            }
            let mut duo = far_apart(3, [a, b]);
            duo.start(A);
            duo.run(1_000, |duo| duo.sides[A].paths.best().is_some());
            // What comes from a port that nobody could know is only checked when the other side's check is there.
            let is_surprise = matches!(
                b,
                Home::Nat(Kind::Symmetric) | Home::Carrier(Kind::Symmetric)
            );
            let limit = if is_surprise { 220 } else { 160 };
            assert!(
                duo.elapsed() <= Duration::from_millis(limit),
                "{one} × {other}: {:?}",
                duo.elapsed()
            );
        }
    }
}

/// A host behind NATs that are `outer`, and one behind those of its own.
struct Special {
    name: &'static str,
    lay: fn(&mut Net, &mut Entropy) -> [Place; 2],
    class: Option<Class>,
}

const SPECIALS: [Special; 11] = [
    Special {
        name: "one LAN, no hairpin",
        lay: |net, entropy| {
            let nat = net.nat(None, PUBLIC, Kind::Port, entropy.split());
            [1, 2].map(|n| net.host(Some(nat), [192, 168, 0, n]))
        },
        class: Some(Class::Lan),
    },
    Special {
        name: "one LAN whose NAT is symmetric",
        lay: |net, entropy| {
            let nat = net.nat(None, PUBLIC, Kind::Symmetric, entropy.split());
            [1, 2].map(|n| net.host(Some(nat), [192, 168, 0, n]))
        },
        class: Some(Class::Lan),
    },
    Special {
        name: "two homes, the same private address",
        lay: |net, entropy| {
            [1, 2].map(|n| {
                let nat = net.nat(None, [203, 0, 113, n], Kind::Port, entropy.split());
                net.host(Some(nat), [192, 168, 0, 5])
            })
        },
        class: Some(Class::V4),
    },
    Special {
        name: "two homes of one carrier, with hairpin",
        lay: |net, entropy| homes_of_one_carrier(net, entropy, Hairpin::Yes, Kind::Port),
        class: Some(Class::V4),
    },
    Special {
        name: "two homes of one carrier that fully opens, with hairpin",
        lay: |net, entropy| homes_of_one_carrier(net, entropy, Hairpin::Yes, Kind::Full),
        class: Some(Class::V4),
    },
    Special {
        name: "two homes of one carrier, no hairpin",
        lay: |net, entropy| homes_of_one_carrier(net, entropy, Hairpin::No, Kind::Port),
        class: None,
    },
    Special {
        name: "a virtual machine and a host of the LAN around it",
        lay: |net, entropy| {
            let nat = net.nat(None, PUBLIC, Kind::Port, entropy.split());
            let around = net.nat(Some(nat), [192, 168, 0, 9], Kind::Port, entropy.split());
            [
                net.host(Some(around), [10, 0, 2, 15]),
                net.host(Some(nat), [192, 168, 0, 2]),
            ]
        },
        class: Some(Class::Lan),
    },
    Special {
        name: "a host and a virtual machine on its LAN",
        lay: |net, entropy| {
            let nat = net.nat(None, PUBLIC, Kind::Port, entropy.split());
            let around = net.nat(Some(nat), [192, 168, 0, 9], Kind::Port, entropy.split());
            [
                net.host(Some(nat), [192, 168, 0, 2]),
                net.host(Some(around), [10, 0, 2, 15]),
            ]
        },
        class: Some(Class::Lan),
    },
    Special {
        name: "two virtual machines of one host",
        lay: |net, entropy| {
            let nat = net.nat(None, PUBLIC, Kind::Port, entropy.split());
            let around = net.nat(Some(nat), [192, 168, 0, 9], Kind::Port, entropy.split());
            [1, 2].map(|n| net.host(Some(around), [10, 0, 2, n]))
        },
        class: Some(Class::Lan),
    },
    Special {
        name: "two homes whose routers answer early packets",
        lay: |net, entropy| {
            [1, 2].map(|n| {
                let nat = net.nat(None, [203, 0, 113, n], Kind::Port, entropy.split());
                net.nat_mut(nat).trap = true;
                net.host(Some(nat), [192, 168, 0, n])
            })
        },
        class: Some(Class::V4),
    },
    Special {
        name: "such a home and one with ports that follow one another",
        lay: |net, entropy| {
            [Kind::Port, Kind::Sequential].map(|kind| {
                let n = if kind == Kind::Port { 1 } else { 2 };
                let nat = net.nat(None, [203, 0, 113, n], kind, entropy.split());
                net.nat_mut(nat).trap = true;
                net.host(Some(nat), [192, 168, 0, n])
            })
        },
        class: Some(Class::V4),
    },
];

const PUBLIC: [u8; 4] = [203, 0, 113, 1];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hairpin {
    Yes,
    No,
}

fn homes_of_one_carrier(
    net: &mut Net,
    entropy: &mut Entropy,
    hairpin: Hairpin,
    kind: Kind,
) -> [Place; 2] {
    let carrier = net.nat(None, PUBLIC, kind, entropy.split());
    net.nat_mut(carrier).hairpin = hairpin == Hairpin::Yes;
    [1, 2].map(|n| {
        let nat = net.nat(Some(carrier), [100, 64, 0, n], Kind::Port, entropy.split());
        net.host(Some(nat), [192, 168, n, 5])
    })
}

#[test]
fn special_places_come_out_as_they_should() {
    for special in &SPECIALS {
        for delay in [0, 15] {
            let mut entropy = entropy_of(11);
            let mut net = Net::default();
            let hosts = (special.lay)(&mut net, &mut entropy);
            let mut duo = Duo::on(net, hosts, entropy);
            (duo.delay, duo.relay_delay) =
                (Duration::from_millis(delay), Duration::from_millis(delay));
            duo.start(A);
            let after = duo.direct_after(4_000);
            let classes = duo
                .sides
                .each_ref()
                .map(|side| side.paths.best().map(|best| best.class));
            assert_eq!(classes, [special.class; 2], "{}: {after:?}", special.name);
            assert!(
                after.is_none_or(|after| after <= 160),
                "{}: {after:?}",
                special.name
            );
        }
    }
}

#[test]
fn losses_only_delay() {
    for (one, a) in HOMES {
        for (other, b) in HOMES {
            if expected(a, b) != Opened::Plainly {
                continue;
            }
            for seed in 0..5 {
                let mut duo = far_apart(seed, [a, b]);
                duo.lost = 300;
                duo.start(A);
                let after = duo.direct_after(9_000);
                assert!(after.is_some(), "{one} × {other}, seed {seed}");
            }
        }
    }
}

#[test]
fn both_may_begin_at_once() {
    for (one, a) in HOMES {
        for (other, b) in HOMES {
            let mut duo = far_apart(5, [a, b]);
            duo.start(A);
            duo.start(B);
            let after = duo.direct_after(4_000);
            assert_eq!(
                after.is_some(),
                expected(a, b) != Opened::Never,
                "{one} × {other}"
            );
        }
    }
}

#[test]
fn who_works_is_checked_no_more() {
    let mut duo = Duo::new(1, [Home::Nat(Kind::Port), Home::Nat(Kind::Port)]);
    duo.start(A);
    assert!(duo.run(2_000, |_| false) || duo.is_direct());
    let sent = |duo: &Duo| duo.sides.each_ref().map(|side: &Side| side.checks_sent);
    let before = sent(&duo);
    duo.run(14_000, |_| false);
    let sent: Vec<_> = sent(&duo)
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    // The private address of the other home is nearer, so it is asked until patience ends.
    assert!(sent.iter().all(|sent| (10..=20).contains(sent)), "{sent:?}");
}
