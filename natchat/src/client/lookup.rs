//! Lines for IDs that the roster does not have, while the server is asked for them: somebody may have come just now, or be one of more
//! than a roster holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::client::event::Audience;
use crate::name::MemberId;

/// How long the server has to answer.
const WAIT: Duration = Duration::from_secs(5);

/// Lines held at a time, and their bytes: as many as may wait for one who is there.
const LINES: usize = 256;
const BYTES: usize = 64 << 20;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is held, and the server is to be asked.
    Ask,
    /// It is held behind another one, for which the server was asked.
    Wait,
    /// There is no room.
    Full,
}

/// A line and whom it is for.
pub(crate) type Line = (Audience, String);

#[derive(Debug)]
struct Held {
    until: Instant,
    lines: Vec<Line>,
}

/// The lines that are held.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    held: BTreeMap<MemberId, Held>,
    lines: usize,
    bytes: usize,
}

impl Lookup {
    pub(crate) fn hold(
        &mut self,
        now: Instant,
        id: &MemberId,
        audience: Audience,
        text: &str,
    ) -> Hold {
        if self.lines == LINES || self.bytes + text.len() > BYTES {
            return Hold::Full;
        }
        self.lines += 1;
        self.bytes += text.len();
        let line = (audience, text.to_owned());
        if let Some(held) = self.held.get_mut(id) {
            held.lines.push(line);
            return Hold::Wait;
        }
        let held = Held {
            until: now + WAIT,
            lines: vec![line],
        };
        self.held.insert(id.clone(), held);
        Hold::Ask
    }

    /// Whether something is held for this ID: then all that follows is, too, so that the order stays.
    pub(crate) fn holds(&self, id: &MemberId) -> bool {
        self.held.contains_key(id)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The lines for this ID: it is here, or nobody is.
    pub(crate) fn take(&mut self, id: &MemberId) -> Vec<Line> {
        let lines = self
            .held
            .remove(id)
            .map(|held| held.lines)
            .unwrap_or_default();
        self.lines -= lines.len();
        self.bytes -= lines.iter().map(|(_, text)| text.len()).sum::<usize>();
        lines
    }

    /// An ID that was waited for too long (with `None`: any ID).
    pub(crate) fn overdue(&self, now: Option<Instant>) -> Option<MemberId> {
        let mut held = self.held.iter();
        held.find(|(_, held)| now.is_none_or(|now| held.until <= now))
            .map(|(id, _)| id.clone())
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    #[test]
    fn held_in_order_and_bounded() {
        let now = Clock::start().now();
        let (bob, eve): (MemberId, MemberId) = ("bob".parse().unwrap(), "eve".parse().unwrap());
        let mut lookup = Lookup::default();
        assert_eq!(lookup.hold(now, &bob, Audience::One, "one"), Hold::Ask);
        assert_eq!(lookup.hold(now, &bob, Audience::All, "two"), Hold::Wait);
        assert_eq!(
            lookup.hold(now, &eve, Audience::One, &"x".repeat(BYTES)),
            Hold::Full
        );
        assert!(lookup.holds(&bob) && !lookup.holds(&eve));
        assert_eq!(lookup.next_timeout(), Some(now + WAIT));
        assert_eq!(
            (lookup.overdue(Some(now)), lookup.overdue(Some(now + WAIT))),
            (None, Some(bob.clone()))
        );
        let lines = [
            (Audience::One, "one".to_owned()),
            (Audience::All, "two".to_owned()),
        ];
        assert_eq!(lookup.take(&bob), lines);
        assert!(lookup.is_empty());
        for n in 0..=LINES {
            let hold = lookup.hold(now, &eve, Audience::One, "");
            assert_eq!(hold == Hold::Full, n == LINES);
        }
        assert_eq!(lookup.take(&eve).len(), LINES);
        assert_eq!(lookup.take(&eve), []);
    }
}
