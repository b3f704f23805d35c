//! What is said and heard: lines to whom they are for, events of the parts to the user, frames to the server.
//!
//! It holds the parts together; when to begin and to end is [`super::machine`]'s business. Each line ends once: in a peer, with an
//! older client, in the lookup, or at once.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use crate::client::company::{self, Company, is_same_start, key_of};
use crate::client::door::{Door, Inside};
use crate::client::event::{Audience, Event, Undelivered};
use crate::client::files::FileReply;
use crate::client::home::{self, Home};
use crate::client::io::{Farewell, Output, Pin};
use crate::client::lending::{self, Lending};
use crate::client::lookup::{Hold, Lookup};
use crate::client::me::{Me, around};
use crate::client::peer::{self, kept};
use crate::client::roster::place;
use crate::client::rows::rows;
use crate::client::safety;
use crate::client::text::undelivered;
use crate::client::transfer::{self, Transfers};
use crate::client::trust::Verdict;
use crate::name::MemberId;
use crate::path::paths::{MAIN_SOCKET, Route, Socket};
use crate::wire::from_server::Departure;
use crate::wire::relay::Down;

/// Bytes that may wait for all together: a long line to many is as much as all its copies.
const WAITING_LEN: u64 = 1 << 30;

/// The parts, and what they want done.
#[derive(Debug)]
pub(crate) struct Talk {
    me: Me,
    pub(crate) home: Home,
    pub(crate) company: Company,
    door: Door,
    lookup: Lookup,
    /// Lines under way to older clients, by their tickets.
    handing_on: BTreeMap<u64, (MemberId, String)>,
    transfers: Transfers,
    pub(crate) is_roster_known: bool,
    pub(crate) has_joined: bool,
    /// The link to the server is over.
    pub(crate) ended: Option<Farewell>,
    out: VecDeque<Output>,
}

impl Talk {
    pub(crate) fn new(me: Me, home: Home, company: Company, door: Door) -> Self {
        Self {
            me,
            home,
            company,
            door,
            lookup: Lookup::default(),
            handing_on: BTreeMap::new(),
            transfers: Transfers::new(),
            is_roster_known: false,
            has_joined: false,
            ended: None,
            out: VecDeque::new(),
        }
    }

