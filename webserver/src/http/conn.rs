//! The reading side of one connection: which request is next, and where the one after it begins (RFC 9112 §9.3).
//!
//! Bytes that make no whole request yet are the caller's to keep; here is only what must be remembered about them.
//! No time is kept: [`Conn::waits_for`] says which deadline applies.
//!
//! ```text
//! loop { match conn.next(&bytes[at..], …)? {
//!     Step::Request { request, used, then } => answer, at += used, stop after `Close`
//!     Step::Incomplete { keep }             => keep bytes[at..at + keep], read more behind them
//! } }
//! ```
//!
//! Rule: the requests and the fault that end a stream of bytes are the same however it is cut. Therefore a head is
//! judged up to its last line end only, and a request is handed out when its body has come too: a fault in the body
//! is the answer then, not something that follows an answer.

use crate::config::Limits;
use crate::http::body::{Drain, Progress};
use crate::http::fault::Fault;
use crate::http::request::{self, Persistence, Request, Slots};

/// Bytes that are judged before a line end is there: enough to tell at once who speaks another protocol.
const GLANCE_LEN: usize = 64;

/// What one connection remembers between reads.
#[derive(Debug, Default)]
pub struct Conn {
    /// Bytes of the unfinished head, empty lines in front not counted; with a body awaited, all of its head's.
    head_len: usize,
    drain: Option<Drain>,
    /// Whether the head is that of a request whose body has come already.
    repeated: bool,
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
        /// How many of the bytes must be given again, in front of the next ones. The others are used up.
        keep: usize,
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
        match (&self.drain, self.head_len) {
            (Some(_), _) => Waits::Body,
            (None, 0) => Waits::NextRequest,
            (None, _) => Waits::Head,
        }
    }

    /// The request that was just handed out is to be handed out once more, since it cannot be answered yet. Its head
    /// must be given again, and behind it what followed its body.
    pub fn repeat(&mut self) {
        self.repeated = true;
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
        if self.repeated {
            *self = Self::default();
            return Ok(Step::Request {
                request,
                head_len,
                used: head_len,
                then: request.connection,
            });
        }
        match self.body_len(&request, &bytes[head_len..], limits) {
            Ok(Some(body_len)) => {
                *self = Self::default();
                Ok(Step::Request {
                    request,
                    head_len,
                    used: head_len + body_len,
                    then: request.connection,
                })
            }
            // Word is awaited; the final reply is word enough, but the body may or may not follow it then.
            Ok(None) if request.expects_continue => Ok(self.last(request, head_len, bytes)),
            Ok(None) => {
                self.head_len = head_len;
                Ok(Step::Incomplete { keep: head_len })
            }
            // What cannot be done with a body cannot be done with a smaller one either: say that, not this.
            Err(Fault::BodyTooLarge) if request.method.is_refused() => {
                Ok(self.last(request, head_len, bytes))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Up to where the bytes are to be judged, if that is further than before.
    fn judged_end(&self, bytes: &[u8], limits: &Limits) -> Option<usize> {
        if self.drain.is_some() {
            return Some(self.head_len.min(bytes.len()));
        }
        let start = request::empty_lines_len(bytes);
        let head = &bytes[start..];
        let new = head.get(self.head_len..).unwrap_or_default();
        if new.is_empty() {
            return None;
        }
        if head.len() >= limits.head_len {
            return Some(bytes.len());
        }
        let line_end = memchr::memrchr(b'\n', new).map(|at| self.head_len + at + 1);
        let glance = (self.head_len < GLANCE_LEN).then_some(head.len().min(GLANCE_LEN));
        line_end.max(glance).map(|end| start + end)
    }

    fn await_head<'h, 'b>(&mut self, bytes: &[u8]) -> Step<'h, 'b> {
        self.head_len = bytes.len() - request::empty_lines_len(bytes);
        Step::Incomplete {
            keep: if self.head_len == 0 { 0 } else { bytes.len() },
        }
    }

    /// How many of the bytes after a head belong to its body, if that ends in them.
    fn body_len(
        &mut self,
        request: &Request<'_, '_>,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, Fault> {
        if self.drain.is_none() {
            self.drain = Drain::new(request.body, limits.body_len)?;
        }
        let Some(drain) = &mut self.drain else {
            return Ok(Some(0));
        };
        if request.expects_continue {
            return Ok(None);
        }
        let (used, progress) = drain.feed(bytes)?;
        Ok((progress == Progress::Done).then_some(used))
    }

    /// A request after which nothing is read: not even its body.
    fn last<'h, 'b>(&mut self, request: Request<'h, 'b>, head_len: usize, bytes: &[u8]) -> Step<'h, 'b> {
        *self = Self::default();
        Step::Request {
            request,
            head_len,
            used: bytes.len(),
            then: Persistence::Close,
        }
    }
}
