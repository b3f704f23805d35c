//! One member, as small as it can be: there may be a million.
//!
//! | what | bytes |
//! |---|---|
//! | the record itself | 176 |
//! | ID and reach, allocated at their length (see [`Profile`]) | 48 to 64 as a rule |
//! | its places in the index of IDs | 8 to 16 |
//! | its link on the timer wheel | 8 |

use crate::crypto::mac::MacKey;
use crate::name::MemberId;
use crate::rendezvous::limits::RelayBucket;
use crate::rendezvous::place::{Packed, Place};
use crate::wire::from_server::{Entry, EntryClient};
use crate::wire::reach::Reach;

/// Nobody's number.
pub(crate) const NOBODY: u64 = 0;

/// A member's slot among those told of presence: none.
pub(crate) const UNTOLD: u16 = u16::MAX;

/// A member, or the empty place of one.
#[derive(Debug)]
pub(crate) struct Member {
    /// See [`super::registry`]; [`NOBODY`] if this place is empty.
    pub(crate) number: u64,
    pub(crate) standing: Standing,
    pub(crate) window: Window,
    pub(crate) place: Packed,
    /// When an authentic frame came last, in ticks.
    pub(crate) heard: u32,
    pub(crate) relayed: RelayBucket,
    /// Which of those told of presence, or [`UNTOLD`].
    pub(crate) told: u16,
    /// When it was last hinted that its address seems to have changed, in ticks that wrap.
    pub(crate) hinted: u16,
    pub(crate) key: [u8; 32],
    pub(crate) incarnation: u64,
    /// That of its Register, folded: only a resent one has it again.
    pub(crate) nonce: u32,
    pub(crate) profile: Profile,
}

/// How far a member is trusted.
#[derive(Debug)]
pub(crate) enum Standing {
    /// An older client: as far as its IP address goes.
    Older,
    /// From the journal, not heard of since: it must show a cookie first, since frames from before may be replayed.
    Restored,
    /// Its frames have tags.
    Current {
        /// What its frames are tagged with.
        theirs: MacKey,
        /// What frames for it are tagged with.
        ours: MacKey,
    },
}

impl Member {
    /// An empty place.
    pub(crate) fn empty() -> Self {
        Self {
            number: NOBODY,
            standing: Standing::Older,
            window: Window::default(),
            place: Packed::new(Place::Nowhere),
            heard: 0,
            relayed: RelayBucket::default(),
            told: UNTOLD,
            // Long ago, or long from now, which is the same to who counts in a circle.
            hinted: u16::MAX / 2,
            key: [0; 32],
            incarnation: 0,
            nonce: 0,
            profile: Profile(Box::default()),
        }
    }

    /// Whether it has an older client.
    pub(crate) fn is_older(&self) -> bool {
        matches!(self.standing, Standing::Older)
    }

    /// As the others are told.
    pub(crate) fn entry(&self) -> Entry {
        let client = if self.is_older() {
            EntryClient::Older {
                local: self.profile.local().to_owned(),
            }
        } else {
            EntryClient::Current {
                key: self.key,
                incarnation: self.incarnation,
                reach: self.profile.reach(),
            }
        };
        Entry {
            member: self.number,
            id: self.profile.id(),
            reflexive: self.place.place().addr(),
            client,
        }
    }
}

/// ID and reach, or ID and local address, in one allocation: `len u8 · ID · the rest as on the wire`.
#[derive(Debug)]
pub(crate) struct Profile(Box<[u8]>);

impl Profile {
    /// That of a current client.
    pub(crate) fn current(id: &MemberId, reach: &Reach) -> Self {
        let mut bytes = begin(id);
        reach.encode(&mut bytes);
        Self(bytes.into_boxed_slice())
    }

    /// That of an older client.
    pub(crate) fn older(id: &MemberId, local: &str) -> Self {
        let mut bytes = begin(id);
        bytes.extend_from_slice(local.as_bytes());
        Self(bytes.into_boxed_slice())
    }

    /// The ID's bytes.
    pub(crate) fn id_bytes(&self) -> &[u8] {
        self.split().0
    }

