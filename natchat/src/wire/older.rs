//! The older clients' text datagrams: UTF-8, `_` between fields.

use std::net::SocketAddr;

use crate::name::MemberId;
use crate::wire::codec::Malformed;

/// What an older client tells its server: `client_EVENT_ID_LOCALADDR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderEvent {
    /// What.
    pub kind: OlderKind,
    /// Who.
    pub id: MemberId,
    /// Its own address as it tells it; at most [`LOCAL_LEN`] bytes, printable.
    pub local: String,
}

/// The longest local address taken, in bytes.
pub const LOCAL_LEN: usize = 64;

/// The longest text of a datagram to an older client, in bytes: it receives 2,048.
pub const TEXT_LEN: usize = 1_900;

/// The three events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OlderKind {
    /// `register`
    Register,
    /// `Keep Alive`
    KeepAlive,
    /// `unregister`
    Unregister,
}

/// What the server tells an older client: `server_EVENT_ID_ADDR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OlderNotice {
    /// `register`
    Register,
    /// `unregister`
    Unregister,
    /// `offline`
    Offline,
}

/// Reads `client_EVENT_ID_LOCALADDR`; further fields are ignored, as the older server did.
///
/// # Errors
/// If it is something else.
pub fn decode_event(datagram: &[u8]) -> Result<OlderEvent, Malformed> {
    let _ = datagram;
    unimplemented!()
}

/// Reads `FROMID_TEXT`.
///
/// # Errors
/// If there is no `_`, the ID is none, or the text is no UTF-8.
pub fn decode_chat(datagram: &[u8]) -> Result<(MemberId, &str), Malformed> {
    let _ = datagram;
    unimplemented!()
}

/// Writes `server_EVENT_ID_ADDR`.
pub fn encode_notice(notice: OlderNotice, id: &MemberId, addr: SocketAddr, out: &mut Vec<u8>) {
    let _ = (notice, id, addr, out);
    unimplemented!()
}

/// Writes `FROMID_TEXT`, with `_` in the text replaced by the full-width one, which the older client does not split at.
pub fn encode_chat(from: &MemberId, text: &str, out: &mut Vec<u8>) {
    let _ = (from, text, out);
    unimplemented!()
}

/// Cuts a text into parts of at most [`TEXT_LEN`] bytes once written, at character boundaries.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    let _ = text;
    std::iter::empty()
}
