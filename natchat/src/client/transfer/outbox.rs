//! What transfers want done, gathered until somebody takes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::client::event::{Event, FileEvent};
use crate::client::files::FileRequest;
use crate::client::transfer::record::Record;
use crate::name::MemberId;

/// Bytes under way in somebody's channel 0 above which only [`BEYOND`] more are written: who makes us answer and confirms
/// nothing would fill the memory. Not none, since a long line may be under way while files come to their end.
const UNSENT: u64 = 1 << 20;
const BEYOND: usize = 64 << 10;

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Output {
    /// On the disk.
    File(FileRequest),
    /// On the screen.
    Show(Event),
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    outputs: VecDeque<Output>,
    /// Records that are to be written to channel 0 of somebody's connection.
    records: BTreeMap<MemberId, Vec<u8>>,
    /// Whose connections are to be driven.
    peers: BTreeSet<MemberId>,
    /// Bytes written to somebody's channel 0 while much was under way there.
    beyond: BTreeMap<MemberId, usize>,
}

impl Outbox {
    pub(crate) fn ask(&mut self, request: FileRequest) {
        self.outputs.push_back(Output::File(request));
    }

    pub(crate) fn show(&mut self, event: FileEvent) {
        self.outputs.push_back(Output::Show(Event::File(event)));
    }

    pub(crate) fn complain(&mut self, text: String) {
        self.outputs.push_back(Output::Show(Event::Usage(text)));
    }

    pub(crate) fn tell(&mut self, peer: &MemberId, number: u32, record: Record<'_>) {
        record.encode(number, self.records.entry(peer.clone()).or_default());
        self.wake(peer);
    }

    /// The peer's connection is to be driven.
    pub(crate) fn wake(&mut self, peer: &MemberId) {
        self.peers.insert(peer.clone());
    }

    pub(crate) fn records_for(&mut self, peer: &MemberId) -> Option<Vec<u8>> {
        self.records.remove(peer)
    }

    /// Whether records are to be written to somebody's channel 0, where so many bytes are under way.
    pub(crate) fn may_write(&mut self, peer: &MemberId, records: &[u8], unsent: u64) -> bool {
        if unsent <= UNSENT {
            self.beyond.remove(peer);
            return true;
        }
        let beyond = self.beyond.entry(peer.clone()).or_default();
        let may_write = *beyond + records.len() <= BEYOND;
        if may_write {
            *beyond += records.len();
        }
        may_write
    }

    /// Nothing is under way to somebody any more.
    pub(crate) fn renew(&mut self, peer: &MemberId) {
        self.beyond.remove(peer);
    }

    /// What was to be told to somebody will not be told.
    pub(crate) fn forget(&mut self, peer: &MemberId) {
        self.records.remove(peer);
        self.peers.remove(peer);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn pop_peer(&mut self) -> Option<MemberId> {
        self.peers.pop_first()
    }
}
