//! How often, and how fast, a hard NAT is opened; and that it costs no more than it may.

use std::net::SocketAddr;
use std::time::Duration;

use super::duo::{A, B, Duo, Home};
use super::nat::Kind;
use crate::path::paths::{MAIN_SOCKET, Socket};
use crate::wire::call::CallKind;

const PORT: Home = Home::Nat(Kind::Port);
const SYMMETRIC: Home = Home::Nat(Kind::Symmetric);

struct Case {
    name: &'static str,
    homes: [Home; 2],
    /// One way, in milliseconds.
    delay: u64,
    /// Of a thousand.
    lost: u64,
    /// Whether the easy side's router lets early packets take its ports.
    trap: bool,
    seeds: u64,
    /// Of a hundred, and within which time (ms).
    opened: (usize, u128),
}

const CASES: [Case; 7] = [
    Case {
        name: "port × symmetric",
        homes: [PORT, SYMMETRIC],
        delay: 0,
        lost: 0,
        trap: false,
        seeds: 200,
        opened: (95, 2_000),
    },
    Case {
        name: "symmetric × port",
        homes: [SYMMETRIC, PORT],
        delay: 0,
        lost: 0,
        trap: false,
        seeds: 200,
        opened: (95, 2_000),
    },
    Case {
        name: "far apart",
        homes: [PORT, SYMMETRIC],
        delay: 50,
        lost: 0,
        trap: false,
        seeds: 60,
        opened: (95, 2_300),
    },
    Case {
        name: "far apart, with losses",
        homes: [PORT, SYMMETRIC],
        delay: 50,
        lost: 100,
        trap: false,
        seeds: 60,
        opened: (95, 2_300),
    },
    Case {
        name: "two NATs before the easy side",
        homes: [Home::Carrier(Kind::Port), SYMMETRIC],
        delay: 20,
        lost: 0,
        trap: false,
        seeds: 60,
        opened: (95, 2_300),
    },
    // In these two only half of the sockets have a chance, each time the other half.
    Case {
        name: "an opener does not reach the hard NAT",
        homes: [PORT, Home::Carrier(Kind::Symmetric)],
        delay: 20,
        lost: 0,
        trap: false,
        seeds: 60,
        opened: (90, 2_500),
    },
    Case {
        name: "early packets take the ports of the easy side",
        homes: [PORT, SYMMETRIC],
        delay: 20,
        lost: 0,
        trap: true,
        seeds: 60,
        opened: (90, 2_500),
    },
];

#[test]
fn hard_nats_are_opened_in_time() {
    for case in &CASES {
        let mut times: Vec<u128> = (0..case.seeds)
            .filter_map(|seed| opened(case, seed))
            .collect();
        times.sort_unstable();
        let (percent, limit) = case.opened;
        let in_time = times.iter().filter(|time| **time <= limit).count();
        let seeds = usize::try_from(case.seeds).unwrap();
        println!(
            "{}: {in_time} of {seeds} within {limit} ms, median {} ms",
            case.name,
            times[times.len() / 2]
        );
        assert!(
            in_time * 100 >= seeds * percent,
            "{}: {in_time} of {seeds}",
            case.name
        );
    }
}

fn opened(case: &Case, seed: u64) -> Option<u128> {
    let mut duo = Duo::new(seed, case.homes);
    duo.delay = Duration::from_millis(case.delay);
    duo.relay_delay = duo.delay;
    duo.lost = case.lost;
    if case.trap {
        let nat = duo.net.nats(duo.sides[A].host)[0];
        duo.net.nat_mut(nat).trap = true;
    }
    duo.start(A);
    duo.direct_after(5_000)
}

fn sockets(duo: &Duo, me: usize) -> Vec<Socket> {
    duo.sides[me].sockets.keys().copied().collect()
}

