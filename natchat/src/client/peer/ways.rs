//! By what way frames go to one peer: by the best path, through the server, or by both while the path is in doubt.
//!
//! ```text
//!   no path ──► relay        a path ──► the path        nothing confirmed for a while, or the peer falls back on the relay ──► both
//! ```
//!
//! The doubt ends when something comes by a path again. Paths themselves, and whether they work, are [`crate::path`]'s.

use std::time::{Duration, Instant};

use crate::client::event::Way;
use crate::crypto::entropy::Entropy;
use crate::path::paths::{Best, CheckKeys, Event, Paths, Route, Socket, Transmit};
use crate::reliable::connection::Connection;
use crate::wire::call::CallKind;
use crate::wire::check::Check;
use crate::wire::reach::Reach;

/// How long a doubt lasts that nothing confirms or removes.
const DOUBT: Duration = Duration::from_secs(1);

/// How long a best path must have stood before a frame through the relay casts doubt on it: until then frames may have left
/// before the peer had a path.
const SETTLED: Duration = Duration::from_secs(2);

/// Between two times that all paths are checked anew because of doubt.
const SUSPECT_AGAIN: Duration = Duration::from_secs(1);

/// How long after something was said paths are still worth looking for anew when addresses change; paths are let go then, too.
const LATELY: Duration = Duration::from_secs(120);

/// When a call that brought no answer and no path is repeated; through a server datagrams can be lost.
const ASK_AGAIN: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_millis(2_700),
];

/// The ways to one peer.
#[derive(Debug)]
pub(crate) struct Ways {
    /// None if direct paths are switched off.
    paths: Option<Paths>,
    has_birthday: bool,
    has_started: bool,
    /// When something was last said.
    used: Option<Instant>,
    best_since: Option<Instant>,
    doubt_until: Option<Instant>,
    suspected: Option<Instant>,
    /// How often the call was repeated, and when it is next.
    asked: Option<(usize, Instant)>,
    calls: Vec<CallKind>,
}

/// What [`Ways::poll`] asks for.
#[derive(Debug)]
pub(crate) enum Wish {
    Check(Transmit),
    OpenSockets(u16),
    CloseSockets(Vec<Socket>),
    Call(CallKind),
    /// What was measured so far was of another way.
    WayChanged,
}

/// Where a frame is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) direct: Option<Route>,
    pub(crate) relay: bool,
}

impl Ways {
    pub(crate) fn new(keys: CheckKeys, entropy: Entropy, direct: Direct) -> Self {
        Self {
            paths: (direct != Direct::Off).then(|| Paths::new(keys, entropy)),
            has_birthday: direct == Direct::WithBirthday,
            has_started: false,
            used: None,
            best_since: None,
            doubt_until: None,
            suspected: None,
            asked: None,
            calls: Vec::new(),
        }
    }

    /// Starts to look for paths, unless that was done before, and asks the peer to do the same.
    pub(crate) fn begin(&mut self, now: Instant, mine: &Reach, theirs: &Reach) {
        if self.has_started || self.paths.is_none() {
            return;
        }
        self.start(now, mine, theirs);
        self.calls.push(CallKind::Ask);
        self.asked = Some((0, now + ASK_AGAIN[0]));
    }

    /// Looks again: one of the two is to be reached elsewhere.
    pub(crate) fn start(&mut self, now: Instant, mine: &Reach, theirs: &Reach) {
        if let Some(paths) = &mut self.paths {
            self.has_started = true;
            paths.start(now, mine, theirs);
        }
    }

    /// Looks again, and tells the peer, if something was said lately; else when something is said.
    pub(crate) fn restart(&mut self, now: Instant, mine: &Reach, theirs: &Reach) {
        let was_started = std::mem::take(&mut self.has_started);
        let lately = |used: Instant| now.saturating_duration_since(used) < LATELY;
        if was_started && self.used.is_some_and(lately) {
            self.begin(now, mine, theirs);
        }
    }

    /// The peer calls.
    pub(crate) fn called(&mut self, now: Instant, kind: CallKind, mine: &Reach, theirs: &Reach) {
        match kind {
            CallKind::Ask => {
                self.start(now, mine, theirs);
                if self.paths.is_some() {
                    self.calls.push(CallKind::Answer);
                }
            }
            CallKind::Answer => {
                self.asked = None;
                self.start(now, mine, theirs);
            }
            CallKind::Birthday => {
                if let Some(paths) = self.paths.as_mut().filter(|_| self.has_birthday) {
                    paths.birthday_asked(now, mine.mapping, theirs);
                }
            }
            CallKind::Distrust => {}
        }
    }

    pub(crate) fn handle_check(&mut self, now: Instant, route: Route, check: &Check, frame: &[u8]) {
        if let Some(paths) = &mut self.paths {
            paths.handle_check(now, route, check, frame);
        }
    }

