//! Staying a member: silence, restarts, new addresses, presence, and going.

use std::time::Duration;

use crate::client::home::link::Link;
use crate::client::home::tests::server::{encoded, other};
use crate::client::home::tests::world::{SERVER, World};
use crate::wire::from_server::{Departure, Ending, FromServer};

const SECOND: Duration = Duration::from_secs(1);
const ALIVE: u8 = 3;

impl World {
    fn times_said(&self, kind: u8) -> Vec<u128> {
        let said = self
            .said
            .iter()
            .filter(|(_, _, bytes)| *bytes == [0xF8, kind]);
        said.map(|(at, ..)| *at).collect()
    }
}

#[test]
fn alive_each_ten_seconds() {
    let mut world = World::joined();
    world.run(35 * SECOND);
    let times = world.times_said(ALIVE);
    let gaps: Vec<u128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().all(|gap| (10_000..=10_010).contains(gap)),
        "{times:?}"
    );
    assert_eq!(world.said.len(), times.len(), "nothing else is said");
}

#[test]
fn an_unanswered_alive_is_said_again_and_then_the_server_is_greeted() {
    let mut world = World::joined();
    world.is_server_up = false;
    world.until(11 * SECOND, |world| !world.times_said(ALIVE).is_empty());
    world.run(5 * SECOND);
    let first = world.times_said(ALIVE)[0];
    let since = |times: Vec<u128>| times.into_iter().map(|at| at - first).collect::<Vec<_>>();
    assert_eq!(since(world.times_said(ALIVE)), [0, 1_000, 2_000, 3_000]);
    assert_eq!(since(world.times_said(1))[..3], [4_000, 4_020, 4_060]);
    assert_eq!(world.told(), ["open 2", "open 2", "open 2"]);
    // What can be sent still is.
    assert!(world.home.is_joined() && world.home.relay(world.now, 7, &[0xFE]));

    world.run(20 * SECOND);
    let silent = "show natchat: example.org:10080 does not answer any more; still trying";
    let back = "show natchat: example.org:10080 answers again";
    assert_eq!((world.count(silent), world.count(back)), (1, 0));
    world.is_server_up = true;
    world.until(3 * SECOND, |world| world.count(back) == 1);
    world.run(30 * SECOND);
    assert_eq!((world.count(silent), world.count(back)), (1, 1));
    assert_eq!(world.count("moved"), 0);
}

#[test]
fn a_server_that_has_forgotten_us_is_joined_again_as_the_same() {
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    let push = world.server.push(1);
    world.server_says(push);
    world.run(SECOND);
    let incarnation = world.home.incarnation();
    world.server.restart();
    // It is heard at the next Alive.
    world.told.clear();
    world.until(11 * SECOND, |world| world.count("joined") == 1);
    world.run(SECOND);
    assert_eq!(world.told(), ["joined"], "bob is still there, so are we");
    assert_eq!(world.home.incarnation(), incarnation);
    let member = world.server.member.as_ref().unwrap();
    assert_eq!(world.home.member(), Some(member.number));
}

#[test]
fn a_server_that_says_so_is_joined_again_at_once() {
    let mut world = World::joined();
    world.server.restart();
    let again = encoded(&FromServer::Again);
    world.server_says(vec![(Link::Udp(world.nat), again)]);
    let took = world.until(SECOND, |world| world.count("joined") == 1);
    assert!(took <= 40, "{took} ms");
}

#[test]
fn a_member_out_of_a_journal_proves_where_it_is_whatever_it_says_first() {
    let mut world = World::joined();
    world.server.forget_where();
    world.home.find(world.now, &"eve".parse().unwrap());
    world.drain();
    world.until(2 * SECOND, |world| world.count("nobody eve") == 1);
    let member = world.server.member.as_ref().unwrap();
    assert_eq!(member.link, Link::Udp(world.nat));
    assert_eq!(world.told(), ["nobody eve"]);
}

#[test]
fn a_broken_connection_is_made_again() {
    let mut world = World::new();
    world.loss = Box::new(|_, by, _| by != Link::Tcp);
    world.resolve();
    world.run(5 * SECOND);
    assert!(world.is_tcp_open);
    world.told.clear();
    world.close_tcp();
    let took = world.until(SECOND, |world| world.count("joined") == 1);
    assert!(took <= 300, "{took} ms");

    // One that says nothing any more is given up.
    let number = world.home.member();
    world.loss = Box::new(|_, _, _| true);
    world.told.clear();
    world.until(15 * SECOND, |world| world.count("close") == 1);
    world.loss = Box::new(|_, by, _| by != Link::Tcp);
    world.until(SECOND, |world| world.count("joined") == 1);
    assert_eq!(world.home.member(), number);
}

#[test]
fn a_new_address_of_ours_is_proven_and_taken() {
    let mut world = World::joined();
    world.nat = ([7, 7, 7, 7], 6_500).into();
    world.nat_ports = vec![6_500; 2];
    world.until(11 * SECOND, |world| world.count("moved") == 1);
    assert_eq!(world.reflexive(), Some(world.nat));
    let member = world.server.member.as_ref().unwrap();
    assert_eq!(member.link, Link::Udp(world.nat));
    world.run(SECOND);
    assert_eq!(world.told(), ["moved", "reach"], "and what the NAT does");
}

