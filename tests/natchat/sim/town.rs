//! A server, its users and the world between them, and what a test says to them.

use std::net::SocketAddr;
use std::time::Duration;

use harness::sim::{Agent, Event, GatewayId, INTERNET, NodeId, Pump, World};
use natchat::client::event::{Audience, Event as Shown, FileEvent, Undelivered, Way};
use natchat::config::DEFAULT_PORT;

use super::host::Host;
use super::user::{Line, User};

/// How long somebody may take to join a server that is there.
const JOIN: Duration = Duration::from_secs(5);

/// Characters of a line that are kept to tell what became of it.
const NAMED_CHARS: usize = 61;

/// Who lives on a node.
#[derive(Debug)]
pub(super) enum Actor {
    User(Box<User>),
    Host(Box<Host>),
}

impl Agent for Actor {
    fn handle(&mut self, world: &mut World, node: NodeId, event: Event) {
        match self {
            Self::User(user) => user.handle(world, node, event),
            Self::Host(host) => host.handle(world, node, event),
        }
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) pump: Pump<Actor>,
    pub(super) server: NodeId,
    addrs: Vec<SocketAddr>,
    /// Whether who joins looks for direct paths.
    pub(super) direct: bool,
}

/// Building it and letting time pass.
impl Town {
    /// A server with a public address, and nobody else.
    pub(super) fn new(seed: u64) -> Self {
        Self::of(World::new(seed))
    }

    /// A server in this world.
    pub(super) fn of(mut world: World) -> Self {
        let server = world.node(INTERNET);
        let addrs = vec![world.address(server, DEFAULT_PORT)];
        let host = Host::start(&mut world, server, Vec::new());
        let mut pump = Pump::new(world);
        pump.add(server, Actor::Host(Box::new(host)));
        Self {
            pump,
            server,
            addrs,
            direct: true,
        }
    }

    pub(super) fn world(&mut self) -> &mut World {
        &mut self.pump.world
    }

    pub(super) fn run(&mut self, time: Duration) {
        self.pump.run_for(time);
    }

    pub(super) fn millis(&mut self, millis: u64) {
        self.run(Duration::from_millis(millis));
    }

    pub(super) fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    /// A public machine with a user who has just started the program.
    pub(super) fn public(&mut self, id: &str) -> NodeId {
        let node = self.world().node(INTERNET);
        self.start(node, id);
        node
    }

    /// Starts the program on a node for the first time.
    pub(super) fn start(&mut self, node: NodeId, id: &str) {
        let (addrs, direct) = (self.addrs.clone(), self.direct);
        let user = User::start(&mut self.pump.world, node, id, addrs, direct);
        self.pump.add(node, Actor::User(Box::new(user)));
    }

    /// The same key and ID on another node.
    pub(super) fn start_twin(&mut self, of: NodeId, node: NodeId) {
        let twin = self.with(of, |user, world, _| user.twin(world, node));
        self.pump.add(node, Actor::User(Box::new(twin)));
    }

    /// Waits until all of these may type.
    pub(super) fn join(&mut self, nodes: &[NodeId]) {
        let all = |pump: &Pump<Actor>| nodes.iter().all(|node| user(pump, *node).takes_lines());
        let joined = self.pump.run_until(JOIN, all);
        joined.expect("everybody joins");
    }
}

/// The server.
impl Town {
    pub(super) fn host(&self) -> &Host {
        match self.pump.agent(self.server) {
            Actor::Host(host) => host,
            Actor::User(_) => panic!("the server is there"),
        }
    }

    /// The server ends in order.
    pub(super) fn close_server(&mut self) {
        let server = self.server;
        self.pump.with(server, |actor, world| {
            if let Actor::Host(host) = actor {
                host.close(world, server);
            }
        });
    }

    /// The server is killed. Its journal.
    pub(super) fn kill_server(&mut self) -> Vec<Vec<u8>> {
        match self.pump.crash(self.server) {
            Some(Actor::Host(host)) => host.journal,
            other => panic!("the server runs: {other:?}"),
        }
    }

    pub(super) fn start_server(&mut self, journal: Vec<Vec<u8>>) {
        let host = Host::start(&mut self.pump.world, self.server, journal);
        self.pump.add(self.server, Actor::Host(Box::new(host)));
    }
}

/// The users.
impl Town {
    pub(super) fn user(&self, node: NodeId) -> &User {
        user(&self.pump, node)
    }

    pub(super) fn with<T>(
        &mut self,
        node: NodeId,
        act: impl FnOnce(&mut User, &mut World, NodeId) -> T,
    ) -> T {
        self.pump.with(node, |actor, world| match actor {
            Actor::User(user) => act(user, world, node),
            Actor::Host(_) => panic!("a user lives there"),
        })
    }

    /// Kills the program on a node and starts it again after `pause`.
    pub(super) fn restart(&mut self, node: NodeId, pause: Duration) {
        let Some(Actor::User(mut user)) = self.pump.crash(node) else {
            panic!("a user lives there");
        };
        self.run(pause);
        user.restart(&mut self.pump.world, node);
        self.pump.add(node, Actor::User(user));
    }

