//! What goes into a client and what comes out of it: data only.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::client::event::Event;
use crate::client::files::{FileReply, FileRequest};
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;
use crate::path::paths::{Route, Socket};

/// Something that has happened to a client.
#[derive(Debug)]
pub enum Input<'a> {
    /// What the server's name means; asked for by [`Output::Resolve`].
    ServerAddrs(Vec<SocketAddr>),
    /// It means nothing, with the system's reason.
    ServerUnresolved(String),
    /// The port of the main socket; comes before the first [`Input::Interfaces`].
    LocalPort(u16),
    /// The addresses of this machine's interfaces: at the start and at each change.
    Interfaces(Vec<IpAddr>),
    /// A datagram has come.
    Datagram {
        /// By which socket.
        socket: Socket,
        /// From where.
        from: SocketAddr,
        /// The whole of it.
        bytes: &'a [u8],
    },
    /// About the one TCP connection to the server.
    Tcp(TcpEvent<'a>),
    /// Answers [`Output::OpenSockets`]: as many as the system gave.
    SocketsOpened(Vec<Socket>),
    /// A line was typed.
    Line(&'a str),
    /// Answers [`Output::File`].
    File(FileReply),
    /// It is to end: `@exit`, the end of the typed lines, an interrupt. What is not delivered yet has some seconds left. A second
    /// one ends at once.
    Leave,
}

/// What has happened to the TCP connection.
#[derive(Clone, Copy, Debug)]
pub enum TcpEvent<'a> {
    /// It stands; with the address at this end.
    Connected(SocketAddr),
    /// A frame has come: what would be a datagram by UDP.
    Frame(&'a [u8]),
    /// It is gone, or could not be made to any address.
    Closed,
}

/// What a client wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// By what way.
        route: Route,
        /// How many routers it may pass; `None`: as usual.
        ttl: Option<u8>,
        /// The whole of it.
        bytes: Vec<u8>,
    },
    /// Connect by TCP to the first of these that takes it.
    TcpOpen(Vec<SocketAddr>),
    /// Send a frame by it.
    TcpSend(Vec<u8>),
    /// Close it; no [`TcpEvent`] follows.
    TcpClose,
    /// Open this many further sockets.
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Find out what the server's name means.
    Resolve,
    /// Tell the user.
    Show(Event),
    /// Remember a key.
    Pin(Pin),
    /// Do something on disk.
    File(FileRequest),
    /// Nothing more to do before this, or before the next input.
    Wait(Option<Instant>),
    /// The end; nothing comes after it.
    Done(Farewell),
}

/// What a client knows when it starts.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The key of the server, if it was ever met.
    pub server: Option<PublicKey>,
    /// The keys of those it has talked to through this server.
    pub peers: BTreeMap<MemberId, PublicKey>,
}

/// A key to be remembered; it replaces one that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The server's.
    Server(PublicKey),
    /// A peer's.
    Peer {
        /// Who.
        id: MemberId,
        /// Its key.
        key: PublicKey,
    },
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It was told to leave, after it had joined.
    Left,
    /// It was told to leave and had never joined.
    NeverJoined,
    /// The ID belongs to another key.
    Taken,
    /// The same key has joined with the same ID from elsewhere.
    Elsewhere,
}

impl Farewell {
    /// Whether it did what it was started for.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Left
    }
}
