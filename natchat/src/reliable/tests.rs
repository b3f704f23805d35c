//! Two connections back to back over bad lines.

use std::time::Duration;

use proptest::prelude::*;

use crate::reliable::connection::{CHAT, Connection, PACKET_LEN};
use crate::reliable::simulated::{Line, World, start};

const MS: Duration = Duration::from_millis(1);
const MIB: u64 = 1 << 20;

fn line_of_chat(number: u64) -> Vec<u8> {
    format!(
        "line {number} {}\n",
        "x".repeat(usize::try_from(number * 37 % 300).unwrap())
    )
    .into_bytes()
}

/// Both say so many lines, one each few milliseconds; all arrive, once, in order. Returns how long the last one took.
fn chatter(line: Line, lines: u64, seed: u64) -> Duration {
    let mut world = World::new(line, seed);
    let mut said = [Vec::new(), Vec::new()];
    for number in 0..lines {
        for (at, said) in said.iter_mut().enumerate() {
            let text = line_of_chat(number + at as u64);
            said.extend_from_slice(&text);
            assert_eq!(
                world.ends[at].connection.write(CHAT, &text),
                said.len() as u64
            );
        }
        world.run_for(MS * 7);
    }
    let len = said.each_ref().map(|said| said.len() as u64);
    let is_over =
        |world: &World| (0..2).all(|at| world.ends[at].delivered.get(&CHAT) == Some(&len[at]));
    let took = world.run_until(Duration::from_secs(60), is_over);
    for (at, said) in said.iter().enumerate() {
        assert_eq!(world.ends[1 - at].got[&CHAT], *said);
    }
    took
}

#[test]
fn chat_over_every_line() {
    let still = Line::delayed(25);
    let rows: &[(&str, Line, Duration)] = &[
        ("a good one", still, MS * 60),
        ("one without delay", Line::delayed(0), MS * 25),
        ("a tenth lost", still.losing(100), MS * 1_500),
        ("a third lost", still.losing(300), MS * 3_000),
        ("half lost", still.losing(500), MS * 9_000),
        (
            "everything double",
            Line {
                doubled: 1_000,
                ..still
            },
            MS * 60,
        ),
        (
            "shuffled",
            Line {
                jitter: MS * 80,
                ..still
            },
            MS * 300,
        ),
        (
            "all of it",
            Line {
                doubled: 200,
                jitter: MS * 60,
                ..still.losing(200)
            },
            MS * 3_000,
        ),
        ("narrow", still.with_rate(40_000, 20_000), MS * 3_000),
    ];
    for (name, line, limit) in rows {
        for seed in 0..4 {
            let took = chatter(*line, 150, seed);
            assert!(took <= *limit, "{name}: the last line took {took:?}");
        }
    }
}

#[test]
fn a_lone_line_arrives_after_one_way_and_is_known_to_after_two() {
    let mut world = World::new(Line::delayed(50), 1);
    world.ends[0].connection.write(CHAT, b"hello");
    world.run_until(MS * 51, |world| world.ends[1].got.contains_key(&CHAT));
    world.run_until(MS * 50, |world| world.ends[0].delivered.contains_key(&CHAT));
    assert_eq!(world.ends[0].connection.round_trip(), Some(MS * 100));
    assert_eq!(world.ends[0].sent, 1);
    world.run_for(Duration::from_secs(10));
    assert_eq!(
        (world.ends[0].sent, world.ends[1].sent),
        (1, 1),
        "then there is silence"
    );
}

/// Bytes a second, when a file of this length flows.
fn flow(line: Line, len: u64, seed: u64) -> (u64, World) {
    let mut world = World::new(line, seed);
    world.feed(0, 7, len);
    let got = |world: &World| world.ends[1].got.get(&7).map_or(0, |got| got.len() as u64);
    let took = world.run_until(Duration::from_secs(600), |world| got(world) == len);
    assert!(world.ends[1].got[&7].iter().all(|&byte| byte == 0x5A));
    let rate = u128::from(len) * 1_000_000_000 / took.as_nanos();
    (u64::try_from(rate).unwrap(), world)
}

