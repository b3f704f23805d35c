//! Opening a NAT that gives each destination a port that nothing tells, from behind one that keeps its port.
//!
//! The side with the hard NAT opens many sockets and sends from each to the one address of the other side, so that as
//! many ports of its NAT let that side in; the easy side tries ports of the hard side's address from its one socket.
//! With 256 open ports of 64,512 a probe hits with 1 : 252; 175 probes find one in half of all cases, 1,160 in 99 %
//! (the birthday paradox). Two hard sides have no chance and stay on the relay.
//!
//! ```text
//!          plain checks fail           sockets are there          a path, or time is over
//!   hard: rest ──────────► opening ──────────────► open ──────────────► closing ──► rest
//!                                                   └─ Call: "it is open"
//!   easy: rest ──────────► asking ("open!") ──► probing ("it is open" came) ──► rest
//! ```
//!
//! Probes fill the NAT's tables, so either side does this at most once in [`PAUSE`] for one peer, however often it is
//! asked. Nothing here knows what a check looks like; steps come out, [`crate::path::paths`] takes them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::crypto::entropy::Entropy;
use crate::path::plan::reflexive;
use crate::path::ports::Walk;
use crate::path::route::{Route, Socket};
use crate::path::schedule::Shot;
use crate::wire::reach::{Mapping, Reach};

/// How many sockets the hard side has.
pub(crate) const SOCKETS: u16 = 256;

/// How many ports the easy side tries, all in all: two seconds' worth.
pub(crate) const PROBES: u32 = 2_000;

/// The time for one probe: 1,000 a second, a rate at which home routers keep up.
const PROBE_TIME: Duration = Duration::from_millis(1);

/// How long plain checks have before, counted from when both sides are known to send them; and how long at most, however
/// often they begin anew.
const PLAIN: Duration = Duration::from_millis(300);
const PLAIN_AT_MOST: Duration = Duration::from_millis(900);

/// How long until the next time with the same peer.
pub(crate) const PAUSE: Duration = Duration::from_secs(600);

/// Between two packets' worth of timers.
const TICK: Duration = Duration::from_millis(4);

/// How many packets leave at a tick at most; after a late wake-up what was missed is made up for no faster than this.
const BURST: u32 = 32;

/// Between the hard side's rounds: the next one makes up for what was lost.
const ROUND: Duration = Duration::from_millis(500);

/// How many rounds there are: as long as the other side probes.
const ROUNDS: u8 = 5;

/// How often, and how many times, the easy side asks the other one to open its sockets.
const ASK_AGAIN: Duration = Duration::from_millis(700);
const ASKS: u8 = 3;

/// How long unused sockets are kept when a path was found: the other side may have found another one.
const GRACE: Duration = Duration::from_secs(1);

/// Which part is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Opens sockets.
    Hard,
    /// Tries ports.
    Easy,
}

impl Role {
    /// Ours, if there is any chance.
    pub(crate) fn of(mine: Mapping, theirs: Mapping) -> Option<Self> {
        match (mine, theirs) {
            (Mapping::Independent, Mapping::Random | Mapping::Sequential { .. }) => {
                Some(Self::Easy)
            }
            (Mapping::Random | Mapping::Sequential { .. }, Mapping::Independent) => {
                Some(Self::Hard)
            }
            _ => None,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send a check.
    Check(Route, Shot),
    /// Open so many sockets.
    Open(u16),
    /// Tell the peer, by a Call.
    Call,
}

#[derive(Debug)]
enum State {
    Rest,
    Armed {
        role: Role,
        at: Instant,
        at_most: Instant,
    },
    Asking {
        next: Instant,
        left: u8,
    },
    Opening,
    Open {
        next: Instant,
        /// The socket whose turn it is.
        turn: usize,
        round: u8,
    },
    Closing {
        at: Instant,
    },
    Probing {
        next: Instant,
        started: Instant,
        sent: u32,
        walk: Walk,
    },
}

/// One side of it, for one peer.
#[derive(Debug)]
pub(crate) struct Birthday {
    state: State,
    /// The other side's addresses: where the easy side is, or where the hard side's ports are tried.
    there: Vec<SocketAddr>,
    /// Open sockets, in the order that they are sent by.
    sockets: Vec<Socket>,
    /// When it was done last.
    done: Option<Instant>,
}

/// The most addresses of the other side that are used: NATs with several rarely give one client more than two.
const ADDRESSES: usize = 2;

impl Birthday {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Rest,
            there: Vec::new(),
            sockets: Vec::new(),
            done: None,
        }
    }

