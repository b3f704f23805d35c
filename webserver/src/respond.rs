//! From a request to a reply: one pipeline, read from top to bottom.
//!
//! ```text
//! method ─ target ─ site ─ who may see it ─ what is there ─┬─ file ── form ─ conditions ─ range ─► 200 206 304 412 416
//!  405      400     by host      401                       ├─ folder ─ redirect or list ─────────► 308 200
//!  501                                                     └─ nothing ─ page instead ────────────► 404 403
//! ```
//!
//! It is told the time, and opens files through a [`Shelf`]; it knows no socket. What takes long is handed out as a
//! [`Job`], and the request judged again when that is done. Whether a request is well-formed was decided before
//! ([`crate::http`]).

pub mod auth;
mod file;
mod folder;
mod hosts;
pub mod job;
mod page;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::config::Config;
use crate::files::shelf::{Lookups, Moment, Resource, Shelf};
use crate::files::site::Site;
use crate::http::date::HttpDate;
use crate::http::fault::Fault;
use crate::http::field::Field;
use crate::http::head::{self, DateLine};
use crate::http::method::Method;
use crate::http::request::{self, Persistence, Request};
use crate::http::status::Status;
use crate::http::target::{self, Target};
use crate::reply::{Output, Reply};

use auth::{Credentials, Guard};
use hosts::Hosts;
use job::{Done, Job, Product, Work};
use page::{Pages, Wrong};

/// What a request is answered with.
#[derive(Debug)]
pub enum Answer {
    /// This, which has been put out.
    Reply(Reply),
    /// Nothing yet: this is to be done first.
    Later(Box<Job>),
}

/// Answers requests, for one worker.
#[derive(Debug)]
pub struct Responder {
    hosts: Hosts,
    guard: Guard,
    pages: Pages,
    date: DateLine,
    /// A path that is being looked up, where it is not a part of the request.
    path: Vec<u8>,
    /// Something that no client can guess, so that boundaries of parts cannot be foreseen.
    secret: u64,
    /// Jobs handed out until now.
    jobs: u64,
    /// Boundaries of parts given out until now.
    boundaries: u64,
}

/// A request on its way through the pipeline.
struct Visit<'r, 'h, 'b> {
    request: &'r Request<'h, 'b>,
    then: Persistence,
    now: Moment,
    /// Which site it is for.
    site: usize,
}

impl Responder {
    /// For a worker that shares the memory for files with others.
    #[must_use]
    pub fn new(sites: &[(Option<String>, Arc<Site>)], config: &Config, secret: u64) -> Self {
        let shelves = (sites.len() * config.workers.get()).max(1) as u64;
        Self {
            hosts: Hosts::new(sites, config.site.cache_len / shelves),
            guard: Guard::new(&config.site.users),
            pages: Pages::new(),
            date: DateLine::new(HttpDate::from_secs(0)),
            path: Vec::new(),
            secret,
            jobs: 0,
            boundaries: 0,
        }
    }

    /// Tells the time of the replies that follow.
    pub fn tick(&mut self, now: Moment) {
        self.date.refresh(HttpDate::from_nanos(now.wall_nanos));
    }

    /// Lets go of what came of the last job: all who waited for it have been judged again.
    pub fn let_go(&mut self) {
        self.hosts.shelves().for_each(Shelf::let_go);
    }

    /// How often paths were looked up until now.
    #[must_use]
    pub fn lookups(&self) -> Lookups {
        self.hosts.lookups()
    }

