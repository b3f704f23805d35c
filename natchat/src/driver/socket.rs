//! UDP sockets: opened for one kind of address or both, read and written in batches.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use common::exit::io_message;
use common::log::Logger;
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_v6only, set_socket_recv_buffer_size,
    set_socket_recv_buffer_size_force, set_socket_send_buffer_size,
    set_socket_send_buffer_size_force,
};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, ipproto, socket_with,
};

use super::batch::{Sending, Way};
use super::names::Family;
use super::sys;

/// A UDP socket, and the datagrams that wait to be sent by it.
#[derive(Debug)]
pub(super) struct Udp {
    fd: OwnedFd,
    local: SocketAddr,
    family: Family,
    sending: Sending,
    logger: Logger,
}

/// How much a socket keeps for us while we are busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffers {
    /// As the system has it.
    Usual,
    /// As much as the system lets us have of this many bytes, each way.
    Wanted(usize),
}

impl Udp {
    /// Opens one at an address.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub(super) fn open(addr: SocketAddr, buffers: Buffers, logger: Logger) -> io::Result<Self> {
        let family = if addr.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        Self::open_for(family, addr, buffers, logger)
    }

    fn open_for(
        family: Family,
        addr: SocketAddr,
        buffers: Buffers,
        logger: Logger,
    ) -> io::Result<Self> {
        let fd = open(SocketType::DGRAM, family)?;
        if family == Family::Both {
            // Some networks drop what tells that a datagram was too long: better in pieces than never there. IPv6 has
            // no need of it: what we send fits the smallest that a link of it may take.
            let _ = set_ip_mtu_discover(&fd, Ipv4PathMtuDiscovery::DONT);
        } else if family == Family::V4 {
            set_ip_mtu_discover(&fd, Ipv4PathMtuDiscovery::DONT)?;
        }
        if let Buffers::Wanted(len) = buffers {
            enlarge(&fd, len);
        }
        bind(&fd, &addr)?;
        let local = local_addr(&fd)?;
        Ok(Self {
            fd,
            local,
            family,
            sending: Sending::new(family),
            logger,
        })
    }

    /// Opens one for all addresses of the machine: of both kinds; of IPv4 alone where the system has no other.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub(super) fn open_everywhere(port: u16, buffers: Buffers, logger: Logger) -> io::Result<Self> {
        let six = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        match Self::open_for(Family::Both, six, buffers, logger) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => Self::open(
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
                buffers,
                logger,
            ),
            opened => opened,
        }
    }

    /// From now on each datagram received tells the local address that it was addressed to.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn tell_local_addresses(&self) -> io::Result<()> {
        sys::tell_local_addresses(self.fd.as_fd(), self.family)
    }

    /// From now on it may receive trains; only in [`Receiving::in_trains`](super::batch::Receiving::in_trains). An older
    /// system has none.
    pub(super) fn take_trains(&self) {
        let _ = sys::take_trains(self.fd.as_fd());
    }

    /// Where it is.
    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Which addresses it takes.
    pub(super) const fn family(&self) -> Family {
        self.family
    }

    /// Sends a datagram, now or with the next [`Self::flush`].
    pub(super) fn send(&mut self, way: Way, bytes: &[u8]) {
        if !self.sending.push(way, bytes) {
            self.flush();
            // One that is longer than any batch is none of ours.
            let _ = self.sending.push(way, bytes);
        }
    }

    /// Sends what waits. What cannot be sent is lost: who sent it notices that it is not answered.
    pub(super) fn flush(&mut self) {
        if self.sending.is_empty() {
            return;
        }
        let losses = self.sending.flush(self.fd.as_fd());
        if let Some(error) = losses.error {
            let message = io_message(&error);
            self.logger.debug(
                "socket",
                "not sent",
                &[
                    ("count", (&losses.count).into()),
                    ("reason", (&message).into()),
                ],
            );
        }
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A socket that never waits, not bound yet.
///
/// # Errors
/// If the system has none.
pub(super) fn open(kind: SocketType, family: Family) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (domain, is_six) = match family {
        Family::V4 => (AddressFamily::INET, false),
        Family::V6 | Family::Both => (AddressFamily::INET6, true),
    };
    let protocol = if kind == SocketType::STREAM {
        ipproto::TCP
    } else {
        ipproto::UDP
    };
    let fd = socket_with(domain, kind, flags, Some(protocol))?;
    if is_six {
        set_ipv6_v6only(&fd, family == Family::V6)?;
    }
    Ok(fd)
}

/// Where a socket is bound.
///
/// # Errors
/// If it is no socket of the Internet.
pub(super) fn local_addr(fd: impl AsFd) -> io::Result<SocketAddr> {
    Ok(SocketAddr::try_from(getsockname(fd)?)?)
}

/// IPv4 as such, whatever its form.
pub(super) fn plain(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V6(six) => match six.ip().to_ipv4_mapped() {
            Some(four) => SocketAddr::new(four.into(), six.port()),
            None => SocketAddrV6::new(*six.ip(), six.port(), 0, six.scope_id()).into(),
        },
        SocketAddr::V4(_) => addr,
    }
}

/// As much as may be had: beyond the system's bound only with privileges, up to it always. Less is no error: what does
/// not fit is sent again.
fn enlarge(fd: impl AsFd, len: usize) {
    let fd = fd.as_fd();
    if set_socket_recv_buffer_size_force(fd, len).is_err() {
        let _ = set_socket_recv_buffer_size(fd, len);
    }
    if set_socket_send_buffer_size_force(fd, len).is_err() {
        let _ = set_socket_send_buffer_size(fd, len);
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
    use common::log::{Format, Level};

    use super::super::batch::Receiving;
    use super::*;

    #[test]
    fn addresses_are_plain() {
        let rows = [
            ("192.0.2.1:9", "192.0.2.1:9"),
            ("[::ffff:192.0.2.1]:9", "192.0.2.1:9"),
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ];
        for (addr, expected) in rows {
            assert_eq!(plain(addr.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn one_for_all_addresses_talks_to_both_kinds() {
        let mut socket = Udp::open_everywhere(0, Buffers::Wanted(1 << 20), quiet()).unwrap();
        let port = socket.local().port();
        let mut receiving = Receiving::singly();
        let kinds: &[&str] = if socket.family() == Family::Both {
            &["127.0.0.1", "::1"]
        } else {
            &["127.0.0.1"]
        };
        for ip in kinds {
            let to = SocketAddr::new(ip.parse().unwrap(), port);
            let way = Way {
                to,
                source: None,
                hops: Some(64),
            };
            socket.send(way, b"x");
            socket.flush();
            assert_eq!(receiving.receive(socket.as_fd()).unwrap(), 1, "{ip}");
            assert_eq!(
                receiving.get(0, 0).map(|received| received.from),
                Some(to),
                "{ip}"
            );
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let socket = Udp::open("127.0.0.1:0".parse().unwrap(), Buffers::Usual, quiet()).unwrap();
        let error = Udp::open(socket.local(), Buffers::Usual, quiet()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let everywhere = Udp::open_everywhere(socket.local().port(), Buffers::Usual, quiet());
        assert_eq!(everywhere.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    fn quiet() -> Logger {
        Logger::new(Level::Error, Format::Text, Clock::start())
    }
}
