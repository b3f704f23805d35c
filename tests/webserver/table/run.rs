//! Runs the table's rows against a server, in every way that their bytes may come.
//!
//! No clock says when the server has read a first piece: a *fence* does. The server has one worker, which takes what
//! its connections have for it in the order in which it came, so when a whole request and reply have gone over another
//! connection, the worker has read what was sent before on this one. Two such rounds cover a connection that it had to
//! accept first. Splitting is thereby exact, and costs a few ten microseconds.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{After, Expected, Row, Theme};
use crate::client::{Client, Ending, asked, get, shown};
use crate::reply::Reply;
use crate::server::Server;
use crate::site::{NEXT, root, site};

/// Rows under way at once.
const AT_ONCE: usize = 4;

/// A row longer than this is split at so many positions, spread over it, instead of at all.
const LONG: usize = 160;
const POSITIONS: usize = 40;

/// Pieces in which a row is dripped at most, counted from its end: long rows come in a bulk and then byte by byte.
const DRIPS: usize = 400;

/// How a row's bytes come.
#[derive(Clone, Copy, Debug)]
enum Way {
    Whole,
    Split(usize),
    Dripped,
    /// With a request behind it in the same piece.
    Followed,
    /// With a request before it in the same piece.
    Led,
}

/// Runs a theme against a server of the usual folder with these options, and says of each row that fails why.
#[track_caller]
pub(super) fn run(theme: &Theme, options: &[&str]) {
    let sandbox = site();
    let server = Server::alone(&root(&sandbox), options);
    let tags = tags(&server);
    let rows: Vec<Row> = theme.rows.iter().map(|row| row.filled(&tags)).collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(row) = rows.get(number)
                {
                    if let Err(failure) = row.run(&server) {
                        let mut failures = failures.lock().expect("no row panics");
                        failures.insert(number, failure);
                    }
                }
            });
        }
    });
    let failures: Vec<String> = failures
        .into_inner()
        .expect("no row panics")
        .into_values()
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} rows fail:\n\n{}\n\n{}",
        failures.len(),
        rows.len(),
        failures.join("\n\n"),
        server.shown()
    );
    server.stop();
}

/// What rows call tags that are the server's own choice, and what they are.
#[track_caller]
fn tags(server: &Server) -> Vec<(&'static str, String)> {
    let of = |path, coding| {
        let reply = server.get_with(path, &[("Accept-Encoding", coding)]);
        reply.field("ETag").unwrap_or("\"none\"").to_owned()
    };
    vec![
        ("{tag}", of("/hello.txt", "identity")),
        ("{letters-tag}", of("/alphabet.txt", "identity")),
        ("{page-tag}", of("/page.html", "identity")),
        ("{gz-tag}", of("/page.html", "gzip")),
    ]
}

/// Another connection to the same worker: see the module.
struct Fence {
    client: Client,
}

impl Fence {
    fn new(server: &Server) -> Result<Self, String> {
        let client = Client::connect(server.address())?;
        Ok(Self { client })
    }

    /// Returns when the server has read all that was sent before.
    fn wait(&mut self) -> Result<(), String> {
        for _ in 0..2 {
            self.client.send(&get("/next.txt", &[]))?;
            expect_next(&mut self.client).map_err(|error| format!("beside it: {error}"))?;
        }
        Ok(())
    }
}

impl Row {
    /// With the tags put in.
    fn filled(&self, tags: &[(&str, String)]) -> Self {
        let mut row = self.clone();
        for (name, tag) in tags {
            row.request = replace(&row.request, name.as_bytes(), tag.as_bytes());
            for field in &mut row.fields {
                if let Expected::Is(_, value) = field {
                    *value = value.replace(name, tag);
                }
            }
        }
        row
    }

    /// Runs it in every way, up to the first failure.
    fn run(&self, server: &Server) -> Result<(), String> {
        let mut fence = Fence::new(server)?;
        let mut first = None;
        for way in self.ways() {
            let outcome = self.run_way(server, &mut fence, way).and_then(|status| {
                if *first.get_or_insert(status) == status {
                    return Ok(());
                }
                Err(format!("status {status}, but {first:?} when whole"))
            });
            outcome.map_err(|error| {
                let (name, rule) = (&self.name, self.rule);
                let request = shown(&self.request);
                format!("row: {name} ({rule}), {way:?}\n  request: {request}\n  {error}")
            })?;
        }
        Ok(())
    }

    fn ways(&self) -> Vec<Way> {
        let len = self.request.len();
        let step = if len > LONG { len / POSITIONS } else { 1 };
        let splits = (1..len).step_by(step).map(Way::Split);
        let mut ways = vec![Way::Whole, Way::Followed, Way::Led];
        ways.extend(splits);
        ways.push(Way::Dripped);
        ways
    }

