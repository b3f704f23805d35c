//! The server in virtual time, with clients whose frames are real: sealed, counted, and answered or not.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for one kind of answer among many"
)]

mod abuse;
mod joining;
mod many;
mod older;
mod pace;
mod ports;
mod presence;
mod relay;
mod restart;
mod staying;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::clock::Clock;

use super::machine::{Input, Output, Port, Rendezvous};
use crate::config::ServerLimits;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::crypto::mac::{MacKey, Purpose};
use crate::wire::from_server::{FromServer, Refusal};
use crate::wire::reach::{Candidate, CandidateKind, Mapping, Reach};
use crate::wire::relay::Up;
use crate::wire::to_server::{Cookie, Register, ToServer};

/// An output, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Datagram {
        port: Port,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Frame {
        conn: u32,
        bytes: Vec<u8>,
    },
    Close(u32),
    OpenOlder(u16),
    CloseOlder(u16),
}

/// A server and all it has done.
pub(super) struct Scene {
    pub(super) server: Rendezvous,
    pub(super) now: Instant,
    pub(super) key: PublicKey,
    /// Since it was last taken.
    pub(super) out: Vec<Out>,
    pub(super) journal: Vec<Vec<u8>>,
    pub(super) shown: Vec<String>,
    /// The ports that older ones are bound to, and how many have been.
    pub(super) bound: u16,
    wake: Option<Instant>,
}

/// Where the server is, for all.
pub(super) const HOST: &str = "198.51.100.1:10080";

pub(super) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn server(limits: ServerLimits, now: Instant) -> Rendezvous {
    let identity = Identity::from_secret([7; 32]);
    let mut server = Rendezvous::new(limits, identity, Entropy::new([9; 32]), now);
    server.set_main(0, addr(HOST));
    server.set_probe_ports(&[10_081, 10_082]);
    server
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(ServerLimits::default())
    }

    pub(super) fn with(limits: ServerLimits) -> Self {
        Self::restored(limits, &[])
    }

    /// A server that was started with this journal.
    pub(super) fn restored(limits: ServerLimits, journal: &[Vec<u8>]) -> Self {
        let now = Clock::start().now();
        let mut server = server(limits, now);
        for record in journal {
            assert!(server.restore(record), "{record:?}");
        }
        server.greet(now);
        let mut scene = Self {
            server,
            now,
            key: Identity::from_secret([7; 32]).public(),
            out: Vec::new(),
            journal: Vec::new(),
            shown: Vec::new(),
            bound: 40_000,
            wake: None,
        };
        scene.drain();
        scene
    }

    fn drain(&mut self) {
        loop {
            let out = match self.server.poll_output() {
                Output::Wait(at) => {
                    self.wake = at;
                    return;
                }
                Output::Journal(record) => {
                    assert!(record.len() <= super::journal::RECORD_LEN);
                    self.journal.push(record.to_vec());
                    continue;
                }
                Output::Show(event) => {
                    self.shown.push(event.to_string());
                    continue;
                }
                Output::Send { port, to, bytes } => Out::Datagram {
                    port,
                    to,
                    bytes: bytes.to_vec(),
                },
                Output::TcpSend { conn, bytes } => Out::Frame {
                    conn,
                    bytes: bytes.to_vec(),
                },
                Output::TcpClose { conn } => Out::Close(conn),
                Output::OpenOlderPort(slot) => Out::OpenOlder(slot),
                Output::CloseOlderPort(slot) => Out::CloseOlder(slot),
            };
            self.out.push(out);
        }
    }

    /// Gives the server something, and what it does then.
    pub(super) fn input(&mut self, input: Input<'_>) -> Vec<Out> {
        let before = self.out.len();
        self.server.handle(self.now, input);
        self.drain();
        self.out[before..].to_vec()
    }

    pub(super) fn datagram(&mut self, port: Port, from: SocketAddr, bytes: &[u8]) -> Vec<Out> {
        self.input(Input::Datagram { port, from, bytes })
    }

    /// A text to the main port.
    pub(super) fn text(&mut self, from: &str, text: &str) -> Vec<Out> {
        let out = self.datagram(Port::Main(0), addr(from), text.as_bytes());
        self.bind(out)
    }

    /// Binds the older ports that were asked for, to 40,000 and on.
    pub(super) fn bind(&mut self, mut out: Vec<Out>) -> Vec<Out> {
        let mut next = 0;
        while next < out.len() {
            if let Out::OpenOlder(slot) = out[next] {
                let port = Some(self.bound);
                self.bound += 1;
                out.extend(self.input(Input::OlderPort { slot, port }));
            }
            next += 1;
        }
        out
    }

    /// Lets time pass; what the server does meanwhile is in `out`.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut wakes = 0;
        while let Some(at) = self.wake.filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            self.drain();
            wakes += 1;
            assert!(wakes < 100_000, "it wakes for nothing");
        }
        self.now = end;
    }

    /// What was done since this was last asked.
    pub(super) fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// A client sends bytes from where it is.
    pub(super) fn send(&mut self, at: At, bytes: &[u8]) -> Vec<Out> {
        match at {
            At::Udp(from) => self.datagram(Port::Main(0), from, bytes),
            At::Tcp(conn) => self.input(Input::TcpFrame { conn, bytes }),
        }
    }

    /// A client joins: Hello, Challenge, Register, and what came of it.
    pub(super) fn join(&mut self, client: &mut Client) -> Result<(), Refusal> {
        let cookie = self.cookie(client.at);
        let register = client.register(cookie);
        let out = self.send(client.at, &register);
        self.took(client, &out)
    }

    /// Reads the answer to a Register.
    pub(super) fn took(&mut self, client: &mut Client, out: &[Out]) -> Result<(), Refusal> {
        for frame in client.read(out) {
            match frame {
                FromServer::Registered {
                    nonce,
                    member,
                    incarnation,
                    ..
                } => {
                    assert_eq!((nonce, incarnation), (client.nonce, client.incarnation));
                    client.member = member;
                    return Ok(());
                }
                FromServer::Refused { nonce, reason } => {
                    assert_eq!(nonce, client.nonce);
                    return Err(reason);
                }
                _ => {}
            }
        }
        panic!("no answer to a Register: {out:?}");
    }

    /// A cookie for a newcomer there.
    pub(super) fn cookie(&mut self, at: At) -> Cookie {
        let mut hello = Vec::new();
        ToServer::Hello { nonce: 5 }.encode(&mut hello);
        let out = self.send(at, &hello);
        let [Out::Datagram { bytes, .. } | Out::Frame { bytes, .. }] = &out[..] else {
            panic!("no Challenge: {out:?}");
        };
        match FromServer::decode(bytes) {
            Ok(FromServer::Challenge {
                nonce: 5,
                cookie,
                key,
            }) if key == self.key.0 => cookie,
            other => panic!("no Challenge: {other:?}"),
        }
    }

    /// A member says something, and what it is answered.
    pub(super) fn say(&mut self, client: &Client, frame: &ToServer) -> Vec<FromServer> {
        let out = self.send(client.at, &client.seal(frame));
        client.read(&out)
    }

    pub(super) fn alive(&mut self, client: &mut Client) -> Vec<FromServer> {
        let frame = client.alive(0, None);
        self.say(client, &frame)
    }
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Udp(SocketAddr),
    Tcp(u32),
}