#[test]
fn the_socket_that_works_stays_and_the_others_go() {
    let mut duo = Duo::new(1, [PORT, SYMMETRIC]);
    duo.start(A);
    assert!(duo.run(3_000, Duo::is_direct));
    assert!(
        sockets(&duo, B).len() > 200,
        "not at once: the other side may have found another one"
    );
    let after = duo.elapsed().as_millis();
    duo.run(u64::try_from(after).unwrap() + 2_000, |_| false);
    let best = duo.sides[B].paths.best().expect("it is direct");
    assert_eq!(sockets(&duo, B), [MAIN_SOCKET, best.route.socket]);
    assert_eq!(sockets(&duo, A), [MAIN_SOCKET]);
    assert!(duo.talk(A) && duo.talk(B));
}

#[test]
fn without_success_it_ends_by_itself() {
    let mut duo = Duo::new(1, [PORT, SYMMETRIC]);
    duo.start(A);
    duo.run(700, |duo| sockets(duo, B).len() > 1);
    // The probes now go nowhere.
    let nat = duo.net.nats(duo.sides[B].host)[0];
    duo.net.nat_mut(nat).refuses = true;
    let before = duo.sides[A].checks_sent;
    duo.run(5_000, |_| false);
    let probes = duo.sides[A].checks_sent - before;
    assert!((1_900..2_200).contains(&probes), "{probes}");
    assert_eq!(sockets(&duo, B), [MAIN_SOCKET]);
    assert!(!duo.is_direct());
}

#[test]
fn it_is_done_once_in_ten_minutes() {
    let mut duo = Duo::new(2, [PORT, SYMMETRIC]);
    duo.start(A);
    assert!(duo.run(3_000, Duo::is_direct));
    duo.net.reboot(duo.net.nats(duo.sides[B].host)[0]);
    // They go on talking, by relay.
    let mut opened = Vec::new();
    for second in 4..900 {
        duo.run(second * 1_000, |_| false);
        for side in &mut duo.sides {
            side.paths.used(duo.now);
        }
        if sockets(&duo, B).len() > 100 {
            opened.push(second);
        }
    }
    let again = opened
        .iter()
        .find(|second| **second > 10)
        .expect("once more");
    assert!((600..900).contains(again), "{opened:?}");
}

#[test]
fn ports_that_went_on_are_found_where_they_went() {
    let mut duo = Duo::new(6, [PORT, Home::Nat(Kind::Sequential)]);
    // Since the server saw them, other programs behind that NAT have had theirs.
    let host = duo.sides[B].host;
    for port in 1..60 {
        let server = SocketAddr::from(([198, 51, 100, 1], port));
        assert!(duo.net.send(host, 5_000, server, None).is_some());
    }
    duo.start(A);
    let after = duo.direct_after(5_000).expect("by probing what follows");
    assert!((300..800).contains(&after), "{after}");
}

#[test]
fn where_it_has_no_chance_or_no_need_it_is_not_tried() {
    let cases = [
        ("both random", [SYMMETRIC, SYMMETRIC]),
        ("plain checks work", [Home::Nat(Kind::Addr), SYMMETRIC]),
        ("both keep their ports", [PORT, PORT]),
    ];
    for (name, homes) in cases {
        let mut duo = Duo::new(3, homes);
        duo.start(A);
        duo.run(8_000, |_| false);
        for side in &duo.sides {
            assert!(!side.calls.contains(&CallKind::Birthday), "{name}");
            assert!(side.checks_sent < 200, "{name}: {}", side.checks_sent);
        }
        assert_eq!(duo.sockets_left, 1_000, "{name}");
    }
}

#[test]
fn it_makes_do_with_the_sockets_there_are() {
    for (left, may_open) in [(0, false), (1, true), (100, true)] {
        let mut duo = Duo::new(4, [PORT, SYMMETRIC]);
        duo.sockets_left = left;
        duo.start(A);
        duo.run(6_000, |_| false);
        assert!(may_open || !duo.is_direct(), "{left}");
        assert!(sockets(&duo, B).len() <= 2, "{left}");
    }
}

#[test]
fn sockets_that_come_too_late_are_closed() {
    let mut duo = Duo::new(5, [PORT, SYMMETRIC]);
    duo.start(A);
    duo.sides[B].paths.sockets_opened(duo.now, &[7, 8]);
    duo.sides[B].sockets.extend([(7, 1), (8, 2)]);
    duo.drain();
    assert_eq!(sockets(&duo, B), [MAIN_SOCKET]);
}
