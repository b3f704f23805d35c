//! Runs the row of idle connections: what 10,000 of them cost in memory, and what they do to a client that works.
//!
//! One server at a time, started anew for each round, because memory once used is seldom given back. Each connection
//! has made one request before it falls idle. This program holds the clients' ends.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use harness::leave_out;

use crate::check::{Checked, request};
use crate::client::Client;
use crate::load::{self, Run};
use crate::race::Limits;
use crate::rows::{Ask, Row};
use crate::scene::{Scene, Started};
use crate::servers::Server;
use crate::site::Page;

/// Descriptors that are needed besides the idle ones.
const SPARE_FILES: u64 = 500;

/// How one server did.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) server: Server,
    /// One for each round, in order.
    pub(crate) rounds: Vec<Round>,
    /// What was wrong; it takes no further part then.
    pub(crate) fault: Option<String>,
}

/// One server, before the idle connections came and while they were there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) memory_before: u64,
    pub(crate) memory_during: u64,
    pub(crate) connections: usize,
    pub(crate) before: Run,
    pub(crate) during: Run,
}

impl Round {
    /// Memory for a connection, in bytes.
    pub(crate) fn connection_len(&self) -> f64 {
        let grown = self.memory_during.saturating_sub(self.memory_before);
        load::as_f64(grown) / load::as_f64(self.connections as u64)
    }
}

/// Measures `row`; empty if this process may not open so many connections.
pub(crate) fn run(row: &Row, scene: &Scene, limits: &Limits) -> Vec<Standing> {
    if scene.files < row.connections as u64 + SPARE_FILES {
        let reason = format!("only {} files may be open", scene.files);
        leave_out(row.title, &reason, "raise the limit (ulimit -Hn)");
        return Vec::new();
    }
    let servers = scene.contestants.who(row.log);
    let servers = servers.filter(|server| !server.is_variant());
    let mut standings: Vec<Standing> = servers
        .map(|server| Standing {
            server,
            rounds: Vec::new(),
            fault: None,
        })
        .collect();
    for _ in 0..limits.rounds {
        for standing in standings
            .iter_mut()
            .filter(|standing| standing.fault.is_none())
        {
            match round(row, scene, standing.server) {
                Ok(round) => standing.rounds.push(round),
                Err(fault) => standing.fault = Some(fault),
            }
        }
    }
    standings
}

fn round(row: &Row, scene: &Scene, server: Server) -> Result<Round, String> {
    let active = Row {
        connections: 2,
        ask: Ask::File(Page::KB1),
        ..*row
    };
    let started = Started::new(scene, server, row.log);
    let checked: Checked = started.check(&active)?;
    load::run(scene, &active, &started, &checked)?;
    let before = load::run(scene, &active, &started, &checked)?;
    let memory_before = started.family().memory();
    let idle = Idle::new(row, started.port)?;
    let memory_during = started.family().memory();
    let during = load::run(scene, &active, &started, &checked)
        .map_err(|fault| format!("with {} idle connections: {fault}", row.connections))?;
    idle.are_open()?;
    Ok(Round {
        memory_before,
        memory_during,
        connections: row.connections,
        before,
        during,
    })
}

/// The clients' ends of the idle connections.
struct Idle {
    streams: Vec<TcpStream>,
}

impl Idle {
    fn new(row: &Row, port: u16) -> Result<Self, String> {
        let request = request(&row.ask.path(), &[]);
        let mut streams = Vec::with_capacity(row.connections);
        for number in 0..row.connections {
            let stream = fall_idle(port, &request);
            let stream = stream.map_err(|error| format!("connection {number}: {error}"))?;
            streams.push(stream);
        }
        Ok(Self { streams })
    }

    /// Whether the server has kept them all.
    fn are_open(self) -> Result<(), String> {
        let is_open = |mut stream: TcpStream| {
            stream.set_nonblocking(true).ok();
            let read = stream.read(&mut [0]);
            read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        let all = self.streams.len();
        let open = self
            .streams
            .into_iter()
            .map(is_open)
            .filter(|is_open| *is_open)
            .count();
        if open == all {
            return Ok(());
        }
        Err(format!("{} of {all} connections were closed", all - open))
    }
}

fn fall_idle(port: u16, request: &[u8]) -> std::io::Result<TcpStream> {
    let mut client = Client::connect(port)?;
    client.send(request)?;
    client.receive()?;
    Ok(client.into_stream())
}
