//! Every datagram there is: bytes in, checked values out, and back; pure.
//!
//! The first byte tells the languages apart (see [`Language::of`]): STUN (RFC 8489 §5) begins with two zero bits,
//! older text is UTF-8, and bytes from 0xF8 on never begin UTF-8, so they are natchat frames:
//!
//! | byte | frame | from → to | authenticated by |
//! |---|---|---|---|
//! | 0xF8 | [`to_server`] | client → server | tag, but for Hello and Observe |
//! | 0xF9 | [`from_server`] | server → client | tag where a key is known; else the client's nonce comes back |
//! | 0xFA | [`relay`] up | client → server | tag |
//! | 0xFB | [`relay`] down | server → client | what it carries |
//! | 0xFC | [`check`] | client ↔ client | tag |
//! | 0xFD | [`handshake`] | client ↔ client | Noise IK |
//! | 0xFE | [`transport`] | client ↔ client | Noise |
//! | 0xFF | [`call`] | client ↔ client | tag |
//!
//! Integers are big-endian. Decoding never panics, copies only what it returns, and refuses what is left over at the
//! end. Nothing here knows a key: a frame with a tag is encoded without it, and the tag appended and split off by
//! [`crate::crypto::mac`]. Encoding appends to what it is given, so that many frames can lie in one buffer.

pub mod call;
pub mod check;
pub mod codec;
pub mod from_server;
pub mod handshake;
pub mod older;
pub mod presence;
pub mod reach;
pub mod relay;
pub mod stun;
pub mod to_server;
pub mod transport;

/// The longest datagram ever sent: with 48 bytes of IPv6 and UDP headers it fits the smallest MTU (RFC 8200 §5).
pub const DATAGRAM_LEN: usize = 1_232;

/// The longest datagram looked at; older clients receive and send at most this.
pub const RECEIVE_LEN: usize = 2_048;

/// What a datagram's first byte says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// RFC 8489.
    Stun,
    /// The older text format.
    Older,
    /// [`to_server`].
    ToServer,
    /// [`from_server`].
    FromServer,
    /// [`relay`], on its way to the server.
    RelayUp,
    /// [`relay`], on its way from the server.
    RelayDown,
    /// [`check`].
    Check,
    /// [`handshake`].
    Handshake,
    /// [`transport`].
    Transport,
    /// [`call`].
    Call,
}

impl Language {
    /// The language of a datagram, or `None` if nothing of ours begins like this.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Option<Self> {
        Some(match *datagram.first()? {
            0x00..=0x03 => Self::Stun,
            0x20..=0x7E | 0xC2..=0xF4 => Self::Older,
            to_server::FIRST_BYTE => Self::ToServer,
            from_server::FIRST_BYTE => Self::FromServer,
            relay::UP => Self::RelayUp,
            relay::DOWN => Self::RelayDown,
            check::FIRST_BYTE => Self::Check,
            handshake::FIRST_BYTE => Self::Handshake,
            transport::FIRST_BYTE => Self::Transport,
            call::FIRST_BYTE => Self::Call,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
