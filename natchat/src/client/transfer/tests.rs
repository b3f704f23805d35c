//! Whole files from disk to disk, and all that can come between.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::client::files::CHUNK_LEN;
use crate::client::transfer::record::{Record, Why};
use crate::client::transfer::{FINDS, OFFERS, Output, TRANSFERS, name};
use crate::crypto::identity::PublicKey;
use crate::reliable::connection::{CHAT, Connection};

mod desk;

use desk::Pair;

#[test]
fn files_of_all_lengths_arrive() {
    for len in [
        0,
        1,
        1_160,
        CHUNK_LEN - 1,
        CHUNK_LEN,
        CHUNK_LEN + 1,
        5 * CHUNK_LEN,
        9_000_001,
    ] {
        for loss in [0, 200] {
            let mut pair = Pair::with_file("a.bin", len);
            pair.loss = loss;
            pair.send("a.bin");
            assert_eq!(pair.shown(1), [format!("offered a.bin {len} 0")]);
            assert_eq!(
                pair.sides[1].disk.files.len(),
                0,
                "nothing is written before the user wants it"
            );
            pair.accept();
            pair.run();
            assert_eq!(
                pair.shown(0),
                ["waiting a.bin".to_owned(), format!("sent a.bin {len}")]
            );
            assert_eq!(pair.shown(1)[1..], [format!("received a.bin {len}")]);
            assert!(
                pair.sides[1].disk.files == pair.sides[0].disk.files,
                "{len} bytes, {loss} per mille lost"
            );
            assert!(pair.is_quiet());
        }
    }
}

#[test]
fn a_cut_file_goes_on_where_it_stopped() {
    let mut pair = Pair::with_file("a.bin", 6_000_000);
    pair.send("a.bin");
    pair.accept();
    pair.run_while(|pair| {
        pair.sides[1]
            .disk
            .part()
            .is_none_or(|part| part.len() < 2_000_000)
    });
    let (alice, bob) = (pair.id(0), pair.id(1));
    pair.sides[0].transfers.gone(&bob, "it left", None);
    pair.sides[1].transfers.gone(&alice, "it left", None);
    for side in &mut pair.sides {
        side.connection = Connection::new(pair.now);
    }
    pair.run();
    assert!(pair.is_quiet());
    assert_eq!(pair.shown(0)[1..], ["stopped a.bin: it left"]);
    let have = pair.sides[1].disk.part().unwrap().len();
    assert!((2_000_000..6_000_000).contains(&have));

    pair.send("a.bin");
    assert_eq!(
        pair.shown(1).last(),
        Some(&format!("offered a.bin 6000000 {have}"))
    );
    let sent = pair.sides[0].disk.files.clone();
    pair.accept();
    pair.run();
    assert_eq!(pair.shown(1).last().unwrap(), "received a.bin 6000000");
    assert!(pair.sides[1].disk.files == sent);
}

#[test]
fn a_part_that_is_not_the_beginning_is_thrown_away() {
    let mut pair = Pair::with_file("a.bin", 600_000);
    let part = name::part("a.bin", &PublicKey([1; 32]), 600_000, 5);
    pair.sides[1].disk.files.insert(part, vec![9; 300_000]);
    pair.send("a.bin");
    pair.accept();
    pair.run();
    assert_eq!(pair.shown(1).last().unwrap(), "received a.bin 600000");
    assert!(pair.sides[1].disk.files == pair.sides[0].disk.files);
}

