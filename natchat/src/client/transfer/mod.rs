//! Files between two clients: offered, accepted, sent, verified; several at once; pure.
//!
//! ```text
//!   @send ─► sending ──Offer──► receiving ─► @accept          records: channel 0 of the connection
//!               ◄─────Accept──── │                            bytes: a channel of their own
//!               ──bytes, End───► │                            disk: requests and replies ([`super::files`])
//!               ◄─────Done────── ▼
//! ```
//!
//! It owns no file, connection or name of a peer's address: it is lent the connection when there is something to do
//! there ([`Transfers::poll_peer`], [`Transfers::drive`]). Rule: at most [`TRANSFERS`] at a time, and of one peer at
//! most [`OFFERS`] that the user has not decided upon. What stopped goes on where it was when the same file is sent
//! again: see [`name::part`].

mod name;
mod outbox;
mod progress;
mod receiving;
mod record;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub(crate) use outbox::Output;

use crate::bucket::Bucket;
use crate::client::files::{FileReply, Job};
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;
use crate::reliable::connection::{CHAT, Connection};
use crate::wire::codec::Malformed;
use outbox::Outbox;
use receiving::{Offer, Receiving};
use record::{Record, Why};
use sending::Sending;

/// The kinds of records that are about files.
pub(crate) const KINDS: RangeInclusive<u8> = 3..=9;
/// Files at a time, both ways: each may hold some MiB.
pub(crate) const TRANSFERS: usize = 64;
/// Offers of one peer that wait for the user.
const OFFERS: usize = 8;
/// How many offers a peer may make at once, and how often then: each is shown, and looked for on the disk.
const OFFER_BURST: u32 = 8;
const OFFER_INTERVAL: Duration = Duration::from_secs(1);
/// Peers whose offers are counted: as many as there may be.
const OFFERERS: usize = 4096;
/// Offers of all peers that the disk has not answered yet: few, so that it has room for what the user wants.
const FINDS: usize = 16;

/// All files that are on their way.
#[derive(Debug)]
pub(crate) struct Transfers {
    sending: Vec<Sending>,
    receiving: Vec<Receiving>,
    /// Counts our offers, to whomever.
    number: u32,
    job: u64,
    outbox: Outbox,
    /// Of those who have offered something.
    offers: BTreeMap<MemberId, Bucket>,
    /// What was looked for because of an offer, and the disk has not answered.
    finds: BTreeSet<Job>,
}

impl Transfers {
    pub(crate) fn new() -> Self {
        Self {
            sending: Vec::new(),
            receiving: Vec::new(),
            number: 0,
            job: 0,
            outbox: Outbox::default(),
            offers: BTreeMap::new(),
            finds: BTreeSet::new(),
        }
    }

    /// `@send`.
    pub(crate) fn send(&mut self, to: &MemberId, path: &str) {
        if self.is_full() {
            let text =
                format!("{path}: {TRANSFERS} files are on their way already; wait for one of them");
            self.outbox.complain(text);
            return;
        }
        self.number += 1;
        let job = self.next_job();
        let sending = Sending::new(to.clone(), self.number, job, path, &mut self.outbox);
        self.sending.push(sending);
    }

    /// `@accept`: all that a peer offers, or what is called so.
    pub(crate) fn accept(&mut self, from: &MemberId, name: Option<&str>) {
        self.decide(from, name, Receiving::accept);
    }

    /// `@refuse`, likewise.
    pub(crate) fn refuse(&mut self, from: &MemberId, name: Option<&str>) {
        self.decide(from, name, Receiving::refuse);
    }

    fn decide(
        &mut self,
        from: &MemberId,
        name: Option<&str>,
        decision: fn(&mut Receiving, &mut Outbox),
    ) {
        let offers = self
            .receiving
            .iter_mut()
            .filter(|file| file.is_from(from) && file.is_offered(name));
        let count = offers.map(|file| decision(file, &mut self.outbox)).count();
        if count == 0 {
            self.outbox.complain(match name {
                Some(name) => format!("{from} offers no file called {name}"),
                None => format!("{from} offers no file"),
            });
        } else {
            // The user deals with this peer, and may want its next ones, too.
            self.offers.remove(from);
        }
    }

