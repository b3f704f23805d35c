//! A client's TCP connection to its server: connected to whichever of several addresses takes it first, then frames.
//!
//! All addresses are tried at once: a network that blocks one of them mostly does so by silence, and who waits for that
//! is late.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{RecvFlags, SendFlags, SocketType, connect, recv, send};

use super::names::Family;
use super::socket;
use super::tcp::{Deframer, QUEUE_LEN, SendQueue};

/// Addresses tried at once.
const ATTEMPTS: usize = 8;

/// Bytes received at once.
const RECEIVED_LEN: usize = 64 << 10;

/// The connection, or what is on the way to one.
#[derive(Debug, Default)]
pub(super) enum Link {
    /// None is wanted.
    #[default]
    None,
    /// The first of these.
    Connecting(Vec<OwnedFd>),
    /// It stands.
    Open(Box<Stream>),
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Stream {
    fd: OwnedFd,
    deframer: Deframer,
    queue: SendQueue,
    received: Vec<u8>,
}

/// What has become of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It stands, with this address at our end.
    Connected(SocketAddr),
    /// It is gone, or came to nothing.
    Closed,
}

/// What came of something that happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Nothing to speak of.
    Nothing,
    /// The connection stands: it may be read.
    Open,
    /// It stands now, or has come to nothing.
    Change(Change),
}

impl Link {
    /// Begins anew with these addresses.
    pub(super) fn open(&mut self, addrs: &[SocketAddr]) {
        *self = Self::Connecting(
            addrs
                .iter()
                .take(ATTEMPTS)
                .filter_map(|addr| begin(*addr).ok())
                .collect(),
        );
    }

    /// What is to be waited for.
    pub(super) fn waits(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let (connecting, open): (&[OwnedFd], _) = match self {
            Self::None => (&[], None),
            Self::Connecting(attempts) => (attempts, None),
            Self::Open(stream) => (&[], Some(stream)),
        };
        let open = open.map(|stream| {
            let out = if stream.queue.len() > 0 {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            (stream.fd.as_fd(), PollFlags::IN | out)
        });
        let connecting = connecting.iter().map(|fd| (fd.as_fd(), PollFlags::OUT));
        connecting.chain(open)
    }

    /// Whether it has come to nothing before anything could be waited for.
    pub(super) fn is_hopeless(&self) -> bool {
        matches!(self, Self::Connecting(attempts) if attempts.is_empty())
    }

    /// Something has happened at this place of [`Self::waits`].
    pub(super) fn settle(&mut self, index: usize) -> Settled {
        let attempts = match self {
            Self::None => return Settled::Nothing,
            Self::Connecting(attempts) => attempts,
            Self::Open(_) => return Settled::Open,
        };
        if index >= attempts.len() {
            return Settled::Nothing;
        }
        let fd = attempts.remove(index);
        if let Ok(Ok(())) = socket_error(&fd)
            && let Ok(local) = socket::local_addr(&fd)
        {
            *self = Self::Open(Box::new(Stream::new(fd)));
            return Settled::Change(Change::Connected(socket::plain(local)));
        }
        if attempts.is_empty() {
            *self = Self::None;
            return Settled::Change(Change::Closed);
        }
        Settled::Nothing
    }

    /// Ends it when what is queued has been sent, as far as it goes at once.
    pub(super) fn close(&mut self) {
        self.flush();
        *self = Self::None;
    }

    /// Queues a frame; it is lost if there is no connection or no room.
    pub(super) fn send(&mut self, frame: &[u8]) {
        if let Self::Open(stream) = self {
            // As a datagram may be.
            let _ = stream.queue.push(frame, QUEUE_LEN);
        }
    }

    /// Sends what is queued, as far as it goes.
    pub(super) fn flush(&mut self) {
        if let Self::Open(stream) = self {
            // A connection that has ended says so when it is read, too.
            let _ = flush(stream.fd.as_fd(), &mut stream.queue);
        }
    }

    /// Reads once: each whole frame.
    pub(super) fn receive(&mut self) -> (Vec<Vec<u8>>, Option<Change>) {
        let mut frames = Vec::new();
        let Self::Open(stream) = self else {
            return (frames, None);
        };
        if stream.receive(&mut frames).is_ok() {
            return (frames, None);
        }
        *self = Self::None;
        (frames, Some(Change::Closed))
    }
}

impl Stream {
    fn new(fd: OwnedFd) -> Self {
        // Frames are gathered here; what is sent is to leave at once.
        let _ = set_tcp_nodelay(&fd, true);
        Self {
            fd,
            deframer: Deframer::default(),
            queue: SendQueue::default(),
            received: vec![0; RECEIVED_LEN],
        }
    }