/// What flows by lines of each kind, in kB/s at least, with which part of the packets lost or dropped at most, in percent, and how
/// long a queue at most, in milliseconds.
#[test]
fn throughput() {
    let fast = |ms| Line::delayed(ms).with_rate(12_500_000, 625_000);
    let shuffled = Line {
        jitter: MS * 10,
        ..fast(50)
    };
    let policed = |ms| Line {
        is_policed: true,
        ..Line::delayed(ms).with_rate(25_000_000, 2_500_000)
    };
    let slow = Line::delayed(100).with_rate(62_500, 20_000).losing(50);
    let rows: &[(&str, Line, u64, u64, u64, u64)] = &[
        ("100 Mbit/s, 20 ms", fast(10), 16, 9_500, 1, 50),
        ("100 Mbit/s, 100 ms", fast(50), 24, 7_500, 5, 50),
        ("1 % lost", fast(50).losing(10), 16, 6_500, 8, 51),
        ("10 % lost", fast(50).losing(100), 16, 5_500, 18, 51),
        ("30 % lost", fast(50).losing(300), 16, 4_000, 40, 51),
        (
            "a queue of 8 packets",
            Line::delayed(50).with_rate(12_500_000, 10_000),
            16,
            5_000,
            20,
            1,
        ),
        (
            "a queue of a second",
            Line::delayed(50).with_rate(12_500_000, 12_500_000),
            24,
            7_500,
            0,
            160,
        ),
        ("10 ms of shuffling", shuffled, 16, 5_000, 8, 50),
        (
            "8 Mbit/s, 40 ms",
            Line::delayed(20).with_rate(1_000_000, 100_000),
            3,
            800,
            1,
            110,
        ),
        ("0.5 Mbit/s, 200 ms, 5 % lost", slow, 1, 40, 8, 330),
        ("no limit, 100 ms", Line::delayed(50), 64, 30_000, 0, 0),
        (
            "no limit, 100 ms, 30 % lost",
            Line::delayed(50).losing(300),
            24,
            5_000,
            33,
            0,
        ),
        (
            "25 MB/s, what is above dropped, no delay",
            policed(0),
            32,
            15_000,
            25,
            0,
        ),
        ("the same at 40 ms", policed(20), 32, 12_000, 30, 0),
        ("no limit, no delay", Line::delayed(0), 48, 150_000, 0, 0),
    ];
    for (name, line, len, least, dropped, longest) in rows {
        let (rate, world) = flow(*line, len * MIB, 3);
        let end = &world.ends[0];
        let percent = end.dropped * 100 / end.sent;
        println!(
            "{name}: {} kB/s, {percent} % dropped, waits {:?}",
            rate / 1_000,
            end.longest_wait
        );
        assert!(rate / 1_000 >= *least, "{name}: {rate}");
        assert!(
            percent <= *dropped,
            "{name}: {} of {}",
            end.dropped,
            end.sent
        );
        assert!(
            end.longest_wait <= MS * u32::try_from(*longest).unwrap(),
            "{name}: {:?}",
            end.longest_wait
        );
    }
}

#[test]
fn chat_does_not_wait_behind_files() {
    let mut world = World::new(Line::delayed(20).with_rate(1_000_000, 1_000_000), 5);
    world.feed(0, 7, 20 * MIB);
    world.feed(0, 9, 20 * MIB);
    world.run_for(Duration::from_secs(3));
    let mut said = 0;
    for _ in 0..20 {
        said = world.ends[0].connection.write(CHAT, &[1; 100]);
        let took = world.run_until(MS * 400, |world| {
            world.ends[1]
                .got
                .get(&CHAT)
                .is_some_and(|got| got.len() as u64 == said)
        });
        assert!(took < MS * 120, "{took:?}");
    }
    assert_eq!(world.ends[1].got[&CHAT].len() as u64, said);
    let [first, second] = [7, 9].map(|channel| world.ends[1].got[&channel].len() as u64);
    assert!(
        first.abs_diff(second) < MIB,
        "both files have their turn: {first}, {second}"
    );
}

#[test]
fn whoever_does_not_read_is_not_sent_more() {
    let mut world = World::new(Line::delayed(10), 1);
    world.ends[1].reading = false;
    world.feed(0, 7, 64 * MIB);
    let len = world.ends[0].connection.write(CHAT, &vec![3; 3 << 20]);
    world.run_for(Duration::from_secs(20));
    assert_eq!(
        world.ends[0].connection.unsent(CHAT),
        len - MIB,
        "channel 0 has a window of 1 MiB"
    );
    let held = world.ends[0].delivered[&7];
    assert!((8 * MIB..=16 * MIB).contains(&held), "{held}");
    let sent = world.ends[0].sent;
    world.run_for(Duration::from_secs(20));
    assert_eq!(
        world.ends[0].sent, sent,
        "a closed window is no reason to ask again and again"
    );
    world.ends[1].reading = true;
    world.read(1, CHAT);
    world.read(1, 7);
    world.run_until(Duration::from_secs(20), |world| {
        let got = |channel| world.ends[1].got[&channel].len() as u64;
        got(CHAT) == len && got(7) == 64 * MIB
    });
}

