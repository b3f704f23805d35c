//! Connections by TCP: who is at their other end. Opened, read and bounded by the driver; ended here if nobody joins.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use crate::rendezvous::member::NOBODY;

/// How long a connection may be without a member, from its opening on or since its member went elsewhere.
const UNUSED: Duration = Duration::from_secs(30);

/// All of them. Times are since the start of the server.
#[derive(Debug, Default)]
pub(crate) struct Conns {
    all: BTreeMap<u32, Conn>,
    /// When to look at whom, in order; each connection is in it once, so it is no longer than there are connections.
    looks: VecDeque<(Duration, u32)>,
}

#[derive(Debug)]
struct Conn {
    from: SocketAddr,
    member: u64,
    unused_since: Duration,
}

impl Conns {
    pub(crate) fn opened(&mut self, conn: u32, from: SocketAddr, now: Duration) {
        let open = Conn {
            from,
            member: NOBODY,
            unused_since: now,
        };
        if self.all.insert(conn, open).is_none() {
            self.looks.push_back((now + UNUSED, conn));
        }
    }

    /// The address at the other end.
    pub(crate) fn from(&self, conn: u32) -> Option<SocketAddr> {
        Some(self.all.get(&conn)?.from)
    }

    /// A member is at the other end. Which one was before, if another was.
    pub(crate) fn joined(&mut self, conn: u32, member: u64) -> Option<u64> {
        let conn = self.all.get_mut(&conn)?;
        let before = std::mem::replace(&mut conn.member, member);
        (before != NOBODY && before != member).then_some(before)
    }

    /// No longer: it is reached elsewhere.
    pub(crate) fn left(&mut self, conn: u32, now: Duration) {
        if let Some(conn) = self.all.get_mut(&conn) {
            conn.member = NOBODY;
            conn.unused_since = now;
        }
    }

    /// It is closed: the member that was there.
    pub(crate) fn closed(&mut self, conn: u32) -> Option<u64> {
        Some(self.all.remove(&conn)?.member)
    }

    /// One that has been without a member for too long; it counts as closed.
    pub(crate) fn due(&mut self, now: Duration) -> Option<u32> {
        while let Some((_, conn)) = self.looks.pop_front_if(|(due, _)| *due <= now) {
            let Some(open) = self.all.get(&conn) else {
                continue;
            };
            if open.member == NOBODY && open.unused_since + UNUSED <= now {
                self.all.remove(&conn);
                return Some(conn);
            }
            self.looks.push_back((now + UNUSED, conn));
        }
        None
    }

    /// When the next one is to be looked at.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.looks.front().map(|&(due, _)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn who_has_no_member_is_ended() {
        let from = "192.0.2.1:1".parse().unwrap();
        let mut conns = Conns::default();
        for conn in 0..4 {
            conns.opened(conn, from, at(conn.into()));
        }
        assert_eq!(conns.joined(1, 76), None);
        assert_eq!(conns.joined(1, 77), Some(76));
        assert_eq!(conns.joined(1, 77), None);
        assert_eq!(conns.joined(2, 78), None);
        conns.left(2, at(20));
        assert_eq!(conns.closed(3), Some(NOBODY));
        assert_eq!(conns.next(), Some(at(30)));
        assert_eq!(conns.due(at(29)), None);
        assert_eq!(conns.due(at(40)), Some(0));
        assert_eq!(conns.due(at(40)), None, "1 has a member, 2 had one");
        assert_eq!(conns.due(at(70)), Some(2));
        assert_eq!(conns.due(at(1_000)), None);
        assert_eq!(conns.closed(1), Some(77));
        assert_eq!(conns.due(at(2_000)), None);
        assert_eq!(conns.next(), None);
    }
}
