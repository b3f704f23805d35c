//! Clients and their server, whole, in virtual time: joining, talking, leaving, and what becomes of lines when something breaks.
//! No NATs here: everybody has an address of its own.

mod disk;
mod others;
mod world;

use std::time::Duration;

use super::*;
use crate::client::event::{FileEvent, Way};
use crate::client::machine::tests::world::{World, id};

const SECOND: Duration = Duration::from_secs(1);

fn said(from: &str, text: &str) -> Event {
    Event::Said {
        from: id(from),
        text: text.to_owned(),
        audience: Audience::One,
    }
}

fn said_to_all(from: &str, text: &str) -> Event {
    Event::Said {
        from: id(from),
        text: text.to_owned(),
        audience: Audience::All,
    }
}

fn delivered(to: &str, text: &str) -> Event {
    Event::Delivered {
        to: id(to),
        text: text.to_owned(),
    }
}

fn not_delivered(to: &str, text: &str, reason: Undelivered) -> Event {
    Event::NotDelivered {
        to: id(to),
        text: text.to_owned(),
        reason,
    }
}

/// What lines and members became of, without what is said about the server.
fn lines(world: &mut World, at: usize) -> Vec<Event> {
    let is_line = |event: &Event| {
        matches!(
            event,
            Event::Said { .. }
                | Event::Delivered { .. }
                | Event::HandedOn { .. }
                | Event::NotDelivered { .. }
        )
    };
    world.shown(at).into_iter().filter(is_line).collect()
}

#[test]
fn a_session_of_three() {
    let mut world = World::new(&["client1", "client2", "client3"]);
    world.run(SECOND);
    for at in 0..3 {
        let shown = world.shown(at);
        let here = |event: &Event| {
            if let Event::Here { id, .. } = event {
                return Some(id.to_string());
            }
            None
        };
        let mut there: Vec<String> = shown.iter().filter_map(here).collect();
        there.sort();
        assert_eq!(there, ["client1", "client2", "client3"], "{at}: {shown:?}");
    }
    world.line(2, "@chat client2 hi im in ubuntu");
    world.line(1, "@chat client3 hi me too man");
    world.line(1, "@chat client1 how about you");
    world.run(SECOND);
    world.line(0, "@chat client2 i'm in windows");
    world.run(SECOND);
    assert_eq!(
        lines(&mut world, 0),
        [
            said("client2", "how about you"),
            delivered("client2", "i'm in windows")
        ]
    );
    let told = lines(&mut world, 1);
    assert!(
        told.contains(&said("client3", "hi im in ubuntu"))
            && told.contains(&said("client1", "i'm in windows"))
    );
    world.line(1, "@exit");
    world.run(SECOND);
    assert_eq!(world.ended(1), Some(Farewell::Left));
    assert!(world.shown(0).contains(&Event::Left(id("client2"))));
    world.line(2, "@chat client1 bye");
    world.run(SECOND);
    assert_eq!(lines(&mut world, 0), [said("client3", "bye")]);
    world.kill(2);
    world.run(32 * SECOND);
    assert_eq!(world.shown(0), [Event::Silent(id("client3"))]);
}

/// `printf '@chat bob hi\n' | natchat client`: the line waits until we have joined, and we leave when it has arrived.
#[test]
fn a_line_and_the_end_right_at_the_start() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.join("carol");
    assert!(!world.takes_lines(2), "not joined yet");
    let waited = world.run_until(SECOND, |world| world.takes_lines(2));
    assert!(
        waited.is_some_and(|waited| waited < Duration::from_millis(200)),
        "{waited:?}"
    );
    world.line(2, "@chat bob hi");
    world.leave(2);
    world.run(SECOND);
    assert_eq!(lines(&mut world, 1), [said("carol", "hi")]);
    assert_eq!(lines(&mut world, 2), [delivered("bob", "hi")]);
    assert_eq!(world.ended(2), Some(Farewell::Left));
    assert!(world.shown(0).contains(&Event::Left(id("carol"))));
}

