//! What comes from the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::event::Event;
use crate::client::home::alive::KeepAlive;
use crate::client::home::greeting::Greeting;
use crate::client::home::link::Link;
use crate::client::home::machine::{Home, INCARNATION_MOST, Keys, LEAVE_AGAIN, Session};
use crate::client::home::observe::Observer;
use crate::client::home::output::Output;
use crate::client::home::own::Changed;
use crate::client::home::recent::Recent;
use crate::client::io::Farewell;
use crate::crypto::identity::PublicKey;
use crate::crypto::mac::{MacKey, Purpose};
use crate::name::MemberId;
use crate::wire::from_server::{Ending, Entry, FromServer, Presence, Refusal};
use crate::wire::reach::Mapping;
use crate::wire::to_server::Cookie;

/// A Register that was refused for a reason that may pass is said again after this.
const REFUSED_AGAIN: Duration = Duration::from_secs(30);
/// The same, where the server has too much to do.
const BUSY_AGAIN: Duration = Duration::from_secs(5);
/// A server that shuts down may be started again: it is greeted after this.
const CLOSED_AGAIN: Duration = Duration::from_millis(500);
/// What makes us greet anew, and cannot prove that it is the server's, does so at most this often.
const HINT_AGAIN: Duration = Duration::from_secs(1);
/// An answer to what was said so many counters ago is none.
const RECENT: u64 = 64;
/// The most lines of older clients held back until the roster tells whose they are.
const HELD: usize = 64;
/// Probe ports that never answer are asked so many times four times.
const OBSERVATIONS: u8 = 6;

/// What comes.
impl Home {
    pub(crate) fn handle_frame(&mut self, now: Instant, by: Link, bytes: &[u8]) {
        if self.has_ended {
            return;
        }
        let is_tagged = FromServer::is_tagged(bytes);
        let body = if is_tagged {
            self.keys.as_ref().and_then(|keys| keys.back.open(bytes))
        } else {
            Some(bytes)
        };
        let Some(Ok(frame)) = body.map(FromServer::decode) else {
            return;
        };
        if is_tagged {
            self.handle_authentic(now, by, frame);
        } else {
            self.handle_hint(now, by, frame);
        }
    }

    pub(crate) fn handle_authentic(&mut self, now: Instant, by: Link, frame: FromServer) {
        match frame {
            FromServer::Registered {
                nonce,
                member,
                incarnation,
                reflexive,
                presence,
                probe_ports,
            } => {
                let link = self.greeting.as_ref().and_then(Greeting::registering);
                let Some(link) = link.filter(|_| nonce == self.nonce) else {
                    return;
                };
                self.incarnation = incarnation.min(INCARNATION_MOST);
                self.joined(now, member, link, probe_ports);
                let reflexive = (link != Link::Tcp).then_some(reflexive);
                self.seen_as(now, reflexive);
                self.follow.start(now, presence);
            }
            FromServer::Alive {
                counter,
                presence,
                reflexive,
            } => {
                self.alive_answered(now, by, counter, reflexive);
                self.letters.confirmed(now, counter);
                if self.session.is_some() && self.is_recent(counter) {
                    self.follow.told(now, presence);
                }
            }
            FromServer::Presence(presence) => self.presence(now, presence),
            FromServer::Found { id, entry } => self.found(id, entry),
            FromServer::Older {
                to,
                serial,
                from,
                text,
            } => {
                let session = self.session.as_mut().filter(|session| session.member == to);
                if session.is_some_and(|session| session.older.take(serial)) {
                    self.hold(now, from, text);
                }
            }
            FromServer::Ended { member, reason } if self.member() == Some(member) => {
                self.over(now, reason);
            }
            // Endings of others than us, and what carries no tag.
            FromServer::Ended { .. }
            | FromServer::Challenge { .. }
            | FromServer::Refused { .. }
            | FromServer::Moved { .. }
            | FromServer::Unknown { .. }
            | FromServer::Again
            | FromServer::Observed { .. } => {}
        }
    }

