//! What a keep-alive costs the rendezvous without the network, and what a member takes.
//!
//! `cargo bench --package natchat --bench keep_alive -- [MEMBERS [KEEP_ALIVES]]`. Members join as clients do, with real
//! keys and tags, and say that they are there in an order that no cache foresees. Then a million are taken in from a
//! journal, and the memory that the process has grown by is told.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use common::clock::Clock;
use natchat::config::ServerLimits;
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::Identity;
use natchat::crypto::mac::{MacKey, Purpose};
use natchat::rendezvous::machine::{Input, Output, Port, Rendezvous};
use natchat::wire::from_server::FromServer;
use natchat::wire::reach::{Candidate, CandidateKind, Mapping, Reach};
use natchat::wire::to_server::{Register, ToServer};

const MEMBERS: u32 = 100_000;
const KEEP_ALIVES: u32 = 2_000_000;
const CROWD: u32 = 1_000_000;

fn main() {
    // Cargo adds a flag of its own.
    let mut counts = std::env::args().filter_map(|argument| argument.parse().ok());
    let members: u32 = counts.next().unwrap_or(MEMBERS);
    let keep_alives: u32 = counts.next().unwrap_or(KEEP_ALIVES);
    println!("keep-alives: {keep_alives} of {members} members");
    let mut world = World::new();
    let joining = world.clock.now();
    world.join(members);
    let joined = (world.clock.now() - joining) / members;
    println!("a member joins in {} µs, both sides", joined.as_micros());
    let spent = world.keep_alive(keep_alives);
    let each = spent / keep_alives;
    let rate = 1_000_000_000 / each.as_nanos().max(1);
    println!(
        "a keep-alive is answered in {} ns: {rate} a second",
        each.as_nanos()
    );
    drop(world);
    crowd();
}

/// The server and all its clients, who share a key: the server does not.
struct World {
    clock: Clock,
    server: Rendezvous,
    now: Instant,
    key: [u8; 32],
    ours: MacKey,
    members: Vec<Member>,
}

struct Member {
    from: SocketAddr,
    number: u64,
    counter: u64,
}

impl World {
    fn new() -> Self {
        let clock = Clock::start();
        let mut entropy = Entropy::new([1; 32]);
        let server = Identity::generate(&mut entropy);
        let client = Identity::generate(&mut entropy);
        let (ours, _) = MacKey::pair(
            &client,
            &server.public(),
            Purpose::ToServer,
            Purpose::FromServer,
        )
        .expect("a generated key is a good one");
        let limits = ServerLimits {
            registrations_per_minute: u32::MAX,
            ..ServerLimits::default()
        };
        let now = clock.now();
        let mut server = Rendezvous::new(limits, server, entropy, now);
        server.greet(now);
        Self {
            clock,
            server,
            now,
            key: client.public().0,
            ours,
            members: Vec::new(),
        }
    }

    fn join(&mut self, count: u32) {
        for n in 0..count {
            let from = SocketAddr::from((Ipv4Addr::from_bits(0x0B00_0000 + n), 40_000));
            // Key agreements are bounded; time passes, but no member falls silent.
            self.now += Duration::from_micros(110);
            let hello = self.seal(&ToServer::Hello { nonce: 1 });
            let Some(FromServer::Challenge { cookie, .. }) = self.ask(from, &hello) else {
                panic!("a Hello without its Challenge");
            };
            let register = Register {
                nonce: 1,
                cookie,
                key: self.key,
                incarnation: 1,
                id: format!("member{n:07}").parse().expect("an ID"),
                presence: false,
                reach: reach(n),
            };
            let register = self.seal(&ToServer::Register(Box::new(register)));
            let Some(FromServer::Registered { member, .. }) = self.ask(from, &register) else {
                panic!("a Register that is not taken");
            };
            self.members.push(Member {
                from,
                number: member,
                counter: 0,
            });
        }
    }

