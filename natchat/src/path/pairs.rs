//! The addresses of the peer that are checked, those that have answered, and the best of them.
//!
//! Two kinds of entry: what was planned (at most [`TARGETS`]), and where the peer was heard from without that being
//! planned (at most [`VISITORS`]; the oldest that has not answered gives way). The list is in the order of sending; it
//! is so short that nothing better than looking through it pays.

use std::time::{Duration, Instant};

use crate::path::plan::{TARGETS, Target};
use crate::path::proof::{Doubt, Proof};
use crate::path::route::{Class, Route, Socket};
use crate::path::schedule::{PATIENCE, Schedule, Shot};

/// The most addresses kept that were not planned.
pub(crate) const VISITORS: usize = 8;

/// How long addresses of the same class go on being checked when one works: another may be faster.
const SETTLING: Duration = Duration::from_secs(1);

/// How old an answer of the best path is when another path turning up makes it doubtful.
const RECENT: Duration = Duration::from_millis(250);

/// The best way there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// The way.
    pub route: Route,
    /// How near it is.
    pub class: Class,
    /// Its round trip, as checks measured it.
    pub round_trip: Duration,
}

impl Best {
    /// Whether it is worth a change: nearer, or as near and a fifth faster, so that two alike do not take turns.
    fn beats(&self, other: &Self) -> bool {
        let faster = self.round_trip * 5 < other.round_trip * 4;
        self.class < other.class || self.class == other.class && faster
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Planned,
    Visitor,
}

#[derive(Debug)]
struct Pair {
    route: Route,
    class: Class,
    origin: Origin,
    checks: Schedule,
    proof: Option<Proof>,
}

impl Pair {
    fn as_best(&self) -> Option<Best> {
        self.proof.as_ref().map(|proof| Best {
            route: self.route,
            class: self.class,
            round_trip: proof.round_trip(),
        })
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    list: Vec<Pair>,
    best: Option<Route>,
}

impl Pairs {
    /// Checks `targets`, old and new, and goes on with what works.
    pub(crate) fn plan(&mut self, now: Instant, targets: &[Target]) {
        let mut old = std::mem::take(&mut self.list);
        for target in targets.iter().take(TARGETS) {
            let route = Route::main(target.addr);
            let known = old.iter().position(|pair| pair.route == route);
            let mut pair = known.map_or_else(
                || Pair {
                    route,
                    class: target.class,
                    origin: Origin::Planned,
                    checks: Schedule::quick(now, target.first, PATIENCE),
                    proof: None,
                },
                |at| old.remove(at),
            );
            pair.origin = Origin::Planned;
            if !pair.checks.is_quick() && pair.proof.is_none() {
                pair.checks = Schedule::quick(now, Shot::Check, PATIENCE);
            }
            self.list.push(pair);
        }
        old.retain(|pair| pair.origin == Origin::Visitor || pair.proof.is_some());
        for mut pair in old {
            pair.origin = Origin::Visitor;
            self.push_visitor(pair);
        }
    }

    /// Checks again, from the start, what does not work.
    pub(crate) fn restart(&mut self, now: Instant) {
        for pair in self.list.iter_mut().filter(|pair| pair.proof.is_none()) {
            pair.checks = Schedule::quick(now, Shot::Check, PATIENCE);
        }
    }

    pub(crate) fn knows(&self, route: Route) -> bool {
        self.list.iter().any(|pair| pair.route == route)
    }

    #[cfg(test)]
    pub(crate) fn has_proof(&self, route: Route) -> bool {
        self.list
            .iter()
            .any(|pair| pair.route == route && pair.proof.is_some())
    }

    pub(crate) fn uses(&self, socket: Socket) -> bool {
        self.list.iter().any(|pair| pair.route.socket == socket)
    }

    /// The peer asked from there: if that way is not known to work, it is tried at once.
    pub(crate) fn visit(&mut self, now: Instant, route: Route) {
        let Some(pair) = self.pair_mut(route) else {
            self.push_visitor(Self::visitor(now, route));
            return;
        };
        match &mut pair.proof {
            Some(proof) => proof.visit(now),
            None => pair.checks.hurry(now),
        }
    }

