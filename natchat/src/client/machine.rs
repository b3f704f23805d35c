//! The client as a whole: what comes in is handed to the part it concerns, and what the parts want goes out in order.
//!
//! The driver's loop:
//!
//! ```text
//!   loop {
//!       match client.poll_output() {
//!           Output::Wait(until) => wait for an input or until then; client.handle(now, input) or client.handle_timeout(now)
//!           Output::Done(farewell) => break
//!           other => do it
//!       }
//!   }
//! ```
//!
//! Lines are taken from the user only while [`Client::takes_lines`] says so: before we have joined there is nobody to send them to,
//! and what is typed faster than it can be sent stays where it is.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::command::{self, Command};
use crate::client::company::{self, Around, Company, key_of};
use crate::client::event::{Audience, Event, Place, Row, Undelivered, Way};
use crate::client::home::{self, Home};
use crate::client::lookup::{Hold, Lookup};
use crate::client::peer::{self, Direct, Us, kept};
use crate::client::roster::place;
use crate::client::trust::{Trust, Verdict};
use crate::config::ClientConfig;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::crypto::safety::safety_number;
use crate::name::MemberId;
use crate::path::paths::{MAIN_SOCKET, Route, Socket};
use crate::wire::Language;
use crate::wire::from_server::{Departure, Entry, EntryClient};
use crate::wire::older;
use crate::wire::relay::Down;

pub use crate::client::io::{Farewell, Input, Known, Output, Pin, TcpEvent};

/// How long lines are held back when we do not get to join: then they end as not delivered, instead of waiting for ever.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes under way to all peers together above which no more lines are taken.
const MUCH: u64 = 16 << 20;

/// How long what is not delivered has when we leave.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the server has to hear that we leave.
const FAREWELL: Duration = Duration::from_secs(2);

/// Who we are.
#[derive(Debug)]
struct Me {
    id: MemberId,
    identity: Identity,
    /// Counts handshakes and calls.
    count: Cell<u64>,
}

/// How far we are with leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Here,
    /// What is not delivered has until then.
    Flushing(Instant),
    /// The server is being told, until then.
    Leaving(Instant),
    Gone,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    me: Me,
    home: Home,
    company: Company,
    lookup: Lookup,
    /// Until when lines are held back for want of a roster.
    patience: Instant,
    is_roster_known: bool,
    has_joined: bool,
    stage: Stage,
    out: VecDeque<Output>,
}

impl Client {
    /// One that is about to join. `incarnation`: milliseconds since 1970, so that a later start has a greater one.
    #[must_use]
    pub fn new(
        config: &ClientConfig,
        identity: Identity,
        mut entropy: Entropy,
        known: Known,
        incarnation: u64,
        now: Instant,
    ) -> Self {
        let direct = match (config.direct, config.birthday) {
            (false, _) => Direct::Off,
            (true, false) => Direct::On,
            (true, true) => Direct::WithBirthday,
        };
        let home = Home::new(
            config,
            identity.clone(),
            known.server,
            incarnation,
            entropy.split(),
            now,
        );
        let mut client = Self {
            me: Me {
                id: config.id.clone(),
                identity,
                count: Cell::new(0),
            },
            home,
            company: Company::new(Trust::new(known.peers), direct, entropy),
            lookup: Lookup::default(),
            patience: now + JOIN_PATIENCE,
            is_roster_known: false,
            has_joined: false,
            stage: Stage::Here,
            out: VecDeque::new(),
        };
        client.settle(now);
        client
    }

