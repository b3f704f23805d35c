//! Where a datagram leaves, where it goes, and how near that is.
//!
//! Nothing here says whether anybody answers there.

use std::net::{IpAddr, SocketAddr};

/// One of the client's UDP sockets: 0 is the one it always has, others are opened for birthday probing.
pub type Socket = u16;

/// The socket that a client always has.
pub const MAIN_SOCKET: Socket = 0;

/// Where a datagram leaves and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// By which socket.
    pub socket: Socket,
    /// To which address.
    pub addr: SocketAddr,
}

impl Route {
    pub(crate) fn main(addr: SocketAddr) -> Self {
        let socket = MAIN_SOCKET;
        Self { socket, addr }
    }

    /// The same way, IPv4 named as IPv4 even where a socket for both families saw it mapped into IPv6
    /// (RFC 4291 §2.5.5.2).
    pub(crate) fn canonical(self) -> Self {
        Self {
            addr: canonical(self.addr),
            ..self
        }
    }
}

/// See [`Route::canonical`].
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// How near a path is; the lower the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An address of the peer's own machine that is not of the whole Internet: private, link-local, loopback.
    Lan,
    /// IPv6.
    V6,
    /// IPv4 through NATs, or without any.
    V4,
}

impl Class {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, ..] = ip.octets();
                let of_a_carrier = a == 100 && b & 0xC0 == 64; // RFC 6598
                let is_near = ip.is_private() || ip.is_link_local() || ip.is_loopback();
                if is_near || of_a_carrier {
                    Self::Lan
                } else {
                    Self::V4
                }
            }
            IpAddr::V6(ip)
                if ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() =>
            {
                Self::Lan
            }
            IpAddr::V6(_) => Self::V6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_the_lower() {
        assert!(Class::Lan < Class::V6 && Class::V6 < Class::V4);
        let cases = [
            ("home", "192.168.0.5", Class::Lan),
            ("office", "10.1.2.3", Class::Lan),
            ("the end of 172.16/12", "172.31.255.1", Class::Lan),
            ("behind it", "172.32.0.1", Class::V4),
            ("a carrier's own", "100.64.0.1", Class::Lan),
            ("the end of a carrier's", "100.127.255.254", Class::Lan),
            ("behind it", "100.128.0.1", Class::V4),
            ("self-given", "169.254.9.9", Class::Lan),
            ("loopback", "127.0.0.1", Class::Lan),
            ("anywhere", "198.51.100.7", Class::V4),
            ("loopback of IPv6", "::1", Class::Lan),
            ("unique local", "fd00::1", Class::Lan),
            ("anywhere in IPv6", "2001:db8::1", Class::V6),
        ];
        for (name, ip, class) in cases {
            assert_eq!(Class::of(ip.parse().unwrap()), class, "{name}");
        }
    }
}
