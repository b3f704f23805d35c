//! Chunked bodies: they end where a plain reading of RFC 9112 §7.1 says, however they come.

use webserver::http::body::{Drain, EXTRAS_LEN, Progress};
use webserver::http::fault::Fault;
use webserver::http::framing::Framing;

use super::cut::Cut;

/// `input` is a plan of pieces ([`Cut`]) and what follows a head with `Transfer-Encoding: chunked`.
///
/// # Panics
/// If the body does not end where it must.
pub fn check(input: &[u8]) {
    let cut = Cut::of(input);
    let whole = drained([cut.stream].into_iter());
    assert_eq!(drained(cut.pieces()), whole, "in pieces");
    assert_eq!(drained(cut.stream.chunks(1)), whole, "byte by byte");
    if let Ok((used, Progress::Done)) = whole {
        let more = [&cut.stream[..used], b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(
            drained([&more[..]].into_iter()),
            whole,
            "with a request behind"
        );
    }
    if cut.stream.len() < EXTRAS_LEN.into() {
        let end = match whole {
            Ok((used, Progress::Done)) => Some(used),
            Ok((_, Progress::More)) | Err(_) => None,
        };
        assert_eq!(end, plain_end(cut.stream), "where it ends");
    }
}

/// Bytes that all chunks may have together.
const CAP: u64 = 300;

fn drained<'i>(pieces: impl Iterator<Item = &'i [u8]>) -> Result<(usize, Progress), Fault> {
    let mut drain = Drain::new(Framing::Chunked, CAP)?.expect("chunks are a body");
    let mut total = 0;
    for piece in pieces {
        let (used, progress) = drain.feed(piece)?;
        assert!(used <= piece.len(), "more than there is");
        total += used;
        if progress == Progress::Done {
            return Ok((total, progress));
        }
        assert_eq!(used, piece.len(), "bytes left over");
    }
    Ok((total, Progress::More))
}

/// Where the body ends if it is whole and well-formed.
fn plain_end(stream: &[u8]) -> Option<usize> {
    let mut rest = stream;
    let mut room = CAP;
    loop {
        let size = chunk_size(line(&mut rest)?)?;
        room = room.checked_sub(size)?;
        if size == 0 {
            break;
        }
        rest = rest.get(usize::try_from(size).ok()?..)?;
        rest = rest.strip_prefix(b"\r\n")?;
    }
    loop {
        match line(&mut rest)? {
            b"" => return Some(stream.len() - rest.len()),
            field if is_field(field) => {}
            _ => return None,
        }
    }
}

/// The next line, which ends in CR LF and has neither before.
fn line<'i>(rest: &mut &'i [u8]) -> Option<&'i [u8]> {
    let at = rest.iter().position(|byte| b"\r\n".contains(byte))?;
    let line = &rest[..at];
    *rest = rest[at..].strip_prefix(b"\r\n")?;
    Some(line)
}

/// `1*HEXDIG chunk-ext`.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let (digits, extension) = split(line, u8::is_ascii_hexdigit);
    if !is_extension(extension) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`.
fn is_extension(mut rest: &[u8]) -> bool {
    let after_blank = |bytes| split(bytes, |byte| b" \t".contains(byte)).1;
    while !rest.is_empty() {
        let [b';', behind @ ..] = after_blank(rest) else {
            return false;
        };
        let (name, behind) = split(after_blank(behind), is_token);
        let value = match after_blank(behind) {
            [b'=', value @ ..] => after_value(after_blank(value)),
            _ => Some(behind),
        };
        match value {
            Some(behind) if !name.is_empty() => rest = behind,
            _ => return false,
        }
    }
    true
}

/// What follows a token or a quoted string.
fn after_value(bytes: &[u8]) -> Option<&[u8]> {
    let [b'"', quoted @ ..] = bytes else {
        let (token, behind) = split(bytes, is_token);
        return (!token.is_empty()).then_some(behind);
    };
    let mut rest = quoted;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', escaped, behind @ ..] if is_text(&[*escaped]) => behind,
            [b'\\', ..] => return None,
            [byte, behind @ ..] if is_text(&[*byte]) => behind,
            _ => return None,
        };
    }
}

/// The bytes in front that are such, and the others.
fn split(bytes: &[u8], is_such: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let len = bytes.iter().take_while(|byte| is_such(byte)).count();
    bytes.split_at(len)
}

/// `name ":" value`, where only the name is of interest.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return false;
    };
    colon > 0 && line[..colon].iter().all(is_token) && is_text(&line[colon..])
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| byte == b'\t' || !byte.is_ascii_control())
}
