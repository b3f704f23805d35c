//! What is to be said of all replies on a connection, read back from their bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use webserver::http::field::{Field, FieldSet};
use webserver::http::method::Method;
use webserver::http::request::Persistence;
use webserver::http::status::Status;

use super::exchange::{Answered, Asked, Exchange};
use super::path::holds_marker;
use super::reader::{self, Reply};
use super::scene::Scene;

/// Reads the replies, as many as there were requests, and looks at each of them.
pub(crate) fn judge(scene: &Scene, exchange: &Exchange) {
    let mut rest = &exchange.sent[..];
    let mut open = true;
    for answered in &exchange.answered {
        assert!(open, "a reply after the last");
        let shown = shown(answered);
        let (reply, len) = match Reply::parse(rest, answered.expected) {
            Ok(Some(read)) => read,
            Ok(None) => panic!("{shown}: not whole: {}", rest.escape_ascii()),
            Err(error) => panic!("{shown}: {error}"),
        };
        let (head, behind) = (&rest[..len - reply.body.len()], &rest[len..]);
        assert!(!holds_marker(head), "{shown}: something from outside");
        rest = behind;
        open = !reply.says_close();
        if let Err(error) = reply.check() {
            panic!("{shown}: {error}\n{reply}");
        }
        check_reply(&reply, answered, shown);
        if let Some(asked) = &answered.asked {
            check_meaning(&reply, asked, shown);
        }
        match (reply.field("ETag"), &answered.asked) {
            (Some(tag), Some(asked)) => check_content(scene, &reply, tag, asked, shown),
            // It is no file, so there is nothing to compare it with.
            _ => {
                assert_ne!(reply.status, 206, "{shown}: a part of what?");
                assert!(
                    !holds_marker(&reply.body),
                    "{shown}: something from outside"
                );
            }
        }
    }
    assert!(
        rest.is_empty(),
        "bytes behind the last reply: {}",
        rest.escape_ascii()
    );
}

fn shown(answered: &Answered) -> &str {
    answered
        .asked
        .as_ref()
        .map_or("(no request)", |asked| &asked.shown)
}

/// What is logged of a reply is what was sent, and what it says of the connection is what is done.
fn check_reply(reply: &Reply, answered: &Answered, shown: &str) {
    let known = answered.reply;
    assert_eq!(
        reply.status,
        known.status.code(),
        "{shown}: status\n{reply}"
    );
    assert!(
        Status::ALL
            .iter()
            .any(|status| status.code() == reply.status)
    );
    assert_eq!(
        reply.body.len() as u64,
        known.len,
        "{shown}: length\n{reply}"
    );
    let word = match known.then {
        Persistence::Close => "close",
        Persistence::KeepAlive => "keep-alive",
    };
    assert_eq!(reply.field("Connection"), Some(word), "{shown}\n{reply}");
    if answered.asked.is_none() {
        assert!(reply.status >= 400 && word == "close", "{shown}\n{reply}");
    }
    if let Some(place) = reply.field("Location") {
        assert!(is_uri(place), "{shown}: Location {place:?}");
    }
}

/// Whether every byte may stand in an address (RFC 3986 §2).
fn is_uri(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte))
}

/// Whether the request was one that may be so answered.
fn check_meaning(reply: &Reply, asked: &Asked, shown: &str) {
    let has_any = |fields: &[Field]| asked.seen.has_any(FieldSet::of(fields));
    let is_read = matches!(asked.method, Method::Get | Method::Head);
    let may_be = match reply.status {
        200 | 304 | 308 | 403 | 404 | 412 => is_read,
        204 => asked.method == Method::Options,
        206 | 416 => asked.method == Method::Get && asked.ranges == 1,
        400 | 401 => true,
        405 => asked.method == Method::NotAllowed,
        501 => asked.method == Method::Unknown,
        _ => false,
    };
    let is_asked_for = match reply.status {
        304 => has_any(&[Field::IfNoneMatch, Field::IfModifiedSince]),
        412 => has_any(&[Field::IfMatch, Field::IfUnmodifiedSince]),
        _ => true,
    };
    assert!(may_be && is_asked_for, "{shown}: {}", reply.status);
}

/// Whether the bytes are those of the file that the tag tells of.
fn check_content(scene: &Scene, reply: &Reply, tag: &str, asked: &Asked, shown: &str) {
    let content = scene.content(tag);
    let content = content.unwrap_or_else(|| panic!("{shown}: tag {tag} of no file"));
    let whole = 0..content.len();
    match reply.status {
        200 if asked.method == Method::Head => {
            let len = whole.len().to_string();
            assert_eq!(reply.field("Content-Length"), Some(&*len), "{shown}");
        }
        200 => assert!(reply.body == content, "{shown}: content\n{reply}"),
        206 => check_parts(reply, content, shown),
        304 => {}
        416 => {
            let size = format!("bytes */{}", whole.end);
            assert_eq!(reply.field("Content-Range"), Some(&*size), "{shown}");
        }
        other => panic!("{shown}: a tag with {other}"),
    }
}

/// One part with its place in the head of the reply, or several with theirs before each.
fn check_parts(reply: &Reply, content: &[u8], shown: &str) {
    let kind = reply.field("Content-Type").unwrap_or_default();
    let Some(boundary) = kind.strip_prefix("multipart/byteranges; boundary=") else {
        let place = reply.field("Content-Range").unwrap_or_default();
        let range = place_of(place, content.len());
        assert!(reply.body == content[range], "{shown}: {place}");
        return;
    };
    assert_eq!(reply.field("Content-Range"), None, "{shown}");
    let mut rest = &reply.body[..];
    let mut sent = BTreeSet::new();
    let mut parts = 0;
    loop {
        let start = if parts == 0 { "--" } else { "\r\n--" };
        rest = after(rest, &format!("{start}{boundary}"));
        if rest == b"--\r\n" {
            break;
        }
        rest = after(rest, "\r\nContent-Type: ");
        let end = reader::find(rest, b"\r\n\r\n").expect("the end of the head of a part");
        let head = std::str::from_utf8(&rest[..end]).expect("a head in ASCII");
        let (_, place) = head.split_once("\r\nContent-Range: ").expect("a place");
        let range = place_of(place, content.len());
        rest = &rest[end + 4..];
        let (part, behind) = rest.split_at(range.len());
        assert!(part == &content[range.clone()], "{shown}: {place}");
        for other in &sent {
            let (start, end): (usize, usize) = *other;
            assert!(range.end <= start || end <= range.start, "{shown}: twice");
        }
        sent.insert((range.start, range.end));
        rest = behind;
        parts += 1;
    }
    assert!((2..=16).contains(&parts), "{shown}: {parts} parts");
}

fn after<'b>(bytes: &'b [u8], text: &str) -> &'b [u8] {
    bytes.strip_prefix(text.as_bytes()).unwrap_or_else(|| {
        let start = &bytes[..bytes.len().min(80)];
        panic!("{text:?} expected at {}", start.escape_ascii())
    })
}

/// `bytes 500-999/8000` of a file so long.
fn place_of(value: &str, size: usize) -> Range<usize> {
    let parse = || {
        let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| text.parse::<usize>().ok();
        Some((number(first)?, number(last)?, number(total)?))
    };
    let (first, last, total) = parse().unwrap_or_else(|| panic!("Content-Range {value:?}"));
    assert!(
        first <= last && last < size && total == size,
        "{value:?} of {size}"
    );
    first..last + 1
}
