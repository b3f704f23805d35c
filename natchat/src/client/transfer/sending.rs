//! One file on its way out.
//!
//! ```text
//!   Opening ─Opened─► Offered ─Accept─► (Checking ─Hashed─►) Flowing ─┐ all written
//!                       Over ◄─Done─ Waiting ◄─Hashed─ Hashing ◄──────┘
//! ```
//!
//! Reading goes ahead of the connection by [`READ_AHEAD`], so that disk and path work at the same time. Rule:
//! whatever ends it, the peer is told unless it was the peer, the file is closed, and the user hears one word of it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

use crate::client::event::FileEvent;
use crate::client::files::{CHUNK_LEN, FileReply, FileRequest, Hash, Job};
use crate::client::transfer::outbox::Outbox;
use crate::client::transfer::progress::Progress;
use crate::client::transfer::record::{NAME_LEN, Record, Why};
use crate::name::MemberId;
use crate::reliable::connection::Connection;

/// Bytes asked of the disk and not yet given to the connection.
const READ_AHEAD: u64 = 4 * CHUNK_LEN as u64;

/// The state of one file.
#[derive(Debug)]
pub(crate) struct Sending {
    to: MemberId,
    /// Names the channel, too.
    number: u32,
    job: Job,
    name: String,
    len: u64,
    modified: u64,
    state: State,
    /// Whether the peer has been told of it.
    is_offered: bool,
    progress: Progress,
}

#[derive(Debug)]
enum State {
    Opening,
    Offered,
    /// Whether the peer's beginning is ours.
    Checking {
        have: u64,
        hash: Hash,
    },
    Flowing(Flow),
    Hashing,
    Waiting,
    Over,
}

#[derive(Debug)]
struct Flow {
    /// Up to here it was asked of the disk,
    asked: u64,
    /// and up to here given to the connection.
    written: u64,
    /// What is in between and has been read.
    ready: VecDeque<Vec<u8>>,
}

impl Sending {
    pub(crate) fn new(to: MemberId, number: u32, job: Job, path: &str, out: &mut Outbox) -> Self {
        let path = PathBuf::from(path);
        out.ask(FileRequest::Open {
            job,
            path: path.clone(),
        });
        Self {
            to,
            number,
            job,
            name: path.display().to_string(),
            len: 0,
            modified: 0,
            state: State::Opening,
            is_offered: false,
            progress: Progress::default(),
        }
    }

    pub(crate) fn is_to(&self, peer: &MemberId) -> bool {
        self.to == *peer
    }

    pub(crate) fn is(&self, peer: &MemberId, number: u32) -> bool {
        self.is_to(peer) && self.number == number
    }

    pub(crate) fn job(&self) -> Job {
        self.job
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether nothing is left to be done, not even with the connection.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_over() && !self.is_offered
    }

    /// What the disk says.
    pub(crate) fn handle_reply(&mut self, reply: FileReply, out: &mut Outbox) {
        match (&mut self.state, reply) {
            (
                State::Opening,
                FileReply::Opened {
                    name,
                    len,
                    modified,
                    ..
                },
            ) => self.offer(name, len, modified, out),
            (State::Checking { have, hash }, FileReply::Hashed { hash: ours, .. }) => {
                let offset = if ours == *hash { *have } else { 0 };
                self.begin(offset, out);
            }
            (State::Flowing(flow), FileReply::Data { offset, bytes, .. }) => {
                let expected = (self.len - offset.min(self.len)).min(CHUNK_LEN as u64);
                if bytes.len() as u64 == expected {
                    flow.ready.push_back(bytes);
                    out.wake(&self.to);
                } else {
                    self.fail(Why::Changed, Why::Changed.words(), out);
                }
            }
            (
                State::Hashing,
                FileReply::Hashed {
                    unchanged: false, ..
                },
            ) => {
                self.fail(Why::Changed, Why::Changed.words(), out);
            }
            (State::Hashing, FileReply::Hashed { hash, .. }) => {
                self.state = State::Waiting;
                out.tell(&self.to, self.number, Record::End { hash });
            }
            (State::Over, _) => {}
            (_, FileReply::Failed { reason, .. }) => self.fail(Why::Disk, &reason, out),
            (_, _) => self.fail(Why::Disk, "the disk answered what was not asked", out),
        }
    }

    fn offer(&mut self, name: String, len: u64, modified: u64, out: &mut Outbox) {
        (self.name, self.len, self.modified) = (name, len, modified);
        if self.name.len() > NAME_LEN {
            self.fail(Why::Disk, "its name is too long", out);
            return;
        }
        self.state = State::Offered;
        self.is_offered = true;
        let record = Record::Offer {
            len,
            modified,
            name: &self.name,
        };
        out.tell(&self.to, self.number, record);
        out.show(FileEvent::Waiting {
            to: self.to.clone(),
            name: self.name.clone(),
        });
    }

