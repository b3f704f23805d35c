//! Sockets to listen on: opened at the start, one set for each worker.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::config::Listen;
use crate::error::ConfigError;
use crate::server::sys;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// The first descriptor that is handed over (sd_listen_fds(3)).
const FIRST_INHERITED: usize = 3;

/// A socket to listen on.
#[derive(Debug)]
pub(crate) struct Door {
    fd: OwnedFd,
    /// Who comes in by it.
    pub(crate) visitors: Visitors,
    /// Whether other workers listen on the same one.
    pub(crate) shared: bool,
}

/// Who comes in by a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitors {
    /// Anyone.
    Public,
    /// Whoever looks after the server.
    Admin,
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The doors of each worker, and where they are.
#[derive(Debug)]
pub(crate) struct Doors {
    /// By worker.
    pub(crate) workers: Vec<Vec<Door>>,
    /// The addresses, if it is TCP that is listened on.
    pub(crate) addrs: Vec<SocketAddr>,
    /// The name, if it is a Unix socket.
    pub(crate) name: Option<SocketName>,
}

/// The name of a Unix socket, which goes when this is dropped, unless it is another server's by then.
#[derive(Debug)]
pub(crate) struct SocketName {
    path: PathBuf,
    /// Device and number of the socket that was made.
    file: Option<(u64, u64)>,
}

impl Doors {
    /// Opens what is to be listened on.
    ///
    /// # Errors
    /// If one of the addresses cannot be had.
    pub(crate) fn open(listen: &Listen, workers: usize) -> Result<Self, ConfigError> {
        let mut doors = Self {
            workers: (0..workers).map(|_| Vec::new()).collect(),
            addrs: Vec::new(),
            name: None,
        };
        match listen {
            Listen::Tcp { addrs, port } if addrs.is_empty() => doors.open_everywhere(*port)?,
            Listen::Tcp { addrs, port } => {
                let mut port = *port;
                for addr in addrs {
                    // Where the system chooses the port, it does so once.
                    port = doors
                        .open_tcp(SocketAddr::new(*addr, port), addrs.len() == 1)?
                        .port();
                }
            }
            Listen::Unix { path, mode } => {
                doors.share(open_unix(path, *mode)?.into())?;
                doors.name = Some(SocketName::new(path));
            }
            Listen::Inherited { count } => {
                for number in FIRST_INHERITED..FIRST_INHERITED + count {
                    doors.share(inherited(number)?)?;
                }
            }
        }
        Ok(doors)
    }

    /// Opens the address at which the server is looked after. One worker does for it.
    pub(crate) fn open_admin(&mut self, addr: SocketAddr) -> Result<SocketAddr, ConfigError> {
        let option = "--admin";
        let failed = |source| ConfigError::Listen {
            option,
            addr,
            source,
        };
        let socket = tcp(addr, Family::Own).map_err(failed)?;
        socket.listen(BACKLOG).map_err(failed)?;
        let addr = local_addr(&socket).map_err(failed)?;
        if let Some(first) = self.workers.first_mut() {
            first.push(Door {
                fd: socket.into(),
                visitors: Visitors::Admin,
                shared: false,
            });
        }
        Ok(addr)
    }

    /// All addresses, of IPv6 and IPv4 alike; of IPv4 alone where the system has no other.
    fn open_everywhere(&mut self, port: u16) -> Result<(), ConfigError> {
        let six = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        match self.open_tcp(six, true) {
            Err(ConfigError::Listen { source, .. })
                if source.kind() != io::ErrorKind::AddrInUse =>
            {
                self.open_tcp(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), true)?;
                Ok(())
            }
            opened => opened.map(drop),
        }
    }

    /// One socket of its own for each worker, so that the system spreads connections over them.
    fn open_tcp(&mut self, addr: SocketAddr, alone: bool) -> Result<SocketAddr, ConfigError> {
        let option = "--port or --bind";
        let failed = |source| ConfigError::Listen {
            option,
            addr,
            source,
        };
        let family = if alone && addr.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            Family::Both
        } else {
            Family::Own
        };
        let first = tcp(addr, family).map_err(failed)?;
        let bound = local_addr(&first).map_err(failed)?;
        // Only now: a first socket that shared its port from the start would share it with another server's, too.
        first.set_reuse_port(true).map_err(failed)?;
        first.listen(BACKLOG).map_err(failed)?;
        let mut sockets = vec![first];
        for _ in 1..self.workers.len() {
            let next = unbound(bound, family).map_err(failed)?;
            next.set_reuse_port(true).map_err(failed)?;
            next.bind(&bound.into()).map_err(failed)?;
            next.listen(BACKLOG).map_err(failed)?;
            sockets.push(next);
        }
        for (doors, socket) in self.workers.iter_mut().zip(sockets) {
            doors.push(Door {
                fd: socket.into(),
                visitors: Visitors::Public,
                shared: false,
            });
        }
        self.addrs.push(bound);
        Ok(bound)
    }

    /// One socket for all workers.
    fn share(&mut self, fd: OwnedFd) -> Result<(), ConfigError> {
        rustix::io::ioctl_fionbio(&fd, true).map_err(io::Error::from)?;
        // Those that were handed over may not have it, and a Unix socket cannot.
        let _ = SockRef::from(&fd).set_tcp_nodelay(true);
        for doors in &mut self.workers {
            doors.push(Door {
                fd: fd.try_clone()?,
                visitors: Visitors::Public,
                shared: true,
            });
        }
        Ok(())
    }
}

/// Which addresses a socket hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Those of its family.
    Own,
    /// Those of IPv4, too.
    Both,
}

fn tcp(addr: SocketAddr, family: Family) -> io::Result<Socket> {
    let socket = unbound(addr, family)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn unbound(addr: SocketAddr, family: Family) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(addr),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if addr.is_ipv6() {
        socket.set_only_v6(family == Family::Own)?;
    }
    // Connections of a server that has just ended do not keep its port.
    socket.set_reuse_address(true)?;
    // Replies leave at once, and accepted connections inherit it.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

fn local_addr(socket: &Socket) -> io::Result<SocketAddr> {
    socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

impl SocketName {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: file_at(path),
        }
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        if self.file.is_some() && file_at(&self.path) == self.file {
            // If it cannot be removed, the next server does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// A Unix socket; one that was left behind by a server that is gone makes way.
fn open_unix(path: &Path, mode: u32) -> Result<UnixListener, ConfigError> {
    let failed = |source| ConfigError::Unix {
        path: path.to_owned(),
        source,
    };
    let taken = |reason| ConfigError::UnixTaken {
        path: path.to_owned(),
        reason,
    };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(taken("something else is there"));
        }
        // Only a refusal shows that nobody listens any more.
        Ok(_) => match knock(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            Ok(()) | Err(_) => return Err(taken("another program has it")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    // Its mode is right from the start: changed afterwards, it would be open to others for a moment.
    let usual = umask(Mode::from_raw_mode(!mode & 0o777));
    let listener = UnixListener::bind(path).map_err(failed);
    umask(usual);
    listener
}

/// Tries to connect, without waiting for a server that is busy.
fn knock(path: &Path) -> io::Result<()> {
    let kind = Type::STREAM.nonblocking().cloexec();
    Socket::new(Domain::UNIX, kind, None)?.connect(&SockAddr::unix(path)?)
}

fn inherited(number: usize) -> Result<OwnedFd, ConfigError> {
    let wrong = || ConfigError::Inherited { number };
    let fd = i32::try_from(number)
        .ok()
        .and_then(|number| sys::inherited(number).ok())
        .ok_or_else(wrong)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).map_err(io::Error::from)?;
    Ok(fd)
}
