//! Carries frames to the server: datagrams to its addresses, or frames down one TCP connection; and queues all else
//! that is wanted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::home::link::Link;
use crate::client::home::output::Output;

/// The most addresses of one server.
const ADDRS: usize = 8;
/// The port by TCP that most networks let out.
const OPEN_PORT: u16 = 443;
/// A connection that failed is tried again after this, and after twice as long each time.
const CONNECT_AGAIN: Duration = Duration::from_millis(250);
/// At most this long after.
const CONNECT_AGAIN_MOST: Duration = Duration::from_secs(5);

/// The ways to the server.
#[derive(Debug)]
pub(crate) struct Carrier {
    addrs: Vec<SocketAddr>,
    tcp: Tcp,
    connect_gap: Duration,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tcp {
    Closed,
    Opening,
    Open,
}

impl Carrier {
    pub(crate) fn new() -> Self {
        Self {
            addrs: Vec::new(),
            tcp: Tcp::Closed,
            connect_gap: CONNECT_AGAIN,
            outputs: VecDeque::new(),
        }
    }

    /// True if they are others than before.
    pub(crate) fn set_addrs(&mut self, addrs: Vec<SocketAddr>) -> bool {
        let canonical = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
        let mut known = Vec::new();
        for addr in addrs.into_iter().map(canonical) {
            if !known.contains(&addr) && known.len() < ADDRS {
                known.push(addr);
            }
        }
        let is_new = known != self.addrs;
        self.addrs = known;
        is_new
    }

    pub(crate) fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, link: Link, frame: Vec<u8>) {
        match link {
            Link::Udp(addr) => self.push(Output::Send(addr, frame)),
            Link::Tcp if self.tcp == Tcp::Open => self.push(Output::TcpSend(frame)),
            // It was lost on the way, as a datagram may be.
            Link::Tcp => {}
        }
    }

    /// Sends a frame to every address, and down the connection if there is one.
    pub(crate) fn send_everywhere(&mut self, frame: &[u8]) {
        for place in 0..self.addrs.len() {
            self.send(Link::Udp(self.addrs[place]), frame.to_vec());
        }
        self.send(Link::Tcp, frame.to_vec());
    }

    /// Opens a connection if there is none; true if that is under way.
    pub(crate) fn connect(&mut self) -> bool {
        if self.addrs.is_empty() {
            return false;
        }
        if self.tcp == Tcp::Closed {
            self.tcp = Tcp::Opening;
            let open = self
                .addrs
                .iter()
                .map(|addr| SocketAddr::new(addr.ip(), OPEN_PORT));
            let open = open.filter(|addr| !self.addrs.contains(addr));
            let addrs = self.addrs.iter().copied().chain(open).collect();
            self.push(Output::TcpOpen(addrs));
        }
        true
    }

    /// The connection stands. False: it is not wanted any more, and closed.
    pub(crate) fn connected(&mut self) -> bool {
        if self.tcp != Tcp::Opening {
            self.tcp = Tcp::Closed;
            self.push(Output::TcpClose);
            return false;
        }
        self.tcp = Tcp::Open;
        true
    }

    /// Whether frames come down a connection that is ours.
    pub(crate) fn is_open(&self) -> bool {
        self.tcp == Tcp::Open
    }

    /// The connection is gone, or was not made. Returns when to try again.
    pub(crate) fn closed(&mut self, now: Instant) -> Instant {
        self.tcp = Tcp::Closed;
        let again = now + self.connect_gap;
        self.connect_gap = (self.connect_gap * 2).min(CONNECT_AGAIN_MOST);
        again
    }

    /// The server has answered: the next failure is the first one again.
    pub(crate) fn works(&mut self) {
        self.connect_gap = CONNECT_AGAIN;
    }

    pub(crate) fn close(&mut self) {
        if self.tcp != Tcp::Closed {
            self.tcp = Tcp::Closed;
            self.push(Output::TcpClose);
        }
    }
}