    /// What the peer says.
    pub(crate) fn handle_record(&mut self, record: Record<'_>, out: &mut Outbox) {
        match (&self.state, record) {
            (State::Offered, Record::Accept { have, .. }) if have > self.len => {
                self.fail(Why::Broken, "the other side has more than there is", out);
            }
            (State::Offered, Record::Accept { have: 0, .. }) => self.begin(0, out),
            (State::Offered, Record::Accept { have, hash }) => {
                self.state = State::Checking { have, hash };
                let job = self.job;
                out.ask(FileRequest::Hash { job, len: have });
            }
            (State::Waiting, Record::Done { right: true }) => {
                self.close(out);
                out.show(FileEvent::Sent {
                    to: self.to.clone(),
                    name: self.name.clone(),
                    len: self.len,
                });
            }
            (State::Waiting, Record::Done { right: false }) => {
                self.end(
                    "what arrived was not what was sent; send it again",
                    self.len,
                    out,
                );
            }
            (State::Over, _) => {}
            (_, Record::Stop(why)) => self.end(why.words(), self.done(None), out),
            (_, _) => self.fail(
                Why::Broken,
                "the other side does not keep to the agreement",
                out,
            ),
        }
    }

    fn begin(&mut self, offset: u64, out: &mut Outbox) {
        self.state = State::Flowing(Flow {
            asked: offset,
            written: offset,
            ready: VecDeque::new(),
        });
        out.tell(&self.to, self.number, Record::Begin { offset });
    }

    /// Gives the connection what it takes and asks the disk for more.
    pub(crate) fn drive(&mut self, now: Instant, connection: &mut Connection, out: &mut Outbox) {
        match &mut self.state {
            State::Opening => {}
            State::Offered | State::Checking { .. } => connection.open_outgoing(self.number),
            State::Flowing(flow) => {
                flow.write(self.number, connection);
                flow.ask(self.job, self.len, out);
                let is_written = flow.written == self.len;
                let done = self.done(Some(connection));
                self.tell_progress(now, done, out);
                if is_written {
                    self.state = State::Hashing;
                    let (job, len) = (self.job, self.len);
                    out.ask(FileRequest::Hash { job, len });
                }
            }
            State::Hashing | State::Waiting => {
                let done = self.done(Some(connection));
                self.tell_progress(now, done, out);
            }
            State::Over => connection.close_outgoing(self.number),
        }
    }

    fn tell_progress(&mut self, now: Instant, done: u64, out: &mut Outbox) {
        if let Some(rate) = self.progress.tell(now, done) {
            out.show(FileEvent::Progress {
                with: self.to.clone(),
                name: self.name.clone(),
                done,
                len: self.len,
                rate,
            });
        }
    }

    /// Bytes that have arrived, or at least left.
    fn done(&self, connection: Option<&Connection>) -> u64 {
        let given = match &self.state {
            State::Flowing(flow) => flow.written,
            State::Hashing | State::Waiting => self.len,
            State::Opening | State::Offered | State::Checking { .. } | State::Over => 0,
        };
        given
            - connection
                .map_or(0, |connection| connection.unsent(self.number))
                .min(given)
    }

    /// Stops for a reason of our own, which the peer is told.
    pub(crate) fn fail(&mut self, why: Why, reason: &str, out: &mut Outbox) {
        if self.is_offered && !self.is_over() {
            out.tell(&self.to, self.number, Record::Withdraw(why));
        }
        self.end(reason, self.done(None), out);
    }

    /// Stops for a reason that the peer knows, or cannot be told.
    pub(crate) fn end(&mut self, reason: &str, done: u64, out: &mut Outbox) {
        if self.is_over() {
            return;
        }
        self.close(out);
        out.show(FileEvent::Stopped {
            with: self.to.clone(),
            name: self.name.clone(),
            done,
            len: self.len,
            reason: reason.to_owned(),
        });
    }

    /// The peer cannot be told anything any more.
    pub(crate) fn abandon(
        &mut self,
        reason: &str,
        connection: Option<&mut Connection>,
        out: &mut Outbox,
    ) {
        self.end(reason, self.done(connection.as_deref()), out);
        if let Some(connection) = connection {
            connection.close_outgoing(self.number);
        }
    }

    fn close(&mut self, out: &mut Outbox) {
        self.state = State::Over;
        out.ask(FileRequest::Close { job: self.job });
        if self.is_offered {
            out.wake(&self.to);
        }
    }
}

impl Flow {
    fn write(&mut self, channel: u32, connection: &mut Connection) {
        while let Some(bytes) = self.ready.front()
            && connection.room(channel) >= bytes.len()
        {
            connection.write(channel, bytes);
            self.written += bytes.len() as u64;
            self.ready.pop_front();
        }
    }

    fn ask(&mut self, job: Job, len: u64, out: &mut Outbox) {
        while self.asked < len && self.asked - self.written < READ_AHEAD {
            let offset = self.asked;
            let chunk = usize::try_from(len - offset).map_or(CHUNK_LEN, |left| left.min(CHUNK_LEN));
            out.ask(FileRequest::Read {
                job,
                offset,
                len: chunk,
            });
            self.asked += chunk as u64;
        }
    }
}
