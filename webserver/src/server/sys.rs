//! The two things that no safe wrapper offers, each behind a safe function.
#![expect(unsafe_code, reason = "the one module that may")]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::ioctl::{Getter, Opcode, ioctl};

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

/// Takes over a descriptor that the parent process has left open for us.
///
/// # Errors
/// If there is none of this number.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is only looked at here, and F_GETFD tells without harm whether it is open.
    let open = rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) });
    open?;
    // SAFETY: it is open, and by the protocol (sd_listen_fds(3)) the numbers from 3 on are handed to this process
    // alone; nothing else here was told of them, and each is taken once, at the start.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
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
    fn what_is_not_open_cannot_be_inherited() {
        assert!(inherited(1_000_000).is_err());
    }
}
