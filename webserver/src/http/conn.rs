//! The reading side of one connection: which request is next, and where the one after it begins (RFC 9112 §9.3).
//!
//! Bytes that make no whole request yet are the caller's to keep; here is only what must be remembered about them.
//! No time is kept: [`Conn::waits_for`] says which deadline applies.
//!
//! ```text
//! loop { match conn.next(&bytes[at..], …)? {
//!     Step::Request { request, used, then } => answer, at += used, stop after `Close`
//!     Step::Incomplete { keep }             => keep those of bytes[at..], read more behind them
//! } }
//! ```
//!
//! Rule: the requests and the fault that end a stream of bytes are the same however it is cut. Therefore a head is
//! judged up to its last line end only, and a request is handed out when its body has come too: a fault in the body
//! is the answer then, not something that follows an answer.

use std::ops::Range;

use crate::config::Limits;
use crate::http::body::{Drain, Progress};
use crate::http::fault::Fault;
use crate::http::request::{self, Persistence, Request, Slots};

/// Bytes that are judged before a line end is there: enough to tell at once who speaks another protocol.
const GLANCE_LEN: usize = 64;

/// What one connection remembers between reads.
#[derive(Debug, Default)]
pub struct Conn {
    reading: Reading,
}

/// What the next bytes belong to.
#[derive(Debug)]
enum Reading {
    /// A head, of which this many bytes were to be kept.
    Head { kept: usize },
    /// A body. Its head was to be kept.
    Body { drain: Drain },
    /// The next head: a request was handed out, and this is what was said to follow its reply.
    Handed { then: Persistence },
    /// The same head again, and the same is to be said.
    Again { then: Persistence },
}

impl Default for Reading {
    fn default() -> Self {
        Self::Head { kept: 0 }
    }
}

/// What the bytes so far make.
#[derive(Debug)]
pub enum Step<'h, 'b> {
    /// A request, whole.
    Request {
        /// Its head.
        request: Request<'h, 'b>,
        /// Length of its head.
        head_len: usize,
        /// Length of head and body. The next request begins after them.
        used: usize,
        /// Whether there may be a next request.
        then: Persistence,
    },
    /// No request yet.
    Incomplete {
        /// Which of the bytes must be given again, in front of the next ones: a head at the most. The others are used up.
        keep: Range<usize>,
    },
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// A request, of which nothing but empty lines has come.
    NextRequest,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

impl Conn {
    /// A connection on which nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is missing before the next request can be handed out.
    #[must_use]
    pub fn waits_for(&self) -> Waits {
        match self.reading {
            Reading::Body { .. } => Waits::Body,
            Reading::Head { kept: 0 } | Reading::Handed { .. } | Reading::Again { .. } => {
                Waits::NextRequest
            }
            Reading::Head { .. } => Waits::Head,
        }
    }

    /// Has the request that was just handed out handed out once more, because it cannot be answered yet. Its head must
    /// be given again, and right behind it what came after its body.
    pub fn repeat(&mut self) {
        if let Reading::Handed { then } = self.reading {
            self.reading = Reading::Again { then };
        }
    }

    /// Reads the next request from the front of `bytes`: what was to be kept, and what came since.
    ///
    /// # Errors
    /// The [`Fault`] to answer with. The connection has no further requests.
    pub fn next<'h, 'b>(
        &mut self,
        bytes: &'b [u8],
        slots: &'h mut Slots<'b>,
        limits: &Limits,
    ) -> Result<Step<'h, 'b>, Fault> {
        let Some(end) = self.judged_end(bytes, limits) else {
            return Ok(self.await_head(bytes));
        };
        let Some((request, head_len)) = request::parse(&bytes[..end], slots, limits)? else {
            return Ok(self.await_head(bytes));
        };
        let (used, then) = match self.end(&request, head_len, bytes, limits) {
            Ok(Some(end)) => end,
            Ok(None) => {
                let keep = request::empty_lines_len(bytes)..head_len;
                return Ok(Step::Incomplete { keep });
            }
            // What cannot be done with a body cannot be done with a smaller one either: say that, not this.
            Err(Fault::BodyTooLarge) if request.method.is_refused() => {
                (bytes.len(), Persistence::Close)
            }
            Err(fault) => return Err(fault),
        };
        self.reading = Reading::Handed { then };
        Ok(Step::Request {
            request,
            head_len,
            used,
            then,
        })
    }

    /// Up to where the bytes are to be judged, if that is further than before.
    fn judged_end(&self, bytes: &[u8], limits: &Limits) -> Option<usize> {
        let kept = match self.reading {
            Reading::Head { kept } => kept,
            Reading::Handed { .. } => 0,
            Reading::Body { .. } | Reading::Again { .. } => return Some(bytes.len()),
        };
        let start = request::empty_lines_len(bytes);
        let seen = kept.max(start);
        let new = bytes.get(seen..).filter(|new| !new.is_empty())?;
        if bytes.len() - start >= limits.head_len {
            return Some(bytes.len());
        }
        let line_end = memchr::memrchr(b'\n', new).map(|at| seen + at + 1);
        let glance_end = start + GLANCE_LEN;
        let glance = (seen < glance_end).then_some(bytes.len().min(glance_end));
        line_end.max(glance)
    }

    fn await_head<'h, 'b>(&mut self, bytes: &[u8]) -> Step<'h, 'b> {
        // There may be any number of empty lines in front. They are not kept, so that what is kept has a bound.
        let keep = request::empty_lines_len(bytes)..bytes.len();
        self.reading = Reading::Head { kept: keep.len() };
        Step::Incomplete { keep }
    }

    /// Where a request ends, and whether another may follow its reply; nothing if it has not ended yet.
    fn end(
        &mut self,
        request: &Request<'_, '_>,
        head_len: usize,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<(usize, Persistence)>, Fault> {
        let mut drain = match std::mem::take(&mut self.reading) {
            Reading::Again { then } => return Ok(Some((head_len, then))),
            Reading::Body { drain } => drain,
            Reading::Head { .. } | Reading::Handed { .. } => {
                match Drain::new(request.body, limits.body_len)? {
                    Some(drain) => drain,
                    None => return Ok(Some((head_len, request.connection))),
                }
            }
        };
        // The final reply is word enough for who awaits it, but then the body may follow or not: nothing after it can
        // be told from it. Also where it has come already, so that it does not matter when it did.
        if request.expects_continue {
            return Ok(Some((bytes.len(), Persistence::Close)));
        }
        match drain.feed(&bytes[head_len..])? {
            (used, Progress::Done) => Ok(Some((head_len + used, request.connection))),
            (_, Progress::More) => {
                self.reading = Reading::Body { drain };
                Ok(None)
            }
        }
    }
}

/// Idle connections are many, and this is all that the protocol remembers of one.
const _: () = assert!(size_of::<Conn>() <= 32);

#[cfg(test)]
mod tests;
