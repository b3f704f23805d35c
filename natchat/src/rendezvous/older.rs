//! Older clients: the text format, and lines between them and everybody else.
//!
//! They have no keys. What is believed of them is bounded by what the older format allows, and no further: an ID is
//! theirs as long as they are there, and only the IP address that it was registered from may register it anew, keep
//! it alive or give it up (the port may differ: the older client gives up its ID from another socket, and NATs change
//! ports). An ID that a key owns is not theirs, and they are not told so: their format has no word for it. A
//! keep-alive of an unknown ID counts as a registration, so a restarted server knows its members again after ten
//! seconds.

use std::net::SocketAddr;

use crate::name::MemberId;
use crate::rendezvous::event::{Global, Said};
use crate::rendezvous::member::{Member, Profile};
use crate::rendezvous::place::{Packed, Place};
use crate::rendezvous::ports::{Named, Reached};
use crate::rendezvous::state::{Source, State};
use crate::wire::from_server::{Departure, FromServer};
use crate::wire::older::{self, OlderEvent, OlderKind};

/// How many slots are looked through for members that get ports when the first older client comes.
const LOOKED_THROUGH: u32 = 1 << 16;

/// A datagram at one of the server's addresses.
pub(crate) fn event(state: &mut State, source: &Source, datagram: &[u8]) {
    let Place::Udp { port: main, addr } = source.place else {
        return;
    };
    let Ok(event) = older::decode_event(datagram) else {
        state.counts.malformed += 1;
        return;
    };
    let reached = Reached { main, addr };
    let known = state.registry.find(event.id.as_str());
    match (known, event.kind) {
        (Some(slot), _) if !is_of(&state.registry[slot], addr) => state.counts.forged += 1,
        (Some(slot), OlderKind::Register | OlderKind::KeepAlive) => {
            heard(state, slot, reached, &event, source.len)
        }
        (Some(slot), OlderKind::Unregister) => {
            state.show(slot, Said::Unregister, Global::Addr(addr));
            let number = state.registry[slot].number;
            state.older.earn(number, source.len);
            state.end(slot, Departure::Left);
        }
        (None, OlderKind::Register | OlderKind::KeepAlive) => {
            join(state, reached, &event, source.len)
        }
        (None, OlderKind::Unregister) => state.counts.unknown += 1,
    }
}

/// Whether a member has an older client at this IP address.
fn is_of(member: &Member, addr: SocketAddr) -> bool {
    let place = member.place.place();
    member.is_older() && place.addr().is_some_and(|known| known.ip() == addr.ip())
}

fn join(state: &mut State, reached: Reached, event: &OlderEvent, len: usize) {
    if state.registry.owner(event.id.as_str()).is_some() {
        state.counts.forged += 1;
        return;
    }
    if state.registry.is_full() || !state.older.has_room_at(reached.addr.ip()) {
        state.counts.full += 1;
        return;
    }
    if !state
        .older_registrations
        .take(reached.addr.ip(), state.elapsed())
    {
        state.counts.limited += 1;
        return;
    }
    let member = Member {
        place: Packed::new(Place::udp(reached.main, reached.addr)),
        heard: state.heard_now(),
        profile: Profile::older(&event.id, &event.local),
        ..Member::empty()
    };
    let Some(slot) = state.registry.insert(member) else {
        return;
    };
    state.show_joined(slot);
    state.note_here(slot);
    admit(state, slot, reached, len);
}

/// Gives a new older client its port, and all others theirs if it is the first.
fn admit(state: &mut State, slot: u32, reached: Reached, len: usize) {
    let is_first = !state.older.is_used();
    let member = &state.registry[slot];
    let own = own_addr(member.profile.local(), reached.addr);
    state.older.join(member.number, reached, own, len);
    state.older.assign(named(member), &mut state.outbox);
    if is_first {
        let slots = state.registry.slots().min(LOOKED_THROUGH);
        let members = (0..slots).filter_map(|slot| state.registry.get(slot));
        for member in members.filter(|member| !member.is_older()) {
            if !state.older.has_room_for_others() {
                break;
            }
            state.older.assign(named(member), &mut state.outbox);
        }
    }
}

/// What an older client is told about itself: what it told, if that is an address.
fn own_addr(local: &str, seen: SocketAddr) -> SocketAddr {
    local.parse().unwrap_or(seen)
}

pub(crate) fn named(member: &Member) -> Named {
    Named {
        member: member.number,
        id: member.profile.id(),
    }
}

/// A known older client says that it is still there, maybe elsewhere, or registers again.
fn heard(state: &mut State, slot: u32, reached: Reached, event: &OlderEvent, len: usize) {
    let place = Place::udp(reached.main, reached.addr);
    let tick = state.heard_now();
    let member = &mut state.registry[slot];
    let has_moved = !member.place.place().is_same(&place);
    let has_changed = has_moved || member.profile.local() != event.local;
    member.heard = tick;
    member.place = Packed::new(place);
    if has_changed {
        member.profile = Profile::older(&event.id, &event.local);
        state.note_here(slot);
    }
    let number = state.registry[slot].number;
    let is_joining = event.kind == OlderKind::Register && has_moved;
    if is_joining || !state.older.knows(number) {
        // Started anew, so it knows nobody; or this server was.
        admit(state, slot, reached, len);
    } else {
        let own = own_addr(&event.local, reached.addr);
        state.older.hear(number, reached, own, len);
    }
    if is_joining {
        state.show_joined(slot);
    } else {
        state.show(slot, Said::KeepAlive, Global::Addr(reached.addr));
    }
}

/// Tells older clients what they may be told by now.
pub(crate) fn serve(state: &mut State) {
    let now = state.elapsed();
    state.older.serve(&state.mains, now, &mut state.outbox);
}

/// A line of an older client at the port that stands for a member. From whom it is, it says itself; the IP address
/// must be right, the port need not be.
pub(crate) fn line(state: &mut State, port: u16, from: SocketAddr, datagram: &[u8]) {
    let Ok((id, text)) = older::decode_chat(datagram) else {
        state.counts.malformed += 1;
        return;
    };
    let sender = state.registry.find(id.as_str());
    let Some(sender) = sender.filter(|&slot| is_of(&state.registry[slot], from)) else {
        state.counts.forged += 1;
        return;
    };
    let receiver = state.older.member_at(port);
    let Some(receiver) = receiver.and_then(|number| state.registry.slot_of(number)) else {
        state.counts.unknown += 1;
        return;
    };
    if state.may_relay(sender, datagram.len()) {
        hand_on(state, sender, &id, receiver, text);
    }
}

/// Hands a line on, in parts that fit datagrams.
pub(crate) fn hand_on(state: &mut State, sender: u32, id: &MemberId, receiver: u32, text: &str) {
    let from = state.registry[sender].number;
    let (to, is_older) = (
        state.registry[receiver].number,
        state.registry[receiver].is_older(),
    );
    for part in older::parts(text) {
        if is_older {
            state.hand(receiver, |out| older::encode_chat(id, part, out));
        } else {
            let (serial, text) = (state.next_line(), part.to_owned());
            state.tell(
                receiver,
                &FromServer::Older {
                    to,
                    serial,
                    from,
                    text,
                },
            );
        }
    }
}
