//! The journal, and the first half minute after a start.

use super::*;
use crate::wire::from_server::{Change, Ending, Presence, Span};

fn snapshot(scene: &Scene, most: usize) -> Vec<Vec<u8>> {
    let (mut records, mut cursor) = (Vec::new(), Some(0));
    while let Some(at) = cursor {
        cursor = scene
            .server
            .snapshot(at, most, &mut |record| records.push(record.to_vec()));
    }
    records
}

/// Ann and Bob are there, Eve has left, an older client too is there.
fn peopled() -> (Scene, Client, Client) {
    let mut scene = Scene::new();
    let mut ann = Client::new(1, "ann", "203.0.113.5:1");
    let mut bob = Client::new(2, "bob", "203.0.113.6:1");
    let mut eve = Client::new(3, "eve", "203.0.113.7:1");
    for client in [&mut ann, &mut bob, &mut eve] {
        scene.join(client).unwrap();
    }
    scene.pass(millis(60));
    let (member, counter) = eve.count();
    scene.say(&eve, &ToServer::Leave { member, counter });
    scene.text("203.0.113.8:50001", "client_register_old_192.168.0.2:10081");
    scene.pass(millis(60));
    (scene, ann, bob)
}

/// What a member does when it is told that the server is there again.
fn come_back(scene: &mut Scene, client: &mut Client) -> Vec<FromServer> {
    let answers = scene.alive(client);
    let [FromServer::Moved { cookie, counter }] = answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(counter, client.counter);
    let frame = client.alive(0, Some(cookie));
    scene.say(client, &frame)
}

#[test]
fn a_restarted_server_knows_everybody_at_once_and_greets_them() {
    let (before, mut ann, mut bob) = peopled();
    for (name, journal) in [
        ("appended", before.journal.clone()),
        ("written anew", snapshot(&before, 1)),
    ] {
        let mut scene = Scene::restored(ServerLimits::default(), &journal);
        assert_eq!(scene.server.members(), 3, "{name}");
        let greeted = scene.take();
        for client in [&ann, &bob] {
            assert_eq!(client.read(&greeted), [FromServer::Again], "{name}");
        }
        assert_eq!(
            sent_to(&greeted, "203.0.113.8:50001").len(),
            0,
            "{name}: no word for it in the older format"
        );
        let answers = come_back(&mut scene, &mut ann);
        assert!(
            matches!(answers[..], [FromServer::Alive { .. }]),
            "{name}: {answers:?}"
        );
        scene.take();
        scene.pass(secs(2));
        let again = scene.take();
        assert_eq!(ann.read(&again), [], "{name}: it is there");
        assert_eq!(bob.read(&again), [FromServer::Again], "{name}: once more");
        assert!(
            matches!(
                come_back(&mut scene, &mut bob)[..],
                [FromServer::Alive { .. }]
            ),
            "{name}"
        );
        let out = scene.send(ann.at, &ann.relay(bob.member, &[0xFC, 1]));
        assert_eq!(
            sent_to(&out, "203.0.113.6:1").len(),
            1,
            "{name}: as if nothing had been"
        );
        let mut thief = Client::new(9, "eve", "192.0.2.1:1");
        assert_eq!(
            scene.join(&mut thief),
            Err(Refusal::Taken),
            "{name}: who was away still owns its ID"
        );
        let mut eve = Client::new(3, "eve", "203.0.113.7:1");
        assert_eq!(scene.join(&mut eve), Ok(()), "{name}");
        assert!(![ann.member, bob.member].contains(&eve.member));
        ann.counter += 1;
        bob.counter += 1;
    }
}

