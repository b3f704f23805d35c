//! The living lab: builds what was planned, knows its nodes by name, and takes everything down.

use std::collections::BTreeMap;
use std::fs;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::delay::{Delays, Link, Maker};
use super::loss;
use super::namespace::{Namespace, Namespaces, collect_garbage};
use super::node::{Host, Router};
use super::plan::{Node, SERVER, plan};
use super::site::Site;
use super::tool::Tools;
use super::wiring;

/// A network of hosts and routers, alive until dropped.
#[derive(Debug)]
pub struct Lab {
    tools: Tools,
    /// Changed by reboots and roaming.
    nodes: Mutex<Vec<Node>>,
    /// Before the namespaces, so that the devices go while there is a place for them to be.
    delays: Delays,
    namespaces: Namespaces,
}

impl Lab {
    /// Builds the described network; the server host and the internet come by themselves.
    ///
    /// `None`, with `group` said to be left out, when not root or without `ip` or `nft`.
    ///
    /// # Panics
    /// When the words contradict each other, when building fails, and with `CI=true` instead of leaving out.
    #[track_caller]
    pub fn build(group: &str, sites: impl IntoIterator<Item = Site>) -> Option<Self> {
        let nodes = plan(sites);
        let tools = Tools::find(group)?;
        let is_slow = |node: &Node| {
            node.uplink
                .as_ref()
                .is_some_and(|link| link.delay.is_some())
        };
        let maker = match nodes.iter().any(is_slow) {
            true => Some(Maker::find(group)?),
            false => None,
        };
        collect_garbage(&tools);
        let namespaces = Namespace::make(&tools, nodes.iter().map(|node| node.name.as_str()));
        let mut lab = Self {
            tools,
            nodes: Mutex::new(nodes),
            delays: Delays::default(),
            namespaces,
        };
        lab.wire(maker.as_ref());
        Some(lab)
    }

