//! What a world tells the driver of its nodes.

use std::net::SocketAddr;

use super::connections::ConnId;
use super::fabric::NodeId;
use super::tcp::TcpEvent;

/// What a driver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A datagram arrived.
    Datagram {
        /// Whose it is.
        node: NodeId,
        /// Which of the node's addresses and ports it came to.
        to: SocketAddr,
        /// Where it came from, as seen by the node.
        from: SocketAddr,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// A timer is due.
    Timer {
        /// Who set it.
        node: NodeId,
        /// The number it was set with.
        id: u64,
    },
    /// Something happened to a connection.
    Tcp {
        /// Whose end it is.
        node: NodeId,
        /// Which end.
        conn: ConnId,
        /// What happened.
        event: TcpEvent,
    },
}

impl Event {
    /// Whom it concerns.
    pub fn node(&self) -> NodeId {
        match self {
            Self::Datagram { node, .. } | Self::Timer { node, .. } | Self::Tcp { node, .. } => {
                *node
            }
        }
    }
}

/// What a node has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams and stream segments.
    pub packets: u64,
    /// Their bytes with headers.
    pub bytes: u64,
}
