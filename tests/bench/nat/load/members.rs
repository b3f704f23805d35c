//! Members that join as clients do: a key pair and a Register each, with a cookie for each of their addresses.
//!
//! They are spread over as many neighbourhoods of loopback addresses as the server's limits ask for, and join no faster
//! than it computes keys.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::{self, available_parallelism};
use std::time::Duration;

use harness::{SOON, Stopwatch};
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::{Identity, PublicKey};
use natchat::crypto::mac::{MacKey, Purpose, body};
use natchat::name::MemberId;
use natchat::wire::from_server::{FromServer, Refusal};
use natchat::wire::reach::Reach;
use natchat::wire::to_server::{ALIVE_LEN, Cookie, Register, ToServer};

use super::questions::{Asker, Question, ask_each};
use crate::pair::rest;

/// Members of one neighbourhood: below what the server takes from one in a minute.
const NEIGHBOURS: u32 = 512;

/// Registers under way for one socket.
const WINDOW: usize = 64;

/// How long an answer to a Register is waited for before it is sent again.
const AGAIN: Duration = Duration::from_millis(250);

/// How long to leave a server alone that has enough to compute.
const BUSY: Duration = Duration::from_millis(5);

/// Between two rounds of keep-alives, as clients have it.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What the server expects of anyone.
const DATAGRAM_LEN: usize = 1_500;

/// Who has joined.
#[derive(Debug)]
pub(crate) struct Member {
    number: u64,
    counter: u64,
    there: MacKey,
    back: MacKey,
}

impl Question for Member {
    fn write(&mut self, out: &mut Vec<u8>) {
        self.counter += 1;
        let start = out.len();
        let alive = ToServer::Alive {
            member: self.number,
            counter: self.counter,
            seen: 0,
            cookie: None,
        };
        let mut frame = Vec::with_capacity(ALIVE_LEN);
        alive.encode(&mut frame);
        self.there.seal(&mut frame);
        out.extend_from_slice(&frame);
        debug_assert_eq!(out.len() - start, ALIVE_LEN);
    }

    fn is_answered_by(&self, answer: &[u8]) -> bool {
        let body = self.back.open(answer);
        let frame = body.and_then(|body| FromServer::decode(body).ok());
        matches!(frame, Some(FromServer::Alive { counter, .. }) if counter == self.counter)
    }
}

/// All members, and how long their joining took.
pub(crate) fn join_all(server: SocketAddr, count: u32) -> (Vec<Asker<Member>>, Duration) {
    let watch = Stopwatch::start();
    let neighbourhoods: Vec<u32> = (0..count.div_ceil(NEIGHBOURS)).collect();
    let threads = available_parallelism().map_or(1, usize::from);
    let share = neighbourhoods.len().div_ceil(threads);
    let askers = thread::scope(|scope| {
        let started: Vec<_> = neighbourhoods
            .chunks(share)
            .map(|numbers| scope.spawn(move || join_some(server, numbers, count)))
            .collect();
        let ended = started.into_iter().map(|thread| thread.join());
        ended
            .flat_map(|askers| askers.expect("all of them join"))
            .collect()
    });
    (askers, watch.elapsed())
}

/// The members of these neighbourhoods. Those who have joined say that they are still there while the others join.
fn join_some(server: SocketAddr, numbers: &[u32], count: u32) -> Vec<Asker<Member>> {
    let mut askers = Vec::new();
    let mut heard = Stopwatch::start();
    for number in numbers {
        let left = count - number * NEIGHBOURS;
        askers.push(join(server, *number, left.min(NEIGHBOURS)));
        if heard.elapsed() > KEEP_ALIVE {
            ask_each(&mut askers);
            heard = Stopwatch::start();
        }
    }
    askers
}

