//! 0xF8: what a client tells the server. Second byte: the kind.
//!
//! | kind | frame | length | tag |
//! |---|---|---|---|
//! | 1 | Hello | padded to [`HELLO_LEN`], so that no answer is longer | no |
//! | 2 | Register | at least [`REGISTER_MIN`] | yes |
//! | 3 | Alive | padded to [`ALIVE_LEN`] with its tag, so that no answer is longer | yes |
//! | 4 | Reach | any | yes |
//! | 5 | Leave | any | yes |
//! | 6 | Sync | any | yes |
//! | 7 | Find | any | yes |
//! | 8 | Older | any | yes |
//! | 9 | Observe | padded to [`OBSERVE_LEN`] | no |
//!
//! Kinds 3 to 8 go on with `member u64 · counter u64`. Padding is zeros. Reading and writing an Alive allocates
//! nothing.

use crate::crypto::mac::TAG_LEN;
use crate::name::MemberId;
use crate::wire::codec::{Malformed, Reader, Writer};
use crate::wire::older;
use crate::wire::reach::Reach;

/// The first byte.
pub const FIRST_BYTE: u8 = 0xF8;
/// The length of a Hello: that of the longest Challenge or more.
pub const HELLO_LEN: usize = 128;
/// The least length of a Register with its tag: that of the longest Registered, Refused or Challenge.
pub const REGISTER_MIN: usize = 192;
/// The length of an Alive with its tag.
pub const ALIVE_LEN: usize = 80;
/// The length of an Observe.
pub const OBSERVE_LEN: usize = 40;

/// A cookie: proof that its bearer receives at the address it was sent to.
pub type Cookie = [u8; 16];

/// What a client tells the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToServer {
    /// Asks for a cookie and the server's key.
    Hello {
        /// Comes back in the Challenge.
        nonce: u64,
    },
    /// Joins, or joins again.
    Register(Box<Register>),
    /// Still here.
    Alive {
        /// Who says so, as told in Registered.
        member: u64,
        /// Greater than in any frame before with a counter.
        counter: u64,
        /// The last presence change known.
        seen: u64,
        /// Answers a Moved: the member's address is the one this comes from.
        cookie: Option<Cookie>,
    },
    /// Where the client may be reached has changed.
    Reach {
        /// As in Alive.
        member: u64,
        /// As in Alive.
        counter: u64,
        /// The whole of it, without the reflexive address that the server sees itself.
        reach: Reach,
    },
    /// Goes.
    Leave {
        /// As in Alive.
        member: u64,
        /// As in Alive.
        counter: u64,
    },
    /// Asks for the presence changes after `have`, or for the page of the whole list at `cursor`.
    Sync {
        /// As in Alive.
        member: u64,
        /// As in Alive.
        counter: u64,
        /// The last presence change known.
        have: u64,
        /// Where the page begins, as told by the page before; `None`: what changed after `have`, or the first page.
        cursor: Option<u64>,
    },
    /// Asks for one member, for those who do not follow presence.
    Find {
        /// As in Alive.
        member: u64,
        /// As in Alive.
        counter: u64,
        /// Who is looked for.
        id: MemberId,
    },
    /// A line for a member with an older client.
    Older {
        /// As in Alive.
        member: u64,
        /// As in Alive.
        counter: u64,
        /// The member it is for.
        to: u64,
        /// The line, or a part of it: at most [`older::TEXT_LEN`] bytes.
        text: String,
    },
    /// Asks from which address this comes.
    Observe {
        /// Comes back in the answer.
        nonce: u64,
    },
}

/// What a client joins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Comes back in the answer.
    pub nonce: u64,
    /// From the Challenge.
    pub cookie: Cookie,
    /// The client's static X25519 key.
    pub key: [u8; 32],
    /// When this client was started: milliseconds since 1970, or more if the server knew of a later one.
    pub incarnation: u64,
    /// Who it wants to be.
    pub id: MemberId,
    /// Whether it wants to be told of everybody who comes and goes.
    pub presence: bool,
    /// Where it may be reached, without the reflexive address that the server sees itself.
    pub reach: Reach,
}

const HELLO: u8 = 1;
const REGISTER: u8 = 2;
const ALIVE: u8 = 3;
const REACH: u8 = 4;
const LEAVE: u8 = 5;
const SYNC: u8 = 6;
const FIND: u8 = 7;
const OLDER: u8 = 8;
const OBSERVE: u8 = 9;

