//! What is on its way to a client that does not take it all at once.

use std::os::fd::AsFd;
use std::time::Instant;

use common::clock::Clock;

use crate::config::Limits;
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

    /// Whether the client takes enough, or may for all that can be known: a system whose buffer was full tells of room in
    /// it by the segment, or two (RFC 9293 §3.8.6.2.2), and between programs of one machine, such as a proxy and this,
    /// segments are of 64 KiB. That is waited for, but not for ever.
    pub(crate) fn keeps_up(&mut self, limits: &Limits, stream: &Stream, now: u64) -> bool {
        let left = self.outgoing.remaining() + unsent(stream);
        let taken = self.left.saturating_sub(left);
        let passed = now.saturating_sub(self.since);
        let due = (limits.min_rate.saturating_mul(passed) / 1000).max(1);
        if taken >= due {
            self.left = left;
            self.since = now;
            return true;
        }
        let patience = limits.write_timeout.saturating_mul(STRETCHES);
        due < 2 * stream.segment_len() && u128::from(passed) < patience.as_millis()
    }
}

/// Stretches of [`Limits::write_timeout`] for which a client may show nothing, where segments are so long that it could
/// take enough all the same.
const STRETCHES: u32 = 8;

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
