//! Alive and what else members say: heard of, moved, asked, gone.

use super::*;
use crate::wire::from_server::{Ending, Entry, EntryClient};
use crate::wire::reach::Mapping;

/// A frame of a member with this number and counter.
type Saying = fn(u64, u64) -> ToServer;

fn pair() -> (Scene, Client, Client) {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:40001");
    let mut bob = Client::new(2, "bob", "203.0.113.6:40002");
    scene.join(&mut ann).unwrap();
    scene.join(&mut bob).unwrap();
    (scene, ann, bob)
}

#[test]
fn an_alive_is_answered_with_its_counter_and_address() {
    let (mut scene, mut ann, _) = pair();
    let answers = scene.alive(&mut ann);
    let [
        FromServer::Alive {
            counter, reflexive, ..
        },
    ] = answers[..]
    else {
        panic!("{answers:?}");
    };
    assert_eq!((counter, At::Udp(reflexive)), (ann.counter, ann.at));
}

#[test]
fn who_is_silent_for_thirty_seconds_is_off_line() {
    let (mut scene, mut ann, _bob) = pair();
    scene.shown.clear();
    for _ in 0..4 {
        scene.pass(secs(10));
        scene.alive(&mut ann);
    }
    assert_eq!(scene.shown, ["bob is offline"]);
    scene.pass(millis(29_900));
    assert_eq!(scene.server.members(), 1);
    scene.pass(millis(300));
    assert_eq!(scene.shown, ["bob is offline", "ann is offline"]);
    assert_eq!(scene.server.members(), 0);
    let unknown = FromServer::Unknown {
        counter: ann.counter + 1,
    };
    assert_eq!(scene.alive(&mut ann), [unknown]);
}

#[test]
fn every_frame_with_a_counter_keeps_a_member() {
    let kinds: [Saying; 4] = [
        |member, counter| ToServer::Reach {
            member,
            counter,
            reach: Reach::default(),
        },
        |member, counter| ToServer::Sync {
            member,
            counter,
            have: 0,
            cursor: None,
        },
        |member, counter| ToServer::Find {
            member,
            counter,
            id: "bob".parse().unwrap(),
        },
        |member, counter| ToServer::Older {
            member,
            counter,
            to: 0,
            text: String::new(),
        },
    ];
    for (row, kind) in kinds.into_iter().enumerate() {
        let (mut scene, mut ann, _) = pair();
        for _ in 0..5 {
            scene.pass(secs(20));
            let (member, counter) = ann.count();
            scene.say(&ann, &kind(member, counter));
        }
        assert_eq!(scene.server.members(), 1, "row {row}");
    }
}

#[test]
fn what_is_not_authentic_keeps_nobody_and_is_not_answered() {
    let (mut scene, mut ann, bob) = pair();
    let alive = ann.alive(0, None);
    let mut flipped = ann.seal(&alive);
    flipped[20] ^= 1;
    let old = ann.seal(&alive);
    scene.send(ann.at, &old);
    ann.counter += 100;
    scene.alive(&mut ann);
    ann.counter += 1;
    let forged = Client {
        member: ann.member,
        ..bob
    };
    let rows = [
        ("flipped", flipped, ann.at),
        (
            "another member's tag",
            forged.seal(&ann.alive(0, None)),
            ann.at,
        ),
        ("a stale one", old.clone(), ann.at),
        (
            "a stale one from elsewhere",
            old,
            At::Udp(addr("192.0.2.9:9")),
        ),
    ];
    for (name, bytes, at) in rows {
        assert_eq!(scene.send(at, &bytes), [], "{name}");
    }
    for _ in 0..4 {
        scene.pass(secs(10));
        scene.send(ann.at, &forged.seal(&ann.alive(0, None)));
    }
    assert_eq!(scene.server.members(), 0);
}

#[test]
fn a_member_moves_when_it_has_shown_that_it_receives_there() {
    let (mut scene, mut ann, bob) = pair();
    let home = ann.at;
    ann.at = At::Udp(addr("203.0.113.5:55555"));
    let answers = scene.alive(&mut ann);
    let [FromServer::Moved { counter, cookie }] = answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(counter, ann.counter);
    let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1]));
    assert!(
        matches!(out[..], [Out::Datagram { to, .. }] if At::Udp(to) == home),
        "not yet: {out:?}"
    );

    let elsewhere = At::Udp(addr("192.0.2.1:1"));
    let stolen = ann.alive(0, Some(cookie));
    let out = scene.send(elsewhere, &ann.seal(&stolen));
    assert!(
        matches!(out[..], [Out::Datagram { to, .. }] if At::Udp(to) == elsewhere),
        "{out:?}"
    );
    let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1]));
    assert!(
        matches!(out[..], [Out::Datagram { to, .. }] if At::Udp(to) == home),
        "a cookie for one address is none for another"
    );

    let frame = ann.alive(0, Some(cookie));
    let answers = scene.say(&ann, &frame);
    assert!(
        matches!(answers[..], [FromServer::Alive { reflexive, .. }] if At::Udp(reflexive) == ann.at)
    );
    let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1]));
    assert!(
        matches!(out[..], [Out::Datagram { to, .. }] if At::Udp(to) == ann.at),
        "now"
    );
}

