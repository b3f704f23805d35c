//! Finding out what our NAT does to ports (RFC 4787 §4.1): the same socket asks several ports of the server from
//! where it is seen.
//!
//! Rule: a step is told only of questions that left right after one another. The mapping in use may be hours old, and
//! others behind the same NAT have taken ports since.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::crypto::entropy::Entropy;
use crate::wire::reach::Mapping;

/// An unanswered question is put again after this, and after twice as long each time.
const AGAIN: Duration = Duration::from_millis(200);
/// So many times in all; then what is known has to do.
const TRIES: u8 = 4;
/// The largest step between ports that is taken for one.
const STEP_MOST: i16 = 16;
/// The most ports asked.
const TARGETS: usize = 8;

/// One round of questions.
#[derive(Debug)]
pub(crate) struct Observer {
    /// As the port in use sees us.
    main: SocketAddr,
    targets: Vec<Target>,
    due: Instant,
    gap: Duration,
    left: u8,
}

#[derive(Debug)]
struct Target {
    addr: SocketAddr,
    nonce: u64,
    seen: Option<SocketAddr>,
}

impl Observer {
    /// Asks all `addrs`, in this order. `main`: what the port in use sees.
    pub(crate) fn new(
        now: Instant,
        main: SocketAddr,
        addrs: Vec<SocketAddr>,
        entropy: &mut Entropy,
    ) -> Self {
        let target = |addr| Target {
            addr,
            nonce: entropy.next_u64(),
            seen: None,
        };
        Self {
            main,
            targets: addrs.into_iter().take(TARGETS).map(target).collect(),
            due: now,
            gap: AGAIN,
            left: TRIES,
        }
    }

    /// Takes an answer; true if it was one.
    pub(crate) fn observed(&mut self, from: SocketAddr, nonce: u64, seen: SocketAddr) -> bool {
        let mut targets = self.targets.iter_mut();
        let asked = targets.find(|target| target.addr == from && target.nonce == nonce);
        let Some(target) = asked.filter(|target| target.seen.is_none()) else {
            return false;
        };
        target.seen = Some(seen);
        true
    }

    /// The questions that are due now.
    pub(crate) fn poll(&mut self, now: Instant) -> Vec<(SocketAddr, u64)> {
        if self.is_over() || now < self.due {
            return Vec::new();
        }
        self.due = now + self.gap;
        self.gap *= 2;
        self.left -= 1;
        let open = self.targets.iter().filter(|target| target.seen.is_none());
        open.map(|target| (target.addr, target.nonce)).collect()
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        (!self.is_over()).then_some(self.due)
    }

