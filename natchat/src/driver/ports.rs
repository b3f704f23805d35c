//! A server's UDP sockets.
//!
//! ```text
//!   main    one for each address it is bound to. One for all addresses is told which of them was addressed, and each gets
//!           a number: answers and later frames leave from the address that the member knows
//!   probe   two further ports at each address, by which clients learn what their NAT does
//!   older   ports that stand for members, for older clients; bound when asked for
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use common::log::Logger;

use super::batch::{Received, Receiving, Way};
use super::names::Family;
use super::socket::{Buffers, Udp};
use crate::error::Error;
use crate::rendezvous::machine::Port;
use crate::wire::from_server::PROBE_PORTS;

/// What a main socket keeps while the server is busy: some 40,000 keep-alives, at 300,000 a second.
const MAIN_BUFFERS: Buffers = Buffers::Wanted(32 << 20);

/// Numbers of main addresses: what a byte holds.
const MAINS: usize = 256;

/// Where the probe ports are looked for first: so far above the first address's port.
const PROBE_OFFSETS: [u16; 2] = [2, 3];

/// How often the system is asked for a port that is free at each address.
const ATTEMPTS: usize = 16;

/// The sockets.
#[derive(Debug)]
pub(super) struct Ports {
    mains: Vec<Udp>,
    /// By number: which socket, and which of its addresses. The first ones are the sockets' own, by their places.
    numbers: Vec<(usize, Option<IpAddr>)>,
    probes: Vec<Udp>,
    /// Where the last datagram at a probe port came from and went to: that is whom an answer is for.
    probed: Option<(SocketAddr, IpAddr)>,
    older: BTreeMap<u16, Vec<Udp>>,
    logger: Logger,
}

/// One of the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this place of the main ones.
    Main(usize),
    /// At this place of the probe ports.
    Probe(usize),
    /// At this place of those that stand for a member.
    Older(u16, usize),
}

impl Ports {
    /// Opens the main ones.
    ///
    /// # Errors
    /// If an address cannot be had.
    pub(super) fn open(bind: &[SocketAddr], logger: Logger) -> Result<Self, Error> {
        let mut mains = Vec::new();
        for addr in bind {
            let socket = open(*addr, bind, MAIN_BUFFERS, logger);
            mains.push(socket.map_err(|source| Error::Listen {
                addr: *addr,
                source,
            })?);
        }
        Ok(Self {
            numbers: (0..mains.len().min(MAINS))
                .map(|place| (place, None))
                .collect(),
            mains,
            probes: Vec::new(),
            probed: None,
            older: BTreeMap::new(),
            logger,
        })
    }

    /// Opens the probe ports, as far as they are to be had, and tells which: each at all addresses.
    pub(super) fn open_probes(&mut self) -> Vec<u16> {
        let Some(first) = self.mains.first().map(|main| main.local().port()) else {
            return Vec::new();
        };
        let mut ports = Vec::new();
        for offset in PROBE_OFFSETS.into_iter().take(PROBE_PORTS) {
            let wanted = first
                .checked_add(offset)
                .and_then(|port| self.open_at(port).ok());
            let opened = wanted.or_else(|| (0..ATTEMPTS).find_map(|_| self.open_at(0).ok()));
            if let Some(sockets) = opened {
                ports.extend(sockets.first().map(|socket| socket.local().port()));
                self.probes.extend(sockets);
            }
        }
        ports
    }

    /// Opens the port that stands for a member, and tells which; `None`: there is none to be had.
    pub(super) fn open_older(&mut self, slot: u16) -> Option<u16> {
        let sockets = (0..ATTEMPTS).find_map(|_| self.open_at(0).ok())?;
        let port = sockets.first()?.local().port();
        self.older.insert(slot, sockets);
        Some(port)
    }

    /// Closes it.
    pub(super) fn close_older(&mut self, slot: u16) {
        self.older.remove(&slot);
    }

    /// The same port at each address; 0: one of the system's choice.
    fn open_at(&self, port: u16) -> io::Result<Vec<Udp>> {
        let mut port = port;
        let mut ips: Vec<IpAddr> = self.mains.iter().map(|main| main.local().ip()).collect();
        ips.dedup();
        let mut sockets = Vec::new();
        for ip in &ips {
            let addrs: Vec<SocketAddr> = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            let socket = open(
                SocketAddr::new(*ip, port),
                &addrs,
                Buffers::Usual,
                self.logger,
            )?;
            port = socket.local().port();
            sockets.push(socket);
        }
        Ok(sockets)
    }

