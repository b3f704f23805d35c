//! What breaks while people talk: routers, lines, servers, programs. Nothing is lost without being told, nothing comes
//! twice, and talk goes on soon.

use std::time::Duration;

use harness::sim::access::{Access, Home, behind};
use harness::sim::{INTERNET, Line, NatKind, NatOptions, NodeId, World};
use natchat::client::event::{Event as Shown, Undelivered, Way};
use natchat::client::machine::Farewell;

use super::talk::Talk;
use super::town::{Town, delivered, not_delivered, said};

const SECOND: Duration = Duration::from_secs(1);

/// Between the lines of people who talk fast.
const STEP: Duration = Duration::from_millis(50);

/// The longest silence after a router was started anew while somebody talked: through the server, until a new direct
/// way is found.
const GAP: Duration = Duration::from_millis(500);

/// The same when nobody talked: a keep-alive, by which the server learns the new address, and what is said again after
/// it.
const IDLE_GAP: Duration = Duration::from_secs(11);

/// Alice and Bob behind a router each, 10 ms from the Internet, talking directly.
fn two(seed: u64, kind: NatKind) -> (Town, [Home; 2]) {
    two_with(seed, NatOptions::new(kind))
}

fn two_with(seed: u64, options: NatOptions) -> (Town, [Home; 2]) {
    let mut world = World::new(seed);
    let homes = [(); 2].map(|()| behind(&mut world, &[options]));
    let mut town = Town::of(world);
    for (home, id) in homes.iter().zip(["alice", "bob"]) {
        town.world().set_line(home.node, &Line::delayed(10));
        town.start(home.node, id);
    }
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.join(&[alice, bob]);
    town.seconds(2);
    town.exchange(alice, bob, "hello", SECOND);
    town.exchange(bob, alice, "hello you", SECOND);
    town.seconds(3);
    assert_eq!(town.way(alice, bob), Some(Way::Direct));
    (town, homes)
}

/// Both talk, something happens, both talk on; the longest time that a line took.
fn talk_through(
    town: &mut Town,
    [alice, bob]: [NodeId; 2],
    speaks: [bool; 2],
    event: impl FnOnce(&mut Town),
) -> Duration {
    let mut talks = [
        Talk::new(alice, bob, "there"),
        Talk::new(bob, alice, "back"),
    ];
    let mut event = Some(event);
    for number in 0..200 {
        for (talk, _) in talks.iter_mut().zip(speaks).filter(|(_, speaks)| *speaks) {
            talk.go_on(town);
        }
        town.run(STEP);
        if let Some(event) = event.take_if(|_| number == 60) {
            event(town);
        }
    }
    let talks = talks.iter().zip(speaks).filter(|(_, speaks)| *speaks);
    let longest = talks.map(|(talk, _)| {
        talk.ends_well(town, 30 * SECOND);
        talk.longest(town)
    });
    longest.max().expect("somebody speaks")
}

#[test]
fn a_router_is_started_anew_while_people_talk() {
    let rows = [
        ("the speaker's", [true, false], [true, false]),
        ("the listener's", [true, false], [false, true]),
        ("one of two speakers'", [true, true], [true, false]),
        ("both of two speakers'", [true, true], [true, true]),
        ("both, of one speaker", [true, false], [true, true]),
    ];
    let mut late = Vec::new();
    for (name, speaks, reboots) in rows {
        for new_address in [false, true] {
            let (mut town, homes) = two(7, NatKind::PortRestricted);
            let nodes = [homes[0].node, homes[1].node];
            let gap = talk_through(&mut town, nodes, speaks, |town| {
                for (home, _) in homes.iter().zip(reboots).filter(|(_, reboots)| *reboots) {
                    if new_address {
                        town.world().reboot_with_new_address(home.gateways[0]);
                    } else {
                        town.world().reboot(home.gateways[0]);
                    }
                }
            });
            println!("{name}, new address {new_address}: {gap:?}");
            if gap > GAP {
                late.push(format!("{name}, new address {new_address}: {gap:?}"));
            }
            town.seconds(1);
            assert_eq!(
                town.way(nodes[0], nodes[1]),
                Some(Way::Direct),
                "{name}: direct again"
            );
        }
    }
    assert!(late.is_empty(), "{late:#?}");
}

