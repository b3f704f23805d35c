//! Writes the heads of replies: bytes after bytes, into a buffer that is used again and again.
//!
//! Which fields a reply has is decided elsewhere ([`crate::respond`]), and so is that their values hold no line end.
//! Nothing here allocates once the buffer has grown.
//!
//! ```text
//! DateLine::start   HTTP/1.1 200 OK
//!                   Date: Sun, 06 Nov 1994 08:49:37 GMT
//! put…              Content-Type: text/html; charset=utf-8
//!                   Content-Length: 1024
//! end               Connection: keep-alive
//!                   (an empty line)
//! ```

use crate::http::date::HttpDate;
use crate::http::range::ByteRange;
use crate::http::request::Persistence;
use crate::http::status::Status;

/// The first two lines of a reply, prepared once a second for the replies that are sent most.
#[derive(Clone, Debug)]
pub struct DateLine {
    now: HttpDate,
    starts: [Start; PREPARED.len()],
}

/// The statuses of which there are many in a second.
const PREPARED: [Status; 4] = [
    Status::Ok,
    Status::NotModified,
    Status::NotFound,
    Status::PartialContent,
];

/// A status line and a `Date` that need only be copied.
#[derive(Clone, Copy, Debug)]
struct Start {
    bytes: [u8; START_LEN],
    len: usize,
}

/// The longest of the prepared status lines, and `Date: …` with its line end.
const START_LEN: usize = "HTTP/1.1 206 Partial Content\r\n".len() + DATE_FIELD_LEN;
const DATE_FIELD_LEN: usize = "Date: ".len() + HttpDate::LEN + "\r\n".len();

impl DateLine {
    /// Prepared for replies that are sent now.
    #[must_use]
    pub fn new(now: HttpDate) -> Self {
        Self {
            now,
            starts: PREPARED.map(|status| Start::new(status, now)),
        }
    }

    /// Brings it up to date; the work is done once a second at most.
    pub fn refresh(&mut self, now: HttpDate) {
        if now != self.now {
            *self = Self::new(now);
        }
    }

    /// The `Date` of the replies.
    #[must_use]
    pub fn now(&self) -> HttpDate {
        self.now
    }

    /// Begins a head: the status line and `Date` (RFC 9110 §6.6.1).
    pub fn start(&self, out: &mut Vec<u8>, status: Status) {
        match PREPARED.iter().position(|prepared| *prepared == status) {
            Some(place) => out.extend_from_slice(self.starts[place].as_bytes()),
            None => {
                out.extend_from_slice(status.line().as_bytes());
                put_date(out, "Date", self.now);
            }
        }
    }
}

