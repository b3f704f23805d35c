//! A network between the machine and the server: delay, loss by rule, a NAT in front of the client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::event::Event;
use crate::client::home::link::Link;
use crate::client::home::tests::server::{PROBES, Said, Server, encoded};
use crate::client::home::{Home, Output};
use crate::client::io::TcpEvent;
use crate::config::ClientConfig;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::wire::from_server::FromServer;
use crate::wire::reach::CandidateKind;
use crate::wire::to_server::ToServer;

pub(super) const SERVER: ([u8; 4], u16) = ([9, 9, 9, 9], 10_080);

/// One way; a round trip takes twice as long.
const DELAY: Duration = Duration::from_millis(5);

/// Whether a frame is lost: told whether it goes to the server.
pub(super) type Loss = Box<dyn FnMut(bool, Link, &[u8]) -> bool>;

pub(super) struct World {
    begin: Instant,
    pub(super) now: Instant,
    pub(super) home: Home,
    pub(super) server: Server,
    pub(super) is_server_up: bool,
    /// Where datagrams and connections of the server are taken.
    pub(super) server_addrs: Vec<SocketAddr>,
    /// As the server sees the client.
    pub(super) nat: SocketAddr,
    /// As its further ports see it; grows by the step for each new one that is asked.
    pub(super) nat_ports: Vec<u16>,
    under_way: Vec<(Instant, Way)>,
    pub(super) loss: Loss,
    pub(super) is_tcp_open: bool,
    pub(super) takes_tcp: bool,
    /// What the user and the machine around it are told, in words, with the time in milliseconds.
    pub(super) told: Vec<(u128, String)>,
    /// All that ever came from the server.
    pub(super) heard: Vec<(Link, Vec<u8>)>,
    /// All that the client ever said, first two bytes.
    pub(super) said: Vec<(u128, Link, [u8; 2])>,
}

enum Way {
    There(Link, SocketAddr, Vec<u8>),
    Back(Link, Vec<u8>),
    Observed(SocketAddr, Vec<u8>),
    Connected(bool),
}

