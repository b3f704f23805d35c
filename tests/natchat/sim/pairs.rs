//! Every pair of accesses to the Internet, in both orders: connected, the first line delivered, and direct where
//! packets can find a way; with the times that it takes without delay and with 25 ms on each access line.

use std::time::Duration;

use harness::sim::access::{Access, Home, behind};
use harness::sim::{Ipv6Policy, Line, NatKind, NatOptions, World};
use natchat::client::event::Way;

use super::town::{Town, delivered, said};

/// The kinds of the table: 28 pairs.
const KINDS: [Access; 7] = [
    Access::Public,
    Access::Nat(NatKind::FullCone),
    Access::Nat(NatKind::AddressRestricted),
    Access::Nat(NatKind::PortRestricted),
    Access::Nat(NatKind::SymmetricRandom),
    Access::Carrier(NatKind::PortRestricted),
    Access::UdpBlocked,
];

/// Direct pairs at least, of the 35: all that plain checks open, and two by the birthday trick.
const DIRECT_MIN: usize = 26;

/// How a pair gets to talk directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// By checks to addresses that are known.
    Plain,
    /// One of them learns the other's address only from the other's check, or has more than one box to open: up to one
    /// way more.
    Later,
    /// By many sockets on one side, or by guessed ports.
    Birthday,
    Relayed,
}

/// The bounds of times.
struct Limits {
    echo: Duration,
    direct: Duration,
    later: Duration,
}

/// Without delay only the machines' own timers are seen: the first check of one side may die on the other's filter, and
/// the second comes 20 ms later.
const NO_DELAY: Limits = Limits {
    echo: Duration::from_millis(10),
    direct: Duration::from_millis(30),
    later: Duration::from_millis(50),
};

/// Through the server there and back again: 100 ms, the server being next to the Internet's middle; the direct round
/// trip is as long.
const DELAY: Limits = Limits {
    echo: Duration::from_millis(110),
    direct: Duration::from_millis(160),
    later: Duration::from_millis(220),
};

/// How long the birthday trick may take.
const BIRTHDAY: Duration = Duration::from_secs(4);

/// What came of a pair.
#[derive(Debug)]
struct Outcome {
    echo: Duration,
    direct: Option<Duration>,
}

/// Builds both homes.
type Build = dyn Fn(&mut World) -> [Home; 2];

struct Pair {
    name: String,
    build: Box<Build>,
    expected: Expected,
}

fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (index, &left) in KINDS.iter().enumerate() {
        for &right in &KINDS[index..] {
            pairs.push(Pair::of(left, right));
        }
    }
    pairs.extend(special());
    pairs
}

impl Pair {
    fn of(left: Access, right: Access) -> Self {
        Self {
            name: format!("{left:?} × {right:?}"),
            build: Box::new(move |world| [left.build(world), right.build(world)]),
            expected: expected(left, right),
        }
    }

    fn special(
        name: &str,
        expected: Expected,
        build: impl Fn(&mut World) -> [Home; 2] + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            build: Box::new(build),
            expected,
        }
    }
}

fn expected(left: Access, right: Access) -> Expected {
    let is_symmetric = |access| {
        matches!(
            access,
            Access::Nat(NatKind::SymmetricRandom) | Access::Carrier(NatKind::SymmetricRandom)
        )
    };
    let is_strict = |access| {
        is_symmetric(access)
            || matches!(
                access,
                Access::Nat(NatKind::PortRestricted) | Access::Carrier(_)
            )
    };
    let is_carrier = |access| matches!(access, Access::Carrier(_));
    if [left, right].contains(&Access::UdpBlocked) || (is_symmetric(left) && is_symmetric(right)) {
        Expected::Relayed
    } else if (is_symmetric(left) && is_strict(right)) || (is_symmetric(right) && is_strict(left)) {
        Expected::Birthday
    } else if is_symmetric(left) || is_symmetric(right) || is_carrier(left) || is_carrier(right) {
        Expected::Later
    } else {
        Expected::Plain
    }
}

/// Pairs that share a LAN, a private network's numbers, a provider or a machine.
fn special() -> Vec<Pair> {
    let port = NatOptions::new(NatKind::PortRestricted);
    let full = NatOptions::new(NatKind::FullCone);
    let twins = |options: NatOptions| {
        move |world: &mut World| [(); 2].map(|()| behind(world, &[options.with_lan([192, 168, 0])]))
    };
    let provider = |options: NatOptions| {
        move |world: &mut World| {
            let provider = world.nat(harness::sim::INTERNET, options.with_lan([100, 64, 0]));
            [(); 2].map(|()| {
                let outer = world.lan(provider);
                let home = world.nat(outer, port);
                let lan = world.lan(home);
                Home {
                    node: world.node(lan),
                    gateways: vec![home, provider],
                }
            })
        }
    };
    vec![
        Pair::special("one LAN", Expected::Plain, move |world| {
            let left = behind(world, &[port]);
            let lan = world.lan(left.gateways[0]);
            let right = Home {
                node: world.node(lan),
                gateways: left.gateways.clone(),
            };
            [left, right]
        }),
        Pair::special("equal LANs, port", Expected::Plain, twins(port)),
        Pair::special("equal LANs, full", Expected::Plain, twins(full)),
        Pair::special(
            "one provider, hairpin",
            Expected::Later,
            provider(port.with_hairpin()),
        ),
        Pair::special("one provider", Expected::Relayed, provider(port)),
        Pair::special(
            "machine on a host × its LAN",
            Expected::Later,
            move |world| {
                let left = behind(world, &[port, port]);
                let lan = world.lan(left.gateways[1]);
                let right = Home {
                    node: world.node(lan),
                    gateways: vec![left.gateways[1]],
                };
                [left, right]
            },
        ),
        Pair::special("two machines on a host", Expected::Plain, move |world| {
            let left = behind(world, &[port, port]);
            let lan = world.lan(left.gateways[0]);
            let right = Home {
                node: world.node(lan),
                gateways: left.gateways.clone(),
            };
            [left, right]
        }),
    ]
}

