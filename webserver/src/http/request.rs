//! Request heads: bytes in, a [`Request`] out, whose framing is certain or which is refused.
//!
//! The only module that names `httparse`, which finds the parts; what it lets pass and RFC 9112 does not is refused
//! here: bare LF, and everything about Host, Content-Length, Transfer-Encoding and Expect. The body's bytes are not
//! looked at ([`crate::http::body`]), nor what the target means ([`crate::http::target`]).
//!
//! Rule: the outcome depends on the bytes up to the end of the head only. More bytes never turn a refusal into a
//! request, or one refusal into another, so a head may come in any pieces.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Error, Header, Status};

use crate::config::{Limits, MAX_FIELDS};
use crate::http::fault::Fault;
use crate::http::field::{Field, FieldSet};
use crate::http::framing::{self, Framing, elements};
use crate::http::host;
use crate::http::method::Method;

/// One request's head. Everything in it borrows from the bytes it was read from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'h, 'b> {
    /// What is asked for.
    pub method: Method,
    /// The method as it was spelt.
    pub method_name: &'b str,
    /// The version that the client speaks.
    pub version: Version,
    /// The target as it came: not decoded, not judged, never empty.
    pub target: &'b [u8],
    /// The value of Host, valid. Empty if it was, and if HTTP/1.0 came without.
    pub host: &'b [u8],
    /// Whether the client wants to send more requests.
    pub connection: Persistence,
    /// What follows the head.
    pub body: Framing,
    /// Whether the client waits for word before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// Which fields came.
    pub seen: FieldSet,
    fields: &'h [Header<'b>],
}

impl<'b> Request<'_, 'b> {
    /// The values of all lines of a field, in order, without the white space around them.
    pub fn lines(&self, field: Field) -> impl Iterator<Item = &'b [u8]> + Clone {
        let fields = if self.seen.has(field) {
            self.fields
        } else {
            &[]
        };
        fields
            .iter()
            .filter(move |line| field.is_named(line.name))
            .map(|line| line.value)
    }

    /// The value of the first line of a field.
    #[must_use]
    pub fn line(&self, field: Field) -> Option<&'b [u8]> {
        self.lines(field).next()
    }
}

/// The version that a client speaks. Later minor versions of HTTP/1 are taken for the last one known (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    /// As it is spelt in a request line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// Whether a connection outlives a reply (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Further requests may follow.
    KeepAlive,
    /// The reply is the last.
    Close,
}

/// Room for the fields of one request. Making it costs nothing: it is not filled before it is needed.
#[derive(Debug)]
pub struct Slots<'b> {
    room: [MaybeUninit<Header<'b>>; MAX_FIELDS],
    /// For the second look at a head of a later minor version, since the first is borrowed until the request is gone.
    second: [MaybeUninit<Header<'b>>; MAX_FIELDS],
}

impl Slots<'_> {
    /// Empty room.
    #[must_use]
    #[inline]
    pub fn new() -> Self {
        Self {
            room: [MaybeUninit::uninit(); MAX_FIELDS],
            second: [MaybeUninit::uninit(); MAX_FIELDS],
        }
    }
}

impl Default for Slots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one head from the front of `bytes`: the request and the head's length, or nothing if it is not whole yet.
///
/// Empty lines in front are passed over (RFC 9112 §2.2): part of the length, but not of what is bounded.
///
/// # Errors
/// A [`Fault`] as soon as the bytes show one.
pub fn parse<'h, 'b>(
    bytes: &'b [u8],
    slots: &'h mut Slots<'b>,
    limits: &Limits,
) -> Result<Option<(Request<'h, 'b>, usize)>, Fault> {
    let start = empty_lines_len(bytes);
    let rest = &bytes[start..];
    let window = &rest[..rest.len().min(limits.head_len)];
    if window.first() == Some(&b'\n') {
        return Err(Fault::LineEnd);
    }
    match find(window, slots, limits.fields.min(MAX_FIELDS))? {
        Some(head) => Ok(Some((judge(&head, &window[..head.len])?, start + head.len))),
        None if window.len() < limits.head_len => Ok(None),
        None if memchr::memchr(b'\n', window).is_none() => Err(Fault::TargetTooLong),
        None => Err(Fault::HeadTooLong),
    }
}

/// How many bytes of empty lines come first.
pub(crate) fn empty_lines_len(bytes: &[u8]) -> usize {
    bytes
        .chunks_exact(2)
        .take_while(|pair| pair == b"\r\n")
        .count()
        * 2
}

/// The parts of a head, found but not judged.
struct Parts<'h, 'b> {
    method: &'b str,
    target: &'b str,
    version: Version,
    fields: &'h [Header<'b>],
    len: usize,
}

fn find<'h, 'b>(
    window: &'b [u8],
    slots: &'h mut Slots<'b>,
    fields: usize,
) -> Result<Option<Parts<'h, 'b>>, Fault> {
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(window, &mut slots.room[..fields]) {
        Ok(Status::Complete(len)) => Ok(Some(Parts {
            method: parsed.method.unwrap_or_default(),
            target: parsed.path.unwrap_or_default(),
            version: if parsed.version == Some(0) {
                Version::Http10
            } else {
                Version::Http11
            },
            fields: parsed.headers,
            len,
        })),
        Ok(Status::Partial) => Ok(None),
        Err(Error::Version) => {
            let method = parsed.method.unwrap_or_default();
            let target = parsed.path.unwrap_or_default();
            find_later(window, method, target, &mut slots.second[..fields])
        }
        Err(error) => Err(fault(error)),
    }
}

