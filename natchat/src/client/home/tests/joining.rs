//! Becoming a member, whatever is in the way.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;

use crate::client::home::link::Link;
use crate::client::home::tests::server::{Server, other};
use crate::client::home::tests::world::{SERVER, World};
use crate::client::io::TcpEvent;
use crate::wire::from_server::{self, Ending, Refusal};
use crate::wire::reach::{CandidateKind, Mapping};
use crate::wire::to_server;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn joins_and_knows_everybody_in_three_round_trips() {
    let mut world = World::new();
    world.server.join(other(7, "zoe"));
    world.server.join(other(8, "bob"));
    world.resolve();
    world.run(SECOND);
    let told: Vec<(u128, &str)> = world.told.iter().map(|(at, what)| (*at, &**what)).collect();
    let pin = format!("pin {}", &world.server.key().to_string()[..4]);
    assert_eq!(
        told,
        [
            (20, &*pin),
            (20, "joined"),
            (20, "reach"),
            (30, "reach"),
            (30, "here bob"),
            (30, "show me is register at IP: 192.168.0.5:5000"),
            (30, "here zoe"),
            (30, "known"),
        ]
    );
    let reach = world.home.reach();
    let kinds: Vec<CandidateKind> = reach.candidates.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [CandidateKind::Local, CandidateKind::Reflexive]);
    assert_eq!(reach.mapping, Mapping::Independent);
    assert_eq!(world.reflexive(), Some(world.nat));
    assert_eq!(world.home.nat_ip(), Some(world.nat.ip()));
    // The server knows the mapping, too.
    let known = &world.server.member.as_ref().unwrap().register.reach;
    assert_eq!(known.mapping, Mapping::Independent);
}

#[test]
fn any_one_kind_of_message_may_be_lost() {
    for (there, kinds) in [(true, 1..=9), (false, 1..=12)] {
        for kind in kinds {
            for times in [1, 3] {
                let mut left = times;
                let mut world = World::new();
                world.server.join(other(7, "bob"));
                world.takes_tcp = false;
                world.loss = Box::new(move |to_server, _, bytes| {
                    let is_it = to_server == there && bytes[1] == kind && left > 0;
                    left -= usize::from(is_it);
                    is_it
                });
                world.resolve();
                let name = format!("{there} {kind} {times}");
                world.until(3 * SECOND, |world| world.count("known") == 1);
                world.run(5 * SECOND);
                assert_eq!(world.count("here bob"), 1, "{name}");
                assert_eq!(world.count("joined"), 1, "{name}");
                let known = &world.server.member.as_ref().unwrap().register.reach;
                assert_eq!(known.mapping, Mapping::Independent, "{name}");
            }
        }
    }
}

#[test]
fn hellos_become_rarer() {
    let mut world = World::new();
    world.takes_tcp = false;
    world.is_server_up = false;
    world.resolve();
    world.run(Duration::from_secs(8));
    let hellos: Vec<u128> = world.said.iter().map(|(at, ..)| *at).collect();
    assert_eq!(
        hellos,
        [0, 20, 60, 140, 300, 620, 1_260, 2_540, 4_540, 6_540]
    );
}

#[test]
fn tcp_joins_the_race_after_100_ms() {
    let mut world = World::new();
    world.server.join(other(7, "bob"));
    world.loss = Box::new(|_, by, _| by != Link::Tcp);
    world.resolve();
    world.run(Duration::from_millis(99));
    assert_eq!(world.told(), Vec::<&str>::new());
    world.until(Duration::from_millis(51), |world| world.count("known") == 1);
    assert_eq!(world.told[0], (100, "open 2".to_owned()));
    assert!(world.told().contains(&"show me is register at IP: tcp"));
    assert_eq!(world.reflexive(), None);
    assert!(world.home.is_joined());
}

#[test]
fn from_tcp_to_udp_when_that_is_open() {
    let mut world = World::new();
    let blocked = Rc::new(Cell::new(true));
    let is_blocked = Rc::clone(&blocked);
    world.loss = Box::new(move |_, by, _| by != Link::Tcp && is_blocked.get());
    world.resolve();
    world.run(10 * SECOND);
    assert!(world.home.is_joined() && world.is_tcp_open);
    let number = world.server.member.as_ref().unwrap().number;
    blocked.set(false);
    world.told.clear();
    world.until(31 * SECOND, |world| !world.is_tcp_open);
    world.run(SECOND);
    let member = world.server.member.as_ref().unwrap();
    assert_eq!((member.number, member.link), (number, Link::Udp(world.nat)));
    assert_eq!(world.reflexive(), Some(world.nat));
    assert_eq!(world.home.reach().mapping, Mapping::Independent);
    assert_eq!((world.count("joined"), world.count("reach")), (0, 2));
    // It is so for good.
    world.run(100 * SECOND);
    assert_eq!(world.count("close"), 1);
}