#[test]
fn the_first_line_needs_one_way_through_the_server() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(0, "@chat bob hi");
    let took = world.run_until(SECOND, |world| world.has_shown(1, &said("alice", "hi")));
    assert_eq!(took, Some(2 * world.delay()));
    world.run(SECOND);
    let before = world.relayed();
    world.line(0, "@chat bob again");
    world.line(1, "@chat alice and back");
    world.run(SECOND);
    assert_eq!(world.relayed(), before, "from machine to machine");
}

#[test]
fn to_all_and_to_oneself_and_to_nobody() {
    let mut world = World::new(&["alice", "bob", "carol"]);
    world.run(SECOND);
    world.line(0, "@all good morning");
    world.line(0, "@chat alice note to self");
    world.line(0, "@chat dave are you there");
    world.run(SECOND);
    for at in [1, 2] {
        assert_eq!(
            lines(&mut world, at),
            [said_to_all("alice", "good morning")]
        );
    }
    let told = lines(&mut world, 0);
    for expected in [
        said("alice", "note to self"),
        delivered("alice", "note to self"),
        delivered("bob", "good morning"),
        delivered("carol", "good morning"),
        not_delivered("dave", "are you there", Undelivered::NotHere),
    ] {
        assert_eq!(
            told.iter().filter(|event| **event == expected).count(),
            1,
            "{expected:?}"
        );
    }
    assert_eq!(told.len(), 5);
}

#[test]
fn commands_answer() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(0, "@chat bob hi");
    world.run(SECOND);
    world.shown(0);
    world.line(0, "@show_list");
    let Some(Event::List(rows)) = world.shown(0).pop() else {
        panic!("no list");
    };
    let ways: Vec<(String, Way)> = rows
        .iter()
        .map(|row| (row.id.to_string(), row.way))
        .collect();
    assert_eq!(
        ways,
        [
            ("alice".to_owned(), Way::Ourselves),
            ("bob".to_owned(), Way::Direct)
        ]
    );
    assert!(rows[1].round_trip.is_some());

    world.line(0, "@verify bob");
    world.line(1, "@verify alice");
    let number = |events: Vec<Event>| match events.last() {
        Some(Event::Safety { number, .. }) => number.clone(),
        other => panic!("{other:?}"),
    };
    let (one, other) = (number(world.shown(0)), number(world.shown(1)));
    assert_eq!(one, other);

    world.line(0, "hello?");
    world.line(0, "@help");
    world.line(0, "");
    let told = world.shown(0);
    assert!(
        matches!(told[..], [Event::Usage(_), Event::Help]),
        "{told:?}"
    );
}

#[test]
fn an_id_belongs_to_its_first_key() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.join("alice");
    world.run(SECOND);
    assert!(world.shown(2).contains(&Event::Taken(id("alice"))));
    world.leave(2);
    world.run(2 * SECOND);
    assert_eq!(world.ended(2), Some(Farewell::Taken));
    world.line(1, "@chat alice still you?");
    world.run(SECOND);
    assert_eq!(lines(&mut world, 0), [said("bob", "still you?")]);
}

#[test]
fn the_same_key_from_elsewhere() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(1, "@chat alice one");
    world.run(SECOND);
    let again = world.join_again(0);
    world.run(SECOND);
    assert_eq!(world.ended(0), Some(Farewell::Elsewhere));
    world.line(1, "@chat alice two");
    world.run(SECOND);
    assert_eq!(lines(&mut world, again), [said("bob", "two")]);
    assert_eq!(
        lines(&mut world, 1),
        [delivered("alice", "one"), delivered("alice", "two")]
    );
}