    /// Numbers addresses of the machine, so that the same ones have the same numbers each time: which are new.
    pub(super) fn number(&mut self, own: &[IpAddr]) -> Vec<(u8, SocketAddr)> {
        let mut told = Vec::new();
        for place in 0..self.mains.len() {
            let local = self.mains[place].local();
            if !local.ip().is_unspecified() {
                told.extend(u8::try_from(place).ok().map(|number| (number, local)));
            }
            for ip in own.iter().filter(|_| local.ip().is_unspecified()) {
                if self.mains[place].family().takes(*ip) {
                    told.extend(self.find_number(place, *ip).1);
                }
            }
        }
        told
    }

    /// The number of an address of a socket, and whether it is new.
    fn find_number(&mut self, place: usize, ip: IpAddr) -> (u8, Option<(u8, SocketAddr)>) {
        let known = self
            .numbers
            .iter()
            .position(|number| *number == (place, Some(ip)));
        if let Some(number) = known.and_then(|number| u8::try_from(number).ok()) {
            return (number, None);
        }
        match u8::try_from(self.numbers.len()) {
            Ok(number) => {
                self.numbers.push((place, Some(ip)));
                (
                    number,
                    Some((
                        number,
                        SocketAddr::new(ip, self.mains[place].local().port()),
                    )),
                )
            }
            // A machine with more addresses than a byte can count answers from the one that the system chooses.
            Err(_) => (u8::try_from(place).unwrap_or(0), None),
        }
    }

    /// How the machine calls where a datagram came in, and the address that this stands for if it is new.
    pub(super) fn port(
        &mut self,
        place: Place,
        datagram: &Received<'_>,
    ) -> (Port, Option<(u8, SocketAddr)>) {
        match place {
            Place::Main(place) => {
                let number = u8::try_from(place).unwrap_or(0);
                match datagram.local {
                    None => (Port::Main(number), None),
                    Some(ip) => {
                        let (number, new) = self.find_number(place, ip);
                        (Port::Main(number), new)
                    }
                }
            }
            Place::Probe(place) => {
                self.probed = datagram.local.map(|local| (datagram.from, local));
                (Port::Probe(u8::try_from(place).unwrap_or(u8::MAX)), None)
            }
            Place::Older(slot, _) => (Port::Older(slot), None),
        }
    }

    /// Sends a datagram with the next [`Self::flush`] at the latest.
    pub(super) fn send(&mut self, port: Port, to: SocketAddr, bytes: &[u8]) {
        let (socket, source) = match port {
            Port::Main(number) => {
                let fallback = || self.numbers.first().copied().unwrap_or((0, None));
                let (place, source) = self
                    .numbers
                    .get(usize::from(number))
                    .copied()
                    .unwrap_or_else(fallback);
                (self.mains.get_mut(place), source)
            }
            Port::Probe(place) => {
                let probed = self.probed.filter(|(from, _)| *from == to);
                (
                    self.probes.get_mut(usize::from(place)),
                    probed.map(|(_, local)| local),
                )
            }
            Port::Older(slot) => (
                self.older
                    .get_mut(&slot)
                    .and_then(|sockets| sockets.first_mut()),
                None,
            ),
        };
        if let Some(socket) = socket {
            let hops = None;
            socket.send(Way { to, source, hops }, bytes);
            if let Port::Older(_) = port {
                // There may be hundreds of them, by which little is ever sent.
                socket.flush();
            }
        }
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) {
        let sockets = self.mains.iter_mut().chain(&mut self.probes);
        sockets.for_each(Udp::flush);
    }

    /// Receives at one of them: how many datagrams. Trouble is of the network, which gets over it or not.
    pub(super) fn receive(&self, place: Place, receiving: &mut Receiving) -> usize {
        self.get(place)
            .map_or(0, |socket| receiving.receive(socket.as_fd()).unwrap_or(0))
    }

    /// The main ones and the probe ports.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let probes = (0..self.probes.len()).map(Place::Probe);
        (0..self.mains.len()).map(Place::Main).chain(probes)
    }

    /// Those that stand for a member.
    pub(super) fn places_of(&self, slot: u16) -> impl Iterator<Item = Place> + use<> {
        let count = self.older.get(&slot).map_or(0, Vec::len);
        (0..count).map(move |place| Place::Older(slot, place))
    }

    /// What is to be waited for.
    pub(super) fn fd(&self, place: Place) -> Option<BorrowedFd<'_>> {
        self.get(place).map(Udp::as_fd)
    }

    /// Where the main ones are.
    pub(super) fn locals(&self) -> impl Iterator<Item = (SocketAddr, Family)> {
        self.mains.iter().map(|main| (main.local(), main.family()))
    }

    fn get(&self, place: Place) -> Option<&Udp> {
        match place {
            Place::Main(place) => self.mains.get(place),
            Place::Probe(place) => self.probes.get(place),
            Place::Older(slot, place) => self.older.get(&slot)?.get(place),
        }
    }
}

