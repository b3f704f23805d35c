//! Entity tags: ours, and the lists of them that clients send (RFC 9110 §8.8.3).
//!
//! Ours are strong. A tag is made of the time of modification in nanoseconds and the size, so that it is known
//! without reading the file and stays the same over restarts; every content coding of a file has its own. What it
//! cannot tell apart: versions of one size that carry the same time, set by hand or written within one tick.

use crate::http::accept::Coding;

/// The entity tag of one form of a file, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Two quotes, 32 and 16 hexadecimal digits, two hyphens and the suffix of a coding.
const MAX_LEN: usize = 2 + 32 + 1 + 16 + 1 + 3;

impl ETag {
    /// `"18a3f6c2b1d4e5f6-400"`, and `"18a3f6c2b1d4e5f6-400-br"` for its Brotli form.
    #[must_use]
    pub fn of(mtime_nanos: i128, size: u64, coding: Coding) -> Self {
        let mut tag = Self {
            bytes: [0; MAX_LEN],
            len: 0,
        };
        tag.push(b"\"");
        // The bits of a time before 1970 do as well as a sign.
        tag.push_hex(mtime_nanos.cast_unsigned());
        tag.push(b"-");
        tag.push_hex(size.into());
        if let Some(suffix) = coding.suffix() {
            tag.push(b"-");
            tag.push(suffix.as_bytes());
        }
        tag.push(b"\"");
        tag
    }

    /// As it stands in the field.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.bytes[usize::from(self.len)] = byte;
            self.len += 1;
        }
    }

    fn push_hex(&mut self, number: u128) {
        let digits = (u128::BITS - number.leading_zeros()).div_ceil(4).max(1);
        for place in (0..digits).rev() {
            self.push(&[b"0123456789abcdef"[(number >> (place * 4)) as usize & 0xf]]);
        }
    }
}

/// How two tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Byte for byte the same: no weak tag equals anything.
    Strong,
    /// Good enough for a cache: a weak tag equals the strong one of the same text.
    Weak,
}

/// Whether the lines of an `If-Match` or `If-None-Match` name `ours`, a strong tag that exists: in a list, or by `*`.
///
/// What follows something that is no entity tag is not looked at, to the end of its line. Not to find a tag is the
/// safe answer for both fields: the file is sent whole, or is not touched.
#[must_use]
pub fn names<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    ours: &[u8],
    comparison: Comparison,
) -> bool {
    let mut lines = lines.peekable();
    let Some(first) = lines.next() else {
        return false;
    };
    // The asterisk stands for itself alone, not for a member of a list.
    if first.trim_ascii() == b"*" && lines.peek().is_none() {
        return true;
    }
    std::iter::once(first)
        .chain(lines)
        .any(|line| lists(line, ours, comparison))
}

fn lists(line: &[u8], ours: &[u8], comparison: Comparison) -> bool {
    let mut rest = line;
    while let Some((tag, weak, after)) = next_tag(rest) {
        if tag == ours && (comparison == Comparison::Weak || !weak) {
            return true;
        }
        rest = after;
    }
    false
}

