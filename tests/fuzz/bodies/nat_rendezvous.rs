//! The rendezvous between two members, an older client and strangers who send what they like; and the journal of it all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::clock::Clock;
use natchat::config::ServerLimits;
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::Identity;
use natchat::crypto::mac::{MacKey, Purpose, TAG_LEN};
use natchat::rendezvous::machine::{Input, Output, Port, Rendezvous};
use natchat::wire::from_server::FromServer;
use natchat::wire::reach::Reach;
use natchat::wire::to_server::{Register, ToServer};

/// `input` is a list of steps, a letter, two bytes and `n` further ones each:
///
/// | step | what happens |
/// |---|---|
/// | `d` where n | a stranger sends n bytes; the low bits of `where` choose from which address, the high ones to which port |
/// | `c` where n | a stranger sends them by a connection |
/// | `m` kind n | a member says this to the server, whatever it is, under its own number and tag |
/// | `r` to n | a member has them relayed: to itself, to another member, to nobody |
/// | `p` slot n | an older port is bound, to port n; not if that is 0 |
/// | `t` tenths n | time passes; the other member and the older client say that they are there |
///
/// # Panics
/// If a stranger draws more bytes than were sent in its name, somebody else is told something because of it, the other member
/// is not one any more, or a server that was started with the journal knows others than this one.
pub fn check(input: &[u8]) {
    let mut scene = Scene::new();
    let mut rest = input;
    while let [kind, which, len, tail @ ..] = rest {
        let len = if matches!(kind, b'p' | b't') {
            0
        } else {
            usize::from(*len)
        };
        let (bytes, tail) = tail.split_at(len.min(tail.len()));
        rest = tail;
        match kind {
            b'd' => scene.datagram(*which, bytes),
            b'c' => scene.frame(bytes),
            b'm' => scene.say(*which, bytes),
            b'r' => scene.relay(*which, bytes),
            b'p' => scene.bind(u16::from(*which % 8)),
            b't' => scene.pass(Duration::from_millis(u64::from(*which) * 100)),
            _ => {}
        }
    }
    scene.finish();
}

const MEMBER: &str = "203.0.113.5:5000";
const OTHER: &str = "203.0.113.6:5000";
const OLDER: &str = "203.0.113.7:5000";
const STRANGERS: [&str; 4] = [
    "192.0.2.1:6000",
    "[2001:db8::1]:6000",
    "[::ffff:192.0.2.2]:6000",
    // Another one behind the NAT of the older client.
    "203.0.113.7:6000",
];
const PORTS: [Port; 8] = [
    Port::Main(0),
    Port::Main(200),
    Port::Probe(0),
    Port::Older(0),
    Port::Older(1),
    Port::Older(2),
    Port::Older(3),
    Port::Older(60_000),
];
/// A stranger's connection.
const CONN: u32 = 7;
/// Waking so often in a tenth of a second would be for nothing.
const WAKES: u32 = 200;

struct Scene {
    server: Rendezvous,
    now: Instant,
    wake: Option<Instant>,
    member: Member,
    other: Member,
    journal: Vec<Vec<u8>>,
    /// Datagrams of the last input, and those of older text among them that tell of newcomers.
    sent: Vec<(SocketAddr, Vec<u8>)>,
    frames: Vec<(u32, Vec<u8>)>,
}

