//! What is told of one request, and the line that tells it. Pure.
//!
//! ```text
//! common    10.0.0.7 - alice [20/Nov/2026:09:39:13 +0000] "GET /a HTTP/1.1" 200 1024
//! combined  … "https://example.org/" "curl/8.14.1"
//! json      {"time":"2026-11-20T09:39:13.007+00:00","client":"10.0.0.7","user":null,"method":"GET","target":"/a", …
//! ```
//!
//! The text forms are those of nginx, its escapes too; what is absent is `-` there and `null` in JSON. All that comes
//! from a client may be any bytes: a line stays one line, does nothing to a terminal, and JSON stays JSON. It knows no
//! limit of its own: a head's length bounds its lines.

use std::net::IpAddr;
use std::time::Duration;

use memchr::memchr;

use crate::access::stamp::Stamp;
use crate::access::text::{push_addr, push_escaped, push_json, push_number, push_word};
use crate::config::AccessFormat;

/// What is told of one request.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Who asked; `None` over a Unix socket.
    pub client: Option<IpAddr>,
    /// The user who signed in.
    pub user: Option<&'a [u8]>,
    /// What was asked for.
    pub asked: Asked<'a>,
    /// The status code of the reply.
    pub status: u16,
    /// Bytes of the reply's content that were sent.
    pub sent: u64,
    /// The Referer field.
    pub referer: Option<&'a [u8]>,
    /// The User-Agent field.
    pub agent: Option<&'a [u8]>,
    /// The Host field.
    pub host: Option<&'a [u8]>,
    /// From the request's last byte to the reply's.
    pub elapsed: Duration,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// A request's method and target as they came, and its version.
    Request {
        /// Its method.
        method: &'a str,
        /// Its target.
        target: &'a [u8],
        /// Its version.
        version: &'a str,
    },
    /// No request: the first line of what came instead, see [`first_line`]; empty if nothing came.
    Line(&'a [u8]),
}

impl Record<'_> {
    /// Appends the line, its `\n` included.
    pub fn append(&self, format: AccessFormat, stamp: &Stamp, out: &mut Vec<u8>) {
        match format {
            AccessFormat::Common => self.append_common(stamp, out),
            AccessFormat::Combined => {
                self.append_common(stamp, out);
                out.push(b' ');
                push_quoted(out, self.referer.unwrap_or_default());
                out.push(b' ');
                push_quoted(out, self.agent.unwrap_or_default());
            }
            AccessFormat::Json => self.append_json(stamp, out),
        }
        out.push(b'\n');
    }

    fn append_common(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        self.push_client(out);
        match self.user {
            Some(user) if !user.is_empty() => {
                out.extend_from_slice(b" - ");
                push_word(out, user);
                out.push(b' ');
            }
            _ => out.extend_from_slice(b" - - "),
        }
        stamp.push_text(out);
        out.push(b' ');
        match self.asked {
            Asked::Request {
                method,
                target,
                version,
            } => {
                out.push(b'"');
                push_escaped(out, method.as_bytes());
                out.push(b' ');
                push_escaped(out, target);
                out.push(b' ');
                push_escaped(out, version.as_bytes());
                out.push(b'"');
            }
            Asked::Line(line) => push_quoted(out, line),
        }
        out.push(b' ');
        push_number(out, self.status.into());
        out.push(b' ');
        push_number(out, self.sent);
    }

    fn append_json(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        let (method, target, version) = match self.asked {
            Asked::Request {
                method,
                target,
                version,
            } => (
                Some(method.as_bytes()),
                Some(target),
                Some(version.as_bytes()),
            ),
            Asked::Line(line) => (None, Some(line).filter(|line| !line.is_empty()), None),
        };
        out.extend_from_slice(b"{\"time\":\"");
        stamp.push_rfc3339(out);
        out.extend_from_slice(b"\",\"client\":\"");
        self.push_client(out);
        out.push(b'"');
        push_member(out, "user", self.user);
        push_member(out, "method", method);
        push_member(out, "target", target);
        push_member(out, "version", version);
        out.extend_from_slice(b",\"status\":");
        push_number(out, self.status.into());
        out.extend_from_slice(b",\"sent\":");
        push_number(out, self.sent);
        push_member(out, "referer", self.referer);
        push_member(out, "agent", self.agent);
        push_member(out, "host", self.host);
        out.extend_from_slice(b",\"elapsed\":");
        push_secs(out, self.elapsed);
        out.push(b'}');
    }

    fn push_client(&self, out: &mut Vec<u8>) {
        match self.client {
            Some(addr) => push_addr(out, addr),
            None => out.extend_from_slice(b"unix:"),
        }
    }
}

