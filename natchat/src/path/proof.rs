//! That a path works: since when, how fast, and whether it still does.
//!
//! ```text
//!            silence for 15 s, or suspicion
//!   sure ─────────────────────────────────────► in doubt ──► yields to any other ──► given up
//!     ◄──────────── a response to a check ──────────┘
//! ```
//!
//! Only a response ends a suspicion: what the peer sends by itself shows that its way to us works, not ours to it.

use std::time::{Duration, Instant};

use crate::path::schedule::{Schedule, Shot};

/// After how much silence a path in use is checked; NATs forget after 30 s at the earliest of those that people have.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a path that was only silent has for an answer (RFC 7675 §5.1 allows 30 s, which is too long to talk into
/// the void).
const SILENCE_PATIENCE: Duration = Duration::from_secs(10);

/// How long one that is suspected has: data is waiting.
const SUSPICION_PATIENCE: Duration = Duration::from_secs(1);

/// How many round trips it has at least.
const ROUND_TRIPS: u32 = 3;

/// What an answer may take longer than two round trips before others are preferred.
const JITTER: Duration = Duration::from_millis(50);

/// How long a path that is not kept open is taken to work.
pub(crate) const FRESH: Duration = Duration::from_secs(30);

/// Why a path is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// Nothing was heard for a while.
    Silence,
    /// There is a sign that it does not work.
    Suspicion,
}

#[derive(Debug)]
struct Doubted {
    why: Doubt,
    checks: Schedule,
    yields: Instant,
    until: Instant,
}

/// What is known of a path that has worked.
#[derive(Debug)]
pub(crate) struct Proof {
    round_trip: Duration,
    /// The last response.
    answered: Instant,
    /// The last authentic packet or response by this path.
    heard: Instant,
    /// The last sign of the peer of any kind; a replayed request counts, so it only keeps the path in mind.
    visited: Instant,
    doubted: Option<Doubted>,
}

impl Proof {
    pub(crate) fn new(now: Instant, round_trip: Duration) -> Self {
        Self {
            round_trip,
            answered: now,
            heard: now,
            visited: now,
            doubted: None,
        }
    }

    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(crate) fn answered(&self) -> Instant {
        self.answered
    }

    /// A response came.
    pub(crate) fn answer(&mut self, now: Instant, round_trip: Duration) {
        // RFC 6298 §2: an eighth of what is new.
        self.round_trip = (self.round_trip * 7 + round_trip) / 8;
        self.answered = now;
        self.heard = now;
        self.doubted = None;
    }

