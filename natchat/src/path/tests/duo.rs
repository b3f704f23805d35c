//! Two sides, the Internet between them, a server that tells addresses and relays Calls, and a clock that jumps from
//! one event to the next.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::clock::Clock;

use super::nat::{Kind, Net, Passing, Place};
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::Identity;
use crate::crypto::mac::{MacKey, Purpose, body};
use crate::path::paths::{Best, CheckKeys, Event, MAIN_SOCKET, Paths, Route, Socket, Transmit};
use crate::wire::call::CallKind;
use crate::wire::check::Check;
use crate::wire::reach::{Candidate, CandidateKind, Mapping, Reach};

/// Where a side sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Public,
    Nat(Kind),
    /// Behind a NAT of its own that keeps ports, and the carrier's of this kind.
    Carrier(Kind),
}

/// The two sides.
pub(super) const A: usize = 0;
pub(super) const B: usize = 1;

pub(super) struct Side {
    pub(super) paths: Paths,
    pub(super) host: Place,
    pub(super) reach: Reach,
    keys: CheckKeys,
    /// The port of each open socket.
    pub(super) sockets: BTreeMap<Socket, u16>,
    pub(super) checks_sent: usize,
    /// Each change of the best way, and when it was told.
    pub(super) bests: Vec<(Duration, Option<Best>)>,
    pub(super) calls: Vec<CallKind>,
    /// The last check that came in.
    pub(super) received: Option<(Route, Vec<u8>)>,
}

enum Coming {
    Packet {
        passing: Passing,
        bytes: Vec<u8>,
    },
    Call {
        to: usize,
        kind: CallKind,
        reach: Reach,
    },
    Sockets {
        to: usize,
        sockets: Vec<Socket>,
    },
}

pub(super) struct Duo {
    pub(super) net: Net,
    pub(super) sides: [Side; 2],
    pub(super) now: Instant,
    start: Instant,
    /// One way between the two, outside of one LAN.
    pub(super) delay: Duration,
    /// One way through the server.
    pub(super) relay_delay: Duration,
    /// Of a thousand datagrams.
    pub(super) lost: u64,
    /// How many sockets there are to have.
    pub(super) sockets_left: u16,
    server: Place,
    coming: BTreeMap<(Instant, u64), Coming>,
    counted: u64,
    entropy: Entropy,
}

impl Duo {
    /// Two homes of their own; both have the same private addresses.
    pub(super) fn new(seed: u64, homes: [Home; 2]) -> Self {
        let mut entropy = entropy_of(seed);
        let mut net = Net::default();
        let hosts = [0, 1].map(|n| {
            let public = [203, 0, 113, 10 + n];
            let inside = [192, 168, 0, 10 + n];
            match homes[usize::from(n)] {
                Home::Public => net.host(None, public),
                Home::Nat(kind) => {
                    let nat = net.nat(None, public, kind, entropy.split());
                    net.host(Some(nat), inside)
                }
                Home::Carrier(kind) => {
                    let carrier = net.nat(None, public, kind, entropy.split());
                    let nat = net.nat(Some(carrier), [100, 64, 0, 7], Kind::Port, entropy.split());
                    net.host(Some(nat), inside)
                }
            }
        });
        Self::on(net, hosts, entropy)
    }

    /// Any two hosts.
    pub(super) fn on(mut net: Net, hosts: [Place; 2], mut entropy: Entropy) -> Self {
        let server = net.host(None, [198, 51, 100, 1]);
        let start = Clock::start().now();
        let sides = [A, B].map(|me| {
            let keys = keys()[me];
            Side {
                paths: Paths::new(keys, entropy.split()),
                host: hosts[me],
                reach: Reach::default(),
                keys,
                sockets: BTreeMap::from([(MAIN_SOCKET, 10_081)]),
                checks_sent: 0,
                bests: Vec::new(),
                calls: Vec::new(),
                received: None,
            }
        });
        let mut duo = Self {
            net,
            sides,
            now: start,
            start,
            delay: Duration::ZERO,
            relay_delay: Duration::ZERO,
            lost: 0,
            sockets_left: 1_000,
            server,
            coming: BTreeMap::new(),
            counted: 0,
            entropy,
        };
        duo.observe(A);
        duo.observe(B);
        duo
    }