#[test]
fn udp_is_blocked() {
    let mut world = World::new(&["alice"]);
    world.run(SECOND);
    let bob = world.join("bob");
    world.block_udp(bob);
    let joined = world.run_until(SECOND, |world| world.takes_lines(bob));
    assert!(
        joined.is_some_and(|joined| joined < Duration::from_millis(350)),
        "{joined:?}"
    );
    world.line(0, "@chat bob hi");
    world.run(SECOND);
    world.line(bob, "@chat alice hi you");
    world.run(SECOND);
    assert_eq!(
        lines(&mut world, 0),
        [delivered("bob", "hi"), said("bob", "hi you")]
    );
    assert_eq!(
        lines(&mut world, bob),
        [said("alice", "hi"), delivered("alice", "hi you")]
    );
}

/// The server is started again with its journal while lines are under way; nothing is lost, nothing doubled.
#[test]
fn the_server_is_started_again() {
    for keep_journal in [true, false] {
        let mut world = World::new(&["alice", "bob"]);
        world.run(SECOND);
        world.no_direct();
        world.line(0, "@chat bob one");
        world.run(SECOND);
        world.restart_server(keep_journal);
        world.line(0, "@chat bob two");
        world.line(1, "@chat alice three");
        world.run(25 * SECOND);
        world.line(0, "@chat bob four");
        world.run(SECOND);
        assert_eq!(
            lines(&mut world, 1),
            [
                said("alice", "one"),
                said("alice", "two"),
                delivered("alice", "three"),
                said("alice", "four")
            ],
            "journal kept: {keep_journal}"
        );
        let told = lines(&mut world, 0);
        assert_eq!(told.len(), 4, "{told:?}");
    }
}

#[test]
fn the_server_is_gone_and_talk_goes_on_from_machine_to_machine() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(0, "@chat bob one");
    world.run(3 * SECOND);
    world.stop_server();
    world.run(60 * SECOND);
    world.line(0, "@chat bob two");
    world.run(SECOND);
    assert_eq!(
        lines(&mut world, 1),
        [said("alice", "one"), said("alice", "two")]
    );
    assert_eq!(
        lines(&mut world, 0),
        [delivered("bob", "one"), delivered("bob", "two")]
    );
}

#[test]
fn without_a_server_lines_are_taken_at_last_and_end() {
    let mut world = World::new(&[]);
    world.stop_server();
    let alice = world.join("alice");
    assert_eq!(
        world.run_until(20 * SECOND, |world| world.takes_lines(alice)),
        Some(10 * SECOND)
    );
    world.line(alice, "@chat bob hi");
    world.run(6 * SECOND);
    assert_eq!(
        lines(&mut world, alice),
        [not_delivered("bob", "hi", Undelivered::NotJoined)]
    );
    world.leave(alice);
    world.run(3 * SECOND);
    assert_eq!(world.ended(alice), Some(Farewell::NeverJoined));
}

#[test]
fn who_leaves_waits_five_seconds_for_what_is_under_way() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.no_direct();
    world.cut_off(1);
    world.line(0, "@chat bob hi");
    world.leave(0);
    assert!(!world.takes_lines(0));
    world.run(4 * SECOND);
    assert_eq!(world.ended(0), None);
    world.run(2 * SECOND);
    assert_eq!(
        lines(&mut world, 0),
        [not_delivered("bob", "hi", Undelivered::Leaving)]
    );
    assert_eq!(world.ended(0), Some(Farewell::Left));
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.cut_off(0);
    world.line(0, "@chat bob hi");
    for _ in 0..3 {
        world.leave(0);
    }
    assert_eq!(world.ended(0), Some(Farewell::Left));
    assert_eq!(
        lines(&mut world, 0),
        [not_delivered("bob", "hi", Undelivered::Leaving)]
    );
}

#[test]
fn an_older_client_is_talked_to() {
    let mut world = World::new(&["alice"]);
    world.run(SECOND);
    world.older("seed", b"client_register_seed_192.168.0.5:10081");
    world.run(SECOND);
    assert!(
        world
            .shown(0)
            .iter()
            .any(|event| matches!(event, Event::Here { id, .. } if id.as_str() == "seed"))
    );
    world.line(0, "@chat seed hello_there");
    world.run(SECOND);
    assert_eq!(
        lines(&mut world, 0),
        [Event::HandedOn {
            to: id("seed"),
            text: "hello_there".to_owned()
        }]
    );
    let text = world.older_received().pop().unwrap();
    assert!(text.starts_with("alice_hello"), "{text}");
}

