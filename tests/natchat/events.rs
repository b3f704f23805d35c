//! What happens to networks while people talk: routers start anew, people move, UDP is blocked, packets get lost,
//! mappings are short, routers answer strangers.

use std::time::Duration;

use harness::lab::{Lab, Nat, Unsolicited, home, public};
use harness::{SOON, Stopwatch, wait_until};

use crate::people::{Server, User, join};

/// The longest time that a message may take when a NAT has forgotten the path that it was on. On a quiet machine it is
/// below half a second: the bench measures that.
const GAP: Duration = Duration::from_secs(3);

/// Between two keep-alives, and what a loaded machine adds.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

#[track_caller]
fn wait_for_direct(user: &mut User<'_>, peer: &str) {
    let watch = Stopwatch::start();
    let mut asked = Duration::ZERO;
    wait_until("a direct path", SOON, || {
        if watch.elapsed() < asked {
            return false;
        }
        asked = watch.elapsed() + Duration::from_millis(20);
        user.way_to(peer) == "direct"
    });
}

/// A conversation in which both speak at once; both lines must arrive before the next are said.
struct Talk<'u, 'lab> {
    left: &'u mut User<'lab>,
    right: &'u mut User<'lab>,
    said: usize,
}

impl Talk<'_, '_> {
    /// So many lines each way. Returns the longest time that two took.
    fn go_on(&mut self, turns: usize) -> Duration {
        let mut longest = Duration::ZERO;
        for _ in 0..turns {
            self.said += 1;
            let text = format!("line {}", self.said);
            let watch = Stopwatch::start();
            self.left.chats(self.right.id(), &text);
            self.right.chats(self.left.id(), &text);
            for (user, peer) in [(&self.left, &self.right), (&self.right, &self.left)] {
                user.sees(&format!("From {} [{text}]", peer.id()));
            }
            longest = longest.max(watch.elapsed());
        }
        longest
    }

    /// Each has seen every line of the other, once, in order.
    fn is_whole(&self) {
        for (hearer, talker) in [(&self.left, &self.right), (&self.right, &self.left)] {
            let expected: Vec<_> = (1..=self.said)
                .map(|number| format!("From {} [line {number}]", talker.id()))
                .collect();
            assert_eq!(hearer.lines_from("From "), expected, "{hearer}");
        }
    }
}

#[test]
fn a_router_starts_anew_while_people_talk() {
    let Some(lab) = two_homes("a router's reboot", Nat::PortRestricted) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    let mut talk = Talk {
        left: &mut alice,
        right: &mut bob,
        said: 0,
    };
    talk.go_on(2);
    wait_for_direct(talk.left, "bob");
    let mut gaps = Vec::new();
    for round in 0..3 {
        talk.go_on(5);
        match round {
            0 => lab.router("left").reboot(),
            1 => lab.router("right").reboot(),
            _ => lab.router("left").reboot_with_new_address(),
        }
        gaps.push(talk.go_on(5));
        wait_for_direct(talk.left, "bob");
    }
    talk.is_whole();
    assert!(gaps.iter().all(|gap| *gap <= GAP), "{gaps:?}");
}

#[test]
fn a_router_starts_anew_while_nobody_talks() {
    let Some(lab) = two_homes("a router's reboot", Nat::PortRestricted) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    lab.router("left").reboot();
    // The server cannot know alice's new address before her next keep-alive.
    let took = bob.chats_with(&alice, "are you there?");
    assert!(took <= KEEP_ALIVE, "{took:?}");
    alice.chats_with(&bob, "yes");
}

#[test]
fn people_move_from_one_network_to_another() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice"),
        home("middle", Nat::AddressRestricted).host("carol"),
        home("right", Nat::PortRestricted).host("bob"),
    ];
    let Some(lab) = Lab::build("roaming", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    let mut talk = Talk {
        left: &mut alice,
        right: &mut bob,
        said: 0,
    };
    talk.go_on(2);
    wait_for_direct(talk.left, "bob");
    lab.host("alice").move_to("middle");
    let gap = talk.go_on(3);
    assert!(gap <= GAP, "{gap:?}");
    wait_for_direct(talk.left, "bob");
    lab.host("alice").move_to("right");
    let gap = talk.go_on(3);
    assert!(gap <= GAP, "{gap:?}");
    wait_for_direct(talk.left, "bob");
    talk.is_whole();
}

#[test]
fn udp_is_blocked() {
    let sites = [
        home("left", Nat::PortRestricted)
            .host("alice")
            .blocks_udp()
            .tcp_only([80, 443]),
        home("middle", Nat::PortRestricted)
            .host("carol")
            .blocks_udp(),
        home("right", Nat::PortRestricted).host("bob"),
    ];
    let Some(lab) = Lab::build("blocked UDP", sites) else {
        return;
    };
    let server = Server::start(lab.server().into(), &["--tcp", "0.0.0.0:443"]);
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    for name in ["alice", "carol"] {
        let watch = Stopwatch::start();
        let mut user = join(lab.host(name), name, server.addr());
        let online = watch.elapsed();
        assert!(online <= GAP, "{name}: {online:?}");
        assert_eq!(user.meets(name), "tcp");
        user.chats_with(&bob, "by TCP");
        bob.chats_with(&user, "and back");
        assert_eq!(user.way_to("bob"), "relayed");
    }
}

