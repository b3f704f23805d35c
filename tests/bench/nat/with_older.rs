//! Older clients among themselves, through the ports of the server that stand for them: each ordered pair of the six
//! kinds of access that let UDP out, and seven special topologies. A pair counts if four lines of four arrive, the first
//! one included.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use harness::Stopwatch;
use harness::lab::Lab;

use crate::Options;
use crate::figure::{Figure, Line, Outcome};
use crate::older::Older;
use crate::pair;
use crate::people::Server;
use crate::places::{Kind, Pair, sites, special};

const KINDS: [Kind; 6] = [
    Kind::Public,
    Kind::FullCone,
    Kind::AddressRestricted,
    Kind::PortRestricted,
    Kind::Symmetric,
    Kind::Carrier,
];

type Clients = BTreeMap<String, Mutex<Older>>;

pub(crate) fn run(_: &Options) -> Outcome {
    let mut homes = sites(&KINDS);
    let mut rounds: Vec<Vec<Pair>> = (0..KINDS.len()).map(round).collect();
    for (pair, its_sites) in special() {
        homes.extend(its_sites);
        rounds[0].push(pair);
    }
    let lab = pair::lab(homes);
    let server = Server::on(lab.server());
    let clients = join_all(&lab, &server, &rounds);
    let watch = Stopwatch::start();
    let mut outcome = Outcome::default();
    let mut whole = 0;
    for round in &rounds {
        for (pair, is_whole) in round.iter().zip(talk_all(round, &clients)) {
            whole += usize::from(is_whole);
            if !is_whole {
                outcome.note(format!("  {}: lines are lost", pair.name));
            }
        }
    }
    let all = rounds.iter().flatten().count();
    outcome.add(
        Line::new(
            "pairs of older clients with every line delivered",
            Figure::of(whole, all),
        )
        .at_least(43.0)
        .quoting("with the older server", "10 of 49 pairs"),
    );
    outcome.note(format!(
        "{} lines in {:.2} s",
        4 * all,
        watch.elapsed().as_secs_f64()
    ));
    outcome
}

/// Ordered pairs of kinds, such that nobody is in two pairs of a round.
fn round(distance: usize) -> Vec<Pair> {
    let pairs = KINDS.iter().zip(KINDS.iter().cycle().skip(distance));
    pairs.map(|(&left, &right)| Pair::of(left, right)).collect()
}

fn join_all(lab: &Lab, server: &Server<'_>, rounds: &[Vec<Pair>]) -> Clients {
    let pairs = rounds.iter().flatten();
    let mut clients = Clients::new();
    for name in pairs.flat_map(|pair| [&pair.left, &pair.right]) {
        clients.entry(name.clone()).or_insert_with(|| {
            let client = Older::on(lab.host(name), name, server.addr());
            Mutex::new(client)
        });
    }
    for client in clients.values() {
        for name in clients.keys() {
            lock(client).meets(name);
        }
    }
    clients
}

/// All pairs of a round at once; whether all lines of each arrived.
fn talk_all(round: &[Pair], clients: &Clients) -> Vec<bool> {
    thread::scope(|scope| {
        let talks: Vec<_> = round
            .iter()
            .map(|pair| {
                scope.spawn(|| {
                    let left = lock(&clients[&pair.left]);
                    let right = lock(&clients[&pair.right]);
                    for turn in ["first", "second"] {
                        say(pair, (&left, &pair.left), (&right, &pair.right), turn);
                        say(pair, (&right, &pair.right), (&left, &pair.left), turn);
                    }
                    left.is_well();
                    right.is_well();
                })
            })
            .collect();
        talks.into_iter().map(|talk| talk.join().is_ok()).collect()
    })
}

fn say(pair: &Pair, from: (&Older, &str), to: (&Older, &str), turn: &str) {
    let text = format!("{turn} of {}", pair.name);
    from.0.chat(to.1, &text);
    to.0.hears(&format!("From {} [{text}]", from.1));
}

/// A talk that failed in another round poisons nothing that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