#[test]
fn many_at_once_and_both_ways() {
    let mut pair = Pair::with_file("0.bin", 700_000);
    let bytes = pair.sides[0].disk.files["0.bin"].clone();
    for number in 1..8 {
        pair.sides[0]
            .disk
            .files
            .insert(format!("{number}.bin"), bytes[number..].to_vec());
    }
    pair.sides[1]
        .disk
        .files
        .insert("back.bin".to_owned(), bytes);
    let (alice, bob) = (pair.id(0), pair.id(1));
    for number in 0..8 {
        pair.sides[0].transfers.send(&bob, &format!("{number}.bin"));
    }
    pair.sides[1].transfers.send(&alice, "back.bin");
    pair.run();
    pair.accept();
    pair.sides[0].transfers.accept(&bob, Some("back.bin"));
    pair.run();
    let sent = pair
        .shown(0)
        .iter()
        .filter(|line| line.starts_with("sent"))
        .count();
    assert_eq!((sent, pair.shown(1).last().is_some()), (8, true));
    assert!(pair.sides[1].disk.files == pair.sides[0].disk.files);
    assert!(pair.is_quiet());
}

#[test]
fn too_many() {
    let mut pair = Pair::new();
    for number in 0..TRANSFERS + 3 {
        pair.sides[0]
            .disk
            .files
            .insert(format!("{number}"), vec![1]);
    }
    for number in 0..TRANSFERS + 3 {
        let bob = pair.id(1);
        pair.sides[0].transfers.send(&bob, &number.to_string());
    }
    pair.run();
    let complaints = pair
        .shown(0)
        .iter()
        .filter(|line| line.contains("are on their way already"))
        .count();
    assert_eq!(complaints, 3);
    assert_eq!(pair.shown(1).len(), OFFERS);
    let refused = pair
        .shown(0)
        .iter()
        .filter(|line| line.contains("too many files"))
        .count();
    assert_eq!(refused, TRANSFERS - OFFERS);
}

#[test]
fn the_same_file_twice_at_once() {
    let mut pair = Pair::with_file("a.bin", 100);
    pair.send("a.bin");
    pair.send("a.bin");
    assert_eq!(
        pair.shown(0).last().unwrap(),
        "stopped a.bin: it is on its way already"
    );
    pair.accept();
    pair.run();
    assert_eq!(pair.shown(0).last().unwrap(), "sent a.bin 100");
}

