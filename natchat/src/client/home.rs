//! The client's side of the server: finding and joining it by UDP or TCP, keep-alive, presence, relaying, our own reach.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::client::event::Event;
use crate::client::io::{Farewell, TcpEvent};
use crate::client::roster::Roster;
use crate::config::ClientConfig;
use crate::crypto::entropy::Entropy;
use crate::crypto::identity::{Identity, PublicKey};
use crate::name::MemberId;
use crate::wire::from_server::{Departure, Entry};
use crate::wire::reach::Reach;

/// What it wants done and what it tells.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send to the server, or one of its probe ports, from the main socket.
    Send(SocketAddr, Vec<u8>),
    /// As in [`crate::client::io::Output`].
    TcpOpen(Vec<SocketAddr>),
    /// As in [`crate::client::io::Output`].
    TcpSend(Vec<u8>),
    /// As in [`crate::client::io::Output`].
    TcpClose,
    /// As in [`crate::client::io::Output`].
    Resolve,
    /// For the user: what is about the server and ourselves (not about other members).
    Show(Event),
    /// The server's key was met for the first time, or trusted.
    Pin(PublicKey),
    /// We are joined (first, or again after a time without the server).
    Joined,
    /// The roster is known (once): the answer to the first Sync is complete.
    RosterKnown,
    /// Our own reach has changed: candidates, reflexive address or mapping. `moved`: what was open is not any more (other interfaces or
    /// reflexive address), not just more known.
    ReachChanged {
        /// Whether old paths are to be doubted.
        moved: bool,
    },
    /// A member came, or came again, or is to be reached elsewhere; the roster has it. `before`: its entry until now.
    Here {
        /// As it is now.
        entry: Box<Entry>,
        /// As it was.
        before: Option<Box<Entry>>,
    },
    /// A member went; the roster has it no more.
    Gone {
        /// As it was.
        entry: Box<Entry>,
        /// How.
        how: Departure,
    },
    /// A line from a member with an older client.
    Older {
        /// Who.
        from: MemberId,
        /// The line.
        text: String,
    },
    /// The server knows that we left, or did not answer in time; or it ended us. Nothing comes after this.
    Ended(Farewell),
}

/// The server, as seen from here.
#[derive(Debug)]
pub(crate) struct Home {}

impl Home {
    /// Nothing known yet but its name.
    pub(crate) fn new(
        config: &ClientConfig,
        identity: Identity,
        pinned: Option<PublicKey>,
        incarnation: u64,
        entropy: Entropy,
        now: Instant,
    ) -> Self {
        let _ = (config, identity, pinned, incarnation, entropy, now);
        unimplemented!()
    }
    /// As in [`crate::client::io::Input`].
    pub(crate) fn server_addrs(&mut self, now: Instant, addrs: Vec<SocketAddr>) {
        let _ = (now, addrs);
        unimplemented!()
    }
    /// As in [`crate::client::io::Input`].
    pub(crate) fn server_unresolved(&mut self, now: Instant, reason: String) {
        let _ = (now, reason);
        unimplemented!()
    }
    /// As in [`crate::client::io::Input`].
    pub(crate) fn local_port(&mut self, now: Instant, port: u16) {
        let _ = (now, port);
        unimplemented!()
    }
    /// As in [`crate::client::io::Input`].
    pub(crate) fn interfaces(&mut self, now: Instant, addrs: Vec<IpAddr>) {
        let _ = (now, addrs);
        unimplemented!()
    }
    /// A 0xF9 frame at the main socket, or a frame of that kind by TCP; whoever it is from.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let _ = (now, from, bytes);
        unimplemented!()
    }
    /// As in [`crate::client::io::Input`]; a Frame that is 0xFB does not come here.
    pub(crate) fn handle_tcp(&mut self, now: Instant, event: TcpEvent<'_>) {
        let _ = (now, event);
        unimplemented!()
    }
    /// Whether a relayed frame (0xFB) from here is the server's: from the address that is in use.
    pub(crate) fn is_server(&self, from: SocketAddr) -> bool {
        let _ = from;
        unimplemented!()
    }
    /// Sends a peer frame through the server; false if we are not joined.
    pub(crate) fn relay(&mut self, now: Instant, to: u64, frame: &[u8]) -> bool {
        let _ = (now, to, frame);
        unimplemented!()
    }
    /// Sends a line to an older client, in parts if it is long; false if we are not joined.
    pub(crate) fn older(&mut self, now: Instant, to: u64, text: &str) -> bool {
        let _ = (now, to, text);
        unimplemented!()
    }
    /// Somebody unknown has written: asks for the presence changes now (at a bounded rate).
    pub(crate) fn sync(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// `@trust server`: takes the server's new key.
    pub(crate) fn trust_server(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// Says Leave, again until it is answered, for a second; then [`Output::Ended`].
    pub(crate) fn leave(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// What to do next.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        unimplemented!()
    }
    /// When [`Self::handle_timeout`] has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// Sends what is due, gives up what is overdue.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        unimplemented!()
    }
    /// Who is there.
    pub(crate) fn roster(&self) -> &Roster {
        unimplemented!()
    }
    /// Whether we are joined now.
    pub(crate) fn is_joined(&self) -> bool {
        unimplemented!()
    }
    /// Our incarnation as the others know it; it rises above what we were started with if the server knew a later one.
    pub(crate) fn incarnation(&self) -> u64 {
        unimplemented!()
    }
    /// Where we may be reached, reflexive address included: what calls bring.
    pub(crate) fn reach(&self) -> &Reach {
        unimplemented!()
    }
    /// The address that the server sees.
    pub(crate) fn reflexive(&self) -> Option<SocketAddr> {
        unimplemented!()
    }
}