#[test]
fn from_elsewhere_all_but_asking_is_done() {
    let (mut scene, mut ann, _bob) = pair();
    ann.at = At::Udp(addr("203.0.113.5:55555"));
    let rows: [(&str, Saying); 3] = [
        ("Sync", |member, counter| ToServer::Sync {
            member,
            counter,
            have: 0,
            cursor: None,
        }),
        ("Find", |member, counter| ToServer::Find {
            member,
            counter,
            id: "bob".parse().unwrap(),
        }),
        ("Reach", |member, counter| ToServer::Reach {
            member,
            counter,
            reach: Reach::default(),
        }),
    ];
    for (name, frame) in rows {
        let (member, counter) = ann.count();
        let answers = scene.say(&ann, &frame(member, counter));
        assert!(
            matches!(answers[..], [FromServer::Moved { .. }]),
            "{name}: {answers:?}"
        );
    }
    let (member, counter) = ann.count();
    let reason = Ending::Left;
    assert_eq!(
        scene.say(&ann, &ToServer::Leave { member, counter }),
        [FromServer::Ended { member, reason }]
    );
    assert_eq!(scene.server.members(), 1);
}

#[test]
fn a_connection_needs_no_other_proof() {
    let (mut scene, mut ann, bob) = pair();
    scene.input(Input::TcpOpened {
        conn: 8,
        from: addr("203.0.113.5:7"),
    });
    let home = ann.at;
    ann.at = At::Tcp(8);
    assert!(matches!(
        scene.alive(&mut ann)[..],
        [FromServer::Alive { .. }]
    ));
    let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1]));
    assert!(matches!(out[..], [Out::Frame { conn: 8, .. }]), "{out:?}");
    ann.at = home;
    let answers = scene.alive(&mut ann);
    let [FromServer::Moved { cookie, .. }] = answers[..] else {
        panic!("back by UDP: {answers:?}");
    };
    let frame = ann.alive(0, Some(cookie));
    assert!(matches!(
        scene.say(&ann, &frame)[..],
        [FromServer::Alive { .. }]
    ));
    scene.take();
    for _ in 0..4 {
        scene.pass(secs(10));
        scene.alive(&mut ann);
    }
    assert!(
        scene.take().contains(&Out::Close(8)),
        "nobody is there any more"
    );
}

#[test]
fn a_lost_connection_leaves_a_member_until_it_is_silent() {
    let (mut scene, mut ann, bob) = pair();
    scene.input(Input::TcpOpened {
        conn: 8,
        from: addr("203.0.113.5:7"),
    });
    ann.at = At::Tcp(8);
    scene.alive(&mut ann);
    scene.input(Input::TcpClosed { conn: 8 });
    assert_eq!(scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1])), []);
    assert_eq!(scene.server.counts().unreachable, 1);
    scene.input(Input::TcpOpened {
        conn: 9,
        from: addr("203.0.113.5:8"),
    });
    ann.at = At::Tcp(9);
    assert!(matches!(
        scene.alive(&mut ann)[..],
        [FromServer::Alive { .. }]
    ));
    scene.pass(secs(31));
    assert!(
        scene.take().contains(&Out::Close(9)),
        "it goes with its member"
    );
    assert_eq!(scene.server.members(), 0);
}

#[test]
fn a_connection_is_one_members() {
    let (mut scene, mut ann, mut bob) = pair();
    scene.input(Input::TcpOpened {
        conn: 8,
        from: addr("203.0.113.5:7"),
    });
    (ann.at, bob.at) = (At::Tcp(8), At::Tcp(8));
    scene.alive(&mut ann);
    scene.alive(&mut bob);
    let out = scene.send(At::Tcp(8), &bob.relay(ann.member, &[0xFE, 1]));
    assert_eq!(out, [], "she is nowhere now");
    let out = scene.send(At::Tcp(8), &bob.relay(bob.member, &[0xFE, 1]));
    assert!(matches!(out[..], [Out::Frame { conn: 8, .. }]), "{out:?}");
}

#[test]
fn a_connection_without_a_member_is_ended() {
    let mut scene = Scene::new();
    scene.input(Input::TcpOpened {
        conn: 8,
        from: addr("203.0.113.5:7"),
    });
    scene.pass(secs(29));
    assert_eq!(scene.take(), []);
    scene.pass(secs(2));
    assert_eq!(scene.take(), [Out::Close(8)]);
    assert_eq!(
        scene.input(Input::TcpFrame {
            conn: 8,
            bytes: &[0xF8, 1]
        }),
        []
    );
}

