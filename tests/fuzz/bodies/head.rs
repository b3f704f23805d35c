//! Heads of requests: what is accepted holds what a plain reading finds in it, and more bytes change no verdict.

use webserver::config::Limits;
use webserver::http::fault::Fault;
use webserver::http::field::Field;
use webserver::http::framing::Framing;
use webserver::http::request::{Request, Slots, Version, parse};

/// `input` is what came on a connection.
///
/// # Panics
/// If a head is read otherwise than it may be.
pub fn check(input: &[u8]) {
    let whole = read(input);
    for end in ends(input) {
        let part = read(&input[..end]);
        match (&part, &whole) {
            (Ok(None), Ok(Some((_, len)))) => assert!(end < *len, "not seen at {end}"),
            (Ok(None), Ok(None) | Err(_)) => {}
            (Ok(Some(_)) | Err(_), _) => assert_eq!(part, whole, "after {end} bytes"),
        }
    }
}

/// Small enough that inputs reach them.
fn limits() -> Limits {
    Limits {
        head_len: 512,
        fields: 16,
        ..Limits::default()
    }
}

/// A request in words, and the length of its head.
fn read(bytes: &[u8]) -> Result<Option<(String, usize)>, Fault> {
    let mut slots = Slots::new();
    let found = parse(bytes, &mut slots, &limits())?;
    Ok(found.map(|(request, len)| {
        agrees(&request, &bytes[..len]);
        (format!("{request:?}"), len)
    }))
}

/// Where to cut: everywhere in a short input, in places in a long one.
fn ends(input: &[u8]) -> impl Iterator<Item = usize> {
    (0..input.len()).step_by(input.len() / 256 + 1)
}

/// Compares a request with what stands in its head.
fn agrees(request: &Request<'_, '_>, head: &[u8]) {
    let mut text = head;
    while let Some(rest) = text.strip_prefix(b"\r\n") {
        text = rest;
    }
    let text = text
        .strip_suffix(b"\r\n\r\n")
        .expect("a head ends in an empty line");
    let mut lines = lines(text);
    let request_line = lines.next().expect("a request line");
    let words: Vec<&[u8]> = request_line.split(|&byte| byte == b' ').collect();
    let [method, target, version] = words[..] else {
        panic!("three words: {}", request_line.escape_ascii());
    };
    assert_eq!(request.method_name.as_bytes(), method);
    assert_eq!(request.target, target);
    match version {
        b"HTTP/1.0" => assert_eq!(request.version, Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => {
            assert_eq!(request.version, Version::Http11);
        }
        other => panic!("version {}", other.escape_ascii()),
    }
    let fields: Vec<(&[u8], &[u8])> = lines.map(field).collect();
    for field in Field::ALL {
        let plain = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(field.name().as_bytes()))
            .map(|(_, value)| *value);
        assert!(request.lines(field).eq(plain.clone()), "{field:?}");
        assert_eq!(request.seen.has(field), plain.count() > 0, "{field:?}");
    }
    check_framing(request);
}

/// The lines of a head, which hold no other line ends and no NUL.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = text.windows(2).position(|pair| pair == b"\r\n");
        let line = &text[..at.unwrap_or(text.len())];
        rest = at.map(|at| &text[at + 2..]);
        let is_clean = !line.iter().any(|byte| b"\r\n\0".contains(byte));
        assert!(is_clean, "{}", line.escape_ascii());
        Some(line)
    })
}

/// `token ":" OWS value OWS` (RFC 9112 §5).
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
    let name = &line[..colon];
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    assert!(
        !name.is_empty() && name.iter().all(is_token),
        "name {}",
        name.escape_ascii()
    );
    let value = line[colon + 1..].trim_ascii();
    let is_text = |&byte: &u8| byte == b'\t' || !byte.is_ascii_control();
    assert!(value.iter().all(is_text), "value {}", value.escape_ascii());
    (name, value)
}

/// Nothing was accepted that two readers could take for different messages (RFC 9112 §3.2, §6.3).
fn check_framing(request: &Request<'_, '_>) {
    let count = |field| request.lines(field).count();
    match request.version {
        Version::Http11 => assert_eq!(count(Field::Host), 1, "one Host"),
        Version::Http10 => assert!(count(Field::Host) <= 1, "at most one Host"),
    }
    let lengths = || {
        request
            .lines(Field::ContentLength)
            .flat_map(|line| line.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
    };
    let codings: Vec<&[u8]> = request.lines(Field::TransferEncoding).collect();
    match request.body {
        Framing::None => assert!(lengths().count() == 0 && codings.is_empty()),
        Framing::Chunked => {
            assert!(lengths().count() == 0 && codings.len() == 1);
            assert!(codings[0].trim_ascii().eq_ignore_ascii_case(b"chunked"));
            assert_eq!(request.version, Version::Http11);
        }
        Framing::Length(len) => {
            assert!(codings.is_empty());
            for digits in lengths() {
                assert!(digits.iter().all(u8::is_ascii_digit), "digits");
                let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
                let plain = match &digits[zeros..] {
                    [] => "0".to_owned(),
                    rest => String::from_utf8_lossy(rest).into_owned(),
                };
                assert_eq!(plain, len.to_string());
            }
        }
    }
}