/// The first line that is not empty of the bytes that came instead of a request, without its line end. It is cut where
/// it is longer than is of use.
#[must_use]
pub fn first_line(head: &[u8]) -> &[u8] {
    let begin = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let line = &head[begin.unwrap_or(head.len())..];
    let line = memchr(b'\n', line).map_or(line, |end| &line[..end]);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    &line[..line.len().min(FIRST_LINE_LEN)]
}

/// Bytes of the first line of what is no request that are written.
const FIRST_LINE_LEN: usize = 512;

fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if text.is_empty() {
        out.push(b'-');
    } else {
        push_escaped(out, text);
    }
    out.push(b'"');
}

fn push_member(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    match value {
        Some(value) => push_json(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Seconds with six decimals.
fn push_secs(out: &mut Vec<u8>, time: Duration) {
    push_number(out, time.as_secs());
    // The digit in front keeps the zeros, and the point takes its place.
    let at = out.len();
    push_number(out, 1_000_000 + u64::from(time.subsec_micros()));
    out[at] = b'.';
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const RECORD: Record<'static> = Record {
        client: Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7))),
        user: None,
        asked: request(b"/a?b"),
        status: 200,
        sent: 1024,
        referer: None,
        agent: Some(b"curl/8.14.1"),
        host: Some(b"example.org"),
        elapsed: Duration::from_micros(1_000_042),
    };

    const fn request(target: &[u8]) -> Asked<'_> {
        Asked::Request {
            method: "GET",
            target,
            version: "HTTP/1.1",
        }
    }

    #[test]
    fn text_lines() {
        let rows = [
            (
                "as usual",
                RECORD,
                r#"10.0.0.7 - - [T] "GET /a?b HTTP/1.1" 200 1024 "-" "curl/8.14.1""#,
            ),
            (
                "with all there is",
                Record {
                    user: Some(b"alice"),
                    referer: Some(b"https://a/"),
                    ..RECORD
                },
                r#"10.0.0.7 - alice [T] "GET /a?b HTTP/1.1" 200 1024 "https://a/" "curl/8.14.1""#,
            ),
            (
                "with none of it",
                Record {
                    client: None,
                    asked: Asked::Line(b""),
                    status: 408,
                    sent: 0,
                    agent: None,
                    ..RECORD
                },
                r#"unix: - - [T] "-" 408 0 "-" "-""#,
            ),
            (
                "empty fields",
                Record {
                    user: Some(b""),
                    referer: Some(b""),
                    agent: Some(b""),
                    ..RECORD
                },
                r#"10.0.0.7 - - [T] "GET /a?b HTTP/1.1" 200 1024 "-" "-""#,
            ),
            (
                "a forged target",
                Record {
                    asked: request(b"/\" 200 5 \""),
                    ..RECORD
                },
                r#"10.0.0.7 - - [T] "GET /\x22 200 5 \x22 HTTP/1.1" 200 1024 "-" "curl/8.14.1""#,
            ),
            (
                "forged",
                Record {
                    user: Some(b"a b\n"),
                    asked: Asked::Line(b"\x16\x03\x01\" 200 \n"),
                    status: 400,
                    agent: Some(b"\x1b]0;x\x07\\"),
                    ..RECORD
                },
                r#"10.0.0.7 - a\x20b\x0A [T] "\x16\x03\x01\x22 200 \x0A" 400 1024 "-" "\x1B]0;x\x07\x5C""#,
            ),
        ];
        for (name, record, combined) in rows {
            assert_eq!(shown(&record, AccessFormat::Combined), combined, "{name}");
            let common = shown(&record, AccessFormat::Common);
            assert!(combined.starts_with(&common), "{name}: {common}");
            assert_eq!(common.matches('"').count(), 2, "{name}: {common}");
        }
    }

    #[test]
    fn json_lines() {
        let rows = [
            (
                "as usual",
                RECORD,
                r#"{"time":"T","client":"10.0.0.7","user":null,"method":"GET","target":"/a?b","version":"HTTP/1.1","status":200,"sent":1024,"referer":null,"agent":"curl/8.14.1","host":"example.org","elapsed":1.000042}"#,
            ),
            (
                "no request",
                Record {
                    client: None,
                    asked: Asked::Line(b""),
                    agent: None,
                    host: None,
                    elapsed: Duration::ZERO,
                    ..RECORD
                },
                r#"{"time":"T","client":"unix:","user":null,"method":null,"target":null,"version":null,"status":200,"sent":1024,"referer":null,"agent":null,"host":null,"elapsed":0.000000}"#,
            ),
            (
                "forged",
                Record {
                    asked: request(b"/\"\n\xff x"),
                    user: Some("값".as_bytes()),
                    ..RECORD
                },
                r#"{"time":"T","client":"10.0.0.7","user":"값","method":"GET","target":"/\"\n\\xFF x","version":"HTTP/1.1","status":200,"sent":1024,"referer":null,"agent":"curl/8.14.1","host":"example.org","elapsed":1.000042}"#,
            ),
            (
                "no request line",
                Record {
                    asked: Asked::Line(b"GET /"),
                    ..RECORD
                },
                r#"{"time":"T","client":"10.0.0.7","user":null,"method":null,"target":"GET /","version":null,"status":200,"sent":1024,"referer":null,"agent":"curl/8.14.1","host":"example.org","elapsed":1.000042}"#,
            ),
        ];
        for (name, record, expected) in rows {
            let json = shown(&record, AccessFormat::Json);
            assert_eq!(json, expected, "{name}");
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["sent"], 1024, "{name}");
        }
    }

    #[test]
    fn the_request_line_is_found() {
        let rows: [(&str, &[u8], &[u8]); 8] = [
            (
                "in a head",
                b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                b"GET / HTTP/1.1",
            ),
            (
                "after empty lines",
                b"\r\n\r\nGET / HTTP/1.1\r\n",
                b"GET / HTTP/1.1",
            ),
            ("a bare line feed", b"GET /\nHost: a", b"GET /"),
            ("half of it", b"GET /ab", b"GET /ab"),
            ("a return within", b"GET\r/\r\n", b"GET\r/"),
            ("only one return is the end", b"GET /\r\r\n", b"GET /\r"),
            ("empty lines alone", b"\r\n\r\n", b""),
            ("nothing", b"", b""),
        ];
        for (name, head, expected) in rows {
            assert_eq!(first_line(head), expected, "{name}");
        }
        assert_eq!(first_line(&[b'x'; 16_384]).len(), FIRST_LINE_LEN);
    }

    /// The line without its end, and with `T` for the time.
    fn shown(record: &Record<'_>, format: AccessFormat) -> String {
        let stamp = Stamp::at(SystemTime::UNIX_EPOCH);
        let mut out = b"before".to_vec();
        record.append(format, &stamp, &mut out);
        let line = String::from_utf8(out).unwrap();
        let line = line
            .strip_prefix("before")
            .and_then(|line| line.strip_suffix('\n'));
        let mut time = Vec::new();
        stamp.push_rfc3339(&mut time);
        let (json, mut text) = (String::from_utf8(time).unwrap(), Vec::new());
        stamp.push_text(&mut text);
        let text = String::from_utf8(text).unwrap();
        line.unwrap().replace(&text, "[T]").replace(&json, "T")
    }
}