#[test]
fn tcp_that_fails_is_tried_again_more_rarely() {
    let mut world = World::new();
    world.is_server_up = false;
    world.resolve();
    world.run(Duration::from_secs(30));
    let opened = world.told.iter().filter(|(_, what)| what == "open 2");
    let opened: Vec<u128> = opened.map(|(at, _)| *at).collect();
    assert_eq!(
        opened,
        [
            100, 360, 870, 1_880, 3_890, 7_900, 12_910, 17_920, 22_930, 27_940
        ]
    );
}

#[test]
fn tcp_opened_in_vain_is_closed() {
    let mut world = World::new();
    let mut left = 4;
    world.loss = Box::new(move |there, by, bytes| {
        let is_hello = there && by != Link::Tcp && bytes[1] == 1 && left > 0;
        left -= usize::from(is_hello);
        is_hello
    });
    // The fifth Hello, at 300 ms, is the first to arrive; a connection takes longer than that.
    world.takes_tcp = true;
    world.resolve();
    world.run(Duration::from_millis(105));
    assert_eq!(world.told(), ["open 2"]);
    world.run(SECOND);
    let number_of = |what| world.count(what);
    assert_eq!((number_of("joined"), number_of("open 2")), (1, 1));
}

#[test]
fn a_connection_that_comes_too_late_is_closed_and_says_nothing() {
    let mut world = World::joined();
    let local = ([192, 168, 0, 5], 40_000).into();
    world.home.handle_tcp(world.now, TcpEvent::Connected(local));
    let ended = world.server.end(Ending::Elsewhere);
    for (_, bytes) in ended {
        world.inject(Link::Tcp, &bytes);
    }
    assert_eq!(world.told(), ["close"]);
    assert!(world.home.is_joined());
}

#[test]
fn of_several_addresses_the_one_that_answers_is_used() {
    let mut world = World::new();
    world.takes_tcp = false;
    let dead = ([6, 6, 6, 6], 10_080).into();
    world
        .home
        .server_addrs(world.now, vec![dead, SERVER.into(), dead]);
    world.drain();
    world.run(SECOND);
    assert!(world.home.is_joined());
    assert!(world.home.is_server(SERVER.into()) && world.home.is_server(dead));
    assert!(!world.home.is_server(([5, 5, 5, 5], 10_080).into()));
    let to = |kind: u8| {
        let said = world
            .said
            .iter()
            .filter(move |(_, _, bytes)| bytes[1] == kind);
        said.map(|(_, by, _)| *by).collect::<Vec<_>>()
    };
    assert_eq!(to(1), [Link::Udp(dead), Link::Udp(SERVER.into())]);
    assert_eq!(to(2), [Link::Udp(SERVER.into())]);
}

#[test]
fn a_name_that_means_nothing_is_told_once_and_looked_up_again() {
    let mut world = World::new();
    for _ in 0..4 {
        let reason = "no such name".to_owned();
        world.home.server_unresolved(world.now, reason);
        world.run(5 * SECOND);
    }
    let trouble = "show natchat: find example.org: no such name; still trying";
    assert_eq!(
        world.told(),
        [trouble, "resolve", "resolve", "resolve", "resolve"]
    );
    world.resolve();
    world.until(Duration::from_millis(30), |world| world.count("known") == 1);
}

#[test]
fn a_silent_server_is_told_once_and_so_is_its_return() {
    let mut world = World::new();
    world.is_server_up = false;
    world.resolve();
    world.run(20 * SECOND);
    let silent = "show natchat: no answer from example.org:10080; still trying";
    let back = "show natchat: example.org:10080 answers again";
    assert_eq!((world.count(silent), world.count(back)), (1, 0));
    assert_eq!(
        world
            .told
            .iter()
            .find(|(_, what)| what == silent)
            .map(|(at, _)| *at),
        Some(3_000)
    );
    world.is_server_up = true;
    world.until(3 * SECOND, |world| world.home.is_joined());
    world.run(SECOND);
    assert_eq!((world.count(silent), world.count(back)), (1, 1));
}

#[test]
fn refusals() {
    let rows: &[(&str, &[Refusal], &str, u128)] = &[
        ("cookies", &[Refusal::Cookie; 5], "", 650),
        ("behind", &[Refusal::Behind(5_000)], "", 50),
        (
            "taken",
            &[Refusal::Taken, Refusal::Taken],
            "show natchat: the ID me belongs to somebody else (another key); still trying",
            60_100,
        ),
        (
            "full",
            &[Refusal::Full],
            "show natchat: the server does not take us: it has no room for further members; still trying",
            30_100,
        ),
        (
            "busy",
            &[Refusal::Busy, Refusal::Busy, Refusal::Busy],
            "show natchat: the server does not take us: too many join from this network at once; still trying",
            15_200,
        ),
    ];
    for (name, refusals, told, most) in rows {
        let mut world = World::new();
        world.takes_tcp = false;
        world.server.refusals = refusals.to_vec();
        world.resolve();
        let most = Duration::from_millis(u64::try_from(*most).unwrap());
        world.until(most, |world| world.home.is_joined());
        assert_eq!(world.count(told), usize::from(!told.is_empty()), "{name}");
        assert_eq!(world.server.registers, refusals.len() + 1, "{name}");
    }
}

