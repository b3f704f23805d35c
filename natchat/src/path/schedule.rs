//! When one address is checked: fast at first, then ever slower, then no more.
//!
//! ```text
//!   (opener 20 ms) check 20 ms check 20 ms check 20 ms check 20 ms check 30 ms check 45 ms … 500 ms … 10 s: rest
//! ```

use std::time::{Duration, Instant};

/// Between the first checks: on a link without delay the second round of a simultaneous opening comes this much later.
pub(crate) const QUICK: Duration = Duration::from_millis(20);

/// How many checks go that fast.
const QUICK_CHECKS: u8 = 5;

/// The slowest that they become.
const SLOWEST: Duration = Duration::from_millis(500);

/// How long an address that never answered is checked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shot {
    /// A check that dies on the way, having opened our own NAT.
    Opener,
    /// A check that is meant to arrive.
    Check,
}

/// The checks of one address.
#[derive(Debug)]
pub(crate) struct Schedule {
    next: Option<Instant>,
    until: Instant,
    interval: Duration,
    quick_left: u8,
    opener: bool,
    /// When the last check left that was meant to arrive.
    checked: Option<Instant>,
}

impl Schedule {
    /// From now on; `first`: what goes first.
    pub(crate) fn quick(now: Instant, first: Shot, patience: Duration) -> Self {
        Self {
            next: Some(now),
            until: now + patience,
            interval: QUICK,
            quick_left: QUICK_CHECKS,
            opener: first == Shot::Opener,
            checked: None,
        }
    }

    /// From now on, all as slow as they become: for what has worked until now and is only looked after.
    pub(crate) fn calm(now: Instant, patience: Duration) -> Self {
        Self {
            interval: SLOWEST,
            quick_left: 0,
            ..Self::quick(now, Shot::Check, patience)
        }
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether it is in its first, fast part.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick_left > 0 && self.next.is_some()
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.next.is_none()
    }

    /// What is due. Late calls do not make up for what they missed.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Shot> {
        self.next.filter(|next| *next <= now)?;
        if now > self.until {
            self.next = None;
            return None;
        }
        if self.opener {
            self.opener = false;
            self.next = Some(now + QUICK);
            return Some(Shot::Opener);
        }
        self.checked = Some(now);
        self.quick_left = self.quick_left.saturating_sub(1);
        if self.quick_left == 0 {
            self.interval = (self.interval * 3 / 2).min(SLOWEST);
        }
        self.next = Some(now + self.interval).filter(|next| *next <= self.until);
        Some(Shot::Check)
    }

    /// The peer was heard from there: a check is due at once, if none is under way since a moment ago.
    pub(crate) fn hurry(&mut self, now: Instant) {
        let soonest = self.checked.map_or(now, |checked| checked + QUICK).max(now);
        if self.is_at_rest() {
            *self = Self {
                checked: self.checked,
                ..Self::quick(soonest, Shot::Check, PATIENCE)
            };
        } else {
            self.opener = false;
            self.next = self.next.map(|next| next.min(soonest));
        }
    }

    /// No more.
    pub(crate) fn stop(&mut self) {
        self.next = None;
    }

    /// No more after `until`.
    pub(crate) fn end_by(&mut self, until: Instant) {
        self.until = self.until.min(until);
        self.next = self.next.filter(|next| *next <= self.until);
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    fn times(mut schedule: Schedule, start: Instant) -> Vec<(u128, Shot)> {
        let mut times = Vec::new();
        while let Some(next) = schedule.next() {
            let shot = schedule.poll(next).expect("it said so");
            times.push((next.duration_since(start).as_millis(), shot));
            assert_eq!(schedule.poll(next), None, "once");
        }
        times
    }

    #[test]
    fn fast_then_slower_then_no_more() {
        let start = Clock::start().now();
        let all = times(Schedule::quick(start, Shot::Check, PATIENCE), start);
        let first: Vec<_> = all.iter().map(|(ms, _)| *ms).take(10).collect();
        assert_eq!(first, [0, 20, 40, 60, 80, 110, 155, 222, 323, 475]);
        let gaps: Vec<_> = all.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(gaps.iter().all(|gap| (19..=500).contains(gap)), "{gaps:?}");
        let (last, _) = *all.last().expect("some");
        assert!((9_500..=10_000).contains(&last), "{last}");
    }

    #[test]
    fn the_opener_goes_twenty_milliseconds_ahead() {
        let start = Clock::start().now();
        let all = times(Schedule::quick(start, Shot::Opener, PATIENCE), start);
        assert_eq!(
            all[..3],
            [(0, Shot::Opener), (20, Shot::Check), (40, Shot::Check)]
        );
        assert!(all[1..].iter().all(|(_, shot)| *shot == Shot::Check));
    }

    #[test]
    fn whoever_was_heard_is_checked_at_once_but_not_twice() {
        let start = Clock::start().now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut schedule = Schedule::quick(start, Shot::Opener, PATIENCE);
        assert_eq!(schedule.poll(start), Some(Shot::Opener));
        schedule.hurry(at(5));
        assert_eq!(
            schedule.poll(at(5)),
            Some(Shot::Check),
            "the opener does not count"
        );
        schedule.hurry(at(6));
        assert_eq!(schedule.next(), Some(at(25)));
        schedule.stop();
        schedule.hurry(at(7));
        assert_eq!(schedule.next(), Some(at(25)), "nor again after a rest");
        schedule.stop();
        schedule.hurry(at(900));
        assert_eq!(schedule.poll(at(900)), Some(Shot::Check));
    }

    #[test]
    fn an_end_can_come_nearer_only() {
        let start = Clock::start().now();
        let mut schedule = Schedule::quick(start, Shot::Check, PATIENCE);
        schedule.end_by(start + Duration::from_millis(70));
        schedule.end_by(start + PATIENCE);
        assert_eq!(times(schedule, start).len(), 4);
        assert_eq!(times(Schedule::calm(start, PATIENCE), start).len(), 21);
    }
}
