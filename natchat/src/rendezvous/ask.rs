//! Questions of anybody: from which address do I come? Nothing is kept of who asks.

use std::net::SocketAddr;

use crate::rendezvous::outbox::Port;
use crate::rendezvous::state::State;
use crate::wire::from_server::FromServer;
use crate::wire::stun;

/// A STUN request (RFC 8489). Its answer may be longer than it; then it comes out of the neighbourhood's bucket, so
/// that what a forger gains stays small.
pub(crate) fn stun(state: &mut State, port: Port, from: SocketAddr, datagram: &[u8]) {
    let Ok(request) = stun::decode(datagram) else {
        state.counts.malformed += 1;
        return;
    };
    let mut answer = Vec::with_capacity(64);
    stun::encode_answer(&request, from, &mut answer);
    if answer.len() > datagram.len() && !state.stun.take(from.ip(), state.elapsed()) {
        state.counts.limited += 1;
        return;
    }
    state.outbox.datagram(port, from, &answer);
}

/// An Observe.
pub(crate) fn observe(state: &mut State, port: Port, from: SocketAddr, nonce: u64, len: usize) {
    let observed = FromServer::Observed { nonce, addr: from };
    state.answer_from(port, from, len, |out| observed.encode(out));
}
