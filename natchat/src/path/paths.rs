//! The paths to one peer: composes what is planned, asked, proven and probed, and tells what to send.
//!
//! The loop: call one of the methods that take `now`; drain [`Paths::poll_transmit`] and [`Paths::poll_event`]; wait
//! until [`Paths::next_timeout`] or for new input. Two minutes after the last word there is no path and no timer, and
//! checks are only answered.
//!
//! Trust: a check counts when its tag is right; a response only if it was asked for, once, and from where it was asked;
//! a request, which may be a replay, is answered and brings about checks of its source, but moves nothing by itself.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::bucket::Bucket;
use crate::crypto::entropy::Entropy;
use crate::crypto::mac::{MacKey, TAG_LEN};
use crate::path::asked::Asked;
use crate::path::birthday::{Birthday, Step};
pub use crate::path::pairs::Best;
use crate::path::pairs::Pairs;
use crate::path::plan::{Target, plan};
use crate::path::proof::Doubt;
pub use crate::path::route::{Class, MAIN_SOCKET, Route, Socket};
use crate::path::schedule::Shot;
use crate::path::search::Search;
use crate::wire::call::CallKind;
use crate::wire::check::{Check, CheckKind, Txid};
use crate::wire::reach::{Mapping, Reach};

/// How many routers an opener passes: our own, and the next one, where it ends. An opener must not reach the peer's
/// NAT, but one that ends before our own NAT's far side has opened nothing.
pub const OPENER_TTL: u8 = 2;

/// How long after the last use, or the last Call, a path is kept open.
const LET_GO: Duration = Duration::from_secs(120);

/// The most datagrams that wait to be polled; all that one call brings about is far fewer.
const WAITING: usize = 1_024;

/// Requests and packets from addresses not known before that are gone into at a time, and then one each 10 ms: a
/// recorded request sent from many forged addresses must not make us send to all of those.
const STRANGERS: Bucket = Bucket::new(32, Duration::from_millis(10));

/// Plans that a peer can bring about, by Calls, at a time, and then one each half a second.
const PLANS: Bucket = Bucket::new(10, Duration::from_millis(500));

/// A check to be sent, tag included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// By what way.
    pub route: Route,
    /// How many routers it may pass; `None`: as usual. A low number opens our own NAT and does not reach theirs, where
    /// an early packet could occupy the very port that is to be opened.
    pub ttl: Option<u8>,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// From now on send by this way (`None`: by the relay). Only told when the way changes.
    Best(Option<Best>),
    /// Open this many further sockets; their numbers come by [`Paths::sockets_opened`].
    OpenSockets(u16),
    /// Close these.
    CloseSockets(Vec<Socket>),
    /// Send the peer a Call of this kind, by relay.
    Call(CallKind),
}

/// What both sides need to make and know checks.
#[derive(Clone, Copy, Debug)]
pub struct CheckKeys {
    /// How we are named in checks.
    pub my_tag: u64,
    /// For what we send.
    pub there: MacKey,
    /// For what we receive.
    pub back: MacKey,
}

/// The paths to one peer.
#[derive(Debug)]
pub struct Paths {
    keys: CheckKeys,
    entropy: Entropy,
    pairs: Pairs,
    asked: Asked,
    birthday: Birthday,
    /// What both sides told last, and what is to be checked for it.
    mine: Mapping,
    theirs: Reach,
    targets: Vec<Target>,
    strangers: Bucket,
    plans: Bucket,
    /// Until when something is said, or was lately.
    used_until: Option<Instant>,
    /// Until when anything is done at all: also for a peer that asks us to.
    awake_until: Option<Instant>,
    search: Search,
    /// The way that the caller was told.
    told: Option<Route>,
    out: VecDeque<Transmit>,
    wishes: Wishes,
    /// The next timer but for the end of use.
    next: Option<Instant>,
}

/// What the caller has yet to be told, but for the best way.
#[derive(Debug, Default)]
struct Wishes {
    open: Option<u16>,
    close: Vec<Socket>,
    calls: VecDeque<CallKind>,
}

impl Wishes {
    fn call(&mut self, kind: CallKind) {
        if !self.calls.contains(&kind) {
            self.calls.push_back(kind);
        }
    }
}

impl Paths {
    /// None yet.
    #[must_use]
    pub fn new(keys: CheckKeys, entropy: Entropy) -> Self {
        Self {
            keys,
            entropy,
            pairs: Pairs::default(),
            asked: Asked::default(),
            birthday: Birthday::new(),
            mine: Mapping::Unknown,
            theirs: Reach::default(),
            targets: Vec::new(),
            strangers: STRANGERS,
            plans: PLANS,
            used_until: None,
            awake_until: None,
            search: Search::new(),
            told: None,
            out: VecDeque::new(),
            wishes: Wishes::default(),
            next: None,
        }
    }