    /// Runs it in one way, and returns the status of its answer.
    fn run_way(&self, server: &Server, fence: &mut Fence, way: Way) -> Result<u16, String> {
        let mut client = Client::connect(server.address())?;
        let follower = get("/next.txt", &[]);
        let mut is_followed = false;
        match way {
            Way::Whole => client.send(&self.request)?,
            Way::Followed => {
                client.send(&[&self.request[..], &follower].concat())?;
                is_followed = true;
            }
            Way::Led => {
                client.send(&[&follower, &self.request[..]].concat())?;
                expect_next(&mut client).map_err(|error| format!("before it: {error}"))?;
            }
            Way::Split(at) => self.send_pieces(&mut client, fence, &[at])?,
            Way::Dripped => {
                let from = self.request.len().saturating_sub(DRIPS).max(1);
                let at: Vec<usize> = (from..self.request.len()).collect();
                self.send_pieces(&mut client, fence, &at)?;
            }
        }
        let reply = client.reply(asked(&self.request))?;
        self.check(&reply)
            .and_then(|()| reply.check())
            .map_err(|error| format!("{error}:\n{reply}"))?;
        self.check_after(&mut client, &reply, is_followed, &follower)
            .map_err(|error| format!("after it: {error}\n  it was:\n{reply}"))?;
        Ok(reply.status)
    }

    /// Sends it in the pieces that end at these positions, each read by the server before the next is sent. What is
    /// not sent because an answer came early, a server that has seen enough does not need.
    fn send_pieces(
        &self,
        client: &mut Client,
        fence: &mut Fence,
        at: &[usize],
    ) -> Result<(), String> {
        let mut from = 0;
        fence.wait()?;
        for &to in at {
            client.send(&self.request[from..to])?;
            from = to;
            fence.wait()?;
            if client.has_news() {
                if self.after == After::Kept {
                    let sent = shown(&self.request[..to]);
                    return Err(format!("answered when only {sent} had come"));
                }
                return Ok(());
            }
        }
        client.send(&self.request[from..])
    }

    /// Whether the reply is what the row says.
    fn check(&self, reply: &Reply) -> Result<(), String> {
        if !self.statuses.contains(&reply.status) {
            return Err(format!("status {}, not {:?}", reply.status, self.statuses));
        }
        if let Some(body) = &self.body
            && *body != reply.body
            && asked(&self.request) == crate::reply::Asked::Body
        {
            return Err(format!("the body is not {}", shown(body)));
        }
        self.fields
            .iter()
            .try_for_each(|expected| expected.check(reply, &self.request))
    }

    /// Whether the connection is what the row and the reply say it is now.
    fn check_after(
        &self,
        client: &mut Client,
        reply: &Reply,
        is_followed: bool,
        follower: &[u8],
    ) -> Result<(), String> {
        let is_kept = match self.after {
            After::AsSaid => !reply.says_close(),
            After::Kept => true,
            After::Closed => false,
        };
        if reply.says_close() == is_kept {
            let said = reply.field("Connection");
            return Err(format!("should be kept: {is_kept}, but it says {said:?}"));
        }
        if !is_kept {
            return match client.ending()? {
                Ending::Closed => Ok(()),
                Ending::Reset => Err("reset, not closed in stages (RFC 9112 §9.6)".into()),
            };
        }
        if !is_followed {
            client.send(follower)?;
        }
        expect_next(client)
    }
}

impl Expected {
    fn check(&self, reply: &Reply, request: &[u8]) -> Result<(), String> {
        match self {
            Self::Is(name, value) if reply.field(name) != Some(value) => {
                Err(format!("{name} is not {value:?}"))
            }
            Self::Lists(name, element) if !reply.lists(name, element) => {
                Err(format!("{name} does not list {element}"))
            }
            Self::Lacks(name) if reply.field(name).is_some() => {
                Err(format!("there should be no {name}"))
            }
            Self::LeadsTo(place) => {
                let location = reply.field("Location").unwrap_or_default();
                let led = resolve(request, location);
                if led != *place {
                    return Err(format!("it leads to {led:?}, not {place:?}"));
                }
                Ok(())
            }
            Self::Is(..) | Self::Lists(..) | Self::Lacks(_) => Ok(()),
        }
    }
}

/// Takes the answer to the request that is not the row's.
fn expect_next(client: &mut Client) -> Result<(), String> {
    let reply = client.reply(crate::reply::Asked::Body)?;
    if reply.status != 200 || reply.body != NEXT || reply.says_close() {
        return Err(format!("the other request got\n{reply}"));
    }
    reply.check()
}

/// Where a place named in a reply is, seen from a request's path (RFC 3986 §5.2, as far as our redirects need it).
fn resolve(request: &[u8], location: &str) -> String {
    if location.starts_with('/') {
        return location.to_owned();
    }
    let line = String::from_utf8_lossy(request);
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{}", location.trim_start_matches("./"))
}

fn replace(bytes: &[u8], name: &[u8], with: &[u8]) -> Vec<u8> {
    let Some(at) = crate::reply::find(bytes, name) else {
        return bytes.to_vec();
    };
    let rest = replace(&bytes[at + name.len()..], name, with);
    [&bytes[..at], with, &rest].concat()
}