#[test]
fn who_was_there_for_a_moment_owns_its_id_after_a_restart() {
    for (name, replaces) in [("came and went", false), ("started anew and went", true)] {
        let mut scene = Scene::new();
        let mut ann = Client::new(1, "ann", "203.0.113.5:1");
        if replaces {
            scene.join(&mut ann).unwrap();
            scene.pass(secs(2));
            (ann.nonce, ann.incarnation) = (1, ann.incarnation + 1);
        }
        let mut other = Client::new(2, "bob", "203.0.113.6:1");
        // The first change is published at once; what follows is gathered.
        scene.join(&mut other).unwrap();
        scene.join(&mut ann).unwrap();
        let (member, counter) = ann.count();
        scene.say(&ann, &ToServer::Leave { member, counter });
        scene.pass(secs(2));
        let mut scene = Scene::restored(ServerLimits::default(), &scene.journal);
        assert_eq!(scene.server.members(), 1, "{name}");
        let mut thief = Client::new(9, "ann", "192.0.2.1:1");
        assert_eq!(scene.join(&mut thief), Err(Refusal::Taken), "{name}");
        let known = ann.incarnation;
        ann.incarnation -= 1;
        assert_eq!(scene.join(&mut ann), Err(Refusal::Behind(known)), "{name}");
    }
}

#[test]
fn who_does_not_come_back_is_off_line_after_thirty_seconds() {
    let (before, mut ann, _) = peopled();
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    come_back(&mut scene, &mut ann);
    scene.pass(secs(25));
    scene.alive(&mut ann);
    assert_eq!(scene.server.members(), 3);
    scene.pass(secs(6));
    let mut shown = scene.shown.clone();
    shown.sort_unstable();
    assert_eq!(shown, ["bob is offline", "old is offline"]);
}

#[test]
fn frames_from_before_the_restart_are_not_taken() {
    let (before, mut ann, bob) = peopled();
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    let (member, counter) = ann.count();
    let leave = ToServer::Leave { member, counter };
    let evil = At::Udp(addr("192.0.2.1:1"));
    for at in [ann.at, evil] {
        let out = scene.send(at, &ann.seal(&leave));
        assert_eq!(out.len(), 1, "{out:?}");
    }
    assert_eq!(scene.server.members(), 3);
    assert_eq!(
        scene.send(ann.at, &ann.relay(bob.member, &[0xFC, 1])).len(),
        1,
        "a hint, not relayed"
    );
    let answers = scene.alive(&mut ann);
    let [FromServer::Moved { cookie, .. }] = answers[..] else {
        panic!("{answers:?}");
    };
    let forged = Client {
        member: ann.member,
        ..bob
    }
    .alive(0, Some(cookie));
    let other = Client::new(2, "bob", "203.0.113.5:1");
    assert_eq!(
        scene.send(ann.at, &other.seal(&forged)),
        [],
        "the cookie alone is not enough"
    );
    assert!(matches!(
        come_back(&mut scene, &mut ann)[..],
        [FromServer::Alive { .. }]
    ));
}

#[test]
fn registering_again_is_as_good_as_coming_back() {
    let (before, mut ann, mut bob) = peopled();
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    let member = ann.member;
    scene.join(&mut ann).unwrap();
    assert_eq!(ann.member, member, "the same Register: the same member");
    assert!(matches!(
        scene.alive(&mut ann)[..],
        [FromServer::Alive { .. }]
    ));
    let member = bob.member;
    (bob.nonce, bob.incarnation) = (1, bob.incarnation + 1);
    scene.join(&mut bob).unwrap();
    assert_ne!(bob.member, member);
    assert_eq!(scene.server.members(), 3);
}

#[test]
fn numbers_of_changes_go_on() {
    let (before, mut ann, _) = peopled();
    let last = |scene: &mut Scene, client: &mut Client| {
        let answers = scene.alive(client);
        let [FromServer::Alive { presence, .. }] = answers[..] else {
            panic!("{answers:?}");
        };
        presence
    };
    let mut before = before;
    let seen = last(&mut before, &mut ann);
    let mut journal = before.journal;
    for _ in 0..3 {
        let mut scene = Scene::restored(ServerLimits::default(), &journal);
        come_back(&mut scene, &mut ann);
        assert!(last(&mut scene, &mut ann) > seen);
        let sync = ann.sync(seen, None);
        let answers = scene.say(&ann, &sync);
        assert!(
            matches!(
                &answers[..],
                [FromServer::Presence(Presence {
                    span: Span::Page { .. },
                    ..
                })]
            ),
            "{answers:?}"
        );
        journal.extend(scene.journal);
    }
}

