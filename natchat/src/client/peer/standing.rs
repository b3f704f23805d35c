//! Which start of its client a peer is at, and whether the server still hears of it.
//!
//! The roster tells of starts, and can be late or wrong; handshakes prove them. Since starts only rise, nothing goes back behind
//! one that was proven.

use std::time::{Duration, Instant};

/// How long lines wait for a peer that the server does not hear of any more: it may be back, or reachable all the same.
pub(crate) const SILENT: Duration = Duration::from_secs(10);

/// What is known.
#[derive(Debug)]
pub(crate) struct Standing {
    told: u64,
    proven: u64,
    /// When lines end because the server does not hear of it any more.
    silent_at: Option<Instant>,
}

impl Standing {
    pub(crate) fn new(told: u64) -> Self {
        Self {
            told,
            proven: 0,
            silent_at: None,
        }
    }

    /// The start that handshakes are for.
    pub(crate) fn start(&self) -> u64 {
        self.told.max(self.proven)
    }

    /// The roster tells. True: the peer was started anew, and that is news.
    pub(crate) fn tell(&mut self, start: u64) -> bool {
        let before = self.start();
        self.told = start;
        self.start() != before && self.start() != self.proven
    }

    /// A handshake has proven this start.
    pub(crate) fn prove(&mut self, start: u64) {
        self.proven = self.proven.max(start);
    }

    /// The server does not hear of it any more.
    pub(crate) fn gone(&mut self, now: Instant) {
        self.silent_at = Some(now + SILENT);
    }

    /// It does again. Whether it did not before.
    pub(crate) fn back(&mut self) -> bool {
        self.silent_at.take().is_some()
    }

    /// Whether what is under way is to end, since nothing came from it either, `heard` being when something did last.
    pub(crate) fn is_over(&mut self, now: Instant, heard: Option<Instant>) -> bool {
        let Some(at) = self.silent_at.filter(|at| *at <= now) else {
            return false;
        };
        let is_alive = heard.is_some_and(|heard| heard + SILENT >= at);
        self.silent_at = is_alive.then_some(now + SILENT);
        !is_alive
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.silent_at
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn starts_rise_and_what_is_proven_is_no_news() {
        enum Step {
            Tell(u64, bool),
            Prove(u64),
        }
        use Step::{Prove, Tell};
        let rows: &[(&str, &[Step], u64)] = &[
            ("told again", &[Tell(5, false)], 5),
            (
                "started anew",
                &[Prove(5), Tell(6, true), Prove(6), Tell(6, false)],
                6,
            ),
            (
                "proven before it was told",
                &[Prove(5), Prove(6), Tell(6, false)],
                6,
            ),
            ("told late", &[Prove(6), Tell(5, false), Tell(6, false)], 6),
            (
                "a lie, and the truth",
                &[Prove(5), Tell(9, true), Tell(5, false)],
                5,
            ),
            (
                "a lie before anything was proven",
                &[Tell(9, true), Tell(5, true), Prove(5)],
                5,
            ),
        ];
        for (name, steps, start) in rows {
            let mut standing = Standing::new(5);
            for step in *steps {
                match step {
                    Tell(start, news) => assert_eq!(standing.tell(*start), *news, "{name}"),
                    Prove(start) => standing.prove(*start),
                }
            }
            assert_eq!(standing.start(), *start, "{name}");
        }
    }

    #[test]
    fn silent_to_the_server_and_to_us() {
        let now = Clock::start().now();
        let mut standing = Standing::new(1);
        assert!(!standing.back() && !standing.is_over(now, None));
        standing.gone(now);
        assert!(!standing.is_over(now, None), "not yet");
        let later = now + SILENT;
        assert!(!standing.is_over(later, Some(now)), "heard of since");
        assert_eq!(standing.due(), Some(later + SILENT));
        assert!(standing.is_over(later + SILENT, Some(now)));
        assert!(!standing.is_over(later + SILENT, Some(now)), "told once");
        standing.gone(now);
        assert!(standing.back());
        assert_eq!(standing.due(), None);
    }
}