#[test]
fn refused_and_unknown() {
    let mut pair = Pair::with_file("a.bin", 100);
    pair.send("nothing.bin");
    assert_eq!(pair.shown(0), ["stopped nothing.bin: no such file"]);
    assert!(pair.is_quiet());
    pair.send("a.bin");
    let alice = pair.id(0);
    pair.sides[1].transfers.accept(&alice, Some("b.bin"));
    pair.run();
    assert_eq!(
        pair.shown(1)[1],
        r#"Usage("alice offers no file called b.bin")"#
    );
    pair.sides[1].transfers.refuse(&alice, None);
    pair.sides[1].transfers.accept(&alice, None);
    pair.run();
    assert_eq!(pair.shown(1)[2], r#"Usage("alice offers no file")"#);
    assert_eq!(pair.shown(0).last().unwrap(), "stopped a.bin: refused");
    assert!(pair.is_quiet());
}

#[test]
fn a_full_disk() {
    let mut pair = Pair::with_file("a.bin", 3_000_000);
    pair.sides[1].disk.room = Some(1_000_000);
    pair.send("a.bin");
    pair.accept();
    pair.run();
    assert_eq!(
        pair.shown(1)[1..],
        ["stopped a.bin: no space left on device"]
    );
    assert_eq!(
        pair.shown(0)[1..],
        ["stopped a.bin: the other side cannot read or write it"]
    );
    assert!(pair.is_quiet());
    pair.sides[1].disk.room = None;
    pair.send("a.bin");
    assert!(
        pair.shown(1)
            .last()
            .unwrap()
            .starts_with("offered a.bin 3000000 ")
    );
    pair.accept();
    pair.run();
    assert_eq!(pair.shown(1).last().unwrap(), "received a.bin 3000000");
}

#[test]
fn a_file_that_changes() {
    type Change = fn(&mut Vec<u8>);
    let rows: [(&str, Change); 2] = [
        ("shorter", |file| file.truncate(2_500_000)),
        ("longer", |file| file.push(1)),
    ];
    for (name, change) in rows {
        let mut pair = Pair::with_file("a.bin", 3_000_000);
        pair.send("a.bin");
        pair.accept();
        pair.run_while(|pair| {
            pair.sides[1]
                .disk
                .part()
                .is_none_or(|part| part.len() < 500_000)
        });
        change(pair.sides[0].disk.files.get_mut("a.bin").unwrap());
        pair.run();
        let expected = ["stopped a.bin: it changed while it was sent"];
        assert_eq!(
            (&pair.shown(0)[1..], &pair.shown(1)[1..]),
            (
                &expected.map(String::from)[..],
                &expected.map(String::from)[..]
            ),
            "{name}"
        );
        assert!(pair.is_quiet());
    }
}

#[test]
fn liars() {
    type Lie = fn(&mut Vec<u8>);
    let rows: [(&str, Lie, &str); 4] = [
        (
            "about the length: less",
            |record| {
                if record[0] == 3 {
                    record[16] -= 1
                }
            },
            "the other side sent more than it had offered",
        ),
        (
            "about the hash",
            |record| {
                if record[0] == 6 {
                    record[9] ^= 1
                }
            },
            "what arrived is not what was sent; it was removed",
        ),
        (
            "about the offset",
            |record| {
                if record[0] == 5 {
                    record[16] = 9
                }
            },
            "the other side does not keep to the agreement",
        ),
        (
            "an end before the beginning",
            |record| {
                if record[0] == 5 {
                    *record = [6, 0, 0, 0, 36, 0, 0, 0, 1]
                        .iter()
                        .copied()
                        .chain([0; 32])
                        .collect()
                }
            },
            "the other side does not keep to the agreement",
        ),
    ];
    for (name, lie, expected) in rows {
        let mut pair = Pair::with_file("a.bin", 300_007);
        pair.meddle = lie;
        pair.send("a.bin");
        pair.accept();
        pair.run();
        assert_eq!(
            pair.shown(1).last().unwrap(),
            &format!("stopped a.bin: {expected}"),
            "{name}"
        );
        assert!(
            pair.shown(0).last().unwrap().starts_with("stopped"),
            "{name}"
        );
        assert!(pair.is_quiet(), "{name}");
        assert!(!pair.sides[1].disk.files.contains_key("a.bin"), "{name}");
    }
}

#[test]
fn leaving() {
    let mut pair = Pair::with_file("a.bin", 3_000_000);
    pair.send("a.bin");
    pair.accept();
    pair.run_while(|pair| {
        pair.sides[1]
            .disk
            .part()
            .is_none_or(|part| part.len() < 500_000)
    });
    pair.sides[0].transfers.leave();
    pair.run();
    assert_eq!(pair.shown(0).last().unwrap(), "stopped a.bin: we left");
    assert_eq!(
        pair.shown(1).last().unwrap(),
        "stopped a.bin: the other side left"
    );
    assert!(pair.is_quiet());
}

fn say(pair: &mut Pair, number: u32, record: Record<'_>) {
    let mut out = Vec::new();
    record.encode(number, &mut out);
    let (from, key, now) = (pair.id(0), pair.sides[0].key, pair.now);
    let taken = pair.sides[1]
        .transfers
        .handle_record(now, &from, &key, out[0], &out[5..]);
    assert_eq!(taken, Ok(()));
}

const OFFER: Record<'static> = Record::Offer {
    len: 1,
    modified: 5,
    name: "a",
};

const OFFER_OF_ANOTHER: Record<'static> = Record::Offer {
    len: 2,
    modified: 5,
    name: "b",
};

