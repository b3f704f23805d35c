//! Which bytes of a file a `Range` asks for (RFC 9110 §14.1, §14.2).
//!
//! It does not judge whether the field applies ([`crate::http::conditional`]) nor write the reply. What it hands out
//! lies within the file, no byte twice, and the work is bounded by the length of the field.

use std::ops::Deref;

/// The most parts of a reply. Whoever asks for more gets the whole file: that is cheaper than so many heads.
pub const MAX_PARTS: usize = 16;

/// Bytes of a file that are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteRange {
    /// The first of them.
    pub start: u64,
    /// How many; at least one.
    pub len: u64,
}

impl ByteRange {
    /// The place after the last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start + self.len
    }
}

/// One to [`MAX_PARTS`] ranges in the order in which they were asked for; none touches another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    ranges: [ByteRange; MAX_PARTS],
    count: usize,
}

impl Deref for Parts {
    type Target = [ByteRange];

    fn deref(&self) -> &[ByteRange] {
        &self.ranges[..self.count]
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What a `Range` comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once for a reply and never stored"
)]
pub enum Ranges {
    /// The field is passed over: 200.
    Whole,
    /// One part: 206 as it is. Several: 206 as `multipart/byteranges`.
    Parts(Parts),
    /// None of what was asked for is there: 416.
    Unsatisfiable,
}

/// Reads the value of a `Range` for a file of `size` bytes.
///
/// Another unit and anything malformed is passed over. Ranges that overlap or touch become one, and so do those
/// with less between them than the head of a part takes (RFC 9110 §15.3.7.2); it stands where the first of them was
/// asked for.
#[must_use]
pub fn resolve(value: &[u8], size: u64) -> Ranges {
    let Some(set) = in_bytes(value) else {
        return Ranges::Whole;
    };
    let mut asked: Vec<Asked> = Vec::new();
    let mut members = set
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
        .peekable();
    if members.peek().is_none() {
        return Ranges::Whole;
    }
    for member in members {
        match spec(member, size) {
            Spec::Malformed => return Ranges::Whole,
            Spec::Beyond => {}
            Spec::Within(range) => asked.push(Asked {
                order: asked.len(),
                range,
            }),
        }
    }
    if asked.is_empty() {
        Ranges::Unsatisfiable
    } else if size == 0 {
        // The end of an empty file was asked for. It is there, but a 206 has no way to say so.
        Ranges::Whole
    } else {
        parts(merged(asked))
    }
}

/// A gap shorter than this costs less than the head of another part.
const PART_HEAD_LEN: u64 = 80;

/// One member of the set, judged by the file's size.
enum Spec {
    Malformed,
    Beyond,
    /// Empty only if the file is.
    Within(ByteRange),
}

struct Asked {
    order: usize,
    range: ByteRange,
}

/// The ranges of a value whose unit is bytes. Units have no case (RFC 9110 §14.1).
fn in_bytes(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

/// `500-999`, `500-` or `-500` (RFC 9110 §14.1.2).
fn spec(member: &[u8], size: u64) -> Spec {
    let mut sides = member.splitn(2, |&byte| byte == b'-');
    let (Some(first), Some(last)) = (sides.next(), sides.next()) else {
        return Spec::Malformed;
    };
    match (first, last) {
        (b"", suffix) => match number(suffix) {
            None => Spec::Malformed,
            Some(0) => Spec::Beyond,
            Some(len) => between(size.saturating_sub(len), size),
        },
        (first, b"") => match number(first) {
            None => Spec::Malformed,
            Some(first) if first >= size => Spec::Beyond,
            Some(first) => between(first, size),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first > last => Spec::Malformed,
            (Some(first), Some(_)) if first >= size => Spec::Beyond,
            (Some(first), Some(last)) => between(first, size.min(last.saturating_add(1))),
            _ => Spec::Malformed,
        },
    }
}

fn between(start: u64, end: u64) -> Spec {
    Spec::Within(ByteRange {
        start,
        len: end - start,
    })
}

/// What is too big to count is as good as the biggest: no file reaches so far.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number.saturating_mul(10).saturating_add(digit.into()))
    })
}

