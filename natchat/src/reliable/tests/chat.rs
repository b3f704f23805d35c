//! Chat: short lines, which are waited for.

use std::time::Duration;

use crate::reliable::connection::CHAT;
use crate::reliable::simulated::{Line, World};
use crate::reliable::tests::MS;

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
