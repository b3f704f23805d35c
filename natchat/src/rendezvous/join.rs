//! How somebody becomes a member: Hello, Challenge, Register, Registered.
//!
//! ```text
//!   Hello ──► a cookie for the address, nothing kept
//!   Register ──► cookie good? ──► ID free for this key? ──► bucket? ──► key agreement ──► tag right? ──► member
//! ```
//! Nothing is computed that costs much before the cookie has shown that the sender receives where it seems to be.

use crate::crypto::mac::{self, MacKey};
use crate::rendezvous::member::{Member, Profile, Standing, UNTOLD, Window};
use crate::rendezvous::older;
use crate::rendezvous::place::{Packed, Place};
use crate::rendezvous::state::{Agreement, Source, State};
use crate::wire::from_server::{Ending, FromServer, Refusal};
use crate::wire::reach::Reach;
use crate::wire::to_server::{Register, ToServer};

/// What a newcomer's cookie is about: no member yet.
const NEWCOMER: u64 = 0;

/// A Hello: a cookie and the server's key.
pub(crate) fn hello(state: &mut State, source: &Source, nonce: u64) {
    let challenge = FromServer::Challenge {
        nonce,
        cookie: state.jar.bake(source.from, NEWCOMER, state.now),
        key: state.identity.public().0,
    };
    state.answer(source, &challenge);
}

/// A Register, with its tag.
pub(crate) fn register(state: &mut State, source: &Source, bytes: &[u8]) {
    let Some(Ok(ToServer::Register(register))) = mac::body(bytes).map(ToServer::decode) else {
        state.counts.malformed += 1;
        return;
    };
    let nonce = register.nonce;
    match admit(state, source, &register, bytes) {
        Ok(slot) => registered(state, slot, source, nonce),
        Err(No::Refused(reason)) => state.answer(source, &FromServer::Refused { nonce, reason }),
        Err(No::Forged) => state.counts.forged += 1,
    }
}

/// Why a Register is not taken.
enum No {
    /// And its sender is told so.
    Refused(Refusal),
    /// And its sender is told nothing.
    Forged,
}

/// Who has the ID that somebody asks for.
enum Holder {
    /// Nobody who is there.
    Nobody,
    /// The same key.
    Same(u32),
}

fn admit(state: &mut State, source: &Source, register: &Register, bytes: &[u8]) -> Result<u32, No> {
    if !state
        .jar
        .is_good(&register.cookie, source.from, NEWCOMER, state.now)
    {
        return Err(No::Refused(Refusal::Cookie));
    }
    let holder = holder(state, source, register)?;
    let mut resent = None;
    if let Holder::Same(slot) = holder {
        let member = &state.registry[slot];
        if member.incarnation == register.incarnation && member.nonce == fold(register.nonce) {
            if has_right_tag(member, bytes) {
                come_again(state, slot, source, register);
                return Ok(slot);
            }
            resent = Some(slot);
        }
    } else if state.registry.is_full() {
        state.counts.full += 1;
        return Err(No::Refused(Refusal::Full));
    }
    if !state.registrations.take(source.from.ip(), state.elapsed()) {
        state.counts.limited += 1;
        return Err(No::Refused(Refusal::Busy));
    }
    let (ours, theirs) = match state.agree(&register.key) {
        Agreement::Keys { ours, theirs } => (ours, theirs),
        Agreement::Busy => return Err(No::Refused(Refusal::Busy)),
        Agreement::BadKey => return Err(No::Forged),
    };
    if theirs.open(bytes).is_none() {
        return Err(No::Forged);
    }
    if let Some(slot) = resent {
        state.registry[slot].standing = Standing::Current { ours, theirs };
        come_again(state, slot, source, register);
        return Ok(slot);
    }
    match holder {
        Holder::Same(slot) => Ok(replace(state, slot, source, register, (ours, theirs))),
        Holder::Nobody => {
            insert(state, source, register, (ours, theirs)).ok_or(No::Refused(Refusal::Full))
        }
    }
}

/// A member registers as before: sent again, or to be reached by another way. It stays the same member.
fn come_again(state: &mut State, slot: u32, source: &Source, register: &Register) {
    let number = state.registry[slot].number;
    let told = state.registry[slot].told;
    match (register.presence, told) {
        (true, UNTOLD) => state.registry[slot].told = state.presence.tell(number),
        (false, UNTOLD) | (true, _) => {}
        (false, _) => {
            state.presence.forget(told);
            state.registry[slot].told = UNTOLD;
        }
    }
    new_reach(state, slot, &register.reach);
    move_to(state, slot, source);
}

