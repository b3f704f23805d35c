//! What others send in the server's name: it may cost a frame or two, and changes nothing.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::client::home::link::Link;
use crate::client::home::tests::server::{encoded, other};
use crate::client::home::tests::world::{SERVER, World};
use crate::wire::from_server::{Change, Departure, Ending, FromServer, Presence, Refusal, Span};

/// One of each kind, with numbers that a stranger might try.
fn forgeries(counter: u64) -> Vec<FromServer> {
    let addr = ([6, 6, 6, 6], 6).into();
    let span = Span::Changes { first: 1, last: 99 };
    let (member, how) = (101, Departure::Left);
    let entries = vec![
        Change::Here(Box::new(other(66, "mallory"))),
        Change::Gone { member, how },
    ];
    vec![
        FromServer::Challenge {
            nonce: counter,
            cookie: [6; 16],
            key: [6; 32],
        },
        FromServer::Registered {
            nonce: counter,
            member: 66,
            incarnation: 66,
            reflexive: addr,
            presence: 66,
            probe_ports: vec![],
        },
        FromServer::Refused {
            nonce: counter,
            reason: Refusal::Taken,
        },
        FromServer::Alive {
            counter,
            presence: 66,
            reflexive: addr,
        },
        FromServer::Moved {
            counter,
            cookie: [6; 16],
        },
        FromServer::Unknown { counter },
        FromServer::Again,
        FromServer::Presence(Presence { span, entries }),
        FromServer::Found {
            id: "bob".parse().unwrap(),
            entry: Some(Box::new(other(66, "bob"))),
        },
        FromServer::Observed {
            nonce: counter,
            addr,
        },
        FromServer::Older {
            to: 101,
            serial: 66,
            from: 7,
            text: "forged".to_owned(),
        },
        FromServer::Ended {
            member: 101,
            reason: Ending::Elsewhere,
        },
    ]
}

/// What is left of a world when it is told lies: nothing was told, and the server still has its member.
fn check_unharmed(world: &mut World, name: &str) {
    let member = world.home.member();
    world.run(Duration::from_secs(15));
    assert!(
        world.told().iter().all(|what| *what == "joined"),
        "{name}: {:?}",
        world.told()
    );
    assert_eq!(world.home.member(), member, "{name}");
    assert_eq!(world.reflexive(), Some(world.nat), "{name}");
    let known = world.server.member.as_ref().map(|member| member.number);
    assert_eq!(known, member, "{name}");
}

#[test]
fn forged_frames_change_nothing() {
    let stranger = Link::Udp(([6, 6, 6, 6], 10_080).into());
    for from in [Link::Udp(SERVER.into()), stranger] {
        let mut world = World::joined();
        // They are hard to guess; what if they are?
        let last = world.home.counter;
        let guesses = last - 40..last + 2;
        for counter in guesses.chain([0, 1, u64::MAX]) {
            for frame in forgeries(counter) {
                let bytes = encoded(&frame);
                world.inject(from, &bytes);
                world.inject(from, &[&bytes[..], &[0; 16]].concat());
                world.inject(from, &[&bytes[..], &[6; 16]].concat());
            }
        }
        check_unharmed(&mut world, &format!("{from:?}"));
        let said = world.said.len();
        assert!(said < 40, "{said} said");
    }
}

#[test]
fn forged_frames_keep_nobody_from_joining() {
    let mut world = World::new();
    world.takes_tcp = false;
    world.resolve();
    for counter in 0..10 {
        for frame in forgeries(counter) {
            world.inject(Link::Udp(SERVER.into()), &encoded(&frame));
        }
    }
    world.until(Duration::from_millis(30), |world| world.count("known") == 1);
}

#[test]
fn what_the_server_said_before_changes_nothing_when_it_comes_again() {
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    let push = world.server.push(1);
    let line = world.server.older(7, "hi");
    world.server_says([push, line].concat());
    world.run(Duration::from_secs(30));
    world.server.go(7, Departure::Left);
    let push = world.server.push(1);
    world.server_says(push);
    world.run(Duration::from_secs(30));
    // Another life of the same member, so that frames of the first are old ones.
    world.server.restart();
    world.run(Duration::from_secs(15));
    world.told.clear();
    world.said.clear();
    for (from, bytes) in world.heard.clone() {
        world.inject(from, &bytes);
    }
    check_unharmed(&mut world, "all of it again");
    assert_eq!(world.home.roster().iter().count(), 1);
}

#[test]
fn an_ending_of_a_former_membership_ends_nothing() {
    let mut world = World::joined();
    let ended = world.server.end(Ending::Closing);
    world.server_says(ended.clone());
    world.run(Duration::from_secs(2));
    assert!(world.home.is_joined());
    world.told.clear();
    for (_, bytes) in ended {
        world.inject(Link::Udp(SERVER.into()), &bytes);
    }
    check_unharmed(&mut world, "the former ending");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nothing_panics_and_nothing_is_due_for_ever(
        datagrams in vec((1..14_u8, vec(any::<u8>(), 0..120)), 0..40), tcp: bool, joined: bool,
    ) {
        let mut world = if joined { World::joined() } else { World::new() };
        let from = if tcp { Link::Tcp } else { Link::Udp(SERVER.into()) };
        for (kind, rest) in datagrams {
            world.inject(from, &[&[0xF9, kind], &*rest].concat());
        }
        world.resolve();
        world.run(Duration::from_secs(40));
        prop_assert!(world.home.is_joined());
    }
}
