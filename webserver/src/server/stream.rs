//! A connection's socket, plain or encrypted: the one place that knows the difference.
//!
//! Nothing here waits: what cannot be done now is [`io::ErrorKind::WouldBlock`]. An encrypted stream is read to the
//! end of what came before it says so, since the bytes that wake its owner may lie in the library already.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown,
};
use rustls::{InvalidMessage, ServerConnection};
use socket2::SockRef;

/// Bytes that wait inside the library, before and after encryption, at most.
const TLS_BUFFER_LEN: usize = 64 * 1024;

/// Bytes of a file that are read to be encrypted at a time: the longest TLS record (RFC 8446 §5.1).
const RECORD_LEN: usize = 16 * 1024;

/// What came of an attempt to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes received; 0 at the end of the stream.
    pub(crate) len: usize,
    /// Whether that was all there is for now, as far as one can tell.
    pub(crate) drained: bool,
}

/// A connected socket that never waits.
#[derive(Debug)]
pub(crate) struct Stream {
    fd: OwnedFd,
    tls: Option<Box<ServerConnection>>,
}

impl Stream {
    /// A connection as it was accepted.
    pub(crate) const fn new(fd: OwnedFd, tls: Option<Box<ServerConnection>>) -> Self {
        Self { fd, tls }
    }

    /// Receives into `buffer`, which is not empty.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] if a client of an encrypted connection speaks plainly. It is told so plainly, as
    /// it would not understand anything else.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let room = buffer.len();
        match &mut self.tls {
            None => {
                let (_, len) = recv(&self.fd, buffer, RecvFlags::empty())?;
                // A read that did not fill the buffer emptied the socket; whatever comes later wakes its owner again.
                let drained = len < room;
                Ok(Received { len, drained })
            }
            Some(tls) => {
                let received = receive_encrypted(&self.fd, tls, buffer);
                if let Err(error) = &received
                    && error.kind() == io::ErrorKind::Unsupported
                {
                    self.tls = None;
                }
                Ok(Received {
                    len: received?,
                    drained: false,
                })
            }
        }
    }

    /// Sends the stretches as one.
    pub(crate) fn send(&mut self, stretches: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            let flags = SendFlags::NOSIGNAL;
            return Ok(match stretches {
                [one] => send(&self.fd, one, flags)?,
                several => sendmsg(
                    &self.fd,
                    several,
                    &mut SendAncillaryBuffer::default(),
                    flags,
                )?,
            });
        };
        let mut accepted = 0;
        for stretch in stretches {
            let mut left = &stretch[..];
            while !left.is_empty() {
                match tls.writer().write(left)? {
                    0 => match flush_encrypted(&self.fd, tls) {
                        // What was taken counts; that the socket is full shows at the next attempt.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock && accepted > 0 => {
                            return Ok(accepted);
                        }
                        flushed => flushed?,
                    },
                    taken => {
                        accepted += taken;
                        left = &left[taken..];
                    }
                }
            }
        }
        match flush_encrypted(&self.fd, tls) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(accepted),
        }
    }

    /// Sends bytes of a file from `offset` on, which moves along.
    pub(crate) fn send_file(
        &mut self,
        file: &OwnedFd,
        offset: &mut u64,
        len: u64,
    ) -> io::Result<usize> {
        if self.tls.is_none() {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            return Ok(rustix::fs::sendfile(&self.fd, file, Some(offset), len)?);
        }
        self.flush()?;
        let mut record = [0; RECORD_LEN];
        let wanted = RECORD_LEN.min(usize::try_from(len).unwrap_or(RECORD_LEN));
        let read = rustix::io::pread(file, &mut record[..wanted], *offset)?;
        if read == 0 {
            return Ok(0);
        }
        let sent = self.send(&[IoSlice::new(&record[..read])])?;
        *offset += sent as u64;
        Ok(sent)
    }

    /// Sends what the encryption still holds back; nothing on a plain connection.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => flush_encrypted(&self.fd, tls),
            None => Ok(()),
        }
    }

    /// Says that nothing more will be sent. Errors are those of a connection that is ending anyhow.
    pub(crate) fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = flush_encrypted(&self.fd, tls);
        }
        let _ = shutdown(&self.fd, Shutdown::Write);
    }

    /// Bytes that are sent at once at most, as the two systems have agreed; none if this is no such connection.
    pub(crate) fn segment_len(&self) -> u64 {
        SockRef::from(&self.fd).tcp_mss().map_or(0, u64::from)
    }

    /// Has the connection end by a reset. What the client has not taken would else stay with the system, which offers it
    /// for minutes to who does not want it.
    pub(crate) fn reset_at_end(&self) {
        // Fails on a socket that is gone already.
        let _ = SockRef::from(&self.fd).set_linger(Some(Duration::ZERO));
    }

    /// Whether keys are agreed on, so that more can be said than an alert.
    pub(crate) fn has_keys(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking())
    }

    /// Whether closing is more than letting go of the socket.
    pub(crate) const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The library's buffers, bounded, for a new connection.
pub(crate) fn encrypted(
    config: &std::sync::Arc<rustls::ServerConfig>,
) -> Option<Box<ServerConnection>> {
    let mut tls = ServerConnection::new(std::sync::Arc::clone(config)).ok()?;
    tls.set_buffer_limit(Some(TLS_BUFFER_LEN));
    Some(Box::new(tls))
}

fn receive_encrypted(
    fd: &OwnedFd,
    tls: &mut ServerConnection,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match tls.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Cut without a farewell: for requests that is an end like any other.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            read => return read,
        }
        let mut socket = Socket::new(fd);
        if tls.read_tls(&mut socket)? == 0 {
            return Ok(0);
        }
        let processed = tls.process_new_packets();
        if let Err(error) = &processed
            && tls.is_handshaking()
            && is_plain(error, socket.first)
        {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // The handshake's answers, or the alert that says what is wrong.
        let flushed = flush_encrypted(fd, tls);
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match flushed {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

fn flush_encrypted(fd: &OwnedFd, tls: &mut ServerConnection) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(&mut Socket::new(fd))?;
    }
    Ok(())
}

/// Whether what came is no record but the beginning of a method (RFC 9110 §9.1).
fn is_plain(error: &rustls::Error, first: u8) -> bool {
    let is_no_record = matches!(
        error,
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)
    );
    is_no_record && first.is_ascii_uppercase()
}

/// The socket as the library wants it.
struct Socket<'a> {
    fd: &'a OwnedFd,
    /// The first byte that was received.
    first: u8,
}

impl<'a> Socket<'a> {
    const fn new(fd: &'a OwnedFd) -> Self {
        Self { fd, first: 0 }
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (_, len) = recv(self.fd, &mut *buffer, RecvFlags::empty())?;
        self.first = buffer.first().copied().unwrap_or(0);
        Ok(len)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.fd, bytes, SendFlags::NOSIGNAL)?)
    }

    /// The library hands over several records at once.
    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL;
        let mut nothing = SendAncillaryBuffer::default();
        Ok(sendmsg(self.fd, records, &mut nothing, flags)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