/// In the order of the file, each group with the place of the first of it that was asked for.
fn merged(mut asked: Vec<Asked>) -> Vec<Asked> {
    asked.sort_unstable_by_key(|asked| asked.range.start);
    let mut groups: Vec<Asked> = Vec::new();
    for next in asked {
        match groups.last_mut() {
            Some(group) if next.range.start < group.range.end().saturating_add(PART_HEAD_LEN) => {
                group.order = group.order.min(next.order);
                group.range.len = group.range.end().max(next.range.end()) - group.range.start;
            }
            _ => groups.push(next),
        }
    }
    groups
}

fn parts(mut groups: Vec<Asked>) -> Ranges {
    if groups.len() > MAX_PARTS {
        return Ranges::Whole;
    }
    groups.sort_unstable_by_key(|group| group.order);
    let mut ranges = [ByteRange::default(); MAX_PARTS];
    for (slot, group) in ranges.iter_mut().zip(&groups) {
        *slot = group.range;
    }
    Ranges::Parts(Parts {
        ranges,
        count: groups.len(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "whole";
    const NONE: &str = "none";

    #[test]
    fn ranges_are_resolved() {
        const SIZE: u64 = 10_000;
        let rows: &[(&str, &str, u64, &str)] = &[
            // RFC 9110 §14.1.2, its examples
            ("first 500", "bytes=0-499", SIZE, "0-499"),
            ("second 500", "bytes=500-999", SIZE, "500-999"),
            ("last 500", "bytes=-500", SIZE, "9500-9999"),
            ("from 9500", "bytes=9500-", SIZE, "9500-9999"),
            ("first and last byte", "bytes=0-0,-1", SIZE, "0-0 9999-9999"),
            (
                "three",
                "bytes= 0-99, 500-549, -100",
                SIZE,
                "0-99 500-549 9900-9999",
            ),
            ("touching", "bytes=500-600,601-999", SIZE, "500-999"),
            ("overlapping", "bytes=500-700,601-999", SIZE, "500-999"),
            // RFC 9110 §14.1.2, the file's ends
            ("all", "bytes=0-", SIZE, "0-9999"),
            ("all by numbers", "bytes=0-9999", SIZE, "0-9999"),
            ("beyond the end", "bytes=9990-20000", SIZE, "9990-9999"),
            ("the last byte", "bytes=9999-9999", SIZE, "9999-9999"),
            ("at the end", "bytes=10000-", SIZE, NONE),
            ("at the end, with a last", "bytes=10000-10000", SIZE, NONE),
            ("as long as the file", "bytes=-10000", SIZE, "0-9999"),
            ("longer than the file", "bytes=-10001", SIZE, "0-9999"),
            ("suffix of nothing", "bytes=-0", SIZE, NONE),
            ("one of two is there", "bytes=20000-, 5-6", SIZE, "5-6"),
            ("none of two is there", "bytes=20000-, -0", SIZE, NONE),
            // Numbers beyond 64 bits
            ("huge last", "bytes=5-99999999999999999999", SIZE, "5-9999"),
            (
                "last of 64 bits",
                "bytes=5-18446744073709551615",
                SIZE,
                "5-9999",
            ),
            ("huge first", "bytes=99999999999999999999-", SIZE, NONE),
            (
                "huge both",
                "bytes=99999999999999999998-99999999999999999999",
                SIZE,
                NONE,
            ),
            ("huge suffix", "bytes=-99999999999999999999", SIZE, "0-9999"),
            (
                "leading zeros",
                "bytes=000000000000000000000005-0006",
                SIZE,
                "5-6",
            ),
            // Small files
            ("empty file, from its start", "bytes=0-", 0, NONE),
            ("empty file, first byte", "bytes=0-0", 0, NONE),
            ("empty file, its end", "bytes=-5", 0, WHOLE),
            ("empty file, nothing of its end", "bytes=-0", 0, NONE),
            ("a file of one byte", "bytes=0-", 1, "0-0"),
            // RFC 9110 §14.1: the unit
            ("no case", "BYTES=1-2", SIZE, "1-2"),
            ("another unit", "items=1-2", SIZE, WHOLE),
            ("no unit", "1-2", SIZE, WHOLE),
            ("no sign", "bytes 1-2", SIZE, WHOLE),
            ("space before the sign", "bytes =1-2", SIZE, WHOLE),
            ("a longer unit", "xbytes=1-2", SIZE, WHOLE),
            // RFC 9110 §14.1.1, §5.6.1: the list
            ("empty value", "", SIZE, WHOLE),
            ("empty set", "bytes=", SIZE, WHOLE),
            ("only commas", "bytes= , ,", SIZE, WHOLE),
            ("empty members", "bytes=,1-2,,", SIZE, "1-2"),
            (
                "white space",
                "bytes=\t1-2 ,\t200-201 ",
                SIZE,
                "1-2 200-201",
            ),
            ("space at the hyphen", "bytes=1 -2", SIZE, WHOLE),
            ("space in a number", "bytes=1 1-22", SIZE, WHOLE),
            ("a hyphen alone", "bytes=-", SIZE, WHOLE),
            ("no hyphen", "bytes=5", SIZE, WHOLE),
            ("two hyphens", "bytes=1--2", SIZE, WHOLE),
            ("three numbers", "bytes=1-2-3", SIZE, WHOLE),
            ("a sign", "bytes=+1-2", SIZE, WHOLE),
            ("hexadecimal", "bytes=0x1-0x2", SIZE, WHOLE),
            ("not ASCII", "bytes=１-２", SIZE, WHOLE),
            ("last before first", "bytes=2-1", SIZE, WHOLE),
            (
                "last before first, far out",
                "bytes=20001-20000",
                SIZE,
                WHOLE,
            ),
            ("one malformed", "bytes=1-2, x", SIZE, WHOLE),
            (
                "one beyond, one malformed",
                "bytes=20000-, 2-1",
                SIZE,
                WHOLE,
            ),
            ("a semicolon", "bytes=1-2;3-4", SIZE, WHOLE),
            // RFC 9110 §15.3.7.2: order and joining
            (
                "as asked",
                "bytes=500-501, 0-1, 900-901",
                SIZE,
                "500-501 0-1 900-901",
            ),
            (
                "a joined one stands where its first was asked for",
                "bytes=5000-5001, 100-101, 9000-9001, 50-60",
                SIZE,
                "5000-5001 50-101 9000-9001",
            ),
            ("one within another", "bytes=0-999, 10-20", SIZE, "0-999"),
            ("the same twice", "bytes=7-8, 7-8", SIZE, "7-8"),
            (
                "joined through a third",
                "bytes=0-99, 200-299, 90-210",
                SIZE,
                "0-299",
            ),
            ("79 bytes between", "bytes=0-9, 89-99", SIZE, "0-99"),
            ("80 bytes between", "bytes=0-9, 90-99", SIZE, "0-9 90-99"),
            ("joined to all", "bytes=0-, -1", SIZE, "0-9999"),
        ];
        for (name, value, size, expected) in rows {
            let found = match resolve(value.as_bytes(), *size) {
                Ranges::Whole => WHOLE.to_owned(),
                Ranges::Unsatisfiable => NONE.to_owned(),
                Ranges::Parts(parts) => in_words(&parts),
            };
            assert_eq!(found, *expected, "{name}");
        }
    }

    fn in_words(parts: &Parts) -> String {
        let words: Vec<String> = parts
            .iter()
            .map(|range| format!("{}-{}", range.start, range.end() - 1))
            .collect();
        words.join(" ")
    }

    /// First and last bytes of the parts, if that is what is sent.
    fn resolved(value: &str, size: u64) -> Option<Vec<(u64, u64)>> {
        match resolve(value.as_bytes(), size) {
            Ranges::Whole | Ranges::Unsatisfiable => None,
            Ranges::Parts(parts) => Some(
                parts
                    .iter()
                    .map(|range| (range.start, range.end() - 1))
                    .collect(),
            ),
        }
    }

    fn bytes_at_every(step: u64, count: u64) -> String {
        let members: Vec<String> = (0..count).map(|n| format!("{0}-{0}", n * step)).collect();
        format!("bytes={}", members.join(","))
    }

    #[test]
    fn parts_are_counted_after_joining() {
        let rows = [
            ("sixteen", bytes_at_every(100, 16), Some(16)),
            ("one too many", bytes_at_every(100, 17), None),
            ("many that become one", bytes_at_every(1, 2_000), Some(1)),
            (
                "as many as a head can hold",
                format!("bytes={}", "0-,".repeat(5_400)),
                Some(1),
            ),
            (
                "many beyond the end",
                format!("bytes={}0-0", "99999-,".repeat(2_000)),
                Some(1),
            ),
        ];
        for (name, value, expected) in rows {
            assert_eq!(
                resolved(&value, 10_000).map(|parts| parts.len()),
                expected,
                "{name}"
            );
        }
    }

    fn any_spec() -> impl Strategy<Value = String> {
        prop_oneof![
            (0_u64..4_000, 0_u64..400)
                .prop_map(|(first, more)| format!("{first}-{}", first + more)),
            (0_u64..4_000).prop_map(|first| format!("{first}-")),
            (0_u64..400).prop_map(|suffix| format!("-{suffix}")),
        ]
    }

    /// Whether the byte at `place` is among those that one member asks for.
    fn asks_for(member: &str, place: u64, size: u64) -> bool {
        let (first, last) = member.split_once('-').expect("a hyphen");
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) => (first..=last).contains(&place),
            (Ok(first), Err(_)) => place >= first,
            (Err(_), Ok(suffix)) => place >= size.saturating_sub(suffix),
            (Err(_), Err(_)) => unreachable!("a number at least"),
        }
    }

    proptest! {
        #[test]
        fn parts_hold_what_was_asked_for_and_no_byte_twice(
            members in proptest::collection::vec(any_spec(), 1..24), size in 1_u64..5_000,
        ) {
            let is_asked = |place| members.iter().any(|member| asks_for(member, place, size));
            let Some(parts) = resolved(&format!("bytes={}", members.join(", ")), size) else {
                return Ok(());
            };
            prop_assert!(parts.len() <= MAX_PARTS);
            let mut ascending = parts.clone();
            ascending.sort_unstable();
            for (first, last) in &ascending {
                prop_assert!(first <= last && *last < size, "{parts:?} of {size}");
                prop_assert!(is_asked(*first) && is_asked(*last), "a part begins and ends with what was asked for");
            }
            for pair in ascending.windows(2) {
                prop_assert!(pair[0].1 + PART_HEAD_LEN < pair[1].0, "{parts:?}");
            }
            let mut unasked_run = 0;
            for place in 0..size {
                let is_sent = parts.iter().any(|(first, last)| (*first..=*last).contains(&place));
                prop_assert!(is_sent || !is_asked(place), "byte {place} of {size} is missing from {parts:?}");
                unasked_run = if is_sent && !is_asked(place) { unasked_run + 1 } else { 0 };
                prop_assert!(unasked_run < PART_HEAD_LEN, "{parts:?} hold more than was asked for");
            }
        }

        #[test]
        fn parts_stand_in_the_order_of_their_first_member(
            members in proptest::collection::vec(any_spec(), 1..16), size in 1_u64..5_000,
        ) {
            let Some(parts) = resolved(&format!("bytes={}", members.join(",")), size) else {
                return Ok(());
            };
            let first_asked = parts.iter().map(|(first, last)| {
                members.iter().position(|member| (*first..=*last).any(|place| asks_for(member, place, size)))
            });
            prop_assert!(first_asked.is_sorted(), "{parts:?}");
        }

        #[test]
        fn no_bytes_cause_a_panic(value in proptest::collection::vec(any::<u8>(), 0..64), size in any::<u64>()) {
            let _ = resolve(&value, size);
        }

        #[test]
        fn no_set_leaves_the_file(value in "bytes=([0-9]{0,21}[- ,]){0,9}[0-9]{0,21}", size in any::<u64>()) {
            if let Ranges::Parts(parts) = resolve(value.as_bytes(), size) {
                for range in parts.iter() {
                    prop_assert!(range.len > 0 && range.start.checked_add(range.len).is_some_and(|end| end <= size));
                }
            }
        }
    }
}
