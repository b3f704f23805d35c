//! A NAT forgets all its mappings, in the middle of a conversation or while nobody speaks.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use harness::Stopwatch;
use harness::lab::{Lab, Nat, home};

use crate::Options;
use crate::figure::{Figure, Line, Outcome, Unit};
use crate::pair::{self, LONG, hear, left, meet, rest, right, start_on, wait_for_direct};
use crate::people::{Server, User, join};

/// Between two lines.
const PACE: Duration = Duration::from_millis(50);

/// Lines of a conversation, and the one before which the NAT forgets.
const LINES: u32 = 80;
const REBOOT_AT: u32 = 25;

/// Nobody has spoken for so long when a NAT forgets.
const IDLE: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options) -> Outcome {
    let port = Nat::PortRestricted;
    let mut outcome = Outcome::default();
    {
        let lab = pair::lab([left(port), right(port)]);
        let server = Server::on(lab.server());
        let mut alice = join(lab.host("alice"), "alice", server.addr());
        let bob = join(lab.host("bob"), "bob", server.addr());
        meet(&alice, &bob);
        hear(&mut alice, &bob, "hi", Stopwatch::start());
        let rounds = options.rounds(5);
        let mut wrong = 0;
        let mut gaps = |router: &str| -> Vec<Duration> {
            let rounds = (0..rounds).map(|round| format!("{router}{round}"));
            let conversations: Vec<Conversation> = rounds
                .map(|name| converse(&lab, &mut alice, &bob, (router, &name)))
                .collect();
            wrong += conversations
                .iter()
                .map(|conversation| conversation.wrong)
                .sum::<usize>();
            conversations
                .iter()
                .map(|conversation| conversation.gap)
                .collect()
        };
        let (senders, receivers) = (gaps("left"), gaps("right"));
        outcome.add(
            Line::new(
                "longest silence, a line each 50 ms: the sender's NAT is rebooted",
                Figure::times(&senders),
            )
            .at_most(500.0)
            .quoting("iroh 1.4", "15.1 s")
            .quoting("the older programs", "for ever"),
        );
        outcome.add(
            Line::new(
                "the same: the receiver's NAT is rebooted",
                Figure::times(&receivers),
            )
            .at_most(500.0),
        );
        outcome
            .add(Line::new("lines lost or doubled meanwhile", Figure::count(wrong)).at_most(0.0));
    }
    let idle = idle(options.rounds(5));
    outcome.add(
        Line::new(
            "nobody spoke when the receiver's NAT was rebooted: the next line takes",
            Figure::new(Unit::Secs, idle.iter().map(Duration::as_secs_f64)),
        )
        .at_most(10.0)
        .quoting("the older programs", "for ever"),
    );
    outcome
}

struct Conversation {
    /// The longest time between two lines as the receiver saw them.
    gap: Duration,
    /// Lines lost or doubled.
    wrong: usize,
}

fn converse(
    lab: &Lab,
    alice: &mut User<'_>,
    bob: &User<'_>,
    (router, name): (&str, &str),
) -> Conversation {
    wait_for_direct(alice, bob.id());
    let start = format!("From {} [{name} ", alice.id());
    let times = thread::scope(|scope| {
        let reading = scope.spawn(|| arrivals(bob, &start));
        let watch = Stopwatch::start();
        for number in 0..LINES {
            if number == REBOOT_AT {
                lab.router(router).reboot();
            }
            alice.chats(bob.id(), &format!("{name} {number}"));
            rest((PACE * (number + 1)).saturating_sub(watch.elapsed()));
        }
        reading.join()
    });
    let times = times.unwrap_or_default();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in bob.lines_from(&start) {
        *counts.entry(line).or_default() += 1;
    }
    let once = counts.values().filter(|count| **count == 1).count();
    Conversation {
        gap: gaps.max().unwrap_or(LONG),
        wrong: usize::try_from(LINES).unwrap_or(usize::MAX) - once,
    }
}

/// When each line that begins so was there.
fn arrivals(user: &User<'_>, start: &str) -> Vec<Duration> {
    let watch = Stopwatch::start();
    let mut times = Vec::new();
    let all = usize::try_from(LINES).unwrap_or(usize::MAX);
    let limit = PACE * LINES + LONG;
    user.sees_all_within(limit, "all lines of the conversation", |lines| {
        let seen = lines.iter().filter(|line| line.starts_with(start)).count();
        times.resize(seen.max(times.len()), watch.elapsed());
        seen >= all
    });
    times
}

/// How long a line takes to somebody whose NAT has forgotten everything while nobody spoke; several pairs at once.
fn idle(pairs: u16) -> Vec<Duration> {
    let port = Nat::PortRestricted;
    let site = |side: &str, number| {
        let name = format!("{side}{number}");
        home(&format!("{name}home"), port).host(&name)
    };
    let sites = (0..pairs).flat_map(|number| [site("alice", number), site("bob", number)]);
    let lab = pair::lab(sites);
    let server = Server::on(lab.server());
    let talk = |number: u16| -> Duration {
        let start = |side: &str| {
            let name = format!("{side}{number}");
            start_on(lab.host(&name), &name, server.addr())
        };
        let (mut alice, bob) = (start("alice"), start("bob"));
        meet(&alice, &bob);
        hear(&mut alice, &bob, "hi", Stopwatch::start());
        wait_for_direct(&mut alice, bob.id());
        rest(IDLE);
        lab.router(&format!("bob{number}home")).reboot();
        let watch = Stopwatch::start();
        alice.chats(bob.id(), "still there?");
        bob.sees(&format!("From {} [still there?]", alice.id()));
        watch.elapsed()
    };
    let talk = &talk;
    thread::scope(|scope| {
        let started: Vec<_> = (0..pairs)
            .map(|number| scope.spawn(move || talk(number)))
            .collect();
        let ended = started.into_iter().map(|talk| talk.join());
        ended
            .map(|time| time.expect("the line arrives in the end"))
            .collect()
    })
}