pub(super) fn config() -> ClientConfig {
    ClientConfig {
        id: "me".parse().unwrap(),
        host: "example.org".to_owned(),
        port: 10_080,
        local_port: 0,
        data: PathBuf::new(),
        downloads: PathBuf::new(),
        direct: true,
        birthday: true,
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::pinned(None)
    }

    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time")]
    pub(super) fn pinned(pinned: Option<PublicKey>) -> Self {
        let now = Instant::now();
        let identity = Identity::generate(&mut Entropy::new([2; 32]));
        let entropy = Entropy::new([3; 32]);
        let mut home = Home::new(&config(), identity, pinned, 1_000, entropy, now);
        home.local_port(now, 5_000);
        home.interfaces(now, vec![[192, 168, 0, 5].into()]);
        let mut world = Self {
            begin: now,
            now,
            home,
            server: Server::new(1),
            is_server_up: true,
            server_addrs: vec![SERVER.into()],
            nat: ([7, 7, 7, 7], 6_000).into(),
            nat_ports: vec![6_000; PROBES.len()],
            under_way: Vec::new(),
            loss: Box::new(|_, _, _| false),
            is_tcp_open: false,
            takes_tcp: true,
            told: Vec::new(),
            heard: Vec::new(),
            said: Vec::new(),
        };
        world.drain();
        world.told.clear();
        world
    }

    /// One that has joined and knows everybody.
    pub(super) fn joined() -> Self {
        let mut world = Self::new();
        world.resolve();
        world.run(Duration::from_millis(500));
        assert!(world.home.is_joined());
        world.told.clear();
        world.said.clear();
        world
    }

    pub(super) fn millis(&self) -> u128 {
        (self.now - self.begin).as_millis()
    }

    /// The address that the machine takes for its own.
    pub(super) fn reflexive(&self) -> Option<SocketAddr> {
        let candidates = &self.home.reach().candidates;
        let mut seen = candidates
            .iter()
            .filter(|it| it.kind == CandidateKind::Reflexive);
        seen.next().map(|candidate| candidate.addr)
    }

    /// The server's name is found.
    pub(super) fn resolve(&mut self) {
        self.home.server_addrs(self.now, self.server_addrs.clone());
        self.drain();
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut steps = 0;
        loop {
            let arrival = self.under_way.iter().map(|(due, _)| *due).min();
            let next = [arrival, self.home.next_timeout()]
                .into_iter()
                .flatten()
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.deliver();
            self.home.handle_timeout(self.now);
            self.drain();
            let later = self.home.next_timeout().is_none_or(|next| next > self.now);
            assert!(later, "something is due for ever");
            steps += 1;
            assert!(steps < 100_000, "too much happens");
        }
        self.now = end;
    }

    /// Lets time pass until something is so; returns the milliseconds that took.
    pub(super) fn until(&mut self, most: Duration, so: impl Fn(&Self) -> bool) -> u128 {
        let begin = self.millis();
        while !so(self) {
            self.run(Duration::from_millis(1));
            let waited = self.millis() - begin;
            assert!(
                waited <= most.as_millis(),
                "not within {most:?}: {:?}",
                self.told
            );
        }
        self.millis() - begin
    }

    pub(super) fn told(&self) -> Vec<&str> {
        self.told.iter().map(|(_, what)| &**what).collect()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.told.iter().filter(|(_, told)| told == what).count()
    }

    /// The server says something of its own accord.
    pub(super) fn server_says(&mut self, said: Said) {
        for (by, bytes) in said {
            self.send_back(by, bytes);
        }
    }

    /// Hands a frame to the machine, whoever it is from.
    pub(super) fn inject(&mut self, by: Link, bytes: &[u8]) {
        match by {
            Link::Udp(from) => self.home.handle_datagram(self.now, from, bytes),
            Link::Tcp => self.home.handle_tcp(self.now, TcpEvent::Frame(bytes)),
        }
        self.drain();
    }

    fn deliver(&mut self) {
        let mut later = Vec::new();
        let mut arrived = Vec::new();
        for (due, way) in std::mem::take(&mut self.under_way) {
            if due <= self.now {
                arrived.push(way)
            } else {
                later.push((due, way))
            }
        }
        self.under_way = later;
        for way in arrived {
            match way {
                Way::There(by, to, bytes) => self.at_server(by, to, &bytes),
                Way::Back(by, bytes) => {
                    let from = match by {
                        Link::Udp(_) => Link::Udp(self.server_addrs[0]),
                        Link::Tcp if !self.is_tcp_open => continue,
                        Link::Tcp => Link::Tcp,
                    };
                    self.heard.push((from, bytes.clone()));
                    self.inject(from, &bytes);
                }
                Way::Observed(from, bytes) => self.inject(Link::Udp(from), &bytes),
                Way::Connected(true) => {
                    self.is_tcp_open = true;
                    let local = ([192, 168, 0, 5], 40_000).into();
                    self.home.handle_tcp(self.now, TcpEvent::Connected(local));
                    self.drain();
                }
                Way::Connected(false) => self.close_tcp(),
            }
        }
    }

    /// The connection breaks, or could not be made.
    pub(super) fn close_tcp(&mut self) {
        self.is_tcp_open = false;
        self.home.handle_tcp(self.now, TcpEvent::Closed);
        self.drain();
    }

    fn at_server(&mut self, by: Link, to: SocketAddr, bytes: &[u8]) {
        if !self.is_server_up {
            return;
        }
        if by == Link::Tcp {
            let said = self.server.handle(by, bytes);
            self.server_says(said);
            return;
        }
        if let Ok(ToServer::Observe { nonce }) = ToServer::decode(bytes) {
            let probe = PROBES.iter().position(|port| *port == to.port());
            let port = probe.map_or_else(|| self.nat.port(), |probe| self.nat_ports[probe]);
            let addr = SocketAddr::new(self.nat.ip(), port);
            let answer = encoded(&FromServer::Observed { nonce, addr });
            self.under_way
                .push((self.now + DELAY, Way::Observed(to, answer)));
            return;
        }
        if self.server_addrs.contains(&to) {
            let said = self.server.handle(Link::Udp(self.nat), bytes);
            self.server_says(said);
        }
    }

    fn send_back(&mut self, by: Link, bytes: Vec<u8>) {
        // What is for an address that the NAT has given up is lost.
        let is_reached = by == Link::Tcp || by == Link::Udp(self.nat);
        if is_reached && self.is_server_up && !(self.loss)(false, by, &bytes) {
            self.under_way
                .push((self.now + DELAY, Way::Back(by, bytes)));
        }
    }

    fn send_there(&mut self, by: Link, to: SocketAddr, bytes: Vec<u8>) {
        self.said.push((self.millis(), by, [bytes[0], bytes[1]]));
        if !(self.loss)(true, by, &bytes) {
            self.under_way
                .push((self.now + DELAY, Way::There(by, to, bytes)));
        }
    }

    /// Obeys the machine.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.home.poll_output() {
            let what = match output {
                Output::Send(to, bytes) => {
                    self.send_there(Link::Udp(to), to, bytes);
                    continue;
                }
                Output::TcpSend(bytes) => {
                    assert!(self.is_tcp_open, "nothing is sent by what is not there");
                    self.send_there(Link::Tcp, SERVER.into(), bytes);
                    continue;
                }
                Output::TcpOpen(addrs) => {
                    let taken = self.takes_tcp && self.is_server_up;
                    self.under_way
                        .push((self.now + 2 * DELAY, Way::Connected(taken)));
                    format!("open {}", addrs.len())
                }
                Output::TcpClose => {
                    self.is_tcp_open = false;
                    self.under_way
                        .retain(|(_, way)| !matches!(way, Way::Connected(_)));
                    "close".to_owned()
                }
                Output::Resolve => "resolve".to_owned(),
                Output::Show(event) => shown(&event),
                Output::Pin(key) => format!("pin {}", &key.to_string()[..4]),
                Output::Joined => "joined".to_owned(),
                Output::RosterKnown => "known".to_owned(),
                Output::ReachChanged { moved: true } => "moved".to_owned(),
                Output::ReachChanged { moved: false } => "reach".to_owned(),
                Output::Here { entry, .. } => format!("here {}", entry.id),
                Output::Gone { entry, how } => format!("gone {} {how:?}", entry.id),
                Output::Nobody(id) => format!("nobody {id}"),
                Output::HandedOn { ticket, confirmed } => format!("handed {ticket} {confirmed}"),
                Output::Older { from, text } => format!("older {from} {text}"),
                Output::Ended(farewell) => format!("ended {farewell:?}"),
            };
            self.told.push((self.millis(), what));
        }
    }
}

fn shown(event: &Event) -> String {
    format!("show {}", crate::client::text::line(event))
}
