//! 0xF9: what the server tells a client. Second byte: the kind.
//!
//! | kind | frame | tag | answers |
//! |---|---|---|---|
//! | 1 | Challenge | no | Hello |
//! | 2 | Registered | yes | Register |
//! | 3 | Refused | no | Hello, Register |
//! | 4 | Alive | yes | Alive |
//! | 5 | Moved | no | Alive |
//! | 6 | Unknown | no | what a member says that is none |
//! | 7 | Again | no | |
//! | 8 | Presence | yes | Sync, or nothing |
//! | 9 | Found | yes | Find |
//! | 10 | Observed | no | Observe |
//! | 11 | Older | yes | |
//! | 12 | Ended | yes | Leave, or nothing |
//!
//! No answer to whoever may have borrowed its address is longer than the question: the tests beside this hold it.
//! With a tag: Registered, Alive, Presence, Older, Ended, Found. Without one, since no key is known yet or any more:
//! Challenge, Refused, Observed (these bring the client's nonce back), Moved, Unknown (the counter), Again (only a
//! hint).

use std::net::SocketAddr;

use crate::name::MemberId;
use crate::wire::codec::{Malformed, Reader, Writer};
pub use crate::wire::presence::{
    CHANGE_LEN, Change, Departure, Entry, EntryClient, PRESENCE_HEAD_LEN, Presence, Span,
};
use crate::wire::to_server::Cookie;

/// The first byte.
pub const FIRST_BYTE: u8 = 0xF9;

/// The most further ports that a server tells to be observed from.
pub const PROBE_PORTS: usize = 4;

/// What the server tells a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromServer {
    /// Answers a Hello.
    Challenge {
        /// The Hello's.
        nonce: u64,
        /// To be sent back from the same address.
        cookie: Cookie,
        /// The server's static X25519 key.
        key: [u8; 32],
    },
    /// The Register was taken.
    Registered {
        /// The Register's.
        nonce: u64,
        /// Who the client is from now on.
        member: u64,
        /// The incarnation as the others are told it.
        incarnation: u64,
        /// The address that the server saw.
        reflexive: SocketAddr,
        /// The presence change that was the last before this; everything is to be asked for by Sync.
        presence: u64,
        /// Further UDP ports of this server that answer Observe.
        probe_ports: Vec<u16>,
    },
    /// The Register was not taken.
    Refused {
        /// The Register's or Hello's.
        nonce: u64,
        /// Why.
        reason: Refusal,
    },
    /// Answers an Alive.
    Alive {
        /// The Alive's.
        counter: u64,
        /// The last presence change.
        presence: u64,
        /// The address that the server saw.
        reflexive: SocketAddr,
    },
    /// An Alive came from another address than the member's: say it again with this.
    Moved {
        /// The Alive's.
        counter: u64,
        /// To be sent back.
        cookie: Cookie,
    },
    /// No such member: register again.
    Unknown {
        /// That of the frame this answers.
        counter: u64,
    },
    /// The server has been started again: say Alive now.
    Again,
    /// Who came and went.
    Presence(Presence),
    /// Answers a Find: the member, or nobody.
    Found {
        /// Who was looked for.
        id: MemberId,
        /// The member, if there is one.
        entry: Option<Box<Entry>>,
    },
    /// Answers an Observe.
    Observed {
        /// The Observe's.
        nonce: u64,
        /// The address that this port saw.
        addr: SocketAddr,
    },
    /// A line from a member with an older client.
    Older {
        /// The member it is for: the client itself. Numbers are never used again, so a line to an earlier one is no
        /// line to this one.
        to: u64,
        /// Greater than in any line before to this member, so that none is taken twice.
        serial: u64,
        /// The member it is from.
        from: u64,
        /// The line.
        text: String,
    },
    /// The client is no member any more.
    Ended {
        /// The member it was: the client itself.
        member: u64,
        /// Why.
        reason: Ending,
    },
}

/// Why a Register is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ID belongs to another key.
    Taken,
    /// The cookie is wrong or too old: begin again with Hello.
    Cookie,
    /// A later incarnation of the same client is known: register with one above this.
    Behind(u64),
    /// No room for further members.
    Full,
    /// Too many registrations from this neighbourhood of addresses; try again later.
    Busy,
}

/// Why the client is no member any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The same key joined with the same ID from elsewhere.
    Elsewhere,
    /// The Leave was heard.
    Left,
    /// The server is shutting down.
    Closing,
}

const CHALLENGE: u8 = 1;
const REGISTERED: u8 = 2;
const REFUSED: u8 = 3;
const ALIVE: u8 = 4;
const MOVED: u8 = 5;
const UNKNOWN: u8 = 6;
const AGAIN: u8 = 7;
const PRESENCE: u8 = 8;
const FOUND: u8 = 9;
const OBSERVED: u8 = 10;
const OLDER: u8 = 11;
const ENDED: u8 = 12;

