//! Peer frames on their way through the server: from one member to another, whatever is in them.
//!
//! Taken from any address if the tag is right: the first frames after a NAT has changed its mind arrive, and their
//! sender is told that it should say where it is now. They have no counter, so they do not show that their sender is
//! still there: anybody could send them again. Frames longer than a datagram, which only a connection brings, are
//! dropped.

use crate::crypto::mac;
use crate::rendezvous::member::Standing;
use crate::rendezvous::place::Place;
use crate::rendezvous::state::{Source, State};
use crate::wire::DATAGRAM_LEN;
use crate::wire::from_server::FromServer;
use crate::wire::relay::{DOWN_OVERHEAD, Down, Up};

/// How long, in ticks, a member is not told again that it seems to be elsewhere.
const HINT: u16 = 2;

/// A frame on its way up, with its tag.
pub(crate) fn up(state: &mut State, source: &Source, bytes: &[u8]) {
    let Some(Ok(up)) = mac::body(bytes).map(Up::decode) else {
        state.counts.malformed += 1;
        return;
    };
    let Some(slot) = state.registry.slot_of(up.member) else {
        state.counts.unknown += 1;
        // It does not know that it is no member any more.
        state.answer(source, &FromServer::Again);
        return;
    };
    match &state.registry[slot].standing {
        Standing::Current { theirs, .. } if theirs.open(bytes).is_some() => {}
        // No key agreement without a cookie: it is to say that it is there first.
        Standing::Restored => return state.answer(source, &FromServer::Again),
        Standing::Current { .. } | Standing::Older => {
            state.counts.forged += 1;
            return;
        }
    }
    hint(state, slot, source);
    if !state.may_relay(slot, bytes.len()) {
        return;
    }
    let receiver = state.registry.slot_of(up.to);
    let receiver = receiver.filter(|&receiver| !state.registry[receiver].is_older());
    let is_short = up.frame.len() + DOWN_OVERHEAD <= DATAGRAM_LEN;
    let Some(receiver) = receiver.filter(|_| is_short) else {
        state.counts.unreachable += 1;
        return;
    };
    let down = Down {
        from: up.member,
        frame: up.frame,
    };
    state.hand(receiver, |out| down.encode(out));
}

/// Tells who sends from elsewhere to say so.
fn hint(state: &mut State, slot: u32, source: &Source) {
    let [.., high, low] = state.heard_now().to_be_bytes();
    let tick = u16::from_be_bytes([high, low]);
    let member = &mut state.registry[slot];
    let is_here = member.place.place().is_same(&source.place);
    if is_here || matches!(source.place, Place::Nowhere) || tick.wrapping_sub(member.hinted) < HINT
    {
        return;
    }
    member.hinted = tick;
    state.answer(source, &FromServer::Again);
}
