//! 0xF9: what the server tells a client. Second byte: the kind.
//!
//! With a tag: Registered, Alive, Presence, Older, Ended, Found. Without one, since no key is known yet or any more:
//! Challenge, Refused, Observed (these bring the client's nonce back), Moved, Unknown (the counter), Again (only a hint).

use std::net::SocketAddr;

use crate::name::MemberId;
use crate::wire::codec::Malformed;
use crate::wire::reach::Reach;
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
        /// The member it is from.
        from: u64,
        /// The line.
        text: String,
    },
    /// The client is no member any more.
    Ended {
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
        /// Its own address, as it told it.
        local: String,
    },
}

impl FromServer {
    /// Reads a frame when its tag, if it has one, is split off.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let _ = body;
        unimplemented!()
    }
    /// Writes all but the tag.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let _ = out;
        unimplemented!()
    }
    /// Whether frames of this first and second byte carry a tag.
    #[must_use]
    pub fn is_tagged(datagram: &[u8]) -> bool {
        let _ = datagram;
        unimplemented!()
    }
}
