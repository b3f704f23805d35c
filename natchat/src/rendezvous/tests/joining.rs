//! Hello and Register: who becomes a member, who does not, and whose an ID is.

use super::*;
use crate::wire::from_server::Ending;

fn joined(scene: &mut Scene, n: u8, id: &'static str, from: &str) -> Client {
    let mut client = Client::new(n, id, from);
    scene.join(&mut client).unwrap();
    client
}

#[test]
fn whoever_registers_is_told_what_it_needs() {
    let mut scene = Scene::new();
    let mut client = Client::new(1, "ann", "203.0.113.5:40001");
    let cookie = scene.cookie(client.at);
    let out = scene.send(client.at, &client.register(cookie));
    let [
        FromServer::Registered {
            reflexive,
            probe_ports,
            member,
            ..
        },
        // Of its own coming it is told as all are.
        FromServer::Presence(_),
    ] = &client.read(&out)[..]
    else {
        panic!("{out:?}");
    };
    assert_eq!(*reflexive, addr("203.0.113.5:40001"));
    assert_eq!(*probe_ports, [10_081, 10_082]);
    assert!(*member > 0);
    scene.took(&mut client, &out).unwrap();
    assert_eq!(
        scene.shown,
        [
            "ann register local: 192.168.0.1:10081 global: 203.0.113.5:40001",
            "ann local: 192.168.0.1:10081 global: 203.0.113.5:40001",
        ]
    );
    assert_eq!(scene.server.members(), 1);
}

#[test]
fn nobody_joins_without_a_cookie_of_its_own() {
    let mut scene = Scene::new();
    let mut client = Client::new(1, "ann", "203.0.113.5:40001");
    let elsewhere = At::Udp(addr("203.0.113.5:40002"));
    let rows = [
        ("none", [0; 16], Duration::ZERO),
        ("another address's", scene.cookie(elsewhere), Duration::ZERO),
        ("an old one", scene.cookie(client.at), secs(125)),
    ];
    for (name, cookie, age) in rows {
        scene.pass(age);
        let out = scene.send(client.at, &client.register(cookie));
        assert_eq!(
            scene.took(&mut client, &out),
            Err(Refusal::Cookie),
            "{name}"
        );
    }
    let cookie = scene.cookie(client.at);
    scene.pass(secs(59));
    let out = scene.send(client.at, &client.register(cookie));
    assert_eq!(
        scene.took(&mut client, &out),
        Ok(()),
        "an hour has sixty minutes"
    );
}

#[test]
fn a_register_that_is_not_authentic_is_not_answered() {
    let mut scene = Scene::new();
    let client = Client::new(1, "ann", "203.0.113.5:40001");
    let other = Client::new(2, "ann", "203.0.113.5:40001");
    let cookie = scene.cookie(client.at);
    let register = client.register(cookie);
    let mut flipped = register.clone();
    flipped[60] ^= 1;
    let mut cut = register.clone();
    cut.pop();
    let mut low_order = Client::new(1, "ann", "203.0.113.5:40001");
    low_order.key = PublicKey([0; 32]);
    let rows = [
        ("a bit flipped", flipped),
        ("cut", cut),
        (
            "another one's tag",
            Client {
                key: client.key,
                ..other
            }
            .register(cookie),
        ),
        ("a key of small order", low_order.register(cookie)),
        ("only its head", register[..2].to_vec()),
    ];
    for (name, bytes) in rows {
        let out = scene.send(client.at, &bytes);
        let answers = client.read(&out);
        let is_refused = matches!(
            answers[..],
            [FromServer::Refused {
                reason: Refusal::Cookie,
                ..
            }]
        );
        assert!(answers.is_empty() || is_refused, "{name}: {answers:?}");
        assert_eq!(scene.server.members(), 0, "{name}");
    }
}

#[test]
fn an_id_belongs_to_its_key() {
    let mut scene = Scene::new();
    let mut ann = joined(&mut scene, 1, "ann", "203.0.113.5:40001");
    let mut thief = Client::new(2, "ann", "203.0.113.6:1");
    assert_eq!(
        scene.join(&mut thief),
        Err(Refusal::Taken),
        "while it is there"
    );
    let leave = ToServer::Leave {
        member: ann.member,
        counter: ann.count().1,
    };
    scene.say(&ann, &leave);
    assert_eq!(scene.server.members(), 0);
    thief.incarnation = 9_999;
    assert_eq!(
        scene.join(&mut thief),
        Err(Refusal::Taken),
        "when it has left"
    );
    ann.nonce += 1;
    assert_eq!(scene.join(&mut ann), Ok(()), "it comes back");
    scene.pass(secs(40));
    assert_eq!(scene.server.members(), 0);
    assert_eq!(
        scene.join(&mut thief),
        Err(Refusal::Taken),
        "when it fell silent"
    );
    thief.id = "bob";
    assert_eq!(scene.join(&mut thief), Ok(()), "another ID");
}

