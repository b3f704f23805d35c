//! The doors of a worker: who comes in, and when nobody may.
//!
//! Rule: whoever cannot be taken in now is left in the system's queue, and is taken in when there is room again. Only
//! when there is not even a descriptor to say so with is one client told that there is no room.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{SendFlags, SocketFlags, accept_with, acceptfrom_with, send};

use crate::server::listen::{Door, Visitors};

/// How long nobody is taken in after the system had no descriptor left, in milliseconds.
const PAUSE_MS: u64 = 100;

/// How long it is until it is looked at again whether there is room for others, in milliseconds.
const FULL_MS: u64 = 50;

/// What events at the doors are told by: this and their number.
pub(crate) const FIRST_DOOR: u64 = u64::MAX - 1024;

/// Doors, and whether they are open.
#[derive(Debug)]
pub(crate) struct Entrance {
    doors: Vec<Door>,
    state: State,
    /// Given up for a moment when there is no other descriptor left, to tell a client so.
    spare: Option<OwnedFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Closed to the public, until this time or until one of those inside has left. Times are milliseconds since the
    /// worker began.
    Full {
        until: u64,
    },
    /// Closed until this time.
    NoRoom {
        until: u64,
    },
}

/// Who is at a door.
#[derive(Debug)]
pub(crate) enum AtDoor {
    /// This one, who is in now.
    Visitor(Visitor),
    /// Nobody, or nobody who may come in now.
    Nobody,
    /// Somebody who could not be taken in, since the system has no room.
    NoRoom,
}

/// Somebody who came in.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// The connection.
    pub(crate) fd: OwnedFd,
    /// Where it comes from, if that was asked for and is an address.
    pub(crate) client: Option<IpAddr>,
    /// By which kind of door.
    pub(crate) kind: Visitors,
}

impl Entrance {
    /// Opens the doors.
    pub(crate) fn open(doors: Vec<Door>, epoll: &OwnedFd) -> io::Result<Self> {
        for (number, door) in doors.iter().enumerate() {
            watch(epoll, number, door)?;
        }
        Ok(Self {
            doors,
            state: State::Open,
            spare: spare(),
        })
    }

    /// How many doors there are.
    pub(crate) const fn len(&self) -> usize {
        self.doors.len()
    }

    /// For whom a door is.
    pub(crate) fn visitors(&self, number: usize) -> Option<Visitors> {
        self.doors.get(number).map(|door| door.visitors)
    }

    /// Takes in the next one at a door.
    pub(crate) fn next(&mut self, number: usize, asks_who: bool) -> AtDoor {
        let is_open = |door: &&Door| match self.state {
            State::Open => true,
            State::Full { .. } => door.visitors == Visitors::Admin,
            State::NoRoom { .. } => false,
        };
        let Some(door) = self.doors.get(number).filter(is_open) else {
            return AtDoor::Nobody;
        };
        loop {
            return match accept(door, asks_who) {
                Ok((fd, client)) => AtDoor::Visitor(Visitor {
                    fd,
                    client,
                    kind: door.visitors,
                }),
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => AtDoor::NoRoom,
                // The client went away again while it waited, or the network did (accept(2)).
                Err(
                    Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::PROTO
                    | Errno::NETDOWN
                    | Errno::NOPROTOOPT
                    | Errno::HOSTDOWN
                    | Errno::HOSTUNREACH
                    | Errno::OPNOTSUPP
                    | Errno::NETUNREACH
                    | Errno::PERM,
                ) => continue,
                Err(_) => AtDoor::Nobody,
            };
        }
    }

    /// Tells one who is at a door that there is no room, with the descriptor that was kept for it, and closes for a
    /// moment. Encrypted, nothing can be told so quickly.
    pub(crate) fn turn_away(
        &mut self,
        number: usize,
        is_encrypted: bool,
        epoll: &OwnedFd,
        now: u64,
    ) {
        const NO_ROOM: &[u8] =
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
        self.spare = None;
        if let Some(door) = self.doors.get(number)
            && let Ok((fd, _)) = accept(door, false)
            && !is_encrypted
        {
            let _ = send(&fd, NO_ROOM, SendFlags::NOSIGNAL);
        }
        self.spare = spare();
        let until = now + PAUSE_MS;
        self.close(State::NoRoom { until }, epoll);
    }

    /// Closes to the public until somebody has left. Somebody of another worker may have, so that is looked at again
    /// after a while.
    pub(crate) fn is_full(&mut self, epoll: &OwnedFd, now: u64) {
        let until = now + FULL_MS;
        self.close(State::Full { until }, epoll);
    }

    /// Somebody has left.
    pub(crate) const fn left(&mut self) {
        if let State::Full { .. } = self.state {
            self.state = State::Full { until: 0 };
        }
    }

    /// Opens again, if it is time.
    pub(crate) fn reopen(&mut self, epoll: &OwnedFd, now: u64) {
        if self.reopens_at().is_none_or(|at| at > now) {
            return;
        }
        self.state = State::Open;
        for (number, door) in self.doors.iter().enumerate() {
            // It was watched before; if that fails now, it is no worse than being closed.
            let _ = watch(epoll, number, door);
        }
    }

    /// When it opens again by itself.
    pub(crate) const fn reopens_at(&self) -> Option<u64> {
        match self.state {
            State::Full { until } | State::NoRoom { until } => Some(until),
            State::Open => None,
        }
    }

    /// Closes to the public for ever. Whoever looks after the server may still ask how it is.
    pub(crate) fn shut(&mut self, epoll: &OwnedFd) {
        for door in &self.doors {
            let _ = epoll::delete(epoll, door.as_fd());
        }
        self.doors.retain(|door| door.visitors == Visitors::Admin);
        self.state = State::Open;
        for (number, door) in self.doors.iter().enumerate() {
            // If that fails, it is closed like the others.
            let _ = watch(epoll, number, door);
        }
    }

    fn close(&mut self, state: State, epoll: &OwnedFd) {
        for door in &self.doors {
            // Whoever looks after the server comes in while there is a descriptor for it. Some are closed already.
            let stays = matches!(state, State::Full { .. }) && door.visitors == Visitors::Admin;
            if !stays {
                let _ = epoll::delete(epoll, door.as_fd());
            }
        }
        self.state = state;
    }
}

fn accept(door: &Door, asks_who: bool) -> Result<(OwnedFd, Option<IpAddr>), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    if !asks_who {
        return Ok((accept_with(door, flags)?, None));
    }
    let (fd, addr) = acceptfrom_with(door, flags)?;
    let addr = addr.and_then(|addr| SocketAddr::try_from(addr).ok());
    Ok((fd, addr.map(|addr| addr.ip().to_canonical())))
}

/// Of those who share a door, one is woken for a visitor, not all.
fn watch(epoll: &OwnedFd, number: usize, door: &Door) -> io::Result<()> {
    let data = EventData::new_u64(FIRST_DOOR + number as u64);
    let flags = if door.shared {
        EventFlags::IN | EventFlags::EXCLUSIVE
    } else {
        EventFlags::IN
    };
    Ok(epoll::add(epoll, door, data, flags)?)
}

fn spare() -> Option<OwnedFd> {
    open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}
