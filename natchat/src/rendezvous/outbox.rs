//! What the server wants done, in order: frames lie in one reused arena, so that an answer costs no allocation.
//!
//! Bounded: beyond [`ARENA_LEN`] frames are dropped and counted, as a network drops them. Records, events and orders
//! to open and close are never dropped; there are a few for each input.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use crate::rendezvous::event::Event;
use crate::rendezvous::place::Place;

/// Bytes of frames that wait to be fetched: far more than one input or one slice of work gives.
const ARENA_LEN: usize = 2 << 20;

/// Where a datagram comes in or goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// One of the server's addresses: whatever pair of socket and local address the driver gives this number.
    Main(u8),
    /// A further port, by which clients learn what their NAT does.
    Probe(u8),
    /// A port that stands for a member, for older clients.
    Older(u16),
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send a datagram.
    Send {
        /// From here.
        port: Port,
        /// To there; never an IPv4 address in IPv6 clothes.
        to: SocketAddr,
        /// This.
        bytes: &'a [u8],
    },
    /// Send a frame down a connection.
    TcpSend {
        /// Which.
        conn: u32,
        /// The frame, without its length.
        bytes: &'a [u8],
    },
    /// End a connection when what was sent down it is gone.
    TcpClose {
        /// Which.
        conn: u32,
    },
    /// Bind a port of the system's choice, and tell which by [`super::machine::Input::OlderPort`].
    OpenOlderPort(u16),
    /// Close it.
    CloseOlderPort(u16),
    /// Append a record to the journal.
    Journal(&'a [u8]),
    /// Tell who runs the server.
    Show(Event),
    /// Nothing more until then, or until the next input.
    Wait(Option<Instant>),
}

/// All that waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    arena: Vec<u8>,
    queue: VecDeque<Item>,
    /// Frames that found no room.
    dropped: u64,
}

#[derive(Debug)]
enum Item {
    Datagram {
        port: Port,
        to: SocketAddr,
        bytes: Range<usize>,
    },
    Frame {
        conn: u32,
        bytes: Range<usize>,
    },
    Close(u32),
    OpenOlder(u16),
    CloseOlder(u16),
    Record(Range<usize>),
    Show(Event),
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sends from one of the server's ports.
    pub(crate) fn datagram(&mut self, port: Port, to: SocketAddr, bytes: &[u8]) {
        if let Some(bytes) = self.keep(bytes) {
            self.queue.push_back(Item::Datagram { port, to, bytes });
        }
    }

    /// Sends to where a member is.
    pub(crate) fn send(&mut self, place: &Place, bytes: &[u8]) {
        match *place {
            Place::Udp { port, addr } => self.datagram(Port::Main(port), addr, bytes),
            Place::Tcp(conn) => {
                if let Some(bytes) = self.keep(bytes) {
                    self.queue.push_back(Item::Frame { conn, bytes });
                }
            }
            Place::Nowhere => {}
        }
    }

    pub(crate) fn close(&mut self, conn: u32) {
        self.queue.push_back(Item::Close(conn));
    }

    pub(crate) fn open_older(&mut self, slot: u16) {
        self.queue.push_back(Item::OpenOlder(slot));
    }

    pub(crate) fn close_older(&mut self, slot: u16) {
        self.queue.push_back(Item::CloseOlder(slot));
    }

    pub(crate) fn record(&mut self, bytes: &[u8]) {
        let bytes = self.append(bytes);
        self.queue.push_back(Item::Record(bytes));
    }

    pub(crate) fn show(&mut self, event: Event) {
        self.queue.push_back(Item::Show(event));
    }

    /// The next output; the arena is begun anew when the last one before it has been fetched.
    pub(crate) fn next(&mut self) -> Option<Output<'_>> {
        let Some(item) = self.queue.pop_front() else {
            self.arena.clear();
            return None;
        };
        Some(match item {
            Item::Datagram { port, to, bytes } => Output::Send {
                port,
                to,
                bytes: &self.arena[bytes],
            },
            Item::Frame { conn, bytes } => Output::TcpSend {
                conn,
                bytes: &self.arena[bytes],
            },
            Item::Close(conn) => Output::TcpClose { conn },
            Item::OpenOlder(slot) => Output::OpenOlderPort(slot),
            Item::CloseOlder(slot) => Output::CloseOlderPort(slot),
            Item::Record(bytes) => Output::Journal(&self.arena[bytes]),
            Item::Show(event) => Output::Show(event),
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        if self.arena.len() + bytes.len() > ARENA_LEN {
            self.dropped += 1;
            return None;
        }
        Some(self.append(bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_records_are_not() {
        let mut outbox = Outbox::default();
        let place = Place::Tcp(1);
        let frame = vec![0; ARENA_LEN / 2 + 1];
        outbox.send(&place, &frame);
        outbox.send(&place, &frame);
        outbox.record(&frame);
        outbox.send(&Place::Nowhere, &frame);
        assert_eq!(outbox.dropped(), 1);
        assert!(matches!(
            outbox.next(),
            Some(Output::TcpSend { conn: 1, .. })
        ));
        assert!(matches!(outbox.next(), Some(Output::Journal(record)) if record == frame));
        assert!(outbox.next().is_none());
        outbox.send(&place, &frame);
        assert!(outbox.next().is_some(), "there is room again");
    }
}