#[test]
fn who_was_told_of_presence_still_is() {
    let (before, mut ann, _) = peopled();
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    come_back(&mut scene, &mut ann);
    scene.take();
    scene
        .join(&mut Client::new(5, "new", "203.0.113.9:1"))
        .unwrap();
    scene.pass(millis(60));
    let told = ann.read(&scene.take());
    let [FromServer::Presence(presence)] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(matches!(&presence.entries[..], [Change::Here(entry)] if entry.id.as_str() == "new"));
}

#[test]
fn older_clients_are_known_and_get_new_ports() {
    let (before, mut ann, _) = peopled();
    let mut scene = Scene::restored(ServerLimits::default(), &before.journal);
    come_back(&mut scene, &mut ann);
    let evil = scene.text("192.0.2.1:1", "client_register_old_192.168.0.9:10081");
    assert_eq!(evil, [], "its ID is leased still");
    let out = scene.text(
        "203.0.113.8:50001",
        "client_Keep Alive_old_192.168.0.2:10081",
    );
    let texts = texts_to(&out, "203.0.113.8:50001");
    assert_eq!(
        texts,
        [
            "server_register_old_192.168.0.2:10081",
            "server_register_ann_198.51.100.1:40001",
            "server_register_bob_198.51.100.1:40002",
        ]
    );
}

#[test]
fn a_snapshot_in_slices_with_changes_between_them_is_whole() {
    let (mut scene, mut ann, mut bob) = peopled();
    let mut journal = Vec::new();
    let mut cursor = Some(0);
    let mut step = 0;
    while let Some(at) = cursor {
        cursor = scene
            .server
            .snapshot(at, 1, &mut |record| journal.push(record.to_vec()));
        let before = scene.journal.len();
        match step {
            0 => {
                let (member, counter) = ann.count();
                scene.say(&ann, &ToServer::Leave { member, counter });
            }
            1 => _ = scene.join(&mut Client::new(3, "eve", "203.0.113.7:1")),
            2 => {
                (bob.nonce, bob.incarnation) = (1, bob.incarnation + 1);
                scene.join(&mut bob).unwrap();
            }
            3 => {
                ann.nonce += 1;
                scene.join(&mut ann).unwrap();
            }
            _ => {}
        }
        scene.pass(millis(60));
        scene.alive(&mut bob);
        journal.extend_from_slice(&scene.journal[before..]);
        step += 1;
        if step > 20 {
            scene.alive(&mut ann);
        }
    }
    assert!(step > 4);
    let members = scene.server.members();
    let restored = Scene::restored(ServerLimits::default(), &journal);
    assert_eq!(restored.server.members(), members);
    let mut restored = restored;
    for client in [&mut ann, &mut bob] {
        assert!(
            matches!(
                come_back(&mut restored, client)[..],
                [FromServer::Alive { .. }]
            ),
            "{}",
            client.id
        );
    }
}

#[test]
fn a_journal_for_more_than_there_is_room_for() {
    let (before, ..) = peopled();
    let limits = ServerLimits {
        members: 2,
        ..ServerLimits::default()
    };
    let scene = Scene::restored(limits, &before.journal);
    assert_eq!(scene.server.members(), 2);
}

#[test]
fn what_is_no_record_is_left_out() {
    let mut server = server(ServerLimits::default(), Clock::start().now());
    for record in [&[][..], &[0], &[9, 9, 9], &[1, 0, 0]] {
        assert!(!server.restore(record), "{record:?}");
    }
}

#[test]
fn the_end_is_told_to_all_and_nothing_is_taken_after_it() {
    let (mut scene, mut ann, bob) = peopled();
    scene
        .join(&mut Client::new(4, "kim", "203.0.113.9:1"))
        .unwrap();
    let records = scene.journal.len();
    let out = scene.input(Input::Close);
    for client in [&ann, &bob] {
        let (member, reason) = (client.member, Ending::Closing);
        assert_eq!(
            client.read(&out),
            [FromServer::Ended { member, reason }],
            "{}",
            client.id
        );
    }
    assert_eq!(scene.alive(&mut ann), []);
    assert_eq!(scene.wake, None);
    assert!(
        scene.journal.len() > records,
        "what was not yet written down is"
    );
}
