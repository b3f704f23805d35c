//! A server's TCP connections: accepted, read and written frame by frame, and ended when they are too many or silent.
//!
//! For each connection at most one frame is kept that has not come whole, and what its other end does not take, up to a
//! bound; beyond that frames are lost, as a network loses datagrams. What the frames say is the machine's business.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{RecvFlags, SocketFlags, SocketType, acceptfrom_with, bind, listen, recv};

use super::link;
use super::names::Family;
use super::socket;
use super::tcp::{Deframer, QUEUE_LEN, Queued, SendQueue};
use crate::error::Error;

/// Connections in all.
const CONNECTIONS: usize = 100_000;

/// Connections from one IPv4 address, or one /64 of IPv6: a household behind one NAT.
const PER_ADDRESS: u32 = 16;

/// How long a new connection may say nothing.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// How long any connection may say nothing: six keep-alives.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a connection that is to end may take to take what was sent.
const LINGER: Duration = Duration::from_secs(5);

/// Bytes that wait to be sent in all. Beyond them a connection may keep only [`CROWDED_LEN`].
const WAITING_LEN: usize = 256 << 20;

/// What a connection may keep when too much waits in all: a burst of presence.
const CROWDED_LEN: usize = 16 << 10;

/// Connections accepted before others have their turn.
const ACCEPTED: usize = 64;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// How long nobody is accepted when the system has no descriptor left.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes received at once.
const RECEIVED_LEN: usize = 64 << 10;

/// The connections, and where new ones come in.
#[derive(Debug)]
pub(super) struct Conns {
    listeners: Vec<OwnedFd>,
    /// Until when nobody is accepted.
    paused: Option<Instant>,
    conns: HashMap<u32, Conn>,
    next: u32,
    by_address: BTreeMap<IpAddr, u32>,
    /// When each is looked at for silence.
    due: BTreeSet<(Instant, u32)>,
    /// Those that have something to be sent since the last flush.
    fresh: Vec<u32>,
    /// Bytes that wait to be sent in all.
    waiting: usize,
    received: Vec<u8>,
}

#[derive(Debug)]
struct Conn {
    fd: OwnedFd,
    address: IpAddr,
    deframer: Deframer,
    queue: SendQueue,
    /// Silent for longer, it is ended.
    until: Instant,
    /// The place in [`Conns::due`].
    due: Instant,
    /// The system tells when there is room to send.
    is_blocked: bool,
    /// It ends when what waits is sent.
    is_ending: bool,
}

/// What the system's events are told apart by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// Of a listener at a place.
    pub(super) listener: fn(usize) -> u64,
    /// Of a connection.
    pub(super) conn: fn(u32) -> u64,
}

impl Conns {
    /// Listens at these addresses. `[::]` takes IPv4 too, unless IPv4 has one of its own.
    ///
    /// # Errors
    /// If an address cannot be had.
    pub(super) fn listen(
        addrs: &[(SocketAddr, Family)],
        epoll: &OwnedFd,
        marks: Marks,
    ) -> Result<Self, Error> {
        let mut listeners = Vec::new();
        for (place, (addr, family)) in addrs.iter().enumerate() {
            let listener = open(*addr, *family).and_then(|fd| {
                epoll::add(
                    epoll,
                    &fd,
                    EventData::new_u64((marks.listener)(place)),
                    EventFlags::IN,
                )?;
                Ok(fd)
            });
            listeners.push(listener.map_err(|source| Error::Listen {
                addr: *addr,
                source,
            })?);
        }
        Ok(Self {
            listeners,
            paused: None,
            conns: HashMap::new(),
            next: 0,
            by_address: BTreeMap::new(),
            due: BTreeSet::new(),
            fresh: Vec::new(),
            waiting: 0,
            received: vec![0; RECEIVED_LEN],
        })
    }

