//! When the next packet may go: a bucket that fills at the rate of [`super::congestion`].
//!
//! Packets go in bursts of a few, or of a millisecond's worth when they are many, since no driver wakes more often than that.

use std::time::{Duration, Instant};

use crate::reliable::congestion::amount;
use crate::reliable::connection::PACKET_LEN;

/// A full bucket holds so many packets,
const BURST: u64 = 10 * PACKET_LEN as u64;
/// or what is sent in this time: a driver that wakes late catches up.
const BURST_TIME: Duration = Duration::from_millis(2);
/// An empty bucket is next asked when it holds so much,
const QUANTUM: u64 = 2 * PACKET_LEN as u64;
/// or what is sent in this time.
const QUANTUM_TIME: Duration = Duration::from_millis(1);

/// The bucket.
#[derive(Debug)]
pub(crate) struct Pacer {
    level: u64,
    filled: Instant,
    /// Until then nothing goes.
    until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            level: BURST,
            filled: now,
            until: None,
        }
    }

    /// Whether a packet may go now.
    pub(crate) fn allows(&mut self, now: Instant, rate: u64) -> bool {
        if self.until.is_some_and(|until| until > now) {
            return false;
        }
        self.until = None;
        let fill = amount(rate, now - self.filled);
        if fill > 0 {
            self.level = (self.level + fill).min(BURST.max(amount(rate, BURST_TIME)));
            self.filled = now;
        }
        if self.level > 0 {
            return true;
        }
        let wanted = QUANTUM
            .max(amount(rate, QUANTUM_TIME))
            .saturating_mul(1_000_000_000)
            / rate.max(1);
        self.until = Some(now + Duration::from_nanos(wanted.max(1)));
        false
    }

    pub(crate) fn sent(&mut self, len: usize) {
        self.level = self.level.saturating_sub(len as u64);
    }

    /// Until when nothing goes.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }
}
