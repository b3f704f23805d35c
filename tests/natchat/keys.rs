//! Keys: whose they are is told, a change is shouted about, and nobody else reads them.

use harness::{SOON, wait_until};

use crate::people::{Place, Server, User, join};

#[test]
fn a_server_with_another_key_is_shouted_about() {
    let mut server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    alice.chats_with(&bob, "before");
    server.kill();
    for name in server.data().list(".") {
        std::fs::remove_file(server.data().join(name))
            .expect("remove the server's key and journal");
    }
    server.start_again();
    alice.is_warned("ANOTHER KEY");
    assert_eq!(
        server
            .lines()
            .iter()
            .filter(|line| line.contains("alice"))
            .count(),
        0
    );
    alice.types("@trust server");
    server.says_such("alice register ");
    let mut carol = join(Place::Here, "carol", server.addr());
    carol.meets("alice");
    carol.chats_with(&alice, "after");
}

#[test]
fn a_friend_with_another_key_is_shouted_about() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    alice.chats_with(&bob, "before");
    alice.types("@verify bob");
    bob.types("@verify alice");
    alice.types("@exit");
    alice.ended();

    // As if alice had known another bob.
    let folder = alice.folder();
    let pins = folder.read_text("data/pins");
    let forged: String = pins
        .lines()
        .map(|line| match line.strip_prefix("bob ") {
            Some(rest) => format!("bob {}\n", other_key(rest)),
            None => format!("{line}\n"),
        })
        .collect();
    assert_ne!(forged, pins, "no pin of bob in {pins:?}");
    folder.file("data/pins", forged);
    let mut alice = alice.into_person().join(server.addr());
    alice.is_warned("bob");
    alice.chats("bob", "secret");
    alice.sees_start("Not delivered to bob [secret]: ");
    bob.chats("alice", "hello?");
    bob.sees_start("Not delivered to alice [hello?]: ");
    assert_eq!(alice.lines_from("From "), [""; 0]);
    alice.types("@trust bob");
    alice.chats_with(&bob, "after");
    bob.chats_with(&alice, "after");
}

/// The last character but one changed, as it may be part of a checksum or padding otherwise.
fn other_key(rest: &str) -> String {
    let (place, key) = rest.rsplit_once(' ').expect("a place and a key");
    let first = if key.starts_with('0') { '1' } else { '0' };
    let rest: String = key.chars().skip(1).collect();
    format!("{place} {first}{rest}")
}

#[test]
fn safety_numbers_agree() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    alice.meets("bob");
    bob.meets("alice");
    alice.types("@verify bob");
    bob.types("@verify alice");
    let digits = |line: &str| -> String { line.chars().filter(char::is_ascii_digit).collect() };
    let number = |user: &User<'_>| {
        let mut found = String::new();
        user.sees_such_within(SOON, "sixty digits", |line| {
            found = digits(line);
            found.len() == 60
        });
        found
    };
    assert_eq!(number(&alice), number(&bob));
}

/// What is kept on disk is for its owner's eyes.
#[test]
fn keys_are_for_their_owners_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::here();
    let alice = join(Place::Here, "alice", server.addr());
    for (folder, path) in [(server.data(), "."), (alice.folder(), "data")] {
        wait_until("files", SOON, || !folder.list(path).is_empty());
        for name in folder.list(path) {
            let file = folder.join(path).join(&name);
            let mode = std::fs::metadata(&file)
                .expect("its metadata")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{}", file.display());
        }
    }
}