#[test]
fn who_offers_and_withdraws_in_a_row_is_not_heard() {
    let mut pair = Pair::new();
    for number in 1..=1_000 {
        say(&mut pair, number, OFFER);
        pair.serve(1);
        say(&mut pair, number, Record::Withdraw(Why::Changed));
        pair.serve(1);
    }
    let offers = |pair: &Pair| {
        let shown = pair.shown(1);
        shown
            .iter()
            .filter(|line| line.starts_with("offered"))
            .count()
    };
    assert_eq!(offers(&pair), 8);
    pair.now += Duration::from_secs(1);
    for number in 1_001..=1_010 {
        say(&mut pair, number, OFFER);
        pair.serve(1);
    }
    assert_eq!(offers(&pair), 9, "one a second");
    pair.accept();
    say(&mut pair, 2_000, OFFER_OF_ANOTHER);
    pair.serve(1);
    assert_eq!(offers(&pair), 10, "the user has dealt with it");
}

#[test]
fn a_disk_that_does_not_answer_has_room_for_the_user() {
    let mut pair = Pair::new();
    let key = pair.sides[0].key;
    for peer in 0..100 {
        let from = format!("peer{peer}").parse().unwrap();
        let (mut out, now) = (Vec::new(), pair.now);
        for record in [OFFER, Record::Withdraw(Why::Changed)] {
            out.clear();
            record.encode(1, &mut out);
            let transfers = &mut pair.sides[1].transfers;
            let taken = transfers.handle_record(now, &from, &key, out[0], &out[5..]);
            assert_eq!(taken, Ok(()));
        }
    }
    let mut requests = 0;
    while let Some(output) = pair.sides[1].transfers.poll_output() {
        requests += usize::from(matches!(output, Output::File(_)));
    }
    assert_eq!(requests, 2 * FINDS);
}

#[test]
fn who_confirms_nothing_is_not_answered_for_ever() {
    let mut pair = Pair::with_file("b.bin", 10);
    let alice = pair.id(0);
    pair.sides[1].disk.files.insert("c.bin".to_owned(), vec![1]);
    pair.sides[1].transfers.send(&alice, "c.bin");
    pair.serve(1);
    for number in 1..=200_000 {
        say(&mut pair, number, OFFER);
        pair.serve(1);
    }
    let unsent = pair.sides[1].connection.unsent(CHAT);
    assert!(
        (1 << 20..(1 << 20) + (65 << 10)).contains(&unsent),
        "{unsent}"
    );
    let shown = pair.shown(1);
    let stopped = "stopped c.bin: the other side confirms nothing".to_owned();
    assert!(
        shown.contains(&stopped),
        "{:?}",
        &shown[..20.min(shown.len())]
    );
}

proptest! {
    /// Whatever a peer says and the disk answers, in whatever order: no panic, and no more than is allowed.
    #[test]
    fn anything_in_any_order(steps in vec((0_u8..10, 0_u32..4, 0_u64..4), 0..60)) {
        let mut pair = Pair::new();
        pair.sides[0].disk.files.insert("a".to_owned(), vec![7; 3]);
        let (alice, bob) = (pair.id(0), pair.id(1));
        for (kind, number, value) in steps {
            let record = match kind {
                0 => Record::Offer { len: value, modified: 5, name: "a" },
                1 => Record::Accept { have: value, hash: [0; 32] },
                2 => Record::Begin { offset: value },
                3 => Record::End { hash: [0; 32] },
                4 => Record::Done { right: value == 0 },
                5 => Record::Withdraw(Why::Changed),
                6 => Record::Stop(Why::Disk),
                7 => { pair.sides[1].transfers.accept(&alice, None); continue }
                8 => { pair.sides[0].transfers.send(&bob, "a"); continue }
                _ => { pair.run(); continue }
            };
            let at = usize::from(value % 2 == 0);
            let mut out = Vec::new();
            record.encode(number, &mut out);
            let (from, key) = (pair.id(1 - at), pair.sides[1 - at].key);
            let taken = pair.sides[at].transfers.handle_record(pair.now, &from, &key, out[0], &out[5..]);
            prop_assert_eq!(taken.is_ok(), number > 0);
        }
        pair.sides[0].transfers.leave();
        pair.sides[1].transfers.leave();
        pair.run();
        prop_assert!(pair.is_quiet());
    }
}
