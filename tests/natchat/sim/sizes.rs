//! Lines from one byte to the longest, and files: whole, cut, resumed.

use std::time::Duration;

use harness::Random;
use harness::sim::access::{Home, behind};
use harness::sim::{Line, NatKind, NatOptions, NodeId, World};
use natchat::client::event::{Event as Shown, FileEvent, Undelivered};

use super::town::{Town, not_delivered, said};

const SECOND: Duration = Duration::from_secs(1);

/// The longest line.
const LONGEST: usize = 16 << 20;

/// Alice and Bob behind routers and with these lines, who have joined.
fn two(seed: u64, line: &Line, direct: bool) -> (Town, [Home; 2]) {
    let mut world = World::new(seed);
    let homes = [(); 2].map(|()| behind(&mut world, &[NatOptions::new(NatKind::PortRestricted)]));
    let mut town = Town::of(world);
    town.direct = direct;
    for (home, id) in homes.iter().zip(["alice", "bob"]) {
        town.world().set_line(home.node, line);
        town.start(home.node, id);
    }
    town.join(&[homes[0].node, homes[1].node]);
    town.seconds(2);
    (town, homes)
}

/// Text that does not repeat itself.
fn text(len: usize) -> String {
    let letters = Random::new(1).bytes(len);
    letters
        .into_iter()
        .map(|byte| char::from(b'a' + byte % 26))
        .collect()
}

#[test]
fn lines_of_every_size() {
    for (direct, loss) in [(true, 0.0), (false, 0.0), (true, 0.03)] {
        let (mut town, homes) = two(1, &Line::delayed(5).losing(loss), direct);
        let [alice, bob] = [homes[0].node, homes[1].node];
        for len in [
            1, 60, 61, 500, 1_000, 1_100, 1_150, 1_200, 1_201, 1_400, 2_400, 65_535, 65_536,
            300_000,
        ] {
            town.exchange(alice, bob, &text(len), 30 * SECOND);
            town.exchange(bob, alice, &text(len), 30 * SECOND);
        }
        assert_eq!(town.heard(bob, "alice").len(), 14);
    }
}

#[test]
fn the_longest_line() {
    let (mut town, homes) = two(2, &Line::delayed(2), true);
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.exchange(alice, bob, "short", SECOND);
    town.seconds(2);
    let took = town.exchange(alice, bob, &text(LONGEST), 30 * SECOND);
    println!("16 MiB: {took:?}");
    let longer = text(LONGEST + 1);
    town.say(alice, bob, &longer);
    town.seconds(1);
    assert_eq!(
        town.lines(alice).last(),
        Some(&not_delivered("bob", &longer, Undelivered::TooLong))
    );
    town.exchange(alice, bob, "short again", SECOND);
}

#[test]
fn a_long_line_and_what_breaks_meanwhile() {
    let (mut town, homes) = two(3, &Line::delayed(10).losing(0.02), true);
    let [alice, bob] = [homes[0].node, homes[1].node];
    town.exchange(alice, bob, "short", SECOND);
    town.seconds(2);
    let long = text(3 << 20);
    town.say(alice, bob, &long);
    town.say(bob, alice, &long);
    town.millis(100);
    town.world().reboot(homes[0].gateways[0]);
    town.millis(400);
    town.world().reboot(homes[1].gateways[0]);
    let there = town.wait_for(60 * SECOND, bob, &said("alice", &long));
    let back = town.wait_for(60 * SECOND, alice, &said("bob", &long));
    println!("3 MiB each way: {there:?}, {back:?}");
    assert!(there.is_some() && back.is_some());
    town.exchange(alice, bob, "after", 5 * SECOND);
}

/// Puts a file of this length on a disk and offers it.
fn offer(town: &mut Town, from: NodeId, to: NodeId, len: usize) -> Vec<u8> {
    let bytes = Random::new(2).bytes(len);
    let id = town.user(to).id().to_owned();
    town.with(from, |user, world, node| {
        user.disk.files.insert("film".to_owned(), bytes.clone());
        user.types(world, node, format!("@send {id} film"));
    });
    bytes
}

/// Runs until this node has told that a file has arrived; how long that took.
fn wait_for_file(town: &mut Town, limit: Duration, node: NodeId) -> Option<Duration> {
    let start = town.world().elapsed();
    while town.world().elapsed() - start < limit {
        if town
            .files(node)
            .iter()
            .any(|event| matches!(event, FileEvent::Received { .. }))
        {
            return Some(town.world().elapsed() - start);
        }
        town.millis(50);
    }
    None
}

