//! Lines on their way to older clients: the server confirms that it has handed a part on; the older client itself does not.
//!
//! One part at a time for each receiver, so that they arrive in order as far as that is in our hands. The same bytes said again
//! are handed on once. A line ends exactly once: confirmed whole, or given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::wire::older;

/// An unconfirmed part is said again after this, then after half as long again each time.
const AGAIN: Duration = Duration::from_millis(250);
/// Without any confirmation for so long, what waits for this receiver is given up.
pub(crate) const GIVEN_UP: Duration = Duration::from_secs(5);

/// Bytes that may wait for one receiver.
const WAITING_LEN: usize = 64 << 20;

/// Which line.
pub(crate) type Ticket = u64;

/// All that are under way.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// By the receiver's number.
    queues: BTreeMap<u64, Queue>,
    last_ticket: Ticket,
    /// Bytes of all.
    waiting: usize,
    ended: VecDeque<(Ticket, Handed)>,
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// All of it was confirmed.
    On,
    /// Not all of it.
    Back,
}

#[derive(Debug)]
struct Queue {
    /// None is empty.
    letters: VecDeque<Letter>,
    flying: Option<Flying>,
    until: Instant,
    /// Bytes of its letters.
    waiting: usize,
}

#[derive(Debug)]
struct Letter {
    ticket: Ticket,
    text: String,
    /// Bytes confirmed.
    done: usize,
}

/// The part that is under way.
#[derive(Debug)]
struct Flying {
    counter: u64,
    len: usize,
    frame: Vec<u8>,
    due: Instant,
    gap: Duration,
}

impl Letters {
    /// Takes a line for a member; `None` if too much waits for it.
    pub(crate) fn write(&mut self, now: Instant, to: u64, text: &str) -> Option<Ticket> {
        let queued = self.queues.get(&to).map_or(0, |queue| queue.waiting);
        if queued + text.len() > WAITING_LEN {
            return None;
        }
        self.last_ticket += 1;
        self.waiting += text.len();
        let queue = self.queues.entry(to).or_insert_with(|| Queue {
            letters: VecDeque::new(),
            flying: None,
            until: now + GIVEN_UP,
            waiting: 0,
        });
        queue.waiting += text.len();
        queue.letters.push_back(Letter {
            ticket: self.last_ticket,
            text: text.to_owned(),
            done: 0,
        });
        Some(self.last_ticket)
    }

    /// Bytes of all lines that have not ended.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A part that is to be said for the first time, and for whom: [`Self::said`] is to be called for it.
    pub(crate) fn poll_part(&self) -> Option<(u64, String)> {
        let mut queues = self.queues.iter();
        let (to, queue) = queues.find(|(_, queue)| queue.flying.is_none())?;
        let letter = queue.letters.front()?;
        let part = older::parts(&letter.text[letter.done..]).next();
        Some((*to, part.unwrap_or_default().to_owned()))
    }

    /// It was said, in this frame.
    pub(crate) fn said(&mut self, now: Instant, to: u64, len: usize, counter: u64, frame: Vec<u8>) {
        if let Some(queue) = self.queues.get_mut(&to) {
            queue.flying = Some(Flying {
                counter,
                len,
                frame,
                due: now + AGAIN,
                gap: AGAIN * 3 / 2,
            });
        }
    }

    /// A frame that is to be said again.
    pub(crate) fn poll_again(&mut self, now: Instant) -> Option<Vec<u8>> {
        let flying = self
            .queues
            .values_mut()
            .filter_map(|queue| queue.flying.as_mut());
        let flying = flying.into_iter().find(|flying| flying.due <= now)?;
        flying.due = now + flying.gap;
        flying.gap = flying.gap * 3 / 2;
        Some(flying.frame.clone())
    }

    /// The server has handed on what was said with this counter.
    pub(crate) fn confirmed(&mut self, now: Instant, counter: u64) {
        let is_it = |flying: &Flying| flying.counter == counter;
        let mut queues = self.queues.iter_mut();
        let queue = queues.find(|(_, queue)| queue.flying.as_ref().is_some_and(is_it));
        let Some((&to, queue)) = queue else {
            return;
        };
        let len = queue.flying.take().map_or(0, |flying| flying.len);
        queue.until = now + GIVEN_UP;
        if let Some(letter) = queue.letters.front_mut() {
            letter.done += len;
            if letter.done >= letter.text.len() {
                self.ended.push_back((letter.ticket, Handed::On));
                queue.waiting -= letter.text.len();
                self.waiting -= letter.text.len();
                queue.letters.pop_front();
            }
        }
        if queue.letters.is_empty() {
            self.queues.remove(&to);
        }
    }

    /// We have another number: what is under way was said in the name of the former one.
    pub(crate) fn renumbered(&mut self) {
        for queue in self.queues.values_mut() {
            queue.flying = None;
        }
    }

    /// Gives up what is overdue.
    pub(crate) fn give_up(&mut self, now: Instant) {
        let due = self.queues.iter().filter(|(_, queue)| queue.until <= now);
        let due: Vec<u64> = due.map(|(to, _)| *to).collect();
        for to in due {
            self.gone(to);
        }
    }

    /// The receiver is gone.
    pub(crate) fn gone(&mut self, to: u64) {
        let Some(queue) = self.queues.remove(&to) else {
            return;
        };
        self.waiting -= queue.waiting;
        let tickets = queue.letters.into_iter().map(|letter| letter.ticket);
        self.ended
            .extend(tickets.map(|ticket| (ticket, Handed::Back)));
    }

    /// The link to the server is over.
    pub(crate) fn give_up_all(&mut self) {
        while let Some(to) = self.queues.keys().next().copied() {
            self.gone(to);
        }
    }

    /// The next line that has ended.
    pub(crate) fn poll_ended(&mut self) -> Option<(Ticket, Handed)> {
        self.ended.pop_front()
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let dues = self.queues.values().map(|queue| {
            let flying = queue.flying.as_ref().map(|flying| flying.due);
            flying.map_or(queue.until, |due| due.min(queue.until))
        });
        dues.min()
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn what_waits_is_counted_and_bounded() {
        let now = Clock::start().now();
        let mut letters = Letters::default();
        let long = "x".repeat(WAITING_LEN / 4);
        for _ in 0..4 {
            assert!(letters.write(now, 1, &long).is_some());
        }
        assert_eq!(letters.write(now, 1, "y"), None);
        assert!(letters.write(now, 2, "y").is_some(), "another receiver");
        assert_eq!(letters.waiting(), WAITING_LEN + 1);
        letters.said(now, 2, 1, 7, Vec::new());
        letters.confirmed(now, 7);
        assert_eq!(letters.waiting(), WAITING_LEN);
        letters.gone(1);
        assert_eq!(letters.waiting(), 0);
        assert!(letters.write(now, 1, "y").is_some());
    }
}
