//! Addresses and control messages in the kernel's form, as plain bytes; pure.
//!
//! ```text
//!   SocketAddr ◄──► Name (struct sockaddr_in, sockaddr_in6)
//!   source address, hop limit ──► Control (struct cmsghdr …) ──► the local address that was addressed
//! ```
//!
//! Reading never looks beyond what the kernel says it wrote. The layouts are those of Linux (ip(7), ipv6(7), cmsg(3)),
//! the same on all its architectures but for the width of a length, which is the pointer's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The length of a `sockaddr_in6`, the longer of the two.
pub(super) const NAME_LEN: u32 = 28;

/// The length of a `sockaddr_in`.
const NAME_V4_LEN: u32 = 16;

/// Room for the longest control messages that are ever sent or received together: an `in6_pktinfo`, an `int`, and the
/// length of the datagrams of a train.
pub(super) const CONTROL_LEN: usize =
    space(IN6_PKTINFO_LEN) + space(size_of::<i32>()) + space(size_of::<u16>());

/// An address as the kernel takes and gives it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub(super) struct Name([u8; NAME_LEN as usize]);

/// Control messages beside one datagram.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Control([u8; CONTROL_LEN]);

/// Which addresses a socket takes, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6 alone.
    V6,
    /// Both: IPv4 in the form `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
    Both,
}

impl Family {
    /// That of an address to listen at, among others: `[::]` takes IPv4 too, unless IPv4 has one of its own.
    pub(crate) fn of(addr: SocketAddr, others: &[SocketAddr]) -> Self {
        let four = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), addr.port());
        match addr.ip() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) if !others.contains(&four) => Self::Both,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Whether a socket of this family can send to an address.
    pub(crate) const fn takes(self, addr: IpAddr) -> bool {
        match self {
            Self::V4 => addr.is_ipv4(),
            Self::V6 => addr.is_ipv6(),
            Self::Both => true,
        }
    }
}

impl Name {
    pub(super) const EMPTY: Self = Self([0; NAME_LEN as usize]);

    /// An address in the form that a socket of `family` takes, and the length of that.
    pub(super) fn new(addr: SocketAddr, family: Family) -> (Self, u32) {
        let mut name = [0; NAME_LEN as usize];
        name[2..4].copy_from_slice(&addr.port().to_be_bytes());
        match (addr, family) {
            (SocketAddr::V4(v4), Family::V4) => {
                name[..2].copy_from_slice(&AF_INET.to_ne_bytes());
                name[4..8].copy_from_slice(&v4.ip().octets());
                return (Self(name), NAME_V4_LEN);
            }
            (SocketAddr::V4(v4), _) => {
                name[8..24].copy_from_slice(&v4.ip().to_ipv6_mapped().octets());
            }
            (SocketAddr::V6(v6), _) => {
                name[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
                name[8..24].copy_from_slice(&v6.ip().octets());
                name[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
            }
        }
        name[..2].copy_from_slice(&AF_INET6.to_ne_bytes());
        (Self(name), NAME_LEN)
    }

    /// The address; IPv4 as such, whatever its form. `None` if the kernel has written none.
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        let Self(name) = self;
        let port = u16::from_be_bytes([name[2], name[3]]);
        match u16::from_ne_bytes([name[0], name[1]]) {
            AF_INET => {
                let ip = Ipv4Addr::from(array::<4>(name, 4)?);
                Some(SocketAddrV4::new(ip, port).into())
            }
            AF_INET6 => {
                let ip = Ipv6Addr::from(array::<16>(name, 8)?);
                if let Some(ip) = ip.to_ipv4_mapped() {
                    return Some(SocketAddrV4::new(ip, port).into());
                }
                let scope = u32::from_ne_bytes(array(name, 24)?);
                Some(SocketAddrV6::new(ip, port, 0, scope).into())
            }
            _ => None,
        }
    }
}

impl Control {
    pub(super) const EMPTY: Self = Self([0; CONTROL_LEN]);