    /// Accepts those who wait at a listener: their numbers, and where they come from. Who is one too many is turned away.
    pub(super) fn accept(
        &mut self,
        place: usize,
        epoll: &OwnedFd,
        marks: Marks,
        now: Instant,
    ) -> Vec<(u32, SocketAddr)> {
        let mut accepted = Vec::new();
        for _ in 0..ACCEPTED {
            let Some(listener) = self.listeners.get(place) else {
                break;
            };
            match acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((fd, Some(from))) => {
                    if let Ok(from) = SocketAddr::try_from(from) {
                        let from = socket::plain(from);
                        accepted.extend(
                            self.take_in(fd, from, epoll, marks, now)
                                .map(|conn| (conn, from)),
                        );
                    }
                }
                Ok((_, None)) | Err(Errno::INTR | Errno::CONNABORTED | Errno::PROTO) => {}
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    self.pause(epoll, marks, now);
                    break;
                }
                Err(_) => break,
            }
        }
        accepted
    }

    fn take_in(
        &mut self,
        fd: OwnedFd,
        from: SocketAddr,
        epoll: &OwnedFd,
        marks: Marks,
        now: Instant,
    ) -> Option<u32> {
        let address = neighbourhood(from.ip());
        let neighbours = self.by_address.get(&address).copied().unwrap_or(0);
        if self.conns.len() >= CONNECTIONS || neighbours >= PER_ADDRESS {
            return None;
        }
        while self.conns.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        epoll::add(
            epoll,
            &fd,
            EventData::new_u64((marks.conn)(number)),
            EventFlags::IN,
        )
        .ok()?;
        // Frames are gathered here; what is sent is to leave at once.
        let _ = set_tcp_nodelay(&fd, true);
        let until = now + FIRST_FRAME;
        self.by_address.insert(address, neighbours + 1);
        self.due.insert((until, number));
        self.conns.insert(
            number,
            Conn {
                fd,
                address,
                deframer: Deframer::default(),
                queue: SendQueue::default(),
                until,
                due: until,
                is_blocked: false,
                is_ending: false,
            },
        );
        Some(number)
    }

    /// Nobody is accepted for a while: who waits would wake us again and again.
    fn pause(&mut self, epoll: &OwnedFd, marks: Marks, now: Instant) {
        self.paused = Some(now + PAUSE);
        self.watch(epoll, marks, EventFlags::empty());
    }

    fn watch(&self, epoll: &OwnedFd, marks: Marks, flags: EventFlags) {
        for (place, listener) in self.listeners.iter().enumerate() {
            // It was added with the same descriptor.
            let _ = epoll::modify(
                epoll,
                listener,
                EventData::new_u64((marks.listener)(place)),
                flags,
            );
        }
    }

    /// Reads once, and tells each whole frame. False: the connection has ended, and [`Self::remove`] is to follow.
    pub(super) fn receive(
        &mut self,
        number: u32,
        now: Instant,
        mut told: impl FnMut(&[u8]),
    ) -> bool {
        let Some(conn) = self.conns.get_mut(&number) else {
            return true;
        };
        let len = match recv(&conn.fd, &mut self.received[..], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return false,
            Ok((_, len)) => len,
            Err(Errno::AGAIN | Errno::INTR) => return true,
            Err(_) => return false,
        };
        if conn.is_ending {
            return true;
        }
        let mut input = &self.received[..len];
        loop {
            match conn.deframer.next(&mut input) {
                Ok(Some(frame)) => {
                    conn.until = now + SILENCE;
                    told(frame);
                }
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Queues a frame for the next [`Self::flush`].
    pub(super) fn send(&mut self, number: u32, frame: &[u8]) {
        let bound = if self.waiting > WAITING_LEN {
            CROWDED_LEN
        } else {
            QUEUE_LEN
        };
        let Some(conn) = self.conns.get_mut(&number).filter(|conn| !conn.is_ending) else {
            return;
        };
        let before = conn.queue.len();
        if conn.queue.push(frame, bound) == Queued::Kept {
            self.waiting += conn.queue.len() - before;
            if before == 0 {
                self.fresh.push(number);
            }
        }
    }

    /// The connection ends when what was sent has been taken.
    pub(super) fn end(&mut self, number: u32, now: Instant) {
        let Some(conn) = self.conns.get_mut(&number) else {
            return;
        };
        conn.is_ending = true;
        conn.until = now + LINGER;
        self.due.remove(&(conn.due, number));
        conn.due = conn.until;
        self.due.insert((conn.due, number));
        self.fresh.push(number);
    }

    /// Whether anything was queued since the last flush.
    pub(super) const fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Sends what waits, as far as it goes: those that have ended.
    pub(super) fn flush(&mut self, epoll: &OwnedFd, marks: Marks) -> Vec<u32> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh
            .into_iter()
            .filter(|number| !self.flush_one(*number, epoll, marks))
            .collect()
    }

    /// The same of one that has room again. False: it has ended, and [`Self::remove`] is to follow.
    pub(super) fn flush_one(&mut self, number: u32, epoll: &OwnedFd, marks: Marks) -> bool {
        let Some(conn) = self.conns.get_mut(&number) else {
            return true;
        };
        let before = conn.queue.len();
        let flushed = link::flush(conn.fd.as_fd(), &mut conn.queue);
        let after = conn.queue.len();
        self.waiting -= before - after;
        if flushed.is_err() || (conn.is_ending && after == 0) {
            return false;
        }
        if conn.is_blocked != (after > 0) {
            conn.is_blocked = after > 0;
            let flags = if conn.is_blocked {
                EventFlags::IN | EventFlags::OUT
            } else {
                EventFlags::IN
            };
            let data = EventData::new_u64((marks.conn)(number));
            return epoll::modify(epoll, &conn.fd, data, flags).is_ok();
        }
        true
    }

    /// Forgets a connection. False if there is none of this number.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(conn) = self.conns.remove(&number) else {
            return false;
        };
        self.waiting -= conn.queue.len();
        self.due.remove(&(conn.due, number));
        if let Some(neighbours) = self.by_address.get_mut(&conn.address) {
            *neighbours -= 1;
            if *neighbours == 0 {
                self.by_address.remove(&conn.address);
            }
        }
        true
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = self.due.first().map(|(at, _)| *at);
        [due, self.paused].into_iter().flatten().min()
    }

    /// Looks for those that were silent for too long: which are to be removed. Accepts again after a pause.
    pub(super) fn handle_timeout(
        &mut self,
        epoll: &OwnedFd,
        marks: Marks,
        now: Instant,
    ) -> Vec<u32> {
        if self.paused.is_some_and(|until| until <= now) {
            self.paused = None;
            self.watch(epoll, marks, EventFlags::IN);
        }
        let mut silent = Vec::new();
        while let Some((due, number)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, number));
            let Some(conn) = self.conns.get_mut(&number) else {
                continue;
            };
            if conn.until <= now {
                silent.push(number);
            } else {
                // It has spoken since.
                conn.due = conn.until;
                self.due.insert((conn.due, number));
            }
        }
        silent
    }

    /// Where new ones come in.
    #[cfg(test)]
    fn locals(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| socket::local_addr(listener).ok())
    }
}

fn open(addr: SocketAddr, family: Family) -> io::Result<OwnedFd> {
    let fd = socket::open(SocketType::STREAM, family)?;
    // Connections of a server that has just ended are no reason to wait.
    set_socket_reuseaddr(&fd, true)?;
    bind(&fd, &addr)?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

/// Who counts as one: an IPv6 network gives its hosts as many addresses as they like.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests;
