//! The machine's own addresses, and word of their changes: from the kernel's routing socket (rtnetlink(7)).
//!
//! Left out: loopback, unless there is nothing else; addresses of one link, which say nothing elsewhere; those that are
//! not usable (yet). What cannot be asked is no error: a client without any address of its own is still reached at the
//! one that the server sees.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};

/// Addresses taken, at most; a machine with more has enough to be reached at.
const ADDRESSES: usize = 256;

/// A kernel's answer comes at once; one that does not is no kernel's.
const ANSWER_PAUSE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// What the kernel writes at once, at most (its own bound is 32 KiB).
const MESSAGE_LEN: usize = 64 << 10;

/// Answers read for one question, at most: far more than the most addresses fill.
const ANSWERS: usize = 1024;

/// Tells that addresses have changed.
#[derive(Debug)]
pub(super) struct Watch {
    fd: OwnedFd,
}

impl Watch {
    /// From now on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub(super) fn open() -> io::Result<Self> {
        let fd = routing_socket(SocketFlags::NONBLOCK)?;
        bind(&fd, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self { fd })
    }

    /// Takes what has been told: whether anything has.
    pub(super) fn has_news(&self) -> bool {
        let mut buffer = [0; 4096];
        let mut has_news = false;
        for _ in 0..ANSWERS {
            match recv(&self.fd, &mut buffer, RecvFlags::empty()) {
                Ok(_) | Err(Errno::NOBUFS) => has_news = true,
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        has_news
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The addresses now, in order.
///
/// # Errors
/// If the system does not tell.
pub(super) fn addresses() -> io::Result<Vec<IpAddr>> {
    let fd = routing_socket(SocketFlags::empty())?;
    sendto(
        &fd,
        &question(),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut buffer = vec![0; MESSAGE_LEN];
    let mut found = Vec::new();
    for _ in 0..ANSWERS {
        if poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&ANSWER_PAUSE))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (len, _) = recv(&fd, &mut buffer, RecvFlags::empty())?;
        if read(&buffer[..len], &mut found) == More::No {
            break;
        }
    }
    Ok(choose(found))
}

fn routing_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    // No protocol: that of number 0, which is the routing one.
    Ok(socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags | SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Loopback only if there is nothing else; each once.
fn choose(mut found: Vec<IpAddr>) -> Vec<IpAddr> {
    if found.iter().any(|ip| !ip.is_loopback()) {
        found.retain(|ip| !ip.is_loopback());
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(ADDRESSES);
    found
}

/// Addresses of IPv4 and IPv6 that come and go: `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 = 0x10 | 0x100;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const REQUEST_ALL: u16 = 0x1 | 0x300;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// `IFA_F_DADFAILED`, `IFA_F_DEPRECATED`, `IFA_F_TENTATIVE`.
const UNUSABLE: u8 = 0x08 | 0x20 | 0x40;
/// `struct nlmsghdr`.
const HEADER_LEN: usize = 16;
/// `struct ifaddrmsg`.
const ABOUT_LEN: usize = 8;
/// `struct rtattr`.
const ATTRIBUTE_LEN: usize = 4;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Both.
const QUESTION_LEN: u32 = 24;

/// Asks for all addresses.
fn question() -> [u8; QUESTION_LEN as usize] {
    let mut message = [0; QUESTION_LEN as usize];
    message[..4].copy_from_slice(&QUESTION_LEN.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_GETADDR.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_ALL.to_ne_bytes());
    message
}

/// Whether an answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum More {
    Yes,
    No,
}

/// Reads one datagram of an answer.
fn read(mut datagram: &[u8], found: &mut Vec<IpAddr>) -> More {
    while let Some((len, kind)) = header(datagram) {
        if kind == NLMSG_DONE || kind == NLMSG_ERROR {
            return More::No;
        }
        let Some(message) = datagram.get(HEADER_LEN..len) else {
            return More::No;
        };
        if kind == RTM_NEWADDR
            && let Some(ip) = address(message)
        {
            found.push(ip);
        }
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    More::Yes
}

/// Length and kind of a message.
fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
    let [a, b, c, d, e, f, ..] = *header;
    Some((
        u32::from_ne_bytes([a, b, c, d]) as usize,
        u16::from_ne_bytes([e, f]),
    ))
}

/// The address that a message tells of, if it is one for us.
fn address(message: &[u8]) -> Option<IpAddr> {
    let &[family, _, flags, ..] = message.first_chunk::<ABOUT_LEN>()?;
    if flags & UNUSABLE != 0 {
        return None;
    }
    let mut rest = &message[ABOUT_LEN..];
    let mut found = None;
    while let Some([a, b, c, d]) = rest.first_chunk::<ATTRIBUTE_LEN>().copied() {
        let (len, kind) = (
            usize::from(u16::from_ne_bytes([a, b])),
            u16::from_ne_bytes([c, d]),
        );
        let value = rest.get(ATTRIBUTE_LEN..len)?;
        match kind {
            // On a line between two machines, the other attribute is the other one's.
            IFA_LOCAL => found = Some(value),
            IFA_ADDRESS if found.is_none() => found = Some(value),
            _ => {}
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    let ip = match family {
        AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(found?).ok()?).into(),
        AF_INET6 => Ipv6Addr::from(<[u8; 16]>::try_from(found?).ok()?).into(),
        _ => return None,
    };
    is_for_us(ip).then_some(ip)
}

fn is_for_us(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn this_machine_has_addresses() {
        let addresses = addresses().unwrap();
        assert!(!addresses.is_empty());
        for ip in &addresses {
            // Ours, if they can be bound.
            std::net::UdpSocket::bind((*ip, 0)).unwrap();
        }
        assert!(!Watch::open().unwrap().has_news());
    }

    #[test]
    fn messages_are_read() {
        let four = [192, 0, 2, 1];
        let (six, link) = ("2001:db8::1", "fe80::1");
        let six: Ipv6Addr = six.parse().unwrap();
        let link: Ipv6Addr = link.parse().unwrap();
        let rows = [
            (
                "IPv4",
                message(AF_INET, 0, &[(IFA_ADDRESS, &four)]),
                Some(IpAddr::from(four)),
            ),
            (
                "both ends of a line",
                message(AF_INET, 0, &[(IFA_ADDRESS, &[9; 4]), (IFA_LOCAL, &four)]),
                Some(four.into()),
            ),
            (
                "the other way round",
                message(AF_INET, 0, &[(IFA_LOCAL, &four), (IFA_ADDRESS, &[9; 4])]),
                Some(four.into()),
            ),
            (
                "IPv6",
                message(AF_INET6, 0, &[(6, &[0; 5]), (IFA_ADDRESS, &six.octets())]),
                Some(six.into()),
            ),
            (
                "of one link",
                message(AF_INET6, 0, &[(IFA_ADDRESS, &link.octets())]),
                None,
            ),
            (
                "not usable yet",
                message(AF_INET6, 0x40, &[(IFA_ADDRESS, &six.octets())]),
                None,
            ),
            (
                "too short",
                message(AF_INET6, 0, &[(IFA_ADDRESS, &four)]),
                None,
            ),
            (
                "of another kind",
                message(7, 0, &[(IFA_ADDRESS, &four)]),
                None,
            ),
            ("nothing", message(AF_INET, 0, &[]), None),
        ];
        for (name, message, expected) in rows {
            let mut found = Vec::new();
            assert_eq!(
                read(&[message.clone(), message].concat(), &mut found),
                More::Yes,
                "{name}"
            );
            let expected: Vec<IpAddr> = expected.into_iter().chain(expected).collect();
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(
            read(&framed(NLMSG_DONE, &[0; 4]), &mut Vec::new()),
            More::No
        );
    }

    #[test]
    fn loopback_is_for_those_who_have_nothing_else() {
        let (loopback, other) = (
            IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::from([10, 0, 0, 1]),
        );
        assert_eq!(choose(vec![loopback, loopback]), [loopback]);
        assert_eq!(choose(vec![other, loopback, other]), [other]);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200), len in 0_u8..60) {
            let _ = read(&bytes, &mut Vec::new());
            let mut message = framed(RTM_NEWADDR, &bytes);
            message[0] = len;
            let _ = read(&message, &mut Vec::new());
        }
    }

    fn message(family: u8, flags: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![family, 24, flags, 0, 0, 0, 0, 0];
        for (kind, value) in attributes {
            body.extend_from_slice(
                &u16::try_from(ATTRIBUTE_LEN + value.len())
                    .unwrap()
                    .to_ne_bytes(),
            );
            body.extend_from_slice(&kind.to_ne_bytes());
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        framed(RTM_NEWADDR, &body)
    }

    fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(HEADER_LEN + body.len()).unwrap();
        let mut message = Vec::from(len.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.resize(HEADER_LEN, 0);
        message.extend_from_slice(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }
}
