//! One event loop: it accepts connections, gives each its turn when something happens, and ends those whose time is
//! over.
//!
//! ```text
//! loop { wait for events, until the next deadline
//!        take messages · accept · a turn for each connection that woke or wants another · deadlines }
//! ```
//!
//! Sockets are watched edge-triggered, once and for both directions: a connection asks for nothing while it waits, and
//! has further turns, with the others between them, until its socket has no more to give or to take. Nothing is shared with other workers but the
//! pool, the log's writer and the counters, each met off the path of an ordinary request.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustls::ServerConfig;

use crate::respond::job::Job;
use crate::server::entrance::{AtDoor, Entrance, FIRST_DOOR, Visitor};
use crate::server::kit::Kit;
use crate::server::listen::{Door, Visitors};
use crate::server::peer::Peer;
use crate::server::places::Places;
use crate::server::pool::{Desk, Handed, Inbox, Message};
use crate::server::slab::{Slab, Token};
use crate::server::stream::{self, Stream};
use crate::server::timers::{Timers, Wait};
use crate::server::turn::{Due, Turn};

/// Events taken from the system at once.
const EVENTS: usize = 256;

/// Connections accepted before others have their turn.
const ACCEPTED: usize = 64;

/// How often so many are accepted when the server stops: as many in all as the system lets wait.
const STOP_ROUNDS: usize = 64;

/// How old the time of day may be that replies are dated with, in milliseconds.
const WALL_MS: u64 = 10;

/// What events of the inbox are told by. Connections are far fewer than would have such a number.
const BELL: u64 = u64::MAX;

/// What a worker is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Its number among the workers.
    pub(crate) number: usize,
    /// Where connections come from.
    pub(crate) doors: Vec<Door>,
    /// Where other threads leave messages.
    pub(crate) inbox: Inbox,
    /// Where it hands in jobs.
    pub(crate) desk: Desk,
    /// The deadlines of its connections.
    pub(crate) timers: Timers,
    /// What its connections use.
    pub(crate) kit: Kit,
    /// With what connections are encrypted.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Connections that all workers together may have.
    pub(crate) places: Places,
}

/// An event loop and its connections.
#[derive(Debug)]
pub(crate) struct Worker {
    parts: Parts,
    epoll: OwnedFd,
    entrance: Entrance,
    peers: Slab<Peer>,
    /// Those that want a turn although nothing happened.
    ready: VecDeque<Token>,
    /// Jobs under way, and who waits for them.
    jobs: HashMap<(usize, Box<[u8]>), Vec<Token>>,
    began: Instant,
    /// When the time of day is read next.
    wall_due: u64,
    /// When the connections that are left are cut, once the server stops.
    cut_at: Option<u64>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Next,
    Last,
}

