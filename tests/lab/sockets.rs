//! Sockets in hosts, and what can be learnt by them: how a NAT maps, and whom it lets in.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use harness::SOON;
use harness::lab::{Host, Lab};

/// The longest datagram that these tests send.
const DATAGRAM_MAX: usize = 64;

/// A UDP socket in a host.
pub(crate) struct Socket(UdpSocket);

impl Socket {
    /// On a port of the kernel's choice, all IPv4 addresses.
    pub(crate) fn on(host: Host<'_>) -> Self {
        Self::at(host, (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// On this very address.
    pub(crate) fn at(host: Host<'_>, addr: SocketAddr) -> Self {
        let socket = host.enter(|| UdpSocket::bind(addr));
        let socket = socket.unwrap_or_else(|error| panic!("bind {addr}: {error}"));
        socket.set_read_timeout(Some(SOON)).expect("a timeout");
        Self(socket)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().expect("a bound socket").port()
    }

    /// Sends; an error that an earlier packet was answered with does not count.
    pub(crate) fn send(&self, text: &str, to: impl Into<SocketAddr>) {
        let to = to.into();
        self.0
            .send_to(text.as_bytes(), to)
            .unwrap_or_else(|error| panic!("send {text:?} to {to}: {error}"));
    }

    /// Sends, or says why not.
    pub(crate) fn try_send(&self, text: &str, to: impl Into<SocketAddr>) -> io::Result<()> {
        self.0.send_to(text.as_bytes(), to.into()).map(|_| ())
    }

    /// What comes back, as an error, from where nobody listens.
    pub(crate) fn refused_by(&self, addr: SocketAddr) -> io::Error {
        self.0.connect(addr).expect("only a note");
        self.0
            .send(b"anybody there?")
            .expect("nothing came back yet");
        self.receive(&mut [0]).expect_err("an answer by ICMP")
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            match self.0.recv_from(buffer) {
                // The end of a child of another test wakes this thread too, now and then.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => return received,
            }
        }
    }

    /// The next datagram.
    pub(crate) fn next(&self) -> (String, SocketAddr) {
        let mut buffer = [0; DATAGRAM_MAX];
        let (len, from) = self.receive(&mut buffer).expect("a datagram in time");
        (String::from_utf8_lossy(&buffer[..len]).into_owned(), from)
    }

    /// Everything until `last`, which is not among it.
    pub(crate) fn until(&self, last: &str) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.next().0 {
                text if text == last => return texts,
                text => texts.push(text),
            }
        }
    }

    /// Where everything until `last` came from.
    pub(crate) fn sources_until(&self, last: &str) -> Vec<SocketAddr> {
        let mut sources = Vec::new();
        loop {
            match self.next() {
                (text, _) if text == last => return sources,
                (_, from) => sources.push(from),
            }
        }
    }

    /// Whether there is a datagram now.
    pub(crate) fn has_come(&self) -> bool {
        self.0.set_nonblocking(true).expect("a switch");
        let peeked = self.0.peek(&mut [0; DATAGRAM_MAX]);
        self.0.set_nonblocking(false).expect("a switch");
        peeked.is_ok()
    }

    /// Expects this and nothing before it; says whence it came.
    pub(crate) fn expect(&self, expected: &str) -> SocketAddr {
        let (text, from) = self.next();
        assert_eq!(text, expected, "from {from}");
        from
    }
}

/// Three endpoints of the server: another port, and another address.
pub(crate) struct Endpoints {
    pub(crate) main: Socket,
    pub(crate) other_port: Socket,
    pub(crate) other_addr: Socket,
    addrs: [SocketAddr; 3],
}

impl Endpoints {
    pub(crate) fn of(lab: &Lab) -> Self {
        let addrs = lab.server().addrs();
        let on = |addr: Ipv4Addr| Socket::at(lab.server(), (addr, 0).into());
        let (main, other_port, other_addr) = (on(addrs[0]), on(addrs[0]), on(addrs[1]));
        let at = |socket: &Socket| socket.0.local_addr().expect("a bound socket");
        let addrs = [at(&main), at(&other_port), at(&other_addr)];
        Self {
            main,
            other_port,
            other_addr,
            addrs,
        }
    }

    pub(crate) fn main_addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// The address that the server's first endpoint sees, having been written to.
    pub(crate) fn mapped(&self, socket: &Socket) -> SocketAddr {
        socket.send("who am I?", self.addrs[0]);
        self.main.expect("who am I?")
    }

    /// What the three see when the same socket writes to each.
    pub(crate) fn all_mapped(&self, socket: &Socket) -> [SocketAddr; 3] {
        for addr in self.addrs {
            socket.send("map", addr);
        }
        [&self.main, &self.other_port, &self.other_addr].map(|endpoint| endpoint.expect("map"))
    }

    /// Who reaches a socket that has written to the first only.
    pub(crate) fn admitted(&self, socket: &Socket) -> Filtering {
        let mapped = self.mapped(socket);
        self.other_addr.send("other address", mapped);
        self.other_port.send("other port", mapped);
        self.main.send("main", mapped);
        let arrived = socket.until("main");
        match arrived.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Filtering::ByEndpoint,
            ["other port"] => Filtering::ByAddress,
            ["other address", "other port"] => Filtering::None,
            _ => panic!("a filter unknown to RFC 4787 lets in {arrived:?}"),
        }
    }
}

/// RFC 4787 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filtering {
    None,
    ByAddress,
    ByEndpoint,
}

/// RFC 4787 §4.1, and what stands in for it in sequential NATs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// The address is the host's own.
    None,
    Independent,
    ByEndpoint,
    /// By endpoint, each port the one before plus 1.
    Sequential,
}

impl Mapping {
    pub(crate) fn of(own: IpAddr, own_port: u16, seen: [SocketAddr; 3]) -> Self {
        let [a, b, c] = seen.map(|addr| addr.port());
        if seen == [SocketAddr::new(own, own_port); 3] {
            Self::None
        } else if a == b && b == c {
            Self::Independent
        } else if a + 1 == b && b + 1 == c {
            Self::Sequential
        } else {
            assert!(a != b && b != c && a != c, "half a mapping: {seen:?}");
            Self::ByEndpoint
        }
    }
}
