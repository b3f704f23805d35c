//! Bad lines: loss, jitter, order, doubles, bursts. Every line is shown once, in order, and confirmed.

use std::time::Duration;

use harness::sim::access::Access;
use harness::sim::{Line, Loss, NatKind, NodeId, World};

use super::talk::Talk;
use super::town::Town;

/// Lines each way, apart and then all at once.
const APART: usize = 60;
const AT_ONCE: usize = 140;

/// Between lines that are said apart.
const STEP: Duration = Duration::from_millis(37);

/// How long the last line may take: many tries, each twice as patient as the one before.
const LIMIT: Duration = Duration::from_secs(60);

/// A line that loses this share, holds back and doubles a twentieth, and trembles.
fn bad(loss: f64) -> Line {
    Line {
        jitter: Duration::from_millis(15),
        ..Line::delayed(10).losing(loss).shuffling(0.05)
    }
}

/// Half a second of good packets, then some ten that are nearly all lost.
fn bursts() -> Line {
    Line {
        loss: Loss::Bursts {
            enter: 0.02,
            leave: 0.1,
            inside: 0.9,
        },
        ..bad(0.0)
    }
}

/// A town with two users behind routers and with these lines, who have joined and never talked.
fn two(seed: u64, line: &Line, direct: bool) -> (Town, [NodeId; 2]) {
    let mut world = World::new(seed);
    let nodes = [(); 2].map(|()| Access::Nat(NatKind::PortRestricted).build(&mut world).node);
    let mut town = Town::of(world);
    town.direct = direct;
    for (node, id) in nodes.into_iter().zip(["alice", "bob"]) {
        town.world().set_line(node, line);
        town.start(node, id);
    }
    town.join(&nodes);
    town.seconds(1);
    (town, nodes)
}

fn check(line: &Line) {
    for (seed, direct) in [(1, true), (2, false), (3, true)] {
        let (mut town, [alice, bob]) = two(seed, line, direct);
        let mut there = Talk::new(alice, bob, "there");
        let mut back = Talk::new(bob, alice, "back");
        // Both speak first at the same instant.
        for _ in 0..APART {
            there.go_on(&mut town);
            back.go_on(&mut town);
            town.run(STEP);
        }
        for _ in 0..AT_ONCE {
            there.go_on(&mut town);
            back.go_on(&mut town);
        }
        there.ends_well(&mut town, LIMIT);
        back.ends_well(&mut town, LIMIT);
    }
}

#[test]
fn one_packet_of_ten_is_lost() {
    check(&bad(0.05));
}

#[test]
fn three_packets_of_ten_are_lost() {
    check(&bad(0.16));
}

#[test]
fn packets_are_lost_in_bursts() {
    check(&bursts());
}

#[test]
fn nothing_is_lost_and_everything_is_shuffled() {
    check(&bad(0.0).shuffling(0.5));
}

/// One side hears well and is not heard.
#[test]
fn one_direction_loses_half() {
    let (mut town, [alice, bob]) = two(4, &Line::delayed(10), true);
    town.world()
        .change_up_line(alice, |line| line.loss = Loss::Even(0.5));
    let mut there = Talk::new(alice, bob, "there");
    let mut back = Talk::new(bob, alice, "back");
    for _ in 0..APART {
        there.go_on(&mut town);
        back.go_on(&mut town);
        town.run(STEP);
    }
    there.ends_well(&mut town, LIMIT);
    back.ends_well(&mut town, LIMIT);
}

/// Narrow lines with a short queue: what is sent too fast is lost, and all arrives in the end.
#[test]
fn the_line_is_narrow() {
    let narrow = Line {
        bandwidth: Some(16 << 10),
        queue: 8 << 10,
        ..Line::delayed(20)
    };
    let (mut town, [alice, bob]) = two(5, &narrow, true);
    let mut there = Talk::new(alice, bob, "there");
    let mut back = Talk::new(bob, alice, "back");
    for _ in 0..AT_ONCE {
        there.go_on(&mut town);
        back.go_on(&mut town);
    }
    there.ends_well(&mut town, LIMIT);
    back.ends_well(&mut town, LIMIT);
}