#[test]
fn other_interfaces_are_told_at_once() {
    let mut world = World::joined();
    world.nat = ([4, 4, 4, 4], 4_000).into();
    world.nat_ports = vec![4_000; 2];
    world.home.interfaces(world.now, vec![[10, 0, 0, 9].into()]);
    world.drain();
    let took = world.until(SECOND, |world| {
        let member = world.server.member.as_ref().unwrap();
        member.link == Link::Udp(world.nat)
    });
    assert!(took <= 30, "{took} ms");
    world.run(5 * SECOND);
    let told = &world.server.member.as_ref().unwrap().register.reach;
    assert_eq!(told.candidates[0].addr, ([10, 0, 0, 9], 5_000).into());
}

#[test]
fn who_suspects_that_it_has_moved_tells_at_once() {
    let mut world = World::joined();
    world.nat = ([7, 7, 7, 7], 6_500).into();
    world.nat_ports = vec![6_500; 2];
    world.home.hurry(world.now);
    world.home.hurry(world.now);
    world.drain();
    let took = world.until(SECOND, |world| world.count("moved") == 1);
    assert!(took <= 30, "{took} ms");
    assert_eq!(
        world.times_said(ALIVE).len(),
        2,
        "one, and one with the cookie"
    );
}

#[test]
fn to_a_network_without_udp_in_a_second() {
    let mut world = World::joined();
    world.loss = Box::new(|_, by, _| by != Link::Tcp);
    let number = world.home.member();
    world.home.interfaces(world.now, vec![[10, 0, 0, 9].into()]);
    world.drain();
    world.until(Duration::from_millis(1_000), |world| {
        world.count("joined") == 1
    });
    assert_eq!(world.home.member(), number, "the same member");
    assert_eq!(world.reflexive(), None);
}

#[test]
fn an_address_that_moves_with_every_frame_ends_nothing() {
    let mut world = World::joined();
    let mut port = 6_500;
    world.said.clear();
    for _ in 0..3_000 {
        port += 1;
        world.nat.set_port(port);
        world.run(Duration::from_millis(10));
    }
    let said = world.said.len();
    assert!(said < 300, "{said} in 30 s");
}

#[test]
fn pushes_are_acknowledged_within_50_ms() {
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    let push = world.server.push(1);
    world.server_says(push);
    world.run(Duration::from_millis(70));
    assert_eq!(world.told(), ["here bob"]);
    assert_eq!(world.server.seen, world.server.latest());
    world.server.go(7, Departure::Silent);
    let push = world.server.push(1);
    world.server_says(push);
    world.run(Duration::from_millis(70));
    assert_eq!(world.told(), ["here bob", "gone bob Silent"]);
}

#[test]
fn a_lost_push_is_asked_for_at_the_next_alive() {
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    world.until(11 * SECOND, |world| world.count("here bob") == 1);
    assert_eq!(world.told(), ["here bob"]);
}

#[test]
fn lines_from_older_clients_come_once_and_with_a_name() {
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    let line = world.server.older(7, "hi");
    world.server_says([line.clone(), line.clone()].concat());
    world.run(SECOND);
    assert_eq!(world.told(), ["here bob", "older bob hi"]);
    world.server_says(line);
    let line = world.server.older(7, "again");
    world.server_says(line);
    world.run(SECOND);
    assert_eq!(world.told()[2..], ["older bob again"]);

    // Whoever they are from, there is an end to holding them back.
    for _ in 0..100 {
        let line = world.server.older(99, "?");
        world.server_says(line);
    }
    world.server.join(other(99, "eve"));
    let push = world.server.push(1);
    world.server_says(push);
    world.run(SECOND);
    assert_eq!(world.count("older eve ?"), 64);
}

#[test]
fn lines_to_older_clients_go_in_parts_and_in_order() {
    for lost in [false, true] {
        let mut world = World::joined();
        let mut count = 0_u32;
        world.loss = Box::new(move |_, _, _| {
            count += 1;
            lost && count % 3 == 1
        });
        let long = "가".repeat(500);
        for text in [&*long, "hi", ""] {
            world.home.older(world.now, 7, text).unwrap();
        }
        world.drain();
        world.until(5 * SECOND, |world| world.told.len() == 3);
        let lens: Vec<usize> = world.server.heard_older.iter().map(String::len).collect();
        assert_eq!(lens, [1_098, 402, 2, 0]);
        assert_eq!(
            world.told(),
            ["handed 1 true", "handed 2 true", "handed 3 true"]
        );
    }
}