    /// The peer sent a packet by the path: it is not silent.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.doubted
            .take_if(|doubted| doubted.why == Doubt::Silence);
    }

    /// The peer sent a check by the path.
    pub(crate) fn visit(&mut self, now: Instant) {
        self.visited = now;
    }

    /// Checks it from now on until it answers or is given up; true if that is news.
    pub(crate) fn doubt(&mut self, now: Instant, why: Doubt) -> bool {
        if self
            .doubted
            .as_ref()
            .is_some_and(|doubted| doubted.why >= why)
        {
            return false;
        }
        let patience = match why {
            Doubt::Silence => SILENCE_PATIENCE,
            Doubt::Suspicion => SUSPICION_PATIENCE.max(self.round_trip * ROUND_TRIPS),
        };
        self.doubted = Some(Doubted {
            why,
            checks: match why {
                Doubt::Silence => Schedule::calm(now, patience),
                Doubt::Suspicion => Schedule::quick(now, Shot::Check, patience),
            },
            yields: now + self.round_trip * 2 + JITTER,
            until: now + patience,
        });
        true
    }

    pub(crate) fn is_doubted(&self) -> bool {
        self.doubted.is_some()
    }

    /// Whether a check is due; it counts as sent.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let doubted = self.doubted.as_mut();
        doubted.is_some_and(|doubted| doubted.checks.poll(now).is_some())
    }

    /// Whether any other path that works is better.
    pub(crate) fn yields(&self, now: Instant) -> bool {
        let doubted = self.doubted.as_ref();
        doubted.is_some_and(|doubted| doubted.yields <= now)
    }

    /// Whether it can be taken, not being in use until now.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        !self.yields(now) && now.saturating_duration_since(self.heard) < FRESH
    }

    /// Whether neither side has used it for so long that a NAT may have forgotten it.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard.max(self.visited)) >= FRESH
    }

    /// Whether it has to be given up.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let doubted = self.doubted.as_ref();
        doubted.is_some_and(|doubted| doubted.until <= now)
    }

    /// When silence has lasted long enough to look after the path.
    pub(crate) fn keep_alive(&self) -> Option<Instant> {
        self.doubted.is_none().then_some(self.heard + KEEP_ALIVE)
    }

    /// What the doubt waits for next, after `now`.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let doubted = self.doubted.as_ref()?;
        let yields = Some(doubted.yields).filter(|at| *at > now);
        let times = [doubted.checks.next(), yields, Some(doubted.until)];
        times.into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;
    use crate::path::schedule::QUICK;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_doubt_ends_by_an_answer_or_with_the_path() {
        let start = Clock::start().now();
        let cases = [
            ("silence", Doubt::Silence, Duration::ZERO, 10_000),
            (
                "suspicion",
                Doubt::Suspicion,
                Duration::from_millis(10),
                1_000,
            ),
            (
                "suspicion, far away",
                Doubt::Suspicion,
                Duration::from_millis(600),
                1_800,
            ),
        ];
        for (name, why, round_trip, patience) in cases {
            let patience = Duration::from_millis(patience);
            let mut proof = Proof::new(start, round_trip);
            assert!(proof.doubt(start, why), "{name}");
            assert!(proof.poll(start), "{name}: at once");
            assert!(!proof.is_over(start + patience - QUICK), "{name}");
            assert!(proof.is_over(start + patience), "{name}");
            proof.answer(start + QUICK, round_trip);
            assert!(!proof.is_over(start + patience), "{name}");
            assert_eq!(proof.next(start), None, "{name}");
        }
    }

    #[test]
    fn traffic_ends_silence_but_no_suspicion() {
        let start = Clock::start().now();
        let mut proof = Proof::new(start, SECOND);
        assert!(proof.doubt(start, Doubt::Silence));
        proof.hear(start);
        assert!(
            proof.doubt(start, Doubt::Silence),
            "there was none any more"
        );
        assert!(proof.doubt(start, Doubt::Suspicion), "graver");
        proof.hear(start);
        assert!(!proof.doubt(start, Doubt::Suspicion), "there still is");
        assert!(!proof.doubt(start, Doubt::Silence), "lighter");
    }

    #[test]
    fn every_timer_lies_ahead() {
        let start = Clock::start().now();
        for why in [Doubt::Silence, Doubt::Suspicion] {
            let mut proof = Proof::new(start, Duration::from_millis(30));
            proof.doubt(start, why);
            let mut now = start;
            let mut turns = 0;
            while !proof.is_over(now) {
                proof.poll(now);
                let next = proof.next(now).expect("not over");
                assert!(next > now);
                now = next;
                turns += 1;
            }
            assert!(turns < 40, "{turns}");
        }
    }

    #[test]
    fn what_is_not_kept_open_is_soon_not_trusted() {
        let start = Clock::start().now();
        let mut proof = Proof::new(start, SECOND);
        assert!(proof.is_fresh(start + SECOND * 29));
        assert!(!proof.is_fresh(start + SECOND * 30));
        proof.visit(start + SECOND * 20);
        assert!(
            !proof.is_fresh(start + SECOND * 30),
            "a request may be a replay"
        );
        assert!(
            !proof.is_stale(start + SECOND * 49),
            "but the path is kept in mind"
        );
        assert!(proof.is_stale(start + SECOND * 50));
    }
}
