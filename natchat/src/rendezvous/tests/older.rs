//! Older clients: the session that the older programs were shown with, and what must not happen in it.

use super::*;
use crate::wire::from_server::{Change, EntryClient};

pub(super) const ONE: &str = "203.0.113.1:50001";
pub(super) const TWO: &str = "203.0.113.2:50002";
pub(super) const THREE: &str = "203.0.113.2:50003";

/// Registers the clients 1 to 3 of the reference session: one on its own, two behind the same NAT.
pub(super) fn three() -> Scene {
    let mut scene = Scene::new();
    scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    scene.text(TWO, "client_register_client2_192.168.56.2:10081");
    scene.text(THREE, "client_register_client3_192.168.56.3:10081");
    scene.take();
    scene
}

/// Ten seconds on, all three say that they are there: what they are owed is told now.
pub(super) fn keep_alive(scene: &mut Scene) -> Vec<Out> {
    scene.pass(secs(10));
    let mut out = scene.text(ONE, "client_Keep Alive_client1_192.168.0.2:10081");
    out.extend(scene.text(TWO, "client_Keep Alive_client2_192.168.56.2:10081"));
    out.extend(scene.text(THREE, "client_Keep Alive_client3_192.168.56.3:10081"));
    out
}

/// The port that stands for a client: they are bound in the order in which they came.
pub(super) fn port_of(n: u16) -> Port {
    Port::Older(n - 1)
}

#[test]
fn the_reference_session() {
    let mut scene = Scene::new();
    let out = scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    assert_eq!(
        texts_to(&out, ONE),
        ["server_register_client1_192.168.0.2:10081"]
    );
    let out = scene.text(TWO, "client_register_client2_192.168.56.2:10081");
    assert_eq!(
        texts_to(&out, ONE),
        ["server_register_client2_198.51.100.1:40001"]
    );
    assert_eq!(
        texts_to(&out, TWO),
        [
            "server_register_client1_198.51.100.1:40000",
            "server_register_client2_192.168.56.2:10081",
        ]
    );
    let out = scene.text(THREE, "client_register_client3_192.168.56.3:10081");
    let spent = "three times what came from there";
    assert_eq!(texts_to(&out, ONE), [""; 0], "{spent}");
    assert_eq!(
        texts_to(&out, TWO),
        ["server_register_client3_198.51.100.1:40002"]
    );
    assert_eq!(
        texts_to(&out, THREE),
        [
            "server_register_client1_198.51.100.1:40000",
            "server_register_client2_198.51.100.1:40001",
            "server_register_client3_192.168.56.3:10081",
        ]
    );

    let out = keep_alive(&mut scene);
    assert_eq!(
        texts_to(&out, ONE),
        ["server_register_client3_198.51.100.1:40002"]
    );
    assert_eq!(out.len(), 1);

    let lines = [
        (THREE, 2, TWO, "client3_hi im in ubuntu"),
        (TWO, 3, THREE, "client2_hi me too man"),
        (TWO, 1, ONE, "client2_how about you"),
        (ONE, 2, TWO, "client1_i'm in windows"),
    ];
    for (from, to, at, line) in lines {
        // A symmetric NAT gives another port for another destination.
        let mut from = addr(from);
        from.set_port(from.port() + 7);
        let out = scene.datagram(port_of(to), from, line.as_bytes());
        let expected = Out::Datagram {
            port: Port::Main(0),
            to: addr(at),
            bytes: line.as_bytes().to_vec(),
        };
        assert_eq!(out, [expected]);
    }

    let out = scene.text(
        "203.0.113.2:10081",
        "client_unregister_client2_192.168.56.2:10081",
    );
    assert_eq!(
        texts_to(&out, ONE),
        ["server_unregister_client2_198.51.100.1:40001"]
    );
    assert_eq!(
        texts_to(&out, TWO),
        ["server_unregister_client2_192.168.56.2:10081"]
    );
    assert_eq!(
        texts_to(&out, THREE),
        ["server_unregister_client2_198.51.100.1:40001"]
    );
    assert!(out.contains(&Out::CloseOlder(1)));

    let out = scene.datagram(port_of(1), addr(THREE), b"client3_bye");
    assert_eq!(texts_to(&out, ONE), ["client3_bye"]);
    scene.take();
    for _ in 0..4 {
        scene.pass(secs(10));
        scene.text(ONE, "client_Keep Alive_client1_192.168.0.2:10081");
    }
    assert_eq!(
        texts_to(&scene.take(), ONE),
        ["server_offline_client3_198.51.100.1:40002"]
    );
    let out = scene.text(ONE, "client_unregister_client1_192.168.0.2:10081");
    assert_eq!(
        texts_to(&out, ONE),
        ["server_unregister_client1_192.168.0.2:10081"]
    );

    scene.shown.retain(|line| !line.contains("Keep Alive"));
    assert_eq!(
        scene.shown,
        [
            "client1 register local: 192.168.0.2:10081 global: 203.0.113.1:50001",
            "client1 local: 192.168.0.2:10081 global: 203.0.113.1:50001",
            "client2 register local: 192.168.56.2:10081 global: 203.0.113.2:50002",
            "client2 local: 192.168.56.2:10081 global: 203.0.113.2:50002",
            "client3 register local: 192.168.56.3:10081 global: 203.0.113.2:50003",
            "client3 local: 192.168.56.3:10081 global: 203.0.113.2:50003",
            "client2 unregister local: 192.168.56.2:10081 global: 203.0.113.2:10081",
            "client3 is offline",
            "client1 unregister local: 192.168.0.2:10081 global: 203.0.113.1:50001",
        ]
    );
}

