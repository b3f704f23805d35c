//! What is on its way to a client that does not take it all at once.

use std::os::fd::AsFd;
use std::time::Instant;

use common::clock::Clock;

use crate::reply::Reply;
use crate::server::stream::Stream;
use crate::server::sys;
use crate::server::transmit::Outgoing;

/// Replies on their way, and what is to be written about the last when it is gone.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) outgoing: Outgoing,
    pub(crate) told: Option<Told>,
    /// What was left to be taken when the client was last found to take enough.
    left: u64,
    /// When that was: milliseconds since the worker began.
    since: u64,
}

/// A request that was answered, for the access log.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its head, as it came.
    pub(crate) head: Box<[u8]>,
    /// The reply to it.
    pub(crate) reply: Reply,
    /// When it was answered.
    pub(crate) began: Instant,
}

impl Sending {
    pub(crate) fn new(outgoing: Outgoing, told: Option<Told>, stream: &Stream, now: u64) -> Self {
        let left = outgoing.remaining() + unsent(stream);
        Self {
            outgoing,
            told,
            left,
            since: now,
        }
    }

    /// Whether the client takes at least so many bytes a second, or may for all that can be known: a system whose
    /// buffer was full tells of room in it by the segment, or two (RFC 9293 §3.8.6.2.2), and between programs of one
    /// machine, such as a proxy and this, segments are of 64 KiB.
    pub(crate) fn keeps_up(&mut self, least_rate: u64, stream: &Stream, now: u64) -> bool {
        let left = self.outgoing.remaining() + unsent(stream);
        let taken = self.left.saturating_sub(left);
        let due = least_rate.saturating_mul(now.saturating_sub(self.since)) / 1000;
        if taken < due {
            return due < 2 * stream.segment_len();
        }
        self.left = left;
        self.since = now;
        true
    }
}

impl Told {
    pub(crate) fn new(head: &[u8], reply: Reply, clock: Clock) -> Self {
        Self {
            head: head.into(),
            reply,
            began: clock.now(),
        }
    }
}

/// Bytes that the system holds for the client; none if it does not say, as for a connection that is gone.
fn unsent(stream: &Stream) -> u64 {
    sys::unsent(stream.as_fd()).unwrap_or(0)
}