impl ToServer {
    /// Reads a whole Hello or Observe, or any other frame when its tag is split off.
    ///
    /// # Errors
    /// If it is none, or shorter than its kind must be.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let (kind, mut reader) = Reader::of_kind(body, FIRST_BYTE)?;
        let nonce = match kind {
            HELLO | OBSERVE | REGISTER => reader.u64()?,
            ALIVE..=OLDER => return Self::read_of_member(kind, reader),
            _ => return Err(Malformed),
        };
        match kind {
            HELLO => {
                reader.padding_to(HELLO_LEN)?;
                Ok(Self::Hello { nonce })
            }
            OBSERVE => {
                reader.padding_to(OBSERVE_LEN)?;
                Ok(Self::Observe { nonce })
            }
            _ => Ok(Self::Register(Box::new(Register::read(nonce, reader)?))),
        }
    }

    fn read_of_member(kind: u8, mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let member = reader.u64()?;
        let counter = reader.u64()?;
        let frame = match kind {
            ALIVE => {
                let seen = reader.u64()?;
                let cookie = reader.option(Reader::array)?;
                reader.padding_to(ALIVE_LEN - TAG_LEN)?;
                return Ok(Self::Alive {
                    member,
                    counter,
                    seen,
                    cookie,
                });
            }
            REACH => Self::Reach {
                member,
                counter,
                reach: Reach::read(&mut reader)?,
            },
            LEAVE => Self::Leave { member, counter },
            SYNC => {
                let have = reader.u64()?;
                let cursor = reader.option(Reader::u64)?;
                Self::Sync {
                    member,
                    counter,
                    have,
                    cursor,
                }
            }
            FIND => Self::Find {
                member,
                counter,
                id: reader.id()?,
            },
            OLDER => {
                let to = reader.u64()?;
                let text = reader.text()?;
                if text.len() > older::TEXT_LEN {
                    return Err(Malformed);
                }
                Self::Older {
                    member,
                    counter,
                    to,
                    text: text.to_owned(),
                }
            }
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(frame)
    }

    /// Appends all but the tag to `out`, padded such that with it the lengths above hold.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(FIRST_BYTE).u8(self.kind());
        match self {
            Self::Hello { nonce } => writer.u64(*nonce).pad_to(HELLO_LEN),
            Self::Observe { nonce } => writer.u64(*nonce).pad_to(OBSERVE_LEN),
            Self::Register(register) => register.write(&mut writer),
            Self::Alive {
                member,
                counter,
                seen,
                cookie,
            } => {
                writer.u64(*member).u64(*counter).u64(*seen);
                writer.option(*cookie, |writer, cookie| _ = writer.bytes(&cookie));
                writer.pad_to(ALIVE_LEN - TAG_LEN);
            }
            Self::Reach {
                member,
                counter,
                reach,
            } => {
                reach.write(writer.u64(*member).u64(*counter));
            }
            Self::Leave { member, counter } => _ = writer.u64(*member).u64(*counter),
            Self::Sync {
                member,
                counter,
                have,
                cursor,
            } => {
                writer.u64(*member).u64(*counter).u64(*have);
                writer.option(*cursor, |writer, cursor| _ = writer.u64(cursor));
            }
            Self::Find {
                member,
                counter,
                id,
            } => {
                writer.u64(*member).u64(*counter).id(id);
            }
            Self::Older {
                member,
                counter,
                to,
                text,
            } => {
                let text = &text[..text.floor_char_boundary(older::TEXT_LEN)];
                writer.u64(*member).u64(*counter).u64(*to).text(text);
            }
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => HELLO,
            Self::Register(_) => REGISTER,
            Self::Alive { .. } => ALIVE,
            Self::Reach { .. } => REACH,
            Self::Leave { .. } => LEAVE,
            Self::Sync { .. } => SYNC,
            Self::Find { .. } => FIND,
            Self::Older { .. } => OLDER,
            Self::Observe { .. } => OBSERVE,
        }
    }

    /// Whether frames of this first and second byte carry a tag.
    #[must_use]
    pub fn is_tagged(datagram: &[u8]) -> bool {
        matches!(datagram, [FIRST_BYTE, REGISTER..=OLDER, ..])
    }
}

impl Register {
    fn read(nonce: u64, mut reader: Reader<'_>) -> Result<Self, Malformed> {
        let register = Self {
            nonce,
            cookie: reader.array()?,
            key: reader.array()?,
            incarnation: reader.u64()?,
            id: reader.id()?,
            presence: reader.yes()?,
            reach: Reach::read(&mut reader)?,
        };
        reader.padding_to(REGISTER_MIN - TAG_LEN)?;
        Ok(register)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.nonce).bytes(&self.cookie).bytes(&self.key);
        writer
            .u64(self.incarnation)
            .id(&self.id)
            .u8(self.presence.into());
        self.reach.write(writer);
        writer.pad_to(REGISTER_MIN - TAG_LEN);
    }
}
