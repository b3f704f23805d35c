//! What members say, after they have joined: frames with a number, a counter and a tag.
//!
//! ```text
//!   number known? ──► tag right? ──► counter new? ──► heard of ──► answered where the member is
//!      │ no: Unknown                    │ came before: answered again, not done again
//! ```
//! From another address than the member's, what changes nothing there is done, and Moved asks for proof that the sender
//! receives there; with it the member moves. A connection is proof in itself. What is longer than the question goes
//! only to where the member is known to be.
//!
//! A member out of the journal must show a cookie first: it proves that the frame is not one from before the restart,
//! since counters are not written down, and spares the key agreement for those who do not come back.

use crate::crypto::mac;
use crate::name::MemberId;
use crate::rendezvous::event::{Global, Said};
use crate::rendezvous::join;
use crate::rendezvous::member::{Freshness, Standing, UNTOLD};
use crate::rendezvous::older;
use crate::rendezvous::place::Place;
use crate::rendezvous::presence::ROOM;
use crate::rendezvous::state::{Agreement, Source, State};
use crate::wire::DATAGRAM_LEN;
use crate::wire::from_server::{Change, Departure, Ending, FromServer, Presence, Span};
use crate::wire::to_server::{Cookie, ToServer};

/// Slots looked through for one page of the list, so that an empty stretch costs a round trip, not a pause.
const PAGE_SLOTS: u32 = 1_024;

/// Syncs and Finds that a member has answered in a second, if it relays nothing meanwhile.
const ASKING: u64 = 1_024;

/// Changes of where it is to be reached that are taken of a member in a second, a quarter of them at once: each is told
/// to everybody.
const REACHES: u64 = 16;

/// A frame with a tag, other than Register.
pub(crate) fn frame(state: &mut State, source: &Source, bytes: &[u8]) {
    let Some(Ok(frame)) = mac::body(bytes).map(ToServer::decode) else {
        state.counts.malformed += 1;
        return;
    };
    let Some((number, counter)) = sender_of(&frame) else {
        state.counts.malformed += 1;
        return;
    };
    let Some(slot) = state.registry.slot_of(number) else {
        unknown(state, source, counter);
        return;
    };
    let member = &state.registry[slot];
    let freshness = match &member.standing {
        Standing::Older => {
            unknown(state, source, counter);
            return;
        }
        Standing::Restored => {
            welcome_back(state, slot, source, &frame, bytes);
            return;
        }
        Standing::Current { theirs, .. } if theirs.open(bytes).is_some() => {
            member.window.look(counter)
        }
        Standing::Current { .. } => {
            state.counts.forged += 1;
            return;
        }
    };
    match freshness {
        Freshness::New => heard(state, slot, source, counter, frame),
        Freshness::Again => {
            state.counts.replayed += 1;
            again(state, slot, source, counter, &frame);
        }
        Freshness::Stale => state.counts.replayed += 1,
    }
}

/// Number and counter of a member's frame.
fn sender_of(frame: &ToServer) -> Option<(u64, u64)> {
    match *frame {
        ToServer::Alive {
            member, counter, ..
        }
        | ToServer::Reach {
            member, counter, ..
        }
        | ToServer::Leave { member, counter }
        | ToServer::Sync {
            member, counter, ..
        }
        | ToServer::Find {
            member, counter, ..
        }
        | ToServer::Older {
            member, counter, ..
        } => Some((member, counter)),
        ToServer::Hello { .. } | ToServer::Register(_) | ToServer::Observe { .. } => None,
    }
}

fn unknown(state: &mut State, source: &Source, counter: u64) {
    state.counts.unknown += 1;
    state.answer(source, &FromServer::Unknown { counter });
}

