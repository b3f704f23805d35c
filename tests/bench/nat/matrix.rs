//! Each pair of the seven kinds of access and seven special topologies: connected, its first line delivered, and direct
//! or not; the same by aioice with coturn.
//!
//! All clients run at once; the pairs talk in rounds in which nobody is in two of them, so that each pair is new to each
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::Stopwatch;
use harness::lab::Lab;

use crate::Options;
use crate::figure::{Figure, Line, Outcome};
use crate::ice::{self, Agent, Relay};
use crate::pair::{self, LONG, hear, time_to_direct};
use crate::people::{Person, Server, User};
use crate::places::{Kind, Pair, sites, special};

/// Between two looks at the list, and how long a direct path is looked for.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// What became of a pair.
#[derive(Clone, Copy, Debug, Default)]
struct Talk {
    /// Lines arrived both ways.
    connected: bool,
    /// Until the first line was there.
    first: Option<Duration>,
    /// Until lines went directly.
    direct: Option<Duration>,
}

type Rounds = Vec<Vec<Pair>>;

pub(crate) fn run(_: &Options) -> Outcome {
    let mut homes = sites(&Kind::ALL);
    let mut rounds = rounds();
    for (pair, its_sites) in special() {
        homes.extend(its_sites);
        rounds[0].push(pair);
    }
    let lab = pair::lab(homes);
    let ours = talk_all(&rounds, &join_all(&lab, &rounds));
    let theirs = Relay::start(lab.server()).map(|relay| {
        let agents = start_agents(&lab, &relay, &rounds);
        connect_all(&rounds, &agents)
    });
    outcome(&rounds, &ours, theirs.as_deref())
}

/// The pairs of kinds, such that nobody is in two pairs of a round.
fn rounds() -> Rounds {
    let round = |distance| {
        let pairs = Kind::ALL.iter().zip(&Kind::ALL[distance..]);
        pairs.map(|(&left, &right)| Pair::of(left, right)).collect()
    };
    (0..Kind::ALL.len()).map(round).collect()
}

fn names(rounds: &Rounds) -> BTreeSet<&str> {
    let pairs = rounds.iter().flatten();
    pairs
        .flat_map(|pair| [pair.left.as_str(), pair.right.as_str()])
        .collect()
}

/// The clients, by host. The server goes with them.
struct Company<'lab> {
    users: BTreeMap<String, Mutex<User<'lab>>>,
    _server: Server<'lab>,
}

fn join_all<'lab>(lab: &'lab Lab, rounds: &Rounds) -> Company<'lab> {
    let server = Server::on(lab.server());
    let names = names(rounds);
    let users: BTreeMap<_, _> = names
        .iter()
        .map(|&name| {
            let user = Person::new(lab.host(name), name).start(server.addr());
            (name.to_owned(), Mutex::new(user))
        })
        .collect();
    for user in users.values() {
        for name in &names {
            lock(user).meets(name);
        }
    }
    Company {
        users,
        _server: server,
    }
}

fn talk_all(rounds: &Rounds, company: &Company<'_>) -> Vec<Talk> {
    at_once(rounds, |pair| {
        let left = &mut *lock(&company.users[&pair.left]);
        let right = &mut *lock(&company.users[&pair.right]);
        talk(pair, left, right)
    })
}

fn talk(pair: &Pair, left: &mut User<'_>, right: &mut User<'_>) -> Talk {
    let watch = Stopwatch::start();
    let first = hear(left, right, "first", watch);
    let direct = pair
        .is_reachable
        .then(|| time_to_direct(left, right.id(), watch, LOOKS))
        .flatten();
    hear(right, left, "answer", watch);
    hear(left, right, "and so on", watch);
    left.sees_within(LONG, &format!("Delivered to {} [and so on]", right.id()));
    Talk {
        connected: true,
        first: Some(first),
        direct,
    }
}

