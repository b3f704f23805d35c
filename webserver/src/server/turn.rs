//! What comes of a connection's turn, and of the steps that it is made of.

use std::ops::Range;

use crate::respond::job::Job;
use crate::server::timers::Wait;

/// What a connection does after its turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It waits.
    Wait(Due),
    /// It wants another turn, after the others.
    Again(Due),
    /// It waits for this to be done, or for what does the same for another.
    Job(Box<Job>),
    /// It waits for that still.
    Asleep,
    /// It is over.
    End,
}

/// Until when something must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Until this wait is over, which may have begun at an earlier turn.
    Still(Wait),
    /// Until this wait is over, which begins now.
    Anew(Wait),
}

/// How a connection ends after its last reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At once: nothing came after the last request.
    AtOnce,
    /// When the client has had time to read: the system cuts a connection on which something came that nobody read,
    /// and the reply is lost with it (RFC 9112 §9.6).
    Linger,
}

/// How the requests received so far were dealt with.
pub(crate) enum Read {
    /// All that were whole are answered.
    All,
    /// There may be more, when what was answered is sent.
    More,
    /// One needs this first.
    Job(Box<Job>),
    /// There will be no more.
    Last(End),
}

/// How the first of the requests received was dealt with.
pub(crate) enum One {
    /// It is answered; the next begins behind so many bytes.
    Answered { used: usize },
    /// It is not whole; these bytes are to be kept.
    Incomplete { keep: Range<usize> },
    /// It needs this first, and these bytes are to be kept.
    Job(Box<Job>, Box<[u8]>),
    /// It is answered, and it was the last; so many bytes were its, and that is how the connection ends if there were no
    /// others.
    Last { used: usize, end: End },
    /// It was none, which has been said.
    Refused,
}
