//! Companies of several clients in virtual time: a relay and direct ways between them, with delays, losses and whatever a test
//! puts between. No server: rosters say what the tests say.

mod crowd;
mod listening;
mod storm;
mod world;

use std::time::Duration;

use super::*;
use crate::client::company::tests::world::{World, id, said};
use crate::client::peer::Event as PeerEvent;

const LINE: &str = "hello there";

fn delivered(to: &str, text: &str) -> (String, PeerEvent) {
    (to.to_owned(), PeerEvent::Delivered(text.to_owned()))
}

fn not_delivered(to: &str, text: &str, reason: Undelivered) -> (String, PeerEvent) {
    (
        to.to_owned(),
        PeerEvent::NotDelivered(text.to_owned(), reason),
    )
}

#[test]
fn the_first_line_leaves_at_once_through_the_server() {
    let mut world = World::new(2);
    world.direct = None;
    world.say(0, "b", LINE);
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), [said("a", LINE)]);
    assert_eq!(world.told(0), [delivered("b", LINE)]);
    assert_eq!(
        world.sides[1].first_told,
        Some(world.relay),
        "one way through the server"
    );
}

#[test]
fn what_is_said_later_goes_from_machine_to_machine() {
    let mut world = World::new(2);
    world.say(0, "b", LINE);
    world.run(Duration::from_secs(3));
    let relayed = world.relayed;
    world.say(0, "b", "again");
    world.say(1, "a", "and back");
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.relayed, relayed,
        "nothing more goes through the server"
    );
    assert_eq!(
        world.told(0),
        [
            delivered("b", LINE),
            said("b", "and back"),
            delivered("b", "again")
        ]
    );
    assert_eq!(
        world.told(1),
        [
            said("a", LINE),
            said("a", "again"),
            delivered("a", "and back")
        ]
    );
}

#[test]
fn both_at_once() {
    let mut world = World::new(2);
    world.say(0, "b", "from a");
    world.say(1, "a", "from b");
    world.run(Duration::from_secs(2));
    for (side, other) in [(0, "b"), (1, "a")] {
        let told = world.told(side);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&said(other, &format!("from {other}"))));
        assert!(told.contains(&delivered(
            other,
            if side == 0 { "from a" } else { "from b" }
        )));
    }
}

/// Who left is forgotten, but not what it said last: a server that only claims that it left and came back could play its first
/// message again.
#[test]
fn a_first_message_is_not_taken_again_after_its_writer_left_and_came_back() {
    let mut world = World::new(2);
    world.direct = None;
    world.keep = true;
    world.say(0, "b", LINE);
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), [said("a", LINE)]);
    world.leave(0, Departure::Left);
    world.announce(0);
    world.replay();
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), []);
}

/// Half of everything is lost, on all ways, and still each line comes once, in order.
#[test]
fn nothing_is_lost_or_doubled_or_turned_around() {
    for (seed, direct) in [(1, true), (2, false), (3, true), (4, false), (5, true)] {
        let mut world = World::seeded(2, seed);
        world.loss_percent = 50;
        if !direct {
            world.direct = None;
        }
        let lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        for line in &lines {
            world.say(0, "b", line);
            world.run(Duration::from_millis(100));
        }
        world.run(Duration::from_secs(60));
        let expected: Vec<_> = lines.iter().map(|line| said("a", line)).collect();
        assert_eq!(world.told(1), expected, "seed {seed}");
        let expected: Vec<_> = lines.iter().map(|line| delivered("b", line)).collect();
        assert_eq!(world.told(0), expected, "seed {seed}");
    }
}

#[test]
fn a_long_line_comes_whole() {
    let mut world = World::new(2);
    let text = "가나다 ".repeat(100_000);
    world.say(0, "b", &text);
    world.run(Duration::from_secs(20));
    assert_eq!(world.told(1), [said("a", &text)]);
    assert_eq!(
        world.told(0),
        [delivered("b", &text.chars().take(61).collect::<String>())]
    );
}