    /// Answers a request.
    pub fn respond(
        &mut self,
        request: &Request<'_, '_>,
        then: Persistence,
        now: Moment,
        out: &mut Output,
    ) -> Answer {
        let mut visit = Visit {
            request,
            then,
            now,
            site: 0,
        };
        // 1. The method (RFC 9110 §15.5.6, §15.6.2).
        match request.method {
            Method::Get | Method::Head | Method::Options => {}
            Method::NotAllowed => return self.error(&visit, Status::MethodNotAllowed, out),
            Method::Unknown => return self.error(&visit, Status::NotImplemented, out),
        }
        // 2. The target.
        visit.site = self.hosts.find(request.host);
        let (path, query, slash, authority) = match target::parse(request.target) {
            Ok(Target::Path {
                path,
                query,
                slash,
                authority,
            }) => (path, query, slash, authority),
            Ok(Target::Asterisk) if request.method == Method::Options => {
                return self.options(&visit, out);
            }
            Ok(Target::Asterisk) => {
                return Answer::Reply(self.explain(
                    Fault::TargetForm,
                    request.method,
                    visit.site,
                    now,
                    out,
                ));
            }
            Err(fault) => {
                return Answer::Reply(self.explain(fault, request.method, visit.site, now, out));
            }
        };
        // 3. The site (RFC 9112 §3.2.2).
        if let Some(authority) = authority {
            visit.site = self.hosts.find(authority);
        }
        if request.method == Method::Options {
            return self.options(&visit, out);
        }
        // 4. Who asks.
        let authorization = request.line(Field::Authorization);
        match self.guard.judge(authorization) {
            Credentials::Accepted => {}
            Credentials::Refused => return self.error(&visit, Status::Unauthorized, out),
            Credentials::Unknown(work) => {
                let key = key(b'V', &[authorization.unwrap_or_default()]);
                return self.later(&visit, key, work, out);
            }
        }
        // 5. What is there.
        let asked: &[u8] = if slash && path.len() > 1 {
            self.path.clear();
            self.path.extend_from_slice(&path);
            self.path.push(b'/');
            &self.path
        } else {
            &path
        };
        let shelf = self.hosts.shelf(visit.site);
        match shelf.find(asked, now) {
            Ok(Resource::File(entry)) => self.file(&visit, &entry, &path, slash, out),
            Ok(Resource::Unslashed) => self.redirect(&visit, &path, query, out),
            Ok(Resource::Folder) if shelf.site().config.list => {
                self.list(&visit, query, &path, out)
            }
            Ok(Resource::Folder | Resource::Missing) => self.missing(&visit, out),
            Ok(Resource::Refused) => self.error(&visit, Status::Forbidden, out),
            Err(error) => self.error(&visit, status_of(&error), out),
        }
    }

    /// Answers bytes that were no request. The connection ends with it.
    pub fn refuse(&mut self, fault: Fault, bytes: &[u8], now: Moment, out: &mut Output) -> Reply {
        self.explain(fault, begun_method(bytes), 0, now, out)
    }

    /// Tells a client that the rest of the request that it began did not come in time, or that there is too much to do
    /// for it. The connection ends with it.
    pub fn break_off(
        &mut self,
        status: Status,
        begun: &[u8],
        now: Moment,
        out: &mut Output,
    ) -> Reply {
        let wrong = Wrong {
            status,
            detail: None,
            method: begun_method(begun),
            then: Persistence::Close,
            now,
        };
        self.pages
            .error(&wrong, &self.date, self.hosts.shelf(0), out)
    }

    /// Takes what came of a job.
    pub fn done(&mut self, done: Done, now: Moment) {
        let shelf = self.hosts.shelf(done.site);
        match done.product {
            Product::Page(page) => {
                shelf.keep_page(&done.key, page.unwrap_or_default(), done.number, now);
            }
            Product::Form {
                path,
                facts,
                coding,
                bytes,
            } => shelf.keep_form(&path, &facts, coding, bytes, now),
            Product::Verified(right) => self.guard.remember(&done.key[1..], right),
            Product::Nothing => {}
        }
    }

    /// Tells what is wrong with the bytes of a request. The connection ends with it.
    fn explain(
        &mut self,
        fault: Fault,
        method: Method,
        site: usize,
        now: Moment,
        out: &mut Output,
    ) -> Reply {
        let wrong = Wrong {
            status: fault.status(),
            detail: Some(&fault.to_string()),
            method,
            then: Persistence::Close,
            now,
        };
        self.pages
            .error(&wrong, &self.date, self.hosts.shelf(site), out)
    }