/// Somebody out of the journal is heard of for the first time since.
fn welcome_back(state: &mut State, slot: u32, source: &Source, frame: &ToServer, bytes: &[u8]) {
    let Some((number, counter)) = sender_of(frame) else {
        return;
    };
    let ToServer::Alive {
        seen,
        cookie: Some(cookie),
        ..
    } = frame
    else {
        moved(state, source, number, counter);
        return;
    };
    if !state.jar.is_good(cookie, source.from, number, state.now) {
        moved(state, source, number, counter);
        return;
    }
    let key = state.registry[slot].key;
    let (ours, theirs) = match state.agree(&key) {
        Agreement::Keys { ours, theirs } => (ours, theirs),
        Agreement::Busy => {
            // Not its fault: it has as long again as if it had not been there.
            state.registry[slot].heard = state.heard_now();
            return;
        }
        Agreement::BadKey => return,
    };
    if theirs.open(bytes).is_none() {
        state.counts.forged += 1;
        return;
    }
    let member = &mut state.registry[slot];
    member.standing = Standing::Current { ours, theirs };
    member.window.take(counter);
    join::move_to(state, slot, source);
    alive(state, slot, source, counter, *seen);
}

/// An authentic frame that never came before.
fn heard(state: &mut State, slot: u32, source: &Source, counter: u64, frame: ToServer) {
    let tick = state.heard_now();
    let member = &mut state.registry[slot];
    member.window.take(counter);
    member.heard = tick;
    let number = member.number;
    let is_here = is_proven_at(state, slot, source, &frame);
    match frame {
        ToServer::Alive { seen, .. } if is_here => alive(state, slot, source, counter, seen),
        ToServer::Sync { have, cursor, .. } if is_here => {
            sync(state, slot, source, counter, have, cursor)
        }
        ToServer::Find { id, .. } if is_here => find(state, slot, id),
        ToServer::Alive { .. } | ToServer::Sync { .. } | ToServer::Find { .. } => {
            moved(state, source, number, counter)
        }
        ToServer::Reach { reach, .. } => {
            if state.registry[slot].profile.reach() != reach && state.may_ask(slot, REACHES) {
                join::new_reach(state, slot, &reach);
            }
            if !is_here {
                moved(state, source, number, counter);
            }
        }
        ToServer::Older { to, text, .. } => {
            if line(state, slot, to, &text, source.len) {
                confirm(state, slot, source, counter, is_here);
            }
        }
        ToServer::Leave { .. } => leave(state, slot, source),
        ToServer::Hello { .. } | ToServer::Register(_) | ToServer::Observe { .. } => {}
    }
}

/// Whether the sender is known to receive where the frame came from, now if not before.
fn is_proven_at(state: &mut State, slot: u32, source: &Source, frame: &ToServer) -> bool {
    let member = &state.registry[slot];
    let place = member.place.place();
    if place == source.place {
        return true;
    }
    let is_proven = place.is_same(&source.place)
        || matches!(source.place, Place::Tcp(_)) && !matches!(frame, ToServer::Leave { .. })
        || cookie_in(frame).is_some_and(|cookie| {
            state
                .jar
                .is_good(cookie, source.from, member.number, state.now)
        });
    if is_proven {
        join::move_to(state, slot, source);
    }
    is_proven
}

fn cookie_in(frame: &ToServer) -> Option<&Cookie> {
    if let ToServer::Alive { cookie, .. } = frame {
        cookie.as_ref()
    } else {
        None
    }
}

/// Done before: the answer may have been lost.
fn again(state: &mut State, slot: u32, source: &Source, counter: u64, frame: &ToServer) {
    let is_here = state.registry[slot].place.place().is_same(&source.place);
    if is_here && matches!(frame, ToServer::Older { .. }) {
        confirm(state, slot, source, counter, true);
    }
}

fn alive(state: &mut State, slot: u32, source: &Source, counter: u64, seen: u64) {
    state.presence.saw(state.registry[slot].told, seen);
    let alive = FromServer::Alive {
        counter,
        presence: state.presence.published(),
        reflexive: source.from,
    };
    state.tell_at(slot, &source.place, &alive);
}

