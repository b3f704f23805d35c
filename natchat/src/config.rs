//! What the two roles are told at their start: validated values, units in their types.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::name::MemberId;

/// The rendezvous' port, UDP and TCP; that of the older programs.
pub const DEFAULT_PORT: u16 = 10_080;

/// How the rendezvous is run.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where it listens, UDP and TCP; several for a machine with several addresses. An unspecified IPv6 address
    /// takes IPv4 too.
    pub bind: Vec<SocketAddr>,
    /// Further TCP addresses, for clients whose network lets only some ports out (443).
    pub tcp: Vec<SocketAddr>,
    /// Whether to have the two further UDP ports by which clients learn what their NAT does.
    pub probe: bool,
    /// Where its key and its journal live.
    pub data: PathBuf,
    /// What it bears.
    pub limits: ServerLimits,
}

/// What a server bears of others; each has a default that suits a machine of two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Members at a time.
    pub members: u32,
    /// Registrations a minute from one /24 of IPv4 or /56 of IPv6.
    pub registrations_per_minute: u32,
    /// Bytes a second that one member may send through the relay.
    pub relay_rate: u64,
    /// Ports for members that older clients talk to.
    pub older_ports: u16,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            members: 1_000_000,
            registrations_per_minute: 600,
            relay_rate: 64 << 20,
            older_ports: 512,
        }
    }
}

/// How a client is run.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Who it is.
    pub id: MemberId,
    /// The server's name or address, as given.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The port of the client's own socket; 0: the system chooses.
    pub local_port: u16,
    /// Where keys and pins live.
    pub data: PathBuf,
    /// Where received files go.
    pub downloads: PathBuf,
    /// Whether to look for direct paths at all.
    pub direct: bool,
    /// Whether to open hard NATs by many sockets and probes.
    pub birthday: bool,
}
