//! The older clients' text datagrams: UTF-8, `_` between fields.
//!
//! | direction | datagram |
//! |---|---|
//! | client → server | `client_register_ID_LOCAL`, `client_Keep Alive_ID_LOCAL`, `client_unregister_ID_LOCAL` |
//! | server → client | `server_register_ID_ADDR`, `server_unregister_ID_ADDR`, `server_offline_ID_ADDR` |
//! | client → client | `FROMID_TEXT` |
//!
//! Nothing in it proves who wrote it: what is believed of it is for the server to decide.

use std::io::Write as _;
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
    /// Its own address as it tells it: 1 to [`LOCAL_LEN`] visible ASCII characters.
    pub local: String,
}

/// The longest local address taken, in bytes.
pub const LOCAL_LEN: usize = 64;

/// The longest text of a datagram to an older client, in bytes once written: with the longest ID in front it fits
/// [`crate::wire::DATAGRAM_LEN`], and so does the frame that brings it to the server.
pub const TEXT_LEN: usize = 1_100;

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

impl OlderKind {
    fn of(word: &str) -> Result<Self, Malformed> {
        Ok(match word {
            "register" => Self::Register,
            "Keep Alive" => Self::KeepAlive,
            "unregister" => Self::Unregister,
            _ => return Err(Malformed),
        })
    }
}

impl OlderNotice {
    fn word(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Unregister => "unregister",
            Self::Offline => "offline",
        }
    }
}

/// Whether this can be what an older client told as its own address.
pub(crate) fn is_local(text: &str) -> bool {
    (1..=LOCAL_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads `client_EVENT_ID_LOCALADDR`; further fields are ignored, as the older server did.
///
/// # Errors
/// If it is something else.
pub fn decode_event(datagram: &[u8]) -> Result<OlderEvent, Malformed> {
    let text = str::from_utf8(datagram).map_err(|_| Malformed)?;
    let mut fields = text.split('_');
    let mut field = || fields.next().ok_or(Malformed);
    if field()? != "client" {
        return Err(Malformed);
    }
    let kind = OlderKind::of(field()?)?;
    let id = field()?.parse().map_err(|_| Malformed)?;
    let local = field()?;
    if !is_local(local) {
        return Err(Malformed);
    }
    Ok(OlderEvent {
        kind,
        id,
        local: local.to_owned(),
    })
}

/// Reads `FROMID_TEXT`: all after the first `_` is text.
///
/// # Errors
/// If there is no `_`, the ID is none, or the text is no UTF-8.
pub fn decode_chat(datagram: &[u8]) -> Result<(MemberId, &str), Malformed> {
    let text = str::from_utf8(datagram).map_err(|_| Malformed)?;
    let (id, text) = text.split_once('_').ok_or(Malformed)?;
    Ok((id.parse().map_err(|_| Malformed)?, text))
}

/// Appends `server_EVENT_ID_ADDR` to `out`.
pub fn encode_notice(notice: OlderNotice, id: &MemberId, addr: SocketAddr, out: &mut Vec<u8>) {
    let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let written = write!(out, "server_{}_{id}_{addr}", notice.word());
    debug_assert!(written.is_ok(), "writing to a Vec cannot fail");
}

/// Appends `FROMID_TEXT` to `out`, with `_` in the text replaced by the full-width one, which the older client does not
/// split at.
pub fn encode_chat(from: &MemberId, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(from.as_str().as_bytes());
    out.push(b'_');
    let mut between = text.split('_');
    out.extend(between.next().unwrap_or_default().bytes());
    for part in between {
        out.extend_from_slice(FULL_WIDTH.as_bytes());
        out.extend_from_slice(part.as_bytes());
    }
}

/// What `_` is replaced by.
const FULL_WIDTH: &str = "\u{ff3f}";

/// Cuts a text into parts of at most [`TEXT_LEN`] bytes once written, at character boundaries.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (part, behind) = rest.split_at(part_len(rest));
        rest = behind;
        (!part.is_empty()).then_some(part)
    })
}

fn part_len(text: &str) -> usize {
    let mut written = 0;
    let too_long = text.char_indices().find(|&(_, c)| {
        written += if c == '_' {
            FULL_WIDTH.len()
        } else {
            c.len_utf8()
        };
        written > TEXT_LEN
    });
    too_long.map_or(text.len(), |(at, _)| at)
}
