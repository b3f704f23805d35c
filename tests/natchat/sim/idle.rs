//! Hours in which nothing is said: few datagrams, few wake-ups, and a direct path that is let go and found again.

use std::time::Duration;

use harness::sim::access::Access;
use harness::sim::{Line, NatKind, NodeId, World};
use natchat::client::event::Way;

use super::town::Town;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Six keep-alives a minute, and now and then something else.
const DATAGRAMS: f64 = 7.0;

/// To send each and to look for its answer.
const WAKE_UPS: f64 = 20.0;

/// What somebody does in a minute.
fn a_minute_of(town: &mut Town, node: NodeId, time: Duration) -> (f64, f64) {
    let before = (town.world().traffic(node).packets, town.pump.woken(node));
    town.run(time);
    let after = (town.world().traffic(node).packets, town.pump.woken(node));
    let minutes = time.as_secs_f64() / 60.0;
    let rate = |before: u64, after: u64| {
        f64::from(u32::try_from(after - before).expect("counts are small")) / minutes
    };
    (rate(before.0, after.0), rate(before.1, after.1))
}

fn two(seed: u64, access: [Access; 2]) -> (Town, [NodeId; 2]) {
    let mut world = World::new(seed);
    let nodes = access.map(|access| access.build(&mut world).node);
    let mut town = Town::of(world);
    for (node, id) in nodes.into_iter().zip(["alice", "bob"]) {
        town.world().set_line(node, &Line::delayed(10));
        town.start(node, id);
    }
    town.join(&nodes);
    town.seconds(2);
    (town, nodes)
}

#[test]
fn three_hours_of_silence() {
    let (mut town, [alice, bob]) = two(30, [Access::Nat(NatKind::PortRestricted); 2]);
    town.exchange(alice, bob, "good night", SECOND);
    town.seconds(1);
    assert_eq!(town.way(alice, bob), Some(Way::Direct));
    // Paths that were used are kept for two minutes, in case talk goes on.
    let (datagrams, wake_ups) = a_minute_of(&mut town, alice, MINUTE);
    println!("the first minute: {datagrams} datagrams, {wake_ups} wake-ups");
    assert!(
        datagrams <= 40.0 && wake_ups <= 60.0,
        "{datagrams} {wake_ups}"
    );
    town.seconds(90);
    assert_ne!(town.way(alice, bob), Some(Way::Direct), "let go");
    for node in [alice, bob] {
        let (datagrams, wake_ups) = a_minute_of(&mut town, node, 90 * MINUTE);
        println!("a minute of silence: {datagrams} datagrams, {wake_ups} wake-ups");
        assert!(datagrams <= DATAGRAMS, "{datagrams} datagrams a minute");
        assert!(wake_ups <= WAKE_UPS, "{wake_ups} wake-ups a minute");
    }
    let took = town.exchange(bob, alice, "good morning", SECOND);
    assert_eq!(took, Duration::from_millis(20));
    let direct = town.wait_for_direct(SECOND, bob, alice);
    assert!(
        direct.is_some_and(|took| took <= Duration::from_millis(200)),
        "{direct:?}"
    );
}

#[test]
fn those_who_only_look_on() {
    let kinds = [Access::Public, Access::UdpBlocked];
    let (mut town, nodes) = two(31, kinds);
    town.seconds(60);
    for (node, kind) in nodes.into_iter().zip(kinds) {
        let (packets, wake_ups) = a_minute_of(&mut town, node, 60 * MINUTE);
        println!("{kind:?}: {packets} packets, {wake_ups} wake-ups");
        // By stream each way is acknowledged too, and datagrams are tried twice a minute.
        let most = if kind == Access::Public {
            DATAGRAMS
        } else {
            30.0
        };
        assert!(packets <= most, "{kind:?}: {packets}");
        assert!(wake_ups <= WAKE_UPS, "{kind:?}: {wake_ups}");
    }
    let server = town.server;
    let (datagrams, wake_ups) = a_minute_of(&mut town, server, 60 * MINUTE);
    println!("the server: {datagrams} packets, {wake_ups} wake-ups");
    assert!(
        datagrams <= 40.0 && wake_ups <= 70.0,
        "{datagrams} {wake_ups}"
    );
}

/// A server that is away: tries, but not ever more often.
#[test]
fn an_hour_without_the_server() {
    let (mut town, [alice, _]) = two(32, [Access::Public; 2]);
    town.kill_server();
    town.seconds(60);
    let (packets, wake_ups) = a_minute_of(&mut town, alice, 60 * MINUTE);
    println!("{packets} packets, {wake_ups} wake-ups");
    assert!(
        packets <= 120.0 && wake_ups <= 120.0,
        "{packets} {wake_ups}"
    );
    let shown = town.user(alice).shown.len();
    assert!(shown < 10, "{shown} things were shown");
    town.start_server(Vec::new());
    let start = town.world().elapsed();
    while town.host().members() < 2 && town.world().elapsed() - start < MINUTE {
        town.millis(100);
    }
    let took = town.world().elapsed() - start;
    println!("back after {took:?}");
    assert!(took <= 10 * SECOND, "{took:?}");
}

/// A hard pair that talks for hours now and then: sockets opened for the birthday trick are closed again.
#[test]
fn a_hard_pair_leaves_nothing_behind() {
    let (mut town, [alice, bob]) = two(
        33,
        [
            Access::Nat(NatKind::PortRestricted),
            Access::Nat(NatKind::SymmetricRandom),
        ],
    );
    for hour in 0..3 {
        town.exchange(alice, bob, &format!("hour {hour}"), SECOND);
        let direct = town.wait_for_direct(4 * SECOND, alice, bob);
        assert!(direct.is_some(), "hour {hour}");
        town.exchange(bob, alice, &format!("and back {hour}"), SECOND);
        town.run(60 * MINUTE);
        for node in [alice, bob] {
            assert_eq!(town.user(node).further_sockets(), 0, "hour {hour}");
        }
        let (datagrams, _) = a_minute_of(&mut town, bob, 10 * MINUTE);
        assert!(datagrams <= DATAGRAMS, "{datagrams} datagrams a minute");
    }
}