fn moved(state: &mut State, source: &Source, number: u64, counter: u64) {
    let cookie = state.jar.bake(source.from, number, state.now);
    state.answer(source, &FromServer::Moved { counter, cookie });
}

/// Says that a line was handed on, or that nothing is missing: as with an Alive. Elsewhere, that proof is needed.
fn confirm(state: &mut State, slot: u32, source: &Source, counter: u64, is_here: bool) {
    if is_here {
        let alive = FromServer::Alive {
            counter,
            presence: state.presence.published(),
            reflexive: source.from,
        };
        state.tell(slot, &alive);
    } else {
        moved(state, source, state.registry[slot].number, counter);
    }
}

/// A line for an older client. Whether it was handed on.
fn line(state: &mut State, slot: u32, to: u64, text: &str, len: usize) -> bool {
    let receiver = state.registry.slot_of(to);
    let Some(receiver) = receiver.filter(|&receiver| state.registry[receiver].is_older()) else {
        state.counts.unknown += 1;
        return false;
    };
    if !state.may_relay(slot, len) {
        return false;
    }
    let id = state.registry[slot].profile.id();
    older::hand_on(state, slot, &id, receiver, text);
    true
}

fn leave(state: &mut State, slot: u32, source: &Source) {
    let (member, reason) = (state.registry[slot].number, Ending::Left);
    state.tell_at(slot, &source.place, &FromServer::Ended { member, reason });
    let place = state.registry[slot].place.place();
    state.show(slot, Said::Unregister, Global::of(&place));
    state.end(slot, Departure::Left);
}

fn find(state: &mut State, slot: u32, id: MemberId) {
    let found = state.registry.find(id.as_str());
    let entry = found.map(|found| Box::new(state.registry[found].entry()));
    if state.may_ask(slot, ASKING) {
        state.tell(slot, &FromServer::Found { id, entry });
    }
}

/// What changed since `have`, or a page of the list.
fn sync(
    state: &mut State,
    slot: u32,
    source: &Source,
    counter: u64,
    have: u64,
    cursor: Option<u64>,
) {
    let told = state.registry[slot].told;
    if told != UNTOLD {
        state.presence.saw(told, have);
    }
    if !state.may_ask(slot, ASKING) {
        return;
    }
    if cursor.is_none() && have == state.presence.published() {
        confirm(state, slot, source, counter, true);
        return;
    }
    if cursor.is_none() {
        let mut presence = std::mem::take(&mut state.presence);
        let frames = presence.since(have);
        for frame in frames.unwrap_or_default() {
            state.tell_written(slot, frame);
        }
        let is_known = frames.is_some();
        state.presence = presence;
        if is_known {
            return;
        }
    }
    page(state, slot, cursor);
}

/// The members from a slot on, as many as fit.
fn page(state: &mut State, slot: u32, cursor: Option<u64>) {
    let slots = state.registry.slots();
    let start = cursor
        .map_or(0, |cursor| u32::try_from(cursor).unwrap_or(u32::MAX))
        .min(slots);
    let end = slots.min(start.saturating_add(PAGE_SLOTS));
    let (mut written, mut count, mut at) = (Vec::with_capacity(DATAGRAM_LEN), 0, start);
    while at < end {
        if let Some(member) = state.registry.get(at) {
            let before = written.len();
            Change::Here(Box::new(member.entry())).encode(&mut written);
            if count > 0 && written.len() > ROOM {
                written.truncate(before);
                break;
            }
            count += 1;
        }
        at += 1;
    }
    let span = Span::Page {
        as_of: state.presence.published(),
        cursor,
        next: (at < slots).then_some(at.into()),
    };
    let mut frame = Vec::with_capacity(DATAGRAM_LEN);
    Presence::encode_written(&span, count, &written, &mut frame);
    state.tell_written(slot, &frame);
}