#[test]
fn a_router_is_started_anew_while_nobody_talks() {
    let mut late = Vec::new();
    for reboots in [[true, false], [false, true], [true, true]] {
        for idle in [5, 60, 300] {
            let (mut town, homes) = two(8, NatKind::PortRestricted);
            let [alice, bob] = [homes[0].node, homes[1].node];
            town.seconds(idle);
            for (home, _) in homes.iter().zip(reboots).filter(|(_, reboots)| *reboots) {
                town.world().reboot(home.gateways[0]);
            }
            let took = town.exchange(alice, bob, "after it", 3 * IDLE_GAP);
            println!("{reboots:?}, idle {idle} s: {took:?}");
            if took > IDLE_GAP {
                late.push(format!("{reboots:?}, idle {idle} s: {took:?}"));
            }
            town.exchange(bob, alice, "well again", SECOND);
            town.seconds(3);
            assert_eq!(
                town.way(alice, bob),
                Some(Way::Direct),
                "{reboots:?} {idle}"
            );
        }
    }
    assert!(late.is_empty(), "{late:#?}");
}

#[test]
fn a_laptop_goes_to_another_place() {
    for (name, speaks) in [
        ("it speaks", [true, false]),
        ("it listens", [false, true]),
        ("both speak", [true, true]),
    ] {
        let (mut town, homes) = two(9, NatKind::PortRestricted);
        let nodes = [homes[0].node, homes[1].node];
        let other = town
            .world()
            .nat(INTERNET, NatOptions::new(NatKind::AddressRestricted));
        let gap = talk_through(&mut town, nodes, speaks, |town| town.roam(nodes[0], other));
        println!("{name}: {gap:?}");
        assert!(gap <= SECOND, "{name}: {gap:?}");
        assert_eq!(town.way(nodes[0], nodes[1]), Some(Way::Direct), "{name}");
    }
}

/// Routers that forget after 20 s: the keep-alive comes each 10 s, so everybody can always be reached.
#[test]
fn routers_that_forget_soon() {
    for inbound_refreshes in [true, false] {
        let options = NatOptions {
            inbound_refreshes,
            ..NatOptions::new(NatKind::PortRestricted).with_timeout(20 * SECOND)
        };
        let (mut town, homes) = two_with(10, options);
        let [alice, bob] = [homes[0].node, homes[1].node];
        for pause in [15, 25, 45, 100, 300] {
            town.seconds(pause);
            let took = town.exchange(alice, bob, &format!("after {pause} s"), 2 * SECOND);
            assert!(took <= GAP, "after {pause} s: {took:?}");
            town.exchange(bob, alice, &format!("and back after {pause} s"), SECOND);
        }
    }
}

#[test]
fn datagrams_are_blocked_from_the_start() {
    let mut world = World::new(11);
    let home = Access::UdpBlocked.build(&mut world);
    let mut town = Town::of(world);
    let alice = town.public("alice");
    town.join(&[alice]);
    town.start(home.node, "bob");
    let start = town.world().elapsed();
    town.join(&[home.node]);
    let took = town.world().elapsed() - start;
    assert!(took <= Duration::from_millis(150), "{took:?}");
    town.exchange(alice, home.node, "hi", SECOND);
    town.exchange(home.node, alice, "hi you", SECOND);
    town.seconds(120);
    let took = town.exchange(alice, home.node, "still there?", SECOND);
    assert!(took <= Duration::from_millis(10), "{took:?}");
}