    /// The peer sent a packet from there; false if that way is not known to work.
    pub(crate) fn hear(&mut self, now: Instant, route: Route) -> bool {
        let proof = self.pair_mut(route).and_then(|pair| pair.proof.as_mut());
        proof.map(|proof| proof.hear(now)).is_some()
    }

    /// The peer answered from there; true if that is the first time.
    pub(crate) fn prove(&mut self, now: Instant, route: Route, round_trip: Duration) -> bool {
        if !self.knows(route) {
            self.push_visitor(Self::visitor(now, route));
        }
        let Some(pair) = self.pair_mut(route) else {
            return false;
        };
        pair.checks.stop();
        match &mut pair.proof {
            Some(proof) => {
                proof.answer(now, round_trip);
                false
            }
            None => {
                pair.proof = Some(Proof::new(now, round_trip));
                true
            }
        }
    }

    /// Checks the best path, if there is one and it is not being checked for that reason; true if that is news.
    pub(crate) fn doubt_best(&mut self, now: Instant, why: Doubt) -> bool {
        let proof = self.best_proof_mut();
        proof.is_some_and(|proof| proof.doubt(now, why))
    }

    /// Something new turned up: is the best path still what it was?
    pub(crate) fn question_best(&mut self, now: Instant) {
        let proof = self.best_proof_mut();
        if let Some(proof) = proof.filter(|proof| proof.answered() + RECENT <= now) {
            proof.doubt(now, Doubt::Suspicion);
        }
    }

    /// Calls `send` with all checks that are due.
    pub(crate) fn poll(&mut self, now: Instant, mut send: impl FnMut(Route, Shot)) {
        for pair in &mut self.list {
            let shot = match &mut pair.proof {
                Some(proof) => proof.poll(now).then_some(Shot::Check),
                None => pair.checks.poll(now),
            };
            if let Some(shot) = shot {
                send(pair.route, shot);
            }
        }
    }

    /// Gives up what is overdue, chooses anew, and looks after what is chosen.
    pub(crate) fn review(&mut self, now: Instant) {
        self.give_up(now);
        self.best = self.choose(now);
        let keep_alive = self.best_proof_mut().and_then(|proof| proof.keep_alive());
        if keep_alive.is_some_and(|at| at <= now) {
            self.doubt_best(now, Doubt::Silence);
        }
        self.settle(now);
    }

    pub(crate) fn best(&self) -> Option<Best> {
        let best = self.best?;
        let pair = self.list.iter().find(|pair| pair.route == best)?;
        pair.as_best()
    }

    /// When [`Self::poll`] or [`Self::review`] has something to do.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let times = self.list.iter().flat_map(|pair| match &pair.proof {
            Some(proof) => {
                let is_best = self.best == Some(pair.route);
                let keep_alive = proof.keep_alive().filter(|_| is_best);
                [proof.next(now), keep_alive]
            }
            None => [pair.checks.next(), None],
        });
        times.flatten().min()
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    fn pair_mut(&mut self, route: Route) -> Option<&mut Pair> {
        self.list.iter_mut().find(|pair| pair.route == route)
    }

    fn best_proof_mut(&mut self) -> Option<&mut Proof> {
        let best = self.best?;
        self.pair_mut(best)?.proof.as_mut()
    }

    fn visitor(now: Instant, route: Route) -> Pair {
        Pair {
            route,
            class: Class::of(route.addr.ip()),
            origin: Origin::Visitor,
            checks: Schedule::quick(now, Shot::Check, PATIENCE),
            proof: None,
        }
    }

    fn push_visitor(&mut self, pair: Pair) {
        let best = self.best;
        let visitors = self
            .list
            .iter()
            .enumerate()
            .filter(|(_, pair)| pair.origin == Origin::Visitor);
        if visitors.clone().count() >= VISITORS {
            // Those without proof go first, then in the order they came.
            let dispensable = visitors.filter(|(_, pair)| Some(pair.route) != best);
            let (at, _) = dispensable
                .min_by_key(|(_, pair)| pair.proof.is_some())
                .expect("only one of several is the best");
            self.list.remove(at);
        }
        self.list.push(pair);
    }