    /// Plain checks begin: this is what comes after them.
    pub(crate) fn arm(&mut self, now: Instant, mine: Mapping, theirs: &Reach) {
        if !matches!(self.state, State::Rest | State::Armed { .. }) || self.is_spent(now) {
            return;
        }
        let at_most = if let State::Armed { at_most, .. } = self.state {
            at_most
        } else {
            now + PLAIN_AT_MOST
        };
        let at = at_most.min(now + PLAIN);
        let role = Role::of(mine, theirs.mapping);
        self.state = role.map_or(State::Rest, |role| State::Armed { role, at, at_most });
        self.aim(theirs);
    }

    /// The other side asked for it.
    pub(crate) fn asked(
        &mut self,
        now: Instant,
        mine: Mapping,
        theirs: &Reach,
        entropy: &mut Entropy,
        steps: &mut Vec<Step>,
    ) {
        if let (State::Open { .. }, Some(Role::Hard)) =
            (&self.state, Role::of(mine, theirs.mapping))
        {
            steps.push(Step::Call); // It does not know yet.
            return;
        }
        let is_waiting = matches!(
            self.state,
            State::Rest | State::Armed { .. } | State::Asking { .. }
        );
        if !is_waiting || self.is_spent(now) {
            return;
        }
        match Role::of(mine, theirs.mapping) {
            Some(Role::Hard) => {
                self.aim(theirs);
                self.open(now, steps);
            }
            Some(Role::Easy) => {
                self.aim(theirs);
                self.begin_probing(now, Walk::new(theirs.mapping, entropy));
            }
            None => {}
        }
    }

    /// The sockets are there, or some of them. Gives back those that nobody waits for any more.
    pub(crate) fn opened(&mut self, now: Instant, sockets: &[Socket]) -> Vec<Socket> {
        if !matches!(self.state, State::Opening) {
            return sockets.to_vec();
        }
        let (kept, spare) = sockets.split_at(sockets.len().min(SOCKETS.into()));
        self.sockets.extend(kept);
        self.state = if kept.is_empty() {
            State::Rest
        } else {
            State::Open {
                next: now,
                turn: 0,
                round: 0,
            }
        };
        spare.to_vec()
    }

    /// A path works: no more of this.
    pub(crate) fn succeed(&mut self, now: Instant) {
        match self.state {
            State::Open { .. } => self.state = State::Closing { at: now + GRACE },
            State::Closing { .. } => {}
            State::Rest
            | State::Armed { .. }
            | State::Asking { .. }
            | State::Opening
            | State::Probing { .. } => {
                self.state = State::Rest;
            }
        }
    }

    /// Nothing of this makes sense any more.
    pub(crate) fn stop(&mut self) {
        self.state = State::Rest;
    }

    /// What is due.
    pub(crate) fn poll(&mut self, now: Instant, steps: &mut Vec<Step>) {
        if self.next().is_none_or(|next| next > now) {
            return;
        }
        match self.state {
            State::Rest | State::Opening => {}
            State::Armed {
                role: Role::Hard, ..
            } => self.open(now, steps),
            State::Armed {
                role: Role::Easy, ..
            } => {
                self.state = State::Asking {
                    next: now,
                    left: ASKS,
                };
                self.ask(now, steps);
            }
            State::Asking { .. } => self.ask(now, steps),
            State::Open { .. } => self.knock(now, steps),
            State::Closing { .. } => self.state = State::Rest,
            State::Probing { .. } => self.probe(now, steps),
        }
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self.state {
            State::Rest | State::Opening => None,
            State::Armed { at, .. } | State::Closing { at } => Some(at),
            State::Asking { next, .. } | State::Open { next, .. } | State::Probing { next, .. } => {
                Some(next)
            }
        }
    }

