//! What one member, or who forges one, may make the server do to all others.

use std::collections::BTreeMap;

use super::*;
use crate::wire::from_server::{Change, Departure, EntryClient, Span};

/// Some who listen and confirm nothing from now on, and the one that is busy.
fn scene() -> (Scene, Vec<Client>) {
    let mut scene = Scene::new();
    let mut all: Vec<Client> = (0..20u8)
        .map(|n| Client::new(n, format!("m{n}").leak(), &format!("198.18.{n}.1:4000")))
        .collect();
    for client in &mut all {
        scene.join(client).unwrap();
        scene.pass(millis(60));
    }
    scene.pass(secs(10));
    for client in &mut all {
        let seen_all = client.alive(u64::MAX, None);
        scene.say(client, &seen_all);
    }
    scene.take();
    (scene, all)
}

/// The client is to be reached by another port of its own.
fn change(scene: &mut Scene, client: &mut Client, port: u16) {
    client.reach.candidates[0].addr.set_port(port);
    let (member, counter) = client.count();
    let reach = client.reach.clone();
    let frame = client.seal(&ToServer::Reach {
        member,
        counter,
        reach,
    });
    scene.send(client.at, &frame);
}

/// What a listener was told, in the order in which it happened.
fn told(listener: &Client, out: &[Out]) -> Vec<Change> {
    let mut told = BTreeMap::new();
    for frame in listener.read(out) {
        if let FromServer::Presence(presence) = frame
            && let Span::Changes { first, .. } = presence.span
        {
            told.extend((first..).zip(presence.entries));
        }
    }
    told.into_values().collect()
}

#[test]
fn who_changes_all_the_time_is_told_of_once_a_second() {
    let (mut scene, mut all) = scene();
    for round in 0..100u16 {
        change(&mut scene, &mut all[0], 1_000 + round);
        scene.pass(millis(50));
    }
    scene.pass(secs(3));
    let told = told(&all[1], &scene.take());
    assert!((8..=11).contains(&told.len()), "{} in 5 s", told.len());
    let Some(Change::Here(last)) = told.last() else {
        panic!("{told:?}");
    };
    let EntryClient::Current { reach, .. } = &last.client else {
        panic!("{last:?}");
    };
    assert_eq!(*reach, all[0].reach, "the last state wins");
}

#[test]
fn that_such_a_one_went_is_told_at_once_and_last() {
    let (mut scene, mut all) = scene();
    for round in 0..20u16 {
        change(&mut scene, &mut all[0], 1_000 + round);
        scene.pass(millis(60));
    }
    let (member, counter) = all[0].count();
    scene.say(&all[0], &ToServer::Leave { member, counter });
    let how = Departure::Left;
    let gone = Change::Gone { member, how };
    for after in [millis(60), secs(5)] {
        scene.pass(after);
        let told = told(&all[1], &scene.out);
        assert_eq!(told.last(), Some(&gone), "after {after:?}: {told:?}");
    }
}

#[test]
fn an_older_client_that_tells_ever_another_address_is_told_of_once_a_second() {
    let (mut scene, all) = scene();
    for round in 1..=100u16 {
        let text = format!("client_Keep Alive_old_192.168.0.2:{round}");
        scene.text("203.0.113.8:50001", &text);
        scene.pass(millis(50));
    }
    let told = told(&all[1], &scene.take());
    assert!((8..=11).contains(&told.len()), "{} in 5 s", told.len());
}
