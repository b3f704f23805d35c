//! A server, clients, and the net between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::clock::Clock;

use crate::client::event::Event;
use crate::client::machine::tests::disk::Disk;
use crate::client::machine::{Client, Farewell, Input, Known, Output, TcpEvent};
use crate::config::{ClientConfig, ServerLimits};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::name::MemberId;
use crate::rendezvous::machine as server;
use crate::rendezvous::machine::{Port, Rendezvous};
use crate::wire::relay;

const SERVER: &str = "192.0.2.1:10080";
const PROBES: [u16; 2] = [10_081, 10_082];
const OLDER: &str = "203.0.113.200:4000";

pub(super) fn id(name: &str) -> MemberId {
    name.parse().unwrap()
}

pub(super) struct Side {
    id: MemberId,
    identity: Identity,
    addr: SocketAddr,
    client: Client,
    shown: Vec<Event>,
    pub(super) disk: Disk,
    ended: Option<Farewell>,
    is_alive: bool,
    is_cut_off: bool,
    has_udp: bool,
    /// The number of its connection, if it has one.
    conn: Option<u32>,
}

enum Arrival {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    TcpOpened(u32, usize),
    TcpConnected(u32, usize),
    ToServer(u32, Vec<u8>),
    ToClient(u32, Vec<u8>),
    TcpClosed(u32),
}

pub(super) struct World {
    now: Instant,
    entropy: Entropy,
    server: Option<Rendezvous>,
    server_identity: Identity,
    journal: Vec<Vec<u8>>,
    pub(super) sides: Vec<Side>,
    /// What each side's machine waits for.
    waits: Vec<Option<Instant>>,
    server_wait: Option<Instant>,
    under_way: BTreeMap<(Instant, u64), Arrival>,
    count: u64,
    conns: u32,
    has_direct: bool,
    relayed: u32,
    older_received: Vec<String>,
}

impl World {
    /// A server and these clients, who are about to join.
    pub(super) fn new(names: &[&str]) -> Self {
        let mut entropy = Entropy::new([5; 32]);
        let mut world = Self {
            now: Clock::start().now(),
            server: None,
            server_identity: Identity::generate(&mut entropy),
            entropy,
            journal: Vec::new(),
            sides: Vec::new(),
            waits: Vec::new(),
            server_wait: None,
            under_way: BTreeMap::new(),
            count: 0,
            conns: 0,
            has_direct: true,
            relayed: 0,
            older_received: Vec::new(),
        };
        world.restart_server(true);
        for name in names {
            world.join(name);
        }
        world
    }