    fn give_up(&mut self, now: Instant) {
        let best = self.best;
        for pair in &mut self.list {
            let Some(proof) = &pair.proof else { continue };
            if proof.is_over(now) {
                pair.proof = None;
                pair.checks = Schedule::quick(now, Shot::Check, PATIENCE);
            } else if best != Some(pair.route) && proof.is_stale(now) {
                pair.proof = None;
            }
        }
        self.list.retain(|pair| {
            pair.origin == Origin::Planned || pair.proof.is_some() || !pair.checks.is_at_rest()
        });
    }

    fn choose(&self, now: Instant) -> Option<Route> {
        let proven = || {
            self.list
                .iter()
                .filter_map(|pair| Some((pair, pair.proof.as_ref()?)))
        };
        let rival = proven()
            .filter(|(_, proof)| proof.is_fresh(now))
            .filter_map(|(pair, _)| pair.as_best())
            .min_by_key(|best| (best.class, best.round_trip, best.route));
        let current = proven().find(|(pair, _)| self.best == Some(pair.route));
        let Some((pair, proof)) = current else {
            return rival.map(|rival| rival.route);
        };
        let current = pair.as_best()?;
        let better = rival.filter(|rival| proof.yields(now) || rival.beats(&current));
        Some(better.unwrap_or(current).route)
    }