#[test]
fn every_datagram_twice_is_every_line_once() {
    let mut world = World::new(2);
    world.copies = 2;
    for n in 0..5 {
        world.say(0, "b", &format!("line {n}"));
        world.run(Duration::from_millis(300));
    }
    assert_eq!(
        world.told(1),
        (0..5)
            .map(|n| said("a", &format!("line {n}")))
            .collect::<Vec<_>>()
    );
    assert_eq!(world.told(0).len(), 5);
}

#[test]
fn all_that_was_ever_sent_again_changes_nothing() {
    let mut world = World::new(2);
    world.keep = true;
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.say(1, "a", "two");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.told(1);
    world.replay();
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(0), []);
    assert_eq!(world.told(1), []);
    world.say(0, "b", "three");
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(1), [said("a", "three")]);
}

#[test]
fn who_is_started_anew_is_talked_to_anew() {
    let mut world = World::new(2);
    world.keep = true;
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.restart(1);
    world.say(0, "b", "lost");
    world.run(Duration::from_millis(5));
    world.announce(1);
    world.say(0, "b", "two");
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.told(0),
        [
            not_delivered("b", "lost", Undelivered::Restarted),
            delivered("b", "two")
        ]
    );
    assert_eq!(world.told(1), [said("a", "two")]);
    world.replay();
    world.run(Duration::from_secs(3));
    assert_eq!(
        world.told(1),
        [],
        "what was said to the one before is not for this one"
    );
}

/// The restarted one writes before the roster tells that it was.
#[test]
fn the_one_started_anew_may_speak_first() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.restart(1);
    world.say(1, "a", "two");
    world.run(Duration::from_secs(1));
    world.say(0, "b", "three");
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(0), [said("b", "two"), delivered("b", "three")]);
    assert_eq!(world.told(1), [delivered("a", "two"), said("a", "three")]);
}

/// The server says that the peer was started anew though it was not: what is said meanwhile waits for the truth.
#[test]
fn a_server_that_lies_about_a_start() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.told(1);
    let truth = world.sides[1].incarnation;
    world.sides[1].told_incarnation = truth + 1;
    world.announce(1);
    world.say(0, "b", "two");
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), []);
    world.sides[1].told_incarnation = truth;
    world.announce(1);
    world.say(0, "b", "three");
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), [said("a", "two"), said("a", "three")]);
    assert_eq!(
        world.told(0),
        [delivered("b", "two"), delivered("b", "three")]
    );
    world.say(1, "a", "four");
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(0), [said("b", "four")]);
}

/// The server gives b's key to another name, and what b says comes from there.
#[test]
fn nothing_is_shown_under_another_name() {
    let mut world = World::new(3);
    let truth = world.entry(1);
    let mut forged = world.entry(2);
    forged.client = truth.client.clone();
    world.sides[0].roster.put(forged);
    world.say(0, "c", "for c only");
    world.say(1, "a", "from b");
    world.run(Duration::from_secs(40));
    assert_eq!(
        world.told(1),
        [delivered("a", "from b")],
        "a line for c is nothing that b can read"
    );
    let told = world.told(0);
    assert!(told.contains(&said("b", "from b")), "{told:?}");
    assert!(told.contains(&not_delivered(
        "c",
        "for c only",
        Undelivered::NoAnswer(Duration::from_secs(30))
    )));
    assert_eq!(told.len(), 2);
}

#[test]
fn a_changed_key_is_told_and_not_talked_to() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.told(1);
    world.change_key(1);
    world.restart(1);
    world.announce(1);
    world.say(0, "b", "two");
    world.say(1, "a", "three");
    world.run(Duration::from_secs(2));
    assert_eq!(
        world.told(0),
        [not_delivered("b", "two", Undelivered::KeyChanged)]
    );
    assert_eq!(world.sides[0].changed, [id("b")], "told once");
    assert_eq!(
        world.told(1),
        [not_delivered("a", "three", Undelivered::Distrusted)]
    );

    world.trust(0, "b");
    world.say(0, "b", "four");
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(0), [delivered("b", "four")]);
    assert_eq!(world.told(1), [said("a", "four")]);
}