#[test]
fn a_later_incarnation_is_overtaken_once() {
    let mut world = World::new();
    world.server.refusals = vec![Refusal::Behind(5_000)];
    world.resolve();
    world.run(SECOND);
    assert_eq!(world.home.incarnation(), 5_001);
    // Not to the end of all numbers, and not back.
    for behind in [u64::MAX, 1 << 43, 7] {
        let mut world = World::new();
        world.takes_tcp = false;
        world.server.refusals = vec![Refusal::Behind(behind)];
        world.resolve();
        world.run(5 * SECOND);
        assert_eq!(world.home.incarnation(), 1_000, "{behind}");
    }
}

#[test]
fn who_leaves_before_it_joined() {
    for (refusal, expected) in [
        (None, "ended NeverJoined"),
        (Some(Refusal::Taken), "ended Taken"),
    ] {
        let mut world = World::new();
        world.server.refusals = refusal.into_iter().collect();
        if refusal.is_some() {
            world.resolve();
            world.run(SECOND);
        }
        world.home.leave(world.now);
        world.drain();
        assert_eq!(world.told().last(), Some(&expected));
        assert_eq!(world.home.next_timeout(), None);
    }
}

#[test]
fn another_key_is_shouted_once_and_taken_only_when_trusted() {
    let former = Server::new(9).key();
    let mut world = World::pinned(Some(former));
    world.takes_tcp = false;
    world.resolve();
    world.run(100 * SECOND);
    let shout = "show natchat: the server has ANOTHER KEY than it had: somebody may be in between. \
                 It is not joined until @trust server";
    assert_eq!(world.count(shout), 1);
    assert_eq!((world.count("joined"), world.server.registers), (0, 0));
    world.told.clear();

    world.home.trust_server(world.now);
    world.drain();
    world.run(SECOND);
    let pin = format!("pin {}", &world.server.key().to_string()[..4]);
    assert_eq!(world.told()[..2], [&*pin, "joined"]);
    assert_eq!(world.count(&pin), 1);
}

#[test]
fn the_key_that_is_known_is_not_told_again() {
    let key = Server::new(1).key();
    let mut world = World::pinned(Some(key));
    world.resolve();
    world.run(SECOND);
    assert_eq!(world.told()[0], "joined");
}

#[test]
fn what_the_nat_does() {
    let rows: &[(&str, [u16; 2], Mapping)] = &[
        ("the same", [6_000, 6_000], Mapping::Independent),
        (
            "up",
            [6_001, 6_002],
            Mapping::Sequential {
                last: 6_002,
                step: 1,
            },
        ),
        ("anything", [31_000, 9_000], Mapping::Random),
    ];
    for (name, ports, expected) in rows {
        let mut world = World::new();
        world.nat_ports = ports.to_vec();
        world.resolve();
        world.run(SECOND);
        assert_eq!(world.home.reach().mapping, *expected, "{name}");
        let known = &world.server.member.as_ref().unwrap().register.reach;
        assert_eq!(known.mapping, *expected, "{name}");
    }
    let mut world = World::new();
    world.nat = ([192, 168, 0, 5], 5_000).into();
    world.resolve();
    world.run(SECOND);
    assert_eq!(world.home.reach().mapping, Mapping::Independent, "no NAT");
    assert_eq!(world.home.nat_ip(), None);
    assert!(
        !world.said.iter().any(|(_, _, bytes)| bytes[1] == 9),
        "nothing to ask"
    );
}

#[test]
fn kinds_are_those_of_the_wire() {
    // The tables above name frames by their second byte.
    assert_eq!(
        (to_server::FIRST_BYTE, from_server::FIRST_BYTE),
        (0xF8, 0xF9)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_lost_for_a_while_it_joins_in_the_end(
        seed: u64, percent in 0..95_u64, tcp: bool, millis in 0..20_000_u64,
    ) {
        let mut world = World::new();
        world.server.join(other(7, "bob"));
        world.takes_tcp = tcp;
        let is_lossy = Rc::new(Cell::new(true));
        let lossy = Rc::clone(&is_lossy);
        let mut random = seed | 1;
        world.loss = Box::new(move |_, by, _| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            by != Link::Tcp && lossy.get() && random % 100 < percent
        });
        world.resolve();
        world.run(Duration::from_millis(millis));
        is_lossy.set(false);
        world.run(Duration::from_secs(60));
        prop_assert!(world.home.is_joined());
        prop_assert_eq!(world.count("known"), 1);
        prop_assert_eq!(world.count("here bob"), 1);
        prop_assert!(!world.is_tcp_open);
        let member = world.server.member.as_ref().unwrap();
        prop_assert_eq!(member.link, Link::Udp(world.nat));
        prop_assert_eq!(member.register.reach.mapping, Mapping::Independent);
    }
}