    /// Asks the server where it sees a side, at three of its ports.
    pub(super) fn observe(&mut self, me: usize) {
        let host = self.sides[me].host;
        let local = SocketAddr::new(self.net.ip(host).into(), 10_081);
        let seen = [1, 2, 3].map(|port| {
            let server = SocketAddr::new(self.net.ip(self.server).into(), port);
            let passing = self.net.send(host, 10_081, server, None);
            passing.expect("the server can be reached").from
        });
        let steps = [1, 2].map(|n| i32::from(seen[n].port()) - i32::from(seen[n - 1].port()));
        let mapping = match steps {
            [0, 0] => Mapping::Independent,
            [one, two] if one == two && one.abs() <= 16 => Mapping::Sequential {
                last: seen[2].port(),
                step: i16::try_from(one).unwrap(),
            },
            _ => Mapping::Random,
        };
        let mut reach = Reach {
            mapping,
            candidates: vec![candidate(CandidateKind::Local, local)],
        };
        for addr in seen {
            let candidate = candidate(CandidateKind::Reflexive, addr);
            if !reach.candidates.contains(&candidate) {
                reach.candidates.push(candidate);
            }
        }
        // A mapping that is known already shows no steps.
        if let Mapping::Sequential { .. } = self.sides[me].reach.mapping {
            reach.mapping = self.sides[me].reach.mapping;
        }
        self.sides[me].reach = reach;
    }

    /// A side has something to say: it starts checks and calls the other one.
    pub(super) fn start(&mut self, me: usize) {
        let (mine, theirs) = (
            self.sides[me].reach.clone(),
            self.sides[1 - me].reach.clone(),
        );
        self.sides[me].paths.used(self.now);
        self.sides[me].paths.start(self.now, &mine, &theirs);
        self.call(me, CallKind::Ask);
        self.drain();
    }

    /// Goes on until `is_done` or until the time since the beginning is over; true in the first case.
    pub(super) fn run(&mut self, until_ms: u64, is_done: impl Fn(&Self) -> bool) -> bool {
        let until = self.start + Duration::from_millis(until_ms);
        self.drain();
        let mut at_same_time = 0;
        while !is_done(self) {
            let timers = self
                .sides
                .iter()
                .filter_map(|side| side.paths.next_timeout());
            let packets = self.coming.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(packets).min().filter(|next| *next <= until) else {
                self.now = until;
                return is_done(self);
            };
            at_same_time = if next <= self.now {
                at_same_time + 1
            } else {
                0
            };
            assert!(
                at_same_time < 10_000,
                "it does not come to rest: {:?}",
                self.sides.each_ref().map(|side| &side.paths)
            );
            self.now = self.now.max(next);
            self.deliver();
            for side in &mut self.sides {
                if side.paths.next_timeout().is_some_and(|at| at <= self.now) {
                    side.paths.handle_timeout(self.now);
                }
            }
            self.drain();
        }
        true
    }

    pub(super) fn is_direct(&self) -> bool {
        self.sides.iter().all(|side| side.paths.best().is_some())
    }

    /// How long it took until both had a way, if they got one in time.
    pub(super) fn direct_after(&mut self, until_ms: u64) -> Option<u128> {
        let is_direct = self.run(until_ms, Self::is_direct);
        is_direct.then(|| self.elapsed().as_millis())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now.duration_since(self.start)
    }

    /// Says something by the best way, and goes on a little; true if it came through.
    pub(super) fn talk(&mut self, me: usize) -> bool {
        let Some(best) = self.sides[me].paths.best() else {
            return false;
        };
        self.sides[me].paths.used(self.now);
        let Some(port) = self.sides[me].sockets.get(&best.route.socket).copied() else {
            return false;
        };
        let host = self.sides[me].host;
        let passing = self.net.send(host, port, best.route.addr, None);
        let Some((passing, got)) =
            passing.and_then(|passing| Some((passing, self.net.deliver(passing)?)))
        else {
            return false;
        };
        let Some((other, route)) = self.whose(got, passing.from) else {
            return false;
        };
        assert_eq!(other, 1 - me);
        self.sides[other].paths.heard(self.now, route);
        self.drain();
        true
    }

    /// A request as a side would send it, with any txid.
    pub(super) fn forge(&self, me: usize, check: &Check) -> Vec<u8> {
        let mut bytes = Vec::new();
        check.encode(&mut bytes);
        self.sides[me].keys.there.seal(&mut bytes);
        bytes
    }

    /// Gives a side a check, wherever it came from.
    pub(super) fn hand(&mut self, me: usize, route: Route, bytes: &[u8]) -> bool {
        let Some(check) = body(bytes).and_then(|body| Check::decode(body).ok()) else {
            return false;
        };
        let now = self.now;
        self.sides[me].paths.handle_check(now, route, &check, bytes)
    }

