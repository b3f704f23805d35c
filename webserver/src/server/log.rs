//! One worker's share of the access log: what is written down of a request, and when the lines are handed over.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::access::client::Proxies;
use crate::access::lines::Lines;
use crate::access::record::{Asked, Record, first_line};
use crate::access::stamp::Stamp;
use crate::http::field::Field;
use crate::http::request::Request;
use crate::http::status::Status;
use crate::reply::Reply;
use crate::respond::auth::user;

/// How long lines wait for more to be handed over with them, in milliseconds.
const PAUSE_MS: u64 = 1000;

/// The access log as a worker has it; or none.
#[derive(Debug)]
pub(crate) struct Log(Option<Open>);

#[derive(Debug)]
struct Open {
    lines: Lines,
    proxies: Proxies,
    /// Whether anybody has to sign in.
    has_users: bool,
    stamp: Stamp,
    /// When the lines that wait are handed over at the latest.
    due: Option<u64>,
}

impl Log {
    /// No log, if there are no lines to write.
    pub(crate) fn new(lines: Option<Lines>, proxies: Proxies, has_users: bool) -> Self {
        Self(lines.map(|lines| Open {
            lines,
            proxies,
            has_users,
            stamp: Stamp::at(SystemTime::UNIX_EPOCH),
            due: None,
        }))
    }

    /// Whether anything is written.
    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells the time of the requests that follow.
    pub(crate) fn tick(&mut self, wall: SystemTime) {
        if let Some(log) = &mut self.0 {
            log.stamp.set(wall);
        }
    }

    /// Writes down a request that was answered.
    pub(crate) fn put(
        &mut self,
        request: &Request<'_, '_>,
        reply: Reply,
        peer: Option<&IpAddr>,
        elapsed: Duration,
    ) {
        let Some(log) = &mut self.0 else { return };
        // Who was not asked, or did not get in, may claim to be anyone.
        let user = request
            .line(Field::Authorization)
            .filter(|_| log.has_users && reply.status != Status::Unauthorized)
            .and_then(user);
        let forwarded = (
            request.lines(Field::XForwardedFor),
            request.lines(Field::Forwarded),
        );
        log.lines.append(
            &Record {
                client: log.proxies.client(peer.copied(), forwarded.0, forwarded.1),
                user: user.as_deref(),
                asked: Asked::Request {
                    method: request.method_name,
                    target: request.target,
                    version: request.version.name(),
                },
                status: reply.status.code(),
                sent: reply.len,
                referer: request.line(Field::Referer),
                agent: request.line(Field::UserAgent),
                host: Some(request.host).filter(|host| !host.is_empty()),
                elapsed,
            },
            &log.stamp,
        );
    }

    /// Writes down bytes that were no request.
    pub(crate) fn put_refused(&mut self, bytes: &[u8], reply: Reply, peer: Option<&IpAddr>) {
        let Some(log) = &mut self.0 else { return };
        log.lines.append(
            &Record {
                client: peer.copied(),
                user: None,
                asked: Asked::Line(first_line(bytes)),
                status: reply.status.code(),
                sent: reply.len,
                referer: None,
                agent: None,
                host: None,
                elapsed: Duration::ZERO,
            },
            &log.stamp,
        );
    }

    /// The worker is about to wait: lines that have waited long enough, or that someone may be looking at, are handed
    /// over.
    pub(crate) fn turn_ended(&mut self, now: u64) {
        let Some(log) = &mut self.0 else { return };
        log.lines.turn_ended();
        if log.due.is_some_and(|due| due <= now) {
            log.lines.flush();
        }
        log.due = match (log.lines.is_empty(), log.due) {
            (true, _) => None,
            (false, Some(due)) if due > now => Some(due),
            (false, _) => Some(now + PAUSE_MS),
        };
    }

    /// The worker ends: all lines are handed over.
    pub(crate) fn flush(&mut self) {
        if let Some(log) = &mut self.0 {
            log.lines.flush();
            log.due = None;
        }
    }

    /// When lines are to be handed over.
    pub(crate) fn due(&self) -> Option<u64> {
        self.0.as_ref().and_then(|log| log.due)
    }
}
