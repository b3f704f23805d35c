//! The server on its node: what `natchat server` does around the machine, with the journal in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::Random;
use harness::sim::{Agent, ConnId, Event, NodeId, TcpEvent, World};
use natchat::config::{DEFAULT_PORT, ServerLimits};
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::Identity;
use natchat::rendezvous::event::Event as Told;
use natchat::rendezvous::machine::{Input, Output, Port, Rendezvous};

use super::stream::Stream;

/// By which clients learn what their NAT does.
const PROBE_PORTS: [u16; 2] = [41_001, 41_002];

/// The port of the first member that older clients talk to.
const FIRST_OLDER_PORT: u16 = 42_000;

/// How long a new connection may say nothing, and how long any.
const FIRST_FRAME: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(60);

/// Timers: the machine's, and that of silent connections.
const MACHINE: u64 = 0;
const CONNS: u64 = 1;

/// The key that lies in the server's data folder.
const SECRET: [u8; 32] = [0x5e; 32];

/// A server that runs.
#[derive(Debug)]
pub(super) struct Host {
    machine: Rendezvous,
    /// What lies on its disk.
    pub(super) journal: Vec<Vec<u8>>,
    /// What it has told who runs it.
    pub(super) told: Vec<Told>,
    /// Bytes sent on by its main port as datagrams.
    pub(super) relayed: u64,
    conns: BTreeMap<u32, Conn>,
    next: u32,
    older: BTreeMap<u16, u16>,
}

#[derive(Debug)]
struct Conn {
    stream: Stream,
    until: Instant,
    is_ending: bool,
}

impl Host {
    /// Starts with what is on the disk.
    pub(super) fn start(world: &mut World, node: NodeId, journal: Vec<Vec<u8>>) -> Self {
        let now = world.now();
        let limits = ServerLimits {
            registrations_per_minute: 100_000,
            ..ServerLimits::default()
        };
        let mut seed = [0; 32];
        seed.copy_from_slice(
            &Random::new(u64::try_from(world.elapsed().as_nanos()).expect("tests end")).bytes(32),
        );
        let mut machine = Rendezvous::new(
            limits,
            Identity::from_secret(SECRET),
            Entropy::new(seed),
            now,
        );
        machine.set_probe_ports(&PROBE_PORTS);
        machine.set_main(0, world.address(node, DEFAULT_PORT));
        for record in &journal {
            assert!(machine.restore(record), "a record of ours is known to us");
        }
        machine.greet(now);
        world.listen(node, DEFAULT_PORT);
        let mut host = Self {
            machine,
            journal: Vec::new(),
            told: Vec::new(),
            relayed: 0,
            conns: BTreeMap::new(),
            next: 0,
            older: BTreeMap::new(),
        };
        let mut at = Some(0);
        while let Some(cursor) = at {
            let journal = &mut host.journal;
            at = host
                .machine
                .snapshot(cursor, 7, &mut |record| journal.push(record.to_vec()));
        }
        host.settle(world, node);
        host
    }

    /// Who is there.
    pub(super) fn members(&self) -> u32 {
        self.machine.members()
    }

    /// Ends in order.
    pub(super) fn close(&mut self, world: &mut World, node: NodeId) {
        self.machine.handle(world.now(), Input::Close);
        self.settle(world, node);
    }

