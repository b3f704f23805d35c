//! A client on its node: what `natchat client` does around the machine, with keys, pins and files in memory.
//!
//! What lies on a disk (key, pins, files) outlives the program; the machine and its sockets do not.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use harness::Random;
use harness::sim::{Agent, ConnId, Event, NodeId, TcpEvent, World};
use natchat::client::event::{Event as Shown, Row};
use natchat::client::files::FileReply;
use natchat::client::io::TcpEvent as LinkEvent;
use natchat::client::machine::{Client, Farewell, Input, Known, Output, Pin};
use natchat::config::ClientConfig;
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::Identity;
use natchat::path::paths::{MAIN_SOCKET, Route, Socket};

use super::disk::Disk;
use super::stream::Stream;

/// Where the system takes ports from.
const FIRST_PORT: u16 = 32_768;
const PORTS: usize = 28_000;

/// How long the disk takes for a request.
const DISK: Duration = Duration::from_micros(100);

/// 2023-11-14 and so: when the tests begin.
const EPOCH_MILLIS: u64 = 1_700_000_000_000;

/// Timers: the machine's and the disk's.
const MACHINE: u64 = 0;
const WORKER: u64 = 1;

/// What was shown, when, and in which run of the program.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Duration,
    pub(super) run: u32,
    pub(super) event: Shown,
}

/// A client that runs, or has run.
#[derive(Debug)]
pub(super) struct User {
    machine: Client,
    config: ClientConfig,
    servers: Vec<SocketAddr>,
    secret: [u8; 32],
    known: Known,
    pub(super) disk: Disk,
    incarnation: u64,
    run: u32,

    port: u16,
    further: BTreeMap<u16, Socket>,
    next_socket: Socket,
    link: Link,
    replies: VecDeque<FileReply>,
    typed: VecDeque<String>,
    is_typing_over: bool,
    random: Random,

    /// Everything that was shown.
    pub(super) shown: Vec<Line>,
    /// How it has ended.
    pub(super) farewell: Option<Farewell>,
}

#[derive(Debug)]
enum Link {
    None,
    Connecting(Vec<ConnId>),
    Open(Stream),
}

