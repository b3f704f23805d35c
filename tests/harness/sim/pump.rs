//! The loop between a world and the machines on its nodes.
//!
//! An [`Agent`] does for its machine what a driver does for a real one: it hands events in, and turns what the
//! machine wants into calls on the world. The pump finds out whose event it is, counts how often each agent was
//! woken by its timers, and stops a test whose machine asks to be woken without end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::event::Event;
use super::fabric::NodeId;
use super::world::World;

/// Timers of one node in a row without time going on. More means a machine that never says "later".
const MAX_SPIN: u32 = 1000;

/// A machine with its driver.
pub trait Agent {
    /// Hands `event` to the machine and does on `world` what it wants, until it waits.
    fn handle(&mut self, world: &mut World, node: NodeId, event: Event);
}

/// A world and who lives in it.
#[derive(Debug)]
pub struct Pump<A> {
    /// The network, for tests to change while the machines run.
    pub world: World,
    agents: BTreeMap<NodeId, A>,
    woken: BTreeMap<NodeId, u64>,
    spin: (Option<(NodeId, Instant)>, u32),
}

impl<A: Agent> Pump<A> {
    /// Nobody lives in `world` yet.
    pub fn new(world: World) -> Self {
        Self {
            world,
            agents: BTreeMap::new(),
            woken: BTreeMap::new(),
            spin: (None, 0),
        }
    }

    /// Puts an agent on a node, in place of any before it.
    pub fn add(&mut self, node: NodeId, agent: A) {
        self.agents.insert(node, agent);
    }

    /// Ends what runs on a node as a killed process ends: without a word of its own. The agent, for its remains.
    pub fn crash(&mut self, node: NodeId) -> Option<A> {
        self.world.crash(node);
        self.agents.remove(&node)
    }

    /// The agent on a node.
    ///
    /// # Panics
    /// When there is none.
    pub fn agent(&self, node: NodeId) -> &A {
        self.agents
            .get(&node)
            .expect("an agent was put on this node")
    }

    /// Lets the caller act through the agent on a node, as a user would.
    ///
    /// # Panics
    /// When there is none.
    pub fn with<T>(&mut self, node: NodeId, act: impl FnOnce(&mut A, &mut World) -> T) -> T {
        let agent = self
            .agents
            .get_mut(&node)
            .expect("an agent was put on this node");
        act(agent, &mut self.world)
    }

    /// Every agent, by node.
    pub fn agents(&self) -> impl Iterator<Item = (NodeId, &A)> {
        self.agents.iter().map(|(node, agent)| (*node, agent))
    }

    /// How often timers have woken the agent on this node.
    pub fn woken(&self, node: NodeId) -> u64 {
        self.woken.get(&node).copied().unwrap_or(0)
    }

    /// Lets `time` pass.
    ///
    /// # Panics
    /// When a machine asks to be woken without end.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.world.now() + time;
        while self.step(until) {}
    }

    /// Lets time pass until `holds` does, looking after every event. How long it took, or `None` after `limit`.
    ///
    /// # Panics
    /// When a machine asks to be woken without end.
    pub fn run_until(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.world.now();
        loop {
            if holds(self) {
                return Some(self.world.now() - start);
            }
            if !self.step(start + limit) {
                return None;
            }
        }
    }

    /// One event, if there is one up to `until`.
    fn step(&mut self, until: Instant) -> bool {
        let Some(event) = self.world.next_until(until) else {
            return false;
        };
        let node = event.node();
        if matches!(event, Event::Timer { .. }) {
            *self.woken.entry(node).or_default() += 1;
            self.refuse_to_spin(node);
        }
        // Nobody there: the packet went to a closed port.
        if let Some(agent) = self.agents.get_mut(&node) {
            agent.handle(&mut self.world, node, event);
        }
        true
    }

    fn refuse_to_spin(&mut self, node: NodeId) {
        let here = Some((node, self.world.now()));
        self.spin = if self.spin.0 == here {
            (here, self.spin.1 + 1)
        } else {
            (here, 0)
        };
        assert!(
            self.spin.1 < MAX_SPIN,
            "the machine on {node:?} asks to be woken at once, again and again"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::fabric::INTERNET;
    use super::*;

    const PORT: u16 = 7;

    /// Asks every second; answers what it is asked; or, when broken, wants to be woken at once for ever.
    enum Toy {
        Asker { to: SocketAddr, answers: u32 },
        Answerer,
        Broken,
    }

    impl Agent for Toy {
        fn handle(&mut self, world: &mut World, node: NodeId, event: Event) {
            match (self, event) {
                (Self::Asker { to, .. }, Event::Timer { id, .. }) => {
                    world.send(node, PORT, *to, None, b"?");
                    world.set_timer(node, id, Some(world.now() + Duration::from_secs(1)));
                }
                (Self::Asker { answers, .. }, Event::Datagram { .. }) => *answers += 1,
                (Self::Answerer, Event::Datagram { from, .. }) => {
                    world.send(node, PORT, from, None, b"!")
                }
                (Self::Broken, Event::Timer { id, .. }) => {
                    world.set_timer(node, id, Some(world.now()))
                }
                (_, event) => panic!("not expected: {event:?}"),
            }
        }
    }

    impl Toy {
        fn answers(&self) -> u32 {
            match self {
                Self::Asker { answers, .. } => *answers,
                Self::Answerer | Self::Broken => 0,
            }
        }
    }

    #[test]
    fn machines_meet_and_wake_ups_are_counted() {
        let mut world = World::new(1);
        let (asker, answerer) = (world.node(INTERNET), world.node(INTERNET));
        let to = world.address(answerer, PORT);
        world.set_timer(asker, 0, Some(world.now()));
        let mut pump = Pump::new(world);
        pump.add(asker, Toy::Asker { to, answers: 0 });
        pump.add(answerer, Toy::Answerer);
        let time = pump.run_until(Duration::from_mins(1), |pump| {
            pump.agent(asker).answers() == 10
        });
        assert_eq!(time, Some(Duration::from_secs(9)));
        assert_eq!((pump.woken(asker), pump.woken(answerer)), (10, 0));
        pump.crash(answerer);
        let time = pump.run_until(Duration::from_mins(1), |pump| {
            pump.agent(asker).answers() == 11
        });
        assert_eq!(time, None, "nobody answers any more");
    }

    #[test]
    #[should_panic(expected = "again and again")]
    fn a_machine_that_spins_fails_its_test() {
        let mut world = World::new(1);
        let node = world.node(INTERNET);
        world.set_timer(node, 0, Some(world.now()));
        let mut pump = Pump::new(world);
        pump.add(node, Toy::Broken);
        pump.run_for(Duration::from_secs(1));
    }
}