#[test]
fn many_files_share_what_may_be_unread() {
    let mut world = World::new(Line::delayed(1), 1);
    world.ends[1].reading = false;
    for channel in 1..=40 {
        world.feed(0, channel, MIB);
    }
    world.run_for(Duration::from_secs(20));
    let held: u64 = world.ends[0].delivered.values().sum();
    assert!(held <= 32 * MIB + 40 * 64 * 1_024, "{held}");
    world.ends[1].reading = true;
    for channel in 1..=40 {
        world.read(1, channel);
    }
    world.run_until(Duration::from_secs(60), |world| {
        (1..=40).all(|channel| {
            world.ends[1]
                .got
                .get(&channel)
                .is_some_and(|got| got.len() as u64 == MIB)
        })
    });
}

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

/// Something that happens to one of two connections.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write { channel: u32, len: usize },
    Wait(u64),
    Loss(u64),
    Path,
    Duplicate,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        4 => (0_u32..3, 1_usize..6_000).prop_map(|(channel, len)| Step::Write { channel, len }),
        4 => (1_u64..120).prop_map(Step::Wait),
        1 => (0_u64..700).prop_map(Step::Loss),
        1 => Just(Step::Path),
        1 => Just(Step::Duplicate),
    ];
    (0_usize..2, step)
}

fn take(world: &mut World, written: &mut [[Vec<u8>; 3]; 2], at: usize, step: Step) {
    let now = world.now;
    match step {
        Step::Write { channel, len } => {
            let stream = &mut written[at][channel as usize];
            let bytes: Vec<u8> = (stream.len()..stream.len() + len)
                .map(|place| (place % 251).to_le_bytes()[0])
                .collect();
            stream.extend_from_slice(&bytes);
            assert_eq!(
                world.ends[at].connection.write(channel, &bytes),
                stream.len() as u64
            );
        }
        Step::Wait(ms) => world.run_for(Duration::from_millis(ms)),
        Step::Loss(loss) => world.ends[at].line.loss = loss,
        Step::Path => world.ends[at].connection.path_changed(now),
        Step::Duplicate => {
            let mut packet = Vec::new();
            while world.ends[at]
                .connection
                .poll_duplicate(now, now, PACKET_LEN, &mut packet)
            {
                world.ends[1 - at]
                    .connection
                    .handle_packet(now, &packet)
                    .unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_all_arrives_once_and_in_order(seed in any::<u64>(), steps in proptest::collection::vec(step(), 1..60)) {
        let line = Line { doubled: 100, jitter: MS * 15, ..Line::delayed(10) };
        let mut world = World::new(line, seed);
        let mut written: [[Vec<u8>; 3]; 2] = Default::default();
        for at in 0..2 {
            for channel in 1..3 {
                world.ends[at].connection.open_outgoing(channel);
                world.ends[1 - at].connection.open_incoming(channel);
            }
        }
        for (at, step) in steps {
            take(&mut world, &mut written, at, step);
        }
        world.ends.iter_mut().for_each(|end| end.line.loss = 0);
        world.run_for(Duration::from_secs(60));
        for (at, streams) in written.iter().enumerate() {
            for (channel, stream) in (0_u32..).zip(streams) {
                let got = world.ends[1 - at].got.get(&channel);
                prop_assert!(got.map_or(&[][..], |got| got) == stream, "{at} {channel}");
                prop_assert_eq!(world.ends[at].connection.unsent(channel), 0);
            }
            prop_assert_eq!(world.ends[at].connection.next_timeout(), None);
        }
    }

    #[test]
    fn no_packet_panics_or_keeps_it_busy(
        packets in proptest::collection::vec(proptest::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..60), 0..60),
    ) {
        let mut now = start();
        let mut connection = Connection::new(now);
        connection.open_incoming(1);
        connection.write(CHAT, &[1; 5_000]);
        let mut out = Vec::new();
        for packet in &packets {
            now += MS * 7;
            let _ = connection.handle_packet(now, packet);
            connection.handle_timeout(now);
            let mut count = 0;
            while connection.poll_packet(now, PACKET_LEN, &mut out) {
                count += 1;
                prop_assert!(count < 50 && !out.is_empty() && out.len() <= PACKET_LEN);
            }
            prop_assert!(connection.next_timeout().is_none_or(|at| at > now), "it would be asked again at once");
        }
    }
}