#[test]
fn datagrams_are_blocked_later_and_let_through_again() {
    let (mut town, homes) = two(12, NatKind::PortRestricted);
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.world().block_udp(homes[1].gateways[0]);
    let took = town.exchange(alice, bob, "blocked", 20 * SECOND);
    println!("blocked: {took:?}");
    town.exchange(bob, alice, "by stream", 5 * SECOND);
    town.seconds(30);
    let took = town.exchange(alice, bob, "and again", SECOND);
    assert!(took <= Duration::from_millis(200), "{took:?}");
    town.world().heal(homes[1].gateways[0]);
    town.seconds(60);
    town.exchange(alice, bob, "let through", SECOND);
    town.seconds(5);
    assert_eq!(town.way(alice, bob), Some(Way::Direct));
}

#[test]
fn a_cable_is_pulled_for_a_while() {
    for (cut, expected) in [(5, true), (20, true), (90, false)] {
        let (mut town, homes) = two(13, NatKind::PortRestricted);
        let [alice, bob] = [homes[0].node, homes[1].node];
        let mut there = Talk::new(alice, bob, "there");
        there.go_on_for(&mut town, SECOND, STEP);
        town.world().cut(bob);
        town.say(alice, bob, "into the dark");
        town.seconds(cut);
        town.world().heal(bob);
        if expected {
            let took = town.wait_for(15 * SECOND, bob, &said("alice", "into the dark"));
            println!("cut for {cut} s: {took:?} after");
            assert!(took.is_some(), "{cut}");
            let told = town.wait_for(5 * SECOND, alice, &delivered("bob", "into the dark"));
            assert!(told.is_some(), "{cut}");
        } else {
            town.seconds(30);
            assert!(!town.lines(bob).contains(&said("alice", "into the dark")));
            let told = town.lines(alice).into_iter().filter_map(|event| {
                if let Shown::NotDelivered { text, reason, .. } = event {
                    return (text == "into the dark").then_some(reason);
                }
                None
            });
            let reasons: Vec<Undelivered> = told.collect();
            assert!(
                matches!(
                    reasons[..],
                    [Undelivered::NoAnswer(_) | Undelivered::Silent]
                ),
                "{reasons:?}"
            );
        }
        let took = town.exchange(alice, bob, "in the light", 5 * SECOND);
        assert!(took <= GAP, "{cut}: {took:?}");
        town.exchange(bob, alice, "here too", SECOND);
    }
}

#[test]
fn the_server_is_cut_off() {
    for direct in [true, false] {
        let mut town = Town::new(14);
        town.direct = direct;
        let [alice, bob] = [town.public("alice"), town.public("bob")];
        town.join(&[alice, bob]);
        town.seconds(1);
        town.exchange(alice, bob, "before", SECOND);
        town.seconds(2);
        let server = town.server;
        town.world().cut(server);
        if direct {
            for minute in 0..5 {
                town.seconds(20);
                town.exchange(alice, bob, &format!("without it {minute}"), SECOND);
            }
        } else {
            town.say(alice, bob, "without it 0");
            town.seconds(15);
        }
        town.world().heal(server);
        town.seconds(20);
        assert_eq!(town.heard(bob, "alice").len(), if direct { 6 } else { 2 });
        town.exchange(alice, bob, "after", SECOND);
        let carol = town.public("carol");
        town.join(&[carol]);
        town.exchange(carol, alice, "new here", SECOND);
        town.exchange(bob, carol, "welcome", SECOND);
    }
}

#[test]
fn the_server_is_started_anew() {
    for (keeps_journal, direct, is_in_order) in [
        (true, false, false),
        (false, false, false),
        (true, true, true),
        (false, true, true),
    ] {
        let mut town = Town::new(15);
        town.direct = direct;
        let nodes = ["alice", "bob", "carol"].map(|id| town.public(id));
        town.join(&nodes);
        town.seconds(2);
        let [alice, bob, carol] = nodes;
        town.exchange(alice, bob, "before", SECOND);
        let mut there = Talk::new(alice, bob, "there");
        let mut back = Talk::new(bob, alice, "back");
        for number in 0..100 {
            there.go_on(&mut town);
            back.go_on(&mut town);
            town.run(STEP);
            if number == 40 {
                if is_in_order {
                    town.close_server();
                }
                let journal = town.kill_server();
                town.millis(300);
                town.start_server(if keeps_journal { journal } else { Vec::new() });
            }
        }
        there.ends_well(&mut town, 30 * SECOND);
        back.ends_well(&mut town, 30 * SECOND);
        println!(
            "journal {keeps_journal}, direct {direct}: {:?}",
            there.longest(&town)
        );
        town.seconds(15);
        assert_eq!(town.host().members(), 3, "journal {keeps_journal}");
        town.exchange(carol, alice, "after", SECOND);
        town.exchange(bob, carol, "after it, too", SECOND);
    }
}