    /// What makes a datagram to `to` leave from the address `source` and pass at most `hops` routers, and be cut into
    /// datagrams of `segment` bytes; and its length.
    pub(super) fn new(
        to: IpAddr,
        family: Family,
        source: Option<IpAddr>,
        hops: Option<u8>,
        segment: Option<u16>,
    ) -> (Self, usize) {
        let mut control = Self::EMPTY;
        let mut len = 0;
        match source {
            Some(IpAddr::V4(ip)) if family == Family::V4 => {
                let mut info = [0; IN_PKTINFO_LEN];
                info[4..8].copy_from_slice(&ip.octets());
                control.push(&mut len, IPPROTO_IP, IP_PKTINFO, &info);
            }
            Some(ip) if family != Family::V4 && ip.is_ipv4() == to.is_ipv4() => {
                let mut info = [0; IN6_PKTINFO_LEN];
                info[..16].copy_from_slice(&in_six(ip).octets());
                control.push(&mut len, IPPROTO_IPV6, IPV6_PKTINFO, &info);
            }
            _ => {}
        }
        if let Some(hops) = hops {
            let (level, kind) = match to {
                IpAddr::V4(_) => (IPPROTO_IP, IP_TTL),
                IpAddr::V6(_) => (IPPROTO_IPV6, IPV6_HOPLIMIT),
            };
            control.push(&mut len, level, kind, &i32::from(hops).to_ne_bytes());
        }
        if let Some(segment) = segment {
            control.push(&mut len, SOL_UDP, UDP_SEGMENT, &segment.to_ne_bytes());
        }
        (control, len)
    }

    /// The local address that a datagram was addressed to, if the first `len` bytes tell.
    pub(super) fn local(&self, len: usize) -> Option<IpAddr> {
        self.messages(len)
            .find_map(|(level, kind, data)| match (level, kind) {
                (IPPROTO_IP, IP_PKTINFO) => Some(Ipv4Addr::from(array::<4>(data, 8)?).into()),
                (IPPROTO_IPV6, IPV6_PKTINFO) => {
                    Some(Ipv6Addr::from(array::<16>(data, 0)?).to_canonical())
                }
                _ => None,
            })
    }

    /// The length of the datagrams that were received as one, if the first `len` bytes tell of any.
    pub(super) fn segment(&self, len: usize) -> Option<usize> {
        self.messages(len)
            .find_map(|(level, kind, data)| match (level, kind) {
                (SOL_UDP, UDP_GRO) => usize::try_from(i32::from_ne_bytes(array(data, 0)?)).ok(),
                _ => None,
            })
    }

    /// Level, kind and data of each message in the first `len` bytes.
    fn messages(&self, len: usize) -> impl Iterator<Item = (i32, i32, &[u8])> {
        let mut rest = self.0.get(..len).unwrap_or_default();
        std::iter::from_fn(move || {
            let message_len = usize::from_ne_bytes(array(rest, 0)?);
            let level = i32::from_ne_bytes(array(rest, LEN_LEN)?);
            let kind = i32::from_ne_bytes(array(rest, LEN_LEN + 4)?);
            let data = rest.get(HEADER_LEN..message_len)?;
            rest = rest.get(space(data.len())..).unwrap_or_default();
            Some((level, kind, data))
        })
    }

