//! Connectivity checks: whatever comes, and in whatever order, a side answers little, moves by proof alone and rests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::clock::Clock;
use natchat::crypto::entropy::Entropy;
use natchat::crypto::identity::Identity;
use natchat::crypto::mac::{MacKey, Purpose, body};
use natchat::path::paths::{CheckKeys, Event, MAIN_SOCKET, Paths, Route, Transmit};
use natchat::wire::check::{Check, CheckKind, Txid};
use natchat::wire::reach::Reach;

/// The most datagrams that one call brings about: what is planned, what is kept besides, a tick of birthday probing, and
/// an answer.
const AT_ONCE: usize = 16 + 8 + 2 * 32 + 1;

/// `input` is what happens to one side, one thing after another: a letter, the length of what belongs to it (one byte),
/// and that.
///
/// | letter | what belongs to it | what happens |
/// |---|---|---|
/// | `d` | from (port), datagram | a datagram comes |
/// | `p` | from (port), a check without its tag | one comes from the peer |
/// | `a` | from (port; none: from where it was asked) | the peer answers the last check |
/// | `s` | length of the first, both sides' reaches | checks start |
/// | `b` | reach | the peer asks for birthday probing |
/// | `o` | numbers of two bytes | sockets are open |
/// | `h` | from (port) | a packet was heard |
/// | `w` | milliseconds (two bytes) | time passes, timers are served |
/// | `u` `x` `f` | nothing | use; suspicion; roaming |
///
/// A port is of two bytes, at an address of which three bits of the first one tell.
///
/// # Panics
/// If something promised is not so.
pub fn check(input: &[u8]) {
    let mut side = Side::new();
    let mut rest = input;
    while let [letter, len, tail @ ..] = rest {
        let (what, next) = tail.split_at(tail.len().min(usize::from(*len)));
        side.meet(*letter, what);
        side.look();
        rest = next;
    }
    side.rest();
}

/// The side that is tried, and what it is known to have done.
struct Side {
    paths: Paths,
    now: Instant,
    /// The last check that was asked.
    asked: Option<(Route, Txid)>,
    /// Ways that were answered by, each as it was asked.
    proven: BTreeSet<Route>,
    told: Option<Route>,
}

impl Side {
    fn new() -> Self {
        Self {
            paths: Paths::new(keys()[0], Entropy::new([7; 32])),
            now: Clock::start().now(),
            asked: None,
            proven: BTreeSet::new(),
            told: None,
        }
    }

    fn meet(&mut self, letter: u8, what: &[u8]) {
        let now = self.now;
        match letter {
            b'd' => self.datagram(what),
            b'p' => self.peer_check(what),
            b'a' => self.answer(what),
            b's' => self.start(what),
            b'b' => {
                if let Ok(theirs) = Reach::decode(what) {
                    self.paths.birthday_asked(now, theirs.mapping, &theirs);
                }
            }
            b'o' => {
                let numbers = what
                    .chunks_exact(2)
                    .map(|two| u16::from_be_bytes([two[0], two[1]]));
                self.paths.sockets_opened(now, &numbers.collect::<Vec<_>>());
            }
            b'h' => {
                if let Some((from, _)) = split_route(what) {
                    self.paths.heard(now, from);
                }
            }
            b'w' => {
                if let Some(ms) = what.first_chunk() {
                    self.wait(Duration::from_millis(u16::from_be_bytes(*ms).into()));
                }
            }
            b'u' => self.paths.used(now),
            b'x' => self.paths.suspect(now),
            b'f' => self.paths.forget(now),
            _ => {}
        }
    }

    fn datagram(&mut self, what: &[u8]) {
        let Some((from, frame)) = split_route(what) else {
            return;
        };
        let Some(check) = body(frame).and_then(|body| Check::decode(body).ok()) else {
            return;
        };
        let taken = self.paths.handle_check(self.now, from, &check, frame);
        assert!(!taken, "a tag was guessed");
        assert_eq!(self.paths.poll_transmit(), None, "a stranger is answered");
    }

    fn peer_check(&mut self, what: &[u8]) {
        let Some((from, body)) = split_route(what) else {
            return;
        };
        if let Ok(check) = Check::decode(body) {
            self.hand(from, &check);
        }
    }