/// A client.
pub(super) struct Client {
    pub(super) id: &'static str,
    pub(super) key: PublicKey,
    pub(super) theirs: MacKey,
    pub(super) ours: MacKey,
    pub(super) at: At,
    pub(super) nonce: u64,
    pub(super) incarnation: u64,
    pub(super) member: u64,
    pub(super) counter: u64,
    pub(super) presence: bool,
    pub(super) reach: Reach,
}

impl Client {
    /// Who has the `n`th key.
    pub(super) fn new(n: u8, id: &'static str, from: &str) -> Self {
        let identity = Identity::from_secret([n + 100; 32]);
        let server = Identity::from_secret([7; 32]).public();
        let (ours, theirs) =
            MacKey::pair(&identity, &server, Purpose::ToServer, Purpose::FromServer).unwrap();
        let local = addr(&format!("192.168.0.{n}:10081"));
        Self {
            id,
            key: identity.public(),
            ours,
            theirs,
            at: At::Udp(addr(from)),
            nonce: u64::from(n) << 40 | 0xABCD,
            incarnation: 1_000,
            member: 0,
            counter: 1_000 << 20,
            presence: true,
            reach: Reach {
                mapping: Mapping::Unknown,
                candidates: vec![Candidate {
                    kind: CandidateKind::Local,
                    addr: local,
                }],
            },
        }
    }

    pub(super) fn register(&self, cookie: Cookie) -> Vec<u8> {
        self.seal(&ToServer::Register(Box::new(Register {
            nonce: self.nonce,
            cookie,
            key: self.key.0,
            incarnation: self.incarnation,
            id: self.id.parse().unwrap(),
            presence: self.presence,
            reach: self.reach.clone(),
        })))
    }

    pub(super) fn count(&mut self) -> (u64, u64) {
        self.counter += 1;
        (self.member, self.counter)
    }

    pub(super) fn alive(&mut self, seen: u64, cookie: Option<Cookie>) -> ToServer {
        let (member, counter) = self.count();
        ToServer::Alive {
            member,
            counter,
            seen,
            cookie,
        }
    }

    pub(super) fn sync(&mut self, have: u64, cursor: Option<u64>) -> ToServer {
        let (member, counter) = self.count();
        ToServer::Sync {
            member,
            counter,
            have,
            cursor,
        }
    }

    pub(super) fn seal(&self, frame: &ToServer) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        if ToServer::is_tagged(&bytes) {
            self.ours.seal(&mut bytes);
        }
        bytes
    }

    /// A frame for another member.
    pub(super) fn relay(&self, to: u64, frame: &[u8]) -> Vec<u8> {
        let up = Up {
            member: self.member,
            to,
            frame,
        };
        let mut bytes = Vec::new();
        up.encode(&mut bytes);
        self.ours.seal(&mut bytes);
        bytes
    }

    /// Of all that was sent, what came to this client and is authentic.
    pub(super) fn read(&self, out: &[Out]) -> Vec<FromServer> {
        let mine = out.iter().filter_map(|out| match (out, self.at) {
            (Out::Datagram { to, bytes, .. }, At::Udp(at)) if *to == at => Some(bytes),
            (Out::Frame { conn, bytes }, At::Tcp(at)) if *conn == at => Some(bytes),
            _ => None,
        });
        mine.filter_map(|bytes| {
            let body = if FromServer::is_tagged(bytes) {
                self.theirs.open(bytes)?
            } else {
                bytes
            };
            FromServer::decode(body).ok()
        })
        .collect()
    }
}

/// What was sent to an address.
pub(super) fn sent_to<'a>(out: &'a [Out], at: &str) -> Vec<&'a [u8]> {
    let at = addr(at);
    let sent = out.iter().filter_map(|out| match out {
        Out::Datagram { to, bytes, .. } if *to == at => Some(&bytes[..]),
        _ => None,
    });
    sent.collect()
}

/// The same as text.
pub(super) fn texts_to(out: &[Out], at: &str) -> Vec<String> {
    let texts = sent_to(out, at).into_iter();
    texts
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect()
}