#[test]
fn text_comes_through_whole() {
    let mut scene = three();
    let long = "가".repeat(600);
    let rows = [
        (
            "_",
            "a_b__c",
            vec!["client1_a\u{ff3f}b\u{ff3f}\u{ff3f}c".to_owned()],
        ),
        (
            "a word of the format",
            "server",
            vec!["client1_server".to_owned()],
        ),
        ("Korean", "안녕", vec!["client1_안녕".to_owned()]),
        ("empty", "", vec![]),
        (
            "long",
            &long,
            vec![
                format!("client1_{}", "가".repeat(366)),
                format!("client1_{}", "가".repeat(234)),
            ],
        ),
    ];
    for (name, text, expected) in rows {
        let line = format!("client1_{text}");
        let out = scene.datagram(port_of(2), addr(ONE), line.as_bytes());
        assert_eq!(texts_to(&out, TWO), expected, "{name}");
    }
}

#[test]
fn nobody_speaks_keeps_alive_or_leaves_for_another() {
    let mut scene = three();
    let evil = "192.0.2.66:50001";
    scene.shown.clear();
    let out = scene.datagram(port_of(2), addr(evil), b"client1_it is me");
    assert_eq!(out, []);
    for event in ["register", "Keep Alive", "unregister"] {
        assert_eq!(
            scene.text(evil, &format!("client_{event}_client1_192.168.0.66:10081")),
            [],
            "{event}"
        );
    }
    assert!(scene.shown.is_empty(), "{:?}", scene.shown);
    for _ in 0..3 {
        scene.text(evil, "client_Keep Alive_client1_192.168.0.2:10081");
        scene.text(TWO, "client_Keep Alive_client2_192.168.56.2:10081");
        scene.pass(millis(10_100));
    }
    assert_eq!(
        scene.server.members(),
        1,
        "client1 fell silent all the same"
    );
    assert_eq!(scene.text(evil, "client_unregister_nobody_1:1"), []);
}