#[test]
fn somebody_is_started_anew_with_lines_under_way() {
    for seed in 0..8 {
        let (mut town, homes) = two(100 + seed, NatKind::PortRestricted);
        let [alice, bob] = [homes[0].node, homes[1].node];
        for number in 0..40 {
            town.say(alice, bob, &format!("there {number}"));
            town.say(bob, alice, &format!("back {number}"));
            town.run(STEP);
            if number == 20 {
                town.restart(bob, Duration::from_millis(50 * seed));
            }
        }
        town.seconds(40);
        let told = |town: &Town, text: &str| {
            let about = town.lines(alice).into_iter().filter(|event| {
                matches!(event, Shown::Delivered { text: of, .. } | Shown::NotDelivered { text: of, .. } if of == text)
            });
            about.collect::<Vec<_>>()
        };
        let heard = town.heard(bob, "alice");
        let mut last = None;
        for number in 0..40 {
            let text = format!("there {number}");
            let shown = heard.iter().filter(|each| **each == text).count();
            let outcome = told(&town, &text);
            assert!(shown <= 1, "seed {seed}: {text:?} was shown {shown} times");
            assert_eq!(outcome.len(), 1, "seed {seed}: {text:?}: {outcome:?}");
            if outcome[0] == delivered("bob", &text) {
                assert_eq!(shown, 1, "seed {seed}: {text:?}");
            }
            last = Some(outcome);
        }
        assert_eq!(
            last,
            Some(vec![delivered("bob", "there 39")]),
            "seed {seed}"
        );
        let back: Vec<usize> = town
            .heard(alice, "bob")
            .iter()
            .filter_map(|text| text.strip_prefix("back ")?.parse().ok())
            .collect();
        assert!(
            back.is_sorted_by(|one, other| one < other),
            "seed {seed}: {back:?}"
        );
        assert!(back.contains(&39), "seed {seed}: {back:?}");
    }
}

#[test]
fn two_with_one_id_and_key() {
    let mut town = Town::new(16);
    let [alice, bob] = [town.public("alice"), town.public("bob")];
    town.join(&[alice, bob]);
    town.seconds(1);
    town.exchange(bob, alice, "one", SECOND);
    let elsewhere = town.world().node(INTERNET);
    town.start_twin(alice, elsewhere);
    town.join(&[elsewhere]);
    town.seconds(1);
    assert_eq!(town.user(alice).farewell, Some(Farewell::Elsewhere));
    town.exchange(bob, elsewhere, "two", SECOND);
    town.exchange(elsewhere, bob, "three", SECOND);
    assert_eq!(town.heard(alice, "bob"), ["one"]);
    let told = town.lines(bob);
    assert!(told.contains(&said("alice", "three")), "{told:?}");
    assert!(!told.contains(&not_delivered("alice", "two", Undelivered::Restarted)));
}

/// A line said at the very end of a program that is told to leave.
#[test]
fn the_last_line_before_leaving() {
    let (mut town, homes) = two(17, NatKind::PortRestricted);
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.world()
        .change_line(bob, |line| line.loss = harness::sim::Loss::Even(0.3));
    for number in 0..20 {
        town.say(alice, bob, &format!("last {number}"));
    }
    town.with(alice, |user, world, node| user.ends_typing(world, node));
    town.seconds(10);
    assert_eq!(town.user(alice).farewell, Some(Farewell::Left));
    let last = town
        .heard(bob, "alice")
        .into_iter()
        .filter(|text| text.starts_with("last"));
    assert_eq!(last.count(), 20);
}