    /// One way between any two.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(10)
    }

    pub(super) fn join(&mut self, name: &str) -> usize {
        let identity = Identity::generate(&mut self.entropy);
        self.start(name, identity)
    }

    /// The same client once more, elsewhere.
    pub(super) fn join_again(&mut self, at: usize) -> usize {
        let name = self.sides[at].id.to_string();
        self.start(&name, self.sides[at].identity.clone())
    }

    fn start(&mut self, name: &str, identity: Identity) -> usize {
        let at = self.sides.len();
        let addr: SocketAddr = format!("198.51.100.{}:1000", at + 1).parse().unwrap();
        let config = ClientConfig {
            id: id(name),
            host: "server".to_owned(),
            port: 10_080,
            local_port: 0,
            data: "data".into(),
            downloads: "downloads".into(),
            direct: true,
            birthday: true,
        };
        let incarnation = 1_000_000 + at as u64;
        let entropy = self.entropy.split();
        let client = Client::new(
            &config,
            identity.clone(),
            entropy,
            Known::default(),
            incarnation,
            self.now,
        );
        self.sides.push(Side {
            id: id(name),
            identity,
            addr,
            client,
            shown: Vec::new(),
            disk: Disk::default(),
            ended: None,
            is_alive: true,
            is_cut_off: false,
            has_udp: true,
            conn: None,
        });
        self.waits.push(None);
        self.input(at, Input::LocalPort(addr.port()));
        self.input(at, Input::Interfaces(vec![addr.ip()]));
        self.input(at, Input::ServerAddrs(vec![SERVER.parse().unwrap()]));
        at
    }

    pub(super) fn line(&mut self, at: usize, line: &str) {
        self.input(at, Input::Line(line));
    }

    pub(super) fn leave(&mut self, at: usize) {
        self.input(at, Input::Leave);
    }

    pub(super) fn takes_lines(&self, at: usize) -> bool {
        self.sides[at].client.takes_lines()
    }

    /// It vanishes.
    pub(super) fn kill(&mut self, at: usize) {
        self.sides[at].is_alive = false;
        self.waits[at] = None;
    }

    /// Nothing it sends arrives, and nothing arrives there.
    pub(super) fn cut_off(&mut self, at: usize) {
        self.sides[at].is_cut_off = true;
    }

    pub(super) fn block_udp(&mut self, at: usize) {
        self.sides[at].has_udp = false;
    }

    /// Nothing goes from client to client.
    pub(super) fn no_direct(&mut self) {
        self.has_direct = false;
    }

    pub(super) fn stop_server(&mut self) {
        self.server = None;
        self.server_wait = None;
    }

    pub(super) fn restart_server(&mut self, keep_journal: bool) {
        let (identity, entropy) = (self.server_identity.clone(), self.entropy.split());
        let mut server = Rendezvous::new(ServerLimits::default(), identity, entropy, self.now);
        server.set_probe_ports(&PROBES);
        server.set_main(0, SERVER.parse().unwrap());
        if keep_journal {
            for record in &self.journal {
                server.restore(record);
            }
        } else {
            self.journal.clear();
        }
        server.greet(self.now);
        self.server = Some(server);
        self.obey_server();
    }

    pub(super) fn shown(&mut self, at: usize) -> Vec<Event> {
        std::mem::take(&mut self.sides[at].shown)
    }

    pub(super) fn has_shown(&self, at: usize, event: &Event) -> bool {
        self.sides[at].shown.contains(event)
    }

    pub(super) fn ended(&self, at: usize) -> Option<Farewell> {
        self.sides[at].ended
    }

    pub(super) fn relayed(&self) -> u32 {
        self.relayed
    }

    /// An older client says something to the server.
    pub(super) fn older(&mut self, _name: &str, text: &[u8]) {
        self.datagram(
            OLDER.parse().unwrap(),
            SERVER.parse().unwrap(),
            text.to_vec(),
        );
    }

    /// What the older client was sent but by the server itself.
    pub(super) fn older_received(&mut self) -> Vec<String> {
        std::mem::take(&mut self.older_received)
    }

    /// So many datagrams out of nothing, for everybody; half of them begin like frames.
    pub(super) fn noise(&mut self, count: u32) {
        let ends: Vec<SocketAddr> = self
            .sides
            .iter()
            .map(|side| side.addr)
            .chain([SERVER.parse().unwrap()])
            .collect();
        for n in 0..count {
            let len = usize::try_from(1 + self.entropy.below(300)).unwrap();
            let mut bytes = vec![0; len];
            self.entropy.fill(&mut bytes);
            if n % 2 == 0 {
                bytes[0] |= 0xF8;
                if let Some(kind) = bytes.get_mut(1) {
                    *kind %= 10;
                }
            }
            let to = ends[usize::try_from(self.entropy.below(ends.len() as u64)).unwrap()];
            let from = if n % 3 == 0 {
                SERVER
            } else {
                "203.0.113.66:66"
            };
            self.datagram(from.parse().unwrap(), to, bytes);
        }
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    /// Lets time pass until something is true; how long that took.
    pub(super) fn run_until(
        &mut self,
        span: Duration,
        is_so: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let (begin, until) = (self.now, self.now + span);
        for _ in 0..10_000_000 {
            if is_so(self) {
                return Some(self.now - begin);
            }
            let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let waits = self
                .waits
                .iter()
                .copied()
                .chain([self.server_wait, arrival]);
            let Some(next) = waits.flatten().min().filter(|next| *next <= until) else {
                self.now = until;
                return None;
            };
            self.now = self.now.max(next);
            self.step(arrival == Some(next));
        }
        panic!("it never rests");
    }

    fn step(&mut self, has_arrival: bool) {
        if has_arrival {
            let (_, arrival) = self.under_way.pop_first().unwrap();
            return self.arrive(arrival);
        }
        let now = self.now;
        let is_due = |wait: Option<Instant>| wait.is_some_and(|at| at <= now);
        for at in 0..self.sides.len() {
            if is_due(self.waits[at]) {
                self.sides[at].client.handle_timeout(now);
                self.obey(at);
            }
        }
        if is_due(self.server_wait) {
            self.server.as_mut().unwrap().handle_timeout(now);
            self.obey_server();
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Datagram { from, to, bytes } => self.datagram_arrives(from, to, &bytes),
            Arrival::TcpOpened(conn, at) => {
                let from = SocketAddr::new(self.sides[at].addr.ip(), 40_000);
                self.at_server(server::Input::TcpOpened { conn, from });
                if self.server.is_some() {
                    self.later(Arrival::TcpConnected(conn, at));
                }
            }
            Arrival::TcpConnected(conn, at) => {
                let local = SocketAddr::new(self.sides[at].addr.ip(), 40_000);
                if self.sides[at].conn == Some(conn) {
                    self.input(at, Input::Tcp(TcpEvent::Connected(local)));
                }
            }
            Arrival::ToServer(conn, bytes) => self.at_server(server::Input::TcpFrame {
                conn,
                bytes: &bytes,
            }),
            Arrival::ToClient(conn, bytes) => {
                if let Some(at) = self.sides.iter().position(|side| side.conn == Some(conn)) {
                    self.input(at, Input::Tcp(TcpEvent::Frame(&bytes)));
                }
            }
            Arrival::TcpClosed(conn) => {
                self.at_server(server::Input::TcpClosed { conn });
                if let Some(at) = self.sides.iter().position(|side| side.conn == Some(conn)) {
                    self.sides[at].conn = None;
                    self.input(at, Input::Tcp(TcpEvent::Closed));
                }
            }
        }
    }

    fn datagram_arrives(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let server: SocketAddr = SERVER.parse().unwrap();
        if to == OLDER.parse().unwrap() {
            let text = String::from_utf8_lossy(bytes).into_owned();
            if !text.starts_with("server_") {
                self.older_received.push(text);
            }
        } else if to.ip() == server.ip() {
            let probe = PROBES.iter().position(|port| *port == to.port());
            let port = probe.map_or(Port::Main(0), |at| Port::Probe(u8::try_from(at).unwrap()));
            self.at_server(server::Input::Datagram { port, from, bytes });
        } else if let Some(at) = self.sides.iter().position(|side| side.addr == to) {
            let reaches = self.reaches(at);
            if reaches && self.sides[at].has_udp {
                self.input(
                    at,
                    Input::Datagram {
                        socket: 0,
                        from,
                        bytes,
                    },
                );
            }
        }
    }

    fn reaches(&self, at: usize) -> bool {
        self.sides[at].is_alive && !self.sides[at].is_cut_off
    }

    fn at_server(&mut self, input: server::Input<'_>) {
        if let Some(server) = &mut self.server {
            server.handle(self.now, input);
            self.obey_server();
        }
    }

    fn input(&mut self, at: usize, input: Input<'_>) {
        if self.sides[at].is_alive && self.sides[at].ended.is_none() {
            self.sides[at].client.handle(self.now, input);
            self.obey(at);
        }
    }

    fn obey(&mut self, at: usize) {
        loop {
            let addr = self.sides[at].addr;
            match self.sides[at].client.poll_output() {
                Output::Send { route, bytes, .. } => {
                    let is_direct = self.sides.iter().any(|side| side.addr == route.addr);
                    let goes = self.has_direct || !is_direct;
                    if goes && self.reaches(at) && self.sides[at].has_udp {
                        self.relayed += u32::from(bytes[0] == relay::UP);
                        self.datagram(addr, route.addr, bytes);
                    }
                }
                Output::TcpOpen(_) => {
                    self.conns += 1;
                    self.sides[at].conn = Some(self.conns);
                    self.later(Arrival::TcpOpened(self.conns, at));
                }
                Output::TcpSend(frame) => {
                    if let Some(conn) = self.sides[at].conn {
                        self.later(Arrival::ToServer(conn, frame));
                    }
                }
                Output::TcpClose => {
                    if let Some(conn) = self.sides[at].conn.take() {
                        self.later(Arrival::TcpClosed(conn));
                    }
                }
                Output::OpenSockets(_) => {
                    self.sides[at]
                        .client
                        .handle(self.now, Input::SocketsOpened(Vec::new()));
                }
                Output::Resolve => {
                    let addrs = vec![SERVER.parse().unwrap()];
                    self.sides[at]
                        .client
                        .handle(self.now, Input::ServerAddrs(addrs));
                }
                Output::Show(event) => self.sides[at].shown.push(event),
                Output::File(request) => {
                    let side = &mut self.sides[at];
                    if let Some(reply) = side.disk.answer(request) {
                        side.client.handle(self.now, Input::File(reply));
                    }
                }
                Output::CloseSockets(_) | Output::Pin(_) => {}
                Output::Done(farewell) => {
                    self.sides[at].ended = Some(farewell);
                    self.waits[at] = None;
                    return;
                }
                Output::Wait(until) => {
                    self.waits[at] = until;
                    return;
                }
            }
        }
    }

    fn obey_server(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let source: SocketAddr = SERVER.parse().unwrap();
        self.server_wait = loop {
            match server.poll_output() {
                server::Output::Send { port, to, bytes } => {
                    let port = match port {
                        Port::Main(_) => source.port(),
                        Port::Probe(at) => PROBES[usize::from(at)],
                        Port::Older(slot) => 20_000 + slot,
                    };
                    self.datagram(SocketAddr::new(source.ip(), port), to, bytes.to_vec());
                }
                server::Output::TcpSend { conn, bytes } => {
                    self.later(Arrival::ToClient(conn, bytes.to_vec()))
                }
                server::Output::TcpClose { conn } => self.later(Arrival::TcpClosed(conn)),
                server::Output::OpenOlderPort(slot) => {
                    let port = Some(20_000 + slot);
                    server.handle(self.now, server::Input::OlderPort { slot, port });
                }
                server::Output::Journal(record) => self.journal.push(record.to_vec()),
                server::Output::CloseOlderPort(_) | server::Output::Show(_) => {}
                server::Output::Wait(until) => break until,
            }
        };
        self.server = Some(server);
    }

    fn datagram(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.later(Arrival::Datagram { from, to, bytes });
    }

    fn later(&mut self, arrival: Arrival) {
        self.count += 1;
        self.under_way
            .insert((self.now + self.delay(), self.count), arrival);
    }
}
