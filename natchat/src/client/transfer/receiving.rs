//! One file on its way in.
//!
//! ```text
//!   Finding ─Found─► Offered ─@accept─► Creating ─Created─► (Checking ─Hashed─►) Accepted ─Begin─┐
//!                                     Over ◄─Finished─ Finishing ◄─ Flowing ◄─(Created─ Cutting ◄)┘
//! ```
//!
//! Rules: nothing is written before the user has accepted; nothing is written beyond the length that was offered; the
//! name of the whole file appears only when its hash is right; whatever comes between, the part file stays for a
//! later try. The connection is read no faster than the disk writes ([`WRITES`]), so the sender waits for a slow
//! disk.

use std::time::Instant;

use crate::client::event::FileEvent;
use crate::client::files::{CHUNK_LEN, FileReply, FileRequest, Hash, Job};
use crate::client::transfer::name;
use crate::client::transfer::outbox::Outbox;
use crate::client::transfer::progress::Progress;
use crate::client::transfer::record::{Record, Why};
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;
use crate::reliable::connection::{Connection, Read};

/// Writes that wait for the disk.
const WRITES: u8 = 4;

/// The state of one file.
#[derive(Debug)]
pub(crate) struct Receiving {
    from: MemberId,
    /// Names the channel, too.
    number: u32,
    job: Job,
    name: String,
    part: String,
    len: u64,
    modified: u64,
    state: State,
    /// What the whole must be, once the sender has said so.
    hash: Option<Hash>,
    progress: Progress,
}

#[derive(Debug)]
enum State {
    Finding,
    Offered { have: u64 },
    Creating { have: u64 },
    Checking { have: u64 },
    Accepted { have: u64 },
    Cutting,
    Flowing(Flow),
    Finishing,
    Over,
}

#[derive(Debug)]
struct Flow {
    /// Up to here it was given to the disk.
    asked: u64,
    /// What follows and is not given to it yet.
    buffer: Vec<u8>,
    /// Writes without an answer.
    writes: u8,
}

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) from: &'a MemberId,
    pub(crate) key: &'a PublicKey,
    pub(crate) number: u32,
    pub(crate) name: &'a str,
    pub(crate) len: u64,
    pub(crate) modified: u64,
}

impl Receiving {
    pub(crate) fn new(offer: Offer<'_>, job: Job, out: &mut Outbox) -> Self {
        let name = name::safe(offer.name);
        let part = name::part(&name, offer.key, offer.len, offer.modified);
        out.ask(FileRequest::Find {
            job,
            part: part.clone(),
        });
        Self {
            from: offer.from.clone(),
            number: offer.number,
            job,
            name,
            part,
            len: offer.len,
            modified: offer.modified,
            state: State::Finding,
            hash: None,
            progress: Progress::default(),
        }
    }

    pub(crate) fn is_from(&self, peer: &MemberId) -> bool {
        self.from == *peer
    }

    pub(crate) fn is(&self, peer: &MemberId, number: u32) -> bool {
        self.is_from(peer) && self.number == number
    }

    pub(crate) fn is_of_part(&self, part: &str) -> bool {
        self.part == part && !self.is_over()
    }

    /// Whether the user can still say yes or no, of this name if one is given.
    pub(crate) fn is_offered(&self, name: Option<&str>) -> bool {
        matches!(self.state, State::Offered { .. }) && name.is_none_or(|name| name == self.name)
    }

    pub(crate) fn is_undecided(&self) -> bool {
        matches!(self.state, State::Finding | State::Offered { .. })
    }

    /// Whether all of it is here, and the disk looks at it.
    pub(crate) fn is_finishing(&self) -> bool {
        matches!(self.state, State::Finishing)
    }