#[test]
fn leaving() {
    let (mut scene, mut ann, _bob) = pair();
    scene.shown.clear();
    let (member, counter) = ann.count();
    let leave = ToServer::Leave { member, counter };
    let reason = Ending::Left;
    assert_eq!(
        scene.say(&ann, &leave),
        [FromServer::Ended { member, reason }]
    );
    assert_eq!(
        scene.shown,
        ["ann unregister local: 192.168.0.1:10081 global: 203.0.113.5:40001"]
    );
    assert_eq!(
        scene.say(&ann, &leave),
        [FromServer::Unknown { counter }],
        "the answer was lost"
    );
    assert_eq!(scene.server.members(), 1);
}

#[test]
fn finding() {
    let (mut scene, mut ann, bob) = pair();
    let id = "bob".parse().unwrap();
    let (member, counter) = ann.count();
    let answers = scene.say(
        &ann,
        &ToServer::Find {
            member,
            counter,
            id,
        },
    );
    let [
        FromServer::Found {
            entry: Some(entry), ..
        },
    ] = &answers[..]
    else {
        panic!("{answers:?}");
    };
    let expected = Entry {
        member: bob.member,
        id: "bob".parse().unwrap(),
        reflexive: Some(addr("203.0.113.6:40002")),
        client: EntryClient::Current {
            key: bob.key.0,
            incarnation: bob.incarnation,
            reach: bob.reach.clone(),
        },
    };
    assert_eq!(**entry, expected);
    let id = "nobody".parse().unwrap();
    let (member, counter) = ann.count();
    let answers = scene.say(
        &ann,
        &ToServer::Find {
            member,
            counter,
            id,
        },
    );
    assert!(
        matches!(answers[..], [FromServer::Found { entry: None, .. }]),
        "{answers:?}"
    );
}

#[test]
fn observing_at_every_port() {
    let mut scene = Scene::new();
    let from = addr("203.0.113.5:7");
    let mut observe = Vec::new();
    ToServer::Observe { nonce: 3 }.encode(&mut observe);
    for asked in [Port::Main(0), Port::Main(3), Port::Probe(0), Port::Probe(1)] {
        let out = scene.datagram(asked, from, &observe);
        let [Out::Datagram { port, to, bytes }] = &out[..] else {
            panic!("{out:?}");
        };
        assert_eq!((*port, *to), (asked, from));
        let observed = FromServer::Observed {
            nonce: 3,
            addr: from,
        };
        assert_eq!(FromServer::decode(bytes), Ok(observed));
    }
    let mut hello = Vec::new();
    ToServer::Hello { nonce: 3 }.encode(&mut hello);
    assert_eq!(
        scene.datagram(Port::Probe(0), from, &hello),
        [],
        "nothing else at a probe port"
    );
}

#[test]
fn stun_is_answered_but_not_without_end() {
    let mut scene = Scene::new();
    let mut bare = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    bare.extend([5; 12]);
    let from = addr("203.0.113.5:7");
    let out = scene.datagram(Port::Main(0), from, &bare);
    assert!(
        matches!(&out[..], [Out::Datagram { to, bytes, .. }] if *to == from && bytes.len() == 32),
        "{out:?}"
    );
    let answered = (0..1_000).filter(|_| !scene.datagram(Port::Probe(1), from, &bare).is_empty());
    assert!(answered.count() < 100, "its neighbourhood's share");
    assert_eq!(
        scene
            .datagram(Port::Main(0), addr("203.0.114.5:7"), &bare)
            .len(),
        1,
        "another's"
    );
    // A question as long as its answer is nobody's gain.
    let mut long = bare.clone();
    long[3] = 12;
    long.extend([0x80, 0x22, 0, 8, 1, 1, 1, 1, 1, 1, 1, 1]);
    let answered = (0..1_000).filter(|_| !scene.datagram(Port::Main(0), from, &long).is_empty());
    assert_eq!(answered.count(), 1_000);
}

#[test]
fn a_new_reach_is_told_and_the_same_is_not() {
    let (mut scene, mut ann, bob) = pair();
    scene.pass(secs(2));
    scene.take();
    let reach = Reach {
        mapping: Mapping::Random,
        candidates: Vec::new(),
    };
    for (name, pushes) in [("new", 1), ("the same", 0)] {
        let (member, counter) = ann.count();
        let frame = ToServer::Reach {
            member,
            counter,
            reach: reach.clone(),
        };
        scene.say(&ann, &frame);
        scene.pass(millis(60));
        let told = bob.read(&scene.take());
        assert_eq!(told.len(), pushes, "{name}: {told:?}");
    }
}
