//! Paths that die, come back, or change; what is given up meanwhile.

use std::time::Duration;

use crate::reliable::connection::CHAT;
use crate::reliable::simulated::{Line, World};
use crate::reliable::tests::{MIB, MS};

#[test]
fn abandoned_lines_are_skipped() {
    let mut world = World::new(Line::delayed(10), 1);
    world.ends[0].connection.write(CHAT, b"first ");
    world.run_for(MS * 100);
    let dead = Line::delayed(10).losing(1_000);
    world.ends[0].line = dead;
    let end = world.ends[0].connection.write(CHAT, &vec![b'x'; 2 << 20]);
    world.run_for(Duration::from_secs(31));
    let waits = world.now - world.ends[0].connection.last_progress().unwrap();
    assert!(waits > Duration::from_secs(30), "{waits:?}");
    assert!(
        world.ends[0].sent < 600,
        "a dead path is asked once a second: {}",
        world.ends[0].sent
    );
    world.ends[0].connection.abandon(CHAT);
    assert_eq!(world.ends[0].connection.unsent(CHAT), 0);
    assert_eq!(
        world.ends[0].connection.write(CHAT, b"second"),
        end + 6,
        "offsets go on"
    );
    world.ends[0].line = Line::delayed(10);
    let took = world.run_until(Duration::from_secs(5), |world| {
        world.ends[0].delivered[&CHAT] == end + 6
    });
    assert!(took < MS * 1_100, "whoever comes back is found: {took:?}");
    assert_eq!(world.ends[1].got[&CHAT], b"first second");
    assert_eq!(world.ends[1].gaps, 1);
}

#[test]
fn a_dead_path_is_waited_for() {
    for outage in [1, 5, 40] {
        let mut world = World::new(Line::delayed(20).with_rate(2_000_000, 200_000), 1);
        world.feed(0, 7, 8 * MIB);
        world.run_for(MS * 1_500);
        let lines = world.ends.each_ref().map(|end| end.line);
        world.ends.iter_mut().for_each(|end| end.line.loss = 1_000);
        world.run_for(Duration::from_secs(outage));
        for (end, line) in world.ends.iter_mut().zip(lines) {
            end.line = line;
        }
        let took = world.run_until(Duration::from_secs(30), |world| {
            world.ends[1].got[&7].len() as u64 == 8 * MIB
        });
        assert!(took < Duration::from_secs(6), "{outage} s: {took:?}");
    }
}

#[test]
fn a_closed_channel_is_silent() {
    let mut world = World::new(Line::delayed(10).with_rate(1_000_000, 100_000), 1);
    world.feed(0, 7, 8 * MIB);
    world.run_for(Duration::from_secs(1));
    world.ends[1].connection.close_incoming(7);
    world.run_for(Duration::from_secs(30));
    let window = 16 * MIB;
    assert!(
        world.ends[0].delivered[&7] <= window,
        "what still comes is acknowledged"
    );
    world.ends[0].connection.close_outgoing(7);
    world.ends[0].feeding.clear();
    world.run_for(MS * 100);
    let sent = [world.ends[0].sent, world.ends[1].sent];
    world.ends[0].connection.write(7, b"nobody hears this");
    world.run_for(Duration::from_secs(10));
    assert_eq!(sent, [world.ends[0].sent, world.ends[1].sent]);
}

#[test]
fn copies_by_another_path_are_enough() {
    let mut world = World::new(Line::delayed(30), 1);
    world.ends[0].connection.write(CHAT, b"hello ");
    world.run_for(MS * 200);
    world.ends[0].line.loss = 1_000;
    let mut end = 0;
    for _ in 0..5 {
        end = world.ends[0].connection.write(CHAT, b"is anybody there? ");
        world.run_for(MS * 20);
    }
    world.run_for(MS * 200);
    let before = world.now - MS * 50;
    let (mut packet, mut copies) = (Vec::new(), 0);
    let [first, second] = &mut world.ends;
    while first
        .connection
        .poll_duplicate(world.now, before, 200, &mut packet)
    {
        assert!(packet.len() <= 200);
        second.connection.handle_packet(world.now, &packet).unwrap();
        copies += 1;
        assert!(copies <= 5, "each once");
    }
    assert_eq!(copies, 5);
    let took = world.run_until(MS * 40, |world| world.ends[0].delivered[&CHAT] == end);
    assert!(took <= MS * 31, "{took:?}");
    world.run_for(MS * 200);
    assert_eq!(
        world.ends[0].connection.waiting_since(),
        None,
        "what was sent by the dead path is not waited for"
    );
}

#[test]
fn a_changed_path_is_measured_anew() {
    let mut world = World::new(Line::delayed(100), 1);
    world.feed(0, 7, 4 * MIB);
    world.run_for(MS * 900);
    for end in &mut world.ends {
        end.line = Line::delayed(5);
        end.connection.path_changed(world.now);
    }
    assert_eq!(world.ends[0].connection.retransmission_timeout(), MS * 250);
    world.run_until(Duration::from_secs(3), |world| {
        world.ends[1].got[&7].len() as u64 == 4 * MIB
    });
    assert!(world.ends[0].connection.round_trip().unwrap() < MS * 20);
}

#[test]
fn what_lies_behind_a_skipped_stretch_is_delivered_when_the_skip_is() {
    let mut world = World::new(Line::delayed(10), 1);
    world.ends[0].line.loss = 1_000;
    let end = world.ends[0].connection.write(CHAT, b"never");
    world.run_for(MS * 5);
    world.ends[0].connection.abandon(CHAT);
    // The packet that tells of it is lost, what is said next is not.
    world.settle();
    world.ends[0].line.loss = 0;
    let end = end + 3;
    assert_eq!(world.ends[0].connection.write(CHAT, b"now"), end);
    world.run_for(MS * 25);
    let is_told = world.ends[0].delivered.contains_key(&CHAT);
    assert_eq!(
        is_told,
        world.ends[1]
            .got
            .get(&CHAT)
            .is_some_and(|got| got == b"now")
    );
    world.run_until(MS * 500, |world| {
        world.ends[0].delivered.get(&CHAT) == Some(&end)
    });
    assert_eq!(world.ends[1].got[&CHAT], b"now");
}
