//! A stateful firewall without translation, as home routers put before IPv6: what was sent to may answer.
//!
//! Flows are told apart by both addresses and both ports; idle ones end. Everything else from outside is refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::packet::{Lost, Packet, Proto};

/// How long an idle flow of datagrams stays open (RFC 6092, REC-14).
const UDP_TIMEOUT: Duration = Duration::from_mins(2);
/// How long an idle connection stays open (RFC 6092, REC-35).
const TCP_TIMEOUT: Duration = Duration::from_secs(7440);
/// Flows at once. At the bound, new ones are refused.
const MAX_FLOWS: usize = 65_536;

/// A firewall and the flows it knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Firewall {
    flows: BTreeMap<(Proto, SocketAddr, SocketAddr), Instant>,
}

impl Firewall {
    /// Notes a packet that leaves.
    pub(crate) fn outbound(&mut self, now: Instant, packet: &Packet) -> Result<(), Lost> {
        let flow = (packet.proto(), packet.from, packet.to);
        if !self.flows.contains_key(&flow) && self.flows.len() >= MAX_FLOWS {
            self.flows
                .retain(|(proto, ..), last| is_live(*proto, *last, now));
            if self.flows.len() >= MAX_FLOWS {
                return Err(Lost::TableFull);
            }
        }
        self.flows.insert(flow, now);
        Ok(())
    }

    /// Whether a packet that enters belongs to a flow.
    pub(crate) fn inbound(&mut self, now: Instant, packet: &Packet) -> Result<(), Lost> {
        let proto = packet.proto();
        let last = self
            .flows
            .get_mut(&(proto, packet.to, packet.from))
            .ok_or(Lost::Filtered)?;
        if !is_live(proto, *last, now) {
            return Err(Lost::Filtered);
        }
        *last = now;
        Ok(())
    }
}

fn is_live(proto: Proto, last: Instant, now: Instant) -> bool {
    let timeout = match proto {
        Proto::Udp => UDP_TIMEOUT,
        Proto::Tcp => TCP_TIMEOUT,
    };
    last + timeout > now
}
