//! One connection and its turn: receive, read requests, have them answered, send.
//!
//! ```text
//!            ┌──────────── turn ────────────┐
//!  socket ──►│ rest + new bytes ─► Conn ─► Request ─► Responder ─► Output │──► socket
//!            └──────────────┬───────────────┘
//!      waits (for bytes, for room, for a job, for its next turn) or ends
//! ```
//!
//! Rule: while anything is to be sent, nothing is read, so that a client that does not take its replies holds no more
//! memory than one turn makes. What it keeps between turns is what the next one needs; an idle connection keeps
//! nothing but itself. It does not know the event loop, nor when its deadlines are.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use common::exit::describe;
use common::log::Level;

use crate::config::Limits;
use crate::files::shelf::Moment;
use crate::http::conn::{Conn, Step, Waits};
use crate::http::fault::Fault;
use crate::http::framing::Framing;
use crate::http::request::{self, Persistence, Slots};
use crate::http::status::Status;
use crate::respond::Answer;
use crate::server::kit::Kit;
use crate::server::listen::Visitors;
use crate::server::pool::Handed;
use crate::server::sending::{Sending, Told};
use crate::server::stream::{Received, Stream};
use crate::server::timers::Wait;
use crate::server::transmit::Progress;
use crate::server::turn::{Due, End, One, Read, Turn};

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: Stream,
    conn: Conn,
    /// Bytes received and not used up.
    rest: Box<[u8]>,
    /// What the client has not taken yet.
    sending: Option<Box<Sending>>,
    /// Where it comes from, if anyone wants to know.
    client: Option<Box<IpAddr>>,
    /// The number of the first job that its request has waited for.
    waited_for: Option<NonZeroU64>,
    /// How often it has waited.
    waits: u8,
    visitors: Visitors,
    state: State,
    /// Whether there may be more to receive.
    readable: bool,
    /// Whether the system has said that no more will come after what there is. It says so once, and perhaps before all
    /// that came is received.
    ended: bool,
    /// Whether a request was ever answered.
    served: bool,
    /// The event loop's: whether it watches the socket.
    pub(crate) watched: bool,
    /// The event loop's: whether it has promised a turn.
    pub(crate) queued: bool,
}

/// How often a request waits. What is made may not be of use any more when it is there, as with a file that changes.
const MAX_WAITS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Requests are read and answered.
    Open,
    /// One has to wait for a job. Nothing is done until then.
    Waiting,
    /// The last reply is on its way, or gone.
    Ending(End),
    /// All is said; what still comes is thrown away, so that the last reply is not lost with it.
    Lingering,
}

