//! What goes to the server, and how the machine ends.

use std::net::Ipv6Addr;
use std::time::Instant;

use crate::client::event::Event;
use crate::client::home::greeting::Greeting;
use crate::client::home::letters::Handed;
use crate::client::home::link::Link;
use crate::client::home::machine::{Home, Keys};
use crate::client::home::output::Output;
use crate::client::io::Farewell;
use crate::wire::to_server::{Cookie, REGISTER_MIN, Register, ToServer};

/// What goes.
impl Home {
    /// Joins (again).
    pub(crate) fn greet(&mut self, now: Instant, race_now: bool) {
        let nonce = self.entropy.next_u64();
        self.greeting = Some(Greeting::new(now, nonce, race_now));
        if let Some(session) = &mut self.session {
            session.alive.pause(now);
        }
    }

    /// The server does not answer by the way in use.
    pub(crate) fn lost(&mut self, now: Instant) {
        if self.greeting.is_some() {
            return;
        }
        let mut session = self.session.iter();
        let by_tcp = session.any(|session| session.link == Link::Tcp);
        if by_tcp {
            self.carrier.close();
        }
        self.greet(now, by_tcp);
    }

    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        if let Some(greeting) = &self.greeting {
            let nonce = greeting.nonce;
            ToServer::Hello { nonce }.encode(&mut frame);
        }
        frame
    }

    pub(crate) fn register(&mut self, link: Link, cookie: Cookie) {
        let Some(keys) = &self.keys else {
            return;
        };
        let reach = self.own.for_server();
        self.own.registered(reach.clone());
        let register = ToServer::Register(Box::new(Register {
            nonce: self.nonce,
            cookie,
            key: self.identity.public().0,
            incarnation: self.incarnation,
            id: self.id.clone(),
            presence: true,
            reach,
        }));
        let frame = sealed(keys, &register);
        self.carrier.send(link, frame);
    }

    pub(crate) fn say_alive_by_link(&mut self, now: Instant) {
        if let Some(session) = &self.session {
            self.say_alive(now, session.link, None);
        }
    }

    pub(crate) fn say_alive(&mut self, now: Instant, link: Link, cookie: Option<Cookie>) {
        let counter = self.next_counter();
        let seen = self.follow.seen();
        let (Some(session), Some(keys)) = (&mut self.session, &self.keys) else {
            return;
        };
        session.alive.sent(now, counter, link, cookie.is_some());
        let member = session.member;
        let frame = sealed(
            keys,
            &ToServer::Alive {
                member,
                counter,
                seen,
                cookie,
            },
        );
        self.carrier.send(link, frame);
    }

    /// Says something by the way in use.
    pub(crate) fn say(&mut self, frame: &ToServer) {
        if let Some(bytes) = self.sealed(frame) {
            self.say_sealed(bytes);
        }
    }

    pub(crate) fn say_sealed(&mut self, bytes: Vec<u8>) {
        if let Some(session) = &self.session {
            self.carrier.send(session.link, bytes);
        }
    }

    pub(crate) fn sealed(&self, frame: &ToServer) -> Option<Vec<u8>> {
        Some(sealed(self.keys.as_ref()?, frame))
    }

    /// Tells which lines to older clients have ended.
    pub(crate) fn tell_letters(&mut self) {
        while let Some((ticket, handed)) = self.letters.poll_ended() {
            let confirmed = handed == Handed::On;
            self.carrier.push(Output::HandedOn { ticket, confirmed });
        }
    }

    pub(crate) fn next_counter(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(crate) fn show(&mut self, event: Option<Event>) {
        if let Some(event) = event {
            self.carrier.push(Output::Show(event));
        }
    }

    /// The server, as the user named it.
    pub(crate) fn server(&self) -> String {
        match self.host.parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]:{}", self.port),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }

    pub(crate) fn farewell(&self) -> Farewell {
        match (self.has_joined, self.troubles.is_taken()) {
            (true, _) => Farewell::Left,
            (false, true) => Farewell::Taken,
            (false, false) => Farewell::NeverJoined,
        }
    }

    pub(crate) fn end(&mut self, farewell: Farewell) {
        if !self.has_ended {
            self.has_ended = true;
            self.session = None;
            self.carrier.close();
            self.letters.give_up_all();
            self.tell_letters();
            self.carrier.push(Output::Ended(farewell));
        }
    }
}

fn sealed(keys: &Keys, frame: &ToServer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(REGISTER_MIN);
    frame.encode(&mut bytes);
    keys.there.seal(&mut bytes);
    bytes
}
