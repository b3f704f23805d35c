//! Deadlines of connections: what each waits for, and which comes first. Pure; told the time.
//!
//! Every kind of wait has one length, so its deadlines come up in the order in which they were set: a queue for each
//! kind, linked through the connections' numbers. Setting, clearing and finding the next one cost the same few
//! instructions whatever the number of connections, and nobody wakes while nothing is due. It does not know what a
//! connection is, nor what happens at a deadline.

use std::time::Duration;

/// What a connection waits for. It waits for one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The rest of a request's head; or, on a new connection, its first byte.
    Head,
    /// The rest of a request's body.
    Body,
    /// The next request.
    Idle,
    /// The client to take what is sent.
    Write,
    /// The client to end a connection on which all has been said.
    Linger,
}

impl Wait {
    const COUNT: usize = 5;
    const ALL: [Self; Self::COUNT] = [
        Self::Head,
        Self::Body,
        Self::Idle,
        Self::Write,
        Self::Linger,
    ];
}

/// How long each kind of wait may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// For [`Wait::Head`] and, again, for [`Wait::Body`].
    pub(crate) head: Duration,
    /// For [`Wait::Idle`].
    pub(crate) idle: Duration,
    /// For [`Wait::Write`].
    pub(crate) write: Duration,
    /// For [`Wait::Linger`].
    pub(crate) linger: Duration,
}

/// The waits of all connections of one worker. Times are milliseconds since the worker began.
#[derive(Debug)]
pub(crate) struct Timers {
    links: Vec<Link>,
    queues: [Queue; Wait::COUNT],
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
    /// The deadline, and in its low bits the place of the wait in [`Wait::ALL`] plus one; 0 for none. Together, since
    /// this is a part of what an idle connection costs.
    due: u64,
}

const WAIT_BITS: u32 = 3;

impl Link {
    const fn new(deadline: u64, wait: Wait, before: u32) -> Self {
        let deadline = if deadline < u64::MAX >> WAIT_BITS {
            deadline
        } else {
            u64::MAX >> WAIT_BITS
        };
        Self {
            before,
            after: NONE,
            due: deadline << WAIT_BITS | (wait as u64 + 1),
        }
    }

    const fn deadline(self) -> u64 {
        self.due >> WAIT_BITS
    }

    fn wait(self) -> Option<Wait> {
        let place = usize::try_from(self.due % (1 << WAIT_BITS))
            .ok()?
            .checked_sub(1)?;
        Wait::ALL.get(place).copied()
    }
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    length: u64,
    first: u32,
    last: u32,
}

/// The number that no connection has.
const NONE: u32 = u32::MAX;

const UNSET: Link = Link {
    before: NONE,
    after: NONE,
    due: 0,
};

impl Timers {
    /// No waits yet.
    pub(crate) fn new(lengths: &Lengths) -> Self {
        let queue = |length: Duration| Queue {
            length: u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            first: NONE,
            last: NONE,
        };
        Self {
            links: Vec::new(),
            queues: [
                queue(lengths.head),
                queue(lengths.head),
                queue(lengths.idle),
                queue(lengths.write),
                queue(lengths.linger),
            ],
        }
    }

    /// From now on connection `index` waits for this, and for nothing else.
    pub(crate) fn set(&mut self, index: u32, wait: Wait, now: u64) {
        self.clear(index);
        let at = index as usize;
        if at >= self.links.len() {
            self.links.resize(at + 1, UNSET);
        }
        let queue = &mut self.queues[wait as usize];
        let last = queue.last;
        self.links[at] = Link::new(now.saturating_add(queue.length), wait, last);
        queue.last = index;
        match last {
            NONE => queue.first = index,
            last => self.links[last as usize].after = index,
        }
    }

    /// Connection `index` waits for nothing.
    pub(crate) fn clear(&mut self, index: u32) {
        let Some(link) = self.links.get_mut(index as usize) else {
            return;
        };
        let Link { before, after, .. } = *link;
        let Some(wait) = link.wait() else { return };
        *link = UNSET;
        let queue = &mut self.queues[wait as usize];
        match before {
            NONE => queue.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => queue.last = before,
            after => self.links[after as usize].before = before,
        }
    }

    /// What connection `index` waits for.
    pub(crate) fn waits_for(&self, index: u32) -> Option<Wait> {
        self.links.get(index as usize).and_then(|link| link.wait())
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<u64> {
        self.firsts().map(|(_, _, deadline)| deadline).min()
    }

    /// Takes one wait whose deadline has passed.
    pub(crate) fn expired(&mut self, now: u64) -> Option<(u32, Wait)> {
        let (wait, index, _) = self.firsts().find(|(_, _, deadline)| *deadline <= now)?;
        self.clear(index);
        Some((index, wait))
    }

    /// The front of each queue.
    fn firsts(&self) -> impl Iterator<Item = (Wait, u32, u64)> {
        Wait::ALL.into_iter().filter_map(|wait| {
            let first = self.queues[wait as usize].first;
            let link = self.links.get(first as usize)?;
            Some((wait, first, link.deadline()))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deadlines_come_up_in_their_order() {
        let mut timers = Timers::new(&LENGTHS);
        timers.set(0, Wait::Idle, 0);
        timers.set(7, Wait::Head, 5);
        timers.set(2, Wait::Idle, 10);
        assert_eq!(timers.next(), Some(105));
        assert_eq!(timers.expired(104), None);
        assert_eq!(timers.expired(105), Some((7, Wait::Head)));
        timers.set(0, Wait::Idle, 50);
        assert_eq!(timers.next(), Some(1010), "0 began anew, so 2 is first");
        assert_eq!(timers.expired(2000), Some((2, Wait::Idle)));
        timers.clear(0);
        timers.clear(0);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.expired(u64::MAX), None);
    }

    #[test]
    fn a_wait_without_end_never_comes_up() {
        let mut timers = Timers::new(&Lengths {
            idle: Duration::MAX,
            ..LENGTHS
        });
        timers.set(1, Wait::Idle, 10);
        assert_eq!(timers.expired(u64::MAX >> 4), None);
    }

    proptest! {
        /// Against a plain table: whatever is set and cleared, the same waits are due at the same time.
        #[test]
        fn agrees_with_a_table(steps in prop::collection::vec((0_u32..12, 0_usize..7, 0_u64..400), 0..200)) {
            let mut timers = Timers::new(&LENGTHS);
            let mut table = std::collections::BTreeMap::new();
            let mut now = 0;
            for (index, action, pause) in steps {
                now += pause;
                match Wait::ALL.get(action) {
                    Some(wait) => {
                        timers.set(index, *wait, now);
                        table.insert(index, now + timers.queues[*wait as usize].length);
                    }
                    None if action == 5 => {
                        timers.clear(index);
                        table.remove(&index);
                    }
                    None => {
                        let mut due = Vec::new();
                        while let Some((index, _)) = timers.expired(now) {
                            due.push(index);
                        }
                        due.sort_unstable();
                        let expected: Vec<u32> = table.iter().filter(|(_, at)| **at <= now).map(|(index, _)| *index).collect();
                        prop_assert_eq!(&due, &expected);
                        table.retain(|_, at| *at > now);
                    }
                }
                prop_assert_eq!(timers.next(), table.values().min().copied());
            }
        }
    }

    const LENGTHS: Lengths = Lengths {
        head: Duration::from_millis(100),
        idle: Duration::from_secs(1),
        write: Duration::from_millis(300),
        linger: Duration::from_millis(20),
    };
}
