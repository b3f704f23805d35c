//! The checks that wait for their response.
//!
//! A response counts once, in time, and only from where its check was sent: one from another address proves nothing
//! about the way there.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::path::route::Route;
use crate::wire::check::Txid;

/// The most checks waited for: twice what birthday probing sends, so that it does not push out the others.
const ASKED: usize = 4_096;

/// How long a response is waited for; well above any round trip that is bearable to talk by.
const WAIT: Duration = Duration::from_secs(5);

/// What was asked, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    open: BTreeMap<Txid, (Route, Instant)>,
    order: VecDeque<(Instant, Txid)>,
}

impl Asked {
    /// A check leaves.
    pub(crate) fn insert(&mut self, now: Instant, txid: Txid, route: Route) {
        while let Some((sent, oldest)) = self.order.front() {
            if self.order.len() < ASKED && now.saturating_duration_since(*sent) <= WAIT {
                break;
            }
            self.open.remove(oldest);
            self.order.pop_front();
        }
        self.open.insert(txid, (route, now));
        self.order.push_back((now, txid));
    }

    /// A response came: the round trip, if it is one that is waited for.
    pub(crate) fn take(&mut self, now: Instant, txid: &Txid, route: Route) -> Option<Duration> {
        let (asked, sent) = *self.open.get(txid)?;
        let round_trip = now.saturating_duration_since(sent);
        if asked != route || round_trip > WAIT {
            return None;
        }
        self.open.remove(txid);
        Some(round_trip)
    }

    /// Waits for nothing any more, and gives back the memory.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.open.len().max(self.order.len())
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    fn route(socket: u16, addr: &str) -> Route {
        let addr = addr.parse().unwrap();
        Route { socket, addr }
    }

    #[test]
    fn a_response_counts_once_in_time_and_from_where_it_was_asked() {
        let start = Clock::start().now();
        let there = route(0, "192.0.2.1:10");
        let at = |ms| start + Duration::from_millis(ms);
        let mut asked = Asked::default();
        asked.insert(start, [1; 12], there);
        asked.insert(start, [2; 12], there);
        let cases = [
            ("another txid", [9; 12], there, 30, None),
            (
                "another address",
                [1; 12],
                route(0, "192.0.2.2:10"),
                30,
                None,
            ),
            ("another port", [1; 12], route(0, "192.0.2.1:11"), 30, None),
            (
                "another socket",
                [1; 12],
                route(3, "192.0.2.1:10"),
                30,
                None,
            ),
            ("right", [1; 12], there, 30, Some(30)),
            ("again", [1; 12], there, 31, None),
            ("too late", [2; 12], there, 5_001, None),
        ];
        for (name, txid, from, ms, expected) in cases {
            let taken = asked.take(at(ms), &txid, from);
            assert_eq!(taken, expected.map(Duration::from_millis), "{name}");
        }
    }

    #[test]
    fn the_oldest_gives_way() {
        let start = Clock::start().now();
        let there = route(0, "192.0.2.1:10");
        let mut asked = Asked::default();
        let txid = |n: u16| {
            let mut txid = [0; 12];
            txid[..2].copy_from_slice(&n.to_be_bytes());
            txid
        };
        for n in 0..5_000 {
            asked.insert(start, txid(n), there);
        }
        assert_eq!(asked.len(), ASKED);
        assert_eq!(asked.take(start, &txid(5_000 - 4_097), there), None);
        assert!(asked.take(start, &txid(5_000 - 4_096), there).is_some());
        asked.insert(start + WAIT + WAIT, txid(6_000), there);
        assert_eq!(asked.len(), 1, "what is overdue goes with the next");
    }
}