/// One that tells which address was addressed, if it is for several.
fn open(addr: SocketAddr, all: &[SocketAddr], buffers: Buffers, logger: Logger) -> io::Result<Udp> {
    let socket = if Family::of(addr, all) == Family::Both {
        Udp::open_everywhere(addr.port(), buffers, logger)?
    } else {
        Udp::open(addr, buffers, logger)?
    };
    if addr.ip().is_unspecified() {
        socket.tell_local_addresses()?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, UdpSocket};

    use common::clock::Clock;
    use common::log::{Format, Level};

    use super::*;

    #[test]
    fn answers_leave_from_the_address_that_was_addressed() {
        let mut ports = open_ports(&["0.0.0.0:0"]);
        let probes = ports.open_probes();
        assert_eq!(probes.len(), 2);
        let main = ports.mains[0].local().port();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addressed: Vec<(Place, SocketAddr)> = vec![
            (Place::Main(0), SocketAddr::from(([127, 0, 0, 1], main))),
            (Place::Main(0), SocketAddr::from(([127, 0, 0, 77], main))),
            (
                Place::Probe(0),
                SocketAddr::from(([127, 0, 0, 78], probes[0])),
            ),
            (
                Place::Probe(1),
                SocketAddr::from(([127, 0, 0, 79], probes[1])),
            ),
        ];
        let mut receiving = Receiving::singly();
        for (place, addr) in addressed {
            client.send_to(b"?", addr).unwrap();
            assert_eq!(ports.receive(place, &mut receiving), 1);
            let datagram = receiving.get(0, 0).unwrap();
            let (port, _) = ports.port(place, &datagram);
            ports.send(port, datagram.from, b"!");
            ports.flush();
            let mut buffer = [0; 8];
            assert_eq!(client.recv_from(&mut buffer).unwrap(), (1, addr));
        }
    }

    #[test]
    fn addresses_have_numbers() {
        let mut ports = open_ports(&["0.0.0.0:0", "127.0.0.1:0"]);
        let own: Vec<IpAddr> = vec![
            [10, 0, 0, 1].into(),
            Ipv6Addr::LOCALHOST.into(),
            [10, 0, 0, 2].into(),
        ];
        let (wild, exact) = (ports.mains[0].local().port(), ports.mains[1].local());
        let at = |last| SocketAddr::from(([10, 0, 0, last], wild));
        assert_eq!(ports.number(&own), [(2, at(1)), (3, at(2)), (1, exact)]);
        assert_eq!(
            ports.number(&own),
            [(1, exact)],
            "only what is new, and what is exact"
        );
        let (again, new) = ports.find_number(0, own[2]);
        assert_eq!((again, new), (3, None));
        for last in 0..=255 {
            ports.find_number(0, [10, 0, 1, last].into());
        }
        assert_eq!(ports.numbers.len(), MAINS);
        assert_eq!(
            ports.find_number(1, [10, 0, 2, 1].into()),
            (1, None),
            "too many: the socket's own"
        );
    }

    #[test]
    fn ports_that_stand_for_members_come_and_go() {
        let mut ports = open_ports(&["127.0.0.1:0", "127.0.0.2:0"]);
        let port = ports.open_older(7).unwrap();
        assert_eq!(ports.places_of(7).count(), 2, "at each address");
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"?", ("127.0.0.2", port)).unwrap();
        assert_eq!(
            ports.receive(Place::Older(7, 1), &mut Receiving::singly()),
            1
        );
        ports.close_older(7);
        assert_eq!(ports.places_of(7).count(), 0);
    }

    #[test]
    fn a_taken_port_is_named() {
        let ports = open_ports(&["127.0.0.1:0"]);
        let addr = ports.mains[0].local();
        let logger = Logger::new(Level::Error, Format::Text, Clock::start());
        let error = Ports::open(&[addr], logger).unwrap_err();
        let told = common::exit::describe(&error);
        assert!(told.contains(&addr.to_string()), "{told}");
    }

    fn open_ports(bind: &[&str]) -> Ports {
        let bind: Vec<SocketAddr> = bind.iter().map(|addr| addr.parse().unwrap()).collect();
        Ports::open(
            &bind,
            Logger::new(Level::Error, Format::Text, Clock::start()),
        )
        .unwrap()
    }
}
