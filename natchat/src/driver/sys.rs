//! What no safe wrapper offers: many datagrams a system call, each with the local address that it was addressed to or
//! is to leave from. The only unsafe code of the program.
//!
//! Measured on loopback, a server that answers keep-alives: one by one they cost it half as much time again as 64 at a
//! time. What the bytes mean is read and written in safe code ([`super::names`]).
#![expect(unsafe_code, reason = "the one module that may")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use super::names::{
    CONTROL_LEN, Control, Family, IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_RECVPKTINFO, NAME_LEN,
    Name, SOL_UDP, UDP_GRO,
};

/// Datagrams received or sent at once, at most.
pub(super) const BATCH: usize = 64;

/// What the kernel tells of one received datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Who sent it.
    pub(super) name: Name,
    /// What the kernel says besides.
    pub(super) control: Control,
    /// How much of that.
    pub(super) control_len: usize,
    /// How many bytes it has, of those that there was room for.
    pub(super) len: usize,
    /// Whether it was longer.
    pub(super) is_cut: bool,
}

impl Arrival {
    pub(super) const EMPTY: Self = Self {
        name: Name::EMPTY,
        control: Control::EMPTY,
        control_len: 0,
        len: 0,
        is_cut: false,
    };
}

/// One datagram to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure<'a> {
    /// To whom, and how much of that counts.
    pub(super) name: &'a (Name, u32),
    /// What the kernel is told besides, and how much of that counts.
    pub(super) control: &'a (Control, usize),
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