    /// Where something works, nothing worse is looked for.
    fn settle(&mut self, now: Instant) {
        let Some(best) = self.best() else { return };
        if self
            .best_proof_mut()
            .is_some_and(|proof| proof.is_doubted())
        {
            return;
        }
        for pair in self.list.iter_mut().filter(|pair| pair.proof.is_none()) {
            if pair.class > best.class {
                pair.checks.stop();
            } else if pair.class == best.class {
                pair.checks.end_by(now + SETTLING);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    const LAN: &str = "192.168.0.2:1";
    const V6: &str = "[2001:db8::2]:1";
    const V4: &str = "198.51.100.2:1";
    const OTHER_V4: &str = "198.51.100.3:1";

    fn route(addr: &str) -> Route {
        Route::main(addr.parse().unwrap())
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What is the best after these have answered, in this order, with these round trips.
    fn best_of(answers: &[(&str, u64)]) -> Option<Route> {
        let now = Clock::start().now();
        let mut pairs = Pairs::default();
        for (addr, round_trip) in answers {
            pairs.prove(now, route(addr), ms(*round_trip));
            pairs.review(now);
        }
        pairs.best().map(|best| best.route)
    }

    #[test]
    fn the_nearest_is_best_and_among_those_one_a_fifth_faster() {
        type Answers = &'static [(&'static str, u64)];
        let cases: [(&str, Answers, &str); 8] = [
            ("the only one", &[(V4, 500)], V4),
            ("IPv6 before IPv4", &[(V4, 10), (V6, 90)], V6),
            ("the LAN before all", &[(V6, 10), (V4, 10), (LAN, 90)], LAN),
            (
                "whichever came first",
                &[(LAN, 90), (V6, 10), (V4, 10)],
                LAN,
            ),
            ("as fast", &[(V4, 100), (OTHER_V4, 100)], V4),
            ("a little faster", &[(V4, 100), (OTHER_V4, 81)], V4),
            ("much faster", &[(V4, 100), (OTHER_V4, 79)], OTHER_V4),
            ("no time at all", &[(V4, 0), (OTHER_V4, 0)], V4),
        ];
        for (name, answers, best) in cases {
            assert_eq!(best_of(answers), Some(route(best)), "{name}");
        }
    }

    #[test]
    fn two_alike_do_not_take_turns() {
        let start = Clock::start().now();
        let mut pairs = Pairs::default();
        let mut changes = 0;
        for turn in 0..1_000 {
            let now = start + ms(turn * 20);
            let before = pairs.best().map(|best| best.route);
            let jitter = turn * 7 % 11;
            let addr = if turn % 2 == 0 { V4 } else { OTHER_V4 };
            pairs.prove(now, route(addr), ms(50 + jitter));
            pairs.review(now);
            changes += u32::from(before != pairs.best().map(|best| best.route));
        }
        assert_eq!(changes, 1, "the first one");
    }

    #[test]
    fn one_in_doubt_yields_to_any_that_works() {
        let start = Clock::start().now();
        let mut pairs = Pairs::default();
        pairs.prove(start, route(LAN), ms(10));
        pairs.prove(start, route(V4), ms(50));
        pairs.review(start);
        assert!(pairs.doubt_best(start, Doubt::Suspicion));
        pairs.review(start + ms(69));
        assert_eq!(
            pairs.best().map(|best| best.route),
            Some(route(LAN)),
            "it may be on its way"
        );
        pairs.review(start + ms(70));
        assert_eq!(pairs.best().map(|best| best.route), Some(route(V4)));
        pairs.prove(start + ms(90), route(LAN), ms(90));
        pairs.review(start + ms(90));
        assert_eq!(
            pairs.best().map(|best| best.route),
            Some(route(LAN)),
            "late, but there"
        );
    }

    #[test]
    fn one_in_doubt_is_kept_for_want_of_another_until_it_is_given_up() {
        let start = Clock::start().now();
        let mut pairs = Pairs::default();
        pairs.prove(start, route(LAN), ms(10));
        pairs.review(start);
        pairs.doubt_best(start, Doubt::Suspicion);
        pairs.review(start + ms(999));
        assert!(pairs.best().is_some());
        pairs.review(start + ms(1_000));
        assert_eq!(pairs.best(), None);
    }

    #[test]
    fn what_is_old_is_not_fallen_back_to() {
        let start = Clock::start().now();
        let mut pairs = Pairs::default();
        pairs.prove(start, route(LAN), ms(10));
        pairs.prove(start, route(V4), ms(50));
        pairs.review(start);
        let late = start + ms(40_000);
        pairs.prove(late, route(LAN), ms(10));
        pairs.doubt_best(late, Doubt::Suspicion);
        pairs.review(late + ms(900));
        assert_eq!(pairs.best().map(|best| best.route), Some(route(LAN)));
    }

    #[test]
    fn visitors_are_few_and_the_best_one_stays() {
        let now = Clock::start().now();
        let mut pairs = Pairs::default();
        pairs.prove(now, route(V4), ms(10));
        pairs.review(now);
        pairs.prove(now, route(OTHER_V4), ms(10));
        for port in 1_000..2_000 {
            pairs.visit(now, route(&format!("203.0.113.9:{port}")));
            assert!(pairs.len() <= VISITORS);
        }
        assert!(
            pairs.has_proof(route(V4)) && pairs.has_proof(route(OTHER_V4)),
            "nor those that work"
        );
        for port in 1_000..2_000 {
            pairs.prove(now, route(&format!("203.0.113.9:{port}")), ms(10));
            assert!(pairs.len() <= VISITORS);
        }
        assert_eq!(pairs.best().map(|best| best.route), Some(route(V4)));
    }

    #[test]
    fn a_new_plan_keeps_what_works_and_drops_what_does_not() {
        let now = Clock::start().now();
        let target = |addr: &str| Target {
            addr: addr.parse().unwrap(),
            class: Class::V4,
            first: Shot::Opener,
        };
        let mut pairs = Pairs::default();
        pairs.plan(now, &[target(V4), target(OTHER_V4)]);
        pairs.prove(now, route(V4), ms(10));
        pairs.review(now);
        pairs.plan(now, &[target("203.0.113.9:1")]);
        assert!(pairs.has_proof(route(V4)));
        assert!(!pairs.knows(route(OTHER_V4)));
        assert!(pairs.knows(route("203.0.113.9:1")));
    }
}
