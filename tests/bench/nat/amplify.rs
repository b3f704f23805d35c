//! How many bytes a stranger draws from the server for each byte that it sends, with an address that may be another's:
//! each question that needs no proof, again and again from an address of its own, and all that comes back, also in the
//! time after. A hundred older members are there, whose list a newcomer is told.
//!
//! Not counted is what members are told of a newcomer: they have proven their addresses.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use harness::Stopwatch;
use natchat::wire::reach::Reach;
use natchat::wire::to_server::{Register, ToServer};

use crate::Options;
use crate::figure::{Figure, Line, Outcome, Unit, as_f64};
use crate::load::members::{self, socket_of};
use crate::load::questions::Question;
use crate::pair::rest;
use crate::people::Server;

/// Older members.
const OLDER: u32 = 100;

/// How often a question is asked, and how long apart.
const TIMES: usize = 100;
const APART: Duration = Duration::from_millis(4);

/// STUN has no padding: an answer is longer than its question, so that only few of a flood may be answered.
const FLOOD: usize = 500;

/// How long answers are waited for after the last question: the older list is paced.
const AFTER: Duration = Duration::from_secs(3);

/// The most that may be drawn for a byte: with frames and STUN, and with the older text.
const GOAL: f64 = 1.0;
const OLDER_GOAL: f64 = 3.0;

/// The first number of the addresses that ask; those before it are members'.
const ASKERS: u32 = 1_000;

/// What a stranger may say.
struct Attack {
    what: &'static str,
    datagrams: Vec<Vec<u8>>,
    goal: f64,
}

pub(crate) fn run(_: &Options) -> Outcome {
    let server = Server::here();
    let addr = server.addr();
    let members: Vec<UdpSocket> = (0..OLDER)
        .map(|number| older_member(addr, number))
        .collect();
    let attacks = attacks(addr);
    let drawn: Vec<f64> = thread::scope(|scope| {
        let askers = (ASKERS..).map(|number| socket_of(addr, number));
        let started: Vec<_> = attacks
            .iter()
            .zip(askers)
            .map(|(attack, socket)| scope.spawn(move || draw(attack, &socket)))
            .collect();
        let ended = started.into_iter().map(|attack| attack.join());
        ended
            .map(|ratio| ratio.expect("bytes are counted"))
            .collect()
    });
    drop(members);
    outcome(&attacks, &drawn)
}

fn outcome(attacks: &[Attack], drawn: &[f64]) -> Outcome {
    let mut outcome = Outcome::default();
    for (what, goal) in [
        ("the most that frames and STUN draw", GOAL),
        (
            "the most that the older text draws, 100 older members",
            OLDER_GOAL,
        ),
    ] {
        let all = attacks.iter().zip(drawn);
        let such = all.filter(|(attack, _)| attack.goal == goal);
        let worst = such.map(|(_, ratio)| *ratio).fold(0.0, f64::max);
        let line = Line::new(what, Figure::one(Unit::Times, worst)).at_most(goal);
        outcome.add(if goal == OLDER_GOAL {
            line.quoting("the older servers", "×108 and ×187")
        } else {
            line.quoting("coturn", "×1.6 to ×2.8")
        });
    }
    for (attack, ratio) in attacks.iter().zip(drawn) {
        outcome.note(format!(
            "  {:<52} {:>4} times: {}",
            attack.what,
            attack.datagrams.len(),
            Unit::Times.show(*ratio)
        ));
    }
    outcome
}

/// Bytes that came for each byte that went.
fn draw(attack: &Attack, socket: &UdpSocket) -> f64 {
    socket
        .set_nonblocking(true)
        .expect("a socket that need not wait");
    let mut out = 0;
    for datagram in &attack.datagrams {
        out += socket.send(datagram).unwrap_or_default();
        rest(APART);
    }
    let mut back = 0;
    let mut buffer = [0; 65_535];
    let watch = Stopwatch::start();
    while watch.elapsed() < AFTER {
        while let Ok(len) = socket.recv(&mut buffer) {
            back += len;
        }
        rest(APART);
    }
    as_f64(back) / as_f64(out)
}

