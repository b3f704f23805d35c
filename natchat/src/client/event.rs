//! What a client tells its user. The words are chosen in [`super::text`]: here is only what happened.

use std::net::SocketAddr;
use std::time::Duration;

use crate::name::MemberId;

/// Something for the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody is there: came, or was there when we came. We ourselves too.
    Here {
        /// Who.
        id: MemberId,
        /// Where: the address behind the same NAT if we share one, else the one that the server sees.
        at: Place,
    },
    /// Somebody has said good-bye.
    Left(MemberId),
    /// Somebody was not heard of for too long.
    Silent(MemberId),
    /// A line for us.
    Said {
        /// Who said it.
        from: MemberId,
        /// What.
        text: String,
        /// To us alone or to all.
        audience: Audience,
    },
    /// A line of ours has reached its receiver.
    Delivered {
        /// Who has it.
        to: MemberId,
        /// The line.
        text: String,
    },
    /// A line of ours was handed on to an older client, which does not confirm.
    HandedOn {
        /// For whom.
        to: MemberId,
        /// The line.
        text: String,
    },
    /// A line of ours has not been delivered, and will not be.
    NotDelivered {
        /// For whom.
        to: MemberId,
        /// The line.
        text: String,
        /// Why.
        reason: Undelivered,
    },
    /// Answers `@show_list`.
    List(Vec<Row>),
    /// Answers `@verify`.
    Safety {
        /// With whom.
        id: MemberId,
        /// Sixty digits in groups of five.
        number: String,
        /// That of the key it has come with by now, if this is another one: nothing is said to that.
        other: Option<String>,
    },
    /// A known ID has come with another key. Nothing is said to it until `@trust`.
    KeyChanged(MemberId),
    /// The changed key is now taken for right.
    Trusted(MemberId),
    /// The server's key is not the one known for it.
    ServerKeyChanged,
    /// The server does not answer.
    ServerSilent {
        /// As it was given.
        server: String,
        /// Whether we have ever been joined.
        joined: bool,
    },
    /// The server answers again.
    ServerBack(String),
    /// The server's name means nothing.
    NoSuchHost {
        /// The name.
        host: String,
        /// The system's reason.
        reason: String,
    },
    /// The ID belongs to another key.
    Taken(MemberId),
    /// The server has no room, or not for so many from this neighbourhood; it is tried again.
    Refused(&'static str),
    /// We have joined from elsewhere with the same key.
    Elsewhere,
    /// About a file.
    File(FileEvent),
    /// What was typed is no command, or not all of one.
    Usage(String),
    /// Answers `@help`.
    Help,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address.
    Addr(SocketAddr),
    /// Connected to the server by TCP; no address to be reached at.
    Tcp,
}

/// Whom a line was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One.
    One,
    /// `@all`.
    All,
}

/// Why a line was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Nobody of this ID is there.
    NotHere,
    /// It left before it confirmed.
    Left,
    /// It was not heard of any more.
    Silent,
    /// It was started anew before it confirmed.
    Restarted,
    /// No confirmation for so long.
    NoAnswer(Duration),
    /// Its key has changed.
    KeyChanged,
    /// It does not talk to us because it knows us by another key.
    Distrusted,
    /// We left before it confirmed.
    Leaving,
    /// The line is longer than can be sent.
    TooLong,
    /// Too much is waiting already, for this receiver or for all.
    TooMuch,
    /// With so many others something is under way that there is no room for another.
    TooMany,
    /// We have not joined.
    NotJoined,
}

/// A row of `@show_list`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who.
    pub id: MemberId,
    /// Where, as in [`Event::Here`]; the direct path's address if there is one.
    pub at: Place,
    /// Ourselves, or by what way lines go.
    pub way: Way,
    /// The round trip, once measured.
    pub round_trip: Option<Duration>,
}

/// By what way lines go to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Ourselves.
    Ourselves,
    /// Nothing was said yet.
    Unused,
    /// From machine to machine.
    Direct,
    /// Through the server.
    Relayed,
    /// Through the server and readable by it: an older client.
    Older,
}

/// What happens to files.
#[derive(Clone, Debug, PartialEq)]
pub enum FileEvent {
    /// Somebody offers one.
    Offered {
        /// Who.
        from: MemberId,
        /// Its name, made safe.
        name: String,
        /// Its length in bytes.
        len: u64,
        /// How much of it is here from an earlier try.
        have: u64,
    },
    /// Ours waits to be accepted.
    Waiting {
        /// By whom.
        to: MemberId,
        /// Its name.
        name: String,
    },
    /// How far it is; a few times a second at most, for terminals only.
    Progress {
        /// With whom.
        with: MemberId,
        /// Its name.
        name: String,
        /// Bytes over.
        done: u64,
        /// Bytes in all.
        len: u64,
        /// Bytes a second, lately.
        rate: u64,
    },
    /// It has arrived and its hash is right.
    Sent {
        /// At whom.
        to: MemberId,
        /// Its name.
        name: String,
        /// Its length.
        len: u64,
    },
    /// One has been received whole; its hash is right.
    Received {
        /// From whom.
        from: MemberId,
        /// Where it is.
        path: String,
        /// Its length.
        len: u64,
    },
    /// It stopped; another `@send` goes on where it stopped.
    Stopped {
        /// With whom.
        with: MemberId,
        /// Its name.
        name: String,
        /// Bytes over.
        done: u64,
        /// Bytes in all.
        len: u64,
        /// Why.
        reason: String,
    },
}
