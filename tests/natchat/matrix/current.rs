//! Current clients with current clients: each pair connected, its first message delivered, and direct where physics
//! allows it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use harness::Stopwatch;
use harness::lab::Lab;

use super::places::{Kind, Pair, sites, special};
use super::table::{millis, show};
use crate::people::{Person, Server, User};

/// How long a pair may look for a direct path: 2 s of probing after the plain checks, on a machine that has others to
/// serve.
const DIRECT_LIMIT: Duration = Duration::from_secs(8);

/// Between two looks at the list.
const LOOK_STEP: Duration = Duration::from_millis(20);

/// Direct pairs at least, of 35: all that plain checks open, and two by the birthday trick.
const DIRECT_MIN: usize = 26;

/// The clients, by host. Each talks to one other at a time.
type Users<'lab> = BTreeMap<String, Mutex<User<'lab>>>;

/// What became of a pair.
struct Outcome {
    pair: Pair,
    first: Duration,
    direct: Option<Duration>,
    answer: Duration,
}

#[test]
fn all_pairs_connect_and_most_directly() {
    // Two pairs hit upon each other within 2 s or not at all, which a machine that is busy with other things may miss.
    for is_last in [false, true] {
        let Some(outcomes) = play() else { return };
        show_all(&outcomes);
        assert_eq!(outcomes.len(), 35);
        let direct = outcomes.iter().filter(|outcome| outcome.direct.is_some());
        let direct = direct.count();
        assert!(!is_last || direct >= DIRECT_MIN, "{direct} of 35");
        if direct >= DIRECT_MIN {
            return;
        }
    }
}

/// What became of all pairs.
fn play() -> Option<Vec<Outcome>> {
    let mut homes = sites(&Kind::ALL);
    let mut rounds = rounds();
    for (pair, its_sites) in special() {
        homes.extend(its_sites);
        rounds[0].push(pair);
    }
    let lab = Lab::build("all pairs of NATs", homes)?;
    let server = Server::on(lab.server());
    let users = join_all(&lab, &server, rounds.iter().flatten());
    let outcomes = rounds.iter().flat_map(|round| run(round, &users));
    Some(outcomes.collect())
}

/// The pairs of kinds, such that nobody is in two pairs of a round.
fn rounds() -> Vec<Vec<Pair>> {
    let round = |distance| {
        let pairs = Kind::ALL.iter().zip(&Kind::ALL[distance..]);
        pairs.map(|(&left, &right)| Pair::of(left, right)).collect()
    };
    (0..Kind::ALL.len()).map(round).collect()
}

fn join_all<'lab, 'p>(
    lab: &'lab Lab,
    server: &Server<'_>,
    pairs: impl Iterator<Item = &'p Pair>,
) -> Users<'lab> {
    let mut users = Users::new();
    for name in pairs.flat_map(|pair| [&pair.left, &pair.right]) {
        users.entry(name.clone()).or_insert_with(|| {
            let person = Person::new(lab.host(name), name);
            Mutex::new(person.start(server.addr()))
        });
    }
    for user in users.values() {
        let user = user.lock().expect("no test thread has failed");
        for name in users.keys() {
            user.meets(name);
        }
    }
    users
}

/// All pairs of a round at once.
fn run(round: &[Pair], users: &Users<'_>) -> Vec<Outcome> {
    thread::scope(|scope| {
        let talks: Vec<_> = round
            .iter()
            .map(|pair| scope.spawn(|| talk(pair, users)))
            .collect();
        let outcomes = talks.into_iter().map(|talk| talk.join());
        outcomes
            .map(|outcome| outcome.expect("the pair talks"))
            .collect()
    })
}

fn talk(pair: &Pair, users: &Users<'_>) -> Outcome {
    let lock = |name: &String| users[name].lock().expect("no test thread has failed");
    let (mut left, mut right) = (lock(&pair.left), lock(&pair.right));
    let watch = Stopwatch::start();
    let first = left.chats_with(&right, "first");
    let direct = pair
        .is_reachable
        .then(|| time_to_direct(&mut left, right.id(), watch))
        .flatten();
    let answer = right.chats_with(&left, "answer");
    left.chats_with(&right, "and so on");
    if direct.is_none() {
        assert_eq!(left.way_to(right.id()), "relayed", "{}", pair.name);
    }
    Outcome {
        pair: pair.clone(),
        first,
        direct,
        answer,
    }
}

fn time_to_direct(left: &mut User<'_>, right: &str, watch: Stopwatch) -> Option<Duration> {
    while watch.elapsed() < DIRECT_LIMIT {
        if left.way_to(right) == "direct" {
            return Some(watch.elapsed());
        }
        pause();
    }
    None
}

/// Lets the clients work between two looks.
fn pause() {
    let watch = Stopwatch::start();
    harness::wait_until("the next look", DIRECT_LIMIT, || {
        watch.elapsed() >= LOOK_STEP
    });
}

fn show_all(outcomes: &[Outcome]) {
    let row = |outcome: &Outcome| {
        let direct = outcome.direct.map_or_else(|| "relayed".to_owned(), millis);
        let times = [millis(outcome.first), direct, millis(outcome.answer)];
        [outcome.pair.name.clone()]
            .into_iter()
            .chain(times)
            .collect()
    };
    let rows: Vec<_> = outcomes.iter().map(row).collect();
    show(
        &["pair", "first message", "direct after", "an answer"],
        &rows,
    );
}
