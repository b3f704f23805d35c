//! Keeping a membership alive: when an Alive is due, which ones were answered, when the server is lost.
//!
//! An answer counts only for a counter that was sent lately: nobody else knows them in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::home::link::Link;

/// The older client's interval, too; a third of what the server waits for.
const INTERVAL: Duration = Duration::from_secs(10);
/// Unanswered, it is said again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// As many times as this in all; then the server is lost.
const TRIES: u8 = 4;
/// When there is reason to doubt (other interfaces, a server started again), it is said again after this, and after
/// twice as long each time.
const AGAIN_IN_DOUBT: Duration = Duration::from_millis(100);
/// As many times as this in all, when in doubt.
const TRIES_IN_DOUBT: u8 = 3;
/// A push of presence is acknowledged by an Alive within this.
const ACK: Duration = Duration::from_millis(50);
/// A member by TCP tries UDP so soon after it joined, and then so often.
const UDP_FIRST: Duration = Duration::from_secs(1);
const UDP_AGAIN: Duration = Duration::from_secs(30);
/// How many sent ones are remembered.
const SENT: usize = 32;
/// A server that moves us again and again is answered so many times between two rounds.
const MOVES: u8 = 3;

/// When to say Alive.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// When the next round begins.
    next: Instant,
    round: Option<Round>,
    ack: Option<Instant>,
    udp: Option<Instant>,
    sent: VecDeque<Sent>,
    moves: u8,
    round_trip: Option<Duration>,
}

#[derive(Debug)]
struct Round {
    due: Instant,
    gap: Duration,
    left: u8,
    in_doubt: bool,
}

/// An Alive under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    counter: u64,
    at: Instant,
    /// By what way.
    pub(crate) link: Link,
    /// Whether it answered a Moved.
    pub(crate) has_cookie: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// An Alive by the way in use.
    Alive,
    /// An Alive by UDP to every address, while the way in use is TCP.
    TryUdp,
    /// The server does not answer.
    Lost,
}

impl KeepAlive {
    /// Joined now.
    pub(crate) fn new(now: Instant, link: Link) -> Self {
        Self {
            next: now + INTERVAL,
            round: None,
            ack: None,
            udp: (link == Link::Tcp).then(|| now + UDP_FIRST),
            sent: VecDeque::new(),
            moves: 0,
            round_trip: None,
        }
    }

    /// One was sent.
    pub(crate) fn sent(&mut self, now: Instant, counter: u64, link: Link, has_cookie: bool) {
        if self.sent.len() == SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent {
            counter,
            at: now,
            link,
            has_cookie,
        });
        self.ack = None;
    }

    /// The one that was answered, if it was one of ours and is answered for the first time.
    pub(crate) fn answered(&mut self, now: Instant, counter: u64) -> Option<Sent> {
        let place = self.sent.iter().position(|sent| sent.counter == counter)?;
        let sent = self.sent.remove(place)?;
        self.round = None;
        self.moves = 0;
        self.next = now + INTERVAL;
        self.round_trip = Some(now.saturating_duration_since(sent.at));
        Some(sent)
    }

    /// Whether one more Moved is to be answered.
    pub(crate) fn takes_move(&mut self) -> bool {
        let is_taken = self.moves < MOVES;
        self.moves += u8::from(is_taken);
        is_taken
    }

    /// UDP works now: nothing more to try.
    pub(crate) fn on_udp(&mut self) {
        self.udp = None;
    }

    /// Presence was pushed.
    pub(crate) fn pushed(&mut self, now: Instant) {
        self.ack.get_or_insert(now + ACK);
    }

    /// There is reason to doubt that the server hears us: say so at once.
    pub(crate) fn doubt(&mut self, now: Instant) {
        if self.round.as_ref().is_some_and(|round| round.in_doubt) {
            return;
        }
        let twice = self.round_trip.unwrap_or_default() * 2;
        self.round = Some(Round {
            due: now,
            gap: twice.max(AGAIN_IN_DOUBT),
            left: TRIES_IN_DOUBT,
            in_doubt: true,
        });
        self.moves = 0;
        self.udp = self.udp.map(|_| now);
    }

    /// Nothing more is due until the next doubt: it is joined anew.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.round = None;
        self.ack = None;
        self.next = now + INTERVAL;
    }

    /// What is due now, one thing at a time.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Due> {
        if self.round.is_none() && self.next <= now {
            self.moves = 0;
            self.round = Some(Round {
                due: now,
                gap: AGAIN,
                left: TRIES,
                in_doubt: false,
            });
        }
        if let Some(round) = self.round.as_mut().filter(|round| round.due <= now) {
            round.due = now + round.gap;
            if round.in_doubt {
                round.gap *= 2;
            }
            let Some(left) = round.left.checked_sub(1) else {
                self.pause(now);
                return Some(Due::Lost);
            };
            round.left = left;
            return Some(Due::Alive);
        }
        if self.udp.is_some_and(|udp| udp <= now) {
            self.udp = Some(now + UDP_AGAIN);
            self.moves = 0;
            return Some(Due::TryUdp);
        }
        self.ack.take_if(|ack| *ack <= now).map(|_| Due::Alive)
    }

    /// When [`Self::poll`] has something.
    pub(crate) fn next_timeout(&self) -> Instant {
        let round = self.round.as_ref().map_or(self.next, |round| round.due);
        let others = [self.ack, self.udp];
        others.into_iter().flatten().fold(round, Instant::min)
    }
}