    /// Something has happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::ServerAddrs(addrs) => self.home.server_addrs(now, addrs),
            Input::ServerUnresolved(reason) => self.home.server_unresolved(now, reason),
            Input::LocalPort(port) => self.home.local_port(now, port),
            Input::Interfaces(addrs) => self.home.interfaces(now, addrs),
            Input::Datagram {
                socket,
                from,
                bytes,
            } => self.handle_datagram(now, socket, from, bytes),
            Input::Tcp(TcpEvent::Frame(frame))
                if Language::of(frame) == Some(Language::RelayDown) =>
            {
                self.handle_relayed(now, frame);
            }
            Input::Tcp(event) => self.home.handle_tcp(now, event),
            Input::SocketsOpened(sockets) => {
                self.company
                    .sockets_opened(now, around(&self.me, &self.home), &sockets);
            }
            Input::Line(line) => self.handle_line(now, line),
            Input::File(_) => {}
            Input::Leave => self.leave(now),
        }
        self.settle(now);
    }

    /// The time that [`Output::Wait`] told has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.home.next_timeout().is_some_and(|at| at <= now) {
            self.home.handle_timeout(now);
        }
        self.company
            .handle_timeout(now, around(&self.me, &self.home));
        self.settle(now);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output {
        self.out
            .pop_front()
            .unwrap_or_else(|| Output::Wait(self.next_timeout()))
    }

    /// Whether lines may be typed now.
    #[must_use]
    pub fn takes_lines(&self) -> bool {
        self.stage == Stage::Here && self.is_roster_known && self.company.unsent() < MUCH
    }

    fn next_timeout(&self) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Here if !self.is_roster_known => Some(self.patience),
            Stage::Here => None,
            Stage::Flushing(until) | Stage::Leaving(until) => Some(until),
            Stage::Gone => return None,
        };
        let parts = [
            self.home.next_timeout(),
            self.company.next_timeout(),
            self.lookup.next_timeout(),
        ];
        parts.into_iter().chain([stage]).flatten().min()
    }

    fn handle_datagram(&mut self, now: Instant, socket: Socket, from: SocketAddr, bytes: &[u8]) {
        match Language::of(bytes) {
            Some(Language::FromServer) if socket == MAIN_SOCKET => {
                self.home.handle_datagram(now, from, bytes)
            }
            Some(Language::RelayDown) if socket == MAIN_SOCKET && self.home.is_server(from) => {
                self.handle_relayed(now, bytes);
            }
            Some(Language::Check | Language::Handshake | Language::Transport) => {
                let addr = SocketAddr::new(from.ip().to_canonical(), from.port());
                let route = Route { socket, addr };
                self.company
                    .handle_direct(now, around(&self.me, &self.home), route, bytes);
            }
            _ => {}
        }
    }

    fn handle_relayed(&mut self, now: Instant, datagram: &[u8]) {
        if let Ok(down) = Down::decode(datagram) {
            self.company
                .handle_relayed(now, around(&self.me, &self.home), &down);
        }
    }

    fn handle_line(&mut self, now: Instant, line: &str) {
        match command::parse(line) {
            Ok(Command::Nothing) => {}
            Ok(Command::ShowList) => self.show_list(),
            Ok(Command::Chat(id, text)) => self.chat(now, &id, Audience::One, text),
            Ok(Command::All(text)) => self.chat_to_all(now, text),
            Ok(Command::Send(..) | Command::Accept(..) | Command::Refuse(..)) => {
                self.show(Event::Usage("files cannot be sent yet".to_owned()));
            }
            Ok(Command::Verify(id)) => self.verify(&id),
            Ok(Command::Trust(id)) => self.trust(now, &id),
            Ok(Command::TrustServer) => self.home.trust_server(now),
            Ok(Command::Help) => self.show(Event::Help),
            Ok(Command::Exit) => self.leave(now),
            Err(usage) => self.show(Event::Usage(usage.to_string())),
        }
    }

    fn chat(&mut self, now: Instant, id: &MemberId, audience: Audience, text: &str) {
        if *id == self.me.id {
            return self.talk_to_ourselves(text);
        }
        let entry = self
            .home
            .roster()
            .get(id)
            .filter(|_| !self.lookup.holds(id));
        match entry.map(|entry| (entry.member, key_of(entry))) {
            Some((member, None)) => self.chat_to_older(now, id, member, text),
            None if !self.company.is_alive(now, id) => self.look_up(now, id, audience, text),
            Some((_, Some(_))) | None => {
                self.company
                    .say(now, around(&self.me, &self.home), id, audience, text);
            }
        }
    }

    fn look_up(&mut self, now: Instant, id: &MemberId, audience: Audience, text: &str) {
        match self.lookup.hold(now, id, audience, text) {
            Hold::Ask => self.home.find(now, id),
            Hold::Wait => {}
            Hold::Full => self.not_delivered(id, text, Undelivered::TooMuch),
        }
    }

    /// The roster has this ID now.
    fn found(&mut self, now: Instant, id: &MemberId) {
        for (audience, text) in self.lookup.take(id) {
            self.chat(now, id, audience, &text);
        }
    }

    /// Nobody of this ID is there, or we do not wait for it any longer.
    fn not_found(&mut self, id: &MemberId, reason: Undelivered) {
        for (_, text) in self.lookup.take(id) {
            self.not_delivered(id, &text, reason);
        }
    }

    fn not_delivered(&mut self, id: &MemberId, text: &str, reason: Undelivered) {
        self.show(Event::NotDelivered {
            to: id.clone(),
            text: kept(text),
            reason,
        });
    }

    fn nowhere(&self) -> Undelivered {
        if self.home.is_joined() {
            Undelivered::NotHere
        } else {
            Undelivered::NotJoined
        }
    }

    fn chat_to_all(&mut self, now: Instant, text: &str) {
        let others = self
            .home
            .roster()
            .iter()
            .map(|entry| &entry.id)
            .filter(|id| **id != self.me.id);
        let others: Vec<MemberId> = others.cloned().collect();
        if others.is_empty() {
            self.show(Event::Usage("nobody else is here".to_owned()));
        }
        for id in others {
            self.chat(now, &id, Audience::All, text);
            self.settle(now);
        }
    }

    fn talk_to_ourselves(&mut self, text: &str) {
        let id = &self.me.id;
        let said = Event::Said {
            from: id.clone(),
            text: text.to_owned(),
            audience: Audience::One,
        };
        let delivered = Event::Delivered {
            to: id.clone(),
            text: kept(text),
        };
        self.show(said);
        self.show(delivered);
    }

    fn chat_to_older(&mut self, now: Instant, id: &MemberId, member: u64, text: &str) {
        let reason = if self.company.trust().judge(id, None) == Verdict::Changed {
            self.company.tell_changed(id, None);
            Some(Undelivered::KeyChanged)
        } else if !older::parts(text).all(|part| self.home.older(now, member, part)) {
            Some(Undelivered::NotJoined)
        } else {
            None
        };
        let (to, text) = (id.clone(), kept(text));
        self.show(match reason {
            Some(reason) => Event::NotDelivered { to, text, reason },
            None => Event::HandedOn { to, text },
        });
    }

    fn verify(&mut self, id: &MemberId) {
        let key = self.home.roster().get(id).and_then(key_of);
        let event = match key {
            Some(key) => Event::Safety {
                id: id.clone(),
                number: safety_number(&self.me.identity.public(), &key),
            },
            None => nobody(id),
        };
        self.show(event);
    }

    fn trust(&mut self, now: Instant, id: &MemberId) {
        let Some(entry) = self.home.roster().get(id) else {
            let event = nobody(id);
            return self.show(event);
        };
        let key = key_of(entry);
        self.company
            .set_trusted(now, around(&self.me, &self.home), id, key.as_ref());
        self.show(Event::Trusted(id.clone()));
    }

    fn show_list(&mut self) {
        let rows = self
            .home
            .roster()
            .iter()
            .map(|entry| self.row(entry))
            .collect();
        self.show(Event::List(rows));
    }

    fn row(&self, entry: &Entry) -> Row {
        let peer = self.company.get(&entry.id);
        let (way, route) = match (&entry.client, peer) {
            _ if entry.id == self.me.id => (Way::Ourselves, None),
            (EntryClient::Older { .. }, _) => (Way::Older, None),
            (EntryClient::Current { .. }, Some(peer)) => peer.way(),
            (EntryClient::Current { .. }, None) => (Way::Unused, None),
        };
        Row {
            id: entry.id.clone(),
            at: route.map_or_else(
                || place(entry, self.home.nat_ip()),
                |route| Place::Addr(route.addr),
            ),
            way,
            round_trip: peer.and_then(peer::Peer::round_trip),
        }
    }

    fn leave(&mut self, now: Instant) {
        match self.stage {
            Stage::Here => self.stage = Stage::Flushing(now + FLUSH),
            Stage::Flushing(_) => self.stage = Stage::Flushing(now),
            Stage::Leaving(_) => self.stage = Stage::Leaving(now),
            Stage::Gone => {}
        }
    }

    /// Hands on what the parts want, until none wants anything.
    fn settle(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.home.poll_output() {
                self.obey_home(now, output);
            } else if let Some(output) = self.company.poll_output() {
                self.obey_company(now, output);
            } else if !self.go_on(now) {
                return;
            }
        }
    }

    fn obey_home(&mut self, now: Instant, output: home::Output) {
        let around = around(&self.me, &self.home);
        let output = match output {
            home::Output::Send(addr, bytes) => send(addr, bytes),
            home::Output::TcpOpen(addrs) => Output::TcpOpen(addrs),
            home::Output::TcpSend(frame) => Output::TcpSend(frame),
            home::Output::TcpClose => Output::TcpClose,
            home::Output::Resolve => Output::Resolve,
            home::Output::Show(event) => Output::Show(event),
            home::Output::Pin(key) => Output::Pin(Pin::Server(key)),
            home::Output::Joined => {
                self.has_joined = true;
                return self.company.relay_back(now, around);
            }
            home::Output::RosterKnown => return self.is_roster_known = true,
            home::Output::ReachChanged { moved } => {
                return self.company.our_reach_changed(now, around, moved);
            }
            home::Output::Here { entry, before } => {
                self.company.here(now, around, &entry);
                self.found(now, &entry.id);
                if before.is_some_and(|before| is_same_start(&before, &entry)) {
                    return;
                }
                let at = place(&entry, self.home.nat_ip());
                Output::Show(Event::Here { id: entry.id, at })
            }
            home::Output::Gone { entry, how } => {
                self.company.gone(now, around, &entry, how);
                Output::Show(match how {
                    Departure::Left => Event::Left(entry.id),
                    Departure::Silent => Event::Silent(entry.id),
                })
            }
            home::Output::Older { from, text } => return self.older_says(from, text),
            home::Output::Nobody(id) => return self.not_found(&id, self.nowhere()),
            home::Output::Ended(farewell) => return self.end(farewell),
        };
        self.out.push_back(output);
    }

    fn obey_company(&mut self, now: Instant, output: company::Output) {
        let output = match output {
            company::Output::Send(route, ttl, bytes) => Output::Send { route, ttl, bytes },
            company::Output::Relay(id, frame) => {
                let member = self.home.roster().get(&id).map(|entry| entry.member);
                // What cannot be sent is lost like any datagram, and tried again like any.
                let _ = member.is_some_and(|member| self.home.relay(now, member, &frame));
                return;
            }
            company::Output::OpenSockets(count) => Output::OpenSockets(count),
            company::Output::CloseSockets(sockets) => Output::CloseSockets(sockets),
            company::Output::Pin(pin) => Output::Pin(pin),
            company::Output::KeyChanged(id) => Output::Show(Event::KeyChanged(id)),
            company::Output::Find(id) => return self.home.find(now, &id),
            company::Output::Event(id, event) => match self.told(id, event) {
                Some(event) => Output::Show(event),
                None => return,
            },
        };
        self.out.push_back(output);
    }

    fn told(&self, id: MemberId, event: peer::Event) -> Option<Event> {
        Some(match event {
            peer::Event::Said(audience, text) => Event::Said {
                from: id,
                text,
                audience,
            },
            peer::Event::Delivered(text) => Event::Delivered { to: id, text },
            peer::Event::NotDelivered(text, reason) => {
                let is_nowhere = reason == Undelivered::NotHere && !self.home.is_joined();
                let reason = if is_nowhere {
                    Undelivered::NotJoined
                } else {
                    reason
                };
                Event::NotDelivered {
                    to: id,
                    text,
                    reason,
                }
            }
            peer::Event::Proven
            | peer::Event::Record(..)
            | peer::Event::Stream(_)
            | peer::Event::Lost(_) => {
                return None;
            }
        })
    }

    fn older_says(&mut self, from: MemberId, text: String) {
        if self.company.trust().judge(&from, None) == Verdict::Changed {
            return self.company.tell_changed(&from, None);
        }
        self.show(Event::Said {
            from,
            text,
            audience: Audience::One,
        });
    }

    /// What is due of ourselves; true if there may be more to hand on.
    fn go_on(&mut self, now: Instant) -> bool {
        if let Some(id) = self.lookup.overdue(Some(now)) {
            self.not_found(&id, self.nowhere());
            return true;
        }
        match self.stage {
            Stage::Here if !self.is_roster_known && now >= self.patience => {
                self.is_roster_known = true
            }
            Stage::Flushing(until) if now >= until || self.is_all_said() => {
                self.stage = Stage::Leaving(now + FAREWELL);
                while let Some(id) = self.lookup.overdue(None) {
                    self.not_found(&id, Undelivered::Leaving);
                }
                self.company
                    .give_up(now, around(&self.me, &self.home), Undelivered::Leaving);
                self.home.leave(now);
            }
            Stage::Leaving(until) if now >= until => {
                let joined = self.has_joined;
                self.end(if joined {
                    Farewell::Left
                } else {
                    Farewell::NeverJoined
                });
            }
            Stage::Here | Stage::Flushing(_) | Stage::Leaving(_) | Stage::Gone => return false,
        }
        true
    }

    fn is_all_said(&self) -> bool {
        self.lookup.is_empty() && !self.company.has_undelivered()
    }

    fn end(&mut self, farewell: Farewell) {
        if self.stage != Stage::Gone {
            self.stage = Stage::Gone;
            self.out.push_back(Output::Done(farewell));
        }
    }

    fn show(&mut self, event: Event) {
        self.out.push_back(Output::Show(event));
    }
}

fn around<'a>(me: &'a Me, home: &'a Home) -> Around<'a> {
    Around {
        us: Us {
            identity: &me.identity,
            id: &me.id,
            incarnation: home.incarnation(),
            reach: home.reach(),
            count: &me.count,
        },
        roster: home.roster(),
    }
}

fn send(addr: SocketAddr, bytes: Vec<u8>) -> Output {
    let route = Route {
        socket: MAIN_SOCKET,
        addr,
    };
    Output::Send {
        route,
        ttl: None,
        bytes,
    }
}

fn nobody(id: &MemberId) -> Event {
    Event::Usage(format!("nobody of the ID {id} with a key is here"))
}

/// Whether two entries are of one start of one client.
fn is_same_start(one: &Entry, other: &Entry) -> bool {
    let start = |entry: &Entry| match &entry.client {
        EntryClient::Current {
            key, incarnation, ..
        } => Some((*key, *incarnation)),
        EntryClient::Older { .. } => None,
    };
    start(one) == start(other)
}

#[cfg(test)]
mod tests;