    pub(crate) fn handle_hint(&mut self, now: Instant, by: Link, frame: FromServer) {
        if let (FromServer::Observed { nonce, addr }, Link::Udp(from)) = (&frame, by) {
            self.observed(from, *nonce, *addr);
            return;
        }
        let is_server = match by {
            Link::Udp(from) => self.is_server(from),
            Link::Tcp => true,
        };
        if !is_server {
            return;
        }
        match frame {
            FromServer::Challenge { nonce, cookie, key } => {
                self.challenged(now, by, nonce, cookie, PublicKey(key));
            }
            FromServer::Refused { nonce, reason } => {
                let mut greeting = self.greeting.iter();
                let is_ours =
                    nonce == self.nonce || greeting.any(|greeting| greeting.nonce == nonce);
                if is_ours && self.greeting.is_some() {
                    self.refused(now, reason);
                }
            }
            FromServer::Moved { counter, cookie } => {
                let is_recent = self.is_recent(counter);
                let mut alive = self.session.as_mut().map(|session| &mut session.alive);
                let is_taken = alive
                    .as_mut()
                    .is_some_and(|alive| is_recent && alive.takes_move());
                if is_taken {
                    self.say_alive(now, by, Some(cookie));
                }
            }
            FromServer::Unknown { counter } => self.unknown(now, counter),
            FromServer::Again if is_time(now, &mut self.next_again) => {
                if let Some(session) = &mut self.session {
                    session.alive.doubt(now);
                }
            }
            // Too soon again, and what carries a tag.
            FromServer::Again
            | FromServer::Observed { .. }
            | FromServer::Registered { .. }
            | FromServer::Alive { .. }
            | FromServer::Presence(_)
            | FromServer::Found { .. }
            | FromServer::Older { .. }
            | FromServer::Ended { .. } => {}
        }
    }

    pub(crate) fn challenged(
        &mut self,
        now: Instant,
        by: Link,
        nonce: u64,
        cookie: Cookie,
        key: PublicKey,
    ) {
        let Some(greeting) = self.greeting.as_mut() else {
            return;
        };
        if greeting.nonce != nonce || !greeting.takes_challenge(by) {
            return;
        }
        if self.pinned.is_some_and(|pinned| pinned != key) {
            greeting.wait(now + REFUSED_AGAIN);
            self.offered = Some(key);
            let event = self.troubles.other_key();
            self.show(event);
            return;
        }
        if self.keys.as_ref().is_none_or(|keys| keys.server != key) {
            let (there, back) = (Purpose::ToServer, Purpose::FromServer);
            let Some((there, back)) = MacKey::pair(&self.identity, &key, there, back) else {
                return;
            };
            let server = key;
            self.keys = Some(Keys {
                server,
                there,
                back,
            });
        }
        greeting.challenged(now, by, cookie);
    }

    pub(crate) fn joined(&mut self, now: Instant, member: u64, link: Link, probe_ports: Vec<u16>) {
        if self.pinned.is_none()
            && let Some(keys) = &self.keys
        {
            self.pinned = Some(keys.server);
            self.carrier.push(Output::Pin(keys.server));
        }
        self.greeting = None;
        self.carrier.works();
        if link != Link::Tcp {
            self.carrier.close();
        }
        // What was asked in the name of the former number is asked again in that of the new one.
        let older = match self.session.take() {
            Some(session) if session.member == member => session.older,
            _ => {
                self.letters.renumbered();
                Recent::default()
            }
        };
        self.session = Some(Session {
            member,
            link,
            alive: KeepAlive::new(now, link),
            probe_ports,
            observer: None,
            observations: OBSERVATIONS,
            older,
        });
        self.has_joined = true;
        self.server_answers();
        self.carrier.push(Output::Joined);
    }

