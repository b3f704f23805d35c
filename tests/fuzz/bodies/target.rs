//! Request targets: what is accepted means what a plain reading of RFC 3986 says, and names nothing above the root.

use std::borrow::Cow;

use webserver::http::target::{Target, parse};

/// `input` is the target as it stands in a request line.
///
/// # Panics
/// If it is read otherwise than it may be.
pub fn check(input: &[u8]) {
    // The reading of a head lets none of these through.
    if input.iter().any(|byte| *byte <= b' ') {
        return;
    }
    let Ok(Target::Path {
        path,
        query,
        slash,
        authority,
    }) = parse(input)
    else {
        return;
    };
    let (before, after) = halves(input, b'?');
    assert_eq!(query, after, "query");
    let raw = match authority {
        Some(authority) => beyond(before, authority),
        None => before,
    };
    let segments: Vec<Vec<u8>> = raw.split(|&byte| byte == b'/').map(decoded).collect();
    let is_passed_over = |segment: &[u8]| matches!(segment, b"" | b".");
    let names: Vec<&[u8]> = segments
        .iter()
        .map(Vec::as_slice)
        .filter(|segment| !is_passed_over(segment))
        .collect();
    for name in &names {
        assert!(*name != b"..", "a way up");
        assert!(
            !name.contains(&b'/') && !name.contains(&0),
            "a byte of no name"
        );
    }
    let plain = [&b"/"[..], &names.join(&b'/')].concat();
    assert_eq!(*path, plain, "path");
    let ends_in_slash = segments.last().is_none_or(|last| is_passed_over(last));
    assert_eq!(slash, ends_in_slash, "slash");
    check_other_spellings(&plain);
}

/// However a path is spelt, it is the same.
fn check_other_spellings(plain: &[u8]) {
    let mut escaped = Vec::new();
    let mut dotted = Vec::new();
    for &byte in plain {
        match byte {
            b'/' => {
                escaped.push(byte);
                dotted.extend_from_slice(b"//./");
            }
            _ => {
                escaped.extend_from_slice(format!("%{byte:02x}").as_bytes());
                dotted.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
    }
    for spelling in [escaped, dotted] {
        match parse(&spelling) {
            Ok(Target::Path { path, .. }) => {
                assert_eq!(path, Cow::Borrowed(plain), "{}", spelling.escape_ascii());
            }
            other => panic!("{}: {other:?}", spelling.escape_ascii()),
        }
    }
}

/// What stands before and after the first such byte.
fn halves(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|&byte| byte == separator) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

/// What follows `scheme://authority`.
fn beyond<'i>(target: &'i [u8], authority: &[u8]) -> &'i [u8] {
    let scheme_len = target
        .windows(3)
        .position(|window| window == b"://")
        .expect("an authority has a scheme before it")
        + 3;
    target[scheme_len..]
        .strip_prefix(authority)
        .expect("the authority follows the scheme")
}

/// Every escape resolved.
fn decoded(segment: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        if segment[at] == b'%' {
            let digits = std::str::from_utf8(&segment[at + 1..at + 3]).expect("two digits");
            assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            at += 3;
        } else {
            bytes.push(segment[at]);
            at += 1;
        }
    }
    bytes
}
