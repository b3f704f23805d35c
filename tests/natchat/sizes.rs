//! Lines of every size, to 16 MiB: each arrives whole or is refused in one clear line.

use std::time::Duration;

use harness::lab::{Lab, Nat, home};
use harness::{Random, SOON};

use crate::older::{OFTEN, Older};
use crate::people::{Place, Server, User, join};

/// The longest line that is taken.
const LONGEST: usize = 16 << 20;

/// For the longest lines: they are encrypted, sent in 15,000 packets and shown by an unoptimised program.
const LONG: Duration = Duration::from_secs(60);

/// Sizes around the borders of fields and packets, in bytes.
const SIZES: [usize; 12] = [
    1,
    2,
    59,
    60,
    61,
    1_099,
    1_199,
    1_201,
    1_233,
    65_535,
    65_537,
    1 << 20,
];

#[test]
fn lines_of_every_size_arrive_whole() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let mut bob = join(Place::Here, "bob", server.addr());
    let mut random = Random::new(4);
    for len in SIZES {
        let text = text_of(&mut random, len);
        arrives(&mut alice, &bob, &text);
        arrives(&mut bob, &alice, &text);
    }
    let text = "가나다 αβγ 🙂".repeat(1_000);
    arrives(&mut alice, &bob, &text);
    let text = text_of(&mut random, LONGEST);
    arrives(&mut alice, &bob, &text);
    arrives(&mut alice, &bob, "short");
}

#[test]
fn long_lines_pass_the_relay() {
    let sites =
        ["left", "right"].map(|name| home(name, Nat::Symmetric).host(&format!("{name}host")));
    let Some(lab) = Lab::build("long lines through the relay", sites) else {
        return;
    };
    let server = Server::on(lab.server());
    let mut left = join(lab.host("lefthost"), "left", server.addr());
    let right = join(lab.host("righthost"), "right", server.addr());
    let mut random = Random::new(5);
    for len in [1, 100_000, 4 << 20] {
        let text = text_of(&mut random, len);
        arrives(&mut left, &right, &text);
    }
    assert_eq!(left.way_to("right"), "relayed");
}

/// Text without spaces at its ends, of one-byte characters.
fn text_of(random: &mut Random, len: usize) -> String {
    let letters = random.bytes(len).into_iter();
    letters.map(|byte| char::from(b'a' + byte % 26)).collect()
}

/// Sends and compares. Its length is waited for, not the line: looking for that again with every piece that arrives would
/// take long.
#[track_caller]
fn arrives(from: &mut User<'_>, to: &User<'_>, text: &str) {
    to.meets(from.id());
    let before = to.shown_len();
    from.chats(to.id(), text);
    let expected = format!("From {} [{text}]\n", from.id());
    let shown = to.shows_after(before, LONG, &expected);
    assert!(shown, "{} bytes did not arrive as they were", text.len());
    from.sees_within(LONG, &format!("Delivered to {} [{}]", to.id(), cut(text)));
}

/// As the lines about deliveries show a text.
fn cut(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[test]
fn what_is_too_long_is_refused_in_one_line() {
    let server = Server::here();
    let mut alice = join(Place::Here, "alice", server.addr());
    let bob = join(Place::Here, "bob", server.addr());
    alice.chats("bob", &"x".repeat(20 << 20));
    alice
        .running()
        .wait_stderr_for("a complaint", LONG, |bytes| bytes.ends_with(b"\n"));
    assert_eq!(alice.warnings().len(), 1, "{alice}");
    alice.chats_with(&bob, "after it");
    assert_eq!(bob.lines_from("From "), ["From alice [after it]"]);
    bob.sees_within(SOON, "From alice [after it]");
}

/// A line to an older client is cut into datagrams that it can take.
#[test]
fn long_lines_reach_older_clients_in_parts() {
    let server = Server::here();
    let old = Older::here([9, 1], "old", server.addr()).keeping_alive(OFTEN);
    let mut alice = join(Place::Here, "alice", server.addr());
    alice.meets("old");
    let text = "가나다라 _ 마바사 ".repeat(300);
    let text = text.trim_end();
    alice.chats("old", text);
    alice.sees_start("Handed on to old [");
    let expected = text.replace('_', "＿");
    old.hears_such("all of it", |lines| {
        let said = lines
            .iter()
            .filter_map(|line| line.strip_prefix("From alice [")?.strip_suffix(']'));
        said.collect::<String>() == expected
    });
    old.is_well();
}