#[test]
fn lines_end_when_nobody_answers_or_is_there() {
    let no_answer = Undelivered::NoAnswer(Duration::from_secs(30));
    let rows = [
        ("cut off", None, no_answer, 30_000),
        ("left", Some(Departure::Left), Undelivered::Left, 0),
        (
            "silent",
            Some(Departure::Silent),
            Undelivered::Silent,
            10_000,
        ),
    ];
    for (name, departure, reason, after) in rows {
        let mut world = World::new(2);
        world.loss_percent = 100;
        world.say(0, "b", LINE);
        if let Some(how) = departure {
            world.leave(1, how);
        }
        if after > 0 {
            world.run(Duration::from_millis(after - 1));
            assert_eq!(world.told(0), [], "{name}: not before its time");
            world.run(Duration::from_millis(1));
        }
        assert_eq!(world.told(0), [not_delivered("b", LINE, reason)], "{name}");
    }
    let mut world = World::new(2);
    world.say(0, "nobody", LINE);
    let expected = not_delivered("nobody", LINE, Undelivered::NotHere);
    assert_eq!(world.told(0), [expected]);
}

#[test]
fn a_line_given_up_is_not_shown_later_and_the_next_one_is() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.loss_percent = 100;
    world.say(0, "b", "two");
    world.run(Duration::from_secs(31));
    world.loss_percent = 0;
    world.say(0, "b", "three");
    world.run(Duration::from_secs(20));
    let told = world.told(0);
    assert_eq!(
        told[1],
        not_delivered("b", "two", Undelivered::NoAnswer(Duration::from_secs(30)))
    );
    assert_eq!(told[2..], [delivered("b", "three")]);
    assert_eq!(world.told(1), [said("a", "one"), said("a", "three")]);
}

#[test]
fn a_path_that_dies_is_replaced_by_the_relay_within_half_a_second() {
    let mut world = World::new(2);
    world.say(0, "b", LINE);
    world.run(Duration::from_secs(5));
    assert!(
        world.sides[0]
            .company
            .get(&id("b"))
            .unwrap()
            .way()
            .1
            .is_some(),
        "a path stands"
    );
    world.told(1);
    world.direct = None;
    world.say(0, "b", "still there?");
    world.run(Duration::from_millis(500));
    assert_eq!(world.told(1), [said("a", "still there?")]);
    world.run(Duration::from_millis(500));
    assert_eq!(
        world.told(0),
        [delivered("b", LINE), delivered("b", "still there?")]
    );
    world.run(Duration::from_secs(30));
    world.say(1, "a", "and back");
    world.run(Duration::from_millis(100));
    assert_eq!(
        world.told(0),
        [said("b", "and back")],
        "at once, since the path is known to be dead"
    );
}

#[test]
fn sessions_are_replaced_and_nothing_is_noticed() {
    let mut world = World::new(2);
    for n in 0..20 {
        world.say(0, "b", &format!("line {n}"));
        world.run(Duration::from_secs(30));
    }
    assert_eq!(world.told(1).len(), 20);
    assert_eq!(world.told(0).len(), 20);
    assert!(
        world.handshakes >= 5,
        "{} handshakes in ten minutes",
        world.handshakes
    );
    assert!(
        world.handshakes <= 24,
        "{} handshakes in ten minutes",
        world.handshakes
    );
}

#[test]
fn a_flood_of_handshakes_does_not_keep_friends_out() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.told(1);
    for round in 0..100 {
        world.flood(1, 200);
        if round == 50 {
            world.restart(0);
            world.announce(0);
            world.say(0, "b", "two");
        }
        world.run(Duration::from_millis(20));
    }
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(1), [said("a", "two")]);
    assert_eq!(world.told(0), [delivered("b", "two")]);
}

#[test]
fn forged_frames_change_nothing() {
    let mut world = World::new(2);
    world.keep = true;
    world.say(0, "b", "one");
    world.run(Duration::from_secs(1));
    world.say(1, "a", "two");
    world.run(Duration::from_secs(1));
    world.told(0);
    world.told(1);
    world.replay_tampered();
    world.run(Duration::from_secs(1));
    world.say(0, "b", "three");
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(1), [said("a", "three")]);
    assert_eq!(world.told(0), [delivered("b", "three")]);
}