/// Registers, and proves its address by a keep-alive.
fn older_member(server: SocketAddr, number: u32) -> UdpSocket {
    let socket = socket_of(server, number);
    let own = socket.local_addr().expect("a bound socket");
    let mut buffer = [0; 2_048];
    for event in ["register", "Keep Alive"] {
        let text = format!("client_{event}_old{number}_{own}");
        socket.send(text.as_bytes()).ok();
        // At least about itself.
        socket.recv(&mut buffer).ok();
    }
    socket
}

fn attacks(server: SocketAddr) -> Vec<Attack> {
    let same = |what, bytes: Vec<u8>| Attack {
        what,
        datagrams: vec![bytes; TIMES],
        goal: GOAL,
    };
    let text = |what, times, event: &str, id: fn(usize) -> String| {
        let text = |number| format!("client_{event}_{}_192.168.0.5:10081", id(number)).into_bytes();
        Attack {
            what,
            datagrams: (0..times).map(text).collect(),
            goal: OLDER_GOAL,
        }
    };
    vec![
        same("Hello", frame(&ToServer::Hello { nonce: 1 })),
        same(
            "Hello without its padding",
            vec![0xF8, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        same("Register with a false cookie", register()),
        same("Alive of nobody", alive_of_nobody()),
        Attack {
            what: "Alive of a member, from another address",
            datagrams: stolen_alives(server),
            goal: GOAL,
        },
        same("Observe", frame(&ToServer::Observe { nonce: 1 })),
        same("a frame to be relayed, of nobody", vec![0xFA; 600]),
        Attack {
            what: "STUN Binding, 20 bytes",
            datagrams: vec![binding(); FLOOD],
            goal: GOAL,
        },
        same("STUN of an unknown method", unknown_method()),
        same("a letter", b"x".to_vec()),
        text("older: register, once", 1, "register", |_| {
            String::from("once")
        }),
        text(
            "older: register the same again and again",
            TIMES,
            "register",
            |_| String::from("same"),
        ),
        text(
            "older: register another each time",
            TIMES,
            "register",
            |number| format!("other{number}"),
        ),
        text("older: keep-alive of one unknown", 1, "Keep Alive", |_| {
            String::from("unknown")
        }),
        text(
            "older: keep-alive of a member",
            TIMES,
            "Keep Alive",
            |number| format!("old{number}"),
        ),
        text(
            "older: unregister a member",
            TIMES,
            "unregister",
            |number| format!("old{number}"),
        ),
    ]
}

fn frame(frame: &ToServer) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out);
    out
}

/// With any tag: the server looks at the cookie first.
fn register() -> Vec<u8> {
    let register = ToServer::Register(Box::new(Register {
        nonce: 1,
        cookie: [7; 16],
        key: [9; 32],
        incarnation: 1,
        id: "mallory".parse().expect("letters"),
        presence: true,
        reach: Reach::default(),
    }));
    [frame(&register), vec![0; 16]].concat()
}

fn alive_of_nobody() -> Vec<u8> {
    let alive = ToServer::Alive {
        member: 1 << 40,
        counter: 1,
        seen: 0,
        cookie: None,
    };
    [frame(&alive), vec![0; 16]].concat()
}

/// Recorded on their way, and sent by somebody else before the member's own.
fn stolen_alives(server: SocketAddr) -> Vec<Vec<u8>> {
    let mut member = members::join(server, ASKERS - 1, 1).into_questions();
    let member = member.first_mut().expect("one joined");
    let alive = |_| {
        let mut out = Vec::new();
        member.write(&mut out);
        out
    };
    (0..TIMES).map(alive).collect()
}

/// A Binding request (RFC 8489 §5) without attributes.
fn binding() -> Vec<u8> {
    [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[5; 12]].concat()
}

fn unknown_method() -> Vec<u8> {
    [&[0, 3, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[5; 12]].concat()
}