    /// Starts checking, or starts again with what is now known; goes on with what works. Families that none of our own
    /// candidates has are left out. No use by itself: two who keep calling each other must come to rest.
    pub fn start(&mut self, now: Instant, mine: &Reach, theirs: &Reach) {
        self.stay_awake(now);
        if !self.plans.take(now) {
            return;
        }
        self.mine = mine.mapping;
        self.theirs = theirs.clone();
        self.targets = plan(mine, theirs);
        self.pairs.plan(now, &self.targets);
        self.pairs.question_best(now);
        self.search_began(now);
        self.run(now);
    }

    /// The peer asks for birthday probing (Call Birthday came). Nothing happens if there is a path.
    pub fn birthday_asked(&mut self, now: Instant, mine: Mapping, theirs: &Reach) {
        self.stay_awake(now);
        if self.pairs.best().is_none() {
            let mut steps = Vec::new();
            self.birthday
                .asked(now, mine, theirs, &mut self.entropy, &mut steps);
            self.obey(now, steps);
        }
        self.run(now);
    }

    /// The sockets asked for by [`Event::OpenSockets`], as many as the system gave; none if it gave none.
    pub fn sockets_opened(&mut self, now: Instant, sockets: &[Socket]) {
        let spare = self.birthday.opened(now, sockets);
        self.wishes.close.extend(spare);
        self.run(now);
    }

    /// A check whose sender is this peer; `frame` still has its tag. False: not authentic, nothing done.
    pub fn handle_check(
        &mut self,
        now: Instant,
        route: Route,
        check: &Check,
        frame: &[u8],
    ) -> bool {
        if self.keys.back.open(frame).is_none() {
            return false;
        }
        let route = route.canonical();
        match check.kind {
            CheckKind::Request => self.handle_request(now, route, check.txid),
            CheckKind::Response(_) => self.handle_response(now, route, &check.txid),
        }
        self.run(now);
        true
    }

    /// An authentic packet came by this way: if it is new, it is challenged by a check; if it is in use, it is alive.
    /// Counts as use.
    pub fn heard(&mut self, now: Instant, route: Route) {
        let route = route.canonical();
        self.used(now);
        // This comes with every packet of a file: no timer moves nearer by it, so nothing else needs to be looked at.
        if self.pairs.hear(now, route) {
            return;
        }
        if self.pairs.knows(route) || self.strangers.take(now) {
            self.pairs.question_best(now);
            self.pairs.visit(now, route);
        }
        self.run(now);
    }

    /// What was sent by the best path is not acknowledged: check everything again, now.
    pub fn suspect(&mut self, now: Instant) {
        self.used(now);
        if self.pairs.doubt_best(now, Doubt::Suspicion) && !self.search.is_too_soon(now) {
            self.search(now);
        }
        self.run(now);
    }

    /// Our own addresses have changed (roaming): no path can be trusted. Call [`Self::start`] with the new ones.
    pub fn forget(&mut self, now: Instant) {
        self.drop_all();
        self.targets.clear();
        self.run(now);
    }

    /// Something is said or was lately: keep the best path open, and search one if it was let go because nothing was said
    /// for some minutes.
    pub fn used(&mut self, now: Instant) {
        let (was_in_use, was_awake) = (self.is_in_use(now), self.is_awake(now));
        self.used_until = Some(now + LET_GO);
        self.stay_awake(now);
        if !was_awake && !self.targets.is_empty() {
            self.pairs.plan(now, &self.targets);
            self.search(now);
        }
        if !was_in_use {
            self.run(now);
        }
    }

    /// The best way now.
    #[must_use]
    pub fn best(&self) -> Option<Best> {
        self.pairs.best()
    }