impl User {
    /// Starts the program for the first time.
    pub(super) fn start(
        world: &mut World,
        node: NodeId,
        id: &str,
        servers: Vec<SocketAddr>,
        direct: bool,
    ) -> Self {
        let name = id.bytes().fold(world.trace(), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let mut random = Random::new(name);
        let config = ClientConfig {
            id: id.parse().expect("tests use good IDs"),
            host: servers[0].ip().to_string(),
            port: servers[0].port(),
            local_port: 0,
            data: "/none".into(),
            downloads: "/none".into(),
            direct,
            birthday: true,
        };
        let secret = Identity::generate(&mut Entropy::new(seed(&mut random))).secret();
        Self::run(world, node, config, servers, secret, random)
    }

    /// The same key and ID on another machine.
    pub(super) fn twin(&self, world: &mut World, node: NodeId) -> Self {
        let mut random = self.random.clone();
        random.next_u64();
        Self::run(
            world,
            node,
            self.config.clone(),
            self.servers.clone(),
            self.secret,
            random,
        )
    }

    fn run(
        world: &mut World,
        node: NodeId,
        config: ClientConfig,
        servers: Vec<SocketAddr>,
        secret: [u8; 32],
        mut random: Random,
    ) -> Self {
        let machine = machine(world, &config, secret, Known::default(), &mut random, 0);
        let mut user = Self {
            machine,
            config,
            servers,
            secret,
            known: Known::default(),
            disk: Disk::default(),
            incarnation: 0,
            run: 0,
            port: 0,
            further: BTreeMap::new(),
            next_socket: MAIN_SOCKET,
            link: Link::None,
            replies: VecDeque::new(),
            typed: VecDeque::new(),
            is_typing_over: false,
            random,
            shown: Vec::new(),
            farewell: None,
        };
        user.restart(world, node);
        user
    }

    /// Starts the program (again), after it ended or was killed.
    pub(super) fn restart(&mut self, world: &mut World, node: NodeId) {
        self.run += 1;
        self.incarnation = (self.incarnation + 1).max(wall(world));
        self.machine = machine(
            world,
            &self.config,
            self.secret,
            self.known.clone(),
            &mut self.random,
            self.incarnation,
        );
        self.port = self.free_port();
        self.further.clear();
        self.next_socket = MAIN_SOCKET;
        self.link = Link::None;
        self.replies.clear();
        self.typed.clear();
        self.is_typing_over = false;
        self.farewell = None;
        self.disk.close_all();
        self.tell(world, node, Input::LocalPort(self.port));
        self.interfaces_changed(world, node);
        self.tell(world, node, Input::ServerAddrs(self.servers.clone()));
        self.settle(world, node);
    }

    /// The program was killed and is not started again.
    pub(super) fn is_killed(&mut self) {
        self.farewell = Some(Farewell::NeverJoined);
        self.link = Link::None;
    }

    /// The system tells that addresses have changed.
    pub(super) fn interfaces_changed(&mut self, world: &mut World, node: NodeId) {
        let addresses = world.addresses(node).to_vec();
        self.tell(world, node, Input::Interfaces(addresses));
        self.settle(world, node);
    }

    /// Types a line; it is taken when the machine takes lines.
    pub(super) fn types(&mut self, world: &mut World, node: NodeId, line: impl Into<String>) {
        self.typed.push_back(line.into());
        self.settle(world, node);
    }

    /// The end of the typed lines.
    pub(super) fn ends_typing(&mut self, world: &mut World, node: NodeId) {
        self.is_typing_over = true;
        self.settle(world, node);
    }

    /// What `@show_list` answers now.
    pub(super) fn list(&mut self, world: &mut World, node: NodeId) -> Vec<Row> {
        self.tell(world, node, Input::Line("@show_list"));
        self.settle(world, node);
        match self.shown.pop().map(|line| line.event) {
            Some(Shown::List(rows)) => rows,
            other => panic!("a list was to be shown: {other:?}"),
        }
    }

    /// Whether lines may be typed.
    pub(super) fn takes_lines(&self) -> bool {
        self.farewell.is_none() && self.machine.takes_lines()
    }

    /// Which run of the program this is, from 1 on.
    pub(super) fn runs(&self) -> u32 {
        self.run
    }

    /// Who it is.
    pub(super) fn id(&self) -> &str {
        self.config.id.as_str()
    }

    /// How many lines are typed and not taken.
    pub(super) fn untaken(&self) -> usize {
        self.typed.len()
    }

    /// Further sockets that are open.
    pub(super) fn further_sockets(&self) -> usize {
        self.further.len()
    }

    fn free_port(&mut self) -> u16 {
        loop {
            let port = FIRST_PORT + u16::try_from(self.random.below(PORTS)).expect("ports fit");
            if port != self.port && !self.further.contains_key(&port) {
                return port;
            }
        }
    }

    fn tell(&mut self, world: &mut World, node: NodeId, input: Input<'_>) {
        self.machine.handle(world.now(), input);
        self.drain(world, node);
    }

    /// Does what the machine says, and types what it takes.
    fn settle(&mut self, world: &mut World, node: NodeId) {
        self.drain(world, node);
        while self.takes_lines() {
            if let Some(line) = self.typed.pop_front() {
                self.tell(world, node, Input::Line(&line));
            } else if std::mem::take(&mut self.is_typing_over) {
                self.tell(world, node, Input::Leave);
            } else {
                break;
            }
        }
    }

    fn drain(&mut self, world: &mut World, node: NodeId) {
        while self.farewell.is_none() {
            match self.machine.poll_output() {
                Output::Send { route, ttl, bytes } => {
                    if let Some(port) = self.port_of(route) {
                        world.send(node, port, route.addr, ttl, &bytes);
                    }
                }
                Output::TcpOpen(addrs) => {
                    let conns = addrs.iter().map(|addr| world.connect(node, *addr));
                    self.link = Link::Connecting(conns.collect());
                }
                Output::TcpSend(frame) => {
                    if let Link::Open(stream) = &mut self.link {
                        stream.send(world, &frame);
                    }
                }
                Output::TcpClose => self.close_link(world),
                Output::OpenSockets(count) => {
                    let sockets = (0..count).map(|_| self.open_socket()).collect();
                    self.machine
                        .handle(world.now(), Input::SocketsOpened(sockets));
                }
                Output::CloseSockets(sockets) => {
                    self.further.retain(|_, socket| !sockets.contains(socket));
                }
                Output::Resolve => {
                    self.machine
                        .handle(world.now(), Input::ServerAddrs(self.servers.clone()));
                }
                Output::Show(event) => self.shown.push(Line {
                    at: world.elapsed(),
                    run: self.run,
                    event,
                }),
                Output::Pin(Pin::Server(key)) => self.known.server = Some(key),
                Output::Pin(Pin::Peer { id, key }) => {
                    self.known.peers.insert(id, key);
                }
                Output::File(request) => {
                    if let Some(reply) = self.disk.answer(request) {
                        if self.replies.is_empty() {
                            world.set_timer(node, WORKER, Some(world.now() + DISK));
                        }
                        self.replies.push_back(reply);
                    }
                }
                Output::Wait(until) => {
                    world.set_timer(node, MACHINE, until);
                    return;
                }
                Output::Done(farewell) => {
                    self.farewell = Some(farewell);
                    self.close_link(world);
                    world.set_timer(node, MACHINE, None);
                    world.set_timer(node, WORKER, None);
                }
            }
        }
    }

    fn port_of(&self, route: Route) -> Option<u16> {
        if route.socket == MAIN_SOCKET {
            return Some(self.port);
        }
        let port = self
            .further
            .iter()
            .find(|(_, socket)| **socket == route.socket);
        port.map(|(port, _)| *port)
    }

    fn open_socket(&mut self) -> Socket {
        let port = self.free_port();
        self.next_socket += 1;
        self.further.insert(port, self.next_socket);
        self.next_socket
    }

    fn close_link(&mut self, world: &mut World) {
        match std::mem::replace(&mut self.link, Link::None) {
            Link::None => {}
            Link::Connecting(conns) => conns.into_iter().for_each(|conn| world.tcp_abort(conn)),
            Link::Open(stream) => world.tcp_finish(stream.conn),
        }
    }

    fn tcp(&mut self, world: &mut World, node: NodeId, conn: ConnId, event: TcpEvent) {
        match (&mut self.link, event) {
            (Link::Connecting(conns), TcpEvent::Connected) if conns.contains(&conn) => {
                let others = std::mem::take(conns);
                for other in others.into_iter().filter(|other| *other != conn) {
                    world.tcp_abort(other);
                }
                self.link = Link::Open(Stream::new(conn));
                let local = world.address(node, 0);
                self.tell(world, node, Input::Tcp(LinkEvent::Connected(local)));
            }
            (Link::Connecting(conns), TcpEvent::Ended | TcpEvent::Reset | TcpEvent::TimedOut)
                if conns.contains(&conn) =>
            {
                conns.retain(|other| *other != conn);
                if conns.is_empty() {
                    self.link = Link::None;
                    self.tell(world, node, Input::Tcp(LinkEvent::Closed));
                }
            }
            (Link::Open(stream), event) if stream.conn == conn => match event {
                TcpEvent::Data(bytes) => {
                    for frame in stream.receive(&bytes) {
                        self.tell(world, node, Input::Tcp(LinkEvent::Frame(&frame)));
                    }
                }
                TcpEvent::Room => stream.flush(world),
                TcpEvent::Ended | TcpEvent::Reset | TcpEvent::TimedOut => {
                    self.close_link(world);
                    self.tell(world, node, Input::Tcp(LinkEvent::Closed));
                }
                TcpEvent::Connected | TcpEvent::Accepted { .. } => {}
            },
            _ => {}
        }
    }
}

impl Agent for User {
    fn handle(&mut self, world: &mut World, node: NodeId, event: Event) {
        if self.farewell.is_some() {
            return;
        }
        match event {
            Event::Datagram {
                to, from, bytes, ..
            } => {
                let socket = if to.port() == self.port {
                    Some(MAIN_SOCKET)
                } else {
                    self.further.get(&to.port()).copied()
                };
                if let Some(socket) = socket {
                    let bytes = &bytes[..];
                    self.machine.handle(
                        world.now(),
                        Input::Datagram {
                            socket,
                            from,
                            bytes,
                        },
                    );
                }
            }
            Event::Timer { id: MACHINE, .. } => self.machine.handle_timeout(world.now()),
            Event::Timer { .. } => {
                for reply in std::mem::take(&mut self.replies) {
                    self.tell(world, node, Input::File(reply));
                }
            }
            Event::Tcp { conn, event, .. } => self.tcp(world, node, conn, event),
        }
        self.settle(world, node);
    }
}

fn machine(
    world: &World,
    config: &ClientConfig,
    secret: [u8; 32],
    known: Known,
    random: &mut Random,
    incarnation: u64,
) -> Client {
    let identity = Identity::from_secret(secret);
    let entropy = Entropy::new(seed(random));
    Client::new(config, identity, entropy, known, incarnation, world.now())
}

fn wall(world: &World) -> u64 {
    EPOCH_MILLIS + u64::try_from(world.elapsed().as_millis()).expect("tests end")
}

fn seed(random: &mut Random) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.copy_from_slice(&random.bytes(32));
    seed
}
