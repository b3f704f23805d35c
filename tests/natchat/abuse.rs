//! Enemies: those who send what they like from where they like, and those who sit on the way.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use harness::{Random, SOON};

use crate::older::{OFTEN, Older};
use crate::people::{Person, Place, Server, User, join};
use crate::tap::{Fate, Tap, Way};

/// Random and damaged datagrams in one test.
const NOISE: usize = 50_000;

/// How long somebody waits for an answer that must not come, or that may come in parts.
const SILENCE: Duration = Duration::from_millis(300);

/// A stranger at an address of this machine.
struct Stranger(UdpSocket);

impl Stranger {
    fn at(addr: [u8; 4]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::from(addr), 0)).expect("a socket");
        socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
        Self(socket)
    }

    fn says(&self, bytes: impl AsRef<[u8]>, to: SocketAddr) {
        self.0.send_to(bytes.as_ref(), to).ok();
    }

    /// All that comes until nothing comes any more.
    fn hears(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; 2_048];
        let mut heard = Vec::new();
        while let Ok(len) = self.0.recv(&mut buffer) {
            heard.push(buffer[..len].to_vec());
        }
        heard
    }
}

/// The port at which somebody is, on this machine.
#[track_caller]
fn addr_of(user: &User<'_>) -> SocketAddr {
    user.meets(user.id()).parse().expect("an address")
}

fn lines_of(users: &[&User<'_>]) -> Vec<Vec<String>> {
    users.iter().map(|user| user.lines()).collect()
}

#[test]
fn noise_of_every_kind_changes_nothing() {
    let mut server = Server::here();
    let tap = Tap::before(server.addr());
    let mut alice = join(Place::Here, "alice", tap.addr());
    let mut bob = join(Place::Here, "bob", tap.addr());
    let old = Older::here([8, 1], "old", server.addr()).keeping_alive(OFTEN);
    alice.meets("old");
    bob.meets("old");
    alice.chats_with(&bob, "before");
    server.says_such("old local: ");
    let before = lines_of(&[&alice, &bob]);
    let said = server.lines();
    let frames = [tap.heard(Way::Up), tap.heard(Way::Down)].concat();
    let targets = [server.addr(), addr_of(&alice), addr_of(&bob)];
    let strangers = [
        [127, 0, 7, 1],
        [127, 0, 7, 2],
        [127, 1, 7, 3],
        [127, 0, 0, 1],
    ]
    .map(Stranger::at);
    let mut random = Random::new(8);
    for number in 0..NOISE {
        let datagram = noise(&mut random, &frames);
        let stranger = &strangers[number % strangers.len()];
        stranger.says(datagram, *random.pick(&targets));
    }
    alice.chats_with(&bob, "after");
    bob.chats_with(&alice, "after");
    let expected = |user: &User<'_>, before: &Vec<String>| {
        let lines = user.lines();
        assert_eq!(lines[..before.len()], before[..]);
        assert_eq!(lines.len(), before.len() + 2, "{user}");
        assert_eq!(user.warnings(), [""; 0]);
    };
    expected(&alice, &before[0]);
    expected(&bob, &before[1]);
    assert_eq!(server.lines(), said);
    old.is_well();
}

