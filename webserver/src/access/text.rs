//! The parts of a line, appended to bytes: foreign text made harmless, addresses and numbers without the formatting
//! machinery, which would take longer than the rest of the line.

use std::net::{IpAddr, Ipv6Addr};

use common::quote;

/// Appends text as nginx does in its log: what is not printable ASCII, and `"` and `\`, as `\xHH`.
pub(super) fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        out.extend_from_slice(text);
    } else {
        push_escaping(out, text, 0x1f);
    }
}

/// Appends text that has to stay one word: spaces are escaped too.
pub(super) fn push_word(out: &mut Vec<u8>, text: &[u8]) {
    push_escaping(out, text, b' ');
}

/// Appends a JSON string. Bytes that are not UTF-8 are written as `\xHH` in the text that the string stands for.
pub(super) fn push_json(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    let mut valid = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        valid.push_str(chunk.valid());
        for &byte in chunk.invalid() {
            valid.extend(hex(byte).map(char::from));
        }
    }
    let mut json = String::with_capacity(valid.len() + 16);
    quote::push_json(&mut json, &valid);
    out.extend_from_slice(json.as_bytes());
}

/// Appends an address; an IPv4 client of an IPv6 socket as what it is. The form of IPv6 is that of RFC 5952.
pub(super) fn push_addr(out: &mut Vec<u8>, addr: IpAddr) {
    match addr.to_canonical() {
        IpAddr::V4(addr) => {
            let [first, rest @ ..] = addr.octets();
            push_number(out, first.into());
            for octet in rest {
                out.push(b'.');
                push_number(out, octet.into());
            }
        }
        IpAddr::V6(addr) => push_ipv6(out, addr),
    }
}

pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whether nothing in a text need be escaped. Looks at all of it, which the compiler turns into a few wide
/// instructions; to stop at the first would take longer.
fn is_plain(text: &[u8]) -> bool {
    let harmful = text.iter().fold(0_u8, |found, &byte| {
        let outside = u8::from(byte.wrapping_sub(0x20) > 0x5e);
        found | outside | u8::from(byte == b'"') | u8::from(byte == b'\\')
    });
    harmful == 0
}

/// Escapes also the bytes up to `last`.
fn push_escaping(out: &mut Vec<u8>, text: &[u8], last: u8) {
    for &byte in text {
        if byte <= last || matches!(byte, b'"' | b'\\' | 0x7f..) {
            out.extend_from_slice(&hex(byte));
        } else {
            out.push(byte);
        }
    }
}

/// `\xHH`
fn hex(byte: u8) -> [u8; 4] {
    let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
    [b'\\', b'x', digit(byte >> 4), digit(byte & 0xf)]
}

fn push_ipv6(out: &mut Vec<u8>, addr: Ipv6Addr) {
    let segments = addr.segments();
    let zeros = longest_zeros(&segments);
    let mut index = 0;
    while index < segments.len() {
        if index == zeros.0 {
            out.extend_from_slice(b"::");
            index += zeros.1;
            continue;
        }
        if index > 0 && index != zeros.0 + zeros.1 {
            out.push(b':');
        }
        push_segment(out, segments[index]);
        index += 1;
    }
}

/// Where the first of the longest runs of at least two zeros begins, and its length; past the end if there is none.
fn longest_zeros(segments: &[u16; 8]) -> (usize, usize) {
    let mut longest = (segments.len(), 1);
    let mut run = 0;
    for (index, &segment) in segments.iter().enumerate() {
        run = if segment == 0 { run + 1 } else { 0 };
        if run > longest.1 {
            longest = (index + 1 - run, run);
        }
    }
    longest
}

fn push_segment(out: &mut Vec<u8>, segment: u16) {
    let mut is_leading = true;
    for shift in [12, 8, 4, 0] {
        let nibble = usize::from(segment >> shift & 0xf);
        is_leading &= nibble == 0 && shift > 0;
        if !is_leading {
            out.push(b"0123456789abcdef"[nibble]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_escaped_as_nginx_does() {
        let rows: [(&str, &[u8], &str); 9] = [
            ("plain", b"/a b?c=d~", "/a b?c=d~"),
            ("empty", b"", ""),
            ("quote and backslash", br#"a"b\c"#, r"a\x22b\x5Cc"),
            ("lines", b"a\r\nb", r"a\x0D\x0Ab"),
            ("a terminal's orders", b"\x1b[2J", r"\x1B[2J"),
            ("NUL", b"\0", r"\x00"),
            ("delete", b"\x7f", r"\x7F"),
            ("not ASCII", "값".as_bytes(), r"\xEA\xB0\x92"),
            ("the last byte", b"\xff", r"\xFF"),
        ];
        for (name, text, expected) in rows {
            assert_eq!(shown(|out| push_escaped(out, text)), expected, "{name}");
        }
        assert_eq!(shown(|out| push_word(out, b"a b\"")), r"a\x20b\x22");
    }

    #[test]
    fn json_strings() {
        let rows: [(&str, &[u8], &str); 6] = [
            ("plain", b"/a b", r#""/a b""#),
            ("quote and backslash", br#"a"\"#, r#""a\"\\""#),
            ("korean", "값".as_bytes(), r#""값""#),
            ("lines", b"\n\x1b", r#""\n\u001b""#),
            ("not UTF-8", b"a\xff\xc3", r#""a\\xFF\\xC3""#),
            ("reordering", "\u{202e}".as_bytes(), r#""\u202e""#),
        ];
        for (name, text, expected) in rows {
            assert_eq!(shown(|out| push_json(out, text)), expected, "{name}");
        }
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_shown_as_such() {
        let addr: IpAddr = "::ffff:10.0.0.255".parse().unwrap();
        assert_eq!(shown(|out| push_addr(out, addr)), "10.0.0.255");
    }

    proptest! {
        #[test]
        fn addresses_are_shown_as_the_library_does(segments: [u16; 8], kept: u8, v4: [u8; 4]) {
            let mut segments = segments;
            for (index, segment) in segments.iter_mut().enumerate() {
                if kept >> index & 1 == 0 {
                    *segment = 0;
                }
            }
            for addr in [IpAddr::from(segments), IpAddr::from(v4)] {
                prop_assert_eq!(shown(|out| push_addr(out, addr)), addr.to_canonical().to_string());
            }
        }

        #[test]
        fn what_is_escaped_is_harmless(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let escaped = shown(|out| push_escaped(out, &text));
            prop_assert!(escaped.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"'));
            prop_assert!(!shown(|out| push_word(out, &text)).contains(' '));
        }

        #[test]
        fn what_is_json_is_valid(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let json = shown(|out| push_json(out, &text));
            let read: String = serde_json::from_str(&json).unwrap();
            if let Ok(text) = std::str::from_utf8(&text) {
                prop_assert_eq!(read, text);
            }
        }
    }

    fn shown(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).expect("only UTF-8 is written")
    }
}
