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
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::command::{self, Command};
use crate::client::company::Company;
use crate::client::door::Door;
use crate::client::event::{Audience, Event, Undelivered};
use crate::client::home::Home;
use crate::client::me::Me;
use crate::client::peer::Direct;
use crate::client::talk::Talk;
use crate::client::trust::Trust;
use crate::config::ClientConfig;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::path::paths::{MAIN_SOCKET, Socket};
use crate::wire::Language;

pub use crate::client::io::{Farewell, Input, Known, Output, Pin, TcpEvent};

/// How long lines are held back when we do not get to join: then they end as not delivered, instead of waiting for ever.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes under way to all peers together above which no more lines are taken.
const MUCH: u64 = 16 << 20;

/// How long what is not delivered has when we leave.
const FLUSH: Duration = Duration::from_secs(5);

/// How long the server has to hear that we leave.
const FAREWELL: Duration = Duration::from_secs(2);

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
    talk: Talk,
    /// Until when lines are held back for want of a roster.
    patience: Instant,
    stage: Stage,
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
        let me = Me {
            id: config.id.clone(),
            identity,
            count: Cell::new(0),
        };
        let door = Door::new(direct, entropy.split());
        let company = Company::new(Trust::new(known.peers), direct, entropy);
        let mut client = Self {
            talk: Talk::new(me, home, company, door),
            patience: now + JOIN_PATIENCE,
            stage: Stage::Here,
        };
        client.settle(now);
        client
    }

    /// Something has happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::ServerAddrs(addrs) => self.talk.home.server_addrs(now, addrs),
            Input::ServerUnresolved(reason) => self.talk.home.server_unresolved(now, reason),
            Input::LocalPort(port) => self.talk.home.local_port(now, port),
            Input::Interfaces(addrs) => self.talk.home.interfaces(now, addrs),
            Input::Datagram {
                socket,
                from,
                bytes,
            } => self.handle_datagram(now, socket, from, bytes),
            Input::Tcp(TcpEvent::Frame(frame))
                if Language::of(frame) == Some(Language::RelayDown) =>
            {
                self.talk.handle_relayed(now, frame);
            }
            Input::Tcp(event) => self.talk.home.handle_tcp(now, event),
            Input::SocketsOpened(sockets) => self.talk.sockets_opened(now, &sockets),
            Input::Line(line) => self.handle_line(now, line),
            Input::File(reply) => self.talk.handle_reply(reply),
            Input::Leave => self.leave(now),
        }
        self.settle(now);
    }

    /// The time that [`Output::Wait`] told has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.talk.handle_timeout(now);
        self.settle(now);
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Output {
        let output = self.talk.poll_output();
        output.unwrap_or_else(|| Output::Wait(self.next_timeout()))
    }

    /// Whether lines may be typed now.
    #[must_use]
    pub fn takes_lines(&self) -> bool {
        self.stage == Stage::Here && self.talk.is_roster_known && self.talk.unsent() < MUCH
    }

    /// Whether what others say is to be shown from now on: if not, it stays with who says it.
    pub fn set_listening(&mut self, is_listening: bool) {
        self.talk.company.set_listening(is_listening);
    }

    fn next_timeout(&self) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Here if !self.talk.is_roster_known => Some(self.patience),
            Stage::Here => None,
            Stage::Flushing(until) | Stage::Leaving(until) => Some(until),
            Stage::Gone => return None,
        };
        self.talk.next_timeout().into_iter().chain(stage).min()
    }

    fn handle_datagram(&mut self, now: Instant, socket: Socket, from: SocketAddr, bytes: &[u8]) {
        match Language::of(bytes) {
            Some(Language::FromServer) if socket == MAIN_SOCKET => {
                self.talk.home.handle_datagram(now, from, bytes)
            }
            Some(Language::RelayDown)
                if socket == MAIN_SOCKET && self.talk.home.is_server(from) =>
            {
                self.talk.handle_relayed(now, bytes);
            }
            Some(Language::Check | Language::Handshake | Language::Transport) => {
                self.talk.handle_direct(now, socket, from, bytes);
            }
            _ => {}
        }
    }

    fn handle_line(&mut self, now: Instant, line: &str) {
        match command::parse(line) {
            Ok(Command::Nothing) => {}
            Ok(Command::ShowList) => self.talk.show_list(),
            Ok(Command::Chat(id, text)) => self.talk.chat(now, &id, Audience::One, text),
            Ok(Command::All(text)) => self.talk.chat_to_all(now, text),
            Ok(Command::Send(id, path)) => self.talk.send_file(now, &id, path),
            Ok(Command::Accept(id, name)) => self.talk.accept_file(&id, name),
            Ok(Command::Refuse(id, name)) => self.talk.refuse_file(&id, name),
            Ok(Command::Verify(id)) => self.talk.verify(&id),
            Ok(Command::Trust(id)) => self.talk.trust(now, &id),
            Ok(Command::TrustServer) => self.talk.home.trust_server(now),
            Ok(Command::Help) => self.talk.show(Event::Help),
            Ok(Command::Exit) => {
                self.talk.leave_files();
                self.leave(now);
            }
            Err(usage) => self.talk.show(Event::Usage(usage.to_string())),
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

    fn settle(&mut self, now: Instant) {
        self.talk.settle(now);
        while self.go_on(now) {
            self.talk.settle(now);
        }
    }

    /// What is due of ourselves; true if there may be more then.
    fn go_on(&mut self, now: Instant) -> bool {
        if let Some(farewell) = self.talk.ended.take() {
            self.end(now, farewell);
            return true;
        }
        match self.stage {
            Stage::Here if !self.talk.is_roster_known && now >= self.patience => {
                self.talk.is_roster_known = true;
            }
            Stage::Flushing(until) if now >= until || self.talk.is_all_said() => {
                self.stage = Stage::Leaving(now + FAREWELL);
                self.talk.leave_files();
                self.talk.settle(now);
                self.talk.give_up(now, Undelivered::Leaving);
                self.talk.home.leave(now);
            }
            Stage::Leaving(until) if now >= until => {
                let has_joined = self.talk.has_joined;
                let farewell = if has_joined {
                    Farewell::Left
                } else {
                    Farewell::NeverJoined
                };
                self.end(now, farewell);
            }
            Stage::Here | Stage::Flushing(_) | Stage::Leaving(_) | Stage::Gone => return false,
        }
        true
    }

    fn end(&mut self, now: Instant, farewell: Farewell) {
        if self.stage != Stage::Gone {
            self.stage = Stage::Gone;
            self.talk.give_up(now, Undelivered::Leaving);
            self.talk.settle(now);
            self.talk.end(farewell);
        }
    }
}

#[cfg(test)]
mod tests;