    /// Whether all is asked and answered, or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.left == 0 || self.targets.iter().all(|target| target.seen.is_some())
    }

    /// What has been found out so far.
    pub(crate) fn mapping(&self) -> Mapping {
        let seen: Vec<SocketAddr> = self
            .targets
            .iter()
            .filter_map(|target| target.seen)
            .collect();
        let Some(last) = seen.last() else {
            return Mapping::Unknown;
        };
        if seen.iter().all(|addr| *addr == self.main) {
            return Mapping::Independent;
        }
        if seen.iter().any(|addr| addr.ip() != self.main.ip()) {
            return Mapping::Random;
        }
        let mut ports: Vec<u16> = seen.iter().map(SocketAddr::port).collect();
        if ports.len() == 1 {
            ports.insert(0, self.main.port());
        }
        let step = |pair: &[u16]| pair[1].wrapping_sub(pair[0]).cast_signed();
        let mut steps = ports.windows(2).map(step);
        let first = steps.next().unwrap_or_default();
        let is_small = first != 0 && (-STEP_MOST..=STEP_MOST).contains(&first);
        if is_small && steps.all(|step| step == first) {
            return Mapping::Sequential {
                last: last.port(),
                step: first,
            };
        }
        Mapping::Random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "a beginning of virtual time")]
    fn observer(main: &str, targets: usize) -> (Observer, Instant) {
        let now = Instant::now();
        let addrs = (1..)
            .map(|port| SocketAddr::from(([9; 4], port)))
            .take(targets);
        let entropy = &mut Entropy::new([0; 32]);
        (
            Observer::new(now, addr(main), addrs.collect(), entropy),
            now,
        )
    }

    #[test]
    fn mappings() {
        let sequential = |last, step| Mapping::Sequential { last, step };
        let rows: &[(&str, &[Option<&str>], Mapping)] = &[
            ("no answer", &[None, None], Mapping::Unknown),
            (
                "the same",
                &[Some("1.1.1.1:500"), Some("1.1.1.1:500")],
                Mapping::Independent,
            ),
            (
                "one of two, the same",
                &[None, Some("1.1.1.1:500")],
                Mapping::Independent,
            ),
            (
                "up",
                &[Some("1.1.1.1:501"), Some("1.1.1.1:502")],
                sequential(502, 1),
            ),
            (
                "up from later on",
                &[Some("1.1.1.1:777"), Some("1.1.1.1:779")],
                sequential(779, 2),
            ),
            (
                "down",
                &[Some("1.1.1.1:400"), Some("1.1.1.1:399")],
                sequential(399, -1),
            ),
            (
                "round the end",
                &[Some("1.1.1.1:65535"), Some("1.1.1.1:0")],
                sequential(0, 1),
            ),
            (
                "one of two, near",
                &[Some("1.1.1.1:502"), None],
                sequential(502, 2),
            ),
            (
                "one of two, far",
                &[Some("1.1.1.1:5000"), None],
                Mapping::Random,
            ),
            (
                "far",
                &[Some("1.1.1.1:501"), Some("1.1.1.1:40000")],
                Mapping::Random,
            ),
            (
                "a step too far",
                &[Some("1.1.1.1:501"), Some("1.1.1.1:518")],
                Mapping::Random,
            ),
            (
                "unequal",
                &[
                    Some("1.1.1.1:501"),
                    Some("1.1.1.1:502"),
                    Some("1.1.1.1:504"),
                ],
                Mapping::Random,
            ),
            (
                "other and the same",
                &[Some("1.1.1.1:501"), Some("1.1.1.1:501")],
                Mapping::Random,
            ),
            (
                "another address",
                &[Some("1.1.1.2:500"), Some("1.1.1.1:500")],
                Mapping::Random,
            ),
        ];
        for (name, seen, expected) in rows {
            let (mut observer, now) = observer("1.1.1.1:500", seen.len());
            let asked = observer.poll(now);
            for ((from, nonce), seen) in asked.into_iter().zip(*seen) {
                if let Some(seen) = seen {
                    assert!(observer.observed(from, nonce, addr(seen)), "{name}");
                }
            }
            assert_eq!(observer.mapping(), *expected, "{name}");
        }
    }

    #[test]
    fn forged_and_doubled_answers_are_none() {
        let (mut observer, now) = observer("1.1.1.1:500", 2);
        let (from, nonce) = observer.poll(now)[0];
        let seen = addr("1.1.1.1:500");
        assert!(!observer.observed(from, nonce ^ 1, seen));
        assert!(!observer.observed(addr("9.9.9.9:7"), nonce, seen));
        assert!(observer.observed(from, nonce, seen));
        assert!(!observer.observed(from, nonce, addr("6.6.6.6:6")));
        assert_eq!(observer.mapping(), Mapping::Independent);
    }

    #[test]
    fn what_is_open_is_asked_four_times() {
        let (mut observer, now) = observer("1.1.1.1:500", 2);
        let (from, nonce) = observer.poll(now)[0];
        observer.observed(from, nonce, addr("1.1.1.1:500"));
        let mut asked = Vec::new();
        while let Some(due) = observer.next_timeout() {
            asked.push(((due - now).as_millis(), observer.poll(due).len()));
        }
        assert_eq!(asked, [(200, 1), (600, 1), (1_400, 1)]);
    }
}