/// The next tag of a list without its `W/`, whether it had one, and what follows.
fn next_tag(list: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let start = list.iter().position(|byte| !b" \t,".contains(byte))?;
    let (weak, list) = match &list[start..] {
        [b'W', b'/', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let text = list.strip_prefix(b"\"")?;
    let len = text.iter().position(|&byte| !is_tag_byte(byte))?;
    let (b'"', after) = (text[len], &text[len + 1..]) else {
        return None;
    };
    let after = after.trim_ascii_start();
    (after.is_empty() || after.starts_with(b",")).then_some((&list[..len + 2], weak, after))
}

/// `etagc`: visible and not a quote. A comma is one.
fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_tells_time_size_and_coding_apart() {
        let rows = [
            (
                "usual",
                1_772_323_507_120_999_999,
                1024,
                Coding::Identity,
                r#""18988ed6ed058e3f-400""#,
            ),
            (
                "brotli",
                1_772_323_507_120_999_999,
                1024,
                Coding::Brotli,
                r#""18988ed6ed058e3f-400-br""#,
            ),
            ("gzip", 0, 0, Coding::Gzip, r#""0-0-gz""#),
            ("zstd", 16, 15, Coding::Zstd, r#""10-f-zst""#),
            (
                "before 1970",
                -1,
                1,
                Coding::Identity,
                r#""ffffffffffffffffffffffffffffffff-1""#,
            ),
            (
                "the longest",
                i128::MIN,
                u64::MAX,
                Coding::Zstd,
                r#""80000000000000000000000000000000-ffffffffffffffff-zst""#,
            ),
        ];
        for (name, mtime, size, coding, expected) in rows {
            let tag = ETag::of(mtime, size, coding);
            assert_eq!(String::from_utf8_lossy(tag.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn lists_are_searched() {
        // Name, lines, whether found by the weak and by the strong comparison. Ours is "a,b".
        let rows: &[(&str, &[&str], bool, bool)] = &[
            // RFC 9110 §8.8.3.2
            ("the same", &[r#""a,b""#], true, true),
            ("weak", &[r#"W/"a,b""#], true, false),
            ("another", &[r#""c""#], false, false),
            ("another case", &[r#""A,B""#], false, false),
            ("a part of it", &[r#""a""#], false, false),
            // RFC 9110 §13.1.1, §13.1.2
            ("asterisk", &["*"], true, true),
            ("asterisk with space", &["	* "], true, true),
            ("asterisk in a list", &[r#"*, "c""#], false, false),
            ("asterisk on two lines", &["*", "*"], false, false),
            (
                "asterisk and a line that names it",
                &["*", r#""a,b""#],
                true,
                true,
            ),
            ("asterisk in quotes", &[r#""*""#], false, false),
            ("last of a list", &[r#""c", W/"d" , "a,b""#], true, true),
            ("without spaces", &[r#""c","a,b""#], true, true),
            ("on the second line", &[r#""c""#, r#""a,b""#], true, true),
            ("weak, then strong", &[r#"W/"a,b", "a,b""#], true, true),
            // RFC 9110 §5.6.1.2: empty members
            ("empty members", &[r#", ,,"c",, "a,b","#], true, true),
            // RFC 9110 §8.8.3: what is no tag ends the search of its line
            ("nothing", &[], false, false),
            ("empty", &[""], false, false),
            ("no quotes", &["a,b"], false, false),
            ("no quotes, then ours", &[r#"c, "a,b""#], false, false),
            (
                "no quotes, ours on the next line",
                &["c", r#""a,b""#],
                true,
                true,
            ),
            ("no closing quote", &[r#""a,b"#], false, false),
            ("small w", &[r#"w/"a,b""#], false, false),
            ("space after the slash", &[r#"W/ "a,b""#], false, false),
            ("space in a tag", &[r#""c d", "a,b""#], false, false),
            ("no comma between", &[r#""c" "a,b""#], false, false),
            ("text after ours", &[r#""a,b"c"#], false, false),
            ("bytes beyond ASCII", &[r#""가", "a,b""#], true, true),
            (
                "backslash is an ordinary byte",
                &[r#""\", "a,b""#],
                true,
                true,
            ),
        ];
        for (name, lines, weak, strong) in rows {
            let found = |comparison| {
                names(
                    lines.iter().map(|line| line.as_bytes()),
                    br#""a,b""#,
                    comparison,
                )
            };
            assert_eq!(found(Comparison::Weak), *weak, "{name}: weak");
            assert_eq!(found(Comparison::Strong), *strong, "{name}: strong");
        }
    }

    proptest! {
        #[test]
        fn no_lines_cause_a_panic(lines in proptest::collection::vec(r#"["W/*, a\t\\]{0,20}"#, 0..4)) {
            let lines = || lines.iter().map(|line| line.as_bytes());
            let weak = names(lines(), br#""a""#, Comparison::Weak);
            let strong = names(lines(), br#""a""#, Comparison::Strong);
            prop_assert!(weak || !strong, "the strong comparison finds no more than the weak one");
        }

        #[test]
        fn no_bytes_cause_a_panic(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = names(std::iter::once(line.as_slice()), br#""a""#, Comparison::Weak);
        }

        #[test]
        fn a_tag_is_found_in_any_list_of_tags(
            before in proptest::collection::vec(any::<(i128, u64)>(), 0..8),
            mtime in any::<i128>(), size in any::<u64>(),
        ) {
            let ours = ETag::of(mtime, size, Coding::Gzip);
            let mut line = Vec::new();
            for (mtime, size) in before {
                line.extend_from_slice(ETag::of(mtime, size, Coding::Identity).as_bytes());
                line.extend_from_slice(b", ");
            }
            prop_assert!(!names(std::iter::once(line.as_slice()), ours.as_bytes(), Comparison::Strong));
            line.extend_from_slice(ours.as_bytes());
            prop_assert!(names(std::iter::once(line.as_slice()), ours.as_bytes(), Comparison::Strong));
        }
    }
}
