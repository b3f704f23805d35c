//! Writes foreign bytes so that they cannot be taken for markup, for a link elsewhere, or for another name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything but what has no meaning anywhere in a URI (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Writes text that may stand between tags and within quotes.
///
/// What is not UTF-8, cannot be seen, or turns the direction of what follows becomes U+FFFD: a name must not look like
/// another (`exe.gpj` shown as `jpg.exe`).
pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&#39;"),
            unseen if is_unseen(unseen) => out.extend_from_slice("\u{fffd}".as_bytes()),
            plain => out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Writes a name as a relative link. `./` in front keeps `a:b` from being a scheme, and nothing in it can be a slash,
/// a quote or the beginning of a query.
pub(super) fn link(out: &mut Vec<u8>, name: &[u8]) {
    out.extend_from_slice(b"./");
    for part in percent_encode(name, RESERVED) {
        out.extend_from_slice(part.as_bytes());
    }
}

fn is_unseen(character: char) -> bool {
    // Control characters; line and paragraph separators; marks, embeddings, overrides and isolates of direction.
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}