struct Member {
    from: SocketAddr,
    ours: MacKey,
    key: [u8; 32],
    number: u64,
    counter: u64,
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn server(now: Instant) -> Rendezvous {
    let limits = ServerLimits {
        members: 16,
        older_ports: 4,
        ..ServerLimits::default()
    };
    let mut server = Rendezvous::new(
        limits,
        Identity::from_secret([1; 32]),
        Entropy::new([2; 32]),
        now,
    );
    server.set_main(0, addr("198.51.100.1:10080"));
    server
}

impl Scene {
    fn new() -> Self {
        let now = Clock::start().now();
        let mut server = server(now);
        server.greet(now);
        let member = |secret, from: &str| {
            let identity = Identity::from_secret([secret; 32]);
            let server = Identity::from_secret([1; 32]).public();
            let (ours, _) =
                MacKey::pair(&identity, &server, Purpose::ToServer, Purpose::FromServer)
                    .expect("good keys");
            Member {
                from: addr(from),
                ours,
                key: identity.public().0,
                number: 0,
                counter: 0,
            }
        };
        let mut scene = Self {
            server,
            now,
            wake: None,
            member: member(3, MEMBER),
            other: member(4, OTHER),
            journal: Vec::new(),
            sent: Vec::new(),
            frames: Vec::new(),
        };
        scene.member = scene.join(scene_member(&scene.member), "member");
        scene.other = scene.join(scene_member(&scene.other), "other");
        for event in ["register", "Keep Alive"] {
            let text = format!("client_{event}_older_192.168.0.2:10081");
            scene.input_datagram(Port::Main(0), addr(OLDER), text.as_bytes());
        }
        let from = addr(STRANGERS[0]);
        scene.input(Input::TcpOpened { conn: CONN, from });
        scene.pass(Duration::from_millis(100));
        scene
    }

    fn join(&mut self, mut member: Member, id: &str) -> Member {
        let hello = seal(&member.ours, &ToServer::Hello { nonce: 1 });
        self.input_datagram(Port::Main(0), member.from, &hello);
        let Some(FromServer::Challenge { cookie, .. }) = self.answer(member.from) else {
            panic!("a Hello without its Challenge");
        };
        let register = ToServer::Register(Box::new(Register {
            nonce: 1,
            cookie,
            key: member.key,
            incarnation: 1,
            id: id.parse().expect("an ID"),
            presence: true,
            reach: Reach::default(),
        }));
        self.input_datagram(Port::Main(0), member.from, &seal(&member.ours, &register));
        let Some(FromServer::Registered { member: number, .. }) = self.answer(member.from) else {
            panic!("a Register that is not taken");
        };
        member.number = number;
        member
    }

    /// The first thing said to somebody.
    fn answer(&self, to: SocketAddr) -> Option<FromServer> {
        let (_, bytes) = self.sent.iter().find(|(at, _)| *at == to)?;
        let tag = if FromServer::is_tagged(bytes) {
            TAG_LEN
        } else {
            0
        };
        FromServer::decode(&bytes[..bytes.len() - tag]).ok()
    }

    fn input_datagram(&mut self, port: Port, from: SocketAddr, bytes: &[u8]) {
        self.input(Input::Datagram { port, from, bytes });
    }

    fn input(&mut self, input: Input<'_>) {
        self.sent.clear();
        self.frames.clear();
        self.server.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.server.poll_output() {
                Output::Wait(at) => {
                    self.wake = at;
                    return;
                }
                Output::Send { to, bytes, .. } => {
                    assert_eq!(to.ip().to_canonical(), to.ip(), "one form for each address");
                    self.sent.push((to, bytes.to_vec()));
                }
                Output::TcpSend { conn, bytes } => self.frames.push((conn, bytes.to_vec())),
                Output::Journal(record) => self.journal.push(record.to_vec()),
                Output::TcpClose { .. }
                | Output::OpenOlderPort(_)
                | Output::CloseOlderPort(_)
                | Output::Show(_) => {}
            }
        }
    }

    fn datagram(&mut self, which: u8, bytes: &[u8]) {
        let from = addr(STRANGERS[usize::from(which % 4)]);
        let port = PORTS[usize::from(which >> 4) % PORTS.len()];
        self.input_datagram(port, from, bytes);
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let mut drawn = 0;
        for (to, answer) in &self.sent {
            if *to == from {
                drawn += answer.len();
            } else {
                assert!(
                    is_notice(answer) || is_line(port, from, bytes),
                    "{to} is told {answer:?}"
                );
            }
        }
        let is_text = bytes.first().is_some_and(|&first| first < 0xF8);
        let most = if is_text {
            3 * bytes.len()
        } else {
            bytes.len()
        };
        assert!(drawn <= most, "{} bytes draw {drawn}", bytes.len());
        assert!(self.frames.is_empty());
    }