    fn push(&mut self, len: &mut usize, level: i32, kind: i32, data: &[u8]) {
        let message = &mut self.0[*len..][..space(data.len())];
        message[..LEN_LEN].copy_from_slice(&(HEADER_LEN + data.len()).to_ne_bytes());
        message[LEN_LEN..][..4].copy_from_slice(&level.to_ne_bytes());
        message[LEN_LEN + 4..][..4].copy_from_slice(&kind.to_ne_bytes());
        message[HEADER_LEN..][..data.len()].copy_from_slice(data);
        *len += space(data.len());
    }
}

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
pub(super) const IPPROTO_IP: i32 = 0;
pub(super) const IPPROTO_IPV6: i32 = 41;
const IP_TTL: i32 = 2;
pub(super) const IP_PKTINFO: i32 = 8;
pub(super) const IPV6_RECVPKTINFO: i32 = 49;
const IPV6_PKTINFO: i32 = 50;
const IPV6_HOPLIMIT: i32 = 52;
pub(super) const SOL_UDP: i32 = 17;
const UDP_SEGMENT: i32 = 103;
pub(super) const UDP_GRO: i32 = 104;
/// Interface, the address to send from, the address that was addressed.
const IN_PKTINFO_LEN: usize = 12;
/// Address, interface.
const IN6_PKTINFO_LEN: usize = 20;
/// The length that a control message begins with.
const LEN_LEN: usize = size_of::<usize>();
/// Length, level, kind.
const HEADER_LEN: usize = LEN_LEN + 8;

/// What a control message with so much data takes up (CMSG_SPACE).
const fn space(data_len: usize) -> usize {
    HEADER_LEN + data_len.next_multiple_of(LEN_LEN)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

const fn in_six(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        let rows = [
            ("IPv4", "192.0.2.7:10080", Family::V4, NAME_V4_LEN),
            (
                "IPv4 by a socket of both",
                "192.0.2.7:10080",
                Family::Both,
                NAME_LEN,
            ),
            ("IPv6", "[2001:db8::1]:9", Family::V6, NAME_LEN),
            (
                "IPv6 by a socket of both",
                "[2001:db8::1]:9",
                Family::Both,
                NAME_LEN,
            ),
            ("of one link", "[fe80::1%3]:65535", Family::V6, NAME_LEN),
        ];
        for (name, text, family, len) in rows {
            let addr: SocketAddr = text.parse().unwrap();
            let (written, written_len) = Name::new(addr, family);
            assert_eq!((written.addr(), written_len), (Some(addr), len), "{name}");
        }
        assert_eq!(Name::EMPTY.addr(), None);
    }

    #[test]
    fn control_messages_say_what_was_asked_for() {
        let (v4, v6) = (
            IpAddr::from([192, 0, 2, 1]),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        );
        let (small, int) = (space(IN_PKTINFO_LEN), space(4));
        let big = space(IN6_PKTINFO_LEN);
        let rows = [
            ("nothing", v4, Family::Both, None, None, 0),
            ("a source of IPv4", v4, Family::V4, Some(v4), None, small),
            (
                "one by a socket of both",
                v4,
                Family::Both,
                Some(v4),
                None,
                big,
            ),
            ("a source of IPv6", v6, Family::V6, Some(v6), None, big),
            (
                "one of the other kind is left out",
                v4,
                Family::Both,
                Some(v6),
                None,
                0,
            ),
            (
                "one that the socket cannot have",
                v4,
                Family::V4,
                Some(v6),
                None,
                0,
            ),
            ("few hops", v4, Family::Both, None, Some(3), int),
            ("few hops of IPv6", v6, Family::Both, None, Some(3), int),
            ("both", v6, Family::Both, Some(v6), Some(3), big + int),
        ];
        for (name, to, family, source, hops, len) in rows {
            assert_eq!(
                Control::new(to, family, source, hops, None).1,
                len,
                "{name}"
            );
            let train = Control::new(to, family, source, hops, Some(1_200)).1;
            assert_eq!(train, len + space(2), "{name}, in a train");
        }
        assert_eq!(big + int + space(2), CONTROL_LEN);
    }

    #[test]
    fn the_address_that_was_addressed_is_found() {
        let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let (sent, len) = Control::new(v6, Family::Both, Some(v6), Some(3), None);
        assert_eq!(
            sent.local(len),
            Some(v6),
            "in6_pktinfo is the same both ways"
        );
        assert_eq!(sent.local(len - space(4)), Some(v6));
        assert_eq!(sent.local(space(4)), None, "cut");
        let mapped = IpAddr::from([192, 0, 2, 1]);
        let (sent, len) = Control::new(mapped, Family::Both, Some(mapped), None, None);
        assert_eq!(sent.local(len), Some(mapped), "IPv4 is told as such");
        let mut received = Control::EMPTY;
        let mut len = 0;
        received.push(&mut len, IPPROTO_IP, IP_TTL, &[64, 0, 0, 0]);
        received.push(
            &mut len,
            IPPROTO_IP,
            IP_PKTINFO,
            &[1, 0, 0, 0, 9, 9, 9, 9, 192, 0, 2, 1],
        );
        assert_eq!(received.local(len), Some(mapped), "after another message");
        assert_eq!(received.segment(len), None);
        received.push(&mut len, SOL_UDP, UDP_GRO, &1_200_i32.to_ne_bytes());
        let told = (received.local(len), received.segment(len));
        assert_eq!(told, (Some(mapped), Some(1_200)));
    }

    proptest! {
        #[test]
        fn no_bytes_of_control_are_too_much(
            bytes in prop::collection::vec(any::<u8>(), CONTROL_LEN),
            len in 0..CONTROL_LEN + 9,
        ) {
            let control = Control(array(&bytes, 0).unwrap());
            let _ = (control.local(len), control.segment(len));
            let _ = Name(array(&control.0, 0).unwrap()).addr();
        }
    }
}
