//! A NAT box as a pure function: a packet in, a rewritten packet or the reason for its loss out.
//!
//! ```text
//! inside ──► outbound: the flow's outside port, or a new one of its kind ──► wan
//! inside ◄── inbound: the port's mapping, if the kind's filter knows the sender ◄── wan
//! ```
//!
//! Mapping and filtering follow RFC 4787 §4 and §5. The cone kinds map endpoint-independently; the symmetric ones make
//! a mapping for each remote address and port. What answers strangers (`answers_strangers`) keeps their tuple for
//! itself for a while, as Linux's connection tracking does, so that our own later packet to them leaves from another
//! port. Routing, hairpin decisions and TTL are the fabric's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::packet::{Lost, Packet, Proto};
use crate::Random;

/// How long the box keeps the tuple of a stranger that it answered (Linux: nf_conntrack_udp_timeout).
const STRANGER_TIMEOUT: Duration = Duration::from_secs(30);
/// Mappings of connections live at least this long (RFC 5382 §5).
const TCP_TIMEOUT: Duration = Duration::from_secs(7440);
/// Flows at once, as in a home router's connection table. At the bound, new flows are refused.
const MAX_FLOWS: usize = 65_536;
/// Tuples kept for strangers. At the bound, further ones leave no trace.
const MAX_STRANGERS: usize = 4096;
/// The outside ports to choose from.
const FIRST_PORT: u16 = 1024;
/// Random tries before the ports are walked one by one.
const RANDOM_TRIES: usize = 32;

/// What an inside address is mapped to, and who may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NatKind {
    /// One port for all remotes; anybody may answer.
    FullCone,
    /// One port for all remotes; only addresses that were sent to may answer.
    AddressRestricted,
    /// One port for all remotes; only addresses and ports that were sent to may answer.
    PortRestricted,
    /// A random port for each remote.
    SymmetricRandom,
    /// The next port for each remote.
    SymmetricSequential,
}

/// What a NAT box does beyond its kind.
#[derive(Clone, Copy, Debug)]
pub struct NatOptions {
    /// What addresses are mapped to, and who may answer.
    pub kind: NatKind,
    /// Whether hosts inside reach each other's outside addresses.
    pub hairpin: bool,
    /// Whether the outside port is the inside one when that is free.
    pub keeps_port: bool,
    /// How long a UDP mapping lives without traffic. RFC 4787 asks for two minutes; many have 30 s.
    pub timeout: Duration,
    /// Whether incoming packets keep a mapping alive too, or outgoing ones only (RFC 4787 §4.3).
    pub inbound_refreshes: bool,
    /// Whether the box answers packets nobody inside asked for: the early-packet trap.
    pub answers_strangers: bool,
    /// What happens to IPv6, which is not translated.
    pub ipv6: Ipv6Policy,
    /// The first three bytes of the inside addresses; none lets the world choose.
    pub lan: Option<[u8; 3]>,
}

/// What a box does with IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6Policy {
    /// Not routed.
    Absent,
    /// Routed both ways.
    Open,
    /// Routed behind a stateful firewall: who was sent to may answer.
    Firewalled,
}

impl NatOptions {
    /// A box of this kind: no hairpin, random ports, two minutes, silent towards strangers.
    pub fn new(kind: NatKind) -> Self {
        Self {
            kind,
            hairpin: false,
            keeps_port: false,
            timeout: Duration::from_mins(2),
            inbound_refreshes: true,
            answers_strangers: false,
            ipv6: Ipv6Policy::Absent,
            lan: None,
        }
    }

    /// The same with IPv6.
    #[must_use]
    pub fn with_ipv6(self, ipv6: Ipv6Policy) -> Self {
        Self { ipv6, ..self }
    }

    /// The same with inside addresses that start with these bytes.
    #[must_use]
    pub fn with_lan(self, lan: [u8; 3]) -> Self {
        Self {
            lan: Some(lan),
            ..self
        }
    }

    /// The same with hairpin.
    #[must_use]
    pub fn with_hairpin(self) -> Self {
        Self {
            hairpin: true,
            ..self
        }
    }

    /// The same with another timeout.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same, answering strangers and keeping ports.
    #[must_use]
    pub fn with_trap(self) -> Self {
        Self {
            answers_strangers: true,
            keeps_port: true,
            ..self
        }
    }
}

