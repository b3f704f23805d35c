//! What handshakes say besides the packet they carry.
//!
//! ```text
//!   message 1:  incarnation u64 · serial u64 · life u64 · known u64 · ID · packet      prologue: "natchat 1" · responder's incarnation u64 · its ID
//!   message 2:  life u64 · taken u8 · packet
//! ```
//!
//! The prologue binds message 1 to one start of one responder, and to the name it is thought to have: a server cannot pass it on
//! to somebody else. Incarnation and serial rise, so each message 1 is taken once. A life is the number of one
//! [`crate::reliable`] connection: both sides must have begun anew together, whatever else has happened, or what one of them
//! takes for delivered would be nowhere. Later lives of one side have higher numbers.

use crate::name::{ID_LEN, MemberId};
use crate::wire::codec::{Malformed, Reader, Writer};

/// The most that [`Hello::encode`] puts before the packet.
pub(crate) const HELLO_HEAD: usize = 8 + 8 + 8 + 8 + 1 + ID_LEN;

/// What [`Welcome::encode`] puts before the packet.
pub(crate) const WELCOME_HEAD: usize = 8 + 1;

/// Numbers a connection; never 0.
pub(crate) type Life = u64;

/// The payload of message 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello<'a> {
    /// The initiator's.
    pub(crate) incarnation: u64,
    /// Greater than in any of its messages before in this incarnation.
    pub(crate) serial: u64,
    /// The initiator's.
    pub(crate) life: Life,
    /// The responder's life that the initiator's belongs to; none if it was not told yet.
    pub(crate) known: Option<Life>,
    /// Who the initiator is.
    pub(crate) id: MemberId,
    /// A packet, or nothing.
    pub(crate) packet: &'a [u8],
}

impl<'a> Hello<'a> {
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let hello = Self {
            incarnation: reader.u64()?,
            serial: reader.u64()?,
            life: reader.u64()?,
            known: Some(reader.u64()?).filter(|&known| known != 0),
            id: reader.id()?,
            packet: &[],
        };
        let packet = &payload[reader.taken()..];
        Ok(Self { packet, ..hello })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u64(self.incarnation).u64(self.serial).u64(self.life);
        writer
            .u64(self.known.unwrap_or(0))
            .id(&self.id)
            .bytes(self.packet);
    }
}

/// The payload of message 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome<'a> {
    /// The responder's.
    pub(crate) life: Life,
    /// Whether the two lives belong together from now on. If not, the responder has begun anew: the initiator must, too.
    pub(crate) taken: bool,
    /// A packet, or nothing.
    pub(crate) packet: &'a [u8],
}

impl<'a> Welcome<'a> {
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        Ok(Self {
            life: reader.u64()?,
            taken: reader.yes()?,
            packet: &payload[reader.taken()..],
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        Writer::new(out)
            .u64(self.life)
            .u8(self.taken.into())
            .bytes(self.packet);
    }
}

/// What both sides mix into a handshake with `id` as it was started at `incarnation`.
pub(crate) fn prologue(incarnation: u64, id: &MemberId) -> Vec<u8> {
    let mut out = b"natchat 1".to_vec();
    Writer::new(&mut out).u64(incarnation).id(id);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_back() {
        let hello = Hello {
            incarnation: 1,
            serial: 2,
            life: 3,
            known: None,
            id: "bob".parse().unwrap(),
            packet: b"packet",
        };
        for hello in [
            hello.clone(),
            Hello {
                known: Some(4),
                packet: b"",
                ..hello
            },
        ] {
            let mut payload = Vec::new();
            hello.encode(&mut payload);
            assert!(payload.len() <= HELLO_HEAD + hello.packet.len());
            assert_eq!(Hello::decode(&payload), Ok(hello.clone()));
            let head = payload.len() - hello.packet.len();
            assert!(
                (0..head).all(|len| Hello::decode(&payload[..len]).is_err()),
                "cut short"
            );
        }
        for taken in [false, true] {
            let welcome = Welcome {
                life: 9,
                taken,
                packet: b"packet",
            };
            let mut payload = Vec::new();
            welcome.encode(&mut payload);
            assert_eq!(payload.len(), WELCOME_HEAD + 6);
            assert_eq!(Welcome::decode(&payload), Ok(welcome));
            assert!((0..WELCOME_HEAD).all(|len| Welcome::decode(&payload[..len]).is_err()));
        }
    }

    #[test]
    fn a_prologue_is_of_one_start_of_one_name() {
        let (bob, eve) = ("bob".parse().unwrap(), "eve".parse().unwrap());
        assert_ne!(prologue(1, &bob), prologue(2, &bob));
        assert_ne!(prologue(1, &bob), prologue(1, &eve));
    }
}
