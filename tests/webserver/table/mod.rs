//! The table: request bytes, and the answers to them that are right. One file per theme.
//!
//! Every row is sent whole, in two pieces split at every position, byte by byte, and with another request before and
//! behind it in the same piece; the answer has to be the same each time, and what follows it too. See [`run`].
//!
//! Rows cite what they hold the server to. What several parsers publish as their own tests (llhttp, httparse,
//! picohttpparser) is here in our words and with our bytes, as far as a server can be asked it.

mod bodies;
mod chunks;
mod conditionals;
mod fields;
mod folders;
mod framing;
mod host;
mod limits;
mod methods;
mod paths;
mod persistence;
mod ranges;
mod request_line;
mod run;
mod sidecars;
mod traversal;
mod version;

use crate::site::HELLO;

/// One row.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    /// The rule it holds the server to.
    rule: &'static str,
    request: Vec<u8>,
    statuses: Vec<u16>,
    after: After,
    fields: Vec<Expected>,
    body: Option<Vec<u8>>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The next request on it is answered.
    Kept,
    /// Nothing that comes behind the request is answered.
    Closed,
    /// One or the other, as the reply says.
    AsSaid,
}

/// What is asked of a field of the reply.
#[derive(Clone, Debug)]
enum Expected {
    Is(&'static str, String),
    Lists(&'static str, &'static str),
    Lacks(&'static str),
    /// A place that, from where the request was sent, is this one.
    LeadsTo(String),
}

/// The rows of one theme.
#[derive(Debug, Default)]
struct Theme {
    rows: Vec<Row>,
}

/// The status codes after which a connection is closed unless a row says otherwise: those given when it is in doubt
/// where the next request begins.
const CLOSING: [u16; 7] = [400, 408, 413, 414, 417, 431, 505];

impl Theme {
    /// Adds a row whose answer is 200 with `/hello.txt`, until it is told otherwise.
    fn row(
        &mut self,
        rule: &'static str,
        name: impl Into<String>,
        request: impl Into<Vec<u8>>,
    ) -> &mut Row {
        self.rows.push(Row {
            name: name.into(),
            rule,
            request: request.into(),
            statuses: vec![200],
            after: After::Kept,
            fields: Vec::new(),
            body: Some(HELLO.to_vec()),
        });
        self.rows.last_mut().expect("just pushed")
    }

    /// Adds rows that are answered by `/hello.txt`, and the connection kept.
    fn serves(&mut self, rule: &'static str, rows: &[(&str, &[u8])]) {
        for (name, request) in rows {
            self.row(rule, *name, *request);
        }
    }

    /// Adds rows that are answered by this status, and the connection closed if the status is of those that close.
    fn gives(&mut self, status: u16, rule: &'static str, rows: &[(&str, &[u8])]) {
        for (name, request) in rows {
            self.row(rule, *name, *request).gives(status);
        }
    }
}

impl Row {
    /// The answer's status; its body is not looked at until [`Row::body`] says so.
    fn gives(&mut self, status: u16) -> &mut Self {
        self.gives_one_of(&[status])
    }

    /// The answer has one of these, the same one however the request comes.
    fn gives_one_of(&mut self, statuses: &[u16]) -> &mut Self {
        self.statuses = statuses.to_vec();
        self.body = None;
        let closing = statuses
            .iter()
            .filter(|status| CLOSING.contains(status))
            .count();
        self.after = match closing {
            0 => After::Kept,
            all if all == statuses.len() => After::Closed,
            _ => After::AsSaid,
        };
        self
    }

    fn body(&mut self, body: impl AsRef<[u8]>) -> &mut Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    fn then(&mut self, after: After) -> &mut Self {
        self.after = after;
        self
    }

    fn has(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.fields.push(Expected::Is(name, value.into()));
        self
    }

    fn lists(&mut self, name: &'static str, elements: &[&'static str]) -> &mut Self {
        let elements = elements.iter();
        self.fields
            .extend(elements.map(|element| Expected::Lists(name, element)));
        self
    }

    fn lacks(&mut self, name: &'static str) -> &mut Self {
        self.fields.push(Expected::Lacks(name));
        self
    }

    fn leads_to(&mut self, place: impl Into<String>) -> &mut Self {
        self.fields.push(Expected::LeadsTo(place.into()));
        self
    }
}

/// A GET of `/hello.txt` with these further lines, each of which ends itself.
fn with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    let start: &[u8] = b"GET /hello.txt HTTP/1.1\r\nHost: h\r\n";
    [start, lines.as_ref(), b"\r\n"].concat()
}

/// A GET of a path, whatever bytes it is made of.
fn path(path: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET ", path.as_ref(), b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat()
}

/// A request for `/hello.txt` with this body, as it is on the wire.
fn carrying(method: &str, lines: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("{method} /hello.txt HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}
