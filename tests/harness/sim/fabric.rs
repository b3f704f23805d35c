//! Who is attached where, and what becomes of a packet at each place on its way. Pure: told the time, given its dice.
//!
//! ```text
//! host ─wire up─► net ──► the owner of the address: ─wire down─► host or gateway
//!                  └────► otherwise the gateway above: NAT or firewall ─wire up─► the net above it ─► …
//! ```
//!
//! A net is the Internet or the LAN of a gateway; each holds the addresses that can be reached in it, so that two
//! homes may use the same private ones. It does not know time's order (that is the world's queue) nor what hosts do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use super::firewall::Firewall;
use super::line::{Line, Wire};
use super::nat::{Nat, NatOptions};
use super::packet::{Lost, Packet};
use crate::Random;

/// Routers between any two attachments to the Internet. With the sender's own gateway, a packet needs a TTL above
/// this to reach the other's.
pub const INTERNET_HOPS: u8 = 4;

/// A machine with addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

/// A router between a LAN and the net above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GatewayId(pub(crate) usize);

/// The Internet, or the LAN of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetId(pub(crate) usize);

/// The net that every other one hangs from.
pub const INTERNET: NetId = NetId(0);

/// What has a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A machine.
    Node(NodeId),
    /// A router; the line is the one on its outer side.
    Gateway(GatewayId),
}

impl From<NodeId> for Place {
    fn from(node: NodeId) -> Self {
        Self::Node(node)
    }
}

impl From<GatewayId> for Place {
    fn from(gateway: GatewayId) -> Self {
        Self::Gateway(gateway)
    }
}

/// What a gateway does with IPv6.
#[derive(Clone, Debug)]
pub(crate) enum Ipv6 {
    Absent,
    Open,
    Firewalled(Firewall),
}

#[derive(Debug, Default)]
struct Net {
    above: Option<GatewayId>,
    owners: BTreeMap<IpAddr, Place>,
    nodes: BTreeSet<NodeId>,
}

#[derive(Debug, Default)]
struct Attachment {
    net: Option<NetId>,
    up: Wire,
    down: Wire,
}

#[derive(Debug)]
struct Gateway {
    outside: Attachment,
    lan: NetId,
    nat: Nat,
    ipv6: Ipv6,
}

#[derive(Debug, Default)]
struct Node {
    attachment: Attachment,
    addresses: Vec<IpAddr>,
}

/// A packet's next stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// It surfaces in a net, coming from there.
    Net(NetId, Place),
    /// It comes down the line of this place.
    At(Place),
}

/// What becomes of a packet.
#[derive(Debug)]
pub(crate) enum Fate {
    Travels(Instant, Stop, Packet),
    Arrived(NodeId, Packet),
    Lost(Lost),
}

/// Everything that is attached somewhere.
#[derive(Debug)]
pub(crate) struct Fabric {
    nets: Vec<Net>,
    gateways: Vec<Gateway>,
    nodes: Vec<Node>,
    random: Random,
}

impl Fabric {
    /// An empty Internet.
    pub(crate) fn new(random: Random) -> Self {
        Self {
            nets: vec![Net::default()],
            gateways: Vec::new(),
            nodes: Vec::new(),
            random,
        }
    }

    pub(crate) fn add_gateway(
        &mut self,
        net: NetId,
        options: NatOptions,
        wan: Ipv4Addr,
        ipv6: Ipv6,
    ) -> GatewayId {
        let id = GatewayId(self.gateways.len());
        let lan = NetId(self.nets.len());
        self.nets.push(Net {
            above: Some(id),
            ..Net::default()
        });
        let random = Random::new(self.random.next_u64());
        self.gateways.push(Gateway {
            outside: Attachment {
                net: Some(net),
                ..Attachment::default()
            },
            lan,
            nat: Nat::new(options, wan, random),
            ipv6,
        });
        self.own(net, wan.into(), id.into());
        id
    }

    pub(crate) fn add_node(&mut self) -> NodeId {
        self.nodes.push(Node::default());
        NodeId(self.nodes.len() - 1)
    }

    /// Takes the node out of its net; its addresses go with it.
    pub(crate) fn unplug(&mut self, node: NodeId) {
        let addresses = std::mem::take(&mut self.nodes[node.0].addresses);
        let mut net = self.nodes[node.0].attachment.net.take();
        while let Some(id) = net {
            let Net {
                above,
                owners,
                nodes,
            } = &mut self.nets[id.0];
            let is_own_net = nodes.remove(&node);
            for address in addresses
                .iter()
                .filter(|address| is_own_net || address.is_ipv6())
            {
                owners.remove(address);
            }
            net = above.map(|gateway| self.outer_net(gateway));
        }
    }

    /// Attaches the node to `net`. Its line stays what it was.
    pub(crate) fn plug(&mut self, node: NodeId, net: NetId) {
        self.unplug(node);
        self.nodes[node.0].attachment.net = Some(net);
        self.nets[net.0].nodes.insert(node);
    }

