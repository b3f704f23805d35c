//! The ports that stand for members, and what of them older clients are told.

use super::older::{ONE, THREE, TWO, keep_alive, port_of, three};
use super::*;

#[test]
fn a_member_that_joins_anew_keeps_its_port() {
    let mut scene = Scene::new();
    scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    let cookie = scene.cookie(ann.at);
    let out = scene.send(ann.at, &ann.register(cookie));
    let out = scene.bind(out);
    scene.took(&mut ann, &out).unwrap();
    ann.incarnation += 1;
    ann.nonce += 1;
    ann.at = At::Udp(addr("203.0.113.9:9"));
    let cookie = scene.cookie(ann.at);
    let out = scene.send(ann.at, &ann.register(cookie));
    assert_eq!(texts_to(&out, ONE), [""; 0]);
    scene.took(&mut ann, &out).unwrap();
    let out = scene.datagram(Port::Older(1), addr(ONE), b"client1_still there?");
    assert!(matches!(&ann.read(&out)[..], [FromServer::Older { .. }]));
}

#[test]
fn a_port_that_stood_for_somebody_is_not_another_ones() {
    let mut scene = three();
    keep_alive(&mut scene);
    let out = scene.text(
        "203.0.113.2:10081",
        "client_unregister_client2_192.168.56.2:10081",
    );
    assert!(out.contains(&Out::CloseOlder(1)));
    assert_eq!(
        scene.datagram(Port::Older(1), addr(ONE), b"client1_hi"),
        [],
        "a late datagram"
    );
    let out = scene.text(TWO, "client_register_client4_192.168.56.4:10081");
    let closes = out.iter().filter(|out| matches!(out, Out::OpenOlder(1)));
    assert_eq!(closes.count(), 1, "opened anew: {out:?}");
    assert_eq!(
        texts_to(&out, ONE),
        ["server_register_client4_198.51.100.1:40003"]
    );
}

#[test]
fn without_older_clients_there_are_no_ports() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    let cookie = scene.cookie(ann.at);
    let out = scene.send(ann.at, &ann.register(cookie));
    assert!(!out.iter().any(|out| matches!(out, Out::OpenOlder(_))));
    scene.took(&mut ann, &out).unwrap();
    scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    let out = scene.text(ONE, "client_unregister_client1_192.168.0.2:10081");
    let closed = out.iter().filter(|out| matches!(out, Out::CloseOlder(_)));
    assert_eq!(closed.count(), 2);
}

#[test]
fn a_port_that_cannot_be_opened() {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    scene.join(&mut ann).unwrap();
    let text = b"client_register_client1_192.168.0.2:10081";
    scene.datagram(Port::Main(0), addr(ONE), text);
    let text = b"client_register_client2_192.168.0.3:10081";
    let mut out = scene.datagram(Port::Main(0), addr(TWO), text);
    for slot in 0..3 {
        out.extend(scene.input(Input::OlderPort { slot, port: None }));
    }
    assert_eq!(
        texts_to(&out, TWO),
        [
            "server_register_client2_192.168.0.3:10081",
            "server_register_client1_203.0.113.1:50001",
        ],
        "as the older server did, and nothing of who cannot be reached so"
    );
}

#[test]
fn there_are_as_many_older_clients_as_ports_and_some_are_kept_for_them() {
    let limits = ServerLimits {
        older_ports: 4,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    let ids = ["a", "b", "c", "d", "e"];
    for (n, id) in (0u8..).zip(ids) {
        let mut client = Client::new(n, id, &format!("203.0.113.{n}:1"));
        scene.join(&mut client).unwrap();
    }
    let out = scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    let opened = out.iter().filter(|out| matches!(out, Out::OpenOlder(_)));
    assert_eq!(opened.count(), 4, "its own and three others'");
    assert_eq!(
        scene.text(TWO, "client_register_client2_192.168.0.2:10081"),
        [],
        "no port, no member"
    );
    assert_eq!(scene.server.members(), 6);
    assert_eq!(scene.server.counts().full, 1);
}

#[test]
fn older_clients_of_one_neighbourhood_leave_ports_to_others() {
    let limits = ServerLimits {
        older_ports: 8,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    for n in 0..10 {
        let text = format!("client_register_crowd{n}_192.168.0.2:10081");
        scene.text(&format!("203.0.113.{n}:5"), &text);
    }
    assert_eq!(scene.server.members(), 2, "a quarter");
    assert_eq!(scene.server.counts().full, 8);
    scene.text("198.51.100.77:5", "client_register_ann_192.168.0.2:10081");
    assert_eq!(scene.server.members(), 3);
}

#[test]
fn registering_older_clients_in_their_name_keeps_no_neighbours_out() {
    let limits = ServerLimits {
        registrations_per_minute: 3,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    for n in 0..10 {
        scene.text("203.0.113.1:5", &format!("client_register_forged{n}_1:1"));
    }
    assert_eq!(scene.server.members(), 3);
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    assert_eq!(scene.join(&mut ann), Ok(()));
}

#[test]
fn what_an_older_client_sends_is_bounded() {
    let limits = ServerLimits {
        relay_rate: 10_000,
        ..ServerLimits::default()
    };
    let mut scene = Scene::with(limits);
    scene.text(ONE, "client_register_client1_192.168.0.2:10081");
    scene.text(TWO, "client_register_client2_192.168.0.2:10081");
    let line = format!("client1_{}", "x".repeat(992));
    let through = (0..100).filter(|_| {
        !scene
            .datagram(port_of(2), addr(ONE), line.as_bytes())
            .is_empty()
    });
    assert!(through.count() <= 3);
}

#[test]
fn a_restarted_server_tells_older_clients_no_more_for_what_they_say() {
    let mut before = three();
    before.pass(secs(1));
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    for (n, at) in [(1, ONE), (2, TWO), (3, THREE)] {
        let text = format!("client_Keep Alive_client{n}_192.168.0.{n}:10081");
        let told: usize = texts_to(&scene.text(at, &text), at)
            .iter()
            .map(String::len)
            .sum();
        assert!(told > 0, "client{n}");
        assert!(told <= 3 * text.len(), "client{n}: {told} bytes");
    }
}