fn has_film(town: &Town, node: NodeId, bytes: &[u8]) -> bool {
    let disk = &town.user(node).disk;
    disk.files.get("film").is_some_and(|film| film == bytes)
        && disk.open_files() == 0
        && disk.in_parts() == 0
}

#[test]
fn a_file_arrives_whatever_the_line() {
    let rows = [
        ("good", 0.0, true, false),
        ("relayed", 0.0, false, false),
        ("5 % lost on each line", 0.05, true, false),
        ("routers started anew", 0.01, true, true),
    ];
    for (name, loss, direct, reboots) in rows {
        let (mut town, homes) = two(4, &Line::delayed(10).losing(loss), direct);
        let [alice, bob] = [homes[0].node, homes[1].node];
        let bytes = offer(&mut town, alice, bob, 2_500_001);
        town.seconds(1);
        town.types(bob, "@accept alice");
        if reboots {
            for home in &homes {
                town.millis(150);
                town.world().reboot(home.gateways[0]);
            }
        }
        town.exchange(alice, bob, "on its way", 10 * SECOND);
        town.exchange(bob, alice, "thank you", 10 * SECOND);
        let took = wait_for_file(&mut town, 120 * SECOND, bob);
        println!("{name}: {took:?}");
        assert!(took.is_some(), "{name}");
        town.seconds(5);
        assert!(has_film(&town, bob, &bytes), "{name}");
        let told = town.files(alice);
        assert!(
            matches!(
                told[..],
                [
                    FileEvent::Waiting { .. },
                    FileEvent::Sent { len: 2_500_001, .. }
                ]
            ),
            "{name}: {told:?}"
        );
        assert_eq!(town.user(alice).disk.open_files(), 0, "{name}");
    }
}

/// What ends a transfer in its middle.
#[derive(Clone, Copy, Debug)]
enum Cut {
    ReceiverKilled,
    SenderKilled,
    LongSilence,
}

const CUTS: [Cut; 3] = [Cut::ReceiverKilled, Cut::SenderKilled, Cut::LongSilence];

#[test]
fn a_file_is_cut_and_goes_on() {
    for cut in CUTS {
        let slow = Line {
            bandwidth: Some(1 << 20),
            ..Line::delayed(10)
        };
        let (mut town, homes) = two(5, &slow, true);
        let [alice, bob] = [homes[0].node, homes[1].node];
        let bytes = offer(&mut town, alice, bob, 4_000_000);
        town.seconds(1);
        town.types(bob, "@accept alice");
        town.seconds(2);
        let before = town.user(bob).disk.in_parts();
        assert!(before > 300_000, "{cut:?}: {before}");
        match cut {
            Cut::ReceiverKilled => town.restart(bob, Duration::from_millis(500)),
            Cut::SenderKilled => town.restart(alice, Duration::from_millis(500)),
            Cut::LongSilence => {
                town.world().cut(bob);
                town.seconds(90);
                town.world().heal(bob);
            }
        }
        town.seconds(20);
        let told = [town.files(alice), town.files(bob)];
        let stopped = told
            .iter()
            .flatten()
            .filter(|event| matches!(event, FileEvent::Stopped { .. }))
            .count();
        assert!(stopped >= 1, "{cut:?}: {told:?}");
        assert!(
            town.user(bob).disk.in_parts() >= before,
            "{cut:?}: what is here stays here"
        );
        offer(&mut town, alice, bob, 4_000_000);
        town.seconds(1);
        let told = town.files(bob);
        let Some(FileEvent::Offered { have, .. }) = told.last() else {
            panic!("{cut:?}: {told:?}");
        };
        assert!(*have > 300_000, "{cut:?}: {told:?} {:?}", town.files(alice));
        town.types(bob, "@accept alice");
        let took = wait_for_file(&mut town, 60 * SECOND, bob);
        assert!(
            took.is_some_and(|took| took < 4 * SECOND),
            "{cut:?}: {took:?} for the rest"
        );
        town.seconds(2);
        assert!(has_film(&town, bob, &bytes), "{cut:?}");
        let complaints = town
            .user(alice)
            .shown
            .iter()
            .filter(|line| matches!(line.event, Shown::Usage(_)));
        assert_eq!(complaints.count(), 0);
    }
}