/// A newcomer's first line overtakes the news that it has come.
#[test]
fn who_is_not_in_the_roster_yet_is_waited_for() {
    let mut world = World::new(2);
    let newcomer = world.entry(1).member;
    world.sides[0].roster.remove(newcomer);
    world.say(1, "a", LINE);
    world.run(world.relay);
    assert_eq!(world.told(0), []);
    world.announce(1);
    assert_eq!(world.told(0), [said("b", LINE)], "at once");
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(1), [delivered("a", LINE)]);
    assert_eq!(world.handshakes, 1);
}

#[test]
fn who_was_busy_and_falls_silent_makes_us_be_seen() {
    let mut world = World::new(2);
    world.say(0, "b", LINE);
    world.run(Duration::from_secs(10));
    let before = world.hushes;
    for n in 0..20 {
        world.say(0, "b", &n.to_string());
        world.run(Duration::from_millis(50));
    }
    assert_eq!(world.hushes, before, "while it is talked");
    world.direct = None;
    world.loss_percent = 100;
    world.say(0, "b", LINE);
    world.run(Duration::from_millis(300));
    assert!(world.hushes > before);
    world.run(Duration::from_secs(60));
    assert!(
        world.hushes <= before + 6,
        "a few times only: {}",
        world.hushes
    );
}

/// Who moves about tells those it talks to, not all that it ever talked to.
#[test]
fn a_change_of_address_is_told_to_who_was_talked_to_lately() {
    for (idle, is_told) in [(30, true), (600, false)] {
        let mut world = World::new(2);
        world.say(0, "b", LINE);
        world.run(Duration::from_secs(idle));
        let before = world.relayed;
        world.reach_changed(0);
        world.run(Duration::from_secs(5));
        assert_eq!(world.relayed > before, is_told, "after {idle} s");
        world.say(0, "b", "again");
        world.run(Duration::from_secs(5));
        let way = world.sides[0].company.get(&id("b")).unwrap().way();
        assert!(way.1.is_some(), "a path after {idle} s");
    }
}

/// Whatever a peer with a good key writes, it harms nobody, and is talked to again when it comes to its senses.
#[test]
fn a_peer_that_talks_nonsense() {
    let rows: [(&str, &[u8]); 4] = [
        (
            "a record longer than any",
            &[1, 0xFF, 0xFF, 0xFF, 0xFF, b'x'],
        ),
        ("a long record without end", &[1, 0, 0xFF, 0xFF, 0xFF, b'x']),
        ("an unknown record", &[200, 0, 0, 0, 1, b'x']),
        ("a line of no UTF-8", &[1, 0, 0, 0, 2, 0xC3, 0x28]),
    ];
    for (name, bytes) in rows {
        let mut world = World::new(3);
        world.say(1, "a", "one");
        world.run(Duration::from_secs(1));
        world.write(1, "a", bytes);
        world.run(Duration::from_secs(70));
        world.say(2, "a", "hello");
        world.run(Duration::from_secs(1));
        assert!(world.told(0).contains(&said("c", "hello")), "{name}");
        world.restart(1);
        world.announce(1);
        world.say(1, "a", "two");
        world.run(Duration::from_secs(1));
        assert!(world.told(0).contains(&said("b", "two")), "{name}");
    }
}

#[test]
fn too_long_and_too_much() {
    let mut world = World::new(2);
    world.loss_percent = 100;
    let too_long = "x".repeat((16 << 20) + 1);
    let longest = &too_long[1..];
    world.say(0, "b", &too_long);
    let shown = "x".repeat(61);
    assert_eq!(
        world.told(0),
        [not_delivered("b", &shown, Undelivered::TooLong)]
    );
    for _ in 0..3 {
        world.say(0, "b", longest);
    }
    assert_eq!(world.told(0), []);
    world.say(0, "b", longest);
    assert_eq!(
        world.told(0),
        [not_delivered("b", &shown, Undelivered::TooMuch)]
    );
}

#[test]
fn a_peer_that_the_server_lost_is_still_talked_to_from_machine_to_machine() {
    let mut world = World::new(2);
    world.say(0, "b", "one");
    world.run(Duration::from_secs(3));
    world.leave(1, Departure::Silent);
    world.say(0, "b", "two");
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.told(0),
        [delivered("b", "one"), delivered("b", "two")]
    );
}