/// Receives what is there, at most [`BATCH`], and tells how many; does not wait. The bytes of each go to its part of
/// `bytes`, which are all `room` long.
///
/// # Errors
/// Whatever the system says; `WouldBlock` when nothing is there.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    arrivals: &mut [Arrival],
    bytes: &mut [u8],
    room: usize,
) -> io::Result<usize> {
    let mut parts = [NO_PART; BATCH];
    let mut headers = [no_header(); BATCH];
    let mut count: libc::c_uint = 0;
    let places = arrivals.iter_mut().zip(bytes.chunks_exact_mut(room));
    for ((header, part), (arrival, bytes)) in headers.iter_mut().zip(&mut parts).zip(places) {
        *part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        let message = &mut header.msg_hdr;
        message.msg_name = ptr::from_mut(&mut arrival.name).cast();
        message.msg_namelen = NAME_LEN;
        message.msg_iov = part;
        message.msg_iovlen = 1;
        message.msg_control = ptr::from_mut(&mut arrival.control).cast();
        message.msg_controllen = CONTROL_LEN;
        count += 1;
    }
    let fd = socket.as_raw_fd();
    // SAFETY: the first `count` headers were filled in, `count` being no more than either array has. Each points to a
    // name, a part and a control buffer of the lengths given beside them, all of which are borrowed exclusively until
    // the end of this function; a part points to `room` bytes of its own. Any bytes are valid in each of them.
    let received = unsafe {
        libc::recvmmsg(
            fd,
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (header, arrival) in headers.iter().zip(arrivals).take(received) {
        let message = &header.msg_hdr;
        arrival.len = (header.msg_len as usize).min(room);
        arrival.control_len = message.msg_controllen.min(CONTROL_LEN);
        arrival.is_cut = message.msg_flags & libc::MSG_TRUNC != 0;
        if message.msg_namelen == 0 {
            arrival.name = Name::EMPTY;
        }
    }
    Ok(received)
}

/// Sends the first of these, at most [`BATCH`], and tells how many; does not wait. Fewer than all, if one cannot be
/// sent: sent again, it tells why.
///
/// # Errors
/// What is wrong with the first one.
pub(super) fn send<'a>(
    socket: BorrowedFd<'_>,
    departures: impl Iterator<Item = Departure<'a>>,
) -> io::Result<usize> {
    let mut parts = [NO_PART; BATCH];
    let mut headers = [no_header(); BATCH];
    let mut count: libc::c_uint = 0;
    for ((header, part), departure) in headers.iter_mut().zip(&mut parts).zip(departures) {
        let ((name, name_len), (control, control_len)) = (departure.name, departure.control);
        debug_assert!(
            *name_len <= NAME_LEN && *control_len <= CONTROL_LEN,
            "as they were written"
        );
        *part = libc::iovec {
            iov_base: departure.bytes.as_ptr().cast_mut().cast(),
            iov_len: departure.bytes.len(),
        };
        let message = &mut header.msg_hdr;
        message.msg_name = ptr::from_ref(name).cast_mut().cast();
        message.msg_namelen = (*name_len).min(NAME_LEN);
        message.msg_iov = part;
        message.msg_iovlen = 1;
        message.msg_control = ptr::from_ref(control).cast_mut().cast();
        message.msg_controllen = (*control_len).min(CONTROL_LEN);
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the first `count` headers were filled in. Each points to a name, a part and a control buffer of at least
    // the lengths given beside them, which live as long as 'a or until the end of this function; a part points to the
    // bytes of its departure. The kernel only reads them, so that pointers made of shared references do.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// From now on each datagram tells the local address that it was addressed to.
///
/// # Errors
/// If it is no UDP socket of this family.
pub(super) fn tell_local_addresses(socket: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => turn_on(socket, IPPROTO_IP, IP_PKTINFO),
        Family::V6 | Family::Both => turn_on(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO),
    }
}

/// From now on datagrams of one sender that come in a row, all of one length but for the last, may be received as one, and
/// that length is told.
///
/// # Errors
/// If the system cannot (before Linux 5.0).
pub(super) fn take_trains(socket: BorrowedFd<'_>) -> io::Result<()> {
    turn_on(socket, SOL_UDP, UDP_GRO)
}

fn turn_on(socket: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    let value = ptr::from_ref(&on).cast();
    // SAFETY: each of the options above takes a C int, which is what is pointed to.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, value, INT_LEN) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The length of a C int.
const INT_LEN: libc::socklen_t = 4;

const NO_PART: libc::iovec = libc::iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};

fn no_header() -> libc::mmsghdr {
    // SAFETY: the type holds integers and pointers, of which zero is a value.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
    use std::os::fd::AsFd;

    use super::*;

    /// A socket of one's own with a batch in it: all arrive, in order, whole, and tell where they were sent to.
    #[test]
    fn a_batch_arrives_as_it_was_sent() {
        for (bind, family) in [("127.0.0.1:0", Family::V4), ("[::1]:0", Family::V6)] {
            let (receiver, addr) = bound(bind);
            tell_local_addresses(receiver.as_fd(), family).unwrap();
            let (sender, sender_addr) = bound(bind);
            let texts: Vec<Vec<u8>> = (0..BATCH + 6).map(|n| vec![b'x'; n]).collect();
            let name = Name::new(addr, family);
            let control = Control::new(addr.ip(), family, Some(addr.ip()), Some(9), None);
            let departures = |from: usize| {
                texts[from..].iter().map(|bytes| Departure {
                    name: &name,
                    control: &control,
                    bytes,
                })
            };
            assert_eq!(send(sender.as_fd(), departures(0)).unwrap(), BATCH);
            assert_eq!(send(sender.as_fd(), departures(BATCH)).unwrap(), 6);
            let mut arrivals = vec![Arrival::EMPTY; BATCH];
            let mut bytes = vec![0; 60 * BATCH];
            let mut seen = 0;
            while seen < texts.len() {
                let received = receive(receiver.as_fd(), &mut arrivals, &mut bytes, 60).unwrap();
                for arrival in &arrivals[..received] {
                    assert_eq!(arrival.name.addr(), Some(sender_addr), "{bind}");
                    assert_eq!(
                        arrival.control.local(arrival.control_len),
                        Some(addr.ip()),
                        "{bind}"
                    );
                    assert_eq!(
                        (arrival.len, arrival.is_cut),
                        (seen.min(60), seen > 60),
                        "{bind}"
                    );
                    seen += 1;
                }
            }
            let error = receive(receiver.as_fd(), &mut arrivals, &mut bytes, 60).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
    }

    /// A socket of both kinds answers IPv4 from the address that was addressed, here one that it would not choose.
    #[test]
    fn both_kinds_leave_from_the_address_given() {
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        tell_local_addresses(socket.as_fd(), Family::Both).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (client, client_addr) = bound("127.0.0.1:0");
        let other = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 77), port));
        client.send_to(b"?", other).unwrap();
        let mut arrivals = [Arrival::EMPTY];
        assert_eq!(
            receive(socket.as_fd(), &mut arrivals, &mut [0; 8], 8).unwrap(),
            1
        );
        let local = arrivals[0].control.local(arrivals[0].control_len);
        assert_eq!(
            (arrivals[0].name.addr(), local),
            (Some(client_addr), Some(other.ip()))
        );
        let name = Name::new(client_addr, Family::Both);
        let control = Control::new(client_addr.ip(), Family::Both, local, None, None);
        let answer = Departure {
            name: &name,
            control: &control,
            bytes: b"!",
        };
        assert_eq!(send(socket.as_fd(), std::iter::once(answer)).unwrap(), 1);
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap(), (1, other));
    }

    #[test]
    fn what_cannot_be_sent_is_told() {
        let (socket, _) = bound("127.0.0.1:0");
        let name = Name::new("127.0.0.1:0".parse().unwrap(), Family::V4);
        let control = Control::new(Ipv4Addr::LOCALHOST.into(), Family::V4, None, None, None);
        let departure = Departure {
            name: &name,
            control: &control,
            bytes: b"x",
        };
        assert!(
            send(socket.as_fd(), std::iter::once(departure)).is_err(),
            "port 0"
        );
        assert_eq!(send(socket.as_fd(), std::iter::empty()).unwrap(), 0);
        assert!(
            tell_local_addresses(std::fs::File::open("/").unwrap().as_fd(), Family::V4).is_err()
        );
    }

    fn bound(addr: &str) -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind(addr).unwrap();
        let addr = socket.local_addr().unwrap();
        (socket, addr)
    }
}
