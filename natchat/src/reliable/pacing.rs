//! When the next packet may go: a bucket that fills at the rate of [`super::congestion`].
//!
//! Packets go in bursts of a few, or of a millisecond's worth when they are many, since no driver wakes more often
//! than that.

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
    /// What was sent beyond the level: the last packet of a burst is not cut.
    debt: u64,
    filled: Instant,
    /// Until then nothing goes.
    until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            level: BURST,
            debt: 0,
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
        self.fill(now, rate);
        if self.level > 0 {
            return true;
        }
        let wanted = self.debt + QUANTUM.max(amount(rate, QUANTUM_TIME));
        let nanos = wanted.saturating_mul(1_000_000_000) / rate.max(1);
        self.until = Some(now + Duration::from_nanos(nanos.max(1)));
        false
    }

    fn fill(&mut self, now: Instant, rate: u64) {
        let fill = amount(rate, now - self.filled);
        if fill > 0 {
            let paid = fill.min(self.debt);
            self.debt -= paid;
            self.level = (self.level + fill - paid).min(BURST.max(amount(rate, BURST_TIME)));
            self.filled = now;
        }
    }

    pub(crate) fn sent(&mut self, len: usize) {
        let len = len as u64;
        self.debt += len.saturating_sub(self.level);
        self.level = self.level.saturating_sub(len);
    }

    /// Until when nothing goes.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reliable::simulated::start;

    /// How many packets go in a second when the driver asks as told and wakes so late, and the longest burst.
    fn second(rate: u64, late: Duration) -> (u64, u64) {
        let begin = start();
        let (mut pacer, mut now) = (Pacer::new(begin), begin);
        let (mut all, mut longest) = (0, 0);
        while now < begin + Duration::from_secs(1) {
            let mut burst = 0;
            while pacer.allows(now, rate) {
                pacer.sent(PACKET_LEN);
                burst += 1;
            }
            all += burst;
            longest = longest.max(burst);
            now = pacer.until().unwrap() + late;
        }
        (all, longest)
    }

    #[test]
    fn the_rate_is_kept_in_short_bursts() {
        let packet = PACKET_LEN as u64;
        for rate in [20, 1_000, 100_000, 300_000] {
            for late in [0, 100, 1_000] {
                let (all, longest) = second(rate * packet, Duration::from_micros(late));
                let expected = rate + 10;
                assert!(
                    all.abs_diff(expected) <= 12 + rate / 50,
                    "{rate} packets/s, {late} µs late: {all}"
                );
                assert!(
                    longest <= (rate / 490).max(11),
                    "{rate} packets/s, {late} µs late: {longest} at once"
                );
            }
        }
    }
}