    /// The server knows us: troubles are over.
    pub(crate) fn server_answers(&mut self) {
        if self.troubles.over() {
            let server = self.server();
            self.show(Some(Event::ServerBack(server)));
        }
    }

    pub(crate) fn refused(&mut self, now: Instant, reason: Refusal) {
        let Some(greeting) = &mut self.greeting else {
            return;
        };
        let (event, again) = match reason {
            Refusal::Cookie if greeting.registering().is_some() => {
                greeting.wait(now + LEAVE_AGAIN);
                return;
            }
            Refusal::Behind(known) if (self.incarnation..INCARNATION_MOST).contains(&known) => {
                self.incarnation = known + 1;
                greeting.register_again(now);
                return;
            }
            Refusal::Cookie | Refusal::Behind(_) => return,
            Refusal::Taken => (Event::Taken(self.id.clone()), REFUSED_AGAIN),
            Refusal::Full => (
                Event::Refused("it has no room for further members"),
                REFUSED_AGAIN,
            ),
            Refusal::Busy => {
                let reason = "too many join from this network at once";
                (Event::Refused(reason), BUSY_AGAIN)
            }
        };
        greeting.wait(now + again);
        let event = self.troubles.refused(event);
        self.show(event);
    }

    pub(crate) fn alive_answered(
        &mut self,
        now: Instant,
        by: Link,
        counter: u64,
        reflexive: SocketAddr,
    ) {
        let Some(session) = &mut self.session else {
            return;
        };
        let Some(sent) = session.alive.answered(now, counter) else {
            return;
        };
        // A member by TCP has found that UDP works: the server has its address from the cookie.
        if session.link == Link::Tcp && sent.has_cookie && by != Link::Tcp {
            session.link = by;
            session.alive.on_udp();
            self.carrier.close();
        }
        let is_udp = session.link != Link::Tcp;
        // The greeting was for the same server, which has not gone.
        let is_greeting = self
            .greeting
            .as_ref()
            .is_some_and(|it| it.registering().is_none());
        if is_greeting && sent.link == session.link {
            self.greeting = None;
            if is_udp {
                self.carrier.close();
            }
        }
        self.carrier.works();
        self.server_answers();
        self.own.heard(now);
        if is_udp && sent.link != Link::Tcp {
            self.seen_as(now, Some(reflexive));
        }
    }

    pub(crate) fn presence(&mut self, now: Instant, presence: Presence) {
        if let Some(session) = &mut self.session {
            session.alive.pushed(now);
            self.follow.apply(now, presence);
        }
    }

    pub(crate) fn found(&mut self, id: MemberId, entry: Option<Box<Entry>>) {
        if self.finding.remove(&id).is_none() {
            return;
        }
        if let Some(entry) = entry.filter(|entry| entry.id == id) {
            self.follow.found(*entry);
        }
        if self.follow.roster().get(&id).is_none() {
            self.carrier.push(Output::Nobody(id));
        }
    }

    /// A line whose sender may not be known yet: the roster is on its way.
    pub(crate) fn hold(&mut self, now: Instant, from: u64, text: String) {
        if self.held.len() >= HELD {
            self.held.pop_front();
        }
        self.held.push_back((from, text));
        if self.roster().by_member(from).is_none() {
            self.follow.sync(now);
        }
    }

