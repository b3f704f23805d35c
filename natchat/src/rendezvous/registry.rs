//! Who is a member: found by number and by ID, forgotten when silent for too long.
//!
//! A member's number is `serial << 24 | slot`: its slot in the slab, so that a frame's sender is found without a
//! search, and a serial that is used once, so that no number ever stands for two, restarts included
//! ([`Registry::restore_serial`]).
//!
//! The slab grows by whole chunks and never moves; the indices grow a few entries at a time. No operation takes longer
//! because there are many, but for [`Registry::settle`] at the start.

use crate::crypto::entropy::Entropy;
use crate::rendezvous::hash::Hashing;
use crate::rendezvous::index::{Index, SLOTS};
use crate::rendezvous::member::{Member, NOBODY};
use crate::rendezvous::owners::{Owner, Owners};
use crate::rendezvous::wheel::{TURN, Wheel};

/// Ticks in a second.
pub(crate) const TICKS: u64 = 10;

/// How long a member may be silent, in ticks: three keep-alives, as with the older server.
pub(crate) const SILENCE: u64 = 30 * TICKS;

const SLOT_BITS: u32 = 24;
/// Records made room for at a time.
const CHUNK: usize = 1_024;
/// How many serials are left out after a restart: more than can have been used since the last one that reached the
/// disk.
const SERIALS_LOST: u64 = 1 << 16;
/// How far above zero the first serial of all may be: what members of an earlier registry kept in mind should not mean
/// anybody in this one.
const FIRST_SERIAL: u64 = 1 << 36;

/// The members.
#[derive(Debug)]
pub(crate) struct Registry {
    most: u32,
    chunks: Vec<Box<[Member]>>,
    free: Vec<u32>,
    len: u32,
    hashing: Hashing,
    ids: Index,
    wheel: Wheel,
    owners: Owners,
    serial: u64,
}

impl Registry {
    /// An empty one with room for `most`.
    pub(crate) fn new(most: u32, entropy: &mut Entropy) -> Self {
        const { assert!(SILENCE + 1 < TURN) };
        let most = most.clamp(1, SLOTS);
        Self {
            most,
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
            hashing: Hashing::new(entropy),
            ids: Index::new(),
            wheel: Wheel::new(),
            owners: Owners::new(most, entropy),
            serial: 1 + entropy.below(FIRST_SERIAL),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no room for another one.
    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.most
    }

    /// The slots there are, taken or not.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.chunks.len() * CHUNK).expect("no more than SLOTS")
    }

    /// Where a member of this number is.
    pub(crate) fn slot_of(&self, number: u64) -> Option<u32> {
        let slot = slot_in(number);
        let member = self.at(slot)?;
        (member.number == number && number != NOBODY).then_some(slot)
    }

