//! Two clients' transfers back to back, over a line that loses packets, with disks in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::client::event::{Event, FileEvent};
use crate::client::files::{CHUNK_LEN, FileRequest};
use crate::reliable::connection::{self, PACKET_LEN, Read};
use crate::reliable::simulated::{Dice, start};

/// Files by name, and what is open.
#[derive(Default)]
struct Disk {
    files: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<Job, String>,
    opened_len: BTreeMap<Job, usize>,
    /// Bytes that it takes in all.
    room: Option<usize>,
}

impl Disk {
    fn serve(&mut self, request: FileRequest) -> Option<FileReply> {
        let job = match &request {
            FileRequest::Open { job, .. }
            | FileRequest::Hash { job, .. }
            | FileRequest::Read { job, .. }
            | FileRequest::Find { job, .. }
            | FileRequest::Create { job, .. }
            | FileRequest::Write { job, .. }
            | FileRequest::Finish { job, .. }
            | FileRequest::Close { job } => *job,
        };
        let failed = |reason: &str| FileReply::Failed {
            job,
            reason: reason.to_owned(),
        };
        let name = self.open.get(&job).cloned().unwrap_or_default();
        Some(match request {
            FileRequest::Open { path, .. } => {
                let name = path.display().to_string();
                let Some(file) = self.files.get(&name) else {
                    return Some(failed("no such file"));
                };
                self.open.insert(job, name.clone());
                self.opened_len.insert(job, file.len());
                FileReply::Opened {
                    job,
                    name,
                    len: file.len() as u64,
                    modified: 5,
                }
            }
            FileRequest::Hash { len, .. } => {
                let file = &self.files[&name];
                let hash = *blake3::hash(&file[..usize::try_from(len).unwrap().min(file.len())])
                    .as_bytes();
                let unchanged = self
                    .opened_len
                    .get(&job)
                    .is_none_or(|&opened| opened == file.len());
                FileReply::Hashed {
                    job,
                    len,
                    hash,
                    unchanged,
                }
            }
            FileRequest::Read { offset, len, .. } => {
                assert!(len <= CHUNK_LEN);
                let file = &self.files[&name];
                let from = usize::try_from(offset).unwrap().min(file.len());
                let bytes = file[from..file.len().min(from + len)].to_vec();
                FileReply::Data { job, offset, bytes }
            }
            FileRequest::Find { part, .. } => {
                let have = self.files.get(&part).map_or(0, |part| part.len() as u64);
                FileReply::Found { job, have }
            }
            FileRequest::Create { part, keep, .. } => {
                self.files
                    .entry(part.clone())
                    .or_default()
                    .truncate(usize::try_from(keep).unwrap());
                self.open.insert(job, part);
                FileReply::Created { job }
            }
            FileRequest::Write { offset, bytes, .. } => {
                let taken: usize = self.files.values().map(Vec::len).sum();
                if self.room.is_some_and(|room| taken + bytes.len() > room) {
                    return Some(failed("no space left on device"));
                }
                let file = self.files.get_mut(&name).unwrap();
                assert_eq!(offset, file.len() as u64, "in order");
                file.extend_from_slice(&bytes);
                FileReply::Written {
                    job,
                    len: bytes.len(),
                }
            }
            FileRequest::Finish {
                name: whole,
                len,
                hash,
                ..
            } => {
                let file = self.files.remove(&name).unwrap();
                self.open.remove(&job);
                if file.len() as u64 != len || *blake3::hash(&file).as_bytes() != hash {
                    return Some(FileReply::Differs { job });
                }
                let names = (0..).map(|count| match count {
                    0 => whole.clone(),
                    count => format!("{whole} ({count})"),
                });
                let whole = names
                    .into_iter()
                    .find(|name| !self.files.contains_key(name))
                    .unwrap();
                self.files.insert(whole.clone(), file);
                FileReply::Finished {
                    job,
                    path: PathBuf::from(whole),
                }
            }
            FileRequest::Close { .. } => {
                self.open.remove(&job);
                return None;
            }
        })
    }

    fn part(&self) -> Option<&Vec<u8>> {
        self.files
            .iter()
            .find(|(name, _)| name.ends_with(".part"))
            .map(|(_, part)| part)
    }
}

struct Side {
    id: MemberId,
    key: PublicKey,
    transfers: Transfers,
    connection: Connection,
    disk: Disk,
    shown: Vec<Event>,
    chat: Vec<u8>,
}

struct Pair {
    now: Instant,
    sides: [Side; 2],
    dice: Dice,
    /// Per mille.
    loss: u64,
    /// What happens to records on their way to the second side, for tests of liars.
    meddle: fn(&mut Vec<u8>),
}

impl Pair {
    fn new() -> Self {
        let now = start();
        let side = |id: &str, key| Side {
            id: id.parse().unwrap(),
            key: PublicKey([key; 32]),
            transfers: Transfers::new(),
            connection: Connection::new(now),
            disk: Disk::default(),
            shown: Vec::new(),
            chat: Vec::new(),
        };
        Self {
            now,
            sides: [side("alice", 1), side("bob", 2)],
            dice: Dice(77),
            loss: 0,
            meddle: |_| {},
        }
    }