/// Whatever anybody sends: nothing is shown, nothing ends.
#[test]
fn noise_from_strangers() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(0, "@chat bob hi");
    world.run(SECOND);
    for at in [0, 1] {
        world.shown(at);
    }
    world.noise(20_000);
    world.run(SECOND);
    for at in [0, 1] {
        assert_eq!(world.shown(at), []);
    }
    world.line(1, "@chat alice all well");
    world.run(SECOND);
    assert_eq!(lines(&mut world, 0), [said("bob", "all well")]);
}

/// What became of files at this side, without how far they were on the way.
fn files(world: &mut World, at: usize) -> Vec<FileEvent> {
    let shown = world.shown(at).into_iter();
    let files = shown.filter_map(|event| {
        if let Event::File(event) = event {
            return Some(event);
        }
        None
    });
    files
        .filter(|event| !matches!(event, FileEvent::Progress { .. }))
        .collect()
}

#[test]
fn a_file_is_offered_accepted_and_arrives() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    let bytes: Vec<u8> = (0..3_000_000_u32)
        .flat_map(u32::to_be_bytes)
        .take(1_000_000)
        .collect();
    world.sides[0]
        .disk
        .files
        .insert("photo.jpg".to_owned(), bytes.clone());
    world.line(0, "@send bob photo.jpg");
    world.run(SECOND);
    let offered = files(&mut world, 1);
    assert!(
        matches!(
            offered[..],
            [FileEvent::Offered {
                len: 1_000_000,
                have: 0,
                ..
            }]
        ),
        "{offered:?}"
    );
    world.line(1, "@accept alice");
    world.line(0, "@chat bob on its way");
    world.run(20 * SECOND);
    assert_eq!(world.sides[1].disk.files.get("photo.jpg"), Some(&bytes));
    let told = files(&mut world, 0);
    assert!(
        matches!(
            told[..],
            [FileEvent::Waiting { .. }, FileEvent::Sent { .. }]
        ),
        "{told:?}"
    );
}

#[test]
fn a_file_stops_with_its_reason_and_goes_on() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    let bytes: Vec<u8> = (0..750_000_u32).flat_map(u32::to_be_bytes).collect();
    world.sides[0]
        .disk
        .files
        .insert("film".to_owned(), bytes.clone());
    world.line(0, "@send bob film");
    world.run(SECOND);
    world.line(1, "@accept alice");
    world.run(Duration::from_millis(120));
    world.line(1, "@exit");
    world.run(2 * SECOND);
    let told = files(&mut world, 0);
    let Some(FileEvent::Stopped { done, .. }) = told.last() else {
        panic!("{told:?}");
    };
    assert!(*done > 0);
    let again = world.join_again(1);
    let disk = std::mem::take(&mut world.sides[1].disk);
    world.sides[again].disk = disk;
    world.run(SECOND);
    world.line(0, "@send bob film");
    world.run(SECOND);
    let offered = files(&mut world, again);
    assert!(
        matches!(offered[..], [FileEvent::Offered { have: 1.., .. }]),
        "{offered:?}"
    );
    world.line(again, "@accept alice");
    world.run(30 * SECOND);
    assert_eq!(world.sides[again].disk.files.get("film"), Some(&bytes));
}

#[test]
fn a_file_to_who_does_not_answer_ends() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.sides[0]
        .disk
        .files
        .insert("film".to_owned(), vec![1; 100]);
    world.cut_off(1);
    world.line(0, "@send bob film");
    world.line(0, "@send alice film");
    world.line(0, "@send carol film");
    world.line(0, "@send bob nothing");
    world.run(40 * SECOND);
    let told = files(&mut world, 0);
    assert!(
        matches!(told.last(), Some(FileEvent::Stopped { .. })),
        "{told:?}"
    );
}