    /// Takes a machine to another net, as a laptop.
    pub(super) fn roam(&mut self, node: NodeId, gateway: GatewayId) {
        let net = self.world().lan(gateway);
        self.world().move_node(node, net);
        self.with(node, User::interfaces_changed);
    }

    pub(super) fn types(&mut self, node: NodeId, line: impl Into<String>) {
        self.with(node, |user, world, node| user.types(world, node, line));
    }

    /// A line from one to another.
    pub(super) fn say(&mut self, from: NodeId, to: NodeId, text: &str) {
        let line = format!("@chat {} {text}", self.user(to).id());
        self.types(from, line);
    }

    /// Runs until `event` was shown on the node; how long that took.
    pub(super) fn wait_for(
        &mut self,
        limit: Duration,
        node: NodeId,
        event: &Shown,
    ) -> Option<Duration> {
        let mut seen = 0;
        self.pump.run_until(limit, |pump| {
            let shown = &user(pump, node).shown;
            let found = shown[seen..].iter().any(|line| line.event == *event);
            seen = shown.len();
            found
        })
    }

    /// Says a line and waits until it is shown, and its delivery told; how long it took to be shown.
    pub(super) fn exchange(
        &mut self,
        from: NodeId,
        to: NodeId,
        text: &str,
        limit: Duration,
    ) -> Duration {
        self.say(from, to, text);
        let (sender, receiver) = (
            self.user(from).id().to_owned(),
            self.user(to).id().to_owned(),
        );
        let took = self.wait_for(limit, to, &said(&sender, text));
        let took =
            took.unwrap_or_else(|| panic!("{sender} → {receiver}: {text:?} within {limit:?}"));
        let told = self.wait_for(limit, from, &delivered(&receiver, text));
        told.unwrap_or_else(|| {
            panic!("{sender} → {receiver}: {text:?} is told to be delivered within {limit:?}")
        });
        took
    }

    /// By what way lines go.
    pub(super) fn way(&mut self, from: NodeId, to: NodeId) -> Option<Way> {
        let id = self.user(to).id().to_owned();
        let rows = self.with(from, User::list);
        rows.iter()
            .find(|row| row.id.as_str() == id)
            .map(|row| row.way)
    }

    /// How long until lines go directly, looked at each millisecond.
    pub(super) fn wait_for_direct(
        &mut self,
        limit: Duration,
        from: NodeId,
        to: NodeId,
    ) -> Option<Duration> {
        let start = self.world().elapsed();
        while self.way(from, to) != Some(Way::Direct) {
            if self.world().elapsed() - start >= limit {
                return None;
            }
            self.millis(1);
        }
        Some(self.world().elapsed() - start)
    }

    /// When `event` was shown first.
    pub(super) fn shown_at(&self, node: NodeId, event: &Shown) -> Option<Duration> {
        let line = self
            .user(node)
            .shown
            .iter()
            .find(|line| line.event == *event);
        line.map(|line| line.at)
    }

    /// What became of lines on a node, oldest first.
    pub(super) fn lines(&self, node: NodeId) -> Vec<Shown> {
        let is_line = |line: &&Line| {
            matches!(
                line.event,
                Shown::Said { .. }
                    | Shown::Delivered { .. }
                    | Shown::HandedOn { .. }
                    | Shown::NotDelivered { .. }
            )
        };
        self.user(node)
            .shown
            .iter()
            .filter(is_line)
            .map(|line| line.event.clone())
            .collect()
    }

    /// The texts that were said to a node by `from`, oldest first.
    pub(super) fn heard(&self, node: NodeId, from: &str) -> Vec<String> {
        let text = |line: &Line| {
            let Shown::Said {
                from: who, text, ..
            } = &line.event
            else {
                return None;
            };
            (who.as_str() == from).then(|| text.clone())
        };
        self.user(node).shown.iter().filter_map(text).collect()
    }

    /// What became of files on a node, without how far they were on the way.
    pub(super) fn files(&self, node: NodeId) -> Vec<FileEvent> {
        let file = |line: &Line| {
            let Shown::File(event) = &line.event else {
                return None;
            };
            (!matches!(event, FileEvent::Progress { .. })).then(|| event.clone())
        };
        self.user(node).shown.iter().filter_map(file).collect()
    }
}

fn user(pump: &Pump<Actor>, node: NodeId) -> &User {
    match pump.agent(node) {
        Actor::User(user) => user,
        Actor::Host(_) => panic!("a user lives there"),
    }
}

pub(super) fn said(from: &str, text: &str) -> Shown {
    Shown::Said {
        from: from.parse().expect("tests use good IDs"),
        text: text.to_owned(),
        audience: Audience::One,
    }
}

pub(super) fn delivered(to: &str, text: &str) -> Shown {
    Shown::Delivered {
        to: to.parse().expect("tests use good IDs"),
        text: named(text),
    }
}

pub(super) fn not_delivered(to: &str, text: &str, reason: Undelivered) -> Shown {
    Shown::NotDelivered {
        to: to.parse().expect("tests use good IDs"),
        text: named(text),
        reason,
    }
}

/// The beginning of a line, which is kept to tell what became of it.
fn named(text: &str) -> String {
    text.chars().take(NAMED_CHARS).collect()
}