#[test]
fn what_is_malformed_is_nothing() {
    let mut scene = three();
    let rows: [&[u8]; 14] = [
        b"x",
        b"_",
        b"client",
        b"client_register",
        b"client_register_a",
        b"client_register__1:1",
        b"client_register_a b_1:1",
        b"client_register_server_1:1",
        b"client_deregister_a_1:1",
        b"server_register_a_1:1",
        b"client_register_a_\x1b[2J",
        b"client_register_\xff_1:1",
        b"client1_hello",
        &[b'a'; 2_049],
    ];
    for bytes in rows {
        let out = scene.datagram(Port::Main(0), addr("192.0.2.1:5"), bytes);
        assert_eq!(out, [], "{}", String::from_utf8_lossy(bytes));
    }
    let lines: [&[u8]; 4] = [b"client1", b"_hi", b"client1_\xff", b""];
    for bytes in lines {
        let out = scene.datagram(port_of(2), addr(ONE), bytes);
        assert_eq!(out, [], "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(
        scene.datagram(Port::Older(77), addr(ONE), b"client1_hi"),
        [],
        "a port that stands for nobody"
    );
    assert_eq!(scene.server.members(), 3);
}

#[test]
fn a_keep_alive_registers_whom_the_server_does_not_know() {
    let mut scene = Scene::new();
    let out = scene.text(ONE, "client_Keep Alive_client1_192.168.0.2:10081");
    assert_eq!(
        texts_to(&out, ONE),
        ["server_register_client1_192.168.0.2:10081"]
    );
    assert_eq!(scene.server.members(), 1);
}

#[test]
fn a_new_port_of_the_nat_is_noticed_and_another_address_is_not_believed() {
    let mut scene = three();
    let moved = "203.0.113.2:61000";
    scene.text(moved, "client_Keep Alive_client2_192.168.56.2:10081");
    let out = scene.datagram(port_of(2), addr(ONE), b"client1_hi");
    assert_eq!(texts_to(&out, moved), ["client1_hi"]);
    scene.text(
        "203.0.113.77:61000",
        "client_Keep Alive_client2_192.168.56.2:10081",
    );
    let out = scene.datagram(port_of(2), addr(ONE), b"client1_hi");
    assert_eq!(texts_to(&out, moved), ["client1_hi"]);
}

#[test]
fn who_registers_again_after_a_start_gets_the_list_again() {
    let mut scene = three();
    let again = "203.0.113.2:61000";
    let out = scene.text(again, "client_register_client2_192.168.56.2:10081");
    assert_eq!(texts_to(&out, again).len(), 3);
    assert_eq!(
        texts_to(&out, ONE),
        [""; 0],
        "its port is the same, so the others need not know"
    );
    let out = scene.text(again, "client_register_client2_192.168.56.2:10081");
    assert_eq!(texts_to(&out, again), [""; 0], "as a keep-alive");
}

/// Registers so many older clients from as many neighbourhoods as needed.
fn crowd(scene: &mut Scene, count: u32) {
    for n in 0..count {
        scene.text(&crowded(n), &format!("client_register_x{n}_10.0.0.1:1"));
    }
    scene.take();
}

fn crowded(n: u32) -> String {
    format!("203.0.{}.{}:5000", n / 100, n % 100 + 1)
}

#[test]
fn whoever_is_named_is_told_three_times_what_came_in_its_name_at_most() {
    // (name, what else comes each time)
    let rows = [
        ("registered", None),
        ("alive", Some("client_Keep Alive_v_10.0.0.1")),
        (
            "registered with other addresses",
            Some("client_register_v_10.0.0.1"),
        ),
    ];
    for (name, then) in rows {
        let mut scene = Scene::new();
        crowd(&mut scene, 300);
        let victim = "192.0.2.77:7777";
        let (mut received, mut sent) = (0, 0);
        for round in 0..20 {
            let first = (round == 0).then_some("client_register_v_10.0.0.1");
            if let Some(text) = first.or(then) {
                let text = format!("{text}:{}", round + 1);
                received += text.len();
                scene.text(victim, &text);
            }
            scene.pass(millis(1_000));
            let told = scene.take();
            sent += sent_to(&told, victim)
                .iter()
                .map(|text| text.len())
                .sum::<usize>();
            assert!(sent <= 3 * received, "{name}: {sent} bytes for {received}");
        }
        assert!(
            sent * 4 > 3 * 3 * received,
            "{name}: {sent} bytes for {received}"
        );
    }
}

#[test]
fn who_says_that_it_is_there_learns_of_all_a_few_at_a_time() {
    let mut scene = Scene::new();
    crowd(&mut scene, 20);
    scene.text(ONE, "client_register_late_192.168.0.2:10081");
    let mut told = texts_to(&scene.take(), ONE).len();
    for _ in 0..8 {
        for n in 0..20 {
            scene.text(&crowded(n), &format!("client_Keep Alive_x{n}_10.0.0.1:1"));
        }
        scene.text(ONE, "client_Keep Alive_late_192.168.0.2:10081");
        scene.pass(secs(10));
        told += texts_to(&scene.take(), ONE).len();
    }
    assert_eq!(told, 21);
}

#[test]
fn an_id_of_a_key_is_not_for_older_clients_nor_the_other_way_round() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    scene.shown.clear();
    for event in ["register", "Keep Alive", "unregister"] {
        let out = scene.text(
            "203.0.113.5:2",
            &format!("client_{event}_ann_192.168.0.2:10081"),
        );
        assert_eq!(out, [], "{event}, even from the same address");
    }
    let (member, counter) = ann.count();
    scene.say(&ann, &ToServer::Leave { member, counter });
    assert_eq!(
        scene.text("203.0.113.5:2", "client_register_ann_192.168.0.2:10081"),
        [],
        "away, it is hers still"
    );
    scene.text(ONE, "client_register_old_192.168.0.2:10081");
    let mut old = Client::new(2, "old", "203.0.113.6:1");
    assert_eq!(scene.join(&mut old), Err(Refusal::Taken));
    scene.pass(secs(31));
    assert_eq!(scene.join(&mut old), Ok(()), "the lease has ended");
}

