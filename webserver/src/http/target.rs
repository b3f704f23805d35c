//! Request targets: what of them names a file, decoded and normalised (RFC 9112 §3.2, RFC 3986).
//!
//! Judged after the method, so that a method that is refused is refused whatever its target. Nothing is looked up:
//! whether a path is a file, is hidden or leads out of the root through a link is for the file side to find out.
//! The query is passed on as it came.
//!
//! Rule: a path begins with `/` and has no empty, `.` or `..` segment and no NUL, and no `/` that came encoded.

use std::borrow::Cow;

use crate::http::fault::Fault;
use crate::http::host;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// `*`: the server as a whole, which only OPTIONS may ask about (RFC 9112 §3.2.4).
    Asterisk,
    /// Something in the tree of files.
    Path {
        /// Decoded and normalised: `/`, or `/name` once or more often. Borrowed if the target was so already.
        path: Cow<'b, [u8]>,
        /// What follows the first `?`, as it came.
        query: Option<&'b [u8]>,
        /// Whether the target ended in a slash, as that of a folder does. Always so for `/`.
        slash: bool,
        /// The authority of the absolute form, which stands in for Host (RFC 9112 §3.2.2).
        authority: Option<&'b [u8]>,
    },
}

/// Reads the target of a request whose method is GET, HEAD or OPTIONS: `*`, the origin form or the absolute form.
///
/// # Errors
/// A [`Fault`] of the target, or [`Fault::HostMalformed`] for the authority of the absolute form.
pub fn parse(raw: &[u8]) -> Result<Target<'_>, Fault> {
    match raw {
        b"*" => Ok(Target::Asterisk),
        [b'/', ..] => origin_form(raw, None),
        _ => absolute_form(raw),
    }
}

/// `http://authority/path?query`; clients send it to proxies, and servers must take it (RFC 9112 §3.2.2).
fn absolute_form(raw: &[u8]) -> Result<Target<'_>, Fault> {
    let scheme_len = ["http://", "https://"]
        .into_iter()
        .find(|scheme| {
            raw.len() >= scheme.len() && raw[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes())
        })
        .map(str::len)
        .ok_or(Fault::TargetForm)?;
    let rest = &raw[scheme_len..];
    let end = rest
        .iter()
        .position(|byte| b"/?#".contains(byte))
        .unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // An empty host is an error here (RFC 9110 §4.2.1), and so is a user name (RFC 9110 §4.2.4): no host has an `@`.
    if authority.is_empty() || !host::is_valid(authority) {
        return Err(Fault::HostMalformed);
    }
    origin_form(rest, Some(authority))
}

/// `/path?query`, where the absolute form may leave the path out.
fn origin_form<'b>(raw: &'b [u8], authority: Option<&'b [u8]>) -> Result<Target<'b>, Fault> {
    if memchr::memchr(b'#', raw).is_some() {
        return Err(Fault::TargetFragment);
    }
    let (path, query) = match memchr::memchr(b'?', raw) {
        Some(at) => (&raw[..at], Some(&raw[at + 1..])),
        None => (raw, None),
    };
    let (path, slash) = if is_plain(path) {
        borrowed(path)
    } else {
        normalised(path)?
    };
    Ok(Target::Path {
        path,
        query,
        slash,
        authority,
    })
}

/// Whether nothing is there to decode or to remove.
fn is_plain(path: &[u8]) -> bool {
    memchr::memchr(b'%', path).is_none()
        && !path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

fn borrowed(path: &[u8]) -> (Cow<'_, [u8]>, bool) {
    match path {
        [] | [b'/'] => (Cow::Borrowed(b"/"), true),
        [name @ .., b'/'] => (Cow::Borrowed(name), true),
        _ => (Cow::Borrowed(path), false),
    }
}

/// Decoded, and without empty and `.` segments. A path that ends in one of them ends in a slash.
fn normalised(raw: &[u8]) -> Result<(Cow<'_, [u8]>, bool), Fault> {
    let mut path = Vec::with_capacity(raw.len());
    let mut slash = true;
    for segment in raw.split(|&byte| byte == b'/').skip(1) {
        let start = path.len();
        path.push(b'/');
        decode(segment, &mut path)?;
        slash = match &path[start..] {
            b"/.." => return Err(Fault::TargetDotDot),
            b"/" | b"/." => true,
            _ => false,
        };
        if slash {
            path.truncate(start);
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Ok((Cow::Owned(path), slash))
}

/// Appends a segment with its `%` escapes resolved (RFC 3986 §2.1).
fn decode(segment: &[u8], path: &mut Vec<u8>) -> Result<(), Fault> {
    let mut rest = segment;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let [high, low, after @ ..] = &rest[at + 1..] else {
            return Err(Fault::TargetEscape);
        };
        let byte = digit(*high)? * 16 + digit(*low)?;
        if matches!(byte, 0 | b'/') {
            return Err(Fault::TargetByte);
        }
        path.extend_from_slice(&rest[..at]);
        path.push(byte);
        rest = after;
    }
    path.extend_from_slice(rest);
    Ok(())
}

fn digit(byte: u8) -> Result<u8, Fault> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(Fault::TargetEscape),
    }
}
