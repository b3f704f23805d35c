//! First frames of who is not in the roster yet: they can overtake the news that somebody has come. They are kept for a moment, and
//! taken when the news is there, instead of being waited for once more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::peer::Arrival;
use crate::crypto::noise::Introduction;
use crate::name::MemberId;
use crate::wire::from_server::Entry;

/// Frames kept at a time.
const KEPT: usize = 32;

/// How long one is kept: news come within a few tenths of a second; by then the frame was sent again.
const KEEP: Duration = Duration::from_secs(1);

/// A message 1 that names an ID.
#[derive(Debug)]
pub(crate) struct Introduced {
    pub(crate) id: MemberId,
    pub(crate) arrival: Arrival,
    pub(crate) sender: u32,
    pub(crate) introduction: Introduction,
}

/// What is kept of one.
#[derive(Debug)]
pub(crate) enum Frame {
    Hello(Box<Introduced>),
    /// A call, with its tag, from the member of this number.
    Call(u64, Vec<u8>),
}

/// All that is kept, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    kept: VecDeque<(Instant, Frame)>,
}

impl Strangers {
    /// The oldest give way.
    pub(crate) fn keep(&mut self, now: Instant, frame: Frame) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((now, frame));
    }

    /// The next frame of somebody who is in the roster now; what is too old is dropped.
    pub(crate) fn take(&mut self, now: Instant, entry: &Entry) -> Option<Frame> {
        self.kept
            .retain(|(at, _)| now.saturating_duration_since(*at) <= KEEP);
        let is_its = |frame: &Frame| match frame {
            Frame::Hello(hello) => hello.id == entry.id,
            Frame::Call(from, _) => *from == entry.member,
        };
        let at = self.kept.iter().position(|(_, frame)| is_its(frame))?;
        self.kept.remove(at).map(|(_, frame)| frame)
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;
    use crate::wire::from_server::EntryClient;

    fn entry(member: u64) -> Entry {
        Entry {
            member,
            id: "bob".parse().unwrap(),
            reflexive: None,
            client: EntryClient::Older {
                local: String::new(),
            },
        }
    }

    #[test]
    fn kept_in_order_for_a_moment_and_bounded() {
        let now = Clock::start().now();
        let mut strangers = Strangers::default();
        let numbers = |strangers: &mut Strangers, now| {
            let next = || match strangers.take(now, &entry(7))? {
                Frame::Call(_, bytes) => Some(bytes[0]),
                Frame::Hello(_) => None,
            };
            std::iter::from_fn(next).collect::<Vec<u8>>()
        };
        for n in [1, 2] {
            strangers.keep(now, Frame::Call(7, vec![n]));
            strangers.keep(now, Frame::Call(8, vec![n]));
        }
        assert_eq!(numbers(&mut strangers, now + KEEP), [1, 2]);
        assert_eq!(numbers(&mut strangers, now + KEEP), [0; 0], "once each");
        strangers.keep(now, Frame::Call(7, vec![3]));
        assert_eq!(
            numbers(&mut strangers, now + KEEP + KEEP),
            [0; 0],
            "too old"
        );
        for n in 0..100 {
            strangers.keep(now, Frame::Call(7, vec![n]));
        }
        let last: Vec<u8> = (68..100).collect();
        assert_eq!(numbers(&mut strangers, now), last);
    }
}