#[test]
fn older_and_current_members_talk() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    let out = scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    assert_eq!(
        texts_to(&out, ONE),
        [
            "server_register_client1_192.168.0.2:10081",
            "server_register_ann_198.51.100.1:40001",
        ]
    );
    scene.pass(millis(60));
    let told = ann.read(&scene.take());
    let changes = told.iter().filter_map(|frame| match frame {
        FromServer::Presence(presence) => Some(&presence.entries),
        _ => None,
    });
    let older = changes.flatten().find_map(|change| match change {
        Change::Here(entry) if matches!(entry.client, EntryClient::Older { .. }) => Some(entry),
        _ => None,
    });
    let older = older.expect("she is told of the older one");
    let local = "192.168.0.2:10081".to_owned();
    assert_eq!(older.client, EntryClient::Older { local });
    assert_eq!(older.reflexive, Some(addr(ONE)));
    let number = older.member;

    let out = scene.datagram(Port::Older(1), addr(ONE), "client1_안녕_ann".as_bytes());
    let answers = ann.read(&out);
    let [
        FromServer::Older {
            to,
            from,
            text,
            serial,
        },
    ] = &answers[..]
    else {
        panic!("{answers:?}");
    };
    assert_eq!((*to, *from, &text[..]), (ann.member, number, "안녕_ann"));
    let out = scene.datagram(Port::Older(1), addr(ONE), b"client1_more");
    assert!(
        matches!(&ann.read(&out)[..], [FromServer::Older { serial: next, .. }] if next > serial)
    );

    let (member, counter) = ann.count();
    let line = ToServer::Older {
        member,
        counter,
        to: number,
        text: "so_so".to_owned(),
    };
    for (name, expected) in [
        ("at first", vec!["ann_so\u{ff3f}so"]),
        ("sent again", vec![]),
    ] {
        let out = scene.send(ann.at, &ann.seal(&line));
        assert_eq!(texts_to(&out, ONE), expected, "{name}");
        let answers = ann.read(&out);
        assert!(
            matches!(answers[..], [FromServer::Alive { counter: confirmed, .. }] if confirmed == counter),
            "{name}"
        );
    }
    let (member, counter) = ann.count();
    let line = ToServer::Older {
        member,
        counter,
        to: number + 1,
        text: "hi".to_owned(),
    };
    assert_eq!(scene.say(&ann, &line), [], "nobody there: not confirmed");

    scene.text(ONE, "client_Keep Alive_client1_192.168.0.2:10081");
    let late = scene.join_late();
    assert_eq!(
        texts_to(&late, ONE),
        ["server_register_bob_198.51.100.1:40002"]
    );
    let (member, counter) = ann.count();
    let out = scene.send(ann.at, &ann.seal(&ToServer::Leave { member, counter }));
    assert_eq!(
        texts_to(&out, ONE),
        ["server_unregister_ann_198.51.100.1:40001"]
    );
}

impl Scene {
    /// Another one joins while older clients are there.
    fn join_late(&mut self) -> Vec<Out> {
        let bob = Client::new(2, "bob", "203.0.113.7:1");
        let cookie = self.cookie(bob.at);
        let out = self.send(bob.at, &bob.register(cookie));
        self.bind(out)
    }
}