    fn deliver(&mut self) {
        while let Some(entry) = self
            .coming
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            match entry.remove() {
                Coming::Packet { passing, bytes } => {
                    let got = self.net.deliver(passing);
                    let to = got.and_then(|got| self.whose(got, passing.from));
                    if let Some((me, route)) = to {
                        self.sides[me].received = Some((route, bytes.clone()));
                        assert!(self.hand(me, route, &bytes), "one of ours is no stranger");
                    }
                }
                Coming::Call { to, kind, reach } => self.answer_call(to, kind, &reach),
                Coming::Sockets { to, sockets } => {
                    let opened = sockets.iter().map(|socket| (*socket, 20_000 + socket));
                    self.sides[to].sockets.extend(opened);
                    self.sides[to].paths.sockets_opened(self.now, &sockets);
                }
            }
            self.drain();
        }
    }

    fn answer_call(&mut self, me: usize, kind: CallKind, theirs: &Reach) {
        let mine = self.sides[me].reach.clone();
        let paths = &mut self.sides[me].paths;
        match kind {
            CallKind::Ask => {
                paths.start(self.now, &mine, theirs);
                self.call(me, CallKind::Answer);
            }
            CallKind::Answer => paths.start(self.now, &mine, theirs),
            CallKind::Birthday => paths.birthday_asked(self.now, mine.mapping, theirs),
            CallKind::Distrust => panic!("paths know nothing of this"),
        }
    }

    fn whose(&self, (host, port): (Place, u16), addr: SocketAddr) -> Option<(usize, Route)> {
        let me = self.sides.iter().position(|side| side.host == host)?;
        let (socket, _) = self.sides[me]
            .sockets
            .iter()
            .find(|(_, known)| **known == port)?;
        let socket = *socket;
        Some((me, Route { socket, addr }))
    }

    fn call(&mut self, me: usize, kind: CallKind) {
        let reach = self.sides[me].reach.clone();
        let to = 1 - me;
        self.put(self.relay_delay, Coming::Call { to, kind, reach });
    }

    fn put(&mut self, delay: Duration, coming: Coming) {
        self.counted += 1;
        self.coming.insert((self.now + delay, self.counted), coming);
    }

    pub(super) fn drain(&mut self) {
        for me in [A, B] {
            while let Some(event) = self.sides[me].paths.poll_event() {
                self.obey(me, event);
            }
            while let Some(transmit) = self.sides[me].paths.poll_transmit() {
                self.sides[me].checks_sent += 1;
                self.transmit(me, transmit);
            }
        }
    }

    fn obey(&mut self, me: usize, event: Event) {
        match event {
            Event::Best(best) => {
                let at = self.elapsed();
                self.sides[me].bests.push((at, best));
            }
            Event::OpenSockets(count) => {
                let count = count.min(self.sockets_left);
                self.sockets_left -= count;
                let sockets = (1..=count).collect();
                self.put(Duration::ZERO, Coming::Sockets { to: me, sockets });
            }
            Event::CloseSockets(sockets) => {
                for socket in sockets {
                    assert!(
                        self.sides[me].sockets.remove(&socket).is_some(),
                        "closed twice"
                    );
                }
            }
            Event::Call(kind) => {
                self.sides[me].calls.push(kind);
                self.observe(me);
                self.call(me, kind);
            }
        }
    }

    fn transmit(&mut self, me: usize, transmit: Transmit) {
        let Some(port) = self.sides[me].sockets.get(&transmit.route.socket).copied() else {
            panic!("{:?} was never opened", transmit.route);
        };
        let host = self.sides[me].host;
        let Some(passing) = self.net.send(host, port, transmit.route.addr, transmit.ttl) else {
            return;
        };
        if self.entropy.below(1_000) >= self.lost {
            let bytes = transmit.bytes;
            self.put(self.delay, Coming::Packet { passing, bytes });
        }
    }
}

/// The same for all, since making them takes longer than most scenes.
fn keys() -> [CheckKeys; 2] {
    static KEYS: OnceLock<[CheckKeys; 2]> = OnceLock::new();
    *KEYS.get_or_init(|| {
        let mut entropy = entropy_of(0);
        let identities = [A, B].map(|_| Identity::generate(&mut entropy));
        [A, B].map(|me| {
            let (mine, theirs) = (&identities[me], identities[1 - me].public());
            let (there, back) = MacKey::pair(mine, &theirs, Purpose::Peer, Purpose::Peer).unwrap();
            let my_tag = mine.public().tag();
            CheckKeys {
                my_tag,
                there,
                back,
            }
        })
    })
}

pub(super) fn entropy_of(seed: u64) -> Entropy {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    Entropy::new(bytes)
}

pub(super) fn candidate(kind: CandidateKind, addr: SocketAddr) -> Candidate {
    Candidate { kind, addr }
}