/// Both join, the first says the first line, the other answers.
fn talk(pair: &Pair, is_turned: bool, millis: u64, seed: u64) -> Outcome {
    let mut world = World::new(seed);
    let mut homes = (pair.build)(&mut world);
    for home in &homes {
        world.set_line(home.node, &Line::delayed(millis));
    }
    if is_turned {
        homes.reverse();
    }
    let mut town = Town::of(world);
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.start(alice, "alice");
    town.start(bob, "bob");
    town.join(&[alice, bob]);
    town.seconds(3);
    let start = town.world().elapsed();
    town.say(alice, bob, "first");
    let direct = match pair.expected {
        Expected::Plain | Expected::Later | Expected::Birthday => {
            town.wait_for_direct(BIRTHDAY, alice, bob)
        }
        Expected::Relayed => None,
    };
    town.seconds(1);
    assert!(town.shown_at(bob, &said("alice", "first")).is_some());
    let echo = town
        .shown_at(alice, &delivered("bob", "first"))
        .expect("the first line is confirmed");
    town.exchange(bob, alice, "an answer", Duration::from_secs(2));
    town.exchange(alice, bob, "and so on", Duration::from_secs(2));
    if direct.is_none() {
        town.seconds(5);
        assert_eq!(town.way(alice, bob), Some(Way::Relayed), "{}", pair.name);
    }
    Outcome {
        echo: echo - start,
        direct,
    }
}

fn check(millis: u64, limits: &Limits) {
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    let mut direct = [0; 2];
    for (seed, pair) in (0..).zip(pairs()) {
        for (order, is_turned) in [false, true].into_iter().enumerate() {
            let outcome = talk(&pair, is_turned, millis, seed);
            direct[order] += usize::from(outcome.direct.is_some());
            let is_in_time = outcome.echo <= limits.echo
                && match pair.expected {
                    Expected::Plain => outcome.direct.is_some_and(|took| took <= limits.direct),
                    Expected::Later => outcome.direct.is_some_and(|took| took <= limits.later),
                    Expected::Birthday => outcome.direct.is_some(),
                    Expected::Relayed => true,
                };
            let row = format!("{} {is_turned} {:?} {outcome:?}", pair.name, pair.expected);
            if !is_in_time {
                wrong.push(row.clone());
            }
            rows.push(row);
        }
    }
    assert_eq!(rows.len(), 70);
    assert!(wrong.is_empty(), "too late:\n{}", wrong.join("\n"));
    assert!(
        direct.iter().all(|direct| *direct >= DIRECT_MIN),
        "{direct:?}"
    );
}

#[test]
fn all_pairs_without_delay() {
    check(0, &NO_DELAY);
}

#[test]
fn all_pairs_over_distant_lines() {
    check(25, &DELAY);
}

/// Accesses beyond the table: ports that are guessed, routers that answer strangers, a symmetric provider, IPv6.
#[test]
fn further_accesses() {
    let port = NatOptions::new(NatKind::PortRestricted);
    let strict = NatOptions::new(NatKind::SymmetricRandom);
    let sequential = NatOptions::new(NatKind::SymmetricSequential);
    let firewalled = |options: NatOptions| options.with_ipv6(Ipv6Policy::Firewalled);
    let rows = [
        ("sequential × port", [sequential, port], false, true),
        (
            "port × port, both answer strangers",
            [port.with_trap(); 2],
            false,
            true,
        ),
        (
            "port × symmetric, both answer strangers",
            [port.with_trap(), strict.with_trap()],
            false,
            true,
        ),
        ("symmetric × symmetric", [strict; 2], false, false),
        (
            "symmetric × symmetric with IPv6",
            [firewalled(strict); 2],
            true,
            true,
        ),
    ];
    for (name, options, has_ipv6, is_direct) in rows {
        let build = move |world: &mut World| {
            let homes = options.map(|options| behind(world, &[options]));
            for home in homes.iter().filter(|_| has_ipv6) {
                world.add_ipv6(home.node);
            }
            homes
        };
        let expected = if is_direct {
            Expected::Birthday
        } else {
            Expected::Relayed
        };
        let pair = Pair::special(name, expected, build);
        for is_turned in [false, true] {
            let outcome = talk(&pair, is_turned, 10, 40);
            assert_eq!(
                outcome.direct.is_some(),
                is_direct,
                "{name}, {is_turned}: {outcome:?}"
            );
        }
    }
    for other in Access::TABLE {
        let pair = Pair::of(Access::Carrier(NatKind::SymmetricRandom), other);
        let outcome = talk(&pair, false, 10, 41);
        let is_direct = pair.expected != Expected::Relayed;
        assert_eq!(
            outcome.direct.is_some(),
            is_direct,
            "{}: {outcome:?}",
            pair.name
        );
    }
}