impl Start {
    fn new(status: Status, now: HttpDate) -> Self {
        let mut start = Self {
            bytes: [0; START_LEN],
            len: 0,
        };
        for piece in [
            status.line().as_bytes(),
            b"Date: ",
            &now.to_bytes(),
            b"\r\n",
        ] {
            start.bytes[start.len..][..piece.len()].copy_from_slice(piece);
            start.len += piece.len();
        }
        start
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// One field.
pub fn put(out: &mut Vec<u8>, name: &str, value: impl AsRef<[u8]>) {
    let value = value.as_ref();
    debug_assert!(
        !value.iter().any(|byte| b"\r\n\0".contains(byte)),
        "a value is one line"
    );
    put_name(out, name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// One field whose value is a number.
pub fn put_number(out: &mut Vec<u8>, name: &str, value: u64) {
    put(out, name, itoa::Buffer::new().format(value));
}

/// One field whose value is a date.
pub fn put_date(out: &mut Vec<u8>, name: &str, value: HttpDate) {
    put(out, name, value.to_bytes());
}

/// `Content-Length` (RFC 9110 §8.6).
pub fn content_length(out: &mut Vec<u8>, len: u64) {
    put_number(out, "Content-Length", len);
}

/// `Content-Range: bytes 500-999/8000`, of a part that is sent (RFC 9110 §14.4).
pub fn content_range(out: &mut Vec<u8>, range: ByteRange, size: u64) {
    put_name(out, "Content-Range");
    out.extend_from_slice(b"bytes ");
    for (number, after) in [
        (range.start, &b"-"[..]),
        (range.end() - 1, b"/"),
        (size, b"\r\n"),
    ] {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        out.extend_from_slice(after);
    }
}

/// `Content-Range: bytes */8000`, of a 416 (RFC 9110 §15.5.17).
pub fn no_content_range(out: &mut Vec<u8>, size: u64) {
    put_name(out, "Content-Range");
    out.extend_from_slice(b"bytes */");
    out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Ends a head. Clients of HTTP/1.0 need to be told that the connection stays, all others that it does not
/// (RFC 9112 §9.3); everyone is told what is the case.
pub fn end(out: &mut Vec<u8>, connection: Persistence) {
    let lines = match connection {
        Persistence::KeepAlive => "Connection: keep-alive\r\n\r\n",
        Persistence::Close => "Connection: close\r\n\r\n",
    };
    out.extend_from_slice(lines.as_bytes());
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn every_status_begins_with_its_line_and_the_date() {
        let mut line = DateLine::new(HttpDate::from_secs(0));
        for date in [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:01 GMT",
        ] {
            for status in Status::ALL {
                let expected = format!("{}Date: {date}\r\n", status.line());
                assert_eq!(written(|out| line.start(out, status)), expected);
            }
            line.refresh(HttpDate::from_secs(line.now().secs() + 1));
        }
    }

    #[test]
    fn fields_are_written() {
        let range = |start, len| ByteRange { start, len };
        let rows = [
            (
                "text",
                written(|out| put(out, "Vary", "Accept-Encoding")),
                "Vary: Accept-Encoding\r\n",
            ),
            (
                "bytes",
                written(|out| put(out, "ETag", br#""a-1""#)),
                "ETag: \"a-1\"\r\n",
            ),
            ("empty", written(|out| put(out, "Vary", "")), "Vary: \r\n"),
            (
                "date",
                written(|out| put_date(out, "Last-Modified", HttpDate::from_secs(0))),
                "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
            ),
            (
                "length",
                written(|out| content_length(out, 0)),
                "Content-Length: 0\r\n",
            ),
            (
                "longest",
                written(|out| content_length(out, u64::MAX)),
                "Content-Length: 18446744073709551615\r\n",
            ),
            // RFC 9110 §14.4, its examples
            (
                "range",
                written(|out| content_range(out, range(42, 1192), 1234)),
                "Content-Range: bytes 42-1233/1234\r\n",
            ),
            (
                "one byte",
                written(|out| content_range(out, range(0, 1), 1)),
                "Content-Range: bytes 0-0/1\r\n",
            ),
            (
                "no range",
                written(|out| no_content_range(out, 1234)),
                "Content-Range: bytes */1234\r\n",
            ),
            (
                "stays",
                written(|out| end(out, Persistence::KeepAlive)),
                "Connection: keep-alive\r\n\r\n",
            ),
            (
                "closes",
                written(|out| end(out, Persistence::Close)),
                "Connection: close\r\n\r\n",
            ),
        ];
        for (name, found, expected) in rows {
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "a value is one line")]
    #[cfg(debug_assertions)]
    fn a_value_with_a_line_end_is_a_mistake() {
        put(&mut Vec::new(), "Location", "/\r\nX: y");
    }

    proptest! {
        #[test]
        fn any_range_is_written(start in 0..1_u64 << 62, len in 1..1_u64 << 62, size in any::<u64>()) {
            let line = written(|out| content_range(out, ByteRange { start, len }, size));
            let expected = format!("Content-Range: bytes {start}-{}/{size}\r\n", start + len - 1);
            prop_assert_eq!(line, expected);
        }
    }
}