    /// A line for one.
    pub(crate) fn chat(&mut self, now: Instant, id: &MemberId, audience: Audience, text: &str) {
        if *id == self.me.id {
            return self.talk_to_ourselves(text);
        }
        if self.unsent() + text.len() as u64 > WAITING_LEN {
            return self.not_delivered(id, text, Undelivered::TooMuch);
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

    /// A line for everybody who is there.
    pub(crate) fn chat_to_all(&mut self, now: Instant, text: &str) {
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
        if self.company.trust().judge(id, None) == Verdict::Changed {
            self.company.tell_changed(id, None);
            return self.not_delivered(id, text, Undelivered::KeyChanged);
        }
        match self.home.older(now, member, text) {
            Ok(ticket) => _ = self.handing_on.insert(ticket, (id.clone(), kept(text))),
            Err(reason) => self.not_delivered(id, text, reason),
        }
    }

    /// A line to an older client has ended.
    fn handed_on(&mut self, ticket: u64, confirmed: bool) {
        let Some((to, text)) = self.handing_on.remove(&ticket) else {
            return;
        };
        if confirmed {
            return self.show(Event::HandedOn { to, text });
        }
        let reason = match self.home.roster().get(&to) {
            Some(_) => Undelivered::NoAnswer(home::GIVEN_UP),
            None => Undelivered::Left,
        };
        self.not_delivered(&to, &text, reason);
    }

    /// Shows the safety number.
    pub(crate) fn verify(&mut self, id: &MemberId) {
        let event = safety::verify(&self.me, &self.home, &mut self.company, id);
        self.show(event);
    }

    /// Takes an ID's key for right that the user was told of.
    pub(crate) fn trust(&mut self, now: Instant, id: &MemberId) {
        let key = match safety::trusted(&self.home, &self.company, id) {
            Ok(key) => key,
            Err(event) => return self.show(event),
        };
        self.company
            .set_trusted(now, around(&self.me, &self.home), id, key.as_ref());
        self.show(Event::Trusted(id.clone()));
    }

    /// Shows who is there.
    pub(crate) fn show_list(&mut self) {
        let rows = rows(&self.me.id, &self.home, &self.company);
        if rows.is_empty() {
            self.show(Event::Usage(
                "we have not joined: nobody is known yet".to_owned(),
            ));
        } else {
            self.show(Event::List(rows));
        }
    }

    /// `@send`
    pub(crate) fn send_file(&mut self, now: Instant, id: &MemberId, path: &str) {
        let entry = self.home.roster().get(id);
        let is_older = entry.is_some_and(|entry| key_of(entry).is_none());
        let refusal = if *id == self.me.id {
            Some("a file goes to somebody else".to_owned())
        } else if is_older {
            Some(format!("{id} has an older client, which takes no files"))
        } else if entry.is_none() && !self.company.is_alive(now, id) {
            Some(format!("{id}: {}", undelivered(self.nowhere())))
        } else {
            None
        };
        match refusal {
            Some(why) => self.show(Event::Usage(why)),
            None => self.transfers.send(id, path),
        }
    }

    /// `@accept`
    pub(crate) fn accept_file(&mut self, id: &MemberId, name: Option<&str>) {
        self.transfers.accept(id, name);
    }

    /// `@refuse`
    pub(crate) fn refuse_file(&mut self, id: &MemberId, name: Option<&str>) {
        self.transfers.refuse(id, name);
    }

    /// The disk's answer.
    pub(crate) fn handle_reply(&mut self, reply: FileReply) {
        self.transfers.handle_reply(reply);
    }

    /// Ends all files; they go on another time.
    pub(crate) fn leave_files(&mut self) {
        self.transfers.leave();
    }

    /// A frame that the server brought.
    pub(crate) fn handle_relayed(&mut self, now: Instant, datagram: &[u8]) {
        if let Ok(down) = Down::decode(datagram) {
            self.at_door(now, |door, inside| door.handle_relayed(inside, &down));
        }
    }

    fn at_door(&mut self, now: Instant, act: impl FnOnce(&mut Door, &mut Inside<'_>)) {
        let mut inside = Inside {
            now,
            around: around(&self.me, &self.home),
            company: &mut self.company,
        };
        act(&mut self.door, &mut inside);
    }

    /// A frame from machine to machine, or from anybody else.
    pub(crate) fn handle_direct(
        &mut self,
        now: Instant,
        socket: Socket,
        from: SocketAddr,
        bytes: &[u8],
    ) {
        let addr = SocketAddr::new(from.ip().to_canonical(), from.port());
        let route = Route { socket, addr };
        self.at_door(now, |door, inside| door.handle_direct(inside, route, bytes));
    }

    /// The sockets that were asked for.
    pub(crate) fn sockets_opened(&mut self, now: Instant, sockets: &[Socket]) {
        let around = around(&self.me, &self.home);
        self.company.sockets_opened(now, around, sockets);
    }

    /// There is nothing more to do.
    pub(crate) fn end(&mut self, farewell: Farewell) {
        self.out.push_back(Output::Done(farewell));
    }

    /// Whether nothing is under way, neither lines nor files.
    pub(crate) fn is_all_said(&self) -> bool {
        self.lookup.is_empty()
            && self.handing_on.is_empty()
            && !self.company.has_undelivered()
            && self.company.unsent() == 0
            && !self.transfers.is_moving(None)
    }

    /// Bytes under way.
    pub(crate) fn unsent(&self) -> u64 {
        self.company.unsent() + self.home.unsent() + self.lookup.bytes()
    }

    /// Ends all lines.
    pub(crate) fn give_up(&mut self, now: Instant, reason: Undelivered) {
        for (to, text) in std::mem::take(&mut self.handing_on).into_values() {
            self.not_delivered(&to, &text, reason);
        }
        while let Some(id) = self.lookup.overdue(None) {
            self.not_found(&id, reason);
        }
        let around = around(&self.me, &self.home);
        self.company.give_up(now, around, reason);
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let parts = [
            self.home.next_timeout(),
            self.company.next_timeout(),
            self.lookup.next_timeout(),
        ];
        parts.into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.home.next_timeout().is_some_and(|at| at <= now) {
            self.home.handle_timeout(now);
        }
        while let Some(id) = self.lookup.overdue(Some(now)) {
            self.not_found(&id, self.nowhere());
        }
        let around = around(&self.me, &self.home);
        self.company.handle_timeout(now, around);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Hands on what the parts want, until none wants anything.
    pub(crate) fn settle(&mut self, now: Instant) {
        loop {
            if let Some(output) = self.home.poll_output() {
                self.obey_home(now, output);
            } else if let Some(output) = self.company.poll_output() {
                self.obey_company(now, output);
            } else if let Some(id) = self.transfers.poll_peer() {
                self.lend(now).drive(&id);
            } else if let Some(output) = self.transfers.poll_output() {
                self.out.push_back(match output {
                    transfer::Output::File(request) => Output::File(request),
                    transfer::Output::Show(event) => Output::Show(event),
                });
            } else {
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
            home::Output::Show(event) => {
                // What is to be done now, only the user can say.
                self.is_roster_known |= matches!(event, Event::Taken(_) | Event::ServerKeyChanged);
                Output::Show(event)
            }
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
                self.at_door(now, |door, inside| door.here(inside, &entry));
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
            home::Output::HandedOn { ticket, confirmed } => {
                return self.handed_on(ticket, confirmed);
            }
            home::Output::Older { from, text } => return self.older_says(from, text),
            home::Output::Nobody(id) => return self.not_found(&id, self.nowhere()),
            home::Output::Ended(farewell) => return self.ended = Some(farewell),
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
            company::Output::Hush => return self.home.hurry(now),
            company::Output::Find(id) => return self.home.find_stranger(now, &id),
            company::Output::Event(id, event) => return self.heed(now, id, event),
        };
        self.out.push_back(output);
    }

    fn heed(&mut self, now: Instant, id: MemberId, event: peer::Event) {
        match event {
            peer::Event::Proven => {}
            peer::Event::Said(audience, text) => self.show(Event::Said {
                from: id,
                text,
                audience,
            }),
            peer::Event::Delivered(text) => self.show(Event::Delivered { to: id, text }),
            peer::Event::NotDelivered(text, Undelivered::NotHere) => {
                self.not_delivered(&id, &text, self.nowhere());
            }
            peer::Event::NotDelivered(text, reason) => self.not_delivered(&id, &text, reason),
            peer::Event::Record(kind, body) => {
                lending::record(now, &self.company, &mut self.transfers, &id, kind, &body);
            }
            peer::Event::Stream(_) => self.lend(now).drive_present(&id),
            peer::Event::Lost(reason, fate) => self.lend(now).stop(&id, reason, fate),
        }
    }

    fn lend(&mut self, now: Instant) -> Lending<'_> {
        Lending {
            now,
            around: around(&self.me, &self.home),
            company: &mut self.company,
            transfers: &mut self.transfers,
        }
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

    /// Tells the user.
    pub(crate) fn show(&mut self, event: Event) {
        self.out.push_back(Output::Show(event));
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