    /// Gives the node one more address in its net. IPv6 addresses are reachable from the nets above, too.
    ///
    /// # Panics
    /// When somebody in the net has it already, or the node is not attached.
    pub(crate) fn give_address(&mut self, node: NodeId, address: IpAddr) {
        let net = self.nodes[node.0]
            .attachment
            .net
            .expect("a node gets its address from a net");
        self.own(net, address, node.into());
        self.nodes[node.0].addresses.push(address);
        if address.is_ipv6() {
            let mut below = net;
            while let Some(gateway) = self.nets[below.0].above {
                below = self.outer_net(gateway);
                self.own(below, address, gateway.into());
            }
        }
    }

    fn own(&mut self, net: NetId, address: IpAddr, owner: Place) {
        let before = self.nets[net.0].owners.insert(address, owner);
        assert!(
            before.is_none(),
            "{address} has two owners in one net: {before:?} and {owner:?}"
        );
    }

    pub(crate) fn addresses(&self, node: NodeId) -> &[IpAddr] {
        &self.nodes[node.0].addresses
    }

    pub(crate) fn lan(&self, gateway: GatewayId) -> NetId {
        self.gateways[gateway.0].lan
    }

    /// The net that the node is attached to.
    ///
    /// # Panics
    /// When it is unplugged.
    pub(crate) fn net(&self, node: NodeId) -> NetId {
        self.nodes[node.0]
            .attachment
            .net
            .expect("the node is attached")
    }

    pub(crate) fn outer_net(&self, gateway: GatewayId) -> NetId {
        self.gateways[gateway.0]
            .outside
            .net
            .expect("a gateway stays where it was put")
    }

    pub(crate) fn wan(&self, gateway: GatewayId) -> Ipv4Addr {
        self.gateways[gateway.0].nat.wan
    }

    pub(crate) fn nat_options_mut(&mut self, gateway: GatewayId) -> &mut NatOptions {
        &mut self.gateways[gateway.0].nat.options
    }

    /// Empties the gateway's tables and gives it this outer address.
    pub(crate) fn reboot(&mut self, gateway: GatewayId, wan: Ipv4Addr) {
        let net = self.outer_net(gateway);
        let before = self.wan(gateway);
        self.nets[net.0].owners.remove(&IpAddr::from(before));
        self.own(net, wan.into(), gateway.into());
        let gateway = &mut self.gateways[gateway.0];
        gateway.nat.reboot(wan);
        if let Ipv6::Firewalled(firewall) = &mut gateway.ipv6 {
            *firewall = Firewall::default();
        }
    }

    /// Both directions of a place's line: up first.
    pub(crate) fn lines_mut(&mut self, place: Place) -> [&mut Line; 2] {
        let attachment = self.attachment_mut(place);
        [&mut attachment.up.line, &mut attachment.down.line]
    }

    fn attachment_mut(&mut self, place: Place) -> &mut Attachment {
        match place {
            Place::Node(node) => &mut self.nodes[node.0].attachment,
            Place::Gateway(gateway) => &mut self.gateways[gateway.0].outside,
        }
    }

    /// What a node's own system does with a packet it sends.
    pub(crate) fn leave(&mut self, now: Instant, node: NodeId, packet: Packet) -> Vec<Fate> {
        let to = packet.to.ip();
        if to.is_loopback() || self.addresses(node).contains(&to) {
            return vec![Fate::Travels(now, Stop::At(node.into()), packet)];
        }
        self.go_up(now, node.into(), packet)
    }

    /// What becomes of a packet at this stop.
    pub(crate) fn step(&mut self, now: Instant, stop: Stop, packet: Packet) -> Vec<Fate> {
        match stop {
            Stop::Net(net, from) => self.surface(now, net, from, packet),
            Stop::At(Place::Node(node)) => vec![self.arrive(node, packet)],
            Stop::At(Place::Gateway(gateway)) => match self.enter(now, gateway, packet) {
                Ok(packet) => self.surface(now, self.lan(gateway), gateway.into(), packet),
                Err(lost) => vec![Fate::Lost(lost)],
            },
        }
    }

    fn arrive(&self, node: NodeId, packet: Packet) -> Fate {
        let to = packet.to.ip();
        let is_ours = to.is_loopback() || is_for_all(to) || self.addresses(node).contains(&to);
        if is_ours {
            Fate::Arrived(node, packet)
        } else {
            Fate::Lost(Lost::NoRoute)
        }
    }

    fn go_up(&mut self, now: Instant, place: Place, packet: Packet) -> Vec<Fate> {
        let random = &mut self.random;
        let attachment = match place {
            Place::Node(node) => &mut self.nodes[node.0].attachment,
            Place::Gateway(gateway) => &mut self.gateways[gateway.0].outside,
        };
        match attachment.net {
            Some(net) => carried(
                &mut attachment.up,
                now,
                Stop::Net(net, place),
                packet,
                random,
            ),
            None => vec![Fate::Lost(Lost::NoRoute)],
        }
    }

