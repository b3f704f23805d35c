//! The paths to one peer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::crypto::entropy::Entropy;
use crate::crypto::mac::MacKey;
use crate::wire::check::Check;
use crate::wire::reach::{Mapping, Reach};

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

/// A check to be sent, tag included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// By what way.
    pub route: Route,
    /// How many routers it may pass; `None`: as usual. A low number opens our own NAT and does not reach theirs, where an
    /// early packet could occupy the very port that is to be opened.
    pub ttl: Option<u8>,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// From now on send by this way (`None`: by the relay).
    Best(Option<Best>),
    /// Open this many further sockets; their numbers come by [`Paths::sockets_opened`].
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Send the peer a Call of this kind, by relay.
    Call(crate::wire::call::CallKind),
}

/// The best way there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// The way.
    pub route: Route,
    /// How near it is.
    pub class: Class,
    /// Its round trip, as checks measured it.
    pub round_trip: Duration,
}

/// What both sides need to make and know checks.
#[derive(Clone, Copy)]
pub struct CheckKeys {
    /// How we are named in checks.
    pub my_tag: u64,
    /// For what we send.
    pub there: MacKey,
    /// For what we receive.
    pub back: MacKey,
}

/// The paths to one peer.
#[derive(Debug)]
pub struct Paths {
    _todo: (),
}

impl Paths {
    /// None yet.
    #[must_use]
    pub fn new(keys: CheckKeys, entropy: Entropy) -> Self {
        let _ = (keys, entropy);
        unimplemented!()
    }
    /// Starts checking, or starts again with what is now known; goes on with what works. `sockets_v6`: whether IPv6 can be sent at all.
    pub fn start(&mut self, now: Instant, mine: &Reach, theirs: &Reach) {
        let _ = (now, mine, theirs);
        unimplemented!()
    }
    /// The peer asks for birthday probing (Call Birthday came).
    pub fn birthday_asked(&mut self, now: Instant, mine: Mapping, theirs: &Reach) {
        let _ = (now, mine, theirs);
        unimplemented!()
    }
    /// The sockets asked for by [`Event::OpenSockets`], as many as the system gave.
    pub fn sockets_opened(&mut self, now: Instant, sockets: &[Socket]) {
        let _ = (now, sockets);
        unimplemented!()
    }
    /// A check whose sender is this peer; `frame` still has its tag. False: not authentic, nothing done.
    pub fn handle_check(&mut self, now: Instant, route: Route, check: &Check, frame: &[u8]) -> bool {
        let _ = (now, route, check, frame);
        unimplemented!()
    }
    /// An authentic packet came by this way: if it is new, it is challenged by a check; if it is in use, it is alive.
    pub fn heard(&mut self, now: Instant, route: Route) {
        let _ = (now, route);
        unimplemented!()
    }
    /// What was sent by the best path is not acknowledged: check everything again, now.
    pub fn suspect(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// Our own addresses have changed (roaming): no path can be trusted.
    pub fn forget(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// Something is said or was lately: keep the best path open; else let it go after some minutes.
    pub fn used(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// The best way now.
    #[must_use]
    pub fn best(&self) -> Option<Best> {
        unimplemented!()
    }
    /// The next check to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        unimplemented!()
    }
    /// What to do besides.
    pub fn poll_event(&mut self) -> Option<Event> {
        unimplemented!()
    }
    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// Sends what is due, gives up what is overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
}