#[test]
fn incarnations() {
    // (name, incarnation, nonce, expected, same member)
    let rows = [
        ("sent again", 1_000, 1, Ok(()), true),
        ("the same process, again", 1_000, 2, Ok(()), false),
        ("started anew", 1_001, 3, Ok(()), false),
        ("an earlier one", 999, 4, Err(Refusal::Behind(1_001)), false),
        ("the latest, sent again", 1_001, 3, Ok(()), true),
    ];
    let mut scene = Scene::new();
    let mut client = Client::new(1, "ann", "203.0.113.5:40001");
    client.nonce = 1;
    scene.join(&mut client).unwrap();
    for (name, incarnation, nonce, expected, is_same) in rows {
        let before = client.member;
        (client.incarnation, client.nonce) = (incarnation, nonce);
        assert_eq!(scene.join(&mut client), expected, "{name}");
        assert_eq!(scene.server.members(), 1, "{name}");
        if expected.is_ok() {
            assert_eq!(client.member == before, is_same, "{name}");
        }
    }
    client.incarnation = 5;
    let leave = ToServer::Leave {
        member: client.member,
        counter: client.count().1,
    };
    scene.say(&client, &leave);
    assert_eq!(
        scene.join(&mut client),
        Err(Refusal::Behind(1_001)),
        "known when it is away, too"
    );
}

#[test]
fn two_copies_of_one_process_do_not_take_turns() {
    let mut scene = Scene::new();
    let mut one = joined(&mut scene, 1, "ann", "203.0.113.5:40001");
    let mut other = Client::new(1, "ann", "203.0.113.9:40001");
    other.nonce += 1;
    assert_eq!(scene.join(&mut other), Err(Refusal::Behind(1_000)));
    assert!(
        matches!(scene.alive(&mut one)[..], [FromServer::Alive { .. }]),
        "it stays until the other one says that it is the later"
    );
    other.incarnation += 1;
    let cookie = scene.cookie(other.at);
    let out = scene.send(other.at, &other.register(cookie));
    let (member, reason) = (one.member, Ending::Elsewhere);
    assert_eq!(one.read(&out), [FromServer::Ended { member, reason }]);
    scene.took(&mut other, &out).unwrap();
}

#[test]
fn a_register_that_is_sent_again_is_answered_alike_and_moves_the_member() {
    let mut scene = Scene::new();
    let mut client = joined(&mut scene, 1, "ann", "203.0.113.5:40001");
    let member = client.member;
    scene.alive(&mut client);
    client.at = At::Udp(addr("203.0.113.5:50002"));
    client.reach.candidates[0].addr = addr("10.0.0.1:5");
    scene.join(&mut client).unwrap();
    assert_eq!(client.member, member);
    assert!(
        matches!(scene.alive(&mut client)[..], [FromServer::Alive { .. }]),
        "it is there now"
    );
    let from = addr("192.0.2.1:9");
    scene.input(Input::TcpOpened { conn: 4, from });
    client.at = At::Tcp(4);
    scene.join(&mut client).unwrap();
    assert_eq!(client.member, member);
    assert!(
        matches!(scene.alive(&mut client)[..], [FromServer::Alive { reflexive, .. }] if reflexive == from)
    );
}

#[test]
fn who_is_replaced_from_elsewhere_is_told() {
    let mut scene = Scene::new();
    let old = joined(&mut scene, 1, "ann", "203.0.113.5:40001");
    let mut new = Client::new(1, "ann", "203.0.113.9:40001");
    (new.incarnation, new.nonce) = (2_000, 77);
    let cookie = scene.cookie(new.at);
    let out = scene.send(new.at, &new.register(cookie));
    let member = old.member;
    let reason = Ending::Elsewhere;
    assert_eq!(old.read(&out), [FromServer::Ended { member, reason }]);
    scene.took(&mut new, &out).unwrap();
    assert_ne!(new.member, member);
    let mut old = old;
    let unknown = FromServer::Unknown {
        counter: old.counter + 1,
    };
    assert_eq!(scene.alive(&mut old), [unknown]);
    assert!(matches!(
        scene.alive(&mut new)[..],
        [FromServer::Alive { .. }]
    ));
}