    pub(crate) fn job(&self) -> Job {
        self.job
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// The user wants it.
    pub(crate) fn accept(&mut self, out: &mut Outbox) {
        if let State::Offered { have } = self.state {
            self.state = State::Creating { have };
            self.create(have, out);
        }
    }

    fn create(&self, keep: u64, out: &mut Outbox) {
        out.ask(FileRequest::Create {
            job: self.job,
            part: self.part.clone(),
            keep,
            len: self.len,
        });
    }

    /// What the disk says.
    pub(crate) fn handle_reply(&mut self, reply: FileReply, out: &mut Outbox) {
        match (&mut self.state, reply) {
            (State::Finding, FileReply::Found { have, .. }) => self.offered(have, out),
            (State::Creating { have: 0 }, FileReply::Created { .. }) => {
                self.accepted(0, [0; 32], out)
            }
            (State::Creating { have }, FileReply::Created { .. }) => {
                let (job, len) = (self.job, *have);
                self.state = State::Checking { have: len };
                out.ask(FileRequest::Hash { job, len });
            }
            (State::Checking { have }, FileReply::Hashed { hash, .. }) => {
                let have = *have;
                self.accepted(have, hash, out);
            }
            (State::Cutting, FileReply::Created { .. }) => self.flow(0, out),
            (State::Flowing(flow), FileReply::Written { .. }) => {
                flow.writes = flow.writes.saturating_sub(1);
                out.wake(&self.from);
            }
            (State::Finishing, FileReply::Finished { path, .. }) => {
                self.over(out);
                out.tell(&self.from, self.number, Record::Done { right: true });
                out.show(FileEvent::Received {
                    from: self.from.clone(),
                    path: path.display().to_string(),
                    len: self.len,
                });
            }
            (State::Finishing, FileReply::Differs { .. }) => {
                out.tell(&self.from, self.number, Record::Done { right: false });
                self.end("what arrived is not what was sent; it was removed", out);
            }
            (State::Over, _) => {}
            (_, FileReply::Failed { reason, .. }) => self.fail(Why::Disk, &reason, out),
            (_, _) => self.fail(Why::Disk, "the disk answered what was not asked", out),
        }
    }

    fn offered(&mut self, have: u64, out: &mut Outbox) {
        // A part that is longer than the whole is none.
        let have = if have > self.len { 0 } else { have };
        self.state = State::Offered { have };
        out.show(FileEvent::Offered {
            from: self.from.clone(),
            name: self.name.clone(),
            len: self.len,
            have,
        });
    }

    fn accepted(&mut self, have: u64, hash: Hash, out: &mut Outbox) {
        self.state = State::Accepted { have };
        out.tell(&self.from, self.number, Record::Accept { have, hash });
    }

    fn flow(&mut self, asked: u64, out: &mut Outbox) {
        self.state = State::Flowing(Flow {
            asked,
            buffer: Vec::new(),
            writes: 0,
        });
        out.wake(&self.from);
    }

    /// What the peer says.
    pub(crate) fn handle_record(&mut self, record: Record<'_>, out: &mut Outbox) {
        match (&self.state, record) {
            (State::Over, _) => {}
            (_, Record::Withdraw(why)) => self.end(why.words(), out),
            (State::Accepted { have }, Record::Begin { offset }) if offset == *have => {
                self.flow(offset, out)
            }
            (State::Accepted { .. }, Record::Begin { offset: 0 }) => {
                self.state = State::Cutting;
                self.create(0, out);
            }
            (State::Flowing(_) | State::Cutting, Record::End { hash }) if self.hash.is_none() => {
                self.hash = Some(hash);
                out.wake(&self.from);
            }
            (_, _) => self.fail(
                Why::Broken,
                "the other side does not keep to the agreement",
                out,
            ),
        }
    }

    /// Takes from the connection what the disk can bear.
    pub(crate) fn drive(&mut self, now: Instant, connection: &mut Connection, out: &mut Outbox) {
        match &mut self.state {
            State::Accepted { .. } | State::Cutting => connection.open_incoming(self.number),
            State::Flowing(flow) => match flow.take(self.number, self.len, connection) {
                Ok(()) => {
                    flow.write(self.job, out);
                    let done = flow.asked;
                    self.tell_progress(now, done, out);
                    self.finish(out);
                }
                Err(TooMuch) => self.fail(
                    Why::Broken,
                    "the other side sent more than it had offered",
                    out,
                ),
            },
            State::Finding
            | State::Offered { .. }
            | State::Creating { .. }
            | State::Checking { .. }
            | State::Finishing => {}
            State::Over => {}
        }
        if self.is_over() {
            connection.close_incoming(self.number);
        }
    }

    fn tell_progress(&mut self, now: Instant, done: u64, out: &mut Outbox) {
        if let Some(rate) = self.progress.tell(now, done) {
            out.show(FileEvent::Progress {
                with: self.from.clone(),
                name: self.name.clone(),
                done,
                len: self.len,
                rate,
            });
        }
    }

    fn finish(&mut self, out: &mut Outbox) {
        if let State::Flowing(flow) = &self.state
            && flow.asked == self.len
            && flow.writes == 0
            && let Some(hash) = self.hash
        {
            self.state = State::Finishing;
            out.ask(FileRequest::Finish {
                job: self.job,
                name: self.name.clone(),
                len: self.len,
                hash,
                modified: self.modified,
            });
        }
    }

    /// Stops for a reason of our own, which the peer is told.
    pub(crate) fn fail(&mut self, why: Why, reason: &str, out: &mut Outbox) {
        if !self.is_over() {
            out.tell(&self.from, self.number, Record::Stop(why));
            self.end(reason, out);
        }
    }

    /// Stops for a reason that the peer knows, or cannot be told.
    pub(crate) fn end(&mut self, reason: &str, out: &mut Outbox) {
        if self.is_over() {
            return;
        }
        let done = self.done();
        self.over(out);
        out.show(FileEvent::Stopped {
            with: self.from.clone(),
            name: self.name.clone(),
            done,
            len: self.len,
            reason: reason.to_owned(),
        });
    }

    /// The user does not want it: nothing more is said of it.
    pub(crate) fn refuse(&mut self, out: &mut Outbox) {
        out.tell(&self.from, self.number, Record::Stop(Why::Refused));
        self.over(out);
    }

    /// The same file is offered anew, and goes on with what is here of it.
    pub(crate) fn give_way(&mut self, out: &mut Outbox) {
        if self.is_undecided() {
            out.tell(&self.from, self.number, Record::Stop(Why::Already));
            self.over(out);
        } else {
            self.fail(Why::Already, "it is offered anew", out);
        }
    }

    /// The peer cannot be told anything any more.
    pub(crate) fn abandon(
        &mut self,
        reason: &str,
        connection: Option<&mut Connection>,
        out: &mut Outbox,
    ) {
        self.end(reason, out);
        if let Some(connection) = connection {
            connection.close_incoming(self.number);
        }
    }

    /// Bytes that are on the disk, or on their way to it.
    fn done(&self) -> u64 {
        match &self.state {
            State::Offered { have }
            | State::Creating { have }
            | State::Checking { have }
            | State::Accepted { have } => *have,
            State::Flowing(flow) => flow.asked,
            State::Finishing => self.len,
            State::Finding | State::Cutting | State::Over => 0,
        }
    }

    fn over(&mut self, out: &mut Outbox) {
        self.state = State::Over;
        out.ask(FileRequest::Close { job: self.job });
        out.wake(&self.from);
    }
}

/// The peer sent more than it had offered.
struct TooMuch;

impl Flow {
    /// Fills the buffer, as long as the disk keeps up.
    fn take(&mut self, channel: u32, len: u64, connection: &mut Connection) -> Result<(), TooMuch> {
        while self.writes < WRITES || self.buffer.len() < CHUNK_LEN {
            let room = CHUNK_LEN - self.buffer.len();
            match connection.read(channel, &mut self.buffer, room) {
                Read::Bytes(_) if self.asked + self.buffer.len() as u64 > len => {
                    return Err(TooMuch);
                }
                Read::Bytes(_) if self.buffer.len() < CHUNK_LEN => {}
                Read::Bytes(_) | Read::Nothing => break,
                // Nobody abandons a file's bytes and goes on.
                Read::Gap => return Err(TooMuch),
            }
        }
        Ok(())
    }

    /// Hands the buffer to the disk if it is full, or the disk has nothing to do.
    fn write(&mut self, job: Job, out: &mut Outbox) {
        let is_worth_it = self.buffer.len() == CHUNK_LEN || self.writes == 0;
        if self.buffer.is_empty() || self.writes >= WRITES || !is_worth_it {
            return;
        }
        let bytes = std::mem::take(&mut self.buffer);
        let offset = self.asked;
        self.asked += bytes.len() as u64;
        self.writes += 1;
        out.ask(FileRequest::Write { job, offset, bytes });
    }
}