    /// Where the member of this ID is.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let is_it = |slot| self[slot].profile.id_bytes() == id.as_bytes();
        self.ids.find(self.hashing.of(id.as_bytes()), is_it)
    }

    /// The member in a slot, if there is one.
    pub(crate) fn get(&self, slot: u32) -> Option<&Member> {
        self.at(slot).filter(|member| member.number != NOBODY)
    }

    /// The owner of an ID, if it is not there.
    pub(crate) fn owner(&self, id: &str) -> Option<&Owner> {
        self.owners.get(id)
    }

    /// Takes somebody in whose ID nobody has, and gives a number; `None` if there is no room.
    pub(crate) fn insert(&mut self, mut member: Member) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        if self.free.is_empty() {
            let first = self.slots();
            self.grow();
            self.free.extend((first..self.slots()).rev());
        }
        let slot = self.free.pop()?;
        member.number = self.next_number(slot);
        self.owners.remove(member.profile.id_text());
        self.put(slot, member);
        Some(slot)
    }

    /// Gives the member in a slot another number: it has joined anew.
    pub(crate) fn renumber(&mut self, slot: u32) {
        self[slot].number = self.next_number(slot);
    }

    /// Takes a member out. Its ID stays its key's, if it has one.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Member> {
        self.get(slot)?;
        self.wheel.cancel(slot);
        let member = std::mem::replace(&mut self[slot], Member::empty());
        let hash = self.hashing.of(member.profile.id_bytes());
        let (hashing, chunks) = (self.hashing, &self.chunks);
        self.ids
            .remove(hash, slot, |slot| hash_in(&hashing, chunks, slot));
        self.free.push(slot);
        self.len -= 1;
        if !member.is_older() {
            let since = self.next_serial();
            self.owners.insert(Owner {
                id: member.profile.id(),
                key: member.key,
                incarnation: member.incarnation,
                since,
            });
        }
        Some(member)
    }

    /// The next one that has been silent for too long; those looked at that have not are set anew, and `look` is called
    /// with each of them. At most `most` are looked at.
    pub(crate) fn silent(
        &mut self,
        now: u64,
        most: usize,
        mut look: impl FnMut(&mut Member),
    ) -> Silent {
        for _ in 0..most {
            let Some(slot) = self.wheel.due(now) else {
                return Silent::Nobody;
            };
            let ends = end_of(&self[slot]);
            if ends <= now {
                return Silent::Slot(slot);
            }
            look(&mut self[slot]);
            self.wheel.set(slot, ends);
        }
        Silent::More
    }

    /// The next tick at which somebody is to be looked at.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        self.wheel.next()
    }

    /// The serial that the next to join will have at least.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// What was counted to before a restart.
    pub(crate) fn restore_serial(&mut self, serial: u64) {
        self.serial = self.serial.max(serial);
    }

    /// Takes in what the journal says, with the number that it has there. Who else is in its slot or has its ID goes:
    /// the journal's later records are right.
    pub(crate) fn restore(&mut self, member: Member) {
        let slot = slot_in(member.number);
        if slot >= SLOTS || member.number == NOBODY {
            return;
        }
        let id = member.profile.id_text();
        if let Some(other) = self.find(id).filter(|&other| other != slot) {
            self.remove(other);
        }
        self.remove(slot);
        if self.is_full() {
            return;
        }
        while slot >= self.slots() {
            self.grow();
        }
        self.restore_serial((member.number >> SLOT_BITS) + 1);
        self.owners.remove(id);
        self.put(slot, member);
    }

    /// Takes in an owner that the journal knows: away when that was written, so whoever has the ID by an earlier record
    /// went.
    pub(crate) fn restore_owner(&mut self, owner: Owner) {
        if let Some(slot) = self.find(owner.id.as_str()) {
            self.remove(slot);
        }
        self.restore_serial(owner.since + 1);
        self.owners.insert(owner);
    }

    /// To be called once after all was restored: finds the free slots and the order of owners, and leaves out serials.
    pub(crate) fn settle(&mut self) {
        let slots = (0..self.slots()).rev();
        self.free = slots.filter(|&slot| self[slot].number == NOBODY).collect();
        self.owners.sort();
        self.serial += SERIALS_LOST;
    }

    /// Up to `most` owners from a cursor on, and where to go on.
    pub(crate) fn owners(
        &self,
        cursor: usize,
        most: usize,
    ) -> (impl Iterator<Item = &Owner>, Option<usize>) {
        self.owners.some(cursor, most)
    }

    /// The bytes that the members take, by what is allocated for them.
    pub(crate) fn footprint(&self) -> usize {
        let profiles = (0..self.slots()).filter_map(|slot| self.get(slot));
        let profiles: usize = profiles.map(|member| member.profile.footprint()).sum();
        let slots = self.chunks.len() * CHUNK;
        slots * size_of::<Member>() + profiles + self.ids.footprint() + self.wheel.footprint()
    }

    fn put(&mut self, slot: u32, member: Member) {
        let hash = self.hashing.of(member.profile.id_bytes());
        self.wheel.set(slot, end_of(&member));
        self[slot] = member;
        let (hashing, chunks) = (self.hashing, &self.chunks);
        self.ids
            .insert(hash, slot, |slot| hash_in(&hashing, chunks, slot));
        self.len += 1;
    }

    fn next_number(&mut self, slot: u32) -> u64 {
        self.next_serial() << SLOT_BITS | u64::from(slot)
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial - 1
    }

    fn grow(&mut self) {
        let chunk = std::iter::repeat_with(Member::empty).take(CHUNK);
        self.chunks.push(chunk.collect());
    }

    fn at(&self, slot: u32) -> Option<&Member> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)
    }
}

/// What [`Registry::silent`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silent {
    /// This one has been silent for too long.
    Slot(u32),
    /// As many were looked at as may be; there may be more.
    More,
    /// Nobody is left to look at.
    Nobody,
}

impl std::ops::Index<u32> for Registry {
    type Output = Member;

    fn index(&self, slot: u32) -> &Member {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

impl std::ops::IndexMut<u32> for Registry {
    fn index_mut(&mut self, slot: u32) -> &mut Member {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

fn hash_in(hashing: &Hashing, chunks: &[Box<[Member]>], slot: u32) -> u64 {
    let member = &chunks[slot as usize / CHUNK][slot as usize % CHUNK];
    hashing.of(member.profile.id_bytes())
}

fn slot_in(number: u64) -> u32 {
    u32::try_from(number & ((1 << SLOT_BITS) - 1)).expect("masked")
}

/// The first tick in which a member has been silent for too long.
fn end_of(member: &Member) -> u64 {
    u64::from(member.heard) + SILENCE + 1
}
