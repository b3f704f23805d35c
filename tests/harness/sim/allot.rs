//! Hands out addresses: global-looking ones on the Internet, private ones in LANs, never the same twice in a net.
//!
//! The ranges are ones that machines treat as ordinary: not loopback, not reserved for documentation.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fabric::{INTERNET, NetId};

/// What was given so far.
#[derive(Debug, Default)]
pub(crate) struct Allot {
    lans: BTreeMap<NetId, [u8; 3]>,
    given: BTreeMap<NetId, u16>,
    given_v6: u16,
}

impl Allot {
    /// Addresses in `lan` will start with `prefix`, or with 192.168 and the number of the LAN.
    pub(crate) fn add_lan(&mut self, lan: NetId, prefix: Option<[u8; 3]>) {
        let count = u8::try_from(self.lans.len() % 256).expect("below 256");
        self.lans.insert(lan, prefix.unwrap_or([192, 168, count]));
    }

    /// The next IPv4 address in `net`. Those that end in 0 and 1 are left to the net and its router.
    ///
    /// # Panics
    /// When a LAN is full.
    pub(crate) fn ipv4(&mut self, net: NetId) -> Ipv4Addr {
        let count = self.given.entry(net).or_insert(1);
        *count += 1;
        let [high, low] = count.to_be_bytes();
        if net == INTERNET {
            return Ipv4Addr::new(20, 0, high, low);
        }
        assert_eq!(high, 0, "a LAN has room for 254 nodes");
        let [a, b, c] = self.lans[&net];
        Ipv4Addr::new(a, b, c, low)
    }

    /// The next IPv6 address, each in a network of its own.
    pub(crate) fn ipv6(&mut self) -> Ipv6Addr {
        self.given_v6 += 1;
        Ipv6Addr::new(0x2a00, 0x1450, self.given_v6, 0, 0, 0, 0, 1)
    }
}
