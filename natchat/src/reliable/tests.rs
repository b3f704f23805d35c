//! Two connections back to back over bad lines.

use std::time::Duration;

use crate::reliable::connection::CHAT;
use crate::reliable::simulated::{Line, World};

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

#[test]
fn throughput() {
    let rate = 12_500_000;
    let rows: &[(&str, Line, u64, u64)] = &[
        (
            "100 Mbit/s, 20 ms",
            Line::delayed(10).with_rate(rate, rate / 20),
            24 * MIB,
            9_500_000,
        ),
        (
            "100 Mbit/s, 100 ms",
            Line::delayed(50).with_rate(rate, rate / 20),
            48 * MIB,
            8_000_000,
        ),
        (
            "100 Mbit/s, 100 ms, 1 % lost",
            Line::delayed(50).with_rate(rate, rate / 20).losing(10),
            48 * MIB,
            7_500_000,
        ),
        (
            "100 Mbit/s, 100 ms, 10 % lost",
            Line::delayed(50).with_rate(rate, rate / 20).losing(100),
            48 * MIB,
            6_000_000,
        ),
        (
            "100 Mbit/s, 100 ms, 30 % lost",
            Line::delayed(50).with_rate(rate, rate / 20).losing(300),
            48 * MIB,
            4_000_000,
        ),
        (
            "100 Mbit/s, 100 ms, a queue of 8 packets",
            Line::delayed(50).with_rate(rate, 10_000),
            24 * MIB,
            5_000_000,
        ),
        (
            "100 Mbit/s, 100 ms, 10 ms of shuffling",
            Line {
                jitter: MS * 10,
                ..Line::delayed(50).with_rate(rate, rate / 20)
            },
            24 * MIB,
            6_000_000,
        ),
        (
            "8 Mbit/s, 40 ms",
            Line::delayed(20).with_rate(1_000_000, 100_000),
            4 * MIB,
            800_000,
        ),
        (
            "0.5 Mbit/s, 200 ms, 5 % lost",
            Line::delayed(100).with_rate(62_500, 20_000).losing(50),
            MIB / 4,
            40_000,
        ),
        ("no limit, 100 ms", Line::delayed(50), 200 * MIB, 40_000_000),
        (
            "no limit, 100 ms, 30 % lost",
            Line::delayed(50).losing(300),
            64 * MIB,
            5_000_000,
        ),
    ];
    for (name, line, len, least) in rows {
        let (rate, world) = flow(*line, *len, 3);
        let end = &world.ends[0];
        println!(
            "{name}: {:.2} MB/s, waits {:?}, {} of {} dropped",
            rate as f64 / 1e6,
            end.longest_wait,
            end.dropped,
            end.sent
        );
        assert!(rate >= *least, "{name}: {rate}");
    }
}