    fn frame(&mut self, bytes: &[u8]) {
        self.input(Input::TcpFrame { conn: CONN, bytes });
        let drawn: usize = self.frames.iter().map(|(_, answer)| answer.len()).sum();
        assert!(drawn <= bytes.len(), "{} bytes draw {drawn}", bytes.len());
        assert!(self.sent.is_empty());
    }

    /// A frame of the member's, the rest of which may be anything.
    fn say(&mut self, kind: u8, rest: &[u8]) {
        self.member.counter += 1;
        let mut bytes = vec![0xF8, kind];
        bytes.extend(self.member.number.to_be_bytes());
        bytes.extend(self.member.counter.to_be_bytes());
        bytes.extend(rest);
        self.member.ours.seal(&mut bytes);
        self.input_datagram(Port::Main(0), self.member.from, &bytes);
    }

    fn relay(&mut self, to: u8, frame: &[u8]) {
        let to = match to % 4 {
            0 => self.member.number,
            1 => self.other.number,
            n => u64::from(n),
        };
        let mut bytes = vec![0xFA];
        bytes.extend(self.member.number.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend(frame);
        self.member.ours.seal(&mut bytes);
        self.input_datagram(Port::Main(0), self.member.from, &bytes);
        assert!(self.sent.len() <= 1, "one frame makes one");
    }

    fn bind(&mut self, slot: u16) {
        let port = slot.is_multiple_of(2).then_some(40_000 + slot);
        self.input(Input::OlderPort { slot, port });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let step = (self.now + Duration::from_secs(10)).min(end);
            let mut wakes = 0;
            while let Some(at) = self.wake.filter(|&at| at <= step) {
                self.now = self.now.max(at);
                self.server.handle_timeout(self.now);
                self.drain();
                wakes += 1;
                assert!(wakes < 100 * WAKES, "it wakes for nothing");
            }
            self.now = step;
            self.stay();
        }
    }

    /// Those who have nothing to do with all this are members still.
    fn stay(&mut self) {
        let text = "client_Keep Alive_older_192.168.0.2:10081";
        self.input_datagram(Port::Main(0), addr(OLDER), text.as_bytes());
        self.other.counter += 1;
        let alive = ToServer::Alive {
            member: self.other.number,
            counter: self.other.counter,
            seen: 0,
            cookie: None,
        };
        let alive = seal(&self.other.ours, &alive);
        self.input_datagram(Port::Main(0), self.other.from, &alive);
        let answer = self.answer(self.other.from);
        let counter = self.other.counter;
        assert!(
            matches!(answer, Some(FromServer::Alive { counter: answered, .. }) if answered == counter)
        );
    }

    fn finish(&mut self) {
        self.pass(Duration::from_secs(1));
        assert_eq!(self.server.counts().dropped, 0);
        let mut again = server(self.now);
        for record in &self.journal {
            assert!(again.restore(record), "{record:?}");
        }
        assert_eq!(again.members(), self.server.members());
        let mut anew = server(self.now);
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self
                .server
                .snapshot(at, 3, &mut |record| assert!(anew.restore(record)));
        }
        assert_eq!(anew.members(), self.server.members());
    }
}

fn scene_member(member: &Member) -> Member {
    Member { ..*member }
}

fn seal(ours: &MacKey, frame: &ToServer) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes);
    if ToServer::is_tagged(&bytes) {
        ours.seal(&mut bytes);
    }
    bytes
}

/// Whether this tells members that somebody came or went.
fn is_notice(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xF9, 8]) || bytes.starts_with(b"server_")
}

/// Whether this is a line of the older client, of which nothing but its IP address shows that it is its own.
fn is_line(port: Port, from: SocketAddr, bytes: &[u8]) -> bool {
    let is_its_host = from.ip() == addr(OLDER).ip();
    is_its_host && matches!(port, Port::Older(_)) && bytes.contains(&b'_')
}
