//! Who comes and goes, as numbered changes, and who is told of them.
//!
//! ```text
//!   here, gone ──► pending ── 50 ms ──► published, numbered ──► log of 4,096 ──► pushed to all who are told
//!                                                                    │             again after 300 ms and 1 s
//!                                                                    └─► Sync      to those who have not seen them
//! ```
//!
//! The first change after a quiet time is published at once, since somebody may be waiting for it; what follows is
//! gathered for 50 ms, and what happens to a member meanwhile is one change. Nothing is told by any number before it
//! is published, so a change is never altered once somebody may have it. Who has lost more than the log holds is
//! given the list in pages instead ([`super::members`]). At most [`TOLD`] are told; the others ask for whom they
//! need.
//!
//! One member alone does not keep the others busy: what happens to it after [`MEMBER_BURST`] changes is one change a
//! second, with what it is then. That it went is told at once.
//!
//! The numbers go on behind those of earlier runs of the server ([`first_number`]), so that nobody takes what it has
//! seen of an earlier run for what is in this one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::crypto::mac::TAG_LEN;
use crate::rendezvous::limits::{Bucket, Rate};
use crate::rendezvous::member::UNTOLD;
use crate::wire::DATAGRAM_LEN;
use crate::wire::from_server::{Departure, PRESENCE_HEAD_LEN, Presence as Frame, Span};

/// How many may be told of presence: a change is that many datagrams.
pub(crate) const TOLD: usize = 4_096;

/// How far apart changes are published: what comes meanwhile is gathered.
const GATHER: Duration = Duration::from_millis(50);

/// When those who have not seen a change are told again: past the round trip and the confirmation of nearly everybody,
/// and once more for who lost that one. Then each keep-alive shows whether something is missing.
const AGAIN: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// Changes that are kept: at 50 ms a change, what a client misses in three minutes.
const LOG: usize = 4_096;

/// Changes that wait to be published; one more publishes them at once, and pushes them to nobody: so many at a time are
/// found out of by the next keep-alive.
pub(crate) const PENDING: usize = 1_024;

/// Datagrams a second that changes are pushed with, repeats included; a third of what a core can do. Beyond it they are
/// published further apart, whoever makes them.
const PUSHES: u32 = 100_000;

/// Changes of one member at once: it comes, finds out where it may be reached, and moves a time or two.
const MEMBER_BURST: u64 = 5;
/// And then one in each of these.
const MEMBER_PACE: Duration = Duration::from_secs(1);

/// Datagrams for one member in one push. Who misses more asks for them.
const PUSH: usize = 8;

/// Datagrams that answer one Sync.
const SYNC: usize = 4;

/// What changes take in a datagram.
pub(crate) const ROOM: usize = DATAGRAM_LEN - PRESENCE_HEAD_LEN - TAG_LEN;

fn member_rate() -> Rate {
    Rate::new(1, MEMBER_PACE, MEMBER_BURST)
}

/// The number before the first change of a run.
pub(crate) fn first_number(epoch: u32) -> u64 {
    u64::from(epoch) << 40
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It came, or is elsewhere.
    Here,
    /// It went.
    Gone(Departure),
}

/// The changes and those who are told of them. Times are since the start of the server.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    published: u64,
    /// When changes may be published next.
    open_at: Duration,
    /// As written on the wire; the last one is the change `published`.
    log: VecDeque<Box<[u8]>>,
    pending: Pending,
    paces: Paces,
    /// Who changed too often lately, and when that may be published.
    late: BTreeSet<(Duration, u64)>,
    told: Vec<Option<Told>>,
    free: Vec<u16>,
    jobs: VecDeque<Job>,
    /// For each of [`AGAIN`]: when, and up to which change.
    waves: [VecDeque<(Duration, u64)>; AGAIN.len()],
    packed: Packed,
}

#[derive(Debug, Default)]
struct Pending {
    /// In the order in which something first happened to them.
    fates: Vec<(u64, Fate)>,
    places: BTreeMap<u64, usize>,
    due: Option<Duration>,
}

/// How much each member has changed lately. Who has not for as long as an empty bucket takes to fill is forgotten.
#[derive(Debug, Default)]
struct Paces {
    now: BTreeMap<u64, Bucket>,
    before: BTreeMap<u64, Bucket>,
    turn: Duration,
}