    pub(crate) fn release_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        for (from, text) in held {
            match self.follow.roster().by_member(from) {
                Some(entry) => {
                    let from = entry.id.clone();
                    self.carrier.push(Output::Older { from, text });
                }
                None => self.held.push_back((from, text)),
            }
        }
    }

    /// Whether we have said something with this counter lately.
    fn is_recent(&self, counter: u64) -> bool {
        let passed = self.counter.checked_sub(counter);
        passed.is_some_and(|passed| passed < RECENT)
    }

    pub(crate) fn unknown(&mut self, now: Instant, counter: u64) {
        if self.session.is_none() || !self.is_recent(counter) {
            return;
        }
        if self.leaving.is_some() {
            self.end(Farewell::Left);
        } else if self.greeting.is_none() && is_time(now, &mut self.next_unknown) {
            self.greet(now, false);
        }
    }

    pub(crate) fn over(&mut self, now: Instant, reason: Ending) {
        match reason {
            Ending::Elsewhere => {
                self.show(Some(Event::Elsewhere));
                self.end(Farewell::Elsewhere);
            }
            Ending::Left | Ending::Closing if self.leaving.is_some() => self.end(Farewell::Left),
            Ending::Left | Ending::Closing => {
                self.session = None;
                self.follow.pause();
                self.greet(now, false);
                if let Some(greeting) = &mut self.greeting {
                    greeting.wait(now + CLOSED_AGAIN);
                }
            }
        }
    }

    pub(crate) fn tcp_closed(&mut self, now: Instant) {
        let again = self.carrier.closed(now);
        if let Some(greeting) = &mut self.greeting {
            greeting.tcp_closed(now);
        } else if self
            .session
            .as_ref()
            .is_some_and(|session| session.link == Link::Tcp)
        {
            self.greet(now, true);
        }
        if let Some(greeting) = &mut self.greeting {
            greeting.delay_race(again);
        }
    }

    /// The server sees us at this address.
    pub(crate) fn seen_as(&mut self, now: Instant, reflexive: Option<SocketAddr>) {
        let changed = self.own.set_reflexive(reflexive);
        self.own_changed(changed);
        if changed != Changed::No || self.lacks_observation() {
            self.observe(now);
        }
    }

    /// Whether what the NAT does is not known and may be asked once more.
    fn lacks_observation(&mut self) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let observer = session.observer.as_ref();
        let is_lacking = observer.is_none_or(|it| it.is_over() && it.mapping() == Mapping::Unknown);
        if !is_lacking || session.observations == 0 {
            return false;
        }
        session.observations -= 1;
        true
    }

    pub(crate) fn observe(&mut self, now: Instant) {
        let (Some(session), Some(main)) = (&mut self.session, self.own.reflexive()) else {
            return;
        };
        session.observer = None;
        if self.own.is_ours(main.ip()) {
            // No NAT at all.
            let changed = self.own.set_mapping(Mapping::Independent);
            self.own_changed(changed);
            return;
        }
        let Link::Udp(server) = session.link else {
            return;
        };
        let probes = session
            .probe_ports
            .iter()
            .map(|port| SocketAddr::new(server.ip(), *port));
        let others = self.carrier.addrs().iter().copied();
        let others = others.filter(|addr| *addr != server && addr.is_ipv4() == server.is_ipv4());
        let targets = probes.chain(others).collect();
        session.observer = Some(Observer::new(now, main, targets, &mut self.entropy));
    }

    pub(crate) fn observed(&mut self, from: SocketAddr, nonce: u64, addr: SocketAddr) {
        let observer = self
            .session
            .as_mut()
            .and_then(|session| session.observer.as_mut());
        let Some(observer) = observer else {
            return;
        };
        if observer.observed(from, nonce, addr) && observer.is_over() {
            self.take_mapping();
        }
    }

    pub(crate) fn take_mapping(&mut self) {
        let observer = self
            .session
            .as_ref()
            .and_then(|session| session.observer.as_ref());
        if let Some(mapping) = observer.map(Observer::mapping) {
            let changed = self.own.set_mapping(mapping);
            self.own_changed(changed);
        }
    }

    pub(crate) fn own_changed(&mut self, changed: Changed) {
        if changed != Changed::No {
            let moved = changed == Changed::Moved;
            self.carrier.push(Output::ReachChanged { moved });
        }
    }
}

/// Whether what proves nothing may lead to a question now.
fn is_time(now: Instant, next: &mut Instant) -> bool {
    let is_time = *next <= now;
    if is_time {
        *next = now + HINT_AGAIN;
    }
    is_time
}
