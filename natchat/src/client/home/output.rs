//! What the link to the server wants done and what it tells.

use std::net::SocketAddr;

use crate::client::event::Event;
use crate::client::home::letters::Ticket;
use crate::client::io::Farewell;
use crate::crypto::identity::PublicKey;
use crate::name::MemberId;
use crate::wire::from_server::{Departure, Entry};

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
    /// Our own reach has changed: candidates, reflexive address or mapping. `moved`: what was open is not any more
    /// (other interfaces or reflexive address), not just more known.
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
    /// Nobody of this ID is there: answers [`super::Home::find`].
    Nobody(MemberId),
    /// A line for an older client ([`super::Home::older`]) has ended: all of it was handed on, or not all.
    HandedOn {
        /// Which line.
        ticket: Ticket,
        /// Whether the server has confirmed all of it.
        confirmed: bool,
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