    /// Tells what may be done here (RFC 9110 §9.3.7), also to a page of another origin that asks first.
    fn options(&mut self, visit: &Visit<'_, '_, '_>, out: &mut Output) -> Answer {
        let site = self.hosts.shelf(visit.site).site();
        let bytes = &mut out.bytes;
        self.date.start(bytes, Status::NoContent);
        head::put(bytes, "Allow", ALLOW);
        if site.config.cors && visit.request.seen.has(Field::AccessControlRequestMethod) {
            head::put(bytes, "Access-Control-Allow-Methods", ALLOW);
            head::put(bytes, "Access-Control-Allow-Headers", "*");
            head::put(bytes, "Access-Control-Max-Age", "86400");
        }
        bytes.extend_from_slice(site.rules.everywhere());
        head::end(bytes, visit.then);
        Answer::Reply(Reply {
            status: Status::NoContent,
            len: 0,
            then: visit.then,
        })
    }

    /// A number for a boundary that nobody can foresee, not even who has seen those before.
    fn boundary(&mut self) -> u64 {
        self.boundaries += 1;
        let mut hasher = DefaultHasher::new();
        (self.secret, self.boundaries, self.date.now()).hash(&mut hasher);
        hasher.finish()
    }

    /// Hands out a job, unless the request has waited long enough.
    fn later(
        &mut self,
        visit: &Visit<'_, '_, '_>,
        key: Box<[u8]>,
        work: Work,
        out: &mut Output,
    ) -> Answer {
        if visit.now.answers_now {
            return self.error(visit, Status::Unavailable, out);
        }
        self.jobs += 1;
        Answer::Later(Box::new(Job {
            number: self.jobs,
            key,
            site: visit.site,
            work,
        }))
    }

    /// Nothing is there: the page that stands for everything, or a word.
    fn missing(&mut self, visit: &Visit<'_, '_, '_>, out: &mut Output) -> Answer {
        let shelf = self.hosts.shelf(visit.site);
        let Some(spa) = shelf.site().config.spa.clone() else {
            return self.error(visit, Status::NotFound, out);
        };
        let path = crate::files::site::page_path(&spa);
        match shelf.find(&path, visit.now) {
            Ok(Resource::File(entry)) => self.file(visit, &entry, &path, false, out),
            Ok(_) => self.error(visit, Status::NotFound, out),
            Err(error) => self.error(visit, status_of(&error), out),
        }
    }

    /// A word about what went wrong, or the page that the site has for it.
    fn error(&mut self, visit: &Visit<'_, '_, '_>, status: Status, out: &mut Output) -> Answer {
        let wrong = Wrong {
            status,
            detail: None,
            method: visit.request.method,
            then: visit.then,
            now: visit.now,
        };
        let shelf = self.hosts.shelf(visit.site);
        Answer::Reply(self.pages.error(&wrong, &self.date, shelf, out))
    }
}

/// The method of a request of which more cannot be said: there must be no body in the reply to HEAD, whatever else is
/// wrong. Empty lines in front are passed over here too (RFC 9112 §2.2).
fn begun_method(bytes: &[u8]) -> Method {
    if bytes[request::empty_lines_len(bytes)..].starts_with(b"HEAD ") {
        Method::Head
    } else {
        Method::Get
    }
}

/// The methods there are.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// What the client is told of a failure of the system: that it may pass, or that it will not.
fn status_of(error: &std::io::Error) -> Status {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => Status::Unavailable,
        _ => Status::InternalError,
    }
}

/// A name for a job of a kind, made of what decides its outcome.
fn key(kind: u8, parts: &[&[u8]]) -> Box<[u8]> {
    let mut key = vec![kind];
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            key.push(0);
        }
        key.extend_from_slice(part);
    }
    key.into_boxed_slice()
}