impl Peer {
    pub(crate) fn new(stream: Stream, client: Option<IpAddr>, visitors: Visitors) -> Self {
        Self {
            stream,
            conn: Conn::new(),
            rest: Box::default(),
            sending: None,
            client: client.map(Box::new),
            waited_for: None,
            waits: 0,
            visitors,
            state: State::Open,
            readable: true,
            ended: false,
            served: false,
            watched: false,
            queued: false,
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Something came, or there is room to send; or the client has ended its side, or the connection.
    pub(crate) const fn wake(&mut self, ended: bool) {
        self.readable = true;
        self.ended |= ended;
    }

    /// What it waited for is done, or cannot be done: then the request is answered without.
    pub(crate) const fn resume(&mut self, outcome: Handed) {
        if let State::Waiting = self.state {
            self.state = State::Open;
        }
        if let Handed::Back = outcome {
            self.waits = MAX_WAITS;
        }
    }

    /// Whether nothing is lost if it ends now: no part of a request has come, and no part of a reply is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Open && self.rest.is_empty() && self.sending.is_none()
    }

    /// Whether the client takes enough of what is sent.
    pub(crate) fn keeps_up(&mut self, limits: &Limits, now: u64) -> bool {
        let stream = &self.stream;
        self.sending
            .as_mut()
            .is_none_or(|sending| sending.keeps_up(limits, stream, now))
    }

    /// Ends an encrypted connection as its protocol asks for (RFC 8446 §6.1).
    pub(crate) fn say_farewell(&mut self) {
        if self.stream.has_keys() && self.sending.is_none() {
            self.stream.finish();
        }
    }

    /// Ends a connection whose client does not take what is sent.
    pub(crate) fn cut(&mut self, kit: &mut Kit) {
        self.give_up(kit);
        self.stream.reset_at_end();
    }

    /// Ends the wait for the rest of a request, with a word about it. A connection on which nothing came ends without:
    /// browsers open such ones ahead of need, and would take the word for the answer to a later request.
    pub(crate) fn time_out(&mut self, kit: &mut Kit) -> Turn {
        if self.rest.is_empty() {
            return Turn::End;
        }
        self.break_off(Status::RequestTimeout, kit)
    }

    /// Does what can be done now.
    pub(crate) fn turn(&mut self, kit: &mut Kit) -> Turn {
        match self.try_turn(kit) {
            Ok(turn) => turn,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.set_right(kit),
            // The client is gone, or a file is not what it was: nobody is left to be told.
            Err(error) => {
                if kit.logger.is_enabled(Level::Debug) {
                    let why = describe(&error);
                    kit.logger
                        .debug("peer", "connection broken", &[("error", (&why).into())]);
                }
                kit.outgoing.clear();
                self.give_up(kit);
                Turn::End
            }
        }
    }

    /// Ends with a word about the request that has begun.
    pub(crate) fn break_off(&mut self, status: Status, kit: &mut Kit) -> Turn {
        let rest = std::mem::take(&mut self.rest);
        self.state = State::Ending(End::Linger);
        let output = &mut kit.outgoing.output;
        let reply = kit.responder.break_off(status, &rest, kit.now, output);
        kit.metrics.replied(reply.status);
        kit.log.put_refused(&rest, reply, self.client.as_deref());
        self.last_word(kit)
    }

    /// Tells a client that speaks plainly where encryption is awaited.
    fn set_right(&mut self, kit: &mut Kit) -> Turn {
        self.state = State::Ending(End::Linger);
        let reply =
            kit.responder
                .refuse(Fault::Unencrypted, &[], kit.now, &mut kit.outgoing.output);
        kit.metrics.replied(reply.status);
        kit.log.put_refused(&[], reply, self.client.as_deref());
        self.last_word(kit)
    }

    /// Sends the last reply, outside of a turn.
    fn last_word(&mut self, kit: &mut Kit) -> Turn {
        let sent = self.send(kit, None).and_then(|progress| match progress {
            Progress::Done => self.end(End::Linger, kit),
            Progress::Blocked => Ok(Turn::Wait(Due::Still(Wait::Write))),
            Progress::Yield => Ok(Turn::Again(Due::Still(Wait::Write))),
        });
        sent.unwrap_or_else(|_| {
            kit.outgoing.clear();
            Turn::End
        })
    }

    /// Writes down a reply that was cut off.
    pub(crate) fn give_up(&mut self, kit: &mut Kit) {
        if let Some(sending) = self.sending.take()
            && let Some(mut told) = sending.told
        {
            told.reply.len = told.reply.len.saturating_sub(sending.outgoing.remaining());
            self.log_told(kit, &told);
        }
    }

    fn try_turn(&mut self, kit: &mut Kit) -> io::Result<Turn> {
        if let Some(turn) = self.go_on_sending(kit)? {
            return Ok(turn);
        }
        match self.state {
            State::Open => self.read(kit),
            State::Waiting => Ok(Turn::Asleep),
            State::Ending(end) => self.end(end, kit),
            State::Lingering => self.linger(kit),
        }
    }

    /// Sends what an earlier turn has left. Nothing comes of it if all is sent.
    fn go_on_sending(&mut self, kit: &mut Kit) -> io::Result<Option<Turn>> {
        let Some(sending) = &mut self.sending else {
            return match self.stream.flush() {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
                _ => Ok(None),
            };
        };
        let before = sending.outgoing.remaining();
        let progress = sending.outgoing.advance(&mut self.stream);
        kit.metrics.sent(before - sending.outgoing.remaining());
        match progress? {
            Progress::Done => {}
            Progress::Yield => return Ok(Some(Turn::Again(Due::Still(Wait::Write)))),
            Progress::Blocked => return Ok(Some(Turn::Wait(Due::Still(Wait::Write)))),
        }
        if let Some(told) = self.sending.take().and_then(|sending| sending.told) {
            self.log_told(kit, &told);
        }
        Ok(None)
    }

    /// Receives once, and answers what is whole.
    fn read(&mut self, kit: &mut Kit) -> io::Result<Turn> {
        let kept = self.rest.len();
        kit.input[..kept].copy_from_slice(&self.rest);
        let (filled, ended) = self.receive(kit, kept)?;
        let mut told = None;
        let read = match filled {
            0 => Read::All,
            _ => self.answer(kit, filled, &mut told),
        };
        // The client sends no more; a request that is not whole by now never will be.
        let read = if ended && matches!(read, Read::All) {
            Read::Last(End::AtOnce)
        } else {
            read
        };
        if let Read::Last(end) = read {
            self.rest = Box::default();
            self.state = State::Ending(end);
        }
        let replied = !kit.outgoing.is_empty();
        match self.send(kit, told)? {
            Progress::Yield => Ok(Turn::Again(Due::Anew(Wait::Write))),
            Progress::Blocked => Ok(Turn::Wait(Due::Anew(Wait::Write))),
            Progress::Done => match read {
                Read::Last(end) => self.end(end, kit),
                Read::Job(job) => {
                    self.waited_for = self.waited_for.or_else(|| NonZeroU64::new(job.number));
                    self.waits = self.waits.saturating_add(1);
                    self.state = State::Waiting;
                    Ok(Turn::Job(job))
                }
                // Nobody is kept when the server stops but for a request that has begun.
                Read::All
                    if kit.stopping
                        && self.is_idle()
                        && self.conn.waits_for() == Waits::NextRequest =>
                {
                    self.end(End::AtOnce, kit)
                }
                Read::All if !self.readable => Ok(Turn::Wait(self.due(replied))),
                Read::All | Read::More => Ok(Turn::Again(self.due(replied))),
            },
        }
    }

    /// Receives behind the bytes that were kept; tells how many there are now, and whether no more will come.
    fn receive(&mut self, kit: &mut Kit, kept: usize) -> io::Result<(usize, bool)> {
        if !self.readable || kept == kit.input.len() {
            return Ok((kept, false));
        }
        loop {
            match self.stream.receive(&mut kit.input[kept..]) {
                Ok(Received { len: 0, .. }) => return Ok((kept, true)),
                Ok(Received { len, drained }) => {
                    self.readable = !drained || self.ended;
                    return Ok((kept + len, false));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok((kept, false));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers the requests at the front of what was received, as long as their replies are gathered, and keeps the
    /// bytes that are left.
    fn answer(&mut self, kit: &mut Kit, filled: usize, told: &mut Option<Told>) -> Read {
        let mut at = 0;
        let mut end = filled;
        let read = loop {
            if at == filled {
                break Read::All;
            }
            let output = &kit.outgoing.output;
            if output.bytes.len() >= kit.limits.pipeline_len || !output.pieces.is_empty() {
                break Read::More;
            }
            match self.answer_one(kit, at..filled, told) {
                One::Answered { used } => at += used,
                One::Incomplete { keep } => {
                    end = at + keep.end;
                    at += keep.start;
                    break Read::All;
                }
                One::Job(job, rest) => {
                    self.rest = rest;
                    return Read::Job(job);
                }
                One::Last { used, end } => {
                    let is_all = at + used == filled && !self.readable;
                    break Read::Last(if is_all { end } else { End::Linger });
                }
                One::Refused => break Read::Last(End::Linger),
            }
        };
        if !(self.rest.is_empty() && at == end) {
            self.rest = kit.input[at..end].into();
        }
        read
    }

    /// Answers the request at the front of these bytes of what was received.
    fn answer_one(&mut self, kit: &mut Kit, at: Range<usize>, told: &mut Option<Told>) -> One {
        let (health, now) = (kit.health(), kit.now);
        let bytes = &kit.input[at];
        let output = &mut kit.outgoing.output;
        let mut slots = Slots::new();
        let step = match self.conn.next(bytes, &mut slots, &kit.limits) {
            Ok(step) => step,
            Err(fault) => {
                let reply = kit.responder.refuse(fault, bytes, now, output);
                kit.metrics.replied(reply.status);
                kit.log.put_refused(bytes, reply, self.client.as_deref());
                return One::Refused;
            }
        };
        let (request, head_len, used, then) = match step {
            Step::Incomplete { keep } => return One::Incomplete { keep },
            Step::Request {
                request,
                head_len,
                used,
                then,
            } => (request, head_len, used, then),
        };
        let then = if kit.stopping {
            Persistence::Close
        } else {
            then
        };
        let moment = Moment {
            waited_for: self.waited_for.map(NonZeroU64::get),
            answers_now: self.waits >= MAX_WAITS,
            ..now
        };
        let is_public = self.visitors == Visitors::Public;
        let answer = if is_public {
            kit.responder.respond(&request, then, moment, output)
        } else {
            Answer::Reply(kit.office.answer(&request, then, health, now, output))
        };
        let reply = match answer {
            Answer::Reply(reply) => reply,
            Answer::Later(job) => {
                self.conn.repeat();
                return One::Job(job, [&bytes[..head_len], &bytes[used..]].concat().into());
            }
        };
        self.served = true;
        self.waited_for = None;
        self.waits = 0;
        kit.metrics.replied(reply.status);
        if kit.log.is_on() && is_public {
            let client = self.client.as_deref();
            if output.pieces.is_empty() {
                kit.log.put(&request, reply, client, Duration::ZERO);
            } else {
                *told = Some(Told::new(&bytes[..head_len], reply, kit.clock));
            }
        }
        match reply.then {
            Persistence::KeepAlive => One::Answered { used },
            // Of a body that was announced more may come than was read.
            Persistence::Close if request.body != Framing::None => One::Last {
                used,
                end: End::Linger,
            },
            Persistence::Close => One::Last {
                used,
                end: End::AtOnce,
            },
        }
    }

    /// Sends what was gathered. What the client does not take now is kept, for a later turn.
    fn send(&mut self, kit: &mut Kit, told: Option<Told>) -> io::Result<Progress> {
        let before = kit.outgoing.remaining();
        let progress = kit.outgoing.advance(&mut self.stream);
        let left = kit.outgoing.remaining();
        kit.metrics.sent(before - left);
        let is_over = matches!(progress, Ok(Progress::Done) | Err(_));
        if !is_over {
            let sending = Sending::new(kit.outgoing.take(), told, &self.stream, kit.now.ms);
            self.sending = Some(Box::new(sending));
        } else if let Some(mut told) = told {
            told.reply.len = told.reply.len.saturating_sub(left);
            self.log_told(kit, &told);
        }
        progress
    }

    /// What an open connection waits for, in a turn in which it has replied or not.
    fn due(&self, replied: bool) -> Due {
        let wait = match self.conn.waits_for() {
            Waits::NextRequest if self.served => Wait::Idle,
            Waits::NextRequest | Waits::Head => Wait::Head,
            Waits::Body => Wait::Body,
        };
        if replied {
            Due::Anew(wait)
        } else {
            Due::Still(wait)
        }
    }

    /// The last reply is gone.
    fn end(&mut self, end: End, kit: &mut Kit) -> io::Result<Turn> {
        match end {
            End::AtOnce if !self.stream.is_encrypted() => Ok(Turn::End),
            End::AtOnce => {
                self.stream.finish();
                Ok(Turn::End)
            }
            End::Linger => {
                self.stream.finish();
                self.state = State::Lingering;
                self.linger(kit)
            }
        }
    }

    /// Throws away what still comes, until the client ends the connection too or its time is over.
    fn linger(&mut self, kit: &mut Kit) -> io::Result<Turn> {
        self.readable = true;
        match self.receive(kit, 0)? {
            (_, true) => Ok(Turn::End),
            (0, false) => Ok(Turn::Wait(Due::Still(Wait::Linger))),
            _ => Ok(Turn::Again(Due::Still(Wait::Linger))),
        }
    }

    fn log_told(&self, kit: &mut Kit, told: &Told) {
        let mut slots = Slots::new();
        // The head was parsed once already, so it is whole.
        if let Ok(Some((request, _))) = request::parse(&told.head, &mut slots, &kit.limits) {
            let took = kit.clock.now().saturating_duration_since(told.began);
            kit.log
                .put(&request, told.reply, self.client.as_deref(), took);
        }
    }
}
