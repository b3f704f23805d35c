//! The two things that no safe wrapper offers, each behind a safe function.
#![expect(unsafe_code, reason = "the one module that may")]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::net::sockopt::socket_acceptconn;

/// Bytes handed to a socket that its peer has not acknowledged yet.
///
/// A slow client takes from a socket's buffer long before there is room in it again: without this, one that takes a
/// little all the time cannot be told from one that takes nothing.
///
/// # Errors
/// If the descriptor is no socket.
pub(crate) fn unsent(socket: BorrowedFd<'_>) -> io::Result<u64> {
    /// `SIOCOUTQ`, the same number for all architectures that Linux calls generic.
    const OUTPUT_QUEUE: Opcode = 0x5411;
    // SAFETY: for a socket the request writes one C int, and only that (tcp(7), unix(7)); for anything else it fails.
    let count: i32 = unsafe { ioctl(socket, Getter::<OUTPUT_QUEUE, i32>::new())? };
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Takes over a socket that the parent process has left open for us to listen on.
///
/// To be called before this process listens on anything of its own, so that no socket of ours can be mistaken for it.
///
/// # Errors
/// If the descriptor of this number is not open, or not a listening socket.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is not -1, and only looked at here: whether it is open is what is asked.
    let looked_at = unsafe { BorrowedFd::borrow_raw(number) };
    if !socket_acceptconn(looked_at)? {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: it is open and listens, and nothing in this process does so yet: it was handed over (sd_listen_fds(3)),
    // and each is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_the_peer_has_not_taken_is_counted() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(unsent(ours.as_fd()).unwrap(), 0);
        ours.write_all(&[7; 1000]).unwrap();
        assert!(unsent(ours.as_fd()).unwrap() >= 1000);
        theirs.read_exact(&mut [0; 1000]).unwrap();
        assert_eq!(unsent(ours.as_fd()).unwrap(), 0);
        assert!(unsent(std::fs::File::open("/").unwrap().as_fd()).is_err());
    }

    #[test]
    fn what_does_not_listen_cannot_be_inherited() {
        let file = std::fs::File::open("/").unwrap();
        let (connected, _other) = UnixStream::pair().unwrap();
        for number in [1_000_000, -1, file.as_raw_fd(), connected.as_raw_fd()] {
            assert!(inherited(number).is_err(), "{number}");
        }
    }
}
