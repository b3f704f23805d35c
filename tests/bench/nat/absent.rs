//! What is not there: a network that lets no UDP out, and a server that was killed.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::Stopwatch;
use harness::lab::{Lab, Nat, home, public};

use crate::Options;
use crate::figure::{Figure, Line, Outcome};
use crate::pair::{self, LONG, begin_on, hear, left, right, start_on};
use crate::people::{Person, Place, SLOWLY, Server, User};

/// A client whose network lets no UDP out, from its start until it has joined.
pub(crate) fn blocked(options: &Options) -> Outcome {
    let port = Nat::PortRestricted;
    let lab = pair::lab([left(port).blocks_udp(), right(port)]);
    let server = Server::on(lab.server());
    let mut bob = start_on(lab.host("bob"), "bob", server.addr());
    bob.meets("bob");
    let (mut online, mut echoes) = (Vec::new(), Vec::new());
    for round in 0..options.rounds(7) {
        let id = format!("alice{round}");
        let person = Person::new(Place::Here, &id);
        let watch = Stopwatch::start();
        let mut alice = begin_on(lab.host("alice"), person, server.addr());
        let joined = format!("{id} is register at IP: ");
        alice.sees_such_within(LONG, "its own name", |line| line.starts_with(&joined));
        online.push(watch.elapsed());
        bob.meets(&id);
        let watch = Stopwatch::start();
        hear(&mut alice, &bob, "hi", watch);
        echoes.push(hear(&mut bob, &alice, "echo", watch));
    }
    let mut outcome = Outcome::default();
    outcome.add(
        Line::new(
            "UDP blocked: from the program's start until it is online",
            Figure::times(&online),
        )
        .at_most(150.0)
        .quoting("iroh 1.4", "3.0 s")
        .quoting("aioice", "5.0 s"),
    );
    outcome.add(Line::new(
        "the same, then from @chat to the echo",
        Figure::times(&echoes),
    ));
    outcome
}

/// Members, half of them behind NATs that have no direct path to each other.
const MEMBERS: usize = 10;

/// Lines that each of them says to the next one while there is no server.
const LINES: usize = 20;

/// The server is killed, lines are said, and it is started again with the same folder.
pub(crate) fn killed(options: &Options) -> Outcome {
    let (mut visible, mut delivered) = (Vec::new(), Vec::new());
    let (mut lost, mut doubled) = (0, 0);
    for _ in 0..options.rounds(3) {
        let absence = absence();
        visible.push(absence.visible);
        delivered.push(absence.delivered);
        lost += absence.lost;
        doubled += absence.doubled;
    }
    let mut outcome = Outcome::default();
    outcome.add(
        Line::new(
            "server killed: from its new start until a newcomer sees all 10",
            Figure::times(&visible),
        )
        .at_most(1_000.0)
        .quoting("the older programs", "never, and 12 s"),
    );
    outcome.add(
        Line::new(
            "lines lost of 10 × 20 said meanwhile, each time",
            Figure::count(lost),
        )
        .at_most(0.0),
    );
    outcome.add(Line::new("and doubled", Figure::count(doubled)).at_most(0.0));
    outcome.add(Line::new(
        "from its new start until the last of them is delivered",
        Figure::times(&delivered),
    ));
    outcome
}

struct Absence {
    visible: Duration,
    delivered: Duration,
    lost: usize,
    doubled: usize,
}

fn absence() -> Absence {
    let lab = pair::lab(members().map(site).chain([public("eve")]));
    let mut server = Server::on(lab.server());
    let mut users = join_all(&lab, &server);
    server.kill();
    for (number, user) in users.iter_mut().enumerate() {
        for line in 0..LINES {
            user.chats(&next(number), &format!("line {line}"));
        }
    }
    let watch = Stopwatch::start();
    server.start_again();
    let eve = start_on(lab.host("eve"), "eve", server.addr());
    for member in members() {
        eve.meets(&name(member));
    }
    let visible = watch.elapsed();
    for user in &users {
        user.sees_all_within(SLOWLY, "the fate of every line", |lines| {
            let is_fate =
                |line: &&String| line.starts_with("Delivered") || line.starts_with("Not delivered");
            lines.iter().filter(is_fate).count() > LINES
        });
    }
    let delivered = watch.elapsed();
    let (mut lost, mut doubled) = (0, 0);
    for (number, user) in users.iter().enumerate() {
        let from = name((number + MEMBERS - 1) % MEMBERS);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in user.lines_from(&format!("From {from} [line ")) {
            *counts.entry(line).or_default() += 1;
        }
        lost += LINES.saturating_sub(counts.len());
        doubled += counts.values().filter(|count| **count > 1).count();
    }
    Absence {
        visible,
        delivered,
        lost,
        doubled,
    }
}

fn members() -> impl Iterator<Item = usize> {
    0..MEMBERS
}

fn name(member: usize) -> String {
    format!("member{member}")
}

/// Who each of them talks to.
fn next(member: usize) -> String {
    name((member + 1) % MEMBERS)
}

fn site(member: usize) -> harness::lab::Site {
    let nat = if member < MEMBERS / 2 {
        Nat::Symmetric
    } else {
        Nat::PortRestricted
    };
    home(&format!("home{member}"), nat).host(&name(member))
}

/// All of them, each having said something to the next one already.
fn join_all(lab: &Lab, server: &Server<'_>) -> Vec<User<'static>> {
    let start = |member| {
        let name = name(member);
        start_on(lab.host(&name), &name, server.addr())
    };
    let mut users: Vec<_> = members().map(start).collect();
    for user in &users {
        for member in members() {
            user.meets(&name(member));
        }
    }
    for (number, user) in users.iter_mut().enumerate() {
        user.chats(&next(number), "before");
    }
    for (number, user) in users.iter().enumerate() {
        user.sees(&format!("Delivered to {} [before]", next(number)));
    }
    users
}
