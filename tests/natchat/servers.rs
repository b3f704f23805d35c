//! The server goes and comes back, or was never there: nobody's line is lost over it.

use std::time::Duration;

use harness::lab::{Lab, Nat, home, public};
use harness::{SOON, Stopwatch};

use crate::older::{OFTEN, Older};
use crate::people::{Person, Place, Server, User, join};

/// A restarted server knows everybody again so soon; within a second when the machine has nothing else to do.
const ALL_VISIBLE: Duration = Duration::from_secs(5);

fn scene() -> Option<Lab> {
    Lab::build(
        "a lost server",
        [
            home("left", Nat::PortRestricted).host("alice"),
            home("right", Nat::PortRestricted).host("bob"),
            home("third", Nat::Symmetric).host("carol"),
            home("fourth", Nat::Symmetric).host("dave"),
            public("eve"),
            public("old"),
        ],
    )
}

#[test]
fn a_killed_server_is_missed_by_nobody_and_knows_everybody_when_it_is_back() {
    let Some(lab) = scene() else { return };
    let mut server = Server::on(lab.server());
    let names = ["alice", "bob", "carol", "dave"];
    let [mut alice, mut bob, mut carol, dave] =
        names.map(|name| join(lab.host(name), name, server.addr()));
    let old = Older::on(lab.host("old"), "old", server.addr()).keeping_alive(OFTEN);
    for user in [&alice, &bob, &carol, &dave] {
        for name in names {
            user.meets(name);
        }
        user.meets("old");
    }
    alice.chats_with(&bob, "before");
    carol.chats_with(&dave, "before");
    wait_for_way(&mut alice, "bob", "direct");
    server.kill();

    // Direct paths do not need it.
    alice.chats_with(&bob, "meanwhile");
    bob.chats_with(&alice, "meanwhile");
    // These two have no direct path: the line waits.
    carol.chats("dave", "waiting");
    carol.chats("alice", "waiting too");
    server.start_again();
    let watch = Stopwatch::start();
    let eve = join(lab.host("eve"), "eve", server.addr());
    for name in names {
        eve.meets(name);
    }
    eve.meets("old");
    let visible = watch.elapsed();
    dave.sees("From carol [waiting]");
    alice.sees("From carol [waiting too]");
    carol.sees("Delivered to dave [waiting]");
    carol.sees("Delivered to alice [waiting too]");
    assert!(visible <= ALL_VISIBLE, "{visible:?}");

    // Nobody was told that anybody had gone.
    for user in [&alice, &bob, &carol, &dave] {
        user.meets("eve");
        let lines = user.lines();
        let gone = lines.iter().filter(|line| is_farewell(line));
        assert_eq!(gone.count(), 0, "{user}");
    }
    old.meets("eve");
    old.chat("alice", "still here");
    alice.sees("From old [still here]");
    let said = [
        (
            &alice,
            &["bob [meanwhile]", "carol [waiting too]", "old [still here]"][..],
        ),
        (&bob, &["alice [before]", "alice [meanwhile]"]),
        (&dave, &["carol [before]", "carol [waiting]"]),
    ];
    for (user, lines) in said {
        let lines: Vec<_> = lines.iter().map(|line| format!("From {line}")).collect();
        assert_eq!(user.lines_from("From "), lines, "{user}");
    }
}

fn is_farewell(line: &str) -> bool {
    line.ends_with(" is off-line") || line.ends_with(" is unregistered")
}

#[track_caller]
fn wait_for_way(user: &mut User<'_>, peer: &str, way: &str) {
    let watch = Stopwatch::start();
    while user.way_to(peer) != way {
        assert!(watch.elapsed() < SOON, "{user}");
    }
}

#[test]
fn a_server_that_is_stopped_is_told_of_and_waited_for() {
    let mut server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    alice.chats_with(&bob, "before");
    let output = server.stop();
    output.stderr_is("");
    alice.is_warned(&server.addr().to_string());
    assert_eq!(alice.warnings().len(), 1, "{alice}");
    server.start_again();
    alice.chats_with(&bob, "after");
    let carol = join(Place::Here, "carol", server.addr());
    carol.meets("alice");
    alice.meets("carol");
}

#[test]
fn a_server_that_is_not_there_is_told_of_and_waited_for() {
    let mut server = Server::here();
    server.kill();
    let mut alice = Person::new(Place::Here, "alice").start(server.addr());
    alice.is_warned(&server.addr().to_string());
    alice.chats("bob", "hello?");
    alice.types("@show_list");
    assert!(alice.running().is_running());
    assert_eq!(alice.warnings().len(), 1, "{alice}");
    server.start_again();
    alice.meets("alice");
    alice.leaves();
}

/// The network between a client and its server is cut, silently, for longer than a member is waited for.
#[test]
fn a_cut_that_outlasts_a_membership_is_healed() {
    let Some(lab) = scene() else { return };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    alice.chats_with(&bob, "before");
    lab.router("left").cut();
    bob.sees("alice is off-line");
    bob.chats("alice", "into the dark");
    bob.sees_start("Not delivered to alice [into the dark]: ");
    lab.router("left").mend();
    bob.sees_all_within(crate::people::SLOWLY, "alice coming back", |lines| {
        let times = lines
            .iter()
            .filter(|line| line.starts_with("alice is register at IP: "));
        times.count() == 2
    });
    bob.chats_with(&alice, "after");
    alice.chats_with(&bob, "and back");
    assert_eq!(alice.lines_from("From "), ["From bob [after]"], "{alice}");
}
