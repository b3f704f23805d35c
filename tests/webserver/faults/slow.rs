//! A client that takes exactly as much as it is told, when it is told, and leaves the rest to the system.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::{SOON, Stopwatch};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use super::wait_for;
use crate::client::{Address, Ending, get};
use crate::reply::{Asked, Reply};

/// How much of what comes the system keeps for a client that has not taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// As little as can be.
    Little,
    /// What it thinks is best.
    Usual,
}

/// A connection on which something was asked for.
///
/// Dropping it resets the connection.
#[derive(Debug)]
pub(super) struct Slow(TcpStream);

impl Slow {
    /// Connects.
    #[track_caller]
    pub(super) fn connect(address: &Address, ahead: Ahead) -> Self {
        let Address::Tcp(addr) = address else {
            panic!("not a port");
        };
        let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
        let socket = rustix::net::socket_with(AddressFamily::INET, kind, flags, None);
        let socket = socket.expect("a socket");
        if ahead == Ahead::Little {
            // Before the connection: both sides then agree on short packets too, and are quick with them.
            sockopt::set_socket_recv_buffer_size(&socket, 4096).expect("a socket option");
        }
        rustix::net::connect(&socket, addr).expect("a connection");
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(SOON)).expect("a bound");
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).expect("a socket option");
        Self(socket)
    }

    /// Asks for a path.
    #[track_caller]
    pub(super) fn ask(address: &Address, path: &str, ahead: Ahead) -> Self {
        let slow = Self::connect(address, ahead);
        slow.send(&get(path, &[]));
        slow
    }

    /// Sends all of this, however long that takes.
    #[track_caller]
    pub(super) fn send(&self, bytes: &[u8]) {
        (&self.0).write_all(bytes).expect("it is taken");
    }

    /// Sends as much of this as is taken without anyone reading.
    #[track_caller]
    pub(super) fn flood(&self, mut bytes: &[u8]) {
        let moment = Some(Duration::from_millis(30));
        self.0.set_write_timeout(moment).expect("a bound");
        while let Ok(len @ 1..) = (&self.0).write(bytes) {
            bytes = &bytes[len..];
        }
        self.0.set_write_timeout(None).expect("no bound");
    }

    /// Its own port.
    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().expect("its address").port()
    }

    /// Takes so many bytes at most; none at the end.
    #[track_caller]
    pub(super) fn sip(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let len = (&self.0).read(&mut bytes).expect("more of it");
        bytes.truncate(len);
        bytes
    }

    /// Takes `len` bytes every `pause`, for so long.
    #[track_caller]
    pub(super) fn sip_for(&self, time: Duration, len: usize, pause: Duration) -> Vec<u8> {
        let mut taken = Vec::new();
        let since = Stopwatch::start();
        let mut next = Duration::ZERO;
        while since.elapsed() < time {
            next += pause;
            wait_for(next, since);
            taken.extend(self.sip(len));
        }
        taken
    }

    /// Takes the next reply as fast as it comes. What was taken of it before, and of those behind it, is in `taken`.
    #[track_caller]
    pub(super) fn reply(&self, taken: &mut Vec<u8>) -> Reply {
        loop {
            if let Some((reply, len)) = Reply::parse(taken, Asked::Body).expect("a reply") {
                taken.drain(..len);
                return reply;
            }
            let more = self.sip(64 << 10);
            assert!(!more.is_empty(), "the end after {} bytes", taken.len());
            taken.extend(more);
        }
    }

    /// Takes all that is left.
    #[track_caller]
    pub(super) fn rest(mut self) -> (Vec<u8>, Ending) {
        let mut bytes = Vec::new();
        let ending = match self.0.read_to_end(&mut bytes) {
            Ok(_) => Ending::Closed,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ending::Reset,
            Err(error) => panic!("after {} bytes: {error}", bytes.len()),
        };
        (bytes, ending)
    }
}
