//! `uri-host [ ":" port ]`: the value of Host, and the authority of an absolute target (RFC 9110 §7.2, RFC 3986 §3.2).
//!
//! Names are not resolved or compared here. Zone identifiers (RFC 6874) and addresses of later IP versions
//! (`[v1.x]`) are refused: they mean nothing outside the machine that wrote them, or nothing at all.

use std::net::Ipv6Addr;

/// Whether it is a host with or without a port. Nothing at all is a host too: the target has no authority.
#[must_use]
pub fn is_valid(authority: &[u8]) -> bool {
    let (name, port) = split(authority);
    if !port.iter().all(u8::is_ascii_digit) {
        return false;
    }
    match name {
        [] => authority.is_empty(),
        [b'[', literal @ .., b']'] => {
            std::str::from_utf8(literal).is_ok_and(|literal| literal.parse::<Ipv6Addr>().is_ok())
        }
        _ => is_reg_name(name),
    }
}

/// The host without its port; an IPv6 address keeps its brackets.
#[must_use]
pub fn name(authority: &[u8]) -> &[u8] {
    split(authority).0
}

/// At the first colon that is not inside brackets. The port is empty if there is none.
fn split(authority: &[u8]) -> (&[u8], &[u8]) {
    let from = match authority {
        [b'[', ..] => memchr::memchr(b']', authority).unwrap_or(0),
        _ => 0,
    };
    match memchr::memchr(b':', &authority[from..]) {
        Some(colon) => (&authority[..from + colon], &authority[from + colon + 1..]),
        None => (authority, &[]),
    }
}

/// `reg-name` (RFC 3986 §3.2.2), which every IPv4 address is too.
fn is_reg_name(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => match after {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    after
                }
                _ => return false,
            },
            _ if NAME_BYTES[usize::from(byte)] => after,
            _ => return false,
        };
    }
    true
}

/// `unreserved / sub-delims`.
static NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let byte = at as u8;
        table[at] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || matches!(
                byte,
                b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
            );
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name and RFC section; authority; the host without its port, if it is valid.
    type Row<'r> = (&'r str, &'r [u8], Option<&'r [u8]>);

    #[test]
    #[rustfmt::skip]
    fn hosts_follow_the_grammar() {
        let rows: &[Row<'_>] = &[
            ("name: 3986 §3.2.2", b"example.com", Some(b"example.com")),
            ("name and port: 9110 §7.2", b"example.com:8080", Some(b"example.com")),
            ("nothing: 9110 §7.2", b"", Some(b"")),
            ("empty port: 3986 §3.2.3", b"example.com:", Some(b"example.com")),
            ("trailing dot: 3986 §3.2.2", b"example.com.", Some(b"example.com.")),
            ("underscore: 3986 §2.3", b"my_host", Some(b"my_host")),
            ("sub-delims: 3986 §2.2", b"a!$&'()*+,;=b", Some(b"a!$&'()*+,;=b")),
            ("escape: 3986 §2.1", b"a%2Db", Some(b"a%2Db")),
            ("IPv4: 3986 §3.2.2", b"127.0.0.1:80", Some(b"127.0.0.1")),
            ("IPv6: 3986 §3.2.2", b"[::1]", Some(b"[::1]")),
            ("IPv6 and port: 3986 §3.2.2", b"[2001:db8::1]:8080", Some(b"[2001:db8::1]")),
            ("IPv4 in IPv6: 3986 §3.2.2", b"[::ffff:1.2.3.4]", Some(b"[::ffff:1.2.3.4]")),
            ("port without a host: 9110 §4.2.1", b":80", None),
            ("two ports: 3986 §3.2.3", b"a:80:80", None),
            ("letters for a port: 3986 §3.2.3", b"a:http", None),
            ("signed port: 3986 §3.2.3", b"a:+80", None),
            ("user name: 9110 §4.2.4", b"user@example.com", None),
            ("path: 3986 §3.2", b"example.com/x", None),
            ("space: 3986 §3.2.2", b"a b", None),
            ("list: 9112 §3.2", b"a, b", None),
            ("tab: 3986 §3.2.2", b"a\tb", None),
            ("backslash: 3986 §3.2.2", b"a\\b", None),
            ("not ASCII: 3986 §3.2.2", "한국.kr".as_bytes(), None),
            ("escape cut short: 3986 §2.1", b"a%2", None),
            ("escape that is none: 3986 §2.1", b"a%zz", None),
            ("IPv6 without brackets: 3986 §3.2.2", b"::1", None),
            ("bracket not closed: 3986 §3.2.2", b"[::1", None),
            ("bracket not opened: 3986 §3.2.2", b"::1]", None),
            ("nothing in brackets: 3986 §3.2.2", b"[]", None),
            ("bytes after the bracket: 3986 §3.2.2", b"[::1]x", None),
            ("bytes between bracket and port: 3986 §3.2.2", b"[::1]x:80", None),
            ("IPv4 in brackets: 3986 §3.2.2", b"[127.0.0.1]", None),
            ("zone: 6874, refused", b"[fe80::1%25eth0]", None),
            ("later IP version: 3986 §3.2.2, refused", b"[v1.a]", None),
        ];
        for (row, authority, expected) in rows {
            let found = is_valid(authority).then(|| name(authority));
            assert_eq!(found, *expected, "{row}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_valid_ones_are_plain(authority in r"[a-f0-9:%.\[\]@/-]{0,12}|[\PC]{0,6}") {
            let host = name(authority.as_bytes());
            prop_assert!(authority.as_bytes().starts_with(host));
            if is_valid(authority.as_bytes()) {
                prop_assert!(authority.is_ascii());
                prop_assert!(!authority.contains(['@', '/']));
            }
        }
    }
}