    fn with_file(name: &str, len: usize) -> Self {
        let mut pair = Self::new();
        let bytes = (0..len)
            .map(|at| (at * 7 + at / 251).to_le_bytes()[0])
            .collect();
        pair.sides[0].disk.files.insert(name.to_owned(), bytes);
        pair
    }

    fn id(&self, at: usize) -> MemberId {
        self.sides[at].id.clone()
    }

    fn send(&mut self, path: &str) {
        let to = self.id(1);
        self.sides[0].transfers.send(&to, path);
        self.run();
    }

    fn accept(&mut self) {
        let from = self.id(0);
        self.sides[1].transfers.accept(&from, None);
    }

    /// Runs until nothing happens any more.
    fn run(&mut self) {
        self.run_while(|_| true);
    }

    fn run_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
        let limit = self.now + Duration::from_secs(120);
        while goes_on(self) {
            let moved = self.serve(0) | self.serve(1);
            if self.carry(0) | self.carry(1) | moved {
                continue;
            }
            let next = self
                .sides
                .iter()
                .filter_map(|side| side.connection.next_timeout())
                .min();
            let Some(next) = next else { return };
            self.now = self.now.max(next);
            assert!(self.now < limit, "no end");
            for side in &mut self.sides {
                side.connection.handle_timeout(self.now);
            }
        }
    }

    fn serve(&mut self, at: usize) -> bool {
        let peer = self.id(1 - at);
        let key = self.sides[1 - at].key;
        let meddle = if at == 1 {
            self.meddle
        } else {
            |_: &mut Vec<u8>| {}
        };
        let side = &mut self.sides[at];
        let mut moved = false;
        while let Some(output) = side.transfers.poll_output() {
            moved = true;
            match output {
                Output::Show(event) => side.shown.push(event),
                Output::File(request) => {
                    if let Some(reply) = side.disk.serve(request) {
                        side.transfers.handle_reply(reply);
                    }
                }
            }
        }
        while let Some(event) = side.connection.poll_event() {
            moved = true;
            match event {
                connection::Event::Readable(CHAT) => {
                    while matches!(
                        side.connection.read(CHAT, &mut side.chat, 1_000),
                        Read::Bytes(_)
                    ) {}
                    while let Some(record) = first_record(&mut side.chat) {
                        let mut record = record;
                        meddle(&mut record);
                        let taken =
                            side.transfers
                                .handle_record(&peer, &key, record[0], &record[5..]);
                        assert_eq!(taken, Ok(()));
                    }
                }
                connection::Event::Readable(_)
                | connection::Event::Delivered(..)
                | connection::Event::Writable(_) => {
                    side.transfers.drive(self.now, &peer, &mut side.connection);
                }
            }
        }
        while let Some(peer) = side.transfers.poll_peer() {
            moved = true;
            side.transfers.drive(self.now, &peer, &mut side.connection);
        }
        moved
    }

    fn carry(&mut self, from: usize) -> bool {
        let mut packet = Vec::new();
        let mut moved = false;
        while self.sides[from]
            .connection
            .poll_packet(self.now, PACKET_LEN, &mut packet)
        {
            moved = true;
            if !self.dice.happens(self.loss) {
                self.sides[1 - from]
                    .connection
                    .handle_packet(self.now, &packet)
                    .expect("an honest packet");
            }
        }
        moved
    }

    /// What was shown to one side, progress left out.
    fn shown(&self, at: usize) -> Vec<String> {
        let told = self.sides[at]
            .shown
            .iter()
            .filter(|event| !matches!(event, Event::File(FileEvent::Progress { .. })));
        let text = |event: &Event| {
            if let Event::File(event) = event {
                words(event)
            } else {
                format!("{event:?}")
            }
        };
        told.map(text).collect()
    }

    fn is_quiet(&self) -> bool {
        self.sides
            .iter()
            .all(|side| !side.transfers.is_busy() && side.disk.open.is_empty())
    }
}

fn words(event: &FileEvent) -> String {
    match event {
        FileEvent::Offered {
            name, len, have, ..
        } => format!("offered {name} {len} {have}"),
        FileEvent::Waiting { name, .. } => format!("waiting {name}"),
        FileEvent::Sent { name, len, .. } => format!("sent {name} {len}"),
        FileEvent::Received { path, len, .. } => format!("received {path} {len}"),
        FileEvent::Stopped { name, reason, .. } => format!("stopped {name}: {reason}"),
        FileEvent::Progress { .. } => "progress".to_owned(),
    }
}

fn first_record(chat: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = u32::from_be_bytes(*chat.get(1..5)?.first_chunk()?);
    let len = 5 + usize::try_from(len).unwrap();
    (chat.len() >= len).then(|| chat.drain(..len).collect())
}

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

proptest! {
    /// Whatever a peer says and the disk answers, in whatever order: no panic, and no more than is allowed.
    #[test]
    fn anything_in_any_order(steps in proptest::collection::vec((0_u8..10, 0_u32..4, 0_u64..4), 0..60)) {
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
            let taken = pair.sides[at].transfers.handle_record(&from, &key, out[0], &out[5..]);
            prop_assert_eq!(taken.is_ok(), number > 0);
        }
        pair.sides[0].transfers.leave();
        pair.sides[1].transfers.leave();
        pair.run();
        prop_assert!(pair.is_quiet());
    }
}
