//! From nothing to an echo: a program started with a line already waiting in its input, and somebody who answers it.
//! Then the same between two who have joined, where each access link takes 25 ms, and how soon lines go directly.

use std::time::Duration;

use harness::Stopwatch;
use harness::lab::{Lab, Nat};

use crate::Options;
use crate::figure::{Figure, Line, Outcome};
use crate::ice::{self, Agent, Connection, Relay, Transport};
use crate::pair::{self, LONG, begin_on, hear, left, meet, right, time_to_direct};
use crate::people::{Person, Place, Server, User, join};

/// One way, of each access link: two homes are 100 ms apart, there and back, and each 50 ms from the server.
const ACCESS: Duration = Duration::from_millis(25);

/// Between two looks at the list, and how long a direct path is looked for.
const LOOKS: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(5));

pub(crate) fn run(options: &Options) -> Outcome {
    let rounds = options.rounds(7);
    let mut outcome = Outcome::default();
    at_zero_latency(rounds, &mut outcome);
    at_a_distance(rounds, &mut outcome);
    outcome
}

/// Both sides of the comparison, in one lab.
struct Scene<'lab> {
    lab: &'lab Lab,
    server: Server<'lab>,
    bob: User<'lab>,
    agents: Option<(Relay, Agent, Agent)>,
}

impl<'lab> Scene<'lab> {
    fn new(lab: &'lab Lab) -> Self {
        let server = Server::on(lab.server());
        let bob = join(lab.host("bob"), "bob", server.addr());
        let agents = Relay::start(lab.server()).map(|relay| {
            let agent = |name| Agent::start(lab.host(name), &relay, Transport::Udp);
            let (alice, bob) = (agent("alice"), agent("bob"));
            (relay, alice, bob)
        });
        Self {
            lab,
            server,
            bob,
            agents,
        }
    }

    fn peers(&mut self) -> Option<Connection> {
        let (_, alice, bob) = self.agents.as_mut()?;
        ice::connect(alice, bob)
    }

    /// Somebody new, who has joined and knows bob.
    fn newcomer(&self, id: &str) -> User<'static> {
        let alice = pair::start_on(self.lab.host("alice"), id, self.server.addr());
        meet(&alice, &self.bob);
        alice
    }
}

fn at_zero_latency(rounds: u16, outcome: &mut Outcome) {
    let port = Nat::PortRestricted;
    let lab = pair::lab([left(port), right(port)]);
    let mut scene = Scene::new(&lab);
    let (mut echoes, mut direct, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (echo, way) = cold_start(&mut scene, &format!("alice{round}"));
        echoes.push(echo);
        direct.extend(way);
        theirs.extend(scene.peers());
    }
    let has_peers = scene.agents.is_some();
    let cold = has_peers.then(|| Figure::times(theirs.iter().map(|connection| &connection.cold)));
    outcome.add(
        Line::new(
            "cold start to the first echo, port × port, no latency",
            Figure::times(&echoes),
        )
        .at_most(20.0)
        .beside("aioice + coturn, without its start", cold)
        .quoting("iroh 1.4", "220 ms"),
    );
    outcome.add(
        Line::new("the same until lines go directly", Figure::times(&direct)).beside(
            "aioice, direct",
            has_peers.then(|| Figure::of(direct_count(&theirs), theirs.len())),
        ),
    );
}

/// A program started with a line in its input: until its echo, and until the way is direct.
fn cold_start(scene: &mut Scene<'_>, id: &str) -> (Duration, Option<Duration>) {
    let person = Person::new(Place::Here, id);
    let watch = Stopwatch::start();
    let mut alice = begin_on(scene.lab.host("alice"), person, scene.server.addr());
    hear(&mut alice, &scene.bob, "hi", watch);
    let echo = hear(&mut scene.bob, &alice, "echo", watch);
    (echo, time_to_direct(&mut alice, "bob", watch, LOOKS))
}

fn at_a_distance(rounds: u16, outcome: &mut Outcome) {
    let port = Nat::PortRestricted;
    let lab = pair::lab([left(port).delay(ACCESS), right(port).delay(ACCESS)]);
    let mut scene = Scene::new(&lab);
    let (mut echoes, mut direct, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let mut alice = scene.newcomer(&format!("echo{round}"));
        let watch = Stopwatch::start();
        hear(&mut alice, &scene.bob, "hi", watch);
        echoes.push(hear(&mut scene.bob, &alice, "echo", watch));
        theirs.extend(scene.peers());
        let mut alice = scene.newcomer(&format!("direct{round}"));
        let watch = Stopwatch::start();
        alice.chats("bob", "hi");
        direct.extend(time_to_direct(&mut alice, "bob", watch, LOOKS));
        alice.sees_within(LONG, "Delivered to bob [hi]");
    }
    let their_echo = scene
        .agents
        .is_some()
        .then(|| Figure::times(theirs.iter().map(|connection| &connection.echo)));
    outcome.add(
        Line::new(
            "from @chat to the echo, access links of 25 ms",
            Figure::times(&echoes),
        )
        .at_most(110.0)
        .beside("aioice + coturn, candidates exchanged", their_echo.clone())
        .quoting("iroh 1.4, once online", "221 ms"),
    );
    outcome.add(
        Line::new(
            "from @chat until lines go directly, 100 ms apart",
            Figure::times(&direct),
        )
        .at_most(160.0)
        .beside("aioice + coturn, its first echo", their_echo)
        .quoting("iroh 1.4", "422 ms"),
    );
    outcome.note(format!(
        "aioice's were direct in {} of {}",
        direct_count(&theirs),
        theirs.len()
    ));
}

fn direct_count(connections: &[Connection]) -> usize {
    let direct = connections.iter().filter(|connection| connection.is_direct);
    direct.count()
}
