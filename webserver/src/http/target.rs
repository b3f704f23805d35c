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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name and RFC section; target; path; query; authority.
    type Row<'r> = (&'r str, &'r str, &'r str, Option<&'r str>, Option<&'r str>);

    #[test]
    #[rustfmt::skip]
    fn paths_are_decoded_and_normalised() {
        // Name and RFC section; target; path; whether it ended in a slash.
        let rows: &[(&str, &str, &str, bool)] = &[
            ("root: 9112 §3.2.1", "/", "/", true),
            ("file: 9112 §3.2.1", "/a/b.txt", "/a/b.txt", false),
            ("folder: 9112 §3.2.1", "/a/b/", "/a/b", true),
            ("escape: 3986 §2.1", "/%61%2Eb", "/a.b", false),
            ("escape in lower case: 3986 §2.1", "/%c3%a9", "/é", false),
            ("bytes that are not ASCII, as they are", "/한글", "/한글", false),
            ("the same, escaped: 3986 §2.5", "/%ED%95%9C%EA%B8%80", "/한글", false),
            ("space: 3986 §2.1", "/a%20b", "/a b", false),
            ("plus is a plus: 3986 §3.3", "/a+b", "/a+b", false),
            ("percent: 3986 §2.4", "/100%25", "/100%", false),
            ("decoded once only: 3986 §2.4", "/%2561", "/%61", false),
            ("encoded question mark: 3986 §2.2", "/a%3Fb", "/a?b", false),
            ("encoded hash: 3986 §2.2", "/a%23b", "/a#b", false),
            ("encoded line end: a name may have it", "/a%0D%0Ab", "/a\r\nb", false),
            ("sub-delims: 3986 §3.3", "/a;b=c,d:@!$&'()*", "/a;b=c,d:@!$&'()*", false),
            ("not in the grammar, but sent: 3986 §3.3", "/\"<>^`{|}\\", "/\"<>^`{|}\\", false),
            ("backslash is no slash: 3986 §3.3", "/a\\..\\b", "/a\\..\\b", false),
            ("encoded backslash: 3986 §3.3", "/..%5Ca", "/..\\a", false),
            ("empty segments are merged", "//a///b//", "/a/b", true),
            ("empty first segment is no authority: 9112 §3.2.1", "//example.com/a", "/example.com/a", false),
            ("slashes only", "///", "/", true),
            ("dot: 3986 §5.2.4", "/./a/./b", "/a/b", false),
            ("dot at the end: 3986 §5.2.4", "/a/.", "/a", true),
            ("dot alone: 3986 §5.2.4", "/.", "/", true),
            ("encoded dot: 3986 §6.2.2.2", "/%2e/a/%2E", "/a", true),
            ("hidden file", "/.git/config", "/.git/config", false),
            ("three dots", "/.../a", "/.../a", false),
            ("dots in a name", "/a..b/..c/d..", "/a..b/..c/d..", false),
        ];
        for (row, raw, expected, ends) in rows {
            let Ok(Target::Path { path, query: None, slash, authority: None }) = parse(raw.as_bytes()) else {
                panic!("{row}: {:?}", parse(raw.as_bytes()));
            };
            assert_eq!(String::from_utf8_lossy(&path), *expected, "{row}");
            assert_eq!(slash, *ends, "{row}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn queries_and_authorities_are_taken_off() {
        let rows: &[Row<'_>] = &[
            ("query: 9112 §3.2.1", "/a?b=c", "/a", Some("b=c"), None),
            ("empty query: 3986 §3.4", "/a?", "/a", Some(""), None),
            ("question mark in it: 3986 §3.4", "/a?b?c", "/a", Some("b?c"), None),
            ("slash and dots in it: 3986 §3.4", "/a?/../b", "/a", Some("/../b"), None),
            ("bad escape in it, passed on", "/a?%zz%00", "/a", Some("%zz%00"), None),
            ("absolute: 9112 §3.2.2", "http://a.b/c", "/c", None, Some("a.b")),
            ("absolute, encrypted: 9110 §4.2.2", "https://a.b:443/c/", "/c", None, Some("a.b:443")),
            ("scheme in any case: 3986 §3.1", "HtTp://a.b/c", "/c", None, Some("a.b")),
            ("no path: 9112 §3.2.1", "http://a.b", "/", None, Some("a.b")),
            ("no path but a query: 3986 §3.4", "http://a.b?c", "/", Some("c"), Some("a.b")),
            ("IPv6: 3986 §3.2.2", "http://[::1]:80/c", "/c", None, Some("[::1]:80")),
            ("absolute within the path", "/http://a.b/c", "/http:/a.b/c", None, None),
        ];
        for (row, raw, expected, expected_query, expected_authority) in rows {
            let Ok(Target::Path { path, query, authority, .. }) = parse(raw.as_bytes()) else {
                panic!("{row}: {:?}", parse(raw.as_bytes()));
            };
            assert_eq!(String::from_utf8_lossy(&path), *expected, "{row}");
            assert_eq!(query, expected_query.map(str::as_bytes), "{row}");
            assert_eq!(authority, expected_authority.map(str::as_bytes), "{row}");
        }
        assert_eq!(parse(b"*"), Ok(Target::Asterisk), "asterisk: 9112 §3.2.4");
    }

    #[test]
    #[rustfmt::skip]
    fn other_targets_are_refused() {
        // Name and RFC section; target; fault.
        let rows: &[(&str, &str, Fault)] = &[
            ("dot-dot: 3986 §5.2.4", "/..", Fault::TargetDotDot),
            ("dot-dot inside: 3986 §5.2.4", "/a/../b", Fault::TargetDotDot),
            ("dot-dot at the end: 3986 §5.2.4", "/a/..", Fault::TargetDotDot),
            ("both dots encoded: 3986 §6.2.2.2", "/%2e%2E/a", Fault::TargetDotDot),
            ("first dot encoded: 3986 §6.2.2.2", "/%2e./a", Fault::TargetDotDot),
            ("second dot encoded: 3986 §6.2.2.2", "/.%2e/a", Fault::TargetDotDot),
            ("after empty segments: 3986 §5.2.4", "//..//a", Fault::TargetDotDot),
            ("after a dot: 3986 §5.2.4", "/./../a", Fault::TargetDotDot),
            ("in the absolute form: 3986 §5.2.4", "http://a/../b", Fault::TargetDotDot),
            ("encoded slash: 3986 §2.2", "/a%2Fb", Fault::TargetByte),
            ("encoded slash after dots: 3986 §2.2", "/..%2fa", Fault::TargetByte),
            ("encoded NUL: no name has it", "/a%00", Fault::TargetByte),
            ("NUL before an extension", "/a%00.html", Fault::TargetByte),
            ("escape cut short: 3986 §2.1", "/a%", Fault::TargetEscape),
            ("escape of one digit: 3986 §2.1", "/a%2", Fault::TargetEscape),
            ("escape across segments: 3986 §2.1", "/a%2/e", Fault::TargetEscape),
            ("escape before the query: 3986 §2.1", "/a%2?e", Fault::TargetEscape),
            ("escape that is none: 3986 §2.1", "/%zz", Fault::TargetEscape),
            ("escape with a sign: 3986 §2.1", "/%+1", Fault::TargetEscape),
            ("UTF-16 escape, never standard", "/%u002e", Fault::TargetEscape),
            ("fragment: 9112 §3.2.1", "/a#b", Fault::TargetFragment),
            ("fragment after the query: 9112 §3.2.1", "/a?b#c", Fault::TargetFragment),
            ("fragment in the absolute form: 9112 §3.2.2", "http://a#b", Fault::TargetFragment),
            ("no slash: 9112 §3.2", "a", Fault::TargetForm),
            ("dots without a slash: 9112 §3.2", "../a", Fault::TargetForm),
            ("asterisk and more: 9112 §3.2.4", "*/", Fault::TargetForm),
            ("query alone: 9112 §3.2", "?a", Fault::TargetForm),
            ("authority form: 9112 §3.2.3", "example.com:443", Fault::TargetForm),
            ("other scheme: 9110 §4.2", "ftp://a/b", Fault::TargetForm),
            ("scheme without slashes: 9110 §4.2.1", "http:/a", Fault::TargetForm),
            ("nothing", "", Fault::TargetForm),
            ("no authority: 9110 §4.2.1", "http:///a", Fault::HostMalformed),
            ("scheme alone: 9110 §4.2.1", "http://", Fault::HostMalformed),
            ("user name: 9110 §4.2.4", "http://u:p@a/b", Fault::HostMalformed),
            ("malformed port: 3986 §3.2.3", "http://a:b/c", Fault::HostMalformed),
        ];
        for (row, raw, fault) in rows {
            assert_eq!(parse(raw.as_bytes()), Err(*fault), "{row}");
        }
    }

    #[test]
    fn what_is_normalised_already_is_not_copied() {
        for raw in ["/", "/a", "/a/b.c/", "/a/b?c=%20", "http://a/b"] {
            let target = parse(raw.as_bytes());
            assert!(
                matches!(
                    target,
                    Ok(Target::Path {
                        path: Cow::Borrowed(_),
                        ..
                    })
                ),
                "{raw}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_path_keeps_the_rule(raw in r"/?([./%?#a\\é]|%2[eEfF5]|%0[0a]|\.\./|http://){0,12}") {
            if let Ok(Target::Path { path, .. }) = parse(raw.as_bytes()) {
                let segments: Vec<&[u8]> = path[1..].split(|&byte| byte == b'/').collect();
                prop_assert_eq!(path[0], b'/');
                prop_assert!(!path.contains(&0));
                let special = |segment: &&[u8]| matches!(*segment, b"" | b"." | b"..");
                prop_assert!(&*path == b"/" || !segments.iter().any(special), "{:?}", path);
            }
        }

        #[test]
        fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&raw);
        }

        #[test]
        fn names_come_back_from_their_encoding(
            names in proptest::collection::vec("[^/\0]{1,8}", 1..5), all: bool, slash: bool,
        ) {
            prop_assume!(!names.iter().any(|name| name == "." || name == ".."));
            let mut raw: String = names.iter().map(|name| format!("/{}", encoded(name, all))).collect();
            if slash {
                raw.push('/');
            }
            let path = Cow::Owned(names.iter().flat_map(|name| [b"/", name.as_bytes()].concat()).collect());
            let expected = Target::Path { path, query: None, slash, authority: None };
            prop_assert_eq!(parse(raw.as_bytes()), Ok(expected));
        }
    }

    fn encoded(name: &str, all: bool) -> String {
        let plain = |byte: u8| !all && (byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let encode = |byte: u8| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        };
        name.bytes().map(encode).collect()
    }
}