#[test]
fn when_it_is_full_newcomers_wait_and_members_stay() {
    let limits = ServerLimits {
        members: 2,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    let mut ann = joined(&mut scene, 1, "ann", "203.0.113.5:1");
    let mut bob = joined(&mut scene, 2, "bob", "203.0.113.5:2");
    let mut eve = Client::new(3, "eve", "203.0.113.5:3");
    assert_eq!(scene.join(&mut eve), Err(Refusal::Full));
    let out = scene.text("203.0.113.5:4", "client_register_old_192.168.0.4:10081");
    assert!(out.is_empty(), "no room for an older one either: {out:?}");
    ann.incarnation += 1;
    assert_eq!(scene.join(&mut ann), Ok(()), "a member may come anew");
    for client in [&mut ann, &mut bob] {
        assert!(matches!(
            scene.alive(client)[..],
            [FromServer::Alive { .. }]
        ));
    }
    let leave = ToServer::Leave {
        member: bob.member,
        counter: bob.count().1,
    };
    scene.say(&bob, &leave);
    assert_eq!(scene.join(&mut eve), Ok(()));
    assert_eq!(scene.join(&mut bob), Err(Refusal::Full));
}

#[test]
fn a_neighbourhood_may_register_so_often_and_others_do_not_notice() {
    let limits = ServerLimits {
        registrations_per_minute: 3,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    let ids = ["a", "b", "c", "d"];
    let mut clients: Vec<Client> = (0..4)
        .map(|n| Client::new(n, ids[usize::from(n)], &format!("203.0.113.{n}:1")))
        .collect();
    let expected = [Ok(()), Ok(()), Ok(()), Err(Refusal::Busy)];
    for (client, expected) in clients.iter_mut().zip(expected) {
        assert_eq!(scene.join(client), expected, "{}", client.id);
    }
    assert_eq!(
        scene.join(&mut clients[0]),
        Ok(()),
        "sent again, it costs nothing"
    );
    let mut neighbour = Client::new(9, "e", "203.0.114.1:1");
    assert_eq!(scene.join(&mut neighbour), Ok(()), "the next network");
    scene.pass(secs(21));
    assert_eq!(
        scene.join(&mut clients[3]),
        Ok(()),
        "a third of a minute later"
    );
}

#[test]
fn more_key_agreements_than_may_be_are_put_off() {
    let limits = ServerLimits {
        registrations_per_minute: u32::MAX,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    // With a tag that is wrong each costs one all the same.
    let client = Client::new(1, "ann", "203.0.113.5:40001");
    let forger = Client::new(2, "ann", "203.0.113.5:40001");
    let cookie = scene.cookie(client.at);
    let forged = Client {
        key: client.key,
        ..forger
    }
    .register(cookie);
    let mut busy = 0;
    for _ in 0..1_200 {
        busy += scene.send(client.at, &forged).len();
    }
    assert!((1..=200).contains(&busy), "{busy}");
    let mut client = client;
    assert_eq!(scene.join(&mut client), Err(Refusal::Busy));
    scene.pass(secs(1));
    assert_eq!(scene.join(&mut client), Ok(()));
}

#[test]
fn no_answer_to_who_has_not_joined_is_longer_than_its_question() {
    let mut scene = Scene::new();
    let at = At::Udp(addr("[2001:db8::1]:5"));
    let mut client = joined(&mut scene, 1, "ann", "203.0.113.5:40001");
    client.at = at;
    let cookie = scene.cookie(at);
    let stale = client.register([1; 16]);
    let mut longest = Client::new(3, "bob", "203.0.113.5:40001");
    longest.at = at;
    let mut behind = Client::new(1, "ann", "203.0.113.5:40001");
    behind.incarnation = 1;
    let (member, counter) = (123_456, 1);
    let rows = [
        ToServer::Hello { nonce: 1 },
        ToServer::Observe { nonce: 1 },
        ToServer::Leave { member, counter },
        ToServer::Alive {
            member,
            counter,
            seen: 0,
            cookie: None,
        },
    ];
    let frames = rows.iter().map(|frame| client.seal(frame));
    let mut questions: Vec<Vec<u8>> = frames.collect();
    questions.extend([
        stale,
        longest.register(cookie),
        behind.register(cookie),
        client.relay(5, &[0xFC, 1]),
    ]);
    let (member, counter) = client.count();
    questions.push(client.seal(&ToServer::Leave { member, counter }));
    for question in questions {
        let answers = scene.send(at, &question);
        assert!(!answers.is_empty(), "{question:?}");
        for answer in answers {
            let Out::Datagram { bytes, to, .. } = answer else {
                panic!("{answer:?}");
            };
            assert!(
                bytes.len() <= question.len(),
                "{question:?} draws {bytes:?}"
            );
            assert_eq!(At::Udp(to), at);
        }
    }
}