impl Paces {
    fn of(&mut self, member: u64, now: Duration) -> &mut Bucket {
        let full = MEMBER_PACE * u32::try_from(MEMBER_BURST).expect("few");
        if now >= self.turn {
            self.before = std::mem::take(&mut self.now);
            self.turn = now + full;
        }
        let known = self.before.remove(&member).unwrap_or_default();
        self.now.entry(member).or_insert(known)
    }
}

/// Somebody who is told.
#[derive(Debug)]
struct Told {
    member: u64,
    /// The last change that it has confirmed, or that it was told of when it came.
    seen: u64,
}

/// Changes on their way to everybody, a slice at a time.
#[derive(Debug)]
struct Job {
    /// The first change, for all; `None`: for each what it has not seen.
    first: Option<u64>,
    last: u64,
    /// Who is next.
    next: usize,
}

/// The same changes are told to many: they are packed once.
#[derive(Debug, Default)]
struct Packed {
    first: u64,
    last: u64,
    frames: Vec<Vec<u8>>,
}

impl Presence {
    pub(crate) fn new(epoch: u32) -> Self {
        Self {
            published: first_number(epoch),
            ..Self::default()
        }
    }

    /// The last change that anybody can know.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// Something happened to a member.
    pub(crate) fn note(&mut self, member: u64, fate: Fate, now: Duration) {
        if let Some(&place) = self.pending.places.get(&member) {
            self.pending.fates[place].1 = fate;
            return;
        }
        let rate = member_rate();
        let bucket = self.paces.of(member, now);
        let late = (bucket.next(rate), member);
        self.late.remove(&late);
        if fate == Fate::Here && !bucket.take(rate, now) {
            self.late.insert(late);
            return;
        }
        self.publish_soon(member, fate, now);
    }

    fn publish_soon(&mut self, member: u64, fate: Fate, now: Duration) {
        let pending = &mut self.pending;
        pending.places.insert(member, pending.fates.len());
        pending.fates.push((member, fate));
        let is_crowd = pending.fates.len() > PENDING;
        pending.due = Some(if is_crowd { now } else { now.max(self.open_at) });
    }

    /// Has those published who have waited long enough since their last change.
    fn ripen(&mut self, now: Duration) {
        while let Some(&(at, member)) = self.late.first() {
            if at > now {
                return;
            }
            self.late.pop_first();
            self.note(member, Fate::Here, now);
        }
    }

    /// Whatever waits is to be published at the next look.
    pub(crate) fn hasten(&mut self) {
        for (_, member) in std::mem::take(&mut self.late) {
            self.publish_soon(member, Fate::Here, Duration::ZERO);
        }
        self.pending.due = self.pending.due.map(|_| Duration::ZERO);
    }

