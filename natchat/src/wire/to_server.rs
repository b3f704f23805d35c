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

use crate::name::MemberId;
use crate::wire::codec::Malformed;
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
        /// The line, or a part of it.
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

impl ToServer {
    /// Reads a whole Hello or Observe, or any other frame when its tag is split off.
    ///
    /// # Errors
    /// If it is none, or shorter than its kind must be.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let _ = body;
        unimplemented!()
    }
    /// Writes all but the tag, padded such that with it the lengths above hold.
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
