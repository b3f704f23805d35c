//! A small Internet of IPv4: hosts behind any number of NATs, nothing but addresses and ports.
//!
//! It only says where a datagram comes out; time is the caller's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::crypto::entropy::Entropy;

/// What a NAT does (RFC 4787): the first three keep a port for all destinations and differ in whom they let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Full,
    Addr,
    Port,
    Symmetric,
    Sequential,
}

/// Routers between any two networks.
const INTERNET_HOPS: u8 = 2;

#[derive(Debug)]
struct Opened {
    inside: SocketAddr,
    to: BTreeSet<SocketAddr>,
}

#[derive(Debug)]
pub(super) struct Nat {
    kind: Kind,
    pub(super) hairpin: bool,
    /// Whether a refused packet occupies the port towards its sender (a router that answers by itself).
    pub(super) trap: bool,
    /// Whether it lets nothing in.
    pub(super) refuses: bool,
    ports: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    opened: BTreeMap<u16, Opened>,
    occupied: BTreeSet<(SocketAddr, u16)>,
    last_port: u16,
    entropy: Entropy,
}

impl Nat {
    fn new(kind: Kind, entropy: Entropy) -> Self {
        let mut nat = Self {
            kind,
            hairpin: false,
            trap: false,
            refuses: false,
            ports: BTreeMap::new(),
            opened: BTreeMap::new(),
            occupied: BTreeSet::new(),
            last_port: 0,
            entropy,
        };
        nat.last_port = nat.any_port();
        nat
    }

    fn any_port(&mut self) -> u16 {
        u16::try_from(1_024 + self.entropy.below(64_512)).unwrap()
    }

    fn new_port(&mut self, to: SocketAddr) -> u16 {
        loop {
            let port = match self.kind {
                Kind::Sequential => self.last_port.checked_add(1).unwrap_or(1_024),
                Kind::Full | Kind::Addr | Kind::Port | Kind::Symmetric => self.any_port(),
            };
            self.last_port = port;
            if !self.opened.contains_key(&port) && !self.occupied.contains(&(to, port)) {
                return port;
            }
        }
    }

    fn outward(&mut self, from: SocketAddr, to: SocketAddr) -> u16 {
        let own = (from, Some(to));
        let shared = (from, None);
        let is_symmetric = matches!(self.kind, Kind::Symmetric | Kind::Sequential);
        let known = self
            .ports
            .get(&own)
            .or_else(|| self.ports.get(&shared))
            .copied();
        let port = match known {
            Some(port) if !self.occupied.contains(&(to, port)) => port,
            Some(_) | None => {
                let port = self.new_port(to);
                let key = if is_symmetric || known.is_some() {
                    own
                } else {
                    shared
                };
                self.ports.insert(key, port);
                port
            }
        };
        let opened = self.opened.entry(port).or_insert_with(|| Opened {
            inside: from,
            to: BTreeSet::new(),
        });
        opened.to.insert(to);
        port
    }

    fn inward(&mut self, from: SocketAddr, port: u16) -> Option<SocketAddr> {
        let opened = self.opened.get(&port).filter(|opened| match self.kind {
            _ if self.refuses => false,
            Kind::Full => true,
            Kind::Addr => opened.to.iter().any(|to| to.ip() == from.ip()),
            Kind::Port | Kind::Symmetric | Kind::Sequential => opened.to.contains(&from),
        });
        if opened.is_none() && self.trap {
            self.occupied.insert((from, port));
        }
        opened.map(|opened| opened.inside)
    }

    fn reboot(&mut self) {
        self.ports.clear();
        self.opened.clear();
        self.occupied.clear();
        self.last_port = self.any_port();
    }
}

/// A host or a NAT, by its place in the list.
pub(super) type Place = usize;

#[derive(Debug)]
struct Node {
    /// The NAT it is behind; none: it is on the Internet.
    behind: Option<Place>,
    ip: Ipv4Addr,
    nat: Option<Nat>,
}

/// A datagram that has left its sender's networks, and has yet to come into the receiver's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    /// The NAT in whose network it is, or none: the Internet.
    within: Option<Place>,
    pub(super) from: SocketAddr,
    to: SocketAddr,
    hops: u8,
}

#[derive(Debug, Default)]
pub(super) struct Net {
    nodes: Vec<Node>,
}

impl Net {
    pub(super) fn host(&mut self, behind: Option<Place>, ip: [u8; 4]) -> Place {
        self.add(behind, ip, None)
    }

    pub(super) fn nat(
        &mut self,
        behind: Option<Place>,
        ip: [u8; 4],
        kind: Kind,
        entropy: Entropy,
    ) -> Place {
        self.add(behind, ip, Some(Nat::new(kind, entropy)))
    }

    fn add(&mut self, behind: Option<Place>, ip: [u8; 4], nat: Option<Nat>) -> Place {
        let ip = ip.into();
        self.nodes.push(Node { behind, ip, nat });
        self.nodes.len() - 1
    }

    pub(super) fn ip(&self, place: Place) -> Ipv4Addr {
        self.nodes[place].ip
    }

    /// The NATs before a host, nearest first.
    pub(super) fn nats(&self, host: Place) -> Vec<Place> {
        let behind = |place: &Place| self.nodes[*place].behind;
        std::iter::successors(behind(&host), behind).collect()
    }

    pub(super) fn nat_mut(&mut self, place: Place) -> &mut Nat {
        self.nodes[place].nat.as_mut().expect("a NAT")
    }

    pub(super) fn reboot(&mut self, place: Place) {
        self.nat_mut(place).reboot();
    }

    /// The way out: up to the network that the destination is in. `None`: lost.
    pub(super) fn send(
        &mut self,
        host: Place,
        port: u16,
        to: SocketAddr,
        ttl: Option<u8>,
    ) -> Option<Passing> {
        let mut passing = Passing {
            within: self.nodes[host].behind,
            from: SocketAddr::new(self.nodes[host].ip.into(), port),
            to,
            hops: ttl.unwrap_or(64),
        };
        while let Some(place) = passing.within {
            if self.child(passing.within, to.ip()).is_some() {
                return Some(passing);
            }
            let is_own = self.nodes[place].ip == to.ip();
            passing.hops = passing.hops.checked_sub(1).filter(|left| *left > 0)?;
            let outer = self.nodes[place].ip.into();
            let nat = self.nat_mut(place);
            if is_own && !nat.hairpin {
                return None;
            }
            passing.from = SocketAddr::new(outer, nat.outward(passing.from, to));
            if is_own {
                passing.to = nat.inward(passing.from, to.port())?;
                return Some(passing);
            }
            passing.within = self.nodes[place].behind;
        }
        passing.hops = passing
            .hops
            .checked_sub(INTERNET_HOPS)
            .filter(|left| *left > 0)?;
        Some(passing)
    }

    /// The way in: who gets it, and at which port.
    pub(super) fn deliver(&mut self, mut passing: Passing) -> Option<(Place, u16)> {
        loop {
            let child = self.child(passing.within, passing.to.ip())?;
            if self.nodes[child].nat.is_none() {
                return Some((child, passing.to.port()));
            }
            passing.to = self
                .nat_mut(child)
                .inward(passing.from, passing.to.port())?;
            passing.hops = passing.hops.checked_sub(1).filter(|left| *left > 0)?;
            passing.within = Some(child);
        }
    }

    fn child(&self, within: Option<Place>, ip: IpAddr) -> Option<Place> {
        self.nodes
            .iter()
            .position(|node| node.behind == within && node.ip == ip)
    }
}