/// The pairs of a round at once, round after round. What fails is not connected.
fn at_once(rounds: &Rounds, talk: impl Fn(&Pair) -> Talk + Sync) -> Vec<Talk> {
    let talk = &talk;
    let round = |pairs: &Vec<Pair>| -> Vec<Talk> {
        thread::scope(|scope| {
            let started: Vec<_> = pairs
                .iter()
                .map(|pair| scope.spawn(move || talk(pair)))
                .collect();
            let ended = started.into_iter().map(|talk| talk.join());
            ended.map(Result::unwrap_or_default).collect()
        })
    };
    rounds.iter().flat_map(round).collect()
}

type Agents = BTreeMap<String, Mutex<Agent>>;

fn start_agents(lab: &Lab, relay: &Relay, rounds: &Rounds) -> Agents {
    let names = names(rounds).into_iter();
    names
        .map(|name| {
            // As its user would have to: it does not look for another transport by itself.
            let transport = if name.starts_with(Kind::UdpBlocked.word()) {
                ice::Transport::Tcp
            } else {
                ice::Transport::Udp
            };
            let agent = Agent::start(lab.host(name), relay, transport);
            (name.to_owned(), Mutex::new(agent))
        })
        .collect()
}

fn connect_all(rounds: &Rounds, agents: &Agents) -> Vec<Talk> {
    at_once(rounds, |pair| {
        let left = &mut *lock(&agents[&pair.left]);
        let right = &mut *lock(&agents[&pair.right]);
        let connection = ice::connect(left, right);
        connection.map_or_else(Talk::default, |connection| Talk {
            connected: true,
            first: Some(connection.echo),
            direct: connection.is_direct.then_some(connection.echo),
        })
    })
}

fn outcome(rounds: &Rounds, ours: &[Talk], theirs: Option<&[Talk]>) -> Outcome {
    let all = ours.len();
    let connected = |talks: &[Talk]| {
        let count = talks.iter().filter(|talk| talk.connected).count();
        Figure::of(count, all)
    };
    let direct = |talks: &[Talk]| {
        let count = talks.iter().filter(|talk| talk.direct.is_some()).count();
        Figure::of(count, all)
    };
    let first = |talks: &[Talk]| Figure::times(talks.iter().filter_map(|talk| talk.first.as_ref()));
    let mut outcome = Outcome::default();
    outcome.add(
        Line::new(
            "pairs of NATs connected, first line delivered",
            connected(ours),
        )
        .at_least(35.0)
        .beside(ice::NAME, theirs.map(connected))
        .quoting("iroh 1.4", "35/35")
        .quoting("the older programs", "3 + 2/35"),
    );
    outcome.add(
        Line::new("pairs that talk directly", direct(ours))
            .at_least(26.0)
            .beside(ice::NAME, theirs.map(direct))
            .quoting("iroh 1.4", "24/35"),
    );
    outcome.add(
        Line::new(
            "the first line is there after (aioice: an echo, once candidates are exchanged)",
            first(ours),
        )
        .beside(ice::NAME, theirs.map(first)),
    );
    for (at, pair) in rounds.iter().flatten().enumerate() {
        let theirs = theirs.map_or_else(String::new, |talks| {
            format!(" | {}: {}", ice::NAME, shown(&talks[at]))
        });
        outcome.note(format!("  {:<28} {}{theirs}", pair.name, shown(&ours[at])));
    }
    outcome
}

fn shown(talk: &Talk) -> String {
    let millis = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    match talk {
        Talk {
            connected: false, ..
        } => String::from("NOT CONNECTED"),
        Talk { first, direct, .. } => {
            let first = first.map_or_else(|| String::from("?"), millis);
            let direct = direct.map_or_else(
                || String::from("relayed"),
                |direct| format!("direct after {}", millis(direct)),
            );
            format!("{first}, {direct}")
        }
    }
}

/// A talk that failed in another round poisons nothing that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
