//! A client's UDP sockets: the one that it always has, and those that it opens to get through a hard NAT.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use common::log::Logger;

use super::batch::{Receiving, Way};
use super::names::Family;
use super::socket::{Buffers, Udp};
use crate::error::Error;
use crate::path::paths::{MAIN_SOCKET, Route, Socket};

/// Further sockets at a time; as many as probing a hard NAT takes.
const FURTHER: usize = 256;

/// What the main socket keeps for us: a file comes with hundreds of packets in a row.
const MAIN_BUFFERS: Buffers = Buffers::Wanted(4 << 20);

/// The sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    main: Udp,
    further: BTreeMap<Socket, Udp>,
    /// The number of the next one that is opened. None is used for another as long as it may still be named.
    next: Socket,
    logger: Logger,
}

impl Sockets {
    /// Opens the main one at a port; 0: one of the system's choice.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub(super) fn open(port: u16, logger: Logger) -> Result<Self, Error> {
        let main = Udp::open_everywhere(port, MAIN_BUFFERS, logger);
        let addr = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let main = main.map_err(|source| Error::Listen { addr, source })?;
        main.take_trains();
        Ok(Self {
            main,
            further: BTreeMap::new(),
            next: MAIN_SOCKET,
            logger,
        })
    }

    /// The main one's port.
    pub(super) const fn port(&self) -> u16 {
        self.main.local().port()
    }

    /// Opens further ones, and tells which: fewer than asked for, if the system has no more.
    pub(super) fn open_further(&mut self, count: u16) -> Vec<Socket> {
        let wanted = usize::from(count).min(FURTHER.saturating_sub(self.further.len()));
        let mut opened = Vec::with_capacity(wanted);
        // Probes go to IPv4: an IPv6 firewall is opened by one packet.
        while opened.len() < wanted
            && let Ok(socket) = self.open_one()
        {
            let number = self.free_number();
            self.further.insert(number, socket);
            opened.push(number);
        }
        opened
    }

    fn open_one(&self) -> io::Result<Udp> {
        match self.main.family() {
            Family::V4 => Udp::open(([0; 4], 0).into(), Buffers::Usual, self.logger),
            Family::V6 | Family::Both => Udp::open_everywhere(0, Buffers::Usual, self.logger),
        }
    }

    fn free_number(&mut self) -> Socket {
        loop {
            self.next = self.next.checked_add(1).unwrap_or(MAIN_SOCKET + 1);
            if !self.further.contains_key(&self.next) {
                return self.next;
            }
        }
    }

    /// Closes some of the further ones.
    pub(super) fn close(&mut self, numbers: &[Socket]) {
        for number in numbers {
            self.further.remove(number);
        }
    }

    /// Sends a datagram with the next [`Self::flush`] at the latest; by a socket that is closed it is lost.
    pub(super) fn send(&mut self, route: Route, hops: Option<u8>, bytes: &[u8]) {
        let way = Way {
            to: route.addr,
            source: None,
            hops,
        };
        if route.socket == MAIN_SOCKET {
            self.main.send(way, bytes);
        } else if let Some(socket) = self.further.get_mut(&route.socket) {
            socket.send(way, bytes);
            socket.flush();
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        self.main.flush();
    }

    /// What is to be waited for, with its number.
    pub(super) fn waits(&self) -> impl Iterator<Item = (Socket, BorrowedFd<'_>)> {
        let further = self
            .further
            .iter()
            .map(|(number, socket)| (*number, socket.as_fd()));
        std::iter::once((MAIN_SOCKET, self.main.as_fd())).chain(further)
    }

    /// Receives from one of them: how many datagrams or trains. Trouble is of the network, which gets over it or not.
    pub(super) fn receive(&self, number: Socket, receiving: &mut Receiving) -> usize {
        let socket = if number == MAIN_SOCKET {
            Some(&self.main)
        } else {
            self.further.get(&number)
        };
        socket.map_or(0, |socket| receiving.receive(socket.as_fd()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;
    use common::log::{Format, Level};

    use super::*;

    #[test]
    fn each_socket_sends_and_receives_under_its_number() {
        let logger = Logger::new(Level::Error, Format::Text, Clock::start());
        let mut sockets = Sockets::open(0, logger).unwrap();
        let opened = sockets.open_further(3);
        assert_eq!(opened, [1, 2, 3]);
        sockets.close(&[2]);
        assert_eq!(
            sockets.open_further(1),
            [4],
            "2 may still be named by what is under way"
        );
        let addr = SocketAddr::from(([127, 0, 0, 1], sockets.port()));
        for number in [0, 1, 2, 3] {
            sockets.send(
                Route {
                    socket: number,
                    addr,
                },
                Some(5),
                &[u8::try_from(number).unwrap()],
            );
        }
        sockets.flush();
        let mut receiving = Receiving::in_trains();
        assert_eq!(
            sockets.receive(MAIN_SOCKET, &mut receiving),
            3,
            "by 2 it was lost"
        );
        let mut sources: Vec<_> = (0..3)
            .filter_map(|index| receiving.get(index, 0))
            .map(|got| got.from)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), 3, "from a port of its own each");
        assert_eq!(sockets.open_further(u16::MAX).len(), FURTHER - 3);
        assert_eq!(sockets.waits().count(), FURTHER + 1);
    }
}