/// The members of one neighbourhood.
pub(crate) fn join(server: SocketAddr, neighbourhood: u32, count: u32) -> Asker<Member> {
    let socket = socket_of(server, neighbourhood);
    let (cookie, server_key) = greet(&socket);
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&neighbourhood.to_be_bytes());
    let mut entropy = Entropy::new(seed);
    let mut waiting: BTreeMap<u64, Candidate> = (0..count)
        .map(|number| {
            let id = format!("m{neighbourhood}.{number}");
            let candidate = Candidate::new(&id, cookie, server_key, &mut entropy);
            (candidate.nonce, candidate)
        })
        .collect();
    let mut members = Vec::new();
    let watch = Stopwatch::start();
    while !waiting.is_empty() {
        assert!(watch.elapsed() < SOON, "{} do not join", waiting.len());
        register_some(&socket, &mut waiting, &mut members);
    }
    socket
        .set_nonblocking(true)
        .expect("a socket that need not wait");
    Asker::new(socket, members)
}

/// A loopback address in a /24 of its own.
pub(crate) fn socket_of(server: SocketAddr, neighbourhood: u32) -> UdpSocket {
    let [.., high, low] = (neighbourhood + 256).to_be_bytes();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, high, low, 1), 0));
    let socket = socket.expect("a loopback address");
    socket.connect(server).expect("the server's address");
    socket
        .set_read_timeout(Some(AGAIN))
        .expect("a timeout that is not zero");
    socket
}

/// A cookie for this address, and the server's key.
fn greet(socket: &UdpSocket) -> (Cookie, PublicKey) {
    let mut hello = Vec::new();
    ToServer::Hello { nonce: 7 }.encode(&mut hello);
    let mut buffer = [0; DATAGRAM_LEN];
    let watch = Stopwatch::start();
    while watch.elapsed() < SOON {
        socket.send(&hello).ok();
        let Ok(len) = socket.recv(&mut buffer) else {
            continue;
        };
        if let Ok(FromServer::Challenge { cookie, key, .. }) = FromServer::decode(&buffer[..len]) {
            return (cookie, PublicKey(key));
        }
    }
    panic!("the server does not answer a Hello within {SOON:?}");
}

/// Who wants to join.
struct Candidate {
    nonce: u64,
    frame: Vec<u8>,
    there: MacKey,
    back: MacKey,
}

impl Candidate {
    fn new(id: &str, cookie: Cookie, server: PublicKey, entropy: &mut Entropy) -> Self {
        let identity = Identity::generate(entropy);
        let keys = MacKey::pair(&identity, &server, Purpose::ToServer, Purpose::FromServer);
        let (there, back) = keys.expect("the server's key is a good one");
        let nonce = entropy.next_u64();
        let id: MemberId = id.parse().expect("letters, digits and a dot");
        let register = ToServer::Register(Box::new(Register {
            nonce,
            cookie,
            key: identity.public().0,
            incarnation: 1,
            id,
            presence: false,
            reach: Reach::default(),
        }));
        let mut frame = Vec::new();
        register.encode(&mut frame);
        there.seal(&mut frame);
        Self {
            nonce,
            frame,
            there,
            back,
        }
    }
}

/// Sends the Registers of some who wait, and takes in the answers.
fn register_some(
    socket: &UdpSocket,
    waiting: &mut BTreeMap<u64, Candidate>,
    members: &mut Vec<Member>,
) {
    let some = waiting.values().take(WINDOW);
    let mut open = 0;
    for candidate in some {
        socket.send(&candidate.frame).ok();
        open += 1;
    }
    let mut buffer = [0; DATAGRAM_LEN];
    let mut is_busy = false;
    while open > 0 {
        let Ok(len) = socket.recv(&mut buffer) else {
            return;
        };
        open -= 1;
        match FromServer::decode(&buffer[..len]) {
            Ok(FromServer::Refused { reason, .. }) => {
                assert_eq!(reason, Refusal::Busy, "a Register is refused");
                is_busy = true;
            }
            _ => members.extend(registered(&buffer[..len], waiting)),
        }
    }
    if is_busy {
        rest(BUSY);
    }
}

/// Who has joined by this answer.
fn registered(answer: &[u8], waiting: &mut BTreeMap<u64, Candidate>) -> Option<Member> {
    let frame = FromServer::decode(body(answer)?).ok()?;
    let FromServer::Registered { nonce, member, .. } = frame else {
        return None;
    };
    waiting.get(&nonce)?.back.open(answer)?;
    let candidate = waiting.remove(&nonce)?;
    Some(Member {
        number: member,
        counter: 1 << 20,
        there: candidate.there,
        back: candidate.back,
    })
}