/// Who an outside port belongs to.
#[derive(Clone, Debug)]
struct Mapping {
    inside: SocketAddr,
    used: Instant,
    /// The remotes that were sent to, each with its last traffic.
    remotes: BTreeMap<SocketAddr, Instant>,
}

/// A box and its tables.
#[derive(Clone, Debug)]
pub(crate) struct Nat {
    pub(crate) options: NatOptions,
    pub(crate) wan: Ipv4Addr,
    ports: BTreeMap<(Proto, u16), Mapping>,
    /// The one port of each inside address (cone kinds only).
    cones: BTreeMap<(Proto, SocketAddr), u16>,
    flows: BTreeMap<(Proto, SocketAddr, SocketAddr), u16>,
    strangers: BTreeMap<(Proto, SocketAddr, u16), Instant>,
    next_port: u16,
    random: Random,
}

impl Nat {
    /// An empty box with this outside address.
    pub(crate) fn new(options: NatOptions, wan: Ipv4Addr, mut random: Random) -> Self {
        Self {
            options,
            wan,
            ports: BTreeMap::new(),
            cones: BTreeMap::new(),
            flows: BTreeMap::new(),
            strangers: BTreeMap::new(),
            next_port: random_port(&mut random),
            random,
        }
    }

    /// Forgets every mapping, and may come back with another address.
    pub(crate) fn reboot(&mut self, wan: Ipv4Addr) {
        let random = Random::new(self.random.next_u64());
        *self = Self::new(self.options, wan, random);
    }

    /// Rewrites the source of a packet that leaves.
    pub(crate) fn outbound(&mut self, now: Instant, mut packet: Packet) -> Result<Packet, Lost> {
        let (proto, inside, remote) = (packet.proto(), packet.from, packet.to);
        let port = self.outside_port(now, proto, inside, remote)?;
        let mapping = self
            .ports
            .get_mut(&(proto, port))
            .expect("the port was just looked up");
        mapping.used = now;
        mapping.remotes.insert(remote, now);
        self.flows.insert((proto, inside, remote), port);
        packet.from = SocketAddr::from((self.wan, port));
        Ok(packet)
    }

    /// Rewrites the destination of a packet that enters, if its sender may.
    pub(crate) fn inbound(&mut self, now: Instant, mut packet: Packet) -> Result<Packet, Lost> {
        let (proto, remote, port) = (packet.proto(), packet.from, packet.to.port());
        self.forget_if_dead(now, proto, port);
        let timeout = self.timeout(proto);
        let kind = self.options.kind;
        let known = self
            .ports
            .get_mut(&(proto, port))
            .filter(|mapping| mapping.admits(kind, remote, now, timeout));
        let Some(mapping) = known else {
            self.note_stranger(now, proto, remote, port);
            return Err(Lost::Filtered);
        };
        if self.options.inbound_refreshes {
            mapping.used = now;
            if let Some(last) = mapping.remotes.get_mut(&remote) {
                *last = now;
            }
        }
        packet.to = mapping.inside;
        Ok(packet)
    }