    fn go_down(&mut self, now: Instant, place: Place, packet: Packet) -> Vec<Fate> {
        let random = &mut self.random;
        let wire = match place {
            Place::Node(node) => &mut self.nodes[node.0].attachment.down,
            Place::Gateway(gateway) => &mut self.gateways[gateway.0].outside.down,
        };
        carried(wire, now, Stop::At(place), packet, random)
    }

    fn surface(&mut self, now: Instant, net: NetId, from: Place, packet: Packet) -> Vec<Fate> {
        let to = packet.to.ip();
        if is_for_all(to) {
            return self.spread(now, net, from, &packet);
        }
        let packet = match packet.aged(if net == INTERNET { INTERNET_HOPS } else { 0 }) {
            Ok(packet) => packet,
            Err(lost) => return vec![Fate::Lost(lost)],
        };
        let owner = self.nets[net.0].owners.get(&to).copied();
        match (owner, self.nets[net.0].above) {
            (Some(owner), _) => self.go_down(now, owner, packet),
            (None, Some(gateway)) if from != Place::Gateway(gateway) => {
                self.pass_out(now, gateway, packet)
            }
            (None, _) => vec![Fate::Lost(Lost::NoRoute)],
        }
    }

    /// Broadcast and multicast reach every other node of a LAN, and nobody on the Internet.
    fn spread(&mut self, now: Instant, net: NetId, from: Place, packet: &Packet) -> Vec<Fate> {
        if net == INTERNET {
            return vec![Fate::Lost(Lost::NoRoute)];
        }
        let others: Vec<_> = self.nets[net.0]
            .nodes
            .iter()
            .copied()
            .filter(|node| from != (*node).into())
            .collect();
        others
            .into_iter()
            .flat_map(|node| self.go_down(now, node.into(), packet.clone()))
            .collect()
    }

    /// From the LAN outward through its gateway, or back inside by hairpin.
    fn pass_out(&mut self, now: Instant, id: GatewayId, packet: Packet) -> Vec<Fate> {
        let gateway = &mut self.gateways[id.0];
        let is_hairpin = packet.to.ip() == IpAddr::from(gateway.nat.wan);
        match gateway.outbound(now, packet, is_hairpin) {
            Ok(packet) if is_hairpin => self.surface(now, self.lan(id), id.into(), packet),
            Ok(packet) => self.go_up(now, id.into(), packet),
            Err(lost) => vec![Fate::Lost(lost)],
        }
    }

    fn enter(&mut self, now: Instant, gateway: GatewayId, packet: Packet) -> Result<Packet, Lost> {
        let Gateway { nat, ipv6, .. } = &mut self.gateways[gateway.0];
        let packet = match (packet.to.is_ipv4(), ipv6) {
            (true, _) => nat.inbound(now, packet)?,
            (false, Ipv6::Absent) => return Err(Lost::NoRoute),
            (false, Ipv6::Open) => packet,
            (false, Ipv6::Firewalled(firewall)) => {
                firewall.inbound(now, &packet)?;
                packet
            }
        };
        packet.aged(1)
    }
}

impl Gateway {
    /// The packet as it leaves. One whose hops end here leaves no trace in the tables, as in Linux, where the hop is
    /// counted before the translation.
    fn outbound(&mut self, now: Instant, packet: Packet, is_hairpin: bool) -> Result<Packet, Lost> {
        let packet = packet.aged(1)?;
        match (packet.to.is_ipv4(), &mut self.ipv6) {
            (true, _) if is_hairpin && !self.nat.options.hairpin => Err(Lost::Filtered),
            (true, _) if is_hairpin => {
                let packet = self.nat.outbound(now, packet)?;
                self.nat.inbound(now, packet)
            }
            (true, _) => self.nat.outbound(now, packet),
            (false, Ipv6::Absent) => Err(Lost::NoRoute),
            (false, Ipv6::Open) => Ok(packet),
            (false, Ipv6::Firewalled(firewall)) => {
                firewall.outbound(now, &packet)?;
                Ok(packet)
            }
        }
    }
}

fn carried(
    wire: &mut Wire,
    now: Instant,
    stop: Stop,
    packet: Packet,
    random: &mut Random,
) -> Vec<Fate> {
    match wire.carry(now, &packet, random) {
        Ok((at, Some(again))) => vec![
            Fate::Travels(at, stop, packet.clone()),
            Fate::Travels(again, stop, packet),
        ],
        Ok((at, None)) => vec![Fate::Travels(at, stop, packet)],
        Err(lost) => vec![Fate::Lost(lost)],
    }
}

fn is_for_all(address: IpAddr) -> bool {
    address.is_multicast() || address == IpAddr::from(Ipv4Addr::BROADCAST)
}

/// The address of a node's that packets to `to` leave from: of the same family, and of the same kind where it can.
pub(crate) fn source_for(addresses: &[IpAddr], to: IpAddr) -> Option<IpAddr> {
    if to.is_loopback() {
        return Some(to);
    }
    addresses
        .iter()
        .copied()
        .find(|address| address.is_ipv4() == to.is_ipv4())
}