    fn seal(&self, frame: &ToServer) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        if ToServer::is_tagged(&bytes) {
            self.ours.seal(&mut bytes);
        }
        bytes
    }

    /// The first answer.
    fn ask(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<FromServer> {
        let port = Port::Main(0);
        self.server
            .handle(self.now, Input::Datagram { port, from, bytes });
        let mut answer = None;
        loop {
            match self.server.poll_output() {
                Output::Wait(_) => return answer,
                Output::Send { bytes, .. } => {
                    let body = bytes.len() - if FromServer::is_tagged(bytes) { 16 } else { 0 };
                    answer = answer.or_else(|| FromServer::decode(&bytes[..body]).ok());
                }
                Output::TcpSend { .. }
                | Output::TcpClose { .. }
                | Output::OpenOlderPort(_)
                | Output::CloseOlderPort(_)
                | Output::Journal(_)
                | Output::Show(_) => {}
            }
        }
    }

    /// The time that the server takes for them.
    fn keep_alive(&mut self, count: u32) -> Duration {
        let mut entropy = Entropy::new([2; 32]);
        let mut spent = Duration::ZERO;
        let mut left = count;
        while left > 0 {
            let round = left.min(20_000);
            left -= round;
            let frames: Vec<_> = (0..round)
                .map(|_| {
                    let at = entropy.below(self.members.len() as u64);
                    self.alive(usize::try_from(at).expect("one of them"))
                })
                .collect();
            self.now += Duration::from_millis(1);
            let start = on_cpu(self.clock);
            let mut answered = 0;
            for (from, bytes) in &frames {
                let (port, from) = (Port::Main(0), *from);
                self.server
                    .handle(self.now, Input::Datagram { port, from, bytes });
                while let Output::Send { .. } = self.server.poll_output() {
                    answered += 1;
                }
            }
            spent += on_cpu(self.clock) - start;
            assert_eq!(answered, round, "a keep-alive without its answer");
        }
        spent
    }

    fn alive(&mut self, at: usize) -> (SocketAddr, Vec<u8>) {
        let member = &mut self.members[at];
        member.counter += 1;
        let (from, counter) = (member.from, member.counter);
        let frame = ToServer::Alive {
            member: member.number,
            counter,
            seen: 0,
            cookie: None,
        };
        (from, self.seal(&frame))
    }
}

/// The time that this thread has had a core, or just the time where the system does not tell: a measurement on a busy
/// machine is not to count what others took.
fn on_cpu(clock: Clock) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| clock.elapsed(), Duration::from_nanos)
}

/// Two addresses of its own, as most have.
fn reach(n: u32) -> Reach {
    let candidate = |ip| Candidate {
        kind: CandidateKind::Local,
        addr: SocketAddr::from((Ipv4Addr::from_bits(ip), 10_081)),
    };
    Reach {
        mapping: Mapping::Independent,
        candidates: vec![candidate(0xC0A8_0002), candidate(0x0A00_0000 + n)],
    }
}

/// Takes a million in and tells their memory.
fn crowd() {
    let clock = Clock::start();
    let mut entropy = Entropy::new([3; 32]);
    let identity = Identity::generate(&mut entropy);
    let before = resident();
    let now = clock.now();
    let mut server = Rendezvous::new(ServerLimits::default(), identity, entropy, now);
    for n in 0..CROWD {
        assert!(server.restore(&record(n)), "a record that is none");
    }
    server.greet(now);
    println!(
        "{CROWD} members from the journal in {} ms",
        (clock.now() - now).as_millis()
    );
    let crowd = CROWD as usize;
    println!(
        "{} bytes a member are allocated",
        server.footprint() / crowd
    );
    if let (Some(before), Some(after)) = (before, resident()) {
        println!(
            "{} bytes a member are resident",
            after.saturating_sub(before) / crowd
        );
    }
}

/// A member as the journal has it (see [`natchat::rendezvous::journal`]).
fn record(n: u32) -> Vec<u8> {
    let id = format!("member{n:07}");
    let mut record = vec![2];
    record.extend(((u64::from(n) + 1) << 24 | u64::from(n)).to_be_bytes());
    record.push(u8::try_from(id.len()).expect("short"));
    record.extend(id.as_bytes());
    record.extend(blake3::hash(&n.to_be_bytes()).as_bytes());
    record.extend(1u64.to_be_bytes());
    record.extend(n.to_be_bytes());
    // Not told of presence; by UDP at the server's first address.
    record.extend([0, 1, 0, 4]);
    record.extend((0x0B00_0000 + n).to_be_bytes());
    record.extend(40_000u16.to_be_bytes());
    reach(n).encode(&mut record);
    record
}

/// The memory that this process has, in bytes, where the system tells.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}