    /// The port that packets of this flow leave from; made when there is none.
    fn outside_port(
        &mut self,
        now: Instant,
        proto: Proto,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Result<u16, Lost> {
        if let Some(port) = self.flows.get(&(proto, inside, remote)).copied() {
            self.forget_if_dead(now, proto, port);
            if self.flows.contains_key(&(proto, inside, remote)) {
                return Ok(port);
            }
        }
        if self.flows.len() >= MAX_FLOWS {
            self.forget_dead(now);
            if self.flows.len() >= MAX_FLOWS {
                return Err(Lost::TableFull);
            }
        }
        if self.is_symmetric() {
            return self.new_port(now, proto, inside, remote);
        }
        if let Some(port) = self.cones.get(&(proto, inside)).copied() {
            self.forget_if_dead(now, proto, port);
        }
        match self.cones.get(&(proto, inside)).copied() {
            Some(port) if !self.is_strangers(now, proto, remote, port) => Ok(port),
            Some(_) => self.new_port(now, proto, inside, remote),
            None => {
                let port = self.new_port(now, proto, inside, remote)?;
                self.cones.insert((proto, inside), port);
                Ok(port)
            }
        }
    }

    fn new_port(
        &mut self,
        now: Instant,
        proto: Proto,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Result<u16, Lost> {
        let port = self
            .free_port(now, proto, inside, remote)
            .ok_or(Lost::TableFull)?;
        let mapping = Mapping {
            inside,
            used: now,
            remotes: BTreeMap::new(),
        };
        self.ports.insert((proto, port), mapping);
        Ok(port)
    }

    fn free_port(
        &mut self,
        now: Instant,
        proto: Proto,
        inside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<u16> {
        if self.options.keeps_port && self.is_free(now, proto, inside.port(), remote) {
            return Some(inside.port());
        }
        if self.options.kind != NatKind::SymmetricSequential {
            for _ in 0..RANDOM_TRIES {
                let port = random_port(&mut self.random);
                if self.is_free(now, proto, port, remote) {
                    return Some(port);
                }
            }
        }
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if self.is_free(now, proto, port, remote) {
                return Some(port);
            }
        }
        None
    }

    fn is_free(&mut self, now: Instant, proto: Proto, port: u16, remote: SocketAddr) -> bool {
        self.forget_if_dead(now, proto, port);
        !self.ports.contains_key(&(proto, port)) && !self.is_strangers(now, proto, remote, port)
    }

    fn is_strangers(&self, now: Instant, proto: Proto, remote: SocketAddr, port: u16) -> bool {
        self.strangers
            .get(&(proto, remote, port))
            .is_some_and(|until| *until > now)
    }

    fn note_stranger(&mut self, now: Instant, proto: Proto, remote: SocketAddr, port: u16) {
        if !self.options.answers_strangers {
            return;
        }
        if self.strangers.len() >= MAX_STRANGERS {
            self.strangers.retain(|_, until| *until > now);
        }
        if self.strangers.len() < MAX_STRANGERS {
            self.strangers
                .insert((proto, remote, port), now + STRANGER_TIMEOUT);
        }
    }

    fn forget_if_dead(&mut self, now: Instant, proto: Proto, port: u16) {
        let timeout = self.timeout(proto);
        if self
            .ports
            .get(&(proto, port))
            .is_some_and(|mapping| mapping.used + timeout <= now)
        {
            self.forget(proto, port);
        }
    }

    fn forget_dead(&mut self, now: Instant) {
        let all: Vec<_> = self.ports.keys().copied().collect();
        for (proto, port) in all {
            self.forget_if_dead(now, proto, port);
        }
    }

    fn forget(&mut self, proto: Proto, port: u16) {
        let Some(mapping) = self.ports.remove(&(proto, port)) else {
            return;
        };
        if self.cones.get(&(proto, mapping.inside)) == Some(&port) {
            self.cones.remove(&(proto, mapping.inside));
        }
        for remote in mapping.remotes.into_keys() {
            let flow = (proto, mapping.inside, remote);
            if self.flows.get(&flow) == Some(&port) {
                self.flows.remove(&flow);
            }
        }
    }

    fn timeout(&self, proto: Proto) -> Duration {
        match proto {
            Proto::Udp => self.options.timeout,
            Proto::Tcp => self.options.timeout.max(TCP_TIMEOUT),
        }
    }

    fn is_symmetric(&self) -> bool {
        matches!(
            self.options.kind,
            NatKind::SymmetricRandom | NatKind::SymmetricSequential
        )
    }
}

impl Mapping {
    fn admits(&self, kind: NatKind, remote: SocketAddr, now: Instant, timeout: Duration) -> bool {
        let is_live = |last: &Instant| *last + timeout > now;
        match kind {
            NatKind::FullCone => true,
            NatKind::AddressRestricted => {
                let known =
                    |(to, last): (&SocketAddr, &Instant)| to.ip() == remote.ip() && is_live(last);
                self.remotes.iter().any(known)
            }
            NatKind::PortRestricted | NatKind::SymmetricRandom | NatKind::SymmetricSequential => {
                self.remotes.get(&remote).is_some_and(is_live)
            }
        }
    }
}

fn random_port(random: &mut Random) -> u16 {
    let span = usize::from(u16::MAX - FIRST_PORT) + 1;
    FIRST_PORT + u16::try_from(random.below(span)).expect("below the span of ports")
}