#[test]
fn lines_to_older_clients_that_end_undelivered() {
    // Nobody confirms.
    let mut world = World::joined();
    world.is_server_up = false;
    for text in ["hi", "again"] {
        world.home.older(world.now, 7, text).unwrap();
    }
    world.drain();
    let took = world.until(6 * SECOND, |world| world.count("handed 2 false") == 1);
    assert_eq!((took, world.count("handed 1 false")), (5_000, 1));

    // The receiver goes.
    let mut world = World::joined();
    world.server.join(other(7, "bob"));
    let push = world.server.push(1);
    world.server_says(push);
    world.run(SECOND);
    world.loss = Box::new(|there, _, _| there);
    world.home.older(world.now, 7, "hi").unwrap();
    world.server.go(7, Departure::Left);
    let push = world.server.push(1);
    world.server_says(push);
    world.run(Duration::from_millis(10));
    assert_eq!(world.told()[1..], ["gone bob Left", "handed 1 false"]);
}

#[test]
fn lines_to_older_clients_end_before_the_link_does() {
    let mut world = World::joined();
    world.loss = Box::new(|there, _, _| there);
    world.home.older(world.now, 7, "hi").unwrap();
    world.home.leave(world.now);
    world.drain();
    world.run(2 * SECOND);
    assert_eq!(world.told(), ["handed 1 false", "ended Left"]);
}

#[test]
fn a_line_to_an_older_client_outlives_the_server() {
    let mut world = World::joined();
    world.server.restart();
    world.home.older(world.now, 7, "hi").unwrap();
    world.drain();
    world.until(2 * SECOND, |world| world.count("handed 1 true") == 1);
    assert_eq!(world.server.heard_older, ["hi"]);
}

#[test]
fn who_is_not_in_the_roster_is_looked_for() {
    let mut world = World::joined();
    world.server.others.push(other(7, "bob"));
    for id in ["bob", "eve"] {
        world.home.find(world.now, &id.parse().unwrap());
    }
    world.drain();
    world.run(SECOND);
    assert_eq!(world.told(), ["here bob", "nobody eve"]);
    world.told.clear();
    world.is_server_up = false;
    world.home.find(world.now, &"zoe".parse().unwrap());
    world.until(5 * SECOND, |world| world.count("nobody zoe") == 1);
}

#[test]
fn strangers_leave_room_to_look_for_others() {
    let mut world = World::joined();
    for n in 0..200 {
        let id = format!("stranger{n}").parse().unwrap();
        world.home.find_stranger(world.now, &id);
    }
    world.server.others.push(other(7, "bob"));
    world.home.find(world.now, &"bob".parse().unwrap());
    world.drain();
    world.run(SECOND);
    assert_eq!((world.count("here bob"), world.count("nobody bob")), (1, 0));
}

#[test]
fn leaving() {
    let mut world = World::joined();
    world.home.leave(world.now);
    world.drain();
    let took = world.until(SECOND, |world| world.count("ended Left") == 1);
    assert_eq!(took, 10);
    assert!(world.server.member.is_none());
    assert!(!world.home.is_joined() && !world.home.relay(world.now, 7, &[0xFE]));
    assert_eq!(world.home.next_timeout(), None);

    let mut world = World::joined();
    world.is_server_up = false;
    world.home.leave(world.now);
    world.drain();
    assert_eq!(
        world.until(2 * SECOND, |world| world.count("ended Left") == 1),
        1_000
    );
    assert_eq!(world.times_said(5).len(), 4);

    let mut world = World::joined();
    let mut is_first = true;
    world.loss = Box::new(move |there, _, _| !there && std::mem::take(&mut is_first));
    world.home.leave(world.now);
    world.drain();
    let took = world.until(SECOND, |world| world.count("ended Left") == 1);
    assert_eq!(
        took, 110,
        "the answer was lost: the server knows nobody now"
    );
}

#[test]
fn endings() {
    let mut world = World::joined();
    let ended = world.server.end(Ending::Elsewhere);
    world.server_says(ended);
    world.run(SECOND);
    let elsewhere = "show natchat: joined from elsewhere with the same key; this one has ended";
    assert_eq!(world.told(), [elsewhere, "ended Elsewhere"]);
    assert_eq!(world.home.next_timeout(), None);

    let mut world = World::joined();
    let ended = world.server.end(Ending::Closing);
    world.server_says(ended);
    world.run(Duration::from_millis(20));
    world.is_server_up = false;
    assert!(!world.home.is_joined());
    world.run(10 * SECOND);
    world.is_server_up = true;
    world.until(3 * SECOND, |world| world.count("joined") == 1);
    let silent = "show natchat: example.org:10080 does not answer any more; still trying";
    assert_eq!(world.count(silent), 1);
}

#[test]
fn relayed_frames_go_by_the_way_in_use() {
    let mut world = World::joined();
    let relayed = |world: &mut World| {
        world.loss = Box::new(|_, _, _| true);
        world.said.clear();
        assert!(world.home.relay(world.now, 7, &[0xFE, 1, 2]));
        world.drain();
        world.said.clone()
    };
    let said = relayed(&mut world);
    assert_eq!(
        (said[0].1, said[0].2[0], said.len()),
        (Link::Udp(SERVER.into()), 0xFA, 1)
    );

    let mut world = World::new();
    world.loss = Box::new(|_, by, _| by != Link::Tcp);
    world.resolve();
    world.run(SECOND / 2);
    assert_eq!(relayed(&mut world)[0].1, Link::Tcp);
}