    fn hand(&mut self, from: Route, check: &Check) {
        let mut frame = Vec::new();
        check.encode(&mut frame);
        keys()[1].there.seal(&mut frame);
        assert!(
            self.paths.handle_check(self.now, from, check, &frame),
            "the peer is refused"
        );
    }

    fn answer(&mut self, what: &[u8]) {
        let Some((to, txid)) = self.asked else { return };
        let from = split_route(what).map_or(to, |(from, _)| from);
        if from == to {
            self.proven.insert(to);
        }
        let kind = CheckKind::Response(to.addr);
        self.hand(
            from,
            &Check {
                sender: 1,
                txid,
                kind,
            },
        );
    }

    fn start(&mut self, what: &[u8]) {
        let Some((len, both)) = what.split_first() else {
            return;
        };
        let (mine, theirs) = both.split_at(both.len().min(usize::from(*len)));
        if let (Ok(mine), Ok(theirs)) = (Reach::decode(mine), Reach::decode(theirs)) {
            self.paths.start(self.now, &mine, &theirs);
        }
    }

    /// Serves the timers until then; each lies ahead of the last.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.paths.next_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.paths.handle_timeout(self.now);
            let next = self.paths.next_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a timer that does not end"
            );
            self.look();
        }
        self.now = until;
    }

    /// What came of the last call.
    fn look(&mut self) {
        let mut events = 0;
        while let Some(event) = self.paths.poll_event() {
            events += 1;
            assert!(events < 16, "events without end");
            if let Event::Best(best) = event {
                self.told = best.map(|best| best.route);
            }
        }
        let best = self.paths.best().map(|best| best.route);
        assert_eq!(self.told, best, "told otherwise");
        assert!(
            best.is_none_or(|best| self.proven.contains(&best)),
            "never proven"
        );
        let mut answers = 0;
        let mut sent = 0;
        while let Some(transmit) = self.paths.poll_transmit() {
            sent += 1;
            answers += usize::from(self.sent(&transmit) != CheckKind::Request);
        }
        assert!(
            sent <= AT_ONCE && answers <= 1,
            "{sent} datagrams, {answers} answers"
        );
    }

    fn sent(&mut self, transmit: &Transmit) -> CheckKind {
        let body = keys()[1].back.open(&transmit.bytes).expect("its tag");
        let check = Check::decode(body).expect("a check");
        assert_eq!(check.sender, keys()[0].my_tag);
        if check.kind == CheckKind::Request {
            self.asked = Some((transmit.route, check.txid));
        }
        check.kind
    }

    /// Left alone, it comes to rest.
    fn rest(&mut self) {
        self.wait(Duration::from_secs(3_600));
        self.look();
        assert_eq!(self.paths.next_timeout(), None, "no rest");
        assert_eq!(self.paths.best(), None, "a path is kept");
    }
}

/// Our keys, and the peer's.
fn keys() -> &'static [CheckKeys; 2] {
    static KEYS: OnceLock<[CheckKeys; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let both = [1, 2].map(|n| Identity::from_secret([n; 32]));
        [0, 1].map(|me| {
            let (mine, theirs) = (&both[me], both[1 - me].public());
            let pair = MacKey::pair(mine, &theirs, Purpose::Peer, Purpose::Peer);
            let (there, back) = pair.expect("two good keys");
            let my_tag = mine.public().tag();
            CheckKeys {
                my_tag,
                there,
                back,
            }
        })
    })
}

fn split_route(what: &[u8]) -> Option<(Route, &[u8])> {
    let (port, rest) = what.split_first_chunk()?;
    let port = u16::from_be_bytes(*port);
    let ip = [
        [192, 168, 0, 2],
        [203, 0, 113, 2],
        [203, 0, 113, 3],
        [100, 64, 0, 1],
    ][usize::from(port >> 14)];
    let socket = if port & 0x2000 == 0 {
        MAIN_SOCKET
    } else {
        port & 0xFF
    };
    let addr = SocketAddr::from((ip, port));
    Some((Route { socket, addr }, rest))
}
