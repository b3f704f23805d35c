//! What a peer wants done, and what it tells: data only.

use crate::client::event::{Audience, Undelivered};
use crate::path::paths::{Route, Socket};
use crate::reliable::connection::Event as Stream;

/// What a peer wants done.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send a datagram: a check with a number of hops, or a frame.
    Send(Route, Option<u8>, Vec<u8>),
    /// Send a frame through the server.
    Relay(Vec<u8>),
    /// Open further sockets for it.
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Be seen by the server at our present address: the peer was busy and has fallen silent.
    Hush,
    /// Something has happened.
    Event(Event),
}

/// What has happened with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has proven that it has its key.
    Proven,
    /// It says something.
    Said(Audience, String),
    /// A line has arrived there.
    Delivered(String),
    /// A line has not, and will not.
    NotDelivered(String, Undelivered),
    /// A record of channel 0 that is no line.
    Record(u8, Vec<u8>),
    /// About another channel.
    Stream(Stream),
    /// All that was written and not delivered is lost, in every channel.
    Lost(Undelivered, Fate),
}

/// What becomes of a connection whose contents are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It lives on.
    Kept,
    /// Another one has taken its place, in which nothing was written yet.
    Replaced,
}