impl Worker {
    pub(crate) fn new(mut parts: Parts) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            parts.inbox.bell(),
            EventData::new_u64(BELL),
            EventFlags::IN,
        )?;
        let entrance = Entrance::open(std::mem::take(&mut parts.doors), &epoll)?;
        Ok(Self {
            epoll,
            entrance,
            peers: Slab::new(),
            ready: VecDeque::new(),
            jobs: HashMap::new(),
            began: parts.kit.clock.now(),
            wall_due: 0,
            cut_at: None,
            parts,
        })
    }

    /// Runs until the server stops.
    ///
    /// # Errors
    /// If the system no longer tells of events.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                timeout.as_ref(),
            ) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.tick();
            if self.round(&events) == Round::Last {
                self.give_up();
                return Ok(());
            }
        }
    }

    fn round(&mut self, events: &[Event]) -> Round {
        for event in events {
            match event.data.u64() {
                BELL => {
                    if self.take_messages() == Round::Last {
                        return Round::Last;
                    }
                }
                data if data >= FIRST_DOOR => {
                    self.accept(usize::try_from(data - FIRST_DOOR).unwrap_or(usize::MAX));
                }
                data => {
                    let token = Token::from_bits(data);
                    if let Some(peer) = self.peers.get_mut(token) {
                        let gone = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                        let flags = event.flags;
                        peer.wake(flags.intersects(gone));
                        // One that waits for its turn anyhow does not get another before the others.
                        if !peer.queued {
                            self.turn(token);
                        }
                    }
                }
            }
        }
        // Those that want yet another turn get it in the next round.
        for _ in 0..self.ready.len() {
            if let Some(token) = self.ready.pop_front()
                && let Some(peer) = self.peers.get_mut(token)
            {
                peer.queued = false;
                self.turn(token);
            }
        }
        self.expire();
        self.parts.kit.log.turn_ended(self.parts.kit.now.ms);
        self.entrance.reopen(&self.epoll, self.parts.kit.now.ms);
        match self.cut_at {
            Some(_) if self.peers.is_empty() => Round::Last,
            Some(at) if self.parts.kit.now.ms >= at => Round::Last,
            _ => Round::Next,
        }
    }

    /// How long there is nothing to do unless something happens.
    fn timeout(&self) -> Option<Timespec> {
        if !self.ready.is_empty() {
            return Some(Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            });
        }
        let due = [
            self.parts.timers.next(),
            self.parts.kit.log.due(),
            self.entrance.reopens_at(),
            self.cut_at,
        ];
        let next = due.into_iter().flatten().min()?;
        let now = self.parts.kit.now.ms;
        Timespec::try_from(std::time::Duration::from_millis(next.saturating_sub(now))).ok()
    }

    fn since_began(&self) -> u64 {
        let elapsed = self
            .parts
            .kit
            .clock
            .now()
            .saturating_duration_since(self.began);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    fn tick(&mut self) {
        let ms = self.since_began();
        let kit = &mut self.parts.kit;
        kit.now.ms = ms;
        if ms >= self.wall_due {
            self.wall_due = ms + WALL_MS;
            let wall = kit.clock.wall();
            kit.now.wall_nanos = nanos(wall);
            kit.responder.tick(kit.now);
            kit.log.tick(wall);
            kit.metrics.looked_up(kit.responder.lookups());
        }
    }

    /// Gives a connection its turn, and sees to what it wants then.
    fn turn(&mut self, token: Token) {
        let Some(peer) = self.peers.get_mut(token) else {
            return;
        };
        let turn = peer.turn(&mut self.parts.kit);
        self.after(token, turn);
    }

    fn after(&mut self, token: Token, turn: Turn) {
        match turn {
            Turn::Wait(due) => {
                self.set_deadline(token, due);
                self.watch(token);
            }
            Turn::Again(due) => {
                self.set_deadline(token, due);
                self.queue(token);
                self.watch(token);
            }
            Turn::Job(job) => {
                self.parts.timers.clear(token.index);
                self.watch(token);
                self.hand_in(token, job);
            }
            Turn::Asleep => {}
            Turn::End => self.end(token),
        }
    }

    /// Sees to it that a connection has a turn in the next round.
    fn queue(&mut self, token: Token) {
        if let Some(peer) = self.peers.get_mut(token).filter(|peer| !peer.queued) {
            peer.queued = true;
            self.ready.push_back(token);
        }
    }

    fn set_deadline(&mut self, token: Token, due: Due) {
        let timers = &mut self.parts.timers;
        match due {
            Due::Still(wait) if timers.waits_for(token.index) == Some(wait) => {}
            Due::Still(wait) | Due::Anew(wait) => {
                timers.set(token.index, wait, self.parts.kit.now.ms)
            }
        }
    }

    /// Has the system tell of what happens on a connection from now on. One that ends with its first turn is never
    /// watched, which saves a call.
    fn watch(&mut self, token: Token) {
        let Some(peer) = self.peers.get_mut(token) else {
            return;
        };
        if peer.watched {
            return;
        }
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        match epoll::add(
            &self.epoll,
            peer.fd(),
            EventData::new_u64(token.to_bits()),
            flags,
        ) {
            Ok(()) => peer.watched = true,
            Err(_) => self.end(token),
        }
    }

    fn end(&mut self, token: Token) {
        if let Some(mut peer) = self.peers.remove(token) {
            peer.say_farewell();
            self.parts.timers.clear(token.index);
            self.parts.kit.metrics.closed();
            self.parts.places.leave();
            self.entrance.left();
        }
    }

    /// Takes in those who are at a door; not more of them than is fair to those inside. Tells how many.
    fn accept(&mut self, number: usize) -> usize {
        for count in 0..ACCEPTED {
            let is_public = self.entrance.visitors(number) == Some(Visitors::Public);
            if is_public && self.parts.places.are_taken() {
                self.parts.kit.metrics.full();
                let now = self.parts.kit.now.ms;
                self.entrance.is_full(&self.epoll, now);
                return count;
            }
            match self.entrance.next(number, self.parts.kit.log.is_on()) {
                AtDoor::Visitor(visitor) => self.welcome(visitor),
                AtDoor::Nobody => return count,
                AtDoor::NoRoom => {
                    self.parts.kit.metrics.full();
                    let is_encrypted = self.parts.tls.is_some();
                    let now = self.parts.kit.now.ms;
                    self.entrance
                        .turn_away(number, is_encrypted, &self.epoll, now);
                    return count;
                }
            }
        }
        ACCEPTED
    }

    fn welcome(&mut self, Visitor { fd, client, kind }: Visitor) {
        let tls = match (&self.parts.tls, kind) {
            (Some(config), Visitors::Public) => match stream::encrypted(config) {
                Some(tls) => Some(tls),
                None => return,
            },
            (None, _) | (Some(_), Visitors::Admin) => None,
        };
        self.parts.kit.metrics.accepted();
        self.parts.places.take();
        let peer = Peer::new(Stream::new(fd, tls), client, kind);
        let token = self.peers.insert(peer);
        // Its first request has come with it, most of the time.
        self.turn(token);
    }

    fn hand_in(&mut self, token: Token, job: Box<Job>) {
        let key = (job.site, job.key.clone());
        if let Some(waiting) = self.jobs.get_mut(&key) {
            waiting.push(token);
            return;
        }
        match self.parts.desk.hand_in(job, self.parts.number) {
            Handed::In => {
                self.jobs.insert(key, vec![token]);
            }
            // Its turn comes with the others': it may ask for the next job right away.
            Handed::Back => {
                if let Some(peer) = self.peers.get_mut(token) {
                    peer.resume(Handed::Back);
                    self.queue(token);
                }
            }
        }
    }

    /// Gives a connection its turn that has waited for a job.
    fn resume(&mut self, token: Token, outcome: Handed) {
        if let Some(peer) = self.peers.get_mut(token) {
            peer.resume(outcome);
            self.turn(token);
        }
    }

    fn take_messages(&mut self) -> Round {
        for message in self.parts.inbox.take() {
            match message {
                Message::Done(done) => {
                    let key = (done.site, done.key.clone());
                    let waiting = self.jobs.remove(&key).unwrap_or_default();
                    self.parts.kit.responder.done(*done, self.parts.kit.now);
                    for token in waiting {
                        self.resume(token, Handed::In);
                    }
                    self.parts.kit.responder.let_go();
                }
                Message::Certificates(config) => self.parts.tls = Some(config),
                Message::Stop => self.stop(),
                Message::Cut => return Round::Last,
            }
        }
        Round::Next
    }

    /// Takes in who has come already, closes the doors, and lets go of everyone who waits for nothing.
    fn stop(&mut self) {
        let kit = &mut self.parts.kit;
        kit.stopping = true;
        let drain = u64::try_from(kit.limits.drain.as_millis()).unwrap_or(u64::MAX);
        self.cut_at = Some(kit.now.ms.saturating_add(drain));
        for number in 0..self.entrance.len() {
            for _ in 0..STOP_ROUNDS {
                if self.accept(number) < ACCEPTED {
                    break;
                }
            }
        }
        self.entrance.shut(&self.epoll);
        for token in self.peers.tokens() {
            if let Some(peer) = self.peers.get_mut(token).filter(|peer| peer.is_idle()) {
                // What has come meanwhile is answered.
                peer.wake(false);
                self.turn(token);
            }
            if self.peers.get_mut(token).is_some_and(|peer| peer.is_idle()) {
                self.end(token);
            }
        }
    }

    /// Lets go of everyone, and writes down what they were sent.
    fn give_up(&mut self) {
        for token in self.peers.tokens() {
            if let Some(mut peer) = self.peers.remove(token) {
                peer.give_up(&mut self.parts.kit);
            }
        }
        self.parts.kit.log.flush();
    }

    fn expire(&mut self) {
        let now = self.parts.kit.now.ms;
        while let Some((index, wait)) = self.parts.timers.expired(now) {
            let Some(token) = self.peers.token_at(index) else {
                continue;
            };
            let Some(peer) = self.peers.get_mut(token) else {
                continue;
            };
            let kit = &mut self.parts.kit;
            let turn = match wait {
                Wait::Idle | Wait::Linger => Turn::End,
                Wait::Head | Wait::Body => {
                    kit.metrics.timed_out();
                    peer.time_out(kit)
                }
                Wait::Write if peer.keeps_up(&kit.limits, now) => {
                    Turn::Wait(Due::Anew(Wait::Write))
                }
                Wait::Write => {
                    kit.metrics.timed_out();
                    peer.cut(kit);
                    Turn::End
                }
            };
            self.after(token, turn);
        }
    }
}

fn nanos(time: std::time::SystemTime) -> i128 {
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
    }
}
