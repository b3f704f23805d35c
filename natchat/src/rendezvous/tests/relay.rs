//! Peer frames through the server.

use super::*;
use crate::wire::relay::Down;

fn pair(limits: ServerLimits) -> (Scene, Client, Client) {
    let mut scene = Scene::with(limits);
    let mut ann = Client::new(1, "ann", "203.0.113.5:40001");
    let mut bob = Client::new(2, "bob", "203.0.113.6:40002");
    scene.join(&mut ann).unwrap();
    scene.join(&mut bob).unwrap();
    (scene, ann, bob)
}

#[test]
fn a_frame_reaches_who_it_is_for() {
    let (mut scene, ann, bob) = pair(ServerLimits::default());
    for first in 0xFC..=0xFF {
        let frame = [first, 1, 2, 3];
        let out = scene.send(ann.at, &ann.relay(bob.member, &frame));
        let [
            Out::Datagram {
                port: Port::Main(0),
                to,
                bytes,
            },
        ] = &out[..]
        else {
            panic!("{out:?}");
        };
        assert_eq!(At::Udp(*to), bob.at);
        let down = Down {
            from: ann.member,
            frame: &frame,
        };
        assert_eq!(Down::decode(bytes), Ok(down));
    }
}

#[test]
fn what_is_not_relayed() {
    let (mut scene, ann, bob) = pair(ServerLimits::default());
    let forger = Client {
        member: ann.member,
        ..Client::new(3, "eve", "203.0.113.5:40001")
    };
    let rows = [
        ("another one's tag", forger.relay(bob.member, &[0xFC, 1])),
        ("no peer frame", ann.relay(bob.member, &[0xF9, 1])),
        ("older text", ann.relay(bob.member, b"ann_hi")),
        ("nothing", ann.relay(bob.member, &[])),
        ("to nobody", ann.relay(bob.member + 1, &[0xFC, 1])),
        ("too long to go on", ann.relay(bob.member, &[0xFC; 1_224])),
    ];
    for (name, bytes) in rows {
        assert_eq!(scene.send(ann.at, &bytes), [], "{name}");
    }
    assert_eq!(
        scene
            .send(ann.at, &ann.relay(bob.member, &[0xFC; 1_223]))
            .len(),
        1,
        "the longest"
    );
}

#[test]
fn from_a_new_address_it_is_relayed_and_the_sender_told_to_say_where_it_is() {
    let (mut scene, mut ann, bob) = pair(ServerLimits::default());
    scene.pass(secs(1));
    let home = ann.at;
    ann.at = At::Udp(addr("203.0.113.5:50000"));
    let out = scene.send(ann.at, &ann.relay(bob.member, &[0xFC, 1]));
    assert_eq!(ann.read(&out), [FromServer::Again]);
    assert_eq!(sent_to(&out, "203.0.113.6:40002").len(), 1);
    let out = scene.send(ann.at, &ann.relay(bob.member, &[0xFC, 1]));
    assert_eq!(ann.read(&out), [], "not with each frame");
    let back = scene.send(bob.at, &bob.relay(ann.member, &[0xFC, 1]));
    assert!(
        matches!(back[..], [Out::Datagram { to, .. }] if At::Udp(to) == home),
        "it has not moved yet"
    );
}

#[test]
fn who_is_no_member_is_told_to_say_so() {
    let mut scene = Scene::new();
    let stranger = Client {
        member: 12_345,
        ..Client::new(1, "ann", "203.0.113.5:40001")
    };
    let out = scene.send(stranger.at, &stranger.relay(5, &[0xFC, 1]));
    assert_eq!(stranger.read(&out), [FromServer::Again]);
}

#[test]
fn to_and_from_connections() {
    let (mut scene, mut ann, bob) = pair(ServerLimits::default());
    scene.input(Input::TcpOpened {
        conn: 3,
        from: addr("203.0.113.5:1"),
    });
    ann.at = At::Tcp(3);
    scene.join(&mut ann).unwrap();
    let out = scene.send(bob.at, &bob.relay(ann.member, &[0xFE, 1]));
    assert!(matches!(out[..], [Out::Frame { conn: 3, .. }]), "{out:?}");
    let out = scene.send(ann.at, &ann.relay(bob.member, &[0xFE, 1]));
    assert!(
        matches!(out[..], [Out::Datagram { to, .. }] if At::Udp(to) == bob.at),
        "{out:?}"
    );
    let out = scene.send(ann.at, &ann.relay(bob.member, &vec![0xFE; 60_000]));
    assert_eq!(out, [], "no datagram is so long");
}

#[test]
fn each_member_has_its_share_and_relaying_keeps_nobody() {
    let limits = ServerLimits {
        relay_rate: 100_000,
        ..ServerLimits::default()
    };
    let (mut scene, ann, mut bob) = pair(limits);
    let frame = vec![0xFE; 967];
    let mut through = 0;
    for _ in 0..100 {
        scene.pass(millis(10));
        for _ in 0..10 {
            through += scene.send(ann.at, &ann.relay(bob.member, &frame)).len();
        }
        let alive = scene.alive(&mut bob);
        assert!(!alive.is_empty());
    }
    assert!(
        (100..=130).contains(&through),
        "{through} of 1,000 in a second at 100 a second"
    );
    assert_eq!(
        scene.send(bob.at, &bob.relay(ann.member, &frame)).len(),
        1,
        "another one's share is untouched"
    );
    for _ in 0..40 {
        scene.pass(secs(1));
        scene.send(ann.at, &ann.relay(bob.member, &frame));
        scene.alive(&mut bob);
    }
    assert_eq!(
        scene.server.members(),
        1,
        "a frame without a counter may be a replay"
    );
}
