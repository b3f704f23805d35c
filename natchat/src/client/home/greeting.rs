//! Joining: which of Hello and Register is sent next, and when.
//!
//! ```text
//!              ┌──────────── too often unanswered ◄───────────┐
//!              ▼                                              │
//!   ─► Hello, again and again ── Challenge ─► Register, again and again ── Registered ─► (over)
//!              ▲                                              │
//!              └── some time later ◄── Waiting ◄── Refused ◄──┘
//! ```
//!
//! It knows no frame, key or address: it is told what came, and tells what to send.

use std::time::{Duration, Instant};

use crate::client::home::link::Link;
use crate::wire::to_server::Cookie;

/// The first Hello is sent again after this, and then after twice as long each time: 0, 20, 60, 140, 300, … ms.
const HELLO_AGAIN: Duration = Duration::from_millis(20);
/// At most this long between two.
const HELLO_AGAIN_MOST: Duration = Duration::from_secs(2);
/// As for Hello; longer, as a Register is answered at some cost.
const REGISTER_AGAIN: Duration = Duration::from_millis(100);
/// So many Registers, and it begins anew: within 7 s, while the cookie is good for a minute.
const REGISTERS: u8 = 6;
/// From this Register on another way than the one that brought the cookie is tried too.
const REGISTERS_ALONE: u8 = 3;
/// TCP joins the race when UDP was not answered for so long.
const RACE: Duration = Duration::from_millis(100);
/// The user is told when nothing was answered for so long.
const SILENT: Duration = Duration::from_secs(3);
/// The server's name is looked up again so often while nothing is answered.
const RESOLVE: Duration = Duration::from_secs(5);

/// One try to join, until it succeeds.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// The Hello's.
    pub(crate) nonce: u64,
    phase: Phase,
    race: Instant,
    silent: Option<Instant>,
    resolve: Instant,
}

#[derive(Debug)]
enum Phase {
    Hello {
        due: Instant,
        gap: Duration,
    },
    Register {
        link: Link,
        cookie: Cookie,
        due: Instant,
        gap: Duration,
        tries: u8,
    },
    Waiting {
        until: Instant,
    },
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To every address, and down the connection if there is one.
    Hello,
    /// By this way, with this cookie.
    Register(Link, Cookie),
    /// Open a connection, if there is none.
    Race,
    /// Tell the user.
    Silent,
    /// Look the name up again.
    Resolve,
}

impl Greeting {
    /// Begins now. `race_now`: do not give UDP its time first.
    pub(crate) fn new(now: Instant, nonce: u64, race_now: bool) -> Self {
        Self {
            nonce,
            phase: Phase::hello(now),
            race: if race_now { now } else { now + RACE },
            silent: Some(now + SILENT),
            resolve: now + RESOLVE,
        }
    }

    /// Begins later: it was refused, or the server asked for it.
    pub(crate) fn wait(&mut self, until: Instant) {
        self.phase = Phase::Waiting { until };
    }

    /// There are other addresses now: they are greeted at once, and have their time before TCP.
    pub(crate) fn new_addrs(&mut self, now: Instant) {
        if let Phase::Hello { .. } = self.phase {
            self.phase = Phase::hello(now);
            self.race = now + RACE;
            self.silent = self.silent.map(|_| now + SILENT);
        }
    }

    /// Whether a Challenge that came by `link` is of use.
    pub(crate) fn takes_challenge(&self, by: Link) -> bool {
        match self.phase {
            Phase::Hello { .. } => true,
            Phase::Register { link, tries, .. } => tries >= REGISTERS_ALONE && link != by,
            Phase::Waiting { .. } => false,
        }
    }

    /// It was: Register by that way.
    pub(crate) fn challenged(&mut self, now: Instant, link: Link, cookie: Cookie) {
        self.phase = Phase::Register {
            link,
            cookie,
            due: now,
            gap: REGISTER_AGAIN,
            tries: 0,
        };
    }

    /// The way by which a Register is under way.
    pub(crate) fn registering(&self) -> Option<Link> {
        match self.phase {
            Phase::Register { link, .. } => Some(link),
            Phase::Hello { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// The Register has to be said otherwise: at once.
    pub(crate) fn register_again(&mut self, now: Instant) {
        if let Phase::Register { due, .. } = &mut self.phase {
            *due = now;
        }
    }

    /// The connection stands: it is greeted too, if somebody is still to be found.
    pub(crate) fn wants_hello_by_tcp(&self) -> bool {
        self.takes_challenge(Link::Tcp)
    }

    /// The connection is gone: what went by it has to go otherwise.
    pub(crate) fn tcp_closed(&mut self, now: Instant) {
        if self.registering() == Some(Link::Tcp) {
            self.phase = Phase::hello(now);
        }
    }

    /// Joins the race no sooner than this: the last connection failed.
    pub(crate) fn delay_race(&mut self, until: Instant) {
        self.race = until;
    }

    /// What is due now, one thing at a time.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Step> {
        if let Phase::Waiting { until } = self.phase {
            if now < until {
                return None;
            }
            self.phase = Phase::hello(now);
            self.race = now + RACE;
        }
        if self.silent.is_some_and(|silent| silent <= now) {
            self.silent = None;
            return Some(Step::Silent);
        }
        if self.resolve <= now {
            self.resolve = now + RESOLVE;
            return Some(Step::Resolve);
        }
        if self.is_racing() && self.race <= now {
            self.race = now + RESOLVE;
            return Some(Step::Race);
        }
        self.poll_phase(now)
    }

    fn poll_phase(&mut self, now: Instant) -> Option<Step> {
        match &mut self.phase {
            Phase::Hello { due, gap } if *due <= now => {
                *due = now + *gap;
                *gap = (*gap * 2).min(HELLO_AGAIN_MOST);
                Some(Step::Hello)
            }
            Phase::Register { due, tries, .. } if *due <= now && *tries >= REGISTERS => {
                self.phase = Phase::hello(now);
                self.poll_phase(now)
            }
            Phase::Register {
                link,
                cookie,
                due,
                gap,
                tries,
            } if *due <= now => {
                *due = now + *gap;
                *gap *= 2;
                *tries += 1;
                Some(Step::Register(*link, *cookie))
            }
            Phase::Hello { .. } | Phase::Register { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// Whether a connection could be of use.
    fn is_racing(&self) -> bool {
        self.takes_challenge(Link::Tcp)
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn next_timeout(&self) -> Instant {
        let due = match self.phase {
            Phase::Waiting { until } => return until,
            Phase::Hello { due, .. } | Phase::Register { due, .. } => due,
        };
        let race = self.is_racing().then_some(self.race);
        let others = [Some(self.resolve), self.silent, race];
        others.into_iter().flatten().fold(due, Instant::min)
    }
}

impl Phase {
    fn hello(now: Instant) -> Self {
        Self::Hello {
            due: now,
            gap: HELLO_AGAIN,
        }
    }
}
