//! Who reaches whom when both sides simply send to each other's addresses: the table every traversal starts from.
//!
//! Both know each other's own address and the one a server saw, send to both every 30 ms, and answer wherever a
//! packet came from. No prediction, no probing of many ports, no relay.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::access::Access;
use super::{Event, INTERNET, NodeId, World};

const PORT: u16 = 10_081;
const SERVER_PORT: u16 = 10_080;
const PACE: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_secs(3);
const PING: &[u8] = b"ping";
const PONG: &[u8] = b"pong";

/// One side of an attempt.
struct Side {
    node: NodeId,
    targets: BTreeSet<SocketAddr>,
    was_answered: bool,
}

/// The address that a server sees the node come from.
fn mapped(world: &mut World, server: NodeId, node: NodeId) -> SocketAddr {
    let to = world.address(server, SERVER_PORT);
    world.send(node, PORT, to, None, b"register");
    let limit = world.now() + PATIENCE;
    match world.next_until(limit) {
        Some(Event::Datagram { node, from, .. }) if node == server => from,
        other => panic!("the server hears the registration first, not {other:?}"),
    }
}

/// How long until both sides have an answer, if ever.
fn time_to_open(world: &mut World, server: NodeId, nodes: [NodeId; 2]) -> Option<Duration> {
    let mapped = nodes.map(|node| mapped(world, server, node));
    let own = nodes.map(|node| world.address(node, PORT));
    let mut sides = [0, 1].map(|side| Side {
        node: nodes[side],
        targets: BTreeSet::from([mapped[1 - side], own[1 - side]]),
        was_answered: false,
    });
    let start = world.now();
    for side in &sides {
        world.set_timer(side.node, 0, Some(start));
    }
    while let Some(event) = world.next_until(start + PATIENCE) {
        let side = sides
            .iter_mut()
            .find(|side| side.node == event.node())
            .expect("only the two sides are sent to");
        match event {
            Event::Timer { node, id } => {
                for target in &side.targets {
                    world.send(node, PORT, *target, None, PING);
                }
                world.set_timer(node, id, Some(world.now() + PACE));
            }
            Event::Datagram {
                node, from, bytes, ..
            } => {
                side.targets.insert(from);
                side.was_answered |= bytes == PONG;
                if bytes == PING {
                    world.send(node, PORT, from, None, PONG);
                }
            }
            Event::Tcp { .. } => panic!("nobody connects"),
        }
        if sides.iter().all(|side| side.was_answered) {
            return Some(world.now() - start);
        }
    }
    None
}

#[test]
fn simultaneous_open_reaches_37_of_49_pairs() {
    const EXPECTED: [&str; 7] = [
        "yyyyyyy", // public
        "yyyyyyy", // full cone
        "yyyyyyy", // address-restricted
        "yyyy-y-", // port-restricted
        "yyy----", // symmetric
        "yyyy-y-", // port-restricted carrier
        "yyy----", // symmetric carrier
    ];
    let row = |(at, from): (usize, Access)| -> String {
        let cell = |(below, to): (usize, Access)| {
            let mut world = World::new(u64::try_from(at * 7 + below).expect("small"));
            let server = world.node(INTERNET);
            let nodes = [from, to].map(|access| access.build(&mut world).node);
            if time_to_open(&mut world, server, nodes).is_some() {
                'y'
            } else {
                '-'
            }
        };
        Access::TABLE.into_iter().enumerate().map(cell).collect()
    };
    let table: Vec<String> = Access::TABLE.into_iter().enumerate().map(row).collect();
    assert_eq!(table, EXPECTED);
    assert_eq!(table.concat().matches('y').count(), 37);
}

#[test]
fn one_round_trip_opens_two_cones_however_long_it_is() {
    let mut world = World::new(1);
    let server = world.node(INTERNET);
    let port_restricted = Access::TABLE[3];
    let nodes = [port_restricted, port_restricted].map(|access| access.build(&mut world).node);
    for node in nodes {
        world.set_line(node, &super::Line::delayed(25));
    }
    let time = time_to_open(&mut world, server, nodes).expect("cones open");
    // The first pair of packets opens both boxes; the answer to either is back after one round trip of 100 ms.
    assert_eq!(time, Duration::from_millis(100));
}