/// Random bytes, or a real frame with something wrong.
fn noise(random: &mut Random, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(frames).clone();
    match random.below(6) {
        0 => {
            let len = random.below(1_500);
            return random.bytes(len);
        }
        1 => {
            // The right beginning, and nothing else.
            let len = 1 + random.below(200);
            bytes = random.bytes(len);
            bytes[0] = 0xF8 + u8::try_from(random.below(8)).expect("below 8");
        }
        2 => bytes.truncate(random.below(bytes.len() + 1)),
        3 => {
            let more = 1 + random.below(1_200);
            bytes.extend(random.bytes(more));
        }
        4 => {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        _ => {
            let text = random.pick(&OLDER_NOISE);
            return text.as_bytes().to_vec();
        }
    }
    bytes
}

/// Among it what ended the older programs.
const OLDER_NOISE: [&str; 12] = [
    "x",
    "_",
    "client",
    "client_",
    "client_register",
    "client_register_",
    "client_register_a b_127.0.0.1:1",
    "client_register_server_127.0.0.1:1",
    "client_Keep Alive_nobody",
    "client_unregister_nobody_127.0.0.1:1",
    "server_offline_alice_127.0.0.1:1",
    "deregister nobody",
];

#[test]
fn what_was_heard_once_is_worth_nothing_later() {
    let mut server = Server::here();
    let tap = Tap::before(server.addr());
    let mut alice = relayed("alice", &tap);
    let mut bob = relayed("bob", &tap);
    alice.chats_with(&bob, "one");
    bob.chats_with(&alice, "two");
    alice.types("@exit");
    alice.ended();
    let mut alice = alice.into_person().join(tap.addr());
    bob.sees_all_within(SOON, "alice coming back", |lines| {
        lines
            .iter()
            .filter(|line| line.starts_with("alice is register at IP: "))
            .count()
            == 2
    });
    alice.chats_with(&bob, "three");
    let said = server.lines();
    let before = lines_of(&[&alice, &bob]);

    // Her farewell is among it, and all that the two said to each other.
    let strangers = [[127, 0, 0, 1], [127, 0, 7, 9]].map(Stranger::at);
    for stranger in &strangers {
        for datagram in tap.heard(Way::Up) {
            stranger.says(&datagram, server.addr());
        }
        for user in [&alice, &bob] {
            for datagram in tap.heard(Way::Down) {
                stranger.says(&datagram, addr_of(user));
            }
        }
    }
    alice.chats_with(&bob, "four");
    bob.chats_with(&alice, "five");
    assert_eq!(server.lines(), said);
    for (user, before) in [&alice, &bob].into_iter().zip(&before) {
        assert_eq!(user.lines()[..before.len()], before[..], "{user}");
        assert_eq!(user.lines().len(), before.len() + 2, "{user}");
    }
}

#[test]
fn nobody_speaks_for_a_member() {
    let mut server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    let old = Older::here([8, 2], "old", server.addr()).keeping_alive(OFTEN);
    let other = Older::here([8, 3], "other", server.addr()).keeping_alive(OFTEN);
    for user in [&alice, &bob] {
        user.meets("old");
        user.meets("other");
    }
    old.meets("other");
    other.meets("old");
    let before = lines_of(&[&alice, &bob]);
    let said = server.lines();
    let stranger = Stranger::at([127, 0, 7, 4]);
    for id in ["alice", "old"] {
        for event in ["unregister", "register", "Keep Alive"] {
            stranger.says(
                format!("client_{event}_{id}_127.0.7.4:10081"),
                server.addr(),
            );
        }
    }
    let from_stranger = [
        "server_unregister_bob_127.0.0.1:1",
        "server_offline_bob_127.0.0.1:1",
        "server_register_mallory_127.0.0.1:1",
        "bob_forged",
        "old_forged",
    ];
    for text in from_stranger {
        stranger.says(text, addr_of(&alice));
        let relay = other.address_of("old").expect("she knows him");
        stranger.says(text, relay);
    }
    assert_eq!(stranger.hears(), [[0; 0]; 0]);
    alice.chats_with(&bob, "hi");
    alice.chats("old", "hi");
    old.hears("From alice [hi]");
    alice.sees_start("Handed on to old [hi]");
    other.chat("old", "hello");
    old.hears("From other [hello]");
    assert_eq!(alice.lines().len(), before[0].len() + 2, "{alice}");
    assert_eq!(bob.lines().len(), before[1].len() + 1, "{bob}");
    assert_eq!(server.lines(), said);
    old.is_well();
    assert!(
        old.lines().iter().all(|line| !line.contains("forged")),
        "{old:#?}"
    );
}

/// Whoever asks in another's name makes the server send no more than was sent, older text apart.
#[test]
fn answers_are_no_longer_than_questions() {
    let server = Server::here();
    let members: Vec<_> = (1..=100)
        .map(|number| {
            Older::here([20, number], &format!("member{number}"), server.addr())
                .keeping_alive(OFTEN)
        })
        .collect();
    members[99].meets("member100");
    let tap = Tap::before(server.addr());
    let alice = join(Place::Here, "alice", tap.addr());
    alice.meets("member100");

    // Each first frame of a client, as often as anybody likes to repeat it.
    let frames = tap.heard(Way::Up);
    let asked = Stranger::at([127, 0, 7, 5]);
    let mut sent = 0;
    for frame in frames.iter().cycle().take(frames.len() * 20) {
        asked.says(frame, server.addr());
        sent += frame.len();
    }
    let heard: usize = asked.hears().iter().map(Vec::len).sum();
    assert!(heard <= sent, "{heard} bytes for {sent}");

    let stun = b"\0\x01\0\0\x21\x12\xa4\x42natchat-test";
    let asked = Stranger::at([127, 0, 7, 6]);
    for _ in 0..10_000 {
        asked.says(stun, server.addr());
    }
    let heard: usize = asked.hears().iter().map(Vec::len).sum();
    assert!(heard > 0);
    assert!(heard <= 10_000 * stun.len(), "{heard} bytes");

    let asked = Stranger::at([127, 0, 21, 1]);
    let register = "client_register_greedy_127.0.21.1:10081";
    asked.says(register, server.addr());
    let heard: usize = asked.hears().iter().map(Vec::len).sum();
    assert!(
        heard <= 3 * register.len(),
        "{heard} bytes for {}",
        register.len()
    );
}

/// The list comes whole to an older client that keeps alive, however long it is.
#[test]
fn a_long_list_comes_to_an_older_client_in_the_end() {
    let server = Server::here();
    let members: Vec<_> = (1..=60)
        .map(|number| {
            Older::here([22, number], &format!("member{number}"), server.addr())
                .keeping_alive(OFTEN)
        })
        .collect();
    for member in &members {
        member.meets("member1");
        member.meets("member60");
    }
}

#[test]
fn a_crowd_from_one_neighbourhood_keeps_nobody_else_out() {
    let mut server = Server::here();
    let crowd: Vec<_> = (0..8).map(|_| Stranger::at([127, 0, 30, 1])).collect();
    const IDS: usize = 3_000;
    for number in 0..IDS {
        let text = format!("client_register_crowd{number}_127.0.30.1:10081");
        crowd[number % crowd.len()].says(text, server.addr());
    }
    let alice = join(Place::Here, "alice", server.addr());
    let old = Older::here([31, 1], "old", server.addr()).keeping_alive(OFTEN);
    alice.meets("old");
    old.meets("alice");
    let lines = server.lines();
    let members = lines
        .iter()
        .filter(|line| line.starts_with("crowd") && line.contains(" register "));
    let members = members.count();
    assert!(members < IDS / 2, "{members} of the crowd were let in");
}

/// Every frame comes back to its sender, as if from the other.
#[test]
fn frames_turned_round_are_not_taken_for_answers() {
    let server = Server::here();
    let tap = Tap::before(server.addr());
    tap.does(|_, datagram| Fate {
        on: vec![datagram.to_vec()],
        back: vec![datagram.to_vec()],
    });
    let mut alice = relayed("alice", &tap);
    let mut bob = relayed("bob", &tap);
    for number in 0..20 {
        alice.chats_with(&bob, &format!("there {number}"));
        bob.chats_with(&alice, &format!("back {number}"));
    }
    assert_eq!(alice.lines_from("From ").len(), 20);
    assert_eq!(bob.lines_from("From ").len(), 20);
}

/// On a line that damages, cuts, repeats and shuffles datagrams, only whole lines are shown, each once and in order.
#[test]
fn damage_on_the_way_is_never_shown() {
    let server = Server::here();
    let tap = Tap::before(server.addr());
    let mut random = Random::new(9);
    let mut held: Option<(Way, Vec<u8>)> = None;
    tap.does(move |way, datagram| {
        let mut damaged = datagram.to_vec();
        let mut on = match random.below(10) {
            0 => {
                damaged[random.below(datagram.len())] ^= 1 << random.below(8);
                vec![damaged]
            }
            1 => {
                damaged.truncate(random.below(datagram.len()));
                vec![damaged]
            }
            2 => vec![damaged.clone(), damaged],
            3 if held.is_none() => {
                held = Some((way, damaged));
                Vec::new()
            }
            _ => vec![damaged],
        };
        if held.as_ref().is_some_and(|(other, _)| *other == way) && random.one_in(3) {
            on.extend(held.take().map(|(_, datagram)| datagram));
        }
        Fate {
            on,
            back: Vec::new(),
        }
    });
    let mut alice = relayed("alice", &tap);
    let bob = relayed("bob", &tap);
    alice.meets("bob");
    let texts: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
    for text in &texts {
        alice.chats("bob", text);
    }
    alice.sees("Delivered to bob [line 99]");
    bob.sees("From alice [line 99]");
    let expected: Vec<_> = texts
        .iter()
        .map(|text| format!("From alice [{text}]"))
        .collect();
    assert_eq!(bob.lines_from("From "), expected, "{bob}");
    assert_eq!(bob.warnings(), [""; 0]);
}

/// Joins with no way to others but the server.
fn relayed(id: &str, tap: &Tap) -> User<'static> {
    Person::new(Place::Here, id)
        .with(&["--no-direct"])
        .join(tap.addr())
}