    fn receive(&mut self, frames: &mut Vec<Vec<u8>>) -> io::Result<()> {
        let len = match recv(&self.fd, &mut self.received[..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((_, len)) => len,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut input = &self.received[..len];
        while let Some(frame) = self.deframer.next(&mut input).map_err(io::Error::other)? {
            frames.push(frame.to_vec());
        }
        Ok(())
    }
}

/// Sends what is queued, as far as it goes.
///
/// # Errors
/// If the connection has ended.
pub(super) fn flush(fd: BorrowedFd<'_>, queue: &mut SendQueue) -> io::Result<()> {
    while queue.len() > 0 {
        match send(
            fd,
            queue.unsent(),
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            Ok(sent) => queue.advance(sent),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn begin(addr: SocketAddr) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    let fd = socket::open(SocketType::STREAM, family)?;
    match connect(&fd, &addr) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use rustix::event::{PollFd, Timespec, poll};

    use super::*;

    #[test]
    fn the_first_address_that_takes_it_is_used() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link = Link::None;
        link.open(&[refusing(), listener.local_addr().unwrap()]);
        let change = settled(&mut link);
        let (mut server, client_addr) = listener.accept().unwrap();
        assert_eq!(change, Change::Connected(client_addr));
        link.send(b"hello");
        link.flush();
        let mut bytes = [0; 7];
        server.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"\0\x05hello");
        server.write_all(b"\0\x02yo\0\x01").unwrap();
        assert_eq!(ready(&link), [0]);
        assert_eq!(link.settle(0), Settled::Open);
        assert_eq!(link.receive(), (vec![b"yo".to_vec()], None));
        drop(server);
        ready(&link);
        assert_eq!(link.receive(), (Vec::new(), Some(Change::Closed)));
        assert_eq!(link.settle(0), Settled::Nothing);
        assert_eq!(link.waits().count(), 0);
    }

    #[test]
    fn no_address_takes_it() {
        let mut link = Link::None;
        link.open(&[refusing(), refusing()]);
        assert_eq!(settled(&mut link), Change::Closed);
        link.open(&[]);
        assert!(link.is_hopeless());
    }

    #[test]
    fn what_is_no_frame_closes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link = Link::None;
        link.open(&[listener.local_addr().unwrap()]);
        assert!(matches!(settled(&mut link), Change::Connected(_)));
        listener
            .accept()
            .unwrap()
            .0
            .write_all(b"HTTP/1.1 200 OK\r\n")
            .unwrap();
        ready(&link);
        assert_eq!(link.receive(), (Vec::new(), Some(Change::Closed)));
    }

    /// An address at which nobody listens any more.
    fn refusing() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }

    fn settled(link: &mut Link) -> Change {
        loop {
            assert!(!link.is_hopeless());
            for index in ready(link).into_iter().rev() {
                if let Settled::Change(change) = link.settle(index) {
                    return change;
                }
            }
        }
    }

    /// Waits for any of them.
    fn ready(link: &Link) -> Vec<usize> {
        let mut fds: Vec<_> = link
            .waits()
            .map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags))
            .collect();
        if fds.is_empty() {
            return Vec::new();
        }
        assert!(
            poll(
                &mut fds,
                Some(&Timespec {
                    tv_sec: 10,
                    tv_nsec: 0
                })
            )
            .unwrap()
                > 0
        );
        let ready = fds
            .iter()
            .enumerate()
            .filter(|(_, fd)| !fd.revents().is_empty());
        ready.map(|(index, _)| index).collect()
    }
}
