//! A raw client: it sends exactly the bytes it is told, in the pieces it is told, and sees how the connection ends.
//!
//! Sockets are used without a wrapper that would hide a reset or gather two sends in one. Every wait has a bound, and
//! what goes wrong is a sentence for the row or test that asked.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use harness::Stopwatch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

use crate::reply::{Asked, Reply};

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In order: the far side said that nothing more comes.
    Closed,
    /// By a reset, which may destroy what the far side had sent (RFC 9112 §9.6).
    Reset,
}

/// How long anything that should happen at once may take, on a machine under load.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    socket: OwnedFd,
    unread: Vec<u8>,
    ending: Option<Ending>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: &Address) -> Result<Self, String> {
        let socket: OwnedFd = match address {
            Address::Tcp(addr) => {
                let stream = TcpStream::connect(addr)
                    .map_err(|error| format!("connect to {addr}: {error}"))?;
                stream.set_nodelay(true).expect("a socket option");
                stream.into()
            }
            Address::Unix(path) => UnixStream::connect(path)
                .map_err(|error| format!("connect to {}: {error}", path.display()))?
                .into(),
        };
        // Tens of thousands of connections are made here: closed in order they would hold their ports for a minute.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).expect("a socket option");
        rustix::io::ioctl_fionbio(&socket, true).expect("a socket that does not block");
        Ok(Self {
            socket,
            unread: Vec::new(),
            ending: None,
        })
    }

    /// Makes the kernel keep little of what comes, so that a client that does not read is felt soon.
    pub(crate) fn reads_little_ahead(self) -> Self {
        sockopt::set_socket_recv_buffer_size(&self.socket, 64 << 10).expect("a socket option");
        self
    }

    /// Sends all of `bytes`. A connection that the far side has ended is no error: its reply says why.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let since = Stopwatch::start();
        let mut rest = bytes;
        while !rest.is_empty() {
            match send(&self.socket, rest, SendFlags::NOSIGNAL) {
                Ok(len) => rest = &rest[len..],
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(Errno::AGAIN) if self.wait(PollFlags::OUT, since) => {}
                Err(Errno::AGAIN) => return Err(format!("{} bytes not taken", rest.len())),
                Err(error) => return Err(format!("send: {error}")),
            }
        }
        Ok(())
    }

    /// Sends as much of `bytes` as is taken without waiting for the far side.
    pub(crate) fn send_some(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let since = Stopwatch::start();
        while let Ok(len @ 1..) = send(&self.socket, rest, SendFlags::NOSIGNAL) {
            rest = &rest[len..];
            if !self.wait_for(PollFlags::OUT, Duration::from_millis(200), since) {
                break;
            }
        }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn send_end(&mut self) {
        shutdown(&self.socket, Shutdown::Write).ok();
    }

    /// Whether something has come, or the end.
    pub(crate) fn has_news(&self) -> bool {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        !self.unread.is_empty() || poll(&mut fds, Some(&zero)).is_ok_and(|count| count > 0)
    }

    /// Waits for the next reply.
    pub(crate) fn reply(&mut self, asked: Asked) -> Result<Reply, String> {
        self.reply_within(asked, PATIENCE)
    }

    /// Waits for the next reply for so long at most.
    pub(crate) fn reply_within(&mut self, asked: Asked, limit: Duration) -> Result<Reply, String> {
        let since = Stopwatch::start();
        loop {
            if let Some((reply, len)) = Reply::parse(&self.unread, asked)? {
                self.unread.drain(..len);
                return Ok(reply);
            }
            if !self.fill(limit, since)? {
                let end = self.ending;
                return Err(format!("{end:?} after {}", shown(&self.unread)));
            }
        }
    }

    /// Takes so many bytes of what comes, whatever they are.
    pub(crate) fn take(&mut self, len: usize) -> Result<Vec<u8>, String> {
        while self.unread.len() < len {
            if !self.fill(PATIENCE, Stopwatch::start())? {
                return Err(format!(
                    "{:?} after {} bytes",
                    self.ending,
                    self.unread.len()
                ));
            }
        }
        Ok(self.unread.drain(..len).collect())
    }

    /// Takes whatever comes until the end.
    pub(crate) fn rest(&mut self) -> Result<(Vec<u8>, Ending), String> {
        self.rest_within(PATIENCE)
    }

    /// As [`Client::rest`], as long as no pause is longer than this.
    pub(crate) fn rest_within(&mut self, limit: Duration) -> Result<(Vec<u8>, Ending), String> {
        while self.fill(limit, Stopwatch::start())? {}
        let ending = self.ending.ok_or("no end")?;
        Ok((std::mem::take(&mut self.unread), ending))
    }

    /// Waits for the end of the connection, before which nothing more may come.
    pub(crate) fn ending(&mut self) -> Result<Ending, String> {
        self.ending_within(PATIENCE)
    }

    /// As [`Client::ending`], for so long at most.
    pub(crate) fn ending_within(&mut self, limit: Duration) -> Result<Ending, String> {
        let since = Stopwatch::start();
        loop {
            if !self.unread.is_empty() {
                return Err(format!("{} instead of the end", shown(&self.unread)));
            }
            if !self.fill(limit, since)? {
                return self.ending.ok_or_else(|| "no end".into());
            }
        }
    }

    /// Sends a request and returns its reply, which must be a reply of ours in all that every reply is.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &[u8]) -> Reply {
        let reply = self
            .send(request)
            .and_then(|()| self.reply(asked(request)))
            .and_then(|reply| match reply.check() {
                Ok(()) => Ok(reply),
                Err(error) => Err(format!("{error}:\n{reply}")),
            });
        reply.unwrap_or_else(|error| panic!("{}\ngot: {error}", shown(request)))
    }

    /// Gets a path.
    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.ask(&get(path, &[]))
    }

    /// Gets a path with further fields.
    #[track_caller]
    pub(crate) fn get_with(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.ask(&get(path, fields))
    }

    /// Waits for more bytes and takes them; false at the end.
    fn fill(&mut self, limit: Duration, since: Stopwatch) -> Result<bool, String> {
        if self.ending.is_some() {
            return Ok(false);
        }
        let mut buffer = [0; 64 << 10];
        loop {
            match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((_, 0)) => {
                    self.ending = Some(Ending::Closed);
                    return Ok(false);
                }
                Ok((_, len)) => {
                    self.unread.extend_from_slice(&buffer[..len]);
                    return Ok(true);
                }
                Err(Errno::CONNRESET | Errno::PIPE) => {
                    self.ending = Some(Ending::Reset);
                    return Ok(false);
                }
                Err(Errno::AGAIN) => {
                    if !self.wait_for(PollFlags::IN, limit, since) {
                        let so_far = shown(&self.unread);
                        return Err(format!("nothing within {limit:?} after {so_far}"));
                    }
                }
                Err(error) => return Err(format!("receive: {error}")),
            }
        }
    }

    fn wait(&self, flags: PollFlags, since: Stopwatch) -> bool {
        self.wait_for(flags, PATIENCE, since)
    }

    /// Waits until one of these holds, until `limit` after `since`.
    fn wait_for(&self, flags: PollFlags, limit: Duration, since: Stopwatch) -> bool {
        let left = limit.saturating_sub(since.elapsed());
        let left = Timespec::try_from(left).expect("a bound within the kernel's range");
        let mut fds = [PollFd::new(&self.socket, flags)];
        loop {
            match poll(&mut fds, Some(&left)) {
                Err(Errno::INTR) => {}
                result => return result.is_ok_and(|count| count > 0),
            }
        }
    }
}

/// A GET with further fields.
pub(crate) fn get(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    request("GET", path, fields)
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: h\r\n");
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// Whether a body may follow the reply to this request.
pub(crate) fn asked(request: &[u8]) -> Asked {
    let start = request
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(0);
    if request[start..].starts_with(b"HEAD ") {
        Asked::Head
    } else {
        Asked::Body
    }
}

/// The beginning of some bytes, for messages.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const LEN: usize = 600;
    let start = &bytes[..bytes.len().min(LEN)];
    let more = match bytes.len().checked_sub(LEN) {
        Some(more @ 1..) => format!(" and {more} more bytes"),
        _ => String::new(),
    };
    format!("\"{}\"{more}", start.escape_ascii())
}