    /// The ID as text.
    pub(crate) fn id_text(&self) -> &str {
        str::from_utf8(self.id_bytes()).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> MemberId {
        let id = self.id_text().parse();
        id.expect("a profile is made of an ID")
    }

    /// Where a current client may be reached.
    pub(crate) fn reach(&self) -> Reach {
        Reach::decode(self.split().1).unwrap_or_default()
    }

    /// The address that an older client told.
    pub(crate) fn local(&self) -> &str {
        str::from_utf8(self.split().1).unwrap_or_default()
    }

    /// What it takes with what the allocator adds: eight bytes, rounded up to sixteen.
    pub(crate) fn footprint(&self) -> usize {
        (self.0.len() + 8).next_multiple_of(16).max(32)
    }

    fn split(&self) -> (&[u8], &[u8]) {
        match self.0.split_first() {
            Some((&len, rest)) => rest.split_at(usize::from(len).min(rest.len())),
            None => (&[], &[]),
        }
    }
}

fn begin(id: &MemberId) -> Vec<u8> {
    let bytes = id.as_str().as_bytes();
    let len = u8::try_from(bytes.len()).expect("an ID is at most 96 bytes");
    let mut profile = vec![len];
    profile.extend_from_slice(bytes);
    profile
}

/// Which counters have come: each is taken once, and a late one if it is at most [`Window::LATE`] behind. Bytes, so
/// that it takes twelve of them and not sixteen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    last: [u8; 8],
    /// Bit n: `last - n` has come.
    came: [u8; 4],
}

/// What a counter says of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Never seen before.
    New,
    /// Seen before: sent again, or replayed.
    Again,
    /// Too late to tell.
    Stale,
}

impl Window {
    pub(crate) const LATE: u64 = 31;

    /// What is to be thought of this counter.
    pub(crate) fn look(&self, counter: u64) -> Freshness {
        let (last, came) = self.unpacked();
        if counter > last {
            return Freshness::New;
        }
        match last - counter {
            behind if behind > Self::LATE => Freshness::Stale,
            behind if came >> behind & 1 == 1 => Freshness::Again,
            _ => Freshness::New,
        }
    }

    /// Remembers it.
    pub(crate) fn take(&mut self, counter: u64) {
        let (mut last, mut came) = self.unpacked();
        if counter > last {
            let ahead = u32::try_from(counter - last).unwrap_or(u32::MAX);
            came = came.checked_shl(ahead).unwrap_or(0) | 1;
            last = counter;
        } else if let Ok(behind) = u32::try_from(last - counter) {
            came |= 1u32.checked_shl(behind).unwrap_or(0);
        }
        self.last = last.to_be_bytes();
        self.came = came.to_be_bytes();
    }

    fn unpacked(self) -> (u64, u32) {
        (u64::from_be_bytes(self.last), u32::from_be_bytes(self.came))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_small() {
        assert!(size_of::<Member>() <= 176, "{}", size_of::<Member>());
    }

    #[test]
    fn each_counter_is_taken_once() {
        use Freshness::{Again, New, Stale};
        let mut window = Window::default();
        let rows = [
            (1, New),
            (1, Again),
            (3, New),
            (2, New),
            (2, Again),
            (3, Again),
            (40, New),
            (8, Stale),
            (9, New),
            (9, Again),
            (40, Again),
            (u64::MAX, New),
            (u64::MAX, Again),
            (u64::MAX - 1, New),
            (40, Stale),
            (0, Stale),
        ];
        for (step, (counter, expected)) in rows.into_iter().enumerate() {
            assert_eq!(window.look(counter), expected, "step {step}: {counter}");
            if expected == New {
                window.take(counter);
            }
        }
    }

    #[test]
    fn what_is_put_in_a_profile_comes_out() {
        let id: MemberId = "김철수".parse().unwrap();
        let profile = Profile::older(&id, "192.168.0.2:10081");
        assert_eq!(
            (profile.id(), profile.local()),
            (id.clone(), "192.168.0.2:10081")
        );
        let profile = Profile::current(&id, &Reach::default());
        assert_eq!((profile.id(), profile.reach()), (id, Reach::default()));
    }
}
