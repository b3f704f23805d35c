//! What travels: a datagram or a piece of a connection, with the addresses that routers look at and rewrite.
//!
//! No checksums and no fragments: a packet is either whole or lost, and one larger than a line's MTU is lost.

use std::net::SocketAddr;

use super::tcp::Segment;

/// Hops a packet may take when its sender does not say: what Linux uses.
pub const USUAL_TTL: u8 = 64;

/// IPv4 and UDP headers; IPv6 has twenty bytes more. Counted against the MTU and the bandwidth.
const V4_HEADERS: usize = 28;
const V6_HEADERS: usize = 48;

/// One packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) ttl: u8,
    pub(crate) body: Body,
}

/// What a packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Udp(Vec<u8>),
    Tcp(Segment),
}

/// The protocols that routers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proto {
    Udp,
    Tcp,
}

impl Packet {
    pub(crate) fn proto(&self) -> Proto {
        match self.body {
            Body::Udp(_) => Proto::Udp,
            Body::Tcp(_) => Proto::Tcp,
        }
    }

    /// Bytes on the line, headers included.
    pub(crate) fn wire_len(&self) -> usize {
        let headers = if self.to.is_ipv4() {
            V4_HEADERS
        } else {
            V6_HEADERS
        };
        headers
            + match &self.body {
                Body::Udp(bytes) => bytes.len(),
                Body::Tcp(segment) => segment.len(),
            }
    }

    /// The packet after `hops` more routers, or why it died on the way.
    pub(crate) fn aged(mut self, hops: u8) -> Result<Self, Lost> {
        self.ttl = self
            .ttl
            .checked_sub(hops)
            .filter(|left| *left > 0)
            .ok_or(Lost::Ttl)?;
        Ok(self)
    }
}

/// Why a packet did not arrive. Tests count these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// The line's dice said so.
    Chance,
    /// The line's queue was full.
    Queue,
    /// Larger than the line's MTU.
    TooLong,
    /// The line is cut, or does not pass this protocol.
    Blocked,
    /// Its hops were used up.
    Ttl,
    /// A NAT or firewall knows no flow that it belongs to.
    Filtered,
    /// A NAT had no port or no room left for a new flow.
    TableFull,
    /// Nobody has that address.
    NoRoute,
}
