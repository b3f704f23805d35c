//! What a company is told with each call, and what it wants done: data only.

use crate::client::io::Pin;
use crate::client::peer::{Event, Us};
use crate::client::roster::Roster;
use crate::name::MemberId;
use crate::path::paths::{Route, Socket};

/// What a company wants done.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a datagram.
    Send(Route, Option<u8>, Vec<u8>),
    /// Send a frame to a member through the server.
    Relay(MemberId, Vec<u8>),
    /// Open further sockets.
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Store a key.
    Pin(Pin),
    /// An ID's key has changed, and the user was not told yet.
    KeyChanged(MemberId),
    /// Ask the server for this ID: it has written, and the roster does not have it.
    Find(MemberId),
    /// Be seen by the server at our present address.
    Hush,
    /// Something has happened with a peer.
    Event(MemberId, Event),
}

/// What a company must know of the rest, at the moment.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) us: Us<'a>,
    pub(crate) roster: &'a Roster,
}