    /// The sockets that are not needed any more, given which ones lie on a path.
    pub(crate) fn prune(&mut self, is_used: impl Fn(Socket) -> bool) -> Vec<Socket> {
        if matches!(self.state, State::Open { .. } | State::Closing { .. }) {
            return Vec::new();
        }
        self.sockets
            .extract_if(.., |socket| !is_used(*socket))
            .collect()
    }

    fn is_spent(&self, now: Instant) -> bool {
        self.done
            .is_some_and(|done| now.saturating_duration_since(done) < PAUSE)
    }

    fn aim(&mut self, theirs: &Reach) {
        self.there.clear();
        for addr in reflexive(theirs) {
            if self.there.len() < ADDRESSES && !self.there.contains(&addr) {
                self.there.push(addr);
            }
        }
    }

    fn open(&mut self, now: Instant, steps: &mut Vec<Step>) {
        if self.there.is_empty() {
            self.state = State::Rest;
            return;
        }
        self.done = Some(now);
        self.state = State::Opening;
        steps.push(Step::Open(SOCKETS));
    }

    fn begin_probing(&mut self, now: Instant, walk: Walk) {
        if self.there.is_empty() {
            self.state = State::Rest;
            return;
        }
        self.done = Some(now);
        self.state = State::Probing {
            next: now,
            started: now,
            sent: 0,
            walk,
        };
    }

    fn ask(&mut self, now: Instant, steps: &mut Vec<Step>) {
        let State::Asking { next, left } = &mut self.state else {
            return;
        };
        let Some(fewer) = left.checked_sub(1) else {
            self.state = State::Rest;
            return;
        };
        *left = fewer;
        *next = now + ASK_AGAIN;
        steps.push(Step::Call);
    }

    /// A tick of the hard side. Every other socket sends nothing that arrives: should the easy side's router let early
    /// packets take its ports, these sockets still have a chance; should our NAT be too far away for an opener, the
    /// others have.
    fn knock(&mut self, now: Instant, steps: &mut Vec<Step>) {
        let State::Open { next, turn, round } = &mut self.state else {
            return;
        };
        let last = (*turn + BURST as usize).min(self.sockets.len());
        for at in *turn..last {
            let route = Route {
                socket: self.sockets[at],
                addr: self.there[at / 2 % self.there.len()],
            };
            let shot = if at % 2 == 0 {
                Shot::Check
            } else {
                Shot::Opener
            };
            steps.push(Step::Check(route, shot));
        }
        *turn = last;
        *next = now + TICK;
        if last < self.sockets.len() {
            return;
        }
        if *round == 0 {
            steps.push(Step::Call);
        }
        (*turn, *round, *next) = (0, *round + 1, now + ROUND);
        if *round == ROUNDS {
            self.state = State::Rest;
        }
    }

    /// A tick of the easy side.
    fn probe(&mut self, now: Instant, steps: &mut Vec<Step>) {
        let State::Probing {
            next,
            started,
            sent,
            walk,
        } = &mut self.state
        else {
            return;
        };
        let elapsed = now.saturating_duration_since(*started);
        let due = u32::try_from(elapsed.as_nanos() / PROBE_TIME.as_nanos()).unwrap_or(PROBES) + 1;
        for _ in *sent..due.min(*sent + BURST).min(PROBES) {
            let there = self.there[*sent as usize % self.there.len()];
            let addr = SocketAddr::new(there.ip(), walk.step());
            steps.push(Step::Check(Route::main(addr), Shot::Check));
            *sent += 1;
        }
        *next = now + TICK;
        if *sent == PROBES {
            self.state = State::Rest;
        }
    }
}
