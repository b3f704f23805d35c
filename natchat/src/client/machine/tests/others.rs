//! What others can make of us, and what not: offers that wait, keys that change, older clients that take what we say slowly.

use super::*;

/// Offers come from anybody; who wants to leave waits for none.
#[test]
fn an_offer_that_nobody_decides_upon_delays_no_leaving() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    let files_of_alice = &mut world.sides[0].disk.files;
    files_of_alice.insert("film".to_owned(), vec![1; 100]);
    world.line(0, "@send bob film");
    world.run(SECOND);
    assert!(matches!(
        files(&mut world, 1)[..],
        [FileEvent::Offered { .. }]
    ));
    world.leave(1);
    world.run(SECOND);
    assert_eq!(world.ended(1), Some(Farewell::Left));
}

fn numbers(world: &mut World, at: usize, line: &str) -> (String, Option<String>) {
    world.line(at, line);
    match world.shown(at).pop() {
        Some(Event::Safety { number, other, .. }) => (number, other),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_number_is_that_of_the_key_that_is_talked_with() {
    let mut world = World::new(&["alice", "bob"]);
    world.run(SECOND);
    world.line(0, "@chat bob hi");
    world.run(SECOND);
    let first = numbers(&mut world, 0, "@verify bob");
    assert_eq!(first.1, None);
    world.kill(1);
    world.restart_server(false);
    let bob = world.join("bob");
    world.run(60 * SECOND);
    assert!(world.shown(0).contains(&Event::KeyChanged(id("bob"))));
    let changed = numbers(&mut world, 0, "@verify bob");
    assert_eq!(changed.0, first.0);
    let second = changed.1.unwrap();
    assert_ne!(second, first.0);
    // The server hides it again: what the user was told of is what is meant all the same.
    world.leave(bob);
    world.run(5 * SECOND);
    world.line(0, "@trust bob");
    assert_eq!(numbers(&mut world, 0, "@verify bob"), (second, None));
}

#[test]
fn what_waits_for_an_older_client_is_bounded() {
    let mut world = World::new(&["alice"]);
    world.run(SECOND);
    world.older("seed", b"client_register_seed_192.168.0.5:10081");
    world.run(SECOND);
    let long = "x".repeat(15 << 20);
    for n in 1..=5 {
        world.line(0, &format!("@chat seed {long}"));
        assert_eq!(world.takes_lines(0), n < 2, "{n}");
    }
    let told = lines(&mut world, 0);
    assert_eq!(
        told,
        [not_delivered("seed", &long[..61], Undelivered::TooMuch)]
    );
}
