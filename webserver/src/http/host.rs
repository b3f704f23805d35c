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
