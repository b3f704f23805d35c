//! Who is there, as a server tells it in [`crate::wire::from_server`]: numbered changes, or pages of the whole list.
//!
//! Both forms may be lost, doubled and late like any datagram: their numbers tell what is missing
//! (a client puts them together again).

use std::net::SocketAddr;

use crate::name::{ID_LEN, MemberId};
use crate::wire::codec::{ADDR_LEN, Malformed, Reader, Writer};
use crate::wire::older;
use crate::wire::reach::{REACH_LEN, Reach};

/// One datagram of presence: changes, or a page of the whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Numbers the changes.
    pub span: Span,
    /// The changes, in order; in a page, members only.
    pub entries: Vec<Change>,
}

/// Which changes a datagram holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// The changes `first..=last`; taken only by who knows everything before `first`.
    Changes {
        /// The first one's number.
        first: u64,
        /// The last one's number.
        last: u64,
    },
    /// A page of everybody.
    Page {
        /// The last change that the list had in it when the page was made.
        as_of: u64,
        /// The cursor this page answers; `None`: the first.
        cursor: Option<u64>,
        /// Where the next one begins; `None`: this was the last.
        next: Option<u64>,
    },
}

/// One change of who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Came, or is to be reached elsewhere.
    Here(Box<Entry>),
    /// Went.
    Gone {
        /// The member.
        member: u64,
        /// How.
        how: Departure,
    },
}

/// How a member went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It said so.
    Left,
    /// It was not heard of for too long.
    Silent,
}

/// A member as the others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: another one each time it registers anew, never used for another member.
    pub member: u64,
    /// Who it is.
    pub id: MemberId,
    /// The address that the server sees; `None` for a member that is connected by TCP.
    pub reflexive: Option<SocketAddr>,
    /// What kind of client, and what belongs to it.
    pub client: EntryClient,
}

/// What kind of client a member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryClient {
    /// One like this.
    Current {
        /// Its static X25519 key.
        key: [u8; 32],
        /// Its incarnation.
        incarnation: u64,
        /// Where it may be reached, besides the reflexive address.
        reach: Reach,
    },
    /// One that speaks the older text format.
    Older {
        /// Its own address, as it told it: at most [`older::LOCAL_LEN`] visible ASCII characters.
        local: String,
    },
}

/// The longest [`Change`], in bytes.
pub const CHANGE_LEN: usize = 1 + 8 + 1 + ID_LEN + 1 + ADDR_LEN + 1 + 32 + 8 + REACH_LEN;

/// The longest Presence without a change in it and without its tag, in bytes.
pub const PRESENCE_HEAD_LEN: usize = 2 + 1 + 8 + 9 + 9 + 2;

impl Presence {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let span = Span::read(reader)?;
        let count = reader.u16()?;
        // Grows as they are read: the count is only a claim.
        let mut entries = Vec::new();
        for _ in 0..count {
            let change = Change::read(reader)?;
            let is_page = matches!(span, Span::Page { .. });
            if is_page && matches!(change, Change::Gone { .. }) {
                return Err(Malformed);
            }
            entries.push(change);
        }
        Ok(Self { span, entries })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        self.span.write(writer);
        let count = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        writer.u16(count);
        for change in &self.entries[..count.into()] {
            change.write(writer);
        }
    }
}

impl Span {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => {
                let (first, last) = (reader.u64()?, reader.u64()?);
                if first > last {
                    return Err(Malformed);
                }
                Self::Changes { first, last }
            }
            2 => Self::Page {
                as_of: reader.u64()?,
                cursor: reader.option(Reader::u64)?,
                next: reader.option(Reader::u64)?,
            },
            _ => return Err(Malformed),
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Changes { first, last } => _ = writer.u8(1).u64(first).u64(last),
            Self::Page {
                as_of,
                cursor,
                next,
            } => {
                writer.u8(2).u64(as_of);
                writer.option(cursor, |writer, cursor| _ = writer.u64(cursor));
                writer.option(next, |writer, next| _ = writer.u64(next));
            }
        }
    }
}

impl Change {
    /// Appends it to `out`, for [`Presence::encode_written`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(&mut Writer::new(out));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => Self::Here(Box::new(Entry::read(reader)?)),
            2 => Self::Gone {
                member: reader.u64()?,
                how: Departure::Left,
            },
            3 => Self::Gone {
                member: reader.u64()?,
                how: Departure::Silent,
            },
            _ => return Err(Malformed),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Here(entry) => entry.write(writer.u8(1)),
            Self::Gone {
                member,
                how: Departure::Left,
            } => _ = writer.u8(2).u64(*member),
            Self::Gone {
                member,
                how: Departure::Silent,
            } => _ = writer.u8(3).u64(*member),
        }
    }
}

impl Entry {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            member: reader.u64()?,
            id: reader.id()?,
            reflexive: reader.option(Reader::addr)?,
            client: EntryClient::read(reader)?,
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        writer.u64(self.member).id(&self.id);
        writer.option(self.reflexive, |writer, addr| _ = writer.addr(addr));
        self.client.write(writer);
    }
}

impl EntryClient {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.u8()? {
            1 => Self::Current {
                key: reader.array()?,
                incarnation: reader.u64()?,
                reach: Reach::read(reader)?,
            },
            2 => {
                let local = reader.text()?;
                if !older::is_local(local) {
                    return Err(Malformed);
                }
                Self::Older {
                    local: local.to_owned(),
                }
            }
            _ => return Err(Malformed),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Current {
                key,
                incarnation,
                reach,
            } => {
                reach.write(writer.u8(1).bytes(key).u64(*incarnation));
            }
            Self::Older { local } => _ = writer.u8(2).text(local),
        }
    }
}
