//! Others that are asked in the same way: the older server, modelled on what the older programs did, and coturn.

use std::net::UdpSocket;
use std::time::Duration;

use harness::{Command, SOON, Stopwatch, needs_tool};

use super::members::socket_of;
use super::questions::{Asker, Question};
use super::{ROUND, measure};
use crate::family::Family;
use crate::figure::{Figure, Unit, as_f64};
use crate::pair::rest;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/nat/older_server.py");

/// Members of the older server.
const OLDER_MEMBERS: usize = 100;

/// Between two keep-alives of each: 50,000 a second at least, which is more than it bears.
const OLDER_PACE: Duration = Duration::from_millis(1);

/// Keep-alives for a processor second of the older server. It does not answer them: those count that it printed.
pub(crate) fn older(rounds: u16) -> Option<Figure> {
    let python = needs_tool("the older server", "python3", "python3")?;
    let port = free_port();
    let running = Command::new(python)
        .args([SCRIPT, &port.to_string()])
        .start();
    running.wait_stdout("Address", SOON);
    let socket = socket_of(([127, 0, 0, 1], port).into(), 0);
    let own = socket.local_addr().expect("a bound socket");
    let words = |event: &str, number: usize| format!("client_{event}_m{number}_{own}");
    for number in 0..OLDER_MEMBERS {
        socket.send(words("register", number).as_bytes()).ok();
    }
    running.wait_stdout(&format!("m{} register", OLDER_MEMBERS - 1), SOON);
    let family = Family::of(running.pid());
    let rates = (0..rounds).map(|_| {
        let (before, cpu_before) = (running.stdout().len(), family.counts().cpu);
        let watch = Stopwatch::start();
        while watch.elapsed() < ROUND {
            for number in 0..OLDER_MEMBERS {
                socket.send(words("Keep Alive", number).as_bytes()).ok();
            }
            rest(OLDER_PACE);
        }
        let (stdout, cpu) = (running.stdout(), family.counts().cpu);
        as_f64(keep_alives(&stdout[before..])) / (cpu - cpu_before).as_secs_f64()
    });
    let rates: Vec<f64> = rates.collect();
    Some(Figure::new(Unit::PerSecond, rates))
}

/// Keep-alives among what it printed.
fn keep_alives(stdout: &[u8]) -> usize {
    let lines = stdout.split(|byte| *byte == b'\n');
    let is_alive = |line: &&[u8]| line.windows(10).any(|part| part == b"Keep Alive");
    lines.filter(is_alive).count()
}

/// STUN Bindings answered for a processor second of coturn: nobody is a member, nothing is signed.
pub(crate) fn coturn(rounds: u16) -> Option<Figure> {
    let program = needs_tool("coturn", "turnserver", "coturn")?;
    let port = free_port();
    let running = Command::new(program)
        .args(["-n", "--listening-ip", "127.0.0.1", "--stun-only"])
        .args(["--listening-port", &port.to_string()])
        .args(["--no-tls", "--no-dtls", "--no-cli", "--log-file", "stdout"])
        .args(["--pidfile", "/dev/null", "--userdb", "/dev/null"])
        .start();
    let server = ([127, 0, 0, 1], port).into();
    let mut askers: Vec<Asker<Binding>> = (0..ASKERS)
        .map(|number| {
            let socket = socket_of(server, number);
            socket
                .set_nonblocking(true)
                .expect("a socket that need not wait");
            let questions = (0..BINDINGS).map(|_| Binding { number: 0 });
            Asker::new(socket, questions.collect())
        })
        .collect();
    running.wait_stdout("Total General servers", SOON);
    let runs = measure(&mut askers, &Family::of(running.pid()), rounds);
    Some(Figure::new(
        Unit::PerSecond,
        runs.iter().map(super::Run::per_core),
    ))
}

/// Sockets that ask coturn, as many as members have, and questions of each that may be under way.
const ASKERS: u32 = 192;
const BINDINGS: usize = 64;

/// A Binding request (RFC 8489 §5), each with a number of its own.
struct Binding {
    number: u64,
}

const BINDING_REQUEST: [u8; 8] = [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
const BINDING_SUCCESS: [u8; 2] = [1, 1];

impl Question for Binding {
    fn write(&mut self, out: &mut Vec<u8>) {
        self.number += 1;
        out.extend_from_slice(&BINDING_REQUEST);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.number.to_be_bytes());
    }

    fn is_answered_by(&self, answer: &[u8]) -> bool {
        answer.starts_with(&BINDING_SUCCESS)
            && answer.get(12..20) == Some(&self.number.to_be_bytes())
    }
}

/// A UDP port of loopback that is free now.
fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("a bound socket").port()
}
