//! The kinds of access lines that tests compare: what stands between a home and the Internet.

use super::fabric::{GatewayId, INTERNET, NodeId};
use super::nat::{NatKind, NatOptions};
use super::world::World;

/// What a machine sits behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Public,
    /// One box of this kind.
    Nat(NatKind),
    /// A port-restricted box at home, behind the provider's of this kind (RFC 6598 addresses in between).
    Carrier(NatKind),
    /// A port-restricted box that lets no datagram through.
    UdpBlocked,
}

/// A machine and the boxes before it, the nearest first.
#[derive(Clone, Debug)]
pub struct Home {
    /// The machine.
    pub node: NodeId,
    /// What is between it and the Internet.
    pub gateways: Vec<GatewayId>,
}

impl Access {
    /// The seven kinds of the connectivity table, in its order.
    pub const TABLE: [Self; 7] = [
        Self::Public,
        Self::Nat(NatKind::FullCone),
        Self::Nat(NatKind::AddressRestricted),
        Self::Nat(NatKind::PortRestricted),
        Self::Nat(NatKind::SymmetricRandom),
        Self::Carrier(NatKind::PortRestricted),
        Self::Carrier(NatKind::SymmetricRandom),
    ];

    /// A machine with this access.
    pub fn build(self, world: &mut World) -> Home {
        match self {
            Self::Public => Home {
                node: world.node(INTERNET),
                gateways: Vec::new(),
            },
            Self::Nat(kind) => behind(world, &[NatOptions::new(kind)]),
            Self::Carrier(kind) => {
                let home = NatOptions::new(NatKind::PortRestricted);
                behind(world, &[home, NatOptions::new(kind).with_lan([100, 64, 0])])
            }
            Self::UdpBlocked => {
                let home = behind(world, &[NatOptions::new(NatKind::PortRestricted)]);
                world.block_udp(home.gateways[0]);
                home
            }
        }
    }
}

/// A machine behind these boxes, the nearest first.
pub fn behind(world: &mut World, boxes: &[NatOptions]) -> Home {
    let mut net = INTERNET;
    let mut gateways = Vec::new();
    for options in boxes.iter().rev() {
        let gateway = world.nat(net, *options);
        gateways.insert(0, gateway);
        net = world.lan(gateway);
    }
    Home {
        node: world.node(net),
        gateways,
    }
}