/// The parts of a head whose version is none of the two that are known. Versions 1.2 to 1.9 are read as 1.1.
#[cold]
fn find_later<'h, 'b>(
    window: &'b [u8],
    method: &'b str,
    target: &'b str,
    room: &'h mut [MaybeUninit<Header<'b>>],
) -> Result<Option<Parts<'h, 'b>>, Fault> {
    let version_at = offset(window, target) + target.len() + " ".len();
    let after = match window[version_at..] {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major,
            b'.',
            minor,
            ref after @ ..,
        ] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            if major != b'1' {
                return Err(Fault::Version);
            }
            after
        }
        ref short if is_version_start(short) => return Ok(None),
        _ => return Err(Fault::RequestLine),
    };
    let lines = match after {
        [b'\r', b'\n', lines @ ..] => lines,
        [] | [b'\r'] => return Ok(None),
        _ => return Err(Fault::LineEnd),
    };
    let room = room.write_copy_of_slice(&[EMPTY_HEADER; MAX_FIELDS][..room.len()]);
    match httparse::parse_headers(lines, room) {
        Ok(Status::Complete((len, fields))) => {
            let len = window.len() - lines.len() + len;
            Ok(Some(Parts {
                method,
                target,
                version: Version::Http11,
                fields,
                len,
            }))
        }
        Ok(Status::Partial) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

/// Whether a version word may yet come of these bytes.
fn is_version_start(bytes: &[u8]) -> bool {
    let pattern = b"HTTP/d.d";
    bytes.len() < pattern.len()
        && bytes
            .iter()
            .zip(pattern)
            .all(|(byte, expected)| match expected {
                b'd' => byte.is_ascii_digit(),
                _ => byte == expected,
            })
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Token | Error::Status | Error::Version => Fault::RequestLine,
        Error::NewLine => Fault::LineEnd,
        Error::HeaderName => Fault::FieldName,
        Error::HeaderValue => Fault::FieldValue,
        Error::TooManyHeaders => Fault::TooManyFields,
    }
}

/// Where in `bytes` a part of them stands.
fn offset(bytes: &[u8], part: &str) -> usize {
    part.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr())
}

/// Turns a found head into a request, or refuses it.
fn judge<'h, 'b>(parts: &Parts<'h, 'b>, head: &[u8]) -> Result<Request<'h, 'b>, Fault> {
    let mut request = Request {
        method: Method::of(parts.method),
        method_name: parts.method,
        version: parts.version,
        target: parts.target.as_bytes(),
        host: &[],
        connection: Persistence::Close,
        body: Framing::None,
        expects_continue: false,
        seen: FieldSet::default(),
        fields: parts.fields,
    };
    let mut wishes = Wishes::default();
    for line in parts.fields {
        // A line end stands before every name, and two at the end: if each has its CR, no bare LF was let pass.
        if head.get(offset(head, line.name).wrapping_sub(2)) != Some(&b'\r') {
            return Err(Fault::LineEnd);
        }
        let Some(field) = Field::of(line.name) else {
            continue;
        };
        if field == Field::Host {
            if request.seen.has(Field::Host) {
                return Err(Fault::HostRepeated);
            }
            request.host = line.value;
        } else if field == Field::Connection {
            wishes.read(line.value);
        }
        request.seen.insert(field);
    }
    if !head.ends_with(b"\r\n\r\n") {
        return Err(Fault::LineEnd);
    }
    check_host(&request)?;
    request.connection = wishes.persistence(request.version);
    if request.seen.has_any(RARE) {
        request.body = body(&request)?;
        request.expects_continue = expectation(&request)?;
    }
    Ok(request)
}

/// What ordinary requests come without.
const RARE: FieldSet =
    FieldSet::of(&[Field::ContentLength, Field::TransferEncoding, Field::Expect]);

fn check_host(request: &Request<'_, '_>) -> Result<(), Fault> {
    if !request.seen.has(Field::Host) && request.version == Version::Http11 {
        return Err(Fault::HostMissing);
    }
    if host::is_valid(request.host) {
        Ok(())
    } else {
        Err(Fault::HostMalformed)
    }
}

/// What the lines of Connection say about persistence (RFC 9112 §9.3).
#[derive(Default)]
struct Wishes {
    close: bool,
    keep_alive: bool,
}

impl Wishes {
    fn read(&mut self, value: &[u8]) {
        for option in elements(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn persistence(&self, version: Version) -> Persistence {
        match version {
            _ if self.close => Persistence::Close,
            Version::Http10 if !self.keep_alive => Persistence::Close,
            Version::Http10 | Version::Http11 => Persistence::KeepAlive,
        }
    }
}

/// What follows the head (RFC 9112 §6.3, its cases for requests).
fn body(request: &Request<'_, '_>) -> Result<Framing, Fault> {
    let seen = request.seen;
    match (
        seen.has(Field::TransferEncoding),
        seen.has(Field::ContentLength),
    ) {
        (true, true) => Err(Fault::LengthAndCoding),
        (true, false) if request.version == Version::Http10 => Err(Fault::CodingInHttp10),
        (true, false) => framing::coding(request.lines(Field::TransferEncoding)),
        (false, true) => framing::length(request.lines(Field::ContentLength)),
        (false, false) => Ok(Framing::None),
    }
}

/// Whether word is awaited before the body is sent. HTTP/1.0 cannot await it (RFC 9110 §10.1.1).
fn expectation(request: &Request<'_, '_>) -> Result<bool, Fault> {
    let mut awaited = false;
    for wish in request.lines(Field::Expect).flat_map(elements) {
        if !wish.is_empty() && !wish.eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::Expectation);
        }
        awaited |= !wish.is_empty();
    }
    Ok(awaited && request.version == Version::Http11)
}

#[cfg(test)]
mod tests;
