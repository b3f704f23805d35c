//! By what way the server is spoken to.

use std::net::SocketAddr;

/// One of the two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Datagrams to this address.
    Udp(SocketAddr),
    /// Frames down the one connection.
    Tcp,
}
