//! Where a member is: what to send to it by, in 19 bytes.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Where frames come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// By UDP.
    Udp {
        /// Which of the server's addresses they come to.
        port: u8,
        /// The other side.
        addr: SocketAddr,
    },
    /// Down a connection.
    Tcp(u32),
    /// Nowhere just now: its connection has ended.
    Nowhere,
}

impl Place {
    /// By UDP, the address as IPv4 if it is one.
    pub(crate) fn udp(port: u8, addr: SocketAddr) -> Self {
        Self::Udp {
            port,
            addr: canonical(addr),
        }
    }

    /// The address, if it has one.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        match *self {
            Self::Udp { addr, .. } => Some(addr),
            Self::Tcp(_) | Self::Nowhere => None,
        }
    }

    /// Whether both are the same for who sends there: the server's own address does not matter.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Udp { addr: one, .. }, Self::Udp { addr: other, .. }) => one == other,
            _ => self == other,
        }
    }
}

/// The same address in the one form that it has here.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(_) => addr,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(ip) => SocketAddr::new(ip.into(), addr.port()),
            // The flow label changes with the sender's mood and says nothing of where it is.
            None => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
        },
    }
}

/// A [`Place`] as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// An IPv6 address or a mapped one of IPv4; or the connection.
    ip: [u8; 16],
    /// Of the address; 0, which nobody sends from, if it is none.
    port: [u8; 2],
    /// The server's side; if it is no address: whether it is a connection.
    main: u8,
}

impl Packed {
    pub(crate) fn new(place: Place) -> Self {
        let mut packed = Self {
            ip: [0; 16],
            port: [0; 2],
            main: 0,
        };
        match place {
            Place::Udp { port, addr } => {
                packed.ip = pack_ip(addr);
                packed.port = addr.port().to_be_bytes();
                packed.main = port;
            }
            Place::Tcp(conn) => {
                packed.ip[..4].copy_from_slice(&conn.to_be_bytes());
                packed.main = 1;
            }
            Place::Nowhere => {}
        }
        packed
    }

    pub(crate) fn place(&self) -> Place {
        let port = u16::from_be_bytes(self.port);
        match (port, self.main) {
            (0, 0) => Place::Nowhere,
            (0, _) => {
                let conn = self.ip.first_chunk().expect("sixteen bytes");
                Place::Tcp(u32::from_be_bytes(*conn))
            }
            _ => Place::Udp {
                port: self.main,
                addr: unpack_ip(self.ip, port),
            },
        }
    }
}

/// A link-local address means something on one link only; which one is kept where such an address has nothing but zeros
/// (RFC 4291 §2.5.6).
fn pack_ip(addr: SocketAddr) -> [u8; 16] {
    match addr {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(v6) => {
            let mut ip = v6.ip().octets();
            if v6.ip().is_unicast_link_local() {
                ip[4..8].copy_from_slice(&v6.scope_id().to_be_bytes());
            }
            ip
        }
    }
}

fn unpack_ip(ip: [u8; 16], port: u16) -> SocketAddr {
    let v6 = Ipv6Addr::from(ip);
    if let Some(v4) = v6.to_ipv4_mapped() {
        return SocketAddr::new(IpAddr::V4(v4), port);
    }
    if !v6.is_unicast_link_local() {
        return SocketAddr::new(v6.into(), port);
    }
    let mut bare = ip;
    bare[4..8].fill(0);
    let scope = ip[4..].first_chunk().expect("sixteen bytes");
    SocketAddrV6::new(bare.into(), port, 0, u32::from_be_bytes(*scope)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let scoped = SocketAddrV6::new("fe80::1:2".parse().unwrap(), 5, 0, 77);
        let rows = [
            Place::udp(3, "192.0.2.1:40001".parse().unwrap()),
            Place::udp(0, "[2001:db8::1]:1".parse().unwrap()),
            Place::udp(255, scoped.into()),
            Place::Tcp(u32::MAX),
            Place::Nowhere,
        ];
        for place in rows {
            assert_eq!(Packed::new(place).place(), place);
        }
        assert_eq!(size_of::<Packed>(), 19);
    }

    #[test]
    fn one_form_for_each_address() {
        let rows = [
            ("[::ffff:192.0.2.1]:7", "192.0.2.1:7"),
            ("192.0.2.1:7", "192.0.2.1:7"),
            ("[2001:db8::1]:7", "[2001:db8::1]:7"),
        ];
        for (from, expected) in rows {
            let expected: SocketAddr = expected.parse().unwrap();
            assert_eq!(canonical(from.parse().unwrap()), expected, "{from}");
        }
    }
}