#[test]
fn three_of_ten_packets_are_lost() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice").loss(16),
        home("right", Nat::PortRestricted).host("bob").loss(16),
    ];
    let Some(lab) = Lab::build("loss", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    alice.meets("bob");
    bob.meets("alice");
    const LINES: usize = 200;
    let numbers = || (0..LINES).map(|number| format!("{number:03}"));
    for number in numbers() {
        alice.chats("bob", &number);
        bob.chats("alice", &number);
    }
    for (user, peer) in [(&alice, "bob"), (&bob, "alice")] {
        for (start, head) in [("From ", "From "), ("Delivered ", "Delivered to ")] {
            let expected: Vec<_> = numbers().map(|n| format!("{head}{peer} [{n}]")).collect();
            user.sees_all_within(crate::people::SLOWLY, "the last line", |lines| {
                lines.contains(&expected[LINES - 1])
            });
            assert_eq!(user.lines_from(start), expected, "{user}");
        }
        assert_eq!(user.lines_from("Not "), [""; 0]);
    }
}

#[test]
fn mappings_are_short() {
    const MAPPED: Duration = Duration::from_secs(3);
    let sites = [
        home("left", Nat::PortRestricted)
            .host("alice")
            .udp_timeout(MAPPED),
        home("right", Nat::Symmetric)
            .host("bob")
            .udp_timeout(MAPPED),
    ];
    let Some(lab) = Lab::build("short mappings", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    alice.chats_with(&bob, "first");
    let watch = Stopwatch::start();
    wait_until("the mappings to go", KEEP_ALIVE, || {
        watch.elapsed() > MAPPED * 2
    });
    let took = alice.chats_with(&bob, "second");
    assert!(took <= KEEP_ALIVE, "{took:?}");
    let took = bob.chats_with(&alice, "third");
    assert!(took <= KEEP_ALIVE, "{took:?}");
}

#[test]
fn firewalls_of_ipv6_are_opened_from_both_sides() {
    let sites = [
        home("left", Nat::Symmetric).host("alice").ipv6(),
        home("right", Nat::Symmetric).host("bob").ipv6(),
    ];
    let Some(lab) = Lab::build("IPv6 firewalls", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let bob = join(lab.host("bob"), "bob", server.addr());
    alice.chats_with(&bob, "hi");
    wait_for_direct(&mut alice, "bob");
    let addr = lab.host("bob").addr6().expect("an IPv6 address");
    let row = alice.row("bob");
    assert!(row[1].starts_with(&format!("[{addr}]:")), "{row:?}");
}

#[test]
fn the_server_is_reached_by_ipv6() {
    let sites = [
        home("left", Nat::PortRestricted).host("alice").ipv6(),
        public("bob").ipv6(),
    ];
    let Some(lab) = Lab::build("IPv6", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let addr = lab.server().addr6().expect("an IPv6 address");
    let port = server.addr().port();
    let mut alice = join(lab.host("alice"), "alice", format!("[{addr}]:{port}"));
    let bob = join(lab.host("bob"), "bob", server.addr());
    alice.chats_with(&bob, "hi");
    wait_for_direct(&mut alice, "bob");
}

/// A router that answers strangers gives a mapping towards them another port than the one that everybody was told.
#[test]
fn routers_answer_early_packets() {
    let answering = |name: &str| home(name, Nat::PortRestricted).unsolicited(Unsolicited::Answer);
    let sites = [
        answering("left").host("alice"),
        answering("right").host("bob"),
    ];
    let Some(lab) = Lab::build("early packets", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut alice = join(lab.host("alice"), "alice", server.addr());
    let mut bob = join(lab.host("bob"), "bob", server.addr());
    alice.chats_with(&bob, "hi");
    bob.chats_with(&alice, "hi");
    wait_for_direct(&mut alice, "bob");
}

#[test]
fn a_symmetric_nat_is_opened_from_a_port_restricted_one() {
    let runs = [Nat::Symmetric, Nat::SymmetricSequential, Nat::Symmetric];
    let sites = runs.iter().enumerate().flat_map(|(run, &nat)| {
        let [alice, bob] = ["alice", "bob"].map(|name| format!("{name}{run}"));
        [
            home(&format!("left{run}"), Nat::PortRestricted).host(&alice),
            home(&format!("right{run}"), nat).host(&bob),
        ]
    });
    let Some(lab) = Lab::build("symmetric NATs", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    for run in 0..runs.len() {
        let [alice, bob] = ["alice", "bob"].map(|name| format!("{name}{run}"));
        let mut alice = join(lab.host(&alice), &alice, server.addr());
        let mut bob = join(lab.host(&bob), &bob, server.addr());
        // In either direction.
        let (from, to) = if run == 2 {
            (&mut bob, &alice)
        } else {
            (&mut alice, &bob)
        };
        from.chats_with(to, "hi");
        // The bench looks how soon.
        wait_for_direct(from, to.id());
    }
}

fn two_homes(group: &str, nat: Nat) -> Option<Lab> {
    let sites = [
        home("left", nat).host("alice"),
        home("right", nat).host("bob"),
    ];
    Lab::build(group, sites)
}