    /// The next check to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// What to do besides.
    pub fn poll_event(&mut self) -> Option<Event> {
        let best = self.pairs.best();
        let route = best.map(|best| best.route);
        if self.told != route {
            self.told = route;
            return Some(Event::Best(best));
        }
        if let Some(count) = self.wishes.open.take() {
            return Some(Event::OpenSockets(count));
        }
        if !self.wishes.close.is_empty() {
            return Some(Event::CloseSockets(std::mem::take(&mut self.wishes.close)));
        }
        self.wishes.calls.pop_front().map(Event::Call)
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.awake_until).min()
    }

    /// Sends what is due, gives up what is overdue.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    /// How much is kept, for tests of bounds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.pairs.len()
            + self.asked.len()
            + self.out.len()
            + self.wishes.close.len()
            + self.wishes.calls.len()
    }

    fn stay_awake(&mut self, now: Instant) {
        if !self.is_awake(now) {
            self.drop_all();
        }
        self.awake_until = Some(now + LET_GO);
    }

    fn is_awake(&self, now: Instant) -> bool {
        self.awake_until.is_some_and(|until| now < until)
    }

    fn is_in_use(&self, now: Instant) -> bool {
        self.used_until.is_some_and(|until| now < until)
    }

    fn handle_request(&mut self, now: Instant, route: Route, txid: Txid) {
        let is_known = self.pairs.knows(route);
        if !is_known && !self.strangers.take(now) {
            return;
        }
        self.transmit(route, None, CheckKind::Response(route.addr), txid);
        if !self.is_awake(now) {
            return;
        }
        // Only where the peer says it is are checks repeated; elsewhere one must do.
        if is_known || self.is_told(route.addr.ip()) {
            self.pairs.visit(now, route);
        } else {
            self.send_check(now, route, Shot::Check);
        }
    }

    fn handle_response(&mut self, now: Instant, route: Route, txid: &Txid) {
        let Some(round_trip) = self.asked.take(now, txid, route) else {
            return;
        };
        if self.pairs.prove(now, route, round_trip) {
            self.pairs.question_best(now);
        }
    }

    fn is_told(&self, ip: IpAddr) -> bool {
        let mut candidates = self.theirs.candidates.iter();
        candidates.any(|candidate| candidate.addr.ip().to_canonical() == ip)
    }

    /// What every input and every timer ends with.
    fn run(&mut self, now: Instant) {
        if !self.is_awake(now) {
            self.drop_all();
            return;
        }
        let had_best = self.pairs.best().is_some();
        self.send_due(now);
        self.pairs.review(now);
        match self.pairs.best() {
            Some(_) => {
                self.birthday.succeed(now);
                self.search.found();
            }
            None if had_best => self.search(now),
            None if self.search.is_due(now) && self.is_in_use(now) => self.search(now),
            None => {}
        }
        self.send_due(now);
        let mut steps = Vec::new();
        self.birthday.poll(now, &mut steps);
        self.obey(now, steps);
        let unused = self.birthday.prune(|socket| self.pairs.uses(socket));
        self.close(unused);
        let again = self.search.again().filter(|_| self.is_in_use(now));
        let times = [self.pairs.next(now), self.birthday.next(), again];
        self.next = times.into_iter().flatten().min();
    }

    /// Checks all that does not work, and has the peer do so.
    fn search(&mut self, now: Instant) {
        self.search_began(now);
        self.pairs.restart(now);
        if self.is_in_use(now) {
            self.wishes.call(CallKind::Ask);
        }
    }

    fn search_began(&mut self, now: Instant) {
        self.search.began(now);
        if self.pairs.best().is_none() {
            self.birthday.arm(now, self.mine, &self.theirs);
        }
    }

    fn drop_all(&mut self) {
        self.pairs.forget();
        self.asked.clear();
        self.birthday.stop();
        self.wishes.open = None;
        self.wishes.calls.clear();
        let all = self.birthday.prune(|_| false);
        self.close(all);
        self.search = Search::new();
        self.awake_until = None;
        self.next = None;
    }

    fn close(&mut self, sockets: Vec<Socket>) {
        if !sockets.is_empty() {
            self.out
                .retain(|transmit| !sockets.contains(&transmit.route.socket));
            self.wishes.close.extend(sockets);
        }
    }

    fn send_due(&mut self, now: Instant) {
        let mut due = Vec::new();
        self.pairs.poll(now, |route, shot| due.push((route, shot)));
        for (route, shot) in due {
            self.send_check(now, route, shot);
        }
    }

    fn obey(&mut self, now: Instant, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Check(route, shot) => self.send_check(now, route, shot),
                Step::Open(count) => self.wishes.open = Some(count),
                Step::Call => self.wishes.call(CallKind::Birthday),
            }
        }
    }

    fn send_check(&mut self, now: Instant, route: Route, shot: Shot) {
        let txid = self.entropy.bytes();
        self.asked.insert(now, txid, route);
        let ttl = (shot == Shot::Opener).then_some(OPENER_TTL);
        self.transmit(route, ttl, CheckKind::Request, txid);
    }

    fn transmit(&mut self, route: Route, ttl: Option<u8>, kind: CheckKind, txid: Txid) {
        if self.out.len() >= WAITING {
            return;
        }
        let check = Check {
            sender: self.keys.my_tag,
            txid,
            kind,
        };
        let mut bytes = Vec::with_capacity(CHECK_LEN);
        check.encode(&mut bytes);
        self.keys.there.seal(&mut bytes);
        self.out.push_back(Transmit { route, ttl, bytes });
    }
}

/// Enough for any check: kind, sender, txid, address of IPv6, tag.
const CHECK_LEN: usize = 2 + 8 + 12 + 19 + TAG_LEN;
