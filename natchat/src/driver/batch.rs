//! Datagrams, many at a time: received into buffers that are used again, gathered to be sent together.
//!
//! Nothing here waits for a network: what cannot be sent is lost, as the network itself may lose it, and counted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::names::{Control, Family, Name};
use super::sys::{self, Arrival, BATCH, Departure};
use crate::wire::RECEIVE_LEN;

/// Bytes of datagrams that wait to be sent together: as many as [`BATCH`] of the longest.
const GATHERED_LEN: usize = BATCH * RECEIVE_LEN;

/// How long a full socket is waited for: a burst that the network card is still busy with, not a network that is down.
const FULL_PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 5_000_000,
};

/// Buffers for received datagrams.
#[derive(Debug)]
pub(super) struct Receiving {
    arrivals: Vec<Arrival<RECEIVE_LEN>>,
}

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// The local address that it was addressed to, if the socket tells.
    pub(super) local: Option<IpAddr>,
    /// The whole of it.
    pub(super) bytes: &'a [u8],
}

impl Receiving {
    pub(super) fn new() -> Self {
        Self {
            arrivals: (0..BATCH).map(|_| Arrival::EMPTY).collect(),
        }
    }

    /// Receives what is there, at most [`BATCH`], and tells how many.
    ///
    /// # Errors
    /// Whatever the system says; `WouldBlock` when nothing is there.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        sys::receive(socket, &mut self.arrivals)
    }

    /// The datagram at a place of what was received last; `None` if it was longer than any of ours.
    pub(super) fn get(&self, index: usize) -> Option<Received<'_>> {
        let arrival = self.arrivals.get(index).filter(|arrival| !arrival.is_cut)?;
        Some(Received {
            from: arrival.name.addr()?,
            local: arrival.control.local(arrival.control_len),
            bytes: &arrival.bytes[..arrival.len],
        })
    }
}

/// Datagrams that wait to be sent by one socket.
#[derive(Debug)]
pub(super) struct Sending {
    family: Family,
    items: Vec<Item>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Item {
    name: (Name, u32),
    control: (Control, usize),
    /// Where its bytes end; they begin where those before end.
    end: usize,
}

/// Where a datagram goes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// To whom.
    pub(super) to: SocketAddr,
    /// From which of our addresses; `None`: the system chooses.
    pub(super) source: Option<IpAddr>,
    /// How many routers it may pass; `None`: as usual.
    pub(super) hops: Option<u8>,
}

/// What could not be sent.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// How many.
    pub(super) count: u64,
    /// Why the last one was not.
    pub(super) error: Option<io::Error>,
}

impl Sending {
    /// None yet, for a socket of this family.
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            items: Vec::with_capacity(BATCH),
            bytes: Vec::with_capacity(GATHERED_LEN),
        }
    }

    /// Adds one; false if there is no room before [`Self::flush`].
    #[must_use]
    pub(super) fn push(&mut self, way: Way, bytes: &[u8]) -> bool {
        if self.items.len() == BATCH || self.bytes.len() + bytes.len() > GATHERED_LEN {
            return false;
        }
        if !self.family.takes(way.to.ip()) {
            // As good as sent into a network that has no route to it.
            return true;
        }
        self.bytes.extend_from_slice(bytes);
        self.items.push(Item {
            name: Name::new(way.to, self.family),
            control: Control::new(way.to.ip(), self.family, way.source, way.hops),
            end: self.bytes.len(),
        });
        true
    }

    /// Sends all that waits.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> Losses {
        let mut losses = Losses::default();
        let mut at = 0;
        let mut has_waited = false;
        while at < self.items.len() {
            let start = at.checked_sub(1).map_or(0, |before| self.items[before].end);
            match sys::send(socket, departures(&self.items[at..], &self.bytes, start)) {
                Ok(sent) => at += sent,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !has_waited => {
                    has_waited = true;
                    // Whatever it answers, sending tells more.
                    let _ = poll(
                        &mut [PollFd::from_borrowed_fd(socket, PollFlags::OUT)],
                        Some(&FULL_PAUSE),
                    );
                }
                Err(error) => {
                    losses.count += 1;
                    losses.error = Some(error);
                    at += 1;
                }
            }
        }
        self.items.clear();
        self.bytes.clear();
        losses
    }
}

fn departures<'a>(
    items: &'a [Item],
    bytes: &'a [u8],
    mut start: usize,
) -> impl Iterator<Item = Departure<'a>> {
    items.iter().map(move |item| Departure {
        name: &item.name,
        control: &item.control,
        bytes: &bytes[std::mem::replace(&mut start, item.end)..item.end],
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_gathered_is_sent_but_for_what_cannot_be() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let mut sending = Sending::new(Family::V4);
        let way = |to| Way {
            to,
            source: None,
            hops: None,
        };
        assert!(sending.push(way(to), b"one"));
        assert!(sending.push(way("127.0.0.1:0".parse().unwrap()), b"nowhere"));
        assert!(sending.push(way("[::1]:9".parse().unwrap()), b"not by this socket"));
        assert!(sending.push(way(to), b""));
        assert!(sending.push(way(to), &[7; RECEIVE_LEN + 1]));
        assert!(sending.push(way(to), b"four"));
        let losses = sending.flush(socket.as_fd());
        assert_eq!((losses.count, losses.error.is_some()), (1, true));
        let mut receiving = Receiving::new();
        assert_eq!(receiving.receive(socket.as_fd()).unwrap(), 4);
        let bytes = |index| receiving.get(index).map(|received| received.bytes);
        let expected: [Option<&[u8]>; 4] = [Some(b"one"), Some(b""), None, Some(b"four")];
        assert_eq!([bytes(0), bytes(1), bytes(2), bytes(3)], expected);
        assert_eq!(receiving.get(0).map(|received| received.from), Some(to));
        assert_eq!(sending.flush(socket.as_fd()).count, 0, "each is sent once");
    }

    #[test]
    fn what_there_is_no_room_for_waits() {
        let way = Way {
            to: "127.0.0.1:9".parse().unwrap(),
            source: None,
            hops: None,
        };
        let mut sending = Sending::new(Family::V4);
        assert_eq!(
            (0..BATCH + 5).filter(|_| sending.push(way, b"x")).count(),
            BATCH
        );
        let mut sending = Sending::new(Family::V4);
        assert_eq!(
            (0..BATCH + 5)
                .filter(|_| sending.push(way, &[0; 60_000]))
                .count(),
            GATHERED_LEN / 60_000
        );
    }
}
