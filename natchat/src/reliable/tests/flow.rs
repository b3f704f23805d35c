//! Files: how much flows, what is lost by that, who waits for whom.

use std::time::Duration;

use crate::reliable::connection::CHAT;
use crate::reliable::simulated::{Line, World};
use crate::reliable::tests::{MIB, MS};

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

/// What flows by lines of each kind, in kB/s at least, with which part of the packets lost or dropped at most, in
/// percent, and how long a queue at most, in milliseconds.
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
