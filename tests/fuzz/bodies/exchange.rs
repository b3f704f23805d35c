//! One connection in memory: what a worker does with what comes on it, without the socket.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use webserver::config::Limits;
use webserver::files::shelf::Moment;
use webserver::http::conn::{Conn, Step};
use webserver::http::field::{Field, FieldSet};
use webserver::http::method::Method;
use webserver::http::request::{Persistence, Request, Slots};
use webserver::http::status::Status;
use webserver::reply::{Output, Piece, Reply};
use webserver::respond::job::{Done, Job, Product, Work};
use webserver::respond::{Answer, Responder};

use super::reader;
use super::scene::PASSWORD;

/// All that was said on a connection.
pub(crate) struct Exchange {
    /// What was answered, in order.
    pub(crate) answered: Vec<Answered>,
    /// What the client received.
    pub(crate) sent: Vec<u8>,
}

/// Something that was answered.
pub(crate) struct Answered {
    /// The request, unless it was none.
    pub(crate) asked: Option<Asked>,
    /// What is known of the reply.
    pub(crate) reply: Reply,
    /// Whether it may have a body.
    pub(crate) expected: reader::Asked,
}

/// What is to be known of a request.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) seen: FieldSet,
    pub(crate) ranges: usize,
    pub(crate) shown: String,
}

/// How often one request may need something done before it can be answered.
const JOBS_MAX: usize = 3;

/// Small enough that inputs reach them.
pub(crate) fn limits() -> Limits {
    Limits {
        head_len: 2048,
        fields: 24,
        body_len: 400,
        ..Limits::default()
    }
}

/// Has a connection's bytes answered, piece by piece. In the end the client has sent all it will, and waits.
pub(crate) fn exchange<'i>(
    responder: Responder,
    pieces: impl Iterator<Item = &'i [u8]>,
    wall_nanos: i128,
) -> Exchange {
    let mut peer = Peer {
        responder,
        limits: limits(),
        conn: Conn::new(),
        kept: Vec::new(),
        now: Moment {
            ms: 1,
            wall_nanos,
            waited_for: None,
            answers_now: false,
        },
        output: Output::default(),
        done: Exchange {
            answered: Vec::new(),
            sent: Vec::new(),
        },
    };
    for piece in pieces {
        peer.kept.extend_from_slice(piece);
        if peer.turn() == Persistence::Close {
            return peer.done;
        }
    }
    if !peer.kept.is_empty() {
        peer.time_out();
    }
    peer.done
}

struct Peer {
    responder: Responder,
    limits: Limits,
    conn: Conn,
    kept: Vec<u8>,
    now: Moment,
    output: Output,
    done: Exchange,
}

/// What became of the bytes at the front.
enum Next {
    /// They were answered.
    Answered(Persistence),
    /// They make no request yet.
    Nothing,
    /// This comes first.
    Job(Box<Job>),
}

impl Peer {
    /// Answers what is whole.
    fn turn(&mut self) -> Persistence {
        self.now.ms += 400;
        self.responder.tick(self.now);
        let mut jobs = 0;
        loop {
            match self.next() {
                Next::Answered(then) => {
                    jobs = 0;
                    self.now.waited_for = None;
                    // As a worker does: what is small is gathered, and nothing is put behind pieces.
                    if then == Persistence::Close || !self.output.pieces.is_empty() {
                        self.send();
                    }
                    if then == Persistence::Close {
                        return then;
                    }
                }
                Next::Nothing => {
                    self.send();
                    return Persistence::KeepAlive;
                }
                Next::Job(job) => {
                    jobs += 1;
                    assert!(jobs <= JOBS_MAX, "a request that is never answered");
                    self.now.waited_for = self.now.waited_for.or(Some(job.number));
                    self.now.ms += 1;
                    self.responder.done(run(*job), self.now);
                }
            }
        }
    }

    fn next(&mut self) -> Next {
        let mut slots = Slots::new();
        let step = self.conn.next(&self.kept, &mut slots, &self.limits);
        let (request, head_len, used, then) = match step {
            Ok(Step::Incomplete { keep }) => {
                self.kept.truncate(keep.end);
                self.kept.drain(..keep.start);
                return Next::Nothing;
            }
            Ok(Step::Request {
                request,
                head_len,
                used,
                then,
            }) => (request, head_len, used, then),
            Err(fault) => {
                let reply = self
                    .responder
                    .refuse(fault, &self.kept, self.now, &mut self.output);
                self.answered(None, reply);
                return Next::Answered(reply.then);
            }
        };
        let answer = self
            .responder
            .respond(&request, then, self.now, &mut self.output);
        match answer {
            Answer::Later(job) => {
                self.conn.repeat();
                self.kept.drain(head_len..used);
                Next::Job(job)
            }
            Answer::Reply(reply) => {
                let asked = Asked::of(&request);
                self.kept.drain(..used);
                self.answered(Some(asked), reply);
                Next::Answered(reply.then)
            }
        }
    }

    /// Answers what will not become a request.
    fn time_out(&mut self) {
        let status = Status::RequestTimeout;
        let reply = self
            .responder
            .break_off(status, &self.kept, self.now, &mut self.output);
        self.answered(None, reply);
        self.send();
    }

    fn answered(&mut self, asked: Option<Asked>, reply: Reply) {
        let is_head = match &asked {
            Some(asked) => asked.method == Method::Head,
            None => without_empty_lines(&self.kept).starts_with(b"HEAD "),
        };
        self.done.answered.push(Answered {
            asked,
            reply,
            expected: if is_head {
                reader::Asked::Head
            } else {
                reader::Asked::Body
            },
        });
    }

    /// Sends what was gathered.
    fn send(&mut self) {
        let sent = &mut self.done.sent;
        sent.append(&mut self.output.bytes);
        for piece in self.output.pieces.drain(..) {
            let announced = piece.len();
            let before = sent.len();
            match piece {
                Piece::Bytes(bytes) => sent.extend(bytes),
                Piece::Memory { bytes, range } => sent.extend_from_slice(&bytes[range]),
                Piece::File { file, range } => {
                    let file = file.as_fd().try_clone_to_owned();
                    let file = File::from(file.expect("a descriptor to spare"));
                    let len = usize::try_from(range.end - range.start).expect("a small file");
                    sent.resize(before + len, 0);
                    file.read_exact_at(&mut sent[before..], range.start)
                        .expect("a range of the file");
                }
            }
            assert_eq!((sent.len() - before) as u64, announced, "a piece's length");
        }
    }
}

impl Asked {
    fn of(request: &Request<'_, '_>) -> Self {
        Self {
            method: request.method,
            seen: request.seen,
            ranges: request.lines(Field::Range).count(),
            shown: format!("{} {}", request.method_name, request.target.escape_ascii()),
        }
    }
}

/// Empty lines in front of a request are passed over (RFC 9112 §2.2).
fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}

/// Does a job. To compare a password with a hash takes long on purpose, and is done otherwise.
fn run(job: Job) -> Done {
    match job.work {
        Work::Verify {
            password, is_known, ..
        } => Done {
            key: job.key,
            number: job.number,
            site: job.site,
            product: Product::Verified(is_known && password == PASSWORD),
        },
        Work::List { .. } | Work::Compress { .. } => job.run(),
    }
}