    /// A record of one of [`KINDS`]; `key`: the peer's.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn handle_record(
        &mut self,
        now: Instant,
        from: &MemberId,
        key: &PublicKey,
        kind: u8,
        body: &[u8],
    ) -> Result<(), Malformed> {
        let (number, record) = Record::decode(kind, body)?;
        match record {
            Record::Offer {
                len,
                modified,
                name,
            } => {
                let offer = Offer {
                    from,
                    key,
                    number,
                    name,
                    len,
                    modified,
                };
                self.offered(now, offer);
            }
            Record::Accept { .. } | Record::Done { .. } | Record::Stop(_) => {
                if let Some(file) = self.sending.iter_mut().find(|file| file.is(from, number)) {
                    file.handle_record(record, &mut self.outbox);
                } else if matches!(record, Record::Accept { .. }) {
                    // We have given it up, and the peer has not heard of that.
                    let withdrawn = Record::Withdraw(Why::Broken);
                    self.outbox.tell(from, number, withdrawn);
                }
            }
            Record::Begin { .. } | Record::End { .. } | Record::Withdraw(_) => {
                if let Some(file) = self.receiving.iter_mut().find(|file| file.is(from, number)) {
                    file.handle_record(record, &mut self.outbox);
                }
            }
        }
        Ok(())
    }

    fn offered(&mut self, now: Instant, offer: Offer<'_>) {
        let refusal = if self.may_offer(now, offer.from) {
            self.refusal(&offer)
        } else {
            Some(Why::TooMany)
        };
        if let Some(why) = refusal {
            self.outbox
                .tell(offer.from, offer.number, Record::Stop(why));
            return;
        }
        let job = self.next_job();
        self.finds.insert(job);
        let receiving = Receiving::new(offer, job, &mut self.outbox);
        self.receiving.push(receiving);
    }

    /// Whether a peer's offer is looked at. What is refused here is not even shown.
    fn may_offer(&mut self, now: Instant, from: &MemberId) -> bool {
        if self.offers.len() >= OFFERERS && !self.offers.contains_key(from) {
            self.offers.pop_first();
        }
        let bucket = self
            .offers
            .entry(from.clone())
            .or_insert_with(|| Bucket::new(OFFER_BURST, OFFER_INTERVAL));
        bucket.take(now) && self.finds.len() < FINDS
    }

    /// Why an offer cannot be taken; one before it that is of the same part gives way.
    fn refusal(&mut self, offer: &Offer<'_>) -> Option<Why> {
        if self
            .receiving
            .iter()
            .any(|file| file.is(offer.from, offer.number))
        {
            return Some(Why::Broken);
        }
        let safe = name::safe(offer.name);
        let part = name::part(&safe, offer.key, offer.len, offer.modified);
        if let Some(file) = self
            .receiving
            .iter_mut()
            .find(|file| file.is_of_part(&part))
        {
            if file.is_finishing() {
                return Some(Why::Already);
            }
            // The sender may have given it up without our hearing of it.
            file.give_way(&mut self.outbox);
        }
        let files = self
            .receiving
            .iter()
            .filter(|file| file.is_from(offer.from));
        let undecided = files.filter(|file| file.is_undecided()).count();
        (self.is_full() || undecided >= OFFERS).then_some(Why::TooMany)
    }

    /// The disk's answer to a request.
    pub(crate) fn handle_reply(&mut self, reply: FileReply) {
        let job = reply.job();
        self.finds.remove(&job);
        if let Some(file) = self.sending.iter_mut().find(|file| file.job() == job) {
            file.handle_reply(reply, &mut self.outbox);
        } else if let Some(file) = self.receiving.iter_mut().find(|file| file.job() == job) {
            file.handle_reply(reply, &mut self.outbox);
        }
        self.sending.retain(|file| !file.is_forgotten());
    }

    /// Somebody whose connection is to be lent to [`Self::drive`]; made, if there is none.
    pub(crate) fn poll_peer(&mut self) -> Option<MemberId> {
        self.outbox.pop_peer()
    }

    /// Moves bytes and records between files and a peer's connection: after [`Self::poll_peer`], and when something
    /// has happened in one of the connection's channels other than 0.
    pub(crate) fn drive(&mut self, now: Instant, peer: &MemberId, connection: &mut Connection) {
        // A channel is open before the peer learns of it.
        for file in self.sending.iter_mut().filter(|file| file.is_to(peer)) {
            file.drive(now, connection, &mut self.outbox);
        }
        for file in self.receiving.iter_mut().filter(|file| file.is_from(peer)) {
            file.drive(now, connection, &mut self.outbox);
        }
        if let Some(records) = self.outbox.records_for(peer) {
            if self
                .outbox
                .may_write(peer, &records, connection.unsent(CHAT))
            {
                connection.write(CHAT, &records);
            } else {
                self.end_all(peer, "the other side confirms nothing", Some(connection));
            }
        }
        self.sending
            .retain(|file| !file.is_over() || !file.is_to(peer));
        self.receiving
            .retain(|file| !file.is_over() || !file.is_from(peer));
    }

    /// Nothing of what was agreed upon with a peer holds any more. `connection`: the old one, if it is used further.
    pub(crate) fn gone(
        &mut self,
        peer: &MemberId,
        reason: &str,
        connection: Option<&mut Connection>,
    ) {
        self.end_all(peer, reason, connection);
        self.outbox.renew(peer);
    }

    fn end_all(&mut self, peer: &MemberId, reason: &str, mut connection: Option<&mut Connection>) {
        for file in self.sending.iter_mut().filter(|file| file.is_to(peer)) {
            file.abandon(reason, connection.as_deref_mut(), &mut self.outbox);
        }
        for file in self.receiving.iter_mut().filter(|file| file.is_from(peer)) {
            file.abandon(reason, connection.as_deref_mut(), &mut self.outbox);
        }
        self.sending.retain(|file| !file.is_to(peer));
        self.receiving.retain(|file| !file.is_from(peer));
        self.outbox.forget(peer);
    }

    /// The program ends: the peers are told, the files closed.
    pub(crate) fn leave(&mut self) {
        for file in &mut self.sending {
            file.fail(Why::Leaving, "we left", &mut self.outbox);
        }
        for file in &mut self.receiving {
            file.fail(Why::Leaving, "we left", &mut self.outbox);
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// Whether files are on their way, with this peer or with any, or are offered by us. What others offer does not count
    /// until it is accepted.
    pub(crate) fn is_moving(&self, with: Option<&MemberId>) -> bool {
        let is_sent = |file: &Sending| with.is_none_or(|peer| file.is_to(peer));
        let is_received =
            |file: &Receiving| !file.is_undecided() && with.is_none_or(|peer| file.is_from(peer));
        self.sending.iter().any(is_sent) || self.receiving.iter().any(is_received)
    }

    /// Whether there are any, offers included.
    #[cfg(test)]
    pub(crate) fn is_busy(&self) -> bool {
        !self.sending.is_empty() || !self.receiving.is_empty()
    }

    fn is_full(&self) -> bool {
        self.sending.len() + self.receiving.len() >= TRANSFERS
    }

    fn next_job(&mut self) -> Job {
        self.job += 1;
        Job(self.job)
    }
}