    pub(crate) fn sockets_opened(&mut self, now: Instant, sockets: &[Socket]) {
        if let Some(paths) = &mut self.paths {
            paths.sockets_opened(now, sockets);
        }
    }

    /// An authentic frame came from machine to machine.
    pub(crate) fn heard(&mut self, now: Instant, route: Route) {
        self.doubt_until = None;
        if let Some(paths) = &mut self.paths {
            paths.heard(now, route);
        }
    }

    /// An authentic frame came through the server although we have a path: perhaps the peer has lost it, and nothing that we send
    /// arrives.
    pub(crate) fn heard_by_relay(&mut self, now: Instant) {
        let settled = |since: Instant| now.saturating_duration_since(since) >= SETTLED;
        if self.best_since.is_some_and(settled) {
            self.doubt(now);
        }
    }

    /// What went by the best path is not confirmed.
    pub(crate) fn doubt(&mut self, now: Instant) {
        self.doubt_until = Some(now + DOUBT);
        self.suspect(now);
    }

    /// Checks all paths, unless that was done just now.
    pub(crate) fn suspect(&mut self, now: Instant) {
        let again = |before: Instant| now.saturating_duration_since(before) >= SUSPECT_AGAIN;
        if let Some(paths) = self
            .paths
            .as_mut()
            .filter(|_| self.suspected.is_none_or(again))
        {
            self.suspected = Some(now);
            paths.suspect(now);
        }
    }

    /// Our own addresses are others now.
    pub(crate) fn forget(&mut self, now: Instant) {
        if let Some(paths) = &mut self.paths {
            paths.forget(now);
        }
    }

    /// Something is being said.
    pub(crate) fn used(&mut self, now: Instant) {
        self.used = Some(now);
        if let Some(paths) = &mut self.paths {
            paths.used(now);
        }
    }

    pub(crate) fn best(&self) -> Option<Best> {
        self.paths.as_ref().and_then(Paths::best)
    }

    /// By what way lines go, and where to if it is known; `is_established`: they do go.
    pub(crate) fn way(&self, is_established: bool) -> (Way, Option<Route>) {
        match self.best() {
            Some(best) => (Way::Direct, Some(best.route)),
            None if is_established => (Way::Relayed, None),
            None => (Way::Unused, None),
        }
    }

    /// The shortest round trip that was measured.
    pub(crate) fn round_trip(&self, connection: &Connection) -> Option<Duration> {
        let checked = self.best().map(|best| best.round_trip);
        checked.into_iter().chain(connection.round_trip()).min()
    }

    /// When what is not confirmed is late.
    pub(crate) fn timeout(&self, connection: &Connection) -> Duration {
        match (connection.round_trip(), self.best()) {
            // On a path that is new to the connection, checks have measured already.
            (None, Some(best)) => 2 * best.round_trip,
            (_, _) => connection.retransmission_timeout(),
        }
    }

    /// Where a frame is to go now.
    pub(crate) fn choose(&self, now: Instant) -> Choice {
        let direct = self.best().map(|best| best.route);
        let doubt = self.doubt_until.is_some_and(|until| now < until);
        Choice {
            direct,
            relay: direct.is_none() || doubt,
        }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Option<Wish> {
        if let Some(kind) = self.calls.pop() {
            return Some(Wish::Call(kind));
        }
        let paths = self.paths.as_mut()?;
        while let Some(event) = paths.poll_event() {
            match event {
                Event::Best(best) => {
                    self.best_since = best.map(|_| now);
                    self.doubt_until = None;
                    return Some(Wish::WayChanged);
                }
                Event::OpenSockets(count) if self.has_birthday => {
                    return Some(Wish::OpenSockets(count));
                }
                Event::OpenSockets(_) => paths.sockets_opened(now, &[]),
                Event::CloseSockets(sockets) => return Some(Wish::CloseSockets(sockets)),
                Event::Call(CallKind::Birthday) if !self.has_birthday => {}
                Event::Call(kind) => return Some(Wish::Call(kind)),
            }
        }
        paths.poll_transmit().map(Wish::Check)
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let paths = self.paths.as_ref().and_then(Paths::next_timeout);
        let asked = self.asked.map(|(_, at)| at);
        paths.into_iter().chain(asked).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        // Asked at every packet: only at its time is there something to do.
        let paths = self.paths.as_mut();
        if let Some(paths) = paths.filter(|paths| paths.next_timeout().is_some_and(|at| at <= now))
        {
            paths.handle_timeout(now);
        }
        if let Some((times, _)) = self.asked.filter(|(_, at)| *at <= now) {
            let next = ASK_AGAIN
                .get(times + 1)
                .filter(|_| self.best_since.is_none());
            self.asked = next.map(|wait| (times + 1, now + *wait));
            if self.best_since.is_none() {
                self.calls.push(CallKind::Ask);
            }
        }
    }
}

/// Whether frames may go from machine to machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direct {
    Off,
    On,
    /// Hard NATs are opened with many sockets and probes.
    WithBirthday,
}