/// Whether the ID may be had by this key in this incarnation, and where its holder is.
///
/// A process keeps nonce and incarnation for as long as it runs. Another nonce in the incarnation of a member who is
/// somewhere else is a copy of it: one of both must be the later one, or they would take the ID from each other for ever.
fn holder(state: &State, source: &Source, register: &Register) -> Result<Holder, No> {
    let id = register.id.as_str();
    let is_copy = |member: &Member| {
        let is_there = member.place.place().is_same(&source.place);
        !is_there
            && member.incarnation == register.incarnation
            && member.nonce != fold(register.nonce)
    };
    let (holder, key, incarnation) = match state.registry.find(id) {
        Some(slot) if state.registry[slot].is_older() => return Err(No::Refused(Refusal::Taken)),
        Some(slot) => {
            let member = &state.registry[slot];
            (Holder::Same(slot), member.key, member.incarnation)
        }
        None => match state.registry.owner(id) {
            Some(owner) => (Holder::Nobody, owner.key, owner.incarnation),
            None => return Ok(Holder::Nobody),
        },
    };
    if key != register.key {
        return Err(No::Refused(Refusal::Taken));
    }
    let is_copy = matches!(holder, Holder::Same(slot) if is_copy(&state.registry[slot]));
    if register.incarnation < incarnation || is_copy {
        return Err(No::Refused(Refusal::Behind(incarnation)));
    }
    Ok(holder)
}

fn has_right_tag(member: &Member, bytes: &[u8]) -> bool {
    matches!(&member.standing, Standing::Current { theirs, .. } if theirs.open(bytes).is_some())
}

fn insert(
    state: &mut State,
    source: &Source,
    register: &Register,
    keys: (MacKey, MacKey),
) -> Option<u32> {
    let member = member_of(state, source, register, keys);
    let slot = state.registry.insert(member)?;
    arrive(state, slot, source, register);
    if state.older.is_used() && state.older.has_room_for_others() {
        let named = older::named(&state.registry[slot]);
        state.older.assign(named, &mut state.outbox);
    }
    Some(slot)
}

/// The same key joins anew: started again, or come back. Whoever is still at the old place with an older incarnation
/// is told.
fn replace(
    state: &mut State,
    slot: u32,
    source: &Source,
    register: &Register,
    keys: (MacKey, MacKey),
) -> u32 {
    let before = state.registry[slot].place.place();
    let is_elsewhere = !before.is_same(&source.place);
    if is_elsewhere && state.registry[slot].incarnation < register.incarnation {
        let (member, reason) = (state.registry[slot].number, Ending::Elsewhere);
        state.tell(slot, &FromServer::Ended { member, reason });
    }
    if let (true, Place::Tcp(conn)) = (is_elsewhere, before) {
        state.conns.left(conn, state.elapsed());
    }
    let new = member_of(state, source, register, keys);
    let member = &mut state.registry[slot];
    let number = member.number;
    state.presence.forget(member.told);
    *member = Member { number, ..new };
    state.registry.renumber(slot);
    state.older.renumber(number, state.registry[slot].number);
    arrive(state, slot, source, register);
    slot
}

fn member_of(
    state: &State,
    source: &Source,
    register: &Register,
    keys: (MacKey, MacKey),
) -> Member {
    let (ours, theirs) = keys;
    Member {
        standing: Standing::Current { ours, theirs },
        window: Window::default(),
        place: Packed::new(source.place),
        heard: state.heard_now(),
        key: register.key,
        incarnation: register.incarnation,
        nonce: fold(register.nonce),
        profile: Profile::current(&register.id, &register.reach),
        ..Member::empty()
    }
}

/// What is the same for all who join.
fn arrive(state: &mut State, slot: u32, source: &Source, register: &Register) {
    let number = state.registry[slot].number;
    let told = if register.presence {
        state.presence.tell(number)
    } else {
        UNTOLD
    };
    state.registry[slot].told = told;
    state.attach(source.place, number);
    state.note_here(slot);
    state.show_joined(slot);
}

fn registered(state: &mut State, slot: u32, source: &Source, nonce: u64) {
    let member = &state.registry[slot];
    let registered = FromServer::Registered {
        nonce,
        member: member.number,
        incarnation: member.incarnation,
        reflexive: source.from,
        presence: state.presence.published(),
        probe_ports: state.probe_ports.clone(),
    };
    state.tell_at(slot, &source.place, &registered);
}

/// A member is to be reached where this came from.
pub(crate) fn move_to(state: &mut State, slot: u32, source: &Source) {
    let tick = state.heard_now();
    let member = &mut state.registry[slot];
    member.heard = tick;
    let (before, number) = (member.place.place(), member.number);
    if before == source.place {
        return;
    }
    member.place = Packed::new(source.place);
    if before.is_same(&source.place) {
        return;
    }
    if let Place::Tcp(conn) = before {
        state.conns.left(conn, state.elapsed());
    }
    state.attach(source.place, number);
    state.note_here(slot);
}

/// A member may be reached otherwise than before.
pub(crate) fn new_reach(state: &mut State, slot: u32, reach: &Reach) {
    let member = &mut state.registry[slot];
    if member.profile.reach() != *reach {
        member.profile = Profile::current(&member.profile.id(), reach);
        state.note_here(slot);
    }
}

/// A member remembers four bytes of its Register's nonce: enough to know a resent one.
fn fold(nonce: u64) -> u32 {
    let [a, b, c, d, e, f, g, h] = nonce.to_be_bytes();
    u32::from_be_bytes([a ^ e, b ^ f, c ^ g, d ^ h])
}