    /// What is to be published now: each is to be given to [`Self::publish`], and then [`Self::push`] be called.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<Vec<(u64, Fate)>> {
        self.ripen(now);
        self.pending.due.filter(|&due| due <= now)?;
        let pending = std::mem::take(&mut self.pending);
        Some(pending.fates)
    }

    /// Numbers a change, as written on the wire.
    pub(crate) fn publish(&mut self, change: &[u8]) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(change.into());
        self.published += 1;
    }

    /// Has the last `count` changes told to everybody, now and to some again.
    pub(crate) fn push(&mut self, count: usize, now: Duration) {
        self.open_at = now + GATHER;
        if count == 0 || count > PENDING {
            return;
        }
        let last = self.published;
        let first = last + 1 - count as u64;
        self.pack(first, last);
        let datagrams =
            self.packed.frames.len() * (self.told.len() - self.free.len()) * (1 + AGAIN.len());
        let datagrams = u32::try_from(datagrams).unwrap_or(u32::MAX);
        self.open_at = now + GATHER.max(Duration::from_secs(1) * datagrams / PUSHES);
        self.jobs.push_back(Job {
            first: Some(first),
            last,
            next: 0,
        });
        for (wave, after) in self.waves.iter_mut().zip(AGAIN) {
            wave.push_back((now + after, last));
        }
    }

    /// Has a member told of changes from now on; [`UNTOLD`] if too many are.
    pub(crate) fn tell(&mut self, member: u64) -> u16 {
        let told = Told {
            member,
            seen: self.published,
        };
        if let Some(slot) = self.free.pop() {
            self.told[usize::from(slot)] = Some(told);
            return slot;
        }
        if self.told.len() == TOLD {
            return UNTOLD;
        }
        self.told.push(Some(told));
        u16::try_from(self.told.len() - 1).expect("no more than TOLD")
    }

    /// Not any more.
    pub(crate) fn forget(&mut self, slot: u16) {
        let told = self.told.get_mut(usize::from(slot));
        if told.and_then(Option::take).is_some() {
            self.free.push(slot);
        }
    }

    /// A member has seen all changes up to this one, it says.
    pub(crate) fn saw(&mut self, slot: u16, seen: u64) {
        if let Some(Some(told)) = self.told.get_mut(usize::from(slot)) {
            told.seen = told.seen.max(seen.min(self.published));
        }
    }

    /// When something is to be done next.
    pub(crate) fn next(&self) -> Option<Duration> {
        let waves = self.waves.iter().filter_map(|wave| wave.front());
        let waves = waves.map(|&(at, _)| at);
        let late = self.late.first().map(|&(at, _)| at);
        waves.chain(self.pending.due).chain(late).min()
    }

    /// Begins telling those again whose time it is.
    pub(crate) fn begin_waves(&mut self, now: Duration) {
        for wave in &mut self.waves {
            let mut last = None;
            while let Some((_, upto)) = wave.pop_front_if(|(at, _)| *at <= now) {
                last = Some(upto);
            }
            self.jobs.extend(last.map(|last| Job {
                first: None,
                last,
                next: 0,
            }));
        }
    }

    /// Whether somebody is to be told something.
    pub(crate) fn has_work(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Tells the next `most` of those who are to be told something: member, and the frame without its tag. Whether
    /// there are more.
    pub(crate) fn work(&mut self, most: usize, mut send: impl FnMut(u64, &[u8])) -> bool {
        let Some(mut job) = self.jobs.pop_front() else {
            return false;
        };
        let end = self.told.len().min(job.next + most);
        for slot in job.next..end {
            let Some(told) = &self.told[slot] else {
                continue;
            };
            let (member, first) = (told.member, job.first.unwrap_or(told.seen + 1));
            if first <= job.last && self.pack(first, job.last) {
                for frame in &self.packed.frames {
                    send(member, frame);
                }
            }
        }
        job.next = end;
        if end < self.told.len() {
            self.jobs.push_front(job);
        }
        !self.jobs.is_empty()
    }

    /// The frames that bring somebody who knows all changes up to `have` further; `None` if the log is too short, or
    /// there never was such a change.
    pub(crate) fn since(&mut self, have: u64) -> Option<&[Vec<u8>]> {
        if have > self.published || !self.pack(have + 1, self.published) {
            return None;
        }
        let frames = self.packed.frames.len().min(SYNC);
        Some(&self.packed.frames[..frames])
    }

    /// Packs changes into frames; false if the log does not have them all.
    fn pack(&mut self, first: u64, last: u64) -> bool {
        let oldest = self.published + 1 - self.log.len() as u64;
        if first < oldest || last > self.published {
            return false;
        }
        if (self.packed.first, self.packed.last) == (first, last) {
            return true;
        }
        self.packed = Packed {
            first,
            last,
            frames: Vec::new(),
        };
        let start = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        let count = usize::try_from(last + 1 - first).unwrap_or(0);
        let mut changes = self.log.iter().skip(start).take(count).peekable();
        let mut at = first;
        while changes.peek().is_some() && self.packed.frames.len() < PUSH {
            let mut written = Vec::with_capacity(ROOM);
            let mut taken = 0;
            while let Some(change) =
                changes.next_if(|change| taken == 0 || written.len() + change.len() <= ROOM)
            {
                written.extend_from_slice(change);
                taken += 1;
            }
            let span = Span::Changes {
                first: at,
                last: at + u64::from(taken) - 1,
            };
            let mut frame = Vec::with_capacity(DATAGRAM_LEN);
            Frame::encode_written(&span, taken, &written, &mut frame);
            self.packed.frames.push(frame);
            at += u64::from(taken);
        }
        true
    }
}