    fn settle(&mut self, world: &mut World, node: NodeId) {
        let now = world.now();
        loop {
            match self.machine.poll_output() {
                Output::Send { port, to, bytes } => {
                    self.relayed += u64::from(bytes.first() == Some(&0xfb));
                    let from = match port {
                        Port::Main(_) => DEFAULT_PORT,
                        Port::Probe(index) => PROBE_PORTS[usize::from(index)],
                        Port::Older(slot) => self.older[&slot],
                    };
                    world.send(node, from, to, None, bytes);
                }
                Output::TcpSend { conn, bytes } => {
                    let conn = self.conns.get_mut(&conn).filter(|conn| !conn.is_ending);
                    if let Some(conn) = conn {
                        conn.stream.send(world, bytes);
                    }
                }
                Output::TcpClose { conn } => {
                    if let Some(conn) = self.conns.get_mut(&conn) {
                        conn.is_ending = true;
                    }
                    self.end_if_flushed(world, conn);
                }
                Output::OpenOlderPort(slot) => {
                    let port = FIRST_OLDER_PORT + slot;
                    self.older.insert(slot, port);
                    let port = Some(port);
                    self.machine.handle(now, Input::OlderPort { slot, port });
                }
                Output::CloseOlderPort(slot) => {
                    self.older.remove(&slot);
                }
                Output::Journal(record) => self.journal.push(record.to_vec()),
                Output::Show(event) => self.told.push(event),
                Output::Wait(until) => {
                    world.set_timer(node, MACHINE, until);
                    break;
                }
            }
        }
        let due = self.conns.values().map(|conn| conn.until).min();
        world.set_timer(node, CONNS, due);
    }

    fn datagram(&mut self, now: Instant, to: u16, from: SocketAddr, bytes: &[u8]) {
        let probe = PROBE_PORTS.iter().position(|port| *port == to);
        let port = if to == DEFAULT_PORT {
            Port::Main(0)
        } else if let Some(index) = probe {
            Port::Probe(u8::try_from(index).expect("two ports"))
        } else if let Some((slot, _)) = self.older.iter().find(|(_, port)| **port == to) {
            Port::Older(*slot)
        } else {
            return;
        };
        self.machine
            .handle(now, Input::Datagram { port, from, bytes });
    }

    fn tcp(&mut self, world: &mut World, id: ConnId, event: TcpEvent) {
        let now = world.now();
        if let TcpEvent::Accepted { from, .. } = event {
            let conn = self.next;
            self.next += 1;
            let until = now + FIRST_FRAME;
            let stream = Stream::new(id);
            self.conns.insert(
                conn,
                Conn {
                    stream,
                    until,
                    is_ending: false,
                },
            );
            self.machine.handle(now, Input::TcpOpened { conn, from });
            return;
        }
        let Some((&number, conn)) = self
            .conns
            .iter_mut()
            .find(|(_, conn)| conn.stream.conn == id)
        else {
            return;
        };
        match event {
            TcpEvent::Accepted { .. } | TcpEvent::Connected => {}
            TcpEvent::Data(bytes) => {
                for frame in conn.stream.receive(&bytes) {
                    conn.until = now + SILENCE;
                    self.machine.handle(
                        now,
                        Input::TcpFrame {
                            conn: number,
                            bytes: &frame,
                        },
                    );
                }
            }
            TcpEvent::Room => {
                conn.stream.flush(world);
                self.end_if_flushed(world, number);
            }
            TcpEvent::Ended | TcpEvent::Reset | TcpEvent::TimedOut => self.remove(world, number),
        }
    }

    fn end_if_flushed(&mut self, world: &mut World, number: u32) {
        let conn = self.conns.get(&number);
        if conn.is_some_and(|conn| conn.is_ending && conn.stream.is_flushed()) {
            self.remove(world, number);
        }
    }

    fn remove(&mut self, world: &mut World, number: u32) {
        if let Some(conn) = self.conns.remove(&number) {
            world.tcp_finish(conn.stream.conn);
            self.machine
                .handle(world.now(), Input::TcpClosed { conn: number });
        }
    }
}

impl Agent for Host {
    fn handle(&mut self, world: &mut World, node: NodeId, event: Event) {
        let now = world.now();
        match event {
            Event::Datagram {
                to, from, bytes, ..
            } => self.datagram(now, to.port(), from, &bytes),
            Event::Timer { id: MACHINE, .. } => self.machine.handle_timeout(now),
            Event::Timer { .. } => {
                let silent = self.conns.iter().filter(|(_, conn)| conn.until <= now);
                for number in silent.map(|(number, _)| *number).collect::<Vec<_>>() {
                    self.remove(world, number);
                }
            }
            Event::Tcp { conn, event, .. } => self.tcp(world, conn, event),
        }
        self.settle(world, node);
    }
}
