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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events() {
        type Parts = (OlderKind, &'static str, &'static str);
        let rows: &[(&str, Option<Parts>)] = &[
            (
                "client_register_client1_192.168.0.5:10081",
                Some((OlderKind::Register, "client1", "192.168.0.5:10081")),
            ),
            (
                "client_Keep Alive_김철수_10.0.0.1:10081",
                Some((OlderKind::KeepAlive, "김철수", "10.0.0.1:10081")),
            ),
            (
                "client_unregister_a_10.0.0.1:10081",
                Some((OlderKind::Unregister, "a", "10.0.0.1:10081")),
            ),
            (
                "client_register_a_10.0.0.1:10081_x1.ABCD_more",
                Some((OlderKind::Register, "a", "10.0.0.1:10081")),
            ),
            ("client_register_a_", None),
            ("client_register_a", None),
            ("client_register__10.0.0.1:1", None),
            ("client_register_server_10.0.0.1:1", None),
            ("client_register_a b_10.0.0.1:1", None),
            ("client_register_a_10.0.0.1 :1", None),
            ("client_register_a_\u{1b}[2J", None),
            ("client_keep alive_a_10.0.0.1:1", None),
            ("client_offline_a_10.0.0.1:1", None),
            ("server_register_a_10.0.0.1:1", None),
            ("client", None),
            ("x", None),
            ("", None),
        ];
        for (datagram, expected) in rows {
            let expected = expected.map(|(kind, id, local)| OlderEvent {
                kind,
                id: id.parse().unwrap(),
                local: local.to_owned(),
            });
            assert_eq!(
                decode_event(datagram.as_bytes()).ok(),
                expected,
                "{datagram}"
            );
        }
        let long = format!("client_register_a_{}", "1".repeat(LOCAL_LEN + 1));
        assert_eq!(decode_event(long.as_bytes()), Err(Malformed));
        assert_eq!(decode_event(b"client_register_a_\xFF"), Err(Malformed));
    }

    #[test]
    fn chat_read() {
        type Parts = (&'static str, &'static str);
        let rows: &[(&[u8], Option<Parts>)] = &[
            (
                b"client3_hi im in ubuntu",
                Some(("client3", "hi im in ubuntu")),
            ),
            (b"a_b_c", Some(("a", "b_c"))),
            (b"a_", Some(("a", ""))),
            ("김_안녕".as_bytes(), Some(("김", "안녕"))),
            (b"_a", None),
            (b"a", None),
            (b"server_register_a_b", None),
            (b"client_register_a_b", None),
            (b"a b_c", None),
            (b"a_\xFF", None),
        ];
        for (datagram, expected) in rows {
            let read = decode_chat(datagram).ok();
            let read = read.as_ref().map(|(id, text)| (id.as_str(), *text));
            assert_eq!(read, *expected, "{datagram:?}");
        }
    }

    #[test]
    fn written() {
        let id: MemberId = "client1".parse().unwrap();
        let notice = |notice, addr: &str| {
            let mut out = Vec::new();
            encode_notice(notice, &id, addr.parse().unwrap(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let chat = |text| {
            let mut out = Vec::new();
            encode_chat(&id, text, &mut out);
            String::from_utf8(out).unwrap()
        };
        let rows: &[(String, &str)] = &[
            (
                notice(OlderNotice::Register, "192.168.0.5:10081"),
                "server_register_client1_192.168.0.5:10081",
            ),
            (
                notice(OlderNotice::Unregister, "[::ffff:1.2.3.4]:5"),
                "server_unregister_client1_1.2.3.4:5",
            ),
            (
                notice(OlderNotice::Offline, "[::1]:5"),
                "server_offline_client1_[::1]:5",
            ),
            (chat("hi"), "client1_hi"),
            (chat(""), "client1_"),
            (chat("_a__b_"), "client1_＿a＿＿b＿"),
        ];
        for (written, expected) in rows {
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn parts_end_where_they_must() {
        let full = TEXT_LEN / FULL_WIDTH.len();
        let rows: &[(&str, String, &[usize])] = &[
            ("nothing", String::new(), &[]),
            ("one", "a".repeat(TEXT_LEN), &[TEXT_LEN]),
            ("one and a byte", "a".repeat(TEXT_LEN + 1), &[TEXT_LEN, 1]),
            ("Korean", "가".repeat(full + 1), &[3 * full, 3]),
            ("what grows", "_".repeat(full + 1), &[full, 1]),
        ];
        for (name, text, lens) in rows {
            let found: Vec<usize> = parts(text).map(str::len).collect();
            assert_eq!(found, *lens, "{name}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_the_whole_and_fit(text in "[a_가]{0,3000}") {
            let id: MemberId = "a".parse().unwrap();
            let mut whole = String::new();
            for part in parts(&text) {
                let mut out = Vec::new();
                encode_chat(&id, part, &mut out);
                prop_assert!(out.len() <= "a_".len() + TEXT_LEN);
                let (from, read) = decode_chat(&out).unwrap();
                prop_assert_eq!(from, id.clone());
                prop_assert_eq!(read, part.replace('_', FULL_WIDTH));
                whole.push_str(part);
            }
            prop_assert_eq!(whole, text);
        }

        #[test]
        fn nothing_panics(datagram: Vec<u8>, fields in "(client|server)?(_[a-zK A]{0,12}){0,5}") {
            let _ = (decode_event(&datagram), decode_chat(&datagram));
            let _ = (decode_event(fields.as_bytes()), decode_chat(fields.as_bytes()));
        }
    }
}
