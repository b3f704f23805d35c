//! Two clients' transfers back to back, over a line that loses packets, with disks in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::event::{Event, FileEvent};
use crate::client::files::{CHUNK_LEN, FileReply, FileRequest, Job};
use crate::client::transfer::{Output, Transfers};
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;
use crate::reliable::connection::{self, CHAT, Connection, PACKET_LEN, Read};
use crate::reliable::simulated::{Dice, start};

/// Files by name, and what is open.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) open: BTreeMap<Job, String>,
    pub(super) opened_len: BTreeMap<Job, usize>,
    /// Bytes that it takes in all.
    pub(super) room: Option<usize>,
}

impl Disk {
    pub(super) fn serve(&mut self, request: FileRequest) -> Option<FileReply> {
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

    pub(super) fn part(&self) -> Option<&Vec<u8>> {
        self.files
            .iter()
            .find(|(name, _)| name.ends_with(".part"))
            .map(|(_, part)| part)
    }
}

pub(super) struct Side {
    pub(super) id: MemberId,
    pub(super) key: PublicKey,
    pub(super) transfers: Transfers,
    pub(super) connection: Connection,
    pub(super) disk: Disk,
    pub(super) shown: Vec<Event>,
    pub(super) chat: Vec<u8>,
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    pub(super) dice: Dice,
    /// Per mille.
    pub(super) loss: u64,
    /// What happens to records on their way to the second side, for tests of liars.
    pub(super) meddle: fn(&mut Vec<u8>),
}

impl Pair {
    pub(super) fn new() -> Self {
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

    pub(super) fn with_file(name: &str, len: usize) -> Self {
        let mut pair = Self::new();
        let bytes = (0..len)
            .map(|at| (at * 7 + at / 251).to_le_bytes()[0])
            .collect();
        pair.sides[0].disk.files.insert(name.to_owned(), bytes);
        pair
    }

    pub(super) fn id(&self, at: usize) -> MemberId {
        self.sides[at].id.clone()
    }

    pub(super) fn send(&mut self, path: &str) {
        let to = self.id(1);
        self.sides[0].transfers.send(&to, path);
        self.run();
    }

    pub(super) fn accept(&mut self) {
        let from = self.id(0);
        self.sides[1].transfers.accept(&from, None);
    }

    /// Runs until nothing happens any more.
    pub(super) fn run(&mut self) {
        self.run_while(|_| true);
    }

    pub(super) fn run_while(&mut self, goes_on: impl Fn(&Self) -> bool) {
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

    pub(super) fn serve(&mut self, at: usize) -> bool {
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
                        let taken = side.transfers.handle_record(
                            self.now,
                            &peer,
                            &key,
                            record[0],
                            &record[5..],
                        );
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

    pub(super) fn carry(&mut self, from: usize) -> bool {
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
    pub(super) fn shown(&self, at: usize) -> Vec<String> {
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

    pub(super) fn is_quiet(&self) -> bool {
        self.sides
            .iter()
            .all(|side| !side.transfers.is_busy() && side.disk.open.is_empty())
    }
}

pub(super) fn words(event: &FileEvent) -> String {
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

pub(super) fn first_record(chat: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = u32::from_be_bytes(*chat.get(1..5)?.first_chunk()?);
    let len = 5 + usize::try_from(len).unwrap();
    (chat.len() >= len).then(|| chat.drain(..len).collect())
}