    /// The host for servers: two public addresses of each kind, no router in front.
    pub fn server(&self) -> Host<'_> {
        Host::new(self, SERVER)
    }

    /// A host by its name.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn host(&self, name: &str) -> Host<'_> {
        Host::new(self, self.find(name))
    }

    /// A home's or a cgn's router by the name of the site, or the host that virtual machines are behind.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn router(&self, name: &str) -> Router<'_> {
        let index = self.find(name);
        let routes = self.nodes()[index].gate.is_some();
        assert!(routes, "{name} is no router");
        Router::new(self, index)
    }

    /// The names of its namespaces, as `ip netns` shows them.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.names()
    }

    #[track_caller]
    pub(super) fn find(&self, name: &str) -> usize {
        let index = self.nodes().iter().position(|node| node.name == name);
        index.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The nodes as they are now. Nothing that takes its time is to be done while this is held.
    pub(super) fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn namespace(&self, node: usize) -> &Namespace {
        self.namespaces.of(node)
    }

    /// Runs lines of `ip` in a node.
    #[track_caller]
    pub(super) fn ip(&self, node: usize, lines: &str) {
        self.namespace(node).enter(|| self.tools.ip(lines));
    }

    /// Loads rules in a node.
    #[track_caller]
    pub(super) fn nft(&self, node: usize, rules: &str) {
        self.namespace(node).enter(|| self.tools.nft(rules));
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Waits until a node's link carries packets, having come up just now.
    #[track_caller]
    pub(super) fn wait_for_link(&self, node: usize) {
        let nodes = self.nodes().clone();
        let Some(uplink) = &nodes[node].uplink else {
            return;
        };
        let parent = uplink.parent;
        let upper = wiring::upper_end(nodes[parent].inside, node);
        let mut above = vec![upper];
        above.extend(wiring::bridge(nodes[parent].inside));
        self.namespace(parent)
            .enter(|| self.tools.wait_for_links(&above));
        let below = [wiring::UPLINK.to_owned()];
        self.namespace(node)
            .enter(|| self.tools.wait_for_links(&below));
    }

    pub(super) fn delays(&self) -> &Delays {
        &self.delays
    }

    /// Loads a node's NAT and firewall as they are to be now.
    #[track_caller]
    pub(super) fn apply_gate(&self, node: usize) {
        let rules = gate_rules(&self.nodes()[node]);
        if let Some(rules) = rules {
            self.nft(node, &rules);
        }
    }

    /// Makes a node's link lose what it is to lose now. Both ends drop what comes in: lost on the way, where
    /// neither the sender's kernel nor its NAT can know.
    #[track_caller]
    pub(super) fn apply_loss(&self, node: usize) {
        let nodes = self.nodes().clone();
        let Some(uplink) = &nodes[node].uplink else {
            return;
        };
        let upper = wiring::upper_end(nodes[uplink.parent].inside, node);
        let percent = if uplink.is_cut {
            100
        } else {
            uplink.loss_percent
        };
        self.nft(node, &loss::rules(wiring::UPLINK, percent));
        self.nft(uplink.parent, &loss::rules(&upper, percent));
    }

    #[track_caller]
    fn wire(&mut self, maker: Option<&Maker>) {
        let nodes = self.nodes().clone();
        self.everywhere(&nodes, |index| {
            for (name, value) in wiring::switches(&nodes[index]) {
                set_switch(name, &value);
            }
        });
        self.tools.ip(&self.links(&nodes));
        if let Some(maker) = maker {
            self.delays = Delays::start(self.slow_links(maker, &nodes));
        }
        self.everywhere(&nodes, |index| {
            self.tools.ip(&wiring::lines(&nodes, index));
            if let Some(rules) = gate_rules(&nodes[index]) {
                self.tools.nft(&rules);
            }
        });
        self.everywhere(&nodes, |index| {
            self.tools.wait_for_links(&wiring::links(&nodes, index));
        });
        for (index, node) in nodes.iter().enumerate() {
            if node
                .uplink
                .as_ref()
                .is_some_and(|link| link.loss_percent > 0)
            {
                self.apply_loss(index);
            }
        }
    }

    /// All links but the slow ones, each from the node above into the node itself. None touches the machine's own
    /// namespace.
    fn links(&self, nodes: &[Node]) -> String {
        let links = nodes.iter().enumerate().filter_map(|(index, node)| {
            let uplink = node.uplink.as_ref().filter(|link| link.delay.is_none())?;
            let upper = wiring::upper_end(nodes[uplink.parent].inside, index);
            Some(format!(
                "link add {upper} netns {} type veth peer name {} netns {}\n",
                self.namespace(uplink.parent).name(),
                wiring::UPLINK,
                self.namespace(index).name()
            ))
        });
        links.collect()
    }

    #[track_caller]
    fn slow_links(&self, maker: &Maker, nodes: &[Node]) -> BTreeMap<usize, Link> {
        let links = nodes.iter().enumerate().filter_map(|(index, node)| {
            let uplink = node.uplink.as_ref()?;
            let one_way = uplink.delay?;
            let upper = wiring::upper_end(nodes[uplink.parent].inside, index);
            let upper = (self.namespace(uplink.parent), upper.as_str());
            let lower = (self.namespace(index), wiring::UPLINK);
            Some((index, maker.link(upper, lower, one_way)))
        });
        links.collect()
    }

    /// Does the same in every namespace, all at once.
    #[track_caller]
    fn everywhere(&self, nodes: &[Node], work: impl Fn(usize) + Sync) {
        let work = &work;
        thread::scope(|scope| {
            let started: Vec<_> = (0..nodes.len())
                .map(|index| scope.spawn(move || self.namespace(index).enter(|| work(index))))
                .collect();
            for thread in started {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            }
        });
    }
}

fn gate_rules(node: &Node) -> Option<String> {
    let outer = *node.uplink.as_ref()?.addrs.first()?;
    Some(node.gate.as_ref()?.rules(outer))
}

/// Writes a switch of the network namespace that the calling thread is in.
#[track_caller]
pub(super) fn set_switch(name: &str, value: &str) {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).unwrap_or_else(|error| panic!("write {value} to {path}: {error}"));
}