impl FromServer {
    /// Reads a frame when its tag, if it has one, is split off.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::of_kind(body, FIRST_BYTE)?;
        let frame = match kind {
            CHALLENGE => Self::Challenge {
                nonce: reader.u64()?,
                cookie: reader.array()?,
                key: reader.array()?,
            },
            REGISTERED => Self::read_registered(&mut reader)?,
            REFUSED => Self::Refused {
                nonce: reader.u64()?,
                reason: Refusal::read(&mut reader)?,
            },
            ALIVE => Self::Alive {
                counter: reader.u64()?,
                presence: reader.u64()?,
                reflexive: reader.addr()?,
            },
            MOVED => Self::Moved {
                counter: reader.u64()?,
                cookie: reader.array()?,
            },
            UNKNOWN => Self::Unknown {
                counter: reader.u64()?,
            },
            AGAIN => Self::Again,
            PRESENCE => Self::Presence(Presence::read(&mut reader)?),
            FOUND => Self::Found {
                id: reader.id()?,
                entry: reader.option(|reader| Ok(Box::new(Entry::read(reader)?)))?,
            },
            OBSERVED => Self::Observed {
                nonce: reader.u64()?,
                addr: reader.addr()?,
            },
            OLDER => Self::Older {
                to: reader.u64()?,
                serial: reader.u64()?,
                from: reader.u64()?,
                text: reader.text()?.to_owned(),
            },
            ENDED => Self::Ended {
                member: reader.u64()?,
                reason: Ending::read(&mut reader)?,
            },
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(frame)
    }

    fn read_registered(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self::Registered {
            nonce: reader.u64()?,
            member: reader.u64()?,
            incarnation: reader.u64()?,
            reflexive: reader.addr()?,
            presence: reader.u64()?,
            probe_ports: {
                let count = usize::from(reader.u8()?);
                if count > PROBE_PORTS {
                    return Err(Malformed);
                }
                (0..count).map(|_| reader.u16()).collect::<Result<_, _>>()?
            },
        })
    }

    /// Appends all but the tag to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(FIRST_BYTE).u8(self.kind());
        match self {
            Self::Challenge { nonce, cookie, key } => {
                writer.u64(*nonce).bytes(cookie).bytes(key);
            }
            Self::Registered {
                nonce,
                member,
                incarnation,
                reflexive,
                presence,
                probe_ports,
            } => {
                writer.u64(*nonce).u64(*member).u64(*incarnation);
                writer.addr(*reflexive).u64(*presence);
                let ports = &probe_ports[..probe_ports.len().min(PROBE_PORTS)];
                writer.u8(u8::try_from(ports.len()).unwrap_or(u8::MAX));
                for port in ports {
                    writer.u16(*port);
                }
            }
            Self::Refused { nonce, reason } => reason.write(writer.u64(*nonce)),
            Self::Alive {
                counter,
                presence,
                reflexive,
            } => {
                writer.u64(*counter).u64(*presence).addr(*reflexive);
            }
            Self::Moved { counter, cookie } => _ = writer.u64(*counter).bytes(cookie),
            Self::Unknown { counter } => _ = writer.u64(*counter),
            Self::Again => {}
            Self::Presence(presence) => presence.write(&mut writer),
            Self::Found { id, entry } => {
                writer.id(id);
                writer.option(entry.as_ref(), |writer, entry| entry.write(writer));
            }
            Self::Observed { nonce, addr } => _ = writer.u64(*nonce).addr(*addr),
            Self::Older {
                to,
                serial,
                from,
                text,
            } => {
                writer.u64(*to).u64(*serial).u64(*from).text(text);
            }
            Self::Ended { member, reason } => reason.write(writer.u64(*member)),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Challenge { .. } => CHALLENGE,
            Self::Registered { .. } => REGISTERED,
            Self::Refused { .. } => REFUSED,
            Self::Alive { .. } => ALIVE,
            Self::Moved { .. } => MOVED,
            Self::Unknown { .. } => UNKNOWN,
            Self::Again => AGAIN,
            Self::Presence(_) => PRESENCE,
            Self::Found { .. } => FOUND,
            Self::Observed { .. } => OBSERVED,
            Self::Older { .. } => OLDER,
            Self::Ended { .. } => ENDED,
        }
    }

    /// Whether frames of this first and second byte carry a tag.
    #[must_use]
    pub fn is_tagged(datagram: &[u8]) -> bool {
        matches!(
            datagram,
            [
                FIRST_BYTE,
                REGISTERED | ALIVE | PRESENCE | FOUND | OLDER | ENDED,
                ..
            ]
        )
    }
}

impl Presence {
    /// Writes a whole frame but its tag from changes that are written already ([`Change::encode`]), `count` of them,
    /// for a server that tells the same to many.
    pub fn encode_written(span: &Span, count: u16, changes: &[u8], out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(FIRST_BYTE).u8(PRESENCE);
        span.write(&mut writer);
        writer.u16(count).bytes(changes);
    }
}

impl Refusal {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => Self::Taken,
            2 => Self::Cookie,
            3 => Self::Behind(reader.u64()?),
            4 => Self::Full,
            5 => Self::Busy,
            _ => return Err(Malformed),
        })
    }

    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::Taken => writer.u8(1),
            Self::Cookie => writer.u8(2),
            Self::Behind(incarnation) => writer.u8(3).u64(incarnation),
            Self::Full => writer.u8(4),
            Self::Busy => writer.u8(5),
        };
    }
}

impl Ending {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => Self::Elsewhere,
            2 => Self::Left,
            3 => Self::Closing,
            _ => return Err(Malformed),
        })
    }

    fn write(self, writer: &mut Writer<'_>) {
        writer.u8(match self {
            Self::Elsewhere => 1,
            Self::Left => 2,
            Self::Closing => 3,
        });
    }
}
